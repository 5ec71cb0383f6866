//! Images at half the size: one value for each pair of voxels along each axis.

mod picked;

use std::ops::AddAssign;

use ndarray::Array3;

use self::picked::{largest, most_frequent, picked};
use crate::chunk::{Value, Voxels};
use crate::with_voxels;

/// How one voxel of a coarser image is made of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Downsample {
    /// Their mean: for intensities.
    #[default]
    Mean,
    /// The largest: for masks and skeletons, whose thin lines a mean erases.
    Max,
    /// The most frequent; of several, the largest: for labels, of which a mean is none.
    Mode,
}

impl Downsample {
    /// Its name, as in the metadata of OME-Zarr images: `mean`, `max`, `mode`.
    pub const fn name(self) -> &'static str {
        match self {
            Downsample::Mean => "mean",
            Downsample::Max => "max",
            Downsample::Mode => "mode",
        }
    }
}

/// The factor for each axis of an image of this shape: 2, or 1 for an axis of one voxel.
#[must_use]
pub fn factors(shape: [usize; 3]) -> [usize; 3] {
    shape.map(|n| if n > 1 { 2 } else { 1 })
}

/// One value for each box of `factors` (1 or 2 along each axis) voxels, in the type of the image; boxes at the far sides
/// may be smaller. Means of integers are rounded, halves upwards; means of bools are true from a half on. Takes one
/// pass over the voxels.
#[must_use]
pub fn coarsen(voxels: &Voxels, factors: [usize; 3], how: Downsample) -> Voxels {
    match how {
        Downsample::Mean => means_of(voxels, factors),
        Downsample::Max => with_voxels!(voxels, array => picked(array, factors, largest)),
        Downsample::Mode => with_voxels!(voxels, array => picked(array, factors, most_frequent)),
    }
}

fn means_of(voxels: &Voxels, factors: [usize; 3]) -> Voxels {
    /// The mean of 2^`shift` integers from their sum.
    macro_rules! rounded {
        ($sum:expr, $shift:expr) => {
            ($sum + (1 << $shift >> 1)) >> $shift
        };
    }
    macro_rules! exact {
        ($sum:expr, $shift:expr) => {
            $sum / f64::from(1u32 << $shift)
        };
    }
    match voxels {
        Voxels::Bool(a) => means(a, factors, i32::from, |sum, shift| rounded!(sum, shift) != 0),
        Voxels::U8(a) => means(a, factors, i32::from, |sum, shift| rounded!(sum, shift) as u8),
        Voxels::U16(a) => means(a, factors, i32::from, |sum, shift| rounded!(sum, shift) as u16),
        Voxels::I16(a) => means(a, factors, i32::from, |sum, shift| rounded!(sum, shift) as i16),
        Voxels::U32(a) => means(a, factors, i64::from, |sum, shift| rounded!(sum, shift) as u32),
        Voxels::I32(a) => means(a, factors, i64::from, |sum, shift| rounded!(sum, shift) as i32),
        // Each value is at most 2^53, so no sum of eight overflows.
        Voxels::I64(a) => means(a, factors, |v| v, |sum, shift| rounded!(sum, shift)),
        Voxels::F32(a) => means(a, factors, f64::from, |sum, shift| exact!(sum, shift) as f32),
        Voxels::F64(a) => means(a, factors, |v| v, |sum, shift| exact!(sum, shift)),
    }
}

