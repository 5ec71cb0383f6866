//! The branch table: rows, ranks, summary.

pub mod row;
pub mod arrival;
pub mod ranks;
pub mod csv;
pub mod exact;
pub mod tally;
pub mod statistics;
pub mod summary;
#[cfg(test)]
mod tests;

use crate::kernel::branch::Branch;
use crate::kernel::forest::DisjointSets;
use crate::space::Voxel;
use arrival::Arrival;
use ranks::Ranks;
use row::{Frame, Measures, Row};

/// The branch table of a whole skeleton, in skan's order: branches with terminals by (start, first step), then isolated
/// cycles by first voxel.
#[derive(Debug)]
pub struct Table<'a> {
    entries: Vec<Entry<'a>>,
    skeletons: u64,
    voxels: u64,
    arrival: Option<&'a Arrival>,
}

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    branch: &'a Branch,
    /// Ranks of its ends.
    nodes: [u32; 2],
    skeleton: u32,
}

impl<'a> Table<'a> {
    /// The table of branches in any order, with the isolated voxels of the skeleton (they use up a skeleton id each) and
    /// the ranks of its voxels. Branches that come part by part, as the operators give them, are looked up faster.
    ///
    /// Takes time O(n log n) in the branches and linear in the voxels, and four bytes a voxel of memory.
    pub fn new(branches: impl IntoIterator<Item = &'a Branch>, isolated: &[Voxel], ranks: &Ranks<'_>) -> Self {
        let mut components = DisjointSets::new(ranks.voxels() as usize);
        let mut lookup = ranks.lookup();
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut order: Vec<(u64, u32)> = Vec::new();
        for branch in branches {
            let nodes = [branch.start(), branch.end()].map(|voxel| lookup.of(voxel));
            components.unite(nodes[0], nodes[1]);
            let least = branch.voxels().min().unwrap_or(branch.start());
            if least < branch.start() {
                components.unite(nodes[0], lookup.of(least));
            }
            // One number that orders as rows do.
            let cycle = u64::from(branch.is_isolated_cycle());
            let key = cycle << 63 | u64::from(nodes[0]) << 8 | u64::from(branch.first_step().code());
            order.push((key, entries.len() as u32));
            entries.push(Entry { branch, nodes, skeleton: 0 });
        }
        // Branches mostly come as sorted runs, which a stable sort merges.
        order.sort();
        let mut entries: Vec<Entry<'a>> = order.iter().map(|&(_, place)| entries[place as usize]).collect();
        let mut firsts: Vec<u32> = isolated.iter().map(|&voxel| lookup.of(voxel)).collect();
        let mut ids = vec![u32::MAX; ranks.voxels() as usize];
        for entry in &entries {
            let first = components.find(entry.nodes[0]);
            if std::mem::replace(&mut ids[first as usize], 0) != 0 {
                firsts.push(first);
            }
        }
        firsts.sort_unstable();
        for (id, &first) in (0..).zip(&firsts) {
            ids[first as usize] = id;
        }
        for entry in &mut entries {
            entry.skeleton = ids[components.find(entry.nodes[0]) as usize];
        }
        Table { entries, skeletons: firsts.len() as u64, voxels: ranks.voxels(), arrival: None }
    }

    /// The same table, whose rows also tell whether they are provisional.
    #[must_use]
    pub fn with_arrival(mut self, arrival: &'a Arrival) -> Self {
        self.arrival = Some(arrival);
        self
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of skeletons: connected components, isolated voxels included.
    pub fn skeletons(&self) -> u64 {
        self.skeletons
    }

    /// Number of skeleton voxels.
    pub fn voxels(&self) -> u64 {
        self.voxels
    }

    /// The rows, with coordinates in a frame.
    pub fn rows(&self, frame: Frame) -> impl Iterator<Item = Row> + '_ {
        self.entries.iter().map(move |entry| Row {
            skeleton_id: u64::from(entry.skeleton),
            node_id_src: u64::from(entry.nodes[0]),
            node_id_dst: u64::from(entry.nodes[1]),
            measures: Measures::new(entry.branch, &frame),
            provisional: self.arrival.map(|arrival| arrival.is_provisional(entry.branch)),
        })
    }

    /// The branches, in the order of their rows.
    pub fn branches(&self) -> impl Iterator<Item = &'a Branch> + '_ {
        self.entries.iter().map(|entry| entry.branch)
    }
}
