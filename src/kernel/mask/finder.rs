//! Thresholds that are found from all values of an image, in one or more passes over it.

use crate::chunk::Dtype;
use crate::error::Result;
use crate::kernel::mask::bracket::{Bracket, Step};
use crate::kernel::mask::count::Count;
use crate::kernel::mask::extent::Extent;
use crate::kernel::mask::histogram::Histogram;
use crate::kernel::mask::method::ThresholdMethod;
use crate::kernel::mask::sums::{FIRST_WIDTH, Span, Sums};

/// What finding a threshold needs next, or comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// All values of the image counted, beginning with this empty count.
    Count(Count),
    /// The threshold.
    Found(f64),
}

/// Finds a threshold from what passes over an image count. The threshold follows from the counts of the whole image alone,
/// however they were put together.
///
/// ```
/// use anabranch::chunk::{Dtype, Voxels};
/// use anabranch::kernel::mask::finder::{Finding, ThresholdFinder};
/// use anabranch::kernel::mask::method::ThresholdMethod;
///
/// let image = Voxels::F32(ndarray::array![[[0.0, 0.1, 0.2, 0.8, 1.0]]]);
/// let mut finder = ThresholdFinder::new(ThresholdMethod::Otsu, Dtype::F32);
/// let mut finding = finder.first();
/// let threshold = loop {
///     match finding {
///         Finding::Count(mut count) => {
///             count.add(&image)?;
///             finding = finder.next(&count)?;
///         }
///         Finding::Found(threshold) => break threshold,
///     }
/// };
/// assert!(threshold > 0.2 && threshold < 0.8);
/// # Ok::<(), anabranch::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ThresholdFinder {
    method: ThresholdMethod,
    dtype: Dtype,
    /// What is known for Li's threshold of values that are no whole numbers, and which bins are divided.
    bracket: Option<(Bracket, Vec<Span>)>,
}

impl ThresholdFinder {
    /// Passes over an image at most.
    pub const MOST_PASSES: usize = 2 + FIRST_WIDTH as usize;

    /// By a method, for an image of a type: `f32` where it is smoothed.
    pub fn new(method: ThresholdMethod, dtype: Dtype) -> ThresholdFinder {
        ThresholdFinder { method, dtype, bracket: None }
    }

    /// What is needed first.
    pub fn first(&self) -> Finding {
        Finding::Count(match (self.dtype.is_integer(), self.method) {
            (true, _) => Count::Histogram(Histogram::of_integers()),
            (false, ThresholdMethod::Li) => Count::Sums(Sums::of_all()),
            (false, _) => Count::Extent(Extent::default()),
        })
    }

    /// What follows from what the last pass has counted over the whole image.
    ///
    /// # Errors
    /// As [`Histogram::of_floats`] and [`Histogram::threshold`]; [`Kind::Data`](crate::error::Kind::Data) where the image has
    /// changed between passes.
    pub fn next(&mut self, total: &Count) -> Result<Finding> {
        match total {
            Count::Extent(extent) => Ok(Finding::Count(Count::Histogram(Histogram::of_floats(self.dtype, *extent)?))),
            Count::Histogram(histogram) => Ok(Finding::Found(histogram.threshold(self.method)?)),
            Count::Sums(sums) => self.divide(sums),
        }
    }

    fn divide(&mut self, sums: &Sums) -> Result<Finding> {
        let bracket = match self.bracket.take() {
            Some((mut bracket, divided)) => {
                bracket.refine(&divided, sums)?;
                bracket
            }
            None => {
                let (bracket, known) = Bracket::begin(sums)?;
                if let Some(threshold) = known {
                    return Ok(Finding::Found(threshold));
                }
                bracket
            }
        };
        match bracket.next() {
            Step::Settled(threshold) => Ok(Finding::Found(threshold)),
            Step::Divide(spans, bits) => {
                let count = Count::Sums(Sums::within(spans.clone(), bits));
                self.bracket = Some((bracket, spans));
                Ok(Finding::Count(count))
            }
        }
    }

    /// How many passes it is likely to take in all.
    pub fn likely_passes(&self) -> u64 {
        match (self.dtype.is_integer(), self.method) {
            (true, _) => 1,
            (false, ThresholdMethod::Li) => 3,
            (false, _) => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::chunk::Value;

    fn parts_threshold<T: Value>(method: ThresholdMethod, parts: &[&[T]]) -> Result<f64> {
        let mut finder = ThresholdFinder::new(method, T::DTYPE);
        let mut finding = finder.first();
        loop {
            let empty = match finding {
                Finding::Found(threshold) => return Ok(threshold),
                Finding::Count(empty) => empty,
            };
            let mut total = empty.clone();
            for part in parts {
                let mut count = empty.clone();
                count.add(&T::wrap(Array3::from_shape_vec([1, 1, part.len()], part.to_vec()).unwrap()))?;
                total.merge(&count)?;
            }
            finding = finder.next(&total)?;
        }
    }

    fn check<T: Value>(method: ThresholdMethod, values: &str, expected: f64, convert: fn(f64) -> T) {
        let values: Vec<T> = values.split(' ').map(|v| convert(v.parse().unwrap())).collect();
        let (a, b) = values.split_at(values.len() / 3);
        for parts in [vec![&values[..]], vec![a, b], vec![b, &[], a]] {
            let found = parts_threshold(method, &parts).unwrap();
            // The means that scikit-image takes of float values depend on their order.
            let apart =
                if method == ThresholdMethod::Li && !T::DTYPE.is_integer() { 1e-6 * expected.abs() } else { 0.0 };
            assert!((found - expected).abs() <= apart, "{} {method}: {found}, not {expected}", T::DTYPE.name());
        }
    }

    #[test]
    fn thresholds_are_those_of_scikit_image_however_the_image_is_cut() {
        let otsu = include_str!("../../../tests/fixtures/voxels/otsu.txt");
        let triangle = include_str!("../../../tests/fixtures/voxels/triangle.txt");
        let li = include_str!("../../../tests/fixtures/voxels/li.txt");
        let fixtures = [otsu, triangle, li];
        for (method, fixture) in ThresholdMethod::ALL.into_iter().zip(fixtures) {
            assert!(fixture.lines().count() > 5);
            for line in fixture.lines() {
                let [dtype, _shape, values, threshold] = line.split(';').collect::<Vec<_>>().try_into().unwrap();
                let expected = threshold.parse().unwrap();
                match dtype {
                    "uint8" => check(method, values, expected, |v| v as u8),
                    "uint16" => check(method, values, expected, |v| v as u16),
                    "uint32" => check(method, values, expected, |v| v as u32),
                    "int16" => check(method, values, expected, |v| v as i16),
                    "int32" => check(method, values, expected, |v| v as i32),
                    "float32" => check(method, values, expected, |v| v as f32),
                    "float64" => check(method, values, expected, |v| v),
                    other => panic!("{other} in the fixture"),
                }
            }
        }
    }
}
