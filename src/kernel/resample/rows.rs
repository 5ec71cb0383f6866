//! Values along one row of the canvas, from one tile.
//!
//! Where the places of some voxels of a row lead to voxels that follow each other in the tile, as they mostly do where a
//! tile is turned a little, these are made together as a run, from lines of values. Other voxels are made in steps, whose
//! values are fetched one by one. The arithmetic is the same, so that the bits of a voxel do not depend on which voxels are
//! made with it.

use std::ops::Range;

use multiversion::multiversion;

use super::real::{Real, Tone};
use crate::kernel::affine::Affine;

/// Voxels that are made together where places do not follow each other.
pub(super) const STEP: usize = 16;
/// The most voxels of a run.
const LONGEST: usize = 128;
/// A run has a multiple of so many voxels.
const GROUP: usize = 16;
/// Voxels of a run that are made in one go.
const LANES: usize = 8;
/// Fractions of a voxel that rounding does not reach where coordinates are below 2^20.
const SURE: Range<f64> = 1e-8..1.0 - 1e-8;

/// Whole numbers as `f64`.
const RAMP: [f64; LONGEST] = {
    let mut ramp = [0.0; LONGEST];
    let mut i = 0;
    while i < LONGEST {
        ramp[i] = i as f64;
        i += 1;
    }
    ramp
};

/// The places in a tile that the voxels of one row of the canvas lead to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// Shape of the tile.
    pub(super) shape: [usize; 3],
    /// The place of the voxel at x = 0.
    pub(super) base: [f64; 3],
    /// What is added to it for each step along x.
    pub(super) step: [f64; 3],
}

/// Places of the voxels that are made together.
type Places = [[f64; STEP]; 3];

impl Path {
    /// The places that the row at (z, y) of a canvas leads to in a tile of a shape.
    pub(super) fn new(shape: [usize; 3], to_tile: &Affine, [z, y]: [i64; 2]) -> Path {
        let Affine { matrix, offset } = to_tile;
        // In the order of Affine::apply.
        let base = std::array::from_fn(|i| offset[i] + matrix[i][0] * z as f64 + matrix[i][1] * y as f64);
        Path { shape, base, step: std::array::from_fn(|i| matrix[i][2]) }
    }

    fn place(&self, axis: usize, x: i64) -> f64 {
        self.base[axis] + self.step[axis] * x as f64
    }

    /// The part of a row in which all places are inside the tile. Places go one way along each axis, rounded or not, so
    /// that both ends are found by halving.
    pub(super) fn inside(&self, xs: Range<i64>) -> Range<i64> {
        let Range { mut start, mut end } = xs;
        for axis in 0..3 {
            let last = self.shape[axis] as f64 - 1.0;
            let place = |x| self.place(axis, x);
            if self.step[axis] == 0.0 {
                if !(0.0..=last).contains(&self.base[axis]) {
                    return start..start;
                }
            } else if self.step[axis] > 0.0 {
                start = first_without(start..end, |x| place(x) < 0.0);
                end = first_without(start..end, |x| place(x) <= last);
            } else {
                start = first_without(start..end, |x| place(x) > last);
                end = first_without(start..end, |x| place(x) >= 0.0);
            }
        }
        start..end
    }

    /// The places of a step from `x` on; from `end` on that of the last voxel before it.
    #[inline(always)]
    fn places(&self, x: i64, end: i64, plus: f64) -> Places {
        let (x, last) = (x as f64, (end - 1) as f64);
        let mut places = [[0.0; STEP]; 3];
        for axis in 0..3 {
            for i in 0..STEP {
                let x = x + RAMP[i];
                places[axis][i] = self.base[axis] + self.step[axis] * if x < last { x } else { last } + plus;
            }
        }
        places
    }

    /// Divides a row among runs and steps. Both get the numbers to make; those of a step reach beyond the row's end where it
    /// ends before.
    #[inline(always)]
    fn divide<S: Real>(
        &self,
        xs: Range<i64>,
        plus: f64,
        limits: [Range<f64>; 3],
        out: &mut [S],
        mut run: impl FnMut(&Run, &mut [S]),
        mut step: impl FnMut(&Places, &mut [S; STEP]),
    ) {
        let reach = self.reach();
        let mut x = xs.start;
        while x < xs.end {
            let at = (x - xs.start) as usize;
            if let Some(found) = self.run(x..xs.end, plus, &limits, reach) {
                run(&found, &mut out[at..at + found.length]);
                x += found.length as i64;
                continue;
            }
            // The last step begins before its turn rather than to be shorter.
            let at = at.min(out.len() - STEP);
            let Some(out) = out[at..].first_chunk_mut() else { return };
            x = xs.start + at as i64;
            step(&self.places(x, xs.end, plus), out);
            x += STEP as i64;
        }
    }

