//! The objects of an image alone, without thinning.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Exchange, Inspect, Probe};
use timely::worker::Worker;

use super::label_objects::measure_labels;
use super::masks::{masks, measured_values};
use super::outputs::{Destination, write_into};
use super::pipeline::Running;
use super::threshold::threshold;
use super::{Analysis, Counts, warnings};
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::mask::binarise::Binary;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::network::octree::Octree;
use crate::kernel::objects::labels::{LabelledChunk, ObjectLabels};
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::sums::Object;
use crate::kernel::thin::change::Change;
use crate::operators::binarise::{Binaries, Watch};
use crate::operators::failure::Failure;
use crate::operators::held::HoldLatest;
use crate::operators::objects::find::{FindObjects, ObjectPlan, mask_of};
use crate::operators::objects::measure::measured;
use crate::operators::objects::seams::KnownLinks;
use crate::operators::objects::{JoinObjects, JoinParts};
use crate::operators::overlap::Padded;
use crate::operators::shared::Shared;
use crate::operators::volume::confined_volume;
use crate::operators::window::Window;
use crate::parameters::Described;
use crate::progress::{ProgressState, Stage};
use crate::store::output::folder::OBJECTS;
use crate::table::objects::Objects;

/// The objects of an image.
#[derive(Debug)]
#[non_exhaustive]
pub struct ObjectResults {
    /// The threshold that was used.
    pub threshold: Threshold,
    /// The table of objects; without skeletons, since nothing was thinned.
    pub table: Objects,
    /// The labels of objects, if there is an image of them.
    pub labels: Option<Arc<ObjectLabels>>,
    /// Number of foreground voxels.
    pub foreground: u64,
    /// Number of voxels that were analysed: those inside the mask of a region of interest, or all.
    pub volume: u64,
}

/// The summary of objects alone: the contents of `summary.json`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ObjectSummary {
    /// The version of this crate.
    pub version: &'static str,
    /// The parameters that results depend on.
    pub parameters: Described,
    /// Warnings about the numbers for users, one sentence each.
    pub warnings: Vec<String>,
    /// Number of objects, if they are connected components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<u64>,
    /// Number of labels, if these are the objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<u64>,
    /// Number of foreground voxels.
    pub foreground_voxels: u64,
    /// Foreground voxels divided by voxels of the volume.
    pub foreground_fraction: f64,
}

/// What a worker has found.
#[derive(Debug, Default)]
struct Found {
    /// All objects, at the first worker.
    objects: Vec<Object<ObjectSums>>,
    /// What an image of labels needs of chunks, there too.
    labels: Vec<(ChunkId, Shared<LabelledChunk>)>,
}

impl Analysis {
    /// Finds and measures the objects of the image, or its labels: what `anabranch objects` does. Nothing is thinned, so it is
    /// not known how many skeletons an object has. Takes nearly linear time in the foreground, and memory for chunks in flight, for the
    /// sides of all chunks, and for each object.
    ///
    /// # Errors
    /// If the image cannot be read; any error reported to `running`; `Usage` if other processes share the work.
    pub fn find_objects(&self, mut running: Running<'_>) -> Result<ObjectResults> {
        if running.team.is_some() {
            return Err(Error::usage("objects alone are found by one process"));
        }
        if self.labels.is_some() {
            return self.find_labels(running);
        }
        let window = || Window::new(self.allotted.window);
        let (passes, window) = (std::array::from_fn(|_| window()), window());
        let (analysis, shared, progress) = (self.clone(), running.failure.clone(), Arc::clone(&running.progress));
        let logic = move |worker: &mut Worker| {
            let (threshold, _) = threshold(worker, &analysis, &passes, &shared, &progress)?;
            Ok((threshold, find(worker, &analysis, threshold, window.clone(), &shared, &progress)?))
        };
        let ((threshold, Found { objects, labels }), _) = running.on_workers(self.allotted.workers, logic)?;
        let plan = self.object_plan();
        let labels = labels.into_iter().map(|(id, labels)| (id, labels.into_inner()));
        let labels = plan.labels.then(|| Arc::new(ObjectLabels::new(labels, self.grid)));
        self.objects_of(threshold, Objects::alone(objects, self.grid.bounds()), labels)
    }

    /// The labels of a segmentation as objects.
    fn find_labels(&self, mut running: Running<'_>) -> Result<ObjectResults> {
        let window = Window::new(self.allotted.window);
        let (analysis, shared, progress) = (self.clone(), running.failure.clone(), Arc::clone(&running.progress));
        let logic = move |worker: &mut Worker| measure_labels(worker, &analysis, window.clone(), &shared, &progress);
        let (sums, _) = running.on_workers(self.allotted.workers, logic)?;
        let table = Objects::of_labels(self.numbered(sums), None, self.grid.bounds());
        self.objects_of(Threshold::Nonzero, table, None)
    }

