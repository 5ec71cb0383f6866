//! Skeleton voxels without neighbours: nodes that no branch ends at.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::moments::Moments;
use crate::space::Voxel;

/// A skeleton voxel without neighbours, with what is measured of the channels there: as of a path of one voxel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Isolated<M = Moments> {
    /// Where it is.
    pub voxel: Voxel,
    /// What is measured of it.
    pub measured: M,
}
