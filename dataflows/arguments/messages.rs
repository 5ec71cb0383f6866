//! The options that say how the program reports on itself, which all subcommands have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::headings::OUTPUT;

/// How the program reports what it does.
#[derive(Args, Clone, Debug)]
pub(crate) struct MessageOptions {
    /// How to write messages
    ///
    /// RUST_LOG=anabranch=info adds the events of the library.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text, global = true, help_heading = OUTPUT)]
    pub(crate) log_format: LogFormat,
    /// Keep the state of the program in this JSON file, for monitors
    ///
    /// The file is replaced every second while something changes. It holds the phase, how much of it is done, the seconds
    /// since the start, the epoch, and in the end how the program ended.
    #[arg(long, value_name = "FILE", global = true, help_heading = OUTPUT)]
    pub(crate) status: Option<PathBuf>,
}

/// The form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line on standard error, for every message, warning, step of progress and epoch
    Json,
}
