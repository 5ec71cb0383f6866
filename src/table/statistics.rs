//! Statistics of the branch table, maintained row by row: counts by kind, total length, and for three columns what
//! pandas' `describe` tells.

use serde::{Deserialize, Serialize};

use crate::table::changes::{Counts, RowChanges};
use crate::table::exact::{ExactSum, scaled_spread};
use crate::table::row::Measures;
use crate::table::tally::{self, Tally};

/// Statistics of the rows that were added and not removed. They depend on those rows only, to the last bit: not on the
/// order in which rows came and went.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    kinds: [i64; 4],
    branch_distance: Distribution,
    euclidean_distance: Distribution,
    mean_pixel_value: Distribution,
}

impl Statistics {
    /// Adds a row. Takes time logarithmic in the number of rows, on average over many.
    pub fn add(&mut self, row: &Measures) {
        self.change(row, 1);
    }

    /// Removes a row that was added before; may come before its addition, if both come before the next question.
    pub fn remove(&mut self, row: &Measures) {
        self.change(row, -1);
    }

    /// Adds a row as often as `difference` says; removes it where that is negative.
    pub fn change(&mut self, row: &Measures, difference: i64) {
        self.kinds[row.branch_type as usize] += difference;
        self.branch_distance.change(tally::key(row.branch_distance), difference);
        self.euclidean_distance.change(tally::key(row.euclidean_distance), difference);
        self.mean_pixel_value.change(tally::key(row.mean_pixel_value), difference);
    }

    /// Makes many changes at once.
    pub fn apply(&mut self, changes: &RowChanges) {
        for (kind, difference) in self.kinds.iter_mut().zip(changes.kinds) {
            *kind += difference;
        }
        for (column, counts) in [
            (&mut self.branch_distance, &changes.branch_distance),
            (&mut self.euclidean_distance, &changes.euclidean_distance),
            (&mut self.mean_pixel_value, &changes.mean_pixel_value),
        ] {
            for &(key, difference) in counts.changes() {
                column.change(key, difference);
            }
        }
    }

    /// All of it at this moment.
    ///
    /// # Panics
    /// As [`Statistics::total_length`].
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            kinds: self.kinds(),
            total_length: self.total_length(),
            branch_distance: self.branch_distance(),
            euclidean_distance: self.euclidean_distance(),
            mean_pixel_value: self.mean_pixel_value(),
        }
    }

    /// Number of branches of each kind, by its number.
    pub fn kinds(&self) -> [i64; 4] {
        self.kinds
    }

    /// Sum of the lengths of all branches, rounded once.
    ///
    /// # Panics
    /// Where rows were removed that had not been added.
    pub fn total_length(&mut self) -> f64 {
        self.branch_distance.settle();
        self.branch_distance.sum.value()
    }

    /// The distribution of `branch_distance`.
    ///
    /// # Panics
    /// As [`Statistics::total_length`], like the two below.
    pub fn branch_distance(&mut self) -> Describe {
        self.branch_distance.describe()
    }

    /// The distribution of `euclidean_distance`.
    pub fn euclidean_distance(&mut self) -> Describe {
        self.euclidean_distance.describe()
    }

    /// The distribution of `mean_pixel_value`.
    pub fn mean_pixel_value(&mut self) -> Describe {
        self.mean_pixel_value.describe()
    }
}

/// All that is known of the rows at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of branches of each kind, by its number.
    pub kinds: [i64; 4],
    /// Sum of the lengths of all branches.
    pub total_length: f64,
    /// The distribution of `branch_distance`.
    pub branch_distance: Describe,
    /// The distribution of `euclidean_distance`.
    pub euclidean_distance: Describe,
    /// The distribution of `mean_pixel_value`.
    pub mean_pixel_value: Describe,
}

/// What pandas' `describe` tells of a column. What is not defined, for want of numbers, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    use crate::kernel::branch::BranchKind;

    fn row(value: f64) -> Measures {
        Measures {
            branch_distance: value,
            branch_type: BranchKind::ALL[value.to_bits() as usize % 4],
            mean_pixel_value: -value / 3.0,
            stdev_pixel_value: 0.0,
            image_coord_src: [0; 3],
            image_coord_dst: [0; 3],
            coord_src: [0.0; 3],
            coord_dst: [0.0; 3],
            euclidean_distance: value.sqrt(),
        }
    }

    fn all(statistics: &mut Statistics) -> String {
        let columns = [statistics.branch_distance(), statistics.euclidean_distance(), statistics.mean_pixel_value()];
        format!("{:?} {:?} {columns:?}", statistics.kinds(), statistics.total_length())
    }

    #[test]
    fn columns_are_described_as_pandas_does() {
        // pandas.Series([4.0, 1.5, 1.5, 7.0, 2.25, 9.0]).describe()
        let mut statistics = Statistics::default();
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
        let described = statistics.branch_distance();
        assert_eq!(Describe { std: None, ..described }, expected);
        // The last bit is better than pandas'.
        assert!((described.std.unwrap() - 3.1401300397701153).abs() < 1e-15);
        assert_eq!(Statistics::default().branch_distance(), Describe::default());
        let mut one = Statistics::default();
        one.add(&row(2.0));
        assert_eq!((one.branch_distance().mean, one.branch_distance().std), (Some(2.0), None));
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
