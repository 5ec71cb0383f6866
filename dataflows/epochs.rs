//! Analyses whose results follow an image that changes: `run --state`, and `watch`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anabranch::analysis::{self, Analysis, Changes, Destination, OutputPlan, Verdict, Written};
use anabranch::error::Result;
use anabranch::progress::{ProgressState, Stage};
use anabranch::session::Epoch;
use anabranch::store::output::OutputFolder;

use crate::analysis::{circumstances, open, picture, print_standing, print_summary, put_in_place, unit};
use crate::arguments::RunOptions;
use crate::export::each_once;
use crate::freed;
use crate::interrupt::{self, Interrupt};
use crate::processes::{ProcessTeam, Seat};
use crate::status;
use crate::terminal::epoch::print_epoch;
use crate::terminal::{Progress, print_note, print_warning};

/// How many notes are printed one by one.
const NOTES: usize = 10;

/// An analysis that goes on, and what the terminal shows of it.
pub(crate) struct ShownEpochs {
    pub(crate) of: analysis::Epochs,
    changes: Option<Changes>,
    options: RunOptions,
    /// What the analysis is busy with.
    progress: Arc<ProgressState>,
    shown: Shown,
    /// The warnings of the last epoch.
    said: Vec<String>,
}

/// What is shown of the results of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The summary.
    Summary,
    /// One line about what came and what changed.
    Line,
}

/// Runs the analysis, with what its state knows already, and writes its outputs. If they would be those that are there,
/// it leaves them.
pub(crate) fn run(options: &RunOptions, state: &Path) -> Result<()> {
    let started = Instant::now();
    let stands = |analysis: &Analysis| Ok(!options.verify && stands(analysis, options, state, started)?);
    conduct(options, state, None, stands, |analysis, team| {
        let progress = Arc::default();
        let mut epochs = ShownEpochs::start(analysis, (options, state), Shown::Summary, team, &progress)?;
        epochs.of.session.look(options.verify)?;
        epochs.close(started)?;
        Ok(epochs)
    })
}

/// Runs an analysis that goes on, in as many processes as the options ask for. The first process, or the only one,
/// calls `lead`, which returns the analysis when it is over. A request to end that reaches any process reaches `lead`
/// through `interrupt`. Does nothing if `is_over` says so, which is not asked where other processes wait to be connected.
pub(crate) fn conduct(
    options: &RunOptions,
    state: &Path,
    interrupt: Option<&Interrupt>,
    is_over: impl FnOnce(&Analysis) -> Result<bool>,
    lead: impl FnOnce(Analysis, Option<&mut ProcessTeam>) -> Result<ShownEpochs>,
) -> Result<()> {
    let seat = Seat::of(options)?;
    let analysis = open(options, &seat).map_err(|error| seat.call_off(options, error))?;
    if matches!(seat, Seat::Alone | Seat::Parent(_)) && is_over(&analysis)? {
        return Ok(());
    }
    let Some(mut team) = ProcessTeam::gather(&seat, &analysis, options)? else {
        // The process ends, and with it what the analysis holds: to free that piece by piece takes longer.
        std::mem::forget(lead(analysis, None)?);
        return Ok(());
    };
    if let Some(interrupt) = interrupt {
        team.pass_on(&interrupt.stop);
    }
    let result = match team.is_first() {
        true => lead(analysis, Some(&mut team)).and_then(|epochs| epochs.of.session.close()),
        false => team.members.share(analysis.session(state)).and_then(|builder| builder.serve()),
    };
    if result.is_ok() {
        team.members.say_goodbye(0);
    }
    let result = result.and_then(|()| team.members.wait_for_others().map(|_| ()));
    team.end(&result);
    result
}

/// Whether the outputs that are there are those of the image as it is now. If so, says that.
fn stands(analysis: &Analysis, options: &RunOptions, state: &Path, started: Instant) -> Result<bool> {
    let folder = || analysis.outputs_of_state(&options.out, state, options.output.overwrite);
    let folder = interrupt::stage(folder, OutputFolder::remover)?;
    let standing = match analysis.verdict(&folder, state, &plan(options))? {
        Verdict::Stand(standing) => standing,
        Verdict::Unknown(why) => {
            print_warning(&why);
            return Ok(false);
        }
        _ => return Ok(false),
    };
    let epoch = standing.epoch();
    interrupt::finish();
    let summary = standing.renew(analysis, folder, &circumstances(options), started)?;
    status::results(&options.out, Some(epoch));
    print_standing(analysis, &summary, (&options.out, started), options.output.quiet);
    Ok(true)
}

