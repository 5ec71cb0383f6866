//! Values along one row of the canvas, from one tile.
//!
//! A row is made in steps of a few voxels. Where the places of such a step lead to voxels that follow each other in the
//! tile, as they mostly do where a tile is turned a little, whole lines of values are loaded; else values one by one. The
//! arithmetic is the same, so that the bits of a voxel do not depend on which voxels are made with it.

use std::ops::Range;

use multiversion::multiversion;
use ndarray::Array3;

use super::Order;
use super::real::{Real, Tone};

/// Voxels that are made together.
const STEP: usize = 16;

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
            if self.step[axis] >= 0.0 {
                start = first_without(start..end, |x| place(x) < 0.0);
                end = first_without(start..end, |x| place(x) <= last);
            } else {
                start = first_without(start..end, |x| place(x) > last);
                end = first_without(start..end, |x| place(x) >= 0.0);
            }
        }
        start..end
    }

    /// The places from `x` on; from `end` on that of the last voxel before it.
    #[inline(always)]
    fn places(&self, x: i64, end: i64) -> Places {
        let (x, last) = (x as f64, (end - 1) as f64);
        let mut places = [[0.0; STEP]; 3];
        for i in 0..STEP {
            let x = (x + i as f64).min(last);
            for axis in 0..3 {
                places[axis][i] = self.base[axis] + self.step[axis] * x;
            }
        }
        places
    }

    /// Calls `make` with the places of each step of a row and the numbers that it is to make. The last step begins
    /// before its turn rather than to be shorter, where the row is long enough.
    #[inline(always)]
    fn each_step<S: Real>(&self, xs: Range<i64>, out: &mut [S], make: impl Fn(&Places) -> [S; STEP]) {
        let length = out.len();
        for at in (0..length).step_by(STEP) {
            let at = at.min(length.saturating_sub(STEP));
            let made = make(&self.places(xs.start + at as i64, xs.end));
            let count = STEP.min(length - at);
            out[at..at + count].copy_from_slice(&made[..count]);
        }
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

/// The same array in C order.
pub(super) fn in_c_order<T: Tone>(values: Array3<T>) -> Array3<T> {
    if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() }
}

/// Fills `out` with the values of the voxels `xs` of a row, which are all inside the tile. `values` are those of the tile,
/// or the coefficients of its spline.
pub(super) fn sample<T: Tone>(order: Order, values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let flat = path.shape[0] == 1;
    match (order, flat) {
        (Order::Nearest, _) => nearest(values, path, xs, out),
        (Order::Linear, true) => linear::<T, 4>(values, path, xs, out),
        (Order::Linear, false) => linear::<T, 8>(values, path, xs, out),
        (Order::Cubic, true) => cubic::<T, 1>(values, path, xs, out),
        (Order::Cubic, false) => cubic::<T, 4>(values, path, xs, out),
    }
}

/// How far each place lies beyond a voxel of the tile, and along x beyond the voxels that follow it, if this is less than
/// one voxel and no less than nothing.
#[inline(always)]
fn beyond(places: &Places, voxel: [f64; 3]) -> Option<Places> {
    let mut beyond = [[0.0; STEP]; 3];
    let mut outside = false;
    for i in 0..STEP {
        for axis in 0..3 {
            let on = if axis == 2 { i as f64 } else { 0.0 };
            let t = places[axis][i] - (voxel[axis] + on);
            beyond[axis][i] = t;
            outside |= !((t >= 0.0) & (t < 1.0));
        }
    }
    (!outside).then_some(beyond)
}

/// The fractions as the numbers that values are resampled in.
#[inline(always)]
fn fractions<S: Real>(beyond: &[f64; STEP]) -> [S; STEP] {
    let mut fractions = [S::default(); STEP];
    for i in 0..STEP {
        fractions[i] = S::near(beyond[i]);
    }
    fractions
}

/// Values that follow each other.
#[inline(always)]
fn line<T: Tone>(values: &[T], at: usize) -> [T::Real; STEP] {
    let mut line = [T::Real::default(); STEP];
    for (to, from) in line.iter_mut().zip(&values[at..at + STEP]) {
        *to = from.real();
    }
    line
}

