//! The spanning forest of junction clusters that reach over seams.

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use differential_dataflow::collection::concatenate;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::forest::{Edge, Forest, merge};
use crate::kernel::octree::Octree;
use crate::kernel::step::Lengths;
use crate::operators::shared::Shared;

/// What a box makes of its children's forests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Spanned {
    /// The forest of the box.
    Forest(Shared<Forest>),
    /// Edges that are not in the forest of the whole, for a chunk that holds an end of each.
    Dropped(ChunkId, Shared<Vec<Edge>>),
}

/// Spanning: forests of chunks to the edges that are not in the forest of the whole.
pub trait SpanForests<'scope, T: Timestamp> {
    /// For each chunk, lists of edges between junctions that are not in the minimum spanning forest of the whole, and of
    /// which it holds an end or both. Edges that a chunk dropped by itself are not among them.
    ///
    /// One `reduce` a level of the octree, partitioned by box. Holds the reduced forests. A change of one chunk's forest
    /// merges again the boxes from there to the root, as far as their forests change.
    fn span(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)>;
}

impl<'scope, T: Timestamp + Lattice + Ord> SpanForests<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Shared<Forest>)>
{
    fn span(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)> {
        let scope = self.scope();
        let mut forests = self;
        let mut dropped = Vec::new();
        for level in 1..=octree.top() {
            let merged = forests.map(move |(child, forest)| (octree.parent(child, level - 1), forest)).reduce_named(
                "Span",
                move |_, children, output| {
                    let children: Vec<&Forest> = children.iter().map(|(forest, _)| &***forest).collect();
                    let (lost, forest) = merge(&children, level, &lengths);
                    output.extend(forest.map(|forest| (Spanned::Forest(Shared::new(forest)), 1)));
                    let of_chunk = |(id, edges)| (Spanned::Dropped(id, Shared::new(edges)), 1);
                    output.extend(by_chunk(lost, &octree).into_iter().map(of_chunk));
                },
            );
            dropped.push(merged.clone().flat_map(|(_, spanned)| match spanned {
                Spanned::Dropped(id, edges) => Some((id, edges)),
                Spanned::Forest(_) => None,
            }));
            forests = merged.flat_map(|(id, spanned)| match spanned {
                Spanned::Forest(forest) => Some((id, forest)),
                Spanned::Dropped(..) => None,
            });
        }
        concatenate(scope, dropped)
    }
}

/// Edges by the chunks of their ends, in order.
fn by_chunk(edges: Vec<Edge>, octree: &Octree) -> BTreeMap<ChunkId, Vec<Edge>> {
    let mut lists: BTreeMap<ChunkId, Vec<Edge>> = BTreeMap::new();
    for edge in edges {
        let ends = [edge.from, edge.to()].map(|voxel| octree.chunk_of(voxel));
        lists.entry(ends[0]).or_default().push(edge);
        if ends[0] != ends[1] {
            lists.entry(ends[1]).or_default().push(edge);
        }
    }
    for list in lists.values_mut() {
        list.sort_unstable();
    }
    lists
}
