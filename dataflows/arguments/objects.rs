//! The options of `anabranch objects`.

use std::path::PathBuf;

use clap::Args;

use super::{ForegroundOptions, ImageOptions, RunOptions};

/// Find the objects of a volume, the connected components of its foreground or the labels of a segmentation, and measure each.
///
/// INPUT is what `run` takes. Writes objects.csv, with the names and the numbers of scikit-image's regionprops, summary.json
/// and run.json; nothing is thinned. `run --objects` writes the table beside the network, with the skeletons in each object.
#[derive(Args, Clone, Debug)]
pub(crate) struct ObjectsOptions {
    #[command(flatten)]
    pub(crate) image: ImageOptions,
    /// Folder for objects.csv, summary.json and run.json
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write objects.zarr: an image in which each voxel holds the label of its object in objects.csv, as OME-Zarr
    #[arg(long)]
    pub(crate) object_labels: bool,
    /// The image is a segmentation: its objects are the values but 0, each with all of its voxels, connected or not
    #[arg(long)]
    pub(crate) labels: bool,
    /// Image of the same shape whose values are measured in place of the input's own: the image that a mask or labels were
    /// made from
    #[arg(long, value_name = "IMAGE")]
    pub(crate) intensity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) foreground: ForegroundOptions,
    /// Processing chunk; results do not depend on it [default: as in `run`]
    #[arg(long, value_name = "N|Z,Y,X")]
    pub(crate) chunk: Option<String>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Budget for chunks in flight, such as 500M or 2G
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
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
