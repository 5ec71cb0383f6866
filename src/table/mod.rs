//! The tables of a network, of branches, nodes and skeletons: columns, rows, ranks and summary.

pub mod row;
pub mod columns;
pub mod arrays;
pub mod branch_columns;
pub mod node_columns;
pub mod skeleton_columns;
pub mod region_columns;
pub mod read;
pub mod arrival;
pub mod labels;
pub mod ranks;
mod ends;
pub mod nodes;
pub mod object_columns;
pub mod objects;
mod principal;
mod longest_path;
pub mod skeletons;
pub mod skeleton_labels;
pub mod branch_regions;
pub mod regions;
mod line;
pub mod csv;
mod branch_arrays;
pub mod tally;
pub mod classes;
pub mod changes;
pub mod statistics;
pub mod summary;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod network_tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::{BranchList, Outline};
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::isolated::Isolated;
use crate::threads::each;
use arrival::Arrival;
use branch_columns::Columns;
use branch_regions::BranchRegions;
use ends::Ends;
use ranks::Ranks;
use row::{Frame, Measures, Row};
use skeleton_labels::SkeletonLabels;

/// Number of branches of a list that a thread looks up together.
const PART: usize = if cfg!(test) { 3 } else { 1 << 14 };
/// Number of rows in a block, if branches are spread evenly over the skeleton.
const BLOCK: usize = if cfg!(test) { 5 } else { 1 << 13 };

/// The branch table of a whole skeleton, in skan's order: branches with terminals by (start, first step), then isolated
/// cycles by first voxel.
///
/// Rows are computed block by block, on demand. A table holds eight bytes for each branch and four for each voxel at
/// which branches end.
#[derive(Debug)]
pub struct Table<'a, M: Measured = BranchMeasures> {
    parts: Vec<Part<'a, M>>,
    /// Voxels at which branches end or skeletons begin, including isolated ones.
    ends: Ends,
    /// The skeleton of each of them.
    skeleton: Vec<u32>,
    /// Voxels without neighbours.
    isolated: &'a [Isolated<M>],
    /// Ranks of the isolated voxels.
    isolated_ranks: Vec<u32>,
    skeletons: u64,
    voxels: u64,
    /// Numbers of blocks of branches with terminals, and of isolated cycles.
    blocks: [usize; 2],
    arrival: Option<&'a Arrival>,
    regions: Option<&'a BranchRegions>,
    /// The labels of voxels, if the image is of labels.
    labels: Option<Arc<SkeletonLabels>>,
    columns: Columns<M>,
}

/// Consecutive branches of a list.
#[derive(Debug)]
struct Part<'a, M: Measured> {
    list: &'a BranchList<M>,
    /// Index of the first branch in the list.
    first: usize,
    /// Number of branches with terminals; isolated cycles follow.
    open: usize,
    /// Ranks of the ends of each branch.
    nodes: Vec<[u32; 2]>,
}

impl<'a, M: OfPixels> Table<'a, M> {
    /// The table of the branches of `lists`, with the isolated voxels of the skeleton, each of which takes a skeleton
    /// id, and the ranks of its voxels. Looks up lists on `threads` threads; fastest if each list is of one part of the
    /// volume.
    ///
    /// Takes time linear in the number of branches and voxels.
    ///
    /// # Errors
    /// Of kind `Internal` if a thread has stopped, for example because a branch has voxels that do not belong to the
    /// skeleton.
    pub fn new(
        lists: impl IntoIterator<Item = &'a BranchList<M>>,
        isolated: &'a [Isolated<M>],
        ranks: &Ranks<'_>,
        threads: usize,
    ) -> Result<Self> {
        let parts = |list: &'a BranchList<M>| (0..list.len()).step_by(PART).map(move |first| (list, first));
        let parts: Vec<(&BranchList<M>, usize)> = lists.into_iter().flat_map(parts).collect();
        let found = each(&parts, threads, |_, &(list, first)| Ok(Part::new(list, first, ranks)))?;
        let (parts, beginnings): (Vec<Part<'a, M>>, Vec<_>) = found.into_iter().unzip();
        let mut lookup = ranks.lookup();
        let isolated_ranks: Vec<u32> = isolated.iter().map(|isolated| lookup.of(isolated.voxel)).collect();
        let joined = || parts.iter().flat_map(|part| &part.nodes).chain(beginnings.iter().flatten()).copied();
        let ends = Ends::new(ranks.voxels(), joined().flatten().chain(isolated_ranks.iter().copied()));
        let mut components = DisjointSets::new(ends.len());
        for [a, b] in joined() {
            components.unite(ends.number(a), ends.number(b));
        }
        // Numbers ascend with ranks, and the smallest number of a set identifies it.
        let mut skeletons = 0;
        let mut skeleton: Vec<u32> = Vec::with_capacity(ends.len());
        for number in 0..ends.len() as u32 {
            let least = components.find(number);
            if least == number {
                skeleton.push(skeletons);
                skeletons += 1;
            } else {
                skeleton.push(skeleton[least as usize]);
            }
        }
        let open: usize = parts.iter().map(|part| part.open).sum();
        let all: usize = parts.iter().map(|part| part.nodes.len()).sum();
        let blocks = [open, all - open].map(|rows| rows.div_ceil(BLOCK));
        let (skeletons, voxels) = (u64::from(skeletons), ranks.voxels());
        let columns = Columns::skan();
        Ok(Table {
            parts,
            ends,
            skeleton,
            isolated,
            isolated_ranks,
            skeletons,
            voxels,
            blocks,
            arrival: None,
            regions: None,
            labels: None,
            columns,
        })
    }
}

impl<'a, M: Measured> Table<'a, M> {
    /// Replaces the columns.
    #[must_use]
    pub fn with_columns(mut self, columns: Columns<M>) -> Self {
        self.columns = columns;
        self
    }

