//! Thinning in chunks compared with the definition, voxel by voxel on the whole volume.

mod topology;

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::lee::Retest;
use crate::kernel::thin::method::Method;
use crate::kernel::thin::neighbourhood::tests::{is_deletable_plainly, is_simple_plainly, lies_apart_plainly};
use crate::kernel::thin::partition::Partition;
use crate::kernel::thin::planes::tests::swept;
use crate::kernel::thin::planes::{Plane, PlaneLayout};
use crate::space::{Position, Region};

/// A binary volume, with its voxels in raster order.
#[derive(Clone, Debug, PartialEq)]
struct Volume {
    shape: [usize; 3],
    voxels: Vec<bool>,
}

/// The positions in a box, in raster order.
fn positions(region: &Region) -> impl Iterator<Item = Position> + use<> {
    let [z, y, x] = [0, 1, 2].map(|a| region.min[a]..region.max[a]);
    z.flat_map(move |z| {
        let x = x.clone();
        y.clone().flat_map(move |y| x.clone().map(move |x| [z, y, x]))
    })
}

impl Volume {
    /// A volume of noise: a voxel is foreground if the mean of random values within `reach` of it is below `share`.
    fn drawn(shape: [usize; 3], reach: i64, share: f64, seed: u64) -> Volume {
        let mut state = seed;
        let noise: Vec<f64> = (0..shape.iter().product())
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f64 / f64::from(1 << 24)
            })
            .collect();
        let mut volume = Volume { shape, voxels: vec![false; noise.len()] };
        for p in positions(&Region::of_shape(shape)) {
            let around = Region::new(p.map(|c| c - reach), p.map(|c| c + reach + 1));
            let values: Vec<f64> = positions(&around).filter_map(|q| volume.index(q)).map(|i| noise[i]).collect();
            let index = volume.index(p).unwrap();
            volume.voxels[index] = values.iter().sum::<f64>() < share * values.len() as f64;
        }
        volume
    }

    fn index(&self, p: Position) -> Option<usize> {
        let inside = (0..3).all(|a| (0..self.shape[a] as i64).contains(&p[a]));
        inside.then(|| (p[0] as usize * self.shape[1] + p[1] as usize) * self.shape[2] + p[2] as usize)
    }

    fn get(&self, p: Position) -> bool {
        self.index(p).is_some_and(|index| self.voxels[index])
    }

    fn neighbourhood(&self, p: Position) -> u32 {
        let around = Region::new(p.map(|c| c - 1), p.map(|c| c + 2));
        positions(&around).enumerate().filter(|(_, q)| self.get(*q)).fold(0, |found, (n, _)| found | 1 << n)
    }
}

/// The definition: candidates on the state at the start of a sub-iteration, then each in raster order is deleted if it
/// is still simple; or, by the homotopic method, if it passes the whole test again, and no neighbour that was deleted
/// since the start lies apart from the remaining ones.
fn thin_plainly(volume: &Volume, method: Method) -> Volume {
    let mut volume = volume.clone();
    let (directions, whole) = (method.turns(), method.retest() == Some(Retest::Whole));
    let opposite = [[0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]];
    let mut quiet = 0;
    for direction in (0..directions).cycle() {
        let candidates: Vec<(Position, u32)> = positions(&Region::of_shape(volume.shape))
            .filter(|&p| volume.get(p) && !volume.get(std::array::from_fn(|a| p[a] + opposite[direction][a])))
            .map(|p| (p, volume.neighbourhood(p)))
            .filter(|&(_, neighbourhood)| is_deletable_plainly(neighbourhood))
            .collect();
        quiet += 1;
        for (p, old) in candidates {
            let now = volume.neighbourhood(p);
            let passes = || is_deletable_plainly(now) && !lies_apart_plainly(old & !now, now);
            if is_simple_plainly(now) && (!whole || passes()) {
                let index = volume.index(p).unwrap();
                volume.voxels[index] = false;
                quiet = 0;
            }
        }
        if quiet == directions {
            break;
        }
    }
    volume
}

fn masks(volume: &Volume, grid: &Grid) -> BTreeMap<ChunkId, Mask> {
    let mut masks: BTreeMap<ChunkId, Mask> = BTreeMap::new();
    for p in positions(&Region::of_shape(volume.shape)).filter(|&p| volume.get(p)) {
        let id = grid.chunk_at(p);
        let mask = masks.entry(id).or_insert_with(|| Mask::new(Layout::new(grid.region(id))));
        mask.set(mask.layout().bit_at(p));
    }
    masks
}

/// The volume of the masks of its chunks.
fn volume<'m>(shape: [usize; 3], masks: impl IntoIterator<Item = &'m Mask>) -> Volume {
    let mut volume = Volume { shape, voxels: vec![false; shape.iter().product()] };
    for mask in masks {
        for bit in mask.own_bits() {
            let index = volume.index(mask.layout().position(bit)).unwrap();
            volume.voxels[index] = true;
        }
    }
    volume
}

