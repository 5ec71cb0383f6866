//! A mask after what was decided about its components.

use crate::kernel::filter::rule::Filter;
use crate::kernel::mask::Mask;
use crate::kernel::objects::local::labelled_runs;
use crate::kernel::objects::runs::Run;
use crate::space::Voxel;

/// The mask of a chunk after a filter; `None` if no voxel is left. `chosen` has the first voxels, in order, of the parts that
/// the filter has chosen in this chunk: see [`Filter::chooses`]. Takes nearly linear time in the number of runs.
pub fn applied(filter: Filter, mask: &Mask, chosen: &[Voxel]) -> Option<Mask> {
    let is_chosen = |first: Voxel| chosen.binary_search(&first).is_ok();
    let (fills, keeps) = (filter.fills(), filter.limit().is_some());
    let mut left = mask.clone();
    let of = |run: &Run| left.layout().bit_at([run.z, run.y, run.x[0]]);
    let inverted;
    let runs = labelled_runs(
        if fills {
            inverted = mask.inverted();
            &inverted
        } else {
            mask
        },
        filter.connectivity(),
    );
    let changed: Vec<(usize, usize)> = runs
        .into_iter()
        .filter(|(_, first)| is_chosen(*first) != keeps)
        .map(|(run, _)| (of(&run), run.voxels() as usize))
        .collect();
    for (first, length) in changed {
        for x in (0..length).step_by(64) {
            left.write(first + x, (length - x).min(64), if fills { u64::MAX } else { 0 });
        }
    }
    (left.count() > 0).then_some(left)
}
