//! `anabranch watch`: the results of a volume that is being written, epoch by epoch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch::analysis::Analysis;
use anabranch::error::{Error, Kind, Result};
use anabranch::follow::{FileMonitor, FollowStep, Follower, PATIENCE, Pace, Wake};
use anabranch::grid::ChunkId;
use anabranch::kernel::mask::smooth::Gaussian;
use anabranch::parameters::ImageForm;
use anabranch::progress::ProgressState;
use anabranch::store::marks::Marks;
use anabranch::store::{Source, is_address, is_table, open};

use crate::analysis::image_options;
use crate::apart;
use crate::arguments::{RunOptions, WatchOptions};
use crate::epochs::{Shown, ShownEpochs, conduct};
use crate::interrupt::Interrupt;
use crate::live::Live;
use crate::parsing::parse_seconds;
use crate::processes::{ProcessTeam, Seat};
use crate::status;
use crate::terminal::{print, print_results, print_warning};

/// The message at the end if no image has come.
const ENDED_EARLY: &str = "Ended; the image has not come\n";

/// Follows the volume until it is interrupted.
pub(crate) fn watch(options: &WatchOptions) -> Result<()> {
    let run = &awaiting(&options.run);
    let read = [Some(&run.image.input), run.foreground.mask.as_ref(), run.atlas.as_ref()];
    if let Some(path) = read.into_iter().flatten().find(|path| is_address(path)) {
        let message = "is on a server, which watch cannot follow; call run with --state when it has changed";
        return Err(Error::usage(message).at(path));
    }
    let Some(state) = &run.state else {
        return Err(Error::usage("watch goes on where it was from a state: give a folder for it with --state"));
    };
    // Before it waits for an image.
    crate::analysis::parameters(run)?.check_for_epochs()?;
    let pace = Pace {
        settle: parse_seconds("--settle", options.settle)?,
        poll: parse_seconds("--poll", options.poll)?,
        ..Pace::default()
    };
    // In processes other than the first too, which end when that one does.
    apart::of_run(run)?;
    let interrupt = Interrupt::followed();
    if !wait_for_image(run, pace, &interrupt)? {
        print(ENDED_EARLY, run.output.quiet);
        return Ok(());
    }
    let progress = Arc::default();
    let mut live = Live::start(options, &progress)?;
    conduct(
        run,
        state,
        Some(&interrupt),
        |_| Ok(false),
        |analysis, team| follow((run, state), analysis, team, pace, &interrupt, (&mut live, &progress)),
    )
}

/// The same options, with tiles that are still to come.
fn awaiting(run: &RunOptions) -> RunOptions {
    let mut run = run.clone();
    run.image.tiles.awaited = true;
    run
}

/// Waits until the image exists and can be opened. Returns whether it has come; if not, the program has been asked to
/// end.
fn wait_for_image(run: &RunOptions, pace: Pace, interrupt: &Interrupt) -> Result<bool> {
    let (input, mut options) = (&run.image.input, image_options(run)?);
    // Waits for the image only: gains may be solved later, and anything else that is missing is an error.
    (options.mosaic.gains, options.mosaic.background, options.mosaic.flat_field) = (None, None, None);
    let mut monitor = None;
    loop {
        let error = match open(input, &options) {
            Ok(_) => return Ok(true),
            Err(error) if may_come(&error, input) => error,
            Err(error) => return Err(error),
        };
        let monitor = monitor.get_or_insert_with(|| {
            print_warning(&format!("{error}; waiting for it, Ctrl-C ends"));
            FileMonitor::new(input, &written(run), pace, &interrupt.stop)
        });
        if monitor.wait(None) == Wake::Interrupted {
            return Ok(false);
        }
    }
}

/// Whether an image that cannot be opened may still be on its way: it does not exist, is a folder or a table whose
/// files come one by one, or a file that was written to a moment ago.
fn may_come(error: &Error, input: &Path) -> bool {
    let is_young = || {
        let changed = std::fs::metadata(input).and_then(|metadata| metadata.modified());
        changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age < PATIENCE))
    };
    error.kind() == Kind::Missing || (error.kind() == Kind::Data && (input.is_dir() || is_table(input) || is_young()))
}

/// The paths that the program itself writes to.
fn written(run: &RunOptions) -> Vec<PathBuf> {
    [Some(&run.out), run.state.as_ref(), run.changes.as_ref()].into_iter().flatten().cloned().collect()
}

