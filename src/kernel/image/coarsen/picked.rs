//! Images at half the size, of values that the image has: the largest or the most frequent of each box.

use std::cmp::Ordering;

use ndarray::Array3;

use crate::chunk::{Value, Voxels};

/// The largest of some values. One that is not a number is passed over where there are others.
pub(super) fn largest<T: Value>(values: &mut [T]) -> T {
    let later = |most: T, value: T| value > most || most.partial_cmp(&most).is_none();
    values.iter().copied().reduce(|most, value| if later(most, value) { value } else { most }).unwrap_or_default()
}

/// The most frequent of some values; of several, the largest. So zero, the background, yields to a label that is as
/// frequent. Orders the values.
pub(super) fn most_frequent<T: Value>(values: &mut [T]) -> T {
    values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let runs = values.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0]));
    let most = runs.reduce(|most, run| if run.0 >= most.0 { run } else { most });
    most.map_or_else(T::default, |(_, value)| value)
}

/// Picks one value of each box of `factors` (1 or 2 along each axis) voxels; boxes at the far sides may be smaller.
pub(super) fn picked<T: Value>(array: &Array3<T>, factors: [usize; 3], pick: impl Fn(&mut [T]) -> T) -> Voxels {
    let array = array.as_standard_layout();
    let (depth, height, width) = array.dim();
    let values = array.as_slice().unwrap_or_default();
    let shape = [depth.div_ceil(factors[0]), height.div_ceil(factors[1]), width.div_ceil(factors[2])];
    let along = |i: usize, factor: usize, length: usize| i * factor..((i + 1) * factor).min(length);
    let mut chosen = Vec::with_capacity(shape.iter().product());
    for z in 0..shape[0] {
        for y in 0..shape[1] {
            let (planes, lines) = (along(z, factors[0], depth), along(y, factors[1], height));
            let mut rows = [0; 4];
            let mut count = 0;
            for row in planes.flat_map(|z| lines.clone().map(move |y| (z * height + y) * width)) {
                rows[count] = row;
                count += 1;
            }
            let rows = &rows[..count];
            for x in 0..shape[2] {
                let (mut of_box, mut filled) = ([T::default(); 8], 0);
                for row in rows {
                    for x in along(x, factors[2], width) {
                        of_box[filled] = values[row + x];
                        filled += 1;
                    }
                }
                let same = of_box[1..filled].iter().all(|value| *value == of_box[0]);
                chosen.push(if same { of_box[0] } else { pick(&mut of_box[..filled]) });
            }
        }
    }
    T::wrap(Array3::from_shape_vec(shape, chosen).expect("a value for every box"))
}

#[cfg(test)]
mod tests {
    use super::super::{Downsample, coarsen, factors};
    use super::*;

    #[test]
    fn lines_stay_by_the_largest_value_and_labels_are_those_that_are_there() {
        let line = Array3::from_shape_fn((5, 6, 7), |(z, y, x)| u8::from(z == y && x == 3));
        let coarse = coarsen(&Voxels::U8(line), [2; 3], Downsample::Max);
        let Voxels::U8(coarse) = coarse else { panic!("the same type") };
        let set: Vec<_> = coarse.indexed_iter().filter(|(_, value)| **value == 1).map(|(at, _)| at).collect();
        assert_eq!(set, [(0, 0, 1), (1, 1, 1), (2, 2, 1)]);
        let labels = ndarray::array![[[7u16, 0, 9, 9, 0], [7, 0, 3, 0, 0]], [[0, 0, 3, 0, 5], [0, 0, 3, 0, 0]]];
        let coarse = coarsen(&Voxels::U16(labels.clone()), [2; 3], Downsample::Mode);
        assert_eq!(coarse, Voxels::U16(ndarray::array![[[0, 3, 0]]]));
        assert_eq!(coarsen(&Voxels::U16(labels), [1, 2, 2], Downsample::Mode), {
            Voxels::U16(ndarray::array![[[7, 9, 0]], [[0, 3, 5]]])
        });
    }

    #[test]
    fn each_box_has_the_largest_and_the_most_frequent_of_its_own_values() {
        for shape in [[1, 1, 1], [1, 4, 6], [1, 5, 7], [3, 4, 5], [2, 1, 9], [5, 6, 1]] {
            let array = Array3::from_shape_fn(shape, |(z, y, x)| (7 * z + 5 * y * y + 3 * x) as i32 % 4 - 1);
            let by = factors(shape);
            let of_box = |at: (usize, usize, usize)| -> Vec<i32> {
                let inside = array.indexed_iter().filter(|((z, y, x), _)| (z / by[0], y / by[1], x / by[2]) == at);
                inside.map(|(_, &value)| value).collect()
            };
            let coarse: [usize; 3] = std::array::from_fn(|a| shape[a].div_ceil(by[a]));
            let largest = Array3::from_shape_fn(coarse, |at| *of_box(at).iter().max().unwrap());
            let frequent = Array3::from_shape_fn(coarse, |at| {
                let values = of_box(at);
                *values.iter().max_by_key(|v| (values.iter().filter(|other| other == v).count(), **v)).unwrap()
            });
            let image = Voxels::I32(array.clone());
            assert_eq!(coarsen(&image, by, Downsample::Max), Voxels::I32(largest), "{shape:?}");
            assert_eq!(coarsen(&image, by, Downsample::Mode), Voxels::I32(frequent), "{shape:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_passed_over() {
        let row = ndarray::array![[[f32::NAN, 2.0, 3.0, f32::NAN, f32::NAN, f32::NAN]]];
        let Voxels::F32(coarse) = coarsen(&Voxels::F32(row), [1, 1, 2], Downsample::Max) else { panic!("floats") };
        assert_eq!(coarse[[0, 0, 0]], 2.0);
        assert_eq!(coarse[[0, 0, 1]], 3.0);
        assert!(coarse[[0, 0, 2]].is_nan());
    }
}
