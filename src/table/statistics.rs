//! Statistics of the branch table, maintained row by row: counts by kind, total length, length by classes of radii, and
//! for the columns that statistics include the results of pandas' `describe`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::exact::{ExactSum, scaled_spread};
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::measure::radii::OfRadii;
use crate::kernel::shelf::Shelf;
use crate::table::branch_columns::{Columns, LENGTH};
use crate::table::changes::{AddedUp, Counts, length_in_class};
use crate::table::classes::class_end;
use crate::table::columns::Column;
use crate::table::row::Measures;
use crate::table::runs::Runs;
use crate::table::tally::{self, Tally};

/// Statistics of the rows that were added and not removed. They depend on these rows alone, to the last bit, and not on
/// the order in which rows were added and removed.
#[derive(Clone, Debug)]
pub struct Statistics<M = BranchMeasures> {
    kinds: [i64; 4],
    isolated_cycles: i64,
    columns: Vec<(Column<Measures<M>>, Distribution)>,
    length_and_radius: Option<[Column<Measures<M>>; 2]>,
    classes: BTreeMap<i32, LengthSum>,
}

/// Lengths of a class of radii.
#[derive(Clone, Debug, Default)]
struct LengthSum {
    count: i64,
    sum: ExactSum,
}

impl<M: OfPixels + OfRadii> Default for Statistics<M> {
    fn default() -> Self {
        Statistics::new(&Columns::default())
    }
}

impl<M: Measured> Statistics<M> {
    /// Statistics without rows, for the columns that statistics include.
    pub fn new(columns: &Columns<M>) -> Self {
        let length_and_radius = columns.length_and_radius();
        let columns = columns.described().into_iter().map(|column| (column, Distribution::default())).collect();
        Statistics { kinds: [0; 4], isolated_cycles: 0, columns, length_and_radius, classes: BTreeMap::new() }
    }

    /// The same, with a shelf for the numbers of which quartiles are made, but for some thousands of each column. For rows that are
    /// only added.
    #[must_use]
    pub fn with_shelf(mut self, shelf: &Arc<dyn Shelf>) -> Self {
        for (_, distribution) in &mut self.columns {
            distribution.pending.allow_only(SHELVED);
            distribution.runs = Some(Runs::new(Arc::clone(shelf)));
        }
        self
    }

    /// Adds a row. Takes time logarithmic in the number of rows, amortised.
    pub fn add(&mut self, row: &Measures<M>) {
        self.change(row, 1);
    }

    /// Removes a row that was added. May be called before its addition, if both precede the next snapshot.
    pub fn remove(&mut self, row: &Measures<M>) {
        self.change(row, -1);
    }

    /// Adds a row `difference` times; removes it if the difference is negative.
    pub fn change(&mut self, row: &Measures<M>, difference: i64) {
        self.kinds[row.branch_type as usize] += difference;
        self.isolated_cycles += if row.is_isolated_cycle { difference } else { 0 };
        let in_class = self.length_and_radius.as_ref().and_then(|columns| length_in_class(columns, row));
        if let Some((class, length)) = in_class {
            self.classes.entry(class).or_default().change(length, difference);
        }
        for (column, distribution) in &mut self.columns {
            if let Some(number) = column.number(row) {
                distribution.change(tally::key(number), difference);
            }
        }
    }

    /// Applies many changes at once, of rows in the same columns.
    pub fn apply(&mut self, changes: &AddedUp) {
        for (kind, difference) in self.kinds.iter_mut().zip(changes.kinds) {
            *kind += difference;
        }
        self.isolated_cycles += changes.isolated_cycles;
        for (&class, counts) in &changes.lengths_by_radius {
            let lengths = self.classes.entry(class).or_default();
            counts.changes().iter().for_each(|&(key, difference)| lengths.change(tally::value(key), difference));
        }
        for ((_, distribution), counts) in self.columns.iter_mut().zip(&changes.columns) {
            for &(key, difference) in counts.changes() {
                distribution.change(key, difference);
            }
        }
    }

