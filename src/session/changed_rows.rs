//! The rows of the branch table that an epoch has changed.

use std::collections::BTreeMap;

use crate::kernel::measure::BranchMeasures;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::octree::OctreeBox;
use crate::operators::list_changes::{ListChanges, settled, sorted};
use crate::operators::shared::Shared;
use crate::space::Spacing;
use crate::table::row::{Frame, Measures};

/// Rows of the branch table that have come (+1) and gone (-1). Holds some bytes for each; rows are made when they are asked
/// for.
#[derive(Clone, Debug)]
pub struct ChangedRows {
    frame: Frame,
    lists: ListChanges<BranchMeasures>,
}

impl ChangedRows {
    /// Number of rows that have come and gone.
    pub fn len(&self) -> usize {
        self.come() + self.gone()
    }

    /// Whether no row has changed.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Number of rows that have come.
    pub fn come(&self) -> usize {
        self.count(1)
    }

    /// Number of rows that have gone.
    pub fn gone(&self) -> usize {
        self.count(-1)
    }

    fn count(&self, sign: isize) -> usize {
        self.lists.iter().filter(|(_, diff)| *diff == sign).map(|(list, _)| list.len()).sum()
    }

    /// The rows, without ranks, in the order of the table, each with +1 or -1. Takes time O(n log n).
    pub fn iter(&self) -> std::vec::IntoIter<(Measures, isize)> {
        let of_branch = |(branch, diff): (Branch<_>, isize)| (Measures::new(&branch, &self.frame), diff);
        sorted(&self.lists).into_iter().map(of_branch).collect::<Vec<_>>().into_iter()
    }
}

/// No rows.
impl Default for ChangedRows {
    fn default() -> Self {
        let frame = Frame { dimensions: 3, spacing: Spacing::default(), origin: [0; 3] };
        ChangedRows { frame, lists: Vec::new() }
    }
}

impl PartialEq for ChangedRows {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl IntoIterator for ChangedRows {
    type Item = (Measures, isize);
    type IntoIter = std::vec::IntoIter<(Measures, isize)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for &ChangedRows {
    type Item = (Measures, isize);
    type IntoIter = std::vec::IntoIter<(Measures, isize)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Lists of branches that have come and gone, by the boxes that hold them.
#[derive(Debug, Default)]
pub(super) struct ChangedLists(BTreeMap<OctreeBox, ListChanges<BranchMeasures>>);

impl ChangedLists {
    pub(super) fn add(&mut self, at: OctreeBox, list: Shared<BranchList<BranchMeasures>>, diff: isize) {
        self.0.entry(at).or_default().push((list, diff));
    }

    /// The rows, in a frame, without those that have come and gone.
    pub(super) fn rows(self, frame: Frame) -> ChangedRows {
        ChangedRows { frame, lists: self.0.into_values().flat_map(settled).collect() }
    }
}
