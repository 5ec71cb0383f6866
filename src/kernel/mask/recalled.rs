//! Masks that are stored elsewhere.

use std::fmt;
use std::sync::Arc;

use crate::grid::ChunkId;
use crate::kernel::mask::Mask;

/// A chunk's mask that is stored elsewhere. A clone shares the way to it.
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
    /// reports why, and what follows from the mask is of no use then.
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
    /// Loads it; `None` if that fails, which was reported.
    pub fn load(&self) -> Option<Arc<Mask>> {
        (self.load)(self.chunk)
    }
}

impl fmt::Debug for RecalledMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecalledMask").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}
