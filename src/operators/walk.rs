//! Walks along the voxel graphs of chunks, on which channels join them.

use std::borrow::Cow;
use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::measure::channel::{Channel, PathSum};
use crate::kernel::network::components::junction_voxels;
use crate::kernel::network::forest::Edge;
use crate::kernel::network::fragment_list::FragmentList;
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::links::drop_edges;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::step::Lengths;
use crate::kernel::network::stitch::paths;
use crate::kernel::network::walk::walk;
use crate::kernel::shelf::Shelf;
use crate::operators::link::Linked;
use crate::operators::reduce_chunks::ReduceChunks;
use crate::operators::shared::Shared;
use crate::operators::stitch::{ListedPaths, listed};

/// The findings of walks in a chunk. Lists are in order and not empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Walked<S: PathSum> {
    /// Branches that lie inside the chunk, and fragments of others.
    Paths(ListedPaths<S>),
    /// Voxels without neighbours.
    Isolated(Shared<Vec<Isolated<S::Measured>>>),
    /// The voxels of junctions, and the neighbours of each that may belong to the same junction.
    Junctions(Shared<Linked>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
enum Part<C: Channel> {
    Graph(Shared<Linked>),
    Channel(Shared<C>),
    Dropped(Shared<Vec<Edge>>),
}

/// Walking: from voxel graphs of chunks to branches and fragments of branches.
pub trait WalkGraphs<'scope, T: Timestamp + Lattice> {
    /// The branches, isolated voxels and fragments of each chunk, after its dropped edges are removed from its graph,
    /// with the values of its channel along them.
    ///
    /// Partitioned by chunk. Holds the graphs, the channels and what the walks find, of which lists of branches lie on the
    /// shelf if there is one; a change walks its chunk again.
    ///
    /// # Panics
    /// While running, if a chunk has a graph and no channel, or one for other voxels.
    fn walk<C: Channel>(
        self,
        channels: VecCollection<'scope, T, (ChunkId, Shared<C>)>,
        dropped: VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)>,
        octree: Octree,
        lengths: Lengths,
        shelf: Option<Arc<dyn Shelf>>,
    ) -> VecCollection<'scope, T, (ChunkId, Walked<C::Sum>)>;
}

impl<'scope, T: Timestamp + Lattice> WalkGraphs<'scope, T> for VecCollection<'scope, T, (ChunkId, Shared<Linked>)> {
    fn walk<C: Channel>(
        self,
        channels: VecCollection<'scope, T, (ChunkId, Shared<C>)>,
        dropped: VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)>,
        octree: Octree,
        lengths: Lengths,
        shelf: Option<Arc<dyn Shelf>>,
    ) -> VecCollection<'scope, T, (ChunkId, Walked<C::Sum>)> {
        let graphs = self.map(|(id, graph)| (id, Part::Graph(graph)));
        let channels = channels.map(|(id, channel)| (id, Part::Channel(channel)));
        let dropped = dropped.map(|(id, edges)| (id, Part::Dropped(edges)));
        graphs.concatenate([channels, dropped]).reduce_chunks("Walk", move |id, parts, output| {
            let (mut graph, mut channel) = (None, None);
            for (part, _) in parts {
                match part {
                    Part::Graph(found) => graph = Some(found),
                    Part::Channel(found) => channel = Some(found),
                    Part::Dropped(_) => {}
                }
            }
            let Some(graph) = graph else { return };
            let channel = channel.filter(|channel| channel.is_for(graph.voxels.len()));
            let channel =
                channel.unwrap_or_else(|| panic!("{id:?} has a skeleton and no channel that is for its voxels"));
            let (voxels, before) = (graph.voxels.to_vec(), graph.sets.get());
            let mut sets = Cow::Borrowed(&before[..]);
            for (part, _) in parts {
                if let Part::Dropped(edges) = part {
                    drop_edges(&voxels, sets.to_mut(), edges.iter().copied());
                }
            }
            let walks = walk(&voxels, &**channel, &sets, &lengths);
            if !walks.isolated.is_empty() {
                output.push((Walked::Isolated(Shared::new(walks.isolated)), 1));
            }
            let (junctions, near) = junction_voxels(&voxels, &before, &sets);
            if !junctions.is_empty() {
                let linked = Linked { voxels: junctions.into(), sets: near.into() };
                output.push((Walked::Junctions(Shared::new(linked)), 1));
            }
            let listed = |branches: Vec<_>| listed(&branches, &lengths, shelf.as_ref());
            let paths = paths(walks.branches, walks.fragments, &octree);
            output.extend(
                paths.map(|paths| (Walked::Paths(paths.map(listed, |open| Shared::new(FragmentList::new(&open)))), 1)),
            );
        })
    }
}
