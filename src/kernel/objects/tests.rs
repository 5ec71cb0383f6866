//! Objects of masks that are cut into chunks, against a flood fill and against scikit-image.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::connectivity::Connectivity;
use super::join::{leaf, merge};
use super::local::Local;
use super::parts::parts;
use super::sides::{Side, Step};
use super::sums::Object;
use super::tally::Tally;
use crate::grid::Grid;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::rise;
use crate::space::{Position, Region, Spacing, Voxel};

type Voxels = BTreeSet<Position>;

/// The objects of a mask in chunks, in the order of their first voxels.
fn by_chunks(
    voxels: &Voxels,
    bounds: Region,
    chunk: [usize; 3],
    connectivity: Connectivity,
    turned: bool,
) -> Vec<Object<Tally>> {
    let grid = Grid::new(bounds, chunk);
    let octree = Octree::new(grid);
    let locals: BTreeMap<_, _> = grid
        .chunks()
        .map(|id| {
            let own = grid.region(id);
            let mut mask = Mask::new(Layout::new(own));
            // A halo, as thinned masks have it, changes nothing.
            let set = if turned { own.dilated([1; 3]) } else { own };
            for &place in voxels.iter().filter(|&&place| set.contains(place)) {
                mask.set(mask.layout().bit_at(place));
            }
            (id, Local::new(&mask, connectivity, |_| true, Tally::of))
        })
        .collect();
    let mut leaves = Vec::new();
    for (&id, local) in &locals {
        let mut touching: Vec<(Step, Side)> = Vec::new();
        for (other, theirs) in &locals {
            let step: Step = std::array::from_fn(|a| other.place()[a] - id.place()[a]);
            let towards = theirs.sides().filter(|(back, _)| back.map(|d| -d) == step);
            touching.extend(towards.map(|(_, side)| (step, side)));
        }
        let touching: Vec<(Step, &Side)> = touching.iter().map(|(step, side)| (*step, side)).collect();
        leaves.extend(parts(local, &touching, connectivity).into_iter().map(|part| (id, leaf(part, &octree))));
    }
    let merged = |level: u8, records: &[&_]| {
        let mut records = records.to_vec();
        if turned {
            records.reverse();
        }
        merge(&records, level, &octree)
    };
    if turned {
        leaves.reverse();
    }
    let mut objects: Vec<Object<Tally>> = rise(leaves, &octree, |(level, _), records| merged(level, records))
        .into_iter()
        .map(|(_, object)| object)
        .collect();
    objects.sort_unstable_by_key(|object| object.first);
    objects
}

/// Vertices less edges plus faces less cubes, of closed cubes.
fn euler_of(voxels: &Voxels) -> i64 {
    let cells = voxels
        .iter()
        .flat_map(|p| (0..27i64).map(|i| [2 * p[0] + i / 9 - 1, 2 * p[1] + i / 3 % 3 - 1, 2 * p[2] + i % 3 - 1]));
    let cells: BTreeSet<Position> = cells.collect();
    cells.iter().map(|cell| if cell.iter().filter(|&&c| c.rem_euclid(2) == 0).count() % 2 == 0 { 1 } else { -1 }).sum()
}

/// The objects of a mask by filling from each voxel.
fn by_filling(voxels: &Voxels, connectivity: Connectivity) -> Vec<Object<Tally>> {
    let mut left = voxels.clone();
    let mut objects = Vec::new();
    while let Some(&first) = left.first() {
        let (mut object, mut next) = (Voxels::new(), vec![first]);
        while let Some(place) = next.pop() {
            if !left.remove(&place) {
                continue;
            }
            object.insert(place);
            for i in 0..27i64 {
                let step = [i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1];
                if step.iter().filter(|&&d| d != 0).count() <= connectivity.axes() {
                    next.push(std::array::from_fn(|a| place[a] + step[a]));
                }
            }
        }
        let [least, largest] = [i64::min as fn(i64, i64) -> i64, i64::max].map(|of| {
            object.iter().copied().reduce(|a, b| std::array::from_fn(|axis| of(a[axis], b[axis]))).expect("a voxel")
        });
        let sum = |of: &dyn Fn(&Position) -> i64| object.iter().map(|place| i128::from(of(place))).sum::<i128>();
        let product = |a: usize, b: usize| sum(&|place| place[a] * place[b]);
        let tally = Tally {
            voxels: object.len() as u64,
            least,
            largest,
            sums: std::array::from_fn(|axis| sum(&|place| place[axis])),
            products: [product(0, 0), product(0, 1), product(0, 2), product(1, 1), product(1, 2), product(2, 2)],
            euler: euler_of(&object),
        };
        objects.push(Object { first: Voxel::new(first), sums: tally });
    }
    objects
}

