//! What a run writes, and what it tells on the terminal.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use anabranch::chunk::Dtype;
use anabranch::error::{Error, Kind, Result};
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::branch_list::BranchList;
use anabranch::kernel::project::Projections;
use anabranch::kernel::threshold::Threshold;
use anabranch::kernel::voxel_list::VoxelList;
use anabranch::memory::peak_memory;
use anabranch::operators::read::Selection;
use anabranch::overview::{VoxelKind, overview};
use anabranch::space::Voxel;
use anabranch::store::output::{ArrayForm, Compression, EarlierRun, OutputFolder, SkeletonArray, skeleton_chunk_shape};
use anabranch::table::Table;
use anabranch::table::arrival::Arrival;
use anabranch::table::csv;
use anabranch::table::ranks::Ranks;
use anabranch::table::statistics::Snapshot;
use anabranch::table::summary::{Awaited, Summary, Totals};
use anabranch::text::masked;

use crate::analysis::Store;
use crate::changes::{Changes, Difference};
use crate::interrupt;
use crate::opening::Part;
use crate::plan::{Choice, ImageName, Plan};
use crate::processes::memory_of_all;
use crate::terminal::{self, print, print_warning};
use crate::warnings;

/// Where outputs go.
#[derive(Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) folder: OutputFolder,
    /// The file of changes, if there is one.
    pub(crate) changes: Option<&'a mut Changes>,
}

/// The folder for a run's outputs, locked and staged. An earlier run's outputs are only replaced when asked for, or where
/// they are this one's `own`.
pub(crate) fn folder(out: &Path, overwrite: bool, own: impl FnOnce(&EarlierRun) -> bool) -> Result<OutputFolder> {
    let folder = interrupt::stage(|| OutputFolder::create(out, overwrite), OutputFolder::remover)?;
    match folder.earlier() {
        Some(earlier) if !overwrite && !own(earlier) => {
            let message = "holds the outputs of another run; give another folder, or --overwrite to replace them";
            Err(Error::new(Kind::Output, message).at(out))
        }
        _ => Ok(folder),
    }
}

/// What the skeleton's array looks like.
pub(crate) fn skeleton_form(plan: &Plan) -> ArrayForm {
    let shape = plan.source.description().shape;
    ArrayForm {
        shape,
        dimensions: plan.dimensions(),
        channels: None,
        dtype: Dtype::U8,
        chunk: skeleton_chunk_shape(shape, plan.dimensions()),
        compression: Compression::Zstd,
        spacing: Some(plan.spacing),
        unit: plan.unit.clone(),
    }
}

/// The array for the skeleton: its grid, and where its chunks go.
pub(crate) fn skeleton_array(plan: &Plan, folder: &OutputFolder) -> Result<(Grid, Store)> {
    Ok(store(plan, SkeletonArray::create(folder, skeleton_form(plan))?))
}

/// The same in a process that shares the folder with the one that has made it.
pub(crate) fn shared_skeleton_array(plan: &Plan, out: &Path, run: &str) -> Result<(Grid, Store)> {
    Ok(store(plan, SkeletonArray::join(out, run, skeleton_form(plan))?))
}

fn store(plan: &Plan, array: SkeletonArray) -> (Grid, Store) {
    let grid = array.grid().among(plan.processes);
    (grid, Arc::new(move |id: ChunkId, voxels: &[Voxel]| array.write_chunk(id, voxels)))
}

/// The parameters that results depend on.
#[derive(Debug, Serialize)]
struct Parameters<'a> {
    shape: &'a [usize],
    dtype: &'static str,
    method: &'static str,
    sigma: Option<f64>,
    threshold: Option<f64>,
    threshold_method: &'static str,
    spacing: &'a [f64],
    unit: Option<&'a str>,
    #[serde(flatten)]
    part: &'a Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisional: Option<bool>,
}

/// How it ran: everything that results do not depend on.
#[derive(Debug, Serialize)]
struct Log<'a> {
    program: &'static str,
    version: &'static str,
    arguments: Vec<String>,
    /// The outputs of this run, which another one may replace.
    outputs: Vec<&'static str>,
    input: &'a str,
    image: &'a ImageName,
    state: Option<&'a str>,
    /// What the program understood of the input, in a line.
    understood: &'a str,
    /// Where the spacing comes from, where voxels do not count as one long. Not among the parameters: the same voxels
    /// give the same results, whoever has said how large they are.
    spacing_from: Option<&'a str>,
    chunk: &'a [usize],
    chunks: usize,
    chunks_in_flight: usize,
    /// What thinned: `planes`, handed on by the workers of one process, or `chunks`, in rounds.
    engine: &'static str,
    processes: usize,
    workers: usize,
    seconds_until_branches: f64,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    /// The same of all processes together, each at its own worst.
    peak_memory_bytes_of_all: Option<u64>,
    #[serde(flatten)]
    counts: Counts,
}

