//! The command line, as the user writes it.

mod choices;
mod defaults;
mod foreground;
mod objects;

use std::path::PathBuf;

use anabranch::export::Format;
use clap::{Args, Parser, Subcommand};

use self::choices::export_format;
pub(crate) use self::choices::{BranchColour, ColumnSet, DownsampleName, MethodName, Neighbours};
#[cfg(feature = "mosaic")]
pub(crate) use self::choices::{Corner, StageOrder};
pub(crate) use self::foreground::ForegroundOptions;
pub(crate) use self::objects::ObjectsOptions;

/// Seconds that processes wait for each other by default.
pub(crate) const CONNECT_TIMEOUT: f64 = 30.0;

/// Seconds to wait for a server by default.
pub(crate) const SERVER_TIMEOUT: f64 = 30.0;

/// Voxels of the demo's phantom along each axis: flat, so that a projection shows its branches one by one.
pub(crate) const DEMO_SHAPE: &str = "64,320,480";

/// The heading of the options for tiles in the help.
const TILES: &str = "Tables of tiles";

/// Exact branch networks of image volumes larger than memory: vessels, airways, neurites, roots.
///
/// The skeleton is scikit-image's voxel for voxel and the table skan's row for row, for every chunk shape and number of
/// workers.
#[derive(Debug, Parser)]
#[command(name = "anabranch", version, arg_required_else_help = true)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Info(InfoOptions),
    Run(RunOptions),
    Objects(ObjectsOptions),
    Watch(WatchOptions),
    Export(ExportOptions),
    Fuse(FuseOptions),
    Sholl(ShollOptions),
    Phantom(PhantomOptions),
    #[cfg(feature = "mosaic")]
    Tiles(TilesOptions),
    Demo(DemoOptions),
}

/// An image, and what of it is wanted.
#[derive(Args, Clone, Debug)]
pub(crate) struct ImageOptions {
    /// The image
    pub(crate) input: PathBuf,
    /// Size of a voxel along the array's axes, or one number for all axes, with or without a unit: 2,0.5,0.5um
    /// [default: the input's own calibration, else 1]
    #[arg(long, value_name = "Z,Y,X", allow_hyphen_values = true)]
    pub(crate) spacing: Option<String>,
    /// Unit of lengths: that of the numbers of --spacing, or the one that the input's own calibration is converted to
    /// [default: the input's]
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    /// Axes of the stored array, slowest first, if its metadata do not name them or are wrong: z,y,x
    #[arg(long, value_name = "NAMES")]
    pub(crate) axes: Option<String>,
    /// Channel, from 0, of an image that has several, or of a table of tiles
    #[arg(long, value_name = "C")]
    pub(crate) channel: Option<usize>,
    /// Time point, from 0, of an image that has several
    #[arg(long, value_name = "T")]
    pub(crate) time: Option<usize>,
    /// Analyse only this part of the image: z0:z1,y0:y1,x0:x1
    #[arg(long, value_name = "RANGES")]
    pub(crate) region: Option<String>,
    /// Seconds to wait for a server that fails or does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = SERVER_TIMEOUT, allow_hyphen_values = true)]
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
    /// Interpolation between a tile's pixels: 0 nearest, 1 linear, 3 cubic spline [default: 1]
    #[arg(long, value_name = "0|1|3", help_heading = TILES)]
    pub(crate) order: Option<String>,
    /// Value where tiles overlap: the largest, the mean, that of the first tile in the table, or the mean weighted by
    /// the distance to the tile's edge [default: max]
    #[arg(long, value_name = "max|mean|first|feather", help_heading = TILES)]
    pub(crate) blend: Option<String>,
    /// Flip tiles along these of their axes before they are placed, such as y,x
    #[arg(long, value_name = "AXES", help_heading = TILES)]
    pub(crate) flip: Option<String>,
    /// Cut this many pixels off both ends of a tile's axes; the others stay where they are
    #[arg(long, value_name = "N|Z,Y,X", help_heading = TILES)]
    pub(crate) crop: Option<String>,
    /// The canvas, in the table's coordinates in pixels: z0:z1,y0:y1,x0:x1 [default: around all tiles]
    #[arg(long, value_name = "RANGES", allow_hyphen_values = true, help_heading = TILES)]
    pub(crate) canvas: Option<String>,
    /// Subtract this image from each tile: an image taken in the dark
    #[arg(long, value_name = "IMAGE", help_heading = TILES)]
    pub(crate) background: Option<PathBuf>,
    /// Divide each tile by this image, scaled to mean 1: an image of a uniform field
    #[arg(long, value_name = "IMAGE", help_heading = TILES)]
    pub(crate) flat_field: Option<PathBuf>,
    /// Multiply tiles by the gains in this CSV file, with columns path,channel,gain; if it does not exist, gains that
    /// make neighbouring tiles match are solved and written to it
    #[arg(long, value_name = "FILE", help_heading = TILES)]
    pub(crate) gains: Option<PathBuf>,
    /// Solve the gains again, and replace the file
    #[arg(long, requires = "gains", help_heading = TILES)]
    pub(crate) refit: bool,
    /// Whether to wait for tiles that are missing
    #[arg(skip)]
    pub(crate) awaited: bool,
}

