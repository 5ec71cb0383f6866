//! A Zarr v3 array in a folder, written chunk by chunk.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "dataflow")]
use std::time::{Duration, Instant};

use zarrs::array::codec::bytes_to_bytes::blosc::{BloscCompressionLevel, BloscCompressor, BloscShuffleMode};
use zarrs::array::codec::{BloscCodec, ZstdCodec};
use zarrs::array::{
    Array, ArrayBuilder, ArrayBytes, ArrayToBytesCodecTraits, BytesToBytesCodecTraits, CodecOptions, DataType,
    FillValue, data_type,
};
use zarrs::filesystem::FilesystemStore;

use crate::chunk::{Value, Voxels};
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::{Region, Spacing};
use crate::store::StoredType;
use crate::store::disk;
use crate::store::file::write_failed;
use crate::store::values::paste;
use crate::with_voxels;

/// Compression of chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Zstandard at its first level: smallest for masks.
    #[default]
    Zstd,
    /// The shortest time in proportion to the size: LZ4 in Blosc, with bits of equal significance grouped, and
    /// Zstandard for values of one byte.
    Fast,
    /// Zstandard in Blosc, with bytes of equal significance grouped: smaller for values of several bytes.
    Blosc,
}

/// The description of an array to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayForm {
    /// Shape along (z, y, x), in voxels.
    pub shape: [usize; 3],
    /// Number of dimensions, 2 or 3: an image is written with the axes (y, x), a volume with (z, y, x).
    pub dimensions: usize,
    /// Number of images of this shape along a first axis c; without channels there is no such axis.
    pub channels: Option<usize>,
    /// Type of the values.
    pub dtype: StoredType,
    /// Shape of a chunk along (z, y, x), in voxels.
    pub chunk: [usize; 3],
    /// Compression of chunks.
    pub compression: Compression,
    /// Size of a voxel, written as attribute `spacing`.
    pub spacing: Option<Spacing>,
    /// Unit of the spacing, written as attribute `unit`.
    pub unit: Option<String>,
}

/// The level of Zstandard. At the third one a chunk that is nearly empty takes three halves of the time, and a few bytes more.
pub(super) const LEVEL: u8 = 1;
/// The file of an array's metadata.
const METADATA: &str = "zarr.json";
/// How long a shared file system may take to show what another process has written.
#[cfg(feature = "dataflow")]
const PATIENCE: Duration = Duration::from_secs(5);

/// A Zarr v3 array that several threads write at once, each its own chunks. Chunks that are not written hold 0.
pub struct ArrayWriter {
    array: Array<FilesystemStore>,
    folder: PathBuf,
    /// Whether the folder is another process's, which may remove it when it ends.
    shared: bool,
    form: ArrayForm,
    grid: Grid,
    codecs: CodecOptions,
}

impl ArrayWriter {
    /// Creates an array in a folder, which is created if it does not exist. Its parent must exist, so that a folder
    /// that was removed meanwhile does not come back.
    ///
    /// # Errors
    /// `Usage` if a chunk has no voxels; `Output` or `Io` if the folder or the metadata cannot be written.
    pub fn create(folder: impl AsRef<Path>, form: ArrayForm) -> Result<Self> {
        let folder = folder.as_ref();
        let created = disk::make_folder(folder).map_err(|error| write_failed(&error));
        created
            .and_then(|()| Self::new(folder, form))
            .and_then(|(writer, metadata)| {
                let path = folder.join(METADATA);
                disk::write(&path, metadata.as_bytes()).map_err(|error| write_failed(&error).at(&path))?;
                Ok(writer)
            })
            .map_err(|error| error.at(folder))
    }

