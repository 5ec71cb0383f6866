//! The smallest and the largest value of an image.

use serde::{Deserialize, Serialize};

use crate::chunk::Value;
use crate::error::{Error, Result};

/// The smallest and the largest value of an image of floating-point values, which the first pass for a histogram finds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extent {
    /// The smallest value; infinity without values.
    pub min: f64,
    /// The largest value; negative infinity without values.
    pub max: f64,
}

impl Default for Extent {
    fn default() -> Self {
        Extent { min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Extent {
    /// The extent of values, none of which is NaN.
    pub fn of<T: Value>(values: &[T]) -> Extent {
        let Some(&first) = values.first() else { return Extent::default() };
        let (min, max) = extremes(values, first);
        Extent { min: min.to_f64(), max: max.to_f64() }
    }

    /// Checks that a threshold can be found between the values.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if values are infinite, or if there are none.
    pub(super) fn check(self) -> Result<()> {
        match self.min.is_finite() && self.max.is_finite() {
            true => Ok(()),
            false => Err(Error::data(
                "the image has infinite values, for which no such threshold exists: give a number as threshold",
            )),
        }
    }

    /// The extent of the values of both.
    #[must_use]
    pub fn merged(self, other: Extent) -> Extent {
        Extent { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

pub(super) fn no_values() -> Error {
    Error::data("the image has no values, so it has no threshold")
}

/// The smallest and the largest of `values` and `first`. Keeps 16 of each, so that the loop is vectorised.
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
