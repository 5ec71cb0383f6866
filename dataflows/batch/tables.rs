//! The tables of a batch, and its comparison.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;

use anabranch::compare::{Comparison, GroupRule, Sample, append_branches, branch_header, sample_table};
use anabranch::error::{Error, Result};
use anabranch::store::output::{Replace, StagedFiles};
use anabranch::store::{shown_path, write_failed};
use serde_json::json;

use super::Task;
use crate::arguments::BatchOptions;
use crate::compare::{compared, files_of, settings};
use crate::interrupt;
use crate::status;
use crate::terminal::{print, print_warning};

/// What the record of a batch says of itself.
const BATCH: &str = "batch";
/// The table with a row for each sample.
const SAMPLES: &str = "samples.csv";
/// The table with the branches of all samples.
const BRANCHES: &str = "branches.csv";
/// The record.
const RECORD: &str = "batch.json";

/// The names of the files that a batch writes beside the folders of its images.
fn file_names() -> Vec<String> {
    let tables = [SAMPLES, BRANCHES].map(str::to_owned).into_iter();
    tables.chain(files_of("compare")).chain([RECORD.to_owned()]).collect()
}

/// Refuses a folder that cannot hold the tables of a batch, and samples whose names leave no place for their results.
///
/// # Errors
/// `Usage` if the name of a sample is no name of a folder, or one of a file of the batch; `Output` if files in the folder may
/// not be replaced.
pub(super) fn check(out: &Path, tasks: &[Task]) -> Result<()> {
    let names = file_names();
    for task in tasks {
        let refused = |why: &str| {
            let message = format!("its sample would be named {}, {why}; rename the image", task.name);
            Err(Error::usage(message).at(&task.image))
        };
        if [".", ".."].contains(&task.name.as_str()) {
            return refused("which cannot be a folder of results");
        }
        // Not all file systems tell letters of two cases apart.
        if names.iter().any(|name| name.eq_ignore_ascii_case(&task.name)) {
            return refused("as a file that the batch writes");
        }
    }
    StagedFiles::check(out, &names, BATCH, Replace::Own)
}

/// Writes the tables of all images that have results, which at least one has, together. `failed` tells why an image has none.
pub(super) fn write<'f>(
    options: &BatchOptions,
    tasks: &[Task],
    failed: impl Fn(usize) -> Option<&'f str>,
    rules: &[GroupRule],
    threads: usize,
) -> Result<()> {
    let out = &options.run.out;
    let done: Vec<&Task> =
        tasks.iter().enumerate().filter(|(at, _)| failed(*at).is_none()).map(|(_, task)| task).collect();
    let samples: Vec<Sample> = done.iter().map(|task| Sample::read(&task.name, &task.out)).collect::<Result<_>>()?;
    let settings = settings(&options.of_all.groups, None, threads)?;
    let comparison_files = files_of("compare");
    let begin = || StagedFiles::create(out, file_names(), BATCH, Replace::Own);
    let files = interrupt::stage(begin, StagedFiles::remover)?;
    let rules = GroupRule::of_names(rules, &done.iter().map(|task| task.name.clone()).collect::<Vec<_>>());
    let comparison = compare(samples.clone(), &rules, &settings);
    let (table, told) = match &comparison {
        Ok(comparison) => {
            crate::compare::write(comparison, &files, &comparison_files)?;
            (sample_table(&comparison.samples, &rules), comparison.to_text())
        }
        Err(error) => {
            print_warning(&format!("the samples are not compared: {error}"));
            (sample_table(&samples, &rules), String::new())
        }
    };
    files.write(SAMPLES, table)?;
    write_branches(&files, &samples, &rules)?;
    let images = tasks
        .iter()
        .enumerate()
        .map(|(at, task)| json!({ "name": task.name, "image": shown_path(&task.image), "failed": failed(at) }));
    let record = json!({
        "program": "anabranch",
        "kind": BATCH,
        "version": env!("CARGO_PKG_VERSION"),
        "images": images.collect::<Vec<_>>(),
    });
    files.write(RECORD, format!("{record:#}\n"))?;
    interrupt::finish();
    files.commit()?;
    status::results(out, None);
    print(&told, options.run.output.quiet);
    let count = if done.len() == 1 { "1 sample".to_owned() } else { format!("{} samples", done.len()) };
    let told = format!("{}: {count} in samples.csv, branches.csv and compare.*\n", out.display());
    print(&told, options.run.output.quiet);
    Ok(())
}

/// The comparison of samples, unless there is but one group.
fn compare(
    samples: Vec<Sample>,
    rules: &[GroupRule],
    settings: &anabranch::compare::CompareOptions,
) -> Result<Comparison> {
    match rules.len() {
        1 => Err(Error::data("only one group has results")),
        _ => compared(samples, rules, settings),
    }
}

/// Copies the branch tables of all samples into one.
fn write_branches(files: &StagedFiles, samples: &[Sample], rules: &[GroupRule]) -> Result<()> {
    let path = files.path(BRANCHES);
    let failed = |error: std::io::Error| write_failed(&error).at(&path);
    let units: std::collections::BTreeSet<&str> =
        samples.iter().map(|sample| sample.unit.as_deref().unwrap_or_default()).collect();
    if units.len() > 1 {
        print_warning("branches.csv has the lengths of each sample in the sample's own unit, and these differ");
    }
    let header = branch_header(samples)?;
    let mut to = BufWriter::with_capacity(1 << 18, File::create(&path).map_err(failed)?);
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    writeln!(to, "sample,group,{}", names.join(",")).map_err(failed)?;
    samples
        .iter()
        .try_for_each(|sample| append_branches(sample, GroupRule::group_of(rules, &sample.name), &header, &mut to))?;
    to.flush().map_err(failed)
}
