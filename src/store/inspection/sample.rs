//! A sample of the values of an image, at a small cost for images of any size.

use serde::Serialize;

use crate::chunk::{Value, Voxels};
use crate::error::Result;
use crate::grid::Grid;
use crate::space::Region;
use crate::store::Source;
use crate::with_voxels;

/// Most bytes of values that are read, unless one chunk has more.
const MOST_BYTES: usize = 32 << 20;
/// Most parts that are read along an axis of an image that is not read whole.
const MOST_ALONG: usize = 3;

/// Statistics of the values in parts of an image, or in all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sample {
    /// The smallest value; `None` if nothing could be read.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The mean value.
    pub mean: Option<f64>,
    /// Fraction of the voxels that are not zero.
    pub nonzero: f64,
    /// Number of voxels that were read.
    pub voxels: u64,
    /// Whether they are the whole image.
    pub whole: bool,
    /// Number of parts that were read, spread over the image.
    pub parts: usize,
    /// Largest shape of a part along (z, y, x), in voxels.
    pub part: [usize; 3],
}

/// Sums over the values that were read.
#[derive(Default)]
struct Sums {
    range: Option<(f64, f64)>,
    sum: f64,
    nonzero: u64,
    voxels: u64,
}

impl Sample {
    /// A sample, and the first error of reading it.
    pub(super) fn of(source: &dyn Source) -> (Sample, Result<()>) {
        let description = source.description();
        let bounds = Region::of_shape(description.shape);
        let size = description.dtype.size();
        let grid = Grid::new(bounds, description.chunk);
        let whole = bounds.volume().saturating_mul(size) <= MOST_BYTES;
        let regions = if whole { parts_of(&grid, usize::MAX) } else { spread(&grid, size) };
        let (mut sums, mut result) = (Sums::default(), Ok(()));
        let mut read = 0;
        for region in &regions {
            match source.read(region) {
                Ok(Some(chunk)) => sums.add(&chunk.voxels),
                Ok(None) => sums.add_filled(region.volume() as u64, description.fill),
                Err(error) => {
                    result = result.and(Err(error));
                    continue;
                }
            }
            read += 1;
        }
        let (min, max) = sums.range.unzip();
        let count = sums.voxels as f64;
        let sample = Sample {
            min,
            max,
            mean: (sums.voxels > 0).then(|| sums.sum / count),
            nonzero: if sums.voxels == 0 { 0.0 } else { sums.nonzero as f64 / count },
            voxels: sums.voxels,
            whole: whole && result.is_ok(),
            parts: read,
            part: grid.chunk_shape(),
        };
        (sample, result)
    }
}

impl Sums {
    fn add(&mut self, voxels: &Voxels) {
        with_voxels!(voxels, array => self.add_values(array.iter().copied()));
    }

    fn add_values<T: Value>(&mut self, values: impl Iterator<Item = T>) {
        for value in values {
            let value = value.to_f64();
            let (min, max) = self.range.unwrap_or((value, value));
            self.range = Some((min.min(value), max.max(value)));
            self.sum += value;
            self.nonzero += u64::from(value != 0.0);
            self.voxels += 1;
        }
    }

    fn add_filled(&mut self, voxels: u64, fill: f64) {
        let (min, max) = self.range.unwrap_or((fill, fill));
        self.range = Some((min.min(fill), max.max(fill)));
        self.sum += voxels as f64 * fill;
        self.nonzero += if fill == 0.0 { 0 } else { voxels };
        self.voxels += voxels;
    }
}

/// Boxes of a grid: all of them, or at most `along` along each axis, from the first to the last.
fn parts_of(grid: &Grid, along: usize) -> Vec<Region> {
    let shape = grid.bounds().shape();
    let places: [Vec<usize>; 3] = std::array::from_fn(|a| {
        let chunks = shape[a].div_ceil(grid.chunk_shape()[a]);
        let count = chunks.min(along);
        // In the middle of `count` equal stretches: the ends of an image are often empty.
        (0..count).map(|i| (2 * i + 1) * chunks / (2 * count)).collect()
    });
    let at = |z: usize, y: usize, x: usize| {
        let place = [z, y, x].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        grid.region(crate::grid::ChunkId::at(place))
    };
    let rows = places[0].iter().flat_map(|&z| places[1].iter().map(move |&y| (z, y)));
    rows.flat_map(|(z, y)| places[2].iter().map(move |&x| (z, y, x))).map(|(z, y, x)| at(z, y, x)).collect()
}

/// Boxes that are spread over a grid, as many as the limit allows.
fn spread(grid: &Grid, size: usize) -> Vec<Region> {
    let bytes = grid.chunk_shape().iter().fold(size, |n, &axis| n.saturating_mul(axis)).max(1);
    let most = (MOST_BYTES / bytes).max(1);
    let mut regions = Vec::new();
    for along in (1..=MOST_ALONG).rev() {
        regions = parts_of(grid, along);
        if regions.len() <= most {
            break;
        }
    }
    // If even the one in the middle is too large, a part of it, as long as possible along x.
    for region in &mut regions {
        for axis in 0..3 {
            while region.volume().saturating_mul(size) > MOST_BYTES && region.shape()[axis] > 1 {
                region.max[axis] = region.min[axis] + (region.max[axis] - region.min[axis]) / 2;
            }
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_image_is_read_whole_and_a_large_one_in_its_middle_and_around() {
        let grid = Grid::new(Region::of_shape([10, 20, 30]), [4, 20, 7]);
        let parts = parts_of(&grid, usize::MAX);
        assert_eq!(parts.len(), 15);
        assert_eq!(parts.iter().map(Region::volume).sum::<usize>(), 6000);
        let large = Grid::new(Region::of_shape([1000; 3]), [64; 3]);
        let parts = spread(&large, 2);
        assert_eq!(parts.len(), 27);
        assert!(parts.iter().map(|part| 2 * part.volume()).sum::<usize>() <= MOST_BYTES);
        assert_eq!((parts[0].min, parts[13].min, parts[26].min), ([128; 3], [512; 3], [832; 3]));
        assert_eq!(spread(&Grid::new(Region::of_shape([1000; 3]), [200; 3]), 2).len(), 1);
        let huge = Grid::new(Region::of_shape([1, 100_000, 100_000]), [1, 50_000, 100_000]);
        let parts = spread(&huge, 4);
        assert!(parts.len() == 1 && 4 * parts[0].volume() <= MOST_BYTES && !parts[0].is_empty(), "{parts:?}");
    }
}
