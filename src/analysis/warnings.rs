//! What users should know about an analysis, each in a sentence: in `summary.json` and on the terminal.

use crate::chunk::Dtype;
use crate::error::Result;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::thin::method::Method;
use crate::parameters::ThresholdRule;
use crate::table::labels::LabelTotals;
use crate::table::regions::Regions;
use crate::table::summary::{ObjectCounts, Totals};
use crate::text::sentence;

use super::{Analysis, ObjectResults, Results};

/// A mask with at least this share of foreground is probably inverted.
const MOSTLY: f64 = 0.75;

/// The warning about a segmentation without labels.
const NO_LABELS: &str = "there are no labels: every voxel is zero";

/// All warnings, about the image and then about its results. They follow from the image and the parameters alone.
/// `unknown_paths` is the number of skeletons whose longest path was asked for and not computed.
///
/// # Errors
/// If it cannot be found out what of the image is stored.
pub(super) fn warnings(
    analysis: &Analysis,
    results: &Results,
    totals: &Totals,
    labels: Option<&LabelTotals>,
    unknown_paths: u64,
) -> Result<Vec<String>> {
    // Warnings about the image may contain text of its files and servers.
    let of_image = analysis.image.warnings.iter().map(|warning| sentence(warning));
    let of_fill = of_fill(analysis, results.threshold)?;
    let of_results = match labels {
        Some(labels) => of_labels(labels, analysis.settled.method).into_iter().collect(),
        None => of_results(analysis, results, totals),
    };
    Ok(of_image.chain(of_fill).chain(of_results).chain(of_paths(unknown_paths)).collect())
}

/// All warnings about an image and its objects alone, likewise.
///
/// # Errors
/// As [`warnings`].
pub(super) fn of_objects(analysis: &Analysis, results: &ObjectResults) -> Result<Vec<String>> {
    let of_image = analysis.image.warnings.iter().map(|warning| sentence(warning));
    let of_fill = of_fill(analysis, results.threshold)?;
    let described = Described::of(analysis, results.table.has_several_values());
    let of_results = match results.table.are_labels() {
        true => results.table.is_empty().then(|| NO_LABELS.to_owned()).into_iter().collect(),
        false => of_foreground(described, results.foreground, results.volume),
    };
    Ok(of_image.chain(of_fill).chain(of_results).collect())
}

/// The warning about longest paths that were asked for and not computed.
fn of_paths(unknown: u64) -> Option<String> {
    let text = "skeletons have loops and more than 5,000 nodes: their longest path is not looked for, and empty in skeletons.csv";
    (unknown > 0).then(|| format!("{unknown} {text}"))
}

/// The warning about loops that pruning has made or opened, before and after, where cavities may be left or not.
pub(super) fn of_pruning([before, after]: [i64; 2], has_cavities: bool) -> Option<String> {
    let of_cavities = "thinning leaves closed shells around cavities, on whose surface loops mean nothing (--fill-holes fills them), and ";
    let of_cavities = if has_cavities { of_cavities } else { "" };
    let why = "a voxel that closes a small loop in a crowded junction may go as a side branch";
    (before != after)
        .then(|| format!("there were {before} loops before pruning, and are {after} now: {of_cavities}{why}"))
}

/// The warnings about regions that may not be those that were meant.
pub(super) fn of_regions(regions: &Regions) -> Vec<String> {
    let mut warnings = Vec::new();
    let (outside, inside): (Vec<_>, Vec<_>) = regions.rows().iter().partition(|row| row.region == 0);
    if outside.iter().any(|row| row.length > 0.0) && inside.iter().all(|row| row.length == 0.0) {
        warnings.push("no branch runs through a region of the atlas: is it the atlas of this image?".to_owned());
    }
    let unnamed = regions.unnamed();
    if unnamed > 0 {
        let count = inside.len();
        warnings.push(format!(
            "{unnamed} of {count} regions of the atlas {} no name in --atlas-names: {} empty",
            if unnamed == 1 { "has" } else { "have" },
            if unnamed == 1 { "its name is" } else { "their names are" },
        ));
    }
    warnings
}

