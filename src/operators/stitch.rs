//! Fragments of branches, joined across seams.

use differential_dataflow::VecCollection;
use differential_dataflow::collection::concatenate;
use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::branch_list::BranchList;
use crate::kernel::measure::channel::PathSum;
use crate::kernel::octree::Octree;
use crate::kernel::step::Lengths;
use crate::kernel::stitch::{Fragment, by_level, stitch};
use crate::operators::shared::Shared;

/// A part of the volume: a level of the octree and a box of it; level 0 is the chunks.
pub type Place = (u8, ChunkId);

/// Branches by the smallest part of the volume that holds each, as lists in order.
pub type Parts<'scope, T, M> = VecCollection<'scope, T, (Place, Shared<BranchList<M>>)>;

/// What a box makes of the fragments that meet in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
enum Stitched<S: PathSum> {
    Branches(Shared<BranchList<S::Measured>>),
    Fragments(u8, Shared<Vec<Fragment<S>>>),
}

/// Stitching: fragments of branches to branches.
pub trait StitchFragments<'scope, T: Timestamp, S: PathSum> {
    /// The branches that run over seams, by the box in which each becomes complete, in order. Takes the fragments of
    /// each chunk by the level of the box in which they go on.
    ///
    /// One `reduce` a level of the octree, partitioned by box. Holds fragments and branches; a change joins again the
    /// boxes that it goes through.
    fn stitch(self, octree: Octree, lengths: Lengths) -> Parts<'scope, T, S::Measured>;
}

impl<'scope, T: Timestamp + Lattice + Ord, S: PathSum> StitchFragments<'scope, T, S>
    for VecCollection<'scope, T, (ChunkId, (u8, Shared<Vec<Fragment<S>>>))>
{
    fn stitch(self, octree: Octree, lengths: Lengths) -> Parts<'scope, T, S::Measured> {
        let scope = self.scope();
        // Fragments on their way, with a chunk of the box that they come from.
        let mut rising = self;
        let mut branches = Vec::new();
        for level in 1..=octree.top() {
            let here = rising.clone().flat_map(move |(chunk, (at, fragments))| {
                (at == level).then(|| (octree.enclosing(chunk, level), fragments))
            });
            let stitched = here.reduce_named("Stitch", move |_, parts, output| {
                let parts: Vec<&[Fragment<S>]> = parts.iter().map(|(fragments, _)| &fragments[..]).collect();
                let stitched = stitch(&parts, level, &octree, &lengths);
                if !stitched.branches.is_empty() {
                    output.push((Stitched::Branches(Shared::new(BranchList::new(&stitched.branches, &lengths))), 1));
                }
                for (above, fragments) in by_level(stitched.fragments, &octree) {
                    output.push((Stitched::Fragments(above, Shared::new(fragments)), 1));
                }
            });
            branches.push(stitched.clone().flat_map(move |(id, stitched)| match stitched {
                Stitched::Branches(branches) => Some(((level, id), branches)),
                Stitched::Fragments(..) => None,
            }));
            let risen = stitched.flat_map(move |(id, stitched)| match stitched {
                Stitched::Fragments(above, fragments) => {
                    Some((ChunkId::at(id.place().map(|p| p << level)), (above, fragments)))
                }
                Stitched::Branches(_) => None,
            });
            rising = rising.filter(move |(_, (at, _))| *at > level).concat(risen);
        }
        concatenate(scope, branches)
    }
}
