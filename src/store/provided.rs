//! An image whose values a program provides, box by box: an array that another library holds, a computation.

use std::fmt;

use crate::chunk::{Chunk, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::store::units::{Calibration, SettledSpacing};
use crate::store::values::{refuse_unfit, require_inside};
use crate::store::{Description, Details, OpenOptions, Source};

/// An image whose boxes a function returns. Boxes are asked for once each, but for smoothing, thresholds that the image
/// decides, and pixel values; several threads ask at once. Nothing is held.
///
/// ```
/// use anabranch::store::provided::ProvidedSource;
/// use anabranch::store::{Description, Source};
/// use anabranch::{Dtype, Region, Voxels};
///
/// // A volume that is computed where it is read.
/// let description = Description::new("a computed volume", [100, 200, 300], 3, Dtype::U8);
/// let source = ProvidedSource::new(description, |region| Ok(Voxels::filled(Dtype::U8, region.shape(), 1.0)));
/// let part = source.read(&Region::of_shape([2, 2, 2]))?.expect("all of it is there");
/// assert_eq!(part.voxels.shape(), [2, 2, 2]);
/// # Ok::<(), anabranch::Error>(())
/// ```
pub struct ProvidedSource<F> {
    read: F,
    description: Description,
    details: Details,
    labels: bool,
}

impl<F: Fn(&Region) -> Result<Voxels> + Send + Sync> ProvidedSource<F> {
    /// An image with a description, of which `read` returns any box inside: in C order, with the type of the description. Of
    /// values that are stored as unsigned 64-bit numbers it returns the bits, as signed ones.
    pub fn new(description: Description, read: F) -> Self {
        ProvidedSource { read, description, details: Details::default(), labels: false }
    }

    /// The same image, with the spacing and the unit of the options, and its values as labels if the options say so.
    ///
    /// # Errors
    /// `Usage` if spacing and unit do not fit the image.
    pub fn with_options(mut self, options: &OpenOptions) -> Result<Self> {
        let settled = Calibration::default().settle(self.description.dimensions, options);
        let SettledSpacing { spacing, unit, from, .. } = settled.map_err(|error| error.at(&self.description.name))?;
        (self.description.spacing, self.description.unit) = (spacing, unit);
        self.details.spacing_from = from.unwrap_or_default();
        self.labels = options.labels;
        Ok(self)
    }

    /// The same image, with details for display.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        let from = std::mem::take(&mut self.details.spacing_from);
        self.details = Details { spacing_from: from, ..details };
        self
    }
}

impl<F> fmt::Debug for ProvidedSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvidedSource").field("description", &self.description).finish_non_exhaustive()
    }
}

impl<F: Fn(&Region) -> Result<Voxels> + Send + Sync> Source for ProvidedSource<F> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn details(&self) -> Details {
        self.details.clone()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        let Description { name, shape, dtype, stored, .. } = &self.description;
        require_inside(region, *shape)?;
        let voxels = (self.read)(region)?;
        if (voxels.shape(), voxels.dtype()) != (region.shape(), *dtype) {
            let message = format!(
                "gave values of shape {:?} and type {} for a box of shape {:?} and type {}: its description must say what it is",
                voxels.shape(),
                voxels.dtype().name(),
                region.shape(),
                dtype.name(),
            );
            return Err(Error::data(message).at(name));
        }
        if !self.labels {
            refuse_unfit(&voxels, *stored, region).map_err(|error| error.at(name))?;
        }
        Ok(Some(Chunk { region: *region, voxels }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;
    use crate::error::Kind;
    use crate::space::Spacing;

    fn of(value: f64, dtype: Dtype) -> ProvidedSource<impl Fn(&Region) -> Result<Voxels> + Send + Sync> {
        let description = Description::new("provided", [4, 5, 6], 3, Dtype::F64);
        ProvidedSource::new(description, move |region| Ok(Voxels::filled(dtype, region.shape(), value)))
    }

    #[test]
    fn what_is_provided_is_read_if_it_is_what_the_description_says() {
        let region = Region::new([1, 2, 3], [2, 4, 5]);
        let chunk = of(2.5, Dtype::F64).read(&region).unwrap().unwrap();
        assert_eq!(chunk, Chunk { region, voxels: Voxels::filled(Dtype::F64, [1, 2, 2], 2.5) });
        for (source, says) in [(of(f64::NAN, Dtype::F64), "(1, 2, 3) is NaN"), (of(1.0, Dtype::U8), "type uint8")] {
            let error = source.read(&region).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().starts_with("provided: ") && error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn it_has_the_spacing_of_the_options() {
        let options =
            OpenOptions { spacing: Some(vec![2.0, 0.5, 0.5]), unit: Some("um".into()), ..OpenOptions::default() };
        let source = of(1.0, Dtype::F64).with_options(&options).unwrap();
        let Description { spacing, unit, .. } = source.description();
        assert_eq!((*spacing, unit.as_deref()), (Spacing([2.0, 0.5, 0.5]), Some("micrometer")));
        let flat = OpenOptions { spacing: Some(vec![2.0, 0.5]), ..OpenOptions::default() };
        assert_eq!(of(1.0, Dtype::F64).with_options(&flat).unwrap_err().kind(), Kind::Usage);
    }
}
