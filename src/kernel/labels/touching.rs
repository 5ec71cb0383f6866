//! Which labels touch.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::runs::{Run, runs_of_row};
use crate::chunk::{Value, Voxels};
use crate::with_voxels;

/// Number of pairs that are remembered to be known.
const REMEMBERED: usize = 1 << 12;

/// Labels that touch each other: pairs of values other than 0 of two voxels that are neighbours, 26 in 3-D and 8 in 2-D.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touching {
    pairs: BTreeSet<(i64, i64)>,
    /// Pairs that were added lately, by a hash.
    #[serde(skip)]
    remembered: Vec<(i64, i64)>,
}

impl Touching {
    /// The pairs, the lesser label first, in order.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (i64, i64)> + '_ {
        self.pairs.iter().copied()
    }

    /// Adds the pairs of others.
    pub fn merge(&mut self, other: &Touching) {
        self.pairs.extend(&other.pairs);
    }

    /// Adds the pairs of a box of values.
    ///
    /// Rows are made runs first, and then runs of neighbouring rows that overlap, or are one column apart, touch. So it
    /// takes time in proportion to the voxels, little for each, and to the runs.
    pub fn add(&mut self, voxels: &Voxels) {
        self.remembered.resize(REMEMBERED, (0, 0));
        let [depth, height, _] = voxels.shape();
        let (mut before, mut plane): (Vec<Vec<Run>>, Vec<Vec<Run>>) = (Vec::new(), Vec::new());
        for z in 0..depth {
            with_voxels!(voxels, array => rows_of(array.index_axis(ndarray::Axis(0), z), &mut plane));
            for y in 0..height {
                self.add_row(&plane[y]);
                if y > 0 {
                    self.add_rows(&plane[y - 1], &plane[y]);
                }
                for other in before.iter().take((y + 2).min(height)).skip(y.saturating_sub(1)) {
                    self.add_rows(other, &plane[y]);
                }
            }
            std::mem::swap(&mut before, &mut plane);
        }
    }

    /// Adds the pairs within a row.
    fn add_row(&mut self, row: &[Run]) {
        for pair in row.windows(2).filter(|pair| pair[0].end == pair[1].start) {
            self.insert(pair[0].label, pair[1].label);
        }
    }

    /// Adds the pairs between two rows that are neighbours.
    fn add_rows(&mut self, one: &[Run], other: &[Run]) {
        let mut first = 0;
        for run in one {
            while other.get(first).is_some_and(|other| other.end < run.start) {
                first += 1;
            }
            for near in other[first..].iter().take_while(|near| near.start <= run.end) {
                if near.label != run.label {
                    self.insert(run.label, near.label);
                }
            }
        }
    }

    fn insert(&mut self, one: i64, other: i64) {
        let pair = (one.min(other), one.max(other));
        let mixed = (pair.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (pair.1 as u64).rotate_left(32);
        let place = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % REMEMBERED;
        if self.remembered[place] != pair {
            self.remembered[place] = pair;
            self.pairs.insert(pair);
        }
    }
}

/// The runs of labels in the rows of a plane, background left out.
fn rows_of<V: Value>(plane: ArrayView2<'_, V>, rows: &mut Vec<Vec<Run>>) {
    rows.resize_with(plane.nrows(), Vec::new);
    let mut copied = Vec::new();
    for (row, runs) in plane.rows().into_iter().zip(rows) {
        runs.clear();
        match row.to_slice() {
            Some(row) => runs_of_row(row, runs),
            None => {
                copied.clear();
                copied.extend(row.iter().copied());
                runs_of_row(&copied, runs);
            }
        }
        runs.retain(|run| run.label != 0);
    }
}

/// What is found out about the labels of an image, part by part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The voxels of each label that count: those inside a region of interest, where there is one.
    pub voxels: BTreeMap<i64, u64>,
    /// All labels that touch, wherever they do.
    pub touching: Touching,
}

impl Census {
    /// Adds what was found in another part.
    pub fn merge(&mut self, other: &Census) {
        for (&label, voxels) in &other.voxels {
            *self.voxels.entry(label).or_default() += voxels;
        }
        self.touching.merge(&other.touching);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn labels_touch_where_two_of_their_voxels_are_neighbours(
            values in prop::collection::vec(prop_oneof![3 => Just(0i64), 4 => 1..6i64, 1 => Just(i64::MIN)], 4 * 5 * 40),
            depth in 1usize..5,
            repeated in 1usize..4,
        ) {
            let shape = [depth, 5, 40];
            let array = Array3::from_shape_fn(shape, |(z, y, x)| values[(z * 5 + y) * 40 + x / repeated]);
            let mut expected = BTreeSet::new();
            for ((z, y, x), &one) in array.indexed_iter() {
                for (dz, dy, dx) in (0..27).map(|n| (n / 9, n / 3 % 3, n % 3)) {
                    let other = array.get([(z + dz).wrapping_sub(1), (y + dy).wrapping_sub(1), (x + dx).wrapping_sub(1)]);
                    if let Some(&other) = other.filter(|&&other| other != one && other != 0 && one != 0) {
                        expected.insert((one.min(other), one.max(other)));
                    }
                }
            }
            let mut touching = Touching::default();
            touching.add(&Voxels::I64(array));
            prop_assert_eq!(touching.pairs().collect::<BTreeSet<_>>(), expected);
        }
    }
}