    /// Opens the array that another process has created with this form, and that both write.
    ///
    /// # Errors
    /// `Output` if there is no such array: a shared file system may take seconds to show it.
    #[cfg(feature = "dataflow")]
    pub(super) fn join(folder: impl AsRef<Path>, form: ArrayForm) -> Result<Self> {
        let folder = folder.as_ref();
        let (mut writer, metadata) = Self::new(folder, form)?;
        let deadline = Instant::now() + PATIENCE;
        while std::fs::read(folder.join(METADATA)).ok().as_deref() != Some(metadata.as_bytes()) {
            if Instant::now() > deadline {
                let message = "process 0 does not write here; give all processes the same folder for outputs, on a file \
                               system that they share";
                return Err(Error::new(Kind::Output, message));
            }
            std::thread::sleep(PATIENCE / 100);
        }
        writer.shared = true;
        Ok(writer)
    }

    /// The array, and the text of its metadata; writes nothing.
    fn new(folder: &Path, form: ArrayForm) -> Result<(Self, String)> {
        if form.chunk.contains(&0) {
            return Err(Error::usage("cannot have chunks without voxels; give a chunk shape of positive numbers"));
        }
        let axes = 3 - form.dimensions.clamp(2, 3)..3;
        let along = |channels: Option<usize>, values: [usize; 3]| -> Vec<u64> {
            channels.iter().chain(&values[axes.clone()]).map(|&n| n as u64).collect()
        };
        let (shape, chunk) = (along(form.channels, form.shape), along(form.channels.map(|_| 1), form.chunk));
        let mut builder = ArrayBuilder::new(shape, chunk, zarr_type(form.dtype), zero(form.dtype));
        builder.bytes_to_bytes_codecs(vec![codec(form.compression, form.dtype)?]);
        let names = form.channels.map(|_| "c").into_iter().chain(["z", "y", "x"][axes.clone()].iter().copied());
        builder.dimension_names(Some(names));
        let mut attributes = serde_json::Map::new();
        if let Some(Spacing(spacing)) = form.spacing {
            attributes.insert("spacing".to_owned(), spacing[axes].into());
        }
        if let Some(unit) = &form.unit {
            attributes.insert("unit".to_owned(), unit.as_str().into());
        }
        builder.attributes(attributes);
        let unusable = |cause: &dyn std::fmt::Display| Error::internal("cannot be made a Zarr array").because(cause);
        let store = FilesystemStore::new(folder).map_err(|error| unusable(&error))?;
        // Without the attribute that zarrs adds: equal arrays have equal files.
        let metadata = builder.build_metadata().map_err(|error| unusable(&error))?;
        let array = builder.build(Arc::new(store), "/").map_err(|error| unusable(&error))?;
        let grid = Grid::new(Region::of_shape(form.shape), form.chunk);
        let codecs = CodecOptions::default().with_concurrent_target(1);
        let writer = ArrayWriter { array, folder: folder.to_owned(), shared: false, form, grid, codecs };
        Ok((writer, metadata.to_string_pretty()))
    }

    /// The description of the array.
    pub fn form(&self) -> &ArrayForm {
        &self.form
    }

    /// The grid of its chunks.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Writes a chunk of the first or only channel: the values of its box, clipped to the volume. Returns whether it
    /// was stored: a chunk of zeros is not stored, and an earlier one is removed.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written; `Internal` if the values do not fit the chunk.
    pub fn write_chunk(&self, chunk: ChunkId, voxels: &Voxels) -> Result<bool> {
        self.write_chunk_of(0, chunk, voxels)
    }

    /// Writes a chunk of a channel, like [`ArrayWriter::write_chunk`].
    ///
    /// # Errors
    /// Those of [`ArrayWriter::write_chunk`], and `Internal` if there is no such channel.
    pub fn write_chunk_of(&self, channel: usize, chunk: ChunkId, voxels: &Voxels) -> Result<bool> {
        if channel >= self.form.channels.unwrap_or(1) {
            return Err(Error::internal(format!("has no channel {channel}")).at(&self.folder));
        }
        let region = self.grid.region(chunk);
        if region.is_empty() || voxels.shape() != region.shape() || StoredType::from(voxels.dtype()) != self.form.dtype
        {
            let (shape, dtype) = (voxels.shape(), voxels.dtype().name());
            let message = format!("values of shape {shape:?} and type {dtype} do not fit");
            return Err(Error::internal(message).at(&self.folder).in_chunk(chunk));
        }
        let path = self.folder.join(self.file(channel, chunk));
        let written = if is_zero(voxels) { remove(&path).map(|()| false) } else { self.store(&path, &region, voxels) };
        written.map_err(|error| error.at(&path).in_chunk(chunk))
    }

