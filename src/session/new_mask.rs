//! Masks that were just made, on their way to filters or to thinning.

use std::sync::Arc;

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::binarise::{Binary, Foreground};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::objects::local::Local;
use crate::operators::objects::find::ObjectPlan;
use crate::operators::radii::HeldMask;

/// A mask that was just made.
pub(super) struct NewMask {
    /// The mask in a layout without bounds.
    pub(super) mask: Arc<Mask>,
    /// Its strong voxels in the same layout, if the threshold asks for them and it has any.
    pub(super) strong: Option<Arc<Mask>>,
    /// Number of foreground voxels.
    pub(super) count: usize,
    pub(super) foreground: Foreground,
    /// What is known of it already.
    pub(super) findings: Findings,
}

/// What follows from a mask alone, if it is known.
#[derive(Default)]
pub(super) struct Findings {
    /// Its objects, where they are only counted.
    pub(super) counted: Option<Arc<Local<u64>>>,
    /// The mask for radii.
    pub(super) held: Option<HeldMask>,
}

/// How new masks are prepared.
#[derive(Clone, Copy)]
pub(super) struct Preparation {
    pub(super) canvas: Grid,
    /// How objects are counted, where they are, and no filter comes before that.
    pub(super) objects: Option<ObjectPlan>,
    /// Whether masks are held for radii, and no filter comes before that.
    pub(super) holds: bool,
}

impl Preparation {
    /// Prepares a mask. What follows from it is found at once: it has just been made, and is in the processor's caches.
    pub(super) fn of(&self, chunk: ChunkId, binary: Binary) -> NewMask {
        let Binary { mask, strong, count, foreground } = binary;
        let placed = |mask| Arc::new(on_canvas(mask, &self.canvas, chunk));
        let (mask, strong) = (placed(mask), strong.map(placed));
        let counted = self.objects.map(|objects| Arc::new(objects.counted(chunk, &mask)));
        let held = self.holds.then(|| HeldMask::apart(Arc::clone(&mask), None));
        NewMask { mask, strong, count, foreground, findings: Findings { counted, held } }
    }
}

/// The mask of a chunk that may be cut off at bounds, in a layout without bounds.
fn on_canvas(mask: Mask, canvas: &Grid, chunk: ChunkId) -> Mask {
    let (own, whole) = (mask.layout().own, canvas.region(chunk));
    if own == whole {
        return mask;
    }
    let mut placed = Mask::new(Layout::new(whole));
    placed.paste(&own, &mask.cut(&own));
    placed
}
