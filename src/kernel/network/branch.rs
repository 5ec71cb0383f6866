//! A branch of the network: where it runs and what is measured along it.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::moments::Moments;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::network::step::{Lengths, Step};
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
/// first, by start and then first step, isolated cycles after them. `M` is what is measured of the channels along it.
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
    /// The branch that runs from a voxel along steps, at least one, given in its canonical direction.
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

    /// What is measured along it, of the channels of the skeleton.
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
}
