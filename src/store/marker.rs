//! Marks of stored files, from their metadata alone.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Result;
use crate::store::file::read_failed;
use crate::store::{Mark, Marked};

/// If at least this many files of one folder are wanted, the folder is listed first.
const LISTED: usize = 32;

/// The state of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileMark {
    hash: u64,
    is_there: bool,
    changed: Option<SystemTime>,
}

impl FileMark {
    /// The state of the file at a path, also if it does not exist.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    pub(crate) fn of(path: &Path) -> Result<FileMark> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Self::new(path, Some(&metadata))),
            Err(error) if is_absent(&error) => Ok(Self::new(path, None)),
            Err(error) => Err(read_failed(&error).at(path)),
        }
    }

    fn new(path: &Path, metadata: Option<&Metadata>) -> FileMark {
        let changed = metadata.and_then(|m| m.modified().ok());
        let since = changed.map(|time| {
            let since = time.duration_since(std::time::UNIX_EPOCH);
            since.map_or_else(|before| (true, before.duration()), |after| (false, after))
        });
        let mut hasher = DefaultHasher::new();
        (path, metadata.map(Metadata::len), since).hash(&mut hasher);
        FileMark { hash: hasher.finish(), is_there: metadata.is_some(), changed }
    }

    #[cfg(feature = "zarr")]
    /// Whether the file exists.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// The states of many files, in the given order. The metadata of each are read once. If many files of one folder
    /// follow each other, the folder is listed first, so that missing files cost nothing.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    pub(crate) fn of_all(paths: &[PathBuf]) -> Result<Vec<FileMark>> {
        let mut marks = Vec::with_capacity(paths.len());
        for paths in paths.chunk_by(|a, b| folder(a) == folder(b)) {
            if paths.len() < LISTED {
                for path in paths {
                    marks.push(Self::of(path)?);
                }
                continue;
            }
            let folder = paths[0].parent().unwrap_or(Path::new(""));
            let mut present = HashSet::new();
            match std::fs::read_dir(folder) {
                Ok(entries) => {
                    for entry in entries {
                        present.insert(entry.map_err(|error| read_failed(&error).at(folder))?.file_name());
                    }
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(read_failed(&error).at(folder)),
            }
            for path in paths {
                let listed = path.file_name().is_some_and(|name| present.contains(name));
                marks.push(if listed { Self::of(path)? } else { Self::new(path, None) });
            }
        }
        Ok(marks)
    }
}

/// The folder of a file, in a form that is fast to compare.
fn folder(path: &Path) -> Option<&OsStr> {
    path.parent().map(Path::as_os_str)
}

/// Returns whether an error means that nothing is at a path; a file in place of a folder counts as well.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Gathers the states of files into a mark.
#[derive(Default)]
pub(crate) struct Marker {
    hasher: DefaultHasher,
    youngest: Option<SystemTime>,
}

impl Marker {
    /// Adds a file.
    pub(crate) fn add(&mut self, file: &FileMark) {
        file.hash.hash(&mut self.hasher);
        self.youngest = self.youngest.max(file.changed);
    }

    #[cfg(any(feature = "zarr", feature = "mosaic"))]
    /// Adds a value other than a file.
    pub(crate) fn note(&mut self, value: impl Hash) {
        value.hash(&mut self.hasher);
    }

    #[cfg(feature = "mosaic")]
    /// Adds all that another mark stands for.
    pub(crate) fn add_marked(&mut self, marked: &Marked) {
        marked.mark.hash(&mut self.hasher);
        self.youngest = self.youngest.max(marked.youngest);
    }

    #[cfg(feature = "mosaic")]
    /// Makes the added files count as changed no earlier than `time`.
    pub(crate) fn not_before(&mut self, time: Option<SystemTime>) {
        self.youngest = self.youngest.map(|youngest| time.map_or(youngest, |time| youngest.max(time)));
    }

    /// The mark of all added files.
    pub(crate) fn finish(self) -> Marked {
        Marked { mark: Mark(self.hasher.finish()), youngest: self.youngest }
    }
}

/// The mark of several files, in the given order.
///
/// # Errors
/// If the operating system cannot read the metadata.
pub(crate) fn mark_of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<Mark> {
    let mut marker = Marker::default();
    for path in paths {
        marker.add(&FileMark::of(path)?);
    }
    Ok(marker.finish().mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn many_files_have_the_states_that_each_has_alone() {
        let root = tempfile::tempdir().unwrap();
        for name in 0..50 {
            if name % 3 > 0 {
                std::fs::write(root.path().join(name.to_string()), vec![0; name]).unwrap();
            }
        }
        std::fs::create_dir(root.path().join("few")).unwrap();
        std::fs::write(root.path().join("few/0"), "few").unwrap();
        let folders = ["", "few", "none", "1"];
        // More than are looked up one by one, and fewer; in folders that exist, and in others that do not.
        for count in [2 * LISTED, 3] {
            let names = |folder| (0..count).map(move |name: usize| Path::new(folder).join(name.to_string()));
            let paths: Vec<PathBuf> = folders.into_iter().flat_map(names).map(|path| root.path().join(path)).collect();
            let alone: Vec<FileMark> = paths.iter().map(|path| FileMark::of(path).unwrap()).collect();
            assert_eq!(FileMark::of_all(&paths).unwrap(), alone);
            assert!(alone[1].changed.is_some() && alone[0].changed.is_none());
        }
    }

    #[test]
    fn a_path_that_cannot_be_asked_for_is_named() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("n".repeat(300));
        let error = FileMark::of(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
}
