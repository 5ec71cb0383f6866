//! Files that lock out other programs for as long as they are open.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::disk::{There, no_links, what_is};

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(2);
/// How long to retry with a file that vanishes whenever it is locked.
const PATIENCE: Duration = Duration::from_secs(10);

/// The reason why a file cannot be locked.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another program holds it.
    Busy,
    /// The entry at its path is not a file.
    NoFile,
    /// The operating system refuses.
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Refused::Failed(error)
    }
}

/// Opens a file, creates it if it is missing, and locks it: nobody else can lock it until it is closed. Nothing is
/// written to it, and a link is not followed.
///
/// A program that has finished removes its lock file before it unlocks it. So the file that was locked may no longer be
/// the one at the path: then everything is repeated, including `prepare`, which creates the folder of the file.
///
/// # Errors
/// If it is locked, is not a file, or cannot be opened.
pub(crate) fn lock(path: &Path, mut prepare: impl FnMut() -> io::Result<()>) -> Result<File, Refused> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        prepare()?;
        match attempt(path, true) {
            Ok(Some(file)) => return Ok(file),
            Err(Refused::Failed(error)) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Err(refused @ (Refused::Busy | Refused::NoFile)) => return Err(refused),
            // The file or its folder was removed meanwhile.
            Ok(None) | Err(Refused::Failed(_)) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Ok(None) => return Err(Refused::Busy),
            Err(refused) => return Err(refused),
        }
    }
}

/// The same, but waits for some time where another program holds the lock.
///
/// # Errors
/// As [`lock`].
#[cfg(feature = "dataflow")]
pub(crate) fn lock_within(
    patience: Duration,
    path: &Path,
    mut prepare: impl FnMut() -> io::Result<()>,
) -> Result<File, Refused> {
    /// Time between two attempts.
    const WAIT: Duration = Duration::from_millis(20);
    let deadline = Instant::now() + patience;
    loop {
        match lock(path, &mut prepare) {
            Err(Refused::Busy) if Instant::now() < deadline => std::thread::sleep(WAIT),
            taken => return taken,
        }
    }
}

/// Opens an existing file and locks it together with others that share it: nobody can lock it alone until all have
/// closed it.
///
/// # Errors
/// If a program has locked it alone, or it is not a file, or cannot be opened.
#[cfg(feature = "dataflow")]
pub(crate) fn share(path: &Path) -> Result<File, Refused> {
    attempt(path, false)?.ok_or(Refused::Busy)
}

/// Returns `None` if the locked file is no longer at the path.
fn attempt(path: &Path, alone: bool) -> Result<Option<File>, Refused> {
    if matches!(what_is(path)?, There::Folder | There::Other) {
        return Err(Refused::NoFile);
    }
    // Opened for writing, which locks over a network require.
    let file = no_links().write(true).create(alone).truncate(false).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Refused::NoFile);
    }
    match if alone { file.try_lock() } else { file.try_lock_shared() } {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Refused::Busy),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(is_at(&file, path)?.then_some(file))
}

/// Returns whether an open file is the one at a path.
///
/// # Errors
/// If the operating system cannot read the metadata.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns whether an open file is the one at a path: always here, where open files cannot be removed.
#[cfg(not(unix))]
pub(crate) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// A number that is unique to this run, as text.
pub(crate) fn nonce() -> String {
    use std::hash::{BuildHasher, RandomState};
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:016x}", RandomState::new().hash_one((std::process::id(), time)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_lock_that_is_removed_while_it_is_waited_for_is_taken_anew() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        // A process that another test is about to start briefly inherits the files that are open here.
        let free = || loop {
            match lock(&path, || Ok(())) {
                Err(Refused::Busy) => std::thread::sleep(PAUSE),
                other => return other.unwrap(),
            }
        };
        for _ in 0..200 {
            let held = free();
            assert!(matches!(lock(&path, || Ok(())), Err(Refused::Busy)));
            std::thread::scope(|scope| {
                let others: Vec<_> = (0..3).map(|_| scope.spawn(|| lock(&path, || Ok(())))).collect();
                fs::remove_file(&path).unwrap();
                drop(held);
                let taken: Vec<File> = others.into_iter().filter_map(|other| other.join().unwrap().ok()).collect();
                assert!(taken.len() <= 1, "two hold one lock");
                assert!(taken.iter().all(|file| is_at(file, &path).unwrap()));
            });
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_no_lock_and_a_file_keeps_its_bytes() {
        let root = tempfile::tempdir().unwrap();
        let [thesis, link, missing, folder] =
            ["thesis", "link", "missing", "folder"].map(|name| root.path().join(name));
        fs::write(&thesis, "years").unwrap();
        std::os::unix::fs::symlink(&thesis, &link).unwrap();
        std::os::unix::fs::symlink(root.path().join("nowhere"), &missing).unwrap();
        fs::create_dir(&folder).unwrap();
        for path in [&link, &missing, &folder] {
            assert!(matches!(lock(path, || Ok(())), Err(Refused::NoFile)), "{}", path.display());
        }
        assert!(!root.path().join("nowhere").exists());
        let fifo = root.path().join("fifo");
        if std::process::Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
            assert!(matches!(lock(&fifo, || Ok(())), Err(Refused::NoFile)));
        }
        drop(lock(&thesis, || Ok(())).unwrap());
        assert_eq!(fs::read_to_string(&thesis).unwrap(), "years");
    }
}
