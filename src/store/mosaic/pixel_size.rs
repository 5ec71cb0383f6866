//! How large a pixel is: by the table, by the tiles, by what is given; and that these agree.

use super::columns::{AXES, Scale};
use super::header::Unit;
use super::tile_table::{TileRow, TileTable};
use crate::error::{Error, Result};
use crate::store::units::{Calibration, LengthUnit, Settled, converted, symbol};
use crate::store::{Description, OpenOptions};

/// Sizes that differ by no more than this share of them are one size, written with fewer digits.
const ROUNDING: f64 = 1e-3;
/// Units that a size without one may be in.
const LIKELY: [&str; 5] = ["micrometer", "nanometer", "millimeter", "centimeter", "meter"];

/// The size of a pixel, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelSize {
    /// Along (z, y, x).
    pub size: [Option<f64>; 3],
    /// Of all sizes, in its one spelling.
    pub unit: Option<String>,
}

/// What positions along an axis are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Along {
    #[default]
    Pixels,
    /// A length, in a unit where one is known: that of the size of a pixel where it is not.
    Length(Option<&'static LengthUnit>),
}

/// What pixels are taken to be.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) settled: Settled,
    /// What positions are divided by, along the axes along which they are lengths still.
    pub(super) divisor: [f64; 3],
    pub(super) warnings: Vec<String>,
}

/// Whether two sizes are one, but for rounding.
pub(super) fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= ROUNDING * one.abs().max(other.abs())
}

impl PixelSize {
    /// What the rows of a table say, and what its positions are counted in.
    ///
    /// # Errors
    /// `Data` where units cannot be converted into each other.
    pub(super) fn of_scale(scale: &Scale, dimensions: usize) -> Result<(PixelSize, [Along; 3])> {
        let own = 3 - dimensions..3;
        let length = |unit: Option<Unit>| match unit {
            Some(Unit::Length(unit)) => Some(unit),
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
                Some(Unit::Pixels) => Along::Pixels,
                Some(Unit::Length(unit)) => Along::Length(Some(unit)),
                None if sized => Along::Length(unit),
                None => Along::Pixels,
            };
        }
        Ok((PixelSize { size, unit: unit.map(|unit| unit.name.to_owned()) }, along))
    }

    /// The size along an axis in a unit, where it is known.
    pub(super) fn in_unit(&self, axis: usize, unit: Option<&'static LengthUnit>) -> Option<f64> {
        let own = self.unit.as_deref().and_then(LengthUnit::of);
        let size = self.size[axis]?;
        Some(match (own, unit) {
            (Some(from), Some(to)) if from != to => converted(size, from, to),
            _ => size,
        })
    }

    /// What an image says; `None` where it says nothing.
    fn of_image(image: &Description) -> Option<PixelSize> {
        // Voxels of an image without a calibration count as one long, in no unit.
        let said = image.unit.is_some() || image.spacing.0.iter().any(|&size| size != 1.0);
        said.then(|| PixelSize { size: image.spacing.0.map(Some), unit: image.unit.clone() })
    }

    /// Whether two sizes are one along all axes for which both are known. Of sizes without a unit it is enough that there
    /// is a unit in which they are one: the unit is then that.
    fn agrees(&self, other: &PixelSize, axes: std::ops::Range<usize>) -> Option<Option<String>> {
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

    /// For messages: `0.5 x 0.25 µm` along the axes of an image.
    fn text(&self, axes: std::ops::Range<usize>) -> String {
        let sizes = axes.map(|axis| self.size[axis].map_or_else(|| "?".to_owned(), |size| size.to_string()));
        let sizes = sizes.collect::<Vec<_>>().join(" x ");
        self.unit.as_deref().map_or(sizes.clone(), |unit| format!("{sizes} {}", symbol(unit)))
    }
}

