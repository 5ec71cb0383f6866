//! The command line, as the user writes it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Seconds that processes wait for each other, where nothing else is asked for.
pub(crate) const CONNECT_TIMEOUT: f64 = 30.0;

/// Seconds that a server is waited for, where nothing else is asked for.
pub(crate) const SERVER_TIMEOUT: f64 = 30.0;

/// Voxels of the demo's phantom along each axis: flat, so that a projection shows its branches one by one.
pub(crate) const DEMO_SHAPE: &str = "64,320,480";

/// Above the options for tiles in the help.
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
    Watch(WatchOptions),
    Fuse(FuseOptions),
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
    /// Size of a voxel along the array's axes, or one number for all, with or without a unit: 2,0.5,0.5um
    /// [default: the input's own calibration, else 1]
    #[arg(long, value_name = "Z,Y,X", allow_hyphen_values = true)]
    pub(crate) spacing: Option<String>,
    /// Unit of lengths: of the numbers of --spacing, or what the input's own calibration is converted into
    /// [default: the input's]
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    /// What the axes of the stored array are, slowest first, where its metadata do not say it or are wrong: z,y,x
    #[arg(long, value_name = "NAMES")]
    pub(crate) axes: Option<String>,
    /// Channel, from 0, of an image that has several, or of a table of tiles
    #[arg(long, value_name = "C")]
    pub(crate) channel: Option<usize>,
    /// Time point, from 0, of an image that has several
    #[arg(long, value_name = "T")]
    pub(crate) time: Option<usize>,
    /// Take a part for the whole: z0:z1,y0:y1,x0:x1
    #[arg(long, value_name = "RANGES")]
    pub(crate) region: Option<String>,
    /// Seconds to wait for a server that says nothing or fails, where the image is on one
    #[arg(long, value_name = "SECONDS", default_value_t = SERVER_TIMEOUT, allow_hyphen_values = true)]
    pub(crate) server_timeout: f64,
    #[command(flatten)]
    pub(crate) tiles: TileOptions,
}

impl ImageOptions {
    /// All of an image, as it is.
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
    /// How values between a tile's pixels are found: 0 nearest, 1 linear, 3 cubic spline [default: 1]
    #[arg(long, value_name = "0|1|3", help_heading = TILES)]
    pub(crate) order: Option<String>,
    /// What holds where tiles overlap: the largest value, the mean, that of the first row of the table, or the mean
    /// weighted by the distance to the tile's edge [default: max]
    #[arg(long, value_name = "max|mean|first|feather", help_heading = TILES)]
    pub(crate) blend: Option<String>,
    /// Turn tiles round along these of their axes before they are placed, such as y,x
    #[arg(long, value_name = "AXES", help_heading = TILES)]
    pub(crate) flip: Option<String>,
    /// Leave out so many pixels at both ends of a tile's axes; the others stay where they are
    #[arg(long, value_name = "N|Z,Y,X", help_heading = TILES)]
    pub(crate) crop: Option<String>,
    /// The canvas, in the table's coordinates in pixels: z0:z1,y0:y1,x0:x1 [default: around all tiles]
    #[arg(long, value_name = "RANGES", allow_hyphen_values = true, help_heading = TILES)]
    pub(crate) canvas: Option<String>,
    /// Subtract this image from each tile: what the camera gives in the dark
    #[arg(long, value_name = "IMAGE", help_heading = TILES)]
    pub(crate) background: Option<PathBuf>,
    /// Divide each tile by this image, scaled to mean 1: what the camera gives of something even
    #[arg(long, value_name = "IMAGE", help_heading = TILES)]
    pub(crate) flat_field: Option<PathBuf>,
    /// Multiply tiles by the gains in this file, CSV with columns path,channel,gain; where it does not exist they are
    /// solved, so that neighbouring tiles match, and written
    #[arg(long, value_name = "FILE", help_heading = TILES)]
    pub(crate) gains: Option<PathBuf>,
    /// Solve the gains again, and replace the file
    #[arg(long, requires = "gains", help_heading = TILES)]
    pub(crate) refit: bool,
    /// Whether tiles that are missing are waited for
    #[arg(skip)]
    pub(crate) awaited: bool,
}

