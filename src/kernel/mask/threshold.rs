//! Thresholds, and the foreground of rows and arrays as packed bits.

use serde::{Deserialize, Serialize};

use crate::chunk::{Value, Voxels};
use crate::with_voxels;

/// The condition for a voxel to be foreground.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Threshold {
    /// Its value is not zero.
    #[default]
    Nonzero,
    /// Its value is above a number, compared as in NumPy 2: the number is rounded to `f32` for `f32` values, which
    /// include smoothed ones, and values of any other type are compared with it in `f64`.
    Above(f64),
    /// Its value is at most a number, compared in the same way, for dark objects.
    AtMost(f64),
    /// Its value is above `low`, and voxels above `low` connect it at their faces to one above `high`, as in
    /// scikit-image's `apply_hysteresis_threshold`: `low` is compared in `f64`, and `high` as in [`Threshold::Above`].
    /// A row alone only says which voxels are above `low`.
    Hysteresis {
        /// The number that all foreground is above.
        low: f64,
        /// The number that one voxel of each object is above; not below `low`.
        high: f64,
    },
}

impl Threshold {
    /// The number with which values are compared, if any.
    pub fn bound(self) -> Option<f64> {
        match self {
            Threshold::Nonzero => None,
            Threshold::Above(bound) | Threshold::AtMost(bound) => Some(bound),
            Threshold::Hysteresis { low, .. } => Some(low),
        }
    }

    /// The number with which values of `f32` are compared, if any.
    pub(super) fn single(self) -> Option<f32> {
        match self {
            // Values above the largest f32 that is not above the number are those above the number.
            Threshold::Hysteresis { low, .. } => Some(not_above(low)),
            _ => self.bound().map(|bound| bound as f32),
        }
    }

    /// The condition that a voxel of each object must meet besides, if there is one.
    pub fn strong(self) -> Option<Threshold> {
        match self {
            Threshold::Hysteresis { high, .. } => Some(Threshold::Above(high)),
            _ => None,
        }
    }

    /// The threshold for an image of half-precision values without smoothing: NumPy 2 rounds the number to the type of
    /// the values, which are read as `f32`. A number that rounds to infinity is kept, since no value lies between the
    /// two.
    #[must_use]
    pub fn of_halves(self) -> Threshold {
        let rounded = |bound| rounded_to_half(bound).unwrap_or(bound);
        match self {
            Threshold::Nonzero => self,
            Threshold::Above(bound) => Threshold::Above(rounded(bound)),
            Threshold::AtMost(bound) => Threshold::AtMost(rounded(bound)),
            // NumPy compares the lower number, which `clip` has made an `f64`, in `f64`.
            Threshold::Hysteresis { low, high } => Threshold::Hysteresis { low, high: rounded(high) },
        }
    }

    /// Whether a value is foreground.
    pub fn is_foreground<T: Value>(self, value: T) -> bool {
        let mut word = [0];
        self.pack_row(&[value], &mut word);
        word[0] == 1
    }

    /// Packs the foreground of a row: bit `i` of word `w` is voxel `64 w + i`; bits past the end are 0.
    ///
    /// # Panics
    /// If `words` has not exactly the length that the row needs.
    pub fn pack_row<T: Value>(self, row: &[T], words: &mut [u64]) {
        assert!(words.len() == row.len().div_ceil(64), "one word for 64 values of a row");
        // For integers of 16 bits, v > bound if v > floor(bound), and both are exact in f32.
        let small = |bound: f64| bound.floor().clamp(-65536.0, 65536.0) as f32;
        let (is_small, is_single) = (T::DTYPE.size() <= 2, T::DTYPE == crate::chunk::Dtype::F32);
        match self {
            Threshold::Nonzero => pack_nonzero(row, words),
            Threshold::Above(bound) if is_small => pack_above_f32(row, small(bound), words),
            Threshold::Above(bound) if is_single => pack_above_f32(row, bound as f32, words),
            Threshold::Above(bound) => pack_above_f64(row, bound, words),
            Threshold::Hysteresis { low, .. } if is_small => pack_above_f32(row, small(low), words),
            Threshold::Hysteresis { low, .. } if is_single => pack_above_f32(row, not_above(low), words),
            Threshold::Hysteresis { low, .. } => pack_above_f64(row, low, words),
            Threshold::AtMost(bound) if is_small => pack_at_most_f32(row, small(bound), words),
            Threshold::AtMost(bound) if is_single => pack_at_most_f32(row, bound as f32, words),
            Threshold::AtMost(bound) => pack_at_most_f64(row, bound, words),
        }
    }

    /// Packs all rows of an array in raster order, with `ceil(width / 64)` words for each row.
    pub fn pack(self, voxels: &Voxels) -> Vec<u64> {
        let width = voxels.shape()[2];
        with_voxels!(voxels, array => {
            let array = array.as_standard_layout();
            self.pack_rows(array.as_slice().expect("standard layout is contiguous"), width)
        })
    }

