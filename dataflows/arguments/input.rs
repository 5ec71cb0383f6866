//! The options that say what an image is, and which part of it to take.

use std::path::PathBuf;

use clap::Args;

use super::headings::{INPUT, TILES};

/// Seconds to wait for a server by default.
pub(crate) const SERVER_TIMEOUT: f64 = 30.0;

/// An image, and what of it is wanted.
#[derive(Args, Clone, Debug)]
pub(crate) struct ImageOptions {
    /// The image: a Zarr or OME-Zarr folder, a TIFF file, a folder of slices, NIfTI, NRRD, MetaImage, .npy, .npz, or a table of
    /// tiles
    pub(crate) input: PathBuf,
    /// Size of a voxel, with or without a unit: 2,0.5,0.5um [default: what the image says, else 1]
    ///
    /// One number for each axis of the image, slowest first, or one for all. Lengths in the results are in this unit.
    #[arg(long, value_name = "Z,Y,X", allow_hyphen_values = true, help_heading = INPUT)]
    pub(crate) spacing: Option<String>,
    /// Unit of lengths: um, mm, nm [default: the image's]
    ///
    /// With numbers in --spacing it is their unit. Alone it converts the voxel size that the image states.
    #[arg(long, value_name = "UNIT", help_heading = INPUT)]
    pub(crate) unit: Option<String>,
    /// Names of the stored axes, slowest first: z,y,x
    ///
    /// For images that do not name their axes, or name them wrongly. t and c stand for time and channel.
    #[arg(long, value_name = "NAMES", help_heading = INPUT)]
    pub(crate) axes: Option<String>,
    /// Channel to take, counted from 0
    #[arg(long, value_name = "C", help_heading = INPUT)]
    pub(crate) channel: Option<usize>,
    /// Time point to take, counted from 0
    #[arg(long, value_name = "T", help_heading = INPUT)]
    pub(crate) time: Option<usize>,
    /// Analyse only this box, in voxels: z0:z1,y0:y1,x0:x1
    #[arg(long, value_name = "RANGES", help_heading = INPUT)]
    pub(crate) region: Option<String>,
    /// Seconds to wait for a server that is silent or fails
    #[arg(long, value_name = "SECONDS", default_value_t = SERVER_TIMEOUT, allow_hyphen_values = true, help_heading = INPUT)]
    pub(crate) server_timeout: f64,
    #[command(flatten)]
    pub(crate) tiles: TileOptions,
}

impl ImageOptions {
    /// The whole image, as it is stored.
    pub(crate) fn of(input: PathBuf) -> ImageOptions {
        let (channel, time, server_timeout, tiles) = (None, None, SERVER_TIMEOUT, TileOptions::default());
        ImageOptions {
            input,
            spacing: None,
            unit: None,
            axes: None,
            channel,
            time,
            region: None,
            server_timeout,
            tiles,
        }
    }
}

/// How the tiles of a table are put together.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TileOptions {
    /// Interpolation between pixels: 0 nearest, 1 linear, 3 cubic spline [default: 1]
    #[arg(long, value_name = "0|1|3", help_heading = TILES, hide_short_help = true)]
    pub(crate) order: Option<String>,
    /// Value where tiles overlap [default: max]
    ///
    /// The largest value (max), the mean, the value of the first tile in the table, or the mean weighted by the distance to
    /// the tile's edge (feather).
    #[arg(long, value_name = "max|mean|first|feather", help_heading = TILES, hide_short_help = true)]
    pub(crate) blend: Option<String>,
    /// Flip each tile along these axes before it is placed: y,x
    #[arg(long, value_name = "AXES", help_heading = TILES, hide_short_help = true)]
    pub(crate) flip: Option<String>,
    /// Pixels to cut off at both ends of a tile's axes
    ///
    /// One number for y and x, or one for each axis. The other pixels stay where they are.
    #[arg(long, value_name = "N|Z,Y,X", help_heading = TILES, hide_short_help = true)]
    pub(crate) crop: Option<String>,
    /// Box to fill, in the table's pixels: z0:z1,y0:y1,x0:x1 [default: around all tiles]
    #[arg(long, value_name = "RANGES", allow_hyphen_values = true, help_heading = TILES, hide_short_help = true)]
    pub(crate) canvas: Option<String>,
    /// Image taken in the dark, to subtract from each tile
    #[arg(long, value_name = "IMAGE", help_heading = TILES, hide_short_help = true)]
    pub(crate) background: Option<PathBuf>,
    /// Image of a uniform field, to divide each tile by
    ///
    /// It is scaled to mean 1 first.
    #[arg(long, value_name = "IMAGE", help_heading = TILES, hide_short_help = true)]
    pub(crate) flat_field: Option<PathBuf>,
    /// CSV file with a gain for each tile
    ///
    /// Its columns are path,channel,gain. If the file does not exist, gains that make neighbouring tiles match are found and
    /// written to it.
    #[arg(long, value_name = "FILE", help_heading = TILES, hide_short_help = true)]
    pub(crate) gains: Option<PathBuf>,
    /// Find the gains again, and replace the file
    #[arg(long, requires = "gains", help_heading = TILES, hide_short_help = true)]
    pub(crate) refit: bool,
    /// Whether to wait for tiles that are missing
    #[arg(skip)]
    pub(crate) awaited: bool,
}
