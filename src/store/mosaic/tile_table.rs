//! Tables of tiles: a path and a placement a row, as CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::columns::Columns;
use crate::error::{Error, Kind, Result};
use crate::kernel::affine::Affine;
use crate::store::address::is_address;
use crate::store::file::read_failed;

/// The tiles of a scan, in the order of their rows.
///
/// A table has a line of column names: `path` and either `y, x` or `z, y, x` (where the tile's first pixel lies), or
/// `m00` to `m12`, or in 3-D `m00` to `m23` (an affine matrix in array axis order, row by row, the last of each row the
/// offset) from tile to canvas. With a column `pixel_size`, the same number in all rows, positions and offsets are in
/// its unit and are divided by it. A column `channel` says, from 0, which channel of the canvas a row belongs to.
/// Columns may be in any order; others mean nothing. Values have commas between them, in a `.tsv` tabs.
#[derive(Clone, Debug, PartialEq)]
pub struct TileTable {
    /// Where the table is.
    pub path: PathBuf,
    /// 2 or 3: in how many dimensions tiles are placed.
    pub dimensions: usize,
    /// Size of a pixel, where the table gives it.
    pub pixel_size: Option<f64>,
    /// One a tile; not empty.
    pub rows: Vec<TileRow>,
    /// When the table itself changed last, where that is known.
    pub changed: Option<SystemTime>,
}

/// A tile, and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct TileRow {
    /// On which line of the table, from 1.
    pub line: u64,
    /// Where the tile is.
    pub path: PathBuf,
    /// From places in the tile to places on the canvas, in pixels; the identity along z in two dimensions. Has an
    /// inverse.
    pub placement: Affine,
    /// The channel of the canvas that it belongs to; `None` where the table has no such column.
    pub channel: Option<usize>,
}

/// Whether a path is that of a table of tiles, by its name.
pub fn is_table(path: &Path) -> bool {
    has_extension(path, "csv") || has_extension(path, "tsv")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

impl TileTable {
    /// The table in a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// `Missing` where there is no such file; `Data`, naming the line and the tile, where it is no table of tiles: a
    /// column is missing, a value is no finite number, a matrix has no inverse, there are no rows, pixel sizes differ, or
    /// a tile is there twice.
    pub fn read(path: &Path) -> Result<TileTable> {
        let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let bytes = std::fs::read(path).map_err(|error| read_failed(&error).at(path))?;
        let table = Self::parse(&bytes, path).map_err(|error| error.at(path))?;
        Ok(TileTable { changed, ..table })
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<TileTable> {
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|_| Error::data("is not text in UTF-8; save the table as such"))?;
        let text = text.trim_start_matches('\u{feff}');
        let mut builder = ReaderBuilder::new();
        builder.trim(Trim::All).flexible(true).delimiter(if has_extension(path, "tsv") { b'\t' } else { b',' });
        let mut reader = builder.from_reader(text.as_bytes());
        let damaged = |error: csv::Error| Error::data("is no table that can be read").because(error);
        let columns = Columns::of(reader.headers().map_err(damaged)?)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut rows, mut pixel_size) = (Vec::new(), None);
        let mut lines = Lines::of(text);
        for record in reader.records() {
            let record = record.map_err(damaged)?;
            let line = lines.at(record.position().map_or(0, csv::Position::byte));
            let name = columns.path(&record).unwrap_or_default().to_owned();
            let row =
                row_of(&columns, &record, folder, line).and_then(|(row, size)| match *pixel_size.get_or_insert(size) {
                    known if known == size => Ok(row),
                    known => Err(differing_sizes(known, size)),
                });
            rows.push(row.map_err(|error| in_row(line, &name, &error))?);
        }
        if rows.is_empty() {
            return Err(Error::data("has no tiles; give it a line for each tile"));
        }
        let table = TileTable {
            path: path.to_owned(),
            dimensions: columns.dimensions,
            pixel_size: pixel_size.flatten(),
            rows,
            changed: None,
        };
        table.refuse_repeated()?;
        Ok(table)
    }

    /// The channels of the canvas that rows belong to, in ascending order; empty where the table does not name any.
    pub fn channels(&self) -> BTreeSet<usize> {
        self.rows.iter().filter_map(|row| row.channel).collect()
    }

    /// Where a path in the table leads: relative to its folder.
    pub(super) fn place_of(&self, name: &str) -> PathBuf {
        placed(name, self.path.parent().unwrap_or(Path::new("")))
    }

    /// How the table would have a path: the other way round.
    pub(super) fn name_of<'p>(&self, path: &'p Path) -> &'p Path {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        if is_address(path) { path } else { path.strip_prefix(folder).unwrap_or(path) }
    }

    /// An error of a tile, with the table, the line and the tile named.
    pub(crate) fn error_in(&self, row: &TileRow, error: &Error) -> Error {
        // An error at another place than the tile, such as a chunk of it, keeps that place.
        let name = if error.is_placed() { String::new() } else { row.path.display().to_string() };
        in_row(row.line, &name, error).at(&self.path)
    }

    fn refuse_repeated(&self) -> Result<()> {
        let mut lines = BTreeMap::new();
        for row in &self.rows {
            if let Some(first) = lines.insert((&row.path, row.channel), row.line) {
                let message = format!("is on line {first} already; take one of the two out");
                let name = row.path.display().to_string();
                return Err(in_row(row.line, &name, &Error::data(message)));
            }
        }
        Ok(())
    }
}

