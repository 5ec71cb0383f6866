//! `anabranch run`: a volume in, its skeleton and branch table out.

use std::sync::Arc;
use std::time::Instant;

use anabranch::error::{Error, Result};
use anabranch::grid::Grid;
use anabranch::kernel::threshold::Threshold;
use anabranch::memory::no_threads;
use anabranch::operators::failure::Failure;
use anabranch::operators::window::Window;
use anabranch::progress::ProgressState;
use anabranch::table::arrival::Arrival;

use crate::analysis::{Report, Store, analyse};
use crate::apart;
use crate::arguments::RunOptions;
use crate::changes::Changes;
use crate::epochs;
use crate::outputs::{self, Counts, Destination, Results};
use crate::plan::Plan;
use crate::processes::{Seat, Team};
use crate::terminal::Progress;
use crate::threshold::threshold;

/// Runs the analysis and writes its outputs.
pub(crate) fn run(options: &RunOptions) -> Result<()> {
    if let Some(state) = &options.state {
        return epochs::run(options, state);
    }
    let started = Instant::now();
    let seat = Seat::of(options)?;
    let plan = apart::of_run(options).and_then(|()| Plan::new(options, &seat));
    let plan = plan.map_err(|error| seat.call_off(options, error))?;
    carry_out(options, &seat, &Arc::new(plan), started)
}

/// Runs a plan in this process, and in those that it is to share the work with.
pub(crate) fn carry_out(options: &RunOptions, seat: &Seat, plan: &Arc<Plan>, started: Instant) -> Result<()> {
    let Some(mut team) = Team::gather(seat, plan, options)? else { return lead(options, plan, started, None) };
    let result = match team.is_first() {
        true => lead(options, plan, started, Some(&mut team)),
        false => follow(options, plan, &mut team),
    };
    team.end(&result);
    result
}

/// The part of a process that is alone or the first of several: the one that writes the outputs.
fn lead(options: &RunOptions, plan: &Arc<Plan>, started: Instant, mut team: Option<&mut Team>) -> Result<()> {
    let changes = options.changes.as_deref();
    let mut changes = changes.map(|file| Changes::open(file, plan.columns())).transpose()?;
    let folder = outputs::folder(&options.out, options.overwrite, |_| false)?;
    let arrival = plan.arrival()?;
    let array = outputs::skeleton_array(plan, &folder)?;
    plan.print_headline(options.quiet);
    if let Some(team) = &team {
        team.say_ready(folder.run());
    }
    let state = Arc::new(ProgressState::new());
    let progress = Progress::show(&state, options.quiet);
    let (threshold, report, sent) = execute(plan, array, &state, team.as_deref_mut())?;
    drop(progress);
    let mut results = results(plan, threshold, &report, arrival.as_ref());
    if let Some(team) = &team {
        results.counts.bytes_between_processes = sent + team.wait_for_others()?;
    }
    let destination = Destination { folder, changes: changes.as_mut() };
    outputs::write(plan, &results, destination, &mut Vec::new(), started, options.quiet)?;
    if let Some(team) = &team {
        team.say_goodbye(sent);
    }
    Ok(())
}

/// The part of any other process: to analyse its own chunks. It ends when the first has written the outputs.
fn follow(options: &RunOptions, plan: &Arc<Plan>, team: &mut Team) -> Result<()> {
    let run = team.wait_until_ready()?;
    let array = outputs::shared_skeleton_array(plan, &options.out, &run)?;
    let (_, _, sent) = execute(plan, array, &Arc::new(ProgressState::new()), Some(team))?;
    team.say_goodbye(sent);
    team.wait_for_others().map(|_| ())
}

/// What the workers have found together.
fn results<'a>(plan: &Plan, threshold: Threshold, report: &'a Report, arrival: Option<&'a Arrival>) -> Results<'a> {
    let found = &report.found;
    let thinning = &found.thinning;
    Results {
        threshold,
        branches: report.branches.iter().map(|list| &**list).collect(),
        isolated: report.isolated.iter().flat_map(|voxels| voxels.iter().copied()).collect(),
        skeletons: report.skeletons.iter().map(|(id, skeleton)| (*id, &skeleton.voxels)).collect(),
        statistics: report.statistics.clone().unwrap_or_default(),
        foreground: found.foreground,
        projections: found.projections.as_ref(),
        arrival,
        counts: Counts {
            by_planes: plan.thins_in_planes(),
            chunks_read: plan.chunks_read(),
            chunks_reused: 0,
            chunks_activated: thinning.chunks as u64,
            chunks_with_foreground: thinning.chunks as u64,
            sub_iterations: thinning.sub_iterations as u64,
            rounds: thinning.rounds,
            deleted_voxels: thinning.deleted,
            messages_between_workers: thinning.messages,
            bytes_between_processes: 0,
            rows_changed: None,
            epoch: None,
        },
    }
}

/// The threshold that was used, what all workers found where this is the process that they told, and the bytes that this
/// process has sent to others.
fn execute(
    plan: &Arc<Plan>,
    array: (Grid, Store),
    state: &Arc<ProgressState>,
    team: Option<&mut Team>,
) -> Result<(Threshold, Report, u64)> {
    let failure = Failure::default();
    let window = || Window::new(plan.window);
    let (passes, window) = ([window(), window()], window());
    let (shared, state) = (failure.clone(), Arc::clone(state));
    let workers = plan.workers;
    let plan = Arc::clone(plan);
    let logic = move |worker: &mut timely::worker::Worker| {
        let threshold = threshold(worker, &plan, &passes, &shared, &state)?;
        let report = analyse(worker, &plan, threshold, window.clone(), array.clone(), &shared, &state)?;
        Ok((threshold, report))
    };
    let (results, sent) = match team {
        Some(team) => team.execute(workers, &failure, logic)?,
        None => {
            let guards = timely::execute(timely::Config::process(workers), logic).map_err(no_threads)?;
            (guards.join().into_iter().collect(), 0)
        }
    };
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let stopped = |reason| Error::internal("a worker has stopped").because(reason);
    let found: Result<Vec<_>> = results.into_iter().map(|result| result.map_err(stopped).and_then(|it| it)).collect();
    // The first worker has what all found.
    let first = found?.into_iter().next();
    let (threshold, report) = first.ok_or_else(|| Error::internal("a run has at least one worker"))?;
    Ok((threshold, report, sent))
}
