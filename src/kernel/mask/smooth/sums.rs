//! Weighted sums along the three axes of a box, row by row, in `f64` or in `f32`.

use std::ops::{AddAssign, Mul, MulAssign, Range};

use crate::chunk::Value;
use crate::space::Region;

/// Approximate bytes of sums along z that are held at a time, so that they stay in the cache.
const STRIP_BYTES: usize = 1 << 19;

/// Number of outputs that are summed at a time; enough to keep the adders busy.
const WIDE: usize = 16;
/// The same for the rest of a row.
const NARROW: usize = 8;

/// A number type for sums of values.
pub(super) trait Real:
    Copy + Default + From<f32> + AddAssign + Mul<Output = Self> + MulAssign + std::fmt::Debug + 'static
{
    /// The sum of two numbers.
    fn plus(self, other: Self) -> Self;
    /// The number rounded to `f32`.
    fn rounded(self) -> f32;
    /// The values in this type: converted in a buffer, at least those of `range`, unless they already have this type.
    fn all<'a>(values: &'a [f32], range: Range<usize>, buffer: &'a mut Vec<Self>) -> &'a [Self];
}

impl Real for f64 {
    #[inline(always)]
    fn plus(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    fn rounded(self) -> f32 {
        self as f32
    }
    fn all<'a>(values: &'a [f32], range: Range<usize>, buffer: &'a mut Vec<f64>) -> &'a [f64] {
        buffer.resize(values.len(), 0.0);
        convert(&values[range.clone()], &mut buffer[range]);
        buffer
    }
}

impl Real for f32 {
    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }
    #[inline(always)]
    fn rounded(self) -> f32 {
        self
    }
    fn all<'a>(values: &'a [f32], _: Range<usize>, _: &'a mut Vec<f32>) -> &'a [f32] {
        values
    }
}

/// The indices in the padded box of the values of sums along an axis.
#[derive(Debug)]
pub(super) struct Taps {
    /// Reach of the sums on both sides.
    radius: usize,
    /// The index in the padded box of each place from `radius` before the own voxels to `radius` after them, reflected
    /// at the bounds.
    sources: Vec<usize>,
    /// The places inside the bounds, whose sources are consecutive.
    inside: Range<usize>,
}

impl Taps {
    pub(super) fn new(axis: usize, radius: usize, own: &Region, padded: &Region, bounds: &Region) -> Taps {
        let reach = i64::try_from(radius).unwrap_or(i64::MAX);
        let (min, max) = (bounds.min[axis], bounds.max[axis]);
        let (first, end) = (own.min[axis] - reach, own.max[axis] + reach);
        let index = |p| usize::try_from(p).expect("padded covers the halo");
        Taps {
            radius,
            sources: (first..end).map(|p| index(reflect(p, min, max) - padded.min[axis])).collect(),
            inside: index(first.max(min) - first)..index(end.min(max) - first),
        }
    }

    /// Number of outputs along the axis.
    pub(super) fn len(&self) -> usize {
        self.sources.len() - 2 * self.radius
    }

    /// The indices in the padded box of the values of an output.
    fn window(&self, output: usize) -> &[usize] {
        self.window_of(&self.sources, output)
    }

    /// The range from the first to the last of them.
    fn span(&self, output: usize) -> Range<usize> {
        let window = self.window(output);
        let first = window.iter().copied().min().unwrap_or(0);
        first..window.iter().copied().max().map_or(first, |last| last + 1)
    }

    /// The part of a list over all places that belongs to an output.
    fn window_of<'a>(&self, places: &'a [usize], output: usize) -> &'a [usize] {
        &places[output..=output + 2 * self.radius]
    }

    /// The beginnings of the padded rows at the places, if rows lie one after the other.
    fn starts(&self, width: usize) -> Vec<usize> {
        self.sources.iter().map(|source| source * width).collect()
    }

    /// The beginnings of sums along one row of values at all places.
    fn places(&self) -> Vec<usize> {
        (0..=2 * self.radius).collect()
    }

    /// Writes the values at all places, from a row of the padded box.
    fn reflect<S: Real>(&self, row: &[f32], to: &mut [S]) {
        let inside = &self.inside;
        convert(&row[self.sources[inside.start]..][..inside.len()], &mut to[inside.clone()]);
        for x in (0..inside.start).chain(inside.end..to.len()) {
            to[x] = S::from(row[self.sources[x]]);
        }
    }
}

