//! `skeleton.zarr`: the skeleton as an image of OME-Zarr 0.5, of 0 and 1 or of labels, with coarser copies by the largest
//! value.
//!
//! A skeleton's voxels are few, so all resolutions are made from lists of voxels: a voxel of a coarser one belongs to it
//! where any of its finer voxels does.

mod manifest;
mod whole;
mod zeros;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use zstd::bulk::Compressor;

#[cfg(feature = "analysis")]
pub use self::manifest::SkeletonManifest;
pub use self::whole::{WrittenSkeleton, write_labelled, write_skeleton};
use self::zeros::MostlyZeros;
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::coarsen::Downsample;
use crate::kernel::image::levels::Levels;
use crate::space::{Spacing, Voxel};
use crate::store::output::array::LEVEL;
use crate::store::output::folder::SKELETON;
use crate::store::output::pyramid::{PyramidForm, metadata_text};
use crate::store::output::{ArrayForm, ArrayWriter, Compression, OutputFolder, skeleton_chunk_shape};
use crate::store::{Description, Source, StoredType, disk, file::write_failed};

/// The description of a skeleton's image.
#[derive(Clone, Debug, PartialEq)]
pub struct SkeletonForm {
    /// The image's name in the metadata.
    pub name: String,
    /// Shape along (z, y, x), in voxels.
    pub shape: [usize; 3],
    /// Number of dimensions, 2 or 3: an image is written with the axes (y, x), a volume with (z, y, x).
    pub dimensions: usize,
    /// Type of the values, of whole numbers: u8 for 0 and 1, or that of labels.
    pub dtype: StoredType,
    /// Size of a voxel.
    pub spacing: Spacing,
    /// Unit of the spacing.
    pub unit: Option<String>,
    /// Position of the first voxel in the coordinates of the image that the skeleton is aligned with, in voxels.
    pub origin: [f64; 3],
    /// Colours and properties of labels: `image-label` in the metadata.
    pub labels: Value,
}

impl SkeletonForm {
    /// The form of the skeleton of an image: of 0 and 1.
    pub fn of(image: &dyn Source) -> SkeletonForm {
        let &Description { shape, dimensions, spacing, ref unit, .. } = image.description();
        let (name, unit, origin, labels) = ("skeleton".to_owned(), unit.clone(), image.place(), json!({}));
        SkeletonForm { name, shape, dimensions, dtype: StoredType::U8, spacing, unit, origin, labels }
    }

    /// Its resolutions: as many as make every axis at most 1024 voxels long, 256 in a volume.
    fn levels(&self) -> Result<Levels> {
        Levels::new(self.shape, self.dimensions, None)
    }

    /// The metadata of its group. They say that values are labels, so that viewers lay them over an image.
    fn metadata(&self, levels: &Levels) -> String {
        let form = PyramidForm {
            name: self.name.clone(),
            shape: self.shape,
            dimensions: self.dimensions,
            channels: None,
            dtype: self.dtype,
            chunk: skeleton_chunk_shape(self.shape, self.dimensions),
            levels: None,
            spacing: self.spacing,
            unit: self.unit.clone(),
            origin: self.origin,
            downsample: Downsample::Max,
            labels: Some(self.labels.clone()),
            of_fuse: false,
        };
        metadata_text(&form, levels)
    }

    fn array(&self, shape: [usize; 3]) -> ArrayForm {
        ArrayForm {
            shape,
            dimensions: self.dimensions,
            channels: None,
            dtype: self.dtype,
            chunk: skeleton_chunk_shape(shape, self.dimensions),
            compression: Compression::Zstd,
            spacing: None,
            unit: None,
        }
    }
}

/// A skeleton's image that several threads write at once, each its own chunks of any resolution.
#[derive(Debug)]
pub struct SkeletonImage {
    levels: Levels,
    /// The array of each resolution.
    arrays: Vec<ArrayWriter>,
    /// Encoders that no thread is using.
    encoders: Mutex<Vec<Encoder>>,
}

/// The buffers for encoding a chunk. Allocating them anew would take longer than encoding.
#[derive(Default)]
struct Encoder {
    /// The places of the bytes of voxels, and their values.
    voxels: Vec<(usize, i64)>,
    pending: Vec<u8>,
    encoded: Vec<u8>,
    dense: Option<DenseEncoder>,
}

/// The buffers for compressing all bytes of a chunk, with a compressor's tables.
struct DenseEncoder {
    compressor: Compressor<'static>,
    /// The bytes of a chunk of zeros, except while one is being encoded.
    values: Vec<u8>,
}

/// Chunks with fewer than one voxel in this number of bytes are written as [`MostlyZeros`]; others are smaller when they are compressed.
const SPARSE: usize = 64;

impl SkeletonImage {
    /// Creates an image, staged in a folder of outputs.
    ///
    /// # Errors
    /// `Output` or `Io` if it cannot be written.
    pub fn create(folder: &OutputFolder, form: &SkeletonForm) -> Result<Self> {
        Self::create_at(folder.path(SKELETON), form)
    }

    /// Creates an image in a folder, which is made.
    ///
    /// # Errors
    /// `Output` or `Io` if it cannot be written.
    pub fn create_at(path: impl AsRef<Path>, form: &SkeletonForm) -> Result<Self> {
        let path = path.as_ref();
        disk::make_folder(path).map_err(|error| write_failed(&error).at(path))?;
        let image = Self::open(form, |level, array| ArrayWriter::create(path.join(level), array))?;
        // Last, since other processes wait for it.
        let (path, text) = (path.join("zarr.json"), form.metadata(&image.levels));
        disk::write(&path, text.as_bytes()).map_err(|error| write_failed(&error).at(&path))?;
        Ok(image)
    }