#[multiversion(targets("x86_64+avx2"))]
fn nearest<T: Tone>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let [_, height, width] = path.shape;
    path.each_step(xs, out, |places| {
        let mut places = *places;
        for place in places.iter_mut().flatten() {
            *place += 0.5;
        }
        let index = |axis: usize, i: usize| (places[axis][i] as usize).min(path.shape[axis] - 1);
        let at = |i: usize| (index(0, i) * height + index(1, i)) * width + index(2, i);
        let voxel = [0, 1, 2].map(|axis| index(axis, 0) as f64);
        if index(2, 0) + STEP <= width && beyond(&places, voxel).is_some() {
            return line(values, at(0));
        }
        let mut made = [T::Real::default(); STEP];
        for i in 0..STEP {
            made[i] = values[at(i)].real();
        }
        made
    });
}

/// `a` and `b` mixed by how far the place is from the first to the second.
#[inline(always)]
fn mix<S: Real>(a: &[S; STEP], b: &[S; STEP], t: &[S; STEP]) -> [S; STEP] {
    let mut mixed = [S::default(); STEP];
    for i in 0..STEP {
        mixed[i] = a[i] + t[i] * (b[i] - a[i]);
    }
    mixed
}

/// `CORNERS` is 4 for a tile of one plane, else 8.
#[multiversion(targets("x86_64+avx2"))]
fn linear<T: Tone, const CORNERS: usize>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let [depth, height, width] = path.shape;
    // The last voxel that has a neighbour after it, and how far away this is in memory.
    let last = path.shape.map(|n| n.saturating_sub(2));
    let stride =
        [if depth > 1 { height * width } else { 0 }, if height > 1 { width } else { 0 }, usize::from(width > 1)];
    let corner = |n: usize| (n >> 2 & 1) * stride[0] + (n >> 1 & 1) * stride[1] + (n & 1) * stride[2];
    path.each_step(xs, out, |places| {
        let index = |axis: usize, i: usize| (places[axis][i] as usize).min(last[axis]);
        let at = |[z, y, x]: [usize; 3]| (z * height + y) * width + x;
        let first = [0, 1, 2].map(|axis| index(axis, 0));
        let mut corners = [[T::Real::default(); STEP]; CORNERS];
        let fraction = match beyond(places, first.map(|k| k as f64)) {
            Some(beyond) if first[2] + STEP < width => {
                for n in 0..CORNERS {
                    corners[n] = line(values, at(first) + corner(n));
                }
                beyond
            }
            _ => {
                let mut fraction = [[0.0; STEP]; 3];
                for i in 0..STEP {
                    let voxel = [0, 1, 2].map(|axis| index(axis, i));
                    for axis in 0..3 {
                        fraction[axis][i] = places[axis][i] - voxel[axis] as f64;
                    }
                    let at = at(voxel);
                    for n in 0..CORNERS {
                        corners[n][i] = values[at + corner(n)].real();
                    }
                }
                fraction
            }
        };
        let [z, y, x] = [0, 1, 2].map(|axis| fractions(&fraction[axis]));
        let plane = |n: usize| {
            let rows = [n, n + 2].map(|n| mix(&corners[n], &corners[n + 1], &x));
            mix(&rows[0], &rows[1], &y)
        };
        if CORNERS == 4 { plane(0) } else { mix(&plane(0), &plane(4), &z) }
    });
}

/// The weights of the four coefficients around a place that lies a fraction after the second.
#[inline(always)]
fn weights<S: Real>(t: S) -> [S; 4] {
    let [one, two, three, four, six] = [1.0, 2.0, 3.0, 4.0, 6.0].map(S::near);
    let s = one - t;
    let sixth = one / six;
    let before = s * s * s * sixth;
    let left = (t * t * (t - two) * three + four) * sixth;
    let right = (s * s * (s - two) * three + four) * sixth;
    [before, left, right, one - before - left - right]
}

/// The index that a place mirrors, the first and the last once.
fn mirrored(index: i64, length: usize) -> usize {
    let last = length as i64 - 1;
    if last == 0 {
        return 0;
    }
    let within = index.rem_euclid(2 * last);
    within.min(2 * last - within) as usize
}

