//! A branch of the network: where it runs and what is measured along it.

use serde::{Deserialize, Serialize};

use crate::kernel::step::{Lengths, Step};
use crate::space::Voxel;

/// What a branch joins, numbered as in skan's `branch_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum BranchKind {
    /// Two tips.
    TipToTip = 0,
    /// A tip and a junction.
    TipToJunction = 1,
    /// Two junctions.
    JunctionToJunction = 2,
    /// One voxel with itself.
    Cycle = 3,
}

impl BranchKind {
    /// All kinds, by number.
    pub const ALL: [BranchKind; 4] =
        [BranchKind::TipToTip, BranchKind::TipToJunction, BranchKind::JunctionToJunction, BranchKind::Cycle];

    /// The kind of a branch whose ends are, or are not, tips.
    pub fn of_ends(tips: [bool; 2]) -> Self {
        match tips {
            [true, true] => BranchKind::TipToTip,
            [false, false] => BranchKind::JunctionToJunction,
            _ => BranchKind::TipToJunction,
        }
    }
}

/// A branch: a maximal path of skeleton voxels whose inner voxels have two neighbours, in its canonical direction.
///
/// It runs from the end that is earlier in raster order; where both ends are the same voxel, by the earlier of its two
/// neighbours. An isolated cycle begins at its earliest voxel. Branches order as skan's rows do: those with terminals
/// first, by start and then first step, isolated cycles after them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Branch {
    isolated: bool,
    start: Voxel,
    first: Step,
    end: Voxel,
    kind: BranchKind,
    length: u64,
    mean: u64,
    stdev: u64,
    steps: Steps,
}

impl Branch {
    /// The branch that runs from a voxel along steps, at least one, given in its canonical direction.
    pub fn new(
        start: Voxel,
        end: Voxel,
        kind: BranchKind,
        isolated: bool,
        steps: &[Step],
        values: Moments,
        lengths: &Lengths,
    ) -> Self {
        Branch {
            isolated,
            start,
            first: steps[0],
            end,
            kind,
            length: lengths.along(steps).to_bits(),
            mean: values.mean.to_bits(),
            stdev: values.stdev.to_bits(),
            steps: Steps::from(steps),
        }
    }

    /// The voxel that it starts from.
    pub fn start(&self) -> Voxel {
        self.start
    }

    /// The voxel that it ends at.
    pub fn end(&self) -> Voxel {
        self.end
    }

    /// Its first step. With start and end this identifies a branch, for as long as it is there.
    pub fn first_step(&self) -> Step {
        self.first
    }

    /// What it joins.
    pub fn kind(&self) -> BranchKind {
        self.kind
    }

    /// Whether it is a cycle without any terminal.
    pub fn is_isolated_cycle(&self) -> bool {
        self.isolated
    }

    /// Its length, in the unit of the spacing.
    pub fn length(&self) -> f64 {
        f64::from_bits(self.length)
    }

    /// Mean of the image's values over its voxels, both ends included.
    pub fn mean(&self) -> f64 {
        f64::from_bits(self.mean)
    }

    /// Population standard deviation of the image's values over its voxels, both ends included.
    pub fn stdev(&self) -> f64 {
        f64::from_bits(self.stdev)
    }

    /// The steps from voxel to voxel.
    pub fn steps(&self) -> &[Step] {
        self.steps.as_slice()
    }

    /// Its voxels from start to end, both included.
    pub fn voxels(&self) -> impl Iterator<Item = Voxel> + '_ {
        let mut at = self.start;
        std::iter::once(at).chain(self.steps().iter().map(move |step| {
            at = step.from(at);
            at
        }))
    }

    /// The same, where the branch is not needed any more.
    pub fn into_voxels(self) -> impl Iterator<Item = Voxel> {
        let (mut at, steps) = (self.start, self.steps);
        let after = (0..steps.as_slice().len()).map(move |place| {
            at = steps.as_slice()[place].from(at);
            at
        });
        std::iter::once(self.start).chain(after)
    }
}

/// Mean and population standard deviation of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The population standard deviation.
    pub stdev: f64,
}

impl Moments {
    /// Those of `count` whole numbers, from their exact sum and sum of squares; nothing is rounded before the last steps.
    pub fn of_integers(count: u64, sum: i64, squares: u128) -> Self {
        let spread = u128::from(count) * squares - u128::from(sum.unsigned_abs()).pow(2);
        Moments { mean: sum as f64 / count as f64, stdev: (spread as f64).sqrt() / count as f64 }
    }

    /// Whether others are the same, bit for bit.
    pub fn is_same(&self, other: &Moments) -> bool {
        (self.mean.to_bits(), self.stdev.to_bits()) == (other.mean.to_bits(), other.stdev.to_bits())
    }

    /// Those of numbers in the order in which they are given.
    pub fn of_floats(values: &[u64]) -> Self {
        let count = values.len() as f64;
        let values = || values.iter().map(|&bits| f64::from_bits(bits));
        let mean = values().sum::<f64>() / count;
        let spread = values().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        Moments { mean, stdev: (spread / count).sqrt() }
    }
}

const SHORT: usize = 22;

/// A list of steps; short lists are held in place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Steps(Held);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Held {
    /// Up to [`SHORT`] steps; the places behind them hold the first number.
    Short(u8, [Step; SHORT]),
    Long(Box<[Step]>),
}

impl Steps {
    /// The steps.
    pub fn as_slice(&self) -> &[Step] {
        match &self.0 {
            Held::Short(count, steps) => &steps[..usize::from(*count)],
            Held::Long(steps) => steps,
        }
    }
}

impl From<&[Step]> for Steps {
    fn from(steps: &[Step]) -> Self {
        if steps.len() > SHORT {
            return Steps(Held::Long(steps.into()));
        }
        let mut held = [Step::new(0); SHORT];
        held[..steps.len()].copy_from_slice(steps);
        Steps(Held::Short(steps.len() as u8, held))
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_slice().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_branch_is_small() {
        assert_eq!(size_of::<Steps>(), 24);
        assert!(size_of::<Branch>() <= 72);
    }

    #[test]
    fn moments_of_integers_are_exact_where_squares_are_huge() {
        let (count, value) = (1_000u64, i64::from(u32::MAX));
        let squares = u128::from(count) * (value as u128).pow(2);
        let moments = Moments::of_integers(count, value * count as i64, squares);
        assert_eq!((moments.mean, moments.stdev), (value as f64, 0.0));
        let mixed = Moments::of_integers(2, -1 + 3, 1 + 9);
        assert_eq!((mixed.mean, mixed.stdev), (1.0, 2.0));
    }
}
