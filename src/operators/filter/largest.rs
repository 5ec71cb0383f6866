//! The largest components, maintained.

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{Hashable, VecCollection};
use timely::progress::Timestamp;

use crate::kernel::filter::rule::Ranked;
use crate::kernel::objects::descent::Place;

/// Bits of the hash of a component that say where it is compared first, and then with the largest of others.
const BITS: [u32; 4] = [12, 8, 4, 0];

/// Extension trait on components.
pub(super) trait Largest {
    /// The first `count` in the order of components. They are compared in groups, and the first of groups with each other, so
    /// that a change reads few groups again and not all components.
    fn largest(self, count: usize) -> Self;
}

impl<'scope, T: Timestamp + Lattice> Largest for VecCollection<'scope, T, Ranked<Place>> {
    fn largest(self, count: usize) -> Self {
        BITS.into_iter().fold(self, |left, bits| {
            let group = move |ranked: Ranked<Place>| (ranked.place.first.hashed() & ((1 << bits) - 1), ranked);
            left.map(group)
                .reduce_named("Largest", move |_, sorted, output| {
                    output.extend(sorted.iter().take(count).map(|(ranked, _)| (Ranked::clone(ranked), 1)));
                })
                .map(|(_, ranked)| ranked)
        })
    }
}
