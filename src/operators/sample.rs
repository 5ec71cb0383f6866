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
use super::reader::read;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::skeleton::Skeleton;
use crate::space::{Position, Region, Voxel};
use crate::store::Source;

/// Bytes of foreground values that all workers together hold until the skeleton is known; chunks beyond are read again.
pub(crate) const KEPT_VALUES: usize = 128 << 20;

/// Extension trait on streams of thinned masks.
pub trait SampleChunks<'scope, T: Timestamp + TotalOrder + Lattice> {
    /// The skeleton of every chunk that has one, with the image's values at its voxels. Times are independent: nothing
    /// is held after one.
    ///
    /// `foreground` says what is known about the values of every chunk with a mask. If they vary and are not held, the
    /// chunk is read again, which only happens for chunks with skeleton voxels. Both streams must be at the chunk's
    /// owner.
    fn sample(
        self,
        foreground: StreamVec<'scope, T, (ChunkId, Foreground)>,
        source: Arc<dyn Source>,
        failure: Failure,
    ) -> VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>;
}

impl<'scope, T: Timestamp + TotalOrder + Lattice> SampleChunks<'scope, T>
    for StreamVec<'scope, T, (ChunkId, Option<Mask>)>
{
    fn sample(
        self,
        foreground: StreamVec<'scope, T, (ChunkId, Foreground)>,
        source: Arc<dyn Source>,
        failure: Failure,
    ) -> VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)> {
        self.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            foreground,
            Pipeline,
            Pipeline,
            "SampleChunks",
            move |_, _| {
                let mut known: BTreeMap<T, BTreeMap<ChunkId, Foreground>> = BTreeMap::new();
                let mut thinned = BTreeMap::new();
                move |(masks, masks_until), (foregrounds, known_until), output| {
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
                        let (time, (capability, masks)) = entry.remove_entry();
                        let mut known = known.get_mut(&time);
                        let mut session = output.session(&capability);
                        for (id, mask) in masks {
                            if failure.happened() {
                                break;
                            }
                            let foreground = known.as_mut().and_then(|known| known.remove(&id));
                            let found = mask
                                .map(|mask| skeleton(&mask, &mask.layout().own, foreground.as_ref(), Some(&source)));
                            match found.transpose() {
                                Ok(Some(Some(found))) => session.give(((id, Arc::new(found)), time.clone(), 1)),
                                Ok(_) => {}
                                Err(error) => failure.report(error.in_reading(id)),
                            }
                        }
                    }
                    // Masks of a time may come bit by bit.
                    known.retain(|time, _| masks_until.less_equal(time) || thinned.contains_key(time));
                }
            },
        )
        .as_collection()
    }
}

/// The skeleton that a thinned mask holds, with the image's values at it; `None` if it holds no voxel. `own` is the
/// part of its box that lies in the image.
///
/// # Errors
/// If values vary, are not held, and cannot be read from the source; `Data` if one is infinite.
pub fn skeleton(
    mask: &Mask,
    own: &Region,
    foreground: Option<&Foreground>,
    source: Option<&Arc<dyn Source>>,
) -> Result<Option<Skeleton>> {
    let voxels = mask.own_voxels();
    if voxels.is_empty() {
        return Ok(None);
    }
    let values = Arc::new(values_at(&voxels, own, foreground, source)?);
    Ok(Some(Skeleton { voxels: voxels.into(), values }))
}

/// The image's values at voxels of a box inside the image, in their order.
///
/// # Errors
/// As [`skeleton`].
pub(crate) fn values_at(
    voxels: &[Voxel],
    own: &Region,
    foreground: Option<&Foreground>,
    source: Option<&Arc<dyn Source>>,
) -> Result<PixelValues> {
    let values = match (foreground, source) {
        (Some(Foreground::Constant(value)), _) => PixelValues::Constant(*value),
        (Some(Foreground::Kept(kept)), _) => {
            let at = voxels.iter().map(|voxel| kept.place(voxel.position()));
            PixelValues::at(kept.values(), at)
        }
        (Some(Foreground::Varying), Some(source)) => {
            let stored = stored_values(source, own)?;
            let place = |p: Position| std::array::from_fn(|a| (p[a] - own.min[a]) as usize);
            let at = voxels.iter().map(|voxel| place(voxel.position()));
            let values = PixelValues::at(&stored, at);
            stored.recycle();
            values
        }
        (Some(Foreground::Varying), None) => {
            return Err(Error::internal("values of the foreground vary and are neither held nor stored"));
        }
        (None, _) => return Err(Error::internal("a chunk was thinned that never had foreground")),
    };
    if let PixelValues::Floats(bits) = &values
        && let Some(at) = bits.iter().position(|&bits| too_large(f64::from_bits(bits)))
    {
        let [z, y, x] = voxels[at].position();
        let message = format!(
            "the value at (z, y, x) = ({z}, {y}, {x}), which is on the skeleton, is too large to compute with; give numbers up \
             to {LARGEST:e}"
        );
        return Err(Error::data(message));
    }
    Ok(values)
}

/// The values of a box inside the image.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn stored_values(source: &Arc<dyn Source>, own: &Region) -> Result<Voxels> {
    let description = source.description();
    let stored = read(source, own)?;
    Ok(stored.unwrap_or_else(|| Voxels::filled(description.dtype, own.shape(), description.fill)))
}

/// Values further from zero have squares whose sums overflow.
const LARGEST: f64 = 1e140;

/// Whether a value is too large to compute with.
pub(crate) fn too_large(value: f64) -> bool {
    value.is_nan() || value.abs() > LARGEST
}
