//! The mask of a chunk before thinning.

use std::sync::Arc;

use super::mixed::Mixed;
use super::nearest::Nearest;
use super::ruler::{Ruler, step_to_box};
use crate::kernel::mask::Mask;
use crate::space::{Position, Region};

/// The mask of a chunk before thinning. Its halo is ignored.
#[derive(Clone, Debug, Default)]
pub enum Original {
    /// All voxels are background.
    #[default]
    Background,
    /// All voxels are foreground.
    Foreground,
    /// Some voxels are foreground and some are background.
    Mixed(Arc<Mixed>),
}

impl Original {
    /// The form of a chunk's mask; `None` is a chunk without foreground. Reads words until it has found both foreground
    /// and background.
    pub fn new(mask: Option<Arc<Mask>>) -> Self {
        let Some(mask) = mask else { return Original::Background };
        match (holds(&mask, false), holds(&mask, true)) {
            (_, false) => Original::Background,
            (false, true) => Original::Foreground,
            (true, true) => Original::mixed(mask),
        }
    }

    /// The mixed form, even if the mask has only foreground or only background.
    pub(crate) fn mixed(mask: Arc<Mask>) -> Self {
        Original::Mixed(Arc::new(Mixed::new(mask)))
    }

    /// Searches a box for a background voxel that is nearer to a voxel than the nearest one so far. `least` is a
    /// squared distance below which no background is expected.
    pub(super) fn search(&self, ruler: &Ruler, from: Position, within: &Region, least: f64, nearest: &mut Nearest) {
        match self {
            Original::Foreground => {}
            Original::Background => {
                let step = step_to_box(from, within);
                nearest.meet(ruler.square(step), from, step);
            }
            Original::Mixed(mixed) => mixed.search(ruler, from, within, least, nearest),
        }
    }
}

/// Masks are equal if their own voxels are.
impl PartialEq for Original {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Original::Background, Original::Background) | (Original::Foreground, Original::Foreground) => true,
            (Original::Mixed(one), Original::Mixed(other)) => {
                let [one, other] = [one, other].map(|mixed| mixed.mask());
                let [own, others] = [one, other].map(|mask| mask.layout().own);
                Arc::ptr_eq(one, other) || own == others && one.cut(&own) == other.cut(&own)
            }
            _ => false,
        }
    }
}

/// Whether any own voxel of a mask is set (if `set`), or not set.
fn holds(mask: &Mask, set: bool) -> bool {
    let [nz, ny, nx] = mask.layout().shape;
    let rows = (1..=nz).flat_map(|z| (1..=ny).map(move |y| [z, y, 1])).map(|first| mask.layout().bit(first));
    let mut words = rows.flat_map(|first| (0..nx).step_by(64).map(move |x| (first + x, (nx - x).min(64))));
    words.any(|(bit, count)| (mask.read(bit, count) ^ if set { 0 } else { u64::MAX }) << (64 - count) != 0)
}
