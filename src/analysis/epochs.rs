//! Analyses whose results follow a changing image, with a state on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::outputs::{Destination, Staged, open_folder};
use super::{Analysis, Counts, Results, Team};
use crate::error::{Error, Result};
use crate::operators::read::Selection;
use crate::progress::ProgressState;
use crate::session::{Epoch, FollowingSession, Follows, SessionBuilder};
use crate::store::disk::read_if_there;
use crate::store::output::{OutputFolder, SkeletonManifest, write_skeleton};
use crate::store::{Source, open, replace, resolved};
use crate::table::arrival::Arrival;

/// The file in a state's folder that names the outputs made from the state.
const OUTPUTS_OF_STATE: &str = "outputs.json";

/// An analysis that goes on: it keeps a state, and replaces its outputs epoch by epoch.
#[derive(Debug)]
pub struct Epochs {
    /// The analysis.
    pub analysis: Analysis,
    /// The session that runs it.
    pub session: FollowingSession,
    out: PathBuf,
    pub(super) state: PathBuf,
    overwrite: bool,
    /// The parts that had arrived before the last epoch was closed.
    arrival: Option<Arrival>,
    /// A hash of what is beside the image as it was then, if that can be told: see [`Epochs::made`].
    pub(super) beside: Option<u64>,
    /// Warnings about the state that [`Epochs::take_notes`] has not returned yet.
    notes: Vec<String>,
}

/// What a state knows about the outputs made from it.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// Their folder.
    folder: PathBuf,
    skeleton: SkeletonManifest,
}

impl Analysis {
    /// A session that follows the image, and keeps its state in a folder.
    pub fn session(&self, state: &Path) -> SessionBuilder<Follows> {
        let builder = SessionBuilder::of_source(Arc::clone(&self.source))
            .chunk(self.grid.chunk_shape())
            .parameters(&self.settled.asked)
            .workers(self.allotted.workers)
            .memory(self.allotted.memory)
            .state(state);
        let Some(path) = self.path.clone() else { return builder };
        let options = self.settled.asked.image.clone();
        builder.reopen(move || Ok(Arc::from(open(&path, &options)?)))
    }

    /// The folder for the outputs of an analysis with a state. Replaces outputs of the same image made from the same
    /// state, and others only if `overwrite` is set.
    ///
    /// # Errors
    /// As [`open_folder`].
    pub fn outputs_of_state(&self, out: &Path, state: &Path, overwrite: bool) -> Result<OutputFolder> {
        open_folder(out, overwrite, |earlier| {
            let of_state = match written(state) {
                // The state may have been moved since, or the outputs be those of a run without one.
                Ok(Some(written)) => written.folder == resolved(out) && earlier.state != Some(None),
                Ok(None) | Err(_) => {
                    earlier.state.as_ref() == Some(&Some(resolved(state).to_string_lossy().into_owned()))
                }
            };
            let image = serde_json::to_value(self.image_name()).ok();
            of_state && earlier.image.as_ref().is_none_or(|earlier| Some(earlier) == image.as_ref())
        })
    }
}

impl Epochs {
    /// The folder of the outputs that were made from a state; `None` if it is no folder of a state that knows of any.
    pub fn outputs_of(state: &Path) -> Option<PathBuf> {
        written(state).ok().flatten().map(|written| written.folder)
    }

    /// Opens the state, from which the analysis begins. `folder`, from [`Analysis::outputs_of_state`], is where the
    /// outputs will go; it is released until results are written, and then opened again with `overwrite`.
    ///
    /// # Errors
    /// As [`SessionBuilder::build`].
    pub fn start(
        analysis: Analysis,
        (folder, state): (OutputFolder, &Path),
        overwrite: bool,
        progress: &Arc<ProgressState>,
        team: Option<&mut Team>,
    ) -> Result<Epochs> {
        let out = folder.folder().to_owned();
        drop(folder);
        let builder = analysis.session(state).progress(Arc::clone(progress));
        let session = match team {
            Some(team) => team.share(builder)?.build()?,
            None => builder.build()?,
        };
        let notes = session.warnings()?;
        let state = state.to_owned();
        Ok(Epochs { analysis, session, out, state, overwrite, arrival: None, beside: None, notes })
    }

    /// Closes an epoch.
    ///
    /// # Errors
    /// As [`Session::advance`](crate::session::Session::advance).
    pub fn advance(&mut self) -> Result<Epoch> {
        self.arrival = self.analysis.arrival()?;
        self.beside = self.analysis.beside(self.arrival.as_ref())?;
        let epoch = self.session.advance()?;
        self.notes.extend(self.session.warnings()?);
        Ok(epoch)
    }

