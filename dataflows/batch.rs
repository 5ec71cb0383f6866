//! `anabranch batch`: many images in, the results of each and their comparison out.

mod each;
mod key;
mod start;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anabranch::analysis::workers;
use anabranch::compare::{GroupRule, Sample, distinct_names};
use anabranch::error::{Error, Kind, Result};
use anabranch::threads;

use crate::analysis;
use crate::apart;
use crate::arguments::{BatchOptions, RunOptions};
use crate::compare::rules;
use crate::interrupt;
use crate::status;
use crate::terminal::{grouped, print, print_warning};

use self::key::Key;

/// An image of a batch.
#[derive(Clone, Debug)]
struct Task {
    /// Its name, which no other one has.
    name: String,
    image: PathBuf,
    /// The folder of its results.
    out: PathBuf,
}

/// Analyses all images that have no results yet, and writes tables of all.
pub(crate) fn batch(options: &BatchOptions) -> Result<()> {
    let tasks = tasks(options);
    if let Some(number) = options.of_all.each {
        let task = tasks.get(number).ok_or_else(|| Error::internal("there is no such image in the batch"))?;
        return each::analyse(&task.options(options)?, options.of_all.at_once);
    }
    let rules = rules(&options.of_all.groups)?;
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    GroupRule::check(&rules, &names)?;
    tables::check(&options.run.out, &tasks)?;
    // What is wrong with the options is wrong for all images.
    analysis::parameters(&options.run)?;
    tasks.iter().try_for_each(|task| apart::of_run(&task.options(options)?))?;
    let jobs = jobs(options, tasks.len())?;
    let threads = workers(options.run.resources.workers)?;
    let failures = analyse_all(options, &tasks, jobs)?;
    let failed =
        |at: usize| failures.iter().find(|(task, _)| *task == at).map(|(_, failure)| failure.sentence.as_str());
    // Where nothing has results, tables of an earlier batch stay.
    if failures.len() < tasks.len() {
        status::images("writing", tasks.len(), tasks.len());
        tables::write(options, &tasks, failed, &rules, threads)?;
    }
    let Some((_, first)) = failures.first() else { return Ok(()) };
    let names: Vec<&str> = failures.iter().map(|(task, _)| tasks[*task].name.as_str()).collect();
    let message = format!(
        "{} of {} images have no results: {}; start the batch again when what is named above is put right, and it goes on \
         with these",
        names.len(),
        tasks.len(),
        names.join(", ")
    );
    Err(Error::new(first.kind, message))
}

/// The images, with names that are distinct.
fn tasks(options: &BatchOptions) -> Vec<Task> {
    let names = distinct_names(&options.images, "-", |name| stem(name).to_owned());
    let task =
        |(image, name): (&PathBuf, String)| Task { image: image.clone(), out: options.run.out.join(&name), name };
    options.images.iter().zip(names).map(task).collect()
}

/// The name of a file without the ends that tell its format.
fn stem(name: &str) -> &str {
    let ends = [
        ".gz", ".zip", ".zarr", ".tif", ".tiff", ".ome", ".nii", ".npy", ".npz", ".nrrd", ".nhdr", ".mha", ".mhd",
        ".csv",
    ];
    let mut stem = name;
    while let Some(shorter) = ends.iter().find_map(|end| {
        let (shorter, last) = stem.split_at_checked(stem.len().checked_sub(end.len())?)?;
        (last.eq_ignore_ascii_case(end) && !shorter.is_empty()).then_some(shorter)
    }) {
        stem = shorter;
    }
    stem
}

/// How many images are analysed at once.
fn jobs(options: &BatchOptions, images: usize) -> Result<usize> {
    if options.of_all.jobs == 0 {
        return Err(Error::usage("--jobs is 0, but at least one is needed"));
    }
    Ok(options.of_all.jobs.min(images).max(1))
}

/// Why an image has no results.
#[derive(Clone, Debug)]
struct Failure {
    kind: Kind,
    sentence: String,
}

/// Analyses the images that have no results, several at once. Returns those that failed, in order.
fn analyse_all(options: &BatchOptions, tasks: &[Task], jobs: usize) -> Result<Vec<(usize, Failure)>> {
    let (done, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    status::images("analysing", 0, tasks.len());
    threads::each(tasks, jobs, |at, task| {
        let outcome = match is_kept(options, task) {
            Ok(true) => Ok("kept"),
            Ok(false) => start::run(at, jobs, &task.name).map(|()| "analysed"),
            Err(error) => Err(Failure { kind: error.kind(), sentence: error.to_string() }),
        };
        let number = done.fetch_add(1, Ordering::Relaxed) + 1;
        status::images("analysing", number, tasks.len());
        let told = match &outcome {
            Ok(how) => format!("{how}{}", branches(&task.out)),
            Err(_) => "failed".to_owned(),
        };
        print(&format!("[{number} of {}] {}: {told}\n", tasks.len(), task.name), options.run.output.quiet);
        match outcome {
            // An interruption from now on leaves these results.
            Ok(_) => interrupt::finish_part(|| Ok(())),
            Err(failure) => {
                print_warning(&format!("{}: {}", task.name, failure.sentence));
                failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, failure));
                Ok(())
            }
        }
    })?;
    let mut failures = failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failures.sort_by_key(|(at, _)| *at);
    Ok(failures)
}

/// Whether an image has results that were made of it as it is now with these options, and that are whole.
fn is_kept(options: &BatchOptions, task: &Task) -> Result<bool> {
    let Some(earlier) = Key::in_results(&task.out) else { return Ok(false) };
    let options = task.options(options)?;
    // What is wrong with the image is said when it is analysed.
    let Ok(analysis) = analysis::look_at(&options) else { return Ok(false) };
    Ok(Key::of(&options, &analysis)?.is_of(&earlier) && is_whole(&task.out))
}

/// Whether all outputs are there that a run has written, and the table has as many rows as the summary says.
fn is_whole(out: &Path) -> bool {
    let run = json(out, "run.json");
    let Some(outputs) = run["outputs"].as_array() else { return false };
    let are_there = outputs.iter().all(|name| name.as_str().is_some_and(|name| out.join(name).exists()));
    are_there && Sample::read("", out).is_ok()
}

/// An output that is JSON; null if it cannot be read.
fn json(out: &Path, name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(out.join(name)).unwrap_or_default()).unwrap_or_default()
}

/// How many branches some results have, for people.
fn branches(out: &Path) -> String {
    json(out, "summary.json")["branches"]
        .as_u64()
        .map(|count| format!(", {} branches", grouped(count)))
        .unwrap_or_default()
}

impl Task {
    /// The options of the run on this image.
    fn options(&self, options: &BatchOptions) -> Result<RunOptions> {
        let mut run = options.run.clone();
        run.image.input.clone_from(&self.image);
        run.out.clone_from(&self.out);
        Ok(run)
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn samples_are_named_after_their_images() {
        for (name, expected) in [
            ("a.ome.tif", "a"),
            ("B.NII.GZ", "B"),
            ("c.v2.zarr", "c.v2"),
            ("d.zarr.zip", "d"),
            (".tif", ".tif"),
            ("é", "é"),
            ("Müller.npy", "Müller"),
            ("血管1.tif", "血管1"),
            ("日本.ome.zarr", "日本"),
            ("é.npy", "é"),
        ] {
            assert_eq!(stem(name), expected);
        }
    }
}
