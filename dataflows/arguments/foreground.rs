//! The options that say what is foreground.

use std::path::PathBuf;

use clap::Args;

use super::Neighbours;
use super::headings::FOREGROUND;

/// What is foreground, and what of it is one object.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = FOREGROUND)]
pub(crate) struct ForegroundOptions {
    /// Foreground is brighter than this: a value, otsu, triangle or li [default: all that is not 0]
    ///
    /// otsu, triangle and li find the value from the whole image. hysteresis:LOW,HIGH takes what is brighter than LOW in
    /// objects that have a voxel brighter than HIGH.
    #[arg(long, value_name = "V|METHOD", allow_hyphen_values = true)]
    pub(crate) threshold: Option<String>,
    /// Foreground is this or darker: a value, otsu, triangle or li
    #[arg(long, value_name = "V|METHOD", allow_hyphen_values = true, conflicts_with = "threshold")]
    pub(crate) below: Option<String>,
    /// Smooth the image before the threshold, by this many voxels or by a length: 1.5 or 2um
    ///
    /// The standard deviation of a Gaussian: one for all axes, or one for each. 0 leaves an axis as it is.
    #[arg(long, value_name = "S|Z,Y,X", allow_hyphen_values = true)]
    pub(crate) sigma: Option<String>,
    /// Fill holes in the foreground: all, or those of fewer than N voxels
    ///
    /// A hole is background, connected at faces, that does not reach the edge of the image or of --region. Filters work in
    /// this order: hysteresis, --fill-holes, --remove-smaller, --keep-largest.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "all")]
    pub(crate) fill_holes: Option<String>,
    /// Remove objects of fewer than N voxels
    #[arg(long, value_name = "N")]
    pub(crate) remove_smaller: Option<u64>,
    /// Keep the K largest objects
    ///
    /// Of two objects of one size, the one that comes first in the order of voxels is kept.
    #[arg(long, value_name = "K")]
    pub(crate) keep_largest: Option<usize>,
    /// Region of interest: an image of the same shape that is 0 outside
    ///
    /// Whatever lies outside counts as background.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) mask: Option<PathBuf>,
    /// Neighbours of a voxel within an object
    ///
    /// 6 at faces, 18 also at edges, 26 also at corners. In 2-D these are 4, 8 and 8.
    #[arg(long, value_enum, value_name = "6|18|26", default_value_t = Neighbours::Corners, hide_possible_values = true)]
    pub(crate) connectivity: Neighbours,
}