    /// The file of a chunk of a channel, relative to the folder.
    pub(super) fn file(&self, channel: usize, chunk: ChunkId) -> PathBuf {
        let channel = self.form.channels.map(|_| channel as u64);
        let place = chunk.place().map(|n| u64::try_from(n).unwrap_or(0));
        let key: Vec<u64> = channel.iter().chain(self.own(&place)).copied().collect();
        PathBuf::from(self.array.chunk_key(&key).as_str())
    }

    /// The elements of (z, y, x) along the image's own axes.
    fn own<'v, T>(&self, values: &'v [T; 3]) -> &'v [T] {
        &values[3 - self.form.dimensions.clamp(2, 3)..]
    }

    fn store(&self, path: &Path, region: &Region, voxels: &Voxels) -> Result<bool> {
        let chunk = self.form.chunk;
        let padded;
        let voxels = if voxels.shape() == chunk {
            voxels
        } else {
            let mut whole = Voxels::filled(self.form.dtype.dtype(), chunk, 0.0);
            let at = Region::of_shape(chunk).shifted(region.min);
            paste(voxels, region, &mut whole, &at);
            padded = whole;
            &padded
        };
        let bytes = with_voxels!(voxels, array => bytes(array));
        let channel = self.form.channels.map(|_| 1);
        let shape = channel.iter().chain(self.own(&chunk));
        let shape: Vec<NonZeroU64> = shape.filter_map(|&n| NonZeroU64::new(n as u64)).collect();
        let (codecs, array) = (self.array.codecs(), &self.array);
        let encoded =
            codecs.encode(ArrayBytes::from(bytes), &shape, array.data_type(), array.fill_value(), &self.codecs);
        let encoded = encoded.map_err(|error| {
            Error::new(Kind::Io, "a chunk cannot be encoded; give the program more memory").because(error)
        })?;
        self.put(path, &encoded).map(|()| true)
    }

    /// Writes an encoded chunk to its file.
    fn put(&self, path: &Path, encoded: &[u8]) -> Result<()> {
        if self.shared && !self.folder.join(METADATA).is_file() {
            return Err(Error::new(Kind::Output, "the process that has made this folder has removed it"));
        }
        disk::write_below(&self.folder, path, encoded).map_err(|error| write_failed(&error))
    }

    /// Removes a stored chunk.
    #[cfg(feature = "dataflow")]
    pub(super) fn remove_chunk(&self, chunk: ChunkId) -> Result<()> {
        let path = self.folder.join(self.file(0, chunk));
        remove(&path).map_err(|error| error.at(&path).in_chunk(chunk))
    }

    /// Writes a chunk that has been encoded in the array's form.
    #[cfg(feature = "dataflow")]
    pub(super) fn write_encoded(&self, chunk: ChunkId, encoded: &[u8]) -> Result<()> {
        let path = self.folder.join(self.file(0, chunk));
        self.put(&path, encoded).map_err(|error| error.at(&path).in_chunk(chunk))
    }
}

impl std::fmt::Debug for ArrayWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrayWriter").field("folder", &self.folder).field("form", &self.form).finish_non_exhaustive()
    }
}

/// The bytes of values in C order, in native byte order.
fn bytes<T: Value>(array: &ndarray::Array3<T>) -> Cow<'_, [u8]> {
    match array.as_slice() {
        Some(values) => Cow::Borrowed(T::bytes(values)),
        None => Cow::Owned(T::bytes(&array.iter().copied().collect::<Vec<_>>()).to_vec()),
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(write_failed(&error)),
        _ => Ok(()),
    }
}

