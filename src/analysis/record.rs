//! `run.json`: how an analysis ran, and everything that results do not depend on.

use std::time::Duration;

use serde::Serialize;

use super::{Analysis, Counts};
use crate::error::{Error, Result};
use crate::memory::peak_memory;
use crate::operators::read::Selection;
use crate::store::{is_address, resolved};

/// How it ran.
#[derive(Debug, Serialize)]
struct RunRecord<'a> {
    program: &'static str,
    version: &'static str,
    arguments: &'a [String],
    /// The outputs of this run, which another run may replace.
    outputs: Vec<&'static str>,
    input: &'a str,
    image: ImageName,
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<&'a serde_json::Value>,
    /// What was understood about the input, in a line.
    understood: String,
    /// The origin of the spacing, unless voxels count as one long. Not among the parameters: the same voxels make the
    /// same results, wherever their size comes from.
    spacing_from: Option<&'a str>,
    chunk: &'a [usize],
    chunks: usize,
    chunks_in_flight: usize,
    /// How it was thinned: by `planes`, which the workers of one process hand on, or by `chunks`, in rounds.
    engine: &'static str,
    processes: usize,
    workers: usize,
    seconds_until_branches: f64,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    /// The sum of the peaks of all processes.
    peak_memory_bytes_of_all: Option<u64>,
    #[serde(flatten)]
    counts: Counts,
}

/// The image that a run analysed: the outputs of another image are only replaced if asked for.
#[derive(Debug, Serialize)]
pub(super) struct ImageName {
    /// Its path, without links and relative parts; an address as messages show it.
    path: String,
    channel: Option<usize>,
    time: Option<usize>,
    region: Option<String>,
}

/// What only the caller of a run knows.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Circumstances {
    /// The arguments of the program, without secrets.
    pub arguments: Vec<String>,
    /// The folder of the state, if there is one.
    pub state: Option<String>,
    /// The folder of the checkpoint, if there is one: as long as it is there, the same run may write these outputs again.
    pub checkpoint: Option<String>,
    /// What the results depend on, if they are part of a batch, which tells by it whether they must be made again.
    pub batch: Option<serde_json::Value>,
    /// The sum of the peak memory of the other processes of the run, in bytes.
    pub memory_of_others: u64,
}

impl Analysis {
    /// The image that was analysed.
    pub(super) fn image_name(&self) -> ImageName {
        let image = &self.settled.asked.image;
        let path = match &self.path {
            Some(path) if !is_address(path) => resolved(path).to_string_lossy().into_owned(),
            _ => self.source.description().name.clone(),
        };
        ImageName { path, channel: image.channel, time: image.time, region: image.region_text() }
    }

    /// The text of `run.json`.
    pub(super) fn record(
        &self,
        circumstances: &Circumstances,
        counts: Counts,
        outputs: Vec<&'static str>,
        [analysed, all]: [Duration; 2],
    ) -> Result<String> {
        let peak = peak_memory();
        let record = RunRecord {
            program: "anabranch",
            version: env!("CARGO_PKG_VERSION"),
            arguments: &circumstances.arguments,
            outputs,
            input: &self.source.description().name,
            image: self.image_name(),
            state: circumstances.state.as_deref(),
            checkpoint: circumstances.checkpoint.as_deref(),
            batch: circumstances.batch.as_ref(),
            understood: self.image.headline(),
            spacing_from: Some(&*self.image.details.spacing_from).filter(|from| !from.is_empty()),
            chunk: &self.grid.chunk_shape(),
            chunks: Selection::All.count(&self.grid),
            chunks_in_flight: self.allotted.window,
            engine: if counts.by_planes { "planes" } else { "chunks" },
            processes: self.allotted.processes,
            workers: self.allotted.workers,
            seconds_until_branches: analysed.as_secs_f64(),
            seconds: all.as_secs_f64(),
            peak_memory_bytes: peak,
            peak_memory_bytes_of_all: peak.map(|own| own + circumstances.memory_of_others),
            counts,
        };
        let text = serde_json::to_string_pretty(&record)
            .map_err(|error| Error::internal("run.json cannot be written as JSON").because(error))?;
        Ok(text + "\n")
    }
}