/// The position between `min` and `max` that a position mirrors; voxels at the bounds are repeated.
fn reflect(p: i64, min: i64, max: i64) -> i64 {
    let n = max - min;
    let q = (p - min).rem_euclid(2 * n);
    min + if q < n { q } else { 2 * n - 1 - q }
}

/// Weighted sums along (z, y, x), with buffers that are reused for the next box.
#[derive(Clone, Debug)]
pub(super) struct Sums<S> {
    /// The weight at each distance from the centre along each axis: a single 1 for an axis without sums.
    weights: [Vec<S>; 3],
    /// Rows of one plane, for sums along one axis.
    rows: Vec<S>,
    /// Results of the sums along z: own planes, padded rows.
    planes: Vec<f32>,
    /// One row after the sums along y, and then after the sums along x; `reflected` is the row between, reflected
    /// beyond the bounds.
    row: Vec<f32>,
    reflected: Vec<S>,
    out: Vec<f32>,
}

impl<S: Real> Sums<S> {
    pub(super) fn new(weights: [Vec<S>; 3]) -> Self {
        Sums { weights, rows: Vec::new(), planes: Vec::new(), row: Vec::new(), reflected: Vec::new(), out: Vec::new() }
    }

    /// Calls `see` with the place (z, y) and the sums of every wanted own row, in raster order. `values` are those of
    /// the padded box, in its shape. `wanted` has an entry for each own row; sums that only other rows need are
    /// skipped.
    pub(super) fn each_row<T: Value>(
        &mut self,
        values: &[T],
        shape: [usize; 3],
        taps: &[Taps; 3],
        wanted: &[bool],
        mut see: impl FnMut([usize; 2], &[f32]),
    ) {
        let [_, height, width] = shape;
        let [own_depth, own_height, own_width] = [taps[0].len(), taps[1].len(), taps[2].len()];
        let weights = self.weights.clone();
        let strip = (STRIP_BYTES / (4 * height * width)).max(4 * taps[0].radius).max(1);
        self.row.resize(width, 0.0);
        self.reflected.resize(taps[2].sources.len(), S::default());
        let (row_starts, places) = (taps[1].starts(width), taps[2].places());
        self.out.resize(own_width, 0.0);
        for first in (0..own_depth).step_by(strip) {
            let planes = first..(first + strip).min(own_depth);
            let wanted = &wanted[planes.start * own_height..planes.end * own_height];
            let needed = rows_needed(wanted, height, &taps[1]);
            self.along_z(values, shape, &weights[0], &taps[0], planes.clone(), &needed);
            for (i, (wanted, needed)) in wanted.chunks_exact(own_height).zip(needed.chunks_exact(height)).enumerate() {
                let Some(span) = span(needed) else { continue };
                let plane = &self.planes[i * height * width..][..height * width];
                let rows = S::all(plane, span.start * width..span.end * width, &mut self.rows);
                for y in (0..own_height).filter(|&y| wanted[y]) {
                    sum(&weights[1], rows, taps[1].window_of(&row_starts, y), &mut self.row);
                    taps[2].reflect(&self.row, &mut self.reflected);
                    sum(&weights[2], &self.reflected, &places, &mut self.out);
                    see([first + i, y], &self.out);
                }
            }
        }
    }

    /// Fills `self.planes` with the sums along z of own planes, for the padded rows that are needed.
    fn along_z<T: Value>(
        &mut self,
        values: &[T],
        [depth, height, width]: [usize; 3],
        weights: &[S],
        taps: &Taps,
        planes: Range<usize>,
        needed: &[bool],
    ) {
        self.planes.resize(planes.len() * height * width, 0.0);
        self.rows.resize(depth * width, S::default());
        let starts = taps.starts(width);
        let spans: Vec<Range<usize>> = planes.clone().map(|z| taps.span(z)).collect();
        for y in 0..height {
            // Padded rows before this one are converted, or no longer needed: windows only move forwards.
            let mut ready = 0;
            for (i, z) in planes.clone().enumerate().filter(|(i, _)| needed[i * height + y]) {
                let sources = &spans[i];
                for source in sources.start.max(ready)..sources.end {
                    convert(
                        &values[(source * height + y) * width..][..width],
                        &mut self.rows[source * width..][..width],
                    );
                }
                ready = sources.end;
                let out = &mut self.planes[(i * height + y) * width..][..width];
                sum(weights, &self.rows, taps.window_of(&starts, z), out);
            }
        }
    }

