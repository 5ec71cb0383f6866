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
mod blocks;
pub mod regions;
mod line;
pub mod csv;
mod branch_arrays;
pub mod tally;
mod runs;
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

use crate::error::{Error, Result};
use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::{Bookmark, BranchList, Outline};
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::isolated::Isolated;
use crate::space::Voxel;
use crate::threads::each;
use arrival::Arrival;
use blocks::Blocks;
use branch_columns::Columns;
use branch_regions::BranchRegions;
use ends::Ends;
use ranks::RankedSkeleton;
use row::{Frame, Measures, Row};
use skeleton_labels::SkeletonLabels;

/// Number of branches of a list that a thread looks up together.
const PART: usize = if cfg!(test) { 3 } else { 1 << 14 };
/// Number of branches from one bookmark of a part to the next.
const MARKED: usize = 16;

/// The branch table of a whole skeleton, in skan's order: branches with terminals by (start, first step), then isolated
/// cycles by first voxel.
///
/// Rows are computed block by block, on demand. A table holds eight bytes for each branch and twelve for each voxel at
/// which branches end.
#[derive(Debug)]
pub struct Table<'a, M: Measured = BranchMeasures> {
    parts: Vec<Part<'a, M>>,
    /// The ranks of the voxels at which branches end or skeletons begin, including isolated ones, in raster order. Such voxels are
    /// called by their numbers in this list.
    ranks: Vec<u64>,
    /// The skeleton of each of them.
    skeleton: Vec<u32>,
    /// Voxels without neighbours.
    isolated: &'a [Isolated<M>],
    /// Numbers of the isolated voxels.
    isolated_numbers: Vec<u32>,
    skeletons: u64,
    voxels: u64,
    /// The blocks of branches with terminals, and of isolated cycles.
    blocks: [Blocks; 2],
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
    /// Numbers of the ends of each branch.
    nodes: Vec<[u32; 2]>,
    /// Where to read on at every [`MARKED`]th branch.
    marks: Vec<Bookmark>,
}

