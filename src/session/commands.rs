//! What the workers of a process are told, and how they answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::budget::MemoryPermit;
use super::pipelines::Difference;
use super::reading::{ChunksRead, Reading};
use super::records::Found;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::histogram::Count;
use crate::operators::thin::ThinningCounts;
use crate::space::Region;
use crate::state::Counted;
use crate::store::Source;

/// What a session tells a worker. All commands but the first two are answered.
pub(super) enum Command {
    /// A chunk's values, in its box, from outside, in a batch of edits.
    Set(u64, ChunkId, Region, Voxels, MemoryPermit),
    /// A chunk has no values any more, from a batch of edits on.
    Forget(u64, ChunkId),
    /// Read chunks and count the values of each, from an empty count on.
    Count(Arc<Reading>, Count),
    /// Read chunks and make their masks; keep them under the number of an epoch.
    Read(Arc<Reading>, u64),
    /// Give up what was read last.
    Discard,
    /// Find the records of chunks on disk, for an image within bounds.
    Load(Arc<BTreeSet<ChunkId>>, Region),
    /// Put what was found back to work, with doubts about some.
    Restore(Arc<BTreeSet<ChunkId>>),
    /// Thin the masks up to those of a batch of edits, and look up the values at what is new of the skeleton.
    Thin(u64, Option<Arc<dyn Source>>, Grid),
    /// Stage the records of what is new, under the number of an epoch.
    Stage(u64),
    /// Give out what is new of the skeleton, and what follows from it, in an image within bounds.
    Publish(Region),
}

/// How a worker answers, or, where it fails as a whole, its process.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Done,
    Counted(Vec<(ChunkId, Counted)>),
    Read(ChunksRead),
    /// What was found on disk, and what it looks like together.
    Loaded(Result<(Vec<Found>, Projections)>),
    Staged(Result<()>),
    /// How the thinning went; foreground voxels of chunks whose masks are new; the first error at a chunk's values.
    Thinned(ThinningCounts, Vec<(ChunkId, u64)>, Result<()>),
    Published(Vec<Difference>),
    Failed(Error),
}

/// The error among answers, if there is one: of several the one at no chunk, or else at the first.
pub(super) fn failed(answers: &[Answer]) -> Option<Error> {
    let errors =
        answers.iter().filter_map(|answer| if let Answer::Failed(error) = answer { Some(error) } else { None });
    errors.min_by_key(|error| error.chunk()).cloned()
}

/// The error of an answer that is not one to the command.
pub(super) fn unexpected() -> Error {
    Error::internal("a worker answers another question")
}
