//! Analyses whose results follow an image that changes: `run --state`, and `watch`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anabranch::error::{Error, Result};
use anabranch::kernel::threshold::Threshold;
use anabranch::operators::read::Selection;
use anabranch::progress::ProgressState;
use anabranch::session::{Epoch, Session, SessionBuilder};
use anabranch::store::output::{OutputFolder, SkeletonManifest, write_skeleton};
use anabranch::store::{Source, open};
use serde::{Deserialize, Serialize};

use crate::apart::{self, resolved};
use crate::arguments::RunOptions;
use crate::changes::Changes;
use crate::interrupt::Interrupt;
use crate::opening::open_options;
use crate::outputs::{self, Counts, Destination, Results};
use crate::plan::{Choice, Plan};
use crate::processes::{Seat, Team};
use crate::terminal::{Progress, print_note, print_warning};

/// The file in a state's folder that says which outputs are those of the state.
const OUTPUTS_OF_STATE: &str = "outputs.json";

/// Warnings about records that are printed one by one.
const WARNINGS: usize = 10;

/// An analysis that goes on.
pub(crate) struct Epochs {
    pub(crate) plan: Plan,
    pub(crate) session: Session,
    changes: Option<Changes>,
    out: PathBuf,
    state: PathBuf,
    overwrite: bool,
    quiet: bool,
    progress: Arc<ProgressState>,
    /// The warnings of the last epoch.
    said: Vec<String>,
}

/// What a state knows of the outputs that were made of it.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// The folder that they are in.
    folder: PathBuf,
    skeleton: SkeletonManifest,
}

/// Runs the analysis with what its state knows, and writes its outputs.
pub(crate) fn run(options: &RunOptions, state: &Path) -> Result<()> {
    let started = Instant::now();
    conduct(options, state, None, |plan, team| {
        let mut epochs = Epochs::start(plan, options, state, team)?;
        epochs.session.look(options.verify)?;
        epochs.close(started)?;
        Ok(epochs)
    })
}

/// Runs an analysis that goes on, in as many processes as the options ask for: `lead` is what the first of them does, or
/// the only one. It gives the analysis once that has come to its end. A request to end that any of them gets reaches `lead`
/// through `interrupt`.
pub(crate) fn conduct(
    options: &RunOptions,
    state: &Path,
    interrupt: Option<&Interrupt>,
    lead: impl FnOnce(Plan, Option<&mut Team>) -> Result<Epochs>,
) -> Result<()> {
    let seat = Seat::of(options)?;
    let plan = apart::of_run(options).and_then(|()| Plan::new(options, &seat));
    let plan = plan.map_err(|error| seat.call_off(options, error))?;
    let Some(mut team) = Team::gather(&seat, &plan, options)? else { return lead(plan, None)?.session.close() };
    if let Some(interrupt) = interrupt {
        team.pass_on(interrupt);
    }
    let result = match team.is_first() {
        true => lead(plan, Some(&mut team)).and_then(|epochs| epochs.session.close()),
        false => builder(&plan, options, state).and_then(|builder| team.share(builder)?.serve()),
    };
    if result.is_ok() {
        team.say_goodbye(0);
    }
    let result = result.and_then(|()| team.wait_for_others().map(|_| ()));
    team.end(&result);
    result
}

impl Epochs {
    /// Opens the state, with which the analysis begins.
    pub(crate) fn start(plan: Plan, options: &RunOptions, state: &Path, team: Option<&mut Team>) -> Result<Epochs> {
        let (out, state) = (options.out.clone(), state.to_owned());
        // Refused before anything is written or computed.
        drop(folder(&plan, &out, &state, options.overwrite)?);
        let changes = options.changes.as_deref();
        let changes = changes.map(|file| Changes::open(file, plan.columns())).transpose()?;
        let progress = Arc::new(ProgressState::new());
        let builder = builder(&plan, options, &state)?.progress(Arc::clone(&progress));
        let session = match team {
            Some(team) => team.share(builder)?.build()?,
            None => builder.build()?,
        };
        let (overwrite, quiet) = (options.overwrite, options.quiet);
        let epochs = Epochs { plan, session, changes, out, state, overwrite, quiet, progress, said: Vec::new() };
        epochs.plan.print_headline(epochs.quiet);
        epochs.warn()?;
        Ok(epochs)
    }

    /// Closes an epoch and puts its outputs in place of those of the one before.
    pub(crate) fn close(&mut self, started: Instant) -> Result<Epoch> {
        let shown = Progress::show(&self.progress, self.quiet);
        let arrival = self.plan.arrival()?;
        let epoch = self.session.advance()?;
        drop(shown);
        if self.plan.threshold == Choice::Otsu && epoch.remade {
            let value = self.session.threshold()?;
            print_note(&format!("Otsu's threshold has moved ({value:?}): all masks were made again"), self.quiet);
        }
        let written = self.written();
        let folder = folder(&self.plan, &self.out, &self.state, self.overwrite)?;
        let overview = self.session.overview()?;
        let threshold = self.session.threshold()?;
        let chunks = Selection::All.count(&self.plan.grid);
        let (plan, changes, quiet) = (&self.plan, self.changes.as_mut(), self.quiet);
        let (state, out, said) = (&self.state, &self.out, &mut self.said);
        self.session.results(|found| -> Result<()> {
            let voxels = || found.skeletons().flat_map(|(_, skeleton)| &skeleton.voxels);
            let earlier = written.as_ref();
            let now = write_skeleton(&folder, outputs::skeleton_form(plan), voxels(), earlier, plan.workers)?;
            // Before they are in place: a run that is killed knows the outputs as its own.
            remember(state, out, now.manifest)?;
            let branches = found.branch_list();
            let results = Results {
                threshold,
                branches: vec![&branches],
                isolated: found.isolated().collect(),
                skeletons: found.skeletons().map(|(id, skeleton)| (id, &skeleton.voxels)).collect(),
                statistics: found.statistics().clone(),
                foreground: found.foreground(),
                projections: overview.as_ref(),
                arrival: arrival.as_ref(),
                counts: counts(&epoch, chunks),
            };
            outputs::write(plan, &results, Destination { folder, changes }, said, started, quiet)
        })??;
        Ok(epoch)
    }

