//! Changes of rows, as far as statistics tell of them: added up, so that many rows take little memory.

use serde::{Deserialize, Serialize};

use crate::table::row::Measures;
use crate::table::tally;

/// Changes of numbers are added up once there are as many of them as distinct numbers, and this many.
const PENDING: usize = 1 << 16;

/// Rows that come and go, added up: how often each kind and each number of a described column does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RowChanges {
    pub(super) kinds: [i64; 4],
    pub(super) branch_distance: Counts,
    pub(super) euclidean_distance: Counts,
    pub(super) mean_pixel_value: Counts,
}

impl RowChanges {
    /// Adds a row as often as `difference` says; takes it away where that is negative.
    pub fn change(&mut self, row: &Measures, difference: i64) {
        self.kinds[row.branch_type as usize] += difference;
        self.branch_distance.change(tally::key(row.branch_distance), difference);
        self.euclidean_distance.change(tally::key(row.euclidean_distance), difference);
        self.mean_pixel_value.change(tally::key(row.mean_pixel_value), difference);
    }

    /// Adds up what can be, to take as little memory as possible.
    pub fn gather(&mut self) {
        for counts in [&mut self.branch_distance, &mut self.euclidean_distance, &mut self.mean_pixel_value] {
            counts.gather();
            counts.changes.shrink_to_fit();
        }
    }
}

/// How often numbers come and go, by their keys (see [`tally::key`]).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    changes: Vec<(u64, i64)>,
    /// How many changes there may be before they are added up.
    limit: usize,
}

impl Counts {
    /// Notes a change. Whether changes were added up for want of room.
    pub(super) fn change(&mut self, key: u64, difference: i64) -> bool {
        self.changes.push((key, difference));
        let full = self.changes.len() > self.limit.max(PENDING);
        if full {
            self.gather();
            self.limit = 2 * self.changes.len();
        }
        full
    }

    /// Allows for so many changes before they are added up.
    pub(super) fn allow(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds up changes of the same number: from now on they are in order, and none is zero.
    pub(super) fn gather(&mut self) {
        self.changes.sort_unstable_by_key(|&(key, _)| key);
        self.changes.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        self.changes.retain(|&(_, difference)| difference != 0);
    }

    /// Whether a number goes more often than it comes, once changes are added up.
    pub(super) fn removes(&self) -> bool {
        self.changes.iter().any(|&(_, difference)| difference < 0)
    }

    pub(super) fn changes(&self) -> &[(u64, i64)] {
        &self.changes
    }

    pub(super) fn clear(&mut self) {
        self.changes.clear();
    }
}
