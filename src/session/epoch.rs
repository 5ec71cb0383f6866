//! What an epoch brought.

use crate::operators::thin::ThinningCounts;
use crate::table::row::Measures;

/// What an epoch brought.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u64,
    /// The rows that changed, without ranks, with +1 or -1: in the order of rows, new before old where they tie.
    pub changes: Vec<(Measures, isize)>,
    /// Chunks that were read, where the session reads by itself.
    pub read: usize,
    /// Chunks that have other values now, or none.
    pub changed: usize,
    /// Whether a threshold that is found has moved, so that all masks were made again.
    pub remade: bool,
    /// Bytes that the processes of the session have sent each other, where there are several.
    pub bytes_between_processes: u64,
    /// How thinning went: `thinned` are the chunks that took part, changed or not.
    pub thinning: ThinningCounts,
}
