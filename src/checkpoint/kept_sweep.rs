//! The first sweep over the masks of a state, which is kept until its records are in place.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Checkpoint, Rhythm, TeamSize, remove_files};
use crate::error::Result;

/// A folder in which the workers of a process keep a sweep, so that a later run goes on from there if it thins the same masks
/// with as many workers. Nobody else uses the folder. Clones share it.
#[derive(Clone, Debug)]
pub struct KeptSweep(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    workers: usize,
    rhythm: Rhythm,
    stage: Mutex<Stage>,
}

/// How far a run has come.
#[derive(Debug)]
enum Stage {
    Before,
    During(Checkpoint),
    After,
}

impl KeptSweep {
    /// A sweep that will be kept in this folder, which need not be there.
    pub fn new(path: PathBuf, workers: usize) -> KeptSweep {
        KeptSweep::with_rhythm(path, workers, Rhythm::OF_STATES)
    }

    /// The same, with snapshots in another rhythm.
    pub(crate) fn with_rhythm(path: PathBuf, workers: usize, rhythm: Rhythm) -> KeptSweep {
        KeptSweep(Arc::new(Shared { path, workers, rhythm, stage: Mutex::new(Stage::Before) }))
    }

    /// What is kept of the sweep over masks, of which `masks` is a hash: nothing yet, unless an earlier run has begun with the
    /// same. What was kept of others is removed. All workers get the same; `None` once there is nothing to keep any more, and
    /// where nothing can be kept.
    pub fn of_masks(&self, masks: u64) -> Option<Checkpoint> {
        let mut stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Before = *stage {
            let opened = self.open(masks);
            if let Err(error) = &opened {
                tracing::info!("the thinning is not kept: {error}");
            }
            *stage = opened.map_or(Stage::After, Stage::During);
        }
        match &*stage {
            Stage::During(checkpoint) => Some(checkpoint.clone()),
            Stage::Before | Stage::After => None,
        }
    }

    fn open(&self, masks: u64) -> Result<Checkpoint> {
        let Shared { path, workers, rhythm, .. } = &*self.0;
        let open = || Checkpoint::with_rhythm(path, masks, TeamSize { processes: 1, workers: *workers }, *rhythm);
        let opened = open().and_then(Checkpoint::verified).or_else(|_| {
            remove_files(path)?;
            open()
        })?;
        if opened.has_snapshot() {
            tracing::info!("thinning goes on from what an earlier run has kept");
        }
        Ok(opened)
    }

    /// Removes what is kept: it is of no use any more, or cannot be used. Nothing is kept from then on. What cannot be removed
    /// stays until the next call.
    pub fn remove(&self) {
        *self.0.stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage::After;
        let _ = remove_files(&self.0.path);
    }
}
