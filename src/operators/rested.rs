//! What chunks have, packed for as long as nothing needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::{AsCollection, VecCollection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::attic::Attic;
use crate::grid::ChunkId;
use crate::operators::shared::Shared;

/// Bytes that an operator holds in memory.
const NEAR: usize = 1 << 17;

/// Extension trait on values of chunks that come and go.
pub trait RestLatest<'scope, T: Timestamp, V: 'static> {
    /// The same as [`HoldLatest::held`](super::held::HoldLatest::held), but a time comes out when it is complete, and when
    /// `until` will have nothing more of it. Until then values are packed, and all but a few are in the attic. Where that
    /// fails, or the attic has not what was put there, the attic has reported it, and values are missing.
    fn rested<D: Clone + 'static>(
        self,
        until: StreamVec<'scope, T, D>,
        attic: Arc<Attic>,
    ) -> VecCollection<'scope, T, (ChunkId, Shared<V>)>;
}

impl<'scope, T: Timestamp + TotalOrder, V: Serialize + DeserializeOwned + 'static> RestLatest<'scope, T, V>
    for StreamVec<'scope, T, (ChunkId, Option<Arc<V>>)>
{
    fn rested<D: Clone + 'static>(
        self,
        until: StreamVec<'scope, T, D>,
        attic: Arc<Attic>,
    ) -> VecCollection<'scope, T, (ChunkId, Shared<V>)> {
        self.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            until,
            Pipeline,
            Pipeline,
            "RestLatest",
            move |_, _| {
                let mut rest = Rest::new(attic);
                let mut waiting = BTreeMap::new();
                let mut latest: BTreeMap<ChunkId, Packed> = BTreeMap::new();
                move |(records, records_to_come), (others, others_to_come), output| {
                    records.for_each(|capability, records| {
                        let Some(capability) = capability.retain_least(output.output_index()) else { return };
                        let time = capability.time().clone();
                        let (_, values) = waiting.entry(time).or_insert_with(|| (capability, BTreeMap::new()));
                        for (id, value) in records.drain(..) {
                            let packed = value.and_then(|value| rest.pack(&*value));
                            if let Some(Some(before)) = values.insert(id, packed) {
                                rest.open::<V>(before);
                            }
                        }
                    });
                    others.for_each(|_, records| records.clear());
                    while let Some(entry) = waiting.first_entry() {
                        if records_to_come.less_equal(entry.key()) || others_to_come.less_equal(entry.key()) {
                            break;
                        }
                        let (time, (capability, values)) = entry.remove_entry();
                        let mut session = output.session(&capability);
                        for (id, packed) in values {
                            let old = latest.remove(&id).and_then(|packed| rest.open::<V>(packed));
                            let new = packed.and_then(|packed| rest.open::<V>(packed));
                            // The last time of all needs no memory of its values.
                            if !records_to_come.frontier().is_empty() {
                                latest.extend(new.as_ref().and_then(|value| Some((id, rest.pack(value)?))));
                            }
                            for (value, diff) in [(old, -1), (new, 1)] {
                                let value = value.map(Shared::new);
                                session.give_iterator(value.into_iter().map(|value| ((id, value), time.clone(), diff)));
                            }
                        }
                    }
                }
            },
        )
        .as_collection()
    }
}

/// Bytes, or their place and number in the attic.
#[derive(Debug)]
pub(super) enum Packed {
    Near(Box<[u8]>),
    Far(u64, usize),
}

/// Where an operator has bytes that wait: a few in memory, the others in the attic.
#[derive(Debug)]
pub(super) struct Rest {
    attic: Arc<Attic>,
    /// Bytes of those in memory.
    near: usize,
}

impl Rest {
    /// Without bytes.
    pub(super) fn new(attic: Arc<Attic>) -> Rest {
        Rest { attic, near: 0 }
    }

