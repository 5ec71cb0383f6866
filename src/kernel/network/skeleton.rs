//! The skeleton of a chunk: which of its voxels are left after thinning, and what is known at them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernel::measure::channel::Channel;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::voxel_list::VoxelList;
use crate::space::Region;

/// Skeleton voxels of one chunk (its own, without a halo) and a channel: what is known at them. A copy shares both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Skeleton<C = PixelValues> {
    /// The voxels, in raster order.
    pub voxels: VoxelList,
    /// What is known at them: by default, the image's values.
    pub values: Arc<C>,
}

impl<C: Channel> Skeleton<C> {
    /// Whether the voxels are in order and lie in a box, and there is a value for each.
    pub fn is_sound(&self, own: &Region) -> bool {
        self.values.is_for(self.voxels.len())
            && self.voxels.iter().is_sorted_by(|a, b| a < b)
            && self.voxels.iter().all(|voxel| own.contains(voxel.position()))
    }
}
