//! The coefficients of the cubic spline through a tile's values.
//!
//! Along each axis that is longer than one voxel, values become coefficients by two recursive filters, forwards and
//! backwards, whose pole is √3 - 2 (M. Unser, "Splines: a perfect fit for signal and image processing", 1999, box 2);
//! beyond the tile's edges the values are mirrored (d c b | a b c d | c b a). The recursion is in `f64`.

use multiversion::multiversion;
use ndarray::Array3;

use super::real::{Real, Tone};
use crate::chunk::{Value, Voxels};

/// The pole of both filters, √3 - 2.
const POLE: f64 = -0.267_949_192_431_122_7;
/// The product of what both filters make of a constant, (1 - pole)(1 - 1 / pole).
const GAIN: f64 = 6.0;
/// A line's first coefficient is a sum over its values, weighted by powers of the pole: below 10⁻²² from here on.
const HORIZON: usize = 40;
/// Lines that are filtered together.
const LANES: usize = 16;

/// The coefficients of the spline through values, as the numbers that these are resampled in.
pub(super) fn coefficients<T: Tone>(values: &Array3<T>) -> Voxels {
    let mut coefficients: Array3<T::Real> = Array3::default(values.dim());
    coefficients.zip_mut_with(values, |to, &v| *to = v.real());
    let shape: [usize; 3] = values.dim().into();
    let numbers = coefficients.as_slice_mut().expect("a new array is contiguous");
    for axis in 0..3 {
        along(numbers, shape, axis);
    }
    Value::wrap(coefficients)
}

/// Filters all lines along an axis.
fn along<S: Real>(numbers: &mut [S], [depth, height, width]: [usize; 3], axis: usize) {
    let (length, stride) = [(depth, height * width), (height, width), (width, 1)][axis];
    if length < 2 || numbers.is_empty() {
        return;
    }
    let mut lines = vec![[0.0; LANES]; length];
    if axis == 2 {
        for rows in numbers.chunks_mut(LANES * width) {
            across(rows, &mut lines);
        }
        return;
    }
    // Lines that begin next to each other: in the rows of a plane for those along y, in all rows for those along z.
    let (groups, starts) = if axis == 0 { (1, height * width) } else { (depth, width) };
    for group in 0..groups {
        for first in (0..starts).step_by(LANES) {
            let lanes = LANES.min(starts - first);
            let at = |i: usize| group * height * width + first + i * stride;
            for (i, line) in lines.iter_mut().enumerate() {
                load(&numbers[at(i)..][..lanes], line);
            }
            filter(&mut lines);
            for (i, line) in lines.iter().enumerate() {
                store(line, &mut numbers[at(i)..][..lanes]);
            }
        }
    }
}

/// Numbers next to each other, of which each belongs to a line.
#[inline(always)]
fn load<S: Real>(numbers: &[S], line: &mut [f64; LANES]) {
    if let Ok(numbers) = <&[S; LANES]>::try_from(numbers) {
        *line = numbers.map(S::to_f64);
        return;
    }
    for (to, from) in line.iter_mut().zip(numbers) {
        *to = from.to_f64();
    }
}

/// The same numbers, put back.
#[inline(always)]
fn store<S: Real>(line: &[f64; LANES], numbers: &mut [S]) {
    for (to, &from) in numbers.iter_mut().zip(line) {
        *to = S::near(from);
    }
}

/// Filters rows, as many as there are lanes or fewer.
fn across<S: Real>(rows: &mut [S], lines: &mut [[f64; LANES]]) {
    let width = lines.len();
    for (lane, row) in rows.chunks_exact(width).enumerate() {
        for (line, v) in lines.iter_mut().zip(row) {
            line[lane] = v.to_f64();
        }
    }
    filter(lines);
    for (lane, row) in rows.chunks_exact_mut(width).enumerate() {
        for (line, v) in lines.iter().zip(row) {
            *v = S::near(line[lane]);
        }
    }
}

/// Values to coefficients, in place; two values at least.
#[multiversion(targets("x86_64+avx2"))]
fn filter(lines: &mut [[f64; LANES]]) {
    let n = lines.len();
    let mut state = first(lines);
    lines[0] = state;
    for line in &mut lines[1..] {
        for i in 0..LANES {
            state[i] = GAIN * line[i] + POLE * state[i];
        }
        *line = state;
    }
    for i in 0..LANES {
        state[i] = (POLE * lines[n - 2][i] + lines[n - 1][i]) * POLE / (POLE * POLE - 1.0);
    }
    lines[n - 1] = state;
    for line in lines[..n - 1].iter_mut().rev() {
        for i in 0..LANES {
            state[i] = POLE * (state[i] - line[i]);
        }
        *line = state;
    }
}

/// The forward filter's first state: the sum over all values from the first one on, and mirrored at the ends for ever.
#[inline(always)]
fn first(lines: &[[f64; LANES]]) -> [f64; LANES] {
    let n = lines.len();
    let mut sum = [0.0; LANES];
    // The values in one period are those to the end and, but for both ends, those back.
    let period = 2 * n - 2;
    let (reach, scale) = if n > HORIZON { (HORIZON, GAIN) } else { (period, GAIN / (1.0 - POLE.powi(period as i32))) };
    let mut power = scale;
    for i in 0..reach {
        let line = &lines[if i < n { i } else { period - i }];
        for lane in 0..LANES {
            sum[lane] += power * line[lane];
        }
        power *= POLE;
    }
    sum
}
