//! Reducing the records of a chunk where the chunk belongs.

use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::{ValBatcher, ValBuilder, ValSpine};
use differential_dataflow::{Data, ExchangeData, VecCollection};
use timely::dataflow::channels::pact::Exchange;
use timely::progress::Timestamp;

use crate::grid::{ChunkId, Grid};

/// What `logic` returns for all records of each chunk, as differential's `reduce` has it, at the chunk's owner by
/// [`Grid::owner`]: masks that are there already stay.
pub(super) fn reduce_at_owner<'scope, T: Timestamp + Lattice, V: ExchangeData, W: Data>(
    records: VecCollection<'scope, T, (ChunkId, V)>,
    grid: Grid,
    name: &str,
    logic: impl FnMut(&ChunkId, &[(&V, isize)], &mut Vec<(W, isize)>) + 'static,
) -> VecCollection<'scope, T, (ChunkId, W)> {
    let peers = records.inner.scope().peers();
    let to_owner = Exchange::new(move |((id, _), _, _): &((ChunkId, V), T, isize)| grid.owner(*id, peers) as u64);
    let arranged = arrange_core::<_, _, ValBatcher<ChunkId, V, T, isize>, ValSpine<ChunkId, V, T, isize>>(
        records.inner,
        to_owner,
        &format!("Arrange: {name}"),
        ValBatcher::new,
    );
    arranged
        .reduce_abelian::<_, ValBuilder<ChunkId, W, T, isize>, ValSpine<ChunkId, W, T, isize>, _, _>(
            name,
            logic,
            |updates, id, changes| {
                updates.clear();
                updates.extend(changes.drain(..).map(|(record, time, diff)| ((*id, record), time, diff)));
            },
        )
        .as_collection(|id, record| (*id, record.clone()))
}
