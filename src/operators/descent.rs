//! What is decided about a component finds its way to its parts in chunks, maintained.

use std::hash::Hash;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{ExchangeData, VecCollection};
use timely::progress::Timestamp;

use crate::kernel::network::octree::Octree;
use crate::kernel::objects::descent::{Climbing, Joined, Member, Place, merge};
use crate::kernel::objects::parts::Part;
use crate::kernel::objects::sums::{Object, Sums};
use crate::operators::objects::Leaves;
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// Components, and what their parts became part of.
pub struct TracedParts<'scope, T: Timestamp, S: 'static> {
    /// Each component once, with its place: the box in which it became complete.
    pub wholes: VecCollection<'scope, T, (Place, Object<S>)>,
    /// For each part of a component that lies in several chunks, what it became part of.
    pub members: VecCollection<'scope, T, Member>,
}

impl<T: Timestamp, S: 'static> std::fmt::Debug for TracedParts<'_, T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedParts").finish_non_exhaustive()
    }
}

/// Extension trait on the parts of components.
pub trait TraceParts<'scope, T: Timestamp, S: 'static> {
    /// The components of the volume, and the way back to their parts. A fold ([`RiseRecords`]), with its costs.
    fn trace_parts(self, octree: Octree) -> TracedParts<'scope, T, S>;
}

impl<'scope, T: Timestamp + Lattice, S: Sums + ExchangeData + Sync + Hash> TraceParts<'scope, T, S>
    for Leaves<'scope, T, S>
{
    fn trace_parts(self, octree: Octree) -> TracedParts<'scope, T, S> {
        let leaves = self.map(|(id, leaf)| {
            let climbing = |part: Shared<Part<S>>| Shared::new(Climbing { level: 0, part: (*part).clone() });
            (id, leaf.map(Joined::Whole, climbing))
        });
        let joined = leaves.rise("TraceParts", octree, move |(level, _), parts| merge(parts, level, &octree));
        let wholes = joined.clone().flat_map(|((level, _), joined)| match joined {
            Joined::Whole(object) => Some((Place { first: object.first, level }, object)),
            Joined::Member(_) => None,
        });
        let members = joined.flat_map(|(_, joined)| match joined {
            Joined::Member(member) => Some(member),
            Joined::Whole(_) => None,
        });
        TracedParts { wholes, members }
    }
}

/// Extension trait on what is decided about components.
pub trait Descend<'scope, T: Timestamp, V: 'static> {
    /// What is decided about the component of each part in a chunk, by the part's first voxel. Components about which nothing
    /// is decided have no record, and cost nothing but the arrangement of their members. A join for each level of the octree,
    /// from the top down, partitioned by voxel.
    fn descend(self, members: VecCollection<'scope, T, Member>, octree: Octree)
    -> VecCollection<'scope, T, (Voxel, V)>;
}

impl<'scope, T: Timestamp + Lattice, V: ExchangeData> Descend<'scope, T, V> for VecCollection<'scope, T, (Place, V)> {
    fn descend(
        self,
        members: VecCollection<'scope, T, Member>,
        octree: Octree,
    ) -> VecCollection<'scope, T, (Voxel, V)> {
        let mut decided = self;
        for level in (1..=octree.top()).rev() {
            let here = decided
                .clone()
                .flat_map(move |(place, verdict)| (place.level == level).then_some((place.first, verdict)));
            let below = members
                .clone()
                .flat_map(move |Member { whole, part }| (whole.level == level).then_some((whole.first, part)));
            let parts = below.join_map(here, |_, part, verdict| (*part, verdict.clone()));
            decided = decided.filter(move |(place, _)| place.level < level).concat(parts);
        }
        decided.map(|(place, verdict)| (place.first, verdict))
    }
}
