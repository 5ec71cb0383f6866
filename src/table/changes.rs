//! Changes of rows, as far as statistics tell of them: added up, so that many rows take little memory.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::table::branch_columns::Columns;
use crate::table::columns::Column;
use crate::table::row::Measures;
use crate::table::tally;

/// Changes of numbers are added up once there are as many of them as distinct numbers, and this many.
const PENDING: usize = 1 << 16;

/// Rows that come and go, added up by the columns that are described.
#[derive(Clone, Debug)]
pub struct RowChanges<M = BranchMeasures> {
    described: Vec<Column<Measures<M>>>,
    added_up: AddedUp,
}

/// How often each kind of branch comes and goes, and each number of each described column.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AddedUp {
    pub(super) kinds: [i64; 4],
    /// One a column, in the order of [`Columns::described`].
    pub(super) columns: Vec<Counts>,
}

impl<M: Measured> RowChanges<M> {
    /// No changes, of rows in some columns.
    pub fn new(columns: &Columns<M>) -> Self {
        let described = columns.described();
        let columns = vec![Counts::default(); described.len()];
        RowChanges { described, added_up: AddedUp { kinds: [0; 4], columns } }
    }

    /// Adds a row as often as `difference` says; takes it away where that is negative.
    pub fn change(&mut self, row: &Measures<M>, difference: i64) {
        self.added_up.kinds[row.branch_type as usize] += difference;
        for (column, counts) in self.described.iter().zip(&mut self.added_up.columns) {
            if let Some(number) = column.number(row) {
                counts.change(tally::key(number), difference);
            }
        }
    }

    /// All of them, in as little memory as possible.
    pub fn add_up(mut self) -> AddedUp {
        for counts in &mut self.added_up.columns {
            counts.gather();
            counts.changes.shrink_to_fit();
        }
        self.added_up
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
