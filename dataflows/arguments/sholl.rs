//! The options of `anabranch sholl`.

use std::path::PathBuf;

use clap::Args;

use super::OutputOptions;
use super::headings::{ANALYSIS, OUTPUT};

/// Count the crossings of a skeleton with spheres around a centre (Sholl analysis)
///
/// Reads the folder of results; the image may be gone. Writes a table with the columns `radius` and `crossings`, as skan's
/// `sholl_analysis` has them. Spheres lie a step apart, from radius 0 on. Lengths are in the unit of the results.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch sholl results
  anabranch sholl results --center 10,52.5,40um --step 5um -o sholl.csv")]
#[command(mut_arg("overwrite", |overwrite| overwrite.help("Replace the file if it exists").requires("out")))]
#[command(mut_arg("quiet", |quiet| quiet.help("Print the table, warnings and errors only")))]
pub(crate) struct ShollOptions {
    /// Folder with the results of a run
    pub(crate) results: PathBuf,
    /// Centre of the spheres: 10,52.5,40um [default: the node with the largest radius]
    ///
    /// In the coordinates of the tables (`coord_0` and so on), or with a unit.
    #[arg(long, value_name = "Z,Y,X", allow_hyphen_values = true, help_heading = ANALYSIS)]
    pub(crate) center: Option<String>,
    /// Distance between two spheres: 5 or 5um [default: the diagonal of a voxel]
    #[arg(long, value_name = "R", allow_hyphen_values = true, help_heading = ANALYSIS)]
    pub(crate) step: Option<String>,
    /// Largest radius [default: the distance of the farthest voxel of the skeleton]
    ///
    /// The last sphere lies at the last multiple of the step that is not beyond it.
    #[arg(long, value_name = "R", allow_hyphen_values = true, help_heading = ANALYSIS)]
    pub(crate) end_radius: Option<String>,
    /// CSV file to write [default: standard output]
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
