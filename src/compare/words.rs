//! What a comparison says, in words.

use super::bootstrap::{BRANCH_RESAMPLES, RESAMPLES};
use super::compared::{ALPHA, Comparison, Contrast, Level, Pair};
use super::figures::short;
use super::permutation::least_p;

impl Comparison {
    /// What may be said of a measure of two groups: `no difference shown`.
    pub fn verdict(&self, pair: &Pair, contrast: &Contrast) -> String {
        match contrast.tested {
            Some(tested) if tested.is_difference() => {
                let higher = contrast.difference.is_some_and(|difference| difference > 0.0);
                let name = &self.groups.names[pair.groups[1]];
                format!("a difference: {} in {name}", if higher { "higher" } else { "lower" })
            }
            Some(tested) if tested.least >= ALPHA => "no difference can be shown with so few samples".to_owned(),
            Some(_) => "no difference shown".to_owned(),
            None if contrast.lacks_values(pair) => {
                let told = match contrast.samples {
                    [0, 0] => "no sample has a value".to_owned(),
                    [first, second] => format!("only {first} and {second} samples have a value"),
                };
                format!("not tested: {told}")
            }
            None => "not tested".to_owned(),
        }
    }

    /// How many samples a pair of groups has, and what follows from it.
    pub fn statement(&self, pair: &Pair) -> String {
        let [first, second] = pair.groups.map(|group| self.groups.members[group].len());
        let sizes = match (first, second) {
            (1, 1) => "One sample a side".to_owned(),
            _ if first == second => format!("{first} samples a side"),
            _ => format!("{first} and {second} samples"),
        };
        match pair.level {
            Level::OneSample => format!(
                "{sizes}: what differs between these two samples may be chance, and no test can tell. Intervals are within \
                 these samples (bootstrap over their branches), and say nothing of others."
            ),
            Level::Few => format!(
                "{sizes}: no test, because a p value could not be below {}. Three and more a side are tested.",
                short(least_p(first, second))
            ),
            Level::Tested => {
                let least = least_p(first, second);
                let corrected = pair.contrasts.iter().filter_map(|it| it.tested).map(|it| it.least).fold(1.0, f64::min);
                let tested = pair.contrasts.iter().any(|it| it.tested.is_some());
                let limit = match least {
                    least if least >= ALPHA => format!(
                        " p cannot be below {} with so few samples, whatever the difference: none can be shown.",
                        short(least)
                    ),
                    _ if tested && corrected >= ALPHA => format!(
                        " With {} tests the corrected p cannot be below {}, whatever the difference: none can be shown. \
                         Name fewer measures with --test, or add samples.",
                        self.tests,
                        short(corrected)
                    ),
                    _ => String::new(),
                };
                format!("{sizes}.{limit}")
            }
        }
    }

    /// How it was computed, a sentence each.
    pub fn methods(&self) -> Vec<String> {
        let mut methods = vec![
            "The unit is the sample, not the branch. A sample's number is the median of its branches, or what its summary \
             says; a group's number is the mean over its samples. A sample without a value for a measure does not count there. Samples \
             are unpaired."
                .to_owned(),
            "Branches that touch the border of the image are left out of lengths, chords, radii and tortuosities: they may go \
             on outside. Counts and densities have all branches; densities are per volume of the image, or of the region of \
             interest."
                .to_owned(),
        ];
        let has = |level| self.pairs.iter().any(|pair| pair.level == level);
        if has(Level::OneSample) {
            methods.push(format!(
                "Cliff's delta is between the branches of the two samples: how much more often a branch of the second has \
                 the larger value than the smaller one. Intervals of 95 % are percentiles of {BRANCH_RESAMPLES} draws of all \
                 branches for it, and of {RESAMPLES} for medians."
            ));
        }
        if has(Level::Few) || has(Level::Tested) {
            methods.push(
                "Cliff's delta is between the samples: how much more often a sample of the second group has the larger value \
                 than the smaller one."
                    .to_owned(),
            );
        }
        if has(Level::Tested) {
            methods.push(format!(
                "Intervals of 95 % are percentiles of {RESAMPLES} draws of a hierarchical bootstrap: samples of each group, \
                 and branches within each."
            ));
            let all = self.pairs.iter().flat_map(|pair| &pair.contrasts).filter_map(|it| it.tested);
            let way = match all
                .map(|it| it.test.exact)
                .fold([false; 2], |[exact, random], it| [exact | it, random | !it])
            {
                [true, false] => "by all ways to divide the samples (exact)",
                [false, true] => "by 99,999 random ways to divide the samples (the observed one counts among them)",
                _ => {
                    "by all ways to divide the samples (exact), or by 99,999 random ones where there are more than 100,000"
                }
            };
            methods.push(format!(
                "Tests are two-sided permutation tests of the difference of means of the samples' numbers, {way}. p values \
                 are corrected for {} tests by Holm's method; a difference is called one where the corrected p is below \
                 {ALPHA}.",
                self.tests
            ));
        }
        methods
    }
}
