//! Gains that make neighbouring tiles equally bright where they overlap.
//!
//! Each tile's values are multiplied by its gain. The logarithms of gains `g` minimise the sum over all overlaps of `n
//! (g_i - g_j + log(mean_i / mean_j))²`, with the means of both tiles over the `n` voxels of the overlap, and the mean
//! of `g` over the tiles of a connected group is zero. These are equations with the Laplacian of the graph of overlaps,
//! which are solved by conjugate gradients, always in the same order of operations.

use crate::kernel::network::forest::DisjointSets;

/// The overlap of two tiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// The indices of the tiles.
    pub tiles: [usize; 2],
    /// Number of voxels of the canvas that both cover.
    pub voxels: u64,
    /// Sum of each tile's values there.
    pub sums: [f64; 2],
}

/// The relative residual at which the solver stops.
const TOLERANCE: f64 = 1e-12;

/// The gain of each tile; 1 for tiles without overlaps. Overlaps with a sum that is not positive are ignored, since
/// they do not determine a factor. Usually takes time proportional to the number of overlaps times the diameter of the
/// graph of tiles.
///
/// # Panics
/// If an overlap has the index of a tile that does not exist.
#[must_use]
pub fn gains(tiles: usize, overlaps: &[Overlap]) -> Vec<f64> {
    let equations = Equations::new(tiles, overlaps);
    let mut logarithms = equations.solved();
    equations.centre(&mut logarithms);
    logarithms.into_iter().map(f64::exp).collect()
}

/// The difference of two tiles' logarithms according to an overlap.
struct Edge {
    tiles: [usize; 2],
    weight: f64,
    difference: f64,
}

struct Equations {
    edges: Vec<Edge>,
    /// The sum of the weights of each tile's edges; 1 if it has none.
    diagonal: Vec<f64>,
    /// The group of each tile, as the index of its first tile.
    group: Vec<usize>,
}

impl Equations {
    fn new(tiles: usize, overlaps: &[Overlap]) -> Equations {
        let mut edges = Vec::new();
        let mut diagonal = vec![0.0; tiles];
        let mut groups = DisjointSets::new(tiles);
        for &Overlap { tiles: [i, j], voxels, sums } in overlaps {
            assert!(i < tiles && j < tiles, "an overlap of tiles {i} and {j}, of {tiles}");
            let difference = (sums[1] / sums[0]).ln();
            if i == j || voxels == 0 || !sums.iter().all(|&sum| sum > 0.0) || !difference.is_finite() {
                continue;
            }
            let weight = voxels as f64;
            edges.push(Edge { tiles: [i, j], weight, difference });
            diagonal[i] += weight;
            diagonal[j] += weight;
            groups.unite(i as u32, j as u32);
        }
        for weight in diagonal.iter_mut().filter(|weight| **weight == 0.0) {
            *weight = 1.0;
        }
        Equations { edges, diagonal, group: (0..tiles).map(|i| groups.find(i as u32) as usize).collect() }
    }

    /// Logarithms that solve the equations, up to a constant in each group.
    fn solved(&self) -> Vec<f64> {
        let tiles = self.diagonal.len();
        let mut residual = vec![0.0; tiles];
        for Edge { tiles: [i, j], weight, difference } in &self.edges {
            residual[*i] += weight * difference;
            residual[*j] -= weight * difference;
        }
        let scaled = |residual: &[f64]| residual.iter().zip(&self.diagonal).map(|(r, d)| r / d).collect::<Vec<_>>();
        let mut solution = vec![0.0; tiles];
        let mut better = scaled(&residual);
        let mut direction = better.clone();
        let mut size = product(&residual, &better);
        let enough = size * TOLERANCE * TOLERANCE;
        // Without rounding, as many steps as tiles would be enough.
        for _ in 0..2 * tiles + 10 {
            if size <= enough {
                break;
            }
            let image = self.laplacian(&direction);
            let along = product(&direction, &image);
            if along <= 0.0 {
                break;
            }
            let step = size / along;
            for i in 0..tiles {
                solution[i] += step * direction[i];
                residual[i] -= step * image[i];
            }
            better = scaled(&residual);
            let before = std::mem::replace(&mut size, product(&residual, &better));
            for i in 0..tiles {
                direction[i] = better[i] + size / before * direction[i];
            }
        }
        solution
    }

    /// The product of the Laplacian with a vector of numbers per tile.
    fn laplacian(&self, numbers: &[f64]) -> Vec<f64> {
        let mut image = vec![0.0; numbers.len()];
        for &Edge { tiles: [i, j], weight, .. } in &self.edges {
            let flow = weight * (numbers[i] - numbers[j]);
            image[i] += flow;
            image[j] -= flow;
        }
        image
    }

