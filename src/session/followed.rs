//! The methods of sessions that follow a source.

use std::sync::Arc;

use super::FollowingSession;
use super::inner::Inner;
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::store::{Mark, Source};

impl FollowingSession {
    /// Names a chunk of the source that has come, changed or gone: the next epoch reads it again, and everything that
    /// depends on it. Does not wait for a running epoch.
    ///
    /// # Errors
    /// `Usage` if the chunk lies outside; `Internal` if the session cannot go on.
    pub fn refresh(&self, chunk: ChunkId) -> Result<()> {
        if self.grid()?.region(chunk).is_empty() {
            return Err(Error::usage("lies outside of the session's bounds").in_chunk(chunk));
        }
        // The job fails only if the session is broken; then the next epoch returns the reason.
        drop(self.conductor.ask(move |inner| inner.following().map(|following| following.refresh(chunk))));
        Ok(())
    }

    /// Looks for chunks of the source that have changed since they were read, or were never read: the next epoch reads
    /// them. Compares the sizes and times of stored files; with `verify`, or if a source has none, all values. Returns
    /// the number of chunks that will be read because of themselves. Waits for a running epoch, as all calls below do.
    ///
    /// # Errors
    /// `Io` if the operating system reports an error; `Internal` if the session cannot go on.
    pub fn look(&self, verify: bool) -> Result<usize> {
        self.ask(move |inner| inner.following()?.look(verify))
    }

    /// Leaves a chunk of the source that cannot be read just now, and all that depend on it, as they are in the next
    /// epoch; the one after reads them again.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn leave(&self, chunk: ChunkId) -> Result<()> {
        self.ask(move |inner| inner.following().map(|following| following.leave(chunk)))
    }

    /// The marks that chunks of the source had when they were read, if they had any.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn marks(&self) -> Result<Vec<(ChunkId, Mark)>> {
        self.ask(|inner| Ok(inner.following()?.known_marks().collect()))
    }

    /// Reads the image from another source from now on: the same image opened again, perhaps with other bounds.
    ///
    /// # Errors
    /// `Usage` if the new source has another type, fill value or other axes; `Internal` if the session cannot go on.
    pub fn follow(&self, source: Arc<dyn Source>) -> Result<()> {
        let grid = self.ask(move |inner| inner.follow(&source))?;
        self.queue()?.grid = grid;
        Ok(())
    }

    /// The projections of the image of a session with a state, along each axis; `None` without a state.
    ///
    /// # Errors
    /// `Io` if records cannot be read; `Internal` if the session cannot go on.
    pub fn overview(&self) -> Result<Option<Projections>> {
        self.ask(|inner| {
            let grid = inner.grid;
            inner.kept.as_mut().map(|kept| kept.overview(&grid).cloned()).transpose()
        })
    }

    /// Begins to encode what [`FollowingSession::write_digest`] will write, if no epoch comes before it. Returns at once; calls
    /// that wait for a running epoch wait for this too.
    pub fn prepare_digest(&self) {
        // A job that fails is done again when the digest is written.
        drop(self.conductor.ask(Inner::prepare_digest));
    }

    /// Writes a digest of the state, if the last epoch has ended well. A later session that finds the digest reads only the
    /// records that it needs; the first record that a session writes removes it. So this is best called before a session
    /// ends. Takes time in proportion to the chunks and the skeleton of the volume. Writes nothing for sessions that restore
    /// all chunks: those in several processes, and those that filter masks, prune, or measure objects.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written; `Internal` if the session cannot go on.
    pub fn write_digest(&self) -> Result<()> {
        self.ask(Inner::write_digest)
    }

    /// Takes the warnings about the state that the session found: a sentence for each record that was of no use.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn warnings(&self) -> Result<Vec<String>> {
        self.ask(|inner| Ok(inner.kept.as_mut().map(|kept| std::mem::take(&mut kept.warnings)).unwrap_or_default()))
    }

    /// Runs a job on the conductor between two epochs, and waits for it.
    fn ask<T: Send + 'static>(&self, job: impl FnOnce(&mut Inner) -> Result<T> + Send + 'static) -> Result<T> {
        self.broken.check()?;
        self.conductor.ask(job).wait()
    }
}
