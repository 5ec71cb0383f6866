//! `anabranch run`: a volume in, its skeleton and branch table out.

use std::sync::Arc;
use std::time::Instant;

use anabranch::analysis::{Analysis, Destination, Running, open_folder};
use anabranch::checkpoint::Checkpoint;
use anabranch::error::Result;
use anabranch::progress::{ProgressState, Stage};
use anabranch::store::output::{EarlierRun, OutputFolder};

use crate::analysis::{self, circumstances, path_in_record, picture, print_summary, put_in_place};
use crate::arguments::RunOptions;
use crate::epochs;
use crate::export::each_once;
use crate::freed;
use crate::interrupt;
use crate::processes::{ProcessTeam, Seat};
use crate::status;
use crate::terminal::{Progress, print_note, print_warning};

/// Runs the analysis and writes its outputs.
pub(crate) fn run(options: &RunOptions) -> Result<()> {
    if let Some(state) = &options.state {
        return epochs::run(options, state);
    }
    let started = Instant::now();
    let seat = Seat::of(options)?;
    let analysis = analysis::open(options, &seat).map_err(|error| seat.call_off(options, error))?;
    carry_out(options, &seat, &analysis, started)
}

/// Runs an analysis in this process, together with the others of the run.
pub(crate) fn carry_out(options: &RunOptions, seat: &Seat, analysis: &Analysis, started: Instant) -> Result<()> {
    let Some(mut team) = ProcessTeam::gather(seat, analysis, options)? else {
        return lead(options, analysis, started, None);
    };
    let result = match team.is_first() {
        true => lead(options, analysis, started, Some(&mut team)),
        false => follow(options, analysis, &mut team),
    };
    team.end(&result);
    result
}

/// The part of the only process, or of the first one: it writes the outputs.
fn lead(options: &RunOptions, analysis: &Analysis, started: Instant, mut team: Option<&mut ProcessTeam>) -> Result<()> {
    let changes = options.changes.as_deref();
    let mut changes = changes.map(|file| analysis.changes(file)).transpose()?;
    let checkpoint = options.checkpoint.as_deref().map(|path| analysis.checkpoint(path)).transpose()?;
    if let Some(kept) = checkpoint.as_ref().filter(|kept| !kept.is_new()) {
        print_note(&goes_on(kept, analysis), options.output.quiet);
    }
    // A run that was killed before it had removed its checkpoint goes on, and puts its outputs in place again.
    let known = checkpoint.as_ref().filter(|kept| kept.existed()).map(|kept| path_in_record(kept.path()));
    let own = |earlier: &EarlierRun| known.is_some() && earlier.checkpoint == known;
    let open = || open_folder(&options.out, options.output.overwrite, own);
    let folder = interrupt::stage(open, OutputFolder::remover).inspect_err(|_| {
        // Nothing has been kept in a checkpoint that has just begun.
        if let Some(kept) = checkpoint.as_ref().filter(|kept| !kept.existed()) {
            let _ = kept.clone().remove();
        }
    })?;
    let progress = Arc::new(ProgressState::new());
    status::follow(&progress);
    let shown = Progress::show(&progress, options.output.quiet);
    let members = team.as_deref_mut().map(|team| &mut team.members);
    let mut running = Running::default();
    (running.progress, running.team, running.checkpoint) = (Arc::clone(&progress), members, checkpoint.clone());
    let mut results = analysis.run_into(Some(&folder), running)?;
    freed::give_back();
    progress.begin(Stage::Writing, 0);
    let sent = results.counts.bytes_between_processes;
    if let Some(team) = &team {
        results.counts.bytes_between_processes += team.members.wait_for_others()?;
    }
    let to = Destination {
        changes: changes.as_mut(),
        started,
        strict: options.strict,
        circumstances: circumstances(options),
        picture: picture(options),
        exports: each_once(&options.export),
        ..Destination::new(folder)
    };
    let staged = analysis.stage(&results, to)?;
    drop(shown);
    let written = put_in_place(analysis, staged, &mut Vec::new())?;
    status::results(&options.out, None);
    if let Some(Err(error)) = checkpoint.map(Checkpoint::remove) {
        print_warning(&format!("{error}; the results are complete, and the checkpoint is not needed any more"));
    }
    print_summary(analysis, &results, &written, (&options.out, started), options.output.quiet);
    if let Some(team) = &team {
        team.members.say_goodbye(sent);
    }
    Ok(())
}

/// A note about what an earlier run has done.
fn goes_on(kept: &Checkpoint, analysis: &Analysis) -> String {
    let (read, all) = (kept.count(), analysis.chunks_to_read());
    let thinning = if kept.has_snapshot() { ", and thinning has begun" } else { "" };
    format!(
        "{}: goes on where an earlier run ended: {read} of {all} chunks have been read{thinning}",
        kept.path().display()
    )
}

/// The part of any other process: it analyses its own chunks, and ends when the first has written the outputs.
fn follow(options: &RunOptions, analysis: &Analysis, team: &mut ProcessTeam) -> Result<()> {
    let sent = analysis.follow_into(&options.out, options.checkpoint.as_deref(), &mut team.members)?;
    team.members.say_goodbye(sent);
    team.members.wait_for_others().map(|_| ())
}
