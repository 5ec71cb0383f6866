//! The image's values at skeleton voxels.

use std::collections::BTreeMap;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::failure::Failure;
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::binarise::Foreground;
use crate::kernel::mask::Mask;
use crate::kernel::skeleton::{PixelValues, Skeleton};
use crate::space::Voxel;
use crate::store::Source;
use crate::with_voxels;

/// Extension trait on streams of thinned masks.
pub trait SampleChunks<'scope, T: Timestamp> {
    /// The skeleton of every chunk that has one, with the image's values at its voxels.
    ///
    /// `foreground` says what is known of the values of every chunk that comes in. Where it varies the chunk is read
    /// again, which only happens for chunks that hold skeleton. Both streams must be at the chunk's owner.
    fn sample(
        self,
        foreground: StreamVec<'scope, T, (ChunkId, Foreground)>,
        source: Arc<dyn Source>,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Arc<Skeleton>)>;
}

impl<'scope, T: Timestamp + TotalOrder> SampleChunks<'scope, T> for StreamVec<'scope, T, (ChunkId, Mask)> {
    fn sample(
        self,
        foreground: StreamVec<'scope, T, (ChunkId, Foreground)>,
        source: Arc<dyn Source>,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Arc<Skeleton>)> {
        self.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            foreground,
            Pipeline,
            Pipeline,
            "SampleChunks",
            move |_, _| {
                let mut known: BTreeMap<T, BTreeMap<ChunkId, Foreground>> = BTreeMap::new();
                let mut thinned = BTreeMap::new();
                move |(masks, frontier), (foregrounds, known_until), output| {
                    foregrounds.for_each(|capability, records| {
                        if let Some(time) = capability.least() {
                            known.entry(time.clone()).or_default().extend(records.drain(..));
                        }
                    });
                    masks.for_each(|capability, records| {
                        if let Some(held) = capability.retain_least(output.output_index()) {
                            let time = held.time().clone();
                            let (_, waiting) = thinned.entry(time).or_insert_with(|| (held, Vec::new()));
                            waiting.append(records);
                        }
                    });
                    while let Some(entry) = thinned.first_entry() {
                        if known_until.less_equal(entry.key()) {
                            break;
                        }
                        let time = entry.key().clone();
                        let (held, masks) = entry.remove();
                        let known = known.get(&time);
                        let mut session = output.session(&held);
                        for (id, mask) in masks {
                            let foreground = known.and_then(|known| known.get(&id)).copied();
                            match skeleton(&mask, foreground, source.as_ref()) {
                                Ok(found) => {
                                    session.give_iterator(found.map(|found| (id, Arc::new(found))).into_iter())
                                }
                                Err(error) => failure.report(error.in_chunk(id)),
                            }
                        }
                    }
                    known.retain(|time, _| frontier.less_equal(time) || thinned.contains_key(time));
                }
            },
        )
    }
}

/// The skeleton that a thinned mask holds, with the image's values at it; `None` where it holds no voxel.
fn skeleton(mask: &Mask, foreground: Option<Foreground>, source: &dyn Source) -> Result<Option<Skeleton>> {
    let layout = mask.layout();
    let bits: Vec<usize> = mask.own_bits().collect();
    if bits.is_empty() {
        return Ok(None);
    }
    let voxels = bits.iter().map(|&bit| Voxel::new(layout.position(bit))).collect();
    let values = match foreground {
        Some(Foreground::Constant(value)) => PixelValues::Constant(value),
        Some(Foreground::Varying) => {
            let read = source.read(&layout.own)?;
            let description = source.description();
            let stored = read.map(|chunk| chunk.voxels);
            let stored = stored.unwrap_or_else(|| Voxels::filled(description.dtype, layout.shape, description.fill));
            let at = bits.iter().map(|&bit| layout.padded(bit).map(|p| p - 1));
            with_voxels!(&stored, array => values_at(array, at))
        }
        None => return Err(Error::internal("a chunk was thinned that never had foreground")),
    };
    Ok(Some(Skeleton { voxels, values }))
}

fn values_at<V: Value>(array: &ndarray::Array3<V>, at: impl Iterator<Item = [usize; 3]>) -> PixelValues {
    match V::DTYPE {
        Dtype::F32 | Dtype::F64 => PixelValues::Floats(at.map(|p| array[p].to_f64().to_bits()).collect()),
        _ => PixelValues::Integers(at.map(|p| array[p].to_f64() as i64).collect()),
    }
}