/// What pixels are taken to be: what is given, else what the table says, else what the tiles say. Tiles are those that
/// could be opened.
///
/// # Errors
/// `Data`, naming the line and the tile, where the table and a tile, or two tiles, contradict each other and nothing is
/// given; where positions are lengths, and nothing says how large a pixel is. `Usage` where the options do not fit.
pub(super) fn settle(table: &TileTable, tiles: &[(&TileRow, &Description)], options: &OpenOptions) -> Result<Scaled> {
    let axes = 3 - table.dimensions..3;
    let said = |(row, image): &(&TileRow, &Description)| PixelSize::of_image(image).map(|size| (row.line, size));
    let first = tiles.iter().find_map(said);
    let mut unit = table.pixel_size.unit.clone();
    if let (Some((line, first)), None) = (&first, &options.spacing) {
        for tile @ (row, _) in tiles {
            let Some((_, size)) = said(tile) else { continue };
            if size.agrees(first, axes.clone()).is_none() {
                let (size, first) = (size.text(axes.clone()), first.text(axes.clone()));
                let message = format!(
                    "has pixels of {size}, but the tile on line {line} of {first}; give tiles of one pixel size, or \
                     --spacing if their metadata are wrong"
                );
                return Err(table.error_in(row, &Error::data(message)));
            }
        }
        match table.pixel_size.agrees(first, axes.clone()) {
            Some(agreed) if table.pixel_size != PixelSize::default() => unit = agreed,
            Some(_) => {}
            None => {
                let (own, found) = (table.pixel_size.text(axes.clone()), first.text(axes.clone()));
                let message = format!(
                    "gives pixels of {own}, but the metadata of the tile on line {line} say {found}; correct the one that \
                     is wrong (pixel_size_z, pixel_size_y and pixel_size_x are sizes by axis), or give --spacing"
                );
                return Err(Error::data(message).at(&table.path));
            }
        }
    }
    let (calibration, of_tiles) = combined(table, first.as_ref().map(|(_, size)| size), unit);
    let mut settled = calibration.settle(table.dimensions, options).map_err(|error| error.at(&table.path))?;
    let divisor = divisors(table, &mut settled).map_err(|error| error.at(&table.path))?;
    let mut warnings: Vec<String> =
        settled.warning.iter().map(|warning| format!("{}: {warning}", table.path.display())).collect();
    let silent: Vec<_> = tiles.iter().filter(|tile| said(tile).is_none()).collect();
    if let (true, None, [(row, _), ..]) = (of_tiles, &options.spacing, &silent[..]) {
        let (path, count) = (table.path.display(), silent.len());
        let tile = row.path.display();
        warnings.push(format!(
            "{path}: {count} of its tiles do not say how large their pixels are ({tile}): they count as those that do"
        ));
    }
    Ok(Scaled { settled, divisor, warnings })
}

/// What the table says along each axis, else the tiles; and whether the tiles say anything that counts.
fn combined(table: &TileTable, first: Option<&PixelSize>, unit: Option<String>) -> (Calibration, bool) {
    let own = PixelSize { unit: unit.clone(), ..table.pixel_size.clone() };
    let mut calibration = Calibration { from: "the table of tiles", ..Calibration::default() };
    let (mut of_tiles, mut of_table) = (false, false);
    for axis in 3 - table.dimensions..3 {
        (calibration.size[axis], calibration.unit[axis]) = match (own.size[axis], first) {
            (Some(size), _) => {
                of_table = true;
                (Some(size), own.unit.clone())
            }
            (None, Some(first)) => {
                of_tiles = true;
                (first.size[axis], first.unit.clone())
            }
            (None, None) => (None, None),
        };
    }
    if of_tiles {
        calibration.from = if of_table { "the table of tiles and the tiles" } else { "the metadata of the tiles" };
    }
    (calibration, of_tiles)
}

/// What positions that are still lengths are divided by along each axis.
fn divisors(table: &TileTable, settled: &mut Settled) -> Result<[f64; 3]> {
    let mut divisor = [1.0; 3];
    for axis in 0..3 {
        let Along::Length(unit) = table.along[axis] else { continue };
        let name = unit.map_or("a unit of length", |unit| unit.symbol);
        if settled.from.is_none() {
            let message = format!(
                "has positions in {name}, and neither it nor its tiles say how large a pixel is along {}; add columns \
                 pixel_size_z, pixel_size_y and pixel_size_x, or give --spacing",
                AXES[axis]
            );
            return Err(Error::data(message));
        }
        let size = settled.spacing.0[axis];
        divisor[axis] = match (settled.unit.as_deref().map(LengthUnit::of), unit) {
            (Some(Some(from)), Some(to)) => converted(size, from, to),
            // Numbers that were given without a unit are in that of the positions.
            (None, Some(to)) if settled.from.as_deref() == Some("--spacing") => {
                settled.unit = Some(to.name.to_owned());
                size
            }
            (None | Some(_), Some(_)) => {
                let message = format!(
                    "has positions in {name}, but its tiles have pixels of {size} in a unit that is not known; add a \
                     column pixel_size, or give --spacing and --unit"
                );
                return Err(Error::data(message));
            }
            (_, None) => size,
        };
    }
    Ok(divisor)
}
