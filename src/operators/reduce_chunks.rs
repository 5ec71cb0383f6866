//! Reduction by chunk, compiled once.
//!
//! Differential's `reduce` is compiled for each type of records anew: with a dozen types, a seventh of all that was compiled.
//! Records are few here, one or some a chunk, so they go through it behind a pointer that does not tell their type.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::{ValBatcher, ValBuilder, ValSpine};
use differential_dataflow::{AsCollection, Data, ExchangeData, Hashable, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::progress::Timestamp;

use crate::grid::{ChunkId, Grid};

/// Extension trait on records of chunks.
pub(crate) trait ReduceChunks<'scope, T: Timestamp + Lattice, V> {
    /// The same as differential's `reduce_named`: what `logic` makes of all records of each chunk that has some, maintained.
    /// Records come to it in order, each once with the number of times that it is there. Chunks are dealt out to workers as
    /// differential does it.
    fn reduce_chunks<W: Data>(
        self,
        name: &str,
        logic: impl FnMut(&ChunkId, &[(&V, isize)], &mut Vec<(W, isize)>) + 'static,
    ) -> VecCollection<'scope, T, (ChunkId, W)>;

    /// The same at the chunks' owners by [`Grid::owner`]: records that are there already stay.
    fn reduce_at_owners<W: Data>(
        self,
        grid: Grid,
        name: &str,
        logic: impl FnMut(&ChunkId, &[(&V, isize)], &mut Vec<(W, isize)>) + 'static,
    ) -> VecCollection<'scope, T, (ChunkId, W)>;
}

impl<'scope, T: Timestamp + Lattice, V: ExchangeData> ReduceChunks<'scope, T, V>
    for VecCollection<'scope, T, (ChunkId, V)>
{
    fn reduce_chunks<W: Data>(
        self,
        name: &str,
        logic: impl FnMut(&ChunkId, &[(&V, isize)], &mut Vec<(W, isize)>) + 'static,
    ) -> VecCollection<'scope, T, (ChunkId, W)> {
        reduce_at(self, |id| id.hashed(), name, logic)
    }

    fn reduce_at_owners<W: Data>(
        self,
        grid: Grid,
        name: &str,
        logic: impl FnMut(&ChunkId, &[(&V, isize)], &mut Vec<(W, isize)>) + 'static,
    ) -> VecCollection<'scope, T, (ChunkId, W)> {
        let peers = self.inner.scope().peers();
        reduce_at(self, move |id| grid.owner(*id, peers) as u64, name, logic)
    }
}

/// The reduction of the records of each chunk at a worker.
fn reduce_at<'scope, T: Timestamp + Lattice, V: ExchangeData, W: Data>(
    records: VecCollection<'scope, T, (ChunkId, V)>,
    worker: impl Fn(&ChunkId) -> u64 + 'static,
    name: &str,
    mut logic: impl FnMut(&ChunkId, &[(&V, isize)], &mut Vec<(W, isize)>) + 'static,
) -> VecCollection<'scope, T, (ChunkId, W)> {
    let to_worker = Exchange::new(move |((id, _), _, _): &((ChunkId, V), T, isize)| worker(id));
    let untyped = records.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(to_worker, "Deal", |_, _| {
        |input, output| {
            input.for_each(|capability, records| {
                let untyped = |((id, record), time, diff)| ((id, Untyped::new::<V>(record)), time, diff);
                output.session(&capability).give_iterator(records.drain(..).map(untyped));
            });
        }
    });
    let logic: Logic = Box::new(move |id, records, output| {
        let records: Vec<(&V, isize)> = records.iter().map(|(record, count)| (record.get(), *count)).collect();
        let mut found = Vec::new();
        logic(id, &records, &mut found);
        output.extend(found.into_iter().map(|(result, count)| (Untyped::new::<W>(result), count)));
    });
    reduce(untyped.as_collection(), name, logic).map(|(id, result)| (id, result.get::<W>().clone()))
}

type Logic = Box<dyn FnMut(&ChunkId, &[(&Untyped, isize)], &mut Vec<(Untyped, isize)>)>;

/// The reduction of records that are where they belong.
fn reduce<'scope, T: Timestamp + Lattice>(
    records: VecCollection<'scope, T, (ChunkId, Untyped)>,
    name: &str,
    logic: Logic,
) -> VecCollection<'scope, T, (ChunkId, Untyped)> {
    arrange_core::<_, _, _, ValSpine<ChunkId, Untyped, T, isize>>(
        records.inner,
        Pipeline,
        &format!("Arrange: {name}"),
        ValBatcher::new,
    )
    .reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<ChunkId, Untyped, T, isize>, _, _>(
        name,
        logic,
        |updates, id, found| {
            updates.clear();
            updates.extend(found.drain(..).map(|(result, time, diff)| ((*id, result), time, diff)));
        },
    )
    .as_collection(|id, result| (*id, result.clone()))
}

/// A record whose type is known where it comes from and where it goes. All records of a collection are of one type.
#[derive(Clone)]
struct Untyped(Rc<dyn Record>);

