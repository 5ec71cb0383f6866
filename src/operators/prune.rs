//! Side branches, taken off a skeleton while its chunks come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Exchange as ExchangeRecords;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::Known;
use crate::kernel::network::prune::{Pruning, prune};
use crate::kernel::network::skeleton::Skeleton;
use crate::space::{Spacing, Voxel};

/// Extension trait on the skeletons of chunks.
pub trait PruneSkeletons<'scope, T: Timestamp> {
    /// The skeletons without the side branches that a rule takes off, at the owners of their chunks.
    ///
    /// What goes depends on the whole network, so the skeletons come together at the first worker, which holds them, and
    /// prunes all of them again at each time that changes some. Takes time in proportion to their voxels.
    fn prune(self, grid: Grid, spacing: Spacing, pruning: Pruning) -> Self;
}

type Skeletons = BTreeMap<ChunkId, Arc<Skeleton<Known>>>;
type SkeletonRecord = (ChunkId, Arc<Skeleton<Known>>);

impl<'scope, T: Timestamp + TotalOrder + Lattice> PruneSkeletons<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton<Known>>)>
{
    fn prune(self, grid: Grid, spacing: Spacing, pruning: Pruning) -> Self {
        let peers = self.inner.scope().peers();
        let to_first = Exchange::new(|_: &(SkeletonRecord, T, isize)| 0);
        let pruned = self.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            to_first,
            "PruneSkeletons",
            move |_, _| {
                let (mut whole, mut given) = (Skeletons::new(), Skeletons::new());
                let mut waiting = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each(|capability, records| {
                        if let Some(held) = capability.retain_least(output.output_index()) {
                            for (record, time, diff) in records.drain(..) {
                                let held = held.delayed(&time);
                                waiting.entry(time).or_insert_with(|| (held, Vec::new())).1.push((record, diff));
                            }
                        }
                    });
                    while let Some(entry) = waiting.first_entry() {
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (time, (capability, changes)) = entry.remove_entry();
                        change(&mut whole, changes);
                        let now = pruned(&whole, spacing, &pruning);
                        let mut session = output.session(&capability);
                        for (id, skeleton) in &now {
                            if given.get(id) != Some(skeleton) {
                                session.give(((*id, Arc::clone(skeleton)), time.clone(), 1));
                            }
                        }
                        for (id, skeleton) in std::mem::take(&mut given) {
                            if now.get(&id) != Some(&skeleton) {
                                session.give(((id, skeleton), time.clone(), -1));
                            }
                        }
                        given = now;
                    }
                }
            },
        );
        pruned.exchange(move |((id, _), _, _)| grid.owner(*id, peers) as u64).as_collection()
    }
}

/// Takes in what has changed: what goes first.
fn change(whole: &mut Skeletons, changes: Vec<(SkeletonRecord, isize)>) {
    for ((id, _), _) in changes.iter().filter(|(_, diff)| *diff < 0) {
        whole.remove(id);
    }
    whole.extend(changes.into_iter().filter(|(_, diff)| *diff > 0).map(|(record, _)| record));
}

/// All skeletons after pruning; those of which nothing is left are not among them.
fn pruned(whole: &Skeletons, spacing: Spacing, pruning: &Pruning) -> Skeletons {
    let mut all: Vec<(Voxel, &Skeleton<Known>, usize)> = Vec::new();
    for skeleton in whole.values() {
        all.extend(skeleton.voxels.iter().enumerate().map(|(place, voxel)| (voxel, &**skeleton, place)));
    }
    all.sort_unstable_by_key(|(voxel, ..)| *voxel);
    let voxels: Vec<Voxel> = all.iter().map(|(voxel, ..)| *voxel).collect();
    let kept = prune(&voxels, |at| all[at].1.values.1.at(all[at].2), spacing, pruning);
    let kept = |voxel: &Voxel| voxels.binary_search(voxel).is_ok_and(|at| kept[at]);
    let left = |skeleton: &Arc<Skeleton<Known>>| {
        let places: Vec<usize> =
            skeleton.voxels.iter().enumerate().filter(|(_, voxel)| kept(voxel)).map(|(place, _)| place).collect();
        if places.len() == skeleton.voxels.len() {
            return Some(Arc::clone(skeleton));
        }
        let voxels: Vec<Voxel> = skeleton.voxels.iter().filter(kept).collect();
        let values = Arc::new((skeleton.values.0.select(&places), skeleton.values.1.select(&places)));
        (!voxels.is_empty()).then(|| Arc::new(Skeleton { voxels: voxels.into(), values }))
    };
    whole.iter().filter_map(|(&id, skeleton)| Some((id, left(skeleton)?))).collect()
}