/// Print what the program understands of an image: format, shape, type, axes, spacing, channels, values, warnings.
///
/// INPUT and the options for it are those of `run`. Reads the metadata, and of the values a few parts that are spread
/// over the image: all of one of up to 32 MiB. Where a channel or a time point must be picked, it says so, describes
/// the first one and ends with exit code 0. Where `run` would refuse the image, it prints what is known all the same,
/// and ends with the sentence and the exit code that `run` would end with: 2 where the options do not fit the image, 65
/// where the image is damaged or of a form that is not read, 66 where it is missing, 74 where it cannot be read.
#[derive(Args, Clone, Debug)]
pub(crate) struct InfoOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Read all values, and print their CRC-32: as little-endian bytes of the type that they are read as, in C order
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
    /// Folder for branches.csv, summary.json, run.json, skeleton.zarr and overview.png
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Foreground is what is above this value; `otsu` computes it [default: nonzero is foreground]
    #[arg(long, value_name = "V|otsu", allow_hyphen_values = true)]
    pub(crate) threshold: Option<String>,
    /// Gaussian smoothing before the threshold: its standard deviation in voxels, or with a unit as a length (2um), which
    /// the spacing of the image turns into voxels; one number, or one for each axis, 0 where it is not smoothed
    #[arg(long, value_name = "S|Z,Y,X", allow_hyphen_values = true)]
    pub(crate) sigma: Option<String>,
    /// Thinning: Lee 1994 or Zhang-Suen (2-D only) [default: zhang in 2-D, lee in 3-D]
    #[arg(long)]
    pub(crate) method: Option<MethodName>,
    /// Processing chunk; results do not depend on it [default: follows the storage, put together along x up to 256 voxels]
    #[arg(long, value_name = "N|Z,Y,X")]
    pub(crate) chunk: Option<String>,
    /// Worker threads, in each process [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Run in so many processes on this machine; results do not depend on it
    #[arg(long, value_name = "N", conflicts_with = "hosts")]
    pub(crate) processes: Option<usize>,
    /// Run in as many processes as this file has lines, each with its host:port; start each with its --process
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(crate) hosts: Option<PathBuf>,
    /// Which line of the file of hosts this process is, from 0
    #[arg(long, value_name = "I", requires = "hosts")]
    pub(crate) process: Option<usize>,
    /// File with the secret that all processes of --hosts share, at least 16 bytes; programs that do not know it take no
    /// part [default: what the variable ANABRANCH_SECRET holds; without either only loopback addresses]
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
    /// Append the rows that changed, with diff +1 or -1, to this CSV file; over all runs they add up to the table
    #[arg(long, value_name = "FILE")]
    pub(crate) changes: Option<PathBuf>,
    /// Mark branches near what has not been stored yet: a column `provisional` in the table
    #[arg(long)]
    pub(crate) provisional: bool,
    /// Take side branches shorter than this off the skeleton: in the spacing's unit, or with a unit of its own, such as 5um
    #[arg(long, value_name = "L", allow_hyphen_values = true)]
    pub(crate) prune: Option<String>,
    /// Take side branches off that are shorter than this many times the radius where they branch off
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub(crate) prune_ratio: Option<f64>,
    /// Prune no branch that touches the border of the image
    #[arg(long)]
    pub(crate) keep_border: bool,
    /// Columns of branches.csv: all, with radii, or those of skan alone, which is faster
    #[arg(long, value_enum, default_value_t = ColumnSet::All)]
    pub(crate) columns: ColumnSet,
    /// Keep and reuse what is known of the image in this folder: only what has changed is computed
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Read all of the image to tell what has changed, whatever the sizes and times of its files say
    #[arg(long, requires = "state")]
    pub(crate) verify: bool,
    /// Replace what an earlier run wrote to the folder
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Take every warning for an error, and write no results
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Keep running while the volume is written: an epoch of results for every change.
///
/// Follows a Zarr array or a folder of slices that grows, whose chunks or slices come and change, or the tiles of a
/// table, which may be still to come. When files have changed, and then rested for a moment, the outputs are replaced and
/// the summary is shown. Ends at Ctrl-C, and goes on from its state when it is started again.
#[derive(Args, Clone, Debug)]
pub(crate) struct WatchOptions {
    #[command(flatten)]
    pub(crate) run: RunOptions,
    /// Files count when they have not changed for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, allow_hyphen_values = true)]
    pub(crate) settle: f64,
    /// Look at all files at least every so many seconds, also where the system tells of no change
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, allow_hyphen_values = true)]
    pub(crate) poll: f64,
}

/// Write the tiles of a table as one image, or any other image, as OME-Zarr with coarser copies for viewers.
///
/// INPUT is what `run` takes; of a table with several channels all are written. OUT.zarr gets the full resolution at `0`,
/// and at `1`, `2` and so on the means of two voxels along each axis of the one before. It is there when it is complete.
#[derive(Args, Clone, Debug)]
pub(crate) struct FuseOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Folder of the image; must not exist, or be empty
    #[arg(long, value_name = "OUT.zarr")]
    pub(crate) out: PathBuf,
    /// Chunk of the arrays [default: 1024 in 2-D, 64 in 3-D]
    #[arg(long, value_name = "N|Z,Y,X")]
    pub(crate) chunk: Option<String>,
    /// Resolutions, with the full one [default: until no axis is longer than 1024 voxels, 256 in 3-D]
    #[arg(long, value_name = "N")]
    pub(crate) levels: Option<usize>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Replace the image that an earlier fuse has written there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// How masks are thinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// Lee, Kashyap and Chu 1994, as scikit-image runs it; 3-D and 2-D.
    Lee,
    /// Zhang and Suen 1984, as scikit-image runs it; 2-D only.
    Zhang,
}

