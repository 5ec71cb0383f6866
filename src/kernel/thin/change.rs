//! What becomes of a chunk that is thinned.

use std::sync::Arc;

use crate::kernel::mask::Mask;
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::mask::recalled::RecalledMask;
use crate::kernel::thin::recall::{Recall, Restored};
use crate::kernel::thin::seam_log::SeamLog;

/// A change of a chunk at the beginning of an epoch.
#[derive(Clone, Debug)]
pub enum Change {
    /// It has this new mask, with an empty halo. It runs unless the mask is the one that it already has.
    Mask(Arc<Mask>),
    /// The same, but the mask is stored elsewhere, and loaded where it is looked at.
    Recalled(RecalledMask),
    /// It no longer has foreground.
    Gone,
    /// It and its neighbours are as an earlier partition left them, and it does not run.
    Restored(Box<Restored>),
    /// The same, but the chunk is stored elsewhere. It is restored when it changes, or when a neighbour's mask or decisions
    /// reach it.
    Stored(Recall),
    /// It is new and was thinned by planes, together with all chunks with foreground, and does not run.
    Thinned(Box<Thinned>),
    /// It was restored in doubt and its mask is correct: it runs from the start, regardless of its log.
    Rerun,
}

impl Change {
    /// The mask that the chunk has from now on, if the change is one; loaded, if it is stored elsewhere. `None` as well if that
    /// fails, which was reported.
    pub fn mask(&self) -> Option<Arc<Mask>> {
        match self {
            Change::Mask(mask) => Some(Arc::clone(mask)),
            Change::Recalled(mask) => mask.load(),
            _ => None,
        }
    }

    /// Whether the change is a mask, here or elsewhere.
    pub fn is_mask(&self) -> bool {
        matches!(self, Change::Mask(_) | Change::Recalled(_))
    }

    /// The same, with a mask that is here; one that cannot be loaded has gone.
    #[must_use]
    pub fn loaded(self) -> Change {
        match self {
            Change::Recalled(mask) => mask.load().map_or(Change::Gone, Change::Mask),
            other => other,
        }
    }
}

/// A chunk that was thinned by planes.
#[derive(Clone, Debug)]
pub struct Thinned {
    /// The mask before thinning, with an empty halo.
    pub initial: Arc<Mask>,
    /// What crossed its seams.
    pub log: SeamLog,
    /// The mask after thinning, with an empty halo.
    pub mask: PackedMask,
}
