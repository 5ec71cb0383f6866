//! Channels: values at skeleton voxels, besides their positions.
//!
//! A [`Channel`] has a value for each voxel of a chunk's skeleton. A walk along a path reduces the values to a small
//! [`PathSum`]. If the path continues in another chunk, sums travel instead of values: they are joined like the parts
//! of the path, and the measures of the whole branch, [`Measured`], do not depend on where the path was cut. A pair of
//! channels is a channel.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::network::step::{Lengths, Step};
use crate::space::Voxel;

/// Values that workers hold, compare and exchange.
pub trait Portable: Clone + Debug + Eq + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Debug + Eq + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static> Portable for T {}

/// Values at the voxels of a chunk's skeleton, in the order of the voxels.
pub trait Channel: Portable {
    /// The sum of the values along a path.
    type Sum: PathSum;

    /// Whether there is a value for each of `voxels` voxels.
    fn is_for(&self, voxels: usize) -> bool;

    /// The sum of the values along a path, given by the indices of its voxels in the chunk's list.
    ///
    /// # Panics
    /// If an index is not in the list.
    fn along(&self, path: &[u32], voxels: &[Voxel]) -> Self::Sum;
}

/// The sum of the values along a path.
///
/// Sums must not depend on where a path is cut: for every cut, the sum of a path equals the joined sums of its parts. A
/// sum of floating-point numbers that is rounded at each addition does not meet this; see
/// [`crate::kernel::measure::numbers`] for some that do.
pub trait PathSum: Portable {
    /// The measures of a branch that follow from the sum.
    type Measured: Measured;

    /// Appends the path of `next`, walked from its end to its beginning if `reversed`.
    fn join(&mut self, next: &Self, reversed: bool);

    /// Reverses the path.
    fn reverse(&mut self);

    /// Closes the path, which is a cycle: it now begins and ends at its voxel number `place`, the first one in raster
    /// order, which is on the path twice.
    fn close(&mut self, place: usize);

    /// The measures of a branch with these steps, in its canonical direction.
    fn measured(&self, steps: &[Step], lengths: &Lengths) -> Self::Measured;

    /// Appends the sum along a path of `voxels` voxels to bytes, for [`PathSum::read`].
    fn write(&self, voxels: usize, bytes: &mut Vec<u8>);

    /// Reads the sum along a path of `voxels` voxels at `at`, and moves `at` past it; `None` if the bytes end too early.
    fn read(voxels: usize, bytes: &[u8], at: &mut usize) -> Option<Self>;
}

/// The measures of a branch that follow from its channels.
pub trait Measured: Portable {
    /// The common part that a list of branches stores once, and omits for branches that agree with it; `()` if there is
    /// none.
    type Common: Portable + Copy;

    /// The common part of a list that begins with a branch of these measures.
    fn common(&self) -> Self::Common;

    /// The measures of a branch with `steps` steps whose measures are omitted; `None` if measures are never omitted.
    fn implied(common: &Self::Common, steps: usize) -> Option<Self>;

    /// Appends the measures of a branch with `steps` steps to bytes, for [`Measured::read`].
    fn write(&self, common: &Self::Common, steps: usize, bytes: &mut Vec<u8>);

    /// Reads the measures at `at`, and moves `at` past them; `None` if the bytes end too early.
    fn read(common: &Self::Common, steps: usize, bytes: &[u8], at: &mut usize) -> Option<Self>;
}

/// The measures of branches of skeletons with a channel.
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

    fn write(&self, voxels: usize, bytes: &mut Vec<u8>) {
        self.0.write(voxels, bytes);
        self.1.write(voxels, bytes);
    }

    fn read(voxels: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        Some((A::read(voxels, bytes, at)?, B::read(voxels, bytes, at)?))
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

    /// The first byte holds which of the two are written.
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