/// Thinning by planes: the masks of chunks are pasted into planes, which go through the stages of some workers.
fn thin_in_planes(content: &Volume, chunk: [usize; 3], steps: &[usize], method: Method) -> Volume {
    let grid = Grid::new(Region::of_shape(content.shape), chunk);
    let layout = PlaneLayout::new(content.shape);
    let masks = masks(content, &grid);
    let corner = |id: ChunkId| [1, 2].map(|a| grid.region(id).min[a] as usize);
    let mut planes: Vec<Plane> = vec![Plane::default(); content.shape[0]];
    for (&id, mask) in &masks {
        for (number, z) in (grid.region(id).min[0]..grid.region(id).max[0]).enumerate() {
            planes[z as usize].paste(&layout, mask, number, corner(id));
        }
    }
    let voxels = content.voxels.iter().filter(|&&voxel| voxel).count();
    assert_eq!(planes.iter().map(Plane::count).sum::<usize>(), voxels);
    let retest = method.retest_by_planes().unwrap();
    let swept = swept(layout, planes, steps, retest, voxels as u64);
    let (planes, deleted) = (swept.planes, swept.deleted as usize);
    assert_eq!(planes.iter().map(Plane::count).sum::<usize>(), voxels - deleted);
    let mut thinned = Volume { shape: content.shape, voxels: vec![false; content.voxels.len()] };
    for (z, plane) in planes.iter().enumerate() {
        plane.voxels(&layout, |[y, x]| {
            let index = thinned.index([z as i64, y as i64, x as i64]).unwrap();
            thinned.voxels[index] = true;
        });
    }
    thinned
}

fn thin_in_chunks(content: &Volume, chunk: [usize; 3], method: Method, keep: bool) -> Volume {
    let grid = Grid::new(Region::of_shape(content.shape), chunk);
    let masks = masks(content, &grid).into_iter().map(|(id, mask)| (id, Some(mask))).collect();
    let thinned = Partition::new(grid, method, keep).thin(masks);
    volume(content.shape, thinned.iter().map(|(_, mask)| mask))
}

/// The methods that delete one voxel after the other, in space or in a plane.
fn methods(planar: bool) -> impl Strategy<Value = Method> {
    let methods = [[Method::Lee, Method::Homotopic], [Method::LeePlanar, Method::HomotopicPlanar]];
    prop::sample::select(methods[usize::from(planar)].to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn volumes_in_chunks_are_thinned_as_the_definition_says(
        shape in (1usize..12, 1usize..14, 1usize..24).prop_map(|(z, y, x)| [z, y, x]),
        chunk in prop::array::uniform3(1usize..13),
        (reach, share) in (0i64..3, 0.3..0.8),
        seed in any::<u64>(),
        method in methods(false),
        keep in any::<bool>(),
    ) {
        let volume = Volume::drawn(shape, reach, share, seed);
        let plain = thin_plainly(&volume, method);
        prop_assert_eq!(&thin_in_chunks(&volume, chunk, method, keep), &plain);
        prop_assert_eq!(&thin_in_chunks(&volume, shape, method, keep), &plain);
    }

    #[test]
    fn long_rows_are_thinned_as_the_definition_says(
        shape in (1usize..5, 1usize..8, 60usize..200).prop_map(|(z, y, x)| [z, y, x]),
        width in 13usize..140,
        (reach, share) in (0i64..3, 0.3..0.8),
        seed in any::<u64>(),
        method in methods(false),
    ) {
        let volume = Volume::drawn(shape, reach, share, seed);
        prop_assert_eq!(thin_in_chunks(&volume, [3, 4, width], method, false), thin_plainly(&volume, method));
    }

    #[test]
    fn volumes_that_pass_through_stages_are_thinned_as_the_definition_says(
        shape in (1usize..20, 1usize..14, 1usize..24).prop_map(|(z, y, x)| [z, y, x]),
        chunk in prop::array::uniform3(1usize..13),
        steps in prop::collection::vec(1usize..6, 1..4),
        (reach, share) in (0i64..3, 0.3..0.8),
        seed in any::<u64>(),
        method in methods(false),
    ) {
        let volume = Volume::drawn(shape, reach, share, seed);
        prop_assert_eq!(thin_in_planes(&volume, chunk, &steps, method), thin_plainly(&volume, method));
    }

    #[test]
    fn long_rows_that_pass_through_stages_are_thinned_as_the_definition_says(
        shape in (1usize..5, 1usize..8, 60usize..600).prop_map(|(z, y, x)| [z, y, x]),
        width in 13usize..140,
        steps in prop::collection::vec(1usize..6, 1..3),
        (reach, share) in (0i64..3, 0.3..0.8),
        seed in any::<u64>(),
        method in methods(false),
    ) {
        let volume = Volume::drawn(shape, reach, share, seed);
        prop_assert_eq!(thin_in_planes(&volume, [3, 4, width], &steps, method), thin_plainly(&volume, method));
    }

    #[test]
    fn planes_are_thinned_as_the_definition_says(
        shape in (1usize..40, 1usize..90).prop_map(|(y, x)| [1, y, x]),
        chunk in (1usize..40, 1usize..80).prop_map(|(y, x)| [1, y, x]),
        (reach, share) in (0i64..3, 0.3..0.8),
        seed in any::<u64>(),
        method in methods(true),
    ) {
        let volume = Volume::drawn(shape, reach, share, seed);
        prop_assert_eq!(thin_in_chunks(&volume, chunk, method, false), thin_plainly(&volume, method));
    }
}