/// Print what the program understands of an image: format, shape, type, axes, spacing, channels, values, warnings.
///
/// INPUT and its options are those of `run`. Reads the metadata and a few parts of the values that are spread over the
/// image: all values of an image of up to 32 MiB. If a channel or a time point must be picked, it says so, describes
/// the first one and ends with exit code 0. If `run` would refuse the image, it prints what is known all the same, and
/// ends with the sentence and the exit code that `run` would end with: 2 if the options do not fit the image, 65 if the
/// image is damaged or its format is not supported, 66 if it is missing, 74 if it cannot be read.
#[derive(Args, Clone, Debug)]
pub(crate) struct InfoOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Read all values, and print their CRC-32: of the little-endian bytes in C order, in the type that they are read
    /// as
    #[arg(long)]
    pub(crate) checksum: bool,
}

/// Analyse a volume: its skeleton, its branch table, a summary and a picture.
///
/// INPUT is a Zarr v2 or v3 array or an OME-Zarr group (its full resolution), as a folder or as .zarr.zip; a TIFF file; a
/// folder of slices as TIFF, PNG, BMP or JPEG; NIfTI, NRRD, MetaImage, .npy or .npz. It is 2-D or 3-D, of bool, whole
/// numbers of 8 to 64 bits or floats of 16 to 64 bits; `anabranch info INPUT` prints what is understood of it. Zarr can
/// also be at an address https://, http:// or s3://, where the program was built with the features http and s3. Or INPUT is a table of the tiles of a scan,
/// TILES.csv: its columns path and y, x (or z, y, x, or the matrix m00 to m12 or m23) say where each lies; Fiji's
/// TileConfiguration.txt and the global positions of MIST are such tables too.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Folder for branches.csv, nodes.csv, skeletons.csv, summary.json, run.json, skeleton.zarr, voxels.npy and overview.png
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write the results in these formats of other programs too, into the folder export in DIR
    #[arg(long, value_name = "FORMAT,…", value_delimiter = ',', value_parser = export_format())]
    pub(crate) export: Vec<Format>,
    #[command(flatten)]
    pub(crate) foreground: ForegroundOptions,
    /// Thinning: Lee 1994, Zhang-Suen (2-D only), or one that loses no object [default: zhang in 2-D, lee in 3-D]
    #[arg(long)]
    pub(crate) method: Option<MethodName>,
    /// Processing chunk; results do not depend on it [default: follows the storage, put together along x up to 256 voxels]
    #[arg(long, value_name = "N|Z,Y,X")]
    pub(crate) chunk: Option<String>,
    /// Worker threads, in each process [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Run in this many processes on this machine; results do not depend on it
    #[arg(long, value_name = "N", conflicts_with = "hosts")]
    pub(crate) processes: Option<usize>,
    /// Run in one process for each line host:port of this file; start each with its --process
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(crate) hosts: Option<PathBuf>,
    /// Line of the file of hosts that this process is, from 0
    #[arg(long, value_name = "I", requires = "hosts")]
    pub(crate) process: Option<usize>,
    /// File with the secret that all processes of --hosts share, at least 16 bytes; programs that do not know it take
    /// no part [default: the value of ANABRANCH_SECRET; without either, only loopback addresses]
    #[arg(long, value_name = "FILE", requires = "hosts")]
    pub(crate) secret: Option<PathBuf>,
    /// Seconds to wait for the other processes
    #[arg(long, value_name = "SECONDS", default_value_t = CONNECT_TIMEOUT)]
    pub(crate) connect_timeout: f64,
    /// Which process this is, where the first has started it
    #[arg(long, hide = true, requires = "processes")]
    pub(crate) member: Option<usize>,
    /// Budget for chunks in flight, in each process, such as 500M or 2G
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Append the rows that changed, with diff +1 or -1, to this CSV file, and those of the other tables to files beside
    /// it (changes.nodes.csv, changes.skeletons.csv, changes.objects.csv); over all runs they add up to the tables
    #[arg(long, value_name = "FILE")]
    pub(crate) changes: Option<PathBuf>,
    /// Mark branches near parts that are not stored yet: adds a column `provisional` to the table
    #[arg(long)]
    pub(crate) provisional: bool,
    /// Remove side branches shorter than this from the skeleton: in the spacing's unit, or with a unit, such as 5um
    #[arg(long, value_name = "L", allow_hyphen_values = true)]
    pub(crate) prune: Option<String>,
    /// Remove side branches shorter than this many times the radius where they branch off
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub(crate) prune_ratio: Option<f64>,
    /// Prune no branch that touches the border of the image
    #[arg(long)]
    pub(crate) keep_border: bool,
    /// All that is measured, or skan's columns in branches.csv and no other tables, which is faster
    #[arg(long, value_enum, default_value_t = ColumnSet::All)]
    pub(crate) columns: ColumnSet,
    /// Add the longest shortest path between two nodes of each skeleton to skeletons.csv: the column `longest_path`
    #[arg(long)]
    pub(crate) longest_path: bool,
    /// Write objects.csv: the connected components of the foreground, with their sizes, shapes, values and skeletons; with
    /// --labels, the labels, each with all of its voxels
    #[arg(long)]
    pub(crate) objects: bool,
    /// Write objects.zarr: an image in which each voxel holds the label of its object in objects.csv, as OME-Zarr
    #[arg(long)]
    pub(crate) object_labels: bool,
    /// Keep what is known about the image in this folder, and compute only what has changed
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Read the whole image to tell what has changed, instead of trusting the sizes and times of its files
    #[arg(long, requires = "state")]
    pub(crate) verify: bool,
    /// Atlas of regions: an image of the same shape, in any format, whose whole numbers are labels of regions, 0 outside of
    /// all. Adds the region of each branch to branches.csv, and writes atlas.csv (length, branches, junctions and densities
    /// of each region) and atlas_branches.csv (the length of each branch in each region)
    #[arg(long, value_name = "IMAGE")]
    pub(crate) atlas: Option<PathBuf>,
    /// CSV file with the columns label and name: the names of the atlas's regions, for the tables
    #[arg(long, value_name = "FILE", requires = "atlas")]
    pub(crate) atlas_names: Option<PathBuf>,
    /// The image is a segmentation: each value but 0 has its own skeleton, whether it touches others or not; adds a column
    /// `label` to the tables
    #[arg(long)]
    pub(crate) labels: bool,
    /// Image of the same shape whose values are measured along branches in place of the input's own: the image that a mask or
    /// labels were made from
    #[arg(long, value_name = "IMAGE")]
    pub(crate) intensity: Option<PathBuf>,
    /// Colours of branches in overview.png: by what they join, or by their mean radius
    #[arg(long, value_enum, value_name = "kind|radius", alias = "picture-color", default_value_t = BranchColour::Kind)]
    pub(crate) picture_colour: BranchColour,
    /// Longest side of a panel of overview.png, in pixels [default: that of the image in voxels, between 512 and 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(64..=8192))]
    pub(crate) picture_size: Option<u16>,
    /// Replace what an earlier run wrote to the folder
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Treat every warning as an error, and write no results
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Keep running while the volume is written, and update the results at every change.
///
/// Follows a Zarr array or a folder of slices that grows or changes, or the tiles of a table, which need not exist yet.
/// When files have changed and then been quiet for a moment, the outputs are replaced and the summary is shown. Ends at
/// Ctrl-C, and goes on from its state when it is started again.
#[derive(Args, Clone, Debug)]
pub(crate) struct WatchOptions {
    #[command(flatten)]
    pub(crate) run: RunOptions,
    /// Read files once they have not changed for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, allow_hyphen_values = true)]
    pub(crate) settle: f64,
    /// Check all files at least every this many seconds, even if the system reports no change
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, allow_hyphen_values = true)]
    pub(crate) poll: f64,
}

