//! Masks of chunks as collections, and changes of such collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::Masks;
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::operators::shared::Shared;

/// Extension trait on masks that come and go.
pub trait HeldMasks<'scope, T: Timestamp> {
    /// The masks that chunks have: a record replaces what was known of its chunk from its time on, and with `None` the chunk
    /// has none. Times come in order, and with each at most one record of a chunk. Holds the masks.
    fn held(self) -> Masks<'scope, T>;
}

impl<'scope, T: Timestamp + TotalOrder> HeldMasks<'scope, T> for StreamVec<'scope, T, (ChunkId, Option<Arc<Mask>>)> {
    fn held(self) -> Masks<'scope, T> {
        self.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "HoldMasks", |_, _| {
            let mut held: BTreeMap<ChunkId, Shared<Mask>> = BTreeMap::new();
            move |input, output| {
                input.for_each(|capability, records| {
                    let Some(time) = capability.least().cloned() else { return };
                    let mut session = output.session(&capability);
                    for (id, mask) in records.drain(..) {
                        let new = mask.map(Shared::from);
                        let old = match &new {
                            Some(mask) => held.insert(id, mask.clone()),
                            None => held.remove(&id),
                        };
                        for (mask, diff) in [(old, -1), (new, 1)] {
                            session.give_iterator(mask.into_iter().map(|mask| ((id, mask), time.clone(), diff)));
                        }
                    }
                });
            }
        })
        .as_collection()
    }
}

/// Extension trait on masks.
pub trait ChangedMasks<'scope, T: Timestamp> {
    /// The masks that are new, and `None` for chunks that have none any more: one record for each chunk that changes at a
    /// time, once the time is complete.
    fn changed(self) -> StreamVec<'scope, T, (ChunkId, Option<Arc<Mask>>)>;
}

impl<'scope, T: Timestamp + TotalOrder> ChangedMasks<'scope, T> for Masks<'scope, T> {
    fn changed(self) -> StreamVec<'scope, T, (ChunkId, Option<Arc<Mask>>)> {
        self.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "ChangedMasks", |_, _| {
            let mut waiting = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each(|capability, records| {
                    let Some(held) = capability.retain_least(output.output_index()) else { return };
                    let (_, changed) = waiting
                        .entry(held.time().clone())
                        .or_insert_with(|| (held, BTreeMap::<ChunkId, BTreeMap<Shared<Mask>, isize>>::new()));
                    for ((id, mask), _, diff) in records.drain(..) {
                        *changed.entry(id).or_default().entry(mask).or_default() += diff;
                    }
                });
                while let Some(entry) = waiting.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (_, (capability, changed)) = entry.remove_entry();
                    let mut session = output.session(&capability);
                    for (id, mut masks) in changed {
                        masks.retain(|_, diff| *diff != 0);
                        let new = masks.iter().find(|(_, diff)| **diff > 0).map(|(mask, _)| mask.clone().into_inner());
                        if !masks.is_empty() {
                            session.give((id, new));
                        }
                    }
                }
            }
        })
    }
}
