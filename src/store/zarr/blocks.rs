//! The stored blocks of a Zarr array: its chunks, or the inner chunks of its shards.

use std::path::PathBuf;

use ndarray::{ArrayD, Axis, Ix3};

use super::faults::{damaged, sent_encoded};
use super::folder::Folder;
use super::form::{ChunkKeys, ZarrForm};
use super::shard::Shards;
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Kind, Result};
use crate::grid::ChunkId;
use crate::space::Region;
use crate::store::axes::AxisSelection;
use crate::store::file;
use crate::store::values::{Endian, from_bytes};
use crate::with_voxels;

/// The blocks of an array, on a grid along (z, y, x) over the image that a selection picks from it.
pub(crate) struct Blocks {
    form: ZarrForm,
    keys: ChunkKeys,
    folder: Folder,
    selection: AxisSelection,
    /// Shape of a block along every axis of the array.
    block: Vec<u64>,
    /// Access to blocks in shards, if they are inner chunks of shards.
    shards: Option<Shards>,
    /// Largest size of an encoded chunk or inner chunk, in bytes.
    largest: usize,
}

impl Blocks {
    /// Opens the blocks of the array in a folder.
    ///
    /// # Errors
    /// `Data` if shards have too many chunks; `Io` if a server does not answer which keys chunks have.
    pub(crate) fn open(folder: Folder, form: ZarrForm, selection: AxisSelection) -> Result<Self> {
        let shards = Shards::of(&form)?;
        let sharding = form.sharding.as_ref();
        let block = sharding.map_or_else(|| form.chunk.clone(), |sharding| sharding.inner.clone());
        let chain = sharding.map_or(&form.chain, |sharding| &sharding.chain);
        let largest = chain.largest(volume(&block), form.stored.size());
        let keys = form.keys.map_or_else(|| found_keys(&folder, block.len()), Ok)?;
        Ok(Blocks { form, keys, folder, selection, block, shards, largest })
    }