    /// About how many voxels of a row there are until the place has moved on by one voxel of the tile more, or less, than
    /// the voxels of a run.
    #[inline(always)]
    fn reach(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| 1.0 / (self.step[axis] - ON[axis]))
    }

    /// The run at the beginning of a row, if it is long enough.
    #[inline(always)]
    fn run(&self, xs: Range<i64>, plus: f64, limits: &[Range<f64>; 3], reach: [f64; 3]) -> Option<Run> {
        let x = xs.start as f64;
        // Along an axis of one voxel there is one place.
        let axes = || usize::from(self.shape[0] == 1)..3;
        let mut voxel = [0.0; 3];
        let mut length = ((xs.end - xs.start) as f64).min(LONGEST as f64);
        for axis in axes() {
            let (at, limits) = (self.base[axis] + self.step[axis] * x + plus, &limits[axis]);
            voxel[axis] = at.floor();
            if voxel[axis] < limits.start || voxel[axis] > limits.end {
                return None;
            }
            let beyond = at - voxel[axis];
            let more = if reach[axis] > 0.0 { (1.0 - beyond) * reach[axis] } else { 1.0 - beyond * reach[axis] };
            // Endless, and no number, where places do not change.
            length = length.min(more.ceil());
            if axis == 2 {
                length = length.min(limits.end - voxel[axis] + 1.0);
            }
        }
        let mut length = length as usize / GROUP * GROUP;
        // Rounded, places may go over one voxel earlier.
        for _ in 0..2 {
            if length == 0 {
                return None;
            }
            let run = Run { x, voxel, length };
            if axes().all(|axis| (0.0..1.0).contains(&self.beyond(&run, axis, plus, length - 1))) {
                let small = self.base[2].abs() + (self.step[2] * x).abs() < f64::from(1 << 20);
                let sure = small && [0, length - 1].iter().all(|&i| SURE.contains(&self.beyond(&run, 2, plus, i)));
                let inside = |i: usize| (0.0..1.0).contains(&self.beyond(&run, 2, plus, i));
                // Along z and y all places are inside the voxel, because both ends are.
                return (sure || (0..length).all(inside)).then_some(run);
            }
            length -= GROUP;
        }
        None
    }

    /// How far the place of a run's voxel `i` is beyond the tile's voxel that belongs to it.
    #[inline(always)]
    fn beyond(&self, run: &Run, axis: usize, plus: f64, i: usize) -> f64 {
        self.base[axis] + self.step[axis] * (run.x + RAMP[i]) + plus - (run.voxel[axis] + ON[axis] * RAMP[i])
    }

    /// Fills `out` with how far the places of a run are beyond the tile's voxels along an axis.
    #[inline(always)]
    fn fractions<S: Real>(&self, run: &Run, axis: usize, out: &mut [S; LONGEST]) {
        let (base, step, voxel, on) = (self.base[axis], self.step[axis], run.voxel[axis], ON[axis]);
        if step == 0.0 && on == 0.0 {
            out[..run.length].fill(S::near(base - voxel));
            return;
        }
        for (out, &i) in out[..run.length].iter_mut().zip(&RAMP) {
            *out = S::near(base + step * (run.x + i) - (voxel + on * i));
        }
    }
}

/// The whole groups of numbers in a line.
#[inline(always)]
fn lanes<S>(line: &[S]) -> &[[S; LANES]] {
    line.as_chunks().0
}

#[inline(always)]
fn lanes_mut<S>(line: &mut [S]) -> &mut [[S; LANES]] {
    line.as_chunks_mut().0
}

/// How far voxels that follow each other in a row of a tile are apart along each axis.
const ON: [f64; 3] = [0.0, 0.0, 1.0];

/// Voxels of a row whose places lead to voxels that follow each other in the tile.
struct Run {
    /// The first one.
    x: f64,
    /// The voxel of the tile at or before the first place.
    voxel: [f64; 3],
    /// How many.
    length: usize,
}

