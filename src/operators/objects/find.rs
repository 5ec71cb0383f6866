//! The objects of single chunks, from masks on their way to thinning.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::Data;
use differential_dataflow::lattice::Lattice;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::runs::Run;
use crate::kernel::objects::sides::Step;
use crate::kernel::objects::sums::Sums;
use crate::kernel::thin::change::Change;
use crate::operators::failure::Failure;

/// How objects are found.
#[derive(Clone, Copy, Debug)]
pub struct ObjectPlan {
    /// The chunks. Sides that lie on the grid's bounds have no neighbours.
    pub grid: Grid,
    /// Which voxels are neighbours.
    pub connectivity: Connectivity,
    /// Axes of the image: in 2-D there are no neighbours along z.
    pub dimensions: usize,
    /// Whether there is a table of objects; otherwise they are counted.
    pub table: bool,
    /// Whether there is an image of their labels.
    pub labels: bool,
}

impl ObjectPlan {
    /// The objects of a chunk's mask, with their numbers of voxels.
    pub fn counted(&self, chunk: ChunkId, mask: &Mask) -> Local<u64> {
        self.local(chunk, mask, Run::voxels)
    }

    /// The objects of a chunk's mask.
    pub fn local<S: Sums>(&self, chunk: ChunkId, mask: &Mask, sums: impl FnMut(&Run) -> S) -> Local<S> {
        let bounds = self.grid.bounds();
        let has_neighbour = |step: Step| {
            let lies_inside = || !self.grid.whole_region(chunk.offset(step)).intersection(&bounds).is_empty();
            (self.dimensions > 2 || step[0] == 0) && lies_inside()
        };
        match self.labels {
            true => Local::with_runs(mask, self.connectivity, has_neighbour, sums),
            false => Local::new(mask, self.connectivity, has_neighbour, sums),
        }
    }
}

/// The mask of a change that is one.
///
/// # Errors
/// `Internal` if it cannot be loaded, which was reported.
pub(crate) fn mask_of(change: &Change) -> Result<Arc<Mask>> {
    change.mask().ok_or_else(|| Error::internal("a mask cannot be loaded"))
}

/// The objects of chunks that have some, each record in place of an earlier one of its chunk.
pub type Latest<'scope, T, S> = StreamVec<'scope, T, (ChunkId, Option<Arc<Local<S>>>)>;

/// The masks of chunks, and their objects.
pub type WithObjects<'scope, T, S> = (StreamVec<'scope, T, (ChunkId, Change)>, Latest<'scope, T, S>);

/// Extension trait on masks before thinning.
pub trait FindObjects<'scope, T: Timestamp + TotalOrder + Lattice> {
    /// The same masks, and the objects of each, as `find` returns them, in place of those of a mask that came before for the
    /// same chunk. If `find` fails, the chunk has none, and `failure` the error. `find` is called with changes that are masks,
    /// which may be stored elsewhere ([`Change::mask`]). A mask waits until what is known of its
    /// foreground has come, which `foregrounds` holds at the same worker and time.
    fn find_objects<S: Data>(
        self,
        foregrounds: StreamVec<'scope, T, (ChunkId, Foreground)>,
        find: impl FnMut(ChunkId, &Change, &Foreground) -> Result<Local<S>> + 'static,
        failure: Failure,
    ) -> WithObjects<'scope, T, S>;
}

impl<'scope, T: Timestamp + TotalOrder + Lattice> FindObjects<'scope, T> for StreamVec<'scope, T, (ChunkId, Change)> {
    fn find_objects<S: Data>(
        self,
        foregrounds: StreamVec<'scope, T, (ChunkId, Foreground)>,
        mut find: impl FnMut(ChunkId, &Change, &Foreground) -> Result<Local<S>> + 'static,
        failure: Failure,
    ) -> WithObjects<'scope, T, S> {
        let mut builder = OperatorBuilder::new("FindObjects".to_owned(), self.scope());
        let mut input = builder.new_input(self, Pipeline);
        let mut values = builder.new_input(foregrounds, Pipeline);
        let (masks, mask_stream) = builder.new_output::<Vec<(ChunkId, Change)>>();
        let mut masks = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(masks);
        let (objects, object_stream) = builder.new_output();
        let mut objects = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(objects);
        builder.build(move |_| {
            let mut foregrounds: BTreeMap<(T, ChunkId), Foreground> = BTreeMap::new();
            let mut waiting = Vec::new();
            move |_| {
                values.for_each(|capability, records| {
                    if let Some(time) = capability.least() {
                        foregrounds.extend(records.drain(..).map(|(id, foreground)| ((time.clone(), id), foreground)));
                    }
                });
                input.for_each(|capability, records| {
                    if let (Some(for_masks), Some(for_objects)) =
                        (capability.retain_least(0), capability.retain_least(1))
                    {
                        waiting.extend(
                            records.drain(..).map(|(id, change)| (for_masks.clone(), for_objects.clone(), id, change)),
                        );
                    }
                });
                if waiting.is_empty() {
                    return;
                }
                let (mut masks, mut objects) = (masks.activate(), objects.activate());
                for (for_masks, for_objects, id, change) in std::mem::take(&mut waiting) {
                    let time = for_objects.time().clone();
                    let found = if change.is_mask() {
                        let Some(foreground) = foregrounds.remove(&(time.clone(), id)) else {
                            waiting.push((for_masks, for_objects, id, change));
                            continue;
                        };
                        Some(find(id, &change, &foreground))
                    } else {
                        None
                    };
                    let found = found.transpose().unwrap_or_else(|error| {
                        failure.report(error.in_chunk(id));
                        None
                    });
                    objects.session(&for_objects).give((id, found.map(Arc::new)));
                    masks.session(&for_masks).give((id, change));
                }
            }
        });
        (mask_stream, object_stream)
    }
}
