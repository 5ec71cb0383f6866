//! The columns of a table of tiles, and the values of a row in them.

use csv::StringRecord;

use super::cells::{Decimals, cell, channel_of, require_path};
use super::header::{Header, TileColumn, TileUnit};
use super::table_text::MOST_COLUMNS;
use crate::error::{Error, Result};
use crate::kernel::mosaic::affine::Affine;

/// Names of the axes, after which columns are named.
pub(super) const AXES: [&str; 3] = ["z", "y", "x"];
/// Names of the columns of a matrix in two dimensions: two rows of three, the last column the offset.
const MATRIX_2D: [&str; 6] = ["m00", "m01", "m02", "m10", "m11", "m12"];
/// Names of the columns of a matrix in three dimensions: three rows of four.
const MATRIX_3D: [&str; 12] = ["m00", "m01", "m02", "m03", "m10", "m11", "m12", "m13", "m20", "m21", "m22", "m23"];
/// Other names of the column `path`.
const PATHS: [&str; 12] = [
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "name",
    "image",
    "image_name",
    "image_path",
    "tile",
    "tile_name",
    "tile_path",
];
/// Beginnings of names that look like pixel sizes, but are ignored.
const LIKE_SIZES: [&str; 8] =
    ["voxel", "physical", "pixel_width", "pixel_height", "pixelwidth", "scale", "spacing", "resolution"];

/// The positions of a table's columns.
#[derive(Debug)]
pub(super) struct TileColumns {
    /// Number of columns, including those that are ignored.
    count: usize,
    path: TileColumn,
    /// The column of all axes without a separate one,
    pixel_size: Option<TileColumn>,
    /// and those of the axes (z, y, x).
    pixel_sizes: [Option<TileColumn>; 3],
    /// The unit of positions.
    unit: Option<TileColumn>,
    /// The unit of pixel sizes.
    pixel_unit: Option<TileColumn>,
    channel: Option<TileColumn>,
    /// The columns of the placement, in the order of their names.
    placement: Vec<TileColumn>,
    /// Whether the placement is a matrix.
    matrix: bool,
    /// Number of dimensions in which tiles are placed: 2 or 3.
    pub(super) dimensions: usize,
    /// The name of a column that looks like a pixel size, if no column is one.
    pub(super) unused_size: Option<String>,
}

/// The values on which all rows of a table must agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scale {
    /// Pixel size along (z, y, x).
    pub(super) size: [Option<f64>; 3],
    /// The unit of each size,
    pub(super) size_unit: [Option<TileUnit>; 3],
    /// and of each position.
    pub(super) unit: [Option<TileUnit>; 3],
}

impl TileColumns {
    /// The columns in a header.
    ///
    /// # Errors
    /// `Data` if one is missing or occurs twice, or if the header has both a translation and a matrix.
    pub(super) fn of(record: &StringRecord) -> Result<TileColumns> {
        if record.len() > MOST_COLUMNS {
            let message = format!("has {} columns, and a table at most {MOST_COLUMNS}; check the path", record.len());
            return Err(Error::data(message));
        }
        let header = Header::of(record);
        let form = "give path,y,x or path,z,y,x, or a matrix of two rows of three, m00 to m12, or in 3-D of three rows \
                    of four, m00 to m23";
        let all = |names: &[&str]| -> Result<Vec<TileColumn>> {
            let missing = |name: &str| Error::data(format!("has no column {name}; {form}"));
            names.iter().map(|&name| find(&header, name)?.ok_or_else(|| missing(name))).collect()
        };
        let path = header.find_any("path", &PATHS)?.cloned().ok_or_else(|| no_path(record))?;
        let matrix = header.has(&MATRIX_3D);
        let translation = AXES.iter().any(|axis| matches!(find(&header, axis), Ok(Some(_))));
        if matrix && translation {
            let message = "has columns of a translation (z, y, x) and of a matrix (m00, ...); take those out, or rename \
                           them, that do not place the tiles";
            return Err(Error::data(message));
        }
        let (placement, dimensions) = match matrix {
            true if MATRIX_3D.iter().any(|name| !MATRIX_2D.contains(name) && header.has(&[name])) => {
                (all(&MATRIX_3D)?, 3)
            }
            true => (all(&MATRIX_2D)?, 2),
            false if find(&header, AXES[0])?.is_some() => (all(&AXES)?, 3),
            false => (all(&AXES[1..])?, 2),
        };
        let size = |end: &str| -> Result<Option<TileColumn>> {
            let others = [format!("pixelsize{end}"), format!("pixelsize{}", end.trim_start_matches('_'))];
            let others = others.each_ref().map(String::as_str);
            let others = if end.is_empty() { &others[..1] } else { &others[..] };
            Ok(header.find_any(&format!("pixel_size{end}"), others)?.cloned())
        };
        let (pixel_size, pixel_sizes) = (size("")?, [size("_z")?, size("_y")?, size("_x")?]);
        let unused_size = match pixel_sizes.iter().chain([&pixel_size]).any(Option::is_some) {
            true => None,
            false => header.names().find(|(name, _)| LIKE_SIZES.iter().any(|like| name.starts_with(like))),
        };
        Ok(TileColumns {
            count: record.len(),
            path,
            pixel_size,
            pixel_sizes,
            unit: header.find_any("unit", &["units", "position_unit", "position_units"])?.cloned(),
            pixel_unit: header.find_any("pixel_unit", &["pixel_units", "pixel_size_unit", "pixelsize_unit"])?.cloned(),
            channel: header.find("channel")?.cloned(),
            placement,
            matrix,
            dimensions,
            unused_size: unused_size.map(|(_, column)| column.name.clone()),
        })
    }

