//! The command line, as the user writes it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exact branch networks of image volumes larger than memory: vessels, airways, neurites, roots.
///
/// The skeleton is scikit-image's voxel for voxel and the table skan's row for row, for every chunk shape and number of
/// workers.
#[derive(Debug, Parser)]
#[command(name = "anabranch", version, arg_required_else_help = true)]
pub struct Program {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(RunOptions),
}

/// Analyse a volume: its skeleton, its branch table, a summary and a picture.
///
/// INPUT is a Zarr v2 or v3 array, an OME-Zarr group (its full resolution), a multi-page TIFF, a folder of TIFF slices
/// or a .npy file; 2-D or 3-D; bool, u8, u16, u32, i16, i32, f32 or f64.
#[derive(Args, Clone, Debug)]
pub struct RunOptions {
    /// The volume to analyse
    pub input: PathBuf,
    /// Folder for branches.csv, summary.json, run.json, skeleton.zarr and overview.png
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Foreground is what is above this value; `otsu` computes it [default: nonzero is foreground]
    #[arg(long, value_name = "V|otsu", allow_hyphen_values = true)]
    pub threshold: Option<String>,
    /// Gaussian smoothing before the threshold, standard deviation in voxels
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    pub sigma: Option<f64>,
    /// Thinning: Lee 1994 or Zhang-Suen (2-D only) [default: zhang in 2-D, lee in 3-D]
    #[arg(long)]
    pub method: Option<Method>,
    /// Size of a voxel along the array's axes, or one number for all [default: the input's own calibration, else 1]
    #[arg(long, value_name = "Z,Y,X", allow_hyphen_values = true)]
    pub spacing: Option<String>,
    /// Channel of a t,c,z,y,x array
    #[arg(long, value_name = "C")]
    pub channel: Option<usize>,
    /// Time point of a t,c,z,y,x array
    #[arg(long, value_name = "T")]
    pub time: Option<usize>,
    /// Analyse a part, as if it were the volume: z0:z1,y0:y1,x0:x1
    #[arg(long, value_name = "RANGES")]
    pub region: Option<String>,
    /// Processing chunk; results do not depend on it [default: follows the storage]
    #[arg(long, value_name = "N|Z,Y,X")]
    pub chunk: Option<String>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Budget for chunks in flight, such as 500M or 2G
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Replace what an earlier run wrote to the folder
    #[arg(long)]
    pub overwrite: bool,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// How masks are thinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Lee, Kashyap and Chu 1994, as scikit-image runs it; 3-D and 2-D.
    Lee,
    /// Zhang and Suen 1984, as scikit-image runs it; 2-D only.
    Zhang,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Lee => "lee",
            Method::Zhang => "zhang",
        }
    }
}
