//! Rows of a tile that is not rotated: along each axis, all places have the same offset from voxels of the tile.

use std::ops::Range;

use super::path::Path;
use super::real::{Real, Tone};
use super::weights::{mirrored, mix, weights};

/// The voxel of the tile at or before the place along an axis, at most `last`, and the offset of the place from it.
fn cell(path: &Path, axis: usize, last: usize) -> (usize, f64) {
    let voxel = path.base[axis].floor().min(last as f64);
    (voxel as usize, path.base[axis] - voxel)
}

/// The voxels of the tile at or before the places of a part of a row, and the offset of the places from them.
fn along(path: &Path, xs: &Range<i64>) -> (Range<usize>, f64) {
    let whole = path.base[2].floor();
    // Places near zero are not rounded, so the voxel before a place inside the tile is inside as well.
    let voxel = |x: i64| (whole as i64).saturating_add(x).max(0) as usize;
    let start = voxel(xs.start).min(path.shape[2] - 1);
    (start..voxel(xs.end).min(path.shape[2]).max(start + 1), path.base[2] - whole)
}

/// Fills `out` as [`rows::linear`](super::rows::linear) does.
pub(super) fn linear<T: Tone>(values: &[T], path: &Path, xs: Range<i64>, out: &mut [T::Real]) {
    let [depth, height, width] = path.shape;
    let ((z, tz), (y, ty)) = (cell(path, 0, depth.saturating_sub(2)), cell(path, 1, height.saturating_sub(2)));
    let (columns, tx) = along(path, &xs);
    let line = |dz: usize, dy: usize| {
        let (z, y) = ((z + dz).min(depth - 1), (y + dy).min(height - 1));
        &values[(z * height + y) * width..][..width][columns.start..]
    };
    let out = &mut out[..columns.len()];
    let [tz, ty, tx] = [tz, ty, tx].map(T::Real::near);
    if depth == 1 {
        between([line(0, 0), line(0, 1)], [tz, ty, tx], out);
    } else {
        between([line(0, 0), line(0, 1), line(1, 0), line(1, 1)], [tz, ty, tx], out);
    }
}

/// Interpolates between lines: two of one plane, or two of each of two planes.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn between<T: Tone, const LINES: usize>(lines: [&[T]; LINES], [z, y, x]: [T::Real; 3], out: &mut [T::Real]) {
    let value = |corners: [[T; 2]; LINES]| {
        let row = |n: usize| mix(corners[n][0].real(), corners[n][1].real(), x);
        let near = mix(row(0), row(1), y);
        if LINES == 2 { near } else { mix(near, mix(row(2), row(3), y), z) }
    };
    let pairs = out.len().min(lines[0].len() - 1);
    let (here, next) = (lines.map(|line| &line[..pairs]), lines.map(|line| &line[1..=pairs]));
    for (i, out) in out[..pairs].iter_mut().enumerate() {
        let mut corners = [[T::default(); 2]; LINES];
        for n in 0..LINES {
            corners[n] = [here[n][i], next[n][i]];
        }
        *out = value(corners);
    }
    // No place is after the last voxel.
    for (i, out) in out.iter_mut().enumerate().skip(pairs) {
        *out = value(lines.map(|line| [line[i]; 2]));
    }
}

/// Fills `out` as [`rows::cubic`](super::rows::cubic) does.
pub(super) fn cubic<S: Real + Tone<Real = S>>(coefficients: &[S], path: &Path, xs: Range<i64>, out: &mut [S]) {
    let [depth, height, width] = path.shape;
    let taps = |axis: usize| {
        let (voxel, t) = cell(path, axis, path.shape[axis] - 1);
        let index = |tap: usize| mirrored((voxel + tap) as isize - 1, path.shape[axis]);
        let weight = weights(S::near(t));
        [0, 1, 2, 3].map(|tap| (index(tap), weight[tap]))
    };
    let (columns, t) = along(path, &xs);
    // The columns that are needed, including mirrored ones.
    let needed = columns.start.saturating_sub(2)..(columns.end + 3).min(width);
    let mut across = vec![S::default(); needed.len()];
    let planes = if depth == 1 { vec![(0, S::near(1.0))] } else { taps(0).to_vec() };
    for (z, in_z) in planes {
        for (y, in_y) in taps(1) {
            add(&coefficients[(z * height + y) * width..][needed.clone()], in_z * in_y, &mut across);
        }
    }
    let weight = weights(S::near(t));
    let inner = columns.start.max(1)..columns.end.min(width.saturating_sub(2)).max(columns.start.max(1));
    let out = &mut out[..columns.len()];
    for x in (columns.start..columns.end).filter(|x| !inner.contains(x)) {
        let tap = |tap: usize| weight[tap] * across[mirrored((x + tap) as isize - 1, width) - needed.start];
        out[x - columns.start] = tap(0) + tap(1) + tap(2) + tap(3);
    }
    if !inner.is_empty() {
        let from = inner.start - 1 - needed.start;
        let out = &mut out[inner.start - columns.start..][..inner.len()];
        four(&across[from..from + inner.len() + 3], weight, out);
    }
}

/// Adds coefficients times a weight.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn add<S: Real>(line: &[S], weight: S, sums: &mut [S]) {
    for (sum, &v) in sums.iter_mut().zip(line) {
        *sum = *sum + weight * v;
    }
}

/// Weighted sums of four consecutive numbers.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn four<S: Real>(line: &[S], weight: [S; 4], out: &mut [S]) {
    let n = out.len();
    let [a, b, c, d] = [0, 1, 2, 3].map(|tap| &line[tap..tap + n]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = weight[0] * a[i] + weight[1] * b[i] + weight[2] * c[i] + weight[3] * d[i];
    }
}