/// Write the tiles of a table as one image, or any other image, as OME-Zarr with coarser copies for viewers.
///
/// INPUT is what `run` takes; all channels of a table are written. OUT.zarr gets the full resolution at `0`, and at
/// `1`, `2` and so on one value for two voxels along each axis of the level before (--downsample). It appears once it is complete.
#[derive(Args, Clone, Debug)]
pub(crate) struct FuseOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Folder for the image; must not exist, or be empty
    #[arg(long, value_name = "OUT.zarr")]
    pub(crate) out: PathBuf,
    /// Chunk of the arrays [default: 1024 in 2-D, 64 in 3-D]
    #[arg(long, value_name = "N|Z,Y,X")]
    pub(crate) chunk: Option<String>,
    /// Number of resolutions, the full one included [default: until no axis is longer than 1024 voxels, 256 in 3-D]
    #[arg(long, value_name = "N")]
    pub(crate) levels: Option<usize>,
    /// Coarser resolutions: the mean of 2 x 2 (x 2) voxels, the largest or the most frequent value [default: max for masks
    /// and skeletons, mode for images of labels by their metadata, else mean]
    #[arg(long, value_name = "HOW")]
    pub(crate) downsample: Option<DownsampleName>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Replace an image that an earlier fuse has written there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Write the results of a run in formats of other programs.