/// `PLANES` is how many planes a value is made of: 1 for a tile of one plane, else 4.
#[multiversion(targets("x86_64+avx2"))]
fn cubic<T: Tone, const PLANES: usize>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let [depth, height, width] = path.shape;
    path.each_step(xs, out, |places| {
        let index = |axis: usize, i: usize| places[axis][i] as usize;
        let first = [0, 1, 2].map(|axis| index(axis, 0));
        let within = |axis: usize, more: usize| first[axis] >= 1 && first[axis] + more + 2 < path.shape[axis];
        let beyond = beyond(places, first.map(|k| k as f64));
        match beyond.filter(|_| (PLANES == 1 || within(0, 0)) && within(1, 0) && within(2, STEP - 1)) {
            Some(beyond) => {
                let fractions = [0, 1, 2].map(|axis| fractions::<T::Real>(&beyond[axis]));
                let mut weight = [[[T::Real::default(); STEP]; 4]; 3];
                for axis in 0..3 {
                    for i in 0..STEP {
                        let of_place = weights(fractions[axis][i]);
                        for tap in 0..4 {
                            weight[axis][tap][i] = of_place[tap];
                        }
                    }
                }
                let start = (first[0] + 1 - PLANES.min(2)) * height + first[1] - 1;
                let row = |z: usize, y: usize| {
                    let at = (start + z * height + y) * width + first[2] - 1;
                    sum(&weight[2], |x| line(values, at + x))
                };
                let plane = |z: usize| sum(&weight[1], |y| row(z, y));
                if PLANES == 1 { plane(0) } else { sum(&weight[0], plane) }
            }
            None => {
                let mut made = [T::Real::default(); STEP];
                for i in 0..STEP {
                    let voxel = [0, 1, 2].map(|axis| index(axis, i));
                    let weight = [0, 1, 2].map(|axis| weights(T::Real::near(places[axis][i] - voxel[axis] as f64)));
                    let index = |axis: usize, tap: usize| mirrored((voxel[axis] + tap) as i64 - 1, path.shape[axis]);
                    let columns = [0, 1, 2, 3].map(|tap| index(2, tap));
                    let row = |z: usize, y: usize| {
                        let row = &values[(z * height + y) * width..][..width];
                        add(&weight[2], |x| row[columns[x]].real())
                    };
                    let plane = |z: usize| add(&weight[1], |y| row(z, index(1, y)));
                    made[i] = if depth == 1 { plane(0) } else { add(&weight[0], |z| plane(index(0, z))) };
                }
                made
            }
        }
    });
}

/// A weighted sum of four lines of numbers.
#[inline(always)]
fn sum<S: Real>(weight: &[[S; STEP]; 4], line: impl Fn(usize) -> [S; STEP]) -> [S; STEP] {
    let mut sum = line(0);
    for i in 0..STEP {
        sum[i] = weight[0][i] * sum[i];
    }
    for tap in 1..4 {
        let line = line(tap);
        for i in 0..STEP {
            sum[i] = sum[i] + weight[tap][i] * line[i];
        }
    }
    sum
}

/// The same of four numbers.
#[inline(always)]
fn add<S: Real>(weight: &[S; 4], number: impl Fn(usize) -> S) -> S {
    (1..4).fold(weight[0] * number(0), |sum, tap| sum + weight[tap] * number(tap))
}

/// Fills `out` with one more than the distance of each place to the tile's edge, in voxels of the tile.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn depths(path: &Path, xs: Range<i64>, out: &mut [f64]) {
    path.each_step(xs, out, |places| {
        let mut depth = [f64::INFINITY; STEP];
        for axis in (0..3).filter(|&axis| path.shape[axis] > 1) {
            let last = path.shape[axis] as f64 - 1.0;
            for i in 0..STEP {
                depth[i] = depth[i].min(places[axis][i]).min(last - places[axis][i]);
            }
        }
        depth.map(|depth| if depth.is_finite() { depth + 1.0 } else { 1.0 })
    });
}
