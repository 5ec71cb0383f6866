//! Skeleton voxels into the output array.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::failure::Failure;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::skeleton::Skeleton;
use crate::space::Voxel;

/// Skeleton voxels of one chunk that fall into one chunk of the output.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    to: ChunkId,
    voxels: Vec<Voxel>,
}

/// Extension trait on streams of skeletons.
pub trait WriteSkeletons<'scope, T: Timestamp> {
    /// Hands the skeleton to `store`, one chunk of the output grid at a time, each at its owner when the time is complete:
    /// its voxels in no particular order. Output chunks without skeleton are left out.
    ///
    /// The stream that comes back is empty; its progress tells when all is stored.
    fn write_skeletons(
        self,
        output: Grid,
        store: impl Fn(ChunkId, &[Voxel]) -> Result<()> + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, ()>;
}

impl<'scope, T: Timestamp + TotalOrder> WriteSkeletons<'scope, T> for StreamVec<'scope, T, (ChunkId, Arc<Skeleton>)> {
    fn write_skeletons(
        self,
        grid: Grid,
        store: impl Fn(ChunkId, &[Voxel]) -> Result<()> + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, ()> {
        let peers = self.scope().peers();
        let parts = self.flat_map(move |(_, skeleton)| {
            let mut parts: BTreeMap<ChunkId, Vec<Voxel>> = BTreeMap::new();
            for &voxel in &skeleton.voxels {
                parts.entry(grid.chunk_at(voxel.position())).or_default().push(voxel);
            }
            parts.into_iter().map(|(to, voxels)| Part { to, voxels })
        });
        let by_owner = Exchange::new(move |part: &Part| grid.owner(part.to, peers) as u64);
        parts.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(by_owner, "WriteSkeletons", move |_, _| {
            let mut gathered = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each(|capability, parts| {
                    if let Some(held) = capability.retain_least(output.output_index()) {
                        let time = held.time().clone();
                        let (_, chunks) = gathered.entry(time).or_insert_with(|| (held, BTreeMap::new()));
                        for part in parts.drain(..) {
                            chunks.entry(part.to).or_insert_with(Vec::new).extend(part.voxels);
                        }
                    }
                });
                while let Some(entry) = gathered.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (_held, chunks) = entry.remove();
                    for (id, voxels) in &chunks {
                        if failure.happened() {
                            break;
                        }
                        if let Err(error) = store(*id, voxels) {
                            failure.report(error);
                        }
                    }
                }
            }
        })
    }
}
