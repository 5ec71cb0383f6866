//! The commands for the workers of a process, and their answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::budget::MemoryPermit;
use super::chunk_digest::{ChunkDigest, ThinnedDigest};
use super::counting::CountedPart;
use super::pipelines::Difference;
use super::reading::{ChunksRead, Reading};
use super::records::Found;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::count::Count;
use crate::operators::thin::ThinningCounts;
use crate::space::Region;
use crate::store::Source;

/// A command for a worker. All but the first two are answered.
pub(super) enum Command {
    /// The values of a chunk, from outside, in its box, in a batch of edits.
    Set(u64, ChunkId, Region, Voxels, MemoryPermit),
    /// A chunk no longer has values, from a batch of edits on.
    Forget(u64, ChunkId),
    /// Read chunks and count the values of each, starting from an empty count.
    Count(Arc<Reading>, Count),
    /// Read chunks and make their masks; keep them under the number of an epoch.
    Read(Arc<Reading>, u64),
    /// Discard what was read last.
    Discard,
    /// Find the records of chunks on disk, for an image within bounds.
    Load(Arc<BTreeSet<ChunkId>>, Region),
    /// Restore the chunks that were found, in an image within bounds; those listed are doubtful.
    Restore(Arc<BTreeSet<ChunkId>>, Region),
    /// Begin with chunks of a digest, of an image within bounds.
    Recall(Vec<ChunkDigest>, Region),
    /// Tell what a digest says of chunks.
    Digest,
    /// Begin again, without any chunk.
    StartOver,
    /// Compute an epoch.
    Compute(ToCompute),
}

/// The epoch that workers are to compute.
#[derive(Clone)]
pub(super) struct ToCompute {
    /// Its number, counted from 1, under which new records are staged.
    pub(super) epoch: u64,
    /// The last batch of edits that belongs to it.
    pub(super) batch: u64,
    /// Where the values at new parts of the skeleton are read, unless they were held.
    pub(super) source: Option<Arc<dyn Source>>,
    /// The chunks inside the bounds of the image.
    pub(super) grid: Grid,
}

/// The answer of a worker, or of its process if that fails as a whole.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Done,
    Counted(Vec<CountedPart>),
    Read(ChunksRead),
    /// The records that were found on disk, and their overview.
    Loaded(Result<(Vec<Found>, Projections)>),
    Restored(Vec<Difference>),
    /// Chunks with foreground, without their skeletons.
    Digested(Vec<(ChunkId, ThinnedDigest)>),
    Computed(Box<Computed>),
    Failed(Error),
}

/// What a worker has computed of an epoch.
#[derive(Serialize, Deserialize)]
pub(super) struct Computed {
    pub(super) thinning: ThinningCounts,
    /// The chunks whose masks are new, with their numbers of foreground voxels.
    pub(super) foregrounds: Vec<(ChunkId, u64)>,
    /// What has changed in the graph. It stays changed if the epoch fails: the next one does not repeat it.
    pub(super) differences: Vec<Difference>,
    /// The first error at a chunk's values, or else that of the records that were staged.
    pub(super) outcome: Result<()>,
}

/// The error among answers, if there is one: of several, the one at no chunk, or else the one at the first chunk.
pub(super) fn failed(answers: &[Answer]) -> Option<Error> {
    let errors =
        answers.iter().filter_map(|answer| if let Answer::Failed(error) = answer { Some(error) } else { None });
    errors.min_by_key(|error| error.chunk()).cloned()
}

/// The error of an answer that does not fit the command.
pub(super) fn unexpected() -> Error {
    Error::internal("a worker answers another question")
}