    /// The path in a row, as written.
    ///
    /// # Errors
    /// `Data` if the row has none.
    pub(super) fn path<'r>(&self, row: &'r StringRecord) -> Result<&'r str> {
        let path = cell(row, self.path.named())?;
        require_path(path)?;
        Ok(path)
    }

    /// Refuses a row with more values than columns: one of them probably contains a comma.
    pub(super) fn require_fit(&self, row: &StringRecord) -> Result<()> {
        // A separator at the end of a line leaves an empty value.
        if row.iter().skip(self.count).all(str::is_empty) {
            return Ok(());
        }
        let (values, columns) = (row.len(), self.count);
        let message = format!(
            "has {values} values in {columns} columns; put quotes around a path with a comma in it, and write numbers \
             with a decimal point"
        );
        Err(Error::data(message))
    }

    /// The channel in a row.
    ///
    /// # Errors
    /// `Data` if it is not a whole number from 0.
    pub(super) fn channel(&self, row: &StringRecord) -> Result<Option<usize>> {
        self.channel.as_ref().map(|column| channel_of(cell(row, column.named())?)).transpose()
    }

    /// The pixel sizes and the units in a row.
    ///
    /// # Errors
    /// `Data` if a size is not a positive number, a unit is unknown, or sizes contradict each other.
    pub(super) fn scale(&self, row: &StringRecord, numbers: &mut Decimals) -> Result<Scale> {
        let unit_in = |column: &Option<TileColumn>| -> Result<Option<TileUnit>> {
            column.as_ref().map(|column| unit_of(cell(row, column.named())?, &column.name)).transpose()
        };
        let (unit, pixel_unit) = (unit_in(&self.unit)?, unit_in(&self.pixel_unit)?);
        if pixel_unit == Some(TileUnit::Pixels) {
            return Err(Error::data("has a size of a pixel in pixels; give it in a unit of length, such as µm"));
        }
        let mut size_in = |column: &Option<TileColumn>| -> Result<Option<(f64, Option<TileUnit>)>> {
            let Some(column) = column else { return Ok(None) };
            let (name, size) = (&column.name, numbers.number(row, column.named())?);
            match column.unit {
                _ if size <= 0.0 => Err(Error::data(format!("has a {name} of {size}; give a positive number"))),
                Some(TileUnit::Pixels) => {
                    Err(Error::data(format!("has a size of a pixel in pixels ({name}); rename it")))
                }
                unit => Ok(Some((size, unit))),
            }
        };
        let (general, mut scale) = (size_in(&self.pixel_size)?, Scale::default());
        let lengths = |unit: Option<TileUnit>| unit.filter(|unit| *unit != TileUnit::Pixels);
        for axis in 0..3 {
            let offset = self.offset_column(axis);
            scale.unit[axis] = offset.and_then(|column| column.unit).or(unit);
            let own = size_in(&self.pixel_sizes[axis])?;
            if let (Some((own, _)), Some((all, _)), true) = (own, general, axis > 0)
                && own != all
            {
                let (name, all_name) = (format!("pixel_size_{}", AXES[axis]), "pixel_size");
                let message = format!("has a {name} of {own} and a {all_name} of {all}; take the wrong one out");
                return Err(Error::data(message));
            }
            let Some((size, size_unit)) = own.or(general) else { continue };
            scale.size[axis] = Some(size);
            scale.size_unit[axis] = size_unit.or(pixel_unit).or(lengths(scale.unit[axis]));
        }
        Ok(scale)
    }

    /// The column of the offset along an axis.
    fn offset_column(&self, axis: usize) -> Option<&TileColumn> {
        let row = axis.checked_sub(3 - self.dimensions)?;
        let at = if self.matrix { row * (self.dimensions + 1) + self.dimensions } else { row };
        self.placement.get(at)
    }

    /// The map from tile to canvas in a row, with offsets as written.
    ///
    /// # Errors
    /// `Data` if a value is not a finite number.
    pub(super) fn placement(&self, row: &StringRecord, decimals: &mut Decimals) -> Result<Affine> {
        let numbers = self.placement.iter().map(|column| decimals.number(row, column.named()));
        let numbers: Vec<f64> = numbers.collect::<Result<_>>()?;
        let first = 3 - self.dimensions;
        let mut map = Affine::translation([0.0; 3]);
        if self.matrix {
            for (i, row) in (first..3).zip(numbers.chunks_exact(self.dimensions + 1)) {
                map.matrix[i][first..].copy_from_slice(&row[..self.dimensions]);
                map.offset[i] = row[self.dimensions];
            }
        } else {
            map.offset[first..].copy_from_slice(&numbers);
        }
        Ok(map)
    }
}

/// The column of a matrix or a translation.
fn find(header: &Header, name: &str) -> Result<Option<TileColumn>> {
    let others = [format!("pos_{name}"), format!("{name}_pos"), format!("position_{name}"), format!("{name}_position")];
    let others = others.each_ref().map(String::as_str);
    Ok(header.find_any(name, if AXES.contains(&name) { &others } else { &[] })?.cloned())
}

fn unit_of(text: &str, column: &str) -> Result<TileUnit> {
    let unknown =
        || format!("has {text:?} in column {column}, which is no unit of length; give one such as µm, nm or px");
    TileUnit::of(text).ok_or_else(|| Error::data(unknown()))
}

fn no_path(header: &StringRecord) -> Error {
    let found = header.iter().collect::<Vec<_>>().join(" ");
    // A line of another kind of file may be long.
    let found: String = found.chars().take(80).collect();
    let message = "has no column path; a table of tiles begins with a line of column names with commas between them, \
                   such as path,y,x";
    Error::data(format!("{message} (found: {found})"))
}