/// Computes sums of rows first, then their means. `mean` gets a sum and the binary logarithm of its number of voxels.
fn means<T: Value, S: Copy + Default + AddAssign>(
    array: &Array3<T>,
    factors: [usize; 3],
    widen: impl Fn(T) -> S,
    mean: impl Fn(S, u32) -> T,
) -> Voxels {
    let array = array.as_standard_layout();
    let (depth, height, width) = array.dim();
    let values = array.as_slice().unwrap_or_default();
    let shape = [depth.div_ceil(factors[0]), height.div_ceil(factors[1]), width.div_ceil(factors[2])];
    let mut means = Vec::with_capacity(shape.iter().product());
    let mut sums = vec![S::default(); shape[2]];
    let along = |i: usize, factor: usize, length: usize| i * factor..((i + 1) * factor).min(length);
    for z in 0..shape[0] {
        for y in 0..shape[1] {
            let (planes, lines) = (along(z, factors[0], depth), along(y, factors[1], height));
            let shift = planes.len().ilog2() + lines.len().ilog2();
            sums.fill(S::default());
            for row in planes.flat_map(|z| lines.clone().map(move |y| (z * height + y) * width)) {
                let row = &values[row..row + width];
                if factors[2] == 1 {
                    sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += widen(v));
                } else {
                    let pairs = row.chunks_exact(2);
                    if let (Some(sum), [last]) = (sums.last_mut(), pairs.remainder()) {
                        *sum += widen(*last);
                    }
                    for (sum, pair) in sums.iter_mut().zip(pairs) {
                        *sum += widen(pair[0]);
                        *sum += widen(pair[1]);
                    }
                }
            }
            let whole = width / factors[2];
            means.extend(sums[..whole].iter().map(|&sum| mean(sum, shift + factors[2].ilog2())));
            means.extend(sums[whole..].iter().map(|&sum| mean(sum, shift)));
        }
    }
    T::wrap(Array3::from_shape_vec(shape, means).expect("a mean for every box"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;

    fn row<T: Value>(values: &[T]) -> Voxels {
        T::wrap(Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap())
    }

    #[test]
    fn halves_of_whole_numbers_are_rounded_upwards() {
        let halved = |voxels: &Voxels| coarsen(voxels, [1, 1, 2], Downsample::Mean);
        assert_eq!(halved(&row(&[1u8, 2, 254, 255, 7])), row(&[2u8, 255, 7]));
        assert_eq!(halved(&row(&[-1i16, -2, -3, 0, 1, 0, i16::MIN])), row(&[-1i16, -1, 1, i16::MIN]));
        assert_eq!(halved(&row(&[u32::MAX, u32::MAX, 0, 1])), row(&[u32::MAX, 1]));
        assert_eq!(halved(&row(&[i32::MIN, i32::MIN, i32::MAX, i32::MAX - 1])), row(&[i32::MIN, i32::MAX]));
        assert_eq!(halved(&row(&[true, false, false, false, true])), row(&[true, false, true]));
        assert_eq!(halved(&row(&[0.5f32, 1.0, 3.0])), row(&[0.75f32, 3.0]));
    }

    /// The definition, voxel by voxel.
    fn plainly(array: &Array3<u16>, factors: [usize; 3]) -> Array3<u16> {
        let (depth, height, width) = array.dim();
        let shape = [depth.div_ceil(factors[0]), height.div_ceil(factors[1]), width.div_ceil(factors[2])];
        Array3::from_shape_fn(shape, |(z, y, x)| {
            let inside = array
                .indexed_iter()
                .filter(|((a, b, c), _)| (a / factors[0], b / factors[1], c / factors[2]) == (z, y, x));
            let (sum, n) = inside.fold((0, 0), |(sum, n), (_, &v)| (sum + f64::from(v) as u64, n + 1));
            u16::try_from((2 * sum + n) / (2 * n)).unwrap()
        })
    }

    #[test]
    fn boxes_at_the_far_sides_are_of_what_is_there_of_them() {
        for shape in [[1, 1, 1], [1, 4, 6], [1, 5, 7], [3, 4, 5], [2, 1, 9], [5, 6, 1]] {
            let array = Array3::from_shape_fn(shape, |(z, y, x)| (7919 * z + 104_729 * y + 1299 * x * x) as u16);
            let expected = plainly(&array, factors(shape));
            assert_eq!(
                coarsen(&Voxels::U16(array), factors(shape), Downsample::Mean),
                Voxels::U16(expected),
                "{shape:?}"
            );
        }
    }

    #[test]
    fn one_value_is_its_own_mean_in_every_type() {
        for dtype in
            [Dtype::Bool, Dtype::U8, Dtype::U16, Dtype::U32, Dtype::I16, Dtype::I32, Dtype::I64, Dtype::F32, Dtype::F64]
        {
            let coarse = coarsen(&Voxels::filled(dtype, [3, 5, 4], 1.0), [2; 3], Downsample::Mean);
            assert_eq!(coarse, Voxels::filled(dtype, [2, 3, 2], 1.0));
        }
    }
}
