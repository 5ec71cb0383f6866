//! Side branches, taken off a skeleton while its chunks come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Exchange as ExchangeRecords;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::Known;
use crate::kernel::network::prune::{Pruned, Pruning, prune};
use crate::kernel::network::skeleton::Skeleton;
use crate::space::{Spacing, Voxel};

/// Extension trait on the skeletons of chunks.
pub trait PruneSkeletons<'scope, T: Timestamp> {
    /// The skeletons without the side branches that a rule takes off, at the owners of their chunks; and, at the first worker,
    /// by how much the number of loops before that has changed.
    ///
    /// What goes depends on the whole network, so the skeletons come together at the first worker, which holds them, and
    /// prunes all of them again at each time that changes some. Takes time in proportion to their voxels.
    fn prune(self, grid: Grid, spacing: Spacing, pruning: Pruning) -> (Self, StreamVec<'scope, T, i64>)
    where
        Self: Sized;
}

type Skeletons = BTreeMap<ChunkId, Arc<Skeleton<Known>>>;
type SkeletonRecord = (ChunkId, Arc<Skeleton<Known>>);

/// What a time changes.
#[derive(Clone)]
enum PruneChange<T> {
    Skeleton((SkeletonRecord, T, isize)),
    Loops(i64),
}

impl<'scope, T: Timestamp + TotalOrder + Lattice> PruneSkeletons<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton<Known>>)>
{
    fn prune(self, grid: Grid, spacing: Spacing, pruning: Pruning) -> (Self, StreamVec<'scope, T, i64>) {
        let peers = self.inner.scope().peers();
        let to_first = Exchange::new(|_: &(SkeletonRecord, T, isize)| 0);
        let changes = self.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            to_first,
            "PruneSkeletons",
            move |_, _| {
                let (mut whole, mut given, mut loops) = (Skeletons::new(), Skeletons::new(), 0);
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
                        let (now, loops_now) = pruned(&whole, spacing, &pruning);
                        let mut session = output.session(&capability);
                        if loops_now != loops {
                            session.give(PruneChange::Loops(loops_now - loops));
                            loops = loops_now;
                        }
                        let mut give = |id, skeleton, diff| {
                            session.give(PruneChange::Skeleton(((id, skeleton), time.clone(), diff)));
                        };
                        for (id, skeleton) in &now {
                            if given.get(id) != Some(skeleton) {
                                give(*id, Arc::clone(skeleton), 1);
                            }
                        }
                        for (id, skeleton) in std::mem::take(&mut given) {
                            if now.get(&id) != Some(&skeleton) {
                                give(id, skeleton, -1);
                            }
                        }
                        given = now;
                    }
                }
            },
        );
        let skeletons = changes.clone().flat_map(|change| match change {
            PruneChange::Skeleton(record) => Some(record),
            PruneChange::Loops(_) => None,
        });
        let loops = changes.flat_map(|change| match change {
            PruneChange::Loops(more) => Some(more),
            PruneChange::Skeleton(_) => None,
        });
        (skeletons.exchange(move |((id, _), _, _)| grid.owner(*id, peers) as u64).as_collection(), loops)
    }
}

/// Takes in what has changed: what goes first.
fn change(whole: &mut Skeletons, changes: Vec<(SkeletonRecord, isize)>) {
    for ((id, _), _) in changes.iter().filter(|(_, diff)| *diff < 0) {
        whole.remove(id);
    }
    whole.extend(changes.into_iter().filter(|(_, diff)| *diff > 0).map(|(record, _)| record));
}

/// All skeletons after pruning, and the number of loops before; skeletons of which nothing is left are not among them.
fn pruned(whole: &Skeletons, spacing: Spacing, pruning: &Pruning) -> (Skeletons, i64) {
    let mut all: Vec<(Voxel, &Skeleton<Known>, usize)> = Vec::new();
    for skeleton in whole.values() {
        all.extend(skeleton.voxels.iter().enumerate().map(|(place, voxel)| (voxel, &**skeleton, place)));
    }
    all.sort_unstable_by_key(|(voxel, ..)| *voxel);
    let voxels: Vec<Voxel> = all.iter().map(|(voxel, ..)| *voxel).collect();
    let Pruned { kept, loops } = prune(&voxels, |at| all[at].1.values.1.at(all[at].2), spacing, pruning);
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
    (whole.iter().filter_map(|(&id, skeleton)| Some((id, left(skeleton)?))).collect(), loops)
}
