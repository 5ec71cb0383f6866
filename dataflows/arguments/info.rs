//! The options of `anabranch info`.

use clap::Args;

use super::ImageOptions;
use super::headings::OUTPUT;

/// Print what the program understands of an image
///
/// Prints format, shape, type, axes, voxel size, channels, the range of values, and warnings. Reads the metadata and some of
/// the values: all of them in an image of up to 32 MiB.
///
/// Exit codes: 0 if `run` could read the image; 2 if the options do not fit it; 65 if it is damaged or of an unknown kind;
/// 66 if it is missing; 74 if it cannot be read. A channel or a time point that has yet to be picked is no error.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch info scan.ome.tif
  anabranch info scan.zarr --channel 1 --json")]
pub(crate) struct InfoOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Print one JSON object
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Read all values and print their CRC-32
    ///
    /// Of the little-endian bytes in C order, in the type as which they are read.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) checksum: bool,
}
