//! The brightness of two tiles in their overlap.

use std::ops::Range;

use ndarray::Array3;

use super::canvas::{Sample, each_row, meeting};
use super::path::{self, Path};
use super::real::Tone;
use super::{Prepared, with_samples};
use crate::kernel::mosaic::affine::Affine;
use crate::space::Region;

/// A tile with the map that leads from a place on the canvas to a place in the tile.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The tile.
    pub tile: &'a Prepared,
    /// The map.
    pub to_tile: &'a Affine,
}

/// The number of voxels of a region of the canvas that both tiles cover, and the sum of each tile's values there,
/// without rounding. Takes time proportional to these voxels, and the rows of the region near both tiles.
#[must_use]
pub fn overlap(region: &Region, tiles: [Placed<'_>; 2]) -> (u64, [f64; 2]) {
    let [first, second] = tiles;
    let part = meeting(region, first.tile.shape(), first.to_tile);
    let part = meeting(&part, second.tile.shape(), second.to_tile);
    let (mut voxels, mut sums) = (0, [0.0; 2]);
    each_row(first.tile.shape(), first.to_tile, &part, |place, path, xs| {
        let other = Path::new(second.tile.shape(), second.to_tile, place);
        let xs = other.inside(xs);
        if !xs.is_empty() {
            voxels += (xs.end - xs.start).unsigned_abs();
            sums[0] += sum(first.tile, path, &xs);
            sums[1] += sum(second.tile, &other, &xs);
        }
    });
    (voxels, sums)
}

/// The sum of a tile's values in voxels `xs` of a row, which the tile covers.
fn sum(tile: &Prepared, path: &Path, xs: &Range<i64>) -> f64 {
    fn of<T: Tone>(values: &Array3<T>, path: &Path, xs: &Range<i64>, sample: Sample<T>) -> f64 {
        let values = values.as_slice().expect("prepared values are in C order");
        let length = usize::try_from(xs.end - xs.start).expect("the row is not empty");
        let mut row = vec![T::Real::default(); length.max(path::STEP)];
        sample(values, path, xs.clone(), &mut row);
        row[..length].iter().map(|v| crate::chunk::Value::to_f64(*v)).sum()
    }
    with_samples!(tile, |values, sample| of(values, path, xs, sample))
}
