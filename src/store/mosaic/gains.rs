//! Files of gains, the factors that match the brightness of neighbouring tiles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim, Writer};

use super::cells::{cell, channel_of, number, require_path};
use super::lines::{Lines, in_row};
use super::table_text::read_text;
use super::tile_table::{TileRow, TileTable};
use crate::error::{Error, Result};
use crate::store::output::put_file;
use crate::store::{shown_path, without_secrets};

/// Names of the columns.
const COLUMNS: [&str; 3] = ["path", "channel", "gain"];

/// The gains of tiles, as in a file with the columns `path`, `channel` and `gain`.
///
/// Paths are those of the table of tiles, relative to its folder, and addresses without their secrets. The channel is that
/// of the table, or if the table has no channels, the one that is read from the files; it is empty if these have only one.
/// Other columns are ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TileGains(BTreeMap<(PathBuf, Option<usize>), f64>);

impl TileGains {
    /// The gains in a file for the tiles of a table. Those of other tiles are ignored.
    ///
    /// # Errors
    /// `Missing` if there is no such file; `Data`, naming the line, if it is not a file of gains: a column is missing,
    /// a gain is not a positive number, or a tile occurs twice; or if it cannot tell the tiles of the table apart.
    pub fn read(path: &Path, table: &TileTable) -> Result<TileGains> {
        Self::require_distinct(table)?;
        Self::parse(&read_text(path)?, table).map_err(|error| error.at(path))
    }

    /// Refuses a table in which the addresses of two tiles differ in their secrets alone: files of gains are without them.
    pub(super) fn require_distinct(table: &TileTable) -> Result<()> {
        let mut lines = BTreeMap::new();
        for row in &table.rows {
            if let Some(first) = lines.insert(key(&row.path, row.channel), row.line) {
                let message = format!(
                    "has the address of line {first} but for what follows a ?, which a file of gains leaves out; leave \
                     --gains out, or copy the tiles"
                );
                return Err(in_row(row.line, &shown_path(&row.path), &Error::data(message)).at(&table.path));
            }
        }
        Ok(())
    }

    fn parse(text: &str, table: &TileTable) -> Result<TileGains> {
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
        let damaged = |error: csv::Error| Error::data("is no table that can be read").because(error);
        let header = reader.headers().map_err(damaged)?.clone();
        let [path, channel, gain] = COLUMNS.map(|name| header.iter().position(|column| column == name));
        let (Some(path), Some(gain)) = (path, gain) else {
            let message = "is no file of gains, which has the columns path,channel,gain; give another one, or a path \
                           where nothing is yet to have them solved";
            return Err(Error::data(message));
        };
        let (mut gains, mut lines) = (BTreeMap::new(), Lines::of(text));
        for record in reader.records() {
            let record = record.map_err(damaged)?;
            let line = lines.at(record.position().map_or(0, csv::Position::byte));
            let name = record.get(path).unwrap_or_default();
            let read = || -> Result<((PathBuf, Option<usize>), f64)> {
                let name = cell(&record, ("path", path))?;
                require_path(name)?;
                let channel = channel_in(&record, channel)?;
                Ok((key(&table.place_of(name), channel), positive(&record, gain)?))
            };
            let at_line = |error: Error| in_row(line, name, &error);
            let (tile, gain) = read().map_err(at_line)?;
            if let Some((_, first)) = gains.insert(tile, (gain, line)) {
                return Err(at_line(Error::data(format!("is on line {first} already; take one of the two out"))));
            }
        }
        Ok(TileGains(gains.into_iter().map(|(tile, (gain, _))| (tile, gain)).collect()))
    }

    /// Replaces a file with these gains, in the order of the rows of their table.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path, table: &TileTable) -> Result<()> {
        let lines: BTreeMap<(PathBuf, Option<usize>), u64> =
            table.rows.iter().map(|row| (key(&row.path, row.channel), row.line)).collect();
        // If the table has no channels, gains have those of the files.
        let line = |(path, channel): &(PathBuf, Option<usize>)| {
            lines.get(&key(path, *channel)).or_else(|| lines.get(&key(path, None))).copied()
        };
        let mut rows: Vec<_> = self.0.iter().map(|(tile, gain)| (line(tile), tile, gain)).collect();
        rows.sort_by_key(|(line, tile, _)| (*line, *tile));
        let failed = |error: csv::Error| Error::internal("gains cannot be written as CSV").because(error);
        let mut writer = Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS).map_err(failed)?;
        for (_, (path, channel), gain) in rows {
            let channel = channel.map_or_else(String::new, |channel| channel.to_string());
            let record = [table.name_of(path).to_string_lossy().into_owned(), channel, gain.to_string()];
            writer.write_record(record).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::internal("gains cannot be kept").because(error))?;
        put_file(path, &bytes)
    }

    /// The gain of a tile in a channel.
    pub fn of(&self, row: &TileRow, channel: Option<usize>) -> Option<f64> {
        self.0.get(&key(&row.path, channel)).copied()
    }

    /// Sets the gain of a tile in a channel.
    pub(super) fn put(&mut self, row: &TileRow, channel: Option<usize>, gain: f64) {
        self.0.insert(key(&row.path, channel), gain);
    }

    /// Number of gains.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no tile has a gain.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a gain is kept for: a tile, whose address is without its secrets, and a channel.
