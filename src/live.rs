//! A page that shows an analysis while it goes on: statistics, changes, a map of chunks and the picture of the last epoch,
//! served to browsers over HTTP.
//!
//! A [`LivePage`] has a thread of its own, with its sockets. Publishing an epoch puts a few documents in a place where all
//! readers find them and wakes the readers; it never waits for one. A reader that is slow gets the last epoch when it comes
//! round to it, not every one in between, and one that takes nothing for a minute is let go.
//!
//! Who knows the address may look, and nobody else: its path begins with 128 random bits, which every request must have.
//! Requests that name another host than an address in numbers, `localhost`, or the host that the page was opened on get
//! nothing, so that pages of other sites cannot read it through a browser. Of the disk there are the results, by their names,
//! and nothing else.

mod address;
mod epoch;
mod feed;
mod files;
mod map;
mod page;
mod requests;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use self::address::ServeAddress;
pub use self::epoch::LiveEpoch;
use self::feed::Feed;
pub use self::map::ChunkMap;
use self::requests::Door;
use self::server::Served;
use crate::error::{Error, Kind, Result};
use crate::progress::ProgressState;

/// A page that is served until it is dropped. Readers are told then that the analysis has ended.
#[derive(Debug)]
pub struct LivePage {
    feed: Arc<Feed>,
    address: String,
    thread: Option<JoinHandle<()>>,
}

impl LivePage {
    /// Begins to serve a page with a title, for results in a folder; `progress` tells what the analysis is busy with.
    ///
    /// # Errors
    /// `Output` if the address cannot be listened on; `Internal` if there is no randomness or no thread to be had.
    pub fn start(
        address: &ServeAddress,
        title: &str,
        results: impl Into<PathBuf>,
        progress: &Arc<ProgressState>,
    ) -> Result<LivePage> {
        let door = Door::new(address.host())?;
        let refused = |error: std::io::Error| {
            let message = format!("cannot be listened on ({error}); give another port, or none to have a free one");
            Error::new(Kind::Output, message).at(address.to_string())
        };
        let listener = address.listen().map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let shown = format!("http://{}/{}/", address.shown(bound), door.token());
        let feed = Arc::new(Feed::new(Arc::clone(progress)));
        let results = results.into();
        let page = page::page(title, &results);
        let served = Served { door, feed: Arc::clone(&feed), results, page, report: None.into() };
        let thread = server::start(listener, served)?;
        Ok(LivePage { feed, address: shown, thread: Some(thread) })
    }

    /// The address of the page, with its token.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Tells readers that an epoch has begun, and what has come.
    pub fn begin(&self, map: &ChunkMap) {
        self.feed.begin(map);
    }

    /// Tells readers of an epoch that has ended, whose results are in place. Takes time in proportion to the epochs so far, of
    /// which the last thousand or so are kept, and to the runs of the map.
    pub fn publish(&self, epoch: &LiveEpoch, map: &ChunkMap) {
        self.feed.publish(epoch, map);
    }
}

impl Drop for LivePage {
    fn drop(&mut self) {
        self.feed.end();
        if let Some(thread) = self.thread.take() {
            // It ends by itself a moment later. If it has panicked, the page is gone, and nothing is lost.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
