//! Overlap exchange of chunks that come, change and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timely::container::{CapacityContainerBuilder, DrainContainer};
use timely::dataflow::channels::pact::{Exchange, ExchangeCore, Pipeline};
use timely::dataflow::operators::core::Map;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::{Stream, StreamVec};
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::batch::{Batch, BatchRecords};
use super::overlap::{Padded, Permits, gather};
use super::read::Piece;
use super::window::Permit;
use crate::chunk::{Dtype, Voxels};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;

/// Bytes of slabs that are cut at a time, before other operators get their turn; few in tests, so that there are
/// several portions.
const PORTION: usize = if cfg!(test) { 16 } else { 8 << 20 };

/// Extension trait on streams of chunks that come, come again and go.
pub trait OverlapLiveChunks<'scope, T: Timestamp + TotalOrder> {
    /// After each time, every chunk of the grid with a voxel within `depth` that has changed its value, together with
    /// all voxels within `depth` of it.
    ///
    /// A chunk that comes in has these values from then on; without values it holds the fill value, like all chunks
    /// that never came. So a chunk comes out
    /// - if one of its own voxels or of those around it changed, whether it ever came in itself or not: next to bright
    ///   chunks, smoothing finds foreground in one that holds the fill value;
    /// - if it comes in without earlier values, even if nothing changes by that, so that every new chunk is answered;
    /// - once for each time, and not if only chunks out of reach have changed, or if it comes again with the same
    ///   values.
    ///
    /// Its voxels are `None` if nothing is stored in its whole box. If a chunk comes in twice at a time, the last one
    /// counts, provided that both come from one worker.
    ///
    /// Holds the values of every existing chunk, each once at its owner: as many bytes as the image has, until they are
    /// replaced or retracted. Slabs travel to the owners of the chunks that change, cut in portions of 8 MiB, so that
    /// few are in flight at once. Partitioned by [`Grid::owner`]. With a depth of zero nothing is held, and every chunk
    /// comes out as often as it comes in. Chunks must lie on the grid, and have its type.
    fn overlap_live(self, grid: Grid, depth: [usize; 3], dtype: Dtype, fill: f64) -> StreamVec<'scope, T, Padded>;
}

/// Asks the owner of a chunk for the part of it that another chunk needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Request {
    to: ChunkId,
    from: ChunkId,
}

/// The values of a chunk from a time on, shared by the two operators that hold them.
type Edit = (ChunkId, Option<Arc<Voxels>>);

impl<'scope, T: Timestamp + TotalOrder> OverlapLiveChunks<'scope, T> for StreamVec<'scope, T, Piece> {
    fn overlap_live(self, grid: Grid, depth: [usize; 3], dtype: Dtype, fill: f64) -> StreamVec<'scope, T, Padded> {
        if depth == [0; 3] {
            let peers = self.scope().peers();
            let by_owner = ExchangeCore::new(move |piece: &Piece| grid.owner(piece.chunk, peers) as u64);
            return self
                .batch()
                .unary::<CapacityContainerBuilder<Batch<Piece>>, _, _, _>(by_owner, "BringToOwner", |_, _| {
                    |input, output| {
                        input.for_each(|capability, pieces| output.session(&capability).give_container(pieces));
                    }
                })
                .map(|Piece { chunk, region, voxels }| Padded {
                    chunk,
                    own: region,
                    region,
                    voxels,
                    missing: 0,
                    permit: Permit::default(),
                });
        }
        let (edits, touched) = compare(self.batch(), Reach { grid, depth, dtype, fill });
        let requests = request(touched, grid, depth);
        gather(answer(edits, requests, grid, depth), grid, depth, dtype, fill, Permits::default())
    }
}

/// The reach of a change of values.
#[derive(Clone, Copy)]
struct Reach {
    grid: Grid,
    depth: [usize; 3],
    dtype: Dtype,
    fill: f64,
}

