//! Homotopic thinning: Lee's sub-iterations, in which every deletion is tested in full.

use super::lee::{is_deletable, thin_by};
use super::{Mask, Position};

/// The skeleton of a mask. A volume of one plane uses the first four directions only.
pub(crate) fn thin(mask: &Mask) -> Mask {
    thin_by(mask, |old, now, p| is_deletable(now, p) && gone_touch_rest(old, now, p))
}

/// Whether each neighbour that was deleted since the start of the sub-iteration has a neighbour among those that are left.
fn gone_touch_rest(old: &Mask, now: &Mask, p: Position) -> bool {
    let touches = |q: Position, r: Position| (0..3).all(|a| (q[a] - r[a]).abs() <= 1);
    old.neighbours(p).filter(|&q| !now.get(q)).all(|q| now.neighbours(p).any(|r| touches(q, r)))
}
