//! One plane of a volume while it is thinned.

use serde::{Deserialize, Serialize};

use super::PlaneLayout;
use crate::kernel::mask::Mask;
use crate::kernel::thin::lee::Candidate;

/// The voxels of a plane (fixed z), and what thinning has to remember of it. Without foreground it takes no memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plane {
    /// A bit a voxel, with a border of one voxel that is always background; a row begins at a byte. Nothing where all is
    /// background.
    #[serde(with = "serde_bytes")]
    pub(super) bits: Vec<u8>,
    /// Runs that may hold foreground.
    pub(super) filled: Vec<u64>,
    /// Runs near deletions, for each of the last six sub-iterations; nothing where there never were any.
    pub(super) window: [Vec<u64>; 6],
    /// Which of these hold something.
    pub(super) marked: u8,
    /// What is to be decided next, between the two halves of a sub-iteration.
    #[serde(skip)]
    pub(super) candidates: Vec<Candidate>,
}

impl Plane {
    /// Puts in what a chunk's mask has of the plane: its own voxels in one of its planes, numbered from 0. `corner` is where
    /// the chunk begins in the plane, along (y, x). Nothing may have been put there before.
    pub fn paste(&mut self, layout: &PlaneLayout, mask: &Mask, plane: usize, [y, x]: [usize; 2]) {
        let chunk = mask.layout();
        let [_, height, width] = chunk.shape;
        for row in 1..=height {
            let first = chunk.bit([plane + 1, row, 1]);
            for at in (0..width).step_by(64) {
                let count = (width - at).min(64);
                let word = mask.read(first + at, count);
                if word == 0 {
                    continue;
                }
                if self.bits.is_empty() {
                    self.bits = vec![0; layout.bytes()];
                    self.filled = layout.no_runs();
                }
                let place = [y + row, x + at + 1];
                layout.write(&mut self.bits, place, word);
                layout.runs.mark_all(place, count, &mut self.filled);
            }
        }
    }

    /// Puts what the plane holds of a chunk into the chunk's mask, which must be empty there: the counterpart of
    /// [`Plane::paste`].
    pub fn cut(&self, layout: &PlaneLayout, mask: &mut Mask, plane: usize, [y, x]: [usize; 2]) {
        if self.bits.is_empty() {
            return;
        }
        let chunk = *mask.layout();
        let [_, height, width] = chunk.shape;
        for row in 1..=height {
            if !layout.runs.hold_any(y + row, &self.filled) {
                continue;
            }
            let first = chunk.bit([plane + 1, row, 1]);
            for at in (0..width).step_by(64) {
                let count = (width - at).min(64);
                let word = layout.read(&self.bits, [y + row, x + at + 1], count);
                if word != 0 {
                    mask.write(first + at, count, word);
                }
            }
        }
    }

    /// Number of voxels that are set.
    pub fn count(&self) -> usize {
        self.bits.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}
