//! The stored blocks of a Zarr array: its chunks, or the inner chunks of its shards.

use std::num::NonZeroU64;
use std::path::PathBuf;

use ndarray::{ArrayD, Axis, Ix3};
use zarrs::array::codec::CodecChain;
use zarrs::array::{
    Array, ArrayBytes, ArrayCreateError, ArrayError, ArrayShardedExt, ArraySubset, ArrayToBytesCodecTraits,
    BytesRepresentation, CodecError, CodecOptions, DataType, FillValue,
};
use zarrs::storage::{ReadableStorageTraits, StorageError};

use super::folder::Folder;
use super::shard::Shards;
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::space::Region;
use crate::store::axes::Selection;
use crate::store::values::{Endian, from_bytes};
use crate::store::{StoredType, file};
use crate::with_voxels;

/// Bytes that any encoded chunk may have beside what follows from its shape.
const SLACK: u64 = 64 << 10;

/// An array, wherever it is stored.
pub(crate) type StoredArray = Array<dyn ReadableStorageTraits>;

/// The blocks of an array, on a grid along (z, y, x) through the image that a selection picks from it.
pub(crate) struct Blocks {
    array: StoredArray,
    folder: Folder,
    stored: StoredType,
    selection: Selection,
    /// Voxels of a block along every axis of the array.
    block: Vec<u64>,
    /// How blocks are found in shards, where they are the inner chunks of some.
    shards: Option<Shards>,
    /// Bytes of a stored chunk at most, as it is encoded, where it is read whole.
    most: u64,
    codecs: CodecOptions,
}

impl Blocks {
    /// The blocks of the array in a folder.
    ///
    /// # Errors
    /// `Data` where the metadata ask for a codec, a grid or an extension that is not supported.
    pub(crate) fn open(folder: Folder, stored: StoredType, selection: Selection) -> Result<Self> {
        let array = Array::open(folder.store()?, "/").map_err(creation_error)?;
        let plain = |shape: &[NonZeroU64]| -> Vec<u64> { shape.iter().map(|n| n.get()).collect() };
        let origin = vec![0; array.dimensionality()];
        let chunk = array.chunk_shape(&origin).map_err(|error| array_error(&error))?;
        let regular = chunk_grid_is_regular(&array, &chunk);
        if !regular {
            return Err(Error::data("has chunks of different shapes; write it with chunks of one shape"));
        }
        let shards = Shards::of(&array, &chunk)?;
        let block = plain(shards.as_ref().map_or(&chunk, |shards| &shards.inner));
        // Shards are read in part, and know themselves how long their parts are.
        let whole = shards.is_none();
        let most = if whole { most_encoded(&array.codecs(), &chunk, array.data_type(), array.fill_value()) } else { 0 };
        let codecs = CodecOptions::default().with_concurrent_target(1);
        Ok(Blocks { array, folder, stored, selection, block, shards, most, codecs })
    }

