//! The options of `anabranch report`.

use std::path::PathBuf;

use clap::Args;

use super::OutputOptions;
use super::headings::OUTPUT;

/// Make a page to look at and to send from the results of a run
///
/// Reads the folder of results; the image may be gone. The page is one HTML file that needs nothing else: key figures, the
/// network in 3-D, projections, distributions, and a table of branches that sorts and filters.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch report results
  anabranch report results -o scan-7.html")]
#[command(mut_arg("overwrite", |overwrite| overwrite.help("Replace the file even if it is no earlier report")))]
pub(crate) struct ReportOptions {
    /// Folder with the results of a run
    pub(crate) results: PathBuf,
    /// File to write [default: report.html, in the folder of the results]
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
