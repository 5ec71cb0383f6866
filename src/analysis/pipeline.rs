//! The dataflow of an analysis: from stored chunks to skeleton and branches.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, Exchange, Inspect, Probe, ToStream};
use timely::worker::Worker;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::objects::labels::ObjectLabels;
use crate::kernel::shelf::Shelf;
use crate::kernel::thin::change::Change;
use crate::memory::{much_is_freed, no_threads};
use crate::operators::attic::{Attic, Overflow};
use crate::operators::batch::BatchRecords;
use crate::operators::binarise::Binaries;
use crate::operators::failure::Failure;
use crate::operators::network::{MeasureNetwork, NetworkPlan};
use crate::operators::objects::findings::find;
use crate::operators::objects::seams::KnownLinks;
use crate::operators::radii::{HeldMask, KeptRadii, MaskStore, Originals};
use crate::operators::read::Selection;
use crate::operators::resume::ResumeChunks;
use crate::operators::sample::SampleChunks;
use crate::operators::shared::Shared;
use crate::operators::thin::{ThinningCounts, ThinningPlan};
use crate::operators::thin_masks::ThinMasks;
use crate::operators::thin_planes::{Inflow, Provisions};
use crate::operators::volume::confined_volume;
use crate::operators::window::Window;
use crate::operators::write::WriteSkeletons;
use crate::progress::{ProgressState, Stage};
use crate::space::Voxel;
use crate::store::output::{OutputFolder, SkeletonImage};
use crate::table::statistics::Statistics;

use super::checkpointed::{KeptChunks, KnownObjects};
use super::chunks_seen::ChunksSeen;
use super::labels::{Windows, analyse_classes};
use super::masks::{masks, measured_values};
use super::outputs::write_labels;
use super::projected::Projected;
use super::report::{Found, Report};
use super::threshold::threshold;
use super::{Analysis, Counts, Results, Team};

/// How an analysis runs: its progress, its errors, and the processes that share the work.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Running<'a> {
    /// Counts its progress.
    pub progress: Arc<ProgressState>,
    /// Collects errors. One that a caller reports here, from any thread, ends the analysis.
    pub failure: Failure,
    /// The processes that share the work.
    pub team: Option<&'a mut Team>,
    /// Where what has been done is kept, and from which the analysis goes on: of [`Analysis::checkpoint`].
    pub checkpoint: Option<Checkpoint>,
}

impl Running<'_> {
    /// Runs a closure on some workers, together with those of the team's other processes. Returns what the first worker of
    /// this process does, and the bytes that this process has sent to others.
    ///
    /// # Errors
    /// The error that was reported first; `Internal` if a worker stops.
    pub(super) fn on_workers<T: Send + 'static>(
        &mut self,
        workers: usize,
        logic: impl Fn(&mut Worker) -> Result<T> + Send + Sync + 'static,
    ) -> Result<(T, u64)> {
        let (results, sent) = match &mut self.team {
            Some(team) => team.execute(workers, &self.failure, logic)?,
            None => {
                let guards = timely::execute(timely::Config::process(workers), logic).map_err(no_threads)?;
                (guards.join().into_iter().collect(), 0)
            }
        };
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let stopped = |reason| Error::internal("a worker has stopped").because(reason);
        let found: Result<Vec<T>> =
            results.into_iter().map(|result| result.map_err(stopped).and_then(|it| it)).collect();
        // The first worker has the findings of all.
        let first = found?.into_iter().next();
        Ok((first.ok_or_else(|| Error::internal("a run has at least one worker"))?, sent))
    }
}

