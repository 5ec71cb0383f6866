//! Zarr v2 and v3 arrays and OME-Zarr images, in a folder or on a server.
//!
//! Each stored chunk (each inner chunk of a shard) is decoded separately, by the thread that reads it. If a region is
//! made of whole stored chunks, they are decoded once, straight into place; a chunk that it cuts through is cached,
//! since the next region probably needs the rest of it.

mod archive;
mod blocks;
mod codec;
mod collection;
mod faults;
mod folder;
mod form;
mod json;
mod marking;
mod metadata;
mod names;
mod ome;
mod opening;
mod shard;
mod span;
#[cfg(test)]
mod tests;

use self::blocks::Blocks;
use crate::chunk::{Chunk, Voxels};
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::cache::BlockCache;
use crate::store::values::{first_unfit, paste, require_inside};
use crate::store::{Absent, Description, Details, Mark, Marked, Source};

pub(crate) use self::folder::is_packed;
pub(crate) use self::metadata::{is_named_zarr, is_zarr, refuse_metadata_file};

/// Uncompressed blocks with at least this many bytes are read in part.
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
    /// Whether values are labels, of which all 64 bits count.
    labels: bool,
}

impl ZarrSource {
    /// The values of a block that a region needs, with their box.
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
        if let (false, Some(unfit)) = (self.labels, first_unfit(&voxels, self.description.stored)) {
            let p = std::array::from_fn(|a| region.min[a] + unfit.at[a]);
            return Err(self.blocks.locate(unfit.refusal(region.min), self.grid.chunk_at(p)));
        }
        Ok(Some(Chunk { region: *region, voxels }))
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        let marks = self.marks(std::slice::from_ref(region))?;
        Ok(marks.into_iter().flatten().next().map(|marked| marked.mark))
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        self.marks_of(regions, marking::LISTED)
    }

    fn stored(&self) -> Result<Option<Vec<Region>>> {
        self.blocks.stored()
    }

    fn absent(&self) -> Result<Option<Absent>> {
        self.absent_files().map(Some)
    }
}

impl std::fmt::Debug for ZarrSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZarrSource").field("description", &self.description).finish_non_exhaustive()
    }
}
