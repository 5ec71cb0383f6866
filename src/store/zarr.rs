//! Zarr v2 and v3 arrays and OME-Zarr images, in a folder or on a server.
//!
//! Each stored chunk (each inner chunk of a shard) is decoded on its own, by the thread that reads it. Where a region
//! is made of whole stored chunks they are decoded once, straight into place; where it cuts through one, that one is
//! kept decoded for a while, since the next region probably needs the rest of it.

mod blocks;
mod folder;
mod metadata;
mod ome;
#[cfg(feature = "http")]
mod served;
mod shard;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use self::blocks::Blocks;
use self::folder::Folder;
use self::metadata::Node;
use self::ome::Level;
use crate::chunk::{Chunk, Voxels};
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::axes::{axes, select};
use crate::store::cache::BlockCache;
use crate::store::marker::{FileMark, Marker, mark_of};
use crate::store::plan::read_plan;
use crate::store::units::Settled;
use crate::store::values::{first_unfit, parse_dtype, paste, refuse_fill, require_inside, unsupported_dtype};
use crate::store::{Absent, Description, Mark, Marked, OpenOptions, Source};
use crate::text::masked;

#[cfg(feature = "http")]
pub(crate) use self::folder::METADATA;
pub(crate) use self::metadata::is_zarr;

/// Blocks at least this large are read in part where they are stored uncompressed, bytes.
const READ_IN_PART: usize = 16 << 20;

/// An image in a Zarr array. Holds decoded chunks up to the cache's size, and the indexes of shards that were read.
pub struct ZarrSource {
    blocks: Blocks,
    /// The grid of blocks over the image.
    grid: Grid,
    calibration: Settled,
    description: Description,
    cache: BlockCache<ChunkId>,
}

impl ZarrSource {
    /// The image in a folder, or at an address where such can be read: a Zarr array, or level 0 of an OME-Zarr group.
    ///
    /// # Errors
    /// `Missing` where there is no such folder or array; `Data` where it is no image that can be read: its type, axes,
    /// codecs or metadata; `Io` where a server does not give it; `Usage` where the options do not fit it.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let folder = Folder::new(path, options)?;
        let node = metadata::read_node(&folder)?.ok_or_else(|| not_zarr(&folder).at(path))?;
        match node {
            Node::Array(_) => Self::open_array(path, folder, None, options).map_err(|error| placed(error, path)),
            Node::Group { attributes } => {
                let level = ome::first_level(&attributes).map_err(|error| error.at(path))?;
                let level = level.ok_or_else(|| no_image(&folder).at(path))?;
                let folder = folder.join(&level.path);
                let place = folder.path("");
                Self::open_array(path, folder, Some(&level), options).map_err(|error| placed(error, &place))
            }
        }
    }

    fn open_array(name: &Path, folder: Folder, level: Option<&Level>, options: &OpenOptions) -> Result<Self> {
        let Some(Node::Array(node)) = metadata::read_node(&folder)? else {
            return Err(Error::new(Kind::Missing, "is not there, though the OME metadata name it; copy it again"));
        };
        let (stored, _) = parse_dtype(&node.dtype).ok_or_else(|| unsupported_dtype(&node.dtype))?;
        let names = level.and_then(|level| level.names.as_ref()).or(node.names.as_ref());
        if names.is_some_and(|names| names.len() != node.shape.len()) {
            let axes = node.shape.len();
            return Err(Error::data(format!("has {axes} axes, but its metadata name another number; write it again")));
        }
        let selection = select(&axes(&node.shape, names.map(Vec::as_slice), options)?, options)?;
        let dimensions = selection.kept.len();
        let found = level.map(|level| ome::calibration(level, node.shape.len(), &selection.kept)).transpose()?;
        let calibration = found.unwrap_or_default().settle(dimensions, options)?;
        let blocks = Blocks::open(folder, stored, selection)?;
        let (shape, block) = (blocks.image_shape(), blocks.shape());
        let plan = read_plan(shape, block, block, dimensions, stored.size(), options.cache);
        let description = Description {
            name: masked(&name.to_string_lossy()).into_owned(),
            shape,
            dimensions,
            dtype: stored.dtype(),
            stored,
            spacing: calibration.spacing,
            unit: calibration.unit.clone(),
            chunk: plan.chunk,
            fill: blocks.fill(),
        };
        let grid = Grid::new(Region::of_shape(shape), block);
        Ok(ZarrSource { blocks, grid, calibration, description, cache: BlockCache::new(plan.cache) })
    }

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

    fn warnings(&self) -> Vec<String> {
        self.calibration.warning.iter().map(|warning| format!("{}: {warning}", self.description.name)).collect()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let Description { dtype, fill, .. } = self.description;
        let mut whole: Option<Voxels> = None;
        for place in self.grid.chunks_in(region) {
            let Some((at, part)) = self.part(place, region)? else {
                refuse_fill(fill).map_err(|error| self.blocks.locate(error, place))?;
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
        let files = each_once(self.grid.chunks_in(region).map(|place| self.blocks.path(place)).collect());
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
                paths.entry(place).or_insert_with(|| self.blocks.path(place));
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

/// An error at a place, unless it is at a file already.
fn placed(error: Error, place: &Path) -> Error {
    if error.is_placed() { error } else { error.at(place) }
}

/// The refusal of a folder without metadata.
fn not_zarr(folder: &Folder) -> Error {
    match folder.local() {
        Some(path) => {
            let kind = if path.exists() { Kind::Data } else { Kind::Missing };
            Error::new(kind, "is no Zarr array; check the path")
        }
        None => {
            let message = "holds no Zarr array, or nothing at all; check the address (images in other forms have to be \
                           copied to a disk)";
            Error::new(Kind::Missing, message)
        }
    }
}

/// The refusal of a group without OME metadata, with the arrays that it has, as far as they can be listed.
fn no_image(folder: &Folder) -> Error {
    let listed = folder.local().and_then(|folder| std::fs::read_dir(folder).ok());
    let paths = listed.into_iter().flatten().flatten().map(|entry| entry.path());
    let mut arrays: Vec<PathBuf> = paths.filter(|path| is_zarr(path)).collect();
    arrays.sort();
    let advice = match arrays.first() {
        Some(first) => format!("give the path of one array in it, such as {}", first.display()),
        None => "give the path of an array".to_owned(),
    };
    Error::data(format!("is a Zarr group without the metadata of an OME image; {advice}"))
}
