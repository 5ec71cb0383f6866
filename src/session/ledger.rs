//! What a session knows after its last closed epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::worker::Change;
use crate::grid::{ChunkId, Grid};
use crate::kernel::branch::Branch;
use crate::kernel::skeleton::Skeleton;
use crate::space::Voxel;
use crate::table::Table;
use crate::table::ranks::Ranks;
use crate::table::row::{Frame, Measures, Row};
use crate::table::statistics::{Snapshot, Statistics};
use crate::table::summary::{Summary, Totals};

#[derive(Debug)]
pub(super) struct Ledger {
    grid: Grid,
    frame: Frame,
    branches: BTreeMap<Branch, isize>,
    isolated: BTreeMap<Voxel, isize>,
    skeletons: BTreeMap<ChunkId, Arc<Skeleton>>,
    statistics: Snapshot,
    components: i64,
    voxels: u64,
    pub(super) foreground: i64,
}

impl Ledger {
    pub(super) fn new(grid: Grid, frame: Frame) -> Self {
        Ledger {
            grid,
            frame,
            branches: BTreeMap::new(),
            isolated: BTreeMap::new(),
            skeletons: BTreeMap::new(),
            statistics: Statistics::default().snapshot(),
            components: 0,
            voxels: 0,
            foreground: 0,
        }
    }

    /// Takes in the differences of an epoch. Gives those of the rows, summed and in order.
    pub(super) fn apply(&mut self, changes: Vec<Change>) -> Vec<(Measures, isize)> {
        let mut changed: BTreeMap<Branch, isize> = BTreeMap::new();
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Branch(branch, diff) => *changed.entry(branch).or_default() += diff,
                Change::Isolated(voxels, diff) => {
                    for &voxel in voxels.iter() {
                        add(&mut self.isolated, voxel, diff);
                    }
                }
                Change::Statistics(snapshot) => self.statistics = *snapshot,
                Change::Components(more) => self.components += more,
                Change::Skeleton(id, _, diff) if diff < 0 => gone.push(id),
                Change::Skeleton(id, skeleton, _) => come.push((id, skeleton)),
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

    pub(super) fn rows(&self) -> Vec<Row> {
        let ranks = Ranks::new(self.skeletons.iter().map(|(&id, skeleton)| (id, &skeleton.voxels[..])), &self.grid);
        let isolated: Vec<Voxel> = self.isolated.keys().copied().collect();
        Table::new(self.branches.keys(), &isolated, &ranks).rows(self.frame).collect()
    }

    pub(super) fn voxels(&self) -> Vec<Voxel> {
        self.skeletons.values().flat_map(|skeleton| skeleton.voxels.iter().copied()).collect()
    }

    pub(super) fn summary<P: serde::Serialize>(&self, parameters: P, voxels: u64) -> Summary<P> {
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        let totals = Totals {
            skeletons: count(self.components),
            skeleton_voxels: self.voxels,
            foreground_voxels: count(self.foreground),
            voxels,
        };
        Summary::new(parameters, &totals, &self.statistics)
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
