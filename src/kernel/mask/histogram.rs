//! Histograms of whole images, merged from those of their chunks.
//!
//! Counts are exact, can be merged in any order, and can be removed again. Integers have a bin for each value; other
//! numbers have 256 bins between the smallest and the largest value, which need a separate pass first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chunk::{Dtype, Value, Voxels};
use crate::error::{Error, Result};
use crate::kernel::mask::extent::{Extent, extremes, no_values};
use crate::kernel::mask::li::settled;
use crate::kernel::mask::method::ThresholdMethod;
use crate::kernel::mask::otsu::{Real, best_split};
use crate::kernel::mask::triangle::corner;

/// Maximum range of integers.
const LARGEST_RANGE: i64 = 1 << 24;

/// Number of bins for an image whose values are not integers.
const BINS: usize = 256;

/// Number of bins that are allocated together.
const PAGE: usize = 4096;

/// The largest number of a page with integers, on either side of zero.
#[cfg(feature = "dataflow")]
const LAST_PAGE: u64 = (1 << 53) / PAGE as u64;

/// A histogram of values, or of bins of values. Histograms of parts of an image can be merged into that of the whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram(Counts);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Counts {
    /// Pages of counts by value: page `p` begins with value `p * PAGE`. No page is empty.
    Integers(BTreeMap<i64, Vec<u64>>),
    /// Counts of bins in `f32` or `f64` arithmetic.
    Singles(Bins<f32>),
    Doubles(Bins<f64>),
}

impl Histogram {
    /// An empty histogram for an image of integers.
    pub fn of_integers() -> Histogram {
        Histogram(Counts::Integers(BTreeMap::new()))
    }

    /// An empty histogram for an image of `f32` (such as every smoothed image) or `f64`, with known smallest and
    /// largest values. Holds 2 KiB.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if the values are infinite, or are too close together or too
    /// far apart for 256 bins of their type; [`Kind::Internal`](crate::error::Kind::Internal) for another type.
    pub fn of_floats(dtype: Dtype, extent: Extent) -> Result<Histogram> {
        extent.check()?;
        match dtype {
            Dtype::F32 => Ok(Histogram(Counts::Singles(Bins::new(extent.min as f32, extent.max as f32)?))),
            Dtype::F64 => Ok(Histogram(Counts::Doubles(Bins::new(extent.min, extent.max)?))),
            _ => Err(Error::internal(format!("a histogram of {} values has no bins", dtype.name()))),
        }
    }

    /// Counts the values of a chunk.
    ///
    /// # Errors
    /// As [`add_values`](Histogram::add_values).
    pub fn add(&mut self, voxels: &Voxels) -> Result<()> {
        crate::with_voxels!(voxels, array => {
            let array = array.as_standard_layout();
            self.add_values(array.as_slice().expect("standard layout is contiguous"))
        })
    }

    /// Counts values.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if integers now span more than 2^24 values, or if values are
    /// outside the extent of the histogram.
    pub fn add_values<T: Value>(&mut self, values: &[T]) -> Result<()> {
        let Some(&first) = values.first() else { return Ok(()) };
        match &mut self.0 {
            Counts::Integers(pages) => {
                let (min, max) = extremes(values, first);
                check_span(pages, Some((min.to_f64() as i64, max.to_f64() as i64)))?;
                add_integers(pages, values);
                Ok(())
            }
            Counts::Singles(bins) => bins.add(values, T::to_f32),
            Counts::Doubles(bins) => bins.add(values, T::to_f64),
        }
    }

    /// Adds the counts of another part of the same image.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if integers now span more than 2^24 values;
    /// [`Kind::Internal`](crate::error::Kind::Internal) if the bins differ.
    pub fn merge(&mut self, other: &Histogram) -> Result<()> {
        match (&mut self.0, &other.0) {
            (Counts::Integers(mine), Counts::Integers(theirs)) => {
                check_span(mine, span(theirs))?;
                for (&page, counts) in theirs {
                    let mine = mine.entry(page).or_insert_with(|| vec![0; PAGE]);
                    mine.iter_mut().zip(counts).for_each(|(mine, count)| *mine += count);
                }
                Ok(())
            }
            (Counts::Singles(mine), Counts::Singles(theirs)) => mine.merge(theirs),
            (Counts::Doubles(mine), Counts::Doubles(theirs)) => mine.merge(theirs),
            _ => Err(other_bins()),
        }
    }

