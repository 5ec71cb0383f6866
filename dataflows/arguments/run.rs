//! The options of `anabranch run`, which those of `watch` contain.

use std::path::PathBuf;

use anabranch::export::Format;
use clap::Args;

use super::choices::export_format;
use super::headings::{ANALYSIS, INCREMENTAL, OUTPUT, PROCESSES, RESOURCES};
use super::{
    BranchColour, ColumnSet, ForegroundOptions, ImageOptions, MethodName, OutputOptions, PictureFormat,
    ResourceOptions, SegmentationOptions,
};

/// Seconds that processes wait for each other by default.
pub(crate) const CONNECT_TIMEOUT: f64 = 30.0;

/// Analyse an image: skeleton, branch table, summary and picture
///
/// INPUT is 2-D or 3-D, of bool, whole numbers or floats: a Zarr v2 or v3 array or an OME-Zarr group (its full resolution), as
/// a folder or zipped; a TIFF file; a folder of TIFF, PNG, BMP or JPEG slices; NIfTI, NRRD, MetaImage, .npy or .npz. Zarr can
/// also be at an https://, http:// or s3:// address. `anabranch info INPUT` prints what the program understands of it.
///
/// INPUT can also be a table of the tiles of a scan, TILES.csv: its columns path, y and x (or z, y and x, or a matrix m00 to
/// m12 or m23) say where each tile lies. Fiji's TileConfiguration.txt and MIST's global positions are such tables too.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch run scan.tif -o results --threshold otsu
  anabranch run scan.zarr -o results --spacing 2,0.5,0.5um --sigma 1 --threshold otsu
  anabranch run mask.nii.gz -o results --prune-ratio 1 --export swc,parquet
  anabranch run scan.zarr -o results --state state    (again and again: computes what has changed)")]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    #[command(flatten)]
    pub(crate) segmentation: SegmentationOptions,
    #[command(flatten)]
    pub(crate) foreground: ForegroundOptions,
    /// How to thin [default: zhang in 2-D, lee in 3-D]
    #[arg(long, value_name = "METHOD", help_heading = ANALYSIS)]
    pub(crate) method: Option<MethodName>,
    /// Remove side branches shorter than this length: 5 or 5um
    #[arg(long, value_name = "L", allow_hyphen_values = true, help_heading = ANALYSIS)]
    pub(crate) prune: Option<String>,
    /// Remove side branches shorter than R times the radius where they branch off
    #[arg(long, value_name = "R", allow_hyphen_values = true, help_heading = ANALYSIS)]
    pub(crate) prune_ratio: Option<f64>,
    /// Keep side branches that touch the border of the image
    #[arg(long, help_heading = ANALYSIS)]
    pub(crate) keep_border: bool,
    /// Columns of branches.csv
    #[arg(long, value_enum, value_name = "COLUMNS", default_value_t = ColumnSet::All, help_heading = ANALYSIS)]
    pub(crate) columns: ColumnSet,
    /// Add the longest path of each skeleton to skeletons.csv
    ///
    /// The longest of the shortest paths between two nodes: the column `longest_path`.
    #[arg(long, help_heading = ANALYSIS)]
    pub(crate) longest_path: bool,
    /// Measure objects too: write objects.csv
    ///
    /// Objects are the connected components of the foreground. The table has their sizes, shapes, values and skeletons. With
    /// --labels, each label is an object.
    #[arg(long, help_heading = ANALYSIS)]
    pub(crate) objects: bool,
    /// Write an image of the objects' labels: objects.zarr
    #[arg(long, help_heading = ANALYSIS)]
    pub(crate) object_labels: bool,
    /// Image of regions: report each branch's region, and sums for each region
    ///
    /// An image of the same shape whose whole numbers are regions, 0 outside. branches.csv gets the region of each branch;
    /// atlas.csv has length, branches, junctions and densities of each region, and atlas_branches.csv the length of each
    /// branch in each region.
    #[arg(long, value_name = "IMAGE", help_heading = ANALYSIS)]
    pub(crate) atlas: Option<PathBuf>,
    /// CSV file with the columns label and name: the names of regions
    #[arg(long, value_name = "FILE", requires = "atlas", help_heading = ANALYSIS)]
    pub(crate) atlas_names: Option<PathBuf>,
    /// Folder for the results
    ///
    /// branches.csv, nodes.csv, skeletons.csv, summary.json, run.json, skeleton.zarr, voxels.npy and overview.png.
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    /// Write the results in these formats too, into the folder export in DIR
    #[arg(long, value_name = "FORMAT,…", value_delimiter = ',', value_parser = export_format(), help_heading = OUTPUT)]
    pub(crate) export: Vec<Format>,
    /// What the colours in the picture stand for
    #[arg(
        long,
        value_enum,
        value_name = "COLOUR",
        alias = "picture-color",
        default_value_t = BranchColour::Kind,
        help_heading = OUTPUT
    )]
    pub(crate) picture_colour: BranchColour,
    /// Longest side of a panel of the picture, in pixels [default: fits the image]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(64..=8192), help_heading = OUTPUT)]
    pub(crate) picture_size: Option<u16>,
    /// Format of the picture
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = PictureFormat::Png, help_heading = OUTPUT)]
    pub(crate) picture_format: PictureFormat,
    /// Treat warnings as errors: write results only if there are none
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) resources: ResourceOptions,
    /// Folder in which a long run keeps what it has done: if it is killed, the same call goes on from there
    ///
    /// It is removed when the results are in place. The image, the parameters, --workers and the number of processes, which
    /// share it, must stay as they are.
    #[arg(long, value_name = "DIR", conflicts_with = "state", help_heading = RESOURCES)]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Folder to remember the image in: the next run computes only what has changed
    #[arg(long, value_name = "DIR", help_heading = INCREMENTAL)]
    pub(crate) state: Option<PathBuf>,
    /// Read the whole image to see what has changed
    ///
    /// Otherwise the sizes and times of its files tell.
    #[arg(long, requires = "state", help_heading = INCREMENTAL)]
    pub(crate) verify: bool,
    /// Append the rows that changed to this CSV file, with diff +1 or -1
    ///
    /// The changes of the other tables go to files beside it: changes.nodes.csv, changes.skeletons.csv, changes.objects.csv.
    /// Over all runs they add up to the tables.
    #[arg(long, value_name = "FILE", help_heading = INCREMENTAL)]
    pub(crate) changes: Option<PathBuf>,
    /// Mark branches near parts that are not stored yet, in a column `provisional`
    #[arg(long, help_heading = INCREMENTAL)]
    pub(crate) provisional: bool,
    /// Run in N processes on this machine
    #[arg(long, value_name = "N", conflicts_with = "hosts", help_heading = PROCESSES)]
    pub(crate) processes: Option<usize>,
    /// Run on several machines: a file with one host:port a line
    ///
    /// Start one process for each line, with its own --process.
    #[arg(long, value_name = "FILE", requires = "process", help_heading = PROCESSES)]
    pub(crate) hosts: Option<PathBuf>,
    /// This process's line in the file of hosts, counted from 0
    #[arg(long, value_name = "I", requires = "hosts", help_heading = PROCESSES)]
    pub(crate) process: Option<usize>,
    /// File with the secret that all processes of --hosts share, at least 16 bytes
    ///
    /// Without it, the value of ANABRANCH_SECRET is the secret. With neither, only loopback addresses are allowed.
    #[arg(long, value_name = "FILE", requires = "hosts", help_heading = PROCESSES)]
    pub(crate) secret: Option<PathBuf>,
    /// Seconds to wait for the other processes
    #[arg(long, value_name = "SECONDS", default_value_t = CONNECT_TIMEOUT, help_heading = PROCESSES)]
    pub(crate) connect_timeout: f64,
    /// Which process this is, where the first has started it
    #[arg(long, hide = true, requires = "processes")]
    pub(crate) member: Option<usize>,
}
