//! Counts of whole images: each worker counts in its chunks, and all learn the total.

use timely::ExchangeData;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Broadcast;
use timely::progress::Timestamp;

use super::failure::Failure;
use super::overlap::Padded;
use crate::error::Result;

/// Extension trait on streams of chunks with their overlap.
pub trait CountChunks<'scope, T: Timestamp> {
    /// The counts of all workers, at every worker: one record for each worker, when all chunks have been seen.
    ///
    /// `count` adds a chunk to the count, which starts as `empty`; errors go to `failure`.
    fn count_chunks<C: ExchangeData + Clone>(
        self,
        empty: C,
        count: impl FnMut(&mut C, &Padded) -> Result<()> + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, C>;
}

impl<'scope, T: Timestamp> CountChunks<'scope, T> for StreamVec<'scope, T, Padded> {
    fn count_chunks<C: ExchangeData + Clone>(
        self,
        empty: C,
        mut count: impl FnMut(&mut C, &Padded) -> Result<()> + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, C> {
        self.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            Pipeline,
            "CountChunks",
            move |capability, _| {
                let mut state = Some((capability, empty));
                move |(input, frontier), output| {
                    input.for_each(|_, chunks| {
                        for padded in chunks.drain(..) {
                            if let Some((_, total)) = &mut state
                                && !failure.happened()
                                && let Err(error) = count(total, &padded)
                            {
                                failure.report(error.in_chunk(padded.chunk));
                            }
                            padded.recycle();
                        }
                    });
                    if frontier.is_empty()
                        && let Some((capability, total)) = state.take()
                    {
                        output.session(&capability).give(total);
                    }
                }
            },
        )
        .broadcast()
    }
}
