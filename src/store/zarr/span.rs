//! Parts of files.

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    First(u64),
    /// The last bytes of a file with at most `most` bytes.
    Last {
        length: u64,
        most: u64,
    },
    At {
        offset: u64,
        length: u64,
    },
}

impl Span {
    /// The number of bytes.
    pub(crate) fn length(self) -> u64 {
        match self {
            Span::First(length) | Span::Last { length, .. } | Span::At { length, .. } => length,
        }
    }

    /// Offset and length in a file that ends at `end`; `None` if the file is too short for the part.
    pub(crate) fn within(self, end: u64) -> Option<(u64, usize)> {
        let last = end.checked_sub(self.length())?;
        let offset = match self {
            Span::First(_) => 0,
            Span::Last { .. } => last,
            Span::At { offset, .. } => Some(offset).filter(|&offset| offset <= last)?,
        };
        Some((offset, usize::try_from(self.length()).ok()?))
    }
}