///
/// Reads the folder that a run wrote to, and not the image. FORMAT is any of those that `run --export` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExportOptions {
    /// Folder that a run wrote its results to
    pub(crate) results: PathBuf,
    /// What to write
    #[arg(required = true, value_name = "FORMAT", value_parser = export_format())]
    pub(crate) formats: Vec<Format>,
    /// Folder to write to [default: export, in the folder of the results]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace earlier exports
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Count how often the skeleton of a run's results crosses spheres around a centre, by radius (Sholl analysis).
///
/// Reads the folder that a run wrote to, and not the image. Writes a table with the columns `radius` and `crossings`, which
/// are those of skan's `sholl_analysis`. Spheres lie a step apart, from radius 0 on; lengths are in the unit of the results.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShollOptions {
    /// Folder that a run wrote its results to
    pub(crate) results: PathBuf,
    /// Centre of the spheres, in the coordinates of the tables (`coord_0` and so on) or with a unit: 10,52.5,40um [default:
    /// the node with the largest radius]
    #[arg(long, value_name = "Z,Y,X", allow_hyphen_values = true)]
    pub(crate) center: Option<String>,
    /// Distance between two spheres, with or without a unit, such as 5um [default: the diagonal of a voxel]
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub(crate) step: Option<String>,
    /// Largest radius [default: up to the voxel of the skeleton that is farthest from the centre]
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub(crate) end_radius: Option<String>,
    /// CSV file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
    /// Print nothing but the table, warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Write a synthetic vessel tree of branching tubes and loops, as a Zarr array or as tiles.
