//! The labels of skeleton voxels, where the image is a segmentation.

use serde::Serialize;

/// The labels of the voxels of a skeleton, by the ranks of the voxels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// All labels, in order.
    names: Vec<i128>,
    /// The place of each voxel's label among them.
    places: Vec<u32>,
}

impl Labels {
    /// From the rank and the label of every voxel, with each rank below `voxels` once. Takes four bytes for each voxel.
    ///
    /// # Panics
    /// If a rank is not below `voxels`.
    pub fn new(voxels: u64, labels: impl Iterator<Item = (u32, i128)> + Clone) -> Self {
        let mut names: Vec<i128> = Vec::new();
        let mut last = None;
        for (_, label) in labels.clone().filter(|(_, label)| last.replace(*label) != Some(*label)) {
            names.push(label);
            if names.len().is_power_of_two() {
                names.sort_unstable();
                names.dedup();
            }
        }
        names.sort_unstable();
        names.dedup();
        let mut places = vec![0; voxels as usize];
        let mut known = (None, 0);
        for (rank, label) in labels {
            if known.0 != Some(label) {
                known = (Some(label), names.binary_search(&label).unwrap_or_default() as u32);
            }
            places[rank as usize] = known.1;
        }
        Labels { names, places }
    }

    /// The label of a voxel by its rank.
    ///
    /// # Panics
    /// If there is no such voxel.
    pub fn of(&self, rank: u32) -> i128 {
        self.names[self.places[rank as usize] as usize]
    }

    /// All labels, in order.
    pub fn names(&self) -> &[i128] {
        &self.names
    }
}

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
    pub fn new(all: impl IntoIterator<Item = (i128, u64)>, of_skeleton: &Labels) -> Self {
        let mut totals = LabelTotals::default();
        for (label, voxels) in all {
            totals.labels += 1;
            if of_skeleton.names.binary_search(&label).is_err() {
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

    #[test]
    fn every_voxel_has_the_label_that_it_was_given() {
        let given: Vec<(u32, i128)> =
            (0..500).map(|rank| (rank, [5, -3, i128::from(u64::MAX), 7, 7][(rank * 7 / 3) as usize % 5])).collect();
        let labels = Labels::new(500, given.iter().rev().copied());
        assert!(given.iter().all(|&(rank, label)| labels.of(rank) == label));
        assert_eq!(labels.names(), [-3, 5, 7, i128::from(u64::MAX)]);
        let totals = LabelTotals::new([(5, 10), (6, 4), (8, 3), (7, 1)], &labels);
        let LabelTotals { labels, labels_without_skeleton, voxels_without_skeleton } = totals;
        assert_eq!((labels, labels_without_skeleton, voxels_without_skeleton), (4, 2, 7));
    }
}
