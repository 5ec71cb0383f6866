//! What workers tell each other while they thin planes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::layers::Planes;
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::thin::planes::{PackedPassage, PackedPlane, Passage};
use crate::kernel::thin::seam_log::SeamLog;

/// A message of a worker to another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Content {
    /// A chunk, with its mask if it has foreground, to the keeper of its layer.
    Chunk(ChunkId, Option<Arc<Mask>>),
    /// A chunk with foreground whose planes have all entered in an earlier run, to the keeper of its layer.
    Entered(ChunkId),
    /// The number of masks of a worker, when all have come.
    AllMasks(usize),
    /// The planes of a layer, to the first worker, and the number of the first plane.
    Layer(Planes),
    /// The same, packed, to the first worker in another process.
    PackedLayer(usize, Vec<PackedPlane>),
    /// The first worker wants the planes of layers up to one.
    Asked(i64),
    /// A plane, to the next stage.
    Plane(Box<Passage>),
    /// A plane, packed, to a stage in another process.
    PackedPlane(PackedPassage),
    /// One of these in bytes, to a worker of another process: they are encoded once.
    Sent(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Layers up to this one may be read, to a worker of another process.
    Admitted(i64),
    /// The mark of a snapshot, with its number, which goes around the workers after the planes.
    Mark(u64),
    /// A worker has the thinned planes and waits for a snapshot of them, to the first worker.
    Wanted(usize),
    /// That snapshot is complete, to the worker that has waited.
    Kept,
    /// The planes that wait at the gate of a worker's first stage, to the first worker.
    Parked(usize, usize),
    /// The thinned planes of a layer, to its keeper.
    Thinned(Planes),
    /// No more planes come to any stage.
    Over,
    /// The thinned voxels of a chunk, to its owner, as bit indices of its mask.
    Cut(ChunkId, Vec<u32>),
    /// A worker's parts of the seam logs of chunks, to their owner.
    Logs(Vec<(ChunkId, SeamLog)>),
}

impl Content {
    /// The same in bytes.
    pub(super) fn sent(&self) -> Content {
        Content::Sent(postcard::to_stdvec(self).expect("memory takes all that is written"))
    }
}
