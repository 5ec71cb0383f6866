//! The results of an analysis, of one run or of an epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Analysis;
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::filter::amount::Amounts;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::merged::Merged;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::voxel_list::VoxelList;
use crate::kernel::objects::labels::ObjectLabels;
use crate::kernel::objects::measures::ObjectSums;
use crate::operators::objects::findings::FoundObject;
use crate::operators::shared::Shared;
use crate::table::Table;
use crate::table::arrival::Arrival;
use crate::table::labels::LabelTotals;
use crate::table::nodes::Nodes;
use crate::table::objects::Objects;
use crate::table::ranks::{LayeredSkeleton, Ranks};
use crate::table::row::Row;
use crate::table::skeleton_labels::{ChunkLabels, SkeletonLabels};
use crate::table::skeletons::Skeletons;
use crate::table::statistics::Snapshot;
use crate::table::summary::{JunctionCounts, ObjectCounts};

/// The results of an analysis. Held in memory: some five bytes for each skeleton voxel, and eight more for values of a gray image.
/// Branches, some forty bytes each, are in memory up to 8 MiB a worker; others lie in a file without a name, which is gone with
/// the results. If that cannot be read again, what reads branches panics.
#[derive(Debug)]
#[non_exhaustive]
pub struct Results {
    /// The threshold that was used.
    pub threshold: Threshold,
    /// All branches, in lists of any parts of the volume.
    pub branches: Vec<Shared<BranchList<BranchMeasures>>>,
    /// Skeleton voxels without neighbours.
    pub isolated: Vec<Isolated<BranchMeasures>>,
    /// The skeleton of every chunk that has one, in raster order of the chunks, with the image's values and radii.
    pub skeletons: Vec<(ChunkId, Arc<Skeleton<Known>>)>,
    /// Statistics of the branches.
    pub statistics: Snapshot,
    /// Number of foreground voxels, after filters.
    pub foreground: u64,
    /// How much filters have changed.
    pub amounts: Amounts,
    /// Number of loops before pruning, if there was any.
    pub unpruned_loops: Option<i64>,
    /// Numbers of junctions.
    pub junctions: JunctionCounts,
    /// Numbers of objects.
    pub object_counts: ObjectCounts,
    /// The objects in any order, if there is a table of them; not if the image is of labels.
    pub objects: Option<Vec<FoundObject>>,
    /// The sums over each label, if the image is of labels and there is a table of objects.
    pub label_objects: Option<BTreeMap<i128, ObjectSums>>,
    /// The labels of objects, if there is an image of them.
    pub object_labels: Option<Arc<ObjectLabels>>,
    /// Number of voxels that were analysed: those inside the mask of a region of interest, or all.
    pub volume: u64,
    /// Projections of the whole image.
    pub projections: Option<Projections>,
    /// The parts that have arrived, if the table is to tell.
    pub arrival: Option<Arrival>,
    /// The number of voxels of each label, if the image is of labels: of those in the region of interest, if there is one.
    /// The values of `skeletons` are their labels then, of which those of unsigned 64 bits have the same bits.
    pub labels: Option<BTreeMap<i128, u64>>,
    /// The amount of work.
    pub counts: Counts,
}

/// The amount of work.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Whether planes were thinned, rather than chunks.
    #[serde(skip)]
    pub by_planes: bool,
    /// Chunks whose values were read for their masks.
    pub chunks_read: u64,
    /// Masks in which labels that touch were analysed apart, if the image is of labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<u64>,
    /// Chunks about which everything was known already.
    pub chunks_reused: u64,
    /// Chunks that were thinned, or thinned again.
    pub chunks_activated: u64,
    /// Chunks that have foreground.
    pub chunks_with_foreground: u64,
    /// Sub-iterations of the thinning.
    pub sub_iterations: u64,
    /// Rounds in which chunks exchanged decisions at their seams.
    pub rounds: u64,
    /// Voxels that thinning deleted.
    pub deleted_voxels: u64,
    /// Messages between workers about seams.
    pub messages_between_workers: u64,
    /// Bytes of records that processes sent each other.
    pub bytes_between_processes: u64,
    /// How often a plane that was being thinned was put aside, because it found no room in the memory that there was for it.
    pub planes_put_aside: u64,
    /// Rows that came or went in this epoch. With a file of changes these are its lines, and the epoch is the file's.
    pub rows_changed: Option<u64>,
    /// The number of the epoch.
    pub epoch: Option<u64>,
}

