//! The options of all commands that write files.

use clap::Args;

use super::headings::OUTPUT;

/// What becomes of earlier files, and how much is said. A command says of `overwrite` what it replaces.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OutputOptions {
    /// Replace earlier results in the folder
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) overwrite: bool,
    /// Print warnings and errors only
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
}
