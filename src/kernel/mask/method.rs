//! The methods that find a threshold from all values of an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A method that finds a threshold from all values of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ThresholdMethod {
    /// The split that maximises the variance between both classes, as in scikit-image's `threshold_otsu`.
    Otsu,
    /// The corner between the peak of the histogram and its longer tail, as in scikit-image's `threshold_triangle`.
    Triangle,
    /// The fixed point of a step from the means of the values below and above, as in scikit-image's `threshold_li`.
    Li,
}

impl ThresholdMethod {
    /// All methods.
    pub const ALL: [ThresholdMethod; 3] = [ThresholdMethod::Otsu, ThresholdMethod::Triangle, ThresholdMethod::Li];

    /// The name of the method in options.
    pub fn name(self) -> &'static str {
        match self {
            ThresholdMethod::Otsu => "otsu",
            ThresholdMethod::Triangle => "triangle",
            ThresholdMethod::Li => "li",
        }
    }

    /// The method with this name.
    pub fn of(name: &str) -> Option<ThresholdMethod> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for ThresholdMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
