//! The skeleton of a chunk: which of its voxels are left after thinning, and the image's values there.

use serde::{Deserialize, Serialize};

use crate::kernel::voxel_list::VoxelList;
use crate::space::Region;

/// Skeleton voxels of one chunk (its own, without a halo) and the image's values at them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Skeleton {
    /// The voxels, in raster order.
    pub voxels: VoxelList,
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

impl Skeleton {
    /// Whether the voxels are in order and lie in a box, and there is a value for each.
    pub fn is_sound(&self, own: &Region) -> bool {
        let values = match &self.values {
            PixelValues::Constant(_) => self.voxels.len(),
            PixelValues::Integers(values) => values.len(),
            PixelValues::Floats(values) => values.len(),
        };
        values == self.voxels.len()
            && self.voxels.iter().is_sorted_by(|a, b| a < b)
            && self.voxels.iter().all(|voxel| own.contains(voxel.position()))
    }
}
