//! One plane of a volume while it is thinned.

use serde::{Deserialize, Serialize};

use super::lost::Lost;
use super::{DIRECTIONS, PlaneLayout, sleep};
use crate::kernel::mask::Mask;

/// A plane sleeps if that takes less than this part of its bytes.
const WORTH_PACKING: usize = 4;
/// Number of sub-iterations whose deletions a plane knows of: the last six of the plane below it, which is one behind.
pub(super) const WINDOW: usize = DIRECTIONS + 1;

/// The voxels of a plane (fixed z), with the state of its thinning. Without foreground it takes no memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plane {
    /// One bit per voxel, with a border of one voxel that is always background; every row begins at a byte. Empty if
    /// all voxels are background, and while the plane sleeps.
    #[serde(with = "serde_bytes")]
    pub(super) bits: Vec<u8>,
    /// The same, packed, while the plane sleeps; otherwise empty.
    #[serde(with = "serde_bytes")]
    pub(super) asleep: Vec<u8>,
    /// Runs that may hold foreground.
    pub(super) filled: Vec<u64>,
    /// Runs near deletions, for each of the last seven sub-iterations; empty if none were ever marked there, or anywhere.
    pub(super) window: Vec<Vec<u64>>,
    /// Bit set of the windows with runs.
    pub(super) marked: u8,
    /// The voxels that were deleted in the last sub-iteration, while the plane below may need them: not between two stages.
    pub(super) lost: Lost,
}

impl Plane {
    /// Pastes the own voxels of a chunk's mask in one of its planes, numbered from 0. `[y, x]` is the position of the
    /// chunk in the plane, which must be empty there, and awake.
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

    /// Calls `each` with the foreground voxels in raster order, along (y, x). The plane may sleep.
    pub fn voxels(&self, layout: &PlaneLayout, mut each: impl FnMut([usize; 2])) {
        let mut voxels_of = |place: usize, mut byte: u8| {
            let (row, column) = (place / layout.stride, place % layout.stride * 8);
            while byte != 0 {
                each([row - 1, column + byte.trailing_zeros() as usize - 1]);
                byte &= byte - 1;
            }
        };
        sleep::unpack(&self.asleep, &mut voxels_of);
        for row in (1..=layout.height).filter(|&row| !self.bits.is_empty() && layout.runs.hold_any(row, &self.filled)) {
            let bytes = row * layout.stride..(row + 1) * layout.stride;
            bytes.clone().zip(&self.bits[bytes]).for_each(|(place, &byte)| voxels_of(place, byte));
        }
    }

    /// Packs the plane, without its marks, if that takes much less memory. A plane without foreground is let go.
    pub(super) fn sleep(&mut self) {
        if self.bits.is_empty() {
            return;
        }
        if let Some(asleep) = sleep::packed(&self.bits, self.bits.len() / WORTH_PACKING) {
            *self = Plane { asleep, ..Plane::default() };
        }
    }

    /// Unpacks the plane, if it sleeps.
    pub(super) fn wake(&mut self, layout: &PlaneLayout) {
        if self.asleep.is_empty() {
            return;
        }
        let (mut bits, mut filled) = (vec![0; layout.bytes()], layout.no_runs());
        let write = |place: usize, byte: u8| {
            bits[place] = byte;
            let (row, column) = (place / layout.stride, place % layout.stride * 8);
            let [first, last] = [byte.trailing_zeros(), 7 - byte.leading_zeros()].map(|bit| column + bit as usize);
            layout.runs.mark_all([row, first], last - first + 1, &mut filled);
        };
        sleep::unpack(&self.asleep, write);
        *self = Plane { bits, filled, ..Plane::default() };
    }

    /// The marks of runs near deletions in a sub-iteration, to be added to.
    pub(super) fn marks(&mut self, sub_iteration: usize, layout: &PlaneLayout) -> &mut [u64] {
        self.window.resize_with(WINDOW, Vec::new);
        let marks = &mut self.window[sub_iteration % WINDOW];
        if marks.is_empty() {
            *marks = layout.no_runs();
        }
        marks
    }

    /// Notes that there are marks of a sub-iteration.
    pub(super) fn mark(&mut self, sub_iteration: usize) {
        self.marked |= 1 << (sub_iteration % WINDOW);
    }

    /// Takes out what the plane is packed in, if it sleeps, or nothing if it has neither foreground nor marks; `None` if it is
    /// awake.
    pub(super) fn take_asleep(&mut self) -> Option<Box<[u8]>> {
        let is_at_rest = self.bits.is_empty() && self.marked == 0 && self.lost.is_empty();
        is_at_rest.then(|| std::mem::take(&mut self.asleep).into_boxed_slice())
    }

    /// A plane that sleeps, or that has no foreground.
    pub(super) fn of_asleep(asleep: Box<[u8]>) -> Plane {
        Plane { asleep: asleep.into_vec(), ..Plane::default() }
    }

    /// Whether the plane has foreground that is not packed.
    pub(super) fn is_awake(&self) -> bool {
        !self.bits.is_empty()
    }

    /// Whether the plane is packed.
    pub(super) fn is_asleep(&self) -> bool {
        !self.asleep.is_empty()
    }

    /// Whether the plane has no foreground.
    pub(super) fn is_background(&self) -> bool {
        self.bits.is_empty() && self.asleep.is_empty()
    }

    /// Begins a sub-iteration: forgets what was deleted in the last one, and the marks of those that no plane looks at any more.
    pub(super) fn forget(&mut self, sub_iteration: usize, spare: &mut Vec<Vec<u32>>) {
        let at = sub_iteration % WINDOW;
        if self.marked >> at & 1 != 0 {
            self.window[at].fill(0);
            self.marked &= !(1 << at);
        }
        self.lost.clear(spare);
    }

    /// The runs near deletions in the six sub-iterations before one. It may have been in that one.
    pub(super) fn marks_before(&self, sub_iteration: usize) -> impl Iterator<Item = &[u64]> {
        let recent = self.recent(sub_iteration);
        self.window.iter().enumerate().filter(move |(at, _)| recent >> at & 1 != 0).map(|(_, runs)| &runs[..])
    }

    /// Bit set of the windows of the six sub-iterations before one that have runs.
    fn recent(&self, sub_iteration: usize) -> u8 {
        self.marked & !(1 << (sub_iteration % WINDOW))
    }

    /// Whether this and the planes next to it have to be looked at in a sub-iteration because of what the plane is or was:
    /// it has foreground in one of the first, or lost some in the six before.
    pub(super) fn is_hot(&self, sub_iteration: usize) -> bool {
        self.recent(sub_iteration) != 0 || (sub_iteration < DIRECTIONS && !self.is_background())
    }

    /// Size in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let words = self.filled.len() + self.window.iter().map(Vec::len).sum::<usize>();
        size_of::<Plane>() + self.bits.len() + self.asleep.len() + 8 * words + self.lost.bytes()
    }

    /// Number of foreground voxels.
    pub fn count(&self) -> usize {
        let mut count = self.bits.iter().map(|byte| byte.count_ones() as usize).sum();
        sleep::unpack(&self.asleep, |_, byte| count += byte.count_ones() as usize);
        count
    }
}
