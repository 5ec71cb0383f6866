//! The least and the largest value of an image.

use serde::{Deserialize, Serialize};

use crate::chunk::Value;
use crate::error::{Error, Result};

/// The least and the largest value of a float image: what the first pass for a histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// The least value; infinite while there is none.
    pub min: f64,
    /// The largest value; negatively infinite while there is none.
    pub max: f64,
}

impl Default for Extent {
    fn default() -> Self {
        Extent { min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Extent {
    /// The least and the largest of some values, which are numbers.
    pub fn of<T: Value>(values: &[T]) -> Extent {
        let Some(&first) = values.first() else { return Extent::default() };
        let (min, max) = extremes(values, first);
        Extent { min: min.to_f64(), max: max.to_f64() }
    }

    /// Refuses values between which no threshold can be found.
    ///
    /// # Errors
    /// [`Kind::Data`](crate::error::Kind::Data) where there are infinite values, or none.
    pub(super) fn check(self) -> Result<()> {
        match self.min.is_finite() && self.max.is_finite() {
            true => Ok(()),
            false => Err(Error::data(
                "the image has infinite values, for which no such threshold exists: give a number as threshold",
            )),
        }
    }

    /// The least and the largest of both.
    #[must_use]
    pub fn merged(self, other: Extent) -> Extent {
        Extent { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

pub(super) fn no_values() -> Error {
    Error::data("the image has no values, so it has no threshold")
}

/// The least and the largest of some values and one more. Keeps 16 of each, so that they become vector instructions.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
pub(super) fn extremes<T: Value>(values: &[T], first: T) -> (T, T) {
    let (mut min, mut max) = ([first; 16], [first; 16]);
    let less = |a: T, b: T| if a < b { a } else { b };
    let more = |a: T, b: T| if a > b { a } else { b };
    let (whole, rest) = values.as_chunks::<16>();
    for values in whole {
        for i in 0..16 {
            min[i] = less(values[i], min[i]);
            max[i] = more(values[i], max[i]);
        }
    }
    let all = |of: [T; 16]| of.into_iter().chain(rest.iter().copied());
    (all(min).fold(first, less), all(max).fold(first, more))
}
