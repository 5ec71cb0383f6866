//! A file without a name, for what is held for long and seldom looked at.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::file::{read_at, read_failed, write_at, write_failed};
use crate::error::Result;

/// A file for bytes that the threads of a process write once and read again. It has no name, or loses it at once, so nothing
/// is left of it however the process ends.
#[derive(Debug)]
pub(crate) struct Scratch {
    file: File,
    end: AtomicU64,
    /// For messages.
    folder: PathBuf,
}

impl Scratch {
    /// An empty file in a folder.
    ///
    /// # Errors
    /// `Io` or `Output` if the folder cannot be written to.
    pub(crate) fn new(folder: &Path) -> Result<Scratch> {
        let file = tempfile::tempfile_in(folder).map_err(|error| write_failed(&error).at(folder))?;
        Ok(Scratch { file, end: AtomicU64::new(0), folder: folder.to_owned() })
    }

    /// Writes bytes at the end of the file. Returns their offset.
    ///
    /// # Errors
    /// `Io` or `Output` if they cannot be written: the disk may be full.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<u64> {
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        write_at(&self.file, at, bytes).map_err(|error| write_failed(&error).at(&self.folder))?;
        Ok(at)
    }

    /// Fills a buffer with the bytes from an offset on.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<()> {
        read_at(&self.file, at, buffer).map_err(|error| read_failed(&error).at(&self.folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn threads_get_back_what_they_put_in_and_no_name_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let scratch = &scratch;
                scope.spawn(move || {
                    let parts: Vec<Vec<u8>> = (0..50).map(|n| vec![thread ^ n; 7 * usize::from(n) + 1]).collect();
                    let places: Vec<u64> = parts.iter().map(|part| scratch.append(part).unwrap()).collect();
                    for (part, at) in parts.iter().zip(places) {
                        let mut found = vec![0; part.len()];
                        scratch.read(at, &mut found).unwrap();
                        assert_eq!(found, *part);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(scratch.read(1 << 20, &mut [0]).unwrap_err().kind(), Kind::Data);
        let nowhere = Scratch::new(&folder.path().join("nowhere")).unwrap_err();
        assert!(nowhere.to_string().contains("nowhere"), "{nowhere}");
    }
}
