//! Channels at the voxels of a skeleton, and measures of them along branches.

use self::moments::Moments;
use self::pixel_values::PixelValues;
use self::radii::{Radii, RadiusMeasures};

pub mod bits;
pub mod channel;
pub mod distance;
pub mod exact;
pub mod moments;
pub mod numbers;
pub mod pixel_values;
pub mod radius;
pub mod radius_list;
pub mod radii;
#[cfg(test)]
mod tests;

/// The channels of an analysis at skeleton voxels: the image's values, and radii.
pub type Known = (PixelValues, Radii);

/// The measures of a branch in an analysis.
pub type BranchMeasures = (Moments, RadiusMeasures);
