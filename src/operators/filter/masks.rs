//! Changes of masks.

use std::collections::BTreeMap;
use std::sync::Arc;

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