/// What is written of results, and how, as the options ask for it.
fn plan(options: &RunOptions) -> OutputPlan {
    let mut plan = OutputPlan::default();
    (plan.strict, plan.picture) = (options.strict, picture(options));
    (plan.exports, plan.changes) = (each_once(&options.export), options.changes.clone());
    plan
}

impl ShownEpochs {
    /// Opens the state, with which the analysis begins.
    pub(crate) fn start(
        analysis: Analysis,
        (options, state): (&RunOptions, &Path),
        shown: Shown,
        team: Option<&mut ProcessTeam>,
        progress: &Arc<ProgressState>,
    ) -> Result<ShownEpochs> {
        // Refused before anything is written or computed.
        let folder = || analysis.outputs_of_state(&options.out, state, options.output.overwrite);
        let folder = interrupt::stage(folder, OutputFolder::remover)?;
        let changes = options.changes.as_deref();
        let changes = changes.map(|file| analysis.changes(file)).transpose()?;
        let members = team.map(|team| &mut team.members);
        let of = analysis::Epochs::start(analysis, (folder, state), options.output.overwrite, progress, members)?;
        let (options, progress) = (options.clone(), Arc::clone(progress));
        let mut epochs = ShownEpochs { of, changes, options, progress, shown, said: Vec::new() };
        epochs.tell();
        Ok(epochs)
    }

    /// Closes an epoch and puts its outputs in place of those of the one before. Returns what it did and what was written.
    pub(crate) fn close(&mut self, started: Instant) -> Result<(Epoch, Written)> {
        self.progress.restart();
        status::follow(&self.progress);
        let shown = Progress::show(&self.progress, self.options.output.quiet);
        let epoch = self.of.advance()?;
        // A digest is of use to a later run, at a cost that follows from the size of the image, and what is freed now will be
        // needed by the next epoch: not for each of many epochs.
        let is_last = self.shown == Shown::Summary;
        if is_last {
            freed::give_back();
        }
        self.progress.begin(Stage::Writing, 0);
        if let (Some(method), true) = (self.of.analysis.settled.threshold.method(), epoch.remade) {
            let value = self.of.session.threshold().bound().unwrap_or_default();
            let note = format!("the threshold by {method} has moved to {value}: all masks were made again");
            print_note(&note, self.options.output.quiet);
        }
        let folder = interrupt::stage(|| self.of.folder(), OutputFolder::remover)?;
        let plan = plan(&self.options);
        let to = Destination {
            changes: self.changes.as_mut(),
            started,
            strict: plan.strict,
            circumstances: circumstances(&self.options),
            picture: plan.picture,
            exports: plan.exports.clone(),
            ..Destination::new(folder)
        };
        let (results, staged) = self.of.stage(&epoch, to, is_last)?;
        let made = if is_last { self.of.made(&staged, &plan)? } else { None };
        drop(shown);
        let written = put_in_place(&self.of.analysis, staged, &mut self.said)?;
        if is_last && let Err(error) = self.of.settle(made, &plan) {
            print_warning(&format!("{error}; the results are complete, but the next run reads the whole state"));
        }
        let (out, quiet) = (&self.options.out, self.options.output.quiet);
        status::results(out, Some(epoch.number));
        match self.shown {
            Shown::Summary => print_summary(&self.of.analysis, &results, &written, (out, started), quiet),
            Shown::Line => {
                let unit = unit(&self.of.analysis);
                print_epoch(&epoch, &written.summary, (&unit, out), started.elapsed(), quiet);
            }
        }
        self.tell();
        Ok((epoch, written))
    }

    /// Prints the notes about the state.
    fn tell(&mut self) {
        let notes = self.of.take_notes();
        notes.iter().take(NOTES).for_each(|note| print_warning(note));
        if notes.len() > NOTES {
            print_warning(&format!("and {} more such records", notes.len() - NOTES));
        }
    }
}
