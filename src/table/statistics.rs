//! Statistics of the branch table, maintained row by row: counts by kind, total length, and for the columns that are
//! described what pandas' `describe` tells.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::measure::radii::OfRadii;
use crate::table::branch_columns::{Columns, LENGTH};
use crate::table::changes::{AddedUp, Counts};
use crate::table::columns::Column;
use crate::table::exact::{ExactSum, scaled_spread};
use crate::table::row::Measures;
use crate::table::tally::{self, Tally};

/// Statistics of the rows that were added and not removed. They depend on those rows only, to the last bit: not on the
/// order in which rows came and went.
#[derive(Clone, Debug)]
pub struct Statistics<M = BranchMeasures> {
    kinds: [i64; 4],
    columns: Vec<(Column<Measures<M>>, Distribution)>,
}

impl<M: OfPixels + OfRadii> Default for Statistics<M> {
    fn default() -> Self {
        Statistics::new(&Columns::default())
    }
}

impl<M: Measured> Statistics<M> {
    /// Statistics of no rows yet, of those columns that are described.
    pub fn new(columns: &Columns<M>) -> Self {
        let columns = columns.described().into_iter().map(|column| (column, Distribution::default())).collect();
        Statistics { kinds: [0; 4], columns }
    }

    /// Adds a row. Takes time logarithmic in the number of rows, on average over many.
    pub fn add(&mut self, row: &Measures<M>) {
        self.change(row, 1);
    }

    /// Removes a row that was added before; may come before its addition, if both come before the next question.
    pub fn remove(&mut self, row: &Measures<M>) {
        self.change(row, -1);
    }

    /// Adds a row as often as `difference` says; removes it where that is negative.
    pub fn change(&mut self, row: &Measures<M>, difference: i64) {
        self.kinds[row.branch_type as usize] += difference;
        for (column, distribution) in &mut self.columns {
            if let Some(number) = column.number(row) {
                distribution.change(tally::key(number), difference);
            }
        }
    }

    /// Makes many changes at once, of rows in the same columns.
    pub fn apply(&mut self, changes: &AddedUp) {
        for (kind, difference) in self.kinds.iter_mut().zip(changes.kinds) {
            *kind += difference;
        }
        for ((_, distribution), counts) in self.columns.iter_mut().zip(&changes.columns) {
            for &(key, difference) in counts.changes() {
                distribution.change(key, difference);
            }
        }
    }

    /// All of it at this moment.
    ///
    /// # Panics
    /// If rows were removed that had not been added.
    pub fn snapshot(&mut self) -> Snapshot {
        let described = self.columns.iter_mut().map(|(column, numbers)| (column.name.to_owned(), numbers.describe()));
        let described = described.collect();
        let length = self.columns.iter().find(|(column, _)| column.name == LENGTH);
        let total_length = length.map_or(0.0, |(_, numbers)| numbers.sum.value());
        Snapshot { kinds: self.kinds, total_length, described }
    }
}

/// All that is known of the rows at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Number of branches of each kind, by its number.
    pub kinds: [i64; 4],
    /// Sum of the lengths of all branches, rounded once.
    pub total_length: f64,
    /// The distributions of the columns that are described, by their names, in the order of a summary.
    pub described: Vec<(String, Describe)>,
}

/// That of no rows, in skan's columns.
impl Default for Snapshot {
    fn default() -> Self {
        Statistics::<BranchMeasures>::default().snapshot()
    }
}

impl Snapshot {
    /// The distribution of a column, where it is described.
    pub fn column(&self, name: &str) -> Option<&Describe> {
        self.described.iter().find(|(column, _)| column == name).map(|(_, described)| described)
    }

    /// Number of branches.
    pub fn branches(&self) -> u64 {
        u64::try_from(self.kinds.iter().sum::<i64>()).unwrap_or(0)
    }
}

/// What pandas' `describe` tells of a column. What is not defined, for want of numbers, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Describe {
    /// How many numbers there are.
    pub count: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation, by count - 1.
    pub std: Option<f64>,
    /// The least.
    pub min: Option<f64>,
    /// The first quartile; quartiles are interpolated linearly.
    #[serde(rename = "25%")]
    pub quarter: Option<f64>,
    /// The median.
    #[serde(rename = "50%")]
    pub half: Option<f64>,
    /// The third quartile.
    #[serde(rename = "75%")]
    pub three_quarters: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// Numbers that come and go, with their exact sums.
