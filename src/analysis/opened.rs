//! The outputs of an analysis, read back.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::store::file::read_failed;
use crate::store::output::folder::{ATLAS, BRANCHES, NODES, SKELETONS};
use crate::store::{OpenOptions, Source, open};
use crate::table::read::TableText;

/// The outputs in a folder that `anabranch run`, or [`Analysis::write`](super::Analysis::write), has written.
#[non_exhaustive]
pub struct Outputs {
    /// Their folder.
    pub(super) folder: PathBuf,
    /// The branch table, by columns.
    pub table: TableText,
    /// The table of nodes, by columns; `None` where only skan's columns were asked for.
    pub nodes: Option<TableText>,
    /// The table of skeletons, by columns, likewise.
    pub skeletons: Option<TableText>,
    /// The table of regions, by columns; `None` without an atlas.
    pub atlas: Option<TableText>,
    /// `summary.json`.
    pub summary: Value,
    /// `run.json`: how it ran.
    pub run: Value,
    /// The skeleton: 1 at its voxels.
    pub skeleton: Box<dyn Source>,
}

/// Columns that every branch table has.
const NEEDED: [&str; 6] =
    ["skeleton_id", "node_id_src", "node_id_dst", "branch_distance", "branch_type", "euclidean_distance"];

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").field("table", &self.table).field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Outputs {
    /// Reads the tables, the summary and the parameters, and opens the skeleton. Takes time and memory in proportion to the
    /// tables.
    ///
    /// # Errors
    /// `Missing` if one of the files does not exist; `Data` if one of them is not what a run writes, by its line, or if tables
    /// and summary contradict each other.
    pub fn open(folder: impl AsRef<Path>) -> Result<Outputs> {
        let folder = folder.as_ref();
        let opened = |name: &str| {
            let path = folder.join(name);
            File::open(&path).map(BufReader::new).map_err(|error| read_failed(&error).at(&path))
        };
        let json = |name: &str| -> Result<Value> {
            serde_json::from_reader(opened(name)?).map_err(|error| {
                let message = "is not what a run writes; run the analysis again";
                Error::new(Kind::Data, message).because(error).at(folder.join(name))
            })
        };
        let table = |name: &str| TableText::read(opened(name)?).map_err(|error| error.at(folder.join(name)));
        let optional = |name: &str| folder.join(name).exists().then(|| table(name)).transpose();
        let (nodes, skeletons, atlas) = (optional(NODES)?, optional(SKELETONS)?, optional(ATLAS)?);
        let table = table(BRANCHES)?;
        table.require(&NEEDED).map_err(|error| error.at(folder.join(BRANCHES)))?;
        // Labels have all bits; ones are ones.
        let options = OpenOptions { labels: true, ..OpenOptions::default() };
        let skeleton = open(&folder.join("skeleton.zarr"), &options)?;
        let (summary, run, folder) = (json("summary.json")?, json("run.json")?, folder.to_owned());
        if !are_of_one_run(&table, nodes.as_ref(), skeletons.as_ref(), &summary) {
            return Err(Error::data("holds outputs that are not of one run; run the analysis again").at(folder));
        }
        Ok(Outputs { folder, table, nodes, skeletons, atlas, summary, run, skeleton })
    }

    /// The parameters that the results depend on, as the summary has them.
    pub fn parameters(&self) -> &Value {
        &self.summary["parameters"]
    }
}

/// Whether nodes have as many ends of branches as they say, skeletons as many branches, and the summary counts all of them.
/// What a table does not tell contradicts nothing.
fn are_of_one_run(
    branches: &TableText,
    nodes: Option<&TableText>,
    skeletons: Option<&TableText>,
    summary: &Value,
) -> bool {
    // The table tells how often each id occurs, and all that occur are in it.
    let agrees = |table: Option<&TableText>, [id, count]: [&str; 2], columns: &[&str]| {
        let told = table.and_then(|table| table.column(id).zip(table.column(count)));
        told.is_none_or(|(ids, told)| {
            let mut counts: HashMap<u64, f64> = HashMap::new();
            for id in columns.iter().filter_map(|name| branches.column(name)).flatten() {
                *counts.entry(id.to_bits()).or_default() += 1.0;
            }
            let of = |id: &f64| counts.get(&id.to_bits()).copied().unwrap_or(0.0);
            let sum: f64 = told.iter().sum();
            ids.iter().zip(told).all(|(id, told)| of(id) == *told) && sum == (branches.len() * columns.len()) as f64
        })
    };
    agrees(nodes, ["node_id", "degree"], &["node_id_src", "node_id_dst"])
        && agrees(skeletons, ["skeleton_id", "branches"], &["skeleton_id"])
        && summary["branches"].as_u64().is_none_or(|count| count == branches.len() as u64)
}
