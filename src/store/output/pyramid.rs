//! An image as OME-Zarr 0.5: its full resolution, and coarser copies of it, written chunk by chunk by several threads.
//!
//! The format is <https://ngff.openmicroscopy.org/0.5>.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::array::{ArrayForm, ArrayWriter, Compression};
use super::staged::WRITER;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::image::coarsen::{Downsample, coarsen, factors};
use crate::kernel::image::levels::Levels;
use crate::space::{Position, Region, Spacing};
use crate::store::disk;
use crate::store::file::write_failed;
use crate::store::values::paste;
use crate::store::zarr::ZarrSource;
use crate::store::{OpenOptions, Source, StoredType};
use crate::threads::each;

/// Shares of the work for each thread, so that all end at about the same time.
const SHARES: usize = 16;

/// The description of an image to be written with coarser copies.
#[derive(Clone, Debug, PartialEq)]
pub struct PyramidForm {
    /// The image's name in the metadata.
    pub name: String,
    /// Shape along (z, y, x), in voxels.
    pub shape: [usize; 3],
    /// Number of dimensions, 2 or 3: an image is written with the axes (y, x), a volume with (z, y, x).
    pub dimensions: usize,
    /// Number of images of this shape along a first axis c; without channels there is no such axis.
    pub channels: Option<usize>,
    /// Type of the values.
    pub dtype: StoredType,
    /// Shape of a chunk along (z, y, x) at every resolution, in voxels.
    pub chunk: [usize; 3],
    /// Number of resolutions; by default as many as make every axis at most 1024 voxels long, 256 in a volume.
    pub levels: Option<NonZeroUsize>,
    /// Size of a voxel at full resolution.
    pub spacing: Spacing,
    /// Unit of the spacing.
    pub unit: Option<String>,
    /// Position of the first voxel, in voxels ([`Source::place`]).
    pub origin: [f64; 3],
    /// How coarser resolutions are made.
    pub downsample: Downsample,
    /// Colours and properties of labels, if values are labels: `image-label` in the metadata. Viewers lay
    /// such images over others.
    pub labels: Option<Value>,
    /// Whether this is an image of `fuse`, which may replace it when asked to: it is marked so.
    pub of_fuse: bool,
}

/// A group of arrays that several threads write: `0` with the image, and `1` and so on, each with one value for 2 x 2 x
/// 2 voxels of the one before. The bytes do not depend on the number of threads.
#[derive(Debug)]
pub struct PyramidWriter {
    folder: PathBuf,
    form: PyramidForm,
    levels: Vec<ArrayWriter>,
}

