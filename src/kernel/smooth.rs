//! Gaussian smoothing of one chunk, the same bits for every chunking.
//!
//! Plainly: along each of the image's axes in turn (z, y, x), a value becomes the sum of its neighbours times the
//! weights; sums in `f64`, the centre first, then pairs of neighbours at equal distance from the outermost inwards,
//! `(left + right) * weight`; the sum of each axis is rounded to `f32`. Beyond the bounds of the volume the values are
//! reflected (d c b a | a b c d | d c b a). This is the arithmetic of `scipy.ndimage.gaussian_filter(image.astype(
//! float32), sigma, mode="reflect", truncate=4)`, so its bits come out.
//!
//! Multiplications and additions are never fused: a fused one rounds once instead of twice.

use std::ops::Range;

use multiversion::multiversion;
use ndarray::{Array3, ArrayView3, Axis, s};

use crate::chunk::Value;
use crate::error::{Error, Result};
use crate::space::Region;

/// Standard deviations that the weights reach to, on both sides.
const TRUNCATE: f64 = 4.0;

/// The largest standard deviation that is accepted, in voxels.
const LARGEST_SIGMA: f64 = 1000.0;

/// About how many bytes of sums along z are held at a time, so that they stay in the cache.
const STRIP_BYTES: usize = 1 << 20;

/// Smooths chunks; keeps its buffers from one chunk to the next.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// The weight at each distance from the centre.
    weights: Vec<f64>,
    dimensions: usize,
    /// Rows of one plane, across which one axis is summed.
    rows: Vec<f64>,
    /// What the sums along z gave: own planes, padded rows.
    planes: Vec<f32>,
    /// One row after the sums along y, and the same reflected beyond the bounds.
    row: Vec<f32>,
    reflected: Vec<f64>,
}

impl Gaussian {
    /// Smoothing by a standard deviation in voxels, along all axes of a 3-D image or the last two of a 2-D one.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) where `sigma` is not a positive number, or beyond 1000.
    pub fn new(sigma: f64, dimensions: usize) -> Result<Gaussian> {
        if !(sigma > 0.0 && sigma <= LARGEST_SIGMA) {
            return Err(Error::usage(format!(
                "sigma is {sigma}, but must be a positive number of voxels, {LARGEST_SIGMA} at most"
            )));
        }
        Ok(Gaussian {
            weights: weights(sigma),
            dimensions,
            rows: Vec::new(),
            planes: Vec::new(),
            row: Vec::new(),
            reflected: Vec::new(),
        })
    }

    /// How far a voxel's value depends on its neighbours, in voxels: `int(4 sigma + 0.5)`.
    pub fn radius(&self) -> usize {
        self.weights.len() - 1
    }

    /// The radius along (z, y, x): the depth of the halo that smoothing needs. Zero along z for a 2-D image.
    pub fn depth(&self) -> [usize; 3] {
        let r = self.radius();
        [if self.dimensions == 2 { 0 } else { r }, r, r]
    }

    /// The weights by distance from the centre, `radius + 1` of them.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The smoothed values of the box `own`, shape (z, y, x), from the values of a box around it.
    ///
    /// `padded` holds the values of `padded_region`, which covers `own` with its halo of [`depth`](Gaussian::depth)
    /// voxels as far as `bounds`, the bounds of the volume, reach. Takes time in proportion to the padded voxels and
    /// the radius, and keeps buffers of a few planes.
    ///
    /// # Panics
    /// Where the boxes are not nested as said.
    pub fn smooth<T: Value>(
        &mut self,
        padded: ArrayView3<'_, T>,
        padded_region: &Region,
        own: &Region,
        bounds: &Region,
    ) -> Array3<f32> {
        let needed = own.dilated(self.depth()).intersection(bounds);
        assert!(
            own.intersection(bounds) == *own && needed.intersection(padded_region) == needed,
            "smoothing {own:?} within {bounds:?} needs {needed:?}, but has {padded_region:?}"
        );
        assert!(padded.shape() == padded_region.shape(), "the padded values fill their box");
        let mut smoothed = Array3::zeros(own.shape());
        if own.is_empty() {
            return smoothed;
        }
        let taps: [Taps; 3] = std::array::from_fn(|a| Taps::new(a, self.depth()[a], own, padded_region, bounds));
        let ([own_depth, own_height, own_width], [_, height, width]) = (own.shape(), padded_region.shape());
        let reach = self.depth()[0];
        let strip = (STRIP_BYTES / (4 * height * width)).max(4 * reach).max(1);
        let out = smoothed.as_slice_mut().expect("a new array is contiguous");
        for (i, out) in out.chunks_mut(strip * own_height * own_width).enumerate() {
            let (first, end) = (i * strip, ((i + 1) * strip).min(own_depth));
            self.along_z(padded, &taps[0].sources[first..end + 2 * reach], end - first);
            let buffers = Buffers { rows: &mut self.rows, row: &mut self.row, reflected: &mut self.reflected };
            in_planes(&self.weights, &self.planes, [height, width], &taps[1], &taps[2], buffers, out);
        }
        smoothed
    }

