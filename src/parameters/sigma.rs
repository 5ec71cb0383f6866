//! The standard deviation of the smoothing, as the user asks for it, and in voxels.

use serde::{Deserialize, Serialize};

use super::ImageForm;
use crate::error::{Error, Result};
use crate::store::units::{self, LengthUnit};

/// The standard deviation of the Gaussian that smooths an image: one number for all axes, or one for each, along (z, y,
/// x) or (y, x). 0 means no smoothing along an axis.
///
/// As text it is a number, a list of numbers, or both numbers and unit:
/// ```
/// use anabranch::Parameters;
///
/// for sigma in ["1.5", "[0, 2, 2]", r#"{"values": [1.2], "unit": "um"}"#] {
///     let text = format!(r#"{{"sigma": {sigma}}}"#);
///     assert!(serde_json::from_str::<Parameters>(&text)?.sigma.is_some());
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenSigma")]
pub struct Sigma {
    /// One number, or one for each axis of the image.
    pub values: Vec<f64>,
    /// The unit of the numbers, in any spelling; by default they are in voxels.
    pub unit: Option<String>,
}

/// A sigma as people write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenSigma {
    One(f64),
    Each(Vec<f64>),
    #[serde(rename_all = "snake_case")]
    Whole {
        values: Vec<f64>,
        unit: Option<String>,
    },
}

impl From<WrittenSigma> for Sigma {
    fn from(written: WrittenSigma) -> Sigma {
        match written {
            WrittenSigma::One(value) => value.into(),
            WrittenSigma::Each(values) => Sigma { values, unit: None },
            WrittenSigma::Whole { values, unit } => Sigma { values, unit },
        }
    }
}

impl From<f64> for Sigma {
    /// The same number of voxels along all axes.
    fn from(voxels: f64) -> Sigma {
        Sigma { values: vec![voxels], unit: None }
    }
}

impl Sigma {
    /// In voxels along (z, y, x): 0 along z of a 2-D image. A length is divided by the size of a voxel along its axis.
    ///
    /// # Errors
    /// Of kind `Usage` if there are not as many numbers as the image has axes, or where they are lengths and the image
    /// has none to compare them with.
    pub fn in_voxels(&self, form: &ImageForm) -> Result<[f64; 3]> {
        let (dimensions, first) = (form.dimensions, 3 - form.dimensions);
        let mut sigma = [0.0; 3];
        match self.values.as_slice() {
            [one] => sigma[first..].fill(*one),
            each if each.len() == dimensions => sigma[first..].copy_from_slice(each),
            _ => {
                let axes = if dimensions == 2 { "Y,X" } else { "Z,Y,X" };
                let message = format!(
                    "has {dimensions} dimensions; give --sigma as one number or as {dimensions} numbers {axes}"
                );
                return Err(Error::usage(message));
            }
        }
        let Some(text) = &self.unit else { return Ok(sigma) };
        let own = LengthUnit::of(text).ok_or_else(|| {
            Error::usage(format!(
                "--sigma is in {text}, which is no unit of length that is known: give one such as µm or nm"
            ))
        })?;
        let theirs = form.unit.ok_or_else(|| {
            Error::usage(format!(
                "has no unit of length that --sigma in {} could be converted with: give --spacing with its unit, as in \
                 --spacing 2,0.5,0.5um, or --sigma in voxels",
                own.symbol
            ))
        })?;
        for axis in first..3 {
            sigma[axis] = units::converted(sigma[axis], own, theirs) / form.spacing.0[axis];
        }
        Ok(sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;
    use crate::space::Spacing;
    use crate::store::StoredType;

    fn form(dimensions: usize, spacing: [f64; 3], unit: Option<&str>) -> ImageForm {
        ImageForm {
            dtype: Dtype::U8,
            stored: StoredType::U8,
            dimensions,
            flat: dimensions == 2,
            fill: 0.0,
            spacing: Spacing(spacing),
            unit: unit.and_then(LengthUnit::of),
        }
    }

    fn sigma(values: &[f64], unit: Option<&str>) -> Sigma {
        Sigma { values: values.to_vec(), unit: unit.map(str::to_owned) }
    }

    #[test]
    fn a_length_is_as_many_voxels_as_fit_into_it_along_each_axis() {
        let micrometers = form(3, [2.0, 0.5, 0.25], Some("µm"));
        let voxels = |sigma: Sigma| sigma.in_voxels(&micrometers).unwrap();
        assert_eq!(voxels(sigma(&[1.5], None)), [1.5; 3]);
        assert_eq!(voxels(sigma(&[0.0, 1.0, 2.0], None)), [0.0, 1.0, 2.0]);
        assert_eq!(voxels(sigma(&[2.0], Some("um"))), [1.0, 4.0, 8.0]);
        assert_eq!(voxels(sigma(&[2000.0, 0.0, 250.0], Some("nm"))), [1.0, 0.0, 1.0]);
        let image = form(2, [1.0, 0.5, 0.25], Some("mm"));
        assert_eq!(sigma(&[500.0], Some("micron")).in_voxels(&image).unwrap(), [0.0, 1.0, 2.0]);
        assert_eq!(sigma(&[3.0, 0.0], None).in_voxels(&image).unwrap(), [0.0, 3.0, 0.0]);
    }

    #[test]
    fn a_sigma_that_does_not_fit_the_image_is_refused() {
        let plain = form(3, [1.0; 3], None);
        for (refused, says) in [
            (sigma(&[1.0, 2.0], None), "give --sigma as one number or as 3 numbers Z,Y,X"),
            (sigma(&[], None), "3 numbers"),
            (sigma(&[1.0; 4], None), "3 numbers"),
            (sigma(&[1.0], Some("um")), "no unit of length that --sigma in µm could be converted with"),
            (sigma(&[1.0], Some("parsec")), "parsec"),
        ] {
            let error = refused.in_voxels(&plain).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
