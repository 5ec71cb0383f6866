//! The summary of a run: the contents of `summary.json`.

use serde::{Deserialize, Serialize, Serializer};

use crate::kernel::filter::amount::{Amount, Amounts};
use crate::kernel::filter::rule::Filter;
use crate::table::labels::LabelTotals;
use crate::table::statistics::{Describe, RadiusClass, Snapshot};

/// The counts of a summary that do not follow from the rows.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Number of connected components, isolated voxels included.
    pub skeletons: u64,
    /// Number of skeleton voxels.
    pub skeleton_voxels: u64,
    /// Number of foreground voxels of the mask.
    pub foreground_voxels: u64,
    /// What filters of the foreground have changed.
    pub filtered: FilteredTotals,
    /// Number of voxels of the volume.
    pub voxels: u64,
    /// Volume of a voxel in the unit of the spacing; in 2-D, its area.
    pub voxel_volume: f64,
    /// Number of skeleton voxels without neighbours.
    pub isolated_voxels: u64,
    /// Numbers of junctions.
    pub junctions: JunctionCounts,
    /// Numbers of objects.
    pub objects: ObjectCounts,
}

/// What filters of the foreground have changed: for each that was asked for, in the order in which they work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilteredTotals {
    /// Objects without a strong voxel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hysteresis: Option<Removed>,
    /// Holes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_holes: Option<Filled>,
    /// Small objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_smaller: Option<Removed>,
    /// Objects that are not among the largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_largest: Option<Removed>,
}

impl FilteredTotals {
    /// What some filters have changed.
    pub fn new(filters: &[Filter], amounts: &Amounts) -> Self {
        let mut totals = FilteredTotals::default();
        for filter in filters {
            match *filter {
                Filter::Hysteresis => totals.hysteresis = Some(amounts.weak.into()),
                Filter::FillHoles(_) => totals.fill_holes = Some(amounts.holes.into()),
                Filter::RemoveSmaller(..) => totals.remove_smaller = Some(amounts.smaller.into()),
                Filter::KeepLargest { least, .. } => {
                    totals.remove_smaller = (least > 0).then(|| amounts.smaller.into());
                    totals.keep_largest = Some(amounts.largest.into());
                }
            }
        }
        totals
    }

    fn is_empty(&self) -> bool {
        *self == FilteredTotals::default()
    }
}

/// Objects that were removed before thinning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Their number.
    pub objects_removed: i64,
    /// Their voxels.
    pub voxels_removed: i64,
}

/// Holes that were filled before thinning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// Their number.
    pub holes_filled: i64,
    /// Their voxels.
    pub voxels_filled: i64,
}

impl From<Amount> for Removed {
    fn from(amount: Amount) -> Removed {
        Removed { objects_removed: amount.components, voxels_removed: amount.voxels }
    }
}

impl From<Amount> for Filled {
    fn from(amount: Amount) -> Filled {
        Filled { holes_filled: amount.components, voxels_filled: amount.voxels }
    }
}

/// Numbers of junctions, or differences of them, counted by voxels and with neighbouring voxels joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JunctionCounts {
    /// Voxels at which three or more branches end.
    pub voxels: i64,
    /// Groups of neighbouring such voxels.
    pub joined: i64,
}

impl JunctionCounts {
    /// Adds `more` multiplied by `times`.
    pub fn add(&mut self, more: JunctionCounts, times: i64) {
        self.voxels += more.voxels * times;
        self.joined += more.joined * times;
    }
}

/// Numbers of objects, or differences of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectCounts {
    /// Connected components of the foreground.
    pub objects: i64,
    /// Those of which no voxel is a skeleton voxel.
    pub lost: i64,
    /// The voxels of those.
    pub lost_voxels: i64,
}

impl ObjectCounts {
    /// Adds `more` multiplied by `times`.
    pub fn add(&mut self, more: ObjectCounts, times: i64) {
        self.objects += more.objects * times;
        self.lost += more.lost * times;
        self.lost_voxels += more.lost_voxels * times;
    }
}