    /// Opens the image that another process has created and writes together with this one. `folder` is the path of its
    /// folder of outputs, and `run` is [`OutputFolder::run`] in that process; images of other runs are ignored.
    ///
    /// # Errors
    /// `Output` if that run is not writing there, even after some seconds: the processes do not share the folder.
    pub fn join(folder: impl AsRef<Path>, run: &str, form: &SkeletonForm) -> Result<Self> {
        let folder = folder.as_ref();
        let path = OutputFolder::staged(folder, run, SKELETON);
        let image = Self::open(form, |level, array| ArrayWriter::join(path.join(level), array));
        image.map_err(|error| error.at(folder))
    }

    fn open(form: &SkeletonForm, array: impl Fn(String, ArrayForm) -> Result<ArrayWriter>) -> Result<Self> {
        let levels = form.levels()?;
        let open = |(level, &shape): (usize, &[usize; 3])| array(level.to_string(), form.array(shape));
        let arrays = levels.shapes().iter().enumerate().map(open).collect::<Result<_>>()?;
        Ok(SkeletonImage { levels, arrays, encoders: Mutex::default() })
    }

    /// Its resolutions.
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The grids of the chunks of all resolutions, the full one first.
    pub fn grids(&self) -> impl Iterator<Item = Grid> {
        self.arrays.iter().map(ArrayWriter::grid)
    }

    /// Writes a chunk of a resolution: 1 at its voxels, in any order and each as often as may be, 0 elsewhere. Without voxels
    /// it is not stored.
    ///
    /// # Errors
    /// Those of [`ArrayWriter::write_chunk`].
    ///
    /// # Panics
    /// If there is no such resolution, or a voxel lies outside of the chunk.
    pub fn write_chunk(&self, level: usize, chunk: ChunkId, voxels: &[Voxel]) -> Result<()> {
        self.write_values(level, chunk, voxels.iter().map(|&voxel| (voxel, 1)))
    }

    /// Writes a chunk of a resolution: the values at its voxels, in any order, 0 elsewhere. Without voxels it is not stored.
    /// Of a value, as many of its lowest bytes count as the type has.
    ///
    /// # Errors
    /// Those of [`ArrayWriter::write_chunk`].
    ///
    /// # Panics
    /// If there is no such resolution, or a voxel lies outside of the chunk.
    pub fn write_values(
        &self,
        level: usize,
        chunk: ChunkId,
        voxels: impl Iterator<Item = (Voxel, i64)> + Clone,
    ) -> Result<()> {
        let writer = &self.arrays[level];
        if voxels.clone().next().is_none() {
            return writer.remove_chunk(chunk);
        }
        let size = writer.form().dtype.size();
        let length = writer.form().chunk.iter().product::<usize>() * size;
        let (region, shape) = (writer.grid().region(chunk), writer.form().chunk);
        let place = |voxel: Voxel| {
            let p = voxel.position();
            assert!(region.contains(p), "a voxel of the chunk");
            let [z, y, x]: [usize; 3] = std::array::from_fn(|a| (p[a] - region.min[a]) as usize);
            ((z * shape[1] + y) * shape[2] + x) * size
        };
        let free = || self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut encoder = free().pop().unwrap_or_default();
        encoder.voxels.clear();
        encoder.voxels.extend(voxels.map(|(voxel, value)| (place(voxel), value)));
        encoder.encode(length, size)?;
        writer.write_encoded(chunk, &encoder.encoded)?;
        free().push(encoder);
        Ok(())
    }
}

impl Encoder {
    /// Encodes a chunk of `length` bytes, of which each voxel has `size`.
    fn encode(&mut self, length: usize, size: usize) -> Result<()> {
        self.voxels.sort_by_key(|(place, _)| *place);
        self.voxels.dedup_by_key(|(place, _)| *place);
        if self.voxels.len() * SPARSE > length {
            return self.compress(length, size);
        }
        let mut frame = MostlyZeros::new(&mut self.encoded, &mut self.pending, length);
        self.voxels.iter().for_each(|(place, value)| frame.put(*place, &value.to_le_bytes()[..size]));
        frame.end();
        Ok(())
    }

    fn compress(&mut self, length: usize, size: usize) -> Result<()> {
        let dense = match self.dense.take().filter(|dense| dense.values.len() == length) {
            Some(dense) => self.dense.insert(dense),
            None => self.dense.insert(DenseEncoder::new(length)?),
        };
        for (place, value) in &self.voxels {
            dense.values[*place..place + size].copy_from_slice(&value.to_le_bytes()[..size]);
        }
        self.encoded.clear();
        self.encoded.reserve(zstd::zstd_safe::compress_bound(length));
        dense.compressor.compress_to_buffer(&dense.values, &mut self.encoded).map_err(unencoded)?;
        self.voxels.iter().for_each(|(place, _)| dense.values[*place..place + size].fill(0));
        Ok(())
    }
}

impl DenseEncoder {
    /// For chunks with this number of bytes.
    fn new(length: usize) -> Result<Self> {
        let compressor = Compressor::new(i32::from(LEVEL)).map_err(unencoded)?;
        Ok(DenseEncoder { compressor, values: vec![0; length] })
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("encoded", &self.encoded.len()).finish_non_exhaustive()
    }
}

fn unencoded(error: std::io::Error) -> Error {
    Error::new(Kind::Io, "a chunk cannot be encoded; give the program more memory").because(error)
}

#[cfg(test)]
mod tests;
