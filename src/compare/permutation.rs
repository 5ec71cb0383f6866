//! Permutation tests of the difference between two groups of samples.

use super::random::Random;

/// At most this many ways to divide the samples are looked at one by one. Nine samples a side have 48,620.
const MOST: u128 = 100_000;

/// How many random ways are looked at where there are more.
const RANDOM: usize = 99_999;

/// Values that differ by less than this share of all values are equal: sums of the same numbers in another order differ by
/// rounding.
const EQUAL: f64 = 1e-12;

/// The result of a permutation test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PermutationTest {
    /// The two-sided p value.
    pub p: f64,
    /// How many ways to divide the samples into two groups were looked at.
    pub permutations: u64,
    /// Whether those are all.
    pub exact: bool,
}

/// Tests whether the means of two groups of independent values differ, by all ways to divide the values into groups of these
/// sizes: `scipy.stats.permutation_test` with the difference of means, `permutation_type="independent"` and
/// `alternative="two-sided"`. p is twice the smaller share of ways whose difference is at least as large, or at least as
/// small, as the observed one, and at most 1. Ties need no care.
///
/// Where there are more than 100,000 ways, 99,999 random ones are looked at (with a fixed seed), and the observed one is
/// counted among them: (b + 1) / (n + 1), Phipson and Smyth, "Permutation p-values should never be zero", Statistical
/// Applications in Genetics and Molecular Biology 9 (2010). `None` if a group is empty or a value is not finite.
///
/// Source: Fisher, "The design of experiments" (1935); Pitman, "Significance tests which may be applied to samples from any
/// populations", Supplement to the Journal of the Royal Statistical Society 4 (1937).
///
/// ```
/// # use anabranch::compare::permutation_test;
/// let test = permutation_test(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).expect("values");
/// assert_eq!((test.p, test.permutations, test.exact), (0.1, 20, true));
/// ```
pub fn permutation_test(first: &[f64], second: &[f64]) -> Option<PermutationTest> {
    let all: Vec<f64> = second.iter().chain(first).copied().collect();
    if first.is_empty() || second.is_empty() || all.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // With the values fixed, the difference of means grows with the sum of the second group.
    let observed: f64 = second.iter().sum();
    let tolerance = EQUAL * all.iter().map(|value| value.abs()).sum::<f64>();
    let (mut less, mut greater) = (0u64, 0u64);
    let mut count = |sum: f64| {
        less += u64::from(sum <= observed + tolerance);
        greater += u64::from(sum >= observed - tolerance);
    };
    let ways = ways(first.len(), second.len());
    let exact = ways <= MOST;
    if exact {
        for_each_choice(all.len(), second.len(), |chosen| count(chosen.iter().map(|&at| all[at]).sum()));
    } else {
        let mut random = Random::new(super::SEED);
        let mut shuffled = all.clone();
        for _ in 0..RANDOM {
            for at in 0..second.len() {
                let from = at + random.below(shuffled.len() - at);
                shuffled.swap(at, from);
            }
            count(shuffled[..second.len()].iter().sum());
        }
        count(observed);
    }
    let permutations = if exact { ways as u64 } else { RANDOM as u64 + 1 };
    let p = (2.0 * less.min(greater) as f64 / permutations as f64).min(1.0);
    Some(PermutationTest { p, permutations, exact })
}

/// The smallest p value that [`permutation_test`] can have with groups of these sizes: 0.1 with three a side.
pub fn least_p(first: usize, second: usize) -> f64 {
    let ways = ways(first, second);
    let looked_at = if ways <= MOST { ways as f64 } else { RANDOM as f64 + 1.0 };
    (2.0 / looked_at).min(1.0)
}

/// The number of ways to divide values into two groups of these sizes, or a number above [`MOST`].
fn ways(first: usize, second: usize) -> u128 {
    let (few, all) = (first.min(second) as u128, (first + second) as u128);
    let mut ways = 1;
    for chosen in 1..=few {
        ways = ways * (all - few + chosen) / chosen;
        if ways > MOST {
            break;
        }
    }
    ways
}

/// Calls `act` with every choice of `count` numbers below `end`, ascending.
fn for_each_choice(end: usize, count: usize, mut act: impl FnMut(&[usize])) {
    let mut chosen: Vec<usize> = (0..count).collect();
    loop {
        act(&chosen);
        // The last number that can still grow.
        let Some(at) = (0..count).rev().find(|&at| chosen[at] < end - count + at) else { return };
        let next = chosen[at] + 1;
        chosen[at..].iter_mut().zip(next..).for_each(|(number, next)| *number = next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_made_once() {
        for (end, count) in [(5, 2), (6, 3), (4, 4), (3, 1)] {
            let mut choices = std::collections::BTreeSet::new();
            for_each_choice(end, count, |chosen| assert!(choices.insert(chosen.to_vec()), "{chosen:?} twice"));
            assert_eq!(choices.len() as u128, ways(count, end - count));
        }
    }

    #[test]
    fn no_p_is_below_the_least() {
        for (sizes, least) in
            [((3, 3), 0.1), ((3, 4), 2.0 / 35.0), ((6, 6), 2.0 / 924.0), ((1, 1), 1.0), ((12, 12), 2e-5)]
        {
            assert_eq!(least_p(sizes.0, sizes.1), least, "{sizes:?}");
            let apart = |size: usize, from: f64| (0..size).map(|n| from + n as f64).collect::<Vec<_>>();
            let test = permutation_test(&apart(sizes.0, 0.0), &apart(sizes.1, 100.0)).unwrap();
            assert!(test.p == least || !test.exact && test.p < 1e-3, "{sizes:?}: {test:?}");
        }
    }

    #[test]
    fn values_that_cannot_be_told_apart_have_p_one() {
        // 0.1 + 0.2 is more than 0.3 by rounding.
        let test = permutation_test(&[0.1, 0.2, 0.3, 0.0], &[0.3, 0.0, 0.1, 0.2]).unwrap();
        assert_eq!(test.p, 1.0);
        assert_eq!(permutation_test(&[5.0; 4], &[5.0; 4]).unwrap().p, 1.0);
        assert_eq!(permutation_test(&[], &[1.0]), None);
        assert_eq!(permutation_test(&[f64::NAN], &[1.0]), None);
    }

    #[test]
    fn random_permutations_come_near_the_exact_p() {
        // Ten and eleven: 352,716 ways. By the normal approximation of the difference of means, p is 0.2303.
        let first: Vec<f64> = (0..10).map(f64::from).collect();
        let second: Vec<f64> = (0..11).map(|n| f64::from(n) + 1.25).collect();
        let test = permutation_test(&first, &second).unwrap();
        assert!(!test.exact && test.permutations == 100_000);
        assert_eq!(permutation_test(&first, &second), Some(test), "the seed is fixed");
        assert!((test.p - 0.23).abs() < 0.01, "{test:?}");
    }
}
