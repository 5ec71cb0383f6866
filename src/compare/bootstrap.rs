//! Bootstrap intervals: how far a number may be from that of the population, by drawing anew from what was measured.
//!
//! Source: Efron and Tibshirani, "An introduction to the bootstrap" (1993); percentile intervals of 95 %, with a fixed seed.

use super::cliff::cliffs_delta;
use super::quantiles::{mean, quantile};
use super::random::Random;
use super::{SEED, resample};
use crate::error::Result;
use crate::threads::each;

/// How often groups of samples are drawn anew.
pub(super) const RESAMPLES: usize = 9_999;

/// How often all branches of two samples are drawn anew.
pub(super) const BRANCH_RESAMPLES: usize = 1_000;

/// Draws that one thread makes at a time.
const TOGETHER: usize = 50;

/// The lower and the upper end of an interval.
pub type Interval = [f64; 2];

/// A sample, as it is drawn anew.
#[derive(Clone, Copy, Debug)]
pub enum Drawn<'a> {
    /// By its branches: the ascending values of them, whose median counts.
    Branches(&'a [f64]),
    /// As it is: a number without smaller units.
    Whole(f64),
}

/// Intervals for what tells two groups apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GroupIntervals {
    /// Of the mean of the second group divided by that of the first; `None` where that may be zero.
    pub ratio: Option<Interval>,
    /// Of the mean of the second group less that of the first.
    pub difference: Option<Interval>,
    /// Of Cliff's delta between the numbers of samples.
    pub delta: Option<Interval>,
}

/// Hierarchical bootstrap of two groups: samples are drawn with replacement within their group, and within each that is drawn
/// its branches; a sample's number is the median of its branches, a group's the mean of its samples' numbers. 9,999 times.
///
/// The median of n branches drawn with replacement is an order statistic of n uniform numbers, looked up in the sorted
/// branches: it is drawn as such, from a beta distribution, in the time of one number, and has exactly the distribution that
/// drawing the branches one by one has.
///
/// Sources: Davison and Hinkley, "Bootstrap methods and their application" (1997), section 3.8; Saravanan, Berman and Sober,
/// "Application of the hierarchical bootstrap to multi-level data in neuroscience", Neurons, Behavior, Data Analysis and
/// Theory 3 (2020); David and Nagaraja, "Order statistics" (2003), section 2.5.
pub fn group_intervals(first: &[Drawn<'_>], second: &[Drawn<'_>]) -> GroupIntervals {
    if first.is_empty() || second.is_empty() {
        return GroupIntervals::default();
    }
    let mut random = Random::new(SEED);
    let (mut ratios, mut differences, mut deltas) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RESAMPLES {
        let [mut one, mut two] = [first, second].map(|group| drawn_group(group, &mut random));
        let means = [mean(&one), mean(&two)].map(|mean| mean.unwrap_or(f64::NAN));
        ratios.push(means[1] / means[0]);
        differences.push(means[1] - means[0]);
        one.sort_by(f64::total_cmp);
        two.sort_by(f64::total_cmp);
        deltas.push(cliffs_delta(&one, &two).unwrap_or(f64::NAN));
    }
    GroupIntervals { ratio: interval(ratios), difference: interval(differences), delta: interval(deltas) }
}

/// The bootstrap interval of Cliff's delta between the branches of two samples, which are drawn with replacement within each:
/// 1,000 times, on some threads. `None` if one has no branches. Says how sure the delta is for these two samples, and nothing
/// of others.
///
/// Takes time in proportion to the branches for each draw.
///
/// # Errors
/// `Internal` if a thread has stopped.
pub fn delta_interval(first: &[f64], second: &[f64], threads: usize) -> Result<Option<Interval>> {
    if first.is_empty() || second.is_empty() {
        return Ok(None);
    }
    let pair = resample::Pair::new(first, second);
    let parts: Vec<usize> = (0..BRANCH_RESAMPLES).step_by(TOGETHER).collect();
    let deltas = each(&parts, threads, |_, &from| {
        let mut workplace = pair.workplace();
        let draws = from..(from + TOGETHER).min(BRANCH_RESAMPLES);
        let delta = |draw: usize| pair.delta(&mut workplace, &mut Random::of_part(SEED, draw as u64));
        Ok(draws.map(delta).collect::<Vec<f64>>())
    })?;
    Ok(interval(deltas.concat()))
}