/// The numbers of the lines of a text.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// What has been counted, in bytes, and the line that follows.
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    pub(super) fn of(text: &str) -> Lines<'_> {
        Lines { text, counted: 0, line: 1 }
    }

    /// The line of a record that begins at a byte, or after empty lines there; further on than those asked for before.
    pub(super) fn at(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let from = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.counted, bytes.len());
        let empty = bytes[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let ends = bytes[self.counted..from + empty].iter().filter(|&&byte| byte == b'\n').count();
        (self.counted, self.line) = (from + empty, self.line + ends as u64);
        self.line
    }
}

/// A row of the table, and the pixel size that it gives.
fn row_of(columns: &Columns, record: &StringRecord, folder: &Path, line: u64) -> Result<(TileRow, Option<f64>)> {
    columns.require_fit(record)?;
    let path = placed(columns.path(record)?, folder);
    let pixel_size = columns.pixel_size(record)?;
    let placement = columns.placement(record, pixel_size)?;
    Ok((TileRow { line, path, placement, channel: columns.channel(record)? }, pixel_size))
}

/// Where a path in a table leads.
fn placed(name: &str, folder: &Path) -> PathBuf {
    let name = Path::new(name);
    if is_address(name) { name.to_owned() } else { folder.join(name) }
}

/// An error of a line of the table, with the tile that it is about.
pub(super) fn in_row(line: u64, name: &str, error: &Error) -> Error {
    let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
    Error::new(error.kind(), format!("line {line}: {name}{error}"))
}

