//! How many labels a segmentation has.

use serde::Serialize;

use crate::table::skeleton_labels::SkeletonLabels;

/// How many labels an image has, and how many of them left no skeleton.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LabelTotals {
    /// Number of labels: of values other than 0, in the region of interest if there is one.
    pub labels: u64,
    /// Number of labels without a skeleton voxel.
    pub labels_without_skeleton: u64,
    /// Number of voxels of these.
    pub voxels_without_skeleton: u64,
}

impl LabelTotals {
    /// The totals of all labels of an image, each with its number of voxels, in order, and the labels of its skeleton.
    pub fn new(all: impl IntoIterator<Item = (i128, u64)>, of_skeleton: &SkeletonLabels) -> Self {
        let mut totals = LabelTotals::default();
        for (label, voxels) in all {
            totals.labels += 1;
            if of_skeleton.labels().binary_search(&label).is_err() {
                totals.labels_without_skeleton += 1;
                totals.voxels_without_skeleton += voxels;
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::kernel::network::voxel_list::VoxelList;
    use crate::space::{Region, Voxel};
    use crate::table::ranks::Ranks;

    #[test]
    fn every_voxel_has_the_label_that_it_was_given() {
        let given: Vec<(u64, i128)> =
            (0..500).map(|rank| (rank, [5, -3, i128::from(u64::MAX), 7, 7][(rank * 7 / 3) as usize % 5])).collect();
        let grid = Grid::new(Region::of_shape([1, 1, 500]), [1, 1, 500]);
        let voxels: VoxelList = (0..500).map(|x| Voxel::new([0, 0, x])).collect();
        let ranks = Ranks::new([(grid.chunk_at([0; 3]), &voxels)], &grid);
        let labels = SkeletonLabels::new(&ranks, &[(&voxels, given.iter().map(|&(_, label)| label).collect())]);
        assert!(given.iter().all(|&(rank, label)| labels.of(rank) == label));
        assert_eq!(labels.labels(), [-3, 5, 7, i128::from(u64::MAX)]);
        let totals = LabelTotals::new([(5, 10), (6, 4), (8, 3), (7, 1)], &labels);
        let LabelTotals { labels, labels_without_skeleton, voxels_without_skeleton } = totals;
        assert_eq!((labels, labels_without_skeleton, voxels_without_skeleton), (4, 2, 7));
    }
}
