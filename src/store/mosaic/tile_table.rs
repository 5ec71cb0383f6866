//! Tables of tiles: each row has a path and a placement.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use csv::StringRecord;

use super::cells::Decimals;
use super::columns::{Scale, TileColumns};
use super::form::{Dialect, TableForm};
use super::layouts::{TileLayout, global_positions, tile_configuration};
use super::lines::{Lines, in_row};
use super::pixel_size::{Along, PixelSize, same};
use super::table_text::{MOST_ROWS, read_text};
use crate::error::{Error, Result};
use crate::kernel::mosaic::affine::Affine;
use crate::store::address::{is_address, shown_path};

/// The tiles of a scan, in the order of their rows.
///
/// A table has a line of column names: `path` and either `y, x` or `z, y, x` (the position of the tile's first pixel),
/// or `m00` to `m12`, or in 3-D `m00` to `m23` (an affine matrix in array axis order, row by row, the last of each row
/// the offset) from tile to canvas. With a column `pixel_size`, or `pixel_size_z`, `pixel_size_y` and `pixel_size_x`,
/// with the same numbers in all rows, positions and offsets are in its unit and are divided by it along each axis; a
/// column `unit` names the unit, or says that positions are in pixels (`px`). A column `channel` has the channel of the
/// canvas, from 0, that a row belongs to. Columns may be in any order, their names in any case and followed by a unit
/// (`x_um`, `X (µm)`, `x_px`); others are ignored. Values are separated by commas, semicolons or tabs.
///
/// Fiji's `TileConfiguration.txt` and MIST's global positions are tables too ([`TableForm`]).
#[derive(Clone, Debug, PartialEq)]
pub struct TileTable {
    /// Path of the table.
    pub path: PathBuf,
    /// Format of the table.
    pub form: TableForm,
    /// Number of dimensions in which tiles are placed: 2 or 3.
    pub dimensions: usize,
    /// Pixel size, if the table has it.
    pub pixel_size: PixelSize,
    /// The rows, one for each tile; not empty.
    pub rows: Vec<TileRow>,
    /// Unit of offsets along (z, y, x), after division by the pixel sizes of the table.
    pub(super) along: [Along; 3],
    /// Whether positions were lengths and were divided by the pixel size of the table.
    pub(super) was_divided: bool,
    /// Warnings about the table, each a sentence without a full stop.
    pub(super) warnings: Vec<String>,
    /// Time of the last change of the table itself, if known.
    pub changed: Option<SystemTime>,
}

/// A tile and its placement.
#[derive(Clone, Debug, PartialEq)]
pub struct TileRow {
    /// Line number in the table, from 1.
    pub line: u64,
    /// Path of the image.
    pub path: PathBuf,
    /// Map from coordinates in the tile to coordinates on the canvas, in pixels; the identity along z in two
    /// dimensions. Has an inverse. Offsets are lengths if the table has them in a unit, and only the tiles have the
    /// pixel size.
    pub placement: Affine,
    /// The channel of the canvas; `None` if the table has no such column.
    pub channel: Option<usize>,
}

impl TileTable {
    /// Reads the table in a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// `Missing` if there is no such file; `Data`, naming the line and the tile, if it is not a table of tiles: a
    /// column is missing, a value is not a finite number, a matrix has no inverse, there are no rows, pixel sizes
    /// differ, or a tile occurs twice.
    pub fn read(path: &Path) -> Result<TileTable> {
        let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let text = read_text(path)?;
        let table = Self::parse(&text, path).map_err(|error| error.at(path))?;
        Ok(TileTable { changed, ..table })
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<TileTable> {
        let form = TableForm::of(text);
        let table = match form {
            TableForm::Columns => Self::of_columns(text, path)?,
            TableForm::TileConfiguration => Self::of_layout(tile_configuration(text)?, form, path)?,
            TableForm::Mist => Self::of_layout(global_positions(text)?, form, path)?,
        };
        if table.rows.is_empty() {
            return Err(Error::data("has no tiles; give it a line for each tile"));
        }
        table.refuse_repeated()?;
        Ok(table)
    }

    fn of_columns(text: &str, path: &Path) -> Result<TileTable> {
        let dialect = Dialect::of(text, path);
        let mut reader = dialect.reader(text);
        let damaged = |error: csv::Error| Error::data("is no table that can be read").because(error);
        let columns = TileColumns::of(reader.headers().map_err(damaged)?)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut rows, mut agreed) = (Vec::new(), None);
        let mut lines = Lines::of(text);
        let mut decimals = Decimals::new(dialect.delimiter != b',');
        for record in reader.records() {
            let record = record.map_err(damaged)?;
            let line = lines.at(dialect.start as u64 + record.position().map_or(0, csv::Position::byte));
            if record.iter().all(str::is_empty) {
                // Spreadsheets leave rows of separators behind the last one.
                continue;
            }
            let name = columns.path(&record).unwrap_or_default().to_owned();
            let row = row_of(&columns, &record, &mut decimals, folder, line);
            let row = row.and_then(|(row, scale)| agree(&mut agreed, scale).map(|()| row));
            rows.push(row.map_err(|error| in_row(line, &name, &error))?);
            if rows.len() > MOST_ROWS {
                return Err(Error::data(format!("has more than {MOST_ROWS} rows; give a part of them")));
            }
        }
        decimals.finish()?;
        let (pixel_size, along) = PixelSize::of_scale(&agreed.unwrap_or_default(), columns.dimensions)?;
        let unused = columns.unused_size.map(|name| {
            format!(
                "{}: the column {name} is left alone; call it pixel_size if positions are in its unit",
                path.display()
            )
        });
        let (path, form, warnings) = (path.to_owned(), TableForm::Columns, unused.into_iter().collect());
        let dimensions = columns.dimensions;
        let mut table =
            TileTable { path, form, dimensions, pixel_size, rows, along, was_divided: false, warnings, changed: None };
        table.divide()?;
        Ok(table)
    }

