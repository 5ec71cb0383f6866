//! What a run writes, and what it tells on the terminal.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::{Error, Kind, Result};
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::project::Projections;
use anabranch::kernel::threshold::Threshold;
use anabranch::overview::{VoxelKind, overview};
use anabranch::space::Voxel;
use anabranch::store::output::{ArrayForm, ArrayWriter, Compression, OUTPUTS, OutputFolder, skeleton_chunk_shape};
use anabranch::table::Table;
use anabranch::table::csv::write_csv;
use anabranch::table::ranks::Ranks;
use anabranch::table::statistics::Statistics;
use anabranch::table::summary::{Summary, Totals};

use crate::analysis::{Report, Store};
use crate::plan::{Choice, Plan};
use crate::terminal::{Results, peak_memory, print_summary, print_warning};

/// The folder for a run's outputs, locked and staged. An earlier run's outputs are only replaced when asked for.
pub(crate) fn folder(out: &Path, overwrite: bool) -> Result<OutputFolder> {
    if !overwrite && OUTPUTS.iter().any(|name| out.join(name).exists()) {
        let message = "holds the outputs of an earlier run; give another folder, or --overwrite to replace them";
        return Err(Error::new(Kind::Output, message).at(out));
    }
    OutputFolder::create(out, overwrite)
}

/// The array for the skeleton: its grid, and where its chunks go.
pub(crate) fn skeleton_array(plan: &Plan, folder: &OutputFolder) -> Result<(Grid, Store)> {
    let shape = plan.source.description().shape;
    let form = ArrayForm {
        shape,
        dimensions: plan.dimensions(),
        dtype: Dtype::U8,
        chunk: skeleton_chunk_shape(shape, plan.dimensions()),
        compression: Compression::Zstd,
        spacing: Some(plan.spacing),
        unit: plan.unit.clone(),
    };
    let writer = ArrayWriter::create(folder.path("skeleton.zarr"), form)?;
    let grid = writer.grid();
    let store = move |id: ChunkId, voxels: &[Voxel]| {
        let region = grid.region(id);
        let mut values = ndarray::Array3::zeros(region.shape());
        for voxel in voxels {
            let p = voxel.position();
            values[std::array::from_fn(|a| (p[a] - region.min[a]) as usize)] = 1u8;
        }
        writer.write_chunk(id, &Voxels::U8(values)).map(|_| ())
    };
    Ok((grid, Arc::new(store)))
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
}

/// How it ran: everything that results do not depend on.
#[derive(Debug, Serialize)]
struct Log<'a> {
    program: &'static str,
    version: &'static str,
    arguments: Vec<String>,
    input: &'a str,
    chunk: &'a [usize],
    chunks: usize,
    chunks_in_flight: usize,
    workers: usize,
    seconds_until_branches: f64,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    chunks_with_foreground: usize,
    sub_iterations: usize,
    rounds: u64,
    deleted_voxels: u64,
    messages_between_workers: u64,
}

/// Writes everything but the skeleton array, puts all in place, and prints the summary.
pub(crate) fn write(
    plan: &Plan,
    threshold: Threshold,
    mut reports: Vec<Report>,
    folder: OutputFolder,
    started: Instant,
    quiet: bool,
) -> Result<()> {
    let analysed = started.elapsed();
    let rest = reports.split_off(1);
    let Some(mut report) = reports.pop() else { return Err(Error::internal("a run has at least one worker")) };
    for other in rest {
        report.merge(other);
    }
    let frame = plan.frame();
    let branches = || report.branches.iter().flat_map(|list| list.iter());
    let ranks = Ranks::new(report.skeletons.iter().map(|(id, skeleton)| (*id, &skeleton.voxels[..])), &plan.grid);
    let isolated: Vec<Voxel> = report.isolated.iter().flat_map(|voxels| voxels.iter().copied()).collect();
    let table = Table::new(branches(), &isolated, &ranks);

    let csv = File::create(folder.path("branches.csv")).map_err(|error| folder.write_error("branches.csv", &error))?;
    write_csv(table.rows(frame), &frame, BufWriter::new(csv))
        .map_err(|error| folder.write_error("branches.csv", &error))?;

    let statistics = report.statistics.unwrap_or_else(|| Statistics::default().snapshot());
    let lengths: Vec<f64> = branches().map(|branch| branch.length()).collect();
    let totals = Totals {
        skeletons: table.skeletons(),
        skeleton_voxels: table.voxels(),
        foreground_voxels: report.foreground,
        voxels: plan.grid.bounds().volume() as u64,
    };
    let summary = Summary::new(parameters(plan, threshold), &totals, &statistics);
    folder.write("summary.json", summary.to_json()?)?;

    if let Some(projections) = &report.projections {
        let voxels = branches()
            .flat_map(|branch| branch.voxels().map(|voxel| (voxel, VoxelKind::of_branch_type(branch.kind() as u8))));
        let alone = isolated.iter().map(|&voxel| (voxel, VoxelKind::Isolated));
        folder.write("overview.png", overview(projections, voxels.chain(alone))?)?;
    }
    folder.write("run.json", log(plan, &report, analysed, started)?)?;
    folder.commit()?;

    if report.many_values && plan.threshold == Choice::Nonzero {
        print_warning(
            "the image has many values and every one but zero is taken for foreground: touching labels merge, and a raw \
             image needs --threshold",
            quiet,
        );
    }
    let results = Results {
        kinds: statistics.kinds,
        lengths: &lengths,
        total_length: statistics.total_length,
        unit: plan.unit.as_deref(),
        skeletons: totals.skeletons,
        skeleton_voxels: totals.skeleton_voxels,
        foreground_voxels: totals.foreground_voxels,
        voxels: totals.voxels,
        elapsed: started.elapsed(),
    };
    print_summary(&results, quiet);
    Ok(())
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
    }
}

fn log(plan: &Plan, report: &Report, analysed: Duration, started: Instant) -> Result<String> {
    let log = Log {
        program: "anabranch",
        version: env!("CARGO_PKG_VERSION"),
        arguments: std::env::args().skip(1).collect(),
        input: &plan.source.description().name,
        chunk: &plan.grid.chunk_shape(),
        chunks: plan.grid.chunks().count(),
        chunks_in_flight: plan.window,
        workers: plan.workers,
        seconds_until_branches: analysed.as_secs_f64(),
        seconds: started.elapsed().as_secs_f64(),
        peak_memory_bytes: peak_memory(),
        chunks_with_foreground: report.thinning.chunks,
        sub_iterations: report.thinning.sub_iterations,
        rounds: report.thinning.rounds,
        deleted_voxels: report.thinning.deleted,
        messages_between_workers: report.thinning.messages,
    };
    let text = serde_json::to_string_pretty(&log)
        .map_err(|error| Error::internal("run.json cannot be written as JSON").because(error))?;
    Ok(text + "\n")
}

impl Report {
    /// Adds what another worker found.
    fn merge(&mut self, other: Report) {
        self.foreground += other.foreground;
        self.many_values |= other.many_values;
        self.thinning.add(&other.thinning);
        self.branches.extend(other.branches);
        self.isolated.extend(other.isolated);
        self.skeletons.extend(other.skeletons);
        self.statistics = self.statistics.or(other.statistics);
        match (&mut self.projections, other.projections) {
            (Some(projections), Some(others)) => Projections::merge(projections, &others),
            (mine @ None, others) => *mine = others,
            (Some(_), None) => {}
        }
    }
}