/// Returns whether all values are 0. A negative zero does not count: it would be read back as another value.
fn is_zero(voxels: &Voxels) -> bool {
    fn all<T: Value>(array: &ndarray::Array3<T>) -> bool {
        array.iter().all(|v| *v == T::default() && v.to_f64().is_sign_positive())
    }
    with_voxels!(voxels, array => all(array))
}

fn codec(compression: Compression, dtype: StoredType) -> Result<Arc<dyn BytesToBytesCodecTraits>> {
    let blosc = |compressor, level: u8, shuffle| -> Result<Arc<dyn BytesToBytesCodecTraits>> {
        let refused = |cause: &dyn std::fmt::Display| Error::internal("Blosc cannot be used").because(cause);
        let level = BloscCompressionLevel::try_from(level).map_err(|_| refused(&"its level"))?;
        let codec = BloscCodec::new(compressor, level, None, shuffle, Some(dtype.size()));
        Ok(Arc::new(codec.map_err(|error| refused(&error))?))
    };
    match compression {
        Compression::Zstd => Ok(Arc::new(ZstdCodec::new(i32::from(LEVEL), false))),
        Compression::Blosc => blosc(BloscCompressor::Zstd, 3, BloscShuffleMode::Shuffle),
        Compression::Fast if dtype.size() == 1 => codec(Compression::Zstd, dtype),
        Compression::Fast => blosc(BloscCompressor::LZ4, 5, BloscShuffleMode::BitShuffle),
    }
}

fn zarr_type(dtype: StoredType) -> DataType {
    match dtype {
        StoredType::Bool => data_type::bool(),
        StoredType::U8 => data_type::uint8(),
        StoredType::U16 => data_type::uint16(),
        StoredType::U32 => data_type::uint32(),
        StoredType::U64 => data_type::uint64(),
        StoredType::I8 => data_type::int8(),
        StoredType::I16 => data_type::int16(),
        StoredType::I32 => data_type::int32(),
        StoredType::I64 => data_type::int64(),
        StoredType::F16 => data_type::float16(),
        StoredType::F32 => data_type::float32(),
        StoredType::F64 => data_type::float64(),
    }
}

