//! Everything that the results of an analysis depend on, in one place.
//!
//! [`Parameters`] is what a user asks for: the command line, a configuration file or a program fills it in. Together
//! with an image it becomes [`Settled`], in which every default is resolved and every contradiction refused. What must
//! not differ between processes ([`Settled::agreed`]), what the records of a state depend on ([`Settled::of_masks`],
//! [`Settled::of_thinning`]) and what `summary.json` says ([`Settled::described`]) all follow from it; each
//! destructures [`Parameters`] completely, so that a new one cannot be forgotten there.

mod agreed;
mod described;
mod filters;
mod prune;
mod sigma;
#[cfg(all(test, feature = "analysis"))]
mod tests;

pub use self::described::Described;
pub use self::filters::{FilterRule, HoleSize};
pub use self::prune::PruneRule;
pub use self::sigma::Sigma;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::chunk::Dtype;
use crate::error::{Error, Result};
use crate::kernel::filter::rule::Filter;
use crate::kernel::mask::method::ThresholdMethod;
use crate::kernel::mask::smooth::Gaussian;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::network::prune::Pruning;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::thin::method::Method;
use crate::space::Spacing;
use crate::store::units::LengthUnit;
use crate::store::{Description, OpenOptions, StoredType, recorded_path};
use crate::table::branch_columns::Columns;

/// Everything that the results of an analysis depend on besides the image's values. The default analyses a mask as it
/// is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Parameters {
    /// Which part of the stored image to use, how large its voxels are, and how to put tiles together.
    pub image: OpenOptions,
    /// Gaussian smoothing before the threshold.
    pub sigma: Option<Sigma>,
    /// What makes a voxel foreground.
    pub threshold: ThresholdRule,
    /// Which objects are removed, and which holes filled, before masks are thinned.
    pub filters: FilterRule,
    /// How masks are thinned. By default Zhang and Suen's method for 2-D images, Lee's for volumes. In how many directions
    /// follows from the image.
    pub method: Option<Method>,
    /// Whether the table marks branches near parts that are not stored yet.
    pub provisional: bool,
    /// Which columns the branch table has.
    pub columns: ColumnSet,
    /// Which side branches to prune.
    pub prune: PruneRule,
    /// Whether the table of skeletons has the longest path of each.
    pub longest_path: bool,
    /// Whether there is a table of objects: of connected components, or of labels if the image is of labels.
    pub objects: bool,
    /// Whether there is an image of the labels of objects.
    pub object_labels: bool,
    /// Which voxels of the foreground are neighbours, for objects. Holes, and what a hysteresis connects, are always connected
    /// at faces.
    pub connectivity: Connectivity,
}

/// Which columns the branch table has, and so what is measured and which tables are written beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnSet {
    /// All columns, with the tables of nodes and of skeletons.
    #[default]
    All,
    /// skan's columns only: radii are not computed, and the branch table is the only one.
    Skan,
}

impl ColumnSet {
    /// The columns.
    pub fn columns(self) -> Columns {
        match self {
            ColumnSet::All => Columns::default(),
            ColumnSet::Skan => Columns::skan(),
        }
    }

    /// Whether there are radii among them.
    pub fn tells_radii(self) -> bool {
        self == ColumnSet::All
    }

    /// Whether the tables of nodes and of skeletons are written beside that of branches.
    pub fn has_nodes(self) -> bool {
        self == ColumnSet::All
    }

    /// The name of the option's value.
    pub fn name(self) -> &'static str {
        match self {
            ColumnSet::All => "all",
            ColumnSet::Skan => "skan",
        }
    }
}

/// Where the threshold comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ThresholdRule {
    /// The given threshold.
    Value(Threshold),
    /// It is found from all values of the image, smoothed where it is smoothed, fill values included; foreground is what
    /// lies above it.
    Above(ThresholdMethod),
    /// It is found in the same way; foreground is what does not lie above it: dark objects.
    AtMost(ThresholdMethod),
}

impl From<Threshold> for ThresholdRule {
    fn from(threshold: Threshold) -> Self {
        ThresholdRule::Value(threshold)
    }
}

impl Default for ThresholdRule {
    fn default() -> Self {
        ThresholdRule::Value(Threshold::Nonzero)
    }
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThresholdRule::Value(Threshold::Nonzero) => f.write_str("other than 0"),
            ThresholdRule::Value(Threshold::Above(value)) => write!(f, "above {value}"),
            ThresholdRule::Value(Threshold::AtMost(value)) => write!(f, "{value} or less"),
            ThresholdRule::Value(Threshold::Hysteresis { low, high }) => {
                write!(f, "above {low}, connected to a voxel above {high}")
            }
            ThresholdRule::Above(method) => write!(f, "above {method}"),
            ThresholdRule::AtMost(method) => write!(f, "{method} or less"),
        }
    }
}

/// The rule, as text for people.
fn given(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "not given".to_owned(), |value| value.to_string())
}

impl ThresholdRule {
    /// Whether the image is a mask already, whose values other than zero are foreground.
    pub fn is_nonzero(self) -> bool {
        self == ThresholdRule::default()
    }

