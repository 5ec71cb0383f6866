//! What is tested again when a candidate's turn comes: all in which the homotopic method differs from Lee's.
//!
//! Lee's method, as scikit-image runs it, tests only whether the neighbours of a candidate are connected. When a solid object
//! of even width is two voxels thick, all its voxels are candidates at once. Each of the last ones has one neighbour or none
//! when its turn comes, which are connected, so the object vanishes.
//!
//! Repeating the whole test keeps components, loops and cavities, but not the length of arms. Of an arm that is two voxels
//! wide, and flat as seen from the direction of the sub-iteration, all voxels are candidates too; where the arm leads along
//! z or y, its voxels have their turns from its first end on, and each is near the end by then, but has two neighbours: a
//! column of 4 x 4 x 280 voxels along z would leave two voxels, and of 130 bars along the axes and diagonals 33 would lose
//! more than 30 % of their length. So the retest asks for one thing more: no neighbour that was deleted in the same
//! sub-iteration may lie apart from all neighbours that are left. Where one does, the voxel lay between two parts of an arm,
//! one of which is gone already. Then an arm recedes by no more than a voxel in a sub-iteration: all 130 bars keep their
//! length, with as many tips on phantoms as without this condition (within 4 % on airways from a CT).

use super::WAS_BEFORE;
use crate::kernel::thin::neighbourhood::{BEFORE, CENTRE, Tests, dilate};

/// What the sequential step of a sub-iteration tests of a candidate again, in the state in which the candidates before it
/// have left its neighbourhood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retest {
    /// Whether its neighbours are connected, as in scikit-image.
    Simplicity,
    /// All that made it a candidate: that it is no endpoint, and that its removal keeps components, loops and cavities; and
    /// that no neighbour that was deleted in the same sub-iteration lies apart from all neighbours that are left.
    Whole,
}

impl Retest {
    /// Whether a candidate passes, given what is known of its neighbourhood at the start of the sub-iteration, as
    /// [`Candidate::old`](super::Candidate::old) has it, and its neighbourhood now.
    #[inline(always)]
    pub(super) fn passes(self, tests: &Tests, old: u32, now: u32) -> bool {
        match self {
            Retest::Simplicity => tests.is_simple(now),
            Retest::Whole => passes_whole(tests, old, now),
        }
    }
}

/// [`Retest::passes`], for [`Retest::Whole`].
#[inline(always)]
pub(super) fn passes_whole(tests: &Tests, old: u32, now: u32) -> bool {
    let before = old | old >> (WAS_BEFORE.trailing_zeros() - BEFORE.trailing_zeros()) & BEFORE;
    let gone = before & !now & NEIGHBOURS;
    tests.is_deletable(now & NEIGHBOURS) & (gone & !dilate(now & NEIGHBOURS) == 0)
}

/// All neighbours of a voxel.
const NEIGHBOURS: u32 = ((1 << 27) - 1) & !CENTRE;
