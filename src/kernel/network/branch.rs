//! Branches of the network: their paths and measures.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::moments::Moments;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::network::step::{Lengths, Step};
use crate::space::Voxel;

/// The kind of a branch by its ends, numbered as in skan's `branch_type`.
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
    /// All kinds, in the order of their numbers.
    pub const ALL: [BranchKind; 4] =
        [BranchKind::TipToTip, BranchKind::TipToJunction, BranchKind::JunctionToJunction, BranchKind::Cycle];

    /// What it joins, in words.
    pub const fn words(self) -> &'static str {
        match self {
            BranchKind::TipToTip => "tip to tip",
            BranchKind::TipToJunction => "tip to junction",
            BranchKind::JunctionToJunction => "junction to junction",
            BranchKind::Cycle => "cycle",
        }
    }

    /// The kind of a branch, given whether each of its ends is a tip.
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
/// It runs from the end that is earlier in raster order; if both ends are the same voxel, it begins with the earlier of
/// the two neighbours there. An isolated cycle begins at its earliest voxel. Branches have the order of skan's rows:
/// those with terminals first, by start and then first step, isolated cycles after them. `M` is the measures of the
/// channels along the branch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Branch<M = Moments> {
    isolated: bool,
    start: Voxel,
    first: Step,
    end: Voxel,
    kind: BranchKind,
    length: u64,
    measured: M,
    steps: Steps,
}

impl<M: Measured> Branch<M> {
    /// The branch from a voxel along steps, at least one, in its canonical direction.
    pub fn new(
        start: Voxel,
        end: Voxel,
        kind: BranchKind,
        isolated: bool,
        steps: &[Step],
        measured: M,
        lengths: &Lengths,
    ) -> Self {
        Branch {
            isolated,
            start,
            first: steps[0],
            end,
            kind,
            length: lengths.along(steps).to_bits(),
            measured,
            steps: Steps::from(steps),
        }
    }

    /// Its first voxel.
    pub fn start(&self) -> Voxel {
        self.start
    }

    /// Its last voxel.
    pub fn end(&self) -> Voxel {
        self.end
    }

    /// Its first step. Start, end and first step identify a branch while it exists.
    pub fn first_step(&self) -> Step {
        self.first
    }

    /// Its kind.
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

    /// The measures of the skeleton's channels along it.
    pub fn measured(&self) -> &M {
        &self.measured
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

    /// As [`Branch::voxels`], but consumes the branch.
    pub fn into_voxels(self) -> impl Iterator<Item = Voxel> {
        let (mut at, steps) = (self.start, self.steps);
        let after = (0..steps.as_slice().len()).map(move |place| {
            at = steps.as_slice()[place].from(at);
            at
        });
        std::iter::once(self.start).chain(after)
    }
}

impl<M: OfPixels> Branch<M> {
    /// Mean of the image's values over its voxels, both ends included.
    pub fn mean(&self) -> f64 {
        self.measured.pixels().mean()
    }

    /// Population standard deviation of the image's values over its voxels, both ends included.
    pub fn stdev(&self) -> f64 {
        self.measured.pixels().stdev()
    }
}

const SHORT: usize = 22;

/// A list of steps; short lists are stored inline.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Steps(Held);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Held {
    /// Up to [`SHORT`] steps; the unused ones have number 0.
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
}