impl Results {
    /// Number of skeleton voxels.
    pub fn voxels(&self) -> u64 {
        self.skeletons.iter().map(|(_, skeleton)| skeleton.voxels.len() as u64).sum()
    }

    /// The skeleton's voxels, whose ranks are their numbers in the tables.
    ///
    /// # Errors
    /// `Data` if a layer of chunks has 2^32 voxels and more.
    fn layered(&self, analysis: &Analysis) -> Result<LayeredSkeleton<'_>> {
        let layered = LayeredSkeleton::new(self.voxel_lists(), &analysis.grid);
        fits_a_table(layered.largest_layer()).map_err(|error| error.at(&analysis.source.description().name))?;
        Ok(layered)
    }

    /// Ranks of all of the skeleton's voxels. Take five bytes for each.
    ///
    /// # Errors
    /// `Data` if there are too many to be numbered: 2^32 and more in a layer of chunks, those at one place along z.
    pub fn ranks(&self, analysis: &Analysis) -> Result<Ranks<'_>> {
        self.layered(analysis)?;
        Ok(Ranks::new(self.voxel_lists(), &analysis.grid))
    }

    /// The skeleton's voxels by chunk.
    pub(super) fn voxel_lists(&self) -> impl Iterator<Item = (ChunkId, &VoxelList)> {
        self.skeletons.iter().map(|(id, skeleton)| (*id, &skeleton.voxels))
    }

    /// The branch table, made on `threads` threads. Takes time linear in branches and voxels.
    ///
    /// # Errors
    /// As [`Results::ranks`] and [`Table::new`].
    pub fn table<'a>(&'a self, analysis: &Analysis, threads: usize) -> Result<Table<'a, BranchMeasures>> {
        let (lists, skeleton) = (self.branches.iter().map(|list| &**list), self.layered(analysis)?);
        let mut table = Table::new(lists, &self.isolated, &skeleton, threads)
            .map_err(|error| error.at(&analysis.source.description().name))?;
        if self.labels.is_some()
            && let Some(labels) = self.labels_of(&self.ranks(analysis)?)
        {
            table = table.with_labels(Arc::new(labels));
        }
        Ok(match &self.arrival {
            Some(arrival) => table.with_arrival(arrival),
            None => table,
        })
    }

    /// How many labels there are, and how many left no skeleton, if the image is of labels, from the table.
    pub fn label_totals(&self, table: &Table<'_, BranchMeasures>) -> Option<LabelTotals> {
        let all = self.labels.as_ref()?.iter().map(|(&label, &voxels)| (label, voxels));
        Some(LabelTotals::new(all, table.labels()?))
    }

    /// The labels of all skeleton voxels by their ranks, if the image is of labels. Takes time linear in the voxels.
    pub fn labels_of(&self, ranks: &Ranks<'_>) -> Option<SkeletonLabels> {
        let all = self.labels.as_ref()?;
        // Labels beyond 2^63 have the bits of negative numbers.
        let wraps = all.last_key_value().is_some_and(|(&most, _)| most > i128::from(i64::MAX));
        let label = move |bits: i64| if wraps { i128::from(bits as u64) } else { i128::from(bits) };
        let chunks = self.skeletons.iter().map(|(_, skeleton)| {
            let labels = match &skeleton.values.0 {
                PixelValues::Integers(values) => values.iter().map(|&bits| label(bits)).collect(),
                _ => ChunkLabels::default(),
            };
            (&skeleton.voxels, labels)
        });
        Some(SkeletonLabels::new(ranks, &chunks.collect::<Vec<_>>()))
    }

    /// The table of nodes. Takes time linear in the branches and their voxels.
    ///
    /// # Errors
    /// As [`Results::table`].
    pub fn node_table(&self, analysis: &Analysis) -> Result<Nodes> {
        Nodes::new(&self.table(analysis, analysis.workers())?, analysis.workers())
    }

    /// The table of skeletons, which takes the same; but see [`Skeletons::new`] of longest paths.
    ///
    /// # Errors
    /// As [`Results::table`].
    pub fn skeleton_table(&self, analysis: &Analysis) -> Result<Skeletons> {
        let threads = analysis.workers();
        let table = self.table(analysis, threads)?;
        Skeletons::new(&table, &Nodes::new(&table, threads)?, analysis.settled.asked.longest_path, threads)
    }

    /// The table of objects, if it was asked for. Takes time O(n log n) in their number; of labels, the time of a branch table
    /// too.
    ///
    /// # Errors
    /// If the image is of labels, as [`Results::table`].
    pub fn object_table(&self, analysis: &Analysis) -> Result<Option<Objects>> {
        match &self.label_objects {
            None => Ok(self.objects_beside(None, analysis)),
            Some(_) => Ok(self.objects_beside(Some(&self.table(analysis, analysis.workers())?), analysis)),
        }
    }

    /// The table of objects, if it was asked for; of labels, beside the branch table.
    pub(super) fn objects_beside(
        &self,
        table: Option<&Table<'_, BranchMeasures>>,
        analysis: &Analysis,
    ) -> Option<Objects> {
        let bounds = analysis.grid.bounds();
        if let Some(labels) = &self.label_objects {
            let skeletons = table.and_then(Table::skeletons_by_label);
            return Some(Objects::of_labels(labels.clone(), skeletons.as_ref(), bounds));
        }
        let objects = self.objects.as_ref()?.iter().cloned();
        Some(Objects::new(objects, bounds))
    }

    /// The branches with their paths, in the order of the rows of the branch table: number n, from 0, is the branch whose
    /// `branch_id` is n, and [`Branch::voxels`](crate::kernel::network::branch::Branch::voxels) are its voxels from its start
    /// to its end, both included, as the row has them; a cycle ends with the voxel that it begins with. Voxels of junctions
    /// are joined by the minimum spanning tree that lengths follow from, as by `skan.Skeleton.path_coordinates`.
    ///
    /// Streams: decodes one branch at a time from the lists, and holds one of each.
    pub fn paths(&self) -> Merged<'_, BranchMeasures> {
        Merged::new(self.branches.iter().map(|list| &**list))
    }

    /// The rows of the branch table, in skan's order.
    ///
    /// # Errors
    /// As [`Results::table`].
    pub fn rows(&self, analysis: &Analysis) -> Result<Vec<Row<BranchMeasures>>> {
        let table = self.table(analysis, analysis.workers())?;
        Ok(table.rows(analysis.frame()).collect())
    }
}

/// Refuses a skeleton whose voxels cannot be numbered, from their number in the fullest layer of chunks.
fn fits_a_table(voxels: u64) -> Result<()> {
    if u32::try_from(voxels).is_ok() {
        return Ok(());
    }
    let message = format!(
        "its skeleton has {voxels} voxels in a layer of chunks, and a table fewer than 2^32; give a --chunk of fewer planes"
    );
    Err(Error::data(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_skeleton_whose_voxels_cannot_be_numbered_is_refused() {
        assert!(fits_a_table(u64::from(u32::MAX)).is_ok());
        let error = fits_a_table(1 << 32).unwrap_err();
        assert!(error.kind() == Kind::Data && error.to_string().contains("4294967296"), "{error}");
    }
}
