//! The Euler number of a mask whose voxels are joined at corners, as a sum over voxels.
//!
//! Voxels are closed cubes, and the Euler number is vertices less edges plus faces less cubes. Each vertex, edge and face is
//! counted at the first voxel in raster order that has it, so a voxel's share follows from the 13 voxels before it.

use std::sync::LazyLock;

use crate::kernel::mask::Mask;
use crate::kernel::objects::runs::Run;

/// The share of a voxel by which of the 13 voxels around it that come before it are set, in the order of
/// [`Mask::neighbourhood`](crate::kernel::mask::Mask::neighbourhood).
static SHARES: LazyLock<Vec<i8>> = LazyLock::new(|| {
    // A cell lies towards (z, y, x) from the centre of the voxel; voxels have it where they lie in between.
    let steps = || (0..27i32).map(|i| [i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1]);
    let cells: Vec<(u32, i8)> = steps()
        .filter(|cell| *cell != [0; 3])
        .map(|cell| {
            let has = |step: &[i32; 3]| (0..3).all(|a| step[a] == 0 || step[a] == cell[a]);
            let before = (0..13u32).zip(steps()).filter(|(_, step)| has(step)).fold(0, |bits, (i, _)| bits | 1 << i);
            // Of dimension 3 less the axes along which it lies aside.
            let aside = cell.iter().filter(|&&d| d != 0).count();
            (before, if aside % 2 == 1 { 1 } else { -1 })
        })
        .collect();
    let share = |bits: u32| cells.iter().filter(|(before, _)| bits & before == 0).map(|(_, sign)| sign).sum::<i8>() - 1;
    (0..1 << 13).map(share).collect()
});

/// Calls `found` with the number of each run, and the share of its voxels in the Euler number, where that is not 0. The runs
/// are those of the mask's own voxels.
pub(super) fn for_each_share(mask: &Mask, runs: &[Run], mut found: impl FnMut(usize, i64)) {
    let layout = *mask.layout();
    let (row, plane) = (layout.row(), layout.plane());
    for (i, run) in runs.iter().enumerate() {
        let (first, length) = (layout.bit_at([run.z, run.y, run.x[0]]), run.voxels() as usize);
        let mut sum = 0;
        for at in (0..length).step_by(64) {
            let (bit, count) = (first + at, (length - at).min(64));
            // Voxels of which all that come before are set have no share.
            let mut rest = !mask.read(bit - 1, count);
            for other in [bit - plane - row, bit - plane, bit - plane + row, bit - row] {
                rest |= !(mask.read(other - 1, count) & mask.read(other, count) & mask.read(other + 1, count));
            }
            if count < 64 {
                rest &= (1 << count) - 1;
            }
            while rest != 0 {
                sum += share(mask.neighbourhood(bit + rest.trailing_zeros() as usize));
                rest &= rest - 1;
            }
        }
        if sum != 0 {
            found(i, sum);
        }
    }
}

/// The share of a voxel in the Euler number, from the 27 voxels around and including it.
pub(in crate::kernel) fn share(neighbourhood: u32) -> i64 {
    i64::from(SHARES[(neighbourhood & 0x1fff) as usize])
}
