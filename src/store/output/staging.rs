//! The hidden folder in which outputs are written until they are put in place. One run locks it and has a uniquely
//! named folder in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use crate::error::{Error, Kind, Result};
use crate::store::disk::{self, There, what_is};
use crate::store::file;
use crate::store::lock::{Refused, lock, nonce};

/// The folder in which outputs are staged, or the end of its name.
pub(super) const STAGING: &str = ".anabranch-partial";
/// In the staging folder: the lock file of the run that writes there. It is removed while it is locked.
const LOCK: &str = "lock";
/// In the staging folder: the outputs of an earlier run, while they make way.
pub(super) const OLD: &str = "old";
/// In the staging folder: the outputs of an earlier run that has been replaced.
pub(super) const DONE: &str = "done";
/// In the staging folder: prefix of the folder of a run. In an earlier version this was the whole name.
const NEW: &str = "new";
/// In the staging folder: prefix of folders that are being removed.
const GONE: &str = "gone-";
/// Attempts to empty a folder into which a process of a killed run may still be writing.
const ATTEMPTS: usize = 20;

/// A staging folder of one run. Its content is removed when this is dropped, except for files that a later run has to
/// put in place.
#[derive(Debug)]
pub(super) struct Staging {
    /// A unique name of this run.
    run: String,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
struct Held {
    folder: PathBuf,
    new: PathBuf,
    /// Folders that were created for the staging folder, innermost first.
    created: Vec<PathBuf>,
    /// The lock, until everything is removed.
    lock: Option<File>,
}

/// Removes the staged outputs of a run, from another thread than the one that writes them.
///
/// For a program that must end early: what is still being written then goes nowhere.
#[derive(Clone, Debug)]
pub struct Remover(Arc<Mutex<Held>>);

impl Remover {
    /// Removes all outputs that are staged and not put in place. Waits while outputs are being put in place.
    pub fn remove(&self) {
        guard(&self.0).clear();
    }