    /// The statistics of the current rows.
    ///
    /// # Panics
    /// If rows were removed that were not added.
    pub fn snapshot(&mut self) -> Snapshot {
        let described = self.columns.iter_mut().map(|(column, numbers)| (column.name.to_owned(), numbers.describe()));
        let described = described.collect();
        let length = self.columns.iter().find(|(column, _)| column.name == LENGTH);
        let total_length = length.map_or(0.0, |(_, numbers)| numbers.sum.value());
        self.classes.retain(|_, lengths| lengths.count != 0);
        let of_class = |(&class, lengths): (&i32, &LengthSum)| RadiusClass {
            above: class_end(class - 1),
            to: class_end(class),
            branches: u64::try_from(lengths.count).unwrap_or(0),
            length: lengths.sum.value(),
        };
        Snapshot {
            kinds: self.kinds,
            isolated_cycles: self.isolated_cycles,
            total_length,
            length_by_radius: self.length_and_radius.is_some().then(|| self.classes.iter().map(of_class).collect()),
            described,
        }
    }
}

/// The statistics of rows at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Number of branches of each kind, by its number.
    pub kinds: [i64; 4],
    /// Number of cycles that no other branch touches.
    pub isolated_cycles: i64,
    /// Sum of the lengths of all branches, rounded once.
    pub total_length: f64,
    /// Branches by classes of their mean radii, in ascending order, without empty classes; branches without a radius
    /// are not included. `None` if radii are not measured.
    pub length_by_radius: Option<Vec<RadiusClass>>,
    /// The distributions of the columns that statistics include, by their names, in the order of a summary.
    pub described: Vec<(String, Describe)>,
}

/// The statistics of no rows, for all columns.
impl Default for Snapshot {
    fn default() -> Self {
        Statistics::<BranchMeasures>::default().snapshot()
    }
}

impl Snapshot {
    /// The distribution of a column; `None` if statistics do not include it.
    pub fn column(&self, name: &str) -> Option<&Describe> {
        self.described.iter().find(|(column, _)| column == name).map(|(_, described)| described)
    }

    /// Number of branches.
    pub fn branches(&self) -> u64 {
        u64::try_from(self.kinds.iter().sum::<i64>()).unwrap_or(0)
    }
}

/// Branches whose mean radii lie between two of the numbers 1, 2, 5, 10, 20, 50 and so on, in the unit of the spacing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RadiusClass {
    /// Lower limit of the class, not included.
    pub above: f64,
    /// Upper limit of the class, included.
    pub to: f64,
    /// Number of branches.
    pub branches: u64,
    /// Sum of their lengths, rounded once.
    pub length: f64,
}

/// The results of pandas' `describe` for a column. Results that are not defined for so few numbers are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Describe {
    /// Number of values.
    pub count: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their sample standard deviation, with divisor count - 1.
    pub std: Option<f64>,
    /// The smallest number.
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
    /// The largest number.
    pub max: Option<f64>,
}

/// Numbers of a column that wait in memory for others, before they go to a shelf together.
const SHELVED: usize = if cfg!(test) { 5 } else { 1 << 13 };

/// A changing set of numbers, with their exact sums.
#[derive(Clone, Debug, Default)]
struct Distribution {
    /// Changes that are not yet in the tally or the runs, nor in the sums.
    pending: Counts,
    tally: Tally,
    /// In place of the tally, where numbers go to a shelf.
    runs: Option<Runs>,
    count: i64,
    sum: ExactSum,
    squares: ExactSum,
}

impl LengthSum {
    fn change(&mut self, length: f64, difference: i64) {
        self.count += difference;
        self.sum.add(length, difference);
    }
}

impl Distribution {
    fn change(&mut self, key: u64, difference: i64) {
        self.count += difference;
        // Removed numbers may be added only later, so removals wait for the next snapshot.
        if self.pending.change(key, difference) && !self.pending.removes() {
            self.settle();
            match &self.runs {
                Some(_) => self.pending.allow_only(SHELVED),
                None => self.pending.allow(self.tally.distinct()),
            }
        }
    }

    fn settle(&mut self) {
        self.pending.gather();
        for &(key, difference) in self.pending.changes() {
            let value = tally::value(key);
            self.sum.add(value, difference);
            self.squares.add_square(value, difference);
        }
        match &mut self.runs {
            Some(runs) => runs.add(self.pending.changes()),
            None => self.tally.change(self.pending.changes()),
        }
        self.pending.clear();
    }

