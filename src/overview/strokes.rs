//! What a picture shows of branches.

use crate::space::Voxel;

/// What the colours of branches stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BranchColour {
    /// What a branch joins: junctions, tips.
    #[default]
    Kind,
    /// The mean radius of a branch, on a logarithmic scale.
    Radius,
}

/// The kind of branch that a skeleton voxel belongs to, in the order in which kinds cover each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StrokeKind {
    /// A branch between two junctions.
    JunctionJunction,
    /// A branch from a junction to a tip.
    JunctionTip,
    /// A branch between two tips.
    TipTip,
    /// A cycle without any other branch.
    Cycle,
    /// A skeleton of a single voxel.
    Isolated,
}

impl StrokeKind {
    /// How many there are.
    pub(crate) const COUNT: usize = 5;

    /// The kind of a branch of type 0 to 3 in the table; isolated for any other number.
    pub(crate) fn of_branch_type(branch_type: u8) -> StrokeKind {
        match branch_type {
            0 => StrokeKind::TipTip,
            1 => StrokeKind::JunctionTip,
            2 => StrokeKind::JunctionJunction,
            3 => StrokeKind::Cycle,
            _ => StrokeKind::Isolated,
        }
    }
}

/// What a branch shows in a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub(crate) kind: StrokeKind,
    /// Its mean radius, in the unit of the spacing; not finite if it is not known.
    pub(crate) radius: f64,
}

/// Draws a branch, with its voxels from end to end.
pub(crate) type Draw<'d> = dyn FnMut(Stroke, &mut dyn Iterator<Item = Voxel>) + 'd;

/// One of some equal shares of branches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    part: usize,
    parts: usize,
}

impl Share {
    /// All shares of some number of them.
    pub(super) fn all(parts: usize) -> Vec<Share> {
        (0..parts).map(|part| Share { part, parts }).collect()
    }

    /// The items of a list in this share.
    pub(crate) fn of<'l, D>(&self, list: &'l [D]) -> impl Iterator<Item = &'l D> + use<'l, D> {
        list.iter().skip(self.part).step_by(self.parts)
    }
}

/// Draws the branches of a share, in any order.
pub(crate) type DrawShare<'s> = dyn Fn(Share, &mut Draw<'_>) + Sync + 's;

/// The branches of a picture. Several threads may draw them.
#[derive(Clone, Copy)]
pub(crate) struct Strokes<'s> {
    /// Which kinds there are.
    pub(crate) kinds: [bool; StrokeKind::COUNT],
    /// About how many branches there are.
    pub(crate) count: usize,
    pub(crate) draw: &'s DrawShare<'s>,
}

impl Strokes<'_> {
    /// Draws every branch, in any order.
    pub(super) fn draw_all(&self, draw: &mut Draw<'_>) {
        (self.draw)(Share { part: 0, parts: 1 }, draw);
    }
}