    /// Shape of a block along (z, y, x).
    pub(crate) fn shape(&self) -> [usize; 3] {
        self.along_zyx(&self.block).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Blocks of a file along (z, y, x): more than one if they are the inner chunks of a shard.
    pub(crate) fn per_file(&self) -> [usize; 3] {
        let shards = self.shards.as_ref();
        let blocks = shards.map_or_else(|| vec![1; self.block.len()], |shards| shards.per_shard.clone());
        self.along_zyx(&blocks).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Shape of the image along (z, y, x).
    pub(crate) fn image_shape(&self) -> [usize; 3] {
        self.along_zyx(&self.form.shape).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Refuses chunks that are not stored, if the fill value cannot be computed with.
    pub(crate) fn require_fill(&self) -> Result<()> {
        self.form.fill.require(self.form.stored)
    }

    pub(crate) fn form(&self) -> &ZarrForm {
        &self.form
    }

    /// The box of a block, which may reach beyond the image at its far sides.
    pub(crate) fn region(&self, place: ChunkId) -> Region {
        let (place, shape) = (place.place(), self.shape());
        let shape = shape.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let min = std::array::from_fn(|a| place[a] * shape[a]);
        Region::new(min, std::array::from_fn(|a| min[a] + shape[a]))
    }

    /// The values of a whole block, decoded; `None` if it is not stored.
    ///
    /// # Errors
    /// `Data` if it is damaged, with its file and position; `Io` if it cannot be read.
    pub(crate) fn decode(&self, place: ChunkId) -> Result<Option<Voxels>> {
        let index = self.index(place);
        let values = volume(&self.block);
        let decoded = match (&self.shards, &self.form.sharding) {
            (Some(shards), Some(sharding)) => {
                let key = self.key(&self.stored_chunk(&index));
                let encoded = shards.read(&self.folder, &key, &index, self.largest);
                (encoded, &sharding.chain)
            }
            _ => (self.folder.read(&self.key(&index), self.largest as u64), &self.form.chain),
        };
        let (encoded, chain) = decoded;
        let voxels = encoded.and_then(|encoded| {
            let bytes = encoded.map(|encoded| chain.decode(encoded, values, self.form.stored.size()));
            bytes.map(|bytes| self.voxels(bytes?, &self.block, &chain.order, chain.endian)).transpose()
        });
        voxels.map_err(|error| self.locate(self.explained(error), place))
    }

    /// An error of a block's content: if the server encodes what it sends, this is the reason.
    fn explained(&self, error: Error) -> Error {
        let is_content = error.kind() == Kind::Data;
        self.folder.encoding().filter(|_| is_content).map_or(error, sent_encoded)
    }

    /// The values of a part of a block (`part` relative to the block), read without the rest of it if it is stored
    /// uncompressed; `None` if it is not stored.
    ///
    /// # Errors
    /// Those of [`Blocks::decode`].
    pub(crate) fn read_part(&self, place: ChunkId, part: &Region) -> Result<Option<Voxels>> {
        let index = self.index(place);
        let mut ranges: Vec<_> = self.selection.fixed.iter().zip(&self.block).map(|(i, n)| i % n..i % n + 1).collect();
        let skipped = 3 - self.selection.kept.len();
        for (a, &axis) in self.selection.kept.iter().enumerate() {
            let bound = |n: i64| u64::try_from(n).unwrap_or(0);
            ranges[axis] = bound(part.min[a + skipped])..bound(part.max[a + skipped]);
        }
        let shape: Vec<u64> = ranges.iter().map(|r| r.end - r.start).collect();
        let chain = &self.form.chain;
        let within = |values: &[u64]| chain.order.iter().map(|&axis| values[axis]).collect::<Vec<_>>();
        let wanted: Vec<_> = chain.order.iter().map(|&axis| ranges[axis].clone()).collect();
        let bytes =
            part_of_file(&self.path_of(&self.key(&index)), &within(&self.block), &wanted, self.form.stored.size());
        let voxels = bytes
            .and_then(|bytes| bytes.map(|bytes| self.voxels(bytes, &shape, &chain.order, chain.endian)).transpose());
        voxels.map_err(|error| self.locate(error, place))
    }

    /// Whether parts of blocks can be read without the rest, row by row.
    pub(crate) fn can_be_read_in_part(&self) -> bool {
        self.folder.local().is_some() && self.form.sharding.is_none() && self.form.chain.steps.is_empty()
    }

    /// An error at a block, with its file and its position on the grid.
    pub(crate) fn locate(&self, error: Error, place: ChunkId) -> Error {
        error.at(self.path(place)).in_chunk(place)
    }

    /// The file of a block, stored or not, as messages name it.
    fn path(&self, place: ChunkId) -> PathBuf {
        self.path_of(&self.file(place))
    }

    fn path_of(&self, key: &str) -> PathBuf {
        self.folder.path(key)
    }

    /// The local file whose state is that of a block; `None` if it is on a server.
    pub(crate) fn marked(&self, place: ChunkId) -> Option<PathBuf> {
        self.folder.marked(&self.file(place))
    }

    /// The key of a block's file, stored or not.
    fn file(&self, place: ChunkId) -> String {
        self.key(&self.stored_chunk(&self.index(place)))
    }

    /// Whether the file of a block exists.
    ///
    /// # Errors
    /// If this cannot be determined.
    pub(crate) fn is_stored(&self, place: ChunkId) -> Result<bool> {
        self.folder.contains(&self.file(place))
    }

    /// Path of the folder, if it is on a file system.
    pub(crate) fn local(&self) -> Option<&std::path::Path> {
        self.folder.local()
    }

    /// Whether files have marks without being read.
    pub(crate) fn has_marks(&self) -> bool {
        !self.folder.is_served()
    }

    /// Whether no chunk of the array is stored at all; false if that takes long to find out.
    pub(crate) fn is_empty(&self) -> bool {
        const METADATA: [&str; 5] = ["zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"];
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let are_places = |text: &str| text.split('.').count() == self.block.len() && text.split('.').all(digits);
        let is_chunk = |name: &String| match self.keys {
            ChunkKeys { prefixed: true, separator: '/' } => name == "c",
            ChunkKeys { prefixed: true, .. } => name.strip_prefix("c.").is_some_and(are_places),
            ChunkKeys { separator: '/', .. } => digits(name),
            ChunkKeys { .. } => are_places(name),
        };
        let children = self.folder.children();
        children.is_some_and(|names| !names.iter().any(|name| !METADATA.contains(&&**name) && is_chunk(name)))
    }

    /// The boxes of the stored files that hold voxels of the image; `None` if they cannot be listed, or if the fill
    /// value of missing files cannot be computed with.
    ///
    /// # Errors
    /// If the operating system cannot list them.
    pub(crate) fn stored(&self) -> Result<Option<Vec<Region>>> {
        if self.require_fill().is_err() { Ok(None) } else { self.stored_files() }
    }

    /// Like [`Blocks::stored`], with any fill value.
    ///
    /// # Errors
    /// If the operating system cannot list them.
    pub(crate) fn stored_files(&self) -> Result<Option<Vec<Region>>> {
        let axes = self.block.len();
        let levels = if self.keys.separator == '/' { axes + usize::from(self.keys.prefixed) } else { 1 };
        let enters = |name: &str| name == "c" || name.bytes().all(|byte| byte.is_ascii_digit());
        let Some(keys) = self.folder.keys(levels, &enters)? else { return Ok(None) };
        let shards = self.shards.as_ref();
        let per_file = shards.map_or_else(|| vec![1; axes], |shards| shards.per_shard.clone());
        let file: Vec<u64> = self.block.iter().zip(&per_file).map(|(block, n)| block.saturating_mul(*n)).collect();
        let image = Region::of_shape(self.image_shape());
        let fixed = &self.selection.fixed;
        let is_kept = |axis: usize| self.selection.kept.contains(&axis);
        let region = |place: Vec<u64>| {
            if (0..axes).any(|axis| !is_kept(axis) && fixed[axis] / file[axis] != place[axis]) {
                return None;
            }
            let first: Vec<u64> = place.iter().zip(&file).map(|(place, n)| place.saturating_mul(*n)).collect();
            let bound = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            let min = self.along_zyx_or(&first, 0).map(bound);
            let shape = self.along_zyx_or(&file, 1).map(bound);
            let region = Region::new(min, std::array::from_fn(|a| min[a].saturating_add(shape[a])));
            Some(region).filter(|region| !region.intersection(&image).is_empty())
        };
        Ok(Some(keys.iter().filter_map(|key| region(self.keys.place(key, axes)?)).collect()))
    }

    fn along_zyx_or(&self, values: &[u64], other: u64) -> [u64; 3] {
        let skipped = 3 - self.selection.kept.len();
        std::array::from_fn(|a| if a < skipped { other } else { values[self.selection.kept[a - skipped]] })
    }

    fn along_zyx(&self, values: &[u64]) -> [u64; 3] {
        self.along_zyx_or(values, 1)
    }

    /// The position of a block on the array's own grid of blocks.
    fn index(&self, place: ChunkId) -> Vec<u64> {
        let skipped = 3 - self.selection.kept.len();
        let mut index: Vec<u64> = self.selection.fixed.iter().zip(&self.block).map(|(i, n)| i / n).collect();
        for (a, &axis) in self.selection.kept.iter().enumerate() {
            index[axis] = u64::try_from(place.place()[a + skipped]).unwrap_or(0);
        }
        index
    }

    /// The stored chunk (the shard) of a block.
    fn stored_chunk(&self, index: &[u64]) -> Vec<u64> {
        match &self.shards {
            Some(shards) => index.iter().zip(&shards.per_shard).map(|(i, n)| i / n).collect(),
            None => index.to_vec(),
        }
    }

    fn key(&self, index: &[u64]) -> String {
        self.keys.key(index)
    }

    /// The image's values among those of a box of the array, whose axes have their own order.
    fn voxels(&self, bytes: Vec<u8>, shape: &[u64], order: &[usize], endian: Endian) -> Result<Voxels> {
        let shape: Vec<usize> = shape.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
        let flat = from_bytes(self.form.stored, [1, 1, shape.iter().product()], bytes, endian);
        let (selection, block) = (&self.selection, &self.block);
        let within = |a: usize| if shape[a] == 1 { 0 } else { selection.fixed[a] % block[a] };
        with_voxels!(flat, array => pick(array, &shape, order, &selection.kept, within))
    }
}

/// The values along the kept axes, in the order of `kept`, as an array of three axes; `order` lists the axes in the
/// order of the stored values, and `within` returns the index along each other axis.
fn pick<T: Value>(
    flat: ndarray::Array3<T>,
    shape: &[usize],
    order: &[usize],
    kept: &[usize],
    within: impl Fn(usize) -> u64,
) -> Result<Voxels> {
    let stored: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let mut array: ArrayD<T> =
        ArrayD::from_shape_vec(stored, flat.into_raw_vec_and_offset().0).map_err(|_| damaged())?;
    let mut axes = order.to_vec();
    for place in (0..axes.len()).rev().filter(|&place| !kept.contains(&order[place])) {
        let axis = axes.remove(place);
        let index = usize::try_from(within(axis)).unwrap_or(usize::MAX);
        array =
            if shape[axis] == 1 { array.remove_axis(Axis(place)) } else { array.index_axis_move(Axis(place), index) };
    }
    let places: Option<Vec<usize>> = kept.iter().map(|axis| axes.iter().position(|it| it == axis)).collect();
    let places = places.ok_or_else(|| Error::internal(format!("axes {kept:?} are not all of {order:?}")))?;
    array = array.permuted_axes(places);
    if kept.len() == 2 {
        array = array.insert_axis(Axis(0));
    }
    let array = array.into_dimensionality::<Ix3>().map_err(|error| Error::internal(error.to_string()))?;
    Ok(T::wrap(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }))
}

/// A box of a file that contains only an array in C order; `None` if the file does not exist.
fn part_of_file(
    path: &std::path::Path,
    shape: &[u64],
    ranges: &[std::ops::Range<u64>],
    size: usize,
) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let (file, length) = file::open(path)?;
    if length != (volume(shape) as u64).saturating_mul(size as u64) {
        return Err(damaged());
    }
    let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (shape, ranges): (Vec<usize>, Vec<_>) = (
        shape.iter().map(|&n| whole(n)).collect(),
        ranges.iter().map(|range| whole(range.start)..whole(range.end)).collect(),
    );
    // The last three axes are read as one box, for each index along those before.
    let missing = 3usize.saturating_sub(shape.len());
    let (shape, ranges) = ([vec![1; missing], shape].concat(), [vec![0..1; missing], ranges].concat());
    let outer = shape.len() - 3;
    let (plane, inner) = (shape[outer..].iter().product::<usize>(), std::array::from_fn(|a| ranges[outer + a].clone()));
    let mut bytes = Vec::new();
    let mut index: Vec<usize> = ranges[..outer].iter().map(|range| range.start).collect();
    loop {
        let at = index.iter().zip(&shape).fold(0, |at, (i, n)| at * n + i);
        let part = file::read_box(
            &file,
            (at * plane * size) as u64,
            size,
            [shape[outer], shape[outer + 1], shape[outer + 2]],
            inner.clone(),
        );
        let part = part.map_err(|error| file::read_failed(&error))?;
        if outer == 0 {
            return Ok(Some(part));
        }
        bytes.extend(part);
        let Some(axis) = (0..outer).rev().find(|&axis| index[axis] + 1 < ranges[axis].end) else { break };
        index[axis] += 1;
        (axis + 1..outer).for_each(|later| index[later] = ranges[later].start);
    }
    Ok(Some(bytes))
}

/// The keys of an array whose metadata lack their separator: that of the existing keys, otherwise a point.
///
/// # Errors
/// If a server does not answer.
fn found_keys(folder: &Folder, axes: usize) -> Result<ChunkKeys> {
    let keys = |separator| ChunkKeys { prefixed: false, separator };
    let nested = match folder.children() {
        Some(names) => {
            let is_place = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let is_flat = |name: &String| name.contains('.') && name.split('.').all(is_place);
            axes > 1 && !names.iter().any(is_flat) && names.iter().any(|name| is_place(name))
        }
        None => {
            let first = vec![0; axes];
            let found = |separator| folder.contains(&keys(separator).key(&first));
            !found('.')? && found('/')?
        }
    };
    Ok(keys(if nested { '/' } else { '.' }))
}

/// The number of values of a shape, which is known not to overflow.
fn volume(shape: &[u64]) -> usize {
    let counted = shape.iter().try_fold(1u64, |count, &n| count.checked_mul(n));
    counted.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
}
