//! A region of a canvas, on which tiles are placed one after the other.

use std::ops::Range;

use ndarray::Array3;

use super::path::{self, Path};
use super::real::{Real, Tone};
use super::{Blend, Interpolation, Prepared, with_samples};
use crate::chunk::{Dtype, Value, Voxels};
use crate::kernel::mosaic::affine::Affine;
use crate::space::Region;
use crate::{with_dtype, with_voxels};

/// A region of a canvas on which tiles of one type are placed, in the order of their rows in the table.
///
/// Holds one value and one byte per voxel, or 16 bytes per voxel for [`Blend::Mean`] and [`Blend::Feather`], from the
/// first tile that intersects it on. The order of tiles matters only for [`Blend::First`], except for the last bit of
/// sums of floating-point values.
#[derive(Clone, Debug)]
pub struct Composition {
    region: Region,
    blend: Blend,
    layer: Option<Layer>,
}

/// The result of blending so far, in raster order.
#[derive(Clone, Debug)]
enum Layer {
    /// The largest or the first value.
    Chosen {
        values: Voxels,
        /// Whether each voxel has a value. Empty for the largest value of types whose smallest value is zero.
        covered: Vec<bool>,
    },
    /// Sums of weighted values, and of weights.
    Summed { sums: Vec<f64>, weights: Vec<f64> },
}

/// A tile that intersects the region.
#[derive(Clone, Copy)]
struct Putting<'a> {
    dtype: Dtype,
    to_tile: &'a Affine,
    gain: f64,
    /// Whether the tile moves by whole voxels, and its values do not change.
    whole: bool,
    /// The part of the region that it may cover.
    part: Region,
}

/// Fills a row with values of a tile.
pub(super) type Sample<T> = fn(&[T], &Path, Range<i64>, &mut [<T as Tone>::Real]);

impl Composition {
    /// An empty region of a canvas, in the coordinates from which the maps of tiles lead.
    #[must_use]
    pub fn new(region: Region, blend: Blend) -> Composition {
        Composition { region, blend, layer: None }
    }

    /// Places a tile, with its values multiplied by `gain`. `to_tile` leads from a place on the canvas to the place in
    /// the tile. Does nothing if the tile does not intersect the region. Takes time proportional to the voxels of the
    /// region that the tile covers, and the region's rows near them.
    pub fn add(&mut self, tile: &Prepared, to_tile: &Affine, gain: f64) {
        let part = meeting(&self.region, tile.shape(), to_tile);
        if part.is_empty() {
            return;
        }
        let whole = tile.order != Interpolation::Cubic && gain == 1.0 && is_whole(to_tile);
        let placed = Putting { dtype: tile.dtype, to_tile, gain, whole, part };
        with_samples!(tile, |values, sample| self.put(values, &placed, sample));
    }

    fn put<T: Tone>(&mut self, values: &Array3<T>, tile: &Putting<'_>, sample: Sample<T>) {
        let Putting { dtype, to_tile, gain, whole, part } = *tile;
        let shape = values.dim().into();
        let values = values.as_slice().expect("prepared values are in C order");
        let [_, height, width] = self.region.shape();
        let min = self.region.min;
        let longest = part.shape()[2].max(path::STEP);
        let mut row = vec![T::Real::default(); longest];
        let mut depths = vec![1.0; if self.blend == Blend::Max || self.blend == Blend::First { 0 } else { longest }];
        each_row(shape, to_tile, &part, |[z, y], path, xs| {
            let layer = self.layer.get_or_insert_with(|| Layer::new(self.blend, dtype, self.region.volume()));
            let at = (index(z - min[0]) * height + index(y - min[1])) * width + index(xs.start - min[2]);
            if whole && layer.copy(self.blend, values, path, &xs, at) {
                return;
            }
            let length = index(xs.end - xs.start);
            let steps = ..length.max(path::STEP);
            sample(values, path, xs.clone(), &mut row[steps]);
            let row = &mut row[..length];
            if gain != 1.0 {
                let gain = T::Real::near(gain);
                row.iter_mut().for_each(|v| *v = *v * gain);
            }
            match layer {
                Layer::Chosen { values, covered } => {
                    let first = self.blend == Blend::First;
                    with_voxels!(values, values => choose(first, row, values, covered, at));
                }
                Layer::Summed { sums, weights } => {
                    if self.blend == Blend::Feather {
                        path::depths(path, xs, &mut depths[steps]);
                    }
                    let part = at..at + length;
                    add_up(row, &depths[..length], dtype, &mut sums[part.clone()], &mut weights[part]);
                }
            }
        });
    }

