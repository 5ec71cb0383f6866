//! What a session has the workers of all its processes do, in a form that can be sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::histogram::Count;
use crate::kernel::mask::threshold::Threshold;
use crate::space::Region;
use crate::state::Counted;
use crate::store::Mark;

/// What all workers do together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Read chunks and count the values of each, from an empty count on.
    Count(Wanted, Count),
    /// Read chunks and make their masks; keep them under the number of an epoch.
    Read(Wanted, u64),
    /// Give up what was read last.
    Discard,
    /// Chunks have no values any more.
    Forget(BTreeSet<ChunkId>),
    /// Find the records of chunks on disk, for an image within bounds.
    Load(BTreeSet<ChunkId>, Region),
    /// Put what was found back to work, with doubts about some.
    Restore(BTreeSet<ChunkId>),
    /// Thin the masks up to those of a batch of edits, and look up the values at what is new of the skeleton, in an image
    /// within bounds.
    Thin(u64, Region),
    /// Stage the records of what is new, under the number of an epoch.
    Stage(u64),
    /// Put staged records in place.
    Place,
    /// Give out what is new of the skeleton, and what follows from it, in an image within bounds.
    Publish(Region),
    /// Open the image again, which has at least these bounds now.
    Reopen(Region),
}

impl Order {
    /// The order as a process needs it: without what is known of chunks that are not its own.
    pub(super) fn of_process(&self, grid: &Grid, process: usize) -> Order {
        let own = |id: ChunkId| grid.process(id) == process;
        match self {
            Order::Count(wanted, count) => Order::Count(wanted.of_process(own), count.clone()),
            Order::Read(wanted, epoch) => Order::Read(wanted.of_process(own), *epoch),
            other => other.clone(),
        }
    }
}

/// Which chunks are read, and what is known of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// Which reading of the session this is.
    pub(super) number: u64,
    /// Those of the image.
    pub(super) bounds: Region,
    pub(super) chunks: BTreeSet<ChunkId>,
    pub(super) threshold: Threshold,
    /// Fingerprints of chunks whose masks stand where their values are the same.
    pub(super) known: BTreeMap<ChunkId, u64>,
    /// For the records: the marks of chunks, and what was counted of them.
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
