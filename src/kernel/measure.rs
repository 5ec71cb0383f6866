//! What is known at the voxels of a skeleton, and what follows from it along a branch.

use self::moments::Moments;
use self::pixel_values::PixelValues;
use self::radii::{Radii, RadiusMeasures};

pub mod bits;
pub mod channel;
pub mod distance;
pub mod moments;
pub mod numbers;
pub mod pixel_values;
pub mod radii;
#[cfg(test)]
mod tests;

/// What an analysis knows at skeleton voxels: the image's values, and radii.
pub type Known = (PixelValues, Radii);

/// What an analysis measures of a branch.
pub type BranchMeasures = (Moments, RadiusMeasures);