/// What is said where the fill value of what is not stored counts as dark.
fn of_fill(analysis: &Analysis, threshold: Threshold) -> Result<Option<String>> {
    let fill = analysis.source.description().fill;
    let is_dark = matches!(threshold, Threshold::AtMost(_)) && threshold.is_foreground(fill);
    if !is_dark || analysis.source.covers(&analysis.grid.bounds())? {
        return Ok(None);
    }
    Ok(Some(format!("what is not stored of the image holds the fill value {fill}, which --below makes foreground")))
}

/// The warning about labels that are missing, or missing in the results.
fn of_labels(labels: &LabelTotals, method: Method) -> Option<String> {
    let LabelTotals { labels, labels_without_skeleton: lost, voxels_without_skeleton: voxels, .. } = *labels;
    match (labels, lost) {
        (0, _) => Some(NO_LABELS.to_owned()),
        (_, 0) => None,
        _ => Some(format!("{lost} of {labels} labels left no skeleton ({voxels} voxels): {}", vanishing(method))),
    }
}

fn of_results(analysis: &Analysis, results: &Results, totals: &Totals) -> Vec<String> {
    if totals.foreground_voxels == 0 && results.amounts.growth() < 0 {
        return vec!["the mask is empty: filters have removed all objects".to_owned()];
    }
    // The image has other values where holes were filled.
    let several_values = results.amounts.holes.voxels == 0 && has_several_values(results);
    let described = Described::of(analysis, several_values);
    let mut found = of_foreground(described, totals.foreground_voxels, totals.voxels);
    found.extend(of_lost(totals.objects, analysis.settled.method, analysis.settled.asked.objects));
    found
}

/// The warnings about the foreground of an image: how much of it there is, and what its values are.
fn of_foreground(described: Described, foreground: u64, voxels: u64) -> Vec<String> {
    let share = foreground as f64 / voxels.max(1) as f64;
    let mut found = Vec::new();
    if foreground == 0 {
        found.push(described.nothing().to_owned());
        return found;
    }
    if foreground == voxels && voxels > 1 {
        found.push(described.everything().to_owned());
    } else if share >= MOSTLY && voxels > 1 {
        let percent = (100.0 * share).floor();
        found.push(format!("{percent} % of the voxels are foreground: {}", described.mostly()));
    }
    found.extend(described.values().map(str::to_owned));
    found
}

/// The warning about objects of which thinning left nothing. Those of a table are listed there.
fn of_lost(objects: ObjectCounts, method: Method, table: bool) -> Option<String> {
    let ObjectCounts { objects, lost, lost_voxels } = objects;
    if lost == 0 {
        return None;
    }
    let which = match (lost == objects, objects) {
        (true, 1) => "the only object".to_owned(),
        (true, _) => format!("all {objects} objects"),
        (false, _) => format!("{lost} of {objects} objects"),
    };
    let list = if table { "objects.csv says which" } else { "--objects lists them" };
    let voxels = if lost_voxels == 1 { "voxel" } else { "voxels" };
    Some(format!("{which} ({lost_voxels} {voxels}) left no skeleton: {}, and {list}", vanishing(method)))
}

/// Why thinning by a method leaves nothing of some objects, and what does not.
fn vanishing(method: Method) -> String {
    let whose = match method {
        Method::Zhang => "Zhang and Suen's",
        _ => "Lee's",
    };
    format!("{whose} thinning lets small solid objects vanish, as in scikit-image; --method homotopic keeps them")
}

/// Whether the image has more than one value along its skeleton, as raw data and labels have. Does not depend on
/// chunks.
fn has_several_values(results: &Results) -> bool {
    let mut first = None;
    results.branches.iter().flat_map(|list| list.iter()).any(|branch| {
        let mean = *first.get_or_insert(branch.mean());
        branch.stdev() != 0.0 || branch.mean() != mean
    })
}

/// What is foreground.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ForegroundSide {
    Nonzero,
    Above,
    AtMost,
}

impl ForegroundSide {
    fn of(rule: ThresholdRule) -> ForegroundSide {
        match rule {
            rule if rule.is_nonzero() => ForegroundSide::Nonzero,
            rule if rule.is_at_most() => ForegroundSide::AtMost,
            _ => ForegroundSide::Above,
        }
    }
}

/// The properties of an image that decide which advice fits.
#[derive(Clone, Copy, Debug)]
struct Described {
    dtype: Dtype,
    foreground: ForegroundSide,
    several_values: bool,
}

