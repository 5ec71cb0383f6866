//! The methods of sessions that are fed with chunks.

use super::Session;
use super::commands::Command;
use super::queue::{Edit, check_finite, check_fit, expect, expect_for_retraction};
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::space::Region;
use crate::store::held::PackedVoxels;

impl Session {
    /// Inserts a chunk. Waits while more values are in flight than the session's memory allows.
    ///
    /// # Errors
    /// `Usage` if it exists already or lies outside; `Data` if its values do not fit or are not numbers. The session
    /// stays as it was. `Internal` once a session cannot go on.
    pub fn insert(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        self.set(chunk, voxels, false)
    }

    /// Replaces the values of a chunk.
    ///
    /// # Errors
    /// As [`Session::insert`], but `Usage` if the chunk does not exist.
    pub fn replace(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        self.set(chunk, voxels, true)
    }

    fn set(&self, chunk: ChunkId, voxels: Voxels, present: bool) -> Result<()> {
        let permit = self.budget.take(voxels.bytes());
        // Work in proportion to the values is done before the lock.
        let finite = check_finite(chunk, &voxels);
        let packed =
            self.holds.then(|| PackedVoxels::new(&voxels).map_err(|error| error.in_chunk(chunk))).transpose()?;
        let queue = &mut *self.queue()?;
        expect(&queue.present, chunk, present)?;
        let region = queue.grid.region(chunk);
        check_fit(chunk, region, &voxels, self.dtype).and(finite)?;
        match packed {
            Some(packed) => queue.edits.push(Edit::Hold(chunk, region, packed)),
            None => {
                let told = queue.tell(chunk, Command::Set(queue.batch, chunk, region, voxels, permit));
                told.inspect_err(|error| self.broken.set(error))?;
            }
        }
        queue.present.insert(chunk, ());
        Ok(())
    }

    /// Retracts a chunk.
    ///
    /// # Errors
    /// `Usage` if it does not exist.
    pub fn retract(&self, chunk: ChunkId) -> Result<()> {
        let queue = &mut *self.queue()?;
        expect_for_retraction(&queue.present, chunk)?;
        if self.holds {
            queue.edits.push(Edit::LetGo(chunk));
        } else {
            let told = queue.tell(chunk, Command::Forget(queue.batch, chunk));
            told.inspect_err(|error| self.broken.set(error))?;
        }
        queue.present.remove(chunk);
        Ok(())
    }

    /// Changes the bounds, from the next epoch on. Chunks at the old bounds, whose boxes or surroundings change, are
    /// looked at again if the session holds values; otherwise they must be replaced, with values for all of their box.
    ///
    /// # Errors
    /// `Usage` if an existing chunk would lie outside, or a session of one plane would get several.
    pub fn resize(&self, shape: [usize; 3]) -> Result<()> {
        let queue = &mut *self.queue()?;
        let bounds = Region::of_shape(shape);
        let grid = queue.grid.with_bounds(bounds);
        if let Some(&outside) = queue.present.keys().find(|&&chunk| grid.region(chunk).is_empty()) {
            return Err(Error::usage("would lie outside: retract it first").in_chunk(outside));
        }
        let flat = |region: Region| region.max[0] - region.min[0] == 1;
        if bounds.is_empty() || flat(bounds) != flat(queue.grid.bounds()) {
            return Err(Error::usage("a session of one plane stays one, and one of several stays one of several"));
        }
        queue.grid = grid;
        queue.edits.push(Edit::Resize(grid));
        Ok(())
    }
}
