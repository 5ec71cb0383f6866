//! Correction of tiles for the background of a camera and for uneven illumination.
//!
//! A value becomes `(value - background) * mean(flat) / flat`, with two images of the tile's shape: the background, an
//! image without light, and the flat field, an image of a uniform field.

use ndarray::{Array3, Axis, Slice, Zip};

use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::with_voxels;

/// A background to subtract, and a flat field to divide by; either may be missing.
#[derive(Clone, Debug, Default)]
pub struct Correction {
    background: Option<Array3<f32>>,
    /// The factor of each voxel: the mean of the flat field divided by its value.
    factor: Option<Array3<f32>>,
}

impl Correction {
    /// The correction by these images. Holds four bytes per voxel for each.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if the shapes differ, if the background has values that are not
    /// finite, or the flat field values that are not positive.
    pub fn new(background: Option<&Voxels>, flat: Option<&Voxels>) -> Result<Correction> {
        if let (Some(background), Some(flat)) = (background, flat) {
            fits("the flat-field image", flat.shape(), "the background image", background.shape())?;
        }
        let background = background.map(numbers);
        if let Some(place) = background.as_ref().and_then(|image| first_where(image, |v| !v.is_finite())) {
            return Err(Error::data(format!(
                "the background image has no finite value at (z, y, x) = {place:?}: give an image that has one everywhere"
            )));
        }
        let factor = flat.map(numbers);
        if let Some(place) = factor.as_ref().and_then(|image| first_where(image, |v| !(v > 0.0 && v.is_finite()))) {
            return Err(Error::data(format!(
                "the flat-field image has no positive value at (z, y, x) = {place:?}, and values are divided by it: give \
                 an image that is positive everywhere"
            )));
        }
        let factor = factor.map(|flat| {
            let mean = flat.iter().map(|&v| f64::from(v)).sum::<f64>() / flat.len() as f64;
            flat.mapv(|v| (mean / f64::from(v)) as f32)
        });
        Ok(Correction { background, factor })
    }

    /// Whether values do not change.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.background.is_none() && self.factor.is_none()
    }

    /// Required shape (z, y, x) of tiles; `None` if any shape is accepted.
    #[must_use]
    pub fn shape(&self) -> Option<[usize; 3]> {
        self.background.as_ref().or(self.factor.as_ref()).map(|image| image.dim().into())
    }

    /// The correction for a part of each tile, which is flipped along some axes afterwards. The mean of the flat field
    /// remains that of the whole image.
    ///
    /// # Panics
    /// If the part extends beyond the images.
    #[must_use]
    pub fn of_part(&self, part: &Region, flip: [bool; 3]) -> Correction {
        let cut = |image: &Array3<f32>| {
            let mut view = image.view();
            for (axis, flipped) in flip.into_iter().enumerate() {
                let (from, to) = (part.min[axis] as isize, part.max[axis] as isize);
                view.slice_axis_inplace(Axis(axis), Slice::new(from, Some(to), 1));
                if flipped {
                    view.invert_axis(Axis(axis));
                }
            }
            view.as_standard_layout().into_owned()
        };
        Correction { background: self.background.as_ref().map(cut), factor: self.factor.as_ref().map(cut) }
    }

    /// The corrected values of a tile, which may be negative: `f64` for `u32`, `i32` and `f64`, otherwise `f32`.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if the tile has another shape than the images.
    pub fn apply(&self, tile: &Voxels) -> Result<Voxels> {
        if let Some(shape) = self.shape() {
            fits("the tile", tile.shape(), "the image that it is to be corrected by", shape)?;
        }
        Ok(match tile {
            Voxels::U32(values) => Voxels::F64(self.corrected(values, |v| v)),
            Voxels::I32(values) => Voxels::F64(self.corrected(values, |v| v)),
            Voxels::F64(values) => Voxels::F64(self.corrected(values, |v| v)),
            values => with_voxels!(values, values => Voxels::F32(self.corrected(values, |v| v as f32))),
        })
    }

    fn corrected<T: Value, S: Value>(&self, values: &Array3<T>, convert: fn(f64) -> S) -> Array3<S> {
        let zip = Zip::from(values);
        match (&self.background, &self.factor) {
            (None, None) => zip.map_collect(|v| convert(v.to_f64())),
            (Some(dark), None) => zip.and(dark).map_collect(|v, &dark| convert(v.to_f64() - f64::from(dark))),
            (None, Some(factor)) => zip.and(factor).map_collect(|v, &factor| convert(v.to_f64() * f64::from(factor))),
            (Some(dark), Some(factor)) => zip
                .and(dark)
                .and(factor)
                .map_collect(|v, &dark, &factor| convert((v.to_f64() - f64::from(dark)) * f64::from(factor))),
        }
    }
}