    /// Removes the counts of a part that were added before.
    ///
    /// # Errors
    /// Of kind [`Kind::Internal`](crate::error::Kind::Internal) if a count would become negative, or if the bins
    /// differ; then the histogram is no longer valid.
    pub fn remove(&mut self, other: &Histogram) -> Result<()> {
        match (&mut self.0, &other.0) {
            (Counts::Integers(mine), Counts::Integers(theirs)) => {
                for (page, counts) in theirs {
                    let left = mine.get_mut(page).ok_or_else(never_added)?;
                    subtract(left, counts)?;
                    if left.iter().all(|&n| n == 0) {
                        mine.remove(page);
                    }
                }
                Ok(())
            }
            (Counts::Singles(mine), Counts::Singles(theirs)) => mine.remove(theirs),
            (Counts::Doubles(mine), Counts::Doubles(theirs)) => mine.remove(theirs),
            _ => Err(other_bins()),
        }
    }

    /// Whether the other histogram has the same bins, so that both can be merged.
    pub fn has_bins_of(&self, other: &Histogram) -> bool {
        match (&self.0, &other.0) {
            (Counts::Integers(_), Counts::Integers(_)) => true,
            (Counts::Singles(mine), Counts::Singles(theirs)) => (mine.min, mine.max) == (theirs.min, theirs.max),
            (Counts::Doubles(mine), Counts::Doubles(theirs)) => (mine.min, mine.max) == (theirs.min, theirs.max),
            _ => false,
        }
    }

    /// The threshold that a method finds; values above it are foreground. If all values are equal, the value itself.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if no values have been counted.
    pub fn threshold(&self, method: ThresholdMethod) -> Result<f64> {
        match &self.0 {
            Counts::Integers(pages) => {
                let (min, max) = span(pages).ok_or_else(no_values)?;
                let value = |bin: usize| (min + bin as i64) as f64;
                let bins = (max - min + 1) as usize;
                let count = |bin: usize| count_of(pages, min + bin as i64);
                match method {
                    ThresholdMethod::Otsu => Ok(best_split(bins, count, value)),
                    ThresholdMethod::Triangle => corner(bins, count, value).ok_or_else(no_values),
                    ThresholdMethod::Li => {
                        let values = (0..bins).map(|bin| (bin as f64, count(bin))).filter(|(_, count)| *count > 0);
                        // The weights of counts are in single precision.
                        let above = settled(values, |count| f64::from(count as f32), 0.5).ok_or_else(no_values)?;
                        Ok(above + min as f64)
                    }
                }
            }
            _ if method == ThresholdMethod::Li => Err(Error::internal("bins do not tell the means of their values")),
            Counts::Singles(bins) => Ok(f64::from(bins.threshold(method).ok_or_else(no_values)?)),
            Counts::Doubles(bins) => bins.threshold(method).ok_or_else(no_values),
        }
    }
}

impl Histogram {
    /// Whether every value that can be counted has a place.
    #[cfg(feature = "dataflow")]
    pub(crate) fn is_sound(&self) -> bool {
        match &self.0 {
            // The span is checked last, since it needs pages with valid values.
            Counts::Integers(pages) => {
                pages.iter().all(|(page, counts)| page.unsigned_abs() <= LAST_PAGE && counts.len() == PAGE)
                    && check_span(pages, span(pages)).is_ok()
            }
            Counts::Singles(bins) => bins.is_sound(),
            Counts::Doubles(bins) => bins.is_sound(),
        }
    }
}

fn never_added() -> Error {
    Error::internal("a histogram lost counts that were never added to it")
}

fn other_bins() -> Error {
    Error::internal("histograms of different bins were brought together")
}

fn subtract(counts: &mut [u64], less: &[u64]) -> Result<()> {
    for (count, less) in counts.iter_mut().zip(less) {
        *count = count.checked_sub(*less).ok_or_else(never_added)?;
    }
    Ok(())
}

