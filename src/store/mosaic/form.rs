//! The formats of tables of tiles, and how each is recognised.

use std::path::Path;

use csv::{Reader, ReaderBuilder, Trim};

use super::columns::TileColumns;
use super::table_text::start_of;
use crate::store::address::is_address;

/// The format of a table of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableForm {
    /// Columns with a header line, separated by commas, semicolons or tabs.
    Columns,
    /// `TileConfiguration.txt`, as Fiji's Grid/Collection stitching and BigStitcher read and write it.
    TileConfiguration,
    /// The global positions written by MIST.
    Mist,
}

/// Returns whether a path is that of a table of tiles: by its extension if it is `.csv` or `.tsv`, and by content for
/// text files and files without an extension.
pub fn is_table(path: &Path) -> bool {
    if has_extension(path, "csv") || has_extension(path, "tsv") {
        return true;
    }
    let may_be = has_extension(path, "txt") || path.extension().is_none();
    may_be && !is_address(path) && form_in(path).is_some()
}

/// The format of the table in a file, by its content; `None` if the file does not contain one.
pub(super) fn form_in(path: &Path) -> Option<TableForm> {
    let text = start_of(path)?;
    let form = TableForm::of(&text);
    let has_columns = || {
        let mut reader = Dialect::of(&text, path).reader(&text);
        reader.headers().is_ok_and(|header| TileColumns::of(header).is_ok())
    };
    (form != TableForm::Columns || has_columns()).then_some(form)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

impl TableForm {
    /// The format of a text, by its first line that is not a comment.
    pub(super) fn of(text: &str) -> TableForm {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let setting = first.split_once('=').map(|(name, _)| name.trim().to_ascii_lowercase());
        if matches!(setting.as_deref(), Some("dim" | "multiseries" | "absolutepath")) || is_tuple_line(first) {
            TableForm::TileConfiguration
        } else if first.starts_with("file:") && first.contains("position:") {
            TableForm::Mist
        } else {
            TableForm::Columns
        }
    }

    /// The name for display.
    pub fn name(self) -> &'static str {
        match self {
            TableForm::Columns => "table of tiles, CSV",
            TableForm::TileConfiguration => "table of tiles, TileConfiguration of Fiji",
            TableForm::Mist => "table of tiles, global positions of MIST",
        }
    }
}

/// Returns whether a line is one of a tile in a TileConfiguration: `name; ; (x, y)`.
fn is_tuple_line(line: &str) -> bool {
    line.ends_with(')')
        && line.rsplit_once('(').is_some_and(|(before, _)| before.trim_end().ends_with(';'))
        && line.matches(';').count() >= 2
}

/// The separator of a table in columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Offset of the header line, in bytes.
    pub(super) start: usize,
}

impl Dialect {
    /// The dialect of a text: the separator in its line `sep=;`, which Excel writes and reads, otherwise the one with
    /// which the columns of a table of tiles are found.
    pub(super) fn of(text: &str, path: &Path) -> Dialect {
        let mut start = 0;
        let mut said = None;
        for line in text.split_inclusive('\n') {
            let bare = line.trim().trim_matches('"');
            let separator = bare.get(..4).filter(|name| name.eq_ignore_ascii_case("sep=")).and_then(|_| bare.get(4..));
            match separator.map(str::as_bytes) {
                Some([delimiter]) => said = Some(*delimiter),
                // A line of tabs alone would be trimmed away.
                Some([]) if line.contains('\t') => said = Some(b'\t'),
                _ if bare.is_empty() || bare.starts_with('#') => {}
                _ => break,
            }
            start += line.len();
        }
        let candidates = match said {
            Some(delimiter) => vec![delimiter],
            None if has_extension(path, "tsv") => vec![b'\t', b';', b','],
            None => vec![b',', b';', b'\t', b'|'],
        };
        let dialects = candidates.into_iter().rev().map(|delimiter| Dialect { delimiter, start });
        let found = |dialect: &Dialect| {
            let header = dialect.reader(text).headers().cloned().unwrap_or_default();
            (TileColumns::of(&header).is_ok(), header.len())
        };
        // `max_by_key` returns the last of equals, which is the first of the candidates.
        dialects.max_by_key(found).unwrap_or(Dialect { delimiter: b',', start })
    }

    /// The rows of a text.
    pub(super) fn reader(self, text: &str) -> Reader<&[u8]> {
        let mut builder = ReaderBuilder::new();
        builder.trim(Trim::All).flexible(true).delimiter(self.delimiter);
        builder.from_reader(text.as_bytes().get(self.start..).unwrap_or_default())
    }
}
