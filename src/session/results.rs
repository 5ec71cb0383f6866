//! The results of a session after an epoch. Results of several epochs share what has not changed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::changed_rows::ChangedLists;
use super::pipelines::Difference;
use super::plan::SessionPlan;
use super::shared_map::SharedMap;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::filter::amount::Amounts;
use crate::kernel::filter::rule::Filter;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::octree::OctreeBox;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::objects::labels::{LabelledChunk, ObjectLabels};
use crate::operators::objects::find::ObjectPlan;
use crate::operators::objects::findings::FoundObject;
use crate::operators::shared::Shared;
use crate::space::Voxel;
use crate::table::Table;
use crate::table::arrival::Arrival;
use crate::table::node_columns::NodeRow;
use crate::table::nodes::Nodes;
use crate::table::object_columns::ObjectRow;
use crate::table::objects::Objects;
use crate::table::ranks::Ranks;
use crate::table::row::{Frame, Row};
use crate::table::skeleton_columns::SkeletonRow;
use crate::table::skeletons::Skeletons;
use crate::table::statistics::{Snapshot, Statistics};
use crate::table::summary::{Awaited, FilteredTotals, JunctionCounts, ObjectCounts, Summary, Totals};

/// The results of a session after an epoch. They never change, whatever the session does meanwhile.
#[derive(Clone, Debug)]
pub struct EpochResults {
    /// The grid without bounds on which masks are thinned.
    canvas: Grid,
    frame: Frame,
    /// The chunks inside the bounds.
    pub(super) grid: Grid,
    /// Chunks that existed, if the session is fed with them.
    pub(super) present: SharedMap<ChunkId, ()>,
    /// Whether rows are marked provisional.
    tracks_arrival: bool,
    /// Whether rows of skeletons tell of longest paths.
    longest_path: bool,
    /// The number of the next epoch.
    pub(super) next: u64,
    pub(super) threshold: Threshold,
    /// The branches, in lists by the smallest box that holds each.
    branches: SharedMap<OctreeBox, Shared<BranchList<BranchMeasures>>>,
    isolated: SharedMap<Isolated<BranchMeasures>, isize>,
    skeletons: SharedMap<ChunkId, Arc<Skeleton<Known>>>,
    statistics: Snapshot,
    components: i64,
    junctions: JunctionCounts,
    object_counts: ObjectCounts,
    objects: SharedMap<FoundObject, isize>,
    labels: SharedMap<ChunkId, Shared<LabelledChunk>>,
    /// Whether there is a table of objects, and which voxels of theirs are neighbours.
    object_plan: ObjectPlan,
    voxels: u64,
    /// Before filters.
    pub(super) foreground: u64,
    /// The filters of the foreground, and how much they change.
    filters: Vec<Filter>,
    amounts: Amounts,
    unpruned_loops: i64,
    /// Voxels to which the analysis of the image is confined, unless that is all of them.
    pub(super) confined: Option<u64>,
}

/// The results of the last epoch that ended without an error, for any thread to read.
#[derive(Clone, Debug)]
pub(super) struct Published(Arc<Mutex<Arc<EpochResults>>>);

impl Published {
    pub(super) fn new(results: &EpochResults) -> Self {
        Published(Arc::new(Mutex::new(Arc::new(results.clone()))))
    }

