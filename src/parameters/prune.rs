//! Which side branches to prune: as the user asks for it, and in the unit of an image.

use serde::{Deserialize, Serialize};

use super::ImageForm;
use crate::error::{Error, Result};
use crate::kernel::network::prune::Pruning;
use crate::store::units::{self, LengthUnit};

/// Which side branches to prune. The default prunes none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PruneRule {
    /// Branches shorter than this.
    pub length: Option<f64>,
    /// The unit of that length, in any spelling; by default that of the spacing.
    pub unit: Option<String>,
    /// Branches shorter than this many times the radius where they branch off.
    pub ratio: Option<f64>,
    /// Whether branches that touch the border of the image stay.
    pub keep_border: bool,
}

impl PruneRule {
    /// Refuses contradictory options, whatever the image.
    ///
    /// # Errors
    /// Of kind `Usage` if it does.
    pub fn check(&self) -> Result<()> {
        for (option, number) in [("--prune", self.length), ("--prune-ratio", self.ratio)] {
            if number.is_some_and(|number| !(number.is_finite() && number > 0.0)) {
                return Err(Error::usage(format!("{option} needs a number above zero")));
            }
        }
        if self.keep_border && self.length.is_none() && self.ratio.is_none() {
            return Err(Error::usage("--keep-border keeps branches from being pruned: add --prune or --prune-ratio"));
        }
        Ok(())
    }

    /// The same with the length in the unit of an image's spacing.
    ///
    /// # Errors
    /// Of kind `Usage` if the length has a unit and the image has none.
    pub fn settle(&self, form: &ImageForm) -> Result<Pruning> {
        let mut pruning = Pruning::default();
        (pruning.length, pruning.ratio, pruning.keep_border) = (self.length, self.ratio, self.keep_border);
        if let (Some(length), Some(text)) = (self.length, &self.unit) {
            let own = LengthUnit::of(text).ok_or_else(|| {
                Error::usage(format!("--prune is in {text}, which is no unit of length that is known"))
            })?;
            let theirs = form.unit.ok_or_else(|| {
                Error::usage(format!(
                    "has no unit of length that --prune in {} could be converted into: give --spacing with its unit, as in \
                     --spacing 2,0.5,0.5um, or --prune without one",
                    own.symbol
                ))
            })?;
            pruning.length = Some(units::converted(length, own, theirs));
        }
        Ok(pruning)
    }
}
