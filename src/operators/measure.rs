//! Your own measures at skeleton voxels, while chunks come, change and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::overlap::Padded;
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::measure::channel::Channel;
use crate::kernel::network::skeleton::Skeleton;
use crate::space::Voxel;

/// Extension trait on streams of thinned masks.
pub trait MeasureChunks<'scope, T: Timestamp + TotalOrder + Lattice> {
    /// The skeleton of every chunk that has one, with the channel that a kernel computes from the skeleton's voxels, in
    /// raster order, and the chunk's values with those around it.
    ///
    /// A chunk that comes again has other values from then on, and one that is thinned again has another skeleton: both
    /// retract the record before. Otherwise the channel of a chunk stays, so the kernel must depend on nothing else.
    /// Both streams must be at the chunk's owner. Holds the values of all chunks: if they are many and can be read
    /// again, [`SampleChunks`](super::sample::SampleChunks) does without.
    ///
    /// # Panics
    /// While running, if a chunk is thinned that never came in, or a channel has not one value for each voxel.
    fn measure<C: Channel>(
        self,
        chunks: StreamVec<'scope, T, Padded>,
        kernel: impl FnMut(&[Voxel], &Padded) -> C + 'static,
    ) -> VecCollection<'scope, T, (ChunkId, Arc<Skeleton<C>>)>;
}

impl<'scope, T: Timestamp + TotalOrder + Lattice> MeasureChunks<'scope, T>
    for StreamVec<'scope, T, (ChunkId, Option<Mask>)>
{
    fn measure<C: Channel>(
        self,
        chunks: StreamVec<'scope, T, Padded>,
        kernel: impl FnMut(&[Voxel], &Padded) -> C + 'static,
    ) -> VecCollection<'scope, T, (ChunkId, Arc<Skeleton<C>>)> {
        self.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            chunks,
            Pipeline,
            Pipeline,
            "MeasureChunks",
            move |_, _| {
                let mut measured = Measured { kernel, values: BTreeMap::new(), skeletons: BTreeMap::new() };
                let mut waiting = BTreeMap::new();
                move |(masks, masks_until), (chunks, chunks_until), output| {
                    masks.for_each(|capability, records| {
                        if let Some(held) = capability.retain_least(output.output_index()) {
                            let time = held.time().clone();
                            let (_, news) = waiting.entry(time).or_insert_with(|| (held, News::default()));
                            news.masks.extend(records.drain(..));
                        }
                    });
                    chunks.for_each(|capability, records| {
                        if let Some(held) = capability.retain_least(output.output_index()) {
                            let time = held.time().clone();
                            let (_, news) = waiting.entry(time).or_insert_with(|| (held, News::default()));
                            news.chunks.append(records);
                        }
                    });
                    while let Some(entry) = waiting.first_entry() {
                        if masks_until.less_equal(entry.key()) || chunks_until.less_equal(entry.key()) {
                            break;
                        }
                        let (time, (capability, news)) = entry.remove_entry();
                        let mut session = output.session(&capability);
                        measured.change(news, |id, skeleton, diff| session.give(((id, skeleton), time.clone(), diff)));
                    }
                }
            },
        )
        .as_collection()
    }
}

/// The changes of a time.
#[derive(Default)]
struct News {
    masks: BTreeMap<ChunkId, Option<Mask>>,
    chunks: Vec<Padded>,
}

/// What is known about a worker's chunks.
struct Measured<K, C> {
    kernel: K,
    values: BTreeMap<ChunkId, Padded>,
    skeletons: BTreeMap<ChunkId, Arc<Skeleton<C>>>,
}

impl<C: Channel, K: FnMut(&[Voxel], &Padded) -> C> Measured<K, C> {
    fn change(&mut self, news: News, mut give: impl FnMut(ChunkId, Arc<Skeleton<C>>, isize)) {
        let News { masks, chunks } = news;
        let mut touched: BTreeSet<ChunkId> = masks.keys().copied().collect();
        touched.extend(chunks.iter().map(|padded| padded.chunk));
        self.values.extend(chunks.into_iter().map(|padded| (padded.chunk, padded)));
        for id in touched {
            let old = self.skeletons.get(&id);
            let voxels = match masks.get(&id) {
                Some(mask) => mask.as_ref().map(Mask::own_voxels).unwrap_or_default().into(),
                None => old.map(|skeleton| skeleton.voxels.clone()).unwrap_or_default(),
            };
            let new = (!voxels.is_empty()).then(|| {
                let values = self.values.get(&id).unwrap_or_else(|| panic!("{id:?} is thinned and never came"));
                let channel = (self.kernel)(&voxels.to_vec(), values);
                assert!(channel.is_for(voxels.len()), "a channel has a value for each voxel of the skeleton of {id:?}");
                Arc::new(Skeleton { voxels, values: Arc::new(channel) })
            });
            if old == new.as_ref() {
                continue;
            }
            if let Some(new) = &new {
                give(id, Arc::clone(new), 1);
            }
            let old = match new {
                Some(new) => self.skeletons.insert(id, new),
                None => self.skeletons.remove(&id),
            };
            if let Some(old) = old {
                give(id, old, -1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