    /// The numbers at some places in ascending order, from 0; `None` beyond the last.
    fn at<const N: usize>(&self, places: [u64; N]) -> [Option<f64>; N] {
        let Some(runs) = &self.runs else { return places.map(|place| self.tally.nth(place)) };
        let (mut found, mut order) = ([None; N], std::array::from_fn::<usize, N, _>(|at| at));
        order.sort_by_key(|&at| places[at]);
        let (mut entries, mut until, mut number) = (runs.merged(), 0, None);
        for at in order {
            while until <= places[at] {
                let Some((key, count)) = entries.next() else { return found };
                until += u64::try_from(count).unwrap_or(0);
                number = Some(tally::value(key));
            }
            found[at] = number;
        }
        found
    }

    fn describe(&mut self) -> Describe {
        self.settle();
        let count = u64::try_from(self.count).unwrap_or(0);
        if count == 0 {
            return Describe::default();
        }
        let places = [0.0, 1.0, 2.0, 3.0, 4.0].map(|quarters| (count - 1) as f64 * (quarters / 4.0));
        let [a, b, c, d, e] = places.map(|place| place as u64);
        let numbers = self.at([a, a + 1, b, b + 1, c, c + 1, d, d + 1, e, e + 1]);
        let quantile = |quarters: usize| {
            let below = numbers[2 * quarters]?;
            let above = numbers[2 * quarters + 1].unwrap_or(below);
            Some(below + (above - below) * places[quarters].fract())
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
    use crate::kernel::measure::channel::{Channel, PathSum};
    use crate::kernel::measure::moments::Moments;
    use crate::kernel::measure::radii::{Radii, Radius};
    use crate::kernel::network::branch::BranchKind;
    use crate::kernel::network::step::{Lengths, Step};
    use crate::kernel::shelf::tests::ListShelf;
    use crate::space::{Spacing, Voxel};

    /// A row whose length is `value`, and its radius a tenth of that.
    fn row(value: f64) -> Measures {
        let radii: Radii = [Radius::new(value / 10.0 + 1e-3, false); 2].into_iter().collect();
        let (voxels, lengths) = ([0, 1].map(|x| Voxel::new([0, 0, x])), Lengths::new(Spacing::default()));
        let measures = radii.along(&[0, 1], &voxels).measured(&[Step::new(14)], &lengths);
        Measures {
            branch_distance: value,
            branch_type: BranchKind::ALL[value.to_bits() as usize % 4],
            is_isolated_cycle: value.to_bits().is_multiple_of(3),
            measured: (Moments::new(-value / 3.0, 0.0), measures),
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
        // The last bit is more exact than that of pandas.
        assert!((described.std.unwrap() - 3.1401300397701153).abs() < 1e-15);
        assert_eq!(lengths(&mut Statistics::default()), Describe::default());
        let mut one = Statistics::default();
        one.add(&row(2.0));
        assert_eq!((lengths(&mut one).mean, lengths(&mut one).std), (Some(2.0), None));
    }

    #[test]
    fn lengths_are_added_up_by_classes_of_radii() {
        let mut statistics: Statistics = Statistics::default();
        for value in [4.0, 1.5, 19.0, 0.1, 40.0] {
            statistics.add(&row(value));
        }
        statistics.remove(&row(40.0));
        let class = |above, to, branches, length| RadiusClass { above, to, branches, length };
        let expected =
            [class(0.01, 0.02, 1, 0.1), class(0.1, 0.2, 1, 1.5), class(0.2, 0.5, 1, 4.0), class(1.0, 2.0, 1, 19.0)];
        assert_eq!(statistics.snapshot().length_by_radius.unwrap(), expected);
        assert_eq!(Statistics::<Moments>::new(&Columns::skan()).snapshot().length_by_radius, None);
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
            let shelf: Arc<dyn Shelf> = Arc::new(ListShelf::default());
            let mut shelved = Statistics::default().with_shelf(&shelf);
            kept.iter().rev().for_each(|&value| shelved.add(&row(value)));
            prop_assert_eq!(all(&mut shelved), all(&mut straight));
        }
    }
}
