//! The options of `anabranch compare`.

use std::path::PathBuf;

use anabranch::compare::MEASURES;
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::OutputOptions;
use super::headings::{ANALYSIS, INPUT, OUTPUT, RESOURCES};

/// Compare samples: what differs, by how much, and whether it is more than chance
///
/// RESULTS are folders of results, one for each sample. Two of them are compared with each other. More are shown side by side,
/// or compared by groups (--group). The unit is the sample, never the branch: groups of three samples and more are tested, by
/// exact permutation tests on the samples' numbers.
///
/// Writes a page, and the same numbers as tables and JSON beside it: compare.html, compare.csv (samples), compare.pairs.csv
/// (groups) and compare.json.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  anabranch compare results/one results/two
  anabranch compare --group healthy=h1,h2,h3 --group hernia=x1,x2,x3 -o hernia.html
  anabranch compare results/a1 results/a2 results/b1 results/b2 --group a=a* --group b=b*")]
#[command(mut_arg("overwrite", |overwrite| overwrite.help("Replace an earlier comparison")))]
pub(crate) struct CompareOptions {
    /// Folders with the results of runs
    #[arg(required_unless_present = "group")]
    pub(crate) results: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) groups: GroupOptions,
    /// Unit of lengths: um, mm, nm [default: one that is easy to read]
    #[arg(long, value_name = "UNIT", help_heading = INPUT)]
    pub(crate) unit: Option<String>,
    /// Page to write; tables and JSON get its name [default: compare.html]
    #[arg(short, long, value_name = "FILE.html", default_value = "compare.html", hide_default_value = true, help_heading = OUTPUT)]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
}

/// What is compared with what.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GroupOptions {
    /// A group of samples, once for each group: healthy=A,B,C
    ///
    /// Members are folders or names of samples, and may have * and ?. The first group is what the others are compared with.
    #[arg(long, value_name = "NAME=A,B,…", help_heading = INPUT)]
    pub(crate) group: Vec<String>,
    /// Test these measures [default: branch_length,radius,tortuosity,length_density,junction_density]
    ///
    /// Fewer tests find smaller differences. Choose before you look. All measures: those in compare.csv.
    #[arg(
        long,
        value_name = "MEASURE,…",
        value_delimiter = ',',
        hide_possible_values = true,
        value_parser = measures(),
        help_heading = ANALYSIS
    )]
    pub(crate) test: Vec<String>,
}

fn measures() -> PossibleValuesParser {
    PossibleValuesParser::new(MEASURES.iter().map(|measure| measure.name))
}
