//! Parameters in the form of `summary.json`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use twox_hash::XxHash3_64;

use super::{ColumnSet, HoleSize, Parameters, Settled, ThresholdRule};
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::mosaic::resample::{Blend, Interpolation};
use crate::kernel::objects::connectivity::Connectivity;
use crate::store::{Description, MosaicOptions, OpenOptions, name_of};

/// The parameters of an analysis, for `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Described {
    shape: Vec<usize>,
    dtype: &'static str,
    method: &'static str,
    /// In voxels: one number where it is the same along all axes, else one for each.
    sigma: Option<OneOrEach>,
    threshold: Option<f64>,
    /// Of a hysteresis, the upper number.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold_high: Option<f64>,
    threshold_method: &'static str,
    /// Whether foreground is what does not lie above the threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<bool>,
    /// A number of voxels, or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fill_holes: Option<HolesFilled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remove_smaller: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_largest: Option<usize>,
    spacing: Vec<f64>,
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<usize>,
    /// A range of voxels along each axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Vec<[usize; 2]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    axes: Option<String>,
    /// The name of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<String>,
    /// Likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    atlas: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    atlas_names: Option<String>,
    /// Whether each value has its own skeleton.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<bool>,
    /// The name of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    intensity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiles: Option<Tiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisional: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<&'static str>,
    /// In the unit of the spacing.
    #[serde(skip_serializing_if = "Option::is_none")]
    prune: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prune_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_border: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_path: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_labels: Option<bool>,
    /// How many neighbours a voxel of an object has.
    #[serde(skip_serializing_if = "Option::is_none")]
    connectivity: Option<u8>,
}

/// One number, or several.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum OneOrEach {
    One(f64),
    Each(Vec<f64>),
}

impl From<Vec<f64>> for OneOrEach {
    fn from(numbers: Vec<f64>) -> OneOrEach {
        match *numbers {
            [one] => OneOrEach::One(one),
            _ => OneOrEach::Each(numbers),
        }
    }
}

/// Which holes are filled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum HolesFilled {
    All(&'static str),
    Below(u64),
}

impl From<HoleSize> for HolesFilled {
    fn from(holes: HoleSize) -> HolesFilled {
        match holes {
            HoleSize::Any => HolesFilled::All("all"),
            HoleSize::Below(voxels) => HolesFilled::Below(voxels),
        }
    }
}

/// How tiles are put together.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Tiles {
    order: u8,
    blend: &'static str,
    flip: String,
    crop: [usize; 3],
    canvas: Option<Vec<[i64; 2]>>,
    background: Option<String>,
    flat_field: Option<String>,
    /// A hash of the content of the file of gains.
    gains: Option<String>,
}

impl Settled {
    /// The parameters of an image for `summary.json`, with the threshold that was found. `of_tiles` says whether the
    /// image is a mosaic of tiles.
    pub fn described(&self, image: &Description, found: Threshold, of_tiles: bool) -> Described {
        let Parameters {
            image: selection,
            sigma: _,
            threshold,
            filters,
            method: _,
            provisional,
            columns,
            prune,
            longest_path,
            objects,
            object_labels,
            connectivity,
        } = &self.asked;
        let OpenOptions {
            channel,
            time,
            region,
            axes,
            mask,
            atlas,
            atlas_names,
            labels,
            intensity,
            mosaic,
            spacing: _,
            unit: _,
            cache: _,
            patience: _,
        } = selection;
        let own = 3 - image.dimensions..3;
        Described {
            shape: image.shape[own.clone()].to_vec(),
            dtype: image.dtype.name(),
            method: self.method.name(),
            sigma: self.own_sigma().map(OneOrEach::from),
            threshold: found.bound(),
            threshold_high: match threshold {
                ThresholdRule::Value(Threshold::Hysteresis { high, .. }) => Some(*high),
                _ => None,
            },
            threshold_method: match (threshold, threshold.method()) {
                (_, Some(method)) => method.name(),
                (ThresholdRule::Value(Threshold::Nonzero), None) => "nonzero",
                (ThresholdRule::Value(Threshold::Hysteresis { .. }), None) => "hysteresis",
                (_, None) => "value",
            },
            below: threshold.is_at_most().then_some(true),
            fill_holes: filters.fill_holes.map(HolesFilled::from),
            remove_smaller: filters.remove_smaller,
            keep_largest: filters.keep_largest,
            spacing: image.spacing.0[own].to_vec(),
            unit: image.unit.clone(),
            channel: *channel,
            time: *time,
            region: region.as_deref().map(ends),
            axes: axes.as_ref().map(|names| names.iter().collect()),
            mask: name(mask),
            atlas: name(atlas),
            atlas_names: name(atlas_names),
            labels: labels.then_some(true),
            intensity: name(intensity),
            tiles: of_tiles.then(|| Tiles::of(mosaic)),
            provisional: provisional.then_some(true),
            prune: self.pruning.length,
            prune_ratio: prune.ratio,
            keep_border: prune.keep_border.then_some(true),
            columns: (*columns != ColumnSet::All).then(|| columns.name()),
            longest_path: longest_path.then_some(true),
            objects: objects.then_some(true),
            object_labels: object_labels.then_some(true),
            connectivity: (*connectivity != Connectivity::default()).then(|| connectivity.neighbours()),
        }
    }
}

fn ends<T: Copy>(ranges: &[Range<T>]) -> Vec<[T; 2]> {
    ranges.iter().map(|range| [range.start, range.end]).collect()
}

impl Tiles {
    fn of(options: &MosaicOptions) -> Tiles {
        let MosaicOptions { order, blend, flip, crop, canvas, background, flat_field, gains, missing: _ } = options;
        Tiles {
            order: match order {
                Interpolation::Nearest => 0,
                Interpolation::Linear => 1,
                Interpolation::Cubic => 3,
            },
            blend: match blend {
                Blend::Max => "max",
                Blend::Mean => "mean",
                Blend::First => "first",
                Blend::Feather => "feather",
            },
            flip: ["z", "y", "x"].into_iter().zip(flip).filter_map(|(axis, &flip)| flip.then_some(axis)).collect(),
            crop: *crop,
            canvas: canvas.as_deref().map(ends),
            background: name(background),
            flat_field: name(flat_field),
            gains: gains.as_deref().and_then(hash).map(|hash| format!("xxh3:{hash:016x}")),
        }
    }
}

/// The name of a file.
fn name(path: &Option<PathBuf>) -> Option<String> {
    name_of(path.as_ref()?)
}

/// The hash of a file, if it can be read.
pub(super) fn hash(path: &Path) -> Option<u64> {
    Some(XxHash3_64::oneshot(&std::fs::read(path).ok()?))
}
