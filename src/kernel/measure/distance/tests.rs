//! Distances in chunks compared with the definition, voxel by voxel.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::measure::radii::{Radii, Radius};
use crate::space::{Position, Region, Spacing, Voxel};

/// A binary volume, with its voxels in raster order.
#[derive(Debug)]
struct Volume {
    bounds: Region,
    inside: Vec<bool>,
}

fn voxels(region: Region) -> impl Iterator<Item = Position> {
    let [_, ny, nx] = region.shape();
    (0..region.volume()).map(move |i| {
        let place = [i / (ny * nx), i / nx % ny, i % nx];
        std::array::from_fn(|a| region.min[a] + place[a] as i64)
    })
}

impl Volume {
    fn at(&self, p: Position) -> bool {
        let [_, ny, nx] = self.bounds.shape();
        let [z, y, x] = [0, 1, 2].map(|a| (p[a] - self.bounds.min[a]) as usize);
        self.bounds.contains(p) && self.inside[(z * ny + y) * nx + x]
    }

    /// The mask of a chunk, in a box that may extend beyond the bounds. Its halo and the voxels outside the bounds are
    /// arbitrary.
    fn mask(&self, own: Region, beyond: bool) -> Option<Arc<Mask>> {
        let layout = Layout::new(own);
        let mut mask = Mask::new(layout);
        for p in voxels(own.dilated([1; 3])) {
            let known = own.contains(p) && self.bounds.contains(p);
            if if known { self.at(p) } else { beyond } {
                mask.set(layout.bit_at(p));
            }
        }
        voxels(own).any(|p| self.at(p)).then(|| Arc::new(mask))
    }

    /// The definition, from the positions of the background.
    fn radius(&self, background: &[Position], p: Position, Spacing([sz, sy, sx]): Spacing) -> Radius {
        let square = |[dz, dy, dx]: Position| {
            (sz * dz as f64) * (sz * dz as f64)
                + (sy * dy as f64) * (sy * dy as f64)
                + (sx * dx as f64) * (sx * dx as f64)
        };
        let squares = background.iter().map(|q| square([0, 1, 2].map(|a| q[a] - p[a])));
        let radius = squares.fold(f64::INFINITY, f64::min).sqrt();
        let touches = |a: usize| {
            let (before, after) = (p[a] - self.bounds.min[a], self.bounds.max[a] - 1 - p[a]);
            let size = [sz, sy, sx][a];
            let near = |between: i64| between == 0 || size * ((between + 1) as f64) < radius;
            before + after > 0 && (near(before) || near(after))
        };
        Radius::new(radius, (0..3).any(touches))
    }
}

/// The radii of a chunk's foreground voxels. Masks become known when they are requested, some of them earlier.
fn radii(volume: &Volume, originals: &BTreeMap<ChunkId, Original>, space: Space, home: ChunkId, given: u64) -> Radii {
    let voxels = voxels(space.region(home)).filter(|&p| volume.at(p)).map(Voxel::new).collect();
    radii_at(voxels, originals, space, home, given)
}

/// As [`radii`], for some voxels of the chunk.
fn radii_at(
    voxels: Vec<Voxel>,
    originals: &BTreeMap<ChunkId, Original>,
    space: Space,
    home: ChunkId,
    given: u64,
) -> Radii {
    let mut known: BTreeMap<ChunkId, Original> = BTreeMap::new();
    let mut distances = Distances::new(space, home, voxels);
    let asked = RefCell::new(BTreeSet::new());
    let mut draw = given;
    loop {
        let missing = distances.search(|chunk| {
            asked.borrow_mut().insert(chunk);
            known.get(&chunk).cloned()
        });
        if missing.is_empty() {
            return distances.radii();
        }
        assert!(missing.is_sorted() && missing.iter().all(|chunk| !known.contains_key(chunk)));
        for chunk in missing.into_iter().chain(asked.take()) {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if known.is_empty() || draw >> 62 > 0 {
                known.insert(chunk, originals[&chunk].clone());
            }
        }
    }
}

fn spacings() -> impl Strategy<Value = Spacing> {
    let some = [[1.0, 1.0, 1.0], [0.5, 0.684, 0.684], [5.0, 1.0, 1.0], [0.3, 0.1, 0.7]];
    prop::sample::select(some.to_vec()).prop_map(Spacing)
}

/// Volumes with few or many background voxels, solid blocks, or no background.
fn volumes() -> impl Strategy<Value = Volume> {
    let shape = prop_oneof![
        (1usize..9, 1usize..9, 1usize..9),
        (Just(1usize), 1usize..20, 1usize..20),
        (1usize..4, 1usize..4, 60usize..150),
    ];
    let background = prop_oneof![Just(0u32), 1u32..4, 1u32..400, Just(3000u32)];
    (shape, prop::array::uniform3(-9i64..9), background, any::<u64>()).prop_map(|(shape, min, background, seed)| {
        let bounds = Region::of_shape([shape.0, shape.1, shape.2]).shifted(min);
        let mut state = seed;
        let mut draw = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let inside = (0..bounds.volume()).map(|_| draw() % 6000 >= u64::from(background)).collect();
        Volume { bounds, inside }
    })
}

