//! Chunks that an earlier dataflow has measured, and whose masks are stored outside of the dataflow.

use std::fmt;
use std::sync::Arc;

use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::measure::radii::Radii;

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

/// A chunk's mask that is stored elsewhere.
#[derive(Clone)]
pub struct RecalledMask {
    chunk: ChunkId,
    load: Arc<Load>,
}

type Load = dyn Fn(ChunkId) -> Option<Arc<Mask>> + Send + Sync;

/// How masks that are stored elsewhere are loaded.
#[derive(Clone)]
pub struct RecallMasks(Arc<Load>);

impl RecallMasks {
    /// Loads masks by a function, each as often as it is looked at. `None` means that it cannot be loaded: the function
    /// reports why, and radii are of no use then.
    pub fn new(load: impl Fn(ChunkId) -> Option<Arc<Mask>> + Send + Sync + 'static) -> Self {
        RecallMasks(Arc::new(load))
    }

    /// The mask of a chunk.
    pub fn of(&self, chunk: ChunkId) -> RecalledMask {
        RecalledMask { chunk, load: Arc::clone(&self.0) }
    }
}

impl fmt::Debug for RecallMasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecallMasks").finish_non_exhaustive()
    }
}

impl RecalledMask {
    pub(super) fn load(&self) -> Option<Arc<Mask>> {
        (self.load)(self.chunk)
    }
}

impl fmt::Debug for RecalledMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecalledMask").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}
