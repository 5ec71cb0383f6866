//! The branch table: rows, ranks, summary.

pub mod row;
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
use ranks::Ranks;
use row::{Frame, Measures, Row};

/// The branch table of a whole skeleton, in skan's order: branches with terminals by (start, first step), then isolated
/// cycles by first voxel.
#[derive(Debug)]
pub struct Table<'a> {
    branches: Vec<&'a Branch>,
    nodes: Vec<[u32; 2]>,
    /// For each voxel by its rank, the rank of the first voxel of its component, where the voxel is an end of a branch.
    components: DisjointSets,
    /// Ranks of the first voxels of components, isolated voxels included, in order.
    firsts: Vec<u32>,
    voxels: u64,
}

impl<'a> Table<'a> {
    /// The table of branches in any order, with the isolated voxels of the skeleton (they use up a skeleton id each) and
    /// the ranks of its voxels.
    ///
    /// Takes time O(n log n) in the branches and linear in the voxels, and four bytes a voxel of memory.
    pub fn new(branches: impl IntoIterator<Item = &'a Branch>, isolated: &[Voxel], ranks: &Ranks<'_>) -> Self {
        let mut branches: Vec<&Branch> = branches.into_iter().collect();
        // The order of branches is the order of rows; branches mostly come as sorted runs, which a stable sort merges.
        branches.sort();
        let mut components = DisjointSets::new(ranks.voxels() as usize);
        let mut nodes = Vec::with_capacity(branches.len());
        for branch in &branches {
            let [start, end] = [branch.start(), branch.end()].map(|voxel| ranks.of(voxel));
            components.unite(start, end);
            let least = branch.voxels().min().unwrap_or(branch.start());
            if least != branch.start() {
                components.unite(start, ranks.of(least));
            }
            nodes.push([start, end]);
        }
        let mut firsts: Vec<u32> = isolated.iter().map(|&voxel| ranks.of(voxel)).collect();
        let mut counted = vec![false; ranks.voxels() as usize];
        for [start, _] in &nodes {
            let first = components.find(*start);
            if !std::mem::replace(&mut counted[first as usize], true) {
                firsts.push(first);
            }
        }
        firsts.sort_unstable();
        Table { branches, nodes, components, firsts, voxels: ranks.voxels() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.branches.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// Number of skeletons: connected components, isolated voxels included.
    pub fn skeletons(&self) -> u64 {
        self.firsts.len() as u64
    }

    /// Number of skeleton voxels.
    pub fn voxels(&self) -> u64 {
        self.voxels
    }

    /// The rows, with coordinates in a frame.
    pub fn rows(&mut self, frame: Frame) -> impl Iterator<Item = Row> + '_ {
        let Table { branches, nodes, components, firsts, .. } = self;
        branches.iter().zip(nodes.iter()).map(move |(branch, &[start, end])| {
            let first = components.find(start);
            Row {
                skeleton_id: firsts.partition_point(|&f| f < first) as u64,
                node_id_src: u64::from(start),
                node_id_dst: u64::from(end),
                measures: Measures::new(branch, &frame),
            }
        })
    }
}
