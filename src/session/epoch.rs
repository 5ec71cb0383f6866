//! The outcome of an epoch.

use super::changed_rows::ChangedRows;
use crate::operators::thin::ThinningCounts;

/// The outcome of an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u64,
    /// The rows that changed.
    pub changes: ChangedRows,
    /// Chunks that were read, if the session reads by itself.
    pub read: usize,
    /// Chunks that have other values now, or none.
    pub changed: usize,
    /// Whether a threshold that follows from the image has moved, so that all masks were made again.
    pub remade: bool,
    /// Bytes that the processes of the session have sent each other, if there are several.
    pub bytes_between_processes: u64,
    /// The counts of the thinning: `thinned` are the chunks that took part, changed or not.
    pub thinning: ThinningCounts,
}
