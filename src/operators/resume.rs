//! Chunks that an earlier run has read, from its checkpoint, in place of reading them again.

use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::Scope;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::binarise::Binaries;
use super::failure::Failure;
use crate::checkpoint::{ReadChunk, ReadChunks};
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::mask::recalled::RecallMasks;
use crate::kernel::thin::change::Change;

/// Chunks that are sent before the worker does other things.
const AT_ONCE: usize = 8;

/// Extension trait on scopes.
pub trait ResumeChunks<'scope, T: Timestamp + TotalOrder> {
    /// What an earlier run has made of chunks of this worker, as [`binarise`](super::binarise::BinariseChunks::binarise) would
    /// send it, but masks are loaded where they are looked at; values that vary are read again where they are needed. `watch` is
    /// called with every chunk first. Errors are reported to `failure`, which ends this.
    fn resume_chunks(
        self,
        chunks: ReadChunks,
        failure: Failure,
        watch: impl FnMut(ChunkId, &mut ReadChunk) + 'static,
    ) -> Binaries<'scope, T>;
}

impl<'scope, T: Timestamp + TotalOrder> ResumeChunks<'scope, T> for Scope<'scope, T> {
    fn resume_chunks(
        self,
        mut chunks: ReadChunks,
        failure: Failure,
        mut watch: impl FnMut(ChunkId, &mut ReadChunk) + 'static,
    ) -> Binaries<'scope, T> {
        let mut builder = OperatorBuilder::new("ResumeChunks".to_owned(), self);
        let activator = self.activator_for(builder.operator_info().address);
        let (masks, mask_stream) = builder.new_output::<Vec<(ChunkId, Change)>>();
        let mut masks = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(masks);
        let (foregrounds, foreground_stream) = builder.new_output::<Vec<(ChunkId, Foreground)>>();
        let mut foregrounds = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(foregrounds);
        let (strong, strong_stream) = builder.new_output::<Vec<(ChunkId, Option<Arc<Mask>>)>>();
        let mut strong = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(strong);
        builder.build(move |capabilities| {
            let mut capabilities = Some(capabilities);
            move |_| {
                let Some(held) = &capabilities else { return };
                let (mut masks, mut foregrounds) = (masks.activate(), foregrounds.activate());
                let mut strong = strong.activate();
                let mut masks = masks.session(&held[0]);
                let mut foregrounds = foregrounds.session(&held[1]);
                let mut strong = strong.session(&held[2]);
                let mut is_over = failure.happened();
                for _ in 0..AT_ONCE {
                    let next = chunks.next().transpose().unwrap_or_else(|error| {
                        failure.report(error);
                        None
                    });
                    let Some((chunk, mask, mut read)) = next.filter(|_| !is_over) else {
                        is_over = true;
                        break;
                    };
                    watch(chunk, &mut read);
                    let Some(mask) = mask else {
                        masks.give((chunk, Change::Gone));
                        continue;
                    };
                    foregrounds.give((chunk, read.constant.map_or(Foreground::Varying, Foreground::Constant)));
                    if let Some(voxels) = read.strong {
                        strong.give((chunk, Some(Arc::new(voxels))));
                    }
                    let failed = failure.clone();
                    let load = move |_| mask.load().map(Arc::new).map_err(|error| failed.report(error)).ok();
                    masks.give((chunk, Change::Recalled(RecallMasks::new(load).of(chunk))));
                }
                drop((masks, foregrounds, strong));
                if is_over {
                    capabilities = None;
                } else {
                    activator.activate();
                }
            }
        });
        Binaries { masks: mask_stream, foregrounds: foreground_stream, strong: strong_stream }
    }
}