/// A summary in the form of the JSON file. It depends on the content and the parameters alone, with the same bytes for
/// every chunk shape and history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary<P> {
    /// The version of this crate.
    pub version: &'static str,
    /// The parameters that results depend on.
    pub parameters: P,
    /// Warnings about the numbers for users, one sentence each.
    pub warnings: Vec<String>,
    /// Number of branches.
    pub branches: u64,
    /// Numbers of branches by kind.
    pub branches_by_kind: Kinds,
    /// Sum of the lengths of all branches.
    pub total_length: f64,
    /// Number of connected components of the skeleton, isolated voxels included.
    pub skeletons: u64,
    /// Number of skeleton voxels.
    pub skeleton_voxels: u64,
    /// Number of tips: nodes at which exactly one branch ends.
    pub tips: i64,
    /// Number of junctions: groups of neighbouring nodes at which three or more branches end.
    pub junctions: i64,
    /// Number of voxels of junctions, each of which skan counts as a junction.
    pub junction_voxels: i64,
    /// Number of independent loops: branches - nodes + skeletons.
    pub loops: i64,
    /// Number of objects: connected components of the foreground, after filters.
    pub objects: i64,
    /// Number of objects of which thinning left no voxel.
    pub lost_objects: i64,
    /// Number of foreground voxels of those.
    pub lost_voxels: i64,
    /// What filters of the foreground have changed, if there are any.
    #[serde(skip_serializing_if = "FilteredTotals::is_empty")]
    pub filtered: FilteredTotals,
    /// Numbers of labels, if the image is of labels.
    #[serde(flatten)]
    pub labels: Option<LabelTotals>,
    /// Foreground voxels divided by voxels of the volume, after filters.
    pub foreground_fraction: f64,
    /// Length, branches and junctions per volume of the image.
    pub density: Density,
    /// Branches by classes of their mean radii, if radii are measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_by_radius: Option<Vec<RadiusClass>>,
    /// Counts of what has not arrived, if arrival is tracked.
    #[serde(flatten)]
    pub awaited: Option<Awaited>,
    /// Distributions of the columns that statistics include, by their names.
    #[serde(flatten, serialize_with = "as_map")]
    pub described: Vec<(String, Describe)>,
}

fn as_map<S: Serializer>(described: &[(String, Describe)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(described.iter().map(|(name, described)| (name, described)))
}

/// Length, branches and junctions per volume of the image, in the unit of the spacing; in 2-D, per area. `None` if the
/// image has no voxels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Density {
    /// Volume of the image.
    pub image_volume: f64,
    /// Sum of the lengths of all branches, divided by the volume.
    pub length_per_volume: Option<f64>,
    /// Number of branches, divided by the volume.
    pub branches_per_volume: Option<f64>,
    /// Number of junctions, with neighbouring voxels joined, divided by the volume.
    pub junctions_per_volume: Option<f64>,
}

/// Numbers of branches by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kinds {
    /// Two tips.
    pub tip_to_tip: i64,
    /// A tip and a junction.
    pub tip_to_junction: i64,
    /// Two junctions.
    pub junction_to_junction: i64,
    /// One voxel with itself.
    pub cycle: i64,
}

/// Counts of what has not arrived of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Awaited {
    /// Number of branches near units that have not arrived.
    pub provisional_branches: u64,
    /// Number of units of the volume, arrived or not.
    pub units: u64,
    /// Number of units that have not arrived.
    pub missing: u64,
}

impl<P: Serialize> Summary<P> {
    /// The summary of rows and totals, under parameters.
    pub fn new(parameters: P, totals: &Totals, statistics: &Snapshot) -> Self {
        let [tip_to_tip, tip_to_junction, junction_to_junction, cycle] = statistics.kinds;
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        // Each tip is an end of exactly one branch.
        let tips = 2 * tip_to_tip + tip_to_junction;
        let nodes = tips + totals.junctions.voxels + whole(totals.isolated_voxels) + statistics.isolated_cycles;
        let image_volume = totals.voxels as f64 * totals.voxel_volume;
        let per_volume = |amount: f64| (totals.voxels > 0).then(|| amount / image_volume);
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            parameters,
            warnings: Vec::new(),
            branches: statistics.branches(),
            branches_by_kind: Kinds { tip_to_tip, tip_to_junction, junction_to_junction, cycle },
            total_length: statistics.total_length,
            skeletons: totals.skeletons,
            skeleton_voxels: totals.skeleton_voxels,
            tips,
            junctions: totals.junctions.joined,
            junction_voxels: totals.junctions.voxels,
            loops: statistics.kinds.iter().sum::<i64>() - nodes + whole(totals.skeletons),
            objects: totals.objects.objects,
            lost_objects: totals.objects.lost,
            lost_voxels: totals.objects.lost_voxels,
            filtered: totals.filtered,
            labels: None,
            foreground_fraction: match totals.voxels {
                0 => 0.0,
                voxels => totals.foreground_voxels as f64 / voxels as f64,
            },
            density: Density {
                image_volume,
                length_per_volume: per_volume(statistics.total_length),
                branches_per_volume: per_volume(statistics.branches() as f64),
                junctions_per_volume: per_volume(totals.junctions.joined as f64),
            },
            length_by_radius: statistics.length_by_radius.clone(),
            awaited: None,
            described: statistics.described.clone(),
        }
    }

    /// Adds counts of what has not arrived.
    #[must_use]
    pub fn with_awaited(mut self, awaited: Awaited) -> Self {
        self.awaited = Some(awaited);
        self
    }

    /// The summary as indented JSON, with a trailing newline.
    ///
    /// # Errors
    /// If the parameters cannot be written as JSON.
    #[cfg(feature = "analysis")]
    pub fn to_json(&self) -> crate::error::Result<String> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| crate::error::Error::internal("the summary cannot be written as JSON").because(e))?;
        Ok(text + "\n")
    }
}
