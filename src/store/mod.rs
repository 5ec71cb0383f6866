//! Sources of chunks, and the outputs of results.

pub mod memory;
pub mod provided;
#[cfg(feature = "dataflow")]
pub(crate) mod held;
pub mod npy;
pub mod raw;
#[cfg(feature = "medical")]
pub mod npz;
#[cfg(feature = "medical")]
pub mod nifti;
#[cfg(feature = "medical")]
pub mod nrrd;
#[cfg(feature = "medical")]
pub mod metaimage;
#[cfg(feature = "medical")]
mod detached;
#[cfg(feature = "medical")]
mod inflate;
#[cfg(feature = "zarr")]
pub mod zarr;
#[cfg(feature = "tiff")]
pub mod tiff;
#[cfg(feature = "mosaic")]
pub mod mosaic;
pub mod marks;
pub mod suspects;
pub mod output;
mod absent;
mod atlas;
mod companions;
mod confined;
mod details;
mod inspection;
#[cfg(feature = "analysis")]
pub(crate) mod labels;
mod resolved;
mod stored_type;
pub mod units;
mod address;
mod foreign;
#[cfg(feature = "tiff")]
mod ome_xml;
mod open;
mod region_view;
#[cfg(feature = "dataflow")]
pub(crate) mod scratch;
mod options;
#[cfg(feature = "http")]
mod remote;
mod axes;
#[cfg(any(feature = "zarr", feature = "tiff"))]
mod cache;
pub(crate) mod disk;
pub(crate) mod file;
#[cfg(feature = "dataflow")]
pub(crate) mod file_states;
mod layout;
pub(crate) mod lock;
mod marker;
mod mosaic_options;
#[cfg(any(feature = "zarr", feature = "tiff", feature = "medical"))]
mod plan;
pub(crate) mod values;
#[cfg(feature = "tiff")]
mod xml_limits;
#[cfg(test)]
mod fixtures;

pub use self::absent::Absent;
pub use self::address::{address_parts, is_address, name_of, recorded_path, shown_path, without_secrets};
pub use self::atlas::{Atlas, Labels, RegionNames, read_region_names};
pub use self::confined::{Inside, inside};
pub use self::details::Details;
pub use self::file::{replace, write_failed};
pub use self::inspection::{Image, Inspection, Refusal, Sample, inspect, times};
#[cfg(feature = "mosaic")]
pub use self::mosaic::is_table;
pub use self::mosaic_options::{MissingTiles, MosaicOptions};
pub use self::open::{CompanionSources, accompanied, open};
pub use self::options::OpenOptions;
pub use self::region_view::RegionView;

/// Returns whether an input is a table of tiles: never, since the crate was built without the feature for them.
#[cfg(not(feature = "mosaic"))]
pub fn is_table(_: &std::path::Path) -> bool {
    false
}
pub use self::resolved::resolved;
pub use self::stored_type::StoredType;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::chunk::{Chunk, Dtype};
use crate::error::Result;
use crate::kernel::image::coarsen::Downsample;
use crate::space::{Position, Region, Spacing};

/// The description of a source.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// The name in messages: its path as the user wrote it, or its address without possible secrets.
    pub name: String,
    /// Shape along (z, y, x), in voxels; a 2-D image has one plane.
    pub shape: [usize; 3],
    /// Number of the image's own axes: 2 or 3.
    pub dimensions: usize,
    /// Type of the values as they are read.
    pub dtype: Dtype,
    /// Type of the values as they are stored, which may be narrower.
    pub stored: StoredType,
    /// Size of a voxel according to the source's own metadata, otherwise 1.
    pub spacing: Spacing,
    /// Unit of the spacing, if the metadata name one.
    pub unit: Option<String>,
    /// The best shape for reading: processing chunks follow it.
    pub chunk: [usize; 3],
    /// The value of voxels that have not been stored.
    pub fill: f64,
    /// Position of the first voxel according to the source's own metadata, in voxels, otherwise 0. Results do not depend on
    /// it; images that are written lie where this one does.
    pub offset: [f64; 3],
    /// How coarser copies of it are made, as far as its type and its metadata tell: by the largest value if it is of
    /// bools, by the most frequent one if it is of labels.
    pub downsample: Downsample,
}

