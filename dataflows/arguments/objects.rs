//! The options of `anabranch objects`.

use std::path::PathBuf;

use clap::Args;

use super::headings::{ANALYSIS, INPUT, OUTPUT, RESOURCES};
use super::{ForegroundOptions, ImageOptions, RunOptions};

/// Find and measure the objects of an image
///
/// Objects are the connected components of the foreground, or the labels of a segmentation. INPUT is what `run` takes. Writes
/// objects.csv, with the names and numbers of scikit-image's regionprops, summary.json and run.json. `run --objects` writes
/// the same table beside a network, with the skeletons in each object.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch objects cells.tif -o cells --threshold otsu --remove-smaller 50
  anabranch objects labels.zarr -o cells --labels --intensity scan.zarr")]
pub(crate) struct ObjectsOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// The image is a segmentation: measure each label
    ///
    /// Labels are the values other than 0; their voxels may lie apart.
    #[arg(long, help_heading = INPUT)]
    pub(crate) labels: bool,
    /// Measure values in this image of the same shape
    ///
    /// For a mask or labels, give the image that they were made from.
    #[arg(long, value_name = "IMAGE", help_heading = INPUT)]
    pub(crate) intensity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) foreground: ForegroundOptions,
    /// Write an image of the objects' labels: objects.zarr
    #[arg(long, help_heading = ANALYSIS)]
    pub(crate) object_labels: bool,
    /// Folder for objects.csv, summary.json and run.json
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    /// Replace earlier results in the folder
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) overwrite: bool,
    /// Treat warnings as errors: write results only if there are none
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) strict: bool,
    /// Print warnings and errors only
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
    /// Chunk to work on; results are the same for every chunk [default: as in `run`]
    #[arg(long, value_name = "N|Z,Y,X", help_heading = RESOURCES)]
    pub(crate) chunk: Option<String>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
    /// Memory for chunks at work: 500M or 2G [default: 256M, more if it takes more]
    #[arg(long, value_name = "SIZE", help_heading = RESOURCES)]
    pub(crate) memory: Option<String>,
}

impl From<ObjectsOptions> for RunOptions {
    fn from(options: ObjectsOptions) -> RunOptions {
        let ObjectsOptions {
            image,
            out,
            object_labels,
            labels,
            intensity,
            foreground,
            chunk,
            workers,
            memory,
            overwrite,
            strict,
            quiet,
        } = options;
        RunOptions {
            object_labels,
            labels,
            intensity,
            foreground,
            chunk,
            workers,
            memory,
            overwrite,
            strict,
            quiet,
            ..RunOptions::of(image, out)
        }
    }
}
