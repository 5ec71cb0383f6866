//! The regions of an atlas in the outputs of an analysis.

use std::collections::BTreeMap;
use std::io;

use super::kept_counts::CountedWithin;
use super::outputs::write_into;
use super::{Analysis, Results};
use crate::error::Result;
use crate::kernel::measure::BranchMeasures;
use crate::operators::regions::{labels_of_skeletons, region_voxels};
use crate::store::output::OutputFolder;
use crate::store::output::folder::{ATLAS, ATLAS_BRANCHES};
use crate::store::{Atlas, Marked};
use crate::table::Table;
use crate::table::nodes::Nodes;
use crate::table::ranks::Ranks;
use crate::table::regions::{AtlasFacts, Regions};
use crate::table::skeleton_labels::SkeletonLabels;

impl Analysis {
    /// The regions of the atlas for some results: a row for each region, and the region of each branch; `None` if the image
    /// has no atlas. Reads the atlas: the parts that hold skeleton, and all that is stored once for the volumes of regions.
    ///
    /// # Errors
    /// As [`Results::table`]; or if the atlas or the mask cannot be read.
    pub fn regions(&self, results: &Results) -> Result<Option<Regions>> {
        let Some(atlas) = self.source.atlas() else { return Ok(None) };
        let (ranks, threads) = (results.ranks(self)?, self.workers());
        let table = results.table(self, threads)?;
        let nodes = Nodes::new(&table, threads)?;
        let (labels, facts) = self.look_up(&atlas, results, &ranks)?;
        let found = Regions::measure(&table, &nodes, (&ranks, &labels), &facts, &self.frame(), threads, io::sink());
        // Nothing is written.
        found.map(Some).map_err(|error| crate::error::Error::internal("regions cannot be measured").because(error))
    }

    /// The same, and writes the tables of regions.
    pub(super) fn write_regions(
        &self,
        atlas: &Atlas,
        results: &Results,
        (table, nodes): (&Table<'_, BranchMeasures>, &Nodes),
        folder: &OutputFolder,
    ) -> Result<Regions> {
        let ranks = results.ranks(self)?;
        let (labels, facts) = self.look_up(atlas, results, &ranks)?;
        let (frame, threads) = (self.frame(), self.workers());
        let regions = write_into(folder, ATLAS_BRANCHES, |file| {
            Regions::measure(table, nodes, (&ranks, &labels), &facts, &frame, threads, file)
        })?;
        write_into(folder, ATLAS, |file| regions.write_csv(&frame, file))?;
        Ok(regions)
    }

    /// The labels at the skeleton, and how many voxels each label has.
    fn look_up(&self, atlas: &Atlas, results: &Results, ranks: &Ranks<'_>) -> Result<(SkeletonLabels, AtlasFacts)> {
        let chunks: Vec<_> = results.voxel_lists().collect();
        let labels = SkeletonLabels::new(ranks, &labels_of_skeletons(atlas, &chunks, &self.grid, self.workers())?);
        let facts = AtlasFacts { voxels: self.region_voxels(atlas, results.volume)?, names: atlas.names.clone() };
        Ok((labels, facts))
    }

    /// The number of voxels of each label, counted again only if the atlas, the mask or the bounds have changed.
    fn region_voxels(&self, atlas: &Atlas, volume: u64) -> Result<BTreeMap<i128, u64>> {
        let bounds = self.grid.bounds();
        let mask = self.source.confinement();
        let within = match self.allotted.keeps_state {
            true => CountedWithin::of(&[Some(&atlas.source), mask.as_ref()], bounds, Marked::is_old)?,
            false => None,
        };
        let count = || region_voxels(&*self.source, atlas, &self.grid, volume, self.workers());
        self.counts.known_or(within, count)
    }
}
