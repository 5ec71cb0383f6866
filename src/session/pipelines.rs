//! The dataflows of a session's worker: one thins masks, one maintains the graph of the skeletons.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::worker::Worker;

use super::plan::SessionPlan;
use crate::grid::ChunkId;
use crate::kernel::filter::amount::Amounts;
use crate::kernel::mask::Mask;
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::octree::OctreeBox;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::objects::labels::LabelledChunk;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::thin::change::Change;
use crate::kernel::thin::seam_log::SeamLog;
use crate::operators::network::MeasureNetwork;
use crate::operators::objects::findings::{FoundObject, LocalObjects};
use crate::operators::radii::{HeldMask, MeasuredChunk, Originals};
use crate::operators::shared::Shared;
use crate::operators::thin::{ThinningCounts, ThinningPlan, WatchThinning};
use crate::operators::thin_masks::ThinMasks;
use crate::operators::thin_planes::Provisions;
use crate::progress::{ProgressState, Stage};
use crate::space::Region;
use crate::table::statistics::Snapshot;
use crate::table::summary::{JunctionCounts, ObjectCounts};

/// A difference of an epoch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Difference {
    /// The branches that a box is the smallest to hold.
    Branches(OctreeBox, Shared<BranchList<BranchMeasures>>, isize),
    Isolated(Shared<Vec<Isolated<BranchMeasures>>>, isize),
    Skeleton(ChunkId, Arc<Skeleton<Known>>, isize),
    /// The statistics of all rows, where they have changed.
    Statistics(Box<Snapshot>),
    /// The change of the number of connected components.
    Components(i64),
    /// The change of the numbers of junctions.
    Junctions(JunctionCounts),
    /// The change of the numbers of objects.
    ObjectCounts(ObjectCounts),
    Object(Box<FoundObject>, isize),
    Labels(ChunkId, Shared<LabelledChunk>, isize),
    /// The change of what filters change.
    Amounts(Amounts),
    /// The change of the number of loops before pruning.
    UnprunedLoops(i64),
}

pub(super) type Feed<D> = InputHandle<u64, CapacityContainerBuilder<Vec<D>>>;

/// The results of thinning.
#[derive(Default)]
pub(super) struct Thinned {
    pub(super) counts: ThinningCounts,
    pub(super) masks: Vec<(ChunkId, Option<PackedMask>)>,
    pub(super) kept: Vec<(ChunkId, Arc<Mask>, Arc<SeamLog>)>,
}

/// Watches the thinning of chunks.
#[derive(Clone)]
struct Watch {
    thinned: Rc<RefCell<Thinned>>,
    /// Whether masks and logs are wanted.
    keeps: bool,
    progress: Arc<ProgressState>,
}

impl WatchThinning for Watch {
    fn round(&mut self, counts: &ThinningCounts) {
        if counts.thinned > 0 || counts.by_planes {
            self.progress.begin(Stage::Thinning, 0);
            self.progress.reach_round(counts.rounds);
        }
        self.thinned.borrow_mut().counts = *counts;
    }

    fn thinned(&mut self, chunk: ChunkId, initial: &Arc<Mask>, log: &Arc<SeamLog>) {
        if self.keeps {
            self.thinned.borrow_mut().kept.push((chunk, Arc::clone(initial), Arc::clone(log)));
        }
    }
}

/// The dataflow that thins masks, and gathers the results.
pub(super) fn thinning(
    worker: &mut Worker,
    plan: &SessionPlan,
    probe: &Handle<u64>,
    thinned: &Rc<RefCell<Thinned>>,
) -> Feed<(ChunkId, Change)> {
    let watch =
        Watch { thinned: Rc::clone(thinned), keeps: plan.keeping.is_some(), progress: Arc::clone(&plan.progress) };
    let gathered = Rc::clone(thinned);
    // Nothing can fail here but reading what an earlier session has thinned, and keeping what this one does.
    let failure = plan.keeping.as_ref().map(|keeping| keeping.recalls_of_thinning.clone()).unwrap_or_default();
    let first = plan.keeping.as_ref().and_then(|keeping| keeping.sweep.clone());
    let provisions = Provisions { first, ..Provisions::default() };
    let plan = ThinningPlan { grid: plan.canvas, method: plan.method, keep: true };
    worker.dataflow(|scope| {
        let (input, masks) = scope.new_input();
        masks
            .thin_masks(plan, provisions, watch, failure)
            .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Gather", move |_, _| {
                move |input, _| {
                    input.for_each(|_, masks| {
                        let packed = |(id, mask): (_, Option<Mask>)| (id, mask.as_ref().map(PackedMask::always));
                        gathered.borrow_mut().masks.extend(masks.drain(..).map(packed));
                    });
                }
            })
            .probe_with(probe);
        input
    })
}