fn differing_sizes(known: Option<f64>, size: Option<f64>) -> Error {
    let [known, size] = [known, size].map(|size| size.unwrap_or_default());
    let message = format!("has a pixel_size of {size}, but those before have {known}; give tiles of one pixel size");
    Error::new(Kind::Data, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<TileTable> {
        TileTable::parse(text.as_bytes(), Path::new("scan/tiles.csv"))
    }

    fn refusal(text: &str) -> String {
        let error = table(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{error}");
        error.to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let text = "\u{feff} note , x, path ,y\r\n first, 3.5 ,\"a, b.tif\", -2\r\n\r\n,1e3,/other/c.tif,4\r\n";
        let table = table(text).unwrap();
        assert_eq!((table.dimensions, table.pixel_size, table.channels().len()), (2, None, 0));
        let expected = [(2, "scan/a, b.tif", [0.0, -2.0, 3.5]), (4, "/other/c.tif", [0.0, 4.0, 1000.0])];
        for (row, (line, path, offset)) in table.rows.iter().zip(expected) {
            let placement = Affine::translation(offset);
            assert_eq!(*row, TileRow { line, path: path.into(), placement, channel: None });
        }
        assert_eq!(table.rows.len(), 2);
    }

    #[test]
    fn matrices_are_read_row_by_row_with_the_offset_last() {
        let flat = table("path,m00,m01,m02,m10,m11,m12\na.tif,1,2,3,4,5,6\n").unwrap();
        let map = Affine { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 4.0, 5.0]], offset: [0.0, 3.0, 6.0] };
        assert_eq!((flat.dimensions, flat.rows[0].placement), (2, map));
        let header = "path,m00,m01,m02,m03,m10,m11,m12,m13,m20,m21,m22,m23,pixel_size";
        let deep = table(&format!("{header}\na.tif,1,2,3,4,5,6,7,8,9,10,12,13,0.5\n")).unwrap();
        let matrix = [[1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [9.0, 10.0, 12.0]];
        assert_eq!(deep.rows[0].placement, Affine { matrix, offset: [8.0, 16.0, 26.0] });
        assert_eq!((deep.dimensions, deep.pixel_size), (3, Some(0.5)));
    }

    #[test]
    fn positions_in_a_unit_are_divided_by_the_pixel_size() {
        let table = table("path,z,y,x,pixel_size,channel\na,2,3,4,0.5,1\nb,0,0,0,0.5,0\na,0,0,0,0.5,0\n").unwrap();
        assert_eq!(table.rows[0].placement, Affine::translation([4.0, 6.0, 8.0]));
        assert_eq!((table.dimensions, table.pixel_size), (3, Some(0.5)));
        assert_eq!(table.channels().into_iter().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_file_with_tabs_is_read_by_them() {
        let table = TileTable::parse(b"path\ty\tx\na, b.tif\t1\t2\n", Path::new("tiles.TSV")).unwrap();
        assert_eq!(table.rows[0].path, Path::new("a, b.tif"));
    }

    #[test]
    fn bad_tables_are_refused_with_the_line_and_the_tile() {
        for (text, said) in [
            ("", "has no column path"),
            ("path;y;x\na;1;2\n", "with commas between them, such as path,y,x (found: path;y;x)"),
            ("path,y,x\n", "has no tiles; give it a line for each tile"),
            ("path,y\na,1\n", "has no column x; give path,y,x or"),
            ("path,z,x\na,1,1\n", "has no column y;"),
            ("path,m00,m01,m02,m10,m11\na,1,0,0,0,1\n", "has no column m12;"),
            ("path,m00,m01,m02,m10,m11,m12,m20,m21,m22\na,1,0,0,0,1,0,0,0,1\n", "has no column m03;"),
            ("path,y,x,y\na,1,2,3\n", "has the column y twice"),
            ("path,y,x,m00\na,1,2,3\n", "of a translation (z, y, x) and of a matrix"),
            ("path,y,x\na,1,2\nb,one,2\n", "line 3: b: has \"one\" in column y; give a number"),
            ("path,y,x\na,1,\"2,5\"\n", "line 2: a: has \"2,5\" in column x; write numbers with a decimal point"),
            ("path,y,x\na,1,2,5\n", "line 2: a: has 4 values in 3 columns; put quotes"),
            ("path,y,x\na,nan,2\n", "line 2: a: has \"nan\" in column y; give a finite number"),
            ("path,y,x\na,1,-inf\n", "has \"-inf\" in column x; give a finite number"),
            ("path,y,x\na,1\n", "line 2: a: has nothing in column x; fill it in"),
            ("path,y,x\n,1,2\n", "line 2: has nothing in column path"),
            ("path,y,x,pixel_size\na,1,2,0.5\nb,1,2,0.25\n", "line 3: b: has a pixel_size of 0.25, but those before"),
            ("path,y,x,pixel_size\na,1,2,0\n", "has a pixel_size of 0; give a positive number"),
            ("path,y,x,channel\na,1,2,-1\n", "has \"-1\" in column channel; give a whole number from 0"),
            ("path,m00,m01,m02,m10,m11,m12\na,1,2,3,2,4,6\n", "line 2: a: has a singular matrix"),
            ("path,y,x,pixel_size\na,1e300,2,1e-300\n", "out of reach"),
            ("path,y,x\na,1,2\nb,1,2\n./a,1,2\n", "line 4: scan/./a: is on line 2 already"),
        ] {
            let refused = refusal(text);
            assert!(refused.contains(said), "{text:?}: {refused}");
        }
        let binary = TileTable::parse(b"path,y,x\n\xff\xfe,1,2\n", Path::new("tiles.csv")).unwrap_err();
        assert!(binary.to_string().contains("not text in UTF-8"), "{binary}");
    }

    #[test]
    fn a_table_that_is_not_there_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiles.csv");
        assert_eq!(TileTable::read(&path).unwrap_err().kind(), Kind::Missing);
        std::fs::write(&path, "path,y,x\na,1\n").unwrap();
        let error = TileTable::read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: line 2: a: ", path.display())), "{error}");
        std::fs::write(&path, "path,y,x\na,1,2\n").unwrap();
        let read = TileTable::read(&path).unwrap();
        assert!(read.changed.is_some() && read.rows[0].path == folder.path().join("a"));
    }
}