/// The findings of all workers, at the first one. Projections go there in parts: it holds its own, and some parts of others.
fn gather(worker: &mut Worker, mut found: Found) -> Found {
    let (own, mut total) = (found.projections.take(), Found::default());
    let sent = match worker.index() {
        0 => {
            // Of masks and of what the network was made of; pictures and tables are next.
            much_is_freed();
            total.projections = own;
            None
        }
        _ => own,
    };
    let total = Rc::new(RefCell::new(total));
    let (gathered, projected) = (Rc::clone(&total), Rc::clone(&total));
    let probe = Handle::new();
    worker.dataflow::<u64, _, _>(|scope| {
        vec![found]
            .to_stream(scope)
            .container::<Vec<_>>()
            .exchange(|_| 0)
            .inspect(move |found| gathered.borrow_mut().merge(found.clone()))
            .probe_with(&probe);
        let parts = sent.into_iter().flat_map(|projections| projections.parts().collect::<Vec<_>>());
        let to_first = pact::Exchange::new(|_: &Projections| 0);
        parts
            .to_stream(scope)
            .container::<Vec<_>>()
            // In the operator that receives them: between two operators those of all other processes would wait, unpacked.
            .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(to_first, "MergeProjections", move |_, _| {
                move |input, _| {
                    input.for_each(|_, parts| {
                        for part in parts.drain(..) {
                            let new = || Projections::new(part.bounds(), part.dimensions());
                            projected.borrow_mut().projections.get_or_insert_with(new).merge(&part);
                        }
                    });
                }
            })
            .probe_with(&probe);
    });
    worker.step_or_park_while(None, || !probe.done());
    total.take()
}

/// Bytes of masks that a process holds in memory for radii. Others go to a file, which the system keeps in memory as long as
/// nothing else needs that.
const MASKS_IN_MEMORY: usize = 16 << 20;

/// Bytes of branches that a worker holds in memory. Others go to the same file.
const BRANCHES_IN_MEMORY: usize = 8 << 20;

/// The image that skeletons are written to, by the workers that own its chunks.
type Sink = Arc<SkeletonImage>;

impl Analysis {
    /// Runs the analysis, and holds its results in memory. Takes time in proportion to the image, and memory for chunks in
    /// flight, planes that are thinned, and the results. What masks take beyond 16 MiB lies in a file without a name in the
    /// system's folder for temporary files, and so do [branches](Results); it is gone with the process.
    ///
    /// # Errors
    /// If the image cannot be read; any error reported to `running`.
    pub fn run(&self, running: Running<'_>) -> Result<Results> {
        self.run_into(None, running)
    }

    /// The same, and writes the skeleton's array into a folder of outputs while it runs. The file of masks lies there.
    ///
    /// # Errors
    /// As [`Analysis::run`], or if the array cannot be written.
    pub fn run_into(&self, folder: Option<&OutputFolder>, mut running: Running<'_>) -> Result<Results> {
        let arrival = self.arrival()?;
        let image = folder.filter(|_| self.labels.is_none());
        let image =
            image.map(|folder| SkeletonImage::create(folder, &self.skeleton_form()).map(Arc::new)).transpose()?;
        if let (Some(team), Some(folder)) = (&running.team, folder) {
            team.say_ready(folder.run());
        }
        let (threshold, mut report, sent) = self.execute(folder.map(OutputFolder::folder), image, &mut running)?;
        let (mut segmentation, mut label_objects) = (None, None);
        if let (Some(image), Some(mut found)) = (&self.labels, report.segmentation.take()) {
            report.statistics = Some(self.statistics_of(&report));
            report.skeletons = self.labelled(image, std::mem::take(&mut report.skeletons))?;
            label_objects = found.objects.take().map(|sums| self.numbered(sums));
            segmentation = Some(found);
        }
        let Report { found, branches, statistics, isolated, skeletons, objects, labels, .. } = report;
        if let (Some(folder), true) = (folder, segmentation.is_some()) {
            write_labels(folder, &self.skeleton_form(), &skeletons, self.allotted.writers)?;
        }
        let labels = labels.into_iter().map(|(id, labels)| (id, labels.into_inner()));
        let object_labels = self.settled.asked.object_labels.then(|| Arc::new(ObjectLabels::new(labels, self.grid)));
        let thinning = &found.thinning;
        Ok(Results {
            threshold,
            branches,
            isolated: isolated.iter().flat_map(|voxels| voxels.iter().cloned()).collect(),
            skeletons,
            statistics: statistics.unwrap_or_else(|| Statistics::new(&self.network_plan().columns).snapshot()),
            foreground: found.foreground.saturating_add_signed(found.amounts.growth()),
            amounts: found.amounts,
            unpruned_loops: self.settled.pruning.is_any().then_some(found.unpruned_loops),
            junctions: found.junctions,
            object_counts: found.objects,
            object_labels,
            objects: (self.settled.asked.objects && label_objects.is_none()).then_some(objects),
            label_objects,
            volume: confined_volume(&*self.source, &self.grid, self.allotted.workers)?,
            projections: found.projections,
            arrival,
            labels: segmentation
                .as_ref()
                .map(|labels| labels.voxels.iter().map(|(&bits, &voxels)| (self.label(bits), voxels)).collect()),
            counts: Counts {
                classes: segmentation.map(|labels| labels.classes),
                by_planes: thinning.by_planes,
                chunks_read: self.chunks_to_read() as u64,
                chunks_activated: thinning.chunks as u64,
                chunks_with_foreground: thinning.chunks as u64,
                sub_iterations: thinning.sub_iterations as u64,
                rounds: thinning.rounds,
                deleted_voxels: thinning.deleted,
                messages_between_workers: thinning.messages,
                bytes_between_processes: sent,
                planes_put_aside: thinning.aside,
                ..Counts::default()
            },
        })
    }