    /// Voxels of a block along (z, y, x).
    pub(crate) fn shape(&self) -> [usize; 3] {
        self.along_zyx(&self.block).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Blocks of a file along (z, y, x): more than one where they are the inner chunks of a shard.
    pub(crate) fn per_file(&self) -> [usize; 3] {
        let shards = self.shards.as_ref();
        let blocks: Vec<u64> =
            shards.map_or(vec![1; self.block.len()], |shards| shards.per_shard.iter().map(|n| n.get()).collect());
        self.along_zyx(&blocks).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Voxels of the image along (z, y, x).
    pub(crate) fn image_shape(&self) -> [usize; 3] {
        self.along_zyx(self.array.shape()).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// The value of voxels that are not stored.
    pub(crate) fn fill(&self) -> f64 {
        fn first<T: Value>(array: &ndarray::Array3<T>) -> f64 {
            array[[0, 0, 0]].to_f64()
        }
        let bytes = self.array.fill_value().as_ne_bytes().to_vec();
        let value = from_bytes(self.stored, [1; 3], bytes, Endian::NATIVE);
        with_voxels!(&value, array => first(array))
    }

    /// The box of a block, which may reach beyond the image at its far sides.
    pub(crate) fn region(&self, place: ChunkId) -> Region {
        let (place, shape) = (place.place(), self.shape());
        let shape = shape.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let min = std::array::from_fn(|a| place[a] * shape[a]);
        Region::new(min, std::array::from_fn(|a| min[a] + shape[a]))
    }

    /// The values of a whole block, decoded; `None` where it is not stored.
    ///
    /// # Errors
    /// `Data` where it is damaged, by its file and its place; `Io` where it cannot be read.
    pub(crate) fn decode(&self, place: ChunkId) -> Result<Option<Voxels>> {
        let index = self.index(place);
        let bytes = match &self.shards {
            None => self.decode_chunk(&index),
            Some(shards) => {
                let key = self.key(&self.stored_chunk(&index));
                shards.decode(&self.folder, &key, &index, &self.array, &self.codecs)
            }
        };
        let voxels = bytes.and_then(|bytes| bytes.map(|bytes| self.voxels(bytes, &self.block)).transpose());
        voxels.map_err(|error| self.locate(error, place))
    }

    /// The values of a part of a block (`part` relative to the block), read without the rest of it, where it is stored
    /// uncompressed; `None` where it is not stored.
    ///
    /// # Errors
    /// As [`Blocks::decode`].
    pub(crate) fn read_part(&self, place: ChunkId, part: &Region) -> Result<Option<Voxels>> {
        let index = self.index(place);
        if !self.folder.contains(&self.key(&index))? {
            return Ok(None);
        }
        let mut ranges: Vec<_> = self.selection.fixed.iter().zip(&self.block).map(|(i, n)| i % n..i % n + 1).collect();
        let skipped = 3 - self.selection.kept.len();
        for (a, &axis) in self.selection.kept.iter().enumerate() {
            let bound = |n: i64| u64::try_from(n).unwrap_or(0);
            ranges[axis] = bound(part.min[a + skipped])..bound(part.max[a + skipped]);
        }
        let shape: Vec<u64> = ranges.iter().map(|r| r.end - r.start).collect();
        let subset = ArraySubset::new_with_ranges(&ranges);
        let bytes = self.array.retrieve_chunk_subset_opt::<ArrayBytes<'static>>(&index, &subset, &self.codecs);
        let bytes = bytes.map_err(|error| array_error(&error)).and_then(fixed);
        bytes.and_then(|bytes| self.voxels(bytes, &shape)).map(Some).map_err(|error| self.locate(error, place))
    }

    /// Whether parts of blocks can be read without the rest, row by row.
    pub(crate) fn can_be_read_in_part(&self) -> bool {
        self.folder.local().is_some()
            && self.shards.is_none()
            && !self.array.is_sharded()
            && self.array.codecs().bytes_to_bytes_codecs().is_empty()
    }

    /// An error at a block: its file, and its place on the grid.
    pub(crate) fn locate(&self, error: Error, place: ChunkId) -> Error {
        error.at(self.path(place)).in_chunk(place)
    }

    /// The file that a block is in, or would be.
    pub(crate) fn path(&self, place: ChunkId) -> PathBuf {
        self.folder.path(&self.file(place))
    }

    /// The key of the file that a block is in, or would be.
    fn file(&self, place: ChunkId) -> String {
        self.key(&self.stored_chunk(&self.index(place)))
    }

    /// Whether the file that a block is in, or would be, is there.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub(crate) fn is_stored(&self, place: ChunkId) -> Result<bool> {
        self.folder.contains(&self.file(place))
    }

    /// Whether files have marks that can be had without reading them.
    pub(crate) fn has_marks(&self) -> bool {
        self.folder.local().is_some()
    }

    fn along_zyx(&self, values: &[u64]) -> [u64; 3] {
        let skipped = 3 - self.selection.kept.len();
        std::array::from_fn(|a| if a < skipped { 1 } else { values[self.selection.kept[a - skipped]] })
    }

    /// The place of a block on the array's own grid of blocks.
    fn index(&self, place: ChunkId) -> Vec<u64> {
        let skipped = 3 - self.selection.kept.len();
        let mut index: Vec<u64> = self.selection.fixed.iter().zip(&self.block).map(|(i, n)| i / n).collect();
        for (a, &axis) in self.selection.kept.iter().enumerate() {
            index[axis] = u64::try_from(place.place()[a + skipped]).unwrap_or(0);
        }
        index
    }

    /// The stored chunk (the shard) that a block is in.
    fn stored_chunk(&self, index: &[u64]) -> Vec<u64> {
        match &self.shards {
            Some(shards) => index.iter().zip(&shards.per_shard).map(|(i, n)| i / n.get()).collect(),
            None => index.to_vec(),
        }
    }

    fn key(&self, index: &[u64]) -> String {
        self.array.chunk_key(index).as_str().to_owned()
    }

    fn decode_chunk(&self, index: &[u64]) -> Result<Option<Vec<u8>>> {
        let Some(encoded) = self.folder.read(&self.key(index), self.most)? else { return Ok(None) };
        let shape: Vec<NonZeroU64> = self.block.iter().filter_map(|&n| NonZeroU64::new(n)).collect();
        let (array, codecs) = (&self.array, self.array.codecs());
        let (data_type, fill) = (array.data_type(), array.fill_value());
        let decoded = codecs.decode(encoded.into(), &shape, data_type, fill, &self.codecs);
        fixed(decoded.map_err(|error| codec_error(&error))?.into_owned()).map(Some)
    }

    /// The image's values among those of a box of the array.
    fn voxels(&self, bytes: Vec<u8>, shape: &[u64]) -> Result<Voxels> {
        let shape: Vec<usize> = shape.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
        let values: usize = shape.iter().product();
        if bytes.len() != values * self.stored.size() {
            return Err(damaged());
        }
        let flat = from_bytes(self.stored, [1, 1, values], bytes, Endian::NATIVE);
        let (selection, block) = (&self.selection, &self.block);
        let within = |a: usize| if shape[a] == 1 { 0 } else { selection.fixed[a] % block[a] };
        with_voxels!(flat, array => pick(array, &shape, &selection.kept, within))
    }
}

/// The values along the axes kept, as an array of three axes; `within` gives the index along each of the others.
fn pick<T: Value>(
    flat: ndarray::Array3<T>,
    shape: &[usize],
    kept: &[usize],
    within: impl Fn(usize) -> u64,
) -> Result<Voxels> {
    let mut array: ArrayD<T> =
        ArrayD::from_shape_vec(shape, flat.into_raw_vec_and_offset().0).map_err(|_| damaged())?;
    for axis in (0..shape.len()).rev().filter(|axis| !kept.contains(axis)) {
        let index = usize::try_from(within(axis)).unwrap_or(usize::MAX);
        array = if shape[axis] == 1 { array.remove_axis(Axis(axis)) } else { array.index_axis_move(Axis(axis), index) };
    }
    if kept.len() == 2 {
        array = array.insert_axis(Axis(0));
    }
    let array = array.into_dimensionality::<Ix3>().map_err(|error| Error::internal(error.to_string()))?;
    Ok(T::wrap(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }))
}

/// Bytes that a chunk can have once it is encoded, and some for those who encode badly.
pub(crate) fn most_encoded(codecs: &CodecChain, shape: &[NonZeroU64], data_type: &DataType, fill: &FillValue) -> u64 {
    let values = shape.iter().fold(1, |product: u64, n| product.saturating_mul(n.get()));
    // No type here has values of more than 16 bytes.
    let raw = values.saturating_mul(data_type.fixed_size().unwrap_or(16) as u64);
    let most = match codecs.encoded_representation(shape, data_type, fill) {
        Ok(BytesRepresentation::FixedSize(size) | BytesRepresentation::BoundedSize(size)) => size.max(raw),
        Ok(BytesRepresentation::UnboundedSize) | Err(_) => raw.saturating_mul(2),
    };
    most.saturating_add(most / 4).saturating_add(SLACK)
}

fn chunk_grid_is_regular(array: &StoredArray, first: &[NonZeroU64]) -> bool {
    let last: Vec<u64> = array.chunk_grid_shape().iter().map(|n| n.saturating_sub(1)).collect();
    array.chunk_shape(&last).is_ok_and(|last| last.as_slice() == first)
}

fn fixed(bytes: ArrayBytes<'static>) -> Result<Vec<u8>> {
    bytes.into_fixed().map(std::borrow::Cow::into_owned).map_err(|_| damaged())
}

pub(crate) fn damaged() -> Error {
    Error::data("is damaged or cut off; copy it again from where it came")
}

/// The refusal of an array whose codecs are not supported.
pub(crate) fn encoding_error(cause: &dyn std::fmt::Display) -> Error {
    Error::data("is encoded in a way that is not supported; write it with zstd, blosc or gzip").because(cause)
}

fn creation_error(error: ArrayCreateError) -> Error {
    match error {
        ArrayCreateError::CodecsCreateError(_) => encoding_error(&error),
        // What a version 2 array asks for and has no counterpart in version 3 are codecs: its type has been checked.
        ArrayCreateError::UnsupportedZarrV2Array(_) => encoding_error(&error),
        ArrayCreateError::StorageError(StorageError::IOError(error)) => read_failed(&error),
        error => Error::data("has Zarr metadata that are not supported; write the array again").because(error),
    }
}

/// The sentence for a part of a chunk that did not decode.
fn array_error(error: &ArrayError) -> Error {
    match error {
        ArrayError::StorageError(StorageError::IOError(error)) => io_error(error),
        ArrayError::CodecError(error) => codec_error(error),
        error => damaged().because(error),
    }
}

/// The sentence for a chunk that did not decode.
pub(crate) fn codec_error(error: &CodecError) -> Error {
    match error {
        CodecError::StorageError(StorageError::IOError(error)) => io_error(error),
        CodecError::IOError(error) => io_error(error),
        error => damaged().because(error),
    }
}

/// Decoders report damage as errors of reading too: those that are not the operating system's.
fn io_error(error: &std::io::Error) -> Error {
    if error.raw_os_error().is_some() { file::read_failed(error) } else { damaged().because(error) }
}

/// The error of a store: its own, or the operating system's.
fn read_failed(error: &std::io::Error) -> Error {
    #[cfg(feature = "http")]
    if let Some(error) = super::served::own_error(error) {
        return error.clone();
    }
    file::read_failed(error)
}
