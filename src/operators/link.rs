//! From skeletons of chunks to their voxel graphs.

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::network::forest::Forest;
use crate::kernel::network::links::{halo_pieces, network};
use crate::kernel::network::octree::Octree;
use crate::kernel::network::step::Lengths;
use crate::kernel::network::step_sets::StepSets;
use crate::kernel::network::voxel_list::VoxelList;
use crate::operators::reduce_chunks::ReduceChunks;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// The voxel graph of a chunk, as far as it follows from the chunk and its halo.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Linked {
    /// The chunk's skeleton voxels.
    pub voxels: VoxelList,
    /// The neighbours of each voxel as a set of steps, without edges that the chunk's own forest drops.
    pub sets: StepSets,
}

/// The result of linking a chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LinkedPart {
    /// Its graph.
    Graph(Shared<Linked>),
    /// Its part of the forest of junction clusters that cross a seam.
    Forest(Shared<Forest>),
}

/// The input of linking a chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Own(VoxelList),
    Halo(Shared<Vec<Voxel>>),
}

/// Linking: from skeleton voxels of chunks to voxel graphs of chunks.
pub trait LinkSkeletons<'scope, T: Timestamp + Lattice> {
    /// The voxel graph of each chunk, and its part of the forest of junction clusters. Each chunk's voxels travel to
    /// the chunks that lie within two voxels of them. Channels play no part.
    ///
    /// Partitioned by chunk. Holds the voxels, their halos and the graphs; a change recomputes its chunk and the
    /// neighbours whose halo changed.
    fn link(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, LinkedPart)>;
}

impl<'scope, T: Timestamp + Lattice> LinkSkeletons<'scope, T> for VecCollection<'scope, T, (ChunkId, VoxelList)> {
    fn link(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, LinkedPart)> {
        let grid = *octree.grid();
        self.flat_map(move |(id, voxels)| {
            let pieces = halo_pieces(id, &voxels, &grid);
            let own = (id, Part::Own(voxels));
            pieces.into_iter().map(|(other, piece)| (other, Part::Halo(Shared::new(piece)))).chain([own])
        })
        .reduce_chunks("Link", move |_, parts, output| {
            let (mut own, mut pieces) = (None, Vec::new());
            for (part, _) in parts {
                match part {
                    Part::Own(voxels) => own = Some(voxels),
                    Part::Halo(piece) => pieces.push(&piece[..]),
                }
            }
            if let Some(voxels) = own {
                let network = network(&voxels.to_vec(), &pieces, &octree, &lengths);
                let linked = Linked { voxels: voxels.clone(), sets: network.sets.into() };
                output.push((LinkedPart::Graph(Shared::new(linked)), 1));
                output.extend(network.forest.map(|forest| (LinkedPart::Forest(Shared::new(forest)), 1)));
            }
        })
    }
}
