//! The dataflow of a run: from stored chunks to skeleton and branches.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Exchange, Inspect, Probe, ToStream};
use timely::worker::Worker;

use anabranch::error::Result;
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::binarise::Binarise;
use anabranch::kernel::branch_list::BranchList;
use anabranch::kernel::partition::Change;
use anabranch::kernel::project::Projections;
use anabranch::kernel::skeleton::Skeleton;
use anabranch::kernel::threshold::Threshold;
use anabranch::operators::batch::BatchRecords;
use anabranch::operators::binarise::BinariseChunks;
use anabranch::operators::branches::ExtractBranches;
use anabranch::operators::failure::Failure;
use anabranch::operators::overlap::OverlapChunks;
use anabranch::operators::read::{ReadChunks, Selection};
use anabranch::operators::sample::SampleChunks;
use anabranch::operators::shared::Shared;
use anabranch::operators::statistics::MaintainStatistics;
use anabranch::operators::thin::{ThinChunks, ThinningCounts, ThinningPlan};
use anabranch::operators::thin_planes::ThinPlanes;
use anabranch::operators::window::Window;
use anabranch::operators::write::WriteSkeletons;
use anabranch::progress::{ProgressState, Stage};
use anabranch::space::Voxel;
use anabranch::table::branch_columns::Columns;
use anabranch::table::row::Measures;
use anabranch::table::statistics::Snapshot;

use crate::plan::Plan;

/// What a worker's process reads.
pub(crate) struct Ranks {
    /// Rank of every chunk among these, in raster order.
    pub(crate) ranks: HashMap<ChunkId, u64>,
    /// How many of them are read for their own sake.
    pub(crate) selected: u64,
}

impl Ranks {
    pub(crate) fn new(selection: &Selection, grid: &Grid, depth: [usize; 3], worker: &Worker) -> Ranks {
        let process = grid.process_of(worker.index(), worker.peers());
        let ranks: HashMap<_, _> = selection.reads(grid, depth, process).into_iter().collect();
        let selected = match selection {
            Selection::All => ranks.len() as u64,
            Selection::Some(chunks) => chunks.iter().filter(|&&chunk| grid.process(chunk) == process).count() as u64,
        };
        Ranks { ranks, selected }
    }
}

/// What one worker found in its own chunks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Foreground voxels.
    pub(crate) foreground: u64,
    /// Projections.
    pub(crate) projections: Option<Projections>,
    pub(crate) thinning: ThinningCounts,
}

impl Found {
    /// Adds what another worker found.
    fn merge(&mut self, other: Found) {
        self.foreground += other.foreground;
        self.thinning.add(&other.thinning);
        match (&mut self.projections, other.projections) {
            (Some(projections), Some(others)) => Projections::merge(projections, &others),
            (mine @ None, others) => *mine = others,
            (Some(_), None) => {}
        }
    }
}

/// What all workers found, at the first one; the others have nothing of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) found: Found,
    pub(crate) branches: Vec<Shared<BranchList>>,
    /// Statistics of the branches, where there are some.
    pub(crate) statistics: Option<Snapshot>,
    pub(crate) isolated: Vec<Shared<Vec<Voxel>>>,
    pub(crate) skeletons: Vec<(ChunkId, Arc<Skeleton>)>,
}

/// What all workers found, at the first one.
fn gather(worker: &mut Worker, found: Found) -> Found {
    let total = Rc::new(RefCell::new(Found::default()));
    let gathered = Rc::clone(&total);
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        vec![found]
            .to_stream(scope)
            .container::<Vec<_>>()
            .exchange(|_| 0)
            .inspect(move |found| gathered.borrow_mut().merge(found.clone()))
            .probe()
            .0
    });
    worker.step_or_park_while(None, || !probe.done());
    total.take()
}

/// Where the parts of the skeleton array go: a chunk of its grid and the skeleton voxels there.
pub(crate) type Store = Arc<dyn Fn(ChunkId, &[Voxel]) -> Result<()> + Send + Sync>;

