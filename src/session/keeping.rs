//! What the session itself does about its state on disk: what it finds there at its start, and the overview.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::following::Following;
use super::inner::{Inner, unexpected};
use super::orders::Order;
use super::pipelines::Difference;
use super::worker::Answer;
use super::workforce::failed;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::space::Region;
use crate::state::{Loaded, MaskRecord, Reason, Seen, StateFolder, verify};
use crate::store::Source;

/// A state on disk, as the session sees it.
pub(super) struct Kept {
    pub(super) folder: StateFolder,
    /// What the whole image looks like.
    overview: Projections,
    /// Chunks that looked otherwise when they were added to it.
    replaced: BTreeSet<ChunkId>,
    /// Whether it has to be put together anew.
    lost: bool,
    pub(super) warnings: Vec<String>,
}

impl Kept {
    pub(super) fn new(folder: StateFolder, bounds: Region, dimensions: usize) -> Self {
        let overview = Projections::new(bounds, dimensions);
        Kept { folder, overview, replaced: BTreeSet::new(), lost: false, warnings: Vec::new() }
    }

    /// What chunks look like that were read.
    pub(super) fn add(&mut self, part: Option<Projections>, replaced: Vec<ChunkId>) {
        self.replaced.extend(replaced);
        if let Some(part) = part {
            self.overview.merge(&part);
        }
    }

    /// Some parts of the overview are not what was read.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// The image has other bounds. Whether the parts that are kept are of any use.
    pub(super) fn resize(&mut self, bounds: Region) -> bool {
        let fits = self.overview.fits(&bounds);
        self.overview = Projections::new(bounds, self.overview.dimensions());
        self.lost = true;
        fits
    }

    /// The overview of the image as it was read last. Reads the records of those chunks that lie above, below or beside
    /// one that looks otherwise than before.
    pub(super) fn overview(&mut self, grid: &Grid) -> Result<&Projections> {
        if self.lost {
            self.overview = Projections::new(grid.bounds(), self.overview.dimensions());
            self.gather(self.folder.chunks()?)?;
            self.lost = false;
        } else {
            let mut beside = BTreeSet::new();
            for &chunk in &self.replaced {
                let region = grid.region(chunk).dilated([self.overview.scale(); 3]).intersection(&grid.bounds());
                self.overview.forget(&grid.region(chunk));
                for axis in 0..3 {
                    let mut column = region;
                    (column.min[axis], column.max[axis]) = (grid.bounds().min[axis], grid.bounds().max[axis]);
                    beside.extend(grid.chunks_in(&column));
                }
            }
            self.gather(beside)?;
        }
        self.replaced.clear();
        Ok(&self.overview)
    }

    fn gather(&mut self, chunks: BTreeSet<ChunkId>) -> Result<()> {
        for chunk in chunks {
            let record = self.folder.load::<MaskRecord>(chunk)?.valid();
            let part = record.and_then(|record| record.projections).filter(|part| part.fits(&self.overview.bounds()));
            if let Some(part) = part {
                self.overview.merge(&part);
            }
        }
        Ok(())
    }

    /// Notes what is wrong with the records of a chunk, but for what is wrong with all of them.
    fn warn(&mut self, chunk: ChunkId, reasons: &[Reason]) {
        let of_all = match self.folder.found() {
            Loaded::Unusable(reason) => Some(*reason),
            _ => None,
        };
        for reason in reasons.iter().filter(|&&reason| Some(reason) != of_all) {
            self.warnings.push(format!("chunk {chunk}: its record {reason}: it is computed again"));
        }
    }
}

impl Inner {
    /// Begins with what an earlier session has left in the state.
    pub(super) fn restore(&mut self, canvas: &Grid) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        if let Loaded::Unusable(reason) = kept.folder.found() {
            let path = kept.folder.path().display();
            kept.warnings.push(format!("{path}: the state {reason}: what depends on that is computed again"));
        }
        self.coming.number = kept.folder.epoch();
        let (chunks, bounds) = (kept.folder.chunks()?, self.grid.bounds());
        if chunks.is_empty() {
            self.publish_results();
            return Ok(());
        }
        let mut seen: BTreeMap<ChunkId, Seen> = BTreeMap::new();
        for answer in self.workforce.ask(Order::Load(chunks, bounds))? {
            let Answer::Loaded(loaded) = answer else { return Err(unexpected()) };
            let (found, overview) = loaded?;
            let Some(kept) = &mut self.kept else { return Err(unexpected()) };
            kept.add(Some(overview), Vec::new());
            for found in found {
                if !self.grid.region(found.chunk).is_empty() {
                    kept.warn(found.chunk, &found.unusable);
                }
                // Also of a chunk that lies outside, or is cut off, since the image has become smaller.
                if let (None, Some(following)) = (&found.mask, &mut self.following) {
                    following.forget(found.chunk);
                }
                seen.extend(found.seen.map(|seen| (found.chunk, seen)));
                if let Some(mask) = found.mask {
                    if found.stands && mask.foreground > 0 {
                        self.foregrounds.insert(found.chunk, mask.foreground);
                        self.foreground += mask.foreground;
                    }
                    if let Some(following) = &mut self.following {
                        following.remember(found.chunk, mask);
                    }
                }
            }
        }
        let doubtful = verify(canvas, seen.keys().copied(), |chunk| seen.get(&chunk).copied());
        if let Some(kept) = &mut self.kept {
            let contradict =
                |chunk| format!("chunk {chunk}: its record contradicts that of a neighbour: it is thinned again");
            kept.warnings.extend(doubtful.iter().filter(|chunk| seen.contains_key(chunk)).map(contradict));
        }
        self.workforce.ask(Order::Restore(doubtful))?;
        let differences = self.publish()?;
        self.results.apply(differences, self.foreground);
        self.publish_results();
        Ok(())
    }

    /// Reads the image from another source from now on. Returns its chunks.
    pub(super) fn follow(&mut self, source: &Arc<dyn Source>) -> Result<Grid> {
        self.following()?.follow(Arc::clone(source))?;
        self.workforce.follow(source)?;
        if let Some(following) = &mut self.following {
            if following.grid != self.grid {
                following.resize_with(self.kept.as_mut());
            }
            self.grid = following.grid;
        }
        Ok(self.grid)
    }

    pub(super) fn publish(&mut self) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for answer in self.workforce.ask(Order::Publish)? {
            let Answer::Published(some) = answer else { return Err(unexpected()) };
            differences.extend(some);
        }
        Ok(differences)
    }

    /// Writes the records of what is new, and makes them the state's.
    pub(super) fn keep(&mut self) -> Result<()> {
        let epoch = self.coming.number + 1;
        if self.kept.is_none() {
            return Ok(());
        }
        for answer in self.workforce.ask(Order::Stage(epoch))? {
            let Answer::Staged(staged) = answer else { return Err(unexpected()) };
            staged?;
        }
        if let Some(error) = failed(&self.workforce.ask(Order::Place)?) {
            return Err(error);
        }
        self.kept.as_ref().map_or(Ok(()), |kept| kept.folder.commit(epoch))
    }
}

impl Following {
    /// Other bounds for an image whose chunks have looks that are kept.
    pub(super) fn resize_with(&mut self, kept: Option<&mut Kept>) {
        if let Some(kept) = kept
            && !kept.resize(self.grid.bounds())
        {
            self.forget_all();
        }
    }
}
