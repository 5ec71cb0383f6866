//! The graph of a whole skeleton, chunk by chunk and level by level, in one thread.
//!
//! This is the specification of the network that the operators maintain, and the way to compute it without the feature
//! `dataflow`.

use std::collections::BTreeMap;

use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::channel::{Channel, Measured, PathSum};
use crate::kernel::measure::moments::Moments;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::forest::{Edge, merge};
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::links::{Network, drop_edges, halo_pieces, network};
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::{Risen, rise};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::Lengths;
use crate::kernel::network::stitch::{paths, stitch};
use crate::kernel::network::walk::walk;
use crate::space::{Spacing, Voxel};

/// The branches of a skeleton and its isolated voxels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph<M = Moments> {
    /// All branches, in order.
    pub branches: Vec<Branch<M>>,
    /// Voxels without neighbours, in raster order.
    pub isolated: Vec<Isolated<M>>,
}

impl<M: Measured> Graph<M> {
    /// The graph of a skeleton, from the skeletons of its chunks. It does not depend on the division into chunks.
    pub fn new<C>(chunks: &BTreeMap<ChunkId, Skeleton<C>>, grid: Grid, spacing: Spacing) -> Self
    where
        C: Channel,
        C::Sum: PathSum<Measured = M>,
    {
        let (octree, lengths) = (Octree::new(grid), Lengths::new(spacing));
        let mut networks = networks(chunks, &octree, &lengths);
        let forests =
            networks.iter_mut().filter_map(|(&id, network)| Some((id, Risen::Open(1, network.forest.take()?))));
        let dropped = rise(forests, &octree, |(level, _), forests| merge(forests, level, &lengths));
        let dropped: Vec<Edge> = dropped.into_iter().flat_map(|(_, edges)| edges).collect();
        let (mut isolated, mut found) = (Vec::new(), Vec::new());
        for (id, mut network) in networks {
            let skeleton = &chunks[&id];
            let near = |edge: &Edge| octree.chunk_of(edge.from) == id || octree.chunk_of(edge.to()) == id;
            let voxels = skeleton.voxels.to_vec();
            drop_edges(&voxels, &mut network.sets, dropped.iter().copied().filter(near));
            let walks = walk(&voxels, &*skeleton.values, &network.sets, &lengths);
            isolated.extend(walks.isolated);
            found.extend(paths(walks.branches, walks.fragments, &octree).map(|paths| (id, paths)));
        }
        let branches = rise(found, &octree, |(level, _), parts| {
            stitch(&parts.iter().copied().flatten().cloned().collect::<Vec<_>>(), level, &octree, &lengths)
        });
        let mut branches: Vec<Branch<M>> = branches.into_iter().flat_map(|(_, branches)| branches).collect();
        branches.sort_unstable();
        isolated.sort_unstable();
        Graph { branches, isolated }
    }
}

fn networks<C>(
    chunks: &BTreeMap<ChunkId, Skeleton<C>>,
    octree: &Octree,
    lengths: &Lengths,
) -> BTreeMap<ChunkId, Network> {
    let mut pieces: BTreeMap<ChunkId, Vec<Vec<Voxel>>> = BTreeMap::new();
    for (&id, skeleton) in chunks {
        for (other, piece) in halo_pieces(id, &skeleton.voxels, octree.grid()) {
            pieces.entry(other).or_default().push(piece);
        }
    }
    let of_chunk = |(id, skeleton): (&ChunkId, &Skeleton<C>)| {
        let pieces = pieces.get(id).map_or(&[][..], Vec::as_slice);
        let pieces: Vec<&[Voxel]> = pieces.iter().map(Vec::as_slice).collect();
        (*id, network(&skeleton.voxels.to_vec(), &pieces, octree, lengths))
    };
    chunks.iter().map(of_chunk).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::measure::pixel_values::PixelValues;
    use crate::space::{Position, Region};

    /// Voxels with values, divided into the chunks of a grid.
    pub(crate) fn cut(voxels: &[(Voxel, i64)], grid: &Grid, floats: bool) -> BTreeMap<ChunkId, Skeleton> {
        let mut parts: BTreeMap<ChunkId, Vec<(Voxel, i64)>> = BTreeMap::new();
        for &(voxel, value) in voxels {
            parts.entry(grid.chunk_at(voxel.position())).or_default().push((voxel, value));
        }
        let skeleton = |part: Vec<(Voxel, i64)>| Skeleton {
            voxels: part.iter().map(|p| p.0).collect(),
            values: Arc::new(match floats {
                true => PixelValues::Floats(part.iter().map(|p| (p.1 as f64 / 7.0).to_bits()).collect()),
                false => PixelValues::Integers(part.iter().map(|p| p.1).collect()),
            }),
        };
        parts.into_iter().map(|(id, part)| (id, skeleton(part))).collect()
    }

    /// Skeleton voxels with values: random voxels, sparse or dense, in a box that may lie at negative positions.
    pub(crate) fn voxels(shape: Position, at: Position) -> impl Strategy<Value = Vec<(Voxel, i64)>> {
        let count = shape.iter().product::<i64>() as usize;
        (prop::collection::vec((0u8..100, -9i64..10), count), 5u8..70).prop_map(move |(cells, density)| {
            let place = |i: i64| [i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]];
            (0..)
                .zip(cells)
                .filter(|(_, (draw, _))| *draw < density)
                .map(|(i, (_, value))| {
                    let p = place(i);
                    (Voxel::new(std::array::from_fn(|a| p[a] + at[a])), value)
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn chunk_shapes_do_not_change_the_graph(
            voxels in voxels([5, 7, 8], [-3, -2, -5]),
            chunk in prop::array::uniform3(1usize..6),
            floats in any::<bool>(),
            spacing in prop::sample::select(vec![[1.0; 3], [2.0, 1.0, 1.0], [0.3, 0.7, 1.1]]),
        ) {
            let bounds = Region::new([-3, -2, -5], [2, 5, 3]);
            let whole = Grid::new(Region::new([-3, -2, -5], [2, 5, 3]).shifted([3, 2, 5]), [8; 3]);
            let grid = Grid::new(bounds, chunk);
            let graph = Graph::new(&cut(&voxels, &grid, floats), grid, Spacing(spacing));
            // The same voxels in a single chunk, shifted so that one chunk holds all of them.
            let moved: Vec<_> = voxels.iter().map(|&(v, value)| (v.offset([3, 2, 5]), value)).collect();
            let expected = Graph::new(&cut(&moved, &whole, floats), whole, Spacing(spacing));
            let moved = |one: &Isolated| Isolated { voxel: one.voxel.offset([3, 2, 5]), ..one.clone() };
            prop_assert_eq!(graph.isolated.iter().map(moved).collect::<Vec<_>>(), expected.isolated);
            prop_assert_eq!(graph.branches.len(), expected.branches.len());
            for (branch, other) in graph.branches.iter().zip(&expected.branches) {
                let key = |b: &Branch, by| {
                    let values = (b.kind(), b.is_isolated_cycle(), b.length(), b.mean(), b.stdev());
                    (b.voxels().map(|v| v.offset(by)).collect::<Vec<_>>(), values)
                };
                prop_assert_eq!(key(branch, [3, 2, 5]), key(other, [0; 3]));
            }
        }
    }
}
