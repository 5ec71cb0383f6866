//! What readers are told: the last epoch, the lines of all, and a map of chunks, in a place where all find them.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::epoch::LiveEpoch;
use super::map::ChunkMap;
use crate::progress::ProgressState;

/// Lines of the history that are kept, about: of older ones every other is left out, again and again.
const LINES: usize = 1024;

/// What readers are told at a moment.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Grows with each change.
    pub(super) version: u64,
    /// The event of it: JSON with the version, the last epoch and its summary.
    pub(super) event: Bytes,
    /// The summary of the last epoch.
    summary: Arc<Value>,
    /// The lines of all epochs, as JSON.
    pub(super) history: Bytes,
    /// The map of chunks, as JSON.
    pub(super) map: Bytes,
    /// Epochs that have been published.
    pub(super) published: u64,
    /// Whether an epoch is running.
    pub(super) is_working: bool,
    /// Whether the analysis has ended.
    pub(super) has_ended: bool,
}

/// The place where an analysis leaves what readers are told. Leaving something there waits for nobody.
#[derive(Debug)]
pub(super) struct Feed {
    told: watch::Sender<Arc<Told>>,
    /// The lines of the history, with the number of the epoch.
    lines: Mutex<Vec<(u64, Value)>>,
    progress: Arc<ProgressState>,
}

impl Feed {
    pub(super) fn new(progress: Arc<ProgressState>) -> Feed {
        let map = json(&ChunkMap::default());
        let event = json(&json!({"version": 0, "working": false}));
        let summary = Arc::default();
        let told = Told {
            version: 0,
            event,
            summary,
            history: Bytes::from_static(b"[]"),
            map,
            published: 0,
            is_working: false,
            has_ended: false,
        };
        Feed { told: watch::Sender::new(Arc::new(told)), lines: Mutex::default(), progress }
    }

    pub(super) fn begin(&self, map: &ChunkMap) {
        self.tell(|told, _| {
            told.map = json(map);
            told.is_working = true;
        });
    }

    pub(super) fn publish(&self, epoch: &LiveEpoch, map: &ChunkMap) {
        self.tell(|told, lines| {
            // Epochs begin anew where an image has changed its form.
            lines.retain(|(number, _)| *number < epoch.line.number);
            lines.push((epoch.line.number, serde_json::to_value(&epoch.line).unwrap_or_default()));
            thin(lines);
            told.history = json(&lines.iter().map(|(_, line)| line).collect::<Vec<_>>());
            told.map = json(map);
            told.published += 1;
            told.is_working = false;
            told.summary = Arc::new(epoch.summary.clone());
        });
    }

    pub(super) fn end(&self) {
        self.tell(|told, _| (told.is_working, told.has_ended) = (false, true));
    }

    fn tell(&self, change: impl FnOnce(&mut Told, &mut Vec<(u64, Value)>)) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Told::clone(&self.told.borrow());
        change(&mut told, &mut lines);
        told.version += 1;
        let last = lines.last().map(|(_, line)| line);
        told.event = json(&json!({
            "version": told.version,
            "working": told.is_working,
            "ended": told.has_ended,
            "epoch": last,
            "summary": *told.summary,
        }));
        self.told.send_replace(Arc::new(told));
    }

    /// What is told now, and from now on.
    pub(super) fn follow(&self) -> watch::Receiver<Arc<Told>> {
        self.told.subscribe()
    }

    /// What the analysis is busy with, as JSON.
    pub(super) fn progress(&self) -> Bytes {
        let counters = self.progress.snapshot();
        json(&json!({"stage": counters.stage.name(), "done": counters.done, "total": counters.total}))
    }
}

/// Leaves out every other line of the older half, when there are too many. The first and the newest stay.
fn thin(lines: &mut Vec<(u64, Value)>) {
    if lines.len() > LINES {
        let mut place = 0;
        lines.retain(|_| {
            place += 1;
            place > LINES / 2 || place % 2 == 1
        });
    }
}

fn json(value: &impl serde::Serialize) -> Bytes {
    // Numbers, texts and lists of them have a form in JSON.
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}
