//! What `run` and `watch` share: opening the analysis that the options ask for, and reporting its results.

use std::path::Path;
use std::time::Instant;

use anabranch::analysis::{Analysis, Circumstances, Resources, Results, Staged, Written};
use anabranch::error::{Error, Result};
use anabranch::overview::OverviewOptions;
use anabranch::parameters::Parameters;
use anabranch::store::units::length_name;
use anabranch::store::{Image, OpenOptions, resolved};
use anabranch::text::masked;
use serde_json::Value;

use crate::apart;
use crate::arguments::{BranchColour, ColumnSet, PictureFormat, RunOptions};
use crate::interrupt;
use crate::opening::open_options;
use crate::parsing::{parse_chunk, parse_foreground, parse_holes, parse_prune, parse_sigma};
use crate::processes::{Seat, memory_of_others};
use crate::sizes::parse_size;
use crate::terminal::summary::{ShownResults, lines};
use crate::terminal::{log, print_event, print_results, print_warning};

/// The analysis that the options ask for. Opens its image and prints its warnings.
pub(crate) fn open(options: &RunOptions, seat: &Seat) -> Result<Analysis> {
    apart::of_run(options)?;
    let (parameters, resources) = (parameters(options)?, resources(options, seat)?);
    #[cfg(feature = "mosaic")]
    {
        let threads = anabranch::analysis::workers(options.resources.workers)?;
        crate::gains::settle(&options.image, seat, threads, options.output.quiet)?;
    }
    let analysis = Analysis::open(&options.image.input, &parameters, &resources)?;
    if seat.is_first() {
        print_headline(&analysis.source.description().name, &analysis.image, options.output.quiet);
        analysis.image.warnings.iter().for_each(|warning| print_warning(warning));
        if let (true, Some(first)) = (options.strict, analysis.image.warnings.first()) {
            return Err(Error::data(format!("{first} (--strict)")));
        }
    }
    Ok(analysis)
}

/// The same, without a word, and without solving gains: to tell what an analysis would read.
pub(crate) fn look_at(options: &RunOptions) -> Result<Analysis> {
    Analysis::open(&options.image.input, &parameters(options)?, &resources(options, &Seat::Alone)?)
}

/// Prints what the program understands of the image, unless quiet.
pub(crate) fn print_headline(name: &str, image: &Image, quiet: bool) {
    let fields = [("image", serde_json::to_value(image).unwrap_or_default())];
    print_event("image", &format!("{name}: {}\n", image.headline()), quiet, fields);
}

/// What only the program knows about a run.
pub(crate) fn circumstances(options: &RunOptions) -> Circumstances {
    let mut known = Circumstances::default();
    known.arguments = std::env::args_os().skip(1).map(|it| masked(&it.to_string_lossy()).into_owned()).collect();
    known.state = options.state.as_deref().map(path_in_record);
    known.checkpoint = options.checkpoint.as_deref().map(path_in_record);
    known.memory_of_others = memory_of_others();
    known
}

/// A folder as `run.json` names it.
pub(crate) fn path_in_record(folder: &Path) -> String {
    resolved(folder).to_string_lossy().into_owned()
}

/// How the picture looks.
pub(crate) fn picture(options: &RunOptions) -> OverviewOptions {
    let mut picture = OverviewOptions::default();
    picture.colour = options.picture_colour.into();
    picture.size = options.picture_size.map(usize::from);
    picture.vector = options.picture_format == PictureFormat::Svg;
    picture
}

/// Puts outputs in place and prints the warnings that were not among those `said` of the last results, whatever their
/// numbers.
pub(crate) fn put_in_place(analysis: &Analysis, staged: Staged<'_>, said: &mut Vec<String>) -> Result<Written> {
    // Everything from here on takes a moment.
    interrupt::finish();
    let written = staged.commit()?;
    let warnings = &written.summary.warnings;
    // Those of the image itself were printed when it was opened.
    let new = warnings
        .iter()
        .skip(analysis.image.warnings.len())
        .filter(|warning| !said.iter().any(|known| differ_in_numbers(known, warning)));
    new.for_each(|warning| print_warning(warning));
    said.clone_from(warnings);
    written.notes.iter().cloned().chain(analysis.memory_warning()).for_each(|note| print_warning(&note));
    Ok(written)
}

