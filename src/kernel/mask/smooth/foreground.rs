//! Which voxels are above a bound after smoothing, or not above it, without the exact smoothed values of all of them.
//!
//! Plainly: the voxels whose exact sums (see [`smooth`](super)) a threshold makes foreground. Sums in `f32` take half the time and
//! are close to the exact ones, so only rows with a sum next to the bound are summed exactly. And rows that are dark
//! whatever happens along x are not summed at all: the sums along z and y of each row's largest value are not below any
//! sum of the row, because weights are positive and add up to one.
//!
//! How close: let u = 2⁻²⁴, r the radius along an axis, and all values of one sign. A sum in `f32` along that axis is made
//! of products of values and rounded weights, with r additions and one of a pair: it is within (r + 3) u, as a part of it,
//! of the sum in real numbers. The exact sum is rounded once an axis, after arithmetic in `f64` whose errors do not count
//! here. So over three axes, R the sum of their radii, the two are within e = (R + 13) u of each other, terms of second
//! order included; so are a row's sums and what bounds them. Where values have both signs, the same holds as a part of the
//! sum of magnitudes, which is no more than the largest of them. [`Margin`] leaves more than twice as much room on either
//! side.

use ndarray::ArrayView3;

use super::Gaussian;
use super::sums::Taps;
use crate::chunk::{Dtype, Value};
use crate::kernel::image::largest::{larger, largest};
use crate::kernel::mask::threshold::Threshold;
use crate::space::Region;

/// Bounds and magnitudes beyond this are left to exact sums: `f32` must not overflow on the way.
const LARGEST: f32 = 1e30;

/// The numbers between which a sum in `f32` does not tell whether the exact one is above a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Margin {
    /// Up to here it is not.
    low: f32,
    /// Beyond here it is.
    high: f32,
}

impl Margin {
    /// The margin around a bound for values of a box, or `None` if sums in `f32` say nothing. `reach` is the sum of the
    /// radii along the axes.
    fn new<T: Value>(values: &[T], bound: f32, reach: usize) -> Option<Margin> {
        let error = (reach + 13) as f32 / (1 << 24) as f32;
        let margin = match T::DTYPE {
            // Nothing is too small for `f32`: a sum is zero, or no less than the product of three weights.
            Dtype::Bool | Dtype::U8 | Dtype::U16 | Dtype::U32 => 2.25 * error * bound.abs(),
            _ => 2.25 * error * largest_magnitude(values).max(bound.abs()) + f32::MIN_POSITIVE,
        };
        (bound.abs() <= LARGEST && margin <= LARGEST).then_some(Margin { low: bound - margin, high: bound + margin })
    }
}

impl Gaussian {
    /// Calls `see` with the place (z, y) and the packed foreground of rows of the box `own`, each once, in no order: the
    /// voxels that a threshold makes foreground by their smoothed values. Rows that are left out have none.
    ///
    /// What is given is as for [`Gaussian::smooth`]; bits are packed as [`Threshold::pack_row`] does. Takes less time than
    /// smoothing does: two thirds where values are on both sides of the bound everywhere, less where most are below; as
    /// long where the threshold has no bound.
    ///
    /// # Panics
    /// If the boxes are not nested as said.
    pub fn foreground<T: Value>(
        &mut self,
        padded: ArrayView3<'_, T>,
        padded_region: &Region,
        own: &Region,
        bounds: &Region,
        threshold: Threshold,
        mut see: impl FnMut([usize; 2], &[u64]),
    ) {
        self.check(padded_region, own, bounds, padded.shape());
        if own.is_empty() {
            return;
        }
        let taps = self.taps(padded_region, own, bounds);
        let [depth, height, width] = own.shape();
        let mut words = vec![0; width.div_ceil(64)];
        let mut doubtful = vec![true; depth * height];
        let values = padded.as_standard_layout();
        let (values, shape) = (values.as_slice().expect("standard layout is contiguous"), padded_region.shape());
        let reach = self.depth().iter().sum();
        if let Some(margin) = threshold.bound().and_then(|bound| Margin::new(values, bound as f32, reach)) {
            let wanted: Vec<bool> =
                self.row_bounds(values, shape, &taps).into_iter().map(|most| most > margin.low).collect();
            if let Threshold::AtMost(_) = threshold {
                let row = vec![f32::NEG_INFINITY; width];
                threshold.pack_row(&row, &mut words);
                let dark = (0..depth * height).filter(|&row| !wanted[row]);
                dark.for_each(|row| see([row / height, row % height], &words));
            }
            doubtful.fill(false);
            self.close.each_row(values, shape, &taps, &wanted, |[z, y], row| {
                if between(row, margin.low, margin.high) {
                    doubtful[z * height + y] = true;
                } else {
                    threshold.pack_row(row, &mut words);
                    see([z, y], &words);
                }
            });
        }
        if doubtful.contains(&true) {
            self.exact.each_row(values, shape, &taps, &doubtful, |place, row| {
                threshold.pack_row(row, &mut words);
                see(place, &words);
            });
        }
    }

    /// For each own row a number that none of its sums exceeds by more than errors of rounding.
    fn row_bounds<T: Value>(&mut self, values: &[T], [_, height, width]: [usize; 3], taps: &[Taps; 3]) -> Vec<f32> {
        let largest: Vec<f32> = values.chunks_exact(width).map(largest_of).collect();
        self.close.of_picture(&largest, [&taps[0], &taps[1]], height)
    }
}

/// Whether a value of a row lies between two numbers, the second one included.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn between(row: &[f32], low: f32, high: f32) -> bool {
    row.iter().fold(false, |found, &value| found | ((value > low) & (value <= high)))
}

