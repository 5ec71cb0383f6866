//! The worker threads of a session: they take commands, run the dataflow, and report.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

use timely::communication::WorkerGuards;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::worker::Worker;

use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::binarise::Binarise;
use crate::kernel::branch::Branch;
use crate::kernel::method::Method;
use crate::kernel::skeleton::Skeleton;
use crate::kernel::threshold::Threshold;
use crate::operators::binarise::BinariseChunks;
use crate::operators::branches::ExtractBranches;
use crate::operators::overlap::Padded;
use crate::operators::sample::{SampleChunks, Values};
use crate::operators::shared::Shared;
use crate::operators::statistics::MaintainStatistics;
use crate::operators::thin::{ThinChunks, ThinningCounts, ThinningPlan};
use crate::space::{Spacing, Voxel};
use crate::table::row::{Frame, Measures};
use crate::table::statistics::Snapshot;

/// What a session tells a worker.
pub(super) enum Command {
    Set(ChunkId, Option<Voxels>),
    Advance(u64),
    Close,
}

/// What a worker tells the session.
pub(super) enum Report {
    Ready(usize, Sender<Command>, Thread),
    /// An epoch is complete: how its thinning went, and by how many voxels the worker's foreground has grown.
    Done(ThinningCounts, i64),
    Stopped,
}

/// A difference that an epoch brought.
#[derive(Debug)]
pub(super) enum Change {
    Branch(Branch, isize),
    Isolated(Shared<Vec<Voxel>>, isize),
    Skeleton(ChunkId, Arc<Skeleton>, isize),
    /// The statistics of all rows, where they have changed.
    Statistics(Box<Snapshot>),
    /// So many connected components more.
    Components(i64),
}

pub(super) struct Plan {
    pub(super) grid: Grid,
    pub(super) method: Method,
    pub(super) dtype: Dtype,
    pub(super) threshold: Threshold,
    pub(super) spacing: Spacing,
    pub(super) frame: Frame,
    pub(super) changes: Arc<Mutex<Vec<Change>>>,
}

/// Tells the session when a worker panics: the others would wait for it without end.
struct Alarm(Sender<Report>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody may be listening any more.
            let _ = self.0.send(Report::Stopped);
        }
    }
}

pub(super) fn start(workers: usize, plan: Plan, reports: Sender<Report>) -> Result<WorkerGuards<()>> {
    let reports = Mutex::new(reports);
    timely::execute(timely::Config::process(workers), move |worker| {
        let reports = reports.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let _alarm = Alarm(reports.clone());
        let (sender, commands) = channel();
        if reports.send(Report::Ready(worker.index(), sender, std::thread::current())).is_ok() {
            work(worker, &plan, &commands, &reports);
        }
    })
    .map_err(|reason| Error::internal("the workers of a session could not be started").because(reason))
}

fn work(worker: &mut Worker, plan: &Plan, commands: &Receiver<Command>, reports: &Sender<Report>) {
    let probe = Handle::new();
    let counts = Rc::new(RefCell::new((ThinningCounts::default(), 0i64)));
    let mut input = build(worker, plan, &probe, &counts);
    let mut closing = None;
    loop {
        match commands.try_recv() {
            Ok(Command::Set(chunk, voxels)) => {
                let own = plan.grid.region(chunk);
                input.send(Padded { chunk, own, region: own, voxels });
            }
            Ok(Command::Advance(epoch)) => {
                input.advance_to(epoch);
                closing = Some(epoch);
            }
            Ok(Command::Close) | Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                if closing.is_some_and(|epoch| !probe.less_than(&epoch)) {
                    closing = None;
                    let (thinning, foreground) = counts.take();
                    if reports.send(Report::Done(thinning, foreground)).is_err() {
                        return;
                    }
                }
                worker.step_or_park(None);
            }
        }
    }
}

type Chunks = timely::dataflow::InputHandle<u64, timely::container::CapacityContainerBuilder<Vec<Padded>>>;

fn build(worker: &mut Worker, plan: &Plan, probe: &Handle<u64>, counts: &Rc<RefCell<(ThinningCounts, i64)>>) -> Chunks {
    let kernel = Binarise {
        gaussian: None,
        threshold: plan.threshold,
        bounds: plan.grid.bounds(),
        dtype: plan.dtype,
        fill: 0.0,
        keep: usize::MAX,
    };
    let thinning = ThinningPlan { grid: plan.grid, method: plan.method, keep: true };
    worker.dataflow(|scope| {
        let (input, chunks) = scope.new_input();
        let (counted, thinned) = (Rc::clone(counts), Rc::clone(counts));
        let mut foregrounds = std::collections::HashMap::new();
        let (masks, values) = chunks.binarise(kernel, true, move |padded, binary| {
            let now = binary.map_or(0, |binary| binary.count as i64);
            let before = foregrounds.insert(padded.chunk, now).unwrap_or(0);
            counted.borrow_mut().1 += now - before;
        });
        let skeletons = masks.thin(thinning, move |counts| thinned.borrow_mut().0 = *counts).sample(
            values,
            Values::Kept,
            true,
            Default::default(),
        );
        let graph = skeletons.clone().extract_branches(plan.grid, plan.spacing);
        let note = || {
            let changes = Arc::clone(&plan.changes);
            move |change| changes.lock().unwrap_or_else(PoisonError::into_inner).push(change)
        };
        let (branches, isolated, voxels, components, statistics) = (note(), note(), note(), note(), note());
        let frame = plan.frame;
        graph
            .branches()
            .inner
            .inspect(move |(branch, _, diff)| branches(Change::Branch(branch.clone(), *diff)))
            .map(move |(branch, _, diff)| (Measures::new(&branch, &frame), diff))
            .statistics()
            .inspect(move |snapshot| statistics(Change::Statistics(Box::new(*snapshot))))
            .probe_with(probe);
        graph
            .isolated
            .clone()
            .inner
            .inspect(move |((_, list), _, diff)| isolated(Change::Isolated(list.clone(), *diff)))
            .map(|_| ())
            .probe_with(probe);
        graph
            .components()
            .inner
            .inspect(move |((_, count), _, diff)| components(Change::Components(*count as i64 * *diff as i64)))
            .map(|_| ())
            .probe_with(probe);
        skeletons
            .inner
            .inspect(move |((id, skeleton), _, diff)| voxels(Change::Skeleton(*id, Arc::clone(skeleton), *diff)))
            .map(|_| ())
            .probe_with(probe);
        input
    })
}