impl<'a, M: OfPixels> Table<'a, M> {
    /// The table of the branches of `lists`, with the isolated voxels of the skeleton, each of which takes a skeleton
    /// id, and the ranks of its voxels. Looks up lists on `threads` threads; fastest if each list is of one part of the
    /// volume.
    ///
    /// Takes time linear in the number of branches and voxels.
    ///
    /// # Errors
    /// `Data` if there are too many nodes: 2^32 and more. `Internal` if a thread has stopped, for example because a branch has
    /// voxels that do not belong to the skeleton.
    pub fn new(
        lists: impl IntoIterator<Item = &'a BranchList<M>>,
        isolated: &'a [Isolated<M>],
        ranked: &impl RankedSkeleton,
        threads: usize,
    ) -> Result<Self> {
        let parts = |list: &'a BranchList<M>| (0..list.len()).step_by(PART).map(move |first| (list, first));
        let parts: Vec<(&BranchList<M>, usize)> = lists.into_iter().flat_map(parts).collect();
        let mut ends = each(&parts, threads, |_, &(list, first)| Ok(ends_of(list, first)))?.concat();
        ends.extend(isolated.iter().map(|isolated| isolated.voxel));
        let ends = Ends::new(ends).ok_or_else(|| {
            Error::data(
                "branches end at 2^32 voxels or more, and a table has fewer; analyse the image in parts, with --region",
            )
        })?;
        let ranks = ranked.ranks_of(ends.voxels(), threads)?;
        let found = each(&parts, threads, |_, &(list, first)| Ok(Part::new(list, first, &ends)))?;
        let (parts, beginnings): (Vec<Part<'a, M>>, Vec<_>) = found.into_iter().unzip();
        let isolated_numbers: Vec<u32> = isolated.iter().map(|isolated| ends.number(isolated.voxel)).collect();
        drop(ends);
        let mut components = DisjointSets::new(ranks.len());
        for &[a, b] in parts.iter().flat_map(|part| &part.nodes).chain(beginnings.iter().flatten()) {
            components.unite(a, b);
        }
        // The smallest number of a set identifies it.
        let mut skeletons = 0;
        let mut skeleton: Vec<u32> = Vec::with_capacity(ranks.len());
        for number in 0..ranks.len() as u32 {
            let least = components.find(number);
            if least == number {
                skeleton.push(skeletons);
                skeletons += 1;
            } else {
                skeleton.push(skeleton[least as usize]);
            }
        }
        let blocks =
            [false, true].map(|isolated| Blocks::new(parts.iter().map(|part| part.ends(isolated)), ranks.len() as u64));
        let (skeletons, voxels) = (u64::from(skeletons), ranked.voxels());
        let columns = Columns::skan();
        Ok(Table {
            parts,
            ranks,
            skeleton,
            isolated,
            isolated_numbers,
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
        for (&rank, &skeleton) in self.ranks.iter().zip(&self.skeleton) {
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
        self.blocks[0].len() + self.blocks[1].len()
    }

    /// The rows of a block. The rows of all blocks, in order, are the table. Takes time linear in the number of rows of
    /// the block, and a little for every list.
    ///
    /// # Panics
    /// If the table has no such block.
    pub fn block(&self, block: usize, frame: &Frame) -> Vec<Row<M>> {
        let row = |branch: Branch<M>, nodes: [u32; 2]| Row {
            skeleton_id: u64::from(self.skeleton_of(nodes[0])),
            node_id_src: self.rank_of(nodes[0]),
            node_id_dst: self.rank_of(nodes[1]),
            branch_id: 0,
            measures: Measures::new(&branch, frame),
            label: self.labels.as_ref().map(|labels| labels.of(self.rank_of(nodes[0]))),
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

    /// The results of `of` for the branches of a block and the numbers of their ends, in the order of the table.
    fn in_block<D>(&self, block: usize, of: impl FnMut(Branch<M>, [u32; 2]) -> D) -> Vec<D> {
        self.numbered_block(block, of).1
    }

    /// The number of branches before a block, and the results of [`Table::in_block`].
    fn numbered_block<D>(&self, block: usize, mut of: impl FnMut(Branch<M>, [u32; 2]) -> D) -> (usize, Vec<D>) {
        assert!(block < self.blocks(), "block {block} of {}", self.blocks());
        let [open, cycles] = &self.blocks;
        let isolated = block >= open.len();
        let (block, blocks, others) =
            if isolated { (block - open.len(), cycles, open.rows_before(open.len())) } else { (block, open, 0) };
        let before = others + blocks.rows_before(block);
        let (mut made, mut order): (Vec<Option<D>>, Vec<(u64, usize)>) = (Vec::new(), Vec::new());
        for (part, places) in blocks.parts_of(block) {
            let part = &self.parts[part];
            for (branch, nodes) in part.branches_at(places, isolated) {
                // A single number with the order of rows.
                order.push((u64::from(nodes[0]) << 8 | u64::from(branch.first_step().code()), made.len()));
                made.push(Some(of(branch, nodes)));
            }
        }
        // Parts are in order, and a stable sort merges such runs.
        order.sort();
        (before, order.into_iter().filter_map(|(_, place)| made[place].take()).collect())
    }

    /// The parts, in bundles that have as many branches as a large part: to take turns for each small one would take longer.
    fn bundles(&self) -> Vec<&[Part<'a, M>]> {
        let (mut bundles, mut left) = (Vec::new(), &self.parts[..]);
        while !left.is_empty() {
            let mut branches = 0;
            let is_room = |part: &&Part<'a, M>| {
                branches += part.nodes.len();
                branches < PART
            };
            let count = left.iter().take_while(is_room).count().max(1);
            bundles.extend(left.split_off(..count));
        }
        bundles
    }

    /// The skeleton of an end of a branch or an isolated voxel, by its number.
    fn skeleton_of(&self, number: u32) -> u32 {
        self.skeleton[number as usize]
    }

    /// Its rank among all voxels of the skeleton.
    fn rank_of(&self, number: u32) -> u64 {
        self.ranks[number as usize]
    }

    /// The labels of voxels, if the image is of labels.
    pub fn labels(&self) -> Option<&SkeletonLabels> {
        self.labels.as_deref()
    }
}

/// The voxels at which branches of a list end, or before which their skeletons may begin, each once and in raster order: of the part
/// that begins with the branch `first`.
fn ends_of<M: Measured>(list: &BranchList<M>, first: usize) -> Vec<Voxel> {
    let places = first..list.len().min(first + PART);
    let mut ends = Vec::with_capacity(2 * places.len());
    let mut branches = list.range(places);
    while let Some(Outline { start, end, least, .. }) = branches.outline() {
        ends.extend([start, end].into_iter().chain((least < start).then_some(least)));
    }
    ends.sort_unstable();
    ends.dedup();
    ends.shrink_to_fit();
    ends
}

impl<'a, M: Measured> Part<'a, M> {
    /// The part of a list that begins with its branch `first`. Also returns, for each branch whose skeleton may begin
    /// with a voxel other than an end, the numbers of its end and of that voxel.
    fn new(list: &'a BranchList<M>, first: usize, ends: &Ends) -> (Self, Vec<[u32; 2]>) {
        let places = first..list.len().min(first + PART);
        let (nodes, marks) = (Vec::with_capacity(places.len()), Vec::with_capacity(places.len().div_ceil(MARKED)));
        let mut part = Part { list, first, open: 0, nodes, marks };
        let mut beginnings = Vec::new();
        let mut branches = list.range(places);
        loop {
            let mark = branches.bookmark();
            let Some(Outline { start, end, least, is_isolated_cycle }) = branches.outline() else { break };
            if part.nodes.len().is_multiple_of(MARKED) {
                part.marks.push(mark);
            }
            let nodes = [start, end].map(|voxel| ends.number(voxel));
            if least < start {
                beginnings.push([nodes[0], ends.number(least)]);
            }
            part.open += usize::from(!is_isolated_cycle);
            part.nodes.push(nodes);
        }
        (part, beginnings)
    }

    /// The branches of the part, with the numbers of the ends of each.
    fn branches(&self) -> impl Iterator<Item = (Branch<M>, [u32; 2])> + '_ {
        self.list.range(self.first..self.first + self.nodes.len()).zip(self.nodes.iter().copied())
    }

    /// The numbers of the ends of isolated cycles, or of branches with terminals.
    fn ends(&self, isolated: bool) -> &[[u32; 2]] {
        if isolated { &self.nodes[self.open..] } else { &self.nodes[..self.open] }
    }

    /// Branches among isolated cycles, or among branches with terminals, with the numbers of their ends.
    fn branches_at(
        &self,
        places: Range<usize>,
        isolated: bool,
    ) -> impl Iterator<Item = (Branch<M>, [u32; 2])> + use<'_, 'a, M> {
        let before = if isolated { self.open } else { 0 };
        let [from, to] = [places.start, places.end].map(|place| place + before);
        let branches = self.list.range_from(self.marks[from / MARKED], self.first + from..self.first + to);
        branches.zip(self.nodes[from..to].iter().copied())
    }
}
