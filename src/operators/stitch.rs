//! Fragments of branches, joined across seams.

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::measure::channel::PathSum;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::kernel::network::rise::Risen;
use crate::kernel::network::step::Lengths;
use crate::kernel::network::stitch::{Fragment, stitch};
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;

/// Branches, in ordered lists by the smallest box that holds each.
pub type Parts<'scope, T, M> = VecCollection<'scope, T, (OctreeBox, Shared<BranchList<M>>)>;

/// The branches inside a chunk, and the fragments of those that leave it, by the level of the box in which they go on.
pub type ListedPaths<S> = Risen<Shared<BranchList<<S as PathSum>::Measured>>, Shared<Vec<Fragment<S>>>>;

/// Stitching: from fragments of branches to branches.
pub trait StitchFragments<'scope, T: Timestamp + Lattice, S: PathSum> {
    /// All branches, in order, by the box in which each becomes complete.
    ///
    /// A fold ([`RiseRecords`]). Holds fragments and branches; a change stitches the boxes on its way up again.
    fn stitch(self, octree: Octree, lengths: Lengths) -> Parts<'scope, T, S::Measured>;
}

impl<'scope, T: Timestamp + Lattice, S: PathSum> StitchFragments<'scope, T, S>
    for VecCollection<'scope, T, (ChunkId, ListedPaths<S>)>
{
    fn stitch(self, octree: Octree, lengths: Lengths) -> Parts<'scope, T, S::Measured> {
        self.rise("Stitch", octree, move |(level, _), parts| {
            let listed = move |branches: Vec<_>| Shared::new(BranchList::new(&branches, &lengths));
            stitch(parts, level, &octree, &lengths).map(move |paths| paths.map(listed, |open| open))
        })
    }
}
