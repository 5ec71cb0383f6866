//! The live page of `anabranch watch --serve`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anabranch::analysis::{Analysis, Written};
use anabranch::error::Result;
use anabranch::grid::ChunkId;
use anabranch::live::{ChunkMap, LiveEpoch, LivePage};
use anabranch::progress::ProgressState;
use anabranch::session::Epoch;
use anabranch::store::Absent;

use crate::arguments::WatchOptions;
use crate::terminal::{print, print_warning};

/// The live page, if there is one.
pub(crate) struct Live {
    page: Option<LivePage>,
    /// What had not come when the running epoch began.
    absent: Option<Absent>,
}

impl Live {
    /// Begins to serve a page, if the options ask for one, and says where.
    pub(crate) fn start(options: &WatchOptions, progress: &Arc<ProgressState>) -> Result<Live> {
        let mut live = Live { page: None, absent: None };
        if let Some(address) = &options.serve {
            let title = options.run.image.input.display().to_string();
            let page = LivePage::start(address, &title, &options.run.out, progress)?;
            // Whoever sees this line may look, so it goes to the terminal alone.
            print(&format!("live page: {}\n", page.address()), false);
            if !address.is_loopback() {
                print_warning("the live page is sent without encryption: who listens on the network can read it");
            }
            live.page = Some(page);
        }
        Ok(live)
    }

    /// Tells that an epoch begins, in which chunks are read. One that cannot look for what is missing shows it as come.
    pub(crate) fn begin(&mut self, analysis: &Analysis, chunks: &[ChunkId]) {
        if let Some(page) = &self.page {
            self.absent = analysis.source.absent().unwrap_or_default();
            page.begin(&ChunkMap::new(&analysis.grid, self.absent.as_ref(), chunks, &BTreeSet::new()));
        }
    }

    /// Tells of an epoch that has ended.
    pub(crate) fn publish(
        &self,
        analysis: &Analysis,
        (epoch, written): &(Epoch, Written),
        started: Instant,
        unread: &BTreeSet<ChunkId>,
    ) -> Result<()> {
        let Some(page) = &self.page else { return Ok(()) };
        let map = ChunkMap::new(&analysis.grid, self.absent.as_ref(), &[], unread);
        page.publish(&LiveEpoch::new(epoch, written, started.elapsed().as_secs_f64())?, &map);
        Ok(())
    }
}
