//! Otsu's threshold: the split of a histogram that maximises the variance between its two classes.
//!
//! The arithmetic is that of scikit-image 0.26's `threshold_otsu`, operation by operation: exact arithmetic would find
//! another threshold. The entry point is
//! [`Histogram::threshold`](crate::kernel::mask::histogram::Histogram::threshold).
//!
//! Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979).

use std::ops::{Add, Div, Mul, Sub};

/// The arithmetic of a floating-point type that is needed here.
pub(super) trait Real:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn from_single(value: f32) -> Self;
    fn is_nan(self) -> bool;
    /// The number rounded towards zero, for values up to 65535.
    fn to_bin(self) -> usize;
}

impl Real for f32 {
    fn from_single(value: f32) -> f32 {
        value
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
    fn to_bin(self) -> usize {
        usize::from(self as u16)
    }
}

impl Real for f64 {
    fn from_single(value: f32) -> f64 {
        f64::from(value)
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
    fn to_bin(self) -> usize {
        usize::from(self as u16)
    }
}

/// The first centre after which a split maximises the variance between the two classes, for `bins` bins with a count
/// and a centre each. Counts and their running sums are `f32`, as are their products; class means and variances have
/// the type of the centres.
pub(super) fn best_split<F: Real>(bins: usize, count: impl Fn(usize) -> u64, center: impl Fn(usize) -> F) -> F {
    let part = |bin: usize| {
        let count = count(bin) as f32;
        (count, F::from_single(count) * center(bin))
    };
    let add = |sums: Option<(f32, F)>, part: (f32, F)| sums.map_or(part, |sums| (sums.0 + part.0, sums.1 + part.1));
    // Weight and mean of the class above each bin, beginning with the last bin.
    let mut sums = None;
    let mut above: Vec<(f32, F)> = Vec::with_capacity(bins);
    for bin in (1..bins).rev() {
        let (weight, sum) = add(sums, part(bin));
        sums = Some((weight, sum));
        above.push((weight, sum / F::from_single(weight)));
    }
    let mut sums = None;
    let mut best: Option<(usize, F)> = None;
    for bin in 0..bins - 1 {
        let (weight, sum) = add(sums, part(bin));
        sums = Some((weight, sum));
        let (weight_above, mean_above) = above[bins - 2 - bin];
        let apart = sum / F::from_single(weight) - mean_above;
        let variance = F::from_single(weight * weight_above) * (apart * apart);
        // The first NaN, or otherwise the first maximum.
        if best.is_none_or(|(_, most)| !most.is_nan() && (variance > most || variance.is_nan())) {
            best = Some((bin, variance));
        }
    }
    center(best.map_or(0, |(bin, _)| bin))
}
