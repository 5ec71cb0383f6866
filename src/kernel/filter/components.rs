//! The components of a chunk that a filter decides about, as far as they follow from its own voxels.

use crate::kernel::filter::rule::{Filter, Size};
use crate::kernel::mask::Mask;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::runs::Run;
use crate::kernel::objects::sides::Step;

/// The components of a mask, or of its background, in their chunk.
///
/// `strong` is the mask of the chunk's strong voxels, if it has any. `is_there` says whether there can be a chunk at a step,
/// `is_open` whether the outside lies beyond the face at a step, which counts for components of the background. A chunk
/// whose voxels are all background has an empty mask.
pub fn components(
    filter: Filter,
    mask: &Mask,
    strong: Option<&Mask>,
    is_there: impl Fn(Step) -> bool,
    is_open: impl Fn(Step) -> bool,
) -> Local<Size> {
    let connectivity = filter.connectivity();
    match filter {
        Filter::Hysteresis => Local::new(mask, connectivity, is_there, |run| {
            let marked = strong.is_some_and(|strong| holds_any(strong, run));
            Size { voxels: run.voxels(), marked }
        }),
        Filter::FillHoles(_) => {
            let own = mask.layout().own;
            let open = [0, 1, 2].map(|axis| {
                [-1, 1].map(|d| {
                    let mut step = [0; 3];
                    step[axis] = d;
                    is_open(step)
                })
            });
            let is_marked = |run: &Run| {
                let [least, last] = [[run.z, run.y, run.x[0]], [run.z, run.y, run.x[1] - 1]];
                (0..3).any(|a| open[a][0] && least[a] == own.min[a] || open[a][1] && last[a] + 1 == own.max[a])
            };
            Local::new(&mask.inverted(), connectivity, is_there, |run| Size {
                voxels: run.voxels(),
                marked: is_marked(run),
            })
        }
        Filter::RemoveSmaller(..) | Filter::KeepLargest { .. } => {
            Local::new(mask, connectivity, is_there, |run| Size { voxels: run.voxels(), marked: false })
        }
    }
}

/// Whether a mask holds a voxel of a run.
fn holds_any(mask: &Mask, run: &Run) -> bool {
    let first = mask.layout().bit_at([run.z, run.y, run.x[0]]);
    let length = run.voxels() as usize;
    (0..length).step_by(64).any(|x| mask.read(first + x, (length - x).min(64)) != 0)
}
