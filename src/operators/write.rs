//! Writes skeleton voxels to the arrays of the output image, one for each resolution.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use timely::container::{CapacityContainerBuilder, DrainContainer};
use timely::dataflow::channels::pact::ExchangeCore;
use timely::dataflow::operators::core::Map;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::{Stream, StreamVec};
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::attic::Attic;
use super::batch::Batch;
use super::failure::Failure;
use super::rested::Rest;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::levels::Levels;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::voxel_list::VoxelList;
use crate::space::Voxel;
use crate::wire::{WireReader, WireRecord, values_bytes, write_header, write_values};

/// Chunks that are written before other operators have their turn.
const AT_ONCE: usize = if cfg!(test) { 2 } else { 64 };

/// Skeleton voxels that fall into one chunk of a resolution of the output.
#[derive(Clone, Debug)]
struct Part {
    to: ChunkId,
    voxels: VoxelList,
}

/// The header of a part that is sent, before its voxels.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PartHeader {
    to: ChunkId,
    voxels: u64,
}

impl WireRecord for Part {
    const KIND: [u8; 8] = *b"part    ";
    const LEAST: usize = size_of::<PartHeader>();

    fn wire_bytes(&self) -> usize {
        size_of::<PartHeader>() + values_bytes::<Voxel>(self.voxels.len())
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        write_header(out, &PartHeader { to: self.to, voxels: self.voxels.len() as u64 })?;
        write_values(out, &self.voxels.to_vec())
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let PartHeader { to, voxels } = bytes.header()?;
        let voxels: Vec<Voxel> = bytes.values(voxels)?;
        Ok(Part { to, voxels: voxels.into() })
    }
}

/// Extension trait on streams of skeletons.
pub trait WriteSkeletons<'scope, T: Timestamp + TotalOrder> {
    /// Calls `store` with the skeleton voxels of each chunk of each resolution of the output, in no particular order, and
    /// perhaps several times where several finer voxels are one; at the chunk's owner when the time is complete; not for
    /// output chunks without skeleton. `grids` are those of the resolutions' chunks.
    ///
    /// The returned stream is empty; its progress shows when everything is stored. A resolution follows from the chunks of
    /// the one before as they are stored: each sends each voxel at most once. Other operators have their turn after some
    /// chunks. Holds the voxels of one resolution, all but a few in the attic.
    fn write_skeletons(
        self,
        output: Levels,
        grids: Vec<Grid>,
        store: impl Fn(usize, ChunkId, &[Voxel]) -> Result<()> + 'static,
        attic: Arc<Attic>,
        failure: Failure,
    ) -> StreamVec<'scope, T, ()>;
}

impl<'scope, T: Timestamp + TotalOrder> WriteSkeletons<'scope, T> for StreamVec<'scope, T, (ChunkId, Arc<Skeleton>)> {
    fn write_skeletons(
        self,
        levels: Levels,
        grids: Vec<Grid>,
        store: impl Fn(usize, ChunkId, &[Voxel]) -> Result<()> + 'static,
        attic: Arc<Attic>,
        failure: Failure,
    ) -> StreamVec<'scope, T, ()> {
        let (store, finest) = (Rc::new(store), grids.first().copied());
        let mut parts = self.flat_map::<Batch<Part>, _, _>(move |(_, skeleton)| {
            finest.map(|grid| by_chunk(&skeleton.voxels, &grid)).into_iter().flatten()
        });
        for (level, &grid) in grids.iter().enumerate() {
            let (store, levels, next) = (Rc::clone(&store), levels.clone(), grids.get(level + 1).copied());
            let store = move |to, voxels: &[Voxel]| {
                store(level, to, voxels)?;
                Ok(next.map(|grid| by_chunk(&coarser(voxels, level + 1, &levels), &grid)).unwrap_or_default())
            };
            parts = write_level(parts, grid, store, Rest::new(Arc::clone(&attic)), failure.clone());
        }
        parts.flat_map::<Vec<()>, _, _>(|_| None::<()>)
    }
}

/// Calls `store` with the voxels of each chunk of a resolution. Returns the parts of the next one that it returns.
fn write_level<'scope, T: Timestamp + TotalOrder>(
    parts: Stream<'scope, T, Batch<Part>>,
    grid: Grid,
    store: impl Fn(ChunkId, &[Voxel]) -> Result<Vec<Part>> + 'static,
    mut rest: Rest,
    failure: Failure,
) -> Stream<'scope, T, Batch<Part>> {
    let (peers, scope) = (parts.scope().peers(), parts.scope());
    let by_owner = ExchangeCore::new(move |part: &Part| grid.owner(part.to, peers) as u64);
    parts.unary_frontier::<CapacityContainerBuilder<Batch<Part>>, _, _, _>(
        by_owner,
        "WriteSkeletons",
        move |_, info| {
            let activator = scope.activator_for(info.address);
            let (mut gathered, mut voxels) = (BTreeMap::new(), Vec::new());
            move |(input, frontier), output| {
                input.for_each(|capability, parts| {
                    if let Some(held) = capability.retain_least(output.output_index()) {
                        let time = held.time().clone();
                        let (_, chunks) = gathered.entry(time).or_insert_with(|| (held, BTreeMap::new()));
                        for Part { to, voxels } in parts.drain() {
                            let put = rest.put(voxels.bytes()).map(|bytes| (voxels.len(), bytes));
                            chunks.entry(to).or_insert_with(Vec::new).extend(put);
                        }
                    }
                });
                for _ in 0..AT_ONCE {
                    let Some(mut entry) = gathered.first_entry().filter(|entry| !frontier.less_equal(entry.key()))
                    else {
                        return;
                    };
                    let (held, chunks) = entry.get_mut();
                    match chunks.pop_first().filter(|_| !failure.happened()) {
                        Some((to, lists)) => {
                            voxels.clear();
                            for (count, bytes) in lists {
                                let list = rest.take(bytes).map(|bytes| VoxelList::of_bytes(count, bytes));
                                list.iter().for_each(|list| list.extend(&mut voxels));
                            }
                            match store(to, &voxels) {
                                Ok(coarser) => output.session(held).give_iterator(coarser.into_iter()),
                                Err(error) => failure.report(error),
                            }
                        }
                        None => _ = entry.remove(),
                    }
                }
                // The rest comes when others have had their turn: what they hold for this step, they let go.
                activator.activate();
            }
        },
    )
}

/// The voxels of a resolution in which those of the one before lie, in raster order.
fn coarser(finer: &[Voxel], level: usize, levels: &Levels) -> VoxelList {
    let mut voxels: Vec<Voxel> = finer.iter().map(|&voxel| levels.coarser(level, voxel)).collect();
    voxels.sort_unstable();
    voxels.dedup();
    voxels.into()
}

/// Voxels by the chunks of a grid that they lie in, in order.
fn by_chunk(voxels: &VoxelList, grid: &Grid) -> Vec<Part> {
    let mut whole = voxels.iter().next().map(|first| grid.chunk_at(first.position()));
    let region = whole.map(|id| grid.whole_region(id));
    whole = whole.filter(|_| region.is_some_and(|region| voxels.iter().all(|voxel| region.contains(voxel.position()))));
    if let Some(to) = whole {
        return vec![Part { to, voxels: voxels.clone() }];
    }
    let mut parts: BTreeMap<ChunkId, Vec<Voxel>> = BTreeMap::new();
    for voxel in voxels {
        parts.entry(grid.chunk_at(voxel.position())).or_default().push(voxel);
    }
    parts.into_iter().map(|(to, voxels)| Part { to, voxels: voxels.into() }).collect()
}
