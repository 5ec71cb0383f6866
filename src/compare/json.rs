//! A comparison as JSON.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::SEED;
use super::bootstrap::{BRANCH_RESAMPLES, RESAMPLES};
use super::branches::PerBranch;
use super::compared::{ALPHA, Comparison, Contrast, Level, Pair};
use super::measures::MEASURES;
use super::quantiles::quantile;
use super::sample::Sample;
use crate::error::{Error, Result};

/// What JSON files of comparisons say of themselves.
pub const COMPARISON: &str = "comparison";

/// A sample.
#[derive(Serialize)]
struct SampleRecord<'a> {
    name: &'a str,
    group: Option<&'a str>,
    folder: String,
    image: &'a str,
    version: &'a str,
    spacing: &'a [f64],
    branches_at_border: Option<u64>,
    values: Map<String, Value>,
    distributions: Map<String, Value>,
    warnings: Vec<&'a str>,
}

impl Comparison {
    /// Everything as indented JSON, with a trailing newline.
    ///
    /// # Errors
    /// `Internal` if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let measures = MEASURES.iter().map(|measure| {
            json!({
                "name": measure.name,
                "title": measure.title(self.dimensions),
                "unit": measure.unit(self.dimensions, &self.unit),
                "of_branches": measure.per_branch.is_some(),
            })
        });
        let groups = (0..self.groups.names.len()).map(|group| {
            let members = self.groups.members[group].iter().map(|&sample| &self.samples[sample].name);
            json!({ "name": self.groups.names[group], "samples": members.collect::<Vec<_>>() })
        });
        let record = json!({
            "program": "anabranch",
            "kind": COMPARISON,
            "version": env!("CARGO_PKG_VERSION"),
            "unit": self.unit,
            "dimensions": self.dimensions,
            "warnings": self.warnings,
            "measures": measures.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "samples": (0..self.samples.len()).map(|at| self.sample_record(at)).collect::<Vec<_>>(),
            "pairs": self.pairs.iter().map(|pair| self.pair_record(pair)).collect::<Vec<_>>(),
            "tests": {
                "number": self.tests,
                "correction": "Holm",
                "alpha": ALPHA,
                "seed": SEED,
                "resamples": RESAMPLES,
                "resamples_of_branches": BRANCH_RESAMPLES,
            },
            "methods": self.methods(),
        });
        let text = serde_json::to_string_pretty(&record)
            .map_err(|error| Error::internal("the comparison cannot be written as JSON").because(error))?;
        Ok(text + "\n")
    }

    fn sample_record(&self, at: usize) -> SampleRecord<'_> {
        let sample = &self.samples[at];
        let values =
            MEASURES.iter().zip(&self.values[at]).map(|(measure, value)| (measure.name.to_owned(), json!(value)));
        SampleRecord {
            name: &sample.name,
            group: self.group_of(at).map(|group| &*self.groups.names[group]),
            folder: sample.folder.to_string_lossy().into_owned(),
            image: &sample.image,
            version: &sample.version,
            spacing: &sample.spacing,
            branches_at_border: sample.at_border(),
            values: values.collect(),
            distributions: distributions(sample),
            warnings: sample.warnings(),
        }
    }

    fn pair_record(&self, pair: &Pair) -> Value {
        let measures =
            pair.contrasts.iter().map(|it| (MEASURES[it.measure].name.to_owned(), self.contrast_record(pair, it)));
        json!({
            "first": self.groups.names[pair.groups[0]],
            "second": self.groups.names[pair.groups[1]],
            "samples": pair.groups.map(|group| self.groups.members[group].len()),
            "statement": self.statement(pair),
            "measures": measures.collect::<Map<_, _>>(),
        })
    }

    fn contrast_record(&self, pair: &Pair, contrast: &Contrast) -> Value {
        let delta_of = if pair.level == Level::OneSample { "branches" } else { "samples" };
        json!({
            "samples": contrast.samples,
            "values": contrast.values,
            "ratio": contrast.ratio,
            "ratio_interval": contrast.intervals.ratio,
            "difference": contrast.difference,
            "difference_interval": contrast.intervals.difference,
            "cliffs_delta": contrast.delta,
            "cliffs_delta_interval": contrast.intervals.delta,
            "cliffs_delta_of": contrast.delta.map(|_| delta_of),
            "p": contrast.tested.map(|it| it.test.p),
            "p_corrected": contrast.tested.map(|it| it.corrected),
            "permutations": contrast.tested.map(|it| it.test.permutations),
            "exact": contrast.tested.map(|it| it.test.exact),
            "difference_shown": contrast.tested.map(|it| it.is_difference()),
            "verdict": self.verdict(pair, contrast),
        })
    }
}

/// Numbers of branches and quartiles of what is measured of each branch.
fn distributions(sample: &Sample) -> Map<String, Value> {
    let measures = MEASURES.iter().filter_map(|measure| Some((measure.name, measure.per_branch?)));
    let described = |what: PerBranch| {
        let values = sample.values(what);
        let at = |share| quantile(values, share);
        json!({
            "count": values.len(), "min": at(0.0), "25%": at(0.25), "50%": at(0.5), "75%": at(0.75), "max": at(1.0),
        })
    };
    measures.map(|(name, what)| (name.to_owned(), described(what))).collect()
}
