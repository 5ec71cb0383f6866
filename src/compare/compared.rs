//! The comparison of groups of samples.

use super::bootstrap::{Drawn, GroupIntervals, Interval, delta_interval, group_intervals};
use super::cliff::cliffs_delta;
use super::comparable;
use super::groups::Groups;
use super::holm::holm;
use super::measures::{MEASURES, Measure};
use super::permutation::{PermutationTest, least_p, permutation_test};
use super::quantiles::mean;
use super::sample::Sample;
use crate::error::Result;
use crate::store::units::{LengthUnit, symbol};

/// A difference is called one where its corrected p value is below this.
pub const ALPHA: f64 = 0.05;

/// Samples a side with a value that a test and intervals need at least.
pub(super) const LEAST: usize = 3;

/// How samples are compared.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompareOptions {
    /// The unit of lengths; by default one in which people would give the length of a branch.
    pub unit: Option<&'static LengthUnit>,
    /// The measures that are tested; by default those that are marked so.
    pub tests: Option<Vec<&'static Measure>>,
    /// Threads; by default one.
    pub threads: usize,
}

/// What two groups of some sizes allow to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One sample a side: what is said holds for these two samples.
    OneSample,
    /// Fewer than three samples on a side: no test.
    Few,
    /// Three samples a side and more.
    Tested,
}

/// A test of one measure between two groups.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tested {
    /// The permutation test.
    pub test: PermutationTest,
    /// Its p value, corrected for the number of tests by Holm's method.
    pub corrected: f64,
    /// The smallest corrected p value that samples of these numbers could have.
    pub least: f64,
}

/// A measure compared between two groups.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Contrast {
    /// What is compared, by its place among [`MEASURES`].
    pub measure: usize,
    /// How many samples of each group have a value. Only these count.
    pub samples: [usize; 2],
    /// The number of each group: the mean over its samples.
    pub values: [Option<f64>; 2],
    /// The second divided by the first.
    pub ratio: Option<f64>,
    /// The second less the first.
    pub difference: Option<f64>,
    /// Cliff's delta, positive where the second group has the larger values: of branches with one sample a side, else of
    /// samples.
    pub delta: Option<f64>,
    /// Bootstrap intervals of 95 %.
    pub intervals: GroupIntervals,
    /// The test, if there is one.
    pub tested: Option<Tested>,
}

/// Two groups compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pair {
    /// The groups, by their numbers. The first is what the second is compared with.
    pub groups: [usize; 2],
    /// What their sizes allow to say.
    pub level: Level,
    /// Each measure.
    pub contrasts: Vec<Contrast>,
}

/// Samples, compared.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// The samples, in one unit.
    pub samples: Vec<Sample>,
    /// Their groups.
    pub groups: Groups,
    /// Number of axes of all images.
    pub dimensions: usize,
    /// The symbol of the unit of lengths: `µm`, or `voxels`.
    pub unit: String,
    /// The values of each sample, in the order of [`MEASURES`].
    pub values: Vec<Vec<Option<f64>>>,
    /// The groups that are compared: each with each if groups were asked for, or two samples. None of more samples without
    /// groups.
    pub pairs: Vec<Pair>,
    /// How many tests there are, for which their p values are corrected.
    pub tests: usize,
    /// What may mislead, each a sentence without a full stop.
    pub warnings: Vec<String>,
}

impl Comparison {
    /// Compares samples.
    ///
    /// Takes time in proportion to the branches, 1,000 times that where two single samples are compared, and memory for four
    /// numbers of each branch.
    ///
    /// # Errors
    /// `Usage` if samples cannot be compared: a folder comes twice, images and volumes are mixed, or units do not convert.
    pub fn new(mut samples: Vec<Sample>, groups: Groups, options: &CompareOptions) -> Result<Comparison> {
        comparable::settle(&mut samples, options.unit)?;
        let dimensions = samples.first().map_or(3, |sample| sample.dimensions);
        let unit = match samples.first() {
            Some(Sample { unit: Some(unit), .. }) => symbol(unit).to_owned(),
            Some(sample) if sample.spacing.iter().all(|&size| size == 1.0) => "voxels".to_owned(),
            _ => "units".to_owned(),
        };
        let values: Vec<Vec<Option<f64>>> = samples.iter().map(values_of).collect();
        let mut warnings = comparable::warnings(&samples, &groups);
        warnings.extend(comparable::without_values(&samples, &values));
        let mut comparison =
            Comparison { samples, groups, dimensions, unit, values, pairs: Vec::new(), tests: 0, warnings };
        let count = comparison.groups.names.len();
        if comparison.groups.asked || count == 2 {
            for first in 0..count {
                for second in first + 1..count {
                    let pair = comparison.pair([first, second], options)?;
                    comparison.pairs.push(pair);
                }
            }
        }
        comparison.correct();
        Ok(comparison)
    }

    /// The values of a measure in a group, one for each sample that has one.
    pub fn group_values(&self, group: usize, measure: usize) -> Vec<f64> {
        self.groups.members[group].iter().filter_map(|&sample| self.values[sample][measure]).collect()
    }