    /// Whether foreground is what does not lie above the threshold.
    pub fn is_at_most(self) -> bool {
        matches!(self, ThresholdRule::AtMost(_) | ThresholdRule::Value(Threshold::AtMost(_)))
    }

    /// How the threshold is found, where the image decides it.
    pub fn method(self) -> Option<ThresholdMethod> {
        match self {
            ThresholdRule::Value(_) => None,
            ThresholdRule::Above(method) | ThresholdRule::AtMost(method) => Some(method),
        }
    }

    /// What was given to `--below`, or else to `--threshold`.
    fn as_option(self, below: bool) -> String {
        let text = match self {
            ThresholdRule::Value(Threshold::Hysteresis { low, high }) => Some(format!("hysteresis:{low},{high}")),
            ThresholdRule::Value(threshold) => threshold.bound().map(|bound| bound.to_string()),
            ThresholdRule::Above(method) | ThresholdRule::AtMost(method) => Some(method.to_string()),
        };
        given(text.filter(|_| self.is_at_most() == below))
    }

    /// The threshold of an image for which this number was found.
    pub fn found(self, bound: f64) -> Threshold {
        match self {
            ThresholdRule::Value(threshold) => threshold,
            ThresholdRule::Above(_) => Threshold::Above(bound),
            ThresholdRule::AtMost(_) => Threshold::AtMost(bound),
        }
    }
}

/// The properties of an image that decide which parameters fit it, and how defaults are resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageForm {
    /// Type of the values as they are read.
    pub dtype: Dtype,
    /// Type of the values as they are stored.
    pub stored: StoredType,
    /// 2 or 3.
    pub dimensions: usize,
    /// Whether it has one plane.
    pub flat: bool,
    /// The value of voxels that have not been stored.
    pub fill: f64,
    /// Size of a voxel.
    pub spacing: Spacing,
    /// The unit of that, if it is one of length.
    pub unit: Option<&'static LengthUnit>,
}

impl ImageForm {
    /// The form of a source's image.
    pub fn of(description: &Description) -> ImageForm {
        let Description { dtype, stored, dimensions, fill, shape, spacing, .. } = *description;
        let unit = description.unit.as_deref().and_then(LengthUnit::of);
        ImageForm { dtype, stored, dimensions, flat: shape[0] == 1, fill, spacing, unit }
    }
}

/// Parameters of one image: with every default resolved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settled {
    /// What was asked for.
    pub asked: Parameters,
    /// The form of the image.
    pub form: ImageForm,
    /// How masks are thinned.
    pub method: Method,
    /// The standard deviation of the smoothing along (z, y, x) in voxels, if the image is smoothed.
    pub sigma: Option<[f64; 3]>,
    /// The kernel that smooths, if the image is smoothed.
    pub gaussian: Option<Gaussian>,
    /// What makes a voxel foreground, among the values that the image can have.
    pub threshold: ThresholdRule,
    /// The filters of the foreground, in their order.
    pub filters: Vec<Filter>,
    /// Which side branches to prune, with the length in the unit of the spacing.
    pub pruning: Pruning,
}

impl Parameters {
    /// Refuses parameters that contradict each other, whatever the image.
    ///
    /// # Errors
    /// Of kind `Usage` if they do.
    pub fn check(&self) -> Result<()> {
        self.prune.check()?;
        self.filters.check(self.threshold)?;
        if self.longest_path && !self.columns.has_nodes() {
            return Err(Error::usage(
                "--longest-path is a column of skeletons.csv, which --columns skan leaves out: leave one of the two out",
            ));
        }
        if self.image.atlas.is_some() && !self.columns.has_nodes() {
            return Err(Error::usage(
                "--atlas adds columns and tables, which --columns skan leaves out: leave one of the two out",
            ));
        }
        if self.image.labels && !(self.threshold.is_nonzero() && self.sigma.is_none()) {
            return Err(Error::usage(
                "--labels takes each value of the image for an object of its own, and so neither --threshold, --below nor \
                 --sigma: leave one of them out",
            ));
        }
        if self.image.labels && self.filters != FilterRule::default() {
            return Err(Error::usage(
                "--labels takes the voxels of each label as they are, and --fill-holes, --remove-smaller and --keep-largest \
                 change a mask: leave one of them out",
            ));
        }
        if self.image.labels && self.object_labels {
            return Err(Error::usage(
                "--object-labels writes an image of the labels of objects, and with --labels that is the input itself: leave \
                 --object-labels out",
            ));
        }
        if self.sigma.is_some() && self.threshold.is_nonzero() {
            return Err(Error::usage(
                "--sigma smooths the image before a threshold, but there is none: add --threshold or --below",
            ));
        }
        Ok(())
    }

    /// Refuses parameters whose results do not follow an image that changes.
    ///
    /// # Errors
    /// Of kind `Usage` if there are such.
    pub fn check_for_epochs(&self) -> Result<()> {
        let option = match &self.image {
            image if image.labels => "--labels",
            image if image.intensity.is_some() => "--intensity",
            _ => return Ok(()),
        };
        Err(Error::usage(format!(
            "{option} is for single runs so far: leave it out where results follow an image (a session, --state, watch)"
        )))
    }

