//! Smoothing and threshold as an operator: chunks with their overlap in, masks out.

use std::collections::BTreeSet;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::failure::Failure;
use super::overlap::Padded;
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::binarise::{Binarise, Binary, Foreground};
use crate::kernel::thin::partition::Change;
use crate::space::Region;

/// The masks of chunks, and what is known about the image's values in their foreground.
pub type Binaries<'scope, T> = (StreamVec<'scope, T, (ChunkId, Change)>, StreamVec<'scope, T, (ChunkId, Foreground)>);

/// Extension trait on streams of chunks with their overlap.
pub trait BinariseChunks<'scope, T: Timestamp + TotalOrder> {
    /// The mask of every chunk that has foreground, as a change for thinning, and what is known about the image's
    /// values there. A chunk that comes again without foreground is [`Change::Gone`]. `confine` returns what of the mask of
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
        builder.build(move |_| {
            let mut present: BTreeSet<ChunkId> = BTreeSet::new();
            move |_| {
                input.for_each(|capability, chunks| {
                    let (Some(for_masks), Some(for_values)) = (capability.retain_least(0), capability.retain_least(1))
                    else {
                        return;
                    };
                    let (mut masks, mut foregrounds) = (masks.activate(), foregrounds.activate());
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
                                masks.give((padded.chunk, Change::Mask(binary.mask)));
                            }
                            None if present.remove(&padded.chunk) => masks.give((padded.chunk, Change::Gone)),
                            None => {}
                        }
                        if let Some(voxels) = padded.voxels.filter(|_| padded.region != padded.own) {
                            voxels.recycle();
                        }
                    }
                });
            }
        });
        (mask_stream, foreground_stream)
    }
}
