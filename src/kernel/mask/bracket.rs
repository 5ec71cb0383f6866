//! Li's threshold of values that are only known by bins: two thresholds that bracket it.
//!
//! The next threshold is a non-decreasing function of the current one, since both means are. So steps from below a
//! threshold stay below the steps from it, and steps from above stay above. The positions of values within a bin are
//! not known: lower steps count the bin of the threshold as foreground, upper steps as background. Bins that the steps
//! pass through are divided, until both end close enough together.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::kernel::mask::extent::no_values;
use crate::kernel::mask::li::{settled, step};
use crate::kernel::mask::sums::{Bin, Span, Sums, value_of};

/// Maximum final distance of the two, relative to the threshold's distance from the smallest value.
const APART: f64 = 1e-6;

/// Maximum relative step of a settled threshold.
const SETTLED: f64 = 1e-13;

/// Maximum number of bins in a pass, unless twice the number of divided bins is larger.
const BINS: usize = 1 << 13;

/// The values of an image by bins, as far as the passes so far have divided them.
#[derive(Clone, Debug)]
pub(super) struct Bracket {
    least: f64,
    of_least: u64,
    /// The widths and contents of bins, by their smallest keys.
    bins: BTreeMap<u64, (u32, Bin)>,
}

/// The result of the passes so far.
pub(super) enum Step {
    /// The threshold.
    Settled(f64),
    /// Bins to divide, and the number of parts of each, as a power of two.
    Divide(Vec<Span>, u32),
}

/// A bin, with the counts and sums before and after it. Values are relative to the smallest value.
struct Part {
    span: Span,
    /// The smallest and the largest possible value in the bin.
    reach: [f64; 2],
    /// Number and sum of the values in the bins before it.
    before: (u64, f64),
    /// Number and sum of the values in the bin and those after it.
    behind: (u64, f64),
}

impl Bracket {
    /// The bracket after the first pass, and the threshold itself if all values are known.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if the image has no values, or infinite ones.
    pub(super) fn begin(sums: &Sums) -> Result<(Bracket, Option<f64>)> {
        if sums.bins.is_empty() {
            return Err(no_values());
        }
        sums.extent.check()?;
        let least = sums.extent.min;
        let known = sums.values.as_ref().and_then(|values| {
            let values = values.iter().map(|(&key, &count)| (value_of(key) - least, count));
            let gaps = values.clone().zip(values.clone().skip(1)).map(|(a, b)| b.0 - a.0);
            let tolerance = gaps.fold(f64::INFINITY, f64::min) / 2.0;
            settled(values, |count| count as f64, tolerance)
        });
        let bins =
            sums.bins.iter().map(|(&start, &bin)| (start, (sums.bin_of(start).map_or(0, |span| span.width), bin)));
        Ok((Bracket { least, of_least: sums.of_least, bins: bins.collect() }, known.map(|threshold| least + threshold)))
    }

    /// Replaces the divided bins by the counts of a later pass.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if the pass has counted more or fewer values in a bin than the
    /// one before.
    pub(super) fn refine(&mut self, asked: &[Span], sums: &Sums) -> Result<()> {
        for span in asked {
            let old = self.bins.remove(&span.start).map_or(0, |(_, bin)| bin.count);
            let last = span.start + ((1 << span.width) - 1);
            let new: u64 = sums.bins.range(span.start..=last).map(|(_, bin)| bin.count).sum();
            if old != new {
                return Err(Error::data("the image was changed while it was read; run again").passing());
            }
        }
        let width = |start| sums.bin_of(start).map_or(0, |span| span.width);
        self.bins.extend(sums.bins.iter().map(|(&start, &bin)| (start, (width(start), bin))));
        Ok(())
    }

    /// The threshold, or the bins to divide in another pass.
    pub(super) fn next(&self) -> Step {
        let parts = self.parts();
        let Some(last) = parts.last() else { return Step::Settled(self.least) };
        let (count, sum) = (last.before.0 + last.behind.0, parts[0].behind.1);
        let [mut low, mut high] = [sum / count as f64; 2];
        let mut passed = BTreeSet::new();
        loop {
            let from = parts.partition_point(|part| part.reach[1] <= low);
            let to = parts.partition_point(|part| part.reach[0] <= high);
            passed.extend((from..to).filter(|&part| parts[part].span.width > 0).map(|part| parts[part].span));
            let background = |split: usize| parts.get(split).map_or((count, sum), |part| part.before);
            // Ends if all of the background is certainly the smallest value; `may_end` if it may be.
            if background(to).0 <= self.of_least {
                break;
            }
            let may_end = background(from).0 <= self.of_least;
            let next = |split: usize| {
                let mean = |(count, sum): (u64, f64)| sum / count as f64;
                parts.get(split).map_or(last.reach[1], |part| step(mean(part.before), mean(part.behind)))
            };
            let lower = if may_end { 0.0 } else { next(from) };
            let upper = if may_end { next(to).max(high) } else { next(to) };
            let settled = |old: f64, new: f64| (old - new).abs() <= SETTLED * new.abs();
            let ends = settled(low, lower) && settled(high, upper);
            (low, high) = (lower, upper);
            if ends {
                break;
            }
        }
        if high - low <= APART * high || passed.is_empty() {
            return Step::Settled(self.least + (low + (high - low) / 2.0));
        }
        let bits = (BINS / passed.len()).max(2).ilog2();
        Step::Divide(passed.into_iter().collect(), bits)
    }

