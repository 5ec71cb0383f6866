//! Changes of rows, in the form that statistics need: summed up, so that many rows take little memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::table::branch_columns::Columns;
use crate::table::classes::class_of;
use crate::table::columns::Column;
use crate::table::row::Measures;
use crate::table::tally;

/// Changes of numbers are summed up once they are as many as the distinct numbers, and at least this many.
const PENDING: usize = 1 << 16;
/// Rows whose changes go on together.
const TOGETHER: u64 = if cfg!(test) { 7 } else { 1 << 13 };

/// Added and removed rows, summed up by the columns that statistics include.
#[derive(Clone, Debug)]
pub struct RowChanges<M = BranchMeasures> {
    described: Vec<Column<Measures<M>>>,
    length_and_radius: Option<[Column<Measures<M>>; 2]>,
    added_up: AddedUp,
    rows: u64,
}

/// The differences of the counts of each kind of branch, of each number in each column that statistics include, and of
/// each length in each class of radii.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AddedUp {
    pub(super) kinds: [i64; 4],
    pub(super) isolated_cycles: i64,
    /// One for each column, in the order of [`Columns::described`].
    pub(super) columns: Vec<Counts>,
    pub(super) lengths_by_radius: BTreeMap<i32, Counts>,
}

/// The class of a branch by its mean radius, and its length; `None` for a branch without a radius.
pub(super) fn length_in_class<M>(columns: &[Column<Measures<M>>; 2], row: &Measures<M>) -> Option<(i32, f64)> {
    let [length, radius] = columns;
    Some((class_of(radius.number(row)?), length.number(row)?))
}

impl<M: Measured> RowChanges<M> {
    /// No changes yet, for rows in these columns.
    pub fn new(columns: &Columns<M>) -> Self {
        let described = columns.described();
        let counts = vec![Counts::default(); described.len()];
        let added_up = AddedUp { columns: counts, ..AddedUp::default() };
        RowChanges { described, length_and_radius: columns.length_and_radius(), added_up, rows: 0 }
    }

    /// Whether there are enough for their sums to go on.
    pub fn are_many(&self) -> bool {
        self.rows >= TOGETHER
    }

    /// Adds a row `difference` times; removes it if the difference is negative.
    pub fn change(&mut self, row: &Measures<M>, difference: i64) {
        self.rows += 1;
        self.added_up.kinds[row.branch_type as usize] += difference;
        self.added_up.isolated_cycles += if row.is_isolated_cycle { difference } else { 0 };
        let in_class = self.length_and_radius.as_ref().and_then(|columns| length_in_class(columns, row));
        if let Some((class, length)) = in_class {
            let counts = self.added_up.lengths_by_radius.entry(class).or_default();
            counts.change(tally::key(length), difference);
        }
        for (column, counts) in self.described.iter().zip(&mut self.added_up.columns) {
            if let Some(number) = column.number(row) {
                counts.change(tally::key(number), difference);
            }
        }
    }

    /// The sums of all changes, in as little memory as possible.
    pub fn add_up(mut self) -> AddedUp {
        let AddedUp { columns, lengths_by_radius, .. } = &mut self.added_up;
        for counts in columns.iter_mut().chain(lengths_by_radius.values_mut()) {
            counts.gather();
            counts.changes.shrink_to_fit();
        }
        self.added_up
    }
}

/// Differences of the counts of numbers, by their keys (see [`tally::key`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Counts {
    changes: Vec<(u64, i64)>,
    /// Maximum number of changes before they are summed up.
    limit: usize,
}

impl Default for Counts {
    fn default() -> Self {
        Counts { changes: Vec::new(), limit: PENDING }
    }
}

impl Counts {
    /// Adds a change. Returns whether changes were summed up because the limit was reached.
    pub(super) fn change(&mut self, key: u64, difference: i64) -> bool {
        self.changes.push((key, difference));
        let full = self.changes.len() > self.limit;
        if full {
            self.gather();
            self.limit = self.limit.max(2 * self.changes.len());
        }
        full
    }

    /// Sets the maximum number of changes before they are summed up, if that is more than for few numbers.
    pub(super) fn allow(&mut self, limit: usize) {
        self.limit = limit.max(PENDING);
    }

    /// Sets the maximum number of changes before they are summed up.
    pub(super) fn allow_only(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Sums up changes of the same number. Then changes are in order, and none is zero.
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

    /// Whether any number is removed more often than added, once changes are summed up.
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
