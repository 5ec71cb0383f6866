//! `anabranch objects`: a volume in, the table of its objects out.

use std::sync::Arc;
use std::time::Instant;

use anabranch::analysis::{Destination, Running, open_folder};
use anabranch::error::Result;
use anabranch::progress::ProgressState;
use anabranch::store::output::OutputFolder;

use crate::analysis::{self, circumstances};
use crate::arguments::{ObjectsOptions, RunOptions};
use crate::interrupt;
use crate::processes::Seat;
use crate::status;
use crate::terminal::{Progress, grouped, in_seconds, print, print_event, print_warning};

/// Finds the objects of an image and writes their table.
pub(crate) fn objects(options: &ObjectsOptions) -> Result<()> {
    let started = Instant::now();
    let options = RunOptions::from(options.clone());
    let analysis = analysis::open(&options, &Seat::of(&options)?)?;
    let folder =
        interrupt::stage(|| open_folder(&options.out, options.output.overwrite, |_| false), OutputFolder::remover)?;
    let progress = Arc::new(ProgressState::new());
    status::follow(&progress);
    let shown = Progress::show(&progress, options.output.quiet);
    let mut running = Running::default();
    running.progress = progress;
    let results = analysis.find_objects(running)?;
    drop(shown);
    let to = Destination {
        started,
        strict: options.strict,
        circumstances: circumstances(&options),
        ..Destination::new(folder)
    };
    // Everything from here on takes a moment.
    interrupt::finish();
    let summary = analysis.write_objects(&results, to)?;
    // Those of the image itself were printed when it was opened.
    summary.warnings.iter().skip(analysis.image.warnings.len()).for_each(|warning| print_warning(warning));
    let share = 100.0 * summary.foreground_fraction;
    let (name, count) = match summary.labels {
        Some(labels) => ("labels", labels),
        None => ("objects", summary.objects.unwrap_or_default()),
    };
    let text = format!(
        "  {:<24}{}\n  {:<24}{share:.2} % of {} voxels\n  {:<24}{}\n",
        name,
        grouped(count),
        "foreground",
        grouped(results.volume),
        "time",
        in_seconds(started.elapsed())
    );
    let fields = [(name, count.into()), ("seconds", started.elapsed().as_secs_f64().into())];
    print_event("summary", &text, options.output.quiet, fields);
    status::results(&options.out, None);
    print(
        &format!("\nResults are in {}: objects.csv, summary.json and run.json\n", options.out.display()),
        options.output.quiet,
    );
    Ok(())
}
