//! Walks along the voxel graphs of chunks.

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::branch_list::BranchList;
use crate::kernel::forest::Edge;
use crate::kernel::network::drop_edges;
use crate::kernel::octree::Octree;
use crate::kernel::step::Lengths;
use crate::kernel::stitch::{Fragment, by_level};
use crate::kernel::walk::walk;
use crate::operators::link::Linked;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// What walks find in a chunk. Lists are in order and not empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Walked {
    /// Branches that lie inside the chunk.
    Branches(Shared<BranchList>),
    /// Voxels without neighbours.
    Isolated(Shared<Vec<Voxel>>),
    /// Fragments of branches, by the level of the box in which they go on.
    Fragments(u8, Shared<Vec<Fragment>>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Graph(Shared<Linked>),
    Dropped(Shared<Vec<Edge>>),
}

/// Walking: voxel graphs of chunks to branches and fragments of branches.
pub trait WalkGraphs<'scope, T: Timestamp> {
    /// The branches, isolated voxels and fragments of each chunk, once the dropped edges of the chunk are taken out of
    /// its graph.
    ///
    /// Partitioned by chunk. Holds the graphs and what the walks find; a change walks its chunk again.
    fn walk(
        self,
        dropped: VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)>,
        octree: Octree,
        lengths: Lengths,
    ) -> VecCollection<'scope, T, (ChunkId, Walked)>;
}

impl<'scope, T: Timestamp + Lattice + Ord> WalkGraphs<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Shared<Linked>)>
{
    fn walk(
        self,
        dropped: VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)>,
        octree: Octree,
        lengths: Lengths,
    ) -> VecCollection<'scope, T, (ChunkId, Walked)> {
        let graphs = self.map(|(id, graph)| (id, Part::Graph(graph)));
        let dropped = dropped.map(|(id, edges)| (id, Part::Dropped(edges)));
        graphs.concat(dropped).reduce_named("Walk", move |_, parts, output| {
            let graph = parts.iter().find_map(|(part, _)| match part {
                Part::Graph(graph) => Some(graph),
                Part::Dropped(_) => None,
            });
            let Some(graph) = graph else { return };
            let mut sets = graph.sets.get();
            let voxels = graph.skeleton.voxels.to_vec();
            for (part, _) in parts {
                if let Part::Dropped(edges) = part {
                    drop_edges(&voxels, sets.to_mut(), edges.iter().copied());
                }
            }
            let walks = walk(&voxels, &graph.skeleton.values, &sets, &lengths);
            if !walks.branches.is_empty() {
                output.push((Walked::Branches(Shared::new(BranchList::new(&walks.branches, &lengths))), 1));
            }
            if !walks.isolated.is_empty() {
                output.push((Walked::Isolated(Shared::new(walks.isolated)), 1));
            }
            for (level, fragments) in by_level(walks.fragments, &octree) {
                output.push((Walked::Fragments(level, Shared::new(fragments)), 1));
            }
        })
    }
}
