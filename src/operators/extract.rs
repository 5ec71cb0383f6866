//! Any number of records for each chunk, from a kernel on the chunk and its overlap.

use std::collections::BTreeMap;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, ExchangeData, Hashable, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::overlap::Padded;
use crate::grid::ChunkId;

/// Extension trait on streams of chunks with their overlap.
pub trait ExtractRecords<'scope, T: Timestamp + TotalOrder + Lattice> {
    /// The records that a kernel returns for chunks with their overlap, each once: `distinct` drops what several chunks
    /// find in their overlaps, so the kernel may report everything that it sees.
    ///
    /// A chunk that comes again, at the same or a later time, replaces the earlier one: the differences are those of
    /// its records. Holds the records of every chunk, and once more the distinct ones. Records are partitioned by their
    /// hash.
    fn extract<D, I>(self, kernel: impl FnMut(&Padded) -> I + 'static) -> VecCollection<'scope, T, D>
    where
        D: ExchangeData + Hashable,
        I: IntoIterator<Item = D>;
}

impl<'scope, T: Timestamp + TotalOrder + Lattice> ExtractRecords<'scope, T> for StreamVec<'scope, T, Padded> {
    fn extract<D, I>(self, mut kernel: impl FnMut(&Padded) -> I + 'static) -> VecCollection<'scope, T, D>
    where
        D: ExchangeData + Hashable,
        I: IntoIterator<Item = D>,
    {
        self.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "ExtractRecords", move |_, _| {
            let mut held: BTreeMap<ChunkId, Vec<D>> = BTreeMap::new();
            let mut arrived = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each(|capability, chunks| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let time = capability.time().clone();
                        let (_, records) = arrived.entry(time).or_insert_with(|| (capability, BTreeMap::new()));
                        for padded in chunks.drain(..) {
                            records.insert(padded.chunk, kernel(&padded).into_iter().collect::<Vec<D>>());
                        }
                    }
                });
                // In the order of times: a later one retracts records of an earlier one.
                while let Some(entry) = arrived.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (time, (capability, chunks)) = entry.remove_entry();
                    let mut session = output.session(&capability);
                    for (chunk, records) in chunks {
                        let change = |record: D, diff| (record, time.clone(), diff);
                        session.give_iterator(records.iter().map(|record| change(record.clone(), 1isize)));
                        let before = held.insert(chunk, records).unwrap_or_default();
                        session.give_iterator(before.into_iter().map(|record| change(record, -1)));
                    }
                }
            }
        })
        .as_collection()
        .distinct()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ndarray::Array3;
    use timely::dataflow::operators::{Input, Probe};

    use super::*;
    use crate::chunk::Voxels;
    use crate::space::{Region, Voxel};

    /// Two chunks that overlap by two voxels, along a line.
    fn padded(x: i64, values: [u8; 6]) -> Padded {
        let own = Region::new([0, 0, 4 * x], [1, 1, 4 * x + 4]);
        let region = if x == 0 { Region::new([0, 0, 0], [1, 1, 6]) } else { Region::new([0, 0, 2], [1, 1, 8]) };
        let values = Array3::from_shape_fn((1, 1, 6), |(_, _, x)| values[x]);
        Padded {
            chunk: ChunkId::at([0, 0, x]),
            own,
            region,
            voxels: Some(Voxels::U8(values)),
            missing: 0,
            permit: Default::default(),
        }
    }

    fn nonzero(padded: &Padded) -> Vec<Voxel> {
        let Some(Voxels::U8(values)) = &padded.voxels else { return Vec::new() };
        let at = |x: usize| Voxel::new([0, 0, padded.region.min[2] + x as i64]);
        (0..6).filter(|&x| values[[0, 0, x]] != 0).map(at).collect()
    }

    #[test]
    fn what_two_chunks_see_is_there_once_and_goes_when_neither_sees_it() {
        let changes = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&changes);
        timely::execute_directly(move |worker| {
            let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
                let (input, chunks) = scope.new_input::<Vec<Padded>>();
                let records = chunks.extract(nonzero).inspect(move |(voxel, time, diff)| {
                    noted.lock().unwrap().push((*time, voxel.position()[2], *diff));
                });
                (input, records.inner.probe().0)
            });
            let mut epoch = |chunks: Vec<Padded>| {
                chunks.into_iter().for_each(|chunk| input.send(chunk));
                let next = input.time() + 1;
                input.advance_to(next);
                worker.step_while(|| probe.less_than(&next));
            };
            // Voxels 1 and 3; the second chunk sees the latter too, and voxel 7.
            epoch(vec![padded(0, [0, 1, 0, 1, 0, 0]), padded(1, [0, 1, 0, 0, 0, 1])]);
            epoch(vec![padded(0, [0, 1, 0, 0, 0, 0])]);
            epoch(vec![padded(1, [0, 0, 0, 0, 0, 1])]);
        });
        let mut changes = changes.lock().unwrap().clone();
        changes.sort_unstable();
        assert_eq!(changes, [(0, 1, 1), (0, 3, 1), (0, 7, 1), (2, 3, -1)]);
    }
}
