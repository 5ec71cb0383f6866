//! Thresholds that are found from all values of an image, in one pass over it or several.

use crate::chunk::Dtype;
use crate::error::Result;
use crate::kernel::mask::bracket::{Bracket, Step};
use crate::kernel::mask::count::Count;
use crate::kernel::mask::extent::Extent;
use crate::kernel::mask::histogram::Histogram;
use crate::kernel::mask::method::ThresholdMethod;
use crate::kernel::mask::sums::{FIRST_WIDTH, Span, Sums};

/// The next step of finding a threshold, or its result.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Add all values of the image to this empty count.
    Count(Count),
    /// The threshold.
    Found(f64),
}

/// Finds a threshold from counts of passes over an image. The threshold depends on the counts of the whole image alone,
/// and not on how they were merged.
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
    /// For Li's threshold of values that are not integers: the bracket so far, and the bins that the current pass
    /// divides.
    bracket: Option<(Bracket, Vec<Span>)>,
}

impl ThresholdFinder {
    /// Maximum number of passes over an image.
    pub const MOST_PASSES: usize = 2 + FIRST_WIDTH as usize;

    /// A finder for a method and the type of an image, which is `f32` for smoothed images.
    pub fn new(method: ThresholdMethod, dtype: Dtype) -> ThresholdFinder {
        ThresholdFinder { method, dtype, bracket: None }
    }

    /// The first step.
    pub fn first(&self) -> Finding {
        Finding::Count(match (self.dtype.is_integer(), self.method) {
            (true, _) => Count::Histogram(Histogram::of_integers()),
            (false, ThresholdMethod::Li) => Count::Sums(Sums::of_all()),
            (false, _) => Count::Extent(Extent::default()),
        })
    }

    /// The step after the last pass, from its count of the whole image.
    ///
    /// # Errors
    /// As [`Histogram::of_floats`] and [`Histogram::threshold`]; of kind [`Kind::Data`](crate::error::Kind::Data) if
    /// the image has changed between passes.
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

    /// Likely total number of passes.
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
            // scikit-image's means of floating-point values depend on their order.
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
