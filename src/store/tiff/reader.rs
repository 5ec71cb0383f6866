//! A file whose directories are read: through a window, never beyond its end.

use std::fs::File;
use std::sync::Arc;

use crate::error::Result;
use crate::store::file;

/// Bytes read ahead: about a directory with the lists of its strips.
const READ_AHEAD: usize = 8 << 10;

/// A file of known length, with a window of the part read last.
pub(crate) struct Reader {
    file: Arc<File>,
    length: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Reader {
    pub(crate) fn new(file: Arc<File>, length: u64) -> Self {
        Reader { file, length, window: Vec::new(), window_at: 0 }
    }

    /// Bytes at an offset; `None` if the file ends before them, so that no more is allocated than the file is long.
    ///
    /// # Errors
    /// If the operating system refuses to read, or the file has become shorter.
    pub(crate) fn bytes(&mut self, at: u64, count: usize) -> Result<Option<&[u8]>> {
        if at.checked_add(count as u64).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        let held = self.window_at..=self.window_at + self.window.len() as u64;
        if !held.contains(&at) || !held.contains(&(at + count as u64)) {
            let ahead = usize::try_from(self.length - at).unwrap_or(usize::MAX).min(READ_AHEAD);
            self.window.clear();
            self.window.resize(count.max(ahead), 0);
            self.window_at = at;
            let read = file::read_at(&self.file, at, &mut self.window);
            if let Err(error) = read {
                self.window.clear();
                return Err(file::read_failed(&error));
            }
        }
        // Within the window, which is in memory.
        let start = (at - self.window_at) as usize;
        Ok(Some(&self.window[start..start + count]))
    }

    /// `N` bytes at an offset; `None` if the file ends before them.
    ///
    /// # Errors
    /// Those of [`Reader::bytes`].
    pub(crate) fn array<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>> {
        Ok(self.bytes(at, N)?.and_then(|bytes| bytes.try_into().ok()))
    }
}