/// The inputs for what radii are measured from.
pub(super) struct OriginalFeeds {
    /// Masks before thinning.
    pub(super) masks: Feed<(ChunkId, HeldMask)>,
    /// The bounds of the image.
    pub(super) bounds: Feed<Region>,
    /// Chunks that an earlier session has measured.
    pub(super) measured: Feed<(ChunkId, MeasuredChunk)>,
}

impl OriginalFeeds {
    pub(super) fn advance_to(&mut self, time: u64) {
        self.masks.advance_to(time);
        self.bounds.advance_to(time);
        self.measured.advance_to(time);
    }
}

/// The inputs of the graph's dataflow.
pub(super) struct GraphFeeds {
    pub(super) skeletons: Feed<((ChunkId, Arc<Skeleton>), u64, isize)>,
    /// `None` unless radii are measured.
    pub(super) originals: Option<OriginalFeeds>,
    pub(super) objects: ObjectFeed,
}

/// Differences of objects of chunks, with sums `S`.
pub(super) type LocalDifference<S> = ((ChunkId, Shared<Local<S>>), u64, isize);

/// An input for them.
pub(super) type LocalFeed<S> = Feed<LocalDifference<S>>;

/// The input for the objects of chunks, as the plan wants them.
pub(super) enum ObjectFeed {
    Counted(LocalFeed<u64>),
    Measured(LocalFeed<ObjectSums>),
}

/// The dataflow from skeletons to branches and their statistics.
pub(super) fn graph(
    worker: &mut Worker,
    plan: &SessionPlan,
    probe: &Handle<u64>,
    differences: &Rc<RefCell<Vec<Difference>>>,
) -> GraphFeeds {
    worker.dataflow(|scope| {
        let (input, skeletons) = scope.new_input();
        let originals = plan.network.radii.then(|| {
            let ((mask_input, masks), (bounds_input, bounds)) = (scope.new_input(), scope.new_input());
            let (measured_input, measured) = scope.new_input();
            let feeds = OriginalFeeds { masks: mask_input, bounds: bounds_input, measured: measured_input };
            (feeds, Originals { masks, bounds, measured: Some(measured), store: None, kept: None })
        });
        let (original_inputs, originals) = originals.unzip();
        let skeletons = skeletons.as_collection();
        let network = skeletons.clone().network(originals, &plan.network);
        let (object_feed, locals) = if plan.objects.table {
            let (input, locals) = scope.new_input();
            (ObjectFeed::Measured(input), LocalObjects::Measured(locals.as_collection()))
        } else {
            let (input, locals) = scope.new_input();
            (ObjectFeed::Counted(input), LocalObjects::Counted(locals.as_collection()))
        };
        let graph = &network.graph;
        let note = || {
            let differences = Rc::clone(differences);
            move |difference| differences.borrow_mut().push(difference)
        };
        let (branches, isolated, voxels) = (note(), note(), note());
        let (components, junctions, statistics) = (note(), note(), note());
        graph
            .parts
            .clone()
            .inner
            .inspect(move |((at, list), _, diff)| branches(Difference::Branches(*at, list.clone(), *diff)))
            .map(|_| ())
            .probe_with(probe);
        network
            .statistics_of_changes()
            .inspect(move |snapshot| statistics(Difference::Statistics(Box::new(snapshot.clone()))))
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
        graph
            .junction_counts()
            .inner
            .inspect(move |(counts, _, diff)| {
                let mut more = JunctionCounts::default();
                more.add(*counts, *diff as i64);
                junctions(Difference::Junctions(more));
            })
            .map(|_| ())
            .probe_with(probe);
        let skeletons = network.pruned.clone().unwrap_or(skeletons);
        if let Some(loops) = &network.unpruned_loops {
            let counted = note();
            loops.clone().inspect(move |more| counted(Difference::UnprunedLoops(*more))).map(|_| ()).probe_with(probe);
        }
        let objects = locals.join(&plan.objects, skeletons.clone(), || graph.first_voxels(), &plan.links);
        let (object_counts, each_object, each_chunk) = (note(), note(), note());
        objects
            .counts
            .inner
            .inspect(move |(counts, _, diff)| {
                let mut more = ObjectCounts::default();
                more.add(*counts, *diff as i64);
                object_counts(Difference::ObjectCounts(more));
            })
            .map(|_| ())
            .probe_with(probe);
        if let Some(table) = objects.table {
            table
                .inner
                .inspect(move |(object, _, diff)| each_object(Difference::Object(Box::new(object.clone()), *diff)))
                .map(|_| ())
                .probe_with(probe);
        }
        if let Some(labels) = objects.labels {
            labels
                .inner
                .inspect(move |((id, labels), _, diff)| each_chunk(Difference::Labels(*id, labels.clone(), *diff)))
                .map(|_| ())
                .probe_with(probe);
        }
        let known = network.known;
        known
            .inner
            .inspect(move |((id, skeleton), _, diff)| voxels(Difference::Skeleton(*id, Arc::clone(skeleton), *diff)))
            .map(|_| ())
            .probe_with(probe);
        GraphFeeds { skeletons: input, originals: original_inputs, objects: object_feed }
    })
}