/// The numbers of as many samples as a group has, drawn anew.
fn drawn_group(group: &[Drawn<'_>], random: &mut Random) -> Vec<f64> {
    let draw = |_| match group[random.below(group.len())] {
        Drawn::Branches(branches) => drawn_median(branches, random),
        Drawn::Whole(number) => number,
    };
    (0..group.len()).map(draw).collect()
}

/// The median of as many values as there are, drawn with replacement.
fn drawn_median(sorted: &[f64], random: &mut Random) -> f64 {
    let count = sorted.len();
    let value = |place: f64| sorted[((place * count as f64) as usize).min(count - 1)];
    let rank = count.div_ceil(2);
    let above = (count - rank) as f64;
    let place = random.beta(rank as f64, above + 1.0);
    match count % 2 {
        1 => value(place),
        // The next order statistic is the least of the numbers above this one.
        _ => (value(place) + value(1.0 - (1.0 - place) * random.unit().powf(1.0 / above))) / 2.0,
    }
}

/// The interval that holds 95 % of some numbers; `None` if one of them is not finite.
fn interval(mut numbers: Vec<f64>) -> Option<Interval> {
    if numbers.iter().any(|number| !number.is_finite()) {
        return None;
    }
    numbers.sort_by(f64::total_cmp);
    Some([quantile(&numbers, 0.025)?, quantile(&numbers, 0.975)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The median of values drawn one by one.
    fn plainly_drawn_median(sorted: &[f64], random: &mut Random) -> f64 {
        let mut drawn: Vec<f64> = (0..sorted.len()).map(|_| sorted[random.below(sorted.len())]).collect();
        drawn.sort_by(f64::total_cmp);
        super::super::median(&drawn).unwrap()
    }

    #[test]
    fn medians_are_distributed_like_those_of_values_drawn_one_by_one() {
        for count in [2, 3, 4, 9, 10, 41] {
            let sorted: Vec<f64> = (0..count).map(|n| f64::from(n) * f64::from(n)).collect();
            let mut random = Random::new(3);
            let mut drawn = |draw: fn(&[f64], &mut Random) -> f64| {
                let mut medians: Vec<f64> = (0..20_000).map(|_| draw(&sorted, &mut random)).collect();
                medians.sort_by(f64::total_cmp);
                medians
            };
            let (fast, plain) = (drawn(drawn_median), drawn(plainly_drawn_median));
            // The largest distance between two distributions of 20,000 numbers is above 0.02 once in a thousand times.
            let share = |medians: &[f64], at: f64| medians.partition_point(|&median| median <= at) as f64 / 20_000.0;
            let farthest = plain.iter().map(|&at| (share(&fast, at) - share(&plain, at)).abs()).fold(0.0, f64::max);
            assert!(farthest < 0.02, "{count} values: {farthest}");
        }
    }

    #[test]
    fn an_interval_is_the_same_on_any_number_of_threads() {
        let [first, second] = [0.0, 3.0].map(|from| (0..40).map(|n| from + f64::from(n)).collect::<Vec<_>>());
        let one = delta_interval(&first, &second, 1).unwrap().unwrap();
        assert_eq!(delta_interval(&first, &second, 3).unwrap(), Some(one));
        let delta = cliffs_delta(&first, &second).unwrap();
        assert!(one[0] < delta && delta < one[1] && one[1] - one[0] < 0.6, "{one:?} {delta}");
    }

    #[test]
    fn what_has_no_ratio_has_no_interval_of_it() {
        let zero = [Drawn::Whole(0.0); 3];
        let intervals = group_intervals(&zero, &[Drawn::Whole(1.0); 3]);
        assert_eq!((intervals.ratio, intervals.difference, intervals.delta), (None, Some([1.0; 2]), Some([1.0; 2])));
        assert_eq!(group_intervals(&[], &zero), GroupIntervals::default());
    }
}