    /// The notes about the state that were not returned before.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The folder of outputs, locked and staged.
    ///
    /// # Errors
    /// As [`open_folder`].
    pub fn folder(&self) -> Result<OutputFolder> {
        self.analysis.outputs_of_state(&self.out, &self.state, self.overwrite)
    }

    /// Writes the outputs of the last epoch, and of the skeleton only what has changed. Puts nothing in place yet. If the
    /// epoch `is_last`, part of the work of [`Epochs::settle`] is done meanwhile.
    ///
    /// # Errors
    /// As [`Analysis::stage`].
    pub fn stage<'a>(&mut self, epoch: &Epoch, to: Destination<'a>, is_last: bool) -> Result<(Results, Staged<'a>)> {
        let earlier = self.written();
        let results = self.results(epoch)?;
        if is_last {
            self.session.prepare_digest();
        }
        let (form, workers) = (self.analysis.skeleton_form(), self.analysis.workers());
        let (now, staged) = self.analysis.stage_beside(&results, to, |folder| {
            let voxels = results.skeletons.iter().flat_map(|(_, skeleton)| &skeleton.voxels);
            write_skeleton(folder, &form, voxels, earlier.as_ref(), workers)
        })?;
        // Before they are in place, so that the run after a killed one knows the outputs as its own.
        remember(&self.state, &self.out, now.manifest)?;
        Ok((results, staged))
    }

    /// The results after the last epoch.
    fn results(&self, epoch: &Epoch) -> Result<Results> {
        let (found, projections) = (self.session.results(), self.session.overview()?);
        let (arrival, chunks) = (self.arrival.clone(), Selection::All.count(&self.analysis.grid));
        Ok(Results {
            threshold: found.threshold(),
            branches: found.branch_lists().cloned().collect(),
            isolated: found.isolated().cloned().collect(),
            skeletons: found.skeletons().map(|(id, skeleton)| (id, Arc::clone(skeleton))).collect(),
            statistics: found.statistics().clone(),
            foreground: found.foreground(),
            amounts: found.amounts(),
            unpruned_loops: self.analysis.settled.pruning.is_any().then_some(found.unpruned_loops()),
            junctions: found.junctions(),
            object_counts: found.object_counts(),
            object_labels: found.object_labels().map(Arc::new),
            label_objects: None,
            objects: found.objects().map(|objects| objects.cloned().collect()),
            volume: found.volume(),
            projections,
            arrival,
            labels: None,
            counts: counts(epoch, chunks),
        })
    }

    /// What is known about the skeleton's image in place, if the outputs there are the state's own. A damaged file
    /// counts as missing.
    fn written(&mut self) -> Option<SkeletonManifest> {
        let written = written(&self.state).unwrap_or_else(|text| {
            self.notes.push(text);
            None
        })?;
        (written.folder == resolved(&self.out)).then_some(written.skeleton)
    }

    /// The image, opened again, perhaps with other bounds.
    ///
    /// # Errors
    /// As [`Session::follow`](crate::session::Session::follow).
    pub fn follow(&mut self, source: Arc<dyn Source>) -> Result<()> {
        self.session.follow(Arc::clone(&source))?;
        self.analysis.image.warnings = source.warnings();
        self.analysis.source = source;
        self.analysis.grid = self.session.grid()?;
        Ok(())
    }
}

/// Records which outputs were made from a state.
fn remember(state: &Path, out: &Path, skeleton: SkeletonManifest) -> Result<()> {
    let written = Written { folder: resolved(out), skeleton };
    let bytes = serde_json::to_vec(&written)
        .map_err(|error| Error::internal("a list of outputs cannot be written as JSON").because(error))?;
    replace(&state.join(OUTPUTS_OF_STATE), &bytes)
}

/// The outputs made from a state, as far as it knows.
///
/// # Errors
/// A note about a damaged file.
fn written(state: &Path) -> std::result::Result<Option<Written>, String> {
    let path = state.join(OUTPUTS_OF_STATE);
    let text = match read_if_there(&path) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(error) => return Err(format!("{}: {error}; the whole skeleton is written again", path.display())),
    };
    let damaged = |error| format!("{}: is damaged ({error}); the whole skeleton is written again", path.display());
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

fn counts(epoch: &Epoch, chunks: usize) -> Counts {
    Counts {
        classes: None,
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
        planes_put_aside: epoch.thinning.aside,
        rows_changed: Some(epoch.changes.len() as u64),
        epoch: Some(epoch.number),
    }
}