fn zero(dtype: StoredType) -> FillValue {
    FillValue::new(vec![0; dtype.size()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;
    use crate::error::Kind;
    use crate::store::fixtures::{assert_holds, expected};
    use crate::store::zarr::ZarrSource;
    use crate::store::{OpenOptions, Source};

    fn form(shape: [usize; 3], dtype: Dtype, chunk: [usize; 3]) -> ArrayForm {
        let dimensions = if shape[0] == 1 { 2 } else { 3 };
        let compression = Compression::Zstd;
        ArrayForm {
            shape,
            dimensions,
            channels: None,
            dtype: dtype.into(),
            chunk,
            compression,
            spacing: None,
            unit: None,
        }
    }

    fn write(writer: &ArrayWriter, values: &Voxels) {
        let grid = writer.grid();
        let chunks: Vec<ChunkId> = grid.chunks().collect();
        std::thread::scope(|scope| {
            for part in chunks.chunks(chunks.len().div_ceil(3)) {
                scope.spawn(move || {
                    for &chunk in part {
                        writer.write_chunk(chunk, &values.part(&grid.region(chunk))).unwrap();
                    }
                });
            }
        });
    }

    #[test]
    fn what_threads_write_is_read_back_in_every_type() {
        let all = [
            Dtype::Bool,
            Dtype::U8,
            Dtype::U16,
            Dtype::U32,
            Dtype::I16,
            Dtype::I32,
            Dtype::I64,
            Dtype::F32,
            Dtype::F64,
        ];
        let folder = tempfile::tempdir().unwrap();
        for (i, dtype) in all.into_iter().enumerate() {
            for (shape, chunk) in [([5, 9, 10], [2, 4, 16]), ([1, 9, 10], [1, 4, 4])] {
                let path = folder.path().join(format!("{}_{}.zarr", dtype.name(), shape[0]));
                let compression = [Compression::Zstd, Compression::Blosc, Compression::Fast][i % 3];
                let form = ArrayForm { compression, ..form(shape, dtype, chunk) };
                let values = expected(shape, dtype, 0);
                write(&ArrayWriter::create(&path, form.clone()).unwrap(), &values);
                let source = ZarrSource::open(&path, &OpenOptions::default()).unwrap();
                assert_eq!(source.description().dimensions, form.dimensions);
                assert_holds(&source, &values);
            }
        }
    }

    #[test]
    fn a_chunk_of_zeros_is_not_stored_and_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let writer = ArrayWriter::create(folder.path(), form([4; 3], Dtype::U8, [2; 3])).unwrap();
        let chunk = ChunkId::at([1, 0, 1]);
        assert!(writer.write_chunk(chunk, &Voxels::filled(Dtype::U8, [2; 3], 3.0)).unwrap());
        assert!(folder.path().join("c/1/0/1").is_file());
        assert!(!writer.write_chunk(chunk, &Voxels::filled(Dtype::U8, [2; 3], 0.0)).unwrap());
        assert!(!folder.path().join("c/1/0/1").exists());
        let source = ZarrSource::open(folder.path(), &OpenOptions::default()).unwrap();
        assert_eq!(source.read(&Region::of_shape([4; 3])).unwrap(), None);
        let minus = Voxels::F32(ndarray::Array3::from_elem((1, 1, 1), -0.0));
        assert!(!is_zero(&minus));
    }

    #[test]
    fn the_metadata_say_axes_spacing_and_unit_and_nothing_of_who_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let spacing = Some(Spacing([2.0, 0.5, 0.25]));
        let form = ArrayForm { spacing, unit: Some("micrometer".to_owned()), ..form([4; 3], Dtype::U8, [2; 3]) };
        ArrayWriter::create(folder.path(), form).unwrap();
        let text = std::fs::read_to_string(folder.path().join("zarr.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["attributes"], serde_json::json!({"spacing": [2.0, 0.5, 0.25], "unit": "micrometer"}));
        assert_eq!(json["dimension_names"], serde_json::json!(["z", "y", "x"]));
        assert_eq!(json["data_type"], "uint8");
    }

    #[test]
    fn a_full_disk_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let writer = ArrayWriter::create(folder.path(), form([2; 3], Dtype::U8, [2; 3])).unwrap();
        let voxels = Voxels::filled(Dtype::U8, [2; 3], 1.0);
        let error = disk::log::with_full_disk(|| writer.write_chunk(ChunkId::at([0; 3]), &voxels)).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().ends_with("because the disk is full; free some space and run again"), "{error}");
        assert!(!folder.path().join("c/0/0/0").exists());
    }

    #[test]
    fn a_folder_that_was_cleared_away_does_not_come_back() {
        let root = tempfile::tempdir().unwrap();
        let staged = crate::store::output::StagedFolder::create(
            root.path().join("a/out.zarr"),
            crate::store::output::Overwrite::Nothing,
        )
        .unwrap();
        let form = || form([4; 3], Dtype::U8, [2; 3]);
        let writer = ArrayWriter::create(staged.path().join("0"), form()).unwrap();
        staged.remover().remove();
        assert!(ArrayWriter::create(staged.path(), form()).is_err());
        assert!(ArrayWriter::create(staged.path().join("1"), form()).is_err());
        assert!(writer.write_chunk(ChunkId::at([0; 3]), &Voxels::filled(Dtype::U8, [2; 3], 1.0)).is_err());
        assert!(std::fs::read_dir(root.path()).unwrap().next().is_none());
    }
}
