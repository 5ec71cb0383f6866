//! Values along one row of the canvas, from one tile.
//!
//! The voxels of a run are computed together, from lines of the tile's values, and those of a step from values that are
//! fetched one by one. If a tile is not rotated, a whole row is computed together. The arithmetic of runs and steps is
//! the same, and the map of a tile determines whether it is rotated, so the bits of a voxel do not depend on the voxels
//! that are computed with it.

use std::ops::Range;

use super::path::{LANES, LONGEST, Path, Places, Run, STEP, lanes, lanes_mut};
use super::real::{Real, Tone};
use super::shift;
use super::weights::{mirrored, mix, weights};

/// The cells of a step's places in a tile: the voxel at or before each place, up to a limit, and the offset of the
/// place from it.
struct Cells<S> {
    voxel: [[f64; STEP]; 3],
    fraction: [[S; STEP]; 3],
}

impl<S: Real> Cells<S> {
    #[inline(always)]
    fn new(places: &Places, last: [f64; 3]) -> Self {
        let mut cells = Cells { voxel: [[0.0; STEP]; 3], fraction: [[S::default(); STEP]; 3] };
        for axis in 0..3 {
            for i in 0..STEP {
                let voxel = places[axis][i].floor();
                let voxel = if voxel < last[axis] { voxel } else { last[axis] };
                cells.voxel[axis][i] = voxel;
                cells.fraction[axis][i] = S::near(places[axis][i] - voxel);
            }
        }
        cells
    }

    /// Index of each voxel in the tile's values.
    #[inline(always)]
    fn indices(&self, [_, height, width]: [usize; 3]) -> [usize; STEP] {
        let (height, width) = (height as f64, width as f64);
        let mut indices = [0; STEP];
        for i in 0..STEP {
            // Exact: a tile has fewer than 2^52 voxels. The last bits of the sum are the whole number.
            let index = (self.voxel[0][i] * height + self.voxel[1][i]) * width + self.voxel[2][i];
            indices[i] = ((index + BIAS).to_bits() & (BIAS_BITS - 1)) as usize;
        }
        indices
    }
}

/// 2^52: the sum with a smaller integer has that integer in its last bits.
const BIAS: f64 = 4_503_599_627_370_496.0;
const BIAS_BITS: u64 = 1 << 52;

/// Fills `out` with the values of the voxels `xs` of a row, which are all inside the tile, in C order. `out` has at
/// least the length of a step; its numbers after those of the voxels have no meaning.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
pub(super) fn nearest<T: Tone>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let last = path.shape.map(|n| n as f64 - 1.0);
    let run = |run: &Run, out: &mut [T::Real]| {
        for (to, from) in out.iter_mut().zip(&values[run.index(path.shape)..][..run.length]) {
            *to = from.real();
        }
    };
    path.divide(xs, 0.5, last.map(|last| 0.0..last), out, run, |places, out| {
        let at = Cells::<T::Real>::new(places, last).indices(path.shape);
        for i in 0..STEP {
            out[i] = values[at[i]].real();
        }
    });
}

/// As [`nearest`], by linear interpolation. `CORNERS` is 4 for a tile of one plane, otherwise 8.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn linear_between<T: Tone, const CORNERS: usize>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let [depth, height, width] = path.shape;
    let last = path.shape.map(|n| n.saturating_sub(2) as f64);
    // Distances in memory of a voxel's neighbours.
    let stride =
        [if depth > 1 { height * width } else { 0 }, if height > 1 { width } else { 0 }, usize::from(width > 1)];
    let mut corner = [0; CORNERS];
    for n in 0..CORNERS {
        corner[n] = (n >> 2 & 1) * stride[0] + (n >> 1 & 1) * stride[1] + (n & 1) * stride[2];
    }
    let mut fractions = [[T::Real::default(); LONGEST]; 3];
    let run = |run: &Run, out: &mut [T::Real]| {
        let [z, y, x] = &mut fractions;
        path.fractions(run, 2, x);
        path.fractions(run, 1, y);
        if CORNERS == 8 {
            path.fractions(run, 0, z);
        }
        let at = run.index(path.shape);
        let mut lines: [&[[T; LANES]]; CORNERS] = [&[]; CORNERS];
        for n in 0..CORNERS {
            lines[n] = lanes(&values[at + corner[n]..][..run.length]);
        }
        for (k, out) in lanes_mut(out).iter_mut().enumerate() {
            let [z, y, x] = [&lanes(z)[k], &lanes(y)[k], &lanes(x)[k]];
            let mut found = [[T::default(); LANES]; CORNERS];
            for n in 0..CORNERS {
                found[n] = lines[n][k];
            }
            for i in 0..LANES {
                let row = |n: usize| mix(found[n][i].real(), found[n + 1][i].real(), x[i]);
                let near = mix(row(0), row(2), y[i]);
                out[i] = if CORNERS == 4 { near } else { mix(near, mix(row(4), row(6), y[i]), z[i]) };
            }
        }
    };
    path.divide(xs, 0.0, last.map(|last| 0.0..last), out, run, |places, out| {
        let cells = Cells::<T::Real>::new(places, last);
        let at = cells.indices(path.shape);
        let mut found = [[T::default(); STEP]; CORNERS];
        for i in 0..STEP {
            for n in 0..CORNERS {
                found[n][i] = values[at[i] + corner[n]];
            }
        }
        let [z, y, x] = &cells.fraction;
        for i in 0..STEP {
            let row = |n: usize| mix(found[n][i].real(), found[n + 1][i].real(), x[i]);
            let near = mix(row(0), row(2), y[i]);
            out[i] = if CORNERS == 4 { near } else { mix(near, mix(row(4), row(6), y[i]), z[i]) };
        }
    });
}

