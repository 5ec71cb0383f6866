//! Determines the pixel size from the options, the table and its tiles, which must agree.

use super::columns::AXES;
use super::pixel_size::{Along, PixelSize};
use super::tile_table::{TileRow, TileTable};
use crate::error::{Error, Result};
use crate::store::units::{Calibration, LengthUnit, SettledSpacing, converted};
use crate::store::{Description, OpenOptions, shown_path};

/// The pixel size of a mosaic.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) settled: SettledSpacing,
    /// Divisor of positions along the axes along which they are still lengths.
    pub(super) divisor: [f64; 3],
    pub(super) warnings: Vec<String>,
}

/// The pixel size from the options, otherwise from the table, otherwise from the tiles. `tiles` are those that could be
/// opened.
///
/// # Errors
/// `Data`, naming the line and the tile, if the table and a tile, or two tiles, contradict each other and the options
/// have no spacing, or if positions are lengths and the pixel size is unknown. `Usage` if the options do not fit.
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
    let of_options = PixelSize { size: settled.spacing.0.map(Some), unit: settled.unit.clone() };
    if table.was_divided && options.spacing.is_some() && of_options.agrees(&table.pixel_size, axes.clone()).is_none() {
        let (path, size) = (table.path.display(), table.pixel_size.text(axes.clone()));
        warnings.push(format!(
            "{path}: its positions were divided by its own pixel_size, {size}, and not by --spacing; leave that column out if \
             they are true lengths"
        ));
    }
    let silent: Vec<_> = tiles.iter().filter(|tile| said(tile).is_none()).collect();
    if let (true, None, [(row, _), ..]) = (of_tiles, &options.spacing, &silent[..]) {
        let (path, count) = (table.path.display(), silent.len());
        let tile = shown_path(&row.path);
        warnings.push(format!(
            "{path}: {count} of its tiles do not say how large their pixels are ({tile}): they count as those that do"
        ));
    }
    Ok(Scaled { settled, divisor, warnings })
}

/// The size along each axis from the table, otherwise from the tiles; and whether any size comes from the tiles.
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

/// Divisors along each axis of positions that are still lengths.
fn divisors(table: &TileTable, settled: &mut SettledSpacing) -> Result<[f64; 3]> {
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
            // A spacing without a unit is in the unit of the positions.
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
