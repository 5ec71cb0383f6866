//! The first channel: the image's values at skeleton voxels.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::channel::{Channel, Measured, PathSum};
use super::moments::Moments;
use super::numbers::InOrder;
use crate::chunk::{Dtype, Value, Voxels};
use crate::kernel::network::step::{Lengths, Step};
use crate::kernel::varint;
use crate::space::Voxel;
use crate::with_voxels;

/// Values of the input image at skeleton voxels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PixelValues {
    /// One integer for all voxels, as in a mask.
    Constant(i64),
    /// An integer for each voxel.
    Integers(Vec<i64>),
    /// A number for each voxel, as the bits of an `f64`.
    Floats(Vec<u64>),
}

impl PixelValues {
    /// The values of an array at `places`.
    ///
    /// # Panics
    /// If a place is outside the array.
    pub fn at(values: &Voxels, places: impl Iterator<Item = [usize; 3]>) -> Self {
        fn of<V: Value>(array: &Array3<V>, places: impl Iterator<Item = [usize; 3]>) -> PixelValues {
            match V::DTYPE {
                Dtype::F32 | Dtype::F64 => {
                    PixelValues::Floats(places.map(|place| array[place].to_f64().to_bits()).collect())
                }
                _ => PixelValues::Integers(places.map(|place| array[place].to_i64()).collect()),
            }
        }
        with_voxels!(values, array => of(array, places))
    }
}

impl PixelValues {
    /// The value at an index of the list, as the nearest number.
    ///
    /// # Panics
    /// If the index is not in the list.
    pub fn value(&self, place: usize) -> f64 {
        match self {
            PixelValues::Constant(value) => *value as f64,
            PixelValues::Integers(values) => values[place] as f64,
            PixelValues::Floats(values) => f64::from_bits(values[place]),
        }
    }

    /// The values at some indices of the list.
    ///
    /// # Panics
    /// If an index is not in the list.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        match self {
            PixelValues::Constant(value) => PixelValues::Constant(*value),
            PixelValues::Integers(values) => PixelValues::Integers(places.iter().map(|&at| values[at]).collect()),
            PixelValues::Floats(values) => PixelValues::Floats(places.iter().map(|&at| values[at]).collect()),
        }
    }
}

impl Channel for PixelValues {
    type Sum = PixelSum;

    fn is_for(&self, voxels: usize) -> bool {
        match self {
            PixelValues::Constant(_) => true,
            PixelValues::Integers(values) => values.len() == voxels,
            PixelValues::Floats(values) => values.len() == voxels,
        }
    }

    fn along(&self, path: &[u32], voxels: &[Voxel]) -> PixelSum {
        let whole = |of: &dyn Fn(usize) -> i64| {
            let (mut sum, mut squares) = (0, 0);
            let mut least = path[0] as usize;
            for &place in path {
                let value = of(place as usize);
                sum += value;
                squares += u128::from(value.unsigned_abs()).pow(2);
                least = least.min(place as usize);
            }
            PixelSum::Integers { sum, squares, least: voxels[least], at_least: of(least) }
        };
        match self {
            PixelValues::Constant(value) => whole(&|_| *value),
            PixelValues::Integers(values) => whole(&|place| values[place]),
            PixelValues::Floats(values) => {
                PixelSum::Floats(path.iter().map(|&place| f64::from_bits(values[place as usize])).collect())
            }
        }
    }
}

/// The image's values along a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PixelSum {
    /// Exact sums of integers.
    Integers {
        /// Sum of the values.
        sum: i64,
        /// Sum of their squares.
        squares: u128,
        /// The first voxel in raster order.
        least: Voxel,
        /// The value at that voxel, which a cycle counts twice.
        at_least: i64,
    },
    /// All values from the first voxel to the last, since their sums depend on the order.
    Floats(InOrder),
}

impl PathSum for PixelSum {
    type Measured = Moments;

    /// # Panics
    /// If only one of the paths has integers.
    fn join(&mut self, next: &Self, reversed: bool) {
        match (self, next) {
            (
                PixelSum::Integers { sum, squares, least, at_least },
                PixelSum::Integers { sum: more, squares: more_squares, least: other, at_least: at_other },
            ) => {
                *sum += more;
                *squares += more_squares;
                (*least, *at_least) = (*least, *at_least).min((*other, *at_other));
            }
            (PixelSum::Floats(values), PixelSum::Floats(more)) => values.join(more, reversed),
            _ => panic!("the values of some chunks are whole numbers, and those of others are not"),
        }
    }

    fn reverse(&mut self) {
        if let PixelSum::Floats(values) = self {
            values.reverse();
        }
    }

    fn close(&mut self, place: usize) {
        match self {
            PixelSum::Integers { sum, squares, at_least, .. } => {
                *sum += *at_least;
                *squares += u128::from(at_least.unsigned_abs()).pow(2);
            }
            PixelSum::Floats(values) => values.close(place),
        }
    }

    fn measured(&self, steps: &[Step], lengths: &Lengths) -> Moments {
        match self {
            PixelSum::Integers { sum, squares, .. } => Moments::of_integers(steps.len() as u64 + 1, *sum, *squares),
            PixelSum::Floats(values) => values.measured(steps, lengths),
        }
    }

    /// Some thirteen bytes for the sums of a mask.
    fn write(&self, voxels: usize, bytes: &mut Vec<u8>) {
        match self {
            PixelSum::Integers { sum, squares, least, at_least } => {
                bytes.push(1);
                for number in [varint::of_signed(*sum), *squares as u64, (*squares >> 64) as u64] {
                    varint::push(bytes, number);
                }
                bytes.extend_from_slice(&least.since(Voxel::FIRST).to_le_bytes());
                varint::push(bytes, varint::of_signed(*at_least));
            }
            PixelSum::Floats(values) => {
                bytes.push(0);
                values.write(voxels, bytes);
            }
        }
    }

    fn read(voxels: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        let is_whole = *bytes.get(*at)? != 0;
        *at += 1;
        if !is_whole {
            return InOrder::read(voxels, bytes, at).map(PixelSum::Floats);
        }
        let sum = varint::signed(varint::read(bytes, at)?);
        let squares = u128::from(varint::read(bytes, at)?) | u128::from(varint::read(bytes, at)?) << 64;
        let least = Voxel::FIRST.moved(u64::from_le_bytes(*bytes.get(*at..)?.first_chunk()?));
        *at += 8;
        Some(PixelSum::Integers { sum, squares, least, at_least: varint::signed(varint::read(bytes, at)?) })
    }
}

/// Measures that include the image's values: those of skeletons whose first channel is [`PixelValues`].
pub trait OfPixels: Measured {
    /// Mean and standard deviation of the image's values.
    fn pixels(&self) -> &Moments;
}

impl OfPixels for Moments {
    fn pixels(&self) -> &Moments {
        self
    }
}

impl<M: Measured> OfPixels for (Moments, M) {
    fn pixels(&self) -> &Moments {
        &self.0
    }
}
