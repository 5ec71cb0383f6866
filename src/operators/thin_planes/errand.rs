//! What a worker is asked to do in a sweep.

use crate::kernel::thin::lee::Retest;

/// Planes for another worker after which this one lets it have them; more to other processes, where each message costs more.
const SENT_AT_ONCE: usize = 16;
const SENT_APART: usize = 32;
/// Least number of planes that may be read beyond the layer that is thinned; more where processes read, which do not thin at the
/// same pace: with fewer, one of them often waits for another.
const AHEAD: usize = 32;
const AHEAD_APART: usize = if cfg!(test) { 48 } else { 192 };

/// The worker, the method, and whether masks and seam logs are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) index: usize,
    pub(super) peers: usize,
    /// Number of workers of each process.
    pub(super) in_process: usize,
    pub(super) retest: Retest,
    pub(super) keeps: bool,
    /// Bytes of planes that the worker may hold, if there is a limit.
    pub(super) planes: Option<usize>,
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

    /// Whether there are several processes.
    fn is_apart(&self) -> bool {
        self.in_process < self.peers
    }

    /// Number of planes after which they are sent.
    pub(super) fn sent_at_once(&self) -> usize {
        if self.is_apart() { SENT_APART } else { SENT_AT_ONCE }
    }

    /// Least number of planes that may be read beyond the layer that is thinned.
    pub(super) fn ahead(&self) -> usize {
        if self.is_apart() { AHEAD_APART } else { AHEAD }
    }
}