    /// The part of any process but the first: analyses its own chunks, and writes into the folder of outputs at a path,
    /// which the first process has made, and to the checkpoint that it has opened, if it has. Returns the bytes of records that
    /// this process has sent.
    ///
    /// # Errors
    /// As [`Analysis::run_into`], and those of [`Checkpoint::join`].
    pub fn follow_into(&self, out: &Path, checkpoint: Option<&Path>, team: &mut Team) -> Result<u64> {
        let run = team.wait_until_ready()?;
        // The first process alone knows all labels.
        let image = match self.labels {
            Some(_) => None,
            None => Some(Arc::new(SkeletonImage::join(out, &run, &self.skeleton_form())?)),
        };
        let checkpoint = checkpoint.map(|path| Checkpoint::join(path, self.team_size())).transpose()?;
        let mut running = Running { team: Some(team), checkpoint, ..Running::default() };
        Ok(self.execute(Some(out), image, &mut running)?.2)
    }

    /// Returns the threshold that was used, the findings of all workers if this process gathers them, and the bytes
    /// that this process has sent to others.
    fn execute(
        &self,
        out: Option<&Path>,
        skeleton: Option<Sink>,
        running: &mut Running<'_>,
    ) -> Result<(Threshold, Report, u64)> {
        let window = || Window::new(self.allotted.window);
        let (passes, window, windows) =
            (std::array::from_fn(|_| window()), window(), Windows::new(self.allotted.window));
        let projected = Projected::default();
        let scratch = out.map_or_else(std::env::temp_dir, Path::to_owned);
        let (shared, progress) = (running.failure.clone(), Arc::clone(&running.progress));
        let store = Arc::new(MaskStore::new(Arc::new(Attic::new(scratch, shared.clone())), MASKS_IN_MEMORY));
        let (workers, analysis, kept) = (self.allotted.workers, self.clone(), running.checkpoint.take());
        let logic = move |worker: &mut Worker| {
            let (threshold, is_whole) = match kept.as_ref().and_then(Checkpoint::threshold) {
                Some(threshold) => (threshold, true),
                None => threshold(worker, &analysis, &passes, &shared, &progress)?,
            };
            // What follows from the threshold of a part is not kept. Another process may have failed to read the rest.
            let kept = kept.as_ref().filter(|_| is_whole);
            if let Some(image) = &analysis.labels {
                let of_class = |worker: &mut Worker, of_class: &Analysis, window| {
                    analyse(worker, of_class, threshold, (window, &projected, &store), (None, None), &shared, &progress)
                };
                let report = analyse_classes(worker, &analysis, image, &windows, &shared, &progress, of_class)?;
                return Ok((threshold, report));
            }
            if let Some(kept) = kept.filter(|kept| worker.index() == 0 && kept.threshold().is_none()) {
                // Others wait for this worker, also where it fails.
                kept.keep_threshold(threshold).unwrap_or_else(|error| shared.report(error));
            }
            let shared_by_workers = (window.clone(), &projected, &store);
            let files = (skeleton.clone(), kept);
            let report = analyse(worker, &analysis, threshold, shared_by_workers, files, &shared, &progress)?;
            Ok((threshold, report))
        };
        let ((threshold, report), sent) = running.on_workers(workers, logic)?;
        Ok((threshold, report, sent))
    }
}

