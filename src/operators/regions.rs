//! The regions of an atlas: how large they are, and which of them the voxels of a skeleton lie in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::read::Selection;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::network::voxel_list::VoxelList;
use crate::store::{Atlas, Inside, Source, inside};
use crate::table::skeleton_labels::ChunkLabels;
use crate::threads::each;

/// The number of voxels of each label of an atlas, chunk by chunk on some threads: of those to which the analysis of the image
/// is confined, `volume` in all. Takes time in proportion to the stored atlas, and to the mask where there is one.
///
/// # Errors
/// If the atlas or the mask cannot be read; `Usage` if they have too many chunks.
pub fn region_voxels(
    source: &dyn Source,
    atlas: &Atlas,
    grid: &Grid,
    volume: u64,
    threads: usize,
) -> Result<BTreeMap<i128, u64>> {
    // Parts of the atlas that are not stored hold its fill value: they are counted as the rest.
    let chunks: Arc<[ChunkId]> = match Selection::of_stored(&*atlas.source, grid, [0; 3])? {
        Selection::All => grid.chunks().collect(),
        Selection::Some(chunks) => chunks.iter().copied().collect(),
    };
    let count = |_, &chunk: &ChunkId| {
        let (own, mut counts) = (grid.region(chunk), BTreeMap::new());
        let inside = inside(source, &own).map_err(|error| error.in_chunk(chunk))?;
        if !matches!(inside, Inside::Nothing)
            && let Some(labels) = atlas.read(&own).map_err(|error| error.in_chunk(chunk))?
        {
            labels.count(inside.mask(), &mut counts);
        }
        Ok(counts)
    };
    let mut all: BTreeMap<i128, u64> = BTreeMap::new();
    for (label, voxels) in each(&chunks, threads, count)?.into_iter().flatten() {
        *all.entry(label).or_default() += voxels;
    }
    let rest = volume.saturating_sub(all.values().sum());
    if rest > 0 {
        *all.entry(atlas.fill()).or_default() += rest;
    }
    Ok(all)
}

/// The labels of an atlas at the voxels of each chunk's skeleton, on some threads. Reads only chunks that have a skeleton.
///
/// # Errors
/// If the atlas cannot be read; the error names its file.
pub fn labels_of_skeletons<'v>(
    atlas: &Atlas,
    skeletons: &[(ChunkId, &'v VoxelList)],
    grid: &Grid,
    threads: usize,
) -> Result<Vec<(&'v VoxelList, ChunkLabels)>> {
    each(skeletons, threads, |_, &(chunk, voxels)| {
        let labels = atlas.read(&grid.region(chunk)).map_err(|error| error.in_chunk(chunk))?;
        Ok((
            voxels,
            voxels.iter().map(|voxel| labels.as_ref().map_or(atlas.fill(), |labels| labels.at(voxel))).collect(),
        ))
    })
}
