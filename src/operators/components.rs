//! The number of skeletons, maintained.

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::network::components::{components, merge};
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::operators::link::Linked;
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;

/// Counting: from voxel graphs of chunks to numbers of connected components.
pub trait CountComponents<'scope, T: Timestamp + Lattice> {
    /// For each box, the number of connected components of the skeleton for which it is the smallest box that holds
    /// them, isolated voxels included; boxes without any have no record. The sum over all boxes is the number of
    /// skeletons.
    ///
    /// A fold ([`RiseRecords`]). Holds the voxels at seams of components that cross them.
    fn count_components(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, u64)>;
}

impl<'scope, T: Timestamp + Lattice> CountComponents<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Shared<Linked>)>
{
    fn count_components(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, u64)> {
        self.flat_map(move |(id, graph)| {
            let counted = components(&graph.voxels.to_vec(), &graph.sets.get(), &octree);
            counted.map(move |counted| (id, counted.map(|complete| complete, Shared::new)))
        })
        .rise("Count", octree, |(level, _), children| merge(children, level))
    }
}
