//! A file without a name, for what waits for long.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::failure::Failure;
use crate::error::{Error, Kind};
use crate::kernel::shelf::Shelf;
use crate::store::scratch::Scratch;

/// Bytes of planes that sleep at a gate, and the like, in memory.
const NEAR: usize = 1 << 17;

/// A file for what the workers of a process hold and do not need for long. It is made when it is needed, has no name, and is
/// gone with the process.
pub struct Attic {
    folder: PathBuf,
    /// `None` if it cannot be made.
    file: OnceLock<Option<Scratch>>,
    failure: Failure,
}

impl fmt::Debug for Attic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attic").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Attic {
    /// A file in `folder`. Its errors are reported to `failure`.
    pub fn new(folder: PathBuf, failure: Failure) -> Attic {
        Attic { folder, file: OnceLock::new(), failure }
    }

    fn file(&self) -> Option<&Scratch> {
        let make = || Scratch::new(&self.folder).map_err(|error| self.failure.report(error)).ok();
        self.file.get_or_init(make).as_ref()
    }

    /// Puts bytes at the end of the file. Returns their place; `None` if that failed.
    pub(crate) fn append(&self, bytes: &[u8]) -> Option<u64> {
        self.file()?.append(bytes).map_err(|error| self.failure.report(error)).ok()
    }

    /// Fills a buffer with the bytes from a place on. Returns whether it could.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> bool {
        let Some(file) = self.file() else { return false };
        file.read(at, buffer).map_err(|error| self.failure.report(error)).is_ok()
    }

    /// Whether the run has failed, here or elsewhere.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.happened()
    }

    /// Reports that another process could not read what this one needs.
    pub(crate) fn report_lost(&self) {
        self.failure.report(Error::internal("another process cannot read what it has put aside"));
    }

    /// Reports that bytes which were read are not those that had been put there.
    pub(crate) fn report_damage(&self) {
        let error = Error::new(
            Kind::Io,
            "what the run wrote to a file without a name is not what it reads again; check the disk",
        );
        self.failure.report(error.at(&self.folder));
    }
}

/// A shelf that has the first bytes stay where they are, and puts others into the attic.
#[derive(Debug)]
pub(crate) struct Overflow {
    attic: Arc<Attic>,
    /// How many more may stay.
    room: AtomicUsize,
}

impl Overflow {
    /// A shelf that has `room` bytes stay.
    pub(crate) fn new(attic: Arc<Attic>, room: usize) -> Overflow {
        Overflow { attic, room: AtomicUsize::new(room) }
    }
}

impl Shelf for Overflow {
    fn near(&self) -> usize {
        0
    }

    fn put(&self, bytes: &[u8]) -> Option<u64> {
        let less = |room: usize| room.checked_sub(bytes.len());
        match self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => None,
            Err(_) => self.attic.put(bytes),
        }
    }

    fn get(&self, place: u64, length: usize) -> Vec<u8> {
        self.attic.get(place, length)
    }
}

impl Shelf for Attic {
    fn near(&self) -> usize {
        NEAR
    }

    fn put(&self, bytes: &[u8]) -> Option<u64> {
        self.append(bytes)
    }

    fn get(&self, place: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        // One that was half read would be no plane.
        if self.read(place, &mut bytes) { bytes } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_stay_and_others_are_put_into_the_attic() {
        let folder = tempfile::tempdir().unwrap();
        let attic = Arc::new(Attic::new(folder.path().to_owned(), Failure::default()));
        let shelf = Overflow::new(attic, 5);
        assert_eq!(
            (shelf.put(b"abc"), shelf.put(b"defg"), shelf.put(b"hi"), shelf.put(b"j")),
            (None, Some(0), None, Some(4))
        );
        assert_eq!(shelf.get(1, 4), b"efgj");
    }
}