    /// Its columns.
    pub fn columns(&self) -> &Columns<M> {
        &self.columns
    }

    /// Adds arrival, so that rows have `provisional`.
    #[must_use]
    pub fn with_arrival(mut self, arrival: &'a Arrival) -> Self {
        self.arrival = Some(arrival);
        self
    }

    /// Adds the labels of voxels, so that rows have them.
    #[must_use]
    pub fn with_labels(mut self, labels: Arc<SkeletonLabels>) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Whether rows have `provisional`.
    pub fn tells_arrival(&self) -> bool {
        self.arrival.is_some()
    }

    /// Adds the regions of its branches, measured from this table, so that rows have `region`.
    #[must_use]
    pub fn with_regions(mut self, regions: &'a BranchRegions) -> Self {
        self.regions = Some(regions);
        self
    }

    /// The regions, if rows have `region`.
    pub fn regions(&self) -> Option<&BranchRegions> {
        self.regions
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.nodes.len()).sum()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Number of skeletons: connected components, isolated voxels included.
    pub fn skeletons(&self) -> u64 {
        self.skeletons
    }

    /// Number of skeletons of each label that has one, if the image is of labels. Takes time linear in the ends of branches.
    pub fn skeletons_by_label(&self) -> Option<BTreeMap<i128, u64>> {
        let labels = self.labels.as_ref()?;
        let (mut counts, mut next) = (BTreeMap::new(), 0);
        // The number of a skeleton comes first at its first end.
        for (rank, &skeleton) in self.ends.ranks().zip(&self.skeleton) {
            if skeleton == next {
                *counts.entry(labels.of(rank)).or_default() += 1;
                next += 1;
            }
        }
        Some(counts)
    }

    /// Number of skeleton voxels.
    pub fn voxels(&self) -> u64 {
        self.voxels
    }

    /// The rows, with coordinates in a frame.
    pub fn rows(&self, frame: Frame) -> impl Iterator<Item = Row<M>> + '_ {
        (0..self.blocks()).flat_map(move |block| self.block(block, &frame))
    }

    /// Number of blocks of rows.
    pub fn blocks(&self) -> usize {
        self.blocks[0] + self.blocks[1]
    }

    /// The rows of a block. The rows of all blocks, in order, are the table. Takes time linear in the number of rows of
    /// the block, and a little for every list.
    ///
    /// # Panics
    /// If the table has no such block.
    pub fn block(&self, block: usize, frame: &Frame) -> Vec<Row<M>> {
        let row = |branch: Branch<M>, nodes: [u32; 2]| Row {
            skeleton_id: u64::from(self.skeleton_of(nodes[0])),
            node_id_src: u64::from(nodes[0]),
            node_id_dst: u64::from(nodes[1]),
            branch_id: 0,
            measures: Measures::new(&branch, frame),
            label: self.labels.as_ref().map(|labels| labels.of(nodes[0])),
            provisional: self.arrival.map(|arrival| arrival.is_provisional(&branch)),
            region: None,
        };
        let (before, rows) = self.numbered_block(block, row);
        let numbered = |(branch_id, row): (u64, Row<M>)| {
            let region = self.regions.map(|regions| regions.of_branch(branch_id));
            Row { branch_id, region, ..row }
        };
        (before as u64..).zip(rows).map(numbered).collect()
    }