trait Record: Any {
    fn compare(&self, other: &dyn Record) -> Ordering;
}

impl<D: Ord + 'static> Record for D {
    fn compare(&self, other: &dyn Record) -> Ordering {
        self.cmp(downcast(other))
    }
}

fn downcast<D: 'static>(record: &dyn Record) -> &D {
    let record: &dyn Any = record;
    record.downcast_ref().expect("records of a collection are of one type")
}

impl Untyped {
    fn new<D: Ord + 'static>(record: D) -> Self {
        Untyped(Rc::new(record))
    }

    fn get<D: 'static>(&self) -> &D {
        downcast(&*self.0)
    }
}

impl fmt::Debug for Untyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untyped").finish_non_exhaustive()
    }
}

impl Ord for Untyped {
    fn cmp(&self, other: &Self) -> Ordering {
        if Rc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { (*self.0).compare(&*other.0) }
    }
}

impl PartialOrd for Untyped {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Untyped {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Untyped {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use differential_dataflow::input::InputSession;
    use proptest::prelude::*;
    use timely::dataflow::operators::probe::Handle;

    use super::*;

    /// Records of a chunk, and how often each is there.
    type Records = BTreeMap<(i64, u8), isize>;

    /// What a chunk's records are reduced to, when, and whether it comes or goes.
    type Change = ((ChunkId, String), u64, isize);

    /// What a chunk's records are reduced to, if it has any.
    fn reduced(records: &[(u8, isize)]) -> Vec<(String, isize)> {
        let listed: Vec<String> = records.iter().map(|(record, count)| format!("{count} of {record}")).collect();
        [(listed.join(", "), 1), (records.len().to_string(), 2)].into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn chunks_are_reduced_in_order_after_every_edit_and_what_stays_is_left_alone(
            edits in prop::collection::vec(prop::collection::vec((0i64..4, 0u8..5, any::<bool>()), 0..6), 1..6),
            workers in 1usize..4,
        ) {
            let changes: Arc<Mutex<Vec<Change>>> = Arc::default();
            let mut now = Records::new();
            let mut history = Vec::new();
            for edit in &edits {
                let mut differences = Vec::new();
                for &(chunk, record, comes) in edit {
                    let count = now.entry((chunk, record)).or_default();
                    let diff = if comes || *count == 0 { 1 } else { -1 };
                    *count += diff;
                    differences.push((chunk, record, diff));
                }
                now.retain(|_, count| *count != 0);
                history.push((differences, now.clone()));
            }
            let (fed, noted) = (Arc::new(history), Arc::clone(&changes));
            let history = Arc::clone(&fed);
            timely::execute(timely::Config::process(workers), move |worker| {
                let mut input = InputSession::<u64, (ChunkId, u8), isize>::new();
                let (probe, noted) = (Handle::new(), Arc::clone(&noted));
                worker.dataflow(|scope| {
                    input
                        .to_collection(scope)
                        .reduce_chunks("List", |_, records, output| {
                            let records: Vec<(u8, isize)> = records.iter().map(|(record, count)| (**record, *count)).collect();
                            output.extend(reduced(&records));
                        })
                        .inspect(move |change| noted.lock().unwrap().push(change.clone()))
                        .probe_with(&probe);
                });
                for (time, (differences, _)) in fed.iter().enumerate() {
                    for &(chunk, record, diff) in differences.iter().filter(|_| worker.index() == 0) {
                        input.update((ChunkId::new([0, 0, chunk]).unwrap(), record), diff);
                    }
                    input.advance_to(time as u64 + 1);
                    input.flush();
                    worker.step_while(|| probe.less_than(input.time()));
                }
            })
            .unwrap()
            .join()
            .into_iter()
            .for_each(|ended| ended.unwrap());
            let changes = changes.lock().unwrap();
            let expected = |records: &Records| {
                let mut found: BTreeMap<(ChunkId, String), isize> = BTreeMap::new();
                for chunk in 0..4 {
                    let own: Vec<(u8, isize)> =
                        records.range((chunk, 0)..=(chunk, u8::MAX)).map(|(&(_, record), &count)| (record, count)).collect();
                    let id = ChunkId::new([0, 0, chunk]).unwrap();
                    for (result, count) in if own.is_empty() { Vec::new() } else { reduced(&own) } {
                        *found.entry((id, result)).or_default() += count;
                    }
                }
                found
            };
            let mut before = BTreeMap::new();
            for (time, (_, records)) in history.iter().enumerate() {
                let after = expected(records);
                let mut differences = after.clone();
                before.iter().for_each(|(key, count)| *differences.entry(Clone::clone(key)).or_default() -= count);
                differences.retain(|_, diff| *diff != 0);
                let of_time = changes.iter().filter(|(_, of, _)| *of == time as u64);
                let listed: Vec<_> = of_time.map(|(key, _, diff)| (key.clone(), *diff)).collect();
                let found: BTreeMap<_, _> = listed.iter().cloned().collect();
                prop_assert_eq!(found.len(), listed.len(), "each difference comes once");
                prop_assert_eq!(found, differences);
                before = after;
            }
        }
    }
}
