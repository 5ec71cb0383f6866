//! A sample: the results of one image, as a comparison needs them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::branches::{BranchValues, PerBranch};
use crate::error::{Error, Kind, Result};
use crate::store::file::read_failed;
use crate::store::output::folder::BRANCHES;
use crate::store::units::{LengthUnit, unit_name};

/// The results of an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// Its name, which no other sample of the comparison has.
    pub name: String,
    /// The folder of its results.
    pub folder: PathBuf,
    /// The image, as it was named when it was analysed.
    pub image: String,
    /// Number of the image's own axes: 2 or 3.
    pub dimensions: usize,
    /// Size of a voxel along the image's axes, in the unit.
    pub spacing: Vec<f64>,
    /// The unit of lengths, by its standard name; `None` if it is not known.
    pub unit: Option<String>,
    /// The version of the program that analysed it.
    pub version: String,
    /// `summary.json`, in its own unit.
    pub summary: Value,
    /// What tells the image from others: path, channel, time point and part.
    pub(super) image_key: Value,
    /// The branches, in the unit.
    pub(super) branches: BranchValues,
    /// How much longer numbers are in the unit than in that of `summary`.
    pub(super) scale: Scale,
}

/// A factor between two units, without error where one is a whole multiple of the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    Times(f64),
    Over(f64),
}

impl Scale {
    fn between(from: &LengthUnit, to: &LengthUnit) -> Scale {
        match from.picometers >= to.picometers {
            true => Scale::Times(from.picometers / to.picometers),
            false => Scale::Over(to.picometers / from.picometers),
        }
    }

    /// A number of some power of a length, in the other unit.
    pub(super) fn of(self, number: f64, power: i32) -> f64 {
        let (factor, power) = match self {
            Scale::Times(factor) => (factor, power),
            Scale::Over(factor) => (factor, -power),
        };
        if power >= 0 { number * factor.powi(power) } else { number / factor.powi(-power) }
    }
}

impl Sample {
    /// Reads the results in a folder: `summary.json`, `run.json` and the branch table.
    ///
    /// # Errors
    /// `Missing` if the folder holds no results; `Data` if one of the files is not what a run writes.
    pub fn read(name: impl Into<String>, folder: &Path) -> Result<Sample> {
        if !folder.join("run.json").is_file() {
            let message = if folder.exists() { "holds no results" } else { "does not exist" };
            let message = format!("{message}; give the folder that a run wrote to");
            return Err(Error::new(Kind::Missing, message).at(folder));
        }
        let [summary, run] = [json(folder, "summary.json")?, json(folder, "run.json")?];
        let parameters = &summary["parameters"];
        let spacing: Option<Vec<f64>> =
            parameters["spacing"].as_array().and_then(|axes| axes.iter().map(Value::as_f64).collect());
        let spacing = spacing.filter(|axes| matches!(axes.len(), 2 | 3)).ok_or_else(|| {
            Error::data("tells no spacing of two or three axes; run the analysis again").at(folder.join("summary.json"))
        })?;
        if !summary["branches"].is_u64() {
            // Such as the summary of a table of objects.
            let message = "holds results without branches; give the folder that `anabranch run` wrote to";
            return Err(Error::data(message).at(folder));
        }
        let branches = BranchValues::read(folder)?;
        if summary["branches"].as_u64() != Some(branches.rows) {
            let message = format!(
                "has {} rows, and the summary beside it is of {} branches; run the analysis again",
                branches.rows, summary["branches"]
            );
            return Err(Error::data(message).at(folder.join(BRANCHES)));
        }
        Ok(Sample {
            name: name.into(),
            folder: folder.to_owned(),
            image: run["input"].as_str().unwrap_or_default().to_owned(),
            dimensions: spacing.len(),
            spacing,
            unit: parameters["unit"].as_str().and_then(unit_name),
            version: summary["version"].as_str().unwrap_or_default().to_owned(),
            image_key: run["image"].clone(),
            branches,
            scale: Scale::Times(1.0),
            summary,
        })
    }

    /// The parameters that the results depend on.
    pub fn parameters(&self) -> &Value {
        &self.summary["parameters"]
    }

    /// What the run warned of, each a sentence.
    pub fn warnings(&self) -> Vec<&str> {
        self.summary["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The values of the branches that do not touch the border of the image, ascending.
    pub fn values(&self, what: PerBranch) -> &[f64] {
        &self.branches.values[what as usize]
    }

    /// The number of branches that touch the border, whose lengths and radii are left out; `None` if the results do not say.
    pub fn at_border(&self) -> Option<u64> {
        self.branches.at_border
    }

    /// A number of the summary, by its path (`density/image_volume`), of some power of a length, in the unit.
    pub(super) fn number(&self, path: &str, power: i32) -> Option<f64> {
        let number = self.summary.pointer(&format!("/{path}"))?.as_f64()?;
        Some(self.scale.of(number, power))
    }

    /// Changes the unit of all lengths. To be called once.
    pub(super) fn convert(&mut self, to: &'static LengthUnit) {
        let Some(from) = self.unit.as_deref().and_then(LengthUnit::of).filter(|from| *from != to) else { return };
        self.scale = Scale::between(from, to);
        self.unit = Some(to.name.to_owned());
        let scale = self.scale;
        let lists = PerBranch::ALL.into_iter().zip(&mut self.branches.values).filter(|(what, _)| what.is_length());
        let lengths = lists.flat_map(|(_, values)| values).chain(&mut self.spacing);
        lengths.for_each(|length| *length = scale.of(*length, 1));
    }
}

fn json(folder: &Path, name: &str) -> Result<Value> {
    let path = folder.join(name);
    let text = fs::read(&path).map_err(|error| read_failed(&error).at(&path))?;
    serde_json::from_slice(&text).map_err(|error| {
        Error::new(Kind::Data, "is not what a run writes; run the analysis again").because(error).at(&path)
    })
}
