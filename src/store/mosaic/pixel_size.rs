//! The pixel size in a table or a tile, and the unit of positions.

use super::columns::Scale;
use super::header::TileUnit;
use crate::error::Result;
use crate::store::Description;
use crate::store::units::{LengthUnit, converted, symbol};

/// Sizes that differ by no more than this fraction are equal, but written with fewer digits.
const ROUNDING: f64 = 1e-3;
/// Units in which a size without one may be.
const LIKELY: [&str; 5] = ["micrometer", "nanometer", "millimeter", "centimeter", "meter"];

/// A pixel size, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelSize {
    /// Along (z, y, x).
    pub size: [Option<f64>; 3],
    /// Unit of all sizes, by its full name.
    pub unit: Option<String>,
}

/// The unit of positions along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Along {
    #[default]
    Pixels,
    /// A length, in this unit if it is known, otherwise in that of the pixel size.
    Length(Option<&'static LengthUnit>),
}

/// Returns whether two sizes are equal, except for rounding.
pub(super) fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= ROUNDING * one.abs().max(other.abs())
}

impl PixelSize {
    /// The pixel size in the rows of a table, and the units of its positions.
    ///
    /// # Errors
    /// `Data` if units cannot be converted into each other.
    pub(super) fn of_scale(scale: &Scale, dimensions: usize) -> Result<(PixelSize, [Along; 3])> {
        let own = 3 - dimensions..3;
        let length = |unit: Option<TileUnit>| match unit {
            Some(TileUnit::Length(unit)) => Some(unit),
            _ => None,
        };
        let unit = own.clone().rev().find_map(|axis| length(scale.size_unit[axis]));
        let mut size = [None; 3];
        for axis in own.clone() {
            size[axis] = scale.size[axis].map(|size| match (length(scale.size_unit[axis]), unit) {
                (Some(from), Some(to)) if from != to => converted(size, from, to),
                _ => size,
            });
        }
        let sized = size.iter().any(Option::is_some);
        let mut along = [Along::Pixels; 3];
        for axis in own {
            along[axis] = match scale.unit[axis] {
                Some(TileUnit::Pixels) => Along::Pixels,
                Some(TileUnit::Length(unit)) => Along::Length(Some(unit)),
                None if sized => Along::Length(unit),
                None => Along::Pixels,
            };
        }
        Ok((PixelSize { size, unit: unit.map(|unit| unit.name.to_owned()) }, along))
    }

    /// The size along an axis in a unit, if it is known.
    pub(super) fn in_unit(&self, axis: usize, unit: Option<&'static LengthUnit>) -> Option<f64> {
        let own = self.unit.as_deref().and_then(LengthUnit::of);
        let size = self.size[axis]?;
        Some(match (own, unit) {
            (Some(from), Some(to)) if from != to => converted(size, from, to),
            _ => size,
        })
    }

    /// The pixel size of an image; `None` if its metadata have none.
    pub(super) fn of_image(image: &Description) -> Option<PixelSize> {
        // Voxels of an image without a calibration have length one, without a unit.
        let said = image.unit.is_some() || image.spacing.0.iter().any(|&size| size != 1.0);
        said.then(|| PixelSize { size: image.spacing.0.map(Some), unit: image.unit.clone() })
    }

    /// Whether two sizes are equal along all axes for which both are known. If one of them has no unit, one unit in
    /// which they are equal is sufficient. Returns the unit.
    pub(super) fn agrees(&self, other: &PixelSize, axes: std::ops::Range<usize>) -> Option<Option<String>> {
        let equal = |one: &PixelSize, other: &PixelSize| {
            let unit = other.unit.as_deref().and_then(LengthUnit::of);
            axes.clone().all(|axis| match (one.in_unit(axis, unit), other.size[axis]) {
                (Some(one), Some(other)) => same(one, other),
                _ => true,
            })
        };
        let (known, unknown) = match (&self.unit, &other.unit) {
            (Some(_), Some(_)) | (None, None) => return equal(self, other).then(|| self.unit.clone()),
            (Some(known), None) => (known, other),
            (None, Some(known)) => (known, self),
        };
        let with_unit = if self.unit.is_some() { self } else { other };
        let likely = [known.as_str()].into_iter().chain(LIKELY);
        let mut found =
            likely.filter(|unit| equal(&PixelSize { size: unknown.size, unit: Some((*unit).to_owned()) }, with_unit));
        found.next().map(|unit| Some(unit.to_owned()))
    }

    /// Text for messages: `0.5 x 0.25 µm` along the axes of an image.
    pub(super) fn text(&self, axes: std::ops::Range<usize>) -> String {
        let sizes = axes.map(|axis| self.size[axis].map_or_else(|| "?".to_owned(), |size| size.to_string()));
        let sizes = sizes.collect::<Vec<_>>().join(" x ");
        self.unit.as_deref().map_or(sizes.clone(), |unit| format!("{sizes} {}", symbol(unit)))
    }
}