impl Reach {
    /// The chunks whose boxes change when a chunk's values do, including itself.
    fn touched(&self, chunk: ChunkId, before: Option<&Voxels>, now: Option<&Voxels>) -> Vec<ChunkId> {
        let own = self.grid.region(chunk);
        if !self.differ(before, now, &own.shifted(own.min.map(|m| -m))) {
            // A chunk that comes in for the first time comes out, whatever it holds.
            return if before.is_none() { vec![chunk] } else { Vec::new() };
        }
        let seen = |to: &ChunkId| self.differ(before, now, &slab(&self.grid, self.depth, chunk, *to).1);
        self.grid.within(chunk, self.depth).filter(seen).chain([chunk]).collect()
    }

    /// Whether a part of a chunk, relative to its first voxel, has changed.
    fn differ(&self, before: Option<&Voxels>, now: Option<&Voxels>, part: &Region) -> bool {
        let held = |voxels: Option<&Voxels>| match voxels {
            Some(voxels) => voxels.part(part),
            None => Voxels::filled(self.dtype, part.shape(), self.fill),
        };
        (before.is_some() || now.is_some()) && held(before) != held(now)
    }
}

/// The part of a chunk that another one needs: its box, and the same box relative to the first voxel of the chunk that
/// holds it.
fn slab(grid: &Grid, depth: [usize; 3], from: ChunkId, to: ChunkId) -> (Region, Region) {
    let own = grid.region(from);
    let region = own.intersection(&grid.region(to).dilated(depth));
    (region, region.shifted(own.min.map(|m| -m)))
}

/// The values of chunks from each time on, at their owners, and the chunks whose boxes change.
fn compare<'scope, T: Timestamp + TotalOrder>(
    pieces: Stream<'scope, T, Batch<Piece>>,
    reach: Reach,
) -> (StreamVec<'scope, T, Edit>, StreamVec<'scope, T, ChunkId>) {
    let (grid, peers) = (reach.grid, pieces.scope().peers());
    let by_owner = ExchangeCore::new(move |piece: &Piece| grid.owner(piece.chunk, peers) as u64);
    let mut builder = OperatorBuilder::new("CompareChunks".to_owned(), pieces.scope());
    let mut input = builder.new_input(pieces, by_owner);
    let (edits, edit_stream) = builder.new_output::<Vec<Edit>>();
    let mut edits = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(edits);
    let (touched, touched_stream) = builder.new_output::<Vec<ChunkId>>();
    let mut touched = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(touched);
    builder.build(move |_| {
        let mut held: BTreeMap<ChunkId, Arc<Voxels>> = BTreeMap::new();
        let mut arrived = BTreeMap::new();
        move |frontiers| {
            input.for_each(|capability, pieces| {
                let (Some(first), Some(second)) = (capability.retain_least(0), capability.retain_least(1)) else {
                    return;
                };
                let time = first.time().clone();
                let (_, chunks) = arrived.entry(time).or_insert_with(|| ((first, second), BTreeMap::new()));
                chunks.extend(pieces.drain().map(|piece| (piece.chunk, piece.voxels)));
            });
            let (mut edits, mut touched) = (edits.activate(), touched.activate());
            while let Some(entry) = arrived.first_entry() {
                if frontiers[0].less_equal(entry.key()) {
                    break;
                }
                let ((for_edits, for_touched), chunks) = entry.remove();
                let mut edits = edits.session(&for_edits);
                let mut all = BTreeSet::new();
                for (chunk, voxels) in chunks {
                    let now = voxels.map(Arc::new);
                    let before = match &now {
                        Some(voxels) => held.insert(chunk, Arc::clone(voxels)),
                        None => held.remove(&chunk),
                    };
                    all.extend(reach.touched(chunk, before.as_deref(), now.as_deref()));
                    edits.give((chunk, now));
                }
                touched.session(&for_touched).give_iterator(all.into_iter());
            }
        }
    });
    (edit_stream, touched_stream)
}

