//! The voxel graph of a chunk: neighbours of its own skeleton voxels, and the forest of its junction clusters.

use crate::grid::{ChunkId, Grid};
use crate::kernel::network::adjacency::{for_each_link, neighbours};
use crate::kernel::network::forest::{Edge, Forest, ForestLink, Node, contract, span};
use crate::kernel::network::octree::Octree;
use crate::kernel::network::step::Lengths;
use crate::kernel::network::voxel_list::VoxelList;
use crate::space::Voxel;

/// Depth of the halo that linking needs: a voxel's degree depends on one voxel around it, and whether an edge across
/// the seam joins two junctions depends on the degree of the voxel on the other side.
pub(crate) const HALO: usize = 2;

/// The parts of a chunk's skeleton that lie within [`HALO`] voxels of other chunks, each with the other chunk, in
/// raster order of the chunks and of the voxels. Takes time linear in the number of voxels.
///
/// Chunks may lie outside the bounds of the grid, but have no neighbours along an axis along which the bounds are one
/// voxel thick: a 2-D image stays in its plane.
pub(crate) fn halo_pieces(own: ChunkId, voxels: &VoxelList, grid: &Grid) -> Vec<(ChunkId, Vec<Voxel>)> {
    let core = grid.whole_region(own);
    let reach = grid.bounds().shape().map(|thick| if thick > 1 { HALO as i64 } else { 0 });
    let mut pieces: Vec<(ChunkId, Vec<Voxel>)> = Vec::new();
    for voxel in voxels {
        let p = voxel.position();
        if (0..3).all(|a| p[a] >= core.min[a] + reach[a] && p[a] + reach[a] < core.max[a]) {
            continue;
        }
        let first = grid.chunk_at(std::array::from_fn(|a| p[a] - reach[a])).place();
        let last = grid.chunk_at(std::array::from_fn(|a| p[a] + reach[a])).place();
        for z in first[0]..=last[0] {
            for y in first[1]..=last[1] {
                for x in first[2]..=last[2] {
                    let id = ChunkId::at([z, y, x]);
                    if id == own {
                        continue;
                    }
                    match pieces.iter_mut().find(|(other, _)| *other == id) {
                        Some((_, piece)) => piece.push(voxel),
                        None => pieces.push((id, vec![voxel])),
                    }
                }
            }
        }
    }
    pieces.sort_unstable();
    pieces
}

/// The part of the graph that follows from a chunk and its halo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The neighbours of each own voxel as a set of steps, without the edges that the chunk's forest drops. Neighbours
    /// in other chunks are included.
    pub sets: Vec<u32>,
    /// The forest of its junction clusters, reduced to the part that other chunks need; `None` if no cluster crosses a
    /// seam.
    pub forest: Option<Forest>,
}

/// The graph of a chunk, from its own voxels and the pieces of its neighbours that lie within two voxels of it. All
/// lists are in raster order. Takes time linear in the number of voxels, plus the time to sort the halo.
pub fn network(own: &[Voxel], pieces: &[&[Voxel]], octree: &Octree, lengths: &Lengths) -> Network {
    let (padded, mine) = pad(own, pieces);
    let mut sets = neighbours(&padded);
    let (mut nodes, mut links): (Vec<Node>, Vec<ForestLink>) = (Vec::new(), Vec::new());
    let junctions: Vec<u32> = (0..padded.len() as u32).filter(|&i| sets[i as usize].count_ones() >= 3).collect();
    let voxels: Vec<Voxel> = junctions.iter().map(|&i| padded[i as usize]).collect();
    // The index of each junction among the nodes, which are the chunk's own junctions.
    let mut node_of = Vec::with_capacity(junctions.len());
    let mut place_of = Vec::new();
    for (&place, &voxel) in junctions.iter().zip(&voxels) {
        node_of.push(nodes.len() as u32);
        if mine[place as usize] {
            nodes.push(Node { voxel, until: 0 });
            place_of.push(place as usize);
        }
    }
    for_each_link(&voxels, |i, j, step| match (mine[junctions[i] as usize], mine[junctions[j] as usize]) {
        (true, true) => {
            let edge = Edge { from: voxels[i], step };
            links.push(ForestLink { rank: lengths.rank(step), edge, ends: [node_of[i], node_of[j]] });
        }
        (true, false) | (false, true) => {
            let node = if mine[junctions[i] as usize] { node_of[i] } else { node_of[j] };
            let until = &mut nodes[node as usize].until;
            *until = octree.meeting_of(voxels[i], voxels[j]).max(*until);
        }
        (false, false) => {}
    });
    // Links are in raster order of their edges, so a stable sort by rank gives Kruskal's order.
    links.sort_by_key(|link| link.rank);
    span(nodes.len(), &mut links, |link| {
        let [a, b] = link.ends.map(|node| place_of[node as usize]);
        sets[a] &= !link.edge.step.bit();
        sets[b] &= !link.edge.step.reversed().bit();
    });
    let forest = contract(&nodes, &links, 0);
    if padded.len() > own.len() {
        let mut places = mine.iter();
        sets.retain(|_| *places.next().unwrap_or(&false));
    }
    Network { sets, forest }
}

