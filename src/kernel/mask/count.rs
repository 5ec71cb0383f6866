//! Counts of an image's values in a pass, for thresholds that are found automatically.

use serde::{Deserialize, Serialize};

use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::kernel::mask::extent::Extent;
use crate::kernel::mask::histogram::Histogram;
use crate::kernel::mask::sums::Sums;

/// The count of a pass over the image. Counts of parts of an image can be merged in any order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Count {
    /// The smallest and the largest value.
    Extent(Extent),
    /// The histogram of values, or of bins of values.
    Histogram(Histogram),
    /// Counts and sums of values between bounds.
    Sums(Sums),
}

impl Count {
    /// Counts the values of a chunk.
    ///
    /// # Errors
    /// As [`Histogram::add`].
    pub fn add(&mut self, voxels: &Voxels) -> Result<()> {
        match self {
            Count::Histogram(histogram) => histogram.add(voxels),
            Count::Sums(sums) => {
                sums.add(voxels);
                Ok(())
            }
            Count::Extent(extent) => {
                let here = crate::with_voxels!(voxels, array => array.as_slice().map(Extent::of));
                *extent = extent.merged(here.unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Adds the count of another part of the image.
    ///
    /// # Errors
    /// As [`Histogram::merge`], and if the two counts are of different kinds.
    pub fn merge(&mut self, other: &Count) -> Result<()> {
        match (self, other) {
            (Count::Extent(extent), Count::Extent(other)) => {
                *extent = extent.merged(*other);
                Ok(())
            }
            (Count::Histogram(histogram), Count::Histogram(other)) => histogram.merge(other),
            (Count::Sums(sums), Count::Sums(other)) => sums.merge(other),
            _ => Err(Error::internal("counts of different things were brought together")),
        }
    }

    /// Whether to keep it for each chunk: whether it remains valid when other chunks change.
    pub fn is_kept(&self) -> bool {
        !matches!(self, Count::Sums(_))
    }

    /// Whether both counts are of the same kind, so that they can be merged.
    pub fn is_like(&self, other: &Count) -> bool {
        match (self, other) {
            (Count::Extent(_), Count::Extent(_)) => true,
            (Count::Histogram(histogram), Count::Histogram(other)) => histogram.has_bins_of(other),
            (Count::Sums(sums), Count::Sums(other)) => sums.is_like(other),
            _ => false,
        }
    }
}

impl Count {
    /// Whether every value that can be counted has a place.
    #[cfg(feature = "dataflow")]
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Count::Extent(extent) => !extent.min.is_nan() && !extent.max.is_nan(),
            Count::Histogram(histogram) => histogram.is_sound(),
            Count::Sums(sums) => sums.is_sound(),
        }
    }
}