#[derive(Clone, Debug, Default)]
struct Distribution {
    /// Changes that are not in the tally and the sums yet.
    pending: Counts,
    tally: Tally,
    count: i64,
    sum: ExactSum,
    squares: ExactSum,
}

impl Distribution {
    fn change(&mut self, key: u64, difference: i64) {
        self.count += difference;
        // What is removed may be added only later, so removals wait for the next question.
        if self.pending.change(key, difference) && !self.pending.removes() {
            self.settle();
            self.pending.allow(self.tally.distinct());
        }
    }

    fn settle(&mut self) {
        self.pending.gather();
        for &(key, difference) in self.pending.changes() {
            let value = tally::value(key);
            self.sum.add(value, difference);
            self.squares.add_square(value, difference);
        }
        self.tally.change(self.pending.changes());
        self.pending.clear();
    }

    fn describe(&mut self) -> Describe {
        self.settle();
        let count = u64::try_from(self.count).unwrap_or(0);
        if count == 0 {
            return Describe::default();
        }
        let quantile = |quarters: u64| {
            let place = (count - 1) as f64 * (quarters as f64 / 4.0);
            let below = self.tally.nth(place as u64)?;
            let above = self.tally.nth(place as u64 + 1).unwrap_or(below);
            Some(below + (above - below) * place.fract())
        };
        let spread = scaled_spread(count, &self.sum, &self.squares);
        let pairs = count as f64 * (count - 1) as f64;
        Describe {
            count,
            mean: Some(self.sum.value() / count as f64),
            std: (count > 1).then(|| (spread / pairs).sqrt()),
            min: quantile(0),
            quarter: quantile(1),
            half: quantile(2),
            three_quarters: quantile(3),
            max: quantile(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::measure::moments::Moments;
    use crate::kernel::measure::radii::RadiusMeasures;
    use crate::kernel::network::branch::BranchKind;

    fn row(value: f64) -> Measures {
        Measures {
            branch_distance: value,
            branch_type: BranchKind::ALL[value.to_bits() as usize % 4],
            measured: (Moments::new(-value / 3.0, 0.0), RadiusMeasures::default()),
            image_coord_src: [0; 3],
            image_coord_dst: [0; 3],
            coord_src: [0.0; 3],
            coord_dst: [0.0; 3],
            euclidean_distance: value.sqrt(),
        }
    }

    fn all(statistics: &mut Statistics) -> String {
        format!("{:?}", statistics.snapshot())
    }

    fn lengths(statistics: &mut Statistics) -> Describe {
        *statistics.snapshot().column("branch_distance").unwrap()
    }

    #[test]
    fn columns_are_described_as_pandas_does() {
        // pandas.Series([4.0, 1.5, 1.5, 7.0, 2.25, 9.0]).describe()
        let mut statistics: Statistics = Statistics::default();
        for value in [4.0, 1.5, 1.5, 7.0, 2.25, 9.0] {
            statistics.add(&row(value));
        }
        let expected = Describe {
            count: 6,
            mean: Some(4.208333333333333),
            std: None,
            min: Some(1.5),
            quarter: Some(1.6875),
            half: Some(3.125),
            three_quarters: Some(6.25),
            max: Some(9.0),
        };
        let described = lengths(&mut statistics);
        assert_eq!(Describe { std: None, ..described }, expected);
        // The last bit is better than pandas'.
        assert!((described.std.unwrap() - 3.1401300397701153).abs() < 1e-15);
        assert_eq!(lengths(&mut Statistics::default()), Describe::default());
        let mut one = Statistics::default();
        one.add(&row(2.0));
        assert_eq!((lengths(&mut one).mean, lengths(&mut one).std), (Some(2.0), None));
    }

    proptest! {
        #[test]
        fn statistics_do_not_depend_on_history(
            kept in prop::collection::vec(0.0..1e3f64, 0..40),
            passing in prop::collection::vec(0.0..1e9f64, 0..40),
            asked in any::<bool>(),
        ) {
            let mut straight = Statistics::default();
            kept.iter().for_each(|&value| straight.add(&row(value)));
            let mut winding = Statistics::default();
            passing.iter().for_each(|&value| winding.add(&row(value)));
            if asked {
                all(&mut winding);
            }
            kept.iter().rev().for_each(|&value| winding.add(&row(value)));
            passing.iter().for_each(|&value| winding.remove(&row(value)));
            prop_assert_eq!(all(&mut winding), all(&mut straight));
        }
    }
}
