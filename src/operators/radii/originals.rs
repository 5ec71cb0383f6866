//! What radii are measured from: masks before thinning, some of which may be stored elsewhere.

use std::fmt;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::progress::Timestamp;

use super::kept::KeptRadii;
use super::mask_store::{HeldMask, MaskStore};
use crate::grid::ChunkId;
use crate::kernel::mask::recalled::RecalledMask;
use crate::kernel::measure::radii::Radii;
use crate::space::Region;

/// A chunk whose radii an earlier dataflow has measured, and whose mask is loaded when it is needed.
///
/// It must come at the same time as its skeleton, and all chunks with foreground must come so at that time, with the bounds
/// that the image had: then all radii are what they would be measured to be.
#[derive(Clone, Debug)]
pub struct MeasuredChunk {
    /// The mask.
    pub mask: RecalledMask,
    /// The radii at the voxels of its skeleton, if it has one.
    pub radii: Option<Radii>,
}

/// The masks that a skeleton was thinned from.
#[derive(Clone)]
pub struct Originals<'scope, T: Timestamp> {
    /// The masks of chunks before thinning.
    pub masks: StreamVec<'scope, T, (ChunkId, HeldMask)>,
    /// The bounds of the image, for every worker.
    pub bounds: StreamVec<'scope, T, Region>,
    /// Chunks with foreground whose radii an earlier dataflow has measured: see [`MeasuredChunk`].
    pub measured: Option<StreamVec<'scope, T, (ChunkId, MeasuredChunk)>>,
    /// Room for those that nobody else holds, if it is limited; the same in which `masks` are held.
    pub store: Option<Arc<MaskStore>>,
    /// Where this worker's radii of the first time are kept for a later run, which sees the same chunks.
    pub kept: Option<KeptRadii>,
}

impl<T: Timestamp> fmt::Debug for Originals<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Originals").finish_non_exhaustive()
    }
}
