//! Distributions of groups, as violins show them.

use super::branches::PerBranch;
use super::compared::Comparison;
use super::quantiles::{mean, quantile};

/// Bins of a distribution, equally wide on a logarithmic axis.
const BINS: usize = 160;

/// The share of a sample's branches on either side that is not shown: a few outliers would take most of the axis.
const NOT_SHOWN: f64 = 0.005;

/// The distribution of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Violin {
    /// How many branches lie in each bin, if all samples of the group had the same number: each has the same weight.
    pub(super) counts: Vec<f64>,
    /// The quartiles: the means of those of the samples.
    pub(super) quartiles: Option<[f64; 3]>,
}

impl Comparison {
    /// The bounds of the bins for something measured of branches, and the violin of each group. `None` if no sample has
    /// values.
    pub(super) fn violins(&self, what: PerBranch) -> Option<(Vec<f64>, Vec<Violin>)> {
        let members = || self.groups.members.iter().flatten().map(|&at| self.samples[at].values(what));
        let end = |share| members().filter_map(move |values| quantile(values, share)).filter(|end| *end > 0.0);
        let low = end(NOT_SHOWN).min_by(f64::total_cmp)?;
        let high = end(1.0 - NOT_SHOWN).max_by(f64::total_cmp)?;
        // All values may be the same.
        let (low, high) = if high > low { (low, high) } else { (low / 1.1, low * 1.1) };
        let bound = |bin: usize| low * (high / low).powf(bin as f64 / BINS as f64);
        let mut edges: Vec<f64> = (0..=BINS).map(bound).collect();
        edges[BINS] = high;
        let violins = self.groups.members.iter().map(|members| {
            let values: Vec<&[f64]> = members.iter().map(|&at| self.samples[at].values(what)).collect();
            violin(&values, &edges)
        });
        let violins = violins.collect();
        Some((edges, violins))
    }
}

/// The violin of some samples, each with ascending values.
fn violin(samples: &[&[f64]], edges: &[f64]) -> Violin {
    let samples: Vec<&&[f64]> = samples.iter().filter(|values| !values.is_empty()).collect();
    let all: usize = samples.iter().map(|values| values.len()).sum();
    let mut counts = vec![0.0; edges.len() - 1];
    for values in &samples {
        let weight = all as f64 / samples.len() as f64 / values.len() as f64;
        let mut from = values.partition_point(|value| *value < edges[0]);
        for (bin, count) in counts.iter_mut().enumerate() {
            // The last bin has its upper bound, too.
            let is_last = bin + 2 == edges.len();
            let to = values.partition_point(|value| *value < edges[bin + 1] || is_last && *value <= edges[bin + 1]);
            *count += weight * (to - from) as f64;
            from = to;
        }
    }
    let quartile = |share| mean(&samples.iter().filter_map(|values| quantile(values, share)).collect::<Vec<_>>());
    let quartiles =
        quartile(0.25).zip(quartile(0.5)).zip(quartile(0.75)).map(|((low, middle), high)| [low, middle, high]);
    Violin { counts, quartiles }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_of_a_violin_has_the_same_weight() {
        let edges = [1.0, 2.0, 4.0, 8.0];
        let (few, many) = (vec![1.0, 8.0], vec![2.0; 10]);
        let violin = violin(&[&few, &many, &[]], &edges);
        assert_eq!(violin.counts, [3.0, 6.0, 3.0], "of twelve branches, six for each sample");
        assert_eq!(violin.quartiles, Some([(2.75 + 2.0) / 2.0, (4.5 + 2.0) / 2.0, (6.25 + 2.0) / 2.0]));
        assert_eq!(super::violin(&[], &edges).quartiles, None);
    }
}
