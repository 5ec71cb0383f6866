//! What a worker is asked to do in a sweep.

use crate::kernel::thin::lee::Retest;

/// Planes for another worker after which this one lets it have them; more to other processes, where each message costs more.
const SENT_AT_ONCE: usize = 16;
const SENT_APART: usize = 32;

/// The worker, the method, and whether masks and seam logs are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) index: usize,
    pub(super) peers: usize,
    /// Number of workers of each process.
    pub(super) in_process: usize,
    pub(super) retest: Retest,
    pub(super) keeps: bool,
}

impl Errand {
    /// Whether a worker is of the same process.
    pub(super) fn is_near(&self, worker: usize) -> bool {
        worker / self.in_process == self.index / self.in_process
    }

    /// Whether this worker is the first of its process.
    pub(super) fn is_first_of_process(&self) -> bool {
        self.index.is_multiple_of(self.in_process)
    }

    /// The first workers of all processes but the first.
    pub(super) fn others(&self) -> impl Iterator<Item = usize> + use<> {
        (self.in_process..self.peers).step_by(self.in_process)
    }

    /// Number of planes after which they are sent.
    pub(super) fn sent_at_once(&self) -> usize {
        if self.in_process < self.peers { SENT_APART } else { SENT_AT_ONCE }
    }
}
