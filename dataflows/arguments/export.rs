//! The options of `anabranch export`.

use std::path::PathBuf;

use anabranch::export::Format;
use clap::Args;

use super::OutputOptions;
use super::choices::export_format;
use super::headings::{OUTPUT, RESOURCES};

/// Write the results of a run in formats of other programs
///
/// Reads the folder of results; the image may be gone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch export results swc
  anabranch export results parquet graphml -o for-python")]
#[command(mut_arg("overwrite", |overwrite| overwrite.help("Replace earlier exports")))]
pub(crate) struct ExportOptions {
    /// Folder with the results of a run
    pub(crate) results: PathBuf,
    /// Formats to write
    #[arg(required = true, value_name = "FORMAT", value_parser = export_format())]
    pub(crate) formats: Vec<Format>,
    /// Folder to write to [default: export, in the folder of the results]
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
}
