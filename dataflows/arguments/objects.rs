//! The options of `anabranch objects`.

use std::path::PathBuf;

use clap::Args;

use super::{FilterOptions, ImageOptions, Neighbours, RunOptions};

/// Find the objects of a volume, the connected components of its foreground, and measure each.
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
    /// How many neighbours a voxel of an object has: 6 at faces, 18 also at edges, 26 also at corners (4, 8 and 8 in 2-D)
    #[arg(long, value_enum, value_name = "6|18|26", default_value_t = Neighbours::Corners)]
    pub(crate) connectivity: Neighbours,
    /// Foreground is what is above this value, which `otsu`, `triangle` and `li` find; hysteresis:LOW,HIGH as in
    /// `run` [default: nonzero is foreground]
    #[arg(long, value_name = "V|METHOD", allow_hyphen_values = true)]
    pub(crate) threshold: Option<String>,
    /// Foreground is this value and what is below it, for dark objects; `otsu`, `triangle` and `li` find it
    #[arg(long, value_name = "V|METHOD", allow_hyphen_values = true, conflicts_with = "threshold")]
    pub(crate) below: Option<String>,
    /// Gaussian smoothing before the threshold, as in `run`
    #[arg(long, value_name = "S|Z,Y,X", allow_hyphen_values = true)]
    pub(crate) sigma: Option<String>,
    #[command(flatten)]
    pub(crate) filters: FilterOptions,
    /// Mask of a region of interest: what lies outside of it, where it is 0, counts as background
    #[arg(long, value_name = "IMAGE")]
    pub(crate) mask: Option<PathBuf>,
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
        let ObjectsOptions { image, out, object_labels, connectivity, threshold, below, sigma, .. } = options;
        let ObjectsOptions { filters, mask, chunk, workers, memory, overwrite, strict, quiet, .. } = options;
        RunOptions {
            object_labels,
            connectivity,
            threshold,
            below,
            sigma,
            filters,
            mask,
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