    /// The sums along z and y of a picture with one pixel for each padded row: one sum for each own row.
    pub(super) fn of_picture(&mut self, picture: &[f32], taps: [&Taps; 2], height: usize) -> Vec<f32> {
        let [along_z, along_y, _] = &self.weights;
        let (own_depth, own_height) = (taps[0].len(), taps[1].len());
        self.row.resize(height, 0.0);
        self.reflected.resize(taps[1].sources.len(), S::default());
        let rows = S::all(picture, 0..picture.len(), &mut self.rows);
        let (starts, places) = (taps[0].starts(height), taps[1].places());
        let mut out = vec![0.0; own_depth * own_height];
        for (z, out) in out.chunks_exact_mut(own_height).enumerate() {
            sum(along_z, rows, taps[0].window_of(&starts, z), &mut self.row);
            taps[1].reflect(&self.row, &mut self.reflected);
            sum(along_y, &self.reflected, &places, out);
        }
        out
    }
}

/// For each padded row of planes, whether the sums along y of wanted own rows need it.
fn rows_needed(wanted: &[bool], height: usize, taps: &Taps) -> Vec<bool> {
    let planes = wanted.chunks_exact(taps.len());
    let mut needed = vec![false; planes.len() * height];
    for (wanted, needed) in planes.zip(needed.chunks_exact_mut(height)) {
        for (y, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            taps.window(y).iter().for_each(|&source| needed[source] = true);
        }
    }
    needed
}

/// The range from the first to the last index that is set.
fn span(set: &[bool]) -> Option<Range<usize>> {
    let first = set.iter().position(|&set| set)?;
    set.iter().rposition(|&set| set).map(|last| first..last + 1)
}

/// One weighted sum for each lane: the centre first, then pairs at equal distance, from the outermost inwards. `starts`
/// are the beginnings in `data` of the lines at the places of the axis, and `x` is the index in a line of the value for
/// the first lane.
#[inline(always)]
fn weigh<S: Real, const N: usize>(weights: &[S], data: &[S], starts: &[usize], x: usize, out: &mut [f32]) {
    #[inline(always)]
    fn lanes<S, const N: usize>(data: &[S], at: usize) -> &[S; N] {
        data[at..at + N].try_into().expect("N values")
    }
    let radius = weights.len() - 1;
    let mut sums = *lanes::<S, N>(data, starts[radius] + x);
    for sum in &mut sums {
        *sum *= weights[0];
    }
    let pairs = starts[..radius].iter().zip(starts[radius + 1..].iter().rev());
    for ((&before, &after), &weight) in pairs.zip(weights[1..].iter().rev()) {
        let (before, after) = (lanes::<S, N>(data, before + x), lanes::<S, N>(data, after + x));
        for i in 0..N {
            sums[i] += before[i].plus(after[i]) * weight;
        }
    }
    let out = &mut out[x..x + N];
    for i in 0..N {
        out[i] = sums[i].rounded();
    }
}

/// A row of weighted sums of lines, in wide steps and then narrow ones. The last step may repeat some sums, with equal
/// results.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn sum<S: Real>(weights: &[S], data: &[S], starts: &[usize], out: &mut [f32]) {
    let len = out.len();
    let whole = len / WIDE * WIDE;
    for x in (0..whole).step_by(WIDE) {
        weigh::<S, WIDE>(weights, data, starts, x, out);
    }
    if len < NARROW {
        for x in 0..len {
            weigh::<S, 1>(weights, data, starts, x, out);
        }
        return;
    }
    for x in (whole..len).step_by(NARROW) {
        weigh::<S, NARROW>(weights, data, starts, x.min(len - NARROW), out);
    }
}

/// Values after SciPy's `astype(float32)`, in the type of the sums.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn convert<T: Value, S: Real>(values: &[T], to: &mut [S]) {
    for (to, from) in to.iter_mut().zip(values) {
        *to = S::from(from.to_f32());
    }
}
