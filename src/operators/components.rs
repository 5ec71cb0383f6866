//! How many skeletons there are, maintained.

use differential_dataflow::VecCollection;
use differential_dataflow::collection::concatenate;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::components::{Open, components, merge};
use crate::kernel::octree::Octree;
use crate::operators::link::Linked;
use crate::operators::shared::Shared;
use crate::operators::stitch::Place;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Counted {
    Complete(u64),
    Open(Shared<Open>),
}

/// Counting: voxel graphs of chunks to numbers of connected components.
pub trait CountComponents<'scope, T: Timestamp> {
    /// For each part of the volume, how many connected components of the skeleton it is the smallest to hold, isolated
    /// voxels included; parts that hold none have no record. The sum over all parts is the number of skeletons.
    ///
    /// One `reduce` a level of the octree, partitioned by box. Holds, of components that reach over seams, the voxels
    /// there.
    fn count_components(self, octree: Octree) -> VecCollection<'scope, T, (Place, u64)>;
}

impl<'scope, T: Timestamp + Lattice + Ord> CountComponents<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Shared<Linked>)>
{
    fn count_components(self, octree: Octree) -> VecCollection<'scope, T, (Place, u64)> {
        let scope = self.scope();
        let mut counted = self.flat_map(move |(id, graph)| {
            let (complete, open) = components(&graph.voxels.to_vec(), &graph.sets.get(), &octree);
            counts(complete, open).map(move |counted| (id, counted))
        });
        let mut complete = Vec::new();
        for level in 0..=octree.top() {
            complete.push(counted.clone().flat_map(move |(id, counted)| match counted {
                Counted::Complete(number) => Some(((level, id), number)),
                Counted::Open(_) => None,
            }));
            if level == octree.top() {
                break;
            }
            let open = counted.flat_map(move |(id, counted)| match counted {
                Counted::Open(open) => Some((octree.parent(id, level), open)),
                Counted::Complete(_) => None,
            });
            counted = open.reduce_named("Count", move |_, children, output| {
                let children: Vec<&Open> = children.iter().map(|(open, _)| &***open).collect();
                let (complete, open) = merge(&children, level + 1);
                output.extend(counts(complete, open).map(|counted| (counted, 1)));
            });
        }
        concatenate(scope, complete)
    }
}

fn counts(complete: u64, open: Option<Open>) -> impl Iterator<Item = Counted> {
    let complete = (complete > 0).then_some(Counted::Complete(complete));
    complete.into_iter().chain(open.map(|open| Counted::Open(Shared::new(open))))
}
