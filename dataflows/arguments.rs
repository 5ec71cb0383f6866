//! The command line, as the user writes it: a file of options for each subcommand, and for each part that several share.

mod batch;
mod choices;
mod compare;
mod defaults;
mod export;
mod foreground;
mod fuse;
mod headings;
mod info;
mod input;
mod messages;
mod objects;
mod output;
mod phantom;
mod report;
mod resources;
mod run;
mod segmentation;
mod sholl;
#[cfg(feature = "mosaic")]
mod tiles;
mod watch;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::batch::BatchOptions;
pub(crate) use self::choices::{BranchColour, ColumnSet, DownsampleName, MethodName, Neighbours, PictureFormat};
#[cfg(feature = "mosaic")]
pub(crate) use self::choices::{Corner, StageOrder};
pub(crate) use self::compare::{CompareOptions, GroupOptions};
pub(crate) use self::export::ExportOptions;
pub(crate) use self::foreground::ForegroundOptions;
pub(crate) use self::fuse::FuseOptions;
pub(crate) use self::info::InfoOptions;
pub(crate) use self::input::{ImageOptions, TileOptions};
pub(crate) use self::messages::{LogFormat, MessageOptions};
pub(crate) use self::objects::ObjectsOptions;
pub(crate) use self::output::OutputOptions;
pub(crate) use self::phantom::{DEMO_SHAPE, DemoOptions, PhantomOptions};
pub(crate) use self::report::ReportOptions;
pub(crate) use self::resources::ResourceOptions;
pub(crate) use self::run::{CONNECT_TIMEOUT, RunOptions};
pub(crate) use self::segmentation::SegmentationOptions;
pub(crate) use self::sholl::ShollOptions;
#[cfg(feature = "mosaic")]
pub(crate) use self::tiles::TilesOptions;
pub(crate) use self::watch::WatchOptions;

/// Exact branch networks of image volumes larger than memory: vessels, airways, neurites, roots
///
/// The skeleton is scikit-image's voxel for voxel, and the table skan's row for row, for every chunk shape and number of
/// workers.
#[derive(Debug, Parser)]
#[command(
    name = "anabranch",
    version,
    arg_required_else_help = true,
    max_term_width = 120,
    after_help = "Examples:
  anabranch demo                                       try it: a phantom, its results and a picture
  anabranch info scan.tif                              what the program understands of an image
  anabranch run scan.tif -o results --threshold otsu   analyse it
  anabranch run --help                                 all options, in groups"
)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) messages: MessageOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Info(InfoOptions),
    Run(RunOptions),
    Objects(ObjectsOptions),
    Watch(WatchOptions),
    Batch(BatchOptions),
    Compare(CompareOptions),
    Export(ExportOptions),
    Report(ReportOptions),
    Fuse(FuseOptions),
    Sholl(ShollOptions),
    Phantom(PhantomOptions),
    #[cfg(feature = "mosaic")]
    Tiles(TilesOptions),
    Demo(DemoOptions),
    Completions(CompletionsOptions),
    Man(ManOptions),
}

impl Command {
    /// The name by which the subcommand is called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::Info(_) => "info",
            Command::Run(_) => "run",
            Command::Objects(_) => "objects",
            Command::Watch(_) => "watch",
            Command::Batch(_) => "batch",
            Command::Compare(_) => "compare",
            Command::Export(_) => "export",
            Command::Report(_) => "report",
            Command::Fuse(_) => "fuse",
            Command::Sholl(_) => "sholl",
            Command::Phantom(_) => "phantom",
            #[cfg(feature = "mosaic")]
            Command::Tiles(_) => "tiles",
            Command::Demo(_) => "demo",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }
}

/// Print completions for a shell
///
/// See the shell's manual for where they go; the examples show a common place.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch completions bash > ~/.local/share/bash-completion/completions/anabranch
  anabranch completions fish > ~/.config/fish/completions/anabranch.fish")]
pub(crate) struct CompletionsOptions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch man | man -l -
  anabranch man --out ~/.local/share/man/man1")]
pub(crate) struct ManOptions {
    /// Folder to write anabranch.1, anabranch-run.1 and the others to [default: print the first]
    #[arg(short, long, value_name = "DIR", help_heading = headings::OUTPUT)]
    pub(crate) out: Option<std::path::PathBuf>,
}

#[cfg(test)]
mod tests;