impl Described {
    fn of(analysis: &Analysis, several_values: bool) -> Described {
        // Values are those of another image, where there is one, and tell nothing of the mask.
        let several_values = several_values && analysis.source.intensity().is_none();
        let (dtype, foreground) = (analysis.source.description().dtype, ForegroundSide::of(analysis.settled.threshold));
        Described { dtype, foreground, several_values }
    }

    fn nothing(self) -> &'static str {
        match self.foreground {
            ForegroundSide::Above => "the mask is empty: no voxel is above the threshold",
            ForegroundSide::AtMost => "the mask is empty: every voxel is above the threshold",
            ForegroundSide::Nonzero => "the mask is empty: every voxel is zero",
        }
    }

    fn everything(self) -> &'static str {
        match (self.foreground, self.dtype) {
            (ForegroundSide::Above, _) => "every voxel is foreground: all values are above the threshold",
            (ForegroundSide::AtMost, _) => "every voxel is foreground: no value is above the threshold",
            (_, Dtype::F32 | Dtype::F64) => {
                "every voxel is foreground, since no value is zero: a probability map or a raw image needs --threshold"
            }
            _ => "every voxel is foreground, since no value is zero: a raw image needs --threshold",
        }
    }

    fn mostly(self) -> &'static str {
        match self.foreground {
            ForegroundSide::Above => {
                "the threshold may be too low, or the objects dark on a bright background, which --below is for"
            }
            ForegroundSide::AtMost => "the threshold may be too high, or the objects bright, which --threshold is for",
            ForegroundSide::Nonzero => "the mask may be inverted, or a raw image without --threshold",
        }
    }

    /// The warning about an image of several values whose foreground is everything but zero.
    fn values(self) -> Option<&'static str> {
        match (self.foreground != ForegroundSide::Nonzero || !self.several_values, self.dtype) {
            (true, _) => None,
            (false, Dtype::F32 | Dtype::F64) => Some(
                "the image has several values, and every one but zero counts as foreground: a raw image or a probability \
                 map needs --threshold",
            ),
            (false, _) => Some(
                "the image has several values, and every one but zero counts as foreground: a raw image needs --threshold, \
                 and a segmentation --labels, without which labels that touch merge",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_objects_are_counted_with_the_way_out() {
        let of = |objects, lost| of_lost(ObjectCounts { objects, lost, lost_voxels: 8 * lost }, Method::Lee, false);
        assert_eq!(of(5, 0), None);
        assert!(of(5, 2).is_some_and(|text| text.starts_with("2 of 5 objects (16 voxels) left no skeleton: Lee's")));
        assert!(of(5, 5).is_some_and(|text| text.starts_with("all 5 objects") && text.contains("homotopic")));
        assert!(of(1, 1).is_some_and(|text| text.starts_with("the only object (8 voxels)")));
    }

    #[test]
    fn loops_that_pruning_has_made_are_told() {
        assert_eq!(of_pruning([3, 3], true), None);
        for has_cavities in [true, false] {
            let text = of_pruning([0, 4], has_cavities).unwrap();
            assert!(text.starts_with("there were 0 loops before pruning, and are 4 now"));
            assert_eq!(text.contains("--fill-holes"), has_cavities);
        }
    }

    #[test]
    fn the_advice_names_the_cause() {
        let raw = Described { dtype: Dtype::U16, foreground: ForegroundSide::Nonzero, several_values: true };
        assert!(raw.values().is_some_and(|text| text.contains("--threshold") && text.contains("--labels")));
        let map = Described { dtype: Dtype::F32, ..raw };
        assert!(map.values().is_some_and(|text| text.contains("probability map")));
        assert!(map.everything().contains("probability map") && map.mostly().contains("inverted"));
        let thresholded = Described { foreground: ForegroundSide::Above, ..raw };
        assert_eq!(thresholded.values(), None);
        assert!(thresholded.mostly().contains("threshold may be too low"));
        let dark = Described { foreground: ForegroundSide::AtMost, ..raw };
        assert!(dark.mostly().contains("too high") && dark.nothing().contains("every voxel is above"));
        assert_eq!(Described { several_values: false, ..raw }.values(), None);
    }
}