/// Runs the dataflow on one worker.
fn analyse(
    worker: &mut Worker,
    analysis: &Analysis,
    threshold: Threshold,
    (window, projected, store): (Window, &Projected, &Arc<MaskStore>),
    (skeleton, kept): (Option<Sink>, Option<&Checkpoint>),
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<Report> {
    let kernel = analysis.binarise(threshold, analysis.allotted.keep);
    let shelf: Arc<dyn Shelf> = Arc::new(Overflow::new(Arc::clone(store.attic()), BRANCHES_IN_MEMORY));
    let (grid, plan) = (analysis.grid, NetworkPlan { shelf: Some(Arc::clone(&shelf)), ..analysis.network_plan() });
    let (description, method) = (analysis.source.description().clone(), analysis.settled.method);
    let selection = analysis.chunks_to_binarise(&kernel)?;
    let selected = selection.of_process(&grid, worker.index(), worker.peers());
    state.begin(Stage::Reading, selected);
    // Filters want all masks before the first comes out.
    let inflow = analysis.settled.filters.is_empty().then(|| Inflow {
        chunks: selection.clone(),
        window: window.clone(),
        reach: kernel.depth()[0].div_ceil(grid.chunk_shape()[0]),
    });
    let report = Rc::new(RefCell::new(Report::default()));
    let to_report = || Rc::clone(&report);
    let probe = Handle::new();
    let objects = KnownObjects::default();
    let new = |kept| KeptChunks::new(kept, analysis, worker.index(), &objects, failure);
    // A worker that cannot goes on with the others, which wait for it, to the end that all come to.
    let mut keeping = kept.and_then(|kept| new(kept).map_err(|error| failure.report(error)).ok());
    let rest = kept.map_or_else(|| selection.clone(), |kept| selection.without(&kept.chunks().collect(), &grid));
    worker.dataflow::<u64, _, _>(|scope| {
        let (counted, reading, picture) = (to_report(), Arc::clone(state), projected.clone());
        let (bounds, dimensions, fill) = (grid.bounds(), analysis.dimensions(), description.fill);
        let count = move |foreground| {
            counted.borrow_mut().found.foreground += foreground;
            reading.add_foreground(foreground);
            reading.chunk_done(Stage::Reading);
        };
        let (counted_before, picture_before, objects_before) = (count.clone(), projected.clone(), objects.clone());
        let before = keeping.as_mut().and_then(KeptChunks::take_read).map(|chunks| {
            scope.resume_chunks(chunks, failure.clone(), move |chunk, read| {
                objects_before.add(chunk, read.objects.take());
                picture_before.merge(bounds, dimensions, &read.projections);
                counted_before(read.count);
            })
        });
        let watch = ChunksSeen { grid, dimensions, fill, picture, keeping, parts: BTreeMap::new(), count };
        let (binaries, amounts) = masks(scope, analysis, kernel, (rest, before), (&window, failure), watch);
        let Binaries { masks, foregrounds, .. } = binaries;
        if let Some(amounts) = amounts {
            let filtered = to_report();
            amounts
                .inner
                .inspect(move |(amounts, _, diff)| filtered.borrow_mut().found.amounts.add(amounts, *diff as i64))
                .probe_with(&probe);
        }
        let (thinned, thinning) = (to_report(), Arc::clone(state));
        let watch = move |counts: &ThinningCounts| {
            thinning.begin(Stage::Thinning, 0);
            thinning.reach_round(counts.rounds);
            let known = &mut thinned.borrow_mut().found.thinning;
            thinning.add_deletions(counts.deleted - known.deleted);
            *known = *counts;
        };
        let held = Arc::clone(store);
        let originals = plan.radii.then(|| Originals {
            masks: masks.clone().flat_map(move |(id, change)| match change {
                Change::Mask(mask) => Some((id, HeldMask::apart(mask, Some(&held)))),
                Change::Recalled(mask) => Some((id, HeldMask::recalled(mask))),
                _ => None,
            }),
            bounds: Some(bounds).to_stream(scope).container(),
            measured: None,
            store: Some(Arc::clone(store)),
            kept: kept.map(|kept| KeptRadii::new(kept.clone(), scope.index(), failure.clone())),
        });
        let (values, foreground) = measured_values(analysis, foregrounds);
        let thinning_plan = ThinningPlan { grid, method, keep: false };
        let object_plan = analysis.object_plan();
        let known = move |chunk| objects.take(chunk);
        let (masks, found) = find(masks, foreground.clone(), object_plan, values.clone(), known, failure.clone());
        let planes = analysis.allotted.planes.map(|planes| planes / analysis.allotted.workers);
        let attic = Some(Arc::clone(store.attic()));
        let provisions = Provisions { inflow, checkpoint: kept.cloned(), first: None, attic, planes };
        let masks = masks.thin_masks(thinning_plan, provisions, watch, failure.clone());
        let collection = masks.sample(foreground, values, failure.clone());
        let network = collection.clone().network(originals, &plan);
        let skeletons = network.pruned.clone().unwrap_or(collection);
        if let Some(loops) = &network.unpruned_loops {
            let counted = to_report();
            loops.clone().inspect(move |more| counted.borrow_mut().found.unpruned_loops += more).probe_with(&probe);
        }
        // When the network is known, which takes memory of its own.
        let locals = found.rested(network.graph.parts.inner.clone(), Arc::clone(store.attic()));
        let objects =
            locals.join(&object_plan, skeletons.clone(), || network.graph.first_voxels(), &KnownLinks::default());
        let (counted, listed, joined) = (to_report(), to_report(), objects.counts.inner.clone());
        objects
            .counts
            .inner
            .inspect(move |(counts, _, diff)| counted.borrow_mut().found.objects.add(*counts, *diff as i64))
            .probe_with(&probe);
        if let Some(table) = objects.table {
            table
                .inner
                .exchange(|_| 0)
                .inspect(move |(object, _, _)| listed.borrow_mut().objects.push(object.clone()))
                .probe_with(&probe);
        }
        if let Some(labels) = objects.labels {
            let gathered = to_report();
            labels
                .inner
                .exchange(|_| 0)
                .inspect(move |(labels, _, _)| gathered.borrow_mut().labels.push(labels.clone()))
                .probe_with(&probe);
        }
        let skeletons = skeletons.inner.map(|(skeleton, _, _)| skeleton);
        if let Some(image) = skeleton {
            let grids = image.grids().map(|grid| grid.among(analysis.allotted.processes)).collect();
            let levels = image.levels().clone();
            let write = move |level, id, voxels: &[Voxel]| image.write_chunk(level, id, voxels);
            // Not before objects are joined: each takes memory of its own.
            let joined = joined.flat_map(|_| None);
            let written = skeletons.concat(joined);
            let attic = Arc::clone(store.attic());
            written.write_skeletons(levels, grids, write, attic, failure.clone()).probe_with(&probe);
        }
        let (parts, isolated, gathered, described) = (to_report(), to_report(), to_report(), to_report());
        let processes = analysis.allotted.processes;
        network
            .statistics(Some(Arc::clone(store.attic()) as _))
            .inspect(move |snapshot| described.borrow_mut().statistics = Some(snapshot.clone()))
            .probe_with(&probe);
        let (graph, counted, known) = (network.graph, to_report(), network.known);
        graph
            .junction_counts()
            .inner
            .inspect(move |(junctions, _, diff)| counted.borrow_mut().found.junctions.add(*junctions, *diff as i64))
            .probe_with(&probe);
        graph
            .parts
            .inner
            .exchange(|_| 0)
            .inspect(move |((_, branches), _, _)| {
                // What other processes have sent is in memory.
                let branches = match processes {
                    1 => branches.clone(),
                    _ => Shared::new(BranchList::clone(branches).shelved(&shelf)),
                };
                parts.borrow_mut().branches.push(branches);
            })
            .probe_with(&probe);
        graph
            .isolated
            .inner
            .exchange(|_| 0)
            .inspect(move |((_, voxels), _, _)| isolated.borrow_mut().isolated.push(voxels.clone()))
            .probe_with(&probe);
        known
            .inner
            .map(|(skeleton, _, _)| skeleton)
            .batch()
            .exchange(|_| 0)
            .inspect(move |skeleton| gathered.borrow_mut().skeletons.push(skeleton.clone()))
            .probe_with(&probe);
    });
    worker.step_or_park_while(None, || !probe.done());
    let mut report = report.take();
    // Nobody adds to it any more. The first worker of a process sends it for all.
    if worker.index().is_multiple_of(grid.workers_of_process(worker.peers())) {
        report.found.projections = projected.take();
    }
    if let (0, Selection::Some(chunks)) = (worker.index(), &selection) {
        let new = || Projections::new(grid.bounds(), analysis.dimensions());
        let projections = report.found.projections.get_or_insert_with(new);
        projections.add_rest(&grid, chunks, description.fill as f32);
    }
    report.found = gather(worker, report.found);
    Ok(report)
}
