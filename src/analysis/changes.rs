//! A file of changes: the rows of a table that changed, epoch by epoch, in one file over many runs.
//!
//! The difference is taken between the new table and the rows that FILE adds up to, not between two tables. So FILE
//! adds up to the table after every epoch, whatever happened before: changes that a killed run did not write, or only
//! in part, come with the next epoch. They are appended before the outputs are put in place, and removed if that fails.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use crate::error::{Error, Kind, Result};
use crate::store::disk::sync_folder;
use crate::store::file::read_failed;
use crate::store::lock::is_at;
use crate::store::write_failed;
use crate::table::columns::Field;
use crate::text::{byte_cells, cells};

/// Maximum length of a line of changes, in bytes.
const LONGEST_LINE: u64 = 1 << 12;

/// Changes are summed up once this many lines have been read, or twice the number of different rows.
const SUMMED: usize = 1 << 16;

/// A file of changes, locked while this exists.
///
/// Holds 32 bytes for each row that FILE adds up to: a hash of the row's text and its place in FILE.
#[derive(Debug)]
pub(super) struct ChangesFile {
    path: PathBuf,
    file: File,
    /// Whether this run has made the file.
    created: bool,
    /// The columns after `epoch` and `diff`: the table's, without ranks.
    columns: Vec<Field>,
    /// Which of the table's columns are ranks.
    ranks: Vec<bool>,
    /// The rows that the file adds up to, by digest.
    rows: Vec<Held>,
    /// The number of the next epoch.
    epoch: u64,
    /// The columns that say where a row's branch, node or skeleton begins: the name before `_0`.
    place: &'static str,
    /// The end of the last whole line.
    end: u64,
}

/// A row that the file adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    digest: u128,
    /// The place of its text in the file, without epoch and difference.
    at: u64,
    count: i64,
}

/// The changes of an epoch.
#[derive(Debug, Default)]
pub(super) struct RowChanges {
    lines: Vec<Line>,
    /// The rows of all lines.
    texts: Vec<u8>,
    /// The column with the first coordinate of where a row begins.
    start: usize,
}

/// A row that comes (+1) or goes (-1).
#[derive(Clone, Debug)]
struct Line {
    /// Where the branch starts.
    start: Vec<i64>,
    diff: i64,
    /// The part of the texts that is its row.
    text: Range<usize>,
}

impl RowChanges {
    /// Number of rows that come or go.
    pub(super) fn rows(&self) -> u64 {
        self.lines.len() as u64
    }

    fn add(&mut self, row: &[u8], diff: i64) {
        let from = self.texts.len();
        self.texts.extend_from_slice(row);
        let line = Line { start: start(row, self.start), diff: diff.signum(), text: from..self.texts.len() };
        self.lines.extend(std::iter::repeat_n(line, usize::try_from(diff.unsigned_abs()).unwrap_or(0)));
    }

    /// Sorts lines by their branches' starts, old rows before new ones, then by their texts.
    fn sort(&mut self) {
        let text = |line: &Line| &self.texts[line.text.clone()];
        self.lines.sort_by(|a, b| (&a.start, a.diff, text(a)).cmp(&(&b.start, b.diff, text(b))));
    }
}

impl ChangesFile {
    /// Opens or makes a file of changes for tables with these columns; it leaves out ranks. A last line without an end,
    /// as a killed run leaves it, is ignored. Takes time linear in the file.
    ///
    /// # Errors
    /// `Output` if it is no file of changes with these columns, another run holds it, or it cannot be made; `Io` if it
    /// cannot be read.
    pub(super) fn open(path: &Path, columns: Vec<Field>, place: &'static str) -> Result<ChangesFile> {
        if path.exists() && !path.is_file() {
            return Err(Error::new(Kind::Output, "is not a file; give --changes another path").at(path));
        }
        let (file, created) = locked(path)?;
        let path = path.to_owned();
        let ranks = columns.iter().map(|column| column.is_rank).collect();
        let columns = columns.into_iter().filter(|column| !column.is_rank).collect();
        let mut changes =
            ChangesFile { path, file, created, columns, ranks, rows: Vec::new(), epoch: 0, place, end: 0 };
        changes.read()?;
        Ok(changes)
    }

