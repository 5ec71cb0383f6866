//! The options of `anabranch phantom` and of `anabranch demo`.

use std::path::PathBuf;

use clap::Args;

use super::headings::{OUTPUT, RESOURCES, TILES};

/// Voxels of the demo's phantom along each axis: flat, so that a projection shows its branches one by one.
pub(crate) const DEMO_SHAPE: &str = "64,320,480";

/// Make a synthetic vessel tree, as a Zarr array or as tiles
///
/// Branching tubes and loops; the same seed makes the same image on every machine. With --tiles, OUT is a folder of
/// overlapping TIFF tiles as a stage scans them, with their positions in tiles.csv.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch phantom tree.zarr --shape 128,512,512
  anabranch phantom scan --tiles 3,4 --tile-shape 16,256,256 --gray")]
pub(crate) struct PhantomOptions {
    /// Folder for the array or the tiles; it must be new or empty
    pub(crate) out: PathBuf,
    /// Voxels along each axis [default: 256,256,256]
    #[arg(long, value_name = "Z,Y,X")]
    pub(crate) shape: Option<String>,
    /// Seed of the random tree
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Number of trees that grow into the volume [default: by its size]
    #[arg(long, value_name = "N")]
    pub(crate) roots: Option<usize>,
    /// Radius of the thickest tube, in voxels [default: by the volume's size, 14 for 512 voxels]
    #[arg(long, value_name = "R")]
    pub(crate) radius: Option<f64>,
    /// Make a blurred, noisy 16-bit image instead of a mask
    #[arg(long)]
    pub(crate) gray: bool,
    /// Write N tiles along y and x, or along each axis
    #[arg(long, value_name = "N|Y,X|Z,Y,X", help_heading = TILES)]
    pub(crate) tiles: Option<String>,
    /// Voxels of a tile, instead of --shape for the whole
    #[arg(long, value_name = "Z,Y,X", requires = "tiles", conflicts_with = "shape", help_heading = TILES)]
    pub(crate) tile_shape: Option<String>,
    /// Share of a tile that overlaps the next one [default: 0.1]
    #[arg(long, value_name = "SHARE", requires = "tiles", allow_hyphen_values = true, help_heading = TILES)]
    pub(crate) overlap: Option<f64>,
    /// Largest offset of a tile from the grid, in voxels [default: 0]
    #[arg(long, value_name = "VOXELS", requires = "tiles", allow_hyphen_values = true, help_heading = TILES)]
    pub(crate) jitter: Option<f64>,
    /// Largest rotation of a tile, in degrees [default: 0]
    #[arg(long, value_name = "DEGREES", requires = "tiles", allow_hyphen_values = true, help_heading = TILES)]
    pub(crate) rotation: Option<f64>,
    /// Chunk of the array [default: 64]
    #[arg(long, value_name = "N|Z,Y,X", conflicts_with = "tiles", help_heading = OUTPUT)]
    pub(crate) chunk: Option<String>,
    /// Print warnings and errors only
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
}

/// Try the program: make a phantom, analyse it, and say where to look
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  anabranch demo")]
pub(crate) struct DemoOptions {
    /// Folder for the phantom and the results
    #[arg(short, long, value_name = "DIR", default_value = "anabranch-demo", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    /// Voxels along each axis
    #[arg(long, value_name = "Z,Y,X", default_value = DEMO_SHAPE)]
    pub(crate) shape: String,
    /// Seed of the random tree
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) seed: u64,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
}