    /// Packs consecutive rows of a width, with `ceil(width / 64)` words for each row.
    pub(super) fn pack_rows<T: Value>(self, values: &[T], width: usize) -> Vec<u64> {
        let mut words = vec![0; values.len() / width.max(1) * width.div_ceil(64)];
        if width.is_multiple_of(64) {
            // Without gaps between rows, all of them are packed as one row.
            self.pack_row(values, &mut words);
        } else {
            for (row, words) in values.chunks_exact(width).zip(words.chunks_exact_mut(width.div_ceil(64))) {
                self.pack_row(row, words);
            }
        }
        words
    }
}

/// The largest `f32` that is not above a number.
fn not_above(number: f64) -> f32 {
    let near = number as f32;
    if f64::from(near) > number { near.next_down() } else { near }
}

/// The nearest number of half precision, with ties to even; `None` if that is infinite.
fn rounded_to_half(number: f64) -> Option<f64> {
    use half::f16;
    // Halfway between the largest number and the one that would follow it.
    if number.abs() >= 65520.0 {
        return None;
    }
    // Conversions do not use all bits of a number, and may miss the nearest one by one step.
    let near = f16::from_f64(number.abs()).min(f16::MAX).to_bits();
    let candidates = [near.saturating_sub(1), near, (near + 1).min(f16::MAX.to_bits())];
    let distance = |bits: u16| (f16::from_bits(bits).to_f64() - number.abs()).abs();
    let nearest = candidates.into_iter().min_by(|a, b| {
        let order = distance(*a).total_cmp(&distance(*b));
        order.then((a % 2).cmp(&(b % 2)))
    })?;
    Some(f16::from_bits(nearest).to_f64().copysign(number))
}

/// Sets the bits of the values that pass a test, which is vectorised.
#[inline(always)]
fn pack<T: Value>(row: &[T], words: &mut [u64], test: impl Fn(T) -> bool) {
    let (whole, rest) = row.as_chunks::<64>();
    for (values, word) in whole.iter().zip(words.iter_mut()) {
        let mut passed = [0u8; 64];
        for i in 0..64 {
            passed[i] = u8::from(test(values[i]));
        }
        *word = gather(&passed);
    }
    if !rest.is_empty() {
        let mut passed = [0u8; 64];
        for (passed, &value) in passed.iter_mut().zip(rest) {
            *passed = u8::from(test(value));
        }
        words[whole.len()] = gather(&passed);
    }
}

