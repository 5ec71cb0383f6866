//! Smoothing and threshold as an operator: chunks with their overlap in, masks out.

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::Timestamp;

use super::overlap::Padded;
use crate::grid::ChunkId;
use crate::kernel::binarise::{Binarise, Binary};

/// Extension trait on streams of chunks with their overlap.
pub trait BinariseChunks<'scope, T: Timestamp> {
    /// The mask of every chunk that has foreground. `watch` sees every chunk, also those without, before its values are
    /// let go.
    fn binarise(
        self,
        kernel: Binarise,
        watch: impl FnMut(&Padded, Option<&Binary>) + 'static,
    ) -> StreamVec<'scope, T, (ChunkId, Binary)>;
}

impl<'scope, T: Timestamp> BinariseChunks<'scope, T> for StreamVec<'scope, T, Padded> {
    fn binarise(
        self,
        mut kernel: Binarise,
        mut watch: impl FnMut(&Padded, Option<&Binary>) + 'static,
    ) -> StreamVec<'scope, T, (ChunkId, Binary)> {
        self.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "BinariseChunks", move |_, _| {
            move |input, output| {
                input.for_each(|capability, chunks| {
                    let mut session = output.session(&capability);
                    for padded in chunks.drain(..) {
                        let binary = kernel.mask(padded.voxels.as_ref(), &padded.region, &padded.own);
                        watch(&padded, binary.as_ref());
                        if let Some(binary) = binary {
                            session.give((padded.chunk, binary));
                        }
                    }
                });
            }
        })
    }
}
