//! Which columns of a table of tiles say what, and the numbers in them.

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::kernel::affine::Affine;

/// Names of the columns of a translation along (z, y, x).
const TRANSLATION: [&str; 3] = ["z", "y", "x"];
/// Names of the columns of a matrix in two dimensions: two rows of three, the last column the offset.
const MATRIX_2D: [&str; 6] = ["m00", "m01", "m02", "m10", "m11", "m12"];
/// Names of the columns of a matrix in three dimensions: three rows of four.
const MATRIX_3D: [&str; 12] = ["m00", "m01", "m02", "m03", "m10", "m11", "m12", "m13", "m20", "m21", "m22", "m23"];

/// A column: its name, and its place in the rows.
pub(super) type Column = (&'static str, usize);

/// Where a table has what.
#[derive(Debug)]
pub(super) struct Columns {
    /// Number of columns, those that mean nothing here included.
    count: usize,
    path: Column,
    pixel_size: Option<Column>,
    channel: Option<Column>,
    /// Those of the placement, in the order of their names.
    placement: Vec<Column>,
    /// Whether they are those of a matrix.
    matrix: bool,
    /// 2 or 3: in how many dimensions tiles are placed.
    pub(super) dimensions: usize,
}

impl Columns {
    /// The columns that a header names.
    ///
    /// # Errors
    /// `Data` where one is missing, or named twice, or where there are those of translations and of matrices.
    pub(super) fn of(header: &StringRecord) -> Result<Columns> {
        let find = |name: &'static str| -> Result<Option<Column>> {
            let mut found = header.iter().enumerate().filter(|(_, column)| *column == name);
            let first = found.next().map(|(at, _)| (name, at));
            match found.next() {
                Some(_) => Err(Error::data(format!("has the column {name} twice; take one out or rename it"))),
                None => Ok(first),
            }
        };
        let all = |names: &[&'static str], form: &str| -> Result<Vec<Column>> {
            let missing = |name: &str| Error::data(format!("has no column {name}; {form}"));
            names.iter().map(|&name| find(name)?.ok_or_else(|| missing(name))).collect()
        };
        let some = |names: &[&str]| header.iter().any(|column| names.contains(&column));
        let path = find("path")?.ok_or_else(|| {
            let found = header.iter().collect::<Vec<_>>().join(" ");
            let message = "has no column path; a table of tiles begins with a line of column names with commas between \
                           them, such as path,y,x";
            Error::data(format!("{message} (found: {found})"))
        })?;
        let matrix = some(&MATRIX_3D);
        if matrix && some(&TRANSLATION) {
            let message = "has columns of a translation (z, y, x) and of a matrix (m00, ...); take those out, or rename \
                           them, that do not place the tiles";
            return Err(Error::data(message));
        }
        let form = "give path,y,x or path,z,y,x, or a matrix of two rows of three, m00 to m12, or in 3-D of three rows \
                    of four, m00 to m23";
        let (placement, dimensions) = match matrix {
            true if MATRIX_3D.iter().any(|name| !MATRIX_2D.contains(name) && some(&[name])) => {
                (all(&MATRIX_3D, form)?, 3)
            }
            true => (all(&MATRIX_2D, form)?, 2),
            false if some(&TRANSLATION[..1]) => (all(&TRANSLATION, form)?, 3),
            false => (all(&TRANSLATION[1..], form)?, 2),
        };
        let (pixel_size, channel) = (find("pixel_size")?, find("channel")?);
        Ok(Columns { count: header.len(), path, pixel_size, channel, placement, matrix, dimensions })
    }

    /// The path in a row, as it is written there.
    ///
    /// # Errors
    /// `Data` where there is none.
    pub(super) fn path<'r>(&self, row: &'r StringRecord) -> Result<&'r str> {
        cell(row, self.path)
    }

    /// Refuses a row with more values than there are columns: one of them probably has a comma in it.
    pub(super) fn require_fit(&self, row: &StringRecord) -> Result<()> {
        if row.len() <= self.count {
            return Ok(());
        }
        let (values, columns) = (row.len(), self.count);
        let message = format!(
            "has {values} values in {columns} columns; put quotes around a path with a comma in it, and write numbers \
             with a decimal point"
        );
        Err(Error::data(message))
    }

    /// The size of a pixel that a row gives.
    ///
    /// # Errors
    /// `Data` where it is no positive number.
    pub(super) fn pixel_size(&self, row: &StringRecord) -> Result<Option<f64>> {
        let Some(column) = self.pixel_size else { return Ok(None) };
        let size = number(row, column)?;
        if size <= 0.0 {
            return Err(Error::data(format!("has a pixel_size of {size}; give a positive number")));
        }
        Ok(Some(size))
    }

    /// The channel that a row gives.
    ///
    /// # Errors
    /// `Data` where it is no whole number from 0.
    pub(super) fn channel(&self, row: &StringRecord) -> Result<Option<usize>> {
        let Some(column) = self.channel else { return Ok(None) };
        channel_of(cell(row, column)?).map(Some)
    }

    /// The map from tile to canvas that a row gives, in pixels.
    ///
    /// # Errors
    /// `Data` where a value is no finite number, or the matrix has no inverse.
    pub(super) fn placement(&self, row: &StringRecord, pixel_size: Option<f64>) -> Result<Affine> {
        let numbers: Vec<f64> = self.placement.iter().map(|&column| number(row, column)).collect::<Result<_>>()?;
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
        for offset in &mut map.offset {
            *offset /= pixel_size.unwrap_or(1.0);
        }
        if map.inverse().is_none() {
            let message = "has a singular matrix, which presses the tile flat or puts it out of reach; give one with an \
                           inverse";
            return Err(Error::data(message));
        }
        Ok(map)
    }
}

/// The channel that a text in a row gives.
pub(super) fn channel_of(text: &str) -> Result<usize> {
    text.parse().map_err(|_| Error::data(format!("has {text:?} in column channel; give a whole number from 0")))
}

/// The text of a column in a row.
pub(super) fn cell(row: &StringRecord, (name, at): Column) -> Result<&str> {
    let text = row.get(at).filter(|text| !text.is_empty());
    text.ok_or_else(|| Error::data(format!("has nothing in column {name}; fill it in")))
}

/// The finite number in a column of a row.
pub(super) fn number(row: &StringRecord, column: Column) -> Result<f64> {
    let text = cell(row, column)?;
    let wrong = |advice: &str| Error::data(format!("has {text:?} in column {}; {advice}", column.0));
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(wrong("give a finite number")),
        Err(_) if text.contains(',') => Err(wrong("write numbers with a decimal point, such as 1024.5")),
        Err(_) => Err(wrong("give a number, such as 1024.5")),
    }
}
