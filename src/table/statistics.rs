//! Statistics of the branch table, maintained row by row: counts by kind, total length, and for three columns what
//! pandas' `describe` tells.

use serde::Serialize;

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
        self.branch_distance.change(row.branch_distance, difference);
        self.euclidean_distance.change(row.euclidean_distance, difference);
        self.mean_pixel_value.change(row.mean_pixel_value, difference);
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

/// What pandas' `describe` tells of a column. What is not defined, for want of numbers, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
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
    pending: Vec<(u64, i64)>,
    /// How many changes may be pending.
    limit: usize,
    tally: Tally,
    count: i64,
    sum: ExactSum,
    squares: ExactSum,
}

/// Changes are taken in together once there are as many of them as distinct numbers, and this many.
const PENDING: usize = 1 << 16;

impl Distribution {
    fn change(&mut self, value: f64, difference: i64) {
        self.count += difference;
        self.pending.push((tally::key(value), difference));
        if self.pending.len() > self.limit.max(PENDING) {
            self.gather();
            // What is removed may be added only later, so removals wait for the next question.
            if self.pending.iter().all(|&(_, difference)| difference > 0) {
                self.settle();
            }
            self.limit = self.tally.distinct().max(2 * self.pending.len());
        }
    }

    /// Adds up pending changes of the same number.
    fn gather(&mut self) {
        self.pending.sort_unstable_by_key(|&(key, _)| key);
        self.pending.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        self.pending.retain(|&(_, difference)| difference != 0);
    }

    fn settle(&mut self) {
        self.gather();
        for &(key, difference) in &self.pending {
            let value = tally::value(key);
            self.sum.add(value, difference);
            self.squares.add_square(value, difference);
        }
        self.tally.change(&self.pending);
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