/// A mask in bounds that may begin at negative places, chunks, and a connectivity.
fn cut_masks() -> impl Strategy<Value = (Voxels, Region, [usize; 3], Connectivity)> {
    let shape = [1..8usize, 1..9, 1..30].prop_map(|shape| shape);
    let chunk = [1..6usize, 1..6, 1..12];
    (shape, chunk, prop::array::uniform3(-4..4i64), 0..3usize, 5..95u64, any::<u64>()).prop_map(
        |(shape, chunk, min, connectivity, density, seed)| {
            let bounds = Region::of_shape(shape).shifted(min);
            let mut state = seed | 1;
            let mut voxels = Voxels::new();
            for z in bounds.min[0]..bounds.max[0] {
                for y in bounds.min[1]..bounds.max[1] {
                    for x in bounds.min[2]..bounds.max[2] {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        if state % 100 < density {
                            voxels.insert([z, y, x]);
                        }
                    }
                }
            }
            (voxels, bounds, chunk, Connectivity::ALL[connectivity])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn objects_of_any_chunks_in_any_order_are_those_of_a_flood_fill((voxels, bounds, chunk, connectivity) in cut_masks()) {
        let expected = by_filling(&voxels, connectivity);
        prop_assert_eq!(&by_chunks(&voxels, bounds, chunk, connectivity, false), &expected);
        prop_assert_eq!(&by_chunks(&voxels, bounds, chunk, connectivity, true), &expected);
    }
}

#[test]
fn a_spiral_through_all_chunks_is_one_object_and_a_shell_has_a_cavity() {
    let bounds = Region::of_shape([5, 17, 17]);
    // Each ring opens into the next.
    let mut spiral = Voxels::new();
    for ring in (0..8).step_by(2) {
        for i in ring..17 - ring {
            spiral.extend([[2, ring, i], [2, 16 - ring, i], [2, i, 16 - ring]]);
            if i > ring + 1 {
                spiral.insert([2, i, ring]);
            }
        }
        spiral.extend([[2, ring + 2, ring], [2, ring + 2, ring + 1]]);
    }
    for connectivity in Connectivity::ALL {
        assert_eq!(by_chunks(&spiral, bounds, [2, 3, 4], connectivity, false), by_filling(&spiral, connectivity));
        assert_eq!(by_filling(&spiral, connectivity).len(), 1);
    }
    let shell = |place: &Position| place.iter().any(|&p| p == 0 || p == 4);
    let cube = (0..125i64).map(|i| [i / 25, i / 5 % 5, i % 5]);
    let objects = by_chunks(&cube.filter(shell).collect(), bounds, [2, 2, 3], Connectivity::Corners, false);
    assert_eq!((objects.len(), objects[0].sums.voxels, objects[0].sums.euler), (1, 98, 2));
    assert!(objects[0].sums.touches_border(&bounds) && !objects[0].sums.touches_border(&bounds.dilated([1; 3])));
}

#[test]
fn far_from_the_origin_covariances_lose_nothing() {
    let far: Voxels = (0..200i64).map(|i| [900_000 + i / 40, -800_000 - i % 7, 2_000_000 + i % 40]).collect();
    let near: Voxels = far.iter().map(|&[z, y, x]| [z - 900_000, y + 800_000, x - 2_000_000]).collect();
    let spacing = Spacing([2.0, 0.7, 0.3]);
    let of = |voxels: &Voxels| by_filling(voxels, Connectivity::Corners)[0].sums.covariance(&spacing);
    assert_eq!(of(&far), of(&near));
}

#[test]
fn objects_are_those_of_scikit_image() {
    let fixture = include_str!("../../../tests/fixtures/objects/objects.txt");
    let numbers = |text: &str| -> Vec<f64> { text.split(' ').map(|number| number.parse().unwrap()).collect() };
    let mut compared = 0;
    for case in fixture.split("\n\n") {
        let (head, rows) = case.trim().split_once('\n').unwrap();
        let [shape, connectivity, spacing, bits] = head.split(';').collect::<Vec<_>>().try_into().unwrap();
        let shape: [usize; 3] = numbers(shape).iter().map(|&n| n as usize).collect::<Vec<_>>().try_into().unwrap();
        let connectivity = Connectivity::ALL[connectivity.parse::<usize>().unwrap() - 1];
        let spacing = Spacing(numbers(spacing).try_into().unwrap());
        let place = |i: usize| [i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]].map(|p| p as i64);
        let voxels: Voxels = bits.bytes().enumerate().filter(|(_, bit)| *bit == b'#').map(|(i, _)| place(i)).collect();
        let bounds = Region::of_shape(shape);
        let objects = by_chunks(&voxels, bounds, [3, 4, 5], connectivity, false);
        let rows: Vec<Vec<f64>> = rows.lines().map(numbers).collect();
        assert_eq!(objects.len(), rows.len());
        for (Object { sums: object, .. }, row) in objects.iter().zip(&rows) {
            let bbox = object.bbox();
            let whole: Vec<f64> =
                [object.voxels as i64].iter().chain(&bbox.min).chain(&bbox.max).map(|&n| n as f64).collect();
            assert_eq!(whole, row[..7]);
            assert_eq!(object.euler as f64, row[7]);
            let measures = object.centroid(&spacing).into_iter().chain(object.covariance(&spacing));
            for (found, &expected) in measures.zip(&row[8..]) {
                assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, not {expected}");
            }
            compared += 1;
        }
    }
    assert!(compared > 50);
}

#[test]
fn tallies_of_runs_at_negative_places_are_exact() {
    let bounds = Region::new([-3, -2, -70], [-2, -1, 70]);
    let voxels: Voxels = (-66..64).map(|x| [-3, -2, x]).collect();
    let found: BTreeMap<usize, Vec<Object<Tally>>> =
        [7, 64, 200].map(|x| (x, by_chunks(&voxels, bounds, [1, 1, x], Connectivity::Corners, false))).into();
    assert!(found.values().all(|tallies| *tallies == by_filling(&voxels, Connectivity::Corners)));
}