/// Which columns the branch table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColumnSet {
    /// All: skan's, and after them radii, volume and more.
    All,
    /// skan's, and no others.
    Skan,
}

impl From<ColumnSet> for anabranch::parameters::ColumnSet {
    fn from(columns: ColumnSet) -> Self {
        match columns {
            ColumnSet::All => Self::All,
            ColumnSet::Skan => Self::Skan,
        }
    }
}

impl From<MethodName> for anabranch::kernel::thin::method::Method {
    fn from(method: MethodName) -> Self {
        match method {
            MethodName::Lee => Self::Lee,
            MethodName::Zhang => Self::Zhang,
        }
    }
}

/// Write a synthetic vessel tree as a Zarr array: branching tubes with loops among them. Or as tiles of it.
///
/// The same seed gives the same volume everywhere. With --tiles OUT is a folder of overlapping TIFF tiles, as a stage
/// scans them, and tiles.csv says where each lies.
#[derive(Args, Clone, Debug)]
pub(crate) struct PhantomOptions {
    /// Folder of the array or the tiles; must not exist, or be empty
    pub(crate) out: PathBuf,
    /// Voxels along each axis [default: 256,256,256]
    #[arg(long, value_name = "Z,Y,X")]
    pub(crate) shape: Option<String>,
    /// Which tree
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Trees that grow into the volume [default: by its size]
    #[arg(long, value_name = "N")]
    pub(crate) roots: Option<usize>,
    /// Radius of the thickest tube, in voxels [default: by the volume's size, 14 for 512 voxels]
    #[arg(long, value_name = "R")]
    pub(crate) radius: Option<f64>,
    /// A smoothed, noisy u16 image instead of a mask
    #[arg(long)]
    pub(crate) gray: bool,
    /// Chunk of the array [default: 64]
    #[arg(long, value_name = "N|Z,Y,X", conflicts_with = "tiles")]
    pub(crate) chunk: Option<String>,
    /// Write tiles, so many along y and x, or along each axis
    #[arg(long, value_name = "N|Y,X|Z,Y,X")]
    pub(crate) tiles: Option<String>,
    /// Voxels of a tile, instead of the shape of the whole
    #[arg(long, value_name = "Z,Y,X", requires = "tiles", conflicts_with = "shape")]
    pub(crate) tile_shape: Option<String>,
    /// Share of a tile that its next neighbour has too [default: 0.1]
    #[arg(long, value_name = "SHARE", requires = "tiles", allow_hyphen_values = true)]
    pub(crate) overlap: Option<f64>,
    /// How far tiles are off the grid at most, in voxels [default: 0]
    #[arg(long, value_name = "VOXELS", requires = "tiles", allow_hyphen_values = true)]
    pub(crate) jitter: Option<f64>,
    /// How far tiles are turned at most, in degrees [default: 0]
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
/// SCAN is a folder of OME-TIFF files, one a tile, with the positions of their planes; or a file that says where the tiles
/// beside it lie: the text export of Nikon's NIS-Elements, the TileConfiguration.txt of Fiji or BigStitcher, or the global
/// positions of MIST. With --grid or --pattern SCAN is the tiles themselves, or the folder that holds them and nothing
/// else: they lie in rows and columns, in the natural order of their names (tile_2 before tile_10).
#[cfg(feature = "mosaic")]
#[derive(Args, Clone, Debug)]
pub(crate) struct TilesOptions {
    /// What says where tiles lie, or the tiles of a grid
    #[arg(required = true)]
    pub(crate) scan: Vec<PathBuf>,
    /// The table; paths in it are relative to its folder
    #[arg(long, value_name = "TILES.csv")]
    pub(crate) out: PathBuf,
    /// Axes of the stage that run against those of the image: y,x
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
    /// Names of the tiles of a grid, which say its rows and columns: "img_r{row}_c{col}.tif"
    #[arg(long, value_name = "NAME")]
    pub(crate) pattern: Option<String>,
    /// Replace a table that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print nothing but warnings and errors
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// In which order a stage goes from tile to tile.
#[cfg(feature = "mosaic")]
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StageOrder {
    /// Row by row, each in the same direction
    Row,
    /// Column by column, each in the same direction
    Column,
    /// Row by row, every other one backwards
    SnakeRow,
    /// Column by column, every other one backwards
    SnakeColumn,
}

/// In which corner a scan begins.
#[cfg(feature = "mosaic")]
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// Make a phantom, analyse it and say where to look: the whole program in one command.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoOptions {
    /// Folder for the phantom and the results
    #[arg(long, value_name = "DIR", default_value = "anabranch-demo")]
    pub(crate) out: PathBuf,
    /// Voxels along each axis
    #[arg(long, value_name = "Z,Y,X", default_value = DEMO_SHAPE)]
    pub(crate) shape: String,
    /// Which tree
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) seed: u64,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
}
