//! Whether samples can be compared, and what may mislead when they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::figures::short;
use super::measures::MEASURES;
use super::quantiles::median;
use super::sample::Sample;
use super::{Groups, PerBranch};
use crate::error::{Error, Result};
use crate::store::resolved;
use crate::store::units::{LengthUnit, readable};

/// Parameters that may differ between samples: what the image is, what was found in it, and what changes no number that is
/// compared. Spacing, unit and sigma are looked at by themselves.
const MAY_DIFFER: [&str; 18] = [
    "shape",
    "dtype",
    "spacing",
    "unit",
    "sigma",
    "threshold",
    "channel",
    "time",
    "region",
    "axes",
    "mask",
    "atlas",
    "atlas_names",
    "intensity",
    "provisional",
    "longest_path",
    "objects",
    "object_labels",
];

/// Voxel sizes that differ by more than this share are told of.
const SAME_SIZE: f64 = 0.01;

/// Refuses samples that cannot be compared, and brings all to one unit of length: the one that is asked for, or the first
/// sample's, or the one of nm, µm, mm and m in which people would give the length of its branches.
///
/// # Errors
/// `Usage` if a folder comes twice, or images and volumes, or known and unknown units are mixed.
pub(super) fn settle(samples: &mut [Sample], unit: Option<&'static LengthUnit>) -> Result<()> {
    for (at, sample) in samples.iter().enumerate() {
        if let Some(other) = samples[..at].iter().find(|other| resolved(&other.folder) == resolved(&sample.folder)) {
            let message = format!("is there twice (also as {}); give each sample once", other.folder.display());
            return Err(Error::usage(message).at(&sample.folder));
        }
        let first = &samples[0];
        if sample.dimensions != first.dimensions {
            let message = format!(
                "has {} axes, and {} has {}: images and volumes cannot be compared; leave one of the two out",
                sample.dimensions,
                first.folder.display(),
                first.dimensions
            );
            return Err(Error::usage(message).at(&sample.folder));
        }
        let is_length = |unit: &Option<String>| unit.as_deref().and_then(LengthUnit::of).is_some();
        if !(is_length(&sample.unit) && is_length(&first.unit)) && sample.unit != first.unit {
            let name = |unit: &Option<String>| unit.clone().unwrap_or_else(|| "no unit".to_owned());
            let message = format!(
                "has lengths in {}, and {} in {}: these cannot be compared; analyse both with a --spacing in a unit of length",
                name(&sample.unit),
                first.folder.display(),
                name(&first.unit)
            );
            return Err(Error::usage(message).at(&sample.folder));
        }
    }
    let known = |sample: &Sample| sample.unit.as_deref().and_then(LengthUnit::of);
    match samples.first().and_then(known) {
        Some(own) => {
            let typical = samples.iter().find_map(|sample| {
                Some(crate::store::units::converted(median(sample.values(PerBranch::Length))?, known(sample)?, own))
            });
            let to = unit.or_else(|| Some(readable(typical?, own))).unwrap_or(own);
            samples.iter_mut().for_each(|sample| sample.convert(to));
        }
        None if unit.is_some() => {
            return Err(Error::usage("--unit: the samples have no unit of length to convert; leave it out"));
        }
        None => {}
    }
    Ok(())
}

/// What may mislead in a comparison of samples in one unit, each a sentence without a full stop.
pub(super) fn warnings(samples: &[Sample], groups: &Groups) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut keys: BTreeSet<&str> = BTreeSet::new();
    for parameters in samples.iter().filter_map(|sample| sample.parameters().as_object()) {
        keys.extend(parameters.keys().map(String::as_str));
    }
    for key in keys.into_iter().filter(|key| !MAY_DIFFER.contains(key)) {
        differ(samples, &format!("the parameter {key} differs"), |it| parameter(it, key), &mut warnings);
    }
    // A threshold that a user gives is a rule; one that is found in the image follows from a rule.
    let given = |it: &Sample| match it.parameters()["threshold_method"].as_str() {
        Some("value" | "hysteresis") => it.parameters()["threshold"].to_string(),
        _ => String::new(),
    };
    differ(samples, "the parameter threshold differs", given, &mut warnings);
    let mask = |it: &Sample| if it.parameters()["mask"].is_null() { "none" } else { "one" }.to_owned();
    differ(samples, "some samples have a mask of a region of interest", mask, &mut warnings);
    if !alike(samples, sigma_in_voxels) && !alike(samples, |it| in_unit(it, sigma_in_voxels(it))) {
        let told = |it: &Sample| it.parameters()["sigma"].to_string();
        differ(samples, "the parameter sigma differs", told, &mut warnings);
    }
    if !alike(samples, |it| it.spacing.clone()) {
        let told = |it: &Sample| it.spacing.iter().map(|&size| short(size)).collect::<Vec<_>>().join(" x ");
        differ(
            samples,
            "voxel sizes differ, and lengths, radii and short branches depend on them",
            told,
            &mut warnings,
        );
    }
    differ(samples, "versions of the program differ", |it| it.version.clone(), &mut warnings);
    let with_border: Vec<&str> =
        samples.iter().filter(|it| it.at_border().is_none()).map(|it| it.name.as_str()).collect();
    if !with_border.is_empty() {
        warnings.push(format!(
            "branches that touch the border of the image count among the others, because the results do not tell which \
             these are (--columns skan): {}",
            with_border.join(", ")
        ));
    }
    for sample in samples {
        if let Some(missing) = sample.summary["missing"].as_u64().filter(|&missing| missing > 0) {
            let units = &sample.summary["units"];
            warnings.push(format!("{} is not complete: {missing} of its {units} parts had not arrived", sample.name));
        }
    }
    for (name, members) in groups.names.iter().zip(&groups.members) {
        for (at, &one) in members.iter().enumerate() {
            let same = |&&other: &&usize| samples[other].image_key == samples[one].image_key;
            if let Some(&other) = members[..at].iter().find(same).filter(|_| !samples[one].image_key.is_null()) {
                let (other, one) = (&samples[other].name, &samples[one].name);
                warnings.push(format!(
                    "{other} and {one} of group {name} are of the same image: they are one sample, not two"
                ));
            }
        }
    }
    warnings
}

