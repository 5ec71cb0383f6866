//! Skeleton voxels without neighbours: nodes without branches.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::moments::Moments;
use crate::space::Voxel;

/// A skeleton voxel without neighbours, with the measures of the channels as for a path of one voxel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Isolated<M = Moments> {
    /// Position of the voxel.
    pub voxel: Voxel,
    /// The measures of the channels.
    pub measured: M,
}
