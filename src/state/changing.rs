//! The records of a state while a run changes it.

use std::collections::BTreeMap;

use super::kind::RecordKind;
use crate::grid::ChunkId;

/// Numbers that tell records from all others, by the number of the kind and the chunk.
pub(super) type Stamps = BTreeMap<(u32, ChunkId), u64>;

#[derive(Debug)]
pub(super) struct Changing {
    pub(super) epoch: u64,
    /// The records that the end of the epoch puts in place, with their stamps, or removes (`None`).
    pub(super) staged: BTreeMap<(RecordKind, ChunkId), Option<u64>>,
    /// Of the records in place, as far as they are known.
    pub(super) stamps: Stamps,
    /// Whether these are all records, and no others can be loaded.
    pub(super) is_complete: bool,
    /// Whether a digest may be in place.
    pub(super) has_digest: bool,
}

impl Changing {
    pub(super) fn new(epoch: u64) -> Self {
        let (staged, stamps) = (BTreeMap::new(), Stamps::new());
        Changing { epoch, staged, stamps, is_complete: false, has_digest: true }
    }

    /// Notes the stamp of a record that is in place. Returns whether it can be used.
    pub(super) fn meet(&mut self, kind: RecordKind, chunk: ChunkId, stamp: u64) -> bool {
        if self.is_complete {
            return self.stamps.get(&(kind.number, chunk)) == Some(&stamp);
        }
        self.stamps.insert((kind.number, chunk), stamp);
        true
    }
}
