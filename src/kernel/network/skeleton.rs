//! The skeleton of a chunk: the voxels that remain after thinning, and a channel of values at them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernel::measure::channel::Channel;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::voxel_list::VoxelList;
use crate::space::Region;

/// Skeleton voxels of one chunk (its own, without a halo) with the values of a channel. A clone shares both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Skeleton<C = PixelValues> {
    /// The voxels, in raster order.
    pub voxels: VoxelList,
    /// The values of the channel at them: by default, the image's values.
    pub values: Arc<C>,
}

impl<C: Channel> Skeleton<C> {
    /// Whether the voxels are in order and in a box, and each has a value.
    pub fn is_sound(&self, own: &Region) -> bool {
        self.values.is_for(self.voxels.len())
            && self.voxels.iter().is_sorted_by(|a, b| a < b)
            && self.voxels.iter().all(|voxel| own.contains(voxel.position()))
    }
}