/// The smallest and the largest integer that occur.
fn span(pages: &BTreeMap<i64, Vec<u64>>) -> Option<(i64, i64)> {
    let occurs = |n: &u64| *n > 0;
    let value = |page: &i64, i: usize| page * PAGE as i64 + i as i64;
    let min = pages.iter().find_map(|(page, counts)| Some(value(page, counts.iter().position(occurs)?)))?;
    let max = pages.iter().rev().find_map(|(page, counts)| Some(value(page, counts.iter().rposition(occurs)?)))?;
    Some((min, max))
}

/// Refuses further integers that would need too many bins, before any bin is allocated.
fn check_span(pages: &BTreeMap<i64, Vec<u64>>, further: Option<(i64, i64)>) -> Result<()> {
    let Some((min, max)) = further else { return Ok(()) };
    let (min, max) = span(pages).map_or((min, max), |(low, high)| (low.min(min), high.max(max)));
    if max - min < LARGEST_RANGE {
        return Ok(());
    }
    Err(Error::data(format!(
        "values reach from {min} to {max}, too far apart to find a threshold, which takes a range of {LARGEST_RANGE} \
         values: give a number as threshold"
    )))
}

fn count_of(pages: &BTreeMap<i64, Vec<u64>>, value: i64) -> u64 {
    let page = pages.get(&value.div_euclid(PAGE as i64));
    page.map_or(0, |counts| counts[value.rem_euclid(PAGE as i64) as usize])
}

/// Counts integers: those of small types in a plain table first, others by runs of equal values.
fn add_integers<T: Value>(pages: &mut BTreeMap<i64, Vec<u64>>, values: &[T]) {
    const LOWEST: i32 = i16::MIN as i32;
    let mut add = |value: i64, count: u64| {
        let page = pages.entry(value.div_euclid(PAGE as i64)).or_insert_with(|| vec![0; PAGE]);
        page[value.rem_euclid(PAGE as i64) as usize] += count;
    };
    if T::DTYPE.size() <= 2 {
        let mut table = vec![0u32; 3 << 15];
        for part in values.chunks(u32::MAX as usize) {
            for v in part {
                table[(v.to_f32() as i32 - LOWEST) as usize] += 1;
            }
            for (i, count) in table.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
                add(i as i64 + i64::from(LOWEST), u64::from(std::mem::take(count)));
            }
        }
    } else {
        for run in values.chunk_by(|a, b| a == b) {
            add(run[0].to_f64() as i64, run.len() as u64);
        }
    }
}

/// Bins of equal width between the smallest and the largest value, as in `numpy.histogram`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bins<F> {
    /// One more edge than bins; both are empty if all values are equal.
    edges: Vec<F>,
    counts: Vec<u64>,
    min: F,
    max: F,
}

impl<F: Real> Bins<F> {
    fn new(min: F, max: F) -> Result<Bins<F>> {
        if min == max {
            return Ok(Bins { edges: Vec::new(), counts: vec![0], min, max });
        }
        let step = (max - min) / F::from_single(BINS as f32);
        let mut edges: Vec<F> = (0..BINS).map(|i| F::from_single(i as f32) * step + min).collect();
        edges.push(max);
        if edges.windows(2).all(|pair| pair[0] < pair[1]) {
            Ok(Bins { edges, counts: vec![0; BINS], min, max })
        } else {
            Err(Error::data(
                "the values lie too close together or too far apart for 256 bins: give a number as threshold",
            ))
        }
    }

    fn add<T: Value>(&mut self, values: &[T], convert: impl Fn(T) -> F) -> Result<()> {
        let width = self.max - self.min;
        let mut outside = false;
        for &value in values {
            let value = convert(value);
            outside |= !(self.min <= value && value <= self.max);
            let mut bin = 0;
            if !self.edges.is_empty() {
                bin = (((value - self.min) / width) * F::from_single(BINS as f32)).to_bin().min(BINS - 1);
                // Rounding may have put a value next to an edge on its wrong side.
                bin = bin.saturating_sub(usize::from(value < self.edges[bin]));
                bin += usize::from(value >= self.edges[bin + 1] && bin != BINS - 1);
            }
            self.counts[bin] += 1;
        }
        if outside {
            return Err(Error::data(
                "a value lies outside the range that the image had at first: it was changed while it was read; run again",
            ));
        }
        Ok(())
    }

