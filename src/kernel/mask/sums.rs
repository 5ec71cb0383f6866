//! Exact counts and sums of values in bins, for means that do not depend on the order of the values.
//!
//! The key of a floating-point value is its bits as `f64`, arranged so that keys ascend with values. Between two powers
//! of two, values are evenly spaced, so the sum of the values in a bin of keys follows from their count and the sum of
//! their keys, both of which are integers. Bins are divided from pass to pass where necessary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::kernel::mask::extent::Extent;

/// The width of the bins of the first pass, as a power of two: 64 bins between successive powers of two.
pub(super) const FIRST_WIDTH: u32 = 46;

/// Maximum number of distinct values that are counted separately.
const MOST_VALUES: usize = 1 << 16;

/// Number of values whose keys are sorted together.
const PART: usize = 1 << 16;

/// The key of a number.
pub(super) fn key_of(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The number with a key.
pub(super) fn value_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// A bin of keys that later passes divide: the smallest key, and the width as a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) width: u32,
}

/// The contents of a bin: the number of values, and the sum of their keys, each relative to the smallest key of the
/// bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bin {
    pub(super) count: u64,
    pub(super) keys: u128,
}

impl Bin {
    fn add(&mut self, other: Bin) {
        self.count += other.count;
        self.keys += other.keys;
    }
}

/// Counts and sums of the values in bins. Those of parts of an image can be merged in any order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// The bins of an earlier pass whose values are counted, in order; `None` in the first pass, which counts all
    /// values.
    spans: Option<Vec<Span>>,
    /// Number of bits by which the bins are narrower than those.
    bits: u32,
    /// Bins with values, by their smallest key.
    pub(super) bins: BTreeMap<u64, Bin>,
    /// The count of each value by its key, in the first pass, unless there are too many distinct values.
    pub(super) values: Option<BTreeMap<u64, u64>>,
    pub(super) extent: Extent,
    /// The count of the smallest value, in the first pass.
    pub(super) of_least: u64,
}

impl Sums {
    /// The empty count of the first pass, for all values.
    pub(super) fn of_all() -> Sums {
        Sums {
            spans: None,
            bits: 0,
            bins: BTreeMap::new(),
            values: Some(BTreeMap::new()),
            extent: Extent::default(),
            of_least: 0,
        }
    }

    /// The empty count of a later pass, for values in `spans`, which are in order; each is divided into up to 2^`bits`
    /// bins.
    pub(super) fn within(spans: Vec<Span>, bits: u32) -> Sums {
        Sums { spans: Some(spans), bits, values: None, ..Sums::of_all() }
    }

    /// Whether both count in the same bins.
    pub(super) fn is_like(&self, other: &Sums) -> bool {
        (&self.spans, self.bits) == (&other.spans, other.bits)
    }

    /// The bin of a key; `None` if the key is not counted.
    pub(super) fn bin_of(&self, key: u64) -> Option<Span> {
        let width = match &self.spans {
            None => FIRST_WIDTH,
            Some(spans) => {
                let span = &spans[spans.partition_point(|span| span.start <= key).checked_sub(1)?];
                if (key - span.start) >> span.width != 0 {
                    return None;
                }
                span.width.saturating_sub(self.bits)
            }
        };
        Some(Span { start: key >> width << width, width })
    }

    /// Counts the values of a chunk.
    pub(super) fn add(&mut self, voxels: &Voxels) {
        crate::with_voxels!(voxels, array => {
            let array = array.as_standard_layout();
            self.add_values(array.as_slice().expect("standard layout is contiguous"));
        });
    }

    /// Counts values, none of which is NaN.
    pub(super) fn add_values<T: Value>(&mut self, values: &[T]) {
        let mut keys = Vec::with_capacity(values.len().min(PART));
        for part in values.chunks(PART) {
            keys.clear();
            keys.extend(part.iter().map(|value| key_of(value.to_f64())));
            keys.sort_unstable();
            self.add_keys(&keys);
            if self.spans.is_none() {
                let extent = Extent::of(part);
                let least = key_of(extent.min);
                self.add_least(extent, keys.iter().take_while(|key| **key == least).count() as u64);
            }
        }
    }

