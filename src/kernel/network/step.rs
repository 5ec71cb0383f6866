//! Steps between neighbouring voxels, and their lengths.

use serde::{Deserialize, Serialize};

use crate::space::{Position, Spacing, Voxel};

/// A step to one of the 26 neighbours. Steps are in raster order of their targets; the steps of a 2-D image are those
/// without a part along z.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, bytemuck::Pod, bytemuck::Zeroable,
)]
#[repr(transparent)]
pub struct Step(u8);

impl Step {
    /// Number of codes of steps, including code 13 for no step.
    pub const COUNT: usize = 27;
    const STILL: u8 = 13;

    /// The step with a code below [`Step::COUNT`]: (z + 1) * 9 + (y + 1) * 3 + (x + 1).
    #[inline]
    pub fn new(code: u8) -> Self {
        debug_assert!(code < 27 && code != Self::STILL);
        Step(code)
    }

    /// The step from a voxel to one of its neighbours; `None` if the two voxels are equal or not neighbours.
    #[inline]
    pub fn between(from: Voxel, to: Voxel) -> Option<Self> {
        let [z, y, x] = from.step_to(to);
        let near = [z, y, x].iter().all(|d| d.abs() <= 1);
        let code = u8::try_from((z + 1) * 9 + (y + 1) * 3 + x + 1).unwrap_or(Self::STILL);
        (near && code != Self::STILL).then_some(Step(code))
    }

    /// Its code.
    #[inline]
    pub fn code(self) -> u8 {
        self.0
    }

    /// Its offset: -1, 0 or 1 along each axis.
    #[inline]
    pub fn offset(self) -> Position {
        let code = i64::from(self.0);
        [code / 9 - 1, code / 3 % 3 - 1, code % 3 - 1]
    }

    /// The step back.
    #[inline]
    #[must_use]
    pub fn reversed(self) -> Self {
        Step(26 - self.0)
    }

    /// Whether its target is later in raster order.
    #[inline]
    pub fn is_forward(self) -> bool {
        self.0 > Self::STILL
    }

    /// The voxel that it leads to from a voxel, which must not be at the outermost positions that a [`Voxel`] can have.
    #[inline]
    pub fn from(self, voxel: Voxel) -> Voxel {
        voxel.moved(DIFFERENCE[usize::from(self.0)])
    }

    /// The set of axes that it moves along, as a number below [`CLASSES`].
    #[inline]
    pub fn class(self) -> usize {
        CLASS[self.0 as usize] as usize
    }

    /// Its bit in a set of steps.
    #[inline]
    pub fn bit(self) -> u32 {
        1 << self.0
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [z, y, x] = self.offset();
        write!(f, "<{z}, {y}, {x}>")
    }
}

/// Number of classes of steps. A class is a set of axes: x alone is 0, y alone 1, y and x 2, z alone 3, …
pub const CLASSES: usize = 7;

const CLASS: [u8; Step::COUNT] = {
    let mut class = [0; Step::COUNT];
    let mut code = 0;
    while code < Step::COUNT {
        let moved = ((code / 9 != 1) as u8) << 2 | ((code / 3 % 3 != 1) as u8) << 1 | (code % 3 != 1) as u8;
        class[code] = moved.saturating_sub(1);
        code += 1;
    }
    class
};

/// The difference that each step adds to a voxel's packed position.
const DIFFERENCE: [u64; Step::COUNT] = {
    let mut difference = [0; Step::COUNT];
    let mut code = 0;
    while code < Step::COUNT {
        let c = code as i64;
        difference[code] = Voxel::difference([c / 9 - 1, c / 3 % 3 - 1, c % 3 - 1]);
        code += 1;
    }
    difference
};

/// The voxel that steps lead to.
pub(super) fn end(start: Voxel, steps: &[Step]) -> Voxel {
    steps.iter().fold(start, |at, step| step.from(at))
}

/// Lengths of steps by class, for one spacing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lengths {
    /// The bits of each length.
    length: [u64; CLASSES],
    rank: [u8; CLASSES],
}

impl Lengths {
    /// The lengths of steps for a spacing.
    pub fn new(spacing: Spacing) -> Self {
        let length: [f64; CLASSES] = std::array::from_fn(|class| {
            let moved = class as i64 + 1;
            spacing.length([moved >> 2 & 1, moved >> 1 & 1, moved & 1])
        });
        let rank = length.map(|own| {
            let mut shorter: Vec<u64> = length.iter().filter(|&&l| l < own).map(|l| l.to_bits()).collect();
            shorter.sort_unstable();
            shorter.dedup();
            shorter.len() as u8
        });
        Lengths { length: length.map(f64::to_bits), rank }
    }

    /// Length of a step.
    #[inline]
    pub fn of(&self, step: Step) -> f64 {
        f64::from_bits(self.length[step.class()])
    }

    /// The number of distinct shorter lengths: ranks compare as lengths do, and are equal if the lengths are.
    #[inline]
    pub fn rank(&self, step: Step) -> u8 {
        self.rank[step.class()]
    }

    /// Length of a path along steps.
    #[inline]
    pub fn along(&self, steps: &[Step]) -> f64 {
        let mut counts = [0; CLASSES];
        for step in steps {
            counts[step.class()] += 1;
        }
        self.total(&counts)
    }

    /// Length of a path by its number of steps of each class; the sum is class by class, so it depends on these numbers
    /// alone.
    pub fn total(&self, counts: &[u64; CLASSES]) -> f64 {
        let mut sum = 0.0;
        for class in 0..CLASSES {
            if counts[class] != 0 {
                sum += counts[class] as f64 * f64::from_bits(self.length[class]);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_in_raster_order_of_where_they_lead() {
        let from = Voxel::new([3, -2, 7]);
        let mut last = None;
        for code in (0..27).filter(|&c| c != 13) {
            let step = Step::new(code);
            let to = step.from(from);
            assert!(last < Some(to));
            last = Some(to);
            assert_eq!(Step::between(from, to), Some(step));
            assert_eq!(step.reversed().from(to), from);
            assert_eq!(step.is_forward(), to > from);
        }
        assert_eq!(Step::between(from, from), None);
        assert_eq!(Step::between(from, from.offset([0, 2, 0])), None);
    }

    #[test]
    fn lengths_follow_the_axes_that_move_and_ranks_follow_lengths() {
        let lengths = Lengths::new(Spacing([3.0, 4.0, 1.0]));
        let step = |z, y, x| Step::between(Voxel::new([0; 3]), Voxel::new([z, y, x])).unwrap();
        assert_eq!(lengths.of(step(-1, 1, 0)), 5.0);
        assert_eq!(lengths.of(step(0, 0, -1)), 1.0);
        assert_eq!(lengths.rank(step(0, 0, 1)), 0);
        assert_eq!(lengths.rank(step(1, 1, 1)), 6);
        let even = Lengths::new(Spacing::default());
        assert_eq!(even.rank(step(1, 0, 0)), even.rank(step(0, 0, 1)));
        assert_eq!(even.rank(step(1, -1, 1)), 2);
    }
}
