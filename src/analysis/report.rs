//! What the workers of an analysis find.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::label_objects::LabelSums;
use crate::grid::ChunkId;
use crate::kernel::filter::amount::Amounts;
use crate::kernel::image::project::Projections;
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::objects::labels::LabelledChunk;
use crate::operators::objects::findings::FoundObject;
use crate::operators::shared::Shared;
use crate::operators::thin::ThinningCounts;
use crate::table::statistics::Snapshot;
use crate::table::summary::{JunctionCounts, ObjectCounts};

/// The findings of one worker in its own chunks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Found {
    /// Foreground voxels, before filters.
    pub(super) foreground: u64,
    /// How much filters change.
    pub(super) amounts: Amounts,
    /// Loops before pruning.
    pub(super) unpruned_loops: i64,
    /// Projections.
    pub(super) projections: Option<Projections>,
    pub(super) thinning: ThinningCounts,
    /// Junctions.
    pub(super) junctions: JunctionCounts,
    /// Objects.
    pub(super) objects: ObjectCounts,
}

impl Found {
    /// Adds what another worker found, or another dataflow.
    pub(super) fn merge(&mut self, other: Found) {
        self.foreground += other.foreground;
        self.amounts.add(&other.amounts, 1);
        self.unpruned_loops += other.unpruned_loops;
        self.thinning.add(&other.thinning);
        self.junctions.add(other.junctions, 1);
        self.objects.add(other.objects, 1);
        match (&mut self.projections, other.projections) {
            (Some(projections), Some(others)) => Projections::merge(projections, &others),
            (mine @ None, others) => *mine = others,
            (Some(_), None) => {}
        }
    }
}

/// The findings of all workers, at the first one; empty at the others.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) found: Found,
    pub(super) branches: Vec<Shared<BranchList<BranchMeasures>>>,
    /// Statistics of the branches, if there are any.
    pub(super) statistics: Option<Snapshot>,
    pub(super) isolated: Vec<Shared<Vec<Isolated<BranchMeasures>>>>,
    pub(super) skeletons: Vec<(ChunkId, Arc<Skeleton<Known>>)>,
    /// The objects, if there is a table of them.
    pub(super) objects: Vec<FoundObject>,
    /// What an image of labels of objects needs of chunks, if there is one.
    pub(super) labels: Vec<(ChunkId, Shared<LabelledChunk>)>,
    /// What is known of a segmentation, if the image is one.
    pub(super) segmentation: Option<LabelsFound>,
}

impl Report {
    /// Adds the findings of another dataflow; statistics are those of neither then.
    pub(super) fn merge(&mut self, other: Report) {
        self.found.merge(other.found);
        self.branches.extend(other.branches);
        self.isolated.extend(other.isolated);
        self.skeletons.extend(other.skeletons);
        self.objects.extend(other.objects);
        self.labels.extend(other.labels);
        self.statistics = None;
    }
}

/// What is known of labels when all classes have been analysed.
#[derive(Clone, Debug, Default)]
pub(super) struct LabelsFound {
    /// The number of voxels of each label.
    pub(super) voxels: BTreeMap<i64, u64>,
    /// The sums over each label, if there is a table of them; empty but at the first worker.
    pub(super) objects: Option<LabelSums>,
    /// Number of classes.
    pub(super) classes: u64,
}