/// Follows the volume in the first process, or the only one.
fn follow(
    (run, state): (&RunOptions, &Path),
    analysis: Analysis,
    team: Option<&mut ProcessTeam>,
    pace: Pace,
    interrupt: &Interrupt,
    (live, progress): (&mut Live, &Arc<ProgressState>),
) -> Result<ShownEpochs> {
    let alone = team.is_none();
    let mut epochs = ShownEpochs::start(analysis, (run, state), Shown::Line, team, progress)?;
    let mut marks = unmarked(&epochs, pace);
    let begun = epochs.of.session.results().next_epoch() > 0;
    if !run.verify {
        // If the first epoch has not ended, one chunk is looked at again, so that it does.
        let known = epochs.of.session.marks()?.into_iter().skip(usize::from(!begun));
        known.for_each(|(chunk, mark)| marks.remember(chunk, mark));
    }
    let quiet = run.output.quiet;
    let image = (run.image.input.as_path(), image_options(run)?);
    let mut follower = Follower::new(image, &written(run), marks, pace, PATIENCE, &interrupt.stop, print_warning);
    if !follower.has_events() {
        let text = "the system tells of no changes there: files are looked at every few seconds";
        print_warning(text);
    }
    print(&format!("watching {}; Ctrl-C ends\n", run.image.input.display()), quiet);
    if begun {
        // The state may have been left before its outputs were written.
        close_readable(&mut epochs, &mut follower, live, &[], interrupt)?;
    }
    status::waiting();
    while let FollowStep::Changed(source, chunks) = follower.wait()? {
        if is_another(&source, &epochs.of.analysis.source) {
            if !alone {
                let message = "has another type, fill value or number of axes than before, or one plane and had several, or \
                               the other way round; start all processes again";
                return Err(Error::usage(message).at(&run.image.input));
            }
            // Everything is computed again, as the new form needs it.
            let message = "has another type, fill value or number of axes than before, or has become one plane or several: \
                           all is computed anew";
            print_warning(&format!("{}: {message}", run.image.input.display()));
            let analysis = match crate::analysis::open(run, &Seat::Alone) {
                // The image changes while it is looked at.
                Err(error) if may_come(&error, &run.image.input) => {
                    follower.begin_again(unmarked(&epochs, pace));
                    continue;
                }
                analysis => analysis?,
            };
            drop(epochs);
            epochs = ShownEpochs::start(analysis, (run, state), Shown::Line, None, progress)?;
            epochs.of.session.look(true)?;
            follower.begin_again(unmarked(&epochs, pace));
            continue;
        }
        let said = epochs.of.analysis.source.warnings();
        source.warnings().iter().filter(|text| !said.contains(text)).for_each(|text| print_warning(text));
        close(&mut epochs, &mut follower, live, source, &chunks, interrupt)?;
        status::waiting();
    }
    if run.out.join("run.json").is_file() {
        print_results("Ended; the state is kept. ", &run.out, quiet);
    } else {
        print("Ended; the state is kept\n", quiet);
    }
    Ok(epochs)
}

/// Marks of the chunks of an analysis, none of which is known.
fn unmarked(epochs: &ShownEpochs, pace: Pace) -> Marks {
    let depth = epochs.of.analysis.settled.gaussian.as_ref().map_or([0; 3], Gaussian::depth);
    Marks::new(epochs.of.analysis.grid, depth, pace.settle)
}

/// Whether the form of an image has changed so that its analysis cannot go on: volumes of one plane are thinned in
/// other directions than volumes of several.
fn is_another(source: &Arc<dyn Source>, before: &Arc<dyn Source>) -> bool {
    ImageForm::of(source.description()) != ImageForm::of(before.description())
}

/// Closes an epoch in which chunks have changed.
fn close(
    epochs: &mut ShownEpochs,
    follower: &mut Follower,
    live: &mut Live,
    source: Arc<dyn Source>,
    chunks: &[ChunkId],
    interrupt: &Interrupt,
) -> Result<()> {
    epochs.of.follow(source)?;
    for &chunk in chunks {
        epochs.of.session.refresh(chunk)?;
    }
    let unread = close_readable(epochs, follower, live, chunks, interrupt)?;
    chunks.iter().filter(|chunk| !unread.contains(chunk)).for_each(|&chunk| follower.succeeded(chunk));
    Ok(())
}

/// How long an image that changes while all of it is read is left alone before it is read again.
const BREATH: Duration = Duration::from_millis(500);

/// Closes an epoch in which chunks are read. Those that cannot be read stay as they were, and are returned; all of them, where the
/// program is asked to end while the image goes on changing.
fn close_readable(
    epochs: &mut ShownEpochs,
    follower: &mut Follower,
    live: &mut Live,
    chunks: &[ChunkId],
    interrupt: &Interrupt,
) -> Result<BTreeSet<ChunkId>> {
    let started = Instant::now();
    let mut unread = BTreeSet::new();
    live.begin(&epochs.of.analysis, chunks);
    let closed = loop {
        let error = match epochs.close(started) {
            Ok(closed) => break closed,
            Err(error) => error,
        };
        if error.may_pass() {
            if interrupt.stop.happened() {
                return Ok(chunks.iter().copied().collect());
            }
            std::thread::sleep(BREATH);
            continue;
        }
        if error.chunk().is_none() || !(error.kind() == Kind::Data || error.is_of_reading()) {
            return Err(error);
        }
        let chunk = follower.failed(error)?;
        epochs.of.session.leave(chunk)?;
        unread.insert(chunk);
    };
    live.publish(&epochs.of.analysis, &closed, started, &unread)?;
    Ok(unread)
}