    /// Like [`Remover::remove`], but does nothing if outputs are being staged or put in place at the moment.
    pub fn try_remove(&self) {
        match self.0.try_lock() {
            Ok(mut held) => held.clear(),
            Err(TryLockError::Poisoned(held)) => held.into_inner().clear(),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Whether nothing is staged any more.
    pub fn is_over(&self) -> bool {
        guard(&self.0).lock.is_none()
    }
}

impl Staging {
    /// Creates and locks a staging folder; `busy` is the message if another program has locked it. Staged outputs of
    /// killed runs are removed.
    ///
    /// # Errors
    /// Of kind `Output` if another program has locked it, or it is not a writable folder.
    pub(super) fn begin(folder: PathBuf, busy: &str) -> Result<Self> {
        let above = folder.parent().unwrap_or(Path::new("")).to_owned();
        let run = nonce();
        let new = folder.join(format!("{NEW}-{run}"));
        let created = missing(&above);
        // If anything fails from here on, this is dropped, which removes the folders created until then.
        let held = Held { folder: folder.clone(), new, created, lock: None };
        let staging = Staging { run, held: Arc::new(Mutex::new(held)) };
        let path = folder.join(LOCK);
        let mut is_ours = true;
        let locked = lock(&path, || {
            disk::make_folders(&above)?;
            disk::make_folder(&folder)?;
            // A folder that has vanished again is created once more.
            is_ours = matches!(what_is(&folder)?, There::Folder | There::Nothing);
            if is_ours { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
        });
        let locked = locked.map_err(|refused| match refused {
            Refused::Failed(_) if !is_ours => no_folder(&folder),
            Refused::Failed(error) => unwritable(&error),
            Refused::Busy => Error::new(Kind::Output, busy),
            Refused::NoFile => Error::new(Kind::Output, "is no file that a run has made; remove it").at(&path),
        })?;
        staging.held().lock = Some(locked);
        staging.held().begin().map_err(|error| unwritable(&error))?;
        Ok(staging)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        guard(&self.held)
    }

    /// A unique name of this run.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// The folder of a run in its staging folder; no other run has or had the same.
    pub(super) fn new_folder_of(staging: &Path, run: &str) -> PathBuf {
        staging.join(format!("{NEW}-{run}"))
    }

    /// Puts the staged outputs in place; meanwhile none of them can be removed. `act` receives the folders in which
    /// others were created for the staging folder, which are kept from now on.
    ///
    /// # Errors
    /// Those of `act`, or if the staged outputs have been removed.
    pub(super) fn finish(&self, act: impl FnOnce(&[PathBuf]) -> Result<()>) -> Result<()> {
        let mut held = self.held();
        if held.lock.is_none() {
            return Err(Error::internal("what was to be put in place has been removed"));
        }
        let above = |folder: &PathBuf| Some(folder.parent()?.to_owned());
        let folders: Vec<PathBuf> = held.created.iter().filter_map(above).collect();
        act(&folders)?;
        held.created.clear();
        Ok(())
    }

    /// Leaves everything unchanged, like a process that is killed.
    #[cfg(all(test, any(feature = "zarr", feature = "tiff")))]
    pub(super) fn kill(&self) {
        let mut held = self.held();
        held.created.clear();
        held.lock = None;
    }

    /// Removes the staged outputs from another thread.
    pub(super) fn remover(&self) -> Remover {
        Remover(Arc::clone(&self.held))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.held().clear();
    }
}

impl Held {
    /// Creates the folder of this run, after removing incomplete leftovers of killed runs.
    fn begin(&self) -> io::Result<()> {
        self.sweep()?;
        disk::make_folder(&self.new)
    }

    /// Removes everything that no run needs any more.
    fn sweep(&self) -> io::Result<()> {
        let complete: Vec<String> = complete(&self.folder)?.iter().map(|run| format!("{NEW}-{run}")).collect();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let stale = name == DONE || name == NEW || name.starts_with("new-") || name.starts_with(GONE);
            if stale && !complete.contains(&name) {
                self.remove(&self.folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Removes everything that is not needed any more, and then the lock.
    fn clear(&mut self) {
        // A folder that was refused, or belongs to another run, stays unchanged.
        if let Some(lock) = self.lock.take() {
            // If something cannot be removed now, the next run removes it. Done twice: a thread that was about to write
            // may have created its folder again.
            let _ = self.sweep().and_then(|()| self.sweep());
            // While it is locked: a run that finds another file here afterwards has locked that one.
            let _ = fs::remove_file(self.folder.join(LOCK));
            disk::remove_empty(&self.folder);
            drop(lock);
        }
        self.created.iter().for_each(|folder| disk::remove_empty(folder));
    }

    /// Removes the entry at a path in the staging folder. It is renamed first, so that a process that still writes
    /// there does not recreate it.
    fn remove(&self, path: &Path) -> io::Result<()> {
        let gone = self.folder.join(format!("{GONE}{}", nonce()));
        if !disk::rename_if_there(path, &gone)? {
            return Ok(());
        }
        for _ in 1..ATTEMPTS {
            if disk::remove(&gone).is_ok() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        disk::remove(&gone)
    }
}

fn guard(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The mark that the outputs of a run are complete and are being put in place: a folder with those of the earlier run.
pub(super) fn replaced(run: &str) -> String {
    format!("replaced-{run}")
}

/// The runs whose outputs are complete, but perhaps not all in place.
pub(super) fn complete(staging: &Path) -> io::Result<Vec<String>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(staging)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        runs.extend(name.strip_prefix(&replaced("")).map(str::to_owned));
    }
    Ok(runs)
}

/// The folders that are missing on a path, innermost first.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    missing.map(Path::to_owned).collect()
}

fn no_folder(path: &Path) -> Error {
    let message = "is no folder that a run has made, and would be written into or emptied; remove it";
    Error::new(Kind::Output, message).at(path)
}

/// Refuses an entry at a path that is not a folder. Returns whether the folder exists.
pub(super) fn is_folder(path: &Path) -> Result<bool> {
    match what_is(path).map_err(|error| unwritable(&error).at(path))? {
        There::Nothing => Ok(false),
        There::Folder => Ok(true),
        There::File | There::Other => Err(no_folder(path)),
    }
}

/// The error of an output folder that cannot be created or written.
pub(super) fn unwritable(error: &io::Error) -> Error {
    file::unwritable(error, "the outputs")
}

/// The names in a folder.
#[cfg(all(test, any(feature = "zarr", feature = "tiff")))]
pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
