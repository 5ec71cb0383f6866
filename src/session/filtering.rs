//! Filters of masks in a session: masks as thresholds make them come in, and masks for thinning come out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::worker::Worker;

use super::pipelines::Feed;
use super::plan::SessionPlan;
use crate::grid::ChunkId;
use crate::kernel::filter::amount::Amounts;
use crate::kernel::mask::Mask;
use crate::operators::filter::{ChangedMasks, FilterMasks, FilterPlan};
use crate::operators::held::HoldLatest;
use crate::state::hash_of_mask;

/// The filters of a worker's masks.
pub(super) struct Filtering {
    masks: Feed<(ChunkId, Option<Arc<Mask>>)>,
    strong: Feed<(ChunkId, Option<Arc<Mask>>)>,
    done: Handle<u64>,
    told: Rc<RefCell<Told>>,
    /// Chunks that have a mask after filters.
    masked: BTreeSet<ChunkId>,
    /// In how many parts of holes voxels of a chunk are filled.
    filled: BTreeMap<ChunkId, isize>,
    /// Filtered masks that thinning does not know.
    changed: BTreeMap<ChunkId, Option<Arc<Mask>>>,
}

/// What the dataflow has told.
#[derive(Default)]
struct Told {
    masks: Vec<(ChunkId, Option<Arc<Mask>>)>,
    filled: Vec<(ChunkId, isize)>,
    amounts: Amounts,
}

impl Filtering {
    /// The filters of a session; `None` if it has none. All workers must call this together.
    pub(super) fn new(worker: &mut Worker, plan: &SessionPlan) -> Option<Self> {
        if plan.filters.is_empty() {
            return None;
        }
        let (grid, planar) = (plan.canvas, plan.network.frame.dimensions == 2);
        let plan = FilterPlan { grid, planar, filters: plan.filters.clone() };
        let (done, told) = (Handle::new(), Rc::<RefCell<Told>>::default());
        let [to_masks, to_filled, to_amounts] = [0; 3].map(|_| Rc::clone(&told));
        let [masks, strong] = worker.dataflow(|scope| {
            let ((masks_input, masks), (strong_input, strong)) = (scope.new_input(), scope.new_input());
            let filtered = masks.held().filter_masks(Some(strong.held()), &plan);
            filtered
                .masks
                .changed()
                .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Gather", move |_, _| {
                    move |input, _| input.for_each(|_, masks| to_masks.borrow_mut().masks.append(masks))
                })
                .probe_with(&done);
            if let Some(filled) = filtered.filled {
                filled
                    .inner
                    .inspect(move |(id, _, diff)| to_filled.borrow_mut().filled.push((*id, *diff)))
                    .map(|_| ())
                    .probe_with(&done);
            }
            filtered
                .amounts
                .inner
                .inspect(move |(amounts, _, diff)| to_amounts.borrow_mut().amounts.add(amounts, *diff as i64))
                .map(|_| ())
                .probe_with(&done);
            [masks_input, strong_input]
        });
        let (masked, filled, changed) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Some(Filtering { masks, strong, done, told, masked, filled, changed })
    }

    /// Replaces the mask of a chunk, and its strong voxels.
    pub(super) fn set(&mut self, chunk: ChunkId, mask: Option<Arc<Mask>>, strong: Option<Arc<Mask>>) {
        self.masks.send((chunk, mask));
        self.strong.send((chunk, strong));
    }

    /// Filters what was replaced. Returns by how much more filters change. All workers must call this together.
    pub(super) fn work(&mut self, worker: &mut Worker) -> Amounts {
        let next = self.masks.time() + 1;
        self.masks.advance_to(next);
        self.strong.advance_to(next);
        worker.step_or_park_while(None, || self.done.less_than(&next));
        let told = self.told.take();
        for (chunk, mask) in told.masks {
            match mask {
                Some(_) => self.masked.insert(chunk),
                None => self.masked.remove(&chunk),
            };
            self.changed.insert(chunk, mask);
        }
        for (chunk, diff) in told.filled {
            let count = self.filled.entry(chunk).or_default();
            *count += diff;
            if *count == 0 {
                self.filled.remove(&chunk);
            }
        }
        told.amounts
    }

    /// Compares the filtered masks with hashes of those that were thinned, by an earlier session: only what differs is left
    /// to be thinned.
    pub(super) fn compare(&mut self, thinned: BTreeMap<ChunkId, u64>) {
        for (chunk, hash) in thinned {
            let mask = self.changed.remove(&chunk).flatten();
            if hash_of_mask(mask.as_deref()) != hash {
                self.changed.insert(chunk, mask);
            }
        }
    }

    /// Takes the masks that thinning does not know.
    pub(super) fn take(&mut self) -> BTreeMap<ChunkId, Option<Arc<Mask>>> {
        std::mem::take(&mut self.changed)
    }

    /// Whether a chunk has a mask after filters.
    pub(super) fn has_mask(&self, chunk: ChunkId) -> bool {
        self.masked.contains(&chunk)
    }

    /// Whether voxels of a chunk were filled.
    pub(super) fn has_filled(&self, chunk: ChunkId) -> bool {
        self.filled.contains_key(&chunk)
    }
}