    /// Fills `planes` with the sums along z for some planes, over all padded rows; `sources` names the padded plane at
    /// each place that they need. A 2-D image has no such axis: its planes are taken as they are.
    fn along_z<T: Value>(&mut self, padded: ArrayView3<'_, T>, sources: &[usize], planes: usize) {
        let (_, height, width) = padded.dim();
        self.planes.resize(planes * height * width, 0.0);
        let first = sources.iter().copied().min().unwrap_or(0);
        let last = sources.iter().copied().max().unwrap_or(0);
        let sources: Vec<usize> = sources.iter().map(|source| source - first).collect();
        self.rows.resize((last - first + 1) * width, 0.0);
        let weights = if self.dimensions == 2 { &[1.0][..] } else { &self.weights };
        for (y, plane) in padded.slice(s![first..=last, .., ..]).axis_iter(Axis(1)).enumerate() {
            for (row, target) in plane.rows().into_iter().zip(self.rows.chunks_exact_mut(width)) {
                match row.to_slice() {
                    Some(row) => convert(row, target),
                    None => target.iter_mut().zip(row).for_each(|(to, from)| *to = f64::from(from.to_f32())),
                }
            }
            across_rows(weights, &self.rows, width, &sources, &mut self.planes[y * width..], height * width);
        }
    }
}

/// Weights by distance from the centre: exp(-x² / 2σ²) over the sum for all x, in NumPy's order of operations.
fn weights(sigma: f64) -> Vec<f64> {
    let radius = (TRUNCATE * sigma + 0.5) as usize;
    let factor = -0.5 / (sigma * sigma);
    let half: Vec<f64> = (0..=radius).map(|x| (factor * (x * x) as f64).exp()).collect();
    let whole: Vec<f64> = (0..=2 * radius).map(|i| half[i.abs_diff(radius)]).collect();
    let sum = pairwise_sum(&whole);
    half.into_iter().map(|w| w / sum).collect()
}