/// Volumes much larger than blocks of rows, with few background voxels.
fn wide_volumes() -> impl Strategy<Value = Volume> {
    let shape = prop_oneof![
        (60usize..90, 60usize..90, 1usize..12),
        (1usize..3, 100usize..180, 60usize..160),
        (100usize..180, 1usize..4, 1usize..70),
    ];
    let background = prop::collection::vec(any::<prop::sample::Index>(), 1..6);
    (shape, prop::array::uniform3(-9i64..9), background).prop_map(|(shape, min, background)| {
        let bounds = Region::of_shape([shape.0, shape.1, shape.2]).shifted(min);
        let mut inside = vec![true; bounds.volume()];
        background.iter().for_each(|place| inside[place.index(bounds.volume())] = false);
        Volume { bounds, inside }
    })
}

#[test]
fn radii_are_scipys_in_any_chunks() {
    for line in include_str!("../../../../tests/fixtures/voxels/radius.txt").lines() {
        let [shape, spacing, mask, step, expected] = line.split(';').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let numbers = |text: &str, by: char| text.split(by).map(|n| n.parse().expect("a number")).collect::<Vec<f64>>();
        let [shape, spacing] = [shape, spacing].map(|text| <[f64; 3]>::try_from(numbers(text, ',')).expect("three"));
        let bounds = Region::of_shape(shape.map(|n| n as usize));
        let volume = Volume { bounds, inside: mask.chars().map(|c| c == '#').collect() };
        let told: Vec<Position> = voxels(bounds).filter(|&p| volume.at(p)).collect();
        let told = told.iter().step_by(step.parse().expect("a number")).zip(numbers(expected, ' '));
        for chunk in [[64, 64, 256], [4, 5, 6], [1, 3, 64]] {
            let grid = Grid::new(bounds, chunk);
            let space = Space { grid, bounds, ruler: Ruler::new(Spacing(spacing)) };
            let original = |chunk| (chunk, Original::new(volume.mask(grid.region(chunk), false)));
            let originals: BTreeMap<ChunkId, Original> = grid.chunks().map(original).collect();
            let mut found = BTreeMap::new();
            for home in grid.chunks() {
                let own: Vec<Position> = voxels(grid.region(home)).filter(|&p| volume.at(p)).collect();
                let radii = radii(&volume, &originals, space.clone(), home, 1);
                found.extend(own.into_iter().enumerate().map(|(at, p)| (p, radii.at(at).expect("a radius").get())));
            }
            for (p, radius) in told.clone() {
                let (have, allowed) = (found[p], if spacing == [1.0; 3] { 0.0 } else { 1e-12 });
                assert!((have - radius).abs() <= allowed * radius, "{p:?} in {chunk:?}: {have} instead of {radius}");
            }
        }
    }
}

proptest! {
    #[test]
    fn radii_are_those_of_the_definition_for_all_chunks_and_orders_of_asking(
        volume in volumes(),
        spacing in spacings(),
        chunk in (1usize..7, 1usize..7, prop_oneof![1usize..9, 60usize..140]),
        whole in any::<bool>(),
        given in any::<u64>(),
    ) {
        let grid = Grid::new(volume.bounds, [chunk.0, chunk.1, chunk.2]);
        let space = Space { grid, bounds: volume.bounds, ruler: Ruler::new(spacing) };
        let background: Vec<Position> = voxels(volume.bounds).filter(|&p| !volume.at(p)).collect();
        let original = |chunk: ChunkId| {
            let own = if whole { grid.whole_region(chunk) } else { grid.region(chunk) };
            (chunk, Original::new(volume.mask(own, given.is_multiple_of(2))))
        };
        let originals: BTreeMap<ChunkId, Original> = grid.chunks().map(original).collect();
        for home in grid.chunks() {
            let own = grid.region(home);
            let expected: Radii = voxels(own)
                .filter(|&p| volume.at(p))
                .map(|p| volume.radius(&background, p, spacing))
                .collect();
            prop_assert_eq!(radii(&volume, &originals, space.clone(), home, given), expected);
        }
    }

    #[test]
    fn radii_larger_than_all_blocks_of_rows_are_those_of_the_definition(
        volume in wide_volumes(),
        spacing in spacings(),
        chunk in prop::sample::select(vec![[64, 64, 256], [33, 20, 9], [500, 500, 500]]),
        every in 97usize..300,
        given in any::<u64>(),
    ) {
        let grid = Grid::new(volume.bounds, chunk);
        let space = Space { grid, bounds: volume.bounds, ruler: Ruler::new(spacing) };
        let background: Vec<Position> = voxels(volume.bounds).filter(|&p| !volume.at(p)).collect();
        let original = |chunk: ChunkId| (chunk, Original::new(volume.mask(grid.region(chunk), false)));
        let originals: BTreeMap<ChunkId, Original> = grid.chunks().map(original).collect();
        for home in grid.chunks() {
            let some = || voxels(grid.region(home)).filter(|&p| volume.at(p)).step_by(every);
            let expected: Radii = some().map(|p| volume.radius(&background, p, spacing)).collect();
            let found = radii_at(some().map(Voxel::new).collect(), &originals, space.clone(), home, given);
            prop_assert_eq!(found, expected);
        }
    }
}
