//! `anabranch run`: a volume in, its skeleton and branch table out.

use std::sync::Arc;
use std::time::Instant;

use anabranch::error::{Error, Result};
use anabranch::grid::Grid;
use anabranch::kernel::threshold::Threshold;
use anabranch::operators::failure::Failure;
use anabranch::operators::window::Window;
use anabranch::progress::ProgressState;
use anabranch::table::arrival::Arrival;
use anabranch::table::statistics::Statistics;

use crate::analysis::{Report, Store, analyse};
use crate::arguments::RunOptions;
use crate::changes::Changes;
use crate::epochs;
use crate::outputs::{self, Counts, Destination, Results};
use crate::plan::Plan;
use crate::terminal::Progress;
use crate::threshold::threshold;

/// Runs the analysis and writes its outputs.
pub(crate) fn run(options: &RunOptions) -> Result<()> {
    if let Some(state) = &options.state {
        return epochs::run(options, state);
    }
    let started = Instant::now();
    let plan = Arc::new(Plan::new(options)?);
    let changes = options.changes.as_deref();
    let mut changes = changes.map(|file| Changes::open(file, &options.out, plan.columns())).transpose()?;
    let folder = outputs::folder(&options.out, options.overwrite)?;
    let arrival = plan.arrival()?;
    let array = outputs::skeleton_array(&plan, &folder)?;
    let state = Arc::new(ProgressState::new());
    let progress = Progress::show(&state, options.quiet);
    let (threshold, report) = execute(&plan, array, &state)?;
    drop(progress);
    let destination = Destination { folder, changes: changes.as_mut() };
    outputs::write(&plan, &results(&plan, threshold, &report, arrival.as_ref()), destination, started, options.quiet)
}

/// What the workers have found together.
fn results<'a>(plan: &Plan, threshold: Threshold, report: &'a Report, arrival: Option<&'a Arrival>) -> Results<'a> {
    let thinning = &report.thinning;
    Results {
        threshold,
        branches: report.branches.iter().flat_map(|list| list.iter()).collect(),
        isolated: report.isolated.iter().flat_map(|voxels| voxels.iter().copied()).collect(),
        skeletons: report.skeletons.iter().map(|(id, skeleton)| (*id, &skeleton.voxels[..])).collect(),
        statistics: report.statistics.unwrap_or_else(|| Statistics::default().snapshot()),
        foreground: report.foreground,
        many_values: report.many_values,
        projections: report.projections.as_ref(),
        arrival,
        counts: Counts {
            chunks_read: plan.grid.chunks().count() as u64,
            chunks_reused: 0,
            chunks_activated: thinning.chunks as u64,
            chunks_with_foreground: thinning.chunks as u64,
            sub_iterations: thinning.sub_iterations as u64,
            rounds: thinning.rounds,
            deleted_voxels: thinning.deleted,
            messages_between_workers: thinning.messages,
            rows_changed: None,
            epoch: None,
        },
    }
}

/// The threshold that was used, and what all workers found.
fn execute(plan: &Arc<Plan>, array: (Grid, Store), state: &Arc<ProgressState>) -> Result<(Threshold, Report)> {
    let failure = Failure::default();
    let window = || Window::new(plan.window);
    let (passes, window) = ([window(), window()], window());
    let (plan, shared, state) = (Arc::clone(plan), failure.clone(), Arc::clone(state));
    let config = timely::Config::process(plan.workers);
    let guards = timely::execute(config, move |worker| {
        let threshold = threshold(worker, &plan, &passes, &shared, &state)?;
        let report = analyse(worker, &plan, threshold, window.clone(), array.clone(), &shared, &state)?;
        Ok((threshold, report))
    })
    .map_err(|reason| Error::internal("the workers could not be started").because(reason))?;
    let joined: Vec<_> = guards.join().into_iter().collect();
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let mut used = Threshold::default();
    let mut whole: Option<Report> = None;
    for result in joined {
        let (threshold, report) =
            result.map_err(|reason| Error::internal("a worker has stopped").because(reason)).and_then(|found| found)?;
        used = threshold;
        match &mut whole {
            Some(whole) => whole.merge(report),
            None => whole = Some(report),
        }
    }
    let whole = whole.ok_or_else(|| Error::internal("a run has at least one worker"))?;
    Ok((used, whole))
}
