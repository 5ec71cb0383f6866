//! What is added up over the voxels of an object.

use serde::{Deserialize, Serialize};

use crate::kernel::objects::runs::Run;
use crate::space::Voxel;

/// Sums over voxels, which do not depend on the order in which parts are merged.
pub trait Sums: Clone {
    /// Whether [`Sums::add_euler`] wants to know.
    const EULER: bool = false;

    /// Adds the sums over other voxels.
    fn merge(&mut self, other: &Self);

    /// Adds a share of the Euler number of the object's own voxels, connected at corners.
    fn add_euler(&mut self, share: i64) {
        let _ = share;
    }
}

/// The number of voxels alone.
impl Sums for u64 {
    fn merge(&mut self, other: &u64) {
        *self += other;
    }
}

impl<A: Sums, B: Sums> Sums for (A, B) {
    const EULER: bool = A::EULER || B::EULER;

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
        self.1.merge(&other.1);
    }

    fn add_euler(&mut self, share: i64) {
        self.0.add_euler(share);
        self.1.add_euler(share);
    }
}

/// What is left of an object after thinning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Remains {
    /// How many of its voxels are skeleton voxels.
    pub voxels: u64,
    /// How many skeletons have their first voxel in it.
    pub skeletons: u64,
}

impl Sums for Remains {
    fn merge(&mut self, other: &Self) {
        self.voxels += other.voxels;
        self.skeletons += other.skeletons;
    }
}

/// Voxels that are connected: an object, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Object<S> {
    /// Its first voxel in raster order, which no other object has.
    pub first: Voxel,
    /// The sums over its voxels.
    pub sums: S,
}

impl<S: Sums> Object<S> {
    pub(super) fn of(run: &Run, sums: S) -> Self {
        Object { first: run.first(), sums }
    }

    /// Makes one of two.
    pub(in crate::kernel) fn merge(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.sums.merge(&other.sums);
    }
}
