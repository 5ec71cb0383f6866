//! Colours for labels, such that labels that touch have different ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::touching::Touching;

/// The colours of labels, from 0.
///
/// Colours are given by [Brélaz 1979]: next comes the label with the most colours among those that it touches, the one
/// that touches most labels among these, and it gets the first colour that is free. The same labels and pairs have the
/// same colours, in whatever order they were found.
///
/// [Brélaz 1979]: https://doi.org/10.1145/359094.359101
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    of: HashMap<i64, u32>,
    count: u32,
}

impl Colours {
    /// The colours of labels. Takes time in proportion to the pairs, and the logarithm of the labels.
    ///
    /// # Panics
    /// If a pair has a label that is not among them.
    pub fn new(labels: impl IntoIterator<Item = i64>, touching: &Touching) -> Self {
        let mut labels: Vec<i64> = labels.into_iter().collect();
        labels.sort_unstable();
        labels.dedup();
        let place = |label: i64| labels.binary_search(&label).expect("a label of the image");
        let mut near: Vec<Vec<u32>> = vec![Vec::new(); labels.len()];
        for (one, other) in touching.pairs() {
            let (one, other) = (place(one), place(other));
            near[one].push(other as u32);
            near[other].push(one as u32);
        }
        let mut colours = vec![None; labels.len()];
        // Colours that are taken around each label, as sets of bits.
        let mut taken: Vec<Vec<u64>> = vec![Vec::new(); labels.len()];
        let mut saturation = vec![0u32; labels.len()];
        let mut queue: BinaryHeap<(u32, usize, Reverse<usize>)> =
            near.iter().enumerate().map(|(label, near)| (0, near.len(), Reverse(label))).collect();
        let mut count = 0;
        while let Some((at_entry, _, Reverse(label))) = queue.pop() {
            if colours[label].is_some() || at_entry != saturation[label] {
                continue;
            }
            let words = taken[label].iter().chain(std::iter::once(&0));
            let free = words.enumerate().find(|(_, word)| **word != u64::MAX);
            let colour = free.map_or(0, |(place, word)| 64 * place as u32 + word.trailing_ones());
            colours[label] = Some(colour);
            count = count.max(colour + 1);
            for &other in &near[label] {
                let other = other as usize;
                let (word, bit) = (colour as usize / 64, 1 << (colour % 64));
                let taken = &mut taken[other];
                taken.resize(taken.len().max(word + 1), 0);
                if colours[other].is_none() && taken[word] & bit == 0 {
                    saturation[other] += 1;
                    queue.push((saturation[other], near[other].len(), Reverse(other)));
                }
                taken[word] |= bit;
            }
        }
        let of = labels.iter().copied().zip(colours.into_iter().flatten()).collect();
        Colours { of, count }
    }

    /// Number of colours.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The colour of a value; `None` if it is no label.
    pub fn of(&self, label: i64) -> Option<u32> {
        self.of.get(&label).copied()
    }

    /// How many labels have each colour.
    pub fn sizes(&self) -> BTreeMap<u32, usize> {
        let mut colours: Vec<u32> = self.of.values().copied().collect();
        colours.sort_unstable();
        colours.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Voxels;

    proptest! {
        #[test]
        fn labels_that_touch_have_different_colours(values in prop::collection::vec(0i64..40, 5 * 6 * 7)) {
            let mut touching = Touching::default();
            let array = Array3::from_shape_vec([5, 6, 7], values.clone()).unwrap();
            touching.add(&Voxels::I64(array));
            let labels = || values.iter().copied().filter(|&label| label != 0);
            let colours = Colours::new(labels(), &touching);
            prop_assert!(touching.pairs().all(|(one, other)| colours.of(one) != colours.of(other)));
            prop_assert!(labels().all(|label| colours.of(label).is_some_and(|colour| colour < colours.count())));
            prop_assert!(colours.of(0).is_none() && colours.sizes().len() == colours.count() as usize);
            let most = labels().map(|label| touching.pairs().filter(|(a, b)| *a == label || *b == label).count()).max();
            prop_assert!(colours.count() as usize <= most.map_or(0, |most| most + 1));
        }
    }

    #[test]
    fn cubes_that_fill_space_take_eight_colours_and_a_row_two() {
        let cubes = |shape: [usize; 3]| {
            let array = Array3::from_shape_fn(shape, |(z, y, x)| (1 + z / 2 + 10 * (y / 2) + 100 * (x / 2)) as u16);
            let mut touching = Touching::default();
            touching.add(&Voxels::U16(array.clone()));
            Colours::new(array.iter().map(|&label| i64::from(label)), &touching).count()
        };
        assert_eq!([cubes([12; 3]), cubes([1, 1, 20]), cubes([2, 2, 2])], [8, 2, 1]);
    }
}
