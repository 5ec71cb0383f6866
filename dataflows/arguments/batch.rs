//! The options of `anabranch batch`: those of `run`, for several images.

use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use super::headings::RESOURCES;
use super::{GroupOptions, RunOptions};

/// Options of `run` that make no sense for several images.
const NOT_FOR_SEVERAL: [&str; 12] = [
    "processes",
    "hosts",
    "process",
    "secret",
    "connect_timeout",
    "member",
    "checkpoint",
    "changes",
    "state",
    "verify",
    "gains",
    "refit",
];

const ABOUT: &str = "Analyse many images with the same options, and compare them

The results of each image go into a folder of its own in DIR, as `run` writes them, named after the image. An image that fails \
does not stop the others. Started again, a batch goes on with what is missing: results of unchanged images that were made with \
the same options are kept.";

const OUT: &str = "Folder for the results of all images

A folder for each image, samples.csv (a row for each sample), branches.csv (all branches of all samples), compare.html with its \
tables, and batch.json.";

const EXAMPLES: &str = "Examples:
  anabranch batch scans/*.tif -o results --sigma 2 --threshold otsu
  anabranch batch a1.tif a2.tif b1.tif b2.tif -o results --group a=a* --group b=b* --jobs 2";

/// What `batch` is asked for.
#[derive(Clone, Debug)]
pub(crate) struct BatchOptions {
    /// The images.
    pub(crate) images: Vec<PathBuf>,
    /// How each is analysed; the image is the first one, and the folder that of all.
    pub(crate) run: RunOptions,
    pub(crate) of_all: OfAll,
}

/// What `run` does not have.
#[derive(Args, Clone, Debug)]
pub(crate) struct OfAll {
    /// How many images to analyse at once
    ///
    /// Each in a process of its own. They share the cores, and each takes --memory.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = RESOURCES)]
    pub(crate) jobs: usize,
    #[command(flatten)]
    pub(crate) groups: GroupOptions,
    /// Which of the images this process analyses, where another one has started it
    #[arg(long, hide = true)]
    pub(crate) each: Option<usize>,
    /// How many of them are analysed at once
    #[arg(long, hide = true, requires = "each", default_value_t = 1)]
    pub(crate) at_once: usize,
}

impl BatchOptions {
    /// The options of `run` that were given and make no sense here.
    fn refuse(matches: &ArgMatches) -> Result<(), Error> {
        let given = |name: &&&str| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        match NOT_FOR_SEVERAL.iter().find(given) {
            None => Ok(()),
            Some(name) => {
                let option = name.replace('_', "-");
                let message = format!("--{option} is for one image; analyse these with `anabranch run`\n");
                Err(Error::raw(clap::error::ErrorKind::ArgumentConflict, message))
            }
        }
    }
}

impl FromArgMatches for BatchOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        BatchOptions::refuse(matches)?;
        let images = matches.get_many::<PathBuf>("input").into_iter().flatten().cloned().collect();
        let (run, of_all) = (RunOptions::from_arg_matches(matches)?, OfAll::from_arg_matches(matches)?);
        Ok(BatchOptions { images, run, of_all })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = BatchOptions::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for BatchOptions {
    fn augment_args(command: Command) -> Command {
        let command = OfAll::augment_args(RunOptions::augment_args(command));
        let hidden = NOT_FOR_SEVERAL.iter().filter(|name| command.get_arguments().any(|it| it.get_id() == **name));
        let hidden: Vec<&str> = hidden.copied().collect();
        hidden
            .into_iter()
            .fold(command, |command, name| command.mut_arg(name, |argument| argument.hide(true)))
            .mut_arg("input", |argument| {
                let argument = argument.num_args(1..).action(ArgAction::Append).value_name("IMAGES");
                argument.help("The images; each is what `run` takes")
            })
            .mut_arg("out", |argument| argument.help("Folder for the results of all images").long_help(OUT))
            .mut_arg("workers", |argument| {
                argument.help("Worker threads for each image [default: all cores, shared by the jobs]")
            })
            .mut_arg("overwrite", |argument| {
                argument.help("Replace results made with other options, or of an image that has changed since")
            })
            .about("Analyse many images with the same options, and compare them")
            .long_about(ABOUT)
            .after_help(EXAMPLES)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