    /// Counts keys in ascending order.
    fn add_keys(&mut self, keys: &[u64]) {
        let mut rest = keys;
        while let Some(&first) = rest.first() {
            let Some(span) = self.bin_of(first) else {
                let spans = self.spans.as_deref().unwrap_or_default();
                let Some(next) = spans.get(spans.partition_point(|span| span.start <= first)) else { return };
                rest = &rest[rest.partition_point(|key| *key < next.start)..];
                continue;
            };
            let (here, others) = rest.split_at(rest.partition_point(|key| (key - span.start) >> span.width == 0));
            let keys = here.iter().map(|key| u128::from(key - span.start)).sum();
            self.bins.entry(span.start).or_default().add(Bin { count: here.len() as u64, keys });
            rest = others;
        }
        for same in keys.chunk_by(|a, b| a == b) {
            let Some(values) = &mut self.values else { return };
            *values.entry(same[0]).or_default() += same.len() as u64;
            if values.len() > MOST_VALUES {
                self.values = None;
            }
        }
    }

    fn add_least(&mut self, extent: Extent, of_least: u64) {
        let least = self.extent.min.min(extent.min);
        let of = |extent: Extent, count| if extent.min == least { count } else { 0 };
        self.of_least = of(self.extent, self.of_least) + of(extent, of_least);
        self.extent = self.extent.merged(extent);
    }

    /// Adds the counts of another part of the image.
    ///
    /// # Errors
    /// Of kind [`Kind::Internal`](crate::error::Kind::Internal) if its bins differ.
    pub(super) fn merge(&mut self, other: &Sums) -> Result<()> {
        if !self.is_like(other) {
            return Err(Error::internal("sums of different bins were brought together"));
        }
        for (&start, &bin) in &other.bins {
            self.bins.entry(start).or_default().add(bin);
        }
        match (&mut self.values, &other.values) {
            (Some(mine), Some(theirs)) => {
                theirs.iter().for_each(|(&key, count)| *mine.entry(key).or_default() += count)
            }
            _ => self.values = None,
        }
        if self.values.as_ref().is_some_and(|values| values.len() > MOST_VALUES) {
            self.values = None;
        }
        self.add_least(other.extent, other.of_least);
        Ok(())
    }

    /// Whether every value that can be counted has a place.
    #[cfg(feature = "dataflow")]
    pub(super) fn is_sound(&self) -> bool {
        let spans = self.spans.as_deref().unwrap_or_default();
        !(self.extent.min.is_nan() || self.extent.max.is_nan())
            && self.bits <= FIRST_WIDTH
            && spans.iter().all(|span| span.width <= FIRST_WIDTH && span.start.trailing_zeros() >= span.width)
            && spans.is_sorted()
            && self.bins.keys().all(|&start| self.bin_of(start).is_some_and(|span| span.start == start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend_with_values_and_lead_back_to_them() {
        let values = [f64::MIN, -1.5, -1e-310, 0.0, f64::MIN_POSITIVE, 0.1, 0.1f64.next_up(), 7e300];
        assert!(values.is_sorted_by(|&a, &b| key_of(a) < key_of(b)));
        assert_eq!(values.map(|value| value_of(key_of(value))), values);
        assert_eq!(key_of(-0.0), key_of(0.0));
    }

    #[test]
    fn values_are_counted_by_themselves_until_there_are_too_many_however_they_are_cut() {
        let values: Vec<f64> = (0..=MOST_VALUES).map(|i| i as f64 * 0.37).collect();
        let of = |parts: &[&[f64]]| {
            let mut total = Sums::of_all();
            for part in parts {
                let mut sums = Sums::of_all();
                sums.add_values(part);
                total.merge(&sums).unwrap();
            }
            total
        };
        assert_eq!(of(&[&values]).values, None);
        assert_eq!(of(&[&values[1..]]).values.map(|values| values.len()), Some(MOST_VALUES));
        let (a, b) = values.split_at(1000);
        assert_eq!(of(&[b, &[], a]), of(&[&values]));
        assert_eq!(of(&[&b[5..], a, &b[..5]]), of(&[&values]));
        assert_eq!((of(&[a, a]).of_least, of(&[b, a]).of_least), (2, 1));
    }
}