    /// The number that the next epoch has in the file.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The changes that make the file add up to a table, given as a CSV file. Writes nothing. Takes time
    /// O(n log n) in the rows.
    ///
    /// # Errors
    /// If one of the files cannot be read.
    pub(super) fn compare(&self, table: &Path) -> Result<RowChanges> {
        let at_table = |error: io::Error| read_failed(&error).at(table);
        let mut seen = vec![0i64; self.rows.len()];
        let start = self.columns.iter().position(|column| column.name.starts_with(self.place)).unwrap_or_default();
        let mut difference = RowChanges { start, ..RowChanges::default() };
        let mut row = Vec::new();
        for line in BufReader::new(File::open(table).map_err(at_table)?).split(b'\n').skip(1) {
            let line = line.map_err(at_table)?;
            row.clear();
            let values = byte_cells(&line).zip(&self.ranks);
            for (value, _) in values.filter(|(_, is_rank)| !**is_rank) {
                row.extend_from_slice(value);
                row.push(b',');
            }
            row.pop();
            match self.rows.binary_search_by_key(&digest(&row), |held| held.digest) {
                Ok(place) => seen[place] += 1,
                Err(_) => difference.add(&row, 1),
            }
        }
        let changed = self.rows.iter().zip(seen).map(|(held, seen)| (held.at, seen - held.count));
        let mut changed: Vec<(u64, i64)> = changed.filter(|(_, diff)| *diff != 0).collect();
        changed.sort_unstable();
        self.copy(&changed, &mut difference).map_err(|error| read_failed(&error).at(&self.path))?;
        difference.sort();
        Ok(difference)
    }

    /// Copies rows of the file, at ascending places, into a difference.
    fn copy(&self, rows: &[(u64, i64)], difference: &mut RowChanges) -> io::Result<()> {
        let mut file = &self.file;
        let mut position = file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file);
        let mut row = Vec::new();
        for &(at, diff) in rows {
            // Within the buffer if possible.
            reader.seek_relative(at.saturating_sub(position) as i64)?;
            row.clear();
            position = at + reader.read_until(b'\n', &mut row)? as u64;
            difference.add(row.strip_suffix(b"\n").unwrap_or(&row), diff);
        }
        Ok(())
    }

    /// Appends an epoch to the file, and syncs it to the disk. Overwrites an incomplete end of the file. Writes nothing
    /// if nothing has changed, except for the header of a new file. Returns what [`ChangesFile::take_back`] needs.
    ///
    /// # Errors
    /// `Io` or `Output` if the file cannot be written, which stays as it was; the call can be repeated then.
    pub(super) fn append(&mut self, difference: &RowChanges, epoch: u64) -> Result<Before> {
        let before = Before(self.end);
        let written = self.write(difference, epoch).map_err(|error| write_failed(&error).at(&self.path));
        // A full disk may have room for a part.
        written.inspect_err(|_| drop(self.file.set_len(before.0)))?;
        Ok(before)
    }

    /// Removes what was appended, since the outputs could not be put in place.
    ///
    /// # Errors
    /// `Io` if the file cannot be written or read.
    pub(super) fn take_back(&mut self, before: Before) -> Result<()> {
        let cut = self.file.set_len(before.0).and_then(|()| self.file.sync_all());
        cut.and_then(|()| (&self.file).rewind()).map_err(|error| write_failed(&error).at(&self.path))?;
        (self.rows, self.epoch, self.end) = (Vec::new(), 0, 0);
        self.read()
    }

    fn write(&mut self, difference: &RowChanges, epoch: u64) -> io::Result<()> {
        self.file.set_len(self.end)?;
        let mut end = (&self.file).seek(SeekFrom::Start(self.end))?;
        if difference.lines.is_empty() && end > 0 {
            return Ok(());
        }
        let mut writer = BufWriter::new(&self.file);
        if end == 0 {
            let header = self.header() + "\n";
            writer.write_all(header.as_bytes())?;
            end += header.len() as u64;
        }
        let mut rows = Vec::with_capacity(difference.lines.len());
        for line in &difference.lines {
            let (row, begin) = (&difference.texts[line.text.clone()], format!("{epoch},{},", line.diff));
            writer.write_all(begin.as_bytes())?;
            writer.write_all(row)?;
            writer.write_all(b"\n")?;
            rows.push(Held { digest: digest(row), at: end + begin.len() as u64, count: line.diff });
            end += (begin.len() + row.len() + 1) as u64;
        }
        writer.flush()?;
        drop(writer);
        self.file.sync_all()?;
        if self.created {
            let folder = self.path.parent().unwrap_or(Path::new(""));
            sync_folder(folder)?;
        }
        self.end = end;
        if !rows.is_empty() {
            self.epoch = epoch + 1;
            self.rows.append(&mut rows);
            sum(&mut self.rows);
        }
        Ok(())
    }

    fn header(&self) -> String {
        let names = self.columns.iter().map(|column| format!(",{}", column.name));
        format!("epoch,diff{}", names.collect::<String>())
    }

    /// Reads the whole file.
    fn read(&mut self) -> Result<()> {
        let header = self.header();
        let unread = |error: io::Error| read_failed(&error).at(&self.path);
        let refused = |line: u64, message: &str| {
            let message = format!("line {line} {message}; give --changes another file, or mend this one");
            Err(Error::new(Kind::Output, message).at(&self.path))
        };
        let mut reader = BufReader::new(&self.file);
        let (mut line, mut most) = (Vec::new(), SUMMED);
        for number in 1.. {
            line.clear();
            let length = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(unread)? as u64;
            let torn = !line.ends_with(b"\n");
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let is_header = if torn { header.as_bytes().starts_with(text) } else { text == header.as_bytes() };
            if number == 1 && !is_header {
                return refused(number, &format!("is not {header}"));
            }
            if length == LONGEST_LINE {
                return refused(number, "is too long for a change of a row");
            }
            if torn {
                break;
            }
            if number > 1 {
                let Some((epoch, diff, row)) = parse(text, &self.columns) else {
                    return refused(number, "is no change of a row with the columns of the first line");
                };
                let at = self.end + (text.len() - row.len()) as u64;
                self.rows.push(Held { digest: digest(row), at, count: diff });
                self.epoch = self.epoch.max(epoch + 1);
            }
            self.end += length;
            if self.rows.len() > most {
                sum(&mut self.rows);
                most = SUMMED.max(2 * self.rows.len());
            }
        }
        sum(&mut self.rows);
        Ok(())
    }
}

