//! From skeletons of chunks to their voxel graphs.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::forest::Forest;
use crate::kernel::network::{halo_pieces, network};
use crate::kernel::octree::Octree;
use crate::kernel::skeleton::Skeleton;
use crate::kernel::step::Lengths;
use crate::kernel::step_sets::StepSets;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// The voxel graph of a chunk, as far as the chunk can know it by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Linked {
    /// The chunk's skeleton.
    pub skeleton: Shared<Skeleton>,
    /// The neighbours of each voxel as a set of steps, without edges that the chunk's own forest drops.
    pub sets: StepSets,
}

/// What linking a chunk gives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Link {
    /// Its graph.
    Graph(Shared<Linked>),
    /// Its part of the forest of junction clusters, where those reach over a seam.
    Forest(Shared<Forest>),
}

/// What a chunk is linked from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Own(Shared<Skeleton>),
    Halo(Shared<Vec<Voxel>>),
}

/// Linking: skeletons of chunks to voxel graphs of chunks.
pub trait LinkSkeletons<'scope, T: Timestamp> {
    /// The voxel graph of each chunk, and its part of the forest of junction clusters. Each chunk's skeleton travels to
    /// the chunks that lie within two voxels of it, cut down to those voxels.
    ///
    /// Partitioned by chunk. Holds the skeletons, their halos and the graphs; a change recomputes its chunk and the
    /// neighbours whose halo changed.
    fn link(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, Link)>;
}

impl<'scope, T: Timestamp + Lattice + Ord> LinkSkeletons<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>
{
    fn link(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, Link)> {
        let grid = *octree.grid();
        self.flat_map(move |(id, skeleton)| {
            let pieces = halo_pieces(id, &skeleton.voxels, &grid);
            let own = (id, Part::Own(skeleton.into()));
            pieces.into_iter().map(|(other, piece)| (other, Part::Halo(Shared::new(piece)))).chain([own])
        })
        .reduce_named("Link", move |_, parts, output| {
            let (mut own, mut pieces) = (None, Vec::new());
            for (part, _) in parts {
                match part {
                    Part::Own(skeleton) => own = Some(skeleton),
                    Part::Halo(piece) => pieces.push(&piece[..]),
                }
            }
            if let Some(skeleton) = own {
                let network = network(&skeleton.voxels.to_vec(), &pieces, &octree, &lengths);
                let linked = Linked { skeleton: skeleton.clone(), sets: network.sets.into() };
                output.push((Link::Graph(Shared::new(linked)), 1));
                output.extend(network.forest.map(|forest| (Link::Forest(Shared::new(forest)), 1)));
            }
        })
    }
}
