//! A box of labels as runs of equal values.

use std::collections::HashMap;

use ndarray::{Array3, ArrayView3};

use crate::chunk::{Value, Voxels};
use crate::space::{Position, Region};
use crate::with_voxels;

/// Length of the parts of a row that are compared with a label at once.
const LANES: usize = 16;

/// Voxels of one label in a row of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The label. Unsigned ones of 64 bits have the same bits.
    pub label: i64,
    /// The first column of the run.
    pub start: u32,
    /// The column after its last one.
    pub end: u32,
}

/// Appends the runs of a row of values.
pub fn runs_of_row<V: Value>(row: &[V], runs: &mut Vec<Run>) {
    let mut start = 0;
    while let Some(&value) = row.get(start) {
        let mut end = start + 1;
        while row[end..].len() >= LANES && row[end..end + LANES].iter().fold(true, |same, v| same & (*v == value)) {
            end += LANES;
        }
        end += row[end..].iter().take_while(|v| **v == value).count();
        runs.push(Run { label: value.to_i64(), start: start as u32, end: end as u32 });
        start = end;
    }
}

/// The labels of a box, of a chunk as a rule, as runs in C order, which go on over the ends of rows.
///
/// Holds 4 bytes for each run (6 where there are more than 2^16 labels), and 16 for each label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRuns {
    region: Region,
    /// The values in the box, in the order of their first voxels.
    labels: Vec<i64>,
    /// The number of voxels of each.
    counts: Vec<u64>,
    /// The place in `labels` of every run.
    places: Places,
    /// Its number of voxels, less one.
    lengths: Vec<u16>,
}

/// Places in a list, in as few bytes as the list allows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Places {
    Few(Vec<u16>),
    Many(Vec<u32>),
}

impl Places {
    fn push(&mut self, place: u32) {
        match self {
            Places::Few(few) => match u16::try_from(place) {
                Ok(place) => few.push(place),
                Err(_) => {
                    let many = few.iter().map(|&place| u32::from(place)).chain([place]).collect();
                    *self = Places::Many(many);
                }
            },
            Places::Many(many) => many.push(place),
        }
    }

    fn last(&self) -> Option<u32> {
        match self {
            Places::Few(few) => few.last().map(|&place| u32::from(place)),
            Places::Many(many) => many.last().copied(),
        }
    }

    fn get(&self, at: usize) -> usize {
        match self {
            Places::Few(few) => usize::from(few[at]),
            Places::Many(many) => many[at] as usize,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Places::Few(few) => few.len() * size_of::<u16>(),
            Places::Many(many) => many.len() * size_of::<u32>(),
        }
    }
}

impl LabelRuns {
    /// The runs of the values of a box. `voxels` are those of `around`, which encloses it.
    ///
    /// # Panics
    /// If the box reaches outside of its surroundings.
    pub fn new(voxels: &Voxels, around: &Region, region: Region) -> Self {
        let mut found = LabelRuns {
            region,
            labels: Vec::new(),
            counts: Vec::new(),
            places: Places::Few(Vec::new()),
            lengths: Vec::new(),
        };
        let part: [std::ops::Range<usize>; 3] =
            std::array::from_fn(|a| (region.min[a] - around.min[a]) as usize..(region.max[a] - around.min[a]) as usize);
        with_voxels!(voxels, array => found.take(array.slice(ndarray::s![part[0].clone(), part[1].clone(), part[2].clone()])));
        found.lengths.shrink_to_fit();
        found
    }

    fn take<V: Value>(&mut self, values: ArrayView3<'_, V>) {
        let mut places: HashMap<i64, u32> = HashMap::new();
        let (mut row_runs, mut copied) = (Vec::new(), Vec::new());
        // Neighbouring rows have the same few labels.
        let mut last: Option<(i64, u32)> = None;
        for row in values.rows() {
            let row = match row.to_slice() {
                Some(row) => row,
                None => {
                    copied.clear();
                    copied.extend(row.iter().copied());
                    &copied[..]
                }
            };
            row_runs.clear();
            runs_of_row(row, &mut row_runs);
            for run in &row_runs {
                let place = match last {
                    Some((label, place)) if label == run.label => place,
                    _ => *places.entry(run.label).or_insert_with(|| {
                        self.labels.push(run.label);
                        self.counts.push(0);
                        self.labels.len() as u32 - 1
                    }),
                };
                last = Some((run.label, place));
                let length = run.end - run.start;
                self.counts[place as usize] += u64::from(length);
                self.push(place, length);
            }
        }
    }

