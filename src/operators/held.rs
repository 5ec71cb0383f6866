//! What chunks have, as a collection, from records that replace each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::operators::shared::Shared;

/// Extension trait on values of chunks that come and go.
pub trait HoldLatest<'scope, T: Timestamp, V: 'static> {
    /// The values that chunks have: a record replaces what was known of its chunk from its time on, and with `None` the chunk
    /// has none. Times come in order, and with each at most one record of a chunk. Holds the values.
    fn held(self) -> VecCollection<'scope, T, (ChunkId, Shared<V>)>;
}

impl<'scope, T: Timestamp + TotalOrder, V: 'static> HoldLatest<'scope, T, V>
    for StreamVec<'scope, T, (ChunkId, Option<Arc<V>>)>
{
    fn held(self) -> VecCollection<'scope, T, (ChunkId, Shared<V>)> {
        self.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "HoldLatest", |_, _| {
            let mut held: BTreeMap<ChunkId, Shared<V>> = BTreeMap::new();
            move |input, output| {
                input.for_each(|capability, records| {
                    let Some(time) = capability.least().cloned() else { return };
                    let mut session = output.session(&capability);
                    for (id, value) in records.drain(..) {
                        let new = value.map(Shared::from);
                        let old = match &new {
                            Some(value) => held.insert(id, value.clone()),
                            None => held.remove(&id),
                        };
                        for (value, diff) in [(old, -1), (new, 1)] {
                            session.give_iterator(value.into_iter().map(|value| ((id, value), time.clone(), diff)));
                        }
                    }
                });
            }
        })
        .as_collection()
    }
}
