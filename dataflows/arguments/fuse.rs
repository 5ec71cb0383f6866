//! The options of `anabranch fuse`.

use std::path::PathBuf;

use clap::Args;

use super::headings::{OUTPUT, RESOURCES};
use super::{DownsampleName, ImageOptions, OutputOptions};

/// Write an image, or the tiles of a table, as OME-Zarr with coarser copies
///
/// INPUT is what `run` takes; all channels of a table are written. OUT.zarr holds the full resolution at `0`, and coarser ones
/// for viewers at `1`, `2` and so on: each has one value for two voxels along each axis of the one before.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch fuse tiles.csv -o fused.zarr --blend feather --gains gains.csv
  anabranch fuse scan.tif -o scan.zarr")]
#[command(mut_arg("overwrite", |overwrite| overwrite.help("Replace an image that an earlier fuse wrote there")))]
pub(crate) struct FuseOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Folder for the image; it must be new or empty
    #[arg(short, long, value_name = "OUT.zarr", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    /// Chunk of the stored arrays [default: 1024 in 2-D, 64 in 3-D]
    #[arg(long, value_name = "N|Z,Y,X", help_heading = OUTPUT)]
    pub(crate) chunk: Option<String>,
    /// Number of resolutions [default: until the longest axis has 1024 voxels, 256 in 3-D]
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub(crate) levels: Option<usize>,
    /// How to make coarser copies [default: fits the image]
    ///
    /// By default max for masks and skeletons, mode for labels, and mean for other images.
    #[arg(long, value_name = "HOW", help_heading = OUTPUT)]
    pub(crate) downsample: Option<DownsampleName>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
}