///
/// The same seed makes the same volume on every machine. With --tiles, OUT is a folder of overlapping TIFF tiles, as a
/// stage scans them, with their positions in tiles.csv.
#[derive(Args, Clone, Debug)]
pub(crate) struct PhantomOptions {
    /// Folder for the array or the tiles; must not exist, or be empty
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
    /// Write a smoothed, noisy u16 image instead of a mask
    #[arg(long)]
    pub(crate) gray: bool,
    /// Chunk of the array [default: 64]
    #[arg(long, value_name = "N|Z,Y,X", conflicts_with = "tiles")]
    pub(crate) chunk: Option<String>,
    /// Write this many tiles along y and x, or along each axis
    #[arg(long, value_name = "N|Y,X|Z,Y,X")]
    pub(crate) tiles: Option<String>,
    /// Voxels of a tile, instead of --shape for the whole
    #[arg(long, value_name = "Z,Y,X", requires = "tiles", conflicts_with = "shape")]
    pub(crate) tile_shape: Option<String>,
    /// Share of a tile that overlaps its next neighbour [default: 0.1]
    #[arg(long, value_name = "SHARE", requires = "tiles", allow_hyphen_values = true)]
    pub(crate) overlap: Option<f64>,
    /// Largest offset of a tile from the grid, in voxels [default: 0]
    #[arg(long, value_name = "VOXELS", requires = "tiles", allow_hyphen_values = true)]
    pub(crate) jitter: Option<f64>,
    /// Largest rotation of a tile, in degrees [default: 0]
    #[arg(long, value_name = "DEGREES", requires = "tiles", allow_hyphen_values = true)]
    pub(crate) rotation: Option<f64>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Make a table of tiles, for run, watch and fuse.
///
/// SCAN is a folder of OME-TIFF files, one for each tile, with the positions of their planes; or a file with the
/// positions of the tiles beside it: the text export of Nikon's NIS-Elements, the TileConfiguration.txt of Fiji or
/// BigStitcher, or the global positions of MIST. With --grid or --pattern, SCAN is the tiles themselves, or a folder of
/// nothing but tiles: they lie in rows and columns, in the natural order of their names (tile_2 before tile_10).
#[cfg(feature = "mosaic")]
#[derive(Args, Clone, Debug)]
pub(crate) struct TilesOptions {
    /// File or folder with the positions of tiles, or the tiles of a grid
    #[arg(required = true)]
    pub(crate) scan: Vec<PathBuf>,
    /// Table to write; paths in it are relative to its folder
    #[arg(long, value_name = "TILES.csv")]
    pub(crate) out: PathBuf,
    /// Axes of the stage that run opposite to those of the image: y,x
    #[arg(long, value_name = "AXES")]
    pub(crate) reverse: Option<String>,
    /// Rows and columns of a grid of tiles: 4x6
    #[arg(long, value_name = "ROWSxCOLUMNS", conflicts_with_all = ["rows", "columns"])]
    pub(crate) grid: Option<String>,
    /// Rows of a grid of tiles
    #[arg(long, value_name = "N", requires = "columns")]
    pub(crate) rows: Option<usize>,
    /// Columns of a grid of tiles
    #[arg(long, value_name = "N", requires = "rows")]
    pub(crate) columns: Option<usize>,
    /// Overlap of neighbouring tiles of a grid: a share of a tile (0.1 or 10%) or pixels (200px); one for both axes, or Y,X
    #[arg(long, value_name = "SHARE|Npx", allow_hyphen_values = true)]
    pub(crate) overlap: Option<String>,
    /// Order in which the tiles of a grid were scanned [default: row]
    #[arg(long, value_name = "ORDER", conflicts_with = "pattern")]
    pub(crate) scan_order: Option<StageOrder>,
    /// Corner in which the scan of a grid began [default: top-left]
    #[arg(long, value_name = "CORNER", conflicts_with = "pattern")]
    pub(crate) start: Option<Corner>,
    /// Pattern of the tiles' names, with their rows and columns: "img_r{row}_c{col}.tif"
    #[arg(long, value_name = "NAME")]
    pub(crate) pattern: Option<String>,
    /// Replace a table that exists already
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Make a phantom, analyse it and name the results: the whole program in one command.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoOptions {
    /// Folder for the phantom and the results
    #[arg(long, value_name = "DIR", default_value = "anabranch-demo")]
    pub(crate) out: PathBuf,
    /// Voxels along each axis
    #[arg(long, value_name = "Z,Y,X", default_value = DEMO_SHAPE)]
    pub(crate) shape: String,
    /// Seed of the random tree
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) seed: u64,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
}
