//! What OME-Zarr says of an axis.

use crate::store::axes::Role;

/// What is said of an axis of an array.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AxisWords {
    pub(crate) name: Option<String>,
    /// Where its type says so.
    pub(crate) kind: Option<Role>,
    pub(crate) unit: Option<String>,
    /// Of a voxel along it.
    pub(crate) size: Option<f64>,
}
