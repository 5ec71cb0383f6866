//! Runs of bytes that contain arrays: a file, several files one behind the other, decompressed streams.

use std::fmt::Debug;
use std::fs::File;
use std::path::{Path, PathBuf};

#[cfg(feature = "medical")]
use crate::error::Error;
use crate::error::Result;
use crate::store::file::{self, read_at};

/// Bytes of which several threads read parts at once.
pub(crate) trait Bytes: Debug + Send + Sync {
    /// Fills a buffer from the bytes at an offset.
    ///
    /// # Errors
    /// If they cannot be read or end too early; the error names the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
}

/// The bytes of an open file.
#[derive(Debug)]
pub(crate) struct FileBytes {
    file: File,
    path: PathBuf,
}

impl FileBytes {
    pub(crate) fn new(file: File, path: &Path) -> FileBytes {
        FileBytes { file, path: path.to_owned() }
    }
}

impl Bytes for FileBytes {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        read_at(&self.file, offset, buffer).map_err(|error| file::read_failed(&error).at(&self.path))
    }
}

#[cfg(feature = "medical")]
/// Parts of several files, one behind the other. Files are open only while they are read, because a volume may have a
/// file for every plane.
#[derive(Debug)]
pub(crate) struct Joined {
    files: Vec<PathBuf>,
    /// Offset of the bytes in each file.
    start: u64,
    /// Number of bytes in each file.
    length: u64,
}

#[cfg(feature = "medical")]
impl Joined {
    /// `length` bytes of each file from `start` on.
    pub(crate) fn new(files: Vec<PathBuf>, start: u64, length: u64) -> Joined {
        Joined { files, start, length }
    }
}

#[cfg(feature = "medical")]
impl Bytes for Joined {
    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            let (index, within) = (offset / self.length.max(1), offset % self.length.max(1));
            let path = usize::try_from(index).ok().and_then(|index| self.files.get(index));
            let path = path.ok_or_else(|| Error::internal("a read behind the last file of a volume"))?;
            let here = usize::try_from(self.length - within).unwrap_or(usize::MAX).min(buffer.len());
            let (now, later) = buffer.split_at_mut(here);
            let (file, _) = file::open(path)?;
            read_at(&file, self.start + within, now).map_err(|error| file::read_failed(&error).at(path))?;
            offset += here as u64;
            buffer = later;
        }
        Ok(())
    }
}