    /// Puts bytes aside; `None` if that failed, which the attic has reported.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Option<Packed> {
        if self.near + bytes.len() > NEAR {
            return Some(Packed::Far(self.attic.append(bytes)?, bytes.len()));
        }
        self.near += bytes.len();
        Some(Packed::Near(bytes.into()))
    }

    /// The bytes, which are let go; `None` if they cannot be read, which the attic has reported.
    pub(super) fn take(&mut self, packed: Packed) -> Option<Box<[u8]>> {
        match packed {
            Packed::Near(bytes) => {
                self.near -= bytes.len();
                Some(bytes)
            }
            Packed::Far(at, length) => {
                let mut bytes = vec![0; length].into_boxed_slice();
                self.attic.read(at, &mut bytes).then_some(bytes)
            }
        }
    }

    fn pack(&mut self, value: &impl Serialize) -> Option<Packed> {
        self.put(&postcard::to_stdvec(value).expect("memory takes all that is written"))
    }

    fn open<V: DeserializeOwned>(&mut self, packed: Packed) -> Option<V> {
        let bytes = self.take(packed)?;
        postcard::from_bytes(&bytes).map_err(|_| self.attic.report_damage()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use timely::dataflow::operators::{Input, Probe};

    use super::*;
    use crate::error::Kind;
    use crate::operators::failure::Failure;

    type Value = Shared<Vec<u8>>;

    /// A change that came out: when, of which chunk, the length of its value, and whether it came or went.
    type Noted = (u64, i64, usize, isize);

    #[test]
    fn values_come_out_as_they_were_and_not_before_what_they_wait_for() {
        let folder = tempfile::tempdir().unwrap();
        let attic = Arc::new(Attic::new(folder.path().to_owned(), Failure::default()));
        timely::execute_directly(move |worker| {
            let noted: Rc<RefCell<Vec<Noted>>> = Rc::default();
            let notes = Rc::clone(&noted);
            let (mut values, mut until, probe) = worker.dataflow::<u64, _, _>(|scope| {
                let ((values, records), (until, others)) = (scope.new_input(), scope.new_input::<Vec<u8>>());
                let rested: VecCollection<'_, _, (ChunkId, Value)> = records.rested(others, Arc::clone(&attic));
                let rested = rested.inspect(move |((id, value), time, diff)| {
                    assert!(value.iter().all(|&byte| i64::from(byte) == id.place()[2]));
                    notes.borrow_mut().push((*time, id.place()[2], value.len(), *diff));
                });
                (values, until, rested.inner.probe().0)
            });
            let value = |x: i64, length: usize| (ChunkId::at([0, 0, x]), Some(Arc::new(vec![x as u8; length])));
            // Most of these find no room in memory.
            (0..40).for_each(|x| values.send(value(x, NEAR / 10)));
            values.send(value(7, 5));
            values.advance_to(1);
            until.send(0);
            (0..100).for_each(|_| _ = worker.step());
            assert!(noted.borrow().is_empty() && probe.less_than(&1));
            until.advance_to(1);
            worker.step_while(|| probe.less_than(&1));
            let length = |x| if x == 7 { 5 } else { NEAR / 10 };
            assert_eq!(noted.take(), (0..40).map(|x| (0, x, length(x), 1)).collect::<Vec<_>>());
            values.send(value(3, 9));
            values.send((ChunkId::at([0, 0, 5]), None));
            values.close();
            until.close();
            worker.step_while(|| !probe.done());
            assert_eq!(noted.take(), [(1, 3, NEAR / 10, -1), (1, 3, 9, 1), (1, 5, NEAR / 10, -1)]);
        });
    }

    #[test]
    fn an_attic_that_cannot_be_made_is_an_error() {
        let (folder, failure) = (tempfile::tempdir().unwrap(), Failure::default());
        let attic = Arc::new(Attic::new(folder.path().join("gone"), failure.clone()));
        let mut rest = Rest::new(attic);
        let near = rest.pack(&vec![1u8; 9]).unwrap();
        assert!(rest.pack(&vec![1u8; NEAR]).is_none());
        assert!(failure.take().unwrap().to_string().contains("gone"));
        assert_eq!(rest.open::<Vec<u8>>(near), Some(vec![1; 9]));
        assert_eq!(rest.near, 0);
    }

    #[test]
    fn bytes_that_are_no_value_are_an_error() {
        let (folder, failure) = (tempfile::tempdir().unwrap(), Failure::default());
        let attic = Arc::new(Attic::new(folder.path().to_owned(), failure.clone()));
        let at = attic.append(&[200; 8]).unwrap();
        let mut rest = Rest::new(attic);
        assert_eq!(rest.open::<Vec<u8>>(Packed::Far(at, 8)), None);
        let error = failure.take().unwrap();
        assert!(error.kind() == Kind::Io && error.to_string().contains("check the disk"), "{error}");
    }
}
