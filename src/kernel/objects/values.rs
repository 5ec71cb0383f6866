//! The image's values in an object: exact sums, which do not depend on the order of its voxels.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::bits::Bits;
use crate::kernel::measure::exact::{ExactSum, PackedSum, scaled_spread};
use crate::kernel::objects::runs::Run;
use crate::kernel::objects::sums::Sums;
use crate::space::Spacing;

/// Sums over the values of an object's voxels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueSums {
    voxels: u64,
    least: Bits,
    largest: Bits,
    sums: Exact,
}

/// The sum of values, of their squares, and of their products with positions along (z, y, x).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Exact {
    /// Of whole numbers of up to 32 bits.
    Whole { sum: i128, squares: i128, moments: [i128; 3] },
    /// Of other numbers.
    Packed(Box<[PackedSum; 5]>),
}

/// Where sums of numbers are gathered that are not whole.
#[derive(Debug, Default)]
pub struct Scratch([ExactSum; 5]);

impl ValueSums {
    /// The sums over a run of whole numbers of up to 32 bits.
    ///
    /// # Panics
    /// If there is none.
    pub fn of_whole(run: &Run, values: impl Iterator<Item = i64>) -> ValueSums {
        let (mut sum, mut squares, mut along) = (0, 0, 0);
        let mut range: Option<[i64; 2]> = None;
        for (x, value) in (run.x[0]..run.x[1]).zip(values) {
            sum += i128::from(value);
            squares += i128::from(value) * i128::from(value);
            along += i128::from(value) * i128::from(x);
            range = Some(range.map_or([value; 2], |[least, largest]| [least.min(value), largest.max(value)]));
        }
        let [least, largest] = range.expect("a run has a voxel").map(|value| Bits::from(value as f64));
        let moments = [i128::from(run.z) * sum, i128::from(run.y) * sum, along];
        ValueSums { voxels: run.voxels(), least, largest, sums: Exact::Whole { sum, squares, moments } }
    }

    /// The sums over runs of numbers, none of which is infinite or NaN, each run with its values.
    ///
    /// # Panics
    /// If there are none, or one is infinite or NaN.
    pub fn of_numbers<V: Iterator<Item = f64>>(
        runs: impl IntoIterator<Item = (Run, V)>,
        scratch: &mut Scratch,
    ) -> ValueSums {
        let [sum, squares, z, y, x] = &mut scratch.0;
        let (mut voxels, mut range): (u64, Option<[f64; 2]>) = (0, None);
        for (run, values) in runs {
            voxels += run.voxels();
            for (at, value) in (run.x[0]..run.x[1]).zip(values) {
                sum.add(value, 1);
                squares.add_square(value, 1);
                x.add(value, at);
                range = Some(range.map_or([value; 2], |[least, largest]| [least.min(value), largest.max(value)]));
                z.add(value, run.z);
                y.add(value, run.y);
            }
        }
        // Both zeros are the same number.
        let [least, largest] = range.expect("runs have voxels").map(|value| Bits::from(value + 0.0));
        let sums = Exact::Packed(Box::new(scratch.0.each_mut().map(ExactSum::take_packed)));
        ValueSums { voxels, least, largest, sums }
    }

    /// The least value.
    pub fn least(&self) -> f64 {
        self.least.get()
    }

    /// The largest value.
    pub fn largest(&self) -> f64 {
        self.largest.get()
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        let sum = match &self.sums {
            Exact::Whole { sum, .. } => *sum as f64,
            Exact::Packed(sums) => sums[0].unpacked().value(),
        };
        sum / self.voxels as f64
    }

    /// The population standard deviation.
    pub fn stdev(&self) -> f64 {
        let n = self.voxels;
        match &self.sums {
            Exact::Whole { sum, squares, .. } => {
                // Around a whole number near the mean, where nothing cancels.
                let count = i128::from(n);
                let near = sum.div_euclid(count);
                let rest = (sum - near * count) as f64;
                let around = (squares - 2 * near * sum + near * near * count) as f64;
                ((around - rest * rest / n as f64).max(0.0) / n as f64).sqrt()
            }
            Exact::Packed(sums) => {
                (scaled_spread(n, &sums[0].unpacked(), &sums[1].unpacked()).max(0.0)).sqrt() / n as f64
            }
        }
    }

    /// The centre (z, y, x) of the voxels weighted by their values, in units of the spacing; `None` if the values add up to
    /// nothing.
    pub fn centroid(&self, spacing: &Spacing) -> Option<[f64; 3]> {
        let (sum, moments) = match &self.sums {
            Exact::Whole { sum, moments, .. } => (*sum as f64, moments.map(|moment| moment as f64)),
            Exact::Packed(sums) => {
                let [sum, _, z, y, x] = sums.each_ref().map(|sum| sum.unpacked().value());
                (sum, [z, y, x])
            }
        };
        (sum != 0.0).then(|| std::array::from_fn(|axis| moments[axis] / sum * spacing.0[axis]))
    }
}

impl Sums for ValueSums {
    fn merge(&mut self, other: &Self) {
        self.voxels += other.voxels;
        self.least = self.least.get().min(other.least.get()).into();
        self.largest = self.largest.get().max(other.largest.get()).into();
        match (&mut self.sums, &other.sums) {
            (Exact::Whole { sum, squares, moments }, Exact::Whole { sum: more, squares: s, moments: m }) => {
                *sum += more;
                *squares += s;
                moments.iter_mut().zip(m).for_each(|(mine, theirs)| *mine += theirs);
            }
            (Exact::Packed(mine), Exact::Packed(theirs)) => {
                mine.iter_mut().zip(theirs.iter()).for_each(|(mine, theirs)| mine.add(theirs));
            }
            (mine, theirs) => {
                let mut sums = mine.packed();
                sums.iter_mut().zip(theirs.packed()).for_each(|(sum, more)| sum.add(&more));
                *mine = Exact::Packed(Box::new(sums));
            }
        }
    }
}

impl Exact {
    /// The sums as those of numbers that need not be whole.
    fn packed(&self) -> [PackedSum; 5] {
        match self {
            Exact::Whole { sum, squares, moments: [z, y, x] } => {
                [sum, squares, z, y, x].map(|&sum| PackedSum::of_whole(sum))
            }
            Exact::Packed(sums) => (**sums).clone(),
        }
    }
}
