//! The options of `anabranch tiles`.

use std::path::PathBuf;

use clap::Args;

use super::headings::{INPUT, OUTPUT};
use super::{Corner, OutputOptions, StageOrder};

/// Make a table of tiles for run, watch and fuse
///
/// SCAN is a folder of OME-TIFF files, one for each tile, that hold their positions; or a file with the positions, beside
/// the tiles: the text export of Nikon's NIS-Elements, the TileConfiguration.txt of Fiji or BigStitcher, or the global
/// positions of MIST.
///
/// With --grid or --pattern, SCAN is the tiles themselves, or a folder of tiles only. They lie in rows and columns, in the
/// natural order of their names: tile_2 before tile_10.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch tiles scan/TileConfiguration.txt -o tiles.csv
  anabranch tiles scan -o tiles.csv --grid 4x6 --overlap 10% --scan-order snake-row")]
#[command(mut_arg("overwrite", |overwrite| overwrite.help("Replace a table that exists already")))]
pub(crate) struct TilesOptions {
    /// File or folder with the positions of tiles, or the tiles of a grid
    #[arg(required = true)]
    pub(crate) scan: Vec<PathBuf>,
    /// Axes of the stage that run opposite to those of the image: y,x
    #[arg(long, value_name = "AXES", help_heading = INPUT)]
    pub(crate) reverse: Option<String>,
    /// Rows and columns of a grid of tiles: 4x6
    #[arg(long, value_name = "ROWSxCOLUMNS", conflicts_with_all = ["rows", "columns"], help_heading = INPUT)]
    pub(crate) grid: Option<String>,
    /// Rows of a grid of tiles
    #[arg(long, value_name = "N", requires = "columns", help_heading = INPUT)]
    pub(crate) rows: Option<usize>,
    /// Columns of a grid of tiles
    #[arg(long, value_name = "N", requires = "rows", help_heading = INPUT)]
    pub(crate) columns: Option<usize>,
    /// Overlap of neighbouring tiles of a grid: 0.1, 10% or 200px
    ///
    /// A share of a tile or a number of pixels, one for both axes or Y,X.
    #[arg(long, value_name = "SHARE|Npx", allow_hyphen_values = true, help_heading = INPUT)]
    pub(crate) overlap: Option<String>,
    /// Order in which the tiles of a grid were scanned [default: row]
    #[arg(long, value_name = "ORDER", conflicts_with = "pattern", help_heading = INPUT)]
    pub(crate) scan_order: Option<StageOrder>,
    /// Corner in which the scan of a grid began [default: top-left]
    #[arg(long, value_name = "CORNER", conflicts_with = "pattern", help_heading = INPUT)]
    pub(crate) start: Option<Corner>,
    /// Pattern of the tiles' names, with rows and columns: "img_r{row}_c{col}.tif"
    #[arg(long, value_name = "NAME", help_heading = INPUT)]
    pub(crate) pattern: Option<String>,
    /// Table to write; paths in it are relative to its folder
    #[arg(short, long, value_name = "TILES.csv", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
