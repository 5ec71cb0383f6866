//! Edits that wait for the next epoch, under a lock that no running epoch holds.

use super::crew::Mailboxes;
use super::shared_map::SharedMap;
use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::held::PackedVoxels;

/// The edits since the last epoch was closed. Values and retractions go to the chunk's worker at once, unless values
/// are held; all other edits are listed.
pub(super) struct Queue<C> {
    /// The chunks inside the bounds, after the last edit.
    pub(super) grid: Grid,
    /// The chunks that exist after the last edit.
    pub(super) present: SharedMap<ChunkId, ()>,
    /// The batch that edits belong to now, from 0.
    pub(super) batch: u64,
    pub(super) edits: Vec<Edit>,
    pub(super) mailboxes: Mailboxes<C>,
}

/// An edit that does not go to a worker at once.
#[derive(Debug)]
pub(super) enum Edit {
    /// Values are held for a chunk in its box.
    Hold(ChunkId, Region, PackedVoxels),
    /// The values of a chunk are no longer held.
    LetGo(ChunkId),
    /// The volume has other bounds.
    Resize(Grid),
}

/// The edits of an epoch.
pub(super) struct EditBatch {
    /// The number that edits went to the workers with.
    pub(super) number: u64,
    pub(super) edits: Vec<Edit>,
    /// The chunks that exist after all edits.
    pub(super) present: SharedMap<ChunkId, ()>,
}

impl<C> Queue<C> {
    pub(super) fn new(grid: Grid, mailboxes: Mailboxes<C>) -> Self {
        Queue { grid, present: SharedMap::default(), batch: 0, edits: Vec::new(), mailboxes }
    }

    /// Sends a command to the worker that owns a chunk.
    ///
    /// # Errors
    /// `Internal` if it has stopped.
    pub(super) fn tell(&self, chunk: ChunkId, command: C) -> Result<()> {
        self.mailboxes.tell(self.grid.owner(chunk, self.mailboxes.len()), command)
    }

    /// Takes the edits so far. Later ones belong to the next batch.
    pub(super) fn close(&mut self) -> EditBatch {
        let number = self.batch;
        self.batch += 1;
        EditBatch { number, edits: std::mem::take(&mut self.edits), present: self.present.clone() }
    }
}

/// Refuses a chunk that exists although it should not, or the other way round.
pub(super) fn expect(present: &SharedMap<ChunkId, ()>, chunk: ChunkId, there: bool) -> Result<()> {
    if present.contains(&chunk) == there {
        return Ok(());
    }
    let advice = if there { "is not there: insert it" } else { "is there already: replace it" };
    Err(Error::usage(advice).in_chunk(chunk))
}

/// Refuses values that are not numbers.
pub(super) fn check_finite(chunk: ChunkId, voxels: &Voxels) -> Result<()> {
    if voxels.is_finite() {
        return Ok(());
    }
    Err(Error::data("holds NaN or infinity: give finite numbers only").in_chunk(chunk))
}

/// Refuses values that do not fit a chunk.
pub(super) fn check_fit(chunk: ChunkId, region: Region, voxels: &Voxels, dtype: Dtype) -> Result<()> {
    if region.is_empty() {
        return Err(Error::usage("lies outside of the session's bounds").in_chunk(chunk));
    }
    if voxels.shape() != region.shape() || voxels.dtype() != dtype {
        return Err(Error::data(format!(
            "has {:?} voxels of type {}, but the session expects {:?} of type {} there",
            voxels.shape(),
            voxels.dtype().name(),
            region.shape(),
            dtype.name()
        ))
        .in_chunk(chunk));
    }
    Ok(())
}

/// Refuses to retract a chunk that is missing.
pub(super) fn expect_for_retraction(present: &SharedMap<ChunkId, ()>, chunk: ChunkId) -> Result<()> {
    if present.contains(&chunk) {
        return Ok(());
    }
    Err(Error::usage("is not there, and cannot be retracted").in_chunk(chunk))
}
