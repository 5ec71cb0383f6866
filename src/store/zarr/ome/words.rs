//! OME-Zarr's descriptions of axes.

use crate::store::axes::Role;

/// The description of an axis of an array.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AxisWords {
    pub(crate) name: Option<String>,
    /// The role, if its type determines it.
    pub(crate) kind: Option<Role>,
    pub(crate) unit: Option<String>,
    /// Voxel size along the axis.
    pub(crate) size: Option<f64>,
    /// The position of the first voxel along the axis.
    pub(crate) offset: f64,
}
