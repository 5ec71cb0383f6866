//! How much filters change.

use serde::{Deserialize, Serialize};

/// A number of components and of their voxels, or a difference of such numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Amount {
    /// Components.
    pub components: i64,
    /// Voxels.
    pub voxels: i64,
}

/// Why a filter changes a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object without a strong voxel is removed.
    Weak,
    /// A hole is filled.
    Holes,
    /// A small object is removed.
    Smaller,
    /// An object that is not one of the largest is removed.
    Largest,
}

/// How much each filter removes or fills, or a difference of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Amounts {
    /// Objects without a strong voxel.
    pub weak: Amount,
    /// Holes.
    pub holes: Amount,
    /// Small objects.
    pub smaller: Amount,
    /// Objects that are not among the largest.
    pub largest: Amount,
}

impl Amounts {
    /// One component of a kind.
    pub fn of(kind: Kind, voxels: u64) -> Amounts {
        let amount = Amount { components: 1, voxels: i64::try_from(voxels).unwrap_or(i64::MAX) };
        let mut amounts = Amounts::default();
        *match kind {
            Kind::Weak => &mut amounts.weak,
            Kind::Holes => &mut amounts.holes,
            Kind::Smaller => &mut amounts.smaller,
            Kind::Largest => &mut amounts.largest,
        } = amount;
        amounts
    }

    /// Adds others, multiplied by `times`.
    pub fn add(&mut self, more: &Amounts, times: i64) {
        let Amounts { weak, holes, smaller, largest } = self;
        let all = [(weak, more.weak), (holes, more.holes), (smaller, more.smaller), (largest, more.largest)];
        for (amount, more) in all {
            amount.components += more.components * times;
            amount.voxels += more.voxels * times;
        }
    }

    /// By how many voxels the foreground grows.
    pub fn growth(&self) -> i64 {
        self.holes.voxels - self.weak.voxels - self.smaller.voxels - self.largest.voxels
    }
}
