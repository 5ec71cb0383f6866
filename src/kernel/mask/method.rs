//! The names of the methods that find a threshold from all values of an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a threshold is found from all values of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ThresholdMethod {
    /// The split that makes the variance between both classes largest, as scikit-image's `threshold_otsu`.
    Otsu,
    /// The corner between the peak of the histogram and its longer tail, as scikit-image's `threshold_triangle`.
    Triangle,
    /// Where the mean of the values above and that of those below lead back to it, as scikit-image's `threshold_li`.
    Li,
}

impl ThresholdMethod {
    /// All of them.
    pub const ALL: [ThresholdMethod; 3] = [ThresholdMethod::Otsu, ThresholdMethod::Triangle, ThresholdMethod::Li];

    /// The name that people give it.
    pub fn name(self) -> &'static str {
        match self {
            ThresholdMethod::Otsu => "otsu",
            ThresholdMethod::Triangle => "triangle",
            ThresholdMethod::Li => "li",
        }
    }

    /// The method of a name.
    pub fn of(name: &str) -> Option<ThresholdMethod> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for ThresholdMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
