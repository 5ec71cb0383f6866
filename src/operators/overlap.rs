//! Overlap exchange: every chunk together with the voxels around it.

use std::collections::BTreeMap;

use timely::container::DrainContainer;
use timely::dataflow::channels::pact::ExchangeCore;
use timely::dataflow::operators::Exchange;
use timely::dataflow::operators::core;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::{Filter, Map};
use timely::dataflow::{Stream, StreamVec};
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::batch::Batch;
use super::read::{Piece, Selection};
use super::window::{Permit, Window};
use crate::chunk::{Dtype, Value, Voxels, copy_rows};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::with_voxels;

/// A chunk with the voxels around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Padded {
    /// Which chunk.
    pub chunk: ChunkId,
    /// The chunk's own box.
    pub own: Region,
    /// The box of the values: the own box and `depth` voxels on every side, cut off at the bounds of the volume.
    pub region: Region,
    /// The values, or `None` if nothing is stored in the whole box: the fill value.
    pub voxels: Option<Voxels>,
    /// The number of chunks in the box that had not come when the time was complete; fill values stand for them.
    pub missing: usize,
    /// The room of the window that the chunk takes until this is dropped.
    pub permit: Permit,
}

impl Padded {
    /// Drops it; the next array may reuse its memory.
    pub(super) fn recycle(self) {
        // Values without surroundings are as they were decoded, in memory that decoding does not take again.
        if let Some(voxels) = self.voxels.filter(|_| self.region != self.own) {
            voxels.recycle();
        }
    }
}

/// Extension trait on streams of chunks.
pub trait OverlapChunks<'scope, T: Timestamp + TotalOrder> {
    /// Every selected chunk with the voxels within `depth` of it, from as many chunks as the depth needs.
    ///
    /// Slabs travel to the owner of the chunk that needs them, so a stored chunk is read once. A chunk goes out when
    /// all its neighbours on the grid have sent their slabs, and at the latest when the time is complete: parts that
    /// have not arrived by then hold the fill value. Holds chunks until then: about depth / chunk + 1 planes of chunks,
    /// if chunks arrive in raster order. Without a depth a chunk goes out at once. Partitioned by [`Grid::owner`].
    ///
    /// The chunks of `grid` may be the tiers of those that come ([`Grid::in_tiers`]), which are then cut: each tier goes
    /// out when its own neighbours are there, so that of each chunk little more than the last tier waits for the next
    /// plane of chunks. `selection` is of the chunks that come.
    ///
    /// `window` must be the one of [`super::read::ReadChunks::read_chunks`]: padded chunks hold the room of the one that
    /// they are of.
    fn overlap(
        self,
        grid: Grid,
        depth: [usize; 3],
        selection: Selection,
        dtype: Dtype,
        fill: f64,
        window: &Window,
    ) -> StreamVec<'scope, T, Padded>;
}

/// Slabs of one chunk that have arrived.
struct Waiting<C> {
    capability: C,
    parts: Vec<(Region, Voxels)>,
    missing: usize,
}

impl<'scope, T: Timestamp + TotalOrder> OverlapChunks<'scope, T> for StreamVec<'scope, T, Piece> {
    fn overlap(
        self,
        grid: Grid,
        depth: [usize; 3],
        selection: Selection,
        dtype: Dtype,
        fill: f64,
        window: &Window,
    ) -> StreamVec<'scope, T, Padded> {
        let (index, peers) = (self.scope().index(), self.scope().peers());
        let mut permits = Permits::new(window, &selection, &grid, depth, grid.process_of(index, peers));
        if depth == [0; 3] && grid == grid.of_wholes() {
            let owned = self.exchange(move |piece| grid.owner(piece.chunk, peers) as u64);
            return owned.filter(move |piece| selection.contains(piece.chunk)).map(
                move |Piece { chunk, region, voxels }| {
                    let permit = permits.of(chunk);
                    Padded { chunk, own: region, region, voxels, missing: 0, permit }
                },
            );
        }
        let slabs = core::Map::flat_map(self, move |piece| {
            let tiers = tiers(&grid, piece).into_iter();
            tiers.flat_map(|tier| cut(&grid, depth, &selection, tier)).collect::<Vec<_>>()
        });
        gather(slabs, grid, depth, dtype, fill, permits)
    }
}

/// The permits of chunks in flight.
#[derive(Default)]
pub(super) struct Permits {
    /// The window, the grid, and the ranks of the chunks that this process reads.
    ranks: Option<(Window, Grid, BTreeMap<ChunkId, u64>)>,
    /// The permits of chunks of which tiers are missing, and how many.
    underway: BTreeMap<ChunkId, (Permit, usize)>,
}

impl Permits {
    fn new(window: &Window, selection: &Selection, grid: &Grid, depth: [usize; 3], process: usize) -> Self {
        let ranks = selection.reads(&grid.of_wholes(), depth, process);
        Permits { ranks: Some((window.clone(), *grid, ranks)), underway: BTreeMap::new() }
    }

    /// The permit of a chunk that this process has read; an empty one for any other. All tiers of a chunk have one permit,
    /// and each of them may be asked for once.
    fn of(&mut self, chunk: ChunkId) -> Permit {
        let Some((window, grid, ranks)) = &self.ranks else { return Permit::default() };
        let whole = grid.whole(chunk);
        let new = || ranks.get(&whole).map(|&rank| window.permit(rank)).unwrap_or_default();
        let tiers = self.underway.entry(whole).or_insert_with(|| (new(), grid.tiers_of(whole).len()));
        tiers.1 -= 1;
        if tiers.1 > 0 {
            return tiers.0.clone();
        }
        self.underway.remove(&whole).map(|(permit, _)| permit).unwrap_or_default()
    }
}