    fn of_layout(layout: TileLayout, form: TableForm, path: &Path) -> Result<TileTable> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let rows = layout.tiles.into_iter().map(|tile| TileRow {
            line: tile.line,
            path: placed(&tile.name, folder),
            placement: Affine::translation(tile.position),
            channel: None,
        });
        Ok(TileTable {
            path: path.to_owned(),
            form,
            dimensions: layout.dimensions,
            pixel_size: PixelSize::default(),
            rows: rows.collect(),
            along: [Along::Pixels; 3],
            was_divided: false,
            warnings: Vec::new(),
            changed: None,
        })
    }

    /// Divides offsets that are lengths by the pixel size, along the axes for which the table has it.
    fn divide(&mut self) -> Result<()> {
        let mut size = [1.0; 3];
        for (axis, divisor) in size.iter_mut().enumerate() {
            if let Along::Length(unit) = self.along[axis]
                && let Some(found) = self.pixel_size.in_unit(axis, unit)
            {
                *divisor = found;
                self.along[axis] = Along::Pixels;
                self.was_divided = true;
            }
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        for row in &mut self.rows {
            row.placement = in_pixels(&row.placement, size).map_err(|error| {
                let name = row.path.strip_prefix(folder).unwrap_or(&row.path).display().to_string();
                in_row(row.line, &name, &error)
            })?;
        }
        Ok(())
    }

    /// The channels of the canvas that rows belong to, in ascending order; empty if the table has no channels.
    pub fn channels(&self) -> BTreeSet<usize> {
        self.rows.iter().filter_map(|row| row.channel).collect()
    }

    /// Resolves a path in the table, relative to its folder.
    pub(super) fn place_of(&self, name: &str) -> PathBuf {
        placed(name, self.path.parent().unwrap_or(Path::new("")))
    }

    /// A path as the table would contain it: the inverse of [`TileTable::place_of`].
    pub(super) fn name_of<'p>(&self, path: &'p Path) -> &'p Path {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        if is_address(path) { path } else { path.strip_prefix(folder).unwrap_or(path) }
    }

    /// An error of a tile, with the table, the line and the tile named.
    pub(crate) fn error_in(&self, row: &TileRow, error: &Error) -> Error {
        // An error with another path than the tile's, such as that of a chunk, keeps its path.
        let name = if error.is_placed() { String::new() } else { shown_path(&row.path) };
        in_row(row.line, &name, error).at(&self.path)
    }

    fn refuse_repeated(&self) -> Result<()> {
        let mut lines = BTreeMap::new();
        for row in &self.rows {
            if let Some(first) = lines.insert((&row.path, row.channel), row.line) {
                let message = format!("is on line {first} already; take one of the two out");
                let name = shown_path(&row.path);
                return Err(in_row(row.line, &name, &Error::data(message)));
            }
        }
        Ok(())
    }
}

/// A row of the table, and its scale.
fn row_of(
    columns: &TileColumns,
    record: &StringRecord,
    decimals: &mut Decimals,
    folder: &Path,
    line: u64,
) -> Result<(TileRow, Scale)> {
    columns.require_fit(record)?;
    let path = placed(columns.path(record)?, folder);
    let scale = columns.scale(record, decimals)?;
    let placement = columns.placement(record, decimals)?;
    Ok((TileRow { line, path, placement, channel: columns.channel(record)? }, scale))
}

/// Compares the scale of a row with that of the table, which the first row sets.
fn agree(agreed: &mut Option<Scale>, scale: Scale) -> Result<()> {
    let Some(known) = agreed else {
        *agreed = Some(scale);
        return Ok(());
    };
    for (known, size) in known.size.iter().zip(scale.size) {
        if let (Some(known), Some(size)) = (known, size)
            && !same(*known, size)
        {
            let message =
                format!("has a pixel_size of {size}, but those before have {known}; give tiles of one pixel size");
            return Err(Error::data(message));
        }
    }
    if (known.unit, known.size_unit) != (scale.unit, scale.size_unit) {
        return Err(Error::data("has another unit than the rows before; give all rows in one unit"));
    }
    Ok(())
}

/// A placement whose offset, in lengths, is divided by the pixel size along each axis.
///
/// # Errors
/// `Data` if it has no inverse.
pub(super) fn in_pixels(placement: &Affine, size: [f64; 3]) -> Result<Affine> {
    let offset = std::array::from_fn(|axis| placement.offset[axis] / size[axis]);
    let map = Affine { offset, ..*placement };
    if map.inverse().is_none() {
        let message = "has a singular matrix, which presses the tile flat or puts it out of reach; give one with an \
                       inverse";
        return Err(Error::data(message));
    }
    Ok(map)
}

/// Resolves a path in a table. Backslashes are those of Windows, unless a file of that name exists.
fn placed(name: &str, folder: &Path) -> PathBuf {
    if is_address(Path::new(name)) {
        return name.into();
    }
    let place = folder.join(name);
    if std::path::MAIN_SEPARATOR == '/' && name.contains('\\') && !place.exists() {
        return folder.join(name.replace('\\', "/"));
    }
    place
}
