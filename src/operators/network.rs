//! From skeletons to branches and the statistics of their table: what a run and a session have in common.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::dataflow::StreamVec;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::branches::{BranchGraph, ExtractBranches};
use super::prune::PruneSkeletons;
use super::radii::{MeasureRadii, Originals};
use super::statistics::MaintainStatistics;
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::radii::Radii;
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::prune::Pruning;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::shelf::Shelf;
use crate::operators::shared::Shared;
use crate::table::branch_columns::Columns;
use crate::table::row::{Frame, Measures};
use crate::table::statistics::Snapshot;

/// How the network of a volume is measured.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// The chunks.
    pub grid: Grid,
    /// The coordinates of positions.
    pub frame: Frame,
    /// The columns of the branch table.
    pub columns: Columns<BranchMeasures>,
    /// Whether radii are measured.
    pub radii: bool,
    /// Which side branches are pruned first.
    pub pruning: Pruning,
    /// Whether the table of skeletons has the longest path of each.
    pub longest_path: bool,
    /// Where lists of branches lie, as far as it has room; for a network that does not change.
    pub shelf: Option<Arc<dyn Shelf>>,
}

/// The network of a volume's skeleton.
pub struct Network<'scope, T: Timestamp> {
    /// Branches and isolated voxels.
    pub graph: BranchGraph<'scope, T, BranchMeasures>,
    /// The skeletons of chunks, where side branches were taken off.
    pub pruned: Option<VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>>,
    /// Changes of the number of loops before side branches were taken off, at the first worker.
    pub unpruned_loops: Option<StreamVec<'scope, T, i64>>,
    /// The skeletons of chunks, without these side branches, with the image's values and radii.
    pub known: VecCollection<'scope, T, (ChunkId, Arc<Skeleton<Known>>)>,
    plan: NetworkPlan,
}

impl<T: Timestamp> std::fmt::Debug for Network<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// Extension trait on the skeletons of chunks.
pub trait MeasureNetwork<'scope, T: Timestamp> {
    /// The network of a skeleton with all its measures, maintained as by [`ExtractBranches`]. Radii are known if there
    /// are masks.
    fn network(self, originals: Option<Originals<'scope, T>>, plan: &NetworkPlan) -> Network<'scope, T>;
}

impl<'scope, T: Timestamp + Lattice + TotalOrder> MeasureNetwork<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>
{
    fn network(self, originals: Option<Originals<'scope, T>>, plan: &NetworkPlan) -> Network<'scope, T> {
        let known: VecCollection<'scope, T, (ChunkId, Arc<Skeleton<Known>>)> = match originals {
            Some(originals) => self.measure_radii(originals, plan.grid, plan.frame.spacing),
            None => self.map(|(id, skeleton)| {
                let known = ((*skeleton.values).clone(), Radii::Unknown);
                (id, Arc::new(Skeleton { voxels: skeleton.voxels.clone(), values: Arc::new(known) }))
            }),
        };
        let (known, pruned, unpruned_loops) = if plan.pruning.is_any() {
            let (known, loops) = known.prune(plan.grid, plan.frame.spacing, plan.pruning);
            let pruned = known.clone().map(|(id, skeleton)| {
                let values = Arc::new(skeleton.values.0.clone());
                (id, Arc::new(Skeleton { voxels: skeleton.voxels.clone(), values }))
            });
            (known, Some(pruned), Some(loops))
        } else {
            (known, None, None)
        };
        let graph = known.clone().extract_shelved_branches(plan.grid, plan.frame.spacing, plan.shelf.clone());
        Network { graph, pruned, unpruned_loops, known, plan: plan.clone() }
    }
}

impl<'scope, T: Timestamp + Lattice + TotalOrder> Network<'scope, T> {
    /// The statistics of all rows, at the first worker, once for each time that changes some. Takes time in proportion
    /// to the branches of the lists that change.
    /// With a shelf, numbers of which quartiles are made lie there: for a network that does not change.
    pub fn statistics(&self, shelf: Option<Arc<dyn Shelf>>) -> StreamVec<'scope, T, Snapshot> {
        self.statistics_of(self.graph.parts.clone().map(|(_, branches)| branches), shelf)
    }

    /// The same in proportion to the branches that change ([`BranchGraph::changes`]).
    pub fn statistics_of_changes(&self) -> StreamVec<'scope, T, Snapshot> {
        self.statistics_of(self.graph.changes(), None)
    }

    fn statistics_of(
        &self,
        lists: VecCollection<'scope, T, Shared<BranchList<BranchMeasures>>>,
        shelf: Option<Arc<dyn Shelf>>,
    ) -> StreamVec<'scope, T, Snapshot> {
        let frame = self.plan.frame;
        lists.inner.statistics(&self.plan.columns, shelf, move |(branches, _, diff), rows| {
            branches.iter().for_each(|branch| rows.change(&Measures::new(&branch, &frame), diff as i64));
        })
    }
}
