//! The spanning forest of junction clusters that reach over seams.

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::network::forest::{Edge, Forest, merge};
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::Risen;
use crate::kernel::network::step::Lengths;
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;

/// Spanning: from forests of chunks to the edges that are not in the forest of the whole.
pub trait SpanForests<'scope, T: Timestamp + Lattice> {
    /// For each chunk, lists of edges between junctions that are not in the minimum spanning forest of the whole, and
    /// that have an end in the chunk. Edges that a chunk dropped by itself are not among them.
    ///
    /// A fold ([`RiseRecords`]). Holds the reduced forests.
    fn span(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)>;
}

impl<'scope, T: Timestamp + Lattice> SpanForests<'scope, T> for VecCollection<'scope, T, (ChunkId, Shared<Forest>)> {
    fn span(self, octree: Octree, lengths: Lengths) -> VecCollection<'scope, T, (ChunkId, Shared<Vec<Edge>>)> {
        self.map(|(id, forest)| (id, Risen::Open(1, forest)))
            .rise("Span", octree, move |(level, _), forests| {
                merge(forests, level, &lengths).flat_map(move |risen| match risen {
                    Risen::Complete(edges) => by_chunk(edges, &octree),
                    Risen::Open(level, forest) => vec![Risen::Open(level, forest)],
                })
            })
            .map(|(_, of_chunk)| of_chunk)
    }
}

/// Edges that are not in the forest of the whole, for a chunk that holds an end of each.
type Dropped = (ChunkId, Shared<Vec<Edge>>);

/// Edges by the chunks of their ends, in order, so that nothing changes for a chunk whose edges stay the same.
fn by_chunk(edges: Vec<Edge>, octree: &Octree) -> Vec<Risen<Dropped, Forest>> {
    let mut lists: BTreeMap<ChunkId, Vec<Edge>> = BTreeMap::new();
    for edge in edges {
        let ends = [edge.from, edge.to()].map(|voxel| octree.chunk_of(voxel));
        lists.entry(ends[0]).or_default().push(edge);
        if ends[0] != ends[1] {
            lists.entry(ends[1]).or_default().push(edge);
        }
    }
    let sorted = lists.into_iter().map(|(chunk, mut list)| {
        list.sort_unstable();
        Risen::Complete((chunk, Shared::new(list)))
    });
    sorted.collect()
}
