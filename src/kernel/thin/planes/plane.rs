//! One plane of a volume while it is thinned.

use serde::{Deserialize, Serialize};

use super::PlaneLayout;
use crate::kernel::mask::Mask;
use crate::kernel::thin::lee::Candidate;

/// The voxels of a plane (fixed z), with the state of its thinning. Without foreground it takes no memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plane {
    /// One bit per voxel, with a border of one voxel that is always background; every row begins at a byte. Empty if
    /// all voxels are background.
    #[serde(with = "serde_bytes")]
    pub(super) bits: Vec<u8>,
    /// Runs that may hold foreground.
    pub(super) filled: Vec<u64>,
    /// Runs near deletions, for each of the last six sub-iterations; empty if none were ever marked.
    pub(super) window: [Vec<u64>; 6],
    /// Bit set of the windows with runs.
    pub(super) marked: u8,
    /// The candidates to decide next, between the two halves of a sub-iteration.
    #[serde(skip)]
    pub(super) candidates: Vec<Candidate>,
}

impl Plane {
    /// Pastes the own voxels of a chunk's mask in one of its planes, numbered from 0. `[y, x]` is the position of the
    /// chunk in the plane, which must be empty there.
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

    /// Copies the voxels of a chunk into its mask, which must be empty there: the inverse of [`Plane::paste`].
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

    /// Number of foreground voxels.
    pub fn count(&self) -> usize {
        self.bits.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}
