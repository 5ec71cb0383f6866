//! Weights of interpolation.

use super::real::Real;

/// Linear interpolation from `a` to `b`, by the fraction `t`.
#[inline(always)]
pub(super) fn mix<S: Real>(a: S, b: S, t: S) -> S {
    a + t * (b - a)
}

/// The weights of the four coefficients around a place that is a fraction `t` after the second.
#[inline(always)]
pub(super) fn weights<S: Real>(t: S) -> [S; 4] {
    let [one, two, three, four, sixth] = [1.0, 2.0, 3.0, 4.0, 1.0 / 6.0].map(S::near);
    let s = one - t;
    let before = s * s * s * sixth;
    let left = (t * t * (t - two) * three + four) * sixth;
    let right = (s * s * (s - two) * three + four) * sixth;
    [before, left, right, one - before - left - right]
}

/// The index that mirrors an index up to two before the first or after the last one.
#[inline(always)]
pub(super) fn mirrored(index: isize, length: usize) -> usize {
    let last = length - 1;
    let index = index.unsigned_abs();
    let index = if index > last { (2 * last).abs_diff(index) } else { index };
    index.min(last)
}