    fn objects_of(
        &self,
        threshold: Threshold,
        table: Objects,
        labels: Option<Arc<ObjectLabels>>,
    ) -> Result<ObjectResults> {
        let volume = confined_volume(&*self.source, &self.grid, self.allotted.workers)?;
        Ok(ObjectResults { threshold, foreground: table.voxels(), table, labels, volume })
    }

    /// Writes objects into a folder: `objects.csv`, `summary.json` and `run.json`. Returns the summary.
    ///
    /// # Errors
    /// As [`Analysis::write`](super::Analysis::write); `Data` if a warning is an error.
    pub fn write_objects(&self, results: &ObjectResults, to: Destination<'_>) -> Result<ObjectSummary> {
        let Destination { folder, started, strict, circumstances, .. } = to;
        let analysed = started.elapsed();
        let (frame, threads) = (self.frame(), self.allotted.workers);
        write_into(&folder, OBJECTS, |file| results.table.write_csv(&frame, threads, file))?;
        if let Some(labels) = &results.labels {
            self.write_labels(&folder, labels)?;
        }
        let warnings = warnings::of_objects(self, results)?;
        if let (true, Some(first)) = (strict, warnings.first()) {
            return Err(Error::data(format!("{first} (--strict)")).at(&self.source.description().name));
        }
        let summary = ObjectSummary {
            version: env!("CARGO_PKG_VERSION"),
            parameters: self.settled.described(self.source.description(), results.threshold, self.is_of_tiles()),
            warnings,
            objects: (!results.table.are_labels()).then_some(results.table.len() as u64),
            labels: results.table.are_labels().then_some(results.table.len() as u64),
            foreground_voxels: results.foreground,
            foreground_fraction: results.foreground as f64 / results.volume.max(1) as f64,
        };
        let text = serde_json::to_string_pretty(&summary)
            .map_err(|error| Error::internal("the summary cannot be written as JSON").because(error))?;
        folder.write("summary.json", text + "\n")?;
        let outputs = folder.written().into_iter().chain(["run.json"]).collect();
        let counts = Counts { chunks_read: self.chunks_to_read() as u64, ..Counts::default() };
        folder.write("run.json", self.record(&circumstances, counts, outputs, [analysed, started.elapsed()])?)?;
        folder.commit()?;
        Ok(summary)
    }
}

/// Counts the chunks whose masks are made.
struct Progress(Arc<ProgressState>);

impl Watch for Progress {
    fn see(&mut self, _: &Padded) {}

    fn made(&mut self, _: ChunkId, _: Option<&Binary>) {
        self.0.chunk_done(Stage::Reading);
    }
}

/// Runs the dataflow on one worker.
fn find(
    worker: &mut Worker,
    analysis: &Analysis,
    threshold: Threshold,
    window: Window,
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<Found> {
    let kernel = analysis.binarise(threshold, analysis.allotted.keep);
    let selection = analysis.chunks_to_binarise(&kernel)?;
    state.begin(Stage::Reading, selection.of_process(&analysis.grid, worker.index(), worker.peers()));
    let (found, probe, reading) = (Rc::new(RefCell::new(Found::default())), Handle::new(), Arc::clone(state));
    let [to_report, gathered] = [&found; 2].map(Rc::clone);
    worker.dataflow::<u64, _, _>(|scope| {
        let watch = Progress(reading);
        let (binaries, _) = masks(scope, analysis, kernel, (selection, None), (&window, failure), watch);
        let Binaries { masks, foregrounds, .. } = binaries;
        let plan = ObjectPlan { table: true, ..analysis.object_plan() };
        let (source, foregrounds) = measured_values(analysis, foregrounds);
        let find = move |id, change: &Change, foreground: &_| {
            let mask = &*mask_of(change)?;
            measured(&plan, id, mask, &plan.grid.region(id), foreground, Some(&source))
        };
        // The masks themselves are not needed any more.
        let (_, locals) = masks.find_objects(foregrounds, find, failure.clone());
        let octree = Octree::new(plan.grid);
        let (parts, labels) =
            locals.held().object_parts(octree, plan.connectivity, plan.labels, &KnownLinks::default());
        labels
            .inner
            .exchange(|_| 0)
            .inspect(move |(labels, _, _)| gathered.borrow_mut().labels.push(labels.clone()))
            .probe_with(&probe);
        parts
            .join_parts(octree)
            .inner
            .exchange(|_| 0)
            .inspect(move |((_, object), _, _)| to_report.borrow_mut().objects.push(object.clone()))
            .probe_with(&probe);
    });
    worker.step_or_park_while(None, || !probe.done());
    Ok(found.take())
}