    /// Prints what there is to say about the state.
    fn warn(&self) -> Result<()> {
        let warnings = self.session.warnings()?;
        for warning in warnings.iter().take(WARNINGS) {
            print_warning(warning);
        }
        if warnings.len() > WARNINGS {
            print_warning(&format!("and {} more such records", warnings.len() - WARNINGS));
        }
        Ok(())
    }

    /// What is known of the skeleton's array in place, where the outputs there are the state's own. A file that is damaged
    /// is as good as none.
    fn written(&self) -> Option<SkeletonManifest> {
        let written = written(&self.state).unwrap_or_else(|text| {
            print_warning(&text);
            None
        })?;
        (written.folder == resolved(&self.out)).then_some(written.skeleton)
    }

    /// The image, opened again, perhaps with other bounds.
    pub(crate) fn follow(&mut self, source: Arc<dyn Source>) -> Result<()> {
        self.session.follow(Arc::clone(&source))?;
        self.plan.warnings = source.warnings();
        self.plan.source = source;
        self.plan.grid = self.session.grid()?;
        Ok(())
    }
}

/// Notes which outputs are those of a state.
fn remember(state: &Path, out: &Path, skeleton: SkeletonManifest) -> Result<()> {
    let written = Written { folder: resolved(out), skeleton };
    let bytes = serde_json::to_vec(&written)
        .map_err(|error| Error::internal("a list of outputs cannot be written as JSON").because(error))?;
    anabranch::store::replace(&state.join(OUTPUTS_OF_STATE), &bytes)
}

/// The outputs that were made of a state, as far as it knows.
///
/// # Errors
/// What to say of a file that is damaged.
fn written(state: &Path) -> std::result::Result<Option<Written>, String> {
    let path = state.join(OUTPUTS_OF_STATE);
    let read = || {
        // Neither a link nor a FIFO, which nobody may ever write into.
        let is_file = std::fs::symlink_metadata(&path)?.is_file();
        if is_file { std::fs::read(&path) } else { Err(std::io::Error::other("it is no file")) }
    };
    let text = match read() {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}; the whole skeleton is written again", path.display())),
    };
    let damaged = |error| format!("{}: is damaged ({error}); the whole skeleton is written again", path.display());
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

/// The folder for the outputs. Those of the same image that were made of the same state are replaced, others only when
/// asked for.
fn folder(plan: &Plan, out: &Path, state: &Path, overwrite: bool) -> Result<OutputFolder> {
    outputs::folder(out, overwrite, |earlier| {
        let of_state = match written(state) {
            // The state may have been moved since; the outputs may be those of a run without one.
            Ok(Some(written)) => written.folder == resolved(out) && earlier.state != Some(None),
            Ok(None) | Err(_) => earlier.state.as_ref() == Some(&plan.state),
        };
        let image = serde_json::to_value(&plan.image).ok();
        of_state && earlier.image.as_ref().is_none_or(|earlier| Some(earlier) == image.as_ref())
    })
}

fn builder(plan: &Plan, options: &RunOptions, state: &Path) -> Result<SessionBuilder> {
    let part = |name: &str, value: Option<String>| value.map_or_else(String::new, |value| format!(" {name} {value}"));
    let selection = [
        part("channel", options.image.channel.map(|c| c.to_string())),
        part("time", options.image.time.map(|t| t.to_string())),
        part("region", options.image.region.clone()),
        part("axes", options.image.axes.clone()),
    ];
    let (input, places) = (options.image.input.clone(), open_options(&options.image)?);
    let builder = SessionBuilder::of_source(Arc::clone(&plan.source))
        .chunk(plan.grid.chunk_shape())
        .spacing(plan.spacing)
        .method(plan.thinning())
        .workers(plan.workers)
        .memory(plan.memory)
        .reopen(move || Ok(Arc::from(open(&input, &places)?)))
        .state(state, format!("the image{}", selection.concat()));
    let builder = match plan.threshold {
        Choice::Nonzero => builder,
        Choice::Above(value) => builder.threshold(Threshold::Above(value)),
        Choice::Otsu => builder.otsu(),
    };
    Ok(match plan.sigma {
        Some(sigma) => builder.smoothing(sigma),
        None => builder,
    })
}

fn counts(epoch: &Epoch, chunks: usize) -> Counts {
    Counts {
        by_planes: epoch.thinning.by_planes,
        chunks_read: epoch.read as u64,
        chunks_reused: chunks.saturating_sub(epoch.changed) as u64,
        chunks_activated: epoch.thinning.thinned as u64,
        chunks_with_foreground: epoch.thinning.chunks as u64,
        sub_iterations: epoch.thinning.sub_iterations as u64,
        rounds: epoch.thinning.rounds,
        deleted_voxels: epoch.thinning.deleted,
        messages_between_workers: epoch.thinning.messages,
        bytes_between_processes: epoch.bytes_between_processes,
        rows_changed: Some(epoch.changes.iter().map(|(_, diff)| diff.unsigned_abs() as u64).sum()),
        epoch: Some(epoch.number),
    }
}
