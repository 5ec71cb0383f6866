//! The options of filters of the foreground.

use clap::Args;

/// The heading of the options for filters in the help.
const FILTERS: &str = "Filters of the mask";

/// Filters of the foreground.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FilterOptions {
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
}
