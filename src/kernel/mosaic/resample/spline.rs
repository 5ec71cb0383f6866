//! The coefficients of the cubic spline through a tile's values.
//!
//! Along each axis that is longer than one voxel, values become coefficients by two recursive filters, forwards and
//! backwards, whose pole is √3 - 2 (M. Unser, "Splines: a perfect fit for signal and image processing", 1999, box 2);
//! beyond the tile's edges the values are mirrored (d c b | a b c d | c b a). The recursion is in `f64`.

use ndarray::Array3;

use super::Held;
use super::real::{Real, Tone};

/// The pole of both filters, √3 - 2.
const POLE: f64 = -0.267_949_192_431_122_7;
/// The factor that makes the gain of both filters one, (1 - pole)(1 - 1 / pole).
const GAIN: f64 = 6.0;
/// Number of values in the sum for a line's first coefficient. The weights of the rest, powers of the pole, are below
/// 10⁻²².
const HORIZON: usize = 40;
/// Number of rows that are filtered along x together.
const LANES: usize = 16;

/// The coefficients of the spline through values, as numbers for resampling.
pub(super) fn coefficients<T: Tone>(values: &Array3<T>) -> Held {
    T::Real::held(filtered(values.mapv(Tone::real)))
}

/// The coefficients of the spline through numbers in C order.
fn filtered<S: Real>(mut coefficients: Array3<S>) -> Array3<S> {
    let (depth, height, width) = coefficients.dim();
    let numbers = coefficients.as_slice_mut().expect("the numbers are in C order");
    if numbers.is_empty() {
        return coefficients;
    }
    along_x(numbers, width);
    for plane in numbers.chunks_exact_mut(height * width) {
        filter(plane, height, width, width);
    }
    for y in 0..height {
        filter(&mut numbers[y * width..], depth, height * width, width);
    }
    coefficients
}

/// Filters rows along x, several rows at a time.
fn along_x<S: Real>(numbers: &mut [S], width: usize) {
    if width < 2 {
        return;
    }
    let mut columns = vec![0.0; LANES * width];
    for rows in numbers.chunks_mut(LANES * width) {
        // Transposed in small squares, which stay in the cache.
        for x in (0..width).step_by(LANES) {
            for (lane, row) in rows.chunks_exact(width).enumerate() {
                for (i, v) in row.iter().enumerate().skip(x).take(LANES) {
                    columns[i * LANES + lane] = v.to_f64();
                }
            }
        }
        filter(&mut columns, width, LANES, LANES);
        for x in (0..width).step_by(LANES) {
            for (lane, row) in rows.chunks_exact_mut(width).enumerate() {
                for (i, v) in row.iter_mut().enumerate().skip(x).take(LANES) {
                    *v = S::near(columns[i * LANES + lane]);
                }
            }
        }
    }
}

/// Converts values to coefficients in place along an axis of `length` lines. A line has `width` numbers, and begins
/// `stride` numbers after the one before.
fn filter<S: Real>(numbers: &mut [S], length: usize, stride: usize, width: usize) {
    if length < 2 {
        return;
    }
    let lines = |i: usize| i * stride..i * stride + width;
    // The forward filter's first state is the sum over all values from the first one on, mirrored at both ends without
    // limit. The values of one period are those to the end and then those back, except for both ends.
    let period = 2 * length - 2;
    let whole = 1.0 - POLE.powi(i32::try_from(period).unwrap_or(i32::MAX));
    let (reach, mut power) = if length > HORIZON { (HORIZON, GAIN) } else { (period, GAIN / whole) };
    let mut state = vec![0.0; width];
    for i in 0..reach {
        add(&numbers[lines(if i < length { i } else { period - i })], power, &mut state);
        power *= POLE;
    }
    put(&state, &mut numbers[lines(0)]);
    for i in 1..length {
        forwards(&mut state, &mut numbers[lines(i)]);
    }
    // The backward filter's first state is a sum over the last line and the one before.
    let last = POLE / (POLE * POLE - 1.0);
    state.iter_mut().for_each(|state| *state *= last);
    add(&numbers[lines(length - 2)], POLE * last, &mut state);
    put(&state, &mut numbers[lines(length - 1)]);
    for i in (0..length - 1).rev() {
        backwards(&mut state, &mut numbers[lines(i)]);
    }
}

/// Adds numbers times a factor.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn add<S: Real>(numbers: &[S], factor: f64, state: &mut [f64]) {
    for (state, v) in state.iter_mut().zip(numbers) {
        *state += factor * v.to_f64();
    }
}

/// Rounds a state to numbers.
fn put<S: Real>(state: &[f64], numbers: &mut [S]) {
    for (to, &v) in numbers.iter_mut().zip(state) {
        *to = S::near(v);
    }
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn forwards<S: Real>(state: &mut [f64], numbers: &mut [S]) {
    for (state, v) in state.iter_mut().zip(numbers) {
        *state = GAIN * v.to_f64() + POLE * *state;
        *v = S::near(*state);
    }
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn backwards<S: Real>(state: &mut [f64], numbers: &mut [S]) {
    for (state, v) in state.iter_mut().zip(numbers) {
        *state = POLE * (*state - v.to_f64());
        *v = S::near(*state);
    }
}
