//! The regions of the branches of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The region of each branch of a table by its middle voxel, and the names of regions. Takes four bytes for each branch.
#[derive(Clone, Debug)]
pub struct BranchRegions {
    /// The labels of regions, in ascending order.
    pub(super) labels: Vec<i128>,
    /// The region of each branch, as the place of its label.
    pub(super) of_branch: Vec<u32>,
    pub(super) names: Option<Arc<BTreeMap<i128, String>>>,
}

impl BranchRegions {
    /// The label of the region of a branch, by its number in the table.
    ///
    /// # Panics
    /// If the table has no such branch.
    pub fn of_branch(&self, branch: u64) -> i128 {
        self.labels[self.of_branch[branch as usize] as usize]
    }

    /// Whether regions have names.
    pub fn has_names(&self) -> bool {
        self.names.is_some()
    }

    /// The name of a region; empty if it has none.
    pub fn name(&self, label: i128) -> &str {
        self.names.as_ref().and_then(|names| names.get(&label)).map_or("", String::as_str)
    }
}