    /// The values of the region in a type: rounded to the nearest value, for integers with ties away from zero, and
    /// clipped to the range of the type. Voxels that no tile covers are zero. The largest and the first value are
    /// rounded to the tiles' type first.
    #[must_use]
    pub fn finish(self, dtype: Dtype) -> Voxels {
        let shape = self.region.shape();
        let Some(layer) = self.layer else { return Voxels::filled(dtype, shape, 0.0) };
        match layer {
            Layer::Chosen { values, .. } if values.dtype() == dtype => {
                with_voxels!(values, v => in_shape(v.into_raw_vec_and_offset().0, shape))
            }
            Layer::Chosen { values, .. } => {
                let numbers: Vec<f64> = with_voxels!(values, v => v.iter().map(|v| v.to_f64()).collect());
                with_dtype!(dtype, T => in_shape(numbers.into_iter().map(T::of_f64).collect(), shape))
            }
            Layer::Summed { sums, weights } => with_dtype!(dtype, T => {
                let mut values = vec![T::default(); sums.len()];
                divide(&sums, &weights, &mut values);
                in_shape(values, shape)
            }),
        }
    }
}

/// Values in raster order as voxels.
fn in_shape<T: Tone>(values: Vec<T>, shape: [usize; 3]) -> Voxels {
    T::wrap(Array3::from_shape_vec(shape, values).expect("a layer has a value for each voxel"))
}

/// A non-negative difference of positions as an index.
fn index(difference: i64) -> usize {
    usize::try_from(difference).expect("rows lie in the region")
}

/// The part of a region that a tile may cover; it covers no voxel outside.
pub(super) fn meeting(region: &Region, shape: [usize; 3], to_tile: &Affine) -> Region {
    if shape.contains(&0) {
        return Region::new(region.min, region.min);
    }
    // The inverse map is not exact.
    let outline = to_tile.inverse().and_then(|to_canvas| to_canvas.outline(shape));
    outline.map_or(*region, |outline| outline.dilated([1; 3]).intersection(region))
}

/// Calls `see` for each row of a part of the canvas that the tile intersects, in raster order, with (z, y), the places
/// in the tile, and the voxels that the tile covers.
pub(super) fn each_row(
    shape: [usize; 3],
    to_tile: &Affine,
    part: &Region,
    mut see: impl FnMut([i64; 2], &Path, Range<i64>),
) {
    for z in part.min[0]..part.max[0] {
        for y in part.min[1]..part.max[1] {
            let path = Path::new(shape, to_tile, [z, y]);
            let xs = path.inside(part.min[2]..part.max[2]);
            if !xs.is_empty() {
                see([z, y], &path, xs);
            }
        }
    }
}

/// Whether a map is a translation by whole voxels, small enough that places are exact.
fn is_whole(map: &Affine) -> bool {
    let few = |x: f64| x.fract() == 0.0 && x.abs() < 1e15;
    map.matrix == Affine::translation([0.0; 3]).matrix && map.offset.iter().all(|&x| few(x))
}

impl Layer {
    fn new(blend: Blend, dtype: Dtype, volume: usize) -> Layer {
        fn is_unsigned<T: Tone>() -> bool {
            T::UNSIGNED
        }
        match blend {
            Blend::Max | Blend::First => {
                let covers = blend == Blend::Max && with_dtype!(dtype, T => is_unsigned::<T>());
                let covered = vec![false; if covers { 0 } else { volume }];
                Layer::Chosen { values: Voxels::filled(dtype, [1, 1, volume], 0.0), covered }
            }
            Blend::Mean | Blend::Feather => Layer::Summed { sums: vec![0.0; volume], weights: vec![0.0; volume] },
        }
    }

