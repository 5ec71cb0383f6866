//! The number of voxels that an analysis is about.

use std::sync::Arc;

use super::read::Selection;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::store::{Source, inside};
use crate::threads::each;

/// The number of voxels to which the analysis of an image is confined, chunk by chunk on some threads: all voxels inside the
/// bounds of the grid, unless the image has a mask. Takes time in proportion to the stored mask.
///
/// # Errors
/// If the mask cannot be read; `Usage` if it has too many chunks.
pub fn confined_volume(source: &dyn Source, grid: &Grid, threads: usize) -> Result<u64> {
    let Some(mask) = source.confinement() else { return Ok(grid.bounds().volume() as u64) };
    let selection = match mask.description().fill == 0.0 {
        true => Selection::of_stored(&*mask, grid, [0; 3])?,
        false => Selection::All.within_limit(grid)?,
    };
    let chunks: Arc<[ChunkId]> = match selection {
        Selection::All => grid.chunks().collect(),
        Selection::Some(chunks) => chunks.iter().copied().collect(),
    };
    let volume = |_, &chunk: &ChunkId| {
        let own = grid.region(chunk);
        Ok(inside(source, &own).map_err(|error| error.in_chunk(chunk))?.volume(&own) as u64)
    };
    Ok(each(&chunks, threads, volume)?.into_iter().sum())
}
