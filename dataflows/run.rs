//! `anabranch run`: a volume in, its skeleton and branch table out.

use std::sync::Arc;
use std::time::Instant;

use anabranch::error::{Error, Result};
use anabranch::grid::Grid;
use anabranch::kernel::threshold::Threshold;
use anabranch::operators::failure::Failure;
use anabranch::operators::window::Window;
use anabranch::progress::ProgressState;

use crate::analysis::{Report, Store, analyse};
use crate::arguments::RunOptions;
use crate::changes::Changes;
use crate::outputs::{self, Destination};
use crate::plan::Plan;
use crate::terminal::Progress;
use crate::threshold::threshold;

/// Runs the analysis and writes its outputs.
pub(crate) fn run(options: &RunOptions) -> Result<()> {
    let started = Instant::now();
    let plan = Arc::new(Plan::new(options)?);
    let changes = options.changes.as_deref();
    let mut changes = changes.map(|file| Changes::open(file, &options.out, plan.columns())).transpose()?;
    let folder = outputs::folder(&options.out, options.overwrite)?;
    let arrival = plan.arrival()?;
    let array = outputs::skeleton_array(&plan, &folder)?;
    let state = Arc::new(ProgressState::new());
    let progress = Progress::show(&state, options.quiet);
    let (threshold, reports) = execute(&plan, array, &state)?;
    drop(progress);
    let destination = Destination { folder, changes: changes.as_mut() };
    outputs::write(&plan, threshold, reports, arrival.as_ref(), destination, started, options.quiet)
}

/// The threshold that was used, and what every worker found.
fn execute(plan: &Arc<Plan>, array: (Grid, Store), state: &Arc<ProgressState>) -> Result<(Threshold, Vec<Report>)> {
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
    let mut reports = Vec::new();
    for result in joined {
        let (threshold, report) =
            result.map_err(|reason| Error::internal("a worker has stopped").because(reason)).and_then(|found| found)?;
        used = threshold;
        reports.push(report);
    }
    Ok((used, reports))
}