impl PyramidWriter {
    /// Creates a group in a folder, with its metadata and empty arrays. The folder is created if it does not exist,
    /// like that of an [`ArrayWriter`].
    ///
    /// # Errors
    /// `Usage` if a chunk has no voxels, or the image is too small for that many resolutions; `Output` or `Io` if the
    /// folder or metadata cannot be written.
    pub fn create(folder: impl AsRef<Path>, form: PyramidForm) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        let all = Levels::new(form.shape, form.dimensions, form.levels)?;
        disk::make_folder(&folder).map_err(|error| write_failed(&error).at(&folder))?;
        let array = |(level, &shape): (usize, &[usize; 3])| {
            let array = ArrayForm {
                shape,
                dimensions: form.dimensions,
                channels: form.channels,
                dtype: form.dtype,
                chunk: std::array::from_fn(|a| form.chunk[a].min(shape[a])),
                compression: Compression::Fast,
                spacing: None,
                unit: None,
            };
            ArrayWriter::create(folder.join(level.to_string()), array)
        };
        let levels = all.shapes().iter().enumerate().map(array).collect::<Result<_>>()?;
        let path = folder.join("zarr.json");
        disk::write(&path, metadata_text(&form, &all).as_bytes()).map_err(|error| write_failed(&error).at(&path))?;
        Ok(PyramidWriter { folder, form, levels })
    }

    /// The description of the image.
    pub fn form(&self) -> &PyramidForm {
        &self.form
    }

    /// Shapes along (z, y, x) of all resolutions, the full one first.
    pub fn shapes(&self) -> impl Iterator<Item = [usize; 3]> {
        self.levels.iter().map(|level| level.form().shape)
    }

    /// Number of chunks of all resolutions and channels.
    pub fn chunks(&self) -> u64 {
        let chunks = |level: &ArrayWriter| level.grid().shape().iter().map(|&n| n as u64).product::<u64>();
        self.levels.iter().map(chunks).sum::<u64>() * self.form.channels.unwrap_or(1) as u64
    }

    /// Writes all resolutions, with `workers` threads, from the sources of the channels, which `open` returns one after
    /// the other. `observe` is called after every chunk; its first error ends the work.
    ///
    /// A thread makes neighbouring chunks, together with the coarser ones above them. Memory holds at most two chunks
    /// for each resolution and thread (nine if chunks have odd lengths), in addition to that of the source. Each voxel
    /// is read once.
    ///
    /// # Errors
    /// If a source cannot be opened or read, has another shape or type than the image, or a chunk cannot be written;
    /// the files written until then are incomplete.
    pub fn write<S: AsRef<dyn Source>>(
        &self,
        mut open: impl FnMut(usize) -> Result<S>,
        workers: usize,
        observe: impl Fn() -> Result<()> + Sync,
    ) -> Result<()> {
        // As many resolutions in one pass as leave work for all threads.
        let plenty = |level: &ArrayWriter| level.grid().chunks().nth(SHARES * workers).is_some();
        let together = self.levels.iter().rposition(plenty).unwrap_or(0);
        for channel in 0..self.form.channels.unwrap_or(1) {
            let source = open(channel)?;
            let source = source.as_ref();
            let description = source.description();
            if (description.shape, StoredType::from(description.dtype)) != (self.form.shape, self.form.dtype) {
                let message = "has another shape or type than the image that is written";
                return Err(Error::data(message).at(&description.name));
            }
            let (levels, downsample) = (&self.levels, self.form.downsample);
            let pass = Pass { levels, downsample, channel, base: 0, source, stored: false, observe: &observe };
            pass.run(together, workers)?;
            for level in together..self.levels.len() - 1 {
                let options = OpenOptions { channel: self.form.channels.map(|_| channel), ..OpenOptions::default() };
                let below = ZarrSource::open(self.folder.join(level.to_string()), &options)?;
                Pass { base: level, source: &below, stored: true, ..pass }.run(level + 1, workers)?;
            }
        }
        Ok(())
    }
}

/// A pass makes several resolutions of a channel from one of them.
#[derive(Clone, Copy)]
struct Pass<'p, F> {
    levels: &'p [ArrayWriter],
    downsample: Downsample,
    channel: usize,
    /// The resolution that is read from the source.
    base: usize,
    source: &'p dyn Source,
    /// Whether that is the writer's own array, which is complete already.
    stored: bool,
    observe: &'p F,
}

impl<F: Fn() -> Result<()> + Sync> Pass<'_, F> {
    /// Makes all resolutions up to `top`. Threads take the chunks of that one in turn.
    fn run(&self, top: usize, workers: usize) -> Result<()> {
        let chunks: Vec<ChunkId> = self.levels[top].grid().chunks().collect();
        // Threads in the middle of a chunk stop too.
        let failed = AtomicBool::new(false);
        let made = each(&chunks, workers, |_, &chunk| {
            self.make(top, chunk, &failed).map(|_| ()).inspect_err(|_| failed.store(true, Ordering::Relaxed))
        });
        made.map(|_| ())
    }

    /// Makes a chunk, after all finer ones that it is computed from. Returns its values, or `None` if all are 0.
    fn make(&self, level: usize, chunk: ChunkId, failed: &AtomicBool) -> Result<Option<Voxels>> {
        let array = &self.levels[level];
        let region = array.grid().region(chunk);
        let voxels = match level == self.base {
            true => self.read(&region).map_err(|error| error.in_chunk(chunk))?,
            false => self.gather(level, &region, failed)?,
        };
        if level == self.base && self.stored {
            return Ok(voxels);
        }
        let stored = voxels.as_ref().map(|voxels| array.write_chunk_of(self.channel, chunk, voxels)).transpose()?;
        (self.observe)()?;
        Ok(voxels.filter(|_| stored == Some(true)))
    }

    /// A box of the source.
    fn read(&self, region: &Region) -> Result<Option<Voxels>> {
        let description = self.source.description();
        Ok(match self.source.read(region)? {
            Some(chunk) => Some(chunk.voxels),
            None if description.fill == 0.0 => None,
            None => Some(Voxels::filled(description.dtype, region.shape(), description.fill)),
        })
    }

    /// The values of a box, from the chunks of the next finer resolution.
    fn gather(&self, level: usize, region: &Region, failed: &AtomicBool) -> Result<Option<Voxels>> {
        let below = self.levels[level - 1].grid();
        let (factors, chunks) = (factors(below.bounds().shape()), below.shape());
        let scaled = |place: Position| std::array::from_fn(|a| place[a] * factors[a] as i64);
        let part = Region::new(scaled(region.min), scaled(region.max)).intersection(&below.bounds());
        // Chunks that begin at whole voxels of this resolution are coarsened one by one.
        let apart = (0..3).all(|a| chunks[a] == 1 || below.chunk_shape()[a].is_multiple_of(factors[a]));
        let target = if apart { region } else { &part };
        let mut gathered = None;
        for chunk in below.chunks_in(&part) {
            if failed.load(Ordering::Relaxed) {
                // Another thread returns the error.
                return Ok(None);
            }
            let Some(mut voxels) = self.make(level - 1, chunk, failed)? else { continue };
            let mut place = below.region(chunk);
            if apart {
                voxels = coarsen(&voxels, factors, self.downsample);
                let min: Position = std::array::from_fn(|a| place.min[a] / factors[a] as i64);
                place = Region::of_shape(voxels.shape()).shifted(min);
            }
            if place == *target {
                gathered = Some(voxels);
            } else {
                let dtype = voxels.dtype();
                let whole = gathered.get_or_insert_with(|| Voxels::filled(dtype, target.shape(), 0.0));
                paste(&voxels, &place, whole, target);
            }
        }
        Ok(gathered.map(|voxels| if apart { voxels } else { coarsen(&voxels, factors, self.downsample) }))
    }
}

