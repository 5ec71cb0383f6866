//! Mean and standard deviation along a branch.

use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::channel::Measured;

/// Mean and population standard deviation of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moments {
    mean: Bits,
    stdev: Bits,
}

impl Moments {
    /// Moments with this mean and population standard deviation.
    pub fn new(mean: f64, stdev: f64) -> Self {
        Moments { mean: mean.into(), stdev: stdev.into() }
    }

    /// The moments of `count` integers, from their exact sum and sum of squares; only the last steps round.
    pub fn of_integers(count: u64, sum: i64, squares: u128) -> Self {
        let spread = u128::from(count) * squares - u128::from(sum.unsigned_abs()).pow(2);
        Moments::new(sum as f64 / count as f64, (spread as f64).sqrt() / count as f64)
    }

    /// The moments of numbers, summed in the given order.
    pub fn of_floats(values: impl ExactSizeIterator<Item = f64> + Clone) -> Self {
        let count = values.len() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let spread = values.map(|v| (v - mean) * (v - mean)).sum::<f64>();
        Moments::new(mean, (spread / count).sqrt())
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean.get()
    }

    /// The population standard deviation.
    pub fn stdev(&self) -> f64 {
        self.stdev.get()
    }
}

impl Measured for Moments {
    /// The constant pixel value of branches without written measures.
    type Common = i64;

    fn common(&self) -> i64 {
        let whole = self.mean() as i64;
        // Larger values may have different moments for different numbers of steps.
        if whole as f64 == self.mean() && whole.unsigned_abs() <= u64::from(u32::MAX) { whole } else { 0 }
    }

    fn implied(common: &i64, steps: usize) -> Option<Self> {
        let count = steps as i64 + 1;
        Some(Moments::new(common.wrapping_mul(count) as f64 / count as f64, 0.0))
    }

    fn write(&self, _: &i64, _: usize, bytes: &mut Vec<u8>) {
        self.mean.write(bytes);
        self.stdev.write(bytes);
    }

    fn read(_: &i64, _: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        Some(Moments { mean: Bits::read(bytes, at)?, stdev: Bits::read(bytes, at)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_integers_are_exact_where_squares_are_huge() {
        let (count, value) = (1_000u64, i64::from(u32::MAX));
        let squares = u128::from(count) * (value as u128).pow(2);
        let moments = Moments::of_integers(count, value * count as i64, squares);
        assert_eq!(moments, Moments::new(value as f64, 0.0));
        assert_eq!(Moments::of_integers(2, -1 + 3, 1 + 9), Moments::new(1.0, 2.0));
    }
}