    /// The parameters for an image of a form.
    ///
    /// # Errors
    /// Of kind `Usage` if they contradict each other or the form.
    pub fn settle(&self, form: ImageForm) -> Result<Settled> {
        self.check()?;
        if !self.threshold.is_nonzero() && form.dtype == Dtype::Bool {
            return Err(Error::usage("the input is a mask of bools already: leave --threshold and --below out"));
        }
        if self.image.labels && !form.dtype.is_integer() {
            return Err(Error::usage(format!(
                "--labels takes whole numbers, and the image has values of type {}: store the labels as whole numbers",
                form.dtype.name()
            )));
        }
        let method = match (self.method, form.flat) {
            (Some(Method::Zhang), _) if form.dimensions == 3 => {
                return Err(Error::usage(
                    "--method zhang is for 2-D images, and this volume is 3-D: use lee or homotopic",
                ));
            }
            (Some(Method::Zhang), _) => Method::Zhang,
            (None, _) if form.dimensions == 2 => Method::Zhang,
            // The other methods have four directions in volumes of one plane.
            (Some(Method::Homotopic | Method::HomotopicPlanar), true) => Method::HomotopicPlanar,
            (Some(Method::Homotopic | Method::HomotopicPlanar), false) => Method::Homotopic,
            (_, true) => Method::LeePlanar,
            (_, false) => Method::Lee,
        };
        let sigma = self.sigma.as_ref().map(|sigma| sigma.in_voxels(&form)).transpose()?;
        let gaussian = sigma.map(Gaussian::new).transpose()?;
        let threshold = match self.threshold {
            ThresholdRule::Value(value) if form.stored == StoredType::F16 && self.sigma.is_none() => {
                ThresholdRule::Value(value.of_halves())
            }
            other => other,
        };
        Ok(Settled {
            asked: self.clone(),
            form,
            method,
            sigma,
            gaussian,
            threshold,
            filters: self.filters.filters(threshold, self.connectivity),
            pruning: self.prune.settle(&form)?,
        })
    }
}

impl Settled {
    /// What the masks of an image depend on besides its values and the chunks, as text to be hashed.
    pub fn of_masks(&self) -> impl Serialize + use<> {
        let Parameters {
            image: _,
            sigma: _,
            threshold,
            filters: _,
            method: _,
            provisional: _,
            columns: _,
            prune: _,
            longest_path: _,
            objects: _,
            object_labels: _,
            connectivity: _,
        } = &self.asked;
        let form = (self.form.dtype, self.form.dimensions, self.form.fill.to_bits(), self.part());
        (form, self.sigma.map(|sigma| sigma.map(f64::to_bits)), *threshold)
    }

    /// What thinning and the values along the skeleton depend on besides the masks, as text to be hashed.
    pub fn of_thinning(&self) -> impl Serialize + use<> {
        // Without filters, records have the same dependencies as before there were any.
        #[derive(Serialize)]
        struct OfThinning {
            method: Method,
            dtype: Dtype,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            filters: Vec<Filter>,
        }
        OfThinning { method: self.method, dtype: self.form.dtype, filters: self.filters.clone() }
    }

    /// The part of the stored image that is analysed, in words; the values of tiles are part of their marks.
    pub fn part(&self) -> String {
        // Regions divide the outputs only.
        let OpenOptions {
            channel,
            time,
            region: _,
            axes,
            mask,
            atlas: _,
            atlas_names: _,
            labels,
            intensity,
            spacing: _,
            unit: _,
            cache: _,
            patience: _,
            mosaic: _,
        } = &self.asked.image;
        let part =
            |name: &str, value: Option<String>| value.map(|value| format!(" {name} {value}")).unwrap_or_default();
        [
            "the image".to_owned(),
            part("channel", channel.map(|it| it.to_string())),
            part("time", time.map(|it| it.to_string())),
            part("region", self.asked.image.region_text()),
            part("axes", axes.as_ref().map(|names| names.iter().collect())),
            part("mask", mask.as_deref().map(recorded_path)),
            part("of", labels.then(|| "labels".to_owned())),
            part("intensity", intensity.as_deref().map(recorded_path)),
        ]
        .concat()
    }

    /// The standard deviation of the smoothing in voxels: one number if it is the same along all axes.
    pub fn sigma_text(&self) -> Option<String> {
        let numbers: Vec<String> = self.own_sigma()?.iter().map(f64::to_string).collect();
        Some(numbers.join(","))
    }

    /// The standard deviation of the smoothing along the image's own axes: one where it is the same along all.
    fn own_sigma(&self) -> Option<Vec<f64>> {
        let own = self.sigma?[3 - self.form.dimensions..].to_vec();
        let same = own.iter().all(|sigma| *sigma == own[0]);
        Some(if same { own[..1].to_vec() } else { own })
    }
}