/// The warning that samples have no value for some measures, if there are such; `values` are those of each sample, in the order
/// of [`MEASURES`].
pub(super) fn without_values(samples: &[Sample], values: &[Vec<Option<f64>>]) -> Option<String> {
    // The measures that the same samples have no value for.
    let mut alike: Vec<(Vec<usize>, Vec<&str>)> = Vec::new();
    for (at, measure) in MEASURES.iter().enumerate() {
        let lacking: Vec<usize> = (0..samples.len()).filter(|&sample| values[sample][at].is_none()).collect();
        match alike.iter_mut().find(|(others, _)| *others == lacking) {
            _ if lacking.is_empty() => {}
            Some((_, measures)) => measures.push(measure.name),
            None => alike.push((lacking, vec![measure.name])),
        }
    }
    let told = alike.iter().map(|(lacking, measures)| {
        let names: Vec<&str> = lacking.iter().map(|&sample| samples[sample].name.as_str()).collect();
        let names = if names.len() == samples.len() { "all samples".to_owned() } else { names.join(", ") };
        format!("{} in {names}", measures.join(", "))
    });
    let told = told.collect::<Vec<_>>().join("; ");
    (!told.is_empty()).then(|| format!("samples that have no value for a measure do not count there: {told}"))
}

/// A parameter as a text; lengths in the samples' unit.
fn parameter(sample: &Sample, key: &str) -> String {
    match &sample.parameters()[key] {
        Value::Null => "none".to_owned(),
        // Which part of a mosaic there is, and its corrections, tell of the image.
        Value::Object(_) if key == "tiles" => "tiles".to_owned(),
        Value::Number(length) if key == "prune" => {
            let length = sample.scale.of(length.as_f64().unwrap_or(f64::NAN), 1);
            // Without the last digits, which conversion changes.
            format!("{}", format!("{length:.9e}").parse().unwrap_or(length))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Sigma along each axis; zero without smoothing.
fn sigma_in_voxels(sample: &Sample) -> Vec<f64> {
    match &sample.parameters()["sigma"] {
        Value::Array(each) => each.iter().map(|it| it.as_f64().unwrap_or(0.0)).collect(),
        one => vec![one.as_f64().unwrap_or(0.0); sample.dimensions],
    }
}

fn in_unit(sample: &Sample, voxels: Vec<f64>) -> Vec<f64> {
    voxels.iter().zip(&sample.spacing).map(|(sigma, size)| sigma * size).collect()
}

/// Whether all samples have nearly the same numbers.
fn alike(samples: &[Sample], numbers: impl Fn(&Sample) -> Vec<f64>) -> bool {
    let Some(first) = samples.first().map(&numbers) else { return true };
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= SAME_SIZE * a.abs().max(b.abs());
    samples.iter().all(|sample| numbers(sample).iter().zip(&first).all(near))
}

/// Warns where something differs between samples, with what each has.
fn differ(samples: &[Sample], what: &str, told: impl Fn(&Sample) -> String, warnings: &mut Vec<String>) {
    /// Names of samples that are listed at most.
    const LISTED: usize = 4;
    let mut by_value: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    samples.iter().for_each(|sample| by_value.entry(told(sample)).or_default().push(&sample.name));
    if by_value.len() < 2 {
        return;
    }
    let listed = by_value.iter().map(|(value, names)| {
        let more = match names.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{value} in {}{more}", names[..names.len().min(LISTED)].join(", "))
    });
    warnings.push(format!("{what}: {}", listed.collect::<Vec<_>>().join("; ")));
}
