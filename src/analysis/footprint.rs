//! The memory that a process of an analysis takes beside chunks in flight, as far as it follows from the image, the parameters and
//! the workers. The numbers are those of docs/costs.md.

use crate::grid::Grid;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::Layout;
use crate::kernel::thin::planes::PlaneLayout;
use crate::operators::read::Selection;
use crate::operators::thin_planes::suits;
use crate::parameters::Settled;

/// Bytes of the program, and of each worker.
const PROGRAM: usize = 28 << 20;
const WORKER: usize = 5 << 20;
/// Bytes for each pixel of the picture.
const PIXEL: usize = 10;
/// Planes that are awake: two for each sub-iteration, of which thin tubes need these, and those of solids of some radius.
const LEAST_AWAKE: usize = 32;
const USUALLY_AWAKE: usize = 128;
/// Layers of chunks that come, in planes that are awake.
const LAYERS: usize = 3;
/// Usually, one of this number of voxels is one of the skeleton, and takes this number of bytes.
const VOXELS_OF_ONE: usize = 500;
const SKELETON_VOXEL: usize = 14;

/// Bytes beside chunks in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// In any case.
    pub(super) least: usize,
    /// For vessels of usual thickness and density.
    pub(super) usual: usize,
    /// The part of the former that is of planes that are awake.
    least_awake: usize,
}

impl Footprint {
    /// That of an image in chunks of `grid`, of which those of `stored` may have foreground.
    pub(super) fn new(
        grid: &Grid,
        dimensions: usize,
        stored: &Selection,
        settled: &Settled,
        workers: usize,
    ) -> Footprint {
        let (shape, processes) = (grid.bounds().shape(), grid.processes());
        let pixels = Projections::count_of_pixels(&grid.bounds(), dimensions);
        let chunks = stored.count(grid);
        let masks = chunks.saturating_mul(Layout::bytes_of(grid.chunk_shape()));
        let planes = PlaneLayout::new(shape);
        let is_swept = settled.method.retest_by_planes().is_some() && suits(grid, chunks, workers * processes);
        let of_planes = |count: usize| {
            let planes = planes.bytes().saturating_mul(shape[0].min(count));
            planes.saturating_add(planes / 8)
        };
        let (least, usual) = if is_swept && settled.filters.is_empty() {
            let layers = LAYERS * grid.chunk_shape()[0];
            let with_layers = |awake: usize| of_planes(layers + awake / processes);
            (with_layers(LEAST_AWAKE), with_layers(USUALLY_AWAKE))
        } else {
            // How much of them is empty is not known.
            (0, masks / processes)
        };
        let least_awake = of_planes(LEAST_AWAKE / processes).min(least);
        let program = PROGRAM + WORKER * workers;
        let skeleton = shape.iter().fold(SKELETON_VOXEL, |all, n| all.saturating_mul(*n)) / VOXELS_OF_ONE / processes;
        let with_picture = |thinning: usize| thinning.saturating_add(program + PIXEL * pixels);
        Footprint { least: with_picture(least), usual: with_picture(usual).saturating_add(skeleton), least_awake }
    }

    /// Bytes of planes that may be awake in a budget for all but chunks in flight: what the skeleton takes comes later.
    pub(super) fn planes(&self, budget: usize) -> usize {
        budget.saturating_sub(self.least - self.least_awake).max(self.least_awake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;
    use crate::parameters::{ImageForm, Parameters};
    use crate::space::Region;
    use crate::store::Description;

    fn footprint(shape: [usize; 3], stored: &Selection, parameters: &Parameters, processes: usize) -> Footprint {
        let form = ImageForm::of(&Description::new("image", shape, 3, Dtype::U8));
        let grid = Grid::new(Region::of_shape(shape), [64; 3]).among(processes);
        Footprint::new(&grid, 3, stored, &parameters.settle(form).unwrap(), 2)
    }

    #[test]
    fn planes_take_as_much_however_deep_the_volume_is_and_less_in_more_processes() {
        let of = |shape, processes| footprint(shape, &Selection::All, &Parameters::default(), processes);
        let [shallow, deep] = [4096, 16384].map(|depth| of([depth, 2048, 2048], 1));
        let skeleton = |depth: usize| SKELETON_VOXEL * (depth << 22) / VOXELS_OF_ONE;
        // The picture of the deeper one has fewer pixels.
        assert!(deep.usual - skeleton(16384) <= shallow.usual - skeleton(4096) && deep.least <= shallow.least);
        assert!(of([4096, 2048, 2048], 4).usual < shallow.usual);
        // 1024³ voxels of vessels take 103 to 140 MiB.
        let cube = of([1024; 3], 1);
        assert!(cube.least > 80 << 20 && cube.least < 120 << 20 && cube.usual < 200 << 20, "{cube:?}");
    }

    #[test]
    fn filters_hold_all_masks_and_what_is_not_stored_takes_nothing() {
        let mut filled = Parameters::default();
        filled.filters.remove_smaller = Some(5);
        let (all, none) =
            (Selection::All, Selection::Some(Vec::new().into_iter().collect::<std::collections::BTreeSet<_>>().into()));
        let [whole, empty] = [&all, &none].map(|stored| footprint([2048; 3], stored, &filled, 1));
        assert!(whole.usual - empty.usual > 900 << 20 && whole.least == empty.least);
    }
}