/// How much there was to do.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Whether planes were thinned, rather than chunks.
    #[serde(skip)]
    pub(crate) by_planes: bool,
    /// Chunks whose values were read to tell their foreground.
    pub(crate) chunks_read: u64,
    /// Chunks of which everything was known.
    pub(crate) chunks_reused: u64,
    /// Chunks that were thinned, or thinned again.
    pub(crate) chunks_activated: u64,
    pub(crate) chunks_with_foreground: u64,
    pub(crate) sub_iterations: u64,
    pub(crate) rounds: u64,
    pub(crate) deleted_voxels: u64,
    pub(crate) messages_between_workers: u64,
    /// Bytes of records that processes sent each other.
    pub(crate) bytes_between_processes: u64,
    /// Rows that came or went in this epoch. Where there is a file of changes these are its lines, and the epoch is the
    /// one that the file gives them.
    pub(crate) rows_changed: Option<u64>,
    pub(crate) epoch: Option<u64>,
}

/// What an analysis has found, all at once or epoch by epoch.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    /// The threshold that was used.
    pub(crate) threshold: Threshold,
    /// All branches, in lists of any parts of the volume.
    pub(crate) branches: Vec<&'a BranchList>,
    /// Skeleton voxels without neighbours.
    pub(crate) isolated: Vec<Voxel>,
    /// Skeleton voxels of every chunk that has some, in raster order.
    pub(crate) skeletons: Vec<(ChunkId, &'a VoxelList)>,
    /// Statistics of the branches.
    pub(crate) statistics: Snapshot,
    /// Number of foreground voxels.
    pub(crate) foreground: u64,
    /// Projections of the whole image.
    pub(crate) projections: Option<&'a Projections>,
    /// What has arrived, where the table is to tell.
    pub(crate) arrival: Option<&'a Arrival>,
    pub(crate) counts: Counts,
}

