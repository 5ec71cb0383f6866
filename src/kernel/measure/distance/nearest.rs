//! The nearest background voxel so far.

use crate::space::{Position, Voxel};

/// The nearest background voxel so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    /// Its squared distance; infinite if none is known.
    pub(super) square: f64,
    pub(super) at: Voxel,
}

impl Nearest {
    pub(super) const NONE: Nearest = Nearest { square: f64::INFINITY, at: Voxel::FIRST };

    /// Replaces it by the background voxel `step` away from a voxel, if that is nearer.
    #[inline]
    pub(super) fn meet(&mut self, square: f64, from: Position, step: Position) {
        if square < self.square {
            *self = Nearest { square, at: Voxel::new(std::array::from_fn(|a| from[a] + step[a])) };
        }
    }
}
