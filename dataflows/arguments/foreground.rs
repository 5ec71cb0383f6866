//! The options that say what is foreground.

use std::path::PathBuf;

use clap::Args;

use super::Neighbours;

/// The heading of the options for filters in the help.
const FILTERS: &str = "Filters of the mask";

/// What is foreground, and what of it is one object.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ForegroundOptions {
    /// Foreground is what is above this value, which `otsu`, `triangle` and `li` find; hysteresis:LOW,HIGH keeps of what is
    /// above LOW the objects with a voxel above HIGH [default: nonzero is foreground]
    #[arg(long, value_name = "V|METHOD", allow_hyphen_values = true)]
    pub(crate) threshold: Option<String>,
    /// Foreground is this value and what is below it, for dark objects; `otsu`, `triangle` and `li` find it
    #[arg(long, value_name = "V|METHOD", allow_hyphen_values = true, conflicts_with = "threshold")]
    pub(crate) below: Option<String>,
    /// Gaussian smoothing before the threshold: its standard deviation in voxels, or with a unit as a length (2um), which
    /// the spacing of the image turns into voxels; one number, or one for each axis, 0 where it is not smoothed
    #[arg(long, value_name = "S|Z,Y,X", allow_hyphen_values = true)]
    pub(crate) sigma: Option<String>,
    /// Fill holes of the mask: background (6-connected, 4-connected in 2-D) that does not reach the bounds of the image or of
    /// --region; all holes, or those of fewer than N voxels. Filters work in this order: hysteresis, --fill-holes,
    /// --remove-smaller, --keep-largest, before anything else is done with the mask
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "all", help_heading = FILTERS)]
    pub(crate) fill_holes: Option<String>,
    /// Remove objects of fewer than N voxels from the mask
    #[arg(long, value_name = "N", help_heading = FILTERS)]
    pub(crate) remove_smaller: Option<u64>,
    /// Keep only the K largest objects of the mask; of two of one size, the one that comes first in the order of voxels
    #[arg(long, value_name = "K", help_heading = FILTERS)]
    pub(crate) keep_largest: Option<usize>,
    /// Mask of a region of interest: an image of the same shape, in any format; what lies outside of it, where it is 0, counts as
    /// background
    #[arg(long, value_name = "IMAGE")]
    pub(crate) mask: Option<PathBuf>,
    /// How many neighbours a voxel of an object has: 6 at faces, 18 also at edges, 26 also at corners (4, 8 and 8 in 2-D)
    #[arg(long, value_enum, value_name = "6|18|26", default_value_t = Neighbours::Corners)]
    pub(crate) connectivity: Neighbours,
}