    /// Appends voxels of a label to the runs.
    fn push(&mut self, place: u32, mut length: u32) {
        if self.places.last() == Some(place)
            && let Some(more) = self.lengths.last_mut()
        {
            let taken = length.min(u32::from(u16::MAX - *more));
            *more += taken as u16;
            length -= taken;
        }
        while length > 0 {
            let taken = length.min(1 << 16);
            self.places.push(place);
            self.lengths.push((taken - 1) as u16);
            length -= taken;
        }
    }

    /// The box.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The values in the box, and how many voxels have each.
    pub fn counts(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.labels.iter().copied().zip(self.counts.iter().copied())
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.places.bytes() + self.lengths.len() * size_of::<u16>() + self.labels.len() * 16
    }

    /// Whether each voxel has one of the values for which `is_in` holds.
    pub fn select(&self, is_in: impl Fn(i64) -> bool) -> Array3<bool> {
        let chosen: Vec<bool> = self.labels.iter().map(|&label| is_in(label)).collect();
        let mut values = vec![false; self.region.volume()];
        let mut at = 0;
        for (run, &more) in self.lengths.iter().enumerate() {
            let end = at + usize::from(more) + 1;
            if chosen[self.places.get(run)] {
                values[at..end].fill(true);
            }
            at = end;
        }
        Array3::from_shape_vec(self.region.shape(), values).expect("as many values as voxels")
    }

    /// The values at voxels of the box in raster order.
    ///
    /// # Panics
    /// If a voxel lies outside, or voxels are not in order.
    pub fn at(&self, voxels: impl IntoIterator<Item = Position>) -> Vec<i64> {
        let mut runs = self.lengths.iter().enumerate();
        let [_, height, width] = self.region.shape();
        let (mut found, mut end, mut label) = (Vec::new(), 0, 0);
        for position in voxels {
            assert!(self.region.contains(position), "a voxel of the box");
            let [z, y, x]: [usize; 3] = std::array::from_fn(|a| (position[a] - self.region.min[a]) as usize);
            let place = (z * height + y) * width + x;
            while end <= place {
                let (run, &more) = runs.next().expect("runs fill the box");
                (label, end) = (self.labels[self.places.get(run)], end + usize::from(more) + 1);
            }
            found.push(label);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_the_values(
            values in prop::collection::vec(prop_oneof![Just(0i64), Just(7), Just(i64::MIN), -3..3i64], 4 * 5 * 40),
            min in prop::array::uniform3(0i64..3),
            repeated in 1usize..30,
        ) {
            let array = Array3::from_shape_fn([4, 5, 40], |(z, y, x)| values[((z * 5 + y) * 40 + x) / repeated]);
            let (around, region) = (Region::of_shape([4, 5, 40]), Region::new(min, [4, 5, 37]));
            let runs = LabelRuns::new(&Voxels::I64(array.clone()), &around, region);
            let at = |[z, y, x]: Position| array[[z as usize, y as usize, x as usize]];
            let positions = || {
                let [z, y, x] = [0, 1, 2].map(|a| region.min[a]..region.max[a]);
                z.flat_map(move |z| { let x = x.clone(); y.clone().flat_map(move |y| x.clone().map(move |x| [z, y, x])) })
            };
            let mut counts = BTreeMap::new();
            positions().for_each(|position| *counts.entry(at(position)).or_insert(0) += 1);
            prop_assert_eq!(runs.counts().collect::<BTreeMap<_, _>>(), counts);
            let few: Vec<Position> = positions().step_by(7).collect();
            prop_assert_eq!(runs.at(few.iter().copied()), few.iter().map(|&p| at(p)).collect::<Vec<_>>());
            let selected = runs.select(|label| label == 7 || label < 0);
            let expected: Vec<bool> = positions().map(|p| at(p) == 7 || at(p) < 0).collect();
            prop_assert_eq!(selected.iter().copied().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_long_run_is_several() {
        let region = Region::of_shape([3, 300, 300]);
        let runs = LabelRuns::new(&Voxels::U8(Array3::from_elem([3, 300, 300], 9)), &region, region);
        assert!(runs.bytes() < 100);
        assert!(runs.select(|label| label == 9).iter().all(|&set| set));
        assert_eq!(runs.at([[2, 299, 299]]), [9]);
    }

    #[test]
    fn a_box_may_have_a_label_for_every_voxel() {
        let region = Region::of_shape([1, 300, 300]);
        let values = Array3::from_shape_fn([1, 300, 300], |(_, y, x)| (300 * y + x) as u32);
        let runs = LabelRuns::new(&Voxels::U32(values), &region, region);
        assert_eq!(runs.counts().count(), 90_000);
        assert_eq!(runs.at([[0, 0, 0], [0, 299, 298], [0, 299, 299]]), [0, 89_998, 89_999]);
        assert_eq!(runs.select(|label| label > 70_000).iter().filter(|set| **set).count(), 19_999);
    }
}