fn key(path: &Path, channel: Option<usize>) -> (PathBuf, Option<usize>) {
    (without_secrets(path).into_owned(), channel)
}

/// The channel in a row, if it has one.
fn channel_in(record: &StringRecord, column: Option<usize>) -> Result<Option<usize>> {
    let text = column.and_then(|column| record.get(column)).filter(|text| !text.is_empty());
    text.map(channel_of).transpose()
}

/// The gain in a row.
fn positive(record: &StringRecord, column: usize) -> Result<f64> {
    match number(record, ("gain", column))? {
        gain if gain > 0.0 => Ok(gain),
        gain => Err(Error::data(format!("has a gain of {gain}; give a positive number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::kernel::mosaic::affine::Affine;

    fn table() -> TileTable {
        let row = |line: u64, name: &str, channel| {
            let placement = Affine::translation([0.0; 3]);
            TileRow { line, path: Path::new("scan").join(name), placement, channel }
        };
        let rows = vec![row(2, "b, 1.tif", Some(1)), row(3, "a.tif", Some(0)), row(4, "a.tif", Some(1))];
        let text = "path,y,x\na,0,0\n";
        TileTable { rows, ..TileTable::parse(text, Path::new("scan/tiles.csv")).unwrap() }
    }

    #[test]
    fn gains_are_written_in_the_order_of_rows_and_read_as_they_were() {
        let (table, mut gains) = (table(), TileGains::default());
        for (row, gain) in table.rows.iter().zip([1.0 / 3.0, 2.0, 1e-7]) {
            gains.put(row, row.channel, gain);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gains.csv");
        gains.write(&path, &table).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "path,channel,gain\n\"b, 1.tif\",1,0.3333333333333333\na.tif,0,2\na.tif,1,0.0000001\n";
        assert_eq!(text, expected);
        assert_eq!(TileGains::read(&path, &table).unwrap(), gains);
        assert_eq!((gains.len(), gains.is_empty()), (3, false));
        assert_eq!(TileGains::read(&folder.path().join("none.csv"), &table).unwrap_err().kind(), Kind::Missing);
    }

    #[test]
    fn gains_of_addresses_are_kept_without_secrets_and_found_with_others() {
        let text = |token: &str| format!("path,y,x\nhttp://u:{token}@host/a.zarr?{token},0,0\nhttp://host/b,0,9\n");
        let parsed = |text: &str| TileTable::parse(text, Path::new("scan/tiles.csv")).unwrap();
        let (table, mut gains) = (parsed(&text("secret")), TileGains::default());
        gains.put(&table.rows[0], None, 2.0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gains.csv");
        gains.write(&path, &table).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "path,channel,gain\nhttp://host/a.zarr,,2\n");
        let later = parsed(&text("later"));
        assert_eq!(TileGains::read(&path, &later).unwrap().of(&later.rows[0], None), Some(2.0));
        // As older files have them.
        let old = TileGains::parse("path,gain\nhttp://host/a.zarr?secret,3\n", &later).unwrap();
        assert_eq!(old.of(&later.rows[0], None), Some(3.0));
        let alike = parsed("path,y,x\nhttp://host/a?id=secret,0,0\nhttp://host/a?id=other,0,9\n");
        let error = TileGains::read(&path, &alike).unwrap_err().to_string();
        assert!(error.contains("line 3: http://host/a?***: has the address of line 2") && !error.contains("other"));
    }

    #[test]
    fn channels_may_be_left_out_and_other_tiles_and_columns_mean_nothing() {
        let mut table = table();
        let text = "\u{feff}note,gain,path\n,1.5,./a.tif\n\n,2,other.tif\n";
        let gains = TileGains::parse(text, &table).unwrap();
        assert_eq!(gains.of(&table.rows[1], None), Some(1.5));
        assert_eq!(gains.of(&table.rows[1], Some(0)), None);
        table.rows[1].path = "/a.tif".into();
        assert_eq!(gains.of(&table.rows[1], None), None);
    }

    #[test]
    fn bad_gains_are_refused_with_the_line_and_the_tile() {
        for (text, said) in [
            ("", "is no file of gains"),
            ("path,channel\na,1\n", "which has the columns path,channel,gain"),
            ("path,y,x\na,1,2\n", "is no file of gains"),
            ("path,channel,gain\na,,1\n\nb,,one\n", "line 4: b: has \"one\" in column gain; give a number"),
            ("path,channel,gain\na,,0\n", "line 2: a: has a gain of 0; give a positive number"),
            ("path,channel,gain\na,,-2\n", "line 2: a: has a gain of -2; give a positive number"),
            ("path,channel,gain\na,,inf\n", "has \"inf\" in column gain; give a finite number"),
            ("path,channel,gain\na,,\n", "line 2: a: has nothing in column gain"),
            ("path,channel,gain\n,,2\n", "line 2: has nothing in column path"),
            ("path,channel,gain\na,x,2\n", "has \"x\" in column channel; give a whole number"),
            ("path,channel,gain\na,1,2\na,0,2\n./a,1,3\n", "line 4: ./a: is on line 2 already"),
        ] {
            let error = TileGains::parse(text, &table()).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().contains(said), "{text:?}: {error}");
        }
    }
}
