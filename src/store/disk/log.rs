//! A log of a test's file operations, and the state of its files after a power failure.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    Wrote(PathBuf, Vec<u8>),
    Made(PathBuf),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
    Synced(PathBuf),
}

thread_local! {
    static LOG: RefCell<Option<Vec<Operation>>> = const { RefCell::new(None) };
}

thread_local! {
    static FULL: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act` while the disk has no room for files.
pub(crate) fn with_full_disk<T>(act: impl FnOnce() -> T) -> T {
    FULL.set(true);
    let done = act();
    FULL.set(false);
    done
}

/// Whether there is room for a file.
pub(super) fn room() -> io::Result<()> {
    if FULL.get() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

/// Logs an operation of this thread, if it keeps a log.
pub(super) fn note(operation: Operation) {
    LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.push(operation.clone())));
}

/// Returns this thread's file operations during `act`.
pub(crate) fn of(act: impl FnOnce()) -> Vec<Operation> {
    LOG.with_borrow_mut(|log| *log = Some(Vec::new()));
    act();
    LOG.take().unwrap_or_default()
}

/// Replays the state of a disk after a power failure that follows some operations, as a file system with a journal
/// leaves it: renames in their order, and the contents of files only if these were synced. A file that was not synced
/// exists and is empty.
///
/// The operations in `from` are repeated in `to`.
pub(crate) fn replay(operations: &[Operation], from: &Path, to: &Path) {
    let there = |path: &Path| to.join(path.strip_prefix(from).expect("in the test's folder"));
    // By the name that each file had when it was written.
    let mut pending: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for operation in operations {
        match operation {
            Operation::Wrote(path, bytes) => {
                let path = there(path);
                fs::write(&path, "").expect("a writable folder");
                pending.retain(|(other, _)| *other != path);
                pending.push((path, bytes.clone()));
            }
            Operation::Made(path) => fs::create_dir(there(path)).expect("a writable folder"),
            Operation::Removed(path) => {
                let path = there(path);
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("what is there");
                pending.retain(|(other, _)| !other.starts_with(&path));
            }
            Operation::Renamed(old, new) => {
                let (old, new) = (there(old), there(new));
                fs::rename(&old, &new).expect("what is there");
                for (path, _) in &mut pending {
                    if let Ok(rest) = path.strip_prefix(&old) {
                        *path = if rest.as_os_str().is_empty() { new.clone() } else { new.join(rest) };
                    }
                }
            }
            Operation::Synced(path) => {
                let path = there(path);
                pending.retain(|(other, bytes)| {
                    let synced = *other == path;
                    if synced {
                        fs::write(other, bytes).expect("a writable folder");
                    }
                    !synced
                });
            }
        }
    }
}
