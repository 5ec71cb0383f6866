//! The skeletons of a volume, maintained.

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::network::components::{components, merge};
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::operators::link::Linked;
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// Counting: from voxel graphs of chunks to connected components and their number.
pub trait CountComponents<'scope, T: Timestamp + Lattice> {
    /// For each box, the first voxels in raster order of the connected components of the skeleton for which it is the
    /// smallest box that holds them, isolated voxels included; boxes without any have no record.
    ///
    /// A fold ([`RiseRecords`]). Holds the voxels at seams of components that cross them.
    fn find_components(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, Vec<Voxel>)>;

    /// The same as numbers of components. The sum over all boxes is the number of skeletons.
    fn count_components(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, u64)>;
}

impl<'scope, T: Timestamp + Lattice> CountComponents<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Shared<Linked>)>
{
    fn find_components(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, Vec<Voxel>)> {
        self.flat_map(move |(id, graph)| {
            let counted = components(&graph.voxels.to_vec(), &graph.sets.get(), &octree);
            counted.map(move |counted| (id, counted.map(|complete| complete, Shared::new)))
        })
        .rise("Count", octree, |(level, _), children| merge(children, level))
    }

    fn count_components(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, u64)> {
        self.find_components(octree).map(|(place, firsts)| (place, firsts.len() as u64))
    }
}
