//! Labels at the voxels of a skeleton: of a segmentation, or of the regions of an atlas.

use crate::kernel::network::voxel_list::VoxelList;
use crate::table::ranks::{RankedSkeleton, Ranks};

/// The labels at the skeleton voxels of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkLabels {
    /// The labels, in ascending order, each once.
    labels: Vec<i128>,
    /// The place among them of the label at each voxel; empty if there is one label.
    places: Vec<u32>,
}

impl FromIterator<i128> for ChunkLabels {
    /// From the labels at the voxels, in the order of the voxels.
    fn from_iter<I: IntoIterator<Item = i128>>(all: I) -> Self {
        let all: Vec<i128> = all.into_iter().collect();
        let mut labels = all.clone();
        labels.dedup();
        labels.sort_unstable();
        labels.dedup();
        let place = |label: &i128| labels.partition_point(|other| other < label) as u32;
        let places = if labels.len() > 1 { all.iter().map(place).collect() } else { Vec::new() };
        ChunkLabels { labels, places }
    }
}

/// Labels at the voxels of a whole skeleton. Takes four bytes for each voxel.
#[derive(Clone, Debug)]
pub struct SkeletonLabels {
    labels: Vec<i128>,
    /// The place among them of the label at each voxel, by its rank.
    places: Vec<u32>,
}

impl SkeletonLabels {
    /// The labels of a skeleton, from those of its chunks with their voxels. Takes time linear in the number of voxels.
    ///
    /// # Panics
    /// If a chunk has voxels that do not belong to the skeleton, or not as many labels as voxels.
    pub fn new(ranks: &Ranks<'_>, chunks: &[(&VoxelList, ChunkLabels)]) -> Self {
        let mut labels: Vec<i128> = chunks.iter().flat_map(|(_, of_chunk)| of_chunk.labels.iter().copied()).collect();
        labels.sort_unstable();
        labels.dedup();
        let mut places = vec![0; ranks.voxels() as usize];
        let mut lookup = ranks.lookup();
        for (voxels, of_chunk) in chunks {
            let all: Vec<u32> =
                of_chunk.labels.iter().map(|label| labels.partition_point(|other| other < label) as u32).collect();
            for (at, voxel) in voxels.iter().enumerate() {
                let place = if all.len() == 1 { 0 } else { of_chunk.places[at] };
                places[lookup.of(voxel) as usize] = all[place as usize];
            }
        }
        SkeletonLabels { labels, places }
    }

    /// The labels, in ascending order, each once.
    pub fn labels(&self) -> &[i128] {
        &self.labels
    }

    /// The label of a voxel, by its rank.
    ///
    /// # Panics
    /// If the skeleton has no such voxel.
    pub fn of(&self, rank: u64) -> i128 {
        self.labels[self.place_of_rank(rank) as usize]
    }

    /// The place among the labels of the one at a voxel, by the voxel's rank.
    ///
    /// # Panics
    /// If the skeleton has no such voxel.
    #[inline]
    pub fn place_of_rank(&self, rank: u64) -> u32 {
        self.places[rank as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::grid::Grid;
    use crate::kernel::network::graph::tests::voxels;
    use crate::space::{Region, Voxel};

    proptest! {
        #[test]
        fn each_voxel_has_its_label_in_any_chunks(
            voxels in voxels([4, 6, 7], [0; 3]),
            chunk in prop::array::uniform3(1usize..8),
            factor in 0i64..4,
        ) {
            let grid = Grid::new(Region::of_shape([4, 6, 7]), chunk);
            let mut parts: BTreeMap<_, Vec<(Voxel, i64)>> = BTreeMap::new();
            for &(voxel, value) in &voxels {
                parts.entry(grid.chunk_at(voxel.position())).or_default().push((voxel, value));
            }
            // A factor of zero: one label.
            let label = |value: i64| i128::from(factor * value);
            let chunks: Vec<(_, VoxelList, ChunkLabels)> = parts
                .iter()
                .map(|(id, part)| (*id, part.iter().map(|p| p.0).collect(), part.iter().map(|p| label(p.1)).collect()))
                .collect();
            let ranks = Ranks::new(chunks.iter().map(|(id, list, _)| (*id, list)), &grid);
            let lists: Vec<_> = chunks.iter().map(|(_, list, labels)| (list, labels.clone())).collect();
            let found = SkeletonLabels::new(&ranks, &lists);
            prop_assert!(found.labels().is_sorted_by(|a, b| a < b));
            let mut lookup = ranks.lookup();
            for &(voxel, value) in &voxels {
                prop_assert_eq!(found.labels()[found.place_of_rank(lookup.of(voxel)) as usize], label(value));
            }
        }
    }
}