impl Drop for ChangesFile {
    fn drop(&mut self) {
        if self.created && self.end == 0 {
            // A failed run leaves nothing behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The length of the file before an epoch was appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before(u64);

/// Opens a file of changes and locks it. Returns also whether this call has made it.
fn locked(path: &Path) -> Result<(File, bool)> {
    loop {
        let created = !path.exists();
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| {
            let message = "cannot be written; give --changes a file in a folder that is there";
            Error::new(Kind::Output, message).because(error).at(path)
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let message = "is being written by another run; wait for it, or give --changes another file";
                return Err(Error::new(Kind::Output, message).at(path));
            }
            Err(fs::TryLockError::Error(error)) => return Err(write_failed(&error).at(path)),
        }
        // A failed run removes a file that it has made, while it holds the lock.
        if is_at(&file, path).map_err(|error| read_failed(&error).at(path))? {
            return Ok((file, created));
        }
    }
}

/// Epoch, difference and the text of the row in a line; `None` if it is no such line.
fn parse<'t>(line: &'t [u8], columns: &[Field]) -> Option<(u64, i64, &'t [u8])> {
    let mut parts = std::str::from_utf8(line).ok()?.splitn(3, ',');
    let (epoch, diff, row) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let mut values = cells(row);
    let is_value = |column: &Field| values.next().is_some_and(|value| column.form.accepts(value));
    let complete = columns.iter().all(is_value) && values.next().is_none();
    (complete && diff != 0 && epoch < u64::MAX).then_some((epoch, diff, row.as_bytes()))
}

/// The start of a row's branch: the coordinates from a column on, as far as they are whole numbers.
fn start(row: &[u8], column: usize) -> Vec<i64> {
    let values = row.split(|&byte| byte == b',').skip(column).take(3);
    values.map_while(|value| std::str::from_utf8(value).ok()?.parse().ok()).collect()
}

/// A hash of 128 bits, so that no two rows share one.
fn digest(row: &[u8]) -> u128 {
    let half = |seed| u128::from(XxHash3_64::oneshot_with_seed(seed, row));
    half(0) << 64 | half(1)
}

/// Sums up equal rows, and leaves out those that have gone.
fn sum(rows: &mut Vec<Held>) {
    rows.sort();
    rows.dedup_by(|next, kept| {
        let same = next.digest == kept.digest;
        if same {
            kept.count += next.count;
        }
        same
    });
    rows.retain(|row| row.count != 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::columns::Form;

    fn difference(rows: &[(&str, i64)]) -> RowChanges {
        let mut difference = RowChanges::default();
        rows.iter().for_each(|(row, diff)| difference.add(row.as_bytes(), *diff));
        difference
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changes.csv");
        let field = |name: &str| Field { name: name.to_owned(), form: Form::Number, is_rank: false };
        let columns = || vec![field("length"), field("type")];
        let mut changes = ChangesFile::open(&path, columns(), "place").unwrap();
        changes.append(&difference(&[("1.5,0", 1), ("2,1", 1)]), changes.epoch()).unwrap();
        let before = (fs::read(&path).unwrap(), changes.rows.clone(), changes.epoch());
        let place = changes.append(&difference(&[("2,1", -1), ("3,1", 1)]), changes.epoch()).unwrap();
        assert_ne!(fs::read(&path).unwrap(), before.0);
        changes.take_back(place).unwrap();
        assert_eq!((fs::read(&path).unwrap(), changes.rows.clone(), changes.epoch()), before);
        // The next epoch follows as if there had been none between.
        changes.append(&difference(&[("4,1", 1)]), changes.epoch()).unwrap();
        drop(changes);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "epoch,diff,length,type\n0,1,1.5,0\n0,1,2,1\n1,1,4,1\n");
        // Nothing is left of a file that has just been made.
        let fresh = folder.path().join("fresh.csv");
        let mut changes = ChangesFile::open(&fresh, columns(), "place").unwrap();
        let place = changes.append(&difference(&[("1,0", 1)]), changes.epoch()).unwrap();
        changes.take_back(place).unwrap();
        drop(changes);
        assert!(!fresh.exists());
    }
}
