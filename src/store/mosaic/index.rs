//! An index of the tiles that a part of the canvas meets.

use std::collections::BTreeMap;

use crate::grid::{ChunkId, Grid};
use crate::space::Region;

/// Smallest length of bins along an axis on which tiles lie beside each other, in pixels.
const SHORTEST: usize = 64;
/// Largest number of bins along an axis.
const MOST: usize = 1 << 19;

/// Boxes in bins of about their size. Holds a number for each box and bin that meet.
#[derive(Debug)]
pub(super) struct TileIndex {
    grid: Grid,
    bins: BTreeMap<ChunkId, Vec<usize>>,
    boxes: usize,
}

impl TileIndex {
    /// An index of boxes on a canvas, whose first voxel is the origin.
    pub(super) fn new(canvas: [usize; 3], boxes: &[Region]) -> TileIndex {
        let grid = Grid::new(Region::of_shape(canvas), cell(canvas, boxes, 1, SHORTEST));
        let mut bins: BTreeMap<ChunkId, Vec<usize>> = BTreeMap::new();
        for (number, region) in boxes.iter().enumerate() {
            for bin in grid.chunks_in(region) {
                bins.entry(bin).or_default().push(number);
            }
        }
        TileIndex { grid, bins, boxes: boxes.len() }
    }

    /// Numbers, in ascending order, of all boxes that may meet a part of the canvas. Takes time in proportion to the
    /// bins that the part meets, or to the number of boxes if that is less.
    pub(super) fn near(&self, region: &Region) -> Vec<usize> {
        let bins = self.grid.with_bounds(region.intersection(&self.grid.bounds())).shape();
        if bins.iter().fold(1, |bins: usize, &n| bins.saturating_mul(n)) > self.boxes {
            return (0..self.boxes).collect();
        }
        let mut near: Vec<usize> =
            self.grid.chunks_in(region).filter_map(|bin| self.bins.get(&bin)).flatten().copied().collect();
        near.sort_unstable();
        near.dedup();
        near
    }
}

/// The mean size of boxes along each axis, divided by `part`: at least `shortest`, but no more than the length of the
/// canvas.
pub(super) fn cell(canvas: [usize; 3], boxes: &[Region], part: usize, shortest: usize) -> [usize; 3] {
    std::array::from_fn(|a| {
        let together: usize = boxes.iter().map(|region| region.shape()[a]).fold(0, usize::saturating_add);
        let mean = together / boxes.len().max(1) / part;
        mean.max(shortest).min(canvas[a]).max(canvas[a].div_ceil(MOST)).max(1)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_box_that_meets_a_part_is_near(
            boxes in proptest::collection::vec(([0i64..3, 0..2000, 0..1000], [1i64..4, 1..300, 1..900]), 1..40),
            from in [0i64..4, 0..2000, 0..1500],
            shape in [1i64..3, 1..700, 1..200],
        ) {
            let canvas = [8, 2400, 2000];
            let region = |min: [i64; 3], shape: [i64; 3]| Region::new(min, std::array::from_fn(|a| min[a] + shape[a]));
            let boxes: Vec<Region> = boxes.into_iter().map(|(min, shape)| region(min, shape)).collect();
            let (index, part) = (TileIndex::new(canvas, &boxes), region(from, shape));
            let near = index.near(&part);
            prop_assert!(near.is_sorted_by(|a, b| a < b));
            for (number, region) in boxes.iter().enumerate() {
                if !region.intersection(&part).is_empty() {
                    prop_assert!(near.contains(&number), "{region:?}");
                }
            }
        }
    }

    #[test]
    fn a_part_has_few_tiles_near_it_among_many() {
        let boxes: Vec<Region> = (0..30)
            .flat_map(|y| (0..20).map(move |x| Region::of_shape([1, 2048, 2048]).shifted([0, 1843 * y, 1843 * x])))
            .collect();
        let canvas = [1, 1843 * 29 + 2048, 1843 * 19 + 2048];
        let index = TileIndex::new(canvas, &boxes);
        assert!(index.near(&Region::new([0, 20_000, 20_000], [1, 21_024, 21_024])).len() <= 16);
        assert_eq!(index.near(&Region::of_shape(canvas)).len(), 600);
    }

    #[test]
    fn a_canvas_without_end_has_bins_that_can_be_numbered() {
        let far = 1 << 50;
        let boxes = [Region::of_shape([1, 10, 10]), Region::of_shape([1, 10, 10]).shifted([0, far - 10, far - 10])];
        let index = TileIndex::new([1, far as usize, far as usize], &boxes);
        assert_eq!(index.near(&Region::new([0, far - 5, far - 5], [1, far, far])), [1]);
    }
}
