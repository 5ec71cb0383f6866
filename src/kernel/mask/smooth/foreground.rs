//! The foreground after smoothing, without the exact smoothed values of all voxels.
//!
//! Morally the foreground is the voxels whose exact sums (see [`smooth`](super)) pass a threshold. Sums in `f32` take
//! half the time and are close to the exact ones, so only rows with a sum next to the bound are summed exactly. Rows
//! that are dark regardless of the sums along x are not summed at all: the sums along z and y of each row's largest
//! value are not below any sum of the row, because weights are positive and add up to one.
//!
//! The error: let u = 2⁻²⁴, let r be the radius along an axis, and let all values have one sign. A sum in `f32` along
//! that axis consists of products of values and rounded weights, with r additions and one addition in each pair: its
//! relative error is at most (r + 3) u. The exact sum is rounded once for each axis, after arithmetic in `f64` whose
//! errors are negligible here. So over three axes, where R is the sum of their radii, the relative difference of the
//! two is at most e = (R + 13) u, including terms of second order; the same holds for a row's sums and their bound. If
//! values have both signs, the difference is relative to the weighted sum of magnitudes, which is at most the largest
//! magnitude. [`Margin`] leaves more than twice as much room on either side.

use ndarray::ArrayView3;

use super::Gaussian;
use super::sums::Taps;
use crate::chunk::{Dtype, Value};
use crate::kernel::image::largest::{larger, largest};
use crate::kernel::mask::threshold::Threshold;
use crate::space::Region;

/// Largest bound and magnitude for sums in `f32`, so that they cannot overflow.
const LARGEST: f32 = 1e30;

/// The range in which a sum in `f32` does not decide whether the exact sum is above a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Margin {
    /// Up to here the exact sum is not above the bound.
    low: f32,
    /// Beyond here the exact sum is above the bound.
    high: f32,
}

impl Margin {
    /// The margin around a bound for the values of a box; `None` if sums in `f32` cannot be used. `reach` is the sum of
    /// the radii along the axes.
    fn new<T: Value>(values: &[T], bound: f32, reach: usize) -> Option<Margin> {
        let error = (reach + 13) as f32 / (1 << 24) as f32;
        let margin = match T::DTYPE {
            // Sums do not underflow in `f32`: a sum is zero, or at least the product of three weights.
            Dtype::Bool | Dtype::U8 | Dtype::U16 | Dtype::U32 => 2.25 * error * bound.abs(),
            _ => 2.25 * error * largest_magnitude(values).max(bound.abs()) + f32::MIN_POSITIVE,
        };
        (bound.abs() <= LARGEST && margin <= LARGEST).then_some(Margin { low: bound - margin, high: bound + margin })
    }
}

impl Gaussian {
    /// Calls `see` with the place (z, y) and the packed foreground of rows of the box `own`, each once, in an
    /// unspecified order: the voxels whose smoothed values pass a threshold. Omitted rows have none.
    ///
    /// The arguments are those of [`Gaussian::smooth`]; bits are packed as by [`Threshold::pack_row`]. Takes two thirds
    /// of the time of smoothing if values are on both sides of the bound everywhere, less if most are below, and the
    /// same time if the threshold has no bound.
    ///
    /// # Panics
    /// As [`Gaussian::smooth`].
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
        if let Some(margin) = threshold.single().and_then(|bound| Margin::new(values, bound, reach)) {
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

    /// For each own row an upper bound of its sums, up to errors of rounding.
    fn row_bounds<T: Value>(&mut self, values: &[T], [_, height, width]: [usize; 3], taps: &[Taps; 3]) -> Vec<f32> {
        let largest: Vec<f32> = values.chunks_exact(width).map(largest_of).collect();
        self.close.of_picture(&largest, [&taps[0], &taps[1]], height)
    }
}

/// Whether a value of a row is above `low` and at most `high`.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn between(row: &[f32], low: f32, high: f32) -> bool {
    row.iter().fold(false, |found, &value| found | ((value > low) & (value <= high)))
}

/// The largest value of a row that is not empty.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn largest_of<T: Value>(row: &[T]) -> f32 {
    largest(row).to_f32()
}

/// The largest magnitude of the values.
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

    /// Checks that the foreground of all chunks agrees with the exact sums, for bounds that are such sums or next to
    /// one.
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
            // Half of the image has one value.
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