impl Run {
    /// Where the voxel is in the tile's values.
    #[inline(always)]
    fn index(&self, [_, height, width]: [usize; 3]) -> usize {
        let [z, y, x] = self.voxel.map(|v| v as usize);
        (z * height + y) * width + x
    }
}

/// The first of some numbers that does not hold, where those that do come before all others.
fn first_without(xs: Range<i64>, holds: impl Fn(i64) -> bool) -> i64 {
    let Range { mut start, mut end } = xs;
    while start < end {
        let middle = start + (end - start) / 2;
        if holds(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}

/// Where the places of a step lie in a tile: the voxel at or before each, at most the one that is said, and how far the
/// place is beyond it.
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

    /// Where each voxel is in the tile's values.
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

/// 2^52, and how many whole numbers there are below it.
const BIAS: f64 = 4_503_599_627_370_496.0;
const BIAS_BITS: u64 = 1 << 52;

/// Fills `out` with the values of the voxels `xs` of a row, which are all inside the tile, in C order. `out` has a step's
/// length at least; beyond those of the voxels its numbers mean nothing.
#[multiversion(targets("x86_64+avx2"))]
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

/// The same, linearly between voxels. `CORNERS` is 4 for a tile of one plane, else 8.
#[multiversion(targets("x86_64+avx2"))]
fn linear_between<T: Tone, const CORNERS: usize>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let [depth, height, width] = path.shape;
    let last = path.shape.map(|n| n.saturating_sub(2) as f64);
    // How far away in memory a voxel's neighbours are.
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

/// The same, linearly between voxels.
pub(super) fn linear<T: Tone>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    if path.shape[0] == 1 {
        linear_between::<T, 4>(values, path, xs, out);
    } else {
        linear_between::<T, 8>(values, path, xs, out);
    }
}

/// What lies a fraction of the way from one number to another.
#[inline(always)]
fn mix<S: Real>(a: S, b: S, t: S) -> S {
    a + t * (b - a)
}

/// The weights of the four coefficients around a place that lies a fraction after the second.
#[inline(always)]
fn weights<S: Real>(t: S) -> [S; 4] {
    let [one, two, three, four, sixth] = [1.0, 2.0, 3.0, 4.0, 1.0 / 6.0].map(S::near);
    let s = one - t;
    let before = s * s * s * sixth;
    let left = (t * t * (t - two) * three + four) * sixth;
    let right = (s * s * (s - two) * three + four) * sixth;
    [before, left, right, one - before - left - right]
}

/// The index that one up to two before the first or after the last mirrors.
#[inline(always)]
fn mirrored(index: isize, length: usize) -> usize {
    let last = length - 1;
    let index = index.unsigned_abs();
    let index = if index > last { (2 * last).abs_diff(index) } else { index };
    index.min(last)
}

/// `PLANES` is how many planes a value is made of: 1 for a tile of one plane, else 4.
#[multiversion(targets("x86_64+avx2"))]
fn spline_through<S: Real + Tone<Real = S>, const PLANES: usize>(
    coefficients: &[S],
    path: &Path,
    xs: Range<i64>,
    out: &mut [S],
) {
    let [depth, height, width] = path.shape;
    // Runs are made where no coefficient is mirrored.
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

/// The same, by the cubic spline with these coefficients.
pub(super) fn cubic<S: Real + Tone<Real = S>>(coefficients: &[S], path: &Path, xs: Range<i64>, out: &mut [S]) {
    if path.shape[0] == 1 {
        spline_through::<S, 1>(coefficients, path, xs, out);
    } else {
        spline_through::<S, 4>(coefficients, path, xs, out);
    }
}

/// Fills `out` with one more than the distance of each place to the tile's edge, in voxels of the tile.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn depths(path: &Path, xs: Range<i64>, out: &mut [f64]) {
    let last = path.shape.map(|n| if n > 1 { n as f64 - 1.0 } else { f64::INFINITY });
    let from = xs.start as f64;
    for (i, out) in out[..(xs.end - xs.start) as usize].iter_mut().enumerate() {
        let x = from + i as i32 as f64;
        let mut depth = f64::INFINITY;
        for axis in 0..3 {
            let near = path.base[axis] + path.step[axis] * x;
            let far = last[axis] - near;
            // Along an axis of one voxel both are without end.
            let near = if last[axis] < f64::INFINITY { near } else { far };
            let least = if near < far { near } else { far };
            depth = if least < depth { least } else { depth };
        }
        *out = if depth < f64::INFINITY { depth + 1.0 } else { 1.0 };
    }
}