/// The values of an image as `f32`.
fn numbers(image: &Voxels) -> Array3<f32> {
    with_voxels!(image, values => values.mapv(Value::to_f32))
}

/// The position of the first value that meets a condition.
fn first_where(image: &Array3<f32>, condition: impl Fn(f32) -> bool) -> Option<[usize; 3]> {
    image.indexed_iter().find(|&(_, &v)| condition(v)).map(|((z, y, x), _)| [z, y, x])
}

fn fits(name: &str, shape: [usize; 3], other: &str, expected: [usize; 3]) -> Result<()> {
    if shape == expected {
        return Ok(());
    }
    Err(Error::data(format!(
        "{name} has {shape:?} voxels along (z, y, x), but {other} has {expected:?}: they must have the same shape"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;

    fn image(values: [f32; 4]) -> Voxels {
        Voxels::F32(Array3::from_shape_vec([1, 2, 2], values.to_vec()).unwrap())
    }

    #[test]
    fn the_background_is_subtracted_and_light_evened_out() {
        let tile = Voxels::U16(Array3::from_shape_vec([1, 2, 2], vec![110, 60, 5, 210]).unwrap());
        let (background, flat) = (image([10.0; 4]), image([2.0, 1.0, 1.0, 4.0]));
        let corrected = |background, flat| Correction::new(background, flat).unwrap().apply(&tile).unwrap();
        assert_eq!(corrected(Some(&background), Some(&flat)), image([100.0, 100.0, -10.0, 100.0]));
        assert_eq!(corrected(Some(&background), None), image([100.0, 50.0, -5.0, 200.0]));
        assert_eq!(corrected(None, Some(&flat)), image([110.0, 120.0, 10.0, 105.0]));
        assert_eq!(corrected(None, None), image([110.0, 60.0, 5.0, 210.0]));
    }

    #[test]
    fn a_part_that_is_turned_round_is_corrected_as_in_the_whole() {
        let values: Vec<f32> = (1..=24u16).map(f32::from).collect();
        let flat = Voxels::F32(Array3::from_shape_vec([2, 3, 4], values).unwrap());
        let tile = Voxels::filled(Dtype::U16, [2, 3, 4], 200.0);
        let correction = Correction::new(Some(&flat), Some(&flat)).unwrap();
        let Voxels::F32(whole) = correction.apply(&tile).unwrap() else { panic!("corrected values are f32") };
        let part = Region::new([0, 1, 1], [2, 3, 4]);
        let cut = correction.of_part(&part, [true, false, true]);
        let Voxels::F32(found) = cut.apply(&tile.part(&Region::of_shape([2, 2, 3]))).unwrap() else {
            panic!("corrected values are f32")
        };
        let expected = Array3::from_shape_fn([2, 2, 3], |(z, y, x)| whole[[1 - z, y + 1, 3 - x]]);
        assert_eq!(found, expected);
    }

    #[test]
    fn wide_types_keep_their_digits() {
        let tile = Voxels::filled(Dtype::U32, [1, 2, 2], 4_000_000_001.0);
        let correction = Correction::new(Some(&image([1.0; 4])), None).unwrap();
        assert_eq!(correction.apply(&tile).unwrap(), Voxels::filled(Dtype::F64, [1, 2, 2], 4e9));
    }

    #[test]
    fn images_of_other_shapes_are_refused() {
        let large = Voxels::filled(Dtype::U8, [1, 3, 2], 1.0);
        let refused = Correction::new(Some(&image([0.0; 4])), Some(&large)).unwrap_err().to_string();
        assert_eq!(
            refused,
            "the flat-field image has [1, 3, 2] voxels along (z, y, x), but the background image has [1, 2, 2]: they must \
             have the same shape"
        );
        let correction = Correction::new(None, Some(&large)).unwrap();
        assert!(
            correction.apply(&image([0.0; 4])).unwrap_err().to_string().starts_with("the tile has [1, 2, 2] voxels")
        );
    }

    #[test]
    fn images_that_nothing_can_be_corrected_by_are_refused() {
        let refused = |background: Option<&Voxels>, flat: Option<&Voxels>| {
            Correction::new(background, flat).unwrap_err().to_string()
        };
        assert!(
            refused(None, Some(&image([1.0, 1.0, 0.0, 1.0]))).contains("no positive value at (z, y, x) = [0, 1, 0]")
        );
        assert!(refused(None, Some(&image([1.0, f32::NAN, 1.0, 1.0]))).contains("no positive value"));
        assert!(refused(Some(&image([f32::INFINITY, 1.0, 1.0, 1.0])), None).contains("no finite value"));
    }
}