    /// The results of `of` for the branches of a block and the ranks of their ends, in the order of the table.
    fn in_block<D>(&self, block: usize, of: impl FnMut(Branch<M>, [u32; 2]) -> D) -> Vec<D> {
        self.numbered_block(block, of).1
    }

    /// The number of branches before a block, and the results of [`Table::in_block`].
    fn numbered_block<D>(&self, block: usize, mut of: impl FnMut(Branch<M>, [u32; 2]) -> D) -> (usize, Vec<D>) {
        assert!(block < self.blocks(), "block {block} of {}", self.blocks());
        let isolated = block >= self.blocks[0];
        let (block, blocks) = if isolated { (block - self.blocks[0], self.blocks[1]) } else { (block, self.blocks[0]) };
        // A block has the branches that start in an equal share of the voxels.
        let [from, to] = [block, block + 1].map(|block| (self.voxels * block as u64).div_ceil(blocks as u64));
        let (mut made, mut order): (Vec<Option<D>>, Vec<(u64, usize)>) = (Vec::new(), Vec::new());
        // Number of rows before the block.
        let mut before = if isolated { self.parts.iter().map(|part| part.open).sum() } else { 0 };
        for part in &self.parts {
            let places = part.starting(from..to, isolated);
            before += places.start - if isolated { part.open } else { 0 };
            let branches = part.list.range(part.first + places.start..part.first + places.end);
            for (branch, nodes) in branches.zip(&part.nodes[places]) {
                // A single number with the order of rows.
                order.push((u64::from(nodes[0]) << 8 | u64::from(branch.first_step().code()), made.len()));
                made.push(Some(of(branch, *nodes)));
            }
        }
        // Parts are in order, and a stable sort merges such runs.
        order.sort();
        (before, order.into_iter().filter_map(|(_, place)| made[place].take()).collect())
    }

    /// The skeleton of a voxel by its rank. The voxel must be an end of a branch, or isolated.
    fn skeleton_of(&self, rank: u32) -> u32 {
        self.skeleton[self.ends.number(rank) as usize]
    }
}

impl<'a, M: Measured> Part<'a, M> {
    /// The part of a list that begins with its branch `first`. Also returns, for each branch whose skeleton may begin
    /// with a voxel other than an end, the ranks of its end and of that voxel.
    fn new(list: &'a BranchList<M>, first: usize, ranks: &Ranks<'_>) -> (Self, Vec<[u32; 2]>) {
        let places = first..list.len().min(first + PART);
        let mut part = Part { list, first, open: 0, nodes: Vec::with_capacity(places.len()) };
        let mut beginnings = Vec::new();
        let mut lookup = ranks.lookup();
        for Outline { start, end, least, is_isolated_cycle } in list.outlines(places) {
            let nodes = [start, end].map(|voxel| lookup.of(voxel));
            if least < start {
                beginnings.push([nodes[0], lookup.of(least)]);
            }
            part.open += usize::from(!is_isolated_cycle);
            part.nodes.push(nodes);
        }
        (part, beginnings)
    }

    /// The branches of the part, with the ranks of the ends of each.
    fn branches(&self) -> impl Iterator<Item = (Branch<M>, [u32; 2])> + '_ {
        self.list.range(self.first..self.first + self.nodes.len()).zip(self.nodes.iter().copied())
    }

    /// The indices of the branches that start at voxels of these ranks, among isolated cycles if `isolated`, otherwise
    /// among branches with terminals.
    fn starting(&self, ranks: Range<u64>, isolated: bool) -> Range<usize> {
        let (first, nodes) =
            if isolated { (self.open, &self.nodes[self.open..]) } else { (0, &self.nodes[..self.open]) };
        let before = |limit: u64| match (nodes.first(), nodes.last()) {
            (Some(least), Some(_)) if u64::from(least[0]) >= limit => 0,
            (Some(_), Some(most)) if u64::from(most[0]) < limit => nodes.len(),
            _ => nodes.partition_point(|node| u64::from(node[0]) < limit),
        };
        first + before(ranks.start)..first + before(ranks.end)
    }
}
