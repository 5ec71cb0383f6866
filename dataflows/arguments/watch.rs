//! The options of `anabranch watch`.

use anabranch::live::ServeAddress;
use clap::Args;

use super::RunOptions;
use super::headings::{INCREMENTAL, OUTPUT};

/// Follow an image that is being written, and keep its results up to date
///
/// INPUT is a Zarr array or a folder of slices that grows or changes, or a table whose tiles arrive one by one; it need not
/// exist yet. Whenever files have changed and then rested for a moment, the results are replaced and one line says what
/// changed. Ctrl-C ends; the next call goes on from the state.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("checkpoint", |checkpoint| checkpoint.hide(true)))]
#[command(after_help = "Examples:
  anabranch watch scan.zarr -o results --state state --threshold 200
  anabranch watch slices -o results --state state --changes changes.csv --status status.json
  anabranch watch scan.zarr -o results --state state --serve")]
pub(crate) struct WatchOptions {
    #[command(flatten)]
    pub(crate) run: RunOptions,
    /// Seconds for which a file must rest before it is read
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, allow_hyphen_values = true, help_heading = INCREMENTAL)]
    pub(crate) settle: f64,
    /// Look at all files at least every so many seconds
    ///
    /// For file systems that report no changes.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, allow_hyphen_values = true, help_heading = INCREMENTAL)]
    pub(crate) poll: f64,
    /// Serve a page that shows the analysis while it goes on
    ///
    /// Its address is printed; who does not know it sees nothing. By default this machine alone can reach it, at a free port. Give a
    /// port, or an address of this machine and a port, to choose them.
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:0", help_heading = OUTPUT)]
    pub(crate) serve: Option<ServeAddress>,
}
