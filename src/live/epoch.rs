//! What a page tells of an epoch.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::analysis::Written;
use crate::error::{Error, Result};
use crate::session::Epoch;

/// What a page tells of an epoch that has ended.
#[derive(Clone, Debug)]
pub struct LiveEpoch {
    /// A line of its history.
    pub(super) line: Line,
    /// All of `summary.json`.
    pub(super) summary: Value,
}

/// A line in the history of epochs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    /// The number of the epoch, from 0.
    pub(super) number: u64,
    /// When it ended, in milliseconds since 1970.
    pub(super) at: u64,
    /// How long it took.
    pub(super) seconds: f64,
    /// Chunks that were read, and those that had other values.
    pub(super) read: usize,
    pub(super) changed: usize,
    /// Rows that came and rows that went; one that changed counts as both.
    pub(super) rows_added: usize,
    pub(super) rows_removed: usize,
    /// Statistics that change over time.
    pub(super) branches: Value,
    pub(super) skeletons: Value,
    pub(super) junctions: Value,
    pub(super) tips: Value,
    pub(super) loops: Value,
    pub(super) total_length: Value,
    pub(super) median_length: Value,
    pub(super) median_radius: Value,
}

impl LiveEpoch {
    /// An epoch that has just ended, after some seconds, and what was written then.
    ///
    /// # Errors
    /// `Internal` if the summary cannot be written as JSON.
    pub fn new(epoch: &Epoch, written: &Written, seconds: f64) -> Result<LiveEpoch> {
        let summary = serde_json::to_value(&written.summary)
            .map_err(|error| Error::internal("a summary cannot be written as JSON").because(error))?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let of = |name: &str| summary[name].clone();
        let line = Line {
            number: epoch.number,
            at: at.as_millis() as u64,
            seconds,
            read: epoch.read,
            changed: epoch.changed,
            rows_added: epoch.changes.come(),
            rows_removed: epoch.changes.gone(),
            branches: of("branches"),
            skeletons: of("skeletons"),
            junctions: of("junctions"),
            tips: of("tips"),
            loops: of("loops"),
            total_length: of("total_length"),
            median_length: summary["branch_distance"]["50%"].clone(),
            median_radius: summary["mean_radius"]["50%"].clone(),
        };
        Ok(LiveEpoch { line, summary })
    }
}