/// Runs the dataflow on one worker.
pub(crate) fn analyse(
    worker: &mut Worker,
    plan: &Plan,
    threshold: Threshold,
    window: Window,
    (array, store): (Grid, Store),
    failure: &Failure,
    state: &Arc<ProgressState>,
) -> Result<Report> {
    let description = plan.source.description().clone();
    let kernel = Binarise {
        gaussian: plan.gaussian.clone(),
        threshold,
        bounds: plan.grid.bounds(),
        dtype: description.dtype,
        fill: description.fill,
        keep: plan.keep,
    };
    let (grid, depth) = (plan.grid, kernel.depth());
    let method = plan.thinning();
    let selection = plan.chunks_to_binarise(&kernel)?;
    let Ranks { ranks, selected } = Ranks::new(&selection, &grid, depth, worker);
    state.begin(Stage::Reading, selected);
    let report = Rc::new(RefCell::new(Report::default()));
    let to_report = || Rc::clone(&report);
    let probe = Handle::new();
    worker.dataflow::<u64, _, _>(|scope| {
        let (counted, reading) = (to_report(), Arc::clone(state));
        let (bounds, dimensions, fill) = (grid.bounds(), plan.dimensions(), description.fill);
        let (masks, foreground) = scope
            .read_chunks(plan.source.clone(), grid, depth, selection.clone(), window.clone(), failure.clone())
            .overlap(grid, depth, selection.clone(), description.dtype, description.fill)
            .binarise(kernel, move |padded, binary| {
                let found = &mut counted.borrow_mut().found;
                found.foreground += binary.map_or(0, |binary| binary.count as u64);
                let projections = found.projections.get_or_insert_with(|| Projections::new(bounds, dimensions));
                projections.add_own(&padded.own, &padded.region, padded.voxels.as_ref(), fill);
                window.complete(ranks[&padded.chunk]);
                reading.chunk_done(Stage::Reading);
            });
        let (thinned, thinning) = (to_report(), Arc::clone(state));
        let watch = move |counts: &ThinningCounts| {
            thinning.begin(Stage::Thinning, 0);
            thinning.reach_round(counts.rounds);
            let known = &mut thinned.borrow_mut().found.thinning;
            thinning.add_deletions(counts.deleted - known.deleted);
            *known = *counts;
        };
        let masks = if plan.thins_in_planes() {
            let masks =
                masks.flat_map(|(id, change)| if let Change::Mask(mask) = change { Some((id, mask)) } else { None });
            masks.thin_planes(grid, watch)
        } else {
            masks.thin(ThinningPlan { grid, method, keep: false }, watch)
        };
        let collection = masks.sample(foreground, plan.source.clone(), failure.clone());
        let skeletons = collection.clone().inner.map(|(skeleton, _, _)| skeleton);
        skeletons
            .clone()
            .write_skeletons(array, move |id, voxels| store(id, voxels), failure.clone())
            .probe_with(&probe);
        let graph = collection.extract_branches(grid, plan.spacing);
        let (parts, isolated, gathered, described) = (to_report(), to_report(), to_report(), to_report());
        let frame = plan.frame();
        graph
            .parts
            .clone()
            .inner
            .statistics(&Columns::default(), move |((_, branches), _, diff), rows| {
                branches.iter().for_each(|branch| rows.change(&Measures::new(&branch, &frame), diff as i64));
            })
            .inspect(move |snapshot| described.borrow_mut().statistics = Some(snapshot.clone()))
            .probe_with(&probe);
        graph
            .parts
            .inner
            .exchange(|_| 0)
            .inspect(move |((_, branches), _, _)| parts.borrow_mut().branches.push(branches.clone()))
            .probe_with(&probe);
        graph
            .isolated
            .inner
            .exchange(|_| 0)
            .inspect(move |((_, voxels), _, _)| isolated.borrow_mut().isolated.push(voxels.clone()))
            .probe_with(&probe);
        skeletons
            .batch()
            .exchange(|_| 0)
            .inspect(move |skeleton| gathered.borrow_mut().skeletons.push(skeleton.clone()))
            .probe_with(&probe);
    });
    worker.step_or_park_while(None, || !probe.done());
    let mut report = report.take();
    if let (0, Selection::Some(chunks)) = (worker.index(), &selection) {
        let new = || Projections::new(grid.bounds(), plan.dimensions());
        let projections = report.found.projections.get_or_insert_with(new);
        projections.add_rest(&grid, chunks, description.fill as f32);
    }
    report.found = gather(worker, report.found);
    Ok(report)
}