/// The sum of values in NumPy's order: eight running sums up to 128 values, halves beyond.
fn pairwise_sum(values: &[f64]) -> f64 {
    match values.len() {
        0..8 => values.iter().fold(0.0, |sum, v| sum + v),
        8..=128 => {
            let mut sums: [f64; 8] = std::array::from_fn(|i| values[i]);
            let whole = values.len() / 8 * 8;
            for eight in values[8..whole].chunks_exact(8) {
                for (sum, v) in sums.iter_mut().zip(eight) {
                    *sum += v;
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
            values[whole..].iter().fold(sum, |sum, v| sum + v)
        }
        n => {
            let half = n / 2 / 8 * 8;
            pairwise_sum(&values[..half]) + pairwise_sum(&values[half..])
        }
    }
}

/// Where the values that an axis sums over lie in the padded box.
struct Taps {
    /// For each place from `radius` before the own voxels to `radius` after them, reflected at the bounds: the index
    /// in the padded box.
    sources: Vec<usize>,
    /// Which of these places lie inside the bounds: their sources follow each other.
    inside: Range<usize>,
}

impl Taps {
    fn new(axis: usize, radius: usize, own: &Region, padded: &Region, bounds: &Region) -> Taps {
        let reach = i64::try_from(radius).unwrap_or(i64::MAX);
        let (min, max) = (bounds.min[axis], bounds.max[axis]);
        let (first, end) = (own.min[axis] - reach, own.max[axis] + reach);
        let index = |p| usize::try_from(p).expect("padded covers the halo");
        Taps {
            sources: (first..end).map(|p| index(reflect(p, min, max) - padded.min[axis])).collect(),
            inside: index(first.max(min) - first)..index(end.min(max) - first),
        }
    }

    fn len(&self, radius: usize) -> usize {
        self.sources.len() - 2 * radius
    }
}

/// The position between `min` and `max` that a position mirrors, the voxels at the bounds twice.
fn reflect(p: i64, min: i64, max: i64) -> i64 {
    let n = max - min;
    let q = (p - min).rem_euclid(2 * n);
    min + if q < n { q } else { 2 * n - 1 - q }
}

/// Rows that are summed over in one go; wide enough to keep the adders busy.
const LANES: usize = 16;

/// One weighted sum for each lane: `data[centre..]` and pairs of `(before, after)`, outermost first.
#[inline(always)]
fn weigh<const N: usize>(
    data: &[f64],
    weights: &[f64],
    centre: usize,
    pair: impl Fn(usize) -> (usize, usize),
) -> [f32; N] {
    #[inline(always)]
    fn lanes<const N: usize>(data: &[f64], at: usize) -> &[f64; N] {
        data[at..at + N].try_into().expect("N values")
    }
    let mut sums = *lanes::<N>(data, centre);
    for sum in &mut sums {
        *sum *= weights[0];
    }
    for distance in (1..weights.len()).rev() {
        let (before, after) = pair(distance);
        let (before, after, weight) = (lanes::<N>(data, before), lanes::<N>(data, after), weights[distance]);
        for i in 0..N {
            sums[i] += (before[i] + after[i]) * weight;
        }
    }
    sums.map(|sum| sum as f32)
}

/// The first voxels of the steps by which `len` outputs are made. The last step makes some outputs again, the same.
#[inline(always)]
fn steps(len: usize) -> impl Iterator<Item = usize> {
    (0..len.div_ceil(LANES)).map(move |i| (i * LANES).min(len - LANES))
}

/// Sums across the rows of a plane. `sources` names the row at each place of the axis; output `i` has its centre at
/// place `i + radius`, and goes to `out[i * stride..][..width]`.
#[multiversion(targets("x86_64+avx2"))]
fn across_rows(weights: &[f64], rows: &[f64], width: usize, sources: &[usize], out: &mut [f32], stride: usize) {
    let radius = weights.len() - 1;
    for (i, window) in sources.windows(2 * radius + 1).enumerate() {
        let out = &mut out[i * stride..][..width];
        let at = |place: usize, x: usize| window[place] * width + x;
        if width < LANES {
            for x in 0..width {
                [out[x]] = weigh::<1>(rows, weights, at(radius, x), |d| (at(radius - d, x), at(radius + d, x)));
            }
            continue;
        }
        for x in steps(width) {
            let sums = weigh::<LANES>(rows, weights, at(radius, x), |d| (at(radius - d, x), at(radius + d, x)));
            out[x..x + LANES].copy_from_slice(&sums);
        }
    }
}

/// Sums along one row, whose first output has its centre at `radius`.
#[multiversion(targets("x86_64+avx2"))]
fn along_row(weights: &[f64], row: &[f64], out: &mut [f32]) {
    let radius = weights.len() - 1;
    if out.len() < LANES {
        for x in 0..out.len() {
            [out[x]] = weigh::<1>(row, weights, x + radius, |d| (x + radius - d, x + radius + d));
        }
        return;
    }
    for x in steps(out.len()) {
        let sums = weigh::<LANES>(row, weights, x + radius, |d| (x + radius - d, x + radius + d));
        out[x..x + LANES].copy_from_slice(&sums);
    }
}

/// Values as SciPy sees them after `astype(float32)`, in `f64`.
#[multiversion(targets("x86_64+avx2"))]
fn convert<T: Value>(values: &[T], to: &mut [f64]) {
    for (to, from) in to.iter_mut().zip(values) {
        *to = f64::from(from.to_f32());
    }
}

struct Buffers<'a> {
    rows: &'a mut Vec<f64>,
    row: &'a mut Vec<f32>,
    reflected: &'a mut Vec<f64>,
}

/// Sums along y, then x, of each plane; a row goes through both while it is in the cache.
fn in_planes(
    weights: &[f64],
    planes: &[f32],
    [height, width]: [usize; 2],
    y_taps: &Taps,
    x_taps: &Taps,
    buffers: Buffers<'_>,
    out: &mut [f32],
) {
    let radius = weights.len() - 1;
    let own_width = x_taps.len(radius);
    let inside = &x_taps.inside;
    let Buffers { rows, row, reflected } = buffers;
    rows.resize(height * width, 0.0);
    row.resize(width, 0.0);
    reflected.resize(x_taps.sources.len(), 0.0);
    let mut out_rows = out.chunks_exact_mut(own_width);
    for plane in planes.chunks_exact(height * width) {
        convert(plane, rows);
        for window in y_taps.sources.windows(2 * radius + 1) {
            across_rows(weights, rows, width, window, row, width);
            convert(&row[x_taps.sources[inside.start]..][..inside.len()], &mut reflected[inside.clone()]);
            for x in (0..inside.start).chain(inside.end..reflected.len()) {
                reflected[x] = f64::from(row[x_taps.sources[x]]);
            }
            along_row(weights, reflected, out_rows.next().expect("a row for each own y"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Voxels;
    use crate::grid::Grid;

    /// The volume smoothed chunk by chunk.
    fn by_chunks(image: &Voxels, sigma: f64, dimensions: usize, chunk: [usize; 3]) -> Vec<f32> {
        let bounds = Region::of_shape(image.shape());
        let mut gaussian = Gaussian::new(sigma, dimensions).unwrap();
        let mut whole = Array3::zeros(image.shape());
        let grid = Grid::new(bounds, chunk);
        for id in grid.chunks() {
            let own = grid.region(id);
            let padded_region = own.dilated(gaussian.depth()).intersection(&bounds);
            let padded = image.part(&padded_region);
            let smoothed = crate::with_voxels!(&padded, p => gaussian.smooth(p.view(), &padded_region, &own, &bounds));
            for ((z, y, x), v) in smoothed.indexed_iter() {
                let place: [usize; 3] = std::array::from_fn(|a| own.min[a] as usize + [z, y, x][a]);
                whole[place] = *v;
            }
        }
        whole.into_raw_vec_and_offset().0
    }

    fn parse<T: Value>(text: &str, shape: [usize; 3], convert: fn(f64) -> T) -> Voxels {
        let values = text.split(' ').map(|v| convert(v.parse().unwrap())).collect();
        T::wrap(Array3::from_shape_vec(shape, values).unwrap())
    }

    #[test]
    fn every_chunking_gives_the_bits_of_scipy() {
        let fixture = include_str!("../../tests/fixtures/voxels/smooth.txt");
        assert!(fixture.lines().count() > 5);
        for line in fixture.lines() {
            let [dtype, dimensions, shape, sigma, values, bits] =
                line.split(';').collect::<Vec<_>>().try_into().unwrap();
            let shape: Vec<usize> = shape.split(',').map(|n| n.parse().unwrap()).collect();
            let shape = shape.try_into().unwrap();
            let image = match dtype {
                "bool" => parse(values, shape, |v| v != 0.0),
                "uint8" => parse(values, shape, |v| v as u8),
                "uint16" => parse(values, shape, |v| v as u16),
                "int16" => parse(values, shape, |v| v as i16),
                "int32" => parse(values, shape, |v| v as i32),
                "float32" => parse(values, shape, |v| v as f32),
                "float64" => parse(values, shape, |v| v),
                other => panic!("{other} in the fixture"),
            };
            let expected: Vec<u32> = bits.split(' ').map(|b| u32::from_str_radix(b, 16).unwrap()).collect();
            for chunk in [[1, 1, 1], [2, 3, 4], [3, 2, 17], [64, 64, 64]] {
                let smoothed = by_chunks(&image, sigma.parse().unwrap(), dimensions.parse().unwrap(), chunk);
                let smoothed: Vec<u32> = smoothed.iter().map(|v| v.to_bits()).collect();
                assert_eq!(smoothed, expected, "{dtype} {shape:?} sigma {sigma} chunk {chunk:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn chunk_shape_changes_no_bit(
            shape in prop::array::uniform3(1usize..20),
            chunk in prop::array::uniform3(1usize..20),
            sigma in 0.1..3.0f64,
            seed in any::<u32>(),
        ) {
            let mut state = seed | 1;
            let image = Voxels::F32(Array3::from_shape_simple_fn(shape, || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32
            }));
            let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            prop_assert_eq!(bits(by_chunks(&image, sigma, 3, chunk)), bits(by_chunks(&image, sigma, 3, shape)));
        }
    }

    #[test]
    fn weights_sum_to_one_and_reach_four_sigma() {
        for (sigma, radius) in [(0.1, 0), (0.125, 1), (1.0, 4), (2.6, 10), (40.0, 160)] {
            let gaussian = Gaussian::new(sigma, 3).unwrap();
            assert_eq!(gaussian.radius(), radius);
            let sum = gaussian.weights()[0] + 2.0 * gaussian.weights()[1..].iter().sum::<f64>();
            assert!((sum - 1.0).abs() < 1e-14, "{sum}");
        }
    }

    #[test]
    fn a_sigma_that_means_nothing_is_refused() {
        for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Gaussian::new(sigma, 3).unwrap_err().kind(), crate::error::Kind::Usage);
        }
    }
}
