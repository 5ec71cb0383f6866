//! The lengths and times of the files of a folder, in one number.

use std::fs::{self, Metadata};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// Length of a file, and its modification time, in seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileState {
    length: u64,
    changed: (u64, u32),
}

impl FileState {
    /// The length of the file, in bytes.
    #[cfg(feature = "zarr")]
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The state of a file; `None` if it does not exist or the system does not support this.
    #[cfg(feature = "zarr")]
    pub(crate) fn of(path: &Path) -> Option<Self> {
        FileState::from(&fs::symlink_metadata(path).ok()?)
    }

    /// The state by what the system says of a file; `None` if it is no file, or has no time.
    fn from(metadata: &Metadata) -> Option<Self> {
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let changed = (changed.as_secs(), changed.subsec_nanos());
        metadata.is_file().then_some(FileState { length: metadata.len(), changed })
    }
}

/// A hash of the names, lengths and modification times of all files below a folder, and of the names of its folders,
/// however the system lists them. Entries of the folder itself with a name in `but` are left out. `None` if something
/// below it is neither a file nor a folder, or a file has no time: then nothing can be told.
///
/// It differs if any file does, unless the file was changed within a tick of the file system's clock and kept its length.
/// Takes about a microsecond a file if its metadata are cached, and memory for the names of one folder on each level.
///
/// # Errors
/// If the operating system cannot list a folder, or read the metadata of a file.
pub(crate) fn states_below(folder: &Path, but: &[&str]) -> io::Result<Option<u64>> {
    let mut hash = XxHash3_64::new();
    Ok(add_below(folder, but, &mut hash)?.then(|| hash.finish()))
}

/// The state of a file; `None` if it is no file, or has no time.
///
/// # Errors
/// If the operating system cannot read its metadata; of kind `NotFound` if it does not exist.
#[cfg(any(test, feature = "analysis"))]
pub(crate) fn state_of(file: &Path) -> io::Result<Option<FileState>> {
    Ok(FileState::from(&fs::symlink_metadata(file)?))
}

/// Adds the content of a folder. Returns whether all of it could be added.
fn add_below(folder: &Path, but: &[&str], hash: &mut XxHash3_64) -> io::Result<bool> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.retain(|entry| !but.iter().any(|name| entry.file_name() == *name));
    entries.sort_by_cached_key(fs::DirEntry::file_name);
    entries.len().hash(hash);
    for entry in entries {
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        (name.as_encoded_bytes(), kind.is_dir()).hash(hash);
        let is_added = match kind.is_dir() {
            true => add_below(&entry.path(), &[], hash)?,
            false => {
                let state = FileState::from(&entry.metadata()?);
                state.hash(hash);
                state.is_some()
            }
        };
        if !is_added {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn every_change_below_a_folder_is_noticed_and_none_that_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let put = |name: &str, bytes: &[u8], age: u64| {
            fs::write(path(name), bytes).unwrap();
            let file = File::options().write(true).open(path(name)).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30) - Duration::from_secs(age);
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
        };
        let now = || states_below(root.path(), &["lock"]).unwrap();
        fs::create_dir_all(path("a/b")).unwrap();
        put("a/b/1", b"one", 0);
        put("a/2", b"two", 0);
        let first = now();
        put("lock", b"other", 5);
        put("a/2", b"owt", 0);
        assert_eq!(now(), first, "neither length nor time");
        let mut seen = vec![first];
        let mut changed = |what: &str| {
            assert!(!seen.contains(&now()), "{what}");
            seen.push(now());
        };
        put("a/2", b"two", 1);
        changed("another time");
        put("a/2", b"twoo", 1);
        changed("another length");
        fs::rename(path("a/2"), path("a/3")).unwrap();
        changed("another name");
        fs::rename(path("a/3"), path("a/b/3")).unwrap();
        changed("another folder");
        fs::create_dir(path("a/c")).unwrap();
        changed("an empty folder");
        fs::remove_file(path("a/b/1")).unwrap();
        changed("a file less");
        put("a/lock", b"", 0);
        changed("a name that is left out elsewhere");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("lock"), path("a/link")).unwrap();
            assert_eq!((now(), state_of(&path("a/link")).unwrap()), (None, None));
        }
        assert_ne!(state_of(&path("a/b/3")).unwrap(), state_of(&path("a/lock")).unwrap());
        assert_eq!(state_of(&path("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