    fn parts(&self) -> Vec<Part> {
        let mut before = (0, 0.0);
        let mut parts: Vec<Part> = Vec::with_capacity(self.bins.len());
        let sum_of = |start: u64, bin: &Bin| {
            let base = value_of(start);
            let unit = value_of(start + 1) - base;
            bin.count as f64 * (base - self.least) + bin.keys as f64 * unit
        };
        for (&start, (width, bin)) in &self.bins {
            let reach = [start, start + ((1 << width) - 1)].map(|key| (value_of(key) - self.least).max(0.0));
            parts.push(Part { span: Span { start, width: *width }, reach, before, behind: (0, 0.0) });
            before = (before.0 + bin.count, before.1 + sum_of(start, bin));
        }
        let mut behind = (0, 0.0);
        for (part, (&start, (_, bin))) in parts.iter_mut().zip(&self.bins).rev() {
            behind = (behind.0 + bin.count, behind.1 + sum_of(start, bin));
            part.behind = behind;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::mask::sums::key_of;

    /// The threshold of an image in parts by bins, and the number of passes.
    fn by_bins(parts: &[&[f64]]) -> (f64, usize) {
        let count = |empty: Sums| {
            let mut total = empty.clone();
            for part in parts {
                let mut sums = empty.clone();
                sums.add_values(part);
                total.merge(&sums).unwrap();
            }
            total
        };
        let mut all = count(Sums::of_all());
        all.values = None;
        let (mut bracket, known) = Bracket::begin(&all).unwrap();
        assert_eq!(known, None);
        for passes in 1.. {
            match bracket.next() {
                Step::Settled(threshold) => return (threshold, passes),
                Step::Divide(spans, bits) => bracket.refine(&spans, &count(Sums::within(spans.clone(), bits))).unwrap(),
            }
        }
        unreachable!("bins have one value in the end")
    }

    /// The threshold by steps over all values.
    fn by_values(values: &[f64]) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let least = sorted[0];
        least + settled(sorted.iter().map(|value| (value - least, 1)), |count| count as f64, 0.0).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        #[test]
        fn bins_lead_to_the_threshold_that_all_values_lead_to(
            seeds in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64), 2..400),
            power in 0.2..6.0f64,
            least in prop_oneof![Just(0.0), -1e3..1e3f64],
            dark in 0.0..1.0f64,
        ) {
            let value = |&(a, b): &(f64, f64)| least + if b < dark { 0.0 } else { 100.0 * a.powf(power) };
            let values: Vec<f64> = seeds.iter().map(value).collect();
            let (found, passes) = by_bins(&[&values]);
            let (smallest, expected) = (values.iter().copied().fold(f64::INFINITY, f64::min), by_values(&values));
            prop_assert!((found - expected).abs() <= 1e-6 * (expected - smallest).abs() + 1e-12, "{found}, not {expected}");
            prop_assert!(passes < 9);
            let (a, b) = values.split_at(values.len() / 3);
            prop_assert_eq!(by_bins(&[b, &[], a]), (found, passes));
        }
    }

    #[test]
    fn an_image_that_changes_between_passes_is_refused() {
        let mut first = Sums::of_all();
        first.values = None;
        first.add_values(&[0.0, 0.5, 0.501, 0.502, 1.004]);
        let (mut bracket, _) = Bracket::begin(&first).unwrap();
        let Step::Divide(spans, bits) = bracket.next() else { panic!("a bin with three values near the mean") };
        let mut second = Sums::within(spans.clone(), bits);
        second.add_values(&[0.5, 0.501]);
        assert!(second.bin_of(key_of(0.501)).is_some() && second.bin_of(key_of(1.004)).is_none());
        assert!(bracket.refine(&spans, &second).is_err());
    }
}
