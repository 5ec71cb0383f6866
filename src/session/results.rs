//! What a session knows after its last closed epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pipelines::Difference;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::branch::Branch;
use crate::kernel::branch_list::BranchList;
use crate::kernel::skeleton::Skeleton;
use crate::kernel::step::Lengths;
use crate::space::Voxel;
use crate::table::Table;
use crate::table::arrival::Arrival;
use crate::table::ranks::Ranks;
use crate::table::row::{Frame, Measures, Row};
use crate::table::statistics::Snapshot;
use crate::table::summary::{Awaited, Summary, Totals};

/// The results of a session after its last closed epoch.
#[derive(Debug)]
pub struct Results {
    grid: Grid,
    frame: Frame,
    branches: BTreeMap<Branch, isize>,
    isolated: BTreeMap<Voxel, isize>,
    skeletons: BTreeMap<ChunkId, Arc<Skeleton>>,
    statistics: Snapshot,
    components: i64,
    voxels: u64,
    foreground: u64,
}

impl Results {
    pub(super) fn new(grid: Grid, frame: Frame) -> Self {
        Results {
            grid,
            frame,
            branches: BTreeMap::new(),
            isolated: BTreeMap::new(),
            skeletons: BTreeMap::new(),
            statistics: Snapshot::default(),
            components: 0,
            voxels: 0,
            foreground: 0,
        }
    }

    /// Takes in the differences of an epoch. Gives those of the rows, summed and in order.
    pub(super) fn apply(&mut self, changes: Vec<Difference>, foreground: u64) -> Vec<(Measures, isize)> {
        let mut changed: BTreeMap<Branch, isize> = BTreeMap::new();
        self.foreground = foreground;
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Difference::Branch(branch, diff) => *changed.entry(branch).or_default() += diff,
                Difference::Isolated(voxels, diff) => {
                    for &voxel in voxels.iter() {
                        add(&mut self.isolated, voxel, diff);
                    }
                }
                Difference::Statistics(snapshot) => self.statistics = *snapshot,
                Difference::Components(more) => self.components += more,
                Difference::Skeleton(id, _, diff) if diff < 0 => gone.push(id),
                Difference::Skeleton(id, skeleton, _) => come.push((id, skeleton)),
            }
        }
        for id in gone {
            let old = self.skeletons.remove(&id);
            self.voxels -= old.map_or(0, |skeleton| skeleton.voxels.len() as u64);
        }
        for (id, skeleton) in come {
            self.voxels += skeleton.voxels.len() as u64;
            self.skeletons.insert(id, skeleton);
        }
        changed.retain(|_, diff| *diff != 0);
        let rows = changed.iter().map(|(branch, &diff)| (Measures::new(branch, &self.frame), diff)).collect::<Vec<_>>();
        for (branch, diff) in changed {
            add(&mut self.branches, branch, diff);
        }
        rows
    }

    /// The branches, in order, each once.
    pub fn branches(&self) -> impl Iterator<Item = &Branch> {
        self.branches.keys()
    }

    /// Skeleton voxels without neighbours, in raster order.
    pub fn isolated(&self) -> impl Iterator<Item = Voxel> {
        self.isolated.keys().copied()
    }

    /// The skeletons of the chunks that have one, in the order of the chunks.
    pub fn skeletons(&self) -> impl Iterator<Item = (ChunkId, &Arc<Skeleton>)> {
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

    /// Number of foreground voxels.
    pub fn foreground(&self) -> u64 {
        self.foreground
    }

    /// The statistics of all rows.
    pub fn statistics(&self) -> &Snapshot {
        &self.statistics
    }

    /// The branches as a list, for a [`Table`].
    pub fn branch_list(&self) -> BranchList {
        BranchList::new(self.branches(), &Lengths::new(self.frame.spacing))
    }

    /// The whole table, in order and with ranks, for which it takes time in proportion to the skeleton. Rows tell whether
    /// they are provisional where it is known what has arrived.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn rows(&self, arrival: Option<&Arrival>) -> Result<Vec<Row>> {
        let ranks = Ranks::new(self.skeletons.iter().map(|(&id, skeleton)| (id, &skeleton.voxels)), &self.grid);
        let isolated: Vec<Voxel> = self.isolated().collect();
        let list = self.branch_list();
        let table = Table::new([&list], &isolated, &ranks, 1)?;
        Ok(match arrival {
            Some(arrival) => table.with_arrival(arrival).rows(self.frame).collect(),
            None => table.rows(self.frame).collect(),
        })
    }

    pub(super) fn summary<P: serde::Serialize>(
        &self,
        parameters: P,
        voxels: u64,
        arrival: Option<&Arrival>,
    ) -> Summary<P> {
        let totals = Totals {
            skeletons: self.components(),
            skeleton_voxels: self.voxels,
            foreground_voxels: self.foreground,
            voxels,
        };
        let summary = Summary::new(parameters, &totals, &self.statistics);
        let Some(arrival) = arrival else { return summary };
        let provisional_branches = self.branches().filter(|branch| arrival.is_provisional(branch)).count() as u64;
        summary.with_awaited(Awaited { provisional_branches, units: arrival.units(), missing: arrival.missing() })
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, isize>, key: K, diff: isize) {
    let count = counts.entry(key);
    match count {
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            *entry.get_mut() += diff;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(diff);
        }
    }
}
