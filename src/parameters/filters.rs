//! Filters of the foreground before it is thinned.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ThresholdRule;
use crate::error::{Error, Result};
use crate::kernel::filter::rule::Filter;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::objects::connectivity::Connectivity;

/// Filters of the foreground before it is thinned, in the order in which they work, after the threshold. The default has
/// none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FilterRule {
    /// Holes to fill: components of the background (6-connected, 4-connected in 2-D) that do not touch the bounds.
    pub fill_holes: Option<HoleSize>,
    /// Objects of fewer voxels than this are removed.
    pub remove_smaller: Option<u64>,
    /// All objects but this many of the largest are removed; of two of one size, the one whose first voxel comes first stays.
    pub keep_largest: Option<usize>,
}

/// Which holes to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HoleSize {
    /// All.
    Any,
    /// Those of fewer voxels than this.
    Below(u64),
}

impl fmt::Display for HoleSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoleSize::Any => f.write_str("all"),
            HoleSize::Below(voxels) => voxels.fmt(f),
        }
    }
}

impl FilterRule {
    /// Refuses sizes and numbers without a meaning, and a hysteresis whose numbers are in the wrong order.
    ///
    /// # Errors
    /// Of kind `Usage` if there are such.
    pub fn check(&self, threshold: ThresholdRule) -> Result<()> {
        if self.remove_smaller == Some(0) || self.fill_holes == Some(HoleSize::Below(0)) {
            return Err(Error::usage("--remove-smaller and --fill-holes need a number of voxels above zero"));
        }
        if self.keep_largest == Some(0) {
            return Err(Error::usage("--keep-largest 0 would remove all objects: give a number above zero"));
        }
        match threshold {
            ThresholdRule::Value(Threshold::Hysteresis { low, high })
                if low > high || low.is_nan() || high.is_nan() =>
            {
                Err(Error::usage(format!(
                    "--threshold hysteresis:{low},{high} does not fit: give the lower number first"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The filters.
    pub fn filters(&self, threshold: ThresholdRule, connectivity: Connectivity) -> Vec<Filter> {
        let hysteresis = matches!(threshold, ThresholdRule::Value(Threshold::Hysteresis { .. }));
        let holes = self.fill_holes.map(|holes| match holes {
            HoleSize::Any => Filter::FillHoles(None),
            HoleSize::Below(voxels) => Filter::FillHoles(Some(voxels)),
        });
        let sizes = match (self.remove_smaller, self.keep_largest) {
            (least, Some(count)) => Some(Filter::KeepLargest { count, least: least.unwrap_or(0), connectivity }),
            (Some(least), None) => Some(Filter::RemoveSmaller(least, connectivity)),
            (None, None) => None,
        };
        hysteresis.then_some(Filter::Hysteresis).into_iter().chain(holes).chain(sizes).collect()
    }
}
