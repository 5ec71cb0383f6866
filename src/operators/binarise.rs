//! Smoothing and threshold as an operator: chunks with their overlap in, masks out.

use std::collections::BTreeSet;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::failure::Failure;
use super::overlap::Padded;
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::{Binarise, Binary, Foreground};
use crate::kernel::thin::partition::Change;
use crate::space::Region;

/// The masks of chunks, and what is known about the image's values there.
pub struct Binaries<'scope, T: Timestamp> {
    /// The mask of every chunk that has foreground, as a change for thinning, and [`Change::Gone`] for every other one.
    pub masks: StreamVec<'scope, T, (ChunkId, Change)>,
    /// The image's values in the foreground.
    pub foregrounds: StreamVec<'scope, T, (ChunkId, Foreground)>,
    /// The strong voxels of each chunk that has a mask, if there are any and the threshold asks for them.
    pub strong: StreamVec<'scope, T, (ChunkId, Option<Arc<Mask>>)>,
}

impl<'scope, T: Timestamp> Binaries<'scope, T> {
    /// Those of other chunks, too.
    #[must_use]
    pub fn and(self, other: Binaries<'scope, T>) -> Self {
        Binaries {
            masks: self.masks.concat(other.masks),
            foregrounds: self.foregrounds.concat(other.foregrounds),
            strong: self.strong.concat(other.strong),
        }
    }
}

impl<T: Timestamp> std::fmt::Debug for Binaries<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binaries").finish_non_exhaustive()
    }
}

/// Extension trait on streams of chunks with their overlap.
pub trait BinariseChunks<'scope, T: Timestamp + TotalOrder> {
    /// The mask of every chunk that has foreground, as a change for thinning, and what is known about the image's
    /// values there. A chunk without foreground is [`Change::Gone`]. `confine` returns what of the mask of
    /// a box counts; if that fails, the chunk has no foreground, and `failure` the error. `watch` is called with every
    /// chunk before its values are released. Holds which chunks have foreground.
    fn binarise_within(
        self,
        kernel: Binarise,
        confine: impl Fn(Binary, &Region) -> Result<Option<Binary>> + 'static,
        failure: Failure,
        watch: impl FnMut(&Padded, Option<&Binary>) + 'static,
    ) -> Binaries<'scope, T>;

    /// The same, with all of each mask.
    fn binarise(self, kernel: Binarise, watch: impl FnMut(&Padded, Option<&Binary>) + 'static) -> Binaries<'scope, T>
    where
        Self: Sized,
    {
        self.binarise_within(kernel, |binary, _| Ok(Some(binary)), Failure::default(), watch)
    }
}

impl<'scope, T: Timestamp + TotalOrder> BinariseChunks<'scope, T> for StreamVec<'scope, T, Padded> {
    fn binarise_within(
        self,
        mut kernel: Binarise,
        confine: impl Fn(Binary, &Region) -> Result<Option<Binary>> + 'static,
        failure: Failure,
        mut watch: impl FnMut(&Padded, Option<&Binary>) + 'static,
    ) -> Binaries<'scope, T> {
        let mut builder = OperatorBuilder::new("BinariseChunks".to_owned(), self.scope());
        let mut input = builder.new_input(self, Pipeline);
        let (masks, mask_stream) = builder.new_output::<Vec<(ChunkId, Change)>>();
        let mut masks = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(masks);
        let (foregrounds, foreground_stream) = builder.new_output::<Vec<(ChunkId, Foreground)>>();
        let mut foregrounds = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(foregrounds);
        let (strong, strong_stream) = builder.new_output::<Vec<(ChunkId, Option<Arc<Mask>>)>>();
        let mut strong = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(strong);
        let asks = kernel.threshold.strong().is_some();
        builder.build(move |_| {
            let mut present: BTreeSet<ChunkId> = BTreeSet::new();
            move |_| {
                input.for_each(|capability, chunks| {
                    let held = [0, 1, 2].map(|port| capability.retain_least(port));
                    let [Some(for_masks), Some(for_values), Some(for_strong)] = held else { return };
                    let (mut masks, mut foregrounds) = (masks.activate(), foregrounds.activate());
                    let mut strong = strong.activate();
                    let mut strong = strong.session(&for_strong);
                    let mut masks = masks.session(&for_masks);
                    let mut foregrounds = foregrounds.session(&for_values);
                    for padded in chunks.drain(..) {
                        let binary = kernel.mask(padded.voxels.as_ref(), &padded.region, &padded.own);
                        let binary = binary.map(|binary| confine(binary, &padded.own)).transpose();
                        let binary = binary.map(Option::flatten).unwrap_or_else(|error| {
                            failure.report(error.in_chunk(padded.chunk));
                            None
                        });
                        watch(&padded, binary.as_ref());
                        match binary {
                            Some(binary) => {
                                present.insert(padded.chunk);
                                foregrounds.give((padded.chunk, binary.foreground));
                                if asks {
                                    strong.give((padded.chunk, binary.strong.map(Arc::new)));
                                }
                                masks.give((padded.chunk, Change::Mask(binary.mask)));
                            }
                            None => {
                                if present.remove(&padded.chunk) && asks {
                                    strong.give((padded.chunk, None));
                                }
                                masks.give((padded.chunk, Change::Gone));
                            }
                        }
                        if let Some(voxels) = padded.voxels.filter(|_| padded.region != padded.own) {
                            voxels.recycle();
                        }
                    }
                });
            }
        });
        Binaries { masks: mask_stream, foregrounds: foreground_stream, strong: strong_stream }
    }
}