/// The largest value of a row that is not empty.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn largest_of<T: Value>(row: &[T]) -> f32 {
    largest(row).to_f32()
}

/// The largest magnitude of some values.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn largest_magnitude<T: Value>(values: &[T]) -> f32 {
    let (whole, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0f32; 16];
    for values in whole {
        for i in 0..16 {
            lanes[i] = larger(values[i].to_f32().abs(), lanes[i]);
        }
    }
    rest.iter().map(|value| value.to_f32().abs()).chain(lanes).fold(0.0, larger)
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;
    use crate::grid::Grid;

    /// Whether the foreground of all chunks is what the exact sums say, for bounds that are such sums or next to one.
    fn check<T: Value>(image: &Array3<T>, sigma: [f64; 3], chunk: [usize; 3], pick: usize) {
        let bounds = Region::of_shape(image.dim().into());
        let mut gaussian = Gaussian::new(sigma).unwrap();
        let exact = gaussian.smooth(image.view(), &bounds, &bounds, &bounds);
        let one = exact.as_slice().unwrap()[pick % exact.len()];
        for bound in [one, one.next_up(), one.next_down(), one * 1.1, one - 0.5, 0.0] {
            let [above, at_most] = [Threshold::Above, Threshold::AtMost].map(|side| {
                let mut found = Array3::from_elem(exact.dim(), false);
                let grid = Grid::new(bounds, chunk);
                for own in grid.chunks().map(|id| grid.region(id)) {
                    let region = own.dilated(gaussian.depth()).intersection(&bounds);
                    let [z, y, x] = std::array::from_fn(|a| region.min[a] as isize..region.max[a] as isize);
                    let padded = image.slice(ndarray::s![z, y, x]);
                    let mut rows = vec![0; own.shape()[0] * own.shape()[1]];
                    gaussian.foreground(padded, &region, &own, &bounds, side(f64::from(bound)), |[z, y], words| {
                        rows[z * own.shape()[1] + y] += 1;
                        for x in 0..own.shape()[2] {
                            let place = std::array::from_fn(|a| own.min[a] as usize + [z, y, x][a]);
                            found[place] = words[x / 64] >> (x % 64) & 1 == 1;
                        }
                    });
                    assert!(rows.iter().all(|&times| times <= 1), "a row is told twice");
                }
                found
            });
            let expected = exact.mapv(|value| value > bound);
            assert_eq!(above, expected, "{:?} above {bound} after smoothing by {sigma:?}", T::DTYPE);
            assert_eq!(at_most, expected.mapv(|above| !above), "{:?} up to {bound} after {sigma:?}", T::DTYPE);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn foreground_is_what_exact_sums_say(
            shape in prop::array::uniform3(1usize..20),
            chunk in prop::array::uniform3(1usize..20),
            sigma in prop::array::uniform3(prop_oneof![3 => 0.1..2.5f64, 1 => Just(0.0)]),
            dimensions in 2usize..4,
            levels in prop_oneof![Just(2u64), Just(50), Just(65536)],
            seed in any::<u64>(),
            pick in any::<usize>(),
        ) {
            let planar = dimensions == 2;
            let (shape, sigma) = if planar { ([1, shape[1], 8 * shape[2]], [0.0, sigma[1], sigma[2]]) } else { (shape, sigma) };
            prop_assume!(sigma != [0.0; 3]);
            let mut state = seed;
            // Half of the image is of one value.
            let image = Array3::from_shape_fn(shape, |(_, y, _)| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if 2 * y < shape[1] { levels / 2 } else { (state >> 40) % levels }
            });
            check(&image.mapv(|v| v as u16), sigma, chunk, pick);
            check(&image.mapv(|v| v as u8), sigma, chunk, pick);
            check(&image.mapv(|v| v % 2 == 1), sigma, chunk, pick);
            check(&image.mapv(|v| (v as u32) << 16), sigma, chunk, pick);
            check(&image.mapv(|v| (v as i32 - levels as i32 / 2) as i16), sigma, chunk, pick);
            check(&image.mapv(|v| v as f32 - levels as f32 / 2.0), sigma, chunk, pick);
            check(&image.mapv(|v| (v as f64 - levels as f64 / 2.0) * 1e-42), sigma, chunk, pick);
            check(&image.mapv(|v| (v as f64 - levels as f64 / 2.0) * 1e33), sigma, chunk, pick);
        }
    }

    #[test]
    fn values_that_f32_cannot_sum_are_summed_exactly() {
        for value in [f32::MAX, f32::INFINITY] {
            assert_eq!(Margin::new(&[1.0, value], 1.0, 12), None);
        }
        assert_eq!(Margin::new(&[1.0f32], f32::INFINITY, 12), None);
        assert!(Margin::new(&[u32::MAX], 1e9, 12).is_some());
    }

    #[test]
    fn rows_that_are_dark_are_not_told() {
        let image = Array3::from_shape_fn((9, 9, 70), |(z, y, _)| if z == 8 && y == 8 { 1000u16 } else { 3 });
        let bounds = Region::of_shape([9, 9, 70]);
        let mut gaussian = Gaussian::new([0.5; 3]).unwrap();
        let mut tell = |threshold| {
            let mut told = Vec::new();
            gaussian.foreground(image.view(), &bounds, &bounds, &bounds, threshold, |place, words| {
                told.push((place, words.to_vec()));
            });
            told
        };
        assert_eq!(tell(Threshold::Above(500.0)), [([8, 8], vec![u64::MAX, 63])]);
        assert_eq!(tell(Threshold::AtMost(500.0)).len(), 81);
    }
}
