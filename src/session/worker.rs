//! What a worker of a session does: it makes masks, thins them, looks up values and maintains the graph, each at a
//! command, so that an epoch that fails on the way changes nothing that has been given out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::worker::Worker;

use differential_dataflow::AsCollection;

use super::budget::Permit;
use super::crew::Post;
use super::reading::{Made, Reading};
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::binarise::{Binarise, Binary, Foreground};
use crate::kernel::branch::Branch;
use crate::kernel::histogram::Histogram;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::method::Method;
use crate::kernel::partition::Change;
use crate::kernel::seam_log::SeamLog;
use crate::kernel::skeleton::Skeleton;
use crate::operators::branches::ExtractBranches;
use crate::operators::sample::{skeleton, values_at};
use crate::operators::shared::Shared;
use crate::operators::statistics::MaintainStatistics;
use crate::operators::thin::{ThinChunks, ThinningCounts, ThinningPlan, WatchThinning};
use crate::space::{Region, Spacing, Voxel};
use crate::state::Counted;
use crate::store::Source;
use crate::table::row::{Frame, Measures};
use crate::table::statistics::Snapshot;

/// What a session tells a worker. All commands but the first two are answered.
pub(super) enum Command {
    /// A chunk's values, in its box, from outside.
    Set(ChunkId, Region, Voxels, Permit),
    /// A chunk has no values any more.
    Forget(ChunkId),
    /// Read chunks and count their values, into histograms like an empty one, or else their extents.
    Count(Arc<Reading>, Option<Histogram>),
    /// Read chunks and make their masks.
    Read(Arc<Reading>),
    /// Give up what was read last.
    Discard,
    /// Thin the masks that are there, and look up the values at what is new of the skeleton.
    Thin(Option<Arc<dyn Source>>, Grid),
    /// Give out what is new of the skeleton, and what follows from it.
    Publish,
}

/// How a worker answers.
pub(super) enum Answer {
    Done,
    Counted(Vec<(ChunkId, Counted)>),
    /// Chunks that were read, with their fingerprint and foreground; the latter where it is new.
    Read(Vec<(ChunkId, u64, Option<u64>)>),
    /// How the thinning went; foreground voxels of chunks whose masks are new; the first error at a chunk's values.
    Thinned(ThinningCounts, Vec<(ChunkId, u64)>, Result<()>),
    Published(Vec<Difference>),
}

/// A difference that an epoch brought.
#[derive(Debug)]
pub(super) enum Difference {
    Branch(Branch, isize),
    Isolated(Shared<Vec<Voxel>>, isize),
    Skeleton(ChunkId, Arc<Skeleton>, isize),
    /// The statistics of all rows, where they have changed.
    Statistics(Box<Snapshot>),
    /// So many connected components more.
    Components(i64),
}

/// What all workers of a session know from the start.
pub(super) struct Plan {
    /// The chunks, without bounds.
    pub(super) canvas: Grid,
    pub(super) method: Method,
    /// Makes masks of values that come from outside.
    pub(super) kernel: Binarise,
    pub(super) spacing: Spacing,
    pub(super) frame: Frame,
}

/// One worker's part of a session.
struct Station<'w> {
    worker: &'w mut Worker,
    plan: &'w Plan,
    kernel: Binarise,
    masks: Feed<(ChunkId, Change)>,
    masks_done: Handle<u64>,
    thinned: Rc<RefCell<Thinned>>,
    skeletons: Feed<((ChunkId, Arc<Skeleton>), u64, isize)>,
    skeletons_done: Handle<u64>,
    differences: Rc<RefCell<Vec<Difference>>>,
    /// Masks of chunks that were read last; given up where another chunk could not be read.
    read: BTreeMap<ChunkId, Option<Binary>>,
    /// Other masks that have not been thinned.
    made: BTreeMap<ChunkId, Option<Binary>>,
    foregrounds: HashMap<ChunkId, Foreground>,
    /// Chunks whose foreground's values are held.
    holding: Vec<ChunkId>,
    /// Thinned masks whose values have not been looked up.
    unsampled: BTreeMap<ChunkId, Option<Mask>>,
    /// Chunks whose values are new, but not their skeleton voxels.
    revalued: BTreeSet<ChunkId>,
    /// Skeletons that have not been given out.
    news: BTreeMap<ChunkId, Option<Arc<Skeleton>>>,
    published: BTreeMap<ChunkId, Arc<Skeleton>>,
}

type Feed<D> = InputHandle<u64, CapacityContainerBuilder<Vec<D>>>;

/// What came out of thinning.
#[derive(Default)]
struct Thinned {
    counts: ThinningCounts,
    masks: Vec<(ChunkId, Option<Mask>)>,
    kept: BTreeMap<ChunkId, (Mask, SeamLog)>,
}

/// Looks on while chunks are thinned.
struct Watch(Rc<RefCell<Thinned>>);