/// The padded chunks, each assembled from its own values and a slab of every neighbour.
pub(super) fn gather<'scope, T: Timestamp + TotalOrder>(
    slabs: Stream<'scope, T, Batch<Piece>>,
    grid: Grid,
    depth: [usize; 3],
    dtype: Dtype,
    fill: f64,
    mut permits: Permits,
) -> StreamVec<'scope, T, Padded> {
    let peers = slabs.scope().peers();
    let by_owner = ExchangeCore::new(move |piece: &Piece| grid.owner(piece.chunk, peers) as u64);
    slabs.unary_frontier(by_owner, "OverlapChunks", move |_capability, _info| {
        let mut waiting: BTreeMap<(T, ChunkId), Waiting<_>> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|capability, pieces| {
                let Some(least) = capability.retain_least(output.output_index()) else { return };
                for piece in pieces.drain() {
                    let key = (least.time().clone(), piece.chunk);
                    let entry = waiting.entry(key.clone()).or_insert_with(|| Waiting {
                        capability: least.clone(),
                        parts: Vec::new(),
                        missing: grid.within(piece.chunk, depth).count() + 1,
                    });
                    entry.missing -= 1;
                    entry.parts.extend(piece.voxels.map(|voxels| (piece.region, voxels)));
                    if entry.missing == 0
                        && let Some(whole) = waiting.remove(&key)
                    {
                        let capability = whole.capability.clone();
                        output.session(&capability).give(assemble(
                            &grid,
                            depth,
                            dtype,
                            fill,
                            key.1,
                            whole,
                            &mut permits,
                        ));
                    }
                }
            });
            while let Some(entry) = waiting.first_entry() {
                if frontier.less_equal(&entry.key().0) {
                    break;
                }
                let ((_, chunk), part) = entry.remove_entry();
                let capability = part.capability.clone();
                output.session(&capability).give(assemble(&grid, depth, dtype, fill, chunk, part, &mut permits));
            }
        }
    })
}

/// The tiers of a chunk; the chunk itself if the chunks of the grid are no tiers.
fn tiers(grid: &Grid, piece: Piece) -> Vec<Piece> {
    let tiers = grid.tiers_of(piece.chunk);
    if tiers.len() == 1 {
        let chunk = tiers.last().unwrap_or(piece.chunk);
        return vec![Piece { chunk, ..piece }];
    }
    let corner = piece.region.min.map(|m| -m);
    let part = |voxels: &Voxels, region: &Region| voxels.part(&region.shifted(corner));
    let tier = |chunk: ChunkId| {
        let region = grid.region(chunk);
        Piece { chunk, region, voxels: piece.voxels.as_ref().map(|voxels| part(voxels, &region)) }
    };
    let tiers = tiers.map(tier).collect();
    if let Some(voxels) = piece.voxels {
        voxels.recycle();
    }
    tiers
}

/// The piece itself, and the slabs of it that selected neighbours need.
fn cut(grid: &Grid, depth: [usize; 3], selection: &Selection, piece: Piece) -> Vec<Piece> {
    let own = piece.region;
    let mut pieces: Vec<Piece> = grid
        .within(piece.chunk, depth)
        .filter(|&to| selection.contains(grid.whole(to)))
        .map(|to| {
            let region = own.intersection(&grid.region(to).dilated(depth));
            let part = region.shifted(own.min.map(|m| -m));
            Piece { chunk: to, region, voxels: piece.voxels.as_ref().map(|voxels| voxels.part(&part)) }
        })
        .collect();
    if selection.contains(grid.whole(piece.chunk)) {
        pieces.push(piece);
    }
    pieces
}

fn assemble<C>(
    grid: &Grid,
    depth: [usize; 3],
    dtype: Dtype,
    fill: f64,
    chunk: ChunkId,
    Waiting { parts, missing, .. }: Waiting<C>,
    permits: &mut Permits,
) -> Padded {
    let own = grid.region(chunk);
    let region = own.dilated(depth).intersection(&grid.bounds());
    let voxels = (!parts.is_empty()).then(|| {
        // Parts do not overlap.
        let all = parts.iter().map(|(part, _)| part.volume()).sum::<usize>() == region.volume();
        let mut whole =
            if all { Voxels::of_any(dtype, region.shape()) } else { Voxels::filled(dtype, region.shape(), fill) };
        for (part, voxels) in parts {
            whole.paste(&part.shifted(region.min.map(|m| -m)), &voxels);
            voxels.recycle();
        }
        whole
    });
    Padded { chunk, own, region, voxels, missing, permit: permits.of(chunk) }
}

impl Voxels {
    /// Replaces a part, relative to the array's own first voxel, by an array of the same type and the part's shape.
    fn paste(&mut self, part: &Region, values: &Voxels) {
        fn put<V: Value>(array: &mut ndarray::Array3<V>, part: &Region, values: &Voxels) {
            let (_, height, width) = array.dim();
            let [z, y, x] = part.min.map(|p| p as usize);
            let [nz, ny, nx] = part.shape();
            let values = V::unwrap(values).map(|values| values.as_standard_layout());
            if let (Some(values), Some(to)) =
                (values.as_ref().and_then(|values| values.as_slice()), array.as_slice_mut())
            {
                for (plane, values) in (z..z + nz).zip(values.chunks_exact((ny * nx).max(1))) {
                    copy_rows(values, nx, &mut to[(plane * height + y) * width + x..], width, [ny, nx]);
                }
            }
        }
        with_voxels!(self, array => put(array, part, values));
    }
}