/// The word whose bits are 64 bytes of 0 or 1; fast if all are 0, which is usual.
#[inline(always)]
fn gather(bytes: &[u8; 64]) -> u64 {
    if bytes.iter().fold(0, |any, byte| any | byte) == 0 {
        return 0;
    }
    let mut word = 0;
    for (i, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        // The product moves the lowest bit of byte k to bit 56 + k.
        word |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    word
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn pack_nonzero<T: Value>(row: &[T], words: &mut [u64]) {
    pack(row, words, |v| v != T::default());
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn pack_above_f32<T: Value>(row: &[T], bound: f32, words: &mut [u64]) {
    pack(row, words, |v| v.to_f32() > bound);
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn pack_above_f64<T: Value>(row: &[T], bound: f64, words: &mut [u64]) {
    pack(row, words, |v| v.to_f64() > bound);
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn pack_at_most_f32<T: Value>(row: &[T], bound: f32, words: &mut [u64]) {
    pack(row, words, |v| v.to_f32() <= bound);
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn pack_at_most_f64<T: Value>(row: &[T], bound: f64, words: &mut [u64]) {
    pack(row, words, |v| v.to_f64() <= bound);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<T: Value>(row: &[T], bound: f64) {
        let mut words = vec![u64::MAX; row.len().div_ceil(64)];
        let reference =
            |v: T| if T::DTYPE.name() == "float32" { v.to_f32() > bound as f32 } else { v.to_f64() > bound };
        Threshold::Above(bound).pack_row(row, &mut words);
        for (i, &v) in row.iter().enumerate() {
            assert_eq!(words[i / 64] >> (i % 64) & 1 == 1, reference(v), "{v:?} > {bound}");
        }
        Threshold::AtMost(bound).pack_row(row, &mut words);
        for (i, &v) in row.iter().enumerate() {
            assert_eq!(words[i / 64] >> (i % 64) & 1 == 1, !reference(v), "{v:?} <= {bound}");
        }
        Threshold::Nonzero.pack_row(row, &mut words);
        for (i, &v) in row.iter().enumerate() {
            assert_eq!(words[i / 64] >> (i % 64) & 1 == 1, v != T::default(), "{v:?} != 0");
        }
        let unused = words.len() * 64 - row.len();
        assert!(words.last().is_none_or(|word| unused == 0 || word >> (64 - unused) == 0));
    }

    proptest! {
        #[test]
        fn every_type_is_packed_as_it_compares(
            row in prop::collection::vec(any::<i64>(), 0..200),
            floats in prop::collection::vec(-3.0..3.0f64, 0..200),
            bound in prop_oneof![-3.0..3.0f64, any::<i16>().prop_map(f64::from), any::<f64>().prop_filter("number", |b| !b.is_nan())],
        ) {
            check(&row.iter().map(|&v| v as u8).collect::<Vec<_>>(), bound);
            check(&row.iter().map(|&v| v as u16).collect::<Vec<_>>(), bound);
            check(&row.iter().map(|&v| v as i16).collect::<Vec<_>>(), bound);
            check(&row.iter().map(|&v| v as u32).collect::<Vec<_>>(), bound);
            check(&row.iter().map(|&v| v as i32).collect::<Vec<_>>(), bound);
            check(&row.iter().map(|&v| v % 3 == 0).collect::<Vec<_>>(), bound);
            check(&floats.iter().map(|&v| v as f32).collect::<Vec<_>>(), bound);
            check(&floats, bound);
        }
    }

    #[test]
    fn a_bound_is_rounded_to_f32_for_f32_values_only() {
        let third = 1.0 / 3.0;
        assert!(!Threshold::Above(third - 1e-12).is_foreground(third as f32));
        assert!(Threshold::Above(third - 1e-12).is_foreground(third));
    }

    #[test]
    fn the_lower_number_of_a_hysteresis_is_compared_in_f64_and_the_upper_one_as_any_other() {
        // As `image > np.clip(low, None, high)` and `image > high` in NumPy 2.
        let third = 1.0f64 / 3.0;
        let near = third as f32;
        for low in [third, f64::from(near), f64::from(near.next_down()), -third, 0.0, -1e-60, 1e300, -1e300] {
            let threshold = Threshold::Hysteresis { low, high: 1e301 };
            for value in [near, near.next_down(), near.next_up(), -near, 0.0, f32::MAX, f32::MIN] {
                assert_eq!(threshold.is_foreground(value), f64::from(value) > low, "{value} > {low}");
            }
        }
        let both = Threshold::Hysteresis { low: 41.5, high: 50.0 };
        assert!(both.is_foreground(42u16) && !both.is_foreground(41u8) && both.is_foreground(41.6f64));
        assert_eq!([both.strong(), Threshold::Above(1.0).strong()], [Some(Threshold::Above(50.0)), None]);
        let halves = Threshold::Hysteresis { low: 0.3, high: 1000.3 }.of_halves();
        assert_eq!(halves, Threshold::Hysteresis { low: 0.3, high: 1000.5 });
    }

    #[test]
    fn a_bound_is_rounded_to_half_precision_as_numpy_rounds_it() {
        // From numpy.float16(x).
        let tie = 1.0 + f64::powi(2.0, -11);
        for (bound, rounded) in [
            (0.3, 0.300_048_828_125),
            (-0.1, -0.099_975_585_937_5),
            (1000.3, 1000.5),
            (tie, 1.0),
            (tie + 1e-15, 1.0 + f64::powi(2.0, -10)),
            (tie + f64::powi(2.0, -10), 1.0 + f64::powi(2.0, -9)),
            (-65_519.999_999_9, -65504.0),
            (3e-8, 5.960_464_477_539_063e-8),
            (1e-9, 0.0),
            (65520.0, 65520.0),
            (-1e300, -1e300),
        ] {
            assert_eq!(Threshold::Above(bound).of_halves(), Threshold::Above(rounded), "{bound}");
        }
        let third = half::f16::from_f64(0.3).to_f32();
        assert!(Threshold::Above(0.3).is_foreground(third) && !Threshold::Above(0.3).of_halves().is_foreground(third));
        assert!(
            !Threshold::AtMost(0.3).is_foreground(third) && Threshold::AtMost(0.3).of_halves().is_foreground(third)
        );
        // NaN, which smoothing of infinite values may return, is on neither side.
        assert!(!Threshold::Above(0.3).is_foreground(f32::NAN) && !Threshold::AtMost(0.3).is_foreground(f32::NAN));
    }

    #[test]
    fn values_next_to_the_bound_are_told_apart() {
        for bound in [41.0, 41.5, 42.0] {
            assert!(Threshold::Above(bound).is_foreground(43u16));
            assert_eq!(Threshold::Above(bound).is_foreground(42u16), bound < 42.0);
        }
        assert!(Threshold::Above(f64::from(i32::MAX) - 0.5).is_foreground(i32::MAX));
        assert!(Threshold::Above(-1e300).is_foreground(0u8));
        assert!(!Threshold::Above(1e300).is_foreground(u16::MAX));
        assert!(Threshold::AtMost(1e300).is_foreground(u16::MAX) && !Threshold::AtMost(-1e300).is_foreground(0u8));
    }

    #[test]
    fn an_array_is_packed_row_by_row() {
        let array = ndarray::Array3::from_shape_fn((2, 2, 65), |(z, y, x)| z == 1 && y == 0 && x == 64);
        assert_eq!(Threshold::Nonzero.pack(&Voxels::Bool(array)), [0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