impl WatchThinning for Watch {
    fn round(&mut self, counts: &ThinningCounts) {
        self.0.borrow_mut().counts = *counts;
    }
}

/// Does what it is told until there is nothing to come.
pub(super) fn work(worker: &mut Worker, plan: &Plan, post: &Post<Command, Answer>) {
    let mut station = Station::new(worker, plan);
    while let Some(command) = post.next(station.worker) {
        if let Some(answer) = station.obey(command) {
            post.answer(answer);
        }
    }
}

impl<'w> Station<'w> {
    fn new(worker: &'w mut Worker, plan: &'w Plan) -> Self {
        let (masks_done, skeletons_done) = (Handle::new(), Handle::new());
        let (thinned, differences) = (Rc::default(), Rc::default());
        let masks = thinning(worker, plan, &masks_done, &thinned);
        let skeletons = graph(worker, plan, &skeletons_done, &differences);
        Station {
            worker,
            plan,
            kernel: plan.kernel.clone(),
            masks,
            masks_done,
            thinned,
            skeletons,
            skeletons_done,
            differences,
            read: BTreeMap::new(),
            made: BTreeMap::new(),
            foregrounds: HashMap::new(),
            holding: Vec::new(),
            unsampled: BTreeMap::new(),
            revalued: BTreeSet::new(),
            news: BTreeMap::new(),
            published: BTreeMap::new(),
        }
    }

    fn obey(&mut self, command: Command) -> Option<Answer> {
        match command {
            Command::Set(chunk, region, voxels, _permit) => {
                let binary = self.kernel.mask(Some(&voxels), &region, &region);
                self.made.insert(chunk, binary);
                return None;
            }
            Command::Forget(chunk) => {
                self.made.insert(chunk, None);
                return None;
            }
            Command::Count(reading, empty) => Some(Answer::Counted(reading.counts(self.worker, empty))),
            Command::Read(reading) => Some(Answer::Read(self.read(&reading))),
            Command::Discard => {
                self.read.clear();
                Some(Answer::Done)
            }
            Command::Thin(source, bounds) => {
                let foregrounds = self.thin();
                let counts = std::mem::take(&mut self.thinned.borrow_mut().counts);
                Some(Answer::Thinned(counts, foregrounds, self.sample(source.as_deref(), &bounds)))
            }
            Command::Publish => Some(Answer::Published(self.publish())),
        }
    }

    fn read(&mut self, reading: &Reading) -> Vec<(ChunkId, u64, Option<u64>)> {
        let made = reading.masks(self.worker, |_, _| {});
        let news = made.into_iter().map(|Made { chunk, fingerprint, mask }| {
            let foreground = mask.as_ref().map(|binary| binary.as_ref().map_or(0, |binary| binary.count as u64));
            if let Some(binary) = mask {
                self.read.insert(chunk, binary);
            }
            (chunk, fingerprint, foreground)
        });
        news.collect()
    }

    /// Thins the chunks with new masks, and all that follows. Gives the foreground of those.
    fn thin(&mut self) -> Vec<(ChunkId, u64)> {
        let mut foregrounds = Vec::new();
        self.made.append(&mut self.read);
        for (chunk, binary) in std::mem::take(&mut self.made) {
            if self.published.contains_key(&chunk) {
                self.revalued.insert(chunk);
            }
            foregrounds.push((chunk, binary.as_ref().map_or(0, |binary| binary.count as u64)));
            let change = match binary {
                Some(binary) => {
                    if matches!(binary.foreground, Foreground::Kept(_)) {
                        self.holding.push(chunk);
                    }
                    self.foregrounds.insert(chunk, binary.foreground);
                    Change::Mask(on_canvas(binary.mask, &self.plan.canvas, chunk))
                }
                None => {
                    self.foregrounds.remove(&chunk);
                    Change::Gone
                }
            };
            self.masks.send((chunk, change));
        }
        let next = self.masks.time() + 1;
        self.masks.advance_to(next);
        let done = &self.masks_done;
        self.worker.step_or_park_while(None, || done.less_than(&next));
        for (chunk, mask) in std::mem::take(&mut self.thinned.borrow_mut().masks) {
            self.revalued.remove(&chunk);
            self.unsampled.insert(chunk, mask);
        }
        foregrounds
    }

