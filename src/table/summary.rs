//! The summary of a run: what `summary.json` holds.

use serde::{Serialize, Serializer};

use crate::table::statistics::{Describe, Snapshot};

/// What a summary tells besides the statistics of the rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Number of connected components, isolated voxels included.
    pub skeletons: u64,
    /// Number of skeleton voxels.
    pub skeleton_voxels: u64,
    /// Number of foreground voxels of the mask.
    pub foreground_voxels: u64,
    /// Number of voxels of the volume.
    pub voxels: u64,
}

/// A summary, to be written as JSON. It depends on the content and the parameters only: the same bytes for every
/// chunking and history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary<P> {
    /// The version of this crate.
    pub version: &'static str,
    /// The parameters that results depend on.
    pub parameters: P,
    /// What users should know before relying on the numbers, each in a sentence.
    pub warnings: Vec<String>,
    /// Number of branches.
    pub branches: u64,
    /// Number of branches by what they join.
    pub branches_by_kind: Kinds,
    /// Sum of the lengths of all branches.
    pub total_length: f64,
    /// Number of connected components of the skeleton, isolated voxels included.
    pub skeletons: u64,
    /// Number of skeleton voxels.
    pub skeleton_voxels: u64,
    /// Foreground voxels by voxels of the volume.
    pub foreground_fraction: f64,
    /// What has not arrived, where arrival is tracked.
    #[serde(flatten)]
    pub awaited: Option<Awaited>,
    /// Distributions of the columns that are described, by their names.
    #[serde(flatten, serialize_with = "as_map")]
    pub described: Vec<(String, Describe)>,
}

fn as_map<S: Serializer>(described: &[(String, Describe)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(described.iter().map(|(name, described)| (name, described)))
}

/// Numbers of branches by what they join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kinds {
    /// Two tips.
    pub tip_to_tip: i64,
    /// A tip and a junction.
    pub tip_to_junction: i64,
    /// Two junctions.
    pub junction_to_junction: i64,
    /// A voxel with itself.
    pub cycle: i64,
}

/// What has not arrived of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Awaited {
    /// Number of branches near something that has not arrived.
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
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            parameters,
            warnings: Vec::new(),
            branches: statistics.branches(),
            branches_by_kind: Kinds { tip_to_tip, tip_to_junction, junction_to_junction, cycle },
            total_length: statistics.total_length,
            skeletons: totals.skeletons,
            skeleton_voxels: totals.skeleton_voxels,
            foreground_fraction: match totals.voxels {
                0 => 0.0,
                voxels => totals.foreground_voxels as f64 / voxels as f64,
            },
            awaited: None,
            described: statistics.described.clone(),
        }
    }

    /// The same summary, which also tells what has not arrived.
    #[must_use]
    pub fn with_awaited(mut self, awaited: Awaited) -> Self {
        self.awaited = Some(awaited);
        self
    }

    /// The summary as indented JSON, with a newline at its end.
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
