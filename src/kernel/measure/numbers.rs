//! Channels of numbers, and sums of numbers along a path.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::channel::{Channel, Measured, PathSum};
use super::moments::Moments;
use crate::kernel::network::step::{Lengths, Step};
use crate::space::Voxel;

/// A finite number at each voxel of a chunk's skeleton, with sums `S` along paths; a pair of sums is a sum.
///
/// ```
/// use anabranch::kernel::measure::channel::{Channel, PathSum};
/// use anabranch::kernel::measure::numbers::{Extremes, InOrder, Numbers};
/// use anabranch::kernel::network::step::{Lengths, Step};
/// use anabranch::space::{Spacing, Voxel};
///
/// let voxels: Vec<Voxel> = (0..3).map(|x| Voxel::new([0, 0, x])).collect();
/// let heights: Numbers<(InOrder, Extremes)> = [2.0, 7.0, 3.0].into_iter().collect();
/// let steps = [Step::between(voxels[0], voxels[1]).unwrap(); 2];
/// let (moments, extremes) = heights.along(&[0, 1, 2], &voxels).measured(&steps, &Lengths::new(Spacing::default()));
/// assert_eq!((moments.mean(), extremes.least(), extremes.largest()), (4.0, 2.0, 7.0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Numbers<S> {
    numbers: Vec<Bits>,
    sum: PhantomData<fn() -> S>,
}

impl<S> FromIterator<f64> for Numbers<S> {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        Numbers { numbers: numbers.into_iter().map(Bits::from).collect(), sum: PhantomData }
    }
}

/// A sum of numbers along a path.
pub trait SumOfNumbers: PathSum {
    /// The sum of the numbers along a path of one voxel or more.
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self;
}

impl<A: SumOfNumbers, B: SumOfNumbers> SumOfNumbers for (A, B) {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        (A::of(numbers.clone()), B::of(numbers))
    }
}

impl<S: SumOfNumbers> Channel for Numbers<S> {
    type Sum = S;

    fn is_for(&self, voxels: usize) -> bool {
        self.numbers.len() == voxels
    }

    fn along(&self, path: &[u32], _: &[Voxel]) -> S {
        S::of(path.iter().map(|&place| self.numbers[place as usize].get()))
    }
}

/// All numbers along a path in order, for measures that depend on the order, if only by rounding. Its measures are mean
/// and standard deviation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InOrder(Vec<Bits>);

impl InOrder {
    /// The numbers.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.0.iter().map(|bits| bits.get())
    }
}

impl FromIterator<f64> for InOrder {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        InOrder(numbers.into_iter().map(Bits::from).collect())
    }
}

impl SumOfNumbers for InOrder {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        numbers.collect()
    }
}

impl PathSum for InOrder {
    type Measured = Moments;

    fn join(&mut self, next: &Self, reversed: bool) {
        match reversed {
            false => self.0.extend(&next.0),
            true => self.0.extend(next.0.iter().rev()),
        }
    }

    fn reverse(&mut self) {
        self.0.reverse();
    }

    fn close(&mut self, place: usize) {
        self.0.rotate_left(place);
        self.0.push(self.0[0]);
    }

    fn measured(&self, _: &[Step], _: &Lengths) -> Moments {
        Moments::of_floats(self.numbers())
    }

    /// Eight bytes for each.
    fn write(&self, _: usize, bytes: &mut Vec<u8>) {
        self.0.iter().for_each(|number| number.write(bytes));
    }

    fn read(voxels: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        (0..voxels).map(|_| Bits::read(bytes, at)).collect::<Option<_>>().map(InOrder)
    }
}

/// The least and the largest number along a path; negative zero is less than zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Extremes {
    least: Bits,
    largest: Bits,
}

impl Extremes {
    /// The least number.
    pub fn least(&self) -> f64 {
        self.least.get()
    }

    /// The largest number.
    pub fn largest(&self) -> f64 {
        self.largest.get()
    }
}

impl SumOfNumbers for Extremes {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let least = numbers.clone().min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
        let largest = numbers.max_by(f64::total_cmp).unwrap_or(f64::NEG_INFINITY);
        Extremes { least: least.into(), largest: largest.into() }
    }
}

impl PathSum for Extremes {
    type Measured = Self;

    fn join(&mut self, next: &Self, _: bool) {
        *self = Extremes::of([self.least(), self.largest(), next.least(), next.largest()].into_iter());
    }

    fn reverse(&mut self) {}

    /// A voxel that is on the path twice does not change the extremes.
    fn close(&mut self, _: usize) {}

    fn measured(&self, _: &[Step], _: &Lengths) -> Self {
        *self
    }

    fn write(&self, steps: usize, bytes: &mut Vec<u8>) {
        Measured::write(self, &(), steps, bytes);
    }

    fn read(steps: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        <Self as Measured>::read(&(), steps, bytes, at)
    }
}

impl Measured for Extremes {
    type Common = ();

    fn common(&self) {}

    fn implied((): &(), _: usize) -> Option<Self> {
        None
    }

    fn write(&self, (): &(), _: usize, bytes: &mut Vec<u8>) {
        self.least.write(bytes);
        self.largest.write(bytes);
    }

    fn read((): &(), _: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        Some(Extremes { least: Bits::read(bytes, at)?, largest: Bits::read(bytes, at)? })
    }
}
