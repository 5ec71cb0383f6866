//! `anabranch watch`: the results of a volume that is being written, epoch by epoch.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anabranch::error::{Error, Kind, Result};
use anabranch::grid::ChunkId;
use anabranch::kernel::smooth::Gaussian;
use anabranch::store::marks::Marks;
use anabranch::store::{Source, is_address};

use crate::arguments::{RunOptions, WatchOptions};
use crate::epochs::{Epochs, conduct};
use crate::follower::{Follower, PATIENCE, Step};
use crate::interrupt::Interrupt;
use crate::monitor::Pace;
use crate::opening::open_options;
use crate::plan::{Plan, parse_seconds};
use crate::processes::{Seat, Team};
use crate::terminal::{print, print_warning};

/// Follows the volume until it is interrupted.
pub(crate) fn watch(options: &WatchOptions) -> Result<()> {
    let run = &awaiting(&options.run);
    if is_address(&run.image.input) {
        let message = "is on a server, which watch cannot follow; call run with --state when it has changed";
        return Err(Error::usage(message).at(&run.image.input));
    }
    let Some(state) = &run.state else {
        return Err(Error::usage("watch goes on where it was from a state: give a folder for it with --state"));
    };
    let pace = Pace {
        settle: parse_seconds("--settle", options.settle)?,
        poll: parse_seconds("--poll", options.poll)?,
        ..Pace::default()
    };
    // In other processes than the first too, which end when that one does.
    let interrupt = Interrupt::install()?;
    conduct(run, state, |plan, team| follow(run, state, plan, team, pace, &interrupt))
}

/// The same options, with tiles that are still to come.
fn awaiting(run: &RunOptions) -> RunOptions {
    let mut run = run.clone();
    run.image.tiles.awaited = true;
    run
}

/// Follows the volume in the first process, or the only one.
fn follow(
    run: &RunOptions,
    state: &Path,
    plan: Plan,
    team: Option<&mut Team>,
    pace: Pace,
    interrupt: &Interrupt,
) -> Result<Epochs> {
    let alone = team.is_none();
    let mut epochs = Epochs::start(plan, run, state, team)?;
    let depth = epochs.plan.gaussian.as_ref().map_or([0; 3], Gaussian::depth);
    let mut marks = Marks::new(epochs.plan.grid, depth, pace.settle);
    let begun = epochs.session.epoch()? > 0;
    if !run.verify {
        // Where the first epoch has not ended one chunk is looked at again, so that it does.
        let known = epochs.session.marks()?.into_iter().skip(usize::from(!begun));
        known.for_each(|(chunk, mark)| marks.remember(chunk, mark));
    }
    let quiet = run.quiet;
    let image = (run.image.input.as_path(), open_options(&run.image)?);
    let mut follower = Follower::new(image, marks, pace, PATIENCE, interrupt, move |text| print_warning(text, quiet));
    if !follower.has_events() {
        let text = "the system tells of no changes there: files are looked at every few seconds";
        print_warning(text, quiet);
    }
    print(&format!("watching {}; Ctrl-C ends\n", run.image.input.display()), quiet);
    if begun {
        // What the state knows, should it have ended before its outputs were written.
        close_readable(&mut epochs, &mut follower)?;
    }
    while let Step::Changed(source, chunks) = follower.next()? {
        if is_flat(&source) != is_flat(&epochs.plan.source) {
            // Another method: all is computed anew.
            if !alone {
                let message = "has one plane and had several, or the other way round; start all processes again";
                return Err(Error::usage(message).at(&run.image.input));
            }
            drop(epochs);
            epochs = Epochs::start(Plan::new(run, &Seat::Alone)?, run, state, None)?;
            epochs.session.look(true)?;
        }
        let said = epochs.plan.source.warnings();
        source.warnings().iter().filter(|text| !said.contains(text)).for_each(|text| print_warning(text, quiet));
        close(&mut epochs, &mut follower, source, &chunks)?;
    }
    print("ended; the state is kept\n", quiet);
    Ok(epochs)
}

/// Whether a volume has one plane.
fn is_flat(source: &Arc<dyn Source>) -> bool {
    source.description().shape[0] == 1
}

/// Closes an epoch in which chunks have changed.
fn close(epochs: &mut Epochs, follower: &mut Follower, source: Arc<dyn Source>, chunks: &[ChunkId]) -> Result<()> {
    epochs.follow(source)?;
    for &chunk in chunks {
        epochs.session.refresh(chunk)?;
    }
    let unread = close_readable(epochs, follower)?;
    chunks.iter().filter(|chunk| !unread.contains(chunk)).for_each(|&chunk| follower.succeeded(chunk));
    Ok(())
}

/// Closes an epoch. Chunks that cannot be read are left as they were, and given.
fn close_readable(epochs: &mut Epochs, follower: &mut Follower) -> Result<BTreeSet<ChunkId>> {
    let started = Instant::now();
    let mut unread = BTreeSet::new();
    while let Err(error) = epochs.close(started) {
        if error.kind() != Kind::Data || error.chunk().is_none() {
            return Err(error);
        }
        let chunk = follower.failed(error)?;
        epochs.session.leave(chunk)?;
        unread.insert(chunk);
    }
    Ok(unread)
}
