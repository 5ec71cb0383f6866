//! The options of `anabranch objects`.

use std::path::PathBuf;

use clap::Args;

use super::headings::{ANALYSIS, OUTPUT};
use super::{ForegroundOptions, ImageOptions, OutputOptions, ResourceOptions, RunOptions, SegmentationOptions};

// What is said otherwise than of a run.
const LABELS: &str = "The image is a segmentation: measure each label

Labels are the values other than 0; their voxels may lie apart.";
const INTENSITY: &str = "Measure values in this image of the same shape

For a mask or labels, give the image that they were made from.";
const CHUNK: &str = "Chunk to work on; results are the same for every chunk [default: as in `run`]";
const MEMORY: &str = "Memory: 500M or 2G [default: what is needed, with 256M for chunks at work]";

/// Find and measure the objects of an image
///
/// Objects are the connected components of the foreground, or the labels of a segmentation. INPUT is what `run` takes. Writes
/// objects.csv, with the names and numbers of scikit-image's regionprops, summary.json and run.json. `run --objects` writes
/// the same table beside a network, with the skeletons in each object.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch objects cells.tif -o cells --threshold otsu --remove-smaller 50
  anabranch objects labels.zarr -o cells --labels --intensity scan.zarr")]
#[command(mut_arg("labels", |labels| labels.help("The image is a segmentation: measure each label").long_help(LABELS)))]
#[command(mut_arg("intensity", |image| image.help("Measure values in this image of the same shape").long_help(INTENSITY)))]
#[command(mut_arg("chunk", |chunk| chunk.help(CHUNK).long_help(None::<&str>)))]
#[command(mut_arg("workers", |workers| workers.help("Worker threads [default: all cores]")))]
#[command(mut_arg("memory", |memory| memory.help(MEMORY)))]
pub(crate) struct ObjectsOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    #[command(flatten)]
    pub(crate) segmentation: SegmentationOptions,
    #[command(flatten)]
    pub(crate) foreground: ForegroundOptions,
    /// Write an image of the objects' labels: objects.zarr
    #[arg(long, help_heading = ANALYSIS)]
    pub(crate) object_labels: bool,
    /// Folder for objects.csv, summary.json and run.json
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    /// Treat warnings as errors: write results only if there are none
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) resources: ResourceOptions,
}

impl From<ObjectsOptions> for RunOptions {
    fn from(options: ObjectsOptions) -> RunOptions {
        let ObjectsOptions { image, segmentation, foreground, object_labels, out, strict, output, resources } = options;
        RunOptions { segmentation, foreground, object_labels, strict, output, resources, ..RunOptions::of(image, out) }
    }
}
