//! Zarr v2 and v3 arrays and OME-Zarr images, in a folder or on a server.
//!
//! Each stored chunk (each inner chunk of a shard) is decoded on its own, by the thread that reads it. Where a region
//! is made of whole stored chunks they are decoded once, straight into place; where it cuts through one, that one is
//! kept decoded for a while, since the next region probably needs the rest of it.

mod archive;
mod blocks;
mod codec;
mod collection;
mod folder;
mod form;
mod json;
mod metadata;
mod names;
mod ome;
mod opening;
mod shard;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use self::blocks::Blocks;
use crate::chunk::{Chunk, Voxels};
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::cache::BlockCache;
use crate::store::marker::{FileMark, Marker, mark_of};
use crate::store::values::{first_unfit, paste, require_inside};
use crate::store::{Absent, Description, Details, Mark, Marked, Source};

pub(crate) use self::folder::is_packed;
#[cfg(feature = "http")]
pub(crate) use self::metadata::LONGEST as METADATA;
pub(crate) use self::metadata::{is_named_zarr, is_zarr, refuse_metadata_file};

/// Blocks at least this large are read in part where they are stored uncompressed, bytes.
const READ_IN_PART: usize = 16 << 20;

/// An image in a Zarr array. Holds decoded chunks up to the cache's size, and the indexes of shards that were read.
pub struct ZarrSource {
    blocks: Blocks,
    /// The grid of blocks over the image.
    grid: Grid,
    description: Description,
    details: Details,
    warnings: Vec<String>,
    cache: BlockCache<ChunkId>,
}

impl ZarrSource {
    /// The values that a region needs of a block, with the box that they fill.
    fn part(&self, place: ChunkId, region: &Region) -> Result<Option<(Region, Part)>> {
        let block = self.blocks.region(place);
        let stored = block.intersection(&self.grid.bounds());
        let wanted = stored.intersection(region);
        if wanted == stored {
            return Ok(self.blocks.decode(place)?.map(|voxels| (block, Part::Owned(voxels))));
        }
        let bytes = block.volume().saturating_mul(self.description.dtype.size());
        if bytes >= READ_IN_PART && self.blocks.can_be_read_in_part() {
            let relative = wanted.shifted(block.min.map(|n| -n));
            return Ok(self.blocks.read_part(place, &relative)?.map(|voxels| (wanted, Part::Owned(voxels))));
        }
        let voxels = self.cache.get(&place, || self.blocks.decode(place))?;
        Ok(voxels.map(|voxels| (block, Part::Shared(voxels))))
    }
}

/// The values of a block, decoded for one region or held for several.
enum Part {
    Owned(Voxels),
    Shared(std::sync::Arc<Voxels>),
}

impl Source for ZarrSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn details(&self) -> Details {
        self.details.clone()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let Description { dtype, fill, .. } = self.description;
        let mut whole: Option<Voxels> = None;
        for place in self.grid.chunks_in(region) {
            let Some((at, part)) = self.part(place, region)? else {
                self.blocks.require_fill().map_err(|error| self.blocks.locate(error, place))?;
                continue;
            };
            let part = match part {
                Part::Owned(voxels) if at == *region => {
                    whole = Some(voxels);
                    continue;
                }
                Part::Owned(voxels) => &std::sync::Arc::new(voxels),
                Part::Shared(ref voxels) => voxels,
            };
            let voxels = whole.get_or_insert_with(|| Voxels::filled(dtype, region.shape(), fill));
            paste(part, &at, voxels, region);
        }
        let Some(voxels) = whole else { return Ok(None) };
        if let Some(unfit) = first_unfit(&voxels) {
            let p = std::array::from_fn(|a| region.min[a] + unfit.at[a]);
            return Err(self.blocks.locate(unfit.refusal(region.min), self.grid.chunk_at(p)));
        }
        Ok(Some(Chunk { region: *region, voxels }))
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        require_inside(region, self.description.shape)?;
        if !self.blocks.has_marks() {
            return Ok(None);
        }
        let files = each_once(self.grid.chunks_in(region).filter_map(|place| self.blocks.marked(place)).collect());
        mark_of(files.iter().map(PathBuf::as_path)).map(Some)
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        if !self.blocks.has_marks() {
            return Ok(vec![None; regions.len()]);
        }
        let mut paths: BTreeMap<ChunkId, PathBuf> = BTreeMap::new();
        for region in regions {
            require_inside(region, self.description.shape)?;
            for place in self.grid.chunks_in(region) {
                paths.entry(place).or_insert_with(|| self.blocks.marked(place).unwrap_or_default());
            }
        }
        let files = each_once(paths.values().cloned().collect());
        let marks = FileMark::of_all(&files)?;
        let numbers: HashMap<&PathBuf, usize> = files.iter().zip(0..).collect();
        let number: HashMap<ChunkId, usize> = paths.iter().map(|(&place, path)| (place, numbers[path])).collect();
        let marked = |region: &Region| {
            let mut numbers: Vec<usize> = self.grid.chunks_in(region).map(|place| number[&place]).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let mut marker = Marker::default();
            numbers.into_iter().for_each(|number| marker.add(&marks[number]));
            Some(marker.finish())
        };
        Ok(regions.iter().map(marked).collect())
    }

    fn stored(&self) -> Result<Option<Vec<Region>>> {
        self.blocks.stored()
    }

    fn absent(&self) -> Result<Option<Absent>> {
        let blocks = self.blocks.per_file().map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let shape = std::array::from_fn(|a| self.blocks.shape()[a].saturating_mul(self.blocks.per_file()[a]));
        let grid = Grid::new(self.grid.bounds(), shape);
        let mut missing = BTreeSet::new();
        for unit in grid.chunks() {
            let first = ChunkId::new(std::array::from_fn(|a| unit.place()[a] * blocks[a]));
            if !self.blocks.is_stored(first)? {
                missing.insert(unit);
            }
        }
        Ok(Some(Absent { grid, origin: [0; 3], missing }))
    }
}

impl std::fmt::Debug for ZarrSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZarrSource").field("description", &self.description).finish_non_exhaustive()
    }
}

/// Each of some paths once. In the order of their text, which is found faster than theirs, folder by folder.
fn each_once(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    paths.dedup();
    paths
}