    fn pair(&self, groups: [usize; 2], options: &CompareOptions) -> Result<Pair> {
        let sizes = groups.map(|group| self.groups.members[group].len());
        let level = match sizes {
            [1, 1] => Level::OneSample,
            [first, second] if first.min(second) < LEAST => Level::Few,
            _ => Level::Tested,
        };
        let contrast = |measure| self.contrast(groups, level, measure, options);
        Ok(Pair { groups, level, contrasts: (0..MEASURES.len()).map(contrast).collect::<Result<_>>()? })
    }

    fn contrast(&self, groups: [usize; 2], level: Level, measure: usize, options: &CompareOptions) -> Result<Contrast> {
        let mut of_samples = groups.map(|group| self.group_values(group, measure));
        let samples = [of_samples[0].len(), of_samples[1].len()];
        let values = [mean(&of_samples[0]), mean(&of_samples[1])];
        let both = values[0].zip(values[1]);
        let per_branch = MEASURES[measure].per_branch;
        let branches = groups.map(|group| {
            let members = self.groups.members[group].iter().map(|&sample| &self.samples[sample]);
            members.map(|sample| per_branch.map_or(&[][..], |what| sample.values(what))).collect::<Vec<_>>()
        });
        let (mut delta, mut intervals, mut tested) = (None, GroupIntervals::default(), None);
        match level {
            Level::OneSample if per_branch.is_some() => {
                delta = cliffs_delta(branches[0][0], branches[1][0]);
                if both.is_some() {
                    intervals = group_intervals(&[Drawn::Branches(branches[0][0])], &[Drawn::Branches(branches[1][0])]);
                }
                intervals.delta = delta_interval(branches[0][0], branches[1][0], options.threads)?;
            }
            // One number a side: there is nothing to draw from.
            Level::OneSample => {}
            Level::Few | Level::Tested => {
                if level == Level::Tested && samples[0].min(samples[1]) >= LEAST {
                    let drawn = [0, 1].map(|side| drawn(&branches[side], &of_samples[side], per_branch.is_some()));
                    intervals = group_intervals(&drawn[0], &drawn[1]);
                    let asked = |tests: &Vec<&Measure>| tests.iter().any(|it| it.name == MEASURES[measure].name);
                    if options.tests.as_ref().map_or(MEASURES[measure].tested, asked) {
                        let test = permutation_test(&of_samples[0], &of_samples[1]);
                        tested = test.map(|test| Tested { test, corrected: test.p, least: 0.0 });
                    }
                }
                of_samples.iter_mut().for_each(|values| values.sort_by(f64::total_cmp));
                delta = cliffs_delta(&of_samples[0], &of_samples[1]);
            }
        }
        Ok(Contrast {
            measure,
            samples,
            values,
            ratio: both.map(|(first, second)| second / first).filter(|ratio| ratio.is_finite()),
            difference: both.map(|(first, second)| second - first),
            delta,
            intervals,
            tested,
        })
    }

    /// Corrects the p values of all tests for their number.
    fn correct(&mut self) {
        let mut tests: Vec<(f64, &mut Tested)> = Vec::new();
        for contrast in self.pairs.iter_mut().flat_map(|pair| &mut pair.contrasts) {
            let least = least_p(contrast.samples[0], contrast.samples[1]);
            tests.extend(contrast.tested.as_mut().map(|tested| (least, tested)));
        }
        self.tests = tests.len();
        let corrected = holm(&tests.iter().map(|(_, tested)| tested.test.p).collect::<Vec<_>>());
        // A corrected value never falls where one of the others rises.
        let least = holm(&tests.iter().map(|(least, _)| *least).collect::<Vec<_>>());
        for (((_, tested), corrected), least) in tests.into_iter().zip(corrected).zip(least) {
            (tested.corrected, tested.least) = (corrected, least);
        }
    }
}

impl Contrast {
    /// Whether so few samples have a value that groups which could be tested are not, for this measure.
    pub(super) fn lacks_values(&self, pair: &Pair) -> bool {
        pair.level == Level::Tested && self.samples[0].min(self.samples[1]) < LEAST
    }
}

impl Tested {
    /// Whether the difference is called one.
    pub fn is_difference(&self) -> bool {
        self.corrected < ALPHA
    }
}

fn values_of(sample: &Sample) -> Vec<Option<f64>> {
    MEASURES.iter().map(|measure| measure.value(sample)).collect()
}

/// The samples of a group that have a value, as they are drawn anew.
fn drawn<'a>(branches: &[&'a [f64]], values: &[f64], by_branches: bool) -> Vec<Drawn<'a>> {
    match by_branches {
        true => branches.iter().filter(|it| !it.is_empty()).map(|branches| Drawn::Branches(branches)).collect(),
        false => values.iter().map(|&value| Drawn::Whole(value)).collect(),
    }
}

/// The lower and the upper end of an interval, if there is one.
pub(super) fn ends(interval: Option<Interval>) -> [Option<f64>; 2] {
    [interval.map(|it| it[0]), interval.map(|it| it[1])]
}
