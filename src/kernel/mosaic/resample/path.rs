//! The places in a tile that the voxels of a row of the canvas lead to, and their division into runs and steps.
//!
//! Consecutive voxels whose places lead to consecutive voxels of a row of the tile form a run; most voxels do if the
//! tile is only slightly rotated. The rest of a row is divided into steps.

use std::ops::Range;

use super::real::Real;
use crate::kernel::mosaic::affine::Affine;

/// Number of voxels in a step, which are computed together.
pub(super) const STEP: usize = 16;
/// Maximum number of voxels in a run.
pub(super) const LONGEST: usize = 128;
/// The length of a run is a multiple of this number.
const GROUP: usize = 16;
/// Number of voxels of a run that are computed at a time.
pub(super) const LANES: usize = 8;
/// Fractions of a voxel for which rounding cannot reach another voxel, if coordinates are below 2^20.
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
    /// The difference of places between voxels along x.
    pub(super) step: [f64; 3],
}

/// Places of the voxels of a step.
pub(super) type Places = [[f64; STEP]; 3];

impl Path {
    /// The places to which the row at (z, y) of a canvas leads in a tile of this shape.
    pub(super) fn new(shape: [usize; 3], to_tile: &Affine, [z, y]: [i64; 2]) -> Path {
        let Affine { matrix, offset } = to_tile;
        // In the order of Affine::apply.
        let base = std::array::from_fn(|i| offset[i] + matrix[i][0] * z as f64 + matrix[i][1] * y as f64);
        Path { shape, base, step: std::array::from_fn(|i| matrix[i][2]) }
    }

    /// Whether the row leads to a line along x in the tile, voxel by voxel: the tile is not rotated.
    pub(super) fn is_straight(&self) -> bool {
        self.step == ON
    }

    fn place(&self, axis: usize, x: i64) -> f64 {
        self.base[axis] + self.step[axis] * x as f64
    }

    /// The part of a row in which all places are inside the tile. Places are monotonic along each axis, rounded or not,
    /// so both ends are found by bisection.
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

    /// The places of a step that begins at `x`. Voxels from `end` on have the place of the last voxel before `end`.
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

    /// Divides a row into runs and steps, and calls `run` or `step` with the numbers to compute. Those of a step may
    /// extend beyond the end of a short row.
    #[inline(always)]
    pub(super) fn divide<S: Real>(
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
            // The last step begins earlier instead of being shorter.
            let at = at.min(out.len() - STEP);
            let Some(out) = out[at..].first_chunk_mut() else { return };
            x = xs.start + at as i64;
            step(&self.places(x, xs.end, plus), out);
            x += STEP as i64;
        }
    }

    /// The approximate number of voxels of a row until the place is one voxel of the tile ahead of, or behind, the
    /// voxels of a run.
    #[inline(always)]
    fn reach(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| 1.0 / (self.step[axis] - ON[axis]))
    }

    /// The run at the beginning of a row, if it is long enough.
    #[inline(always)]
    fn run(&self, xs: Range<i64>, plus: f64, limits: &[Range<f64>; 3], reach: [f64; 3]) -> Option<Run> {
        let x = xs.start as f64;
        // An axis of one voxel has a single place.
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
            // `more` is infinite or NaN if places do not change.
            length = length.min(more.ceil());
            if axis == 2 {
                length = length.min(limits.end - voxel[axis] + 1.0);
            }
        }
        let mut length = length as usize / GROUP * GROUP;
        // With rounding, places may reach the next voxel one voxel earlier.
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

    /// The offset of the place of a run's voxel `i` from the corresponding voxel of the tile.
    #[inline(always)]
    fn beyond(&self, run: &Run, axis: usize, plus: f64, i: usize) -> f64 {
        self.base[axis] + self.step[axis] * (run.x + RAMP[i]) + plus - (run.voxel[axis] + ON[axis] * RAMP[i])
    }

    /// Fills `out` with the offsets of the places of a run from the tile's voxels along an axis.
    #[inline(always)]
    pub(super) fn fractions<S: Real>(&self, run: &Run, axis: usize, out: &mut [S; LONGEST]) {
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

/// The complete groups of numbers in a line.
#[inline(always)]
pub(super) fn lanes<S>(line: &[S]) -> &[[S; LANES]] {
    line.as_chunks().0
}

#[inline(always)]
pub(super) fn lanes_mut<S>(line: &mut [S]) -> &mut [[S; LANES]] {
    line.as_chunks_mut().0
}

/// The difference of consecutive voxels in a row of a tile, along each axis.
const ON: [f64; 3] = [0.0, 0.0, 1.0];

/// Voxels of a row whose places lead to consecutive voxels of a row of the tile.
pub(super) struct Run {
    /// The first voxel.
    x: f64,
    /// The voxel of the tile at or before the first place.
    voxel: [f64; 3],
    /// Number of voxels.
    pub(super) length: usize,
}

impl Run {
    /// Index of `voxel` in the tile's values.
    #[inline(always)]
    pub(super) fn index(&self, [_, height, width]: [usize; 3]) -> usize {
        let [z, y, x] = self.voxel.map(|v| v as usize);
        (z * height + y) * width + x
    }
}

/// The first number for which `holds` is false, if all numbers for which it is true come first.
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

/// Fills `out` with one more than the distance of each place to the tile's edge, in voxels of the tile.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
pub(super) fn depths(path: &Path, xs: Range<i64>, out: &mut [f64]) {
    let last = path.shape.map(|n| if n > 1 { n as f64 - 1.0 } else { f64::INFINITY });
    let from = xs.start as f64;
    for (i, out) in out[..(xs.end - xs.start) as usize].iter_mut().enumerate() {
        let x = from + i as i32 as f64;
        let mut depth = f64::INFINITY;
        for axis in 0..3 {
            let near = path.base[axis] + path.step[axis] * x;
            let far = last[axis] - near;
            // Along an axis of one voxel both are infinite.
            let near = if last[axis] < f64::INFINITY { near } else { far };
            let least = if near < far { near } else { far };
            depth = if least < depth { least } else { depth };
        }
        *out = if depth < f64::INFINITY { depth + 1.0 } else { 1.0 };
    }
}
