//! Orders of a session to the workers of all its processes, in a form that can be sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::chunk_digest::ChunkDigest;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::count::Count;
use crate::kernel::mask::threshold::Threshold;
use crate::space::Region;
use crate::state::Counted;
use crate::store::Mark;

/// An order that all workers carry out together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Read chunks and count the values of each, starting from an empty count.
    Count(Wanted, Count),
    /// Read chunks and make their masks; keep them under the number of an epoch.
    Read(Wanted, u64),
    /// Discard what was read last.
    Discard,
    /// Chunks have no values any more.
    Forget(BTreeSet<ChunkId>),
    /// Find the records of chunks on disk, for an image within bounds.
    Load(BTreeSet<ChunkId>, Region),
    /// Restore the chunks that were found, in an image within bounds; those listed are doubtful.
    Restore(BTreeSet<ChunkId>, Region),
    /// Compute the epoch of this number: all that follows from the masks up to those of a batch of edits, in an image
    /// within bounds.
    Compute { batch: u64, bounds: Region, epoch: u64 },
    /// Begin with the chunks of a digest, of an image within bounds.
    Recall(Vec<ChunkDigest>, Region),
    /// Tell what a digest says of chunks.
    Digest,
    /// Begin again, without any chunk.
    StartOver,
    /// Put staged records in place.
    Place,
    /// Open the image again, which has at least these bounds now.
    Reopen(Region),
}

impl Order {
    /// The order as a process needs it: without what is known about chunks of other processes.
    pub(super) fn of_process(&self, grid: &Grid, process: usize) -> Order {
        let own = |id: ChunkId| grid.process(id) == process;
        match self {
            Order::Count(wanted, count) => Order::Count(wanted.of_process(own), count.clone()),
            Order::Read(wanted, epoch) => Order::Read(wanted.of_process(own), *epoch),
            other => other.clone(),
        }
    }
}

/// The chunks to read, and what is known about them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// The number of the reading.
    pub(super) number: u64,
    /// The bounds of the image.
    pub(super) bounds: Region,
    pub(super) chunks: BTreeSet<ChunkId>,
    pub(super) threshold: Threshold,
    /// Fingerprints of chunks whose masks stay valid if their values are the same.
    pub(super) known: BTreeMap<ChunkId, u64>,
    /// For the records: the marks of chunks, and their counts.
    pub(super) marks: BTreeMap<ChunkId, Option<Mark>>,
    pub(super) counted: BTreeMap<ChunkId, Counted>,
}

impl Wanted {
    fn of_process(&self, own: impl Fn(ChunkId) -> bool) -> Wanted {
        fn part<V: Clone>(all: &BTreeMap<ChunkId, V>, own: impl Fn(ChunkId) -> bool) -> BTreeMap<ChunkId, V> {
            all.iter().filter(|(id, _)| own(**id)).map(|(id, value)| (*id, value.clone())).collect()
        }
        Wanted {
            chunks: self.chunks.clone(),
            known: part(&self.known, &own),
            marks: part(&self.marks, &own),
            counted: part(&self.counted, &own),
            ..*self
        }
    }
}
