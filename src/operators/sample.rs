//! The image's values at skeleton voxels.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
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

/// Where values that vary are found.
#[derive(Clone)]
pub enum Values {
    /// With the foreground: it is [`Foreground::Kept`].
    Kept,
    /// In a source that can be read again.
    Source(Arc<dyn Source>),
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Values::Kept => "Kept",
            Values::Source(_) => "Source",
        })
    }
}

/// Extension trait on streams of thinned masks.
pub trait SampleChunks<'scope, T: Timestamp> {
    /// The skeleton of every chunk that has one, with the image's values at its voxels, as differences: a chunk that was
    /// thinned again, or lost its mask (`None`), gives its old skeleton with -1 and its new one with +1 where they differ.
    ///
    /// `foreground` says what is known of the values of every chunk whose mask is new. Where it varies and is not held the
    /// chunk is read again, which only happens for chunks that hold skeleton. Both streams must be at the chunk's owner.
    /// With `keep` the skeletons are held for later times.
    fn sample(
        self,
        foreground: StreamVec<'scope, T, (ChunkId, Foreground)>,
        values: Values,
        keep: bool,
        failure: Failure,
    ) -> VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>;
}

impl<'scope, T: Timestamp + TotalOrder + Lattice> SampleChunks<'scope, T>
    for StreamVec<'scope, T, (ChunkId, Option<Mask>)>
{
    fn sample(
        self,
        foreground: StreamVec<'scope, T, (ChunkId, Foreground)>,
        values: Values,
        keep: bool,
        failure: Failure,
    ) -> VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)> {
        self.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            foreground,
            Pipeline,
            Pipeline,
            "SampleChunks",
            move |_, _| {
                let mut news: BTreeMap<T, Vec<(ChunkId, Foreground)>> = BTreeMap::new();
                let mut thinned = BTreeMap::new();
                let mut known: BTreeMap<ChunkId, Foreground> = BTreeMap::new();
                let mut held: BTreeMap<ChunkId, Arc<Skeleton>> = BTreeMap::new();
                move |(masks, _), (foregrounds, known_until), output| {
                    foregrounds.for_each(|capability, records| {
                        if let Some(time) = capability.least() {
                            news.entry(time.clone()).or_default().append(records);
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
                        let (time, (capability, masks)) = entry.remove_entry();
                        while let Some(entry) = news.first_entry().filter(|entry| entry.key() <= &time) {
                            known.extend(entry.remove());
                        }
                        let mut session = output.session(&capability);
                        for (id, mask) in masks {
                            let new = mask.map(|mask| skeleton(&mask, known.get(&id), &values));
                            let new = match new.transpose() {
                                Ok(new) => new.flatten().map(Arc::new),
                                Err(error) => {
                                    failure.report(error.in_chunk(id));
                                    continue;
                                }
                            };
                            let old = match (&new, keep) {
                                (_, false) => None,
                                (Some(new), true) => held.insert(id, Arc::clone(new)),
                                (None, true) => held.remove(&id),
                            };
                            if old != new {
                                let changes = [(old, -1), (new, 1)];
                                let changes = changes.into_iter().filter_map(|(s, diff)| s.map(|s| (s, diff)));
                                session.give_iterator(changes.map(|(s, diff)| ((id, s), time.clone(), diff)));
                            }
                        }
                        if !keep {
                            known.clear();
                        }
                    }
                }
            },
        )
        .as_collection()
    }
}

/// The skeleton that a thinned mask holds, with the image's values at it; `None` where it holds no voxel.
fn skeleton(mask: &Mask, foreground: Option<&Foreground>, values: &Values) -> Result<Option<Skeleton>> {
    let layout = mask.layout();
    let bits: Vec<usize> = mask.own_bits().collect();
    if bits.is_empty() {
        return Ok(None);
    }
    let voxels = bits.iter().map(|&bit| Voxel::new(layout.position(bit))).collect();
    let values = match (foreground, values) {
        (Some(Foreground::Constant(value)), _) => PixelValues::Constant(*value),
        (Some(Foreground::Kept(kept)), _) => {
            let at = bits.iter().map(|&bit| kept.place(bit));
            with_voxels!(kept.values(), array => values_at(array, at))
        }
        (Some(Foreground::Varying), Values::Source(source)) => {
            let read = source.read(&layout.own)?;
            let description = source.description();
            let stored = read.map(|chunk| chunk.voxels);
            let stored = stored.unwrap_or_else(|| Voxels::filled(description.dtype, layout.shape, description.fill));
            let at = bits.iter().map(|&bit| layout.padded(bit).map(|p| p - 1));
            with_voxels!(&stored, array => values_at(array, at))
        }
        (Some(Foreground::Varying), Values::Kept) => {
            return Err(Error::internal("values of the foreground vary and are neither held nor stored"));
        }
        (None, _) => return Err(Error::internal("a chunk was thinned that never had foreground")),
    };
    if let PixelValues::Floats(bits) = &values
        && bits.iter().any(|&bits| !f64::from_bits(bits).is_finite())
    {
        return Err(Error::data("holds an infinite value on the skeleton: give finite numbers only"));
    }
    Ok(Some(Skeleton { voxels, values }))
}

fn values_at<V: Value>(array: &ndarray::Array3<V>, at: impl Iterator<Item = [usize; 3]>) -> PixelValues {
    match V::DTYPE {
        Dtype::F32 | Dtype::F64 => PixelValues::Floats(at.map(|p| array[p].to_f64().to_bits()).collect()),
        _ => PixelValues::Integers(at.map(|p| array[p].to_f64() as i64).collect()),
    }
}