/// The metadata of the group, as they are written.
pub(super) fn metadata_text(form: &PyramidForm, levels: &Levels) -> String {
    format!("{:#}", metadata(form, levels))
}

/// The metadata of the group.
fn metadata(form: &PyramidForm, levels: &Levels) -> Value {
    let own = 3 - form.dimensions.clamp(2, 3)..3;
    // The axis of channels comes first, with a scale of one and without an offset.
    let along = |channel: f64, values: [f64; 3]| -> Vec<f64> {
        form.channels.map(|_| channel).into_iter().chain(values[own.clone()].iter().copied()).collect()
    };
    let mut axes: Vec<Value> = form.channels.map(|_| json!({"name": "c", "type": "channel"})).into_iter().collect();
    for name in &["z", "y", "x"][own.clone()] {
        let mut axis = json!({"name": name, "type": "space"});
        if let Some(unit) = &form.unit {
            axis["unit"] = spelt(unit).into();
        }
        axes.push(axis);
    }
    let mut datasets = Vec::new();
    for (level, factor) in levels.factors().iter().enumerate() {
        let Spacing(spacing) = form.spacing;
        let scale = std::array::from_fn(|a| spacing[a] * factor[a] as f64);
        // The centre of a voxel is that of the voxels that it is made of.
        let middle = |a: usize| form.origin[a] + (factor[a] - 1) as f64 / 2.0;
        let translation: [f64; 3] = std::array::from_fn(|a| spacing[a] * middle(a));
        let mut steps = vec![json!({"type": "scale", "scale": along(1.0, scale)})];
        if translation[own.clone()].iter().any(|&t| t != 0.0) {
            steps.push(json!({"type": "translation", "translation": along(0.0, translation)}));
        }
        datasets.push(json!({"path": level.to_string(), "coordinateTransformations": steps}));
    }
    let multiscale = json!({"name": form.name, "axes": axes, "datasets": datasets, "type": form.downsample.name()});
    let mut ome = json!({"version": "0.5", "multiscales": [multiscale]});
    if let Some(labels) = &form.labels {
        ome["image-label"] = labels.clone();
    }
    let mut attributes = json!({"ome": ome});
    if form.of_fuse {
        attributes[WRITER] = json!({"version": env!("CARGO_PKG_VERSION")});
    }
    json!({"zarr_format": 3, "node_type": "group", "attributes": attributes})
}

/// A unit in OME-Zarr's spelling.
fn spelt(unit: &str) -> &str {
    match unit {
        "um" | "µm" | "μm" | "micron" | "microns" => "micrometer",
        "nm" => "nanometer",
        "mm" => "millimeter",
        "cm" => "centimeter",
        "m" => "meter",
        other => other,
    }
}

#[cfg(test)]
mod tests;
