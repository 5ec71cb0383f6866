//! The skeleton of a chunk: which of its voxels are left after thinning, and the image's values there.

use serde::{Deserialize, Serialize};

use crate::space::Voxel;

/// Skeleton voxels of one chunk (its own, without a halo) and the image's values at them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Skeleton {
    /// The voxels, in raster order.
    pub voxels: Vec<Voxel>,
    /// The image's values at them.
    pub values: PixelValues,
}

/// Values of the input image at skeleton voxels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PixelValues {
    /// One whole number for all of them, as in a mask.
    Constant(i64),
    /// A whole number each.
    Integers(Vec<i64>),
    /// A number each, by the bits of its `f64`.
    Floats(Vec<u64>),
}
