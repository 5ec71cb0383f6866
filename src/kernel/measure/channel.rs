//! Channels: what is known at skeleton voxels, apart from where these are.
//!
//! A [`Channel`] has a value for each voxel of a chunk's skeleton. A walk along a path makes one small [`PathSum`] of the
//! values. Where the path goes on in another chunk, sums travel instead of values: they are joined as the parts of the path
//! are, and what they say of a whole branch, its [`Measured`], does not depend on where the path was cut. Two channels are
//! one, as a pair.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::network::step::{Lengths, Step};
use crate::space::Voxel;

/// Values that workers hold, compare, and send to each other.
pub trait Portable: Clone + Debug + Eq + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Debug + Eq + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static> Portable for T {}

/// Values at the voxels of a chunk's skeleton, in the order of the voxels.
pub trait Channel: Portable {
    /// What is kept of the values along a path.
    type Sum: PathSum;

    /// Whether there is a value for each of `voxels` voxels.
    fn is_for(&self, voxels: usize) -> bool;

    /// The sum of the values along a path, which is given by the places of its voxels in the chunk's list.
    ///
    /// # Panics
    /// If a place is not in the list.
    fn along(&self, path: &[u32], voxels: &[Voxel]) -> Self::Sum;
}

/// What is kept of the values along a path.
///
/// Sums must not depend on where a path is cut: the sum of a path is that of its parts, joined, for every cut. A sum of
/// floating-point numbers that is rounded at each addition is none; see [`crate::kernel::measure::numbers`] for some that
/// are.
pub trait PathSum: Portable {
    /// What the sum says of a branch.
    type Measured: Measured;

    /// The path goes on with `next`, walked from its end to its beginning where `reversed`.
    fn join(&mut self, next: &Self, reversed: bool);

    /// The path is walked from its end to its beginning.
    fn reverse(&mut self);

    /// The path is a cycle: it begins at its voxel number `place`, the first one in raster order, goes round, and ends
    /// there. That voxel is on it twice.
    fn close(&mut self, place: usize);

    /// What follows for a branch that consists of these steps, in its canonical direction.
    fn measured(&self, steps: &[Step], lengths: &Lengths) -> Self::Measured;
}

/// What is measured of a branch from its channels.
pub trait Measured: Portable {
    /// What a list of branches says once and leaves out of those that agree with it; `()` where there is no such thing.
    type Common: Portable + Copy;

    /// What a list that begins with a branch of these measures says once.
    fn common(&self) -> Self::Common;

    /// The measures of a branch with this many steps for which none are written; `None` if all are written.
    fn implied(common: &Self::Common, steps: usize) -> Option<Self>;

    /// Appends the measures of a branch with this many steps to bytes, to be read again by [`Measured::read`].
    fn write(&self, common: &Self::Common, steps: usize, bytes: &mut Vec<u8>);

    /// The measures at a place in bytes, which moves past them; `None` if the bytes end before.
    fn read(common: &Self::Common, steps: usize, bytes: &[u8], at: &mut usize) -> Option<Self>;
}

/// What is measured of a branch in skeletons with a channel.
pub type MeasuredBy<C> = <<C as Channel>::Sum as PathSum>::Measured;

impl<A: Channel, B: Channel> Channel for (A, B) {
    type Sum = (A::Sum, B::Sum);

    fn is_for(&self, voxels: usize) -> bool {
        self.0.is_for(voxels) && self.1.is_for(voxels)
    }

    fn along(&self, path: &[u32], voxels: &[Voxel]) -> Self::Sum {
        (self.0.along(path, voxels), self.1.along(path, voxels))
    }
}

impl<A: PathSum, B: PathSum> PathSum for (A, B) {
    type Measured = (A::Measured, B::Measured);

    fn join(&mut self, next: &Self, reversed: bool) {
        self.0.join(&next.0, reversed);
        self.1.join(&next.1, reversed);
    }

    fn reverse(&mut self) {
        self.0.reverse();
        self.1.reverse();
    }

    fn close(&mut self, place: usize) {
        self.0.close(place);
        self.1.close(place);
    }

    fn measured(&self, steps: &[Step], lengths: &Lengths) -> Self::Measured {
        (self.0.measured(steps, lengths), self.1.measured(steps, lengths))
    }
}

impl<A: Measured, B: Measured> Measured for (A, B) {
    type Common = (A::Common, B::Common);

    fn common(&self) -> Self::Common {
        (self.0.common(), self.1.common())
    }

    fn implied(common: &Self::Common, steps: usize) -> Option<Self> {
        A::implied(&common.0, steps).zip(B::implied(&common.1, steps))
    }

    /// A byte says which of the two are written.
    fn write(&self, common: &Self::Common, steps: usize, bytes: &mut Vec<u8>) {
        let first = A::implied(&common.0, steps).as_ref() != Some(&self.0);
        let second = B::implied(&common.1, steps).as_ref() != Some(&self.1);
        bytes.push(u8::from(first) | u8::from(second) << 1);
        if first {
            self.0.write(&common.0, steps, bytes);
        }
        if second {
            self.1.write(&common.1, steps, bytes);
        }
    }

    fn read(common: &Self::Common, steps: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        let written = *bytes.get(*at)?;
        *at += 1;
        let first = if written & 1 == 0 { A::implied(&common.0, steps) } else { A::read(&common.0, steps, bytes, at) };
        let second = if written & 2 == 0 { B::implied(&common.1, steps) } else { B::read(&common.1, steps, bytes, at) };
        first.zip(second)
    }
}
