//! Writes skeleton voxels to the arrays of the output image, one for each resolution.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use timely::container::{CapacityContainerBuilder, DrainContainer};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::ExchangeCore;
use timely::dataflow::operators::core::Map;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::batch::Batch;
use super::failure::Failure;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::levels::Levels;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::voxel_list::VoxelList;
use crate::space::Voxel;
use crate::wire::{WireReader, WireRecord, values_bytes, write_header, write_values};

/// Skeleton voxels of one chunk that fall into one chunk of a resolution of the output, as voxels of that resolution.
#[derive(Clone, Debug)]
struct Part {
    level: u64,
    to: ChunkId,
    voxels: VoxelList,
}

/// The header of a part that is sent, before its voxels.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PartHeader {
    level: u64,
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
        write_header(out, &PartHeader { level: self.level, to: self.to, voxels: self.voxels.len() as u64 })?;
        write_values(out, &self.voxels.to_vec())
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let PartHeader { level, to, voxels } = bytes.header()?;
        let voxels: Vec<Voxel> = bytes.values(voxels)?;
        Ok(Part { level, to, voxels: voxels.into() })
    }
}

/// Extension trait on streams of skeletons.
pub trait WriteSkeletons<'scope, T: Timestamp + TotalOrder> {
    /// Calls `store` with the skeleton voxels of each chunk of each resolution of the output, in no particular order, and of
    /// coarser ones several times where several finer voxels are one; at the chunk's owner when the time is complete; not for
    /// output chunks without skeleton. `grids` are those of the resolutions' chunks.
    ///
    /// The returned stream is empty; its progress shows when everything is stored. Each resolution sends each voxel of its
    /// own at most once for each chunk that has some of it.
    fn write_skeletons(
        self,
        output: Levels,
        grids: Vec<Grid>,
        store: impl Fn(usize, ChunkId, &[Voxel]) -> Result<()> + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, ()>;
}

impl<'scope, T: Timestamp + TotalOrder> WriteSkeletons<'scope, T> for StreamVec<'scope, T, (ChunkId, Arc<Skeleton>)> {
    fn write_skeletons(
        self,
        levels: Levels,
        grids: Vec<Grid>,
        store: impl Fn(usize, ChunkId, &[Voxel]) -> Result<()> + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, ()> {
        let (peers, of_parts) = (self.scope().peers(), grids.clone());
        let parts = self.flat_map::<Batch<Part>, _, _>(move |(_, skeleton)| {
            let (mut parts, mut voxels) = (Vec::new(), skeleton.voxels.clone());
            for (level, grid) in of_parts.iter().enumerate() {
                if level > 0 {
                    voxels = coarser(&voxels, level, &levels);
                }
                let here = by_chunk(&voxels, grid).into_iter();
                parts.extend(here.map(|(to, voxels)| Part { level: level as u64, to, voxels }));
            }
            parts
        });
        let by_owner = ExchangeCore::new(move |part: &Part| grids[part.level as usize].owner(part.to, peers) as u64);
        parts.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(by_owner, "WriteSkeletons", move |_, _| {
            let mut gathered = BTreeMap::new();
            let mut voxels = Vec::new();
            move |(input, frontier), output| {
                input.for_each(|capability, parts| {
                    if let Some(held) = capability.retain_least(output.output_index()) {
                        let time = held.time().clone();
                        let (_, chunks) = gathered.entry(time).or_insert_with(|| (held, BTreeMap::new()));
                        for part in parts.drain() {
                            chunks.entry((part.level, part.to)).or_insert_with(Vec::new).push(part.voxels);
                        }
                    }
                });
                while let Some(entry) = gathered.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (_held, chunks) = entry.remove();
                    for ((level, id), lists) in chunks {
                        if failure.happened() {
                            break;
                        }
                        voxels.clear();
                        lists.iter().for_each(|list| list.extend(&mut voxels));
                        if let Err(error) = store(level as usize, id, &voxels) {
                            failure.report(error);
                        }
                    }
                }
            }
        })
    }
}

/// The voxels of a resolution in which those of the one before lie, in raster order.
fn coarser(finer: &VoxelList, level: usize, levels: &Levels) -> VoxelList {
    let mut voxels: Vec<Voxel> = finer.iter().map(|voxel| levels.coarser(level, voxel)).collect();
    voxels.sort_unstable();
    voxels.dedup();
    voxels.into()
}

/// Voxels by the chunks of a grid that they lie in, in order.
fn by_chunk(voxels: &VoxelList, grid: &Grid) -> BTreeMap<ChunkId, VoxelList> {
    let mut whole = voxels.iter().next().map(|first| grid.chunk_at(first.position()));
    let region = whole.map(|id| grid.whole_region(id));
    whole = whole.filter(|_| region.is_some_and(|region| voxels.iter().all(|voxel| region.contains(voxel.position()))));
    if let Some(id) = whole {
        return BTreeMap::from([(id, voxels.clone())]);
    }
    let mut parts: BTreeMap<ChunkId, Vec<Voxel>> = BTreeMap::new();
    for voxel in voxels {
        parts.entry(grid.chunk_at(voxel.position())).or_default().push(voxel);
    }
    parts.into_iter().map(|(id, voxels)| (id, voxels.into())).collect()
}
