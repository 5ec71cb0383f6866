//! Radii in a checkpoint.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::checkpoint::{Checkpoint, RadiiJournal};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::measure::radii::Radii;
use crate::operators::failure::Failure;

/// One worker's radii in a checkpoint: those that an earlier run has measured are not measured again. A clone shares them.
#[derive(Clone)]
pub struct KeptRadii {
    checkpoint: Checkpoint,
    worker: usize,
    /// Opened when the first skeleton has come.
    journal: Rc<RefCell<Option<RadiiJournal>>>,
    failure: Failure,
}

impl fmt::Debug for KeptRadii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptRadii").field("worker", &self.worker).finish_non_exhaustive()
    }
}

impl KeptRadii {
    /// Those of a worker. Errors are reported to `failure`.
    pub fn new(checkpoint: Checkpoint, worker: usize, failure: Failure) -> KeptRadii {
        KeptRadii { checkpoint, worker, journal: Rc::default(), failure }
    }

    /// What an earlier run has measured at the skeleton of a chunk; once.
    pub(super) fn take(&self, chunk: ChunkId) -> Option<Radii> {
        self.with(|journal| Ok(journal.take(chunk))).flatten()
    }

    /// Keeps what was measured in a chunk; nothing, once anything has failed: a mask may have been lost.
    pub(super) fn add(&self, chunk: ChunkId, radii: &Radii) {
        if self.failure.happened() {
            return;
        }
        self.with(|journal| journal.add(chunk, radii));
    }

    /// Writes what was added.
    pub(super) fn flush(&self) {
        self.with(RadiiJournal::flush);
    }

    fn with<D>(&self, act: impl FnOnce(&mut RadiiJournal) -> Result<D>) -> Option<D> {
        let mut journal = self.journal.borrow_mut();
        let with = || {
            let journal = match &mut *journal {
                Some(journal) => journal,
                none => none.insert(self.checkpoint.radii(self.worker)?),
            };
            act(journal)
        };
        with().map_err(|error| self.failure.report(error)).ok()
    }
}
