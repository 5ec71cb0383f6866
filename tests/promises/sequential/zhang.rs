//! Zhang-Suen thinning of a plane, with scikit-image 0.26's deletion classes, which differ from the published ones in
//! 25 of 256 neighbourhoods.
//!
//! T. Y. Zhang, C. Y. Suen: A fast parallel algorithm for thinning digital patterns. CACM 27(3), 1984.

use super::{Mask, Position, add};

/// Neighbours by bit: up-left, then clockwise.
const NEIGHBOURS: [Position; 8] =
    [[0, -1, -1], [0, -1, 0], [0, -1, 1], [0, 0, 1], [0, 1, 1], [0, 1, 0], [0, 1, -1], [0, 0, -1]];

/// Neighbourhoods whose centre goes in the first sub-iteration of a pass only.
const FIRST: [u8; 16] = [3, 6, 11, 12, 14, 131, 134, 143, 159, 161, 194, 198, 207, 227, 231, 243];
/// In the second only.
const SECOND: [u8; 15] = [24, 26, 56, 62, 63, 96, 104, 108, 126, 176, 192, 224, 248, 249, 252];
/// In both.
const BOTH: [u8; 20] = [7, 10, 15, 28, 30, 31, 40, 60, 112, 120, 124, 130, 135, 160, 193, 195, 199, 225, 240, 241];

/// The skeleton of a mask of one plane.
pub(crate) fn thin(mask: &Mask) -> Mask {
    assert_eq!(mask.shape[0], 1, "Zhang-Suen thinning is for images");
    let mut state = mask.clone();
    loop {
        let mut deleted = 0;
        for class in [&FIRST[..], &SECOND[..]] {
            let gone: Vec<usize> = state
                .foreground()
                .into_iter()
                .filter(|&index| {
                    let code = neighbourhood(&state, state.position(index));
                    class.contains(&code) || BOTH.contains(&code)
                })
                .collect();
            deleted += gone.len();
            for index in gone {
                state.voxels[index] = false;
            }
        }
        if deleted == 0 {
            return state;
        }
    }
}

fn neighbourhood(state: &Mask, p: Position) -> u8 {
    (0..8).filter(|&bit| state.get(add(p, NEIGHBOURS[bit]))).map(|bit| 1 << bit).sum()
}
