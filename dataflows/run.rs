//! `anabranch run`: a volume in, its skeleton and branch table out.

use std::sync::Arc;
use std::time::Instant;

use anabranch::error::{Error, Result};
use anabranch::grid::Grid;
use anabranch::operators::failure::Failure;
use anabranch::operators::window::Window;

use crate::analysis::{Report, Store, analyse};
use crate::arguments::RunOptions;
use crate::plan::Plan;
use crate::threshold::threshold;

/// Runs the analysis and writes its outputs.
pub fn run(options: &RunOptions) -> Result<()> {
    let started = Instant::now();
    let plan = Arc::new(Plan::new(options)?);
    let array = crate::outputs::skeleton_array(&plan, &options.out)?;
    let reports = execute(&plan, array)?;
    eprintln!("{:?} {:?}", started.elapsed(), reports.iter().map(|r| (r.foreground, r.thinning)).collect::<Vec<_>>());
    crate::outputs::write(&plan, &options.out, &reports)?;
    eprintln!("{:?}", started.elapsed());
    Ok(())
}

/// What every worker found.
fn execute(plan: &Arc<Plan>, array: (Grid, Store)) -> Result<Vec<Report>> {
    let failure = Failure::default();
    let window = || Window::new(plan.window);
    let (passes, window) = ([window(), window()], window());
    let (plan, shared) = (Arc::clone(plan), failure.clone());
    let config = timely::Config::process(plan.workers);
    let guards = timely::execute(config, move |worker| {
        let threshold = threshold(worker, &plan, &passes, &shared)?;
        analyse(worker, &plan, threshold, window.clone(), array.clone(), &shared)
    })
    .map_err(|reason| Error::internal("the workers could not be started").because(reason))?;
    let joined = guards.join();
    if let Some(error) = failure.take() {
        return Err(error);
    }
    joined
        .into_iter()
        .map(|report| report.map_err(|reason| Error::internal("a worker has stopped").because(reason))?)
        .collect()
}
