//! What a filter decides about a component.

use serde::{Deserialize, Serialize};

use crate::kernel::filter::amount::{Amounts, Kind};
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::sums::{Object, Sums};

/// What is known of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Size {
    /// The number of its voxels.
    pub voxels: u64,
    /// Whether one of its voxels is strong, or, in the background, touches the outside.
    pub marked: bool,
}

impl Sums for Size {
    fn merge(&mut self, other: &Size) {
        self.voxels += other.voxels;
        self.marked |= other.marked;
    }
}

/// A filter of the foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Filter {
    /// Removes components without a strong voxel.
    Hysteresis,
    /// Fills the components of the background that do not touch the outside: all of them, or those of fewer voxels.
    FillHoles(Option<u64>),
    /// Removes the components of fewer voxels.
    RemoveSmaller(u64, Connectivity),
    /// Removes all components but this many, the largest of those of at least `least` voxels; of two of one size, the one
    /// with the smaller first voxel counts as larger.
    KeepLargest {
        /// How many are kept.
        count: usize,
        /// The components of fewer voxels are removed in any case.
        least: u64,
        /// What is connected.
        connectivity: Connectivity,
    },
}

impl Filter {
    /// What is connected.
    pub fn connectivity(self) -> Connectivity {
        match self {
            Filter::Hysteresis | Filter::FillHoles(_) => Connectivity::Faces,
            Filter::RemoveSmaller(_, connectivity) | Filter::KeepLargest { connectivity, .. } => connectivity,
        }
    }

    /// Whether it decides about components of the background.
    pub fn fills(self) -> bool {
        matches!(self, Filter::FillHoles(_))
    }

    /// How many of the components that [`Filter::chooses`] chooses are meant, the largest first; `None` for all.
    pub fn limit(self) -> Option<usize> {
        match self {
            Filter::KeepLargest { count, .. } => Some(count),
            _ => None,
        }
    }

    /// Whether the filter removes or fills a component, or, if there is a [limit](Filter::limit), whether the component may
    /// be one of those that are kept.
    pub fn chooses(self, size: Size) -> bool {
        match self {
            Filter::Hysteresis => !size.marked,
            Filter::FillHoles(below) => !size.marked && below.is_none_or(|below| size.voxels < below),
            Filter::RemoveSmaller(least, _) => size.voxels < least,
            Filter::KeepLargest { least, .. } => size.voxels >= least,
        }
    }

    /// What a component adds to the amounts, as if none were kept because of its rank.
    pub fn amount(self, size: Size) -> Amounts {
        let kind = match (self, self.chooses(size)) {
            (Filter::KeepLargest { .. }, false) => Kind::Smaller,
            (Filter::KeepLargest { .. }, true) => Kind::Largest,
            (_, false) => return Amounts::default(),
            (Filter::Hysteresis, true) => Kind::Weak,
            (Filter::FillHoles(_), true) => Kind::Holes,
            (Filter::RemoveSmaller(..), true) => Kind::Smaller,
        };
        Amounts::of(kind, size.voxels)
    }
}

/// The order of components by size: the largest first, and of two of one size the one whose first voxel comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ranked<P> {
    size: std::cmp::Reverse<u64>,
    /// What identifies the component.
    pub place: P,
}

impl<P> Ranked<P> {
    /// A component with its place. Places have the order of first voxels.
    pub fn new(object: &Object<Size>, place: P) -> Self {
        Ranked { size: std::cmp::Reverse(object.sums.voxels), place }
    }

    /// The number of voxels.
    pub fn voxels(&self) -> u64 {
        self.size.0
    }
}