/// As [`nearest`], by linear interpolation.
pub(super) fn linear<T: Tone>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    if path.is_straight() {
        shift::linear(values, path, xs, out);
    } else if path.shape[0] == 1 {
        linear_between::<T, 4>(values, path, xs, out);
    } else {
        linear_between::<T, 8>(values, path, xs, out);
    }
}

/// Fills `out` by the cubic spline from `PLANES` planes: 1 for a tile of one plane, otherwise 4.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn spline_through<S: Real + Tone<Real = S>, const PLANES: usize>(
    coefficients: &[S],
    path: &Path,
    xs: Range<i64>,
    out: &mut [S],
) {
    let [depth, height, width] = path.shape;
    // Runs only where no coefficient is mirrored.
    let limits = [0, 1, 2].map(|axis| match axis {
        0 if PLANES == 1 => 0.0..0.0,
        axis => 1.0..path.shape[axis] as f64 - 3.0,
    });
    let mut fractions = [S::default(); LONGEST];
    let mut weight = [[[[S::default(); LANES]; 4]; LONGEST / LANES]; 3];
    let run = |run: &Run, out: &mut [S]| {
        let n = run.length;
        for axis in usize::from(PLANES == 1)..3 {
            path.fractions(run, axis, &mut fractions);
            for (k, t) in lanes(&fractions[..n]).iter().enumerate() {
                let mut of_places = [[S::default(); LANES]; 4];
                for i in 0..LANES {
                    let of_place = weights(t[i]);
                    for tap in 0..4 {
                        of_places[tap][i] = of_place[tap];
                    }
                }
                weight[axis][k] = of_places;
            }
        }
        let first = run.index(path.shape) - width - 1 - if PLANES == 1 { 0 } else { height * width };
        for (k, out) in lanes_mut(out).iter_mut().enumerate() {
            let [through, down, along] = [&weight[0][k], &weight[1][k], &weight[2][k]];
            let mut sum = [S::default(); LANES];
            for z in 0..PLANES {
                let mut plane = [S::default(); LANES];
                for y in 0..4 {
                    let line = &coefficients[first + (z * height + y) * width + k * LANES..][..LANES + 3];
                    for i in 0..LANES {
                        let row = along[0][i] * line[i]
                            + along[1][i] * line[i + 1]
                            + along[2][i] * line[i + 2]
                            + along[3][i] * line[i + 3];
                        plane[i] = plane[i] + down[y][i] * row;
                    }
                }
                for i in 0..LANES {
                    sum[i] = if PLANES == 1 { plane[i] } else { sum[i] + through[z][i] * plane[i] };
                }
            }
            *out = sum;
        }
    };
    let last = path.shape.map(|n| n as f64 - 1.0);
    path.divide(xs, 0.0, limits, out, run, |places, out| {
        let cells = Cells::<S>::new(places, last);
        for i in 0..STEP {
            let tap =
                |axis: usize, tap: usize| mirrored(cells.voxel[axis][i] as isize + tap as isize - 1, path.shape[axis]);
            let weight = cells.fraction.map(|fraction| weights(fraction[i]));
            let [a, b, c, d] = [0, 1, 2, 3].map(|x| tap(2, x));
            let mut sum = S::default();
            for z in 0..PLANES {
                let start = if depth == 1 { 0 } else { tap(0, z) * height };
                let mut plane = S::default();
                for y in 0..4 {
                    let line = &coefficients[(start + tap(1, y)) * width..][..width];
                    let [before, left, right, after] = weight[2];
                    let row = before * line[a] + left * line[b] + right * line[c] + after * line[d];
                    plane = plane + weight[1][y] * row;
                }
                sum = if PLANES == 1 { plane } else { sum + weight[0][z] * plane };
            }
            out[i] = sum;
        }
    });
}

/// As [`nearest`], by the cubic spline with these coefficients.
pub(super) fn cubic<S: Real + Tone<Real = S>>(coefficients: &[S], path: &Path, xs: Range<i64>, out: &mut [S]) {
    if path.is_straight() {
        shift::cubic(coefficients, path, xs, out);
    } else if path.shape[0] == 1 {
        spline_through::<S, 1>(coefficients, path, xs, out);
    } else {
        spline_through::<S, 4>(coefficients, path, xs, out);
    }
}
