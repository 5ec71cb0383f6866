//! Smoothing and threshold as an operator: chunks with their overlap in, masks out.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::{Binarise, Binary, Foreground};
use crate::kernel::thin::change::Change;
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
    /// values there. A chunk without foreground is [`Change::Gone`]. Holds which chunks have foreground.
    ///
    /// If tiers of chunks come ([`Grid::in_tiers`]), `tiers` is their grid; the masks of a chunk's tiers are held until
    /// the last one has come, and joined. `confine` returns what of the mask of a box counts; if that fails, the
    /// chunk has no foreground, and `failure` the error. `watch` sees all that comes before its values are released, and the
    /// masks.
    fn binarise_within(
        self,
        tiers: Option<Grid>,
        kernel: Binarise,
        confine: impl Fn(Binary, &Region) -> Result<Option<Binary>> + 'static,
        failure: Failure,
        watch: impl Watch,
    ) -> Binaries<'scope, T>;

    /// The same for whole chunks, and all of each mask; `see` is called with every chunk before its values are released.
    fn binarise(self, kernel: Binarise, see: impl FnMut(&Padded) + 'static) -> Binaries<'scope, T>
    where
        Self: Sized,
    {
        self.binarise_within(None, kernel, |binary, _| Ok(Some(binary)), Failure::default(), see)
    }
}

/// Sees chunks on their way to masks.
pub trait Watch: 'static {
    /// A chunk or a tier of one has come.
    fn see(&mut self, padded: &Padded);

    /// The mask of a whole chunk is made, if it has foreground.
    fn made(&mut self, chunk: ChunkId, binary: Option<&Binary>) {
        let _ = (chunk, binary);
    }
}

impl<F: FnMut(&Padded) + 'static> Watch for F {
    fn see(&mut self, padded: &Padded) {
        self(padded);
    }
}

/// The masks of the tiers of a chunk, of which some have not come.
#[derive(Default)]
struct Tiers {
    came: usize,
    parts: BTreeMap<ChunkId, Binary>,
}

impl<'scope, T: Timestamp + TotalOrder> BinariseChunks<'scope, T> for StreamVec<'scope, T, Padded> {
    fn binarise_within(
        self,
        tiers: Option<Grid>,
        mut kernel: Binarise,
        confine: impl Fn(Binary, &Region) -> Result<Option<Binary>> + 'static,
        failure: Failure,
        mut watch: impl Watch,
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
            let mut underway: BTreeMap<(T, ChunkId), Tiers> = BTreeMap::new();
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
                        watch.see(&padded);
                        let (tier, own) = (padded.chunk, padded.own);
                        padded.recycle();
                        let (chunk, region, binary) = match &tiers {
                            None => (tier, own, binary),
                            Some(grid) => {
                                let whole = grid.whole(tier);
                                let key = (for_masks.time().clone(), whole);
                                let all = underway.entry(key.clone()).or_default();
                                all.came += 1;
                                all.parts.extend(binary.map(|binary| (tier, binary)));
                                if all.came < grid.tiers_of(whole).len() {
                                    continue;
                                }
                                let parts = underway.remove(&key).unwrap_or_default().parts;
                                let (parts, region) =
                                    (Vec::from_iter(parts.into_values()), grid.of_wholes().region(whole));
                                (whole, region, Binary::joined(&parts, &region))
                            }
                        };
                        let binary = binary.map(|binary| confine(binary, &region)).transpose();
                        let binary = binary.map(Option::flatten).unwrap_or_else(|error| {
                            failure.report(error.in_chunk(chunk));
                            None
                        });
                        watch.made(chunk, binary.as_ref());
                        match binary {
                            Some(binary) => {
                                present.insert(chunk);
                                foregrounds.give((chunk, binary.foreground));
                                if asks {
                                    strong.give((chunk, binary.strong.map(Arc::new)));
                                }
                                masks.give((chunk, Change::Mask(Arc::new(binary.mask))));
                            }
                            None => {
                                if present.remove(&chunk) && asks {
                                    strong.give((chunk, None));
                                }
                                masks.give((chunk, Change::Gone));
                            }
                        }
                    }
                });
            }
        });
        Binaries { masks: mask_stream, foregrounds: foreground_stream, strong: strong_stream }
    }
}

#[cfg(test)]
mod tests;