/// Asks, once for each time, for all parts of the chunks whose boxes change.
fn request<'scope, T: Timestamp + TotalOrder>(
    touched: StreamVec<'scope, T, ChunkId>,
    grid: Grid,
    depth: [usize; 3],
) -> StreamVec<'scope, T, Request> {
    let peers = touched.scope().peers();
    let by_owner = Exchange::new(move |chunk: &ChunkId| grid.owner(*chunk, peers) as u64);
    touched.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(by_owner, "RequestSlabs", move |_, _| {
        let mut arrived = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|capability, chunks| {
                if let Some(capability) = capability.retain_least(output.output_index()) {
                    let time = capability.time().clone();
                    let (_, all) = arrived.entry(time).or_insert_with(|| (capability, BTreeSet::new()));
                    all.extend(chunks.drain(..));
                }
            });
            while let Some(entry) = arrived.first_entry() {
                if frontier.less_equal(entry.key()) {
                    break;
                }
                let (capability, all) = entry.remove();
                let mut session = output.session(&capability);
                for to in all {
                    let sources = grid.within(to, depth).chain([to]);
                    session.give_iterator(sources.map(|from| Request { to, from }));
                }
            }
        }
    })
}

/// The changes of a time, and its requests.
struct Work<C> {
    capability: C,
    edits: Vec<Edit>,
    requests: BTreeSet<Request>,
}

/// An answer to every request, with the values at its time if there are any.
fn answer<'scope, T: Timestamp + TotalOrder>(
    edits: StreamVec<'scope, T, Edit>,
    requests: StreamVec<'scope, T, Request>,
    grid: Grid,
    depth: [usize; 3],
) -> Stream<'scope, T, Batch<Piece>> {
    let scope = edits.scope();
    let peers = scope.peers();
    let by_owner = Exchange::new(move |request: &Request| grid.owner(request.from, peers) as u64);
    edits.binary_frontier::<_, CapacityContainerBuilder<Batch<_>>, _, _, _, _>(
        requests,
        Pipeline,
        by_owner,
        "AnswerRequests",
        move |_, info| {
            let activator = scope.activator_for(info.address);
            let mut held: BTreeMap<ChunkId, Arc<Voxels>> = BTreeMap::new();
            let mut arrived: BTreeMap<T, Work<_>> = BTreeMap::new();
            move |(edits, edits_frontier), (requests, requests_frontier), output| {
                let port = output.output_index();
                let work = |capability| Work { capability, edits: Vec::new(), requests: BTreeSet::new() };
                edits.for_each(|capability, found| {
                    if let Some(least) = capability.retain_least(port) {
                        let time = least.time().clone();
                        arrived.entry(time).or_insert_with(|| work(least)).edits.append(found);
                    }
                });
                requests.for_each(|capability, found| {
                    if let Some(least) = capability.retain_least(port) {
                        let time = least.time().clone();
                        arrived.entry(time).or_insert_with(|| work(least)).requests.extend(found.drain(..));
                    }
                });
                let mut cut = 0;
                // In the order of times: the answers of one are complete before the values of the next are known here.
                while let Some(mut entry) = arrived.first_entry() {
                    if edits_frontier.less_equal(entry.key()) || requests_frontier.less_equal(entry.key()) {
                        break;
                    }
                    let work = entry.get_mut();
                    for (chunk, now) in work.edits.drain(..) {
                        match now {
                            Some(voxels) => drop(held.insert(chunk, voxels)),
                            None => drop(held.remove(&chunk)),
                        }
                    }
                    let mut session = output.session(&work.capability);
                    while cut < PORTION
                        && let Some(Request { to, from }) = work.requests.pop_first()
                    {
                        let (region, part) = slab(&grid, depth, from, to);
                        let voxels = held.get(&from).map(|voxels| voxels.part(&part));
                        cut += voxels.as_ref().map_or(0, Voxels::bytes);
                        session.give(Piece { chunk: to, region, voxels });
                    }
                    drop(session);
                    if !entry.get().requests.is_empty() {
                        activator.activate();
                        break;
                    }
                    entry.remove();
                }
            }
        },
    )
}

#[cfg(test)]
mod tests;