/// Prints the summary of results, and where they are.
pub(crate) fn print_summary(
    analysis: &Analysis,
    results: &Results,
    written: &Written,
    (out, started): (&Path, Instant),
    quiet: bool,
) {
    if quiet {
        return;
    }
    let Written { totals, summary, .. } = written;
    let lengths: Vec<f64> =
        results.branches.iter().flat_map(|list| list.iter()).map(|branch| branch.length()).collect();
    let description = analysis.source.description();
    let told = ShownResults {
        summary,
        totals,
        lengths: &lengths,
        unit: &unit(analysis),
        dimensions: description.dimensions,
        elapsed: started.elapsed(),
    };
    let fields = [
        ("branches", summary.branches.into()),
        ("skeletons", summary.skeletons.into()),
        ("total_length", summary.total_length.into()),
        ("unit", told.unit.into()),
        ("seconds", told.elapsed.as_secs_f64().into()),
    ];
    let text = if log::is_json() { "the analysis is complete".to_owned() } else { lines(&told) };
    print_event("summary", &text, quiet, fields);
    print_results(if log::is_json() { "" } else { "\n" }, out, quiet);
}

/// Prints that the results that are there stand, with the warnings of their summary.
pub(crate) fn print_standing(analysis: &Analysis, summary: &Value, (out, started): (&Path, Instant), quiet: bool) {
    let warnings = summary["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    // Those of the image itself were printed when it was opened.
    warnings.skip(analysis.image.warnings.len()).for_each(print_warning);
    let elapsed = started.elapsed().as_secs_f64();
    let fields = [
        ("branches", summary["branches"].clone()),
        ("skeletons", summary["skeletons"].clone()),
        ("total_length", summary["total_length"].clone()),
        ("unit", unit(analysis).into()),
        ("seconds", elapsed.into()),
        ("unchanged", true.into()),
    ];
    let text = match log::is_json() {
        true => "nothing has changed, and the results stand".to_owned(),
        false => format!("  nothing has changed since the results were made: they stand ({elapsed:.2} s)\n"),
    };
    print_event("summary", &text, quiet, fields);
    print_results(if log::is_json() { "" } else { "\n" }, out, quiet);
}

/// The unit of lengths, for people.
pub(crate) fn unit(analysis: &Analysis) -> String {
    let description = analysis.source.description();
    length_name(description.spacing, description.unit.as_deref(), &analysis.image.details.spacing_from)
}

/// Whether two warnings say the same of other numbers, as those of two epochs may.
fn differ_in_numbers(one: &str, other: &str) -> bool {
    let words = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    words(one) == words(other)
}

/// How the image is opened, as the options ask for it.
pub(crate) fn image_options(options: &RunOptions) -> Result<OpenOptions> {
    let mut image = open_options(&options.image)?;
    image.mask.clone_from(&options.foreground.mask);
    image.atlas.clone_from(&options.atlas);
    image.atlas_names.clone_from(&options.atlas_names);
    image.labels = options.segmentation.labels;
    image.intensity.clone_from(&options.segmentation.intensity);
    Ok(image)
}

/// What results depend on, as the options ask for it.
pub(crate) fn parameters(options: &RunOptions) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    let foreground = &options.foreground;
    parameters.threshold = parse_foreground(foreground.threshold.as_deref(), foreground.below.as_deref())?;
    parameters.sigma = foreground.sigma.as_deref().map(parse_sigma).transpose()?;
    parameters.filters.fill_holes = foreground.fill_holes.as_deref().map(parse_holes).transpose()?;
    parameters.filters.remove_smaller = foreground.remove_smaller;
    parameters.filters.keep_largest = foreground.keep_largest;
    parameters.connectivity = foreground.connectivity.into();
    parameters.method = options.method.map(Into::into);
    parameters.provisional = options.provisional;
    parameters.columns = options.columns.into();
    if let Some(text) = &options.prune {
        (parameters.prune.length, parameters.prune.unit) = parse_prune(text)?;
    }
    (parameters.prune.ratio, parameters.prune.keep_border) = (options.prune_ratio, options.keep_border);
    parameters.longest_path = options.longest_path;
    (parameters.objects, parameters.object_labels) = (options.objects, options.object_labels);
    if (options.columns, options.picture_colour) == (ColumnSet::Skan, BranchColour::Radius) {
        let message =
            "--picture-colour radius needs radii, and --columns skan leaves them out: leave one of the two out";
        return Err(Error::usage(message));
    }
    parameters.image = image_options(options)?;
    parameters.check()?;
    Ok(parameters)
}

/// What may be used, as the options ask for it.
fn resources(options: &RunOptions, seat: &Seat) -> Result<Resources> {
    let mut resources = Resources::default();
    resources.chunk = options.resources.chunk.as_deref().map(parse_chunk).transpose()?;
    resources.workers = options.resources.workers;
    resources.process_memory = options.resources.memory.as_deref().map(parse_size).transpose()?;
    (resources.processes, resources.on_this_machine) = (seat.processes(), seat.on_this_machine());
    resources.at_once = options.resources.at_once;
    resources.keeps_state = options.state.is_some();
    Ok(resources)
}
