//! Line numbers of a table, and errors with the line.

use crate::error::Error;
use crate::text;

/// Characters of a tile's name that messages quote.
const REPEATED: usize = 1024;

/// Line numbers of a text.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Number of bytes that have been counted, and the line that follows.
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    pub(super) fn of(text: &str) -> Lines<'_> {
        Lines { text, counted: 0, line: 1 }
    }

    /// The line of a record that begins at `byte`, or after empty lines there. Must not decrease from call to call.
    pub(super) fn at(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let from = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.counted, bytes.len());
        let empty = bytes[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let ends = bytes[self.counted..from + empty].iter().filter(|&&byte| byte == b'\n').count();
        (self.counted, self.line) = (from + empty, self.line + ends as u64);
        self.line
    }
}

/// An error with the line of the table and the tile that it is about.
pub(super) fn in_row(line: u64, name: &str, error: &Error) -> Error {
    let name = text::line(&text::masked(name), REPEATED);
    let name = if name.is_empty() { name } else { format!("{name}: ") };
    Error::new(error.kind(), format!("line {line}: {name}{error}"))
}
