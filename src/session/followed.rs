//! The methods of sessions that follow a source.

use std::sync::Arc;

use super::FollowingSession;
use super::inner::Inner;
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::store::{Mark, Source};

impl FollowingSession {
    /// A chunk of the source has come, changed or gone: the next epoch reads it again, with all that depends on it. Does
    /// not wait for a running epoch.
    ///
    /// # Errors
    /// `Usage` if the chunk lies outside; `Internal` if the session cannot go on.
    pub fn refresh(&self, chunk: ChunkId) -> Result<()> {
        if self.grid()?.region(chunk).is_empty() {
            return Err(Error::usage("lies outside of the session's bounds").in_chunk(chunk));
        }
        // The job fails only where the session is broken: then the next epoch returns the reason.
        drop(self.conductor.ask(move |inner| inner.following().map(|following| following.refresh(chunk))));
        Ok(())
    }

    /// Looks for chunks of the source that have changed since they were read, or never were: the next epoch reads them.
    /// Goes by the sizes and times of stored files; with `verify`, and where a source has none, by all values. Returns
    /// the number of chunks that will be read for their own sake. Waits for a running epoch, as all calls below do.
    ///
    /// # Errors
    /// `Io` if the operating system does not tell; `Internal` if the session cannot go on.
    pub fn look(&self, verify: bool) -> Result<usize> {
        self.ask(move |inner| inner.following()?.look(verify))
    }

    /// The next epoch leaves a chunk of the source, which cannot be read just now, and all that depend on it as they are;
    /// the one after reads them again.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn leave(&self, chunk: ChunkId) -> Result<()> {
        self.ask(move |inner| inner.following().map(|following| following.leave(chunk)))
    }

    /// The marks that chunks of the source had when they were read, as far as they had any.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn marks(&self) -> Result<Vec<(ChunkId, Mark)>> {
        self.ask(|inner| Ok(inner.following()?.known_marks().collect()))
    }

    /// From now on the image is read from another source: the same image opened again, perhaps with other bounds.
    ///
    /// # Errors
    /// `Usage` if the new source's type, fill value or axes are others; `Internal` if the session cannot go on.
    pub fn follow(&self, source: Arc<dyn Source>) -> Result<()> {
        let grid = self.ask(move |inner| inner.follow(&source))?;
        self.queue()?.grid = grid;
        Ok(())
    }

    /// What the image of a session with a state looks like, seen along each axis; `None` without a state.
    ///
    /// # Errors
    /// `Io` if records cannot be read; `Internal` if the session cannot go on.
    pub fn overview(&self) -> Result<Option<Projections>> {
        self.ask(|inner| {
            let grid = inner.grid;
            inner.kept.as_mut().map(|kept| kept.overview(&grid).cloned()).transpose()
        })
    }

    /// Takes what there is to say about the state that the session found: records that were of no use, a sentence each.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn warnings(&self) -> Result<Vec<String>> {
        self.ask(|inner| Ok(inner.kept.as_mut().map(|kept| std::mem::take(&mut kept.warnings)).unwrap_or_default()))
    }

    /// Has the conductor do something between two epochs, and waits for it.
    fn ask<T: Send + 'static>(&self, job: impl FnOnce(&mut Inner) -> Result<T> + Send + 'static) -> Result<T> {
        self.broken.check()?;
        self.conductor.ask(job).wait()
    }
}