    /// Blends a row of the tile's own values, whose places are whole voxels, beginning at the layer's voxel `at`.
    /// Returns whether it did: it does not handle sums, and values of another type.
    fn copy<T: Tone>(&mut self, blend: Blend, tile: &[T], path: &Path, xs: &Range<i64>, at: usize) -> bool {
        let Layer::Chosen { values, covered } = self else { return false };
        let Some(values) = T::inside(values).and_then(|values| values.as_slice_mut()) else { return false };
        let [_, height, width] = path.shape;
        // The places are inside the tile and have no fractions.
        let [z, y, x] = path.base.map(|place| place as i64);
        let from = (index(z) * height + index(y)) * width + index(x + xs.start);
        let row = &tile[from..from + index(xs.end - xs.start)];
        blend_values(blend == Blend::First, row, &mut values[at..], covered.get_mut(at..).unwrap_or(&mut []));
        true
    }
}

/// Blends a row of numbers into a layer's values, beginning at voxel `at`.
fn choose<S: Real, T: Tone>(first: bool, row: &[S], values: &mut Array3<T>, covered: &mut [bool], at: usize) {
    let values = values.as_slice_mut().expect("a layer is in C order");
    blend_numbers(first, row, &mut values[at..], covered.get_mut(at..).unwrap_or(&mut []));
}

/// Blends a row of numbers into values by the first or the largest one. `covered` is empty for the largest value of
/// types whose smallest value is zero.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn blend_numbers<S: Real, T: Tone>(first: bool, row: &[S], values: &mut [T], covered: &mut [bool]) {
    blend(first, row, values, covered, S::tone);
}

/// As [`blend_numbers`], for values.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn blend_values<T: Tone>(first: bool, row: &[T], values: &mut [T], covered: &mut [bool]) {
    blend(first, row, values, covered, |v| v);
}

#[inline(always)]
fn blend<S: Value, T: Tone>(first: bool, row: &[S], values: &mut [T], covered: &mut [bool], tone: impl Fn(S) -> T) {
    let values = &mut values[..row.len()];
    if covered.is_empty() {
        for (to, &v) in values.iter_mut().zip(row) {
            *to = to.larger(tone(v));
        }
        return;
    }
    for ((to, covered), &v) in values.iter_mut().zip(covered).zip(row) {
        let v = tone(v);
        let kept = if first { *to } else { to.larger(v) };
        *to = if *covered { kept } else { v };
        *covered = true;
    }
}

/// Weights, and values times weights, are rounded to multiples of these numbers before they are summed. Then sums are
/// exact, and the order of tiles does not matter. Zero for values with fractions, which are not rounded.
fn quanta(dtype: Dtype) -> [f64; 2] {
    match (dtype.is_integer(), dtype.size()) {
        (false, _) => [0.0; 2],
        (true, 4) => [2.0f64.powi(-36), 2.0f64.powi(-6)],
        (true, _) => [2.0f64.powi(-20), 2.0f64.powi(-8)],
    }
}

/// Adds a row of numbers times their weights to `sums`, and the weights to `weights`.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn add_up<S: Real>(row: &[S], by: &[f64], dtype: Dtype, sums: &mut [f64], weights: &mut [f64]) {
    // Adding this number to a far smaller one rounds that to a multiple.
    let [of_weight, of_sum] = quanta(dtype).map(|quantum| 1.5 / f64::EPSILON * quantum);
    for (((sum, weight), v), by) in sums.iter_mut().zip(weights).zip(row).zip(by) {
        let by = (by + of_weight) - of_weight;
        *sum += (v.to_f64() * by + of_sum) - of_sum;
        *weight += by;
    }
}

/// The values nearest to the sums divided by their weights, for positive weights.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn divide<T: Tone>(sums: &[f64], weights: &[f64], values: &mut [T]) {
    for ((&sum, &weight), to) in sums.iter().zip(weights).zip(values) {
        let mean = sum / if weight > 0.0 { weight } else { 1.0 };
        *to = T::of_f64(mean);
    }
}