    pub(super) fn set(&self, results: &EpochResults) {
        let mut new = Arc::new(results.clone());
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), &mut new);
        // Old results that nothing else holds are freed here, after the lock.
        drop(new);
    }

    pub(super) fn get(&self) -> Arc<EpochResults> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EpochResults {
    pub(super) fn new(plan: &SessionPlan, grid: Grid, threshold: Threshold, tracks_arrival: bool) -> Self {
        EpochResults {
            canvas: plan.canvas,
            frame: plan.network.frame,
            grid,
            present: SharedMap::default(),
            tracks_arrival,
            longest_path: plan.network.longest_path,
            next: 0,
            threshold,
            branches: SharedMap::default(),
            isolated: SharedMap::default(),
            skeletons: SharedMap::default(),
            statistics: Statistics::new(&plan.network.columns).snapshot(),
            components: 0,
            junctions: JunctionCounts::default(),
            object_counts: ObjectCounts::default(),
            objects: SharedMap::default(),
            labels: SharedMap::default(),
            object_plan: plan.objects,
            voxels: 0,
            foreground: 0,
            filters: plan.filters.clone(),
            amounts: Amounts::default(),
            unpruned_loops: 0,
            confined: None,
        }
    }

    /// Applies the differences of a worker, at one time of its graph, and adds those of rows to `changed`, if they are
    /// changes of an epoch.
    pub(super) fn apply(&mut self, changes: Vec<Difference>, mut changed: Option<&mut ChangedLists>) {
        let (mut gone, mut come, mut unlabelled, mut labelled) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut listed = Vec::new();
        for change in changes {
            match change {
                Difference::Branches(at, list, diff) => {
                    if let Some(changed) = &mut changed {
                        changed.add(at, list.clone(), diff);
                    }
                    if diff < 0 {
                        self.branches.remove(at);
                    } else {
                        listed.push((at, list));
                    }
                }
                Difference::Isolated(voxels, diff) => {
                    for voxel in voxels.iter() {
                        add(&mut self.isolated, voxel.clone(), diff);
                    }
                }
                Difference::Statistics(snapshot) => self.statistics = *snapshot,
                Difference::Components(more) => self.components += more,
                Difference::Junctions(more) => self.junctions.add(more, 1),
                Difference::ObjectCounts(more) => self.object_counts.add(more, 1),
                Difference::Object(object, diff) => add(&mut self.objects, *object, diff),
                Difference::Labels(id, _, diff) if diff < 0 => unlabelled.push(id),
                Difference::Labels(id, labels, _) => labelled.push((id, labels)),
                Difference::Amounts(more) => self.amounts.add(&more, 1),
                Difference::UnprunedLoops(more) => self.unpruned_loops += more,
                Difference::Skeleton(id, _, diff) if diff < 0 => gone.push(id),
                Difference::Skeleton(id, skeleton, _) => come.push((id, skeleton)),
            }
        }
        for (at, list) in listed {
            self.branches.insert(at, list);
        }
        for id in unlabelled {
            self.labels.remove(id);
        }
        for (id, labels) in labelled {
            self.labels.insert(id, labels);
        }
        for id in gone {
            let old = self.skeletons.remove(id);
            self.voxels -= old.map_or(0, |skeleton| skeleton.voxels.len() as u64);
        }
        for (id, skeleton) in come {
            self.voxels += skeleton.voxels.len() as u64;
            self.skeletons.insert(id, skeleton);
        }
    }

    /// The grid without bounds.
    pub(super) fn canvas(&self) -> Grid {
        self.canvas
    }

    /// The branches, in order, each once: number n, from 0, is the branch whose row has the `branch_id` n. Its path is
    /// [`Branch::voxels`], from its start to its end, both included; a cycle ends with the voxel that it begins with. Takes
    /// time O(n log n).
    pub fn branches(&self) -> Vec<Branch<BranchMeasures>> {
        let mut all: Vec<_> = self.branch_lists().flat_map(|list| list.iter()).collect();
        all.sort();
        all
    }

    /// The branches in lists, each once, for a [`Table`].
    pub fn branch_lists(&self) -> impl Iterator<Item = &Shared<BranchList<BranchMeasures>>> {
        self.branches.iter().map(|(_, list)| list)
    }

    /// What has changed since other results.
    pub(super) fn changed_since(&self, before: &EpochResults) -> ChangedLists {
        let mut changed = ChangedLists::default();
        for (results, diff) in [(before, -1), (self, 1)] {
            for (at, list) in results.branches.iter() {
                changed.add(*at, list.clone(), diff);
            }
        }
        changed
    }

    /// Skeleton voxels without neighbours, in raster order.
    pub fn isolated(&self) -> impl Iterator<Item = &Isolated<BranchMeasures>> {
        self.isolated.keys()
    }

    /// The skeletons of the chunks that have one, in the order of the chunks.
    pub fn skeletons(&self) -> impl Iterator<Item = (ChunkId, &Arc<Skeleton<Known>>)> {
        self.skeletons.iter().map(|(&id, skeleton)| (id, skeleton))
    }

    /// Number of skeleton voxels.
    pub fn voxels(&self) -> u64 {
        self.voxels
    }

    /// Number of connected components of the skeleton, isolated voxels included.
    pub fn components(&self) -> u64 {
        u64::try_from(self.components).unwrap_or(0)
    }

    /// Numbers of junctions.
    pub fn junctions(&self) -> JunctionCounts {
        self.junctions
    }

    /// Numbers of objects.
    pub fn object_counts(&self) -> ObjectCounts {
        self.object_counts
    }

    /// The objects in the order of their first voxels, if the session's parameters ask for a table of them.
    pub fn objects(&self) -> Option<impl Iterator<Item = &FoundObject>> {
        self.object_plan.table.then(|| self.objects.keys())
    }

    /// The labels of objects, if the session's parameters ask for an image of them; takes time O(n log n) in the parts of
    /// objects in chunks.
    pub fn object_labels(&self) -> Option<ObjectLabels> {
        let chunks = self.labels.iter().map(|(&id, labels)| (id, labels.clone().into_inner()));
        self.object_plan.labels.then(|| ObjectLabels::new(chunks, self.canvas))
    }

    /// The table of objects, if the session's parameters ask for it; takes time in proportion to their number.
    pub fn object_rows(&self) -> Option<Vec<ObjectRow>> {
        Some(self.object_table()?.rows(&self.frame).collect())
    }

    /// The objects in order.
    pub(super) fn object_table(&self) -> Option<Objects> {
        Some(Objects::new(self.objects()?.cloned(), self.grid.bounds()))
    }

    /// The coordinates of rows.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// Whether the table of skeletons has longest paths.
    pub(super) fn has_longest_paths(&self) -> bool {
        self.longest_path
    }

    /// Number of foreground voxels, after filters.
    pub fn foreground(&self) -> u64 {
        self.foreground.saturating_add_signed(self.amounts.growth())
    }

    /// How much filters have changed.
    pub fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Number of loops before pruning; 0 without pruning.
    pub fn unpruned_loops(&self) -> i64 {
        self.unpruned_loops
    }

    /// Number of voxels that were analysed: those inside the mask of a region of interest, or else those inside the bounds,
    /// or of all chunks where there are no bounds.
    pub fn volume(&self) -> u64 {
        let is_endless = self.grid.bounds().max[2] == Voxel::END[2];
        match self.confined {
            Some(volume) => volume,
            None if is_endless => self.present.keys().map(|&id| self.grid.region(id).volume() as u64).sum(),
            None => self.grid.bounds().volume() as u64,
        }
    }

    /// The statistics of all rows.
    pub fn statistics(&self) -> &Snapshot {
        &self.statistics
    }

    /// The number of the epoch after this one: how many have been closed, including those of earlier sessions on the
    /// same state.
    pub fn next_epoch(&self) -> u64 {
        self.next
    }

    /// The threshold that the masks were made with.
    pub fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Which chunks had arrived, if that is tracked.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        self.tracks_arrival.then(|| Arrival::of(self.grid, &self.present.keys().copied().collect::<BTreeSet<_>>()))
    }

    /// The whole table, in order and with ranks. Takes time in proportion to the skeleton. Rows are marked provisional
    /// if arrival is tracked.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn rows(&self) -> Result<Vec<Row<BranchMeasures>>> {
        self.of_table(|table| {
            Ok(match &self.arrival() {
                Some(arrival) => table.with_arrival(arrival).rows(self.frame).collect(),
                None => table.rows(self.frame).collect(),
            })
        })
    }

    /// The table of nodes, for which it takes time in proportion to the skeleton.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn node_rows(&self) -> Result<Vec<NodeRow>> {
        self.of_table(|table| Ok(Nodes::new(&table, 1)?.rows(self.frame).collect()))
    }

    /// The table of skeletons, for which it takes time in proportion to the skeleton; with longest paths where the
    /// session's parameters ask for them (see [`Skeletons::new`]).
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn skeleton_rows(&self) -> Result<Vec<SkeletonRow>> {
        self.of_table(|table| {
            let skeletons = Skeletons::new(&table, &Nodes::new(&table, 1)?, self.longest_path, 1)?;
            Ok(skeletons.rows(self.frame).collect())
        })
    }

    /// What follows from the whole table.
    pub(super) fn of_table<D>(&self, of: impl FnOnce(Table<'_, BranchMeasures>) -> Result<D>) -> Result<D> {
        let ranks = Ranks::new(self.skeletons().map(|(id, skeleton)| (id, &skeleton.voxels)), &self.canvas);
        let isolated: Vec<Isolated<BranchMeasures>> = self.isolated().cloned().collect();
        of(Table::new(self.branch_lists().map(|list| &**list), &isolated, &ranks, 1)?)
    }

    /// The statistics of all rows, with the caller's parameters. The dataflow maintains them, so this costs nothing,
    /// except that provisional branches are counted if arrival is tracked.
    pub fn summary<P: serde::Serialize>(&self, parameters: P) -> Summary<P> {
        let totals = Totals {
            skeletons: self.components(),
            skeleton_voxels: self.voxels,
            foreground_voxels: self.foreground(),
            filtered: FilteredTotals::new(&self.filters, &self.amounts),
            voxels: self.volume(),
            voxel_volume: self.frame.voxel_volume(),
            isolated_voxels: self.isolated.len() as u64,
            junctions: self.junctions,
            objects: self.object_counts,
        };
        let summary = Summary::new(parameters, &totals, &self.statistics);
        let Some(arrival) = self.arrival() else { return summary };
        let branches = self.branch_lists().flat_map(|list| list.iter());
        let provisional_branches = branches.filter(|branch| arrival.is_provisional(branch)).count() as u64;
        summary.with_awaited(Awaited { provisional_branches, units: arrival.units(), missing: arrival.missing() })
    }
}

fn add<K: Ord + Clone>(counts: &mut SharedMap<K, isize>, key: K, diff: isize) {
    counts.change(key, |count| Some(count.copied().unwrap_or(0) + diff).filter(|&count| count != 0));
}