    fn merge(&mut self, other: &Bins<F>) -> Result<()> {
        if (self.min, self.max) != (other.min, other.max) {
            return Err(other_bins());
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, count)| *mine += count);
        Ok(())
    }

    fn remove(&mut self, other: &Bins<F>) -> Result<()> {
        if (self.min, self.max) != (other.min, other.max) {
            return Err(other_bins());
        }
        subtract(&mut self.counts, &other.counts)
    }

    #[cfg(feature = "dataflow")]
    fn is_sound(&self) -> bool {
        let bins = if self.edges.is_empty() { 1 } else { BINS };
        self.counts.len() == bins && (self.edges.is_empty() || self.edges.len() == bins + 1)
    }

    fn threshold(&self, method: ThresholdMethod) -> Option<F> {
        if self.counts.iter().all(|&n| n == 0) {
            return None;
        }
        if self.edges.is_empty() {
            return Some(self.min);
        }
        let two = F::from_single(2.0);
        let (count, center) =
            (|bin: usize| self.counts[bin], |bin: usize| (self.edges[bin] + self.edges[bin + 1]) / two);
        match method {
            ThresholdMethod::Otsu => Some(best_split(BINS, count, center)),
            ThresholdMethod::Triangle => corner(BINS, count, center),
            ThresholdMethod::Li => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;

    #[test]
    fn whole_numbers_too_far_apart_are_refused_before_bins_are_made() {
        let mut histogram = Histogram::of_integers();
        histogram.add_values(&[0i32, (1 << 24) - 1]).unwrap();
        assert_eq!(histogram.threshold(ThresholdMethod::Otsu).unwrap(), 0.0);
        assert_eq!(histogram.add_values(&[1i32 << 24]).unwrap_err().kind(), Kind::Data);
        assert_eq!(histogram.add_values(&[i32::MIN, i32::MAX]).unwrap_err().kind(), Kind::Data);
        assert_eq!(histogram.threshold(ThresholdMethod::Otsu).unwrap(), 0.0);
    }

    #[test]
    fn an_image_without_a_threshold_is_refused() {
        for method in ThresholdMethod::ALL {
            assert_eq!(Histogram::of_integers().threshold(method).unwrap_err().kind(), Kind::Data);
        }
        let near = Extent::of(&[1.0f32, 1.0f32.next_up()]);
        assert_eq!(Histogram::of_floats(Dtype::F32, near).unwrap_err().kind(), Kind::Data);
        let infinite = Extent::of(&[1.0, f64::INFINITY]);
        assert_eq!(Histogram::of_floats(Dtype::F64, infinite).unwrap_err().kind(), Kind::Data);
        let mut histogram = Histogram::of_floats(Dtype::F64, Extent::of(&[0.0, 1.0])).unwrap();
        assert_eq!(histogram.add_values(&[2.0]).unwrap_err().kind(), Kind::Data);
    }

    #[test]
    #[cfg(feature = "dataflow")]
    fn whole_numbers_of_64_bits_have_a_place() {
        let mut histogram = Histogram::of_integers();
        histogram.add_values(&[(1i64 << 53) - 1, (1 << 53) - 5000]).unwrap();
        assert!(histogram.is_sound());
        let mut negative = Histogram::of_integers();
        negative.add_values(&[-(1i64 << 53)]).unwrap();
        assert!(negative.is_sound());
    }

    proptest! {
        #[test]
        fn what_is_added_and_taken_away_leaves_no_mark(
            kept in prop::collection::vec(any::<i16>(), 1..50),
            passing in prop::collection::vec(any::<i16>(), 0..50),
        ) {
            let of = |values: &[i16]| {
                let mut histogram = Histogram::of_integers();
                histogram.add_values(values).unwrap();
                histogram
            };
            let mut histogram = of(&kept);
            histogram.merge(&of(&passing)).unwrap();
            histogram.remove(&of(&passing)).unwrap();
            prop_assert_eq!(histogram, of(&kept));
        }
    }
}
