//! How a session goes on from its state on disk, and writes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commands::{Answer, failed, unexpected};
use super::following::Following;
use super::inner::Inner;
use super::kept::KeptState;
use super::orders::Order;
use crate::checkpoint::KeptSweep;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::state::{Loaded, Seen, verify};
use crate::store::Source;

impl Inner {
    /// Begins with the state that an earlier session has left.
    pub(super) fn restore(&mut self, canvas: &Grid) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        if let Loaded::Unusable(reason) = kept.keeping.folder.found() {
            let path = kept.keeping.folder.path().display();
            kept.warnings.push(format!("{path}: the state {reason}: what depends on that is computed again"));
        }
        self.coming.number = kept.keeping.folder.epoch();
        if let Some(following) = &mut self.following {
            self.results.confined = following.confined_volume(self.workforce.workers())?;
        }
        if !self.begin_with_digest(canvas)? {
            self.restore_all(canvas)?;
        }
        self.publish_results();
        Ok(())
    }

    /// Restores all chunks from their records.
    pub(super) fn restore_all(&mut self, canvas: &Grid) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let (chunks, bounds) = (kept.keeping.folder.chunks()?, self.grid.bounds());
        if chunks.is_empty() {
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
                // This includes a chunk that lies outside, or is cut off, because the image has become smaller.
                if let (None, Some(following)) = (&found.mask, &mut self.following) {
                    following.forget(found.chunk);
                }
                seen.extend(found.seen.map(|seen| (found.chunk, seen)));
                if let Some(mask) = found.mask {
                    if found.stands && mask.foreground > 0 {
                        self.foregrounds.insert(found.chunk, mask.foreground);
                        self.results.foreground += mask.foreground;
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
        for answer in self.workforce.ask(Order::Restore(doubtful, bounds))? {
            let Answer::Restored(differences) = answer else { return Err(unexpected()) };
            // These rows are no changes of an epoch.
            self.results.apply(differences, None);
        }
        Ok(())
    }

    /// Reads the image from another source from now on. Returns its grid.
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

    /// Makes the records that were staged part of the state.
    pub(super) fn keep(&mut self) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if let Some(error) = failed(&self.workforce.ask(Order::Place)?) {
            return Err(error);
        }
        kept.keeping.folder.commit(self.coming.number + 1)?;
        kept.keeping.sweep.iter().for_each(KeptSweep::remove);
        Ok(())
    }
}

impl Following {
    /// Changes the bounds of an image with a stored overview.
    pub(super) fn resize_with(&mut self, kept: Option<&mut KeptState>) {
        if let Some(kept) = kept
            && !kept.resize(self.grid.bounds())
        {
            self.forget_all();
        }
    }
}