    /// Subtracts the mean of each group.
    fn centre(&self, numbers: &mut [f64]) {
        let mut sums = vec![(0.0, 0.0); numbers.len()];
        for (&group, &v) in self.group.iter().zip(numbers.iter()) {
            sums[group].0 += v;
            sums[group].1 += 1.0;
        }
        for (&group, v) in self.group.iter().zip(numbers) {
            *v -= sums[group].0 / sums[group].1;
        }
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The overlap of two tiles with planted gains that show the same object.
    fn overlap(tiles: [usize; 2], planted: &[f64], voxels: u64) -> Overlap {
        let bright = 100.0 + tiles[0] as f64;
        Overlap { tiles, voxels, sums: tiles.map(|tile| voxels as f64 * bright / planted[tile]) }
    }

    /// Planted gains with a geometric mean of 1 in each group; `groups` are the numbers of tiles of successive groups.
    fn centred(planted: &[f64], groups: &[usize]) -> Vec<f64> {
        let mut centred = planted.to_vec();
        let mut rest = &mut centred[..];
        for &count in groups {
            let (group, others) = rest.split_at_mut(count);
            let mean = group.iter().map(|v| v.ln()).sum::<f64>() / count as f64;
            group.iter_mut().for_each(|v| *v /= mean.exp());
            rest = others;
        }
        centred
    }

    fn assert_near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found / expected - 1.0).abs() < 1e-9, "tile {i}: {found}, not {expected}");
        }
    }

    #[test]
    fn planted_gains_of_a_grid_are_recovered() {
        let (rows, columns) = (20, 30);
        let planted: Vec<f64> = (0..rows * columns).map(|i| 0.5 + f64::from(i * 37 % 101) / 60.0).collect();
        let mut overlaps = Vec::new();
        for i in 0..planted.len() {
            let (row, column) = (i / columns as usize, i % columns as usize);
            if column + 1 < columns as usize {
                overlaps.push(overlap([i, i + 1], &planted, 1000 + i as u64));
            }
            if row + 1 < rows as usize {
                overlaps.push(overlap([i + columns as usize, i], &planted, 5000));
            }
        }
        assert_near(&gains(planted.len(), &overlaps), &centred(&planted, &[planted.len()]));
    }

    #[test]
    fn a_long_row_of_tiles_is_solved() {
        let planted: Vec<f64> = (0..600).map(|i| 1.0 + f64::from(i % 7) / 10.0).collect();
        let overlaps: Vec<Overlap> = (1..600).map(|i| overlap([i - 1, i], &planted, 1 + i as u64 % 3 * 400)).collect();
        assert_near(&gains(600, &overlaps), &centred(&planted, &[600]));
    }

    #[test]
    fn groups_that_do_not_touch_have_each_a_mean_of_one_and_lone_tiles_keep_one() {
        let planted = [0.5, 2.0, 4.0, 1.0, 3.0, 1.5];
        let mut overlaps =
            vec![overlap([0, 1], &planted, 10), overlap([2, 1], &planted, 99), overlap([3, 4], &planted, 7)];
        let expected = centred(&planted, &[3, 2, 1]);
        assert_eq!(expected[5], 1.0);
        assert_near(&gains(6, &overlaps), &expected);
        // Overlaps that do not determine a factor, and those without voxels, do not join groups.
        overlaps.push(Overlap { tiles: [2, 3], voxels: 50, sums: [100.0, 0.0] });
        overlaps.push(Overlap { tiles: [5, 3], voxels: 50, sums: [-3.0, 4.0] });
        overlaps.push(Overlap { tiles: [5, 3], voxels: 0, sums: [0.0, 0.0] });
        assert_near(&gains(6, &overlaps), &expected);
        assert_eq!(gains(3, &[]), [1.0; 3]);
        assert!(gains(0, &[]).is_empty());
    }

    /// Three tiles in a ring that contradict each other, with the least squares computed by hand.
    #[test]
    fn overlaps_that_contradict_each_other_are_weighted_by_their_voxels() {
        let e = 1.0f64.exp();
        let ring = |weights: [u64; 3]| {
            let ask = |tiles: [usize; 2], voxels, differs: bool| Overlap {
                tiles,
                voxels,
                sums: [1.0, if differs { e } else { 1.0 }],
            };
            gains(3, &[ask([0, 1], weights[0], true), ask([1, 2], weights[1], false), ask([2, 0], weights[2], false)])
        };
        // With equal weights, each edge bears a third of the contradiction.
        let found = ring([5, 5, 5]);
        assert_near(&found, &[(1.0f64 / 3.0).exp(), (-1.0f64 / 3.0).exp(), 1.0]);
        // The heavy edge is met almost exactly, and the other two share the contradiction equally.
        let found = ring([1_000_000_000_000, 1, 1]);
        assert!((found[0] / found[1] - e).abs() < 1e-9 && (found[2] - 1.0).abs() < 1e-9, "{found:?}");
    }

    proptest! {
        #[test]
        fn gains_meet_their_equations(
            edges in prop::collection::vec(((0usize..12, 0usize..12), 1u64..1000, 0.1..10.0f64, 0.1..10.0f64), 0..40),
        ) {
            let overlaps: Vec<Overlap> = edges
                .into_iter()
                .map(|((i, j), voxels, a, b)| Overlap { tiles: [i, j], voxels, sums: [a, b] })
                .collect();
            let found = gains(12, &overlaps);
            prop_assert_eq!(&found, &gains(12, &overlaps));
            let mut forces = [0.0; 12];
            for Overlap { tiles: [i, j], voxels, sums: [a, b] } in overlaps.into_iter().filter(|o| o.tiles[0] != o.tiles[1]) {
                let force = voxels as f64 * (found[i].ln() - found[j].ln() + (a / b).ln());
                forces[i] += force;
                forces[j] -= force;
            }
            prop_assert!(forces.iter().all(|force: &f64| force.abs() < 1e-5), "{:?}", forces);
        }
    }
}