/// Own voxels and halo as one list in raster order, and for each voxel whether it is own.
fn pad(own: &[Voxel], pieces: &[&[Voxel]]) -> (Vec<Voxel>, Vec<bool>) {
    let mut halo: Vec<Voxel> = pieces.concat();
    halo.sort();
    let total = own.len() + halo.len();
    let (mut padded, mut mine) = (Vec::with_capacity(total), Vec::with_capacity(total));
    let mut begun = 0;
    for voxel in halo {
        let before = own[begun..].partition_point(|&v| v < voxel);
        padded.extend_from_slice(&own[begun..begun + before]);
        mine.resize(padded.len(), true);
        padded.push(voxel);
        mine.push(false);
        begun += before;
    }
    padded.extend_from_slice(&own[begun..]);
    mine.resize(padded.len(), true);
    (padded, mine)
}

/// Removes dropped edges from the sets of neighbours of a chunk's own voxels. Ends in other chunks are ignored.
pub(crate) fn drop_edges(own: &[Voxel], sets: &mut [u32], dropped: impl IntoIterator<Item = Edge>) {
    for edge in dropped {
        if let Ok(place) = own.binary_search(&edge.from) {
            sets[place] &= !edge.step.bit();
        }
        if let Ok(place) = own.binary_search(&edge.to()) {
            sets[place] &= !edge.step.reversed().bit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Region, Spacing};

    #[test]
    fn pieces_hold_what_lies_within_two_voxels_of_a_neighbour() {
        let grid = Grid::new(Region::of_shape([1, 10, 10]), [1, 5, 5]);
        let at = |y, x| Voxel::new([0, y, x]);
        let voxels = VoxelList::from(vec![at(0, 0), at(0, 2), at(0, 3), at(4, 4)]);
        let pieces = halo_pieces(ChunkId::at([0, 0, 0]), &voxels, &grid);
        let id = |y, x| ChunkId::at([0, y, x]);
        let of = |id| pieces.iter().find(|(other, _)| *other == id).map(|(_, piece)| piece.clone());
        assert_eq!(of(id(0, 1)), Some(vec![at(0, 3), at(4, 4)]));
        assert_eq!(of(id(1, 0)), Some(vec![at(4, 4)]));
        assert_eq!(of(id(1, 1)), Some(vec![at(4, 4)]));
        assert_eq!(of(id(0, 0)), None);
        assert!(pieces.iter().all(|(id, _)| id.place()[0] == 0));
    }

    #[test]
    fn a_full_square_of_junctions_keeps_a_spanning_tree() {
        let voxels: Vec<Voxel> = [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[y, x]| Voxel::new([0, y, x])).to_vec();
        let octree = Octree::new(Grid::new(Region::of_shape([1, 2, 2]), [1, 2, 2]));
        let network = network(&voxels, &[], &octree, &Lengths::new(Spacing::default()));
        let degrees: Vec<u32> = network.sets.iter().map(|s| s.count_ones()).collect();
        // Of four sides of equal length the last in raster order is dropped, and so are both diagonals.
        assert_eq!(degrees, [2, 2, 1, 1]);
        assert_eq!(network.forest, None);
    }
}