    /// Looks up the image's values at what is new of the skeleton. What fails is tried again the next time.
    fn sample(&mut self, source: Option<&dyn Source>, bounds: &Grid) -> Result<()> {
        let mut first: Result<()> = Ok(());
        let mut fail = |chunk, error: Error| {
            if first.is_ok() {
                first = Err(error.in_chunk(chunk));
            }
        };
        for (chunk, mask) in std::mem::take(&mut self.unsampled) {
            let own = bounds.region(chunk);
            let found = mask.as_ref().map(|mask| skeleton(mask, &own, self.foregrounds.get(&chunk), source));
            match found.transpose() {
                Ok(found) => {
                    self.news.insert(chunk, found.flatten().map(Arc::new));
                }
                Err(error) => {
                    self.unsampled.insert(chunk, mask);
                    fail(chunk, error);
                }
            }
        }
        for chunk in std::mem::take(&mut self.revalued) {
            let latest = self.news.get(&chunk).cloned().unwrap_or_else(|| self.published.get(&chunk).cloned());
            let Some(known) = latest else { continue };
            match values_at(&known.voxels, &bounds.region(chunk), self.foregrounds.get(&chunk), source) {
                Ok(values) => {
                    let voxels = known.voxels.clone();
                    self.news.insert(chunk, Some(Arc::new(Skeleton { voxels, values })));
                }
                Err(error) => {
                    self.revalued.insert(chunk);
                    fail(chunk, error);
                }
            }
        }
        if source.is_some() {
            // What was held for this moment can be read again.
            for chunk in std::mem::take(&mut self.holding) {
                self.foregrounds.entry(chunk).and_modify(|foreground| {
                    if matches!(foreground, Foreground::Kept(_)) {
                        *foreground = Foreground::Varying;
                    }
                });
            }
        }
        first
    }

    fn publish(&mut self) -> Vec<Difference> {
        let time = *self.skeletons.time();
        for (chunk, new) in std::mem::take(&mut self.news) {
            let old = match &new {
                Some(new) => self.published.insert(chunk, Arc::clone(new)),
                None => self.published.remove(&chunk),
            };
            if old != new {
                for (skeleton, diff) in [(old, -1), (new, 1)] {
                    if let Some(skeleton) = skeleton {
                        self.skeletons.send(((chunk, skeleton), time, diff));
                    }
                }
            }
        }
        self.skeletons.advance_to(time + 1);
        let done = &self.skeletons_done;
        self.worker.step_or_park_while(None, || done.less_than(&(time + 1)));
        self.differences.take()
    }
}

/// The mask of a chunk that may be cut off at bounds, in a layout without bounds.
fn on_canvas(mask: Mask, canvas: &Grid, chunk: ChunkId) -> Mask {
    let (own, whole) = (mask.layout().own, canvas.region(chunk));
    if own == whole {
        return mask;
    }
    let mut placed = Mask::new(Layout::new(whole));
    placed.paste(&own, &mask.cut(&own));
    placed
}

/// The dataflow that thins masks, and gathers what comes out.
fn thinning(
    worker: &mut Worker,
    plan: &Plan,
    probe: &Handle<u64>,
    thinned: &Rc<RefCell<Thinned>>,
) -> Feed<(ChunkId, Change)> {
    let plan = ThinningPlan { grid: plan.canvas, method: plan.method, keep: true };
    let (watch, gathered) = (Watch(Rc::clone(thinned)), Rc::clone(thinned));
    worker.dataflow(|scope| {
        let (input, masks) = scope.new_input();
        masks
            .thin(plan, watch)
            .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Gather", move |_, _| {
                move |input, _| input.for_each(|_, masks| gathered.borrow_mut().masks.append(masks))
            })
            .probe_with(probe);
        input
    })
}

/// The dataflow from skeletons to branches and their statistics.
fn graph(
    worker: &mut Worker,
    plan: &Plan,
    probe: &Handle<u64>,
    differences: &Rc<RefCell<Vec<Difference>>>,
) -> Feed<((ChunkId, Arc<Skeleton>), u64, isize)> {
    worker.dataflow(|scope| {
        let (input, skeletons) = scope.new_input();
        let skeletons = skeletons.as_collection();
        let graph = skeletons.clone().extract_branches(plan.canvas, plan.spacing);
        let note = || {
            let differences = Rc::clone(differences);
            move |difference| differences.borrow_mut().push(difference)
        };
        let (branches, isolated, voxels, components, statistics) = (note(), note(), note(), note(), note());
        let frame = plan.frame;
        graph
            .branches()
            .inner
            .inspect(move |(branch, _, diff)| branches(Difference::Branch(branch.clone(), *diff)))
            .map(move |(branch, _, diff)| (Measures::new(&branch, &frame), diff))
            .statistics()
            .inspect(move |snapshot| statistics(Difference::Statistics(Box::new(*snapshot))))
            .probe_with(probe);
        graph
            .isolated
            .clone()
            .inner
            .inspect(move |((_, list), _, diff)| isolated(Difference::Isolated(list.clone(), *diff)))
            .map(|_| ())
            .probe_with(probe);
        graph
            .components()
            .inner
            .inspect(move |((_, count), _, diff)| components(Difference::Components(*count as i64 * *diff as i64)))
            .map(|_| ())
            .probe_with(probe);
        skeletons
            .inner
            .inspect(move |((id, skeleton), _, diff)| voxels(Difference::Skeleton(*id, Arc::clone(skeleton), *diff)))
            .map(|_| ())
            .probe_with(probe);
        input
    })
}
