//! Fragments of branches, joined across seams.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::measure::channel::{Measured, PathSum};
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::fragment_list::FragmentList;
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::kernel::network::rise::Risen;
use crate::kernel::network::step::Lengths;
use crate::kernel::network::stitch::stitch;
use crate::kernel::shelf::Shelf;
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;

/// Branches, in ordered lists by the smallest box that holds each.
pub type Parts<'scope, T, M> = VecCollection<'scope, T, (OctreeBox, Shared<BranchList<M>>)>;

/// The branches inside a chunk, and the fragments of those that leave it, by the level of the box in which they go on.
pub type ListedPaths<S> = Risen<Shared<BranchList<<S as PathSum>::Measured>>, Shared<FragmentList<S>>>;

/// The list of some branches in order, on the shelf if there is one.
pub(super) fn listed<M: Measured>(
    branches: &[Branch<M>],
    lengths: &Lengths,
    shelf: Option<&Arc<dyn Shelf>>,
) -> Shared<BranchList<M>> {
    let list = BranchList::new(branches, lengths);
    Shared::new(match shelf {
        Some(shelf) => list.shelved(shelf),
        None => list,
    })
}

/// Stitching: from fragments of branches to branches.
pub trait StitchFragments<'scope, T: Timestamp + Lattice, S: PathSum> {
    /// All branches, in order, by the box in which each becomes complete.
    ///
    /// A fold ([`RiseRecords`]). Holds fragments and branches, these on the shelf if there is one; a change stitches the boxes
    /// on its way up again.
    fn stitch(self, octree: Octree, lengths: Lengths, shelf: Option<Arc<dyn Shelf>>) -> Parts<'scope, T, S::Measured>;
}

impl<'scope, T: Timestamp + Lattice, S: PathSum> StitchFragments<'scope, T, S>
    for VecCollection<'scope, T, (ChunkId, ListedPaths<S>)>
{
    fn stitch(self, octree: Octree, lengths: Lengths, shelf: Option<Arc<dyn Shelf>>) -> Parts<'scope, T, S::Measured> {
        self.rise("Stitch", octree, move |(level, _), parts: &[&FragmentList<S>]| {
            let shelf = shelf.clone();
            let listed = move |branches: Vec<_>| listed(&branches, &lengths, shelf.as_ref());
            let fragments: Vec<_> = parts.iter().flat_map(|part| part.iter()).collect();
            let paths = stitch(&fragments, level, &octree, &lengths);
            paths.map(move |paths| paths.map(&listed, |open| FragmentList::new(&open)))
        })
    }
}