impl Description {
    /// The description of a volume of a shape and a type, with 2 or 3 own axes, stored in the type in which it is read:
    /// voxels of size 1 without a unit, chunks of some MiB, and 0 for voxels that are not stored.
    pub fn new(name: &str, shape: [usize; 3], dimensions: usize, dtype: Dtype) -> Description {
        let (name, stored, spacing) = (name.to_owned(), dtype.into(), Spacing::default());
        let chunk = layout::read_shape(shape, [1; 3], dimensions);
        let downsample = Description::downsample_of(dtype);
        Description {
            name,
            shape,
            dimensions,
            dtype,
            stored,
            spacing,
            unit: None,
            chunk,
            fill: 0.0,
            offset: [0.0; 3],
            downsample,
        }
    }

    /// How coarser copies are made of an image of this type, of which no more is known.
    pub(crate) fn downsample_of(dtype: Dtype) -> Downsample {
        if dtype == Dtype::Bool { Downsample::Max } else { Downsample::Mean }
    }
}

/// An image that can be read part by part, from several threads at once.
pub trait Source: Send + Sync {
    /// The description of the image.
    fn description(&self) -> &Description;

    /// Position of the first voxel, in voxels: within the whole image, if this is a part of it, or in the coordinates
    /// of a table of tiles.
    fn origin(&self) -> Position {
        [0; 3]
    }

    /// Position of the first voxel, in voxels, in the coordinates of the image's metadata: what viewers lay images over each
    /// other by.
    fn place(&self) -> [f64; 3] {
        let (origin, offset) = (self.origin(), self.description().offset);
        std::array::from_fn(|a| origin[a] as f64 + offset[a])
    }

    /// How the image is stored, for display.
    fn details(&self) -> Details {
        Details::default()
    }

    /// Warnings about the image, each a sentence without a full stop.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The values of a box inside the volume, or `None` if no part of it is stored: it holds the fill value.
    ///
    /// # Errors
    /// If stored data are damaged or cannot be read; the error names the file and the chunk.
    fn read(&self, region: &Region) -> Result<Option<Chunk>>;

    /// The mark of the stored data of a box, without reading them; `None` if the source has no marks.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        let _ = region;
        Ok(None)
    }

    /// The units of the stored image (files, as a rule) that are missing; they do not depend on how it is read. `None`
    /// if the image exists as a whole or not at all. May look at every unit.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    fn absent(&self) -> Result<Option<Absent>> {
        Ok(None)
    }

    /// Whether stored data cover all of a box inside the image, as far as the source can know, so that no voxel in it
    /// holds the fill value because its data are missing. May look at every unit.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    fn covers(&self, region: &Region) -> Result<bool> {
        Ok(self.absent()?.is_none_or(|absent| absent.within(region).missing.is_empty()))
    }

    /// Boxes that hold all stored data, one for each unit (file) that exists, perhaps beyond the image; `None` if the
    /// source cannot list them. Takes time in proportion to the stored data, whatever the size of the image.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    fn stored(&self) -> Result<Option<Vec<Region>>> {
        Ok(None)
    }

    /// The mask to which the analysis of the image is confined, in the coordinates of the image; `None` if there is none.
    fn confinement(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// The atlas whose regions divide the network of the image, in the coordinates of the image; `None` if there is none. It has
    /// no part in the marks of the image.
    fn atlas(&self) -> Option<Atlas> {
        None
    }

    /// The image whose values are measured in place of this one's, in the coordinates of this one; `None` if there is none.
    fn intensity(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// The marks of many boxes, like [`Source::mark`], with the youngest file behind each. Sources in files look at
    /// each file once, however many boxes it is in.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let marked = |region| Ok(self.mark(region)?.map(|mark| Marked { mark, youngest: None }));
        regions.iter().map(marked).collect()
    }
}

/// The sizes and modification times of the files behind a part of an image, in one number. It differs if any of them
/// does, unless a file was changed twice within a tick of the file system's clock and kept its length. Releases of the
/// program may compute it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark(u64);

impl Mark {
    /// The mark of two parts together, each with its own.
    fn with(self, other: Mark) -> Mark {
        // Multiplied by an odd number, so that no change of one alone is lost, and nothing cancels if both change alike.
        Mark(self.0.rotate_left(23) ^ other.0.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// A mark, and the age of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The mark.
    pub mark: Mark,
    /// When the youngest of the files was changed; `None` if there are no files, or it is not known.
    pub youngest: Option<SystemTime>,
}

/// A younger file may change again within one tick of its file system's clock.
const MOMENT: Duration = Duration::from_secs(1);

impl Marked {
    /// Whether the files are so old that every later change has another mark.
    pub fn is_old(&self) -> bool {
        let now = SystemTime::now();
        self.youngest.is_none_or(|youngest| now.duration_since(youngest).is_ok_and(|age| age >= MOMENT))
    }
}