/// Writes everything but the skeleton array, puts all in place, appends what changed to the file of changes, and prints
/// the summary, and the warnings that were not among those `said` of the last results.
pub(crate) fn write(
    plan: &Plan,
    results: &Results<'_>,
    Destination { folder, changes }: Destination<'_>,
    said: &mut Vec<String>,
    started: Instant,
    quiet: bool,
) -> Result<()> {
    let analysed = started.elapsed();
    let (totals, picture) = std::thread::scope(|scope| {
        // Beside the table: both take their time.
        let picture = scope.spawn(|| results.projections.map(|seen| overview(seen, kinds(results))).transpose());
        let totals = write_tables(plan, results, &folder);
        (totals, picture.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (totals, warnings) = totals?;
    if let Some(picture) = picture? {
        folder.write("overview.png", picture)?;
    }
    let difference = changes.as_ref().map(|changes| changes.compare(&folder.path("branches.csv"))).transpose()?;
    let mut counts = results.counts;
    if let Some((changes, difference)) = changes.as_ref().zip(difference.as_ref()) {
        (counts.rows_changed, counts.epoch) = (Some(difference.rows()), Some(changes.epoch()));
    }
    let written = folder.written().into_iter().chain(["run.json"]).collect();
    folder.write("run.json", log(plan, counts, written, analysed, started)?)?;
    put_in_place(folder, changes.zip(difference))?;
    // Those of the image itself were printed when it was opened.
    warnings.iter().skip(plan.warnings.len()).filter(|warning| !said.contains(warning)).for_each(|w| print_warning(w));
    *said = warnings;
    tell(plan, results, &totals, started, quiet);
    Ok(())
}

/// Puts the outputs in place, and what has changed into its file: both or neither. A run that is killed in between has
/// appended what the next one appends in its place, or takes back.
fn put_in_place(folder: OutputFolder, changed: Option<(&mut Changes, Difference)>) -> Result<()> {
    // From here on all is done in a moment.
    interrupt::finish();
    let Some((changes, difference)) = changed else { return folder.commit() };
    let before = changes.append(&difference)?;
    folder.commit().inspect_err(|_| drop(changes.take_back(before)))
}

/// Writes the table and its summary.
fn write_tables(plan: &Plan, results: &Results<'_>, folder: &OutputFolder) -> Result<(Totals, Vec<String>)> {
    let voxels = results.skeletons.iter().map(|(_, voxels)| voxels.len() as u64).sum();
    fits_a_table(voxels).map_err(|error| error.at(&plan.source.description().name))?;
    let ranks = Ranks::new(results.skeletons.iter().copied(), &plan.grid);
    let mut table = Table::new(results.branches.iter().copied(), &results.isolated, &ranks, plan.workers)?;
    if let Some(arrival) = results.arrival {
        table = table.with_arrival(arrival);
    }
    let provisional = write_table(plan, &table, folder)?;
    let totals = Totals {
        skeletons: table.skeletons(),
        skeleton_voxels: table.voxels(),
        foreground_voxels: results.foreground,
        voxels: plan.grid.bounds().volume() as u64,
    };
    let warnings = warnings::warnings(plan, results, &totals);
    warnings::refuse(&warnings, plan)?;
    let mut summary = Summary::new(parameters(plan, results.threshold), &totals, &results.statistics);
    summary.warnings.clone_from(&warnings);
    if let Some(arrival) = results.arrival {
        let (units, missing) = (arrival.units(), arrival.missing());
        summary = summary.with_awaited(Awaited { provisional_branches: provisional, units, missing });
    }
    folder.write("summary.json", summary.to_json()?)?;
    Ok((totals, warnings))
}

/// Refuses a skeleton whose voxels cannot be numbered.
fn fits_a_table(voxels: u64) -> Result<()> {
    if u32::try_from(voxels).is_ok() {
        return Ok(());
    }
    let message =
        format!("its skeleton has {voxels} voxels, and a table fewer than 2^32; analyse it in parts, with --region");
    Err(Error::data(message))
}

/// Writes the table. Gives the number of provisional branches.
fn write_table(plan: &Plan, table: &Table<'_>, folder: &OutputFolder) -> Result<u64> {
    let failed = |error: io::Error| folder.write_error("branches.csv", &error);
    let file = File::create(folder.path("branches.csv")).map_err(failed)?;
    csv::write_table(table, &plan.frame(), plan.workers, file).map_err(failed)
}

/// Every skeleton voxel with what it belongs to.
fn kinds<'a>(results: &'a Results<'_>) -> impl Iterator<Item = (Voxel, VoxelKind)> + 'a {
    let branches = results.branches.iter().flat_map(|list| list.iter()).flat_map(|branch| {
        let kind = VoxelKind::of_branch_type(branch.kind() as u8);
        branch.into_voxels().map(move |voxel| (voxel, kind))
    });
    branches.chain(results.isolated.iter().map(|&voxel| (voxel, VoxelKind::Isolated)))
}

/// Prints the summary.
fn tell(plan: &Plan, results: &Results<'_>, totals: &Totals, started: Instant, quiet: bool) {
    if quiet {
        return;
    }
    let lengths: Vec<f64> =
        results.branches.iter().flat_map(|list| list.iter()).map(|branch| branch.length()).collect();
    let unit = plan.length_unit();
    let results = terminal::Results {
        kinds: results.statistics.kinds,
        lengths: &lengths,
        total_length: results.statistics.total_length,
        unit: &unit,
        skeletons: totals.skeletons,
        skeleton_voxels: totals.skeleton_voxels,
        foreground_voxels: totals.foreground_voxels,
        voxels: totals.voxels,
        elapsed: started.elapsed(),
    };
    print(&terminal::summary(&results), quiet);
}

fn parameters(plan: &Plan, threshold: Threshold) -> Parameters<'_> {
    let description = plan.source.description();
    let axes = 3 - description.dimensions;
    Parameters {
        shape: &description.shape[axes..],
        dtype: description.dtype.name(),
        method: plan.method.name(),
        sigma: plan.sigma,
        threshold: match threshold {
            Threshold::Above(value) => Some(value),
            Threshold::Nonzero => None,
        },
        threshold_method: match plan.threshold {
            Choice::Nonzero => "nonzero",
            Choice::Above(_) => "value",
            Choice::Otsu => "otsu",
        },
        spacing: &plan.spacing.0[axes..],
        unit: plan.unit.as_deref(),
        part: &plan.part,
        provisional: plan.provisional.then_some(true),
    }
}

fn log(
    plan: &Plan,
    counts: Counts,
    outputs: Vec<&'static str>,
    analysed: Duration,
    started: Instant,
) -> Result<String> {
    let log = Log {
        program: "anabranch",
        version: env!("CARGO_PKG_VERSION"),
        arguments: std::env::args_os().skip(1).map(|it| masked(&it.to_string_lossy()).into_owned()).collect(),
        outputs,
        input: &plan.source.description().name,
        image: &plan.image,
        state: plan.state.as_deref(),
        understood: &plan.headline,
        spacing_from: Some(&*plan.spacing_from).filter(|from| !from.is_empty()),
        chunk: &plan.grid.chunk_shape(),
        chunks: Selection::All.count(&plan.grid),
        chunks_in_flight: plan.window,
        engine: if counts.by_planes { "planes" } else { "chunks" },
        processes: plan.processes,
        workers: plan.workers,
        seconds_until_branches: analysed.as_secs_f64(),
        seconds: started.elapsed().as_secs_f64(),
        peak_memory_bytes: peak_memory(),
        peak_memory_bytes_of_all: memory_of_all(),
        counts,
    };
    let text = serde_json::to_string_pretty(&log)
        .map_err(|error| Error::internal("run.json cannot be written as JSON").because(error))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_whose_voxels_cannot_be_numbered_is_refused() {
        assert!(fits_a_table(u64::from(u32::MAX)).is_ok());
        let error = fits_a_table(1 << 32).unwrap_err();
        assert!(error.kind() == Kind::Data && error.to_string().contains("4294967296"), "{error}");
    }
}
