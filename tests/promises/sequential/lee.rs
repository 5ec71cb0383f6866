//! Lee's thinning, as scikit-image 0.26 runs it.
//!
//! [Lee94] T.-C. Lee, R. L. Kashyap, C.-N. Chu: Building skeleton models via 3-D medial surface/axis thinning
//! algorithms. CVGIP 56(6), 1994.

use super::{Mask, Position, add, steps};

/// Where a sub-iteration looks for background: y-, y+, x+, x-, z+, z-.
const DIRECTIONS: [Position; 6] = [[0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]];

/// The skeleton of a mask. A volume of one plane uses the first four directions only.
pub(crate) fn thin(mask: &Mask) -> Mask {
    thin_by(mask, |_, now, p| is_simple(now, p))
}

/// The skeleton of a mask by a method that tests other things again before a deletion: given the state at the start of the
/// sub-iteration, the state now, and the candidate.
pub(super) fn thin_by(mask: &Mask, retest: impl Fn(&Mask, &Mask, Position) -> bool) -> Mask {
    let directions = if mask.shape[0] == 1 { &DIRECTIONS[..4] } else { &DIRECTIONS[..] };
    let mut state = mask.clone();
    loop {
        let mut deleted = 0;
        for &direction in directions {
            deleted += sub_iteration(&mut state, direction, &retest);
        }
        if deleted == 0 {
            return state;
        }
    }
}

/// Deletes in one direction, and returns how many voxels went. All candidates are found on the old state; then, in
/// raster order, those that pass the retest are deleted.
fn sub_iteration(state: &mut Mask, direction: Position, retest: &impl Fn(&Mask, &Mask, Position) -> bool) -> usize {
    let old = state.clone();
    let is_candidate = |p: Position| !old.get(add(p, direction)) && is_deletable(&old, p);
    let candidates = old.foreground().into_iter().filter(|&index| is_candidate(old.position(index)));
    let mut deleted = 0;
    for index in candidates {
        if retest(&old, state, old.position(index)) {
            state.voxels[index] = false;
            deleted += 1;
        }
    }
    deleted
}

/// Whether a voxel is no endpoint, and its removal keeps the Euler characteristic and splits nothing.
pub(super) fn is_deletable(state: &Mask, p: Position) -> bool {
    state.neighbours(p).count() != 1 && euler_change(state, p) == 0 && is_simple(state, p)
}

/// By how much the Euler characteristic of the union of closed cubes falls when the cube at `p` goes: the alternating
/// count of those of its 8 vertices, 12 edges, 6 faces and itself that no other foreground cube has.
///
/// The sum over Lee's eight octant tables is eight times this.
fn euler_change(state: &Mask, p: Position) -> i32 {
    let mut change = 0;
    for cell in steps() {
        // A cell of the cube is shared with the cubes whose step is, on each axis, zero or the cell's.
        let shared = steps()
            .into_iter()
            .any(|d| d != [0; 3] && (0..3).all(|a| d[a] == 0 || d[a] == cell[a]) && state.get(add(p, d)));
        if !shared {
            let dimension = cell.iter().filter(|&&c| c == 0).count();
            change += if dimension % 2 == 0 { 1 } else { -1 };
        }
    }
    change
}

/// Whether the foreground among the 26 neighbours has at most one 26-connected component.
fn is_simple(state: &Mask, p: Position) -> bool {
    let neighbours: Vec<Position> = state.neighbours(p).collect();
    let Some(&first) = neighbours.first() else { return true };
    let mut reached = vec![first];
    let mut next = 0;
    while next < reached.len() {
        let from = reached[next];
        next += 1;
        for &q in &neighbours {
            let adjacent = (0..3).all(|a| (from[a] - q[a]).abs() <= 1);
            if adjacent && !reached.contains(&q) {
                reached.push(q);
            }
        }
    }
    reached.len() == neighbours.len()
}
