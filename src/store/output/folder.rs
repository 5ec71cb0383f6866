//! The folder of a run's outputs: staged in a hidden folder inside it, put in place together at the end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::store::file::write_failed;

/// Names of all that a run writes into its folder. `run.json` is last: it is put in place last.
pub const OUTPUTS: [&str; 5] = ["branches.csv", "overview.png", SKELETON, "summary.json", RUN];

/// The output that holds the skeleton's array.
pub const SKELETON: &str = "skeleton.zarr";

const RUN: &str = "run.json";
/// The folder in which outputs are staged.
pub(super) const STAGING: &str = ".anabranch-partial";
/// In the staging folder: held locked by the run that writes there.
pub(super) const LOCK: &str = "lock";
/// In the staging folder: the outputs of this run.
pub(super) const NEW: &str = "new";
/// In the staging folder: the outputs of an earlier run, while those of this one are put in place.
pub(super) const OLD: &str = "old";

/// A folder for one run's outputs. Until [`OutputFolder::commit`] the outputs of an earlier run stay as they are;
/// dropped without it, nothing is left of this run.
#[derive(Debug)]
pub struct OutputFolder {
    folder: PathBuf,
    /// Folders that were created for this run, innermost first.
    created: Vec<PathBuf>,
    /// Locked for as long as this run writes; closed before it is removed.
    lock: Option<File>,
}

impl OutputFolder {
    /// The folder at a path, which may be new, empty, or hold the outputs of an earlier run and nothing else. With
    /// `overwrite` it may hold other things too, which stay.
    ///
    /// What a killed run has left there is cleared away first; an earlier run's outputs that it was replacing are put
    /// back.
    ///
    /// # Errors
    /// Of kind `Output` where the folder holds other things, another run writes there, or it cannot be written.
    pub fn create(folder: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        let folder = folder.as_ref();
        // Dropped where anything fails from here on, which removes the folders made up to there.
        let mut output = OutputFolder { folder: folder.to_owned(), created: missing(folder), lock: None };
        let made = fs::create_dir_all(folder).map_err(|error| unwritable(&error));
        made.and_then(|()| output.prepare(overwrite)).map_err(|error| error.at(folder))?;
        Ok(output)
    }

    fn prepare(&mut self, overwrite: bool) -> Result<()> {
        let interrupted = self.staging().is_dir();
        // Looked at before anything is written: a refused folder stays as it is.
        if !overwrite && let Some(other) = self.foreign(interrupted)? {
            let message = format!("holds other things ({other}); give an empty folder, or --overwrite to write there");
            return Err(Error::new(Kind::Output, message));
        }
        let busy = "is being written by another run; wait for it, or give another folder";
        self.lock = Some(lock_staging(&self.staging(), busy)?);
        self.restore().map_err(|error| unwritable(&error))?;
        remove(&self.staging().join(NEW)).map_err(|error| unwritable(&error))?;
        fs::create_dir(self.staging().join(NEW)).map_err(|error| unwritable(&error))
    }

    /// Something in the folder that no run wrote. The outputs' names alone do not make them ours: `run.json` has to say
    /// so, or the traces of a killed run.
    fn foreign(&self, interrupted: bool) -> Result<Option<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| unwritable(&error))? {
            names.push(entry.map_err(|error| unwritable(&error))?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name != STAGING);
        names.sort();
        let ours = interrupted || self.has_run();
        Ok(names.into_iter().find(|name| !ours || !OUTPUTS.contains(&name.as_str())))
    }

    fn has_run(&self) -> bool {
        let mut text = String::new();
        let file = File::open(self.folder.join(RUN));
        file.is_ok_and(|file| file.take(1 << 20).read_to_string(&mut text).is_ok()) && text.contains("\"anabranch\"")
    }

    fn staging(&self) -> PathBuf {
        self.folder.join(STAGING)
    }

    /// The folder itself, as the user wrote it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where an output is to be written until it is put in place.
    ///
    /// # Panics
    /// Where the name is not among [`OUTPUTS`].
    pub fn path(&self, name: &str) -> PathBuf {
        Self::staged(&self.folder, name)
    }

    /// Where a run that writes to a folder has an output until it is put in place: for its other processes.
    ///
    /// # Panics
    /// Where the name is not among [`OUTPUTS`].
    pub fn staged(folder: &Path, name: &str) -> PathBuf {
        assert!(OUTPUTS.contains(&name), "{name} is the name of an output");
        folder.join(STAGING).join(NEW).join(name)
    }

    /// Writes a whole output.
    ///
    /// # Errors
    /// `Io` where the disk is full or the write fails, `Output` where it is not allowed.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        fs::write(self.path(name), bytes).map_err(|error| self.write_error(name, &error))
    }

    /// The error of a failed write to an output, for those that are written piece by piece.
    pub fn write_error(&self, name: &str, error: &io::Error) -> Error {
        write_failed(error).at(self.folder.join(name))
    }

    /// Puts all that was written in place, and removes what an earlier run wrote and this one did not. Where that
    /// fails, the earlier run's outputs are put back.
    ///
    /// # Errors
    /// `Io` where files cannot be brought to the disk or moved.
    pub fn commit(mut self) -> Result<()> {
        let (new, old) = (self.staging().join(NEW), self.staging().join(OLD));
        let moved = self.sync(&new).and_then(|()| {
            fs::create_dir(&old)?;
            self.move_all(&self.folder, &old)?;
            self.move_all(&new, &self.folder)
        });
        if let Err(error) = moved {
            let error = write_failed(&error).at(&self.folder);
            return match self.restore() {
                Ok(()) => Err(error),
                Err(_) => {
                    // Dropping would remove them.
                    let kept = self.staging().join(OLD);
                    std::mem::forget(self);
                    Err(error.because(format!("the earlier outputs are in {}", kept.display())))
                }
            };
        }
        self.created.clear();
        Ok(())
    }

    fn sync(&self, new: &Path) -> io::Result<()> {
        for name in OUTPUTS {
            let path = new.join(name);
            if path.is_file() {
                File::options().append(true).open(path)?.sync_all()?;
            }
        }
        Ok(())
    }

    /// Moves the outputs that are in a folder to another one.
    fn move_all(&self, from: &Path, to: &Path) -> io::Result<()> {
        for name in OUTPUTS {
            match fs::rename(from.join(name), to.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts an earlier run's outputs back that were to be replaced; those already replaced are not complete.
    fn restore(&self) -> io::Result<()> {
        let old = self.staging().join(OLD);
        if !old.is_dir() {
            return Ok(());
        }
        for name in OUTPUTS {
            if old.join(name).exists() {
                remove(&self.folder.join(name))?;
                fs::rename(old.join(name), self.folder.join(name))?;
            }
        }
        fs::remove_dir(old)
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        // A folder that was refused, or is another run's, is left as it is.
        if let Some(lock) = self.lock.take() {
            drop(lock);
            let _ = fs::remove_dir_all(self.staging());
        }
        for folder in &self.created {
            // Only where it is empty.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The folders that would have to be made for one to be there, innermost first.
pub(super) fn missing(folder: &Path) -> Vec<PathBuf> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    missing.map(Path::to_owned).collect()
}

/// Removes a file or a folder, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder to stage in, and locks it for as long as the file that comes back is open; the error says what is `busy`
/// where another program has it.
pub(super) fn lock_staging(staging: &Path, busy: &str) -> Result<File> {
    fs::create_dir_all(staging).map_err(|error| unwritable(&error))?;
    let lock = File::create(staging.join(LOCK)).map_err(|error| {
        // Only where it is empty.
        let _ = fs::remove_dir(staging);
        unwritable(&error)
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(Error::new(Kind::Output, busy)),
        Err(fs::TryLockError::Error(error)) => Err(unwritable(&error)),
    }
}

/// The error of an output folder that cannot be made or written.
pub(super) fn unwritable(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            Error::new(Kind::Output, "is not a folder; give another path for the outputs")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => write_failed(error),
        _ => Error::new(Kind::Output, "cannot be written; give another folder for the outputs").because(error),
    }
}

/// What is in a folder.
#[cfg(test)]
pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN_TEXT: &str = r#"{"program": "anabranch"}"#;

    fn run(folder: &Path, table: &str) {
        let output = OutputFolder::create(folder, false).unwrap();
        output.write("branches.csv", table).unwrap();
        output.write(RUN, RUN_TEXT).unwrap();
        output.commit().unwrap();
    }

    #[test]
    fn outputs_are_put_in_place_together_and_replace_an_earlier_runs() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        run(&folder, "first");
        assert_eq!(names(&folder), ["branches.csv", "run.json"]);
        let output = OutputFolder::create(&folder, false).unwrap();
        fs::create_dir(output.path("skeleton.zarr")).unwrap();
        fs::write(output.path("skeleton.zarr").join("zarr.json"), "{}").unwrap();
        output.write(RUN, RUN_TEXT).unwrap();
        assert_eq!(fs::read_to_string(folder.join("branches.csv")).unwrap(), "first");
        output.commit().unwrap();
        // The table of the earlier run is none of this one's.
        assert_eq!(names(&folder), ["run.json", "skeleton.zarr"]);
        run(&folder, "third");
        assert_eq!(names(&folder), ["branches.csv", "run.json"]);
    }

    #[test]
    fn a_run_that_fails_leaves_everything_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new/out");
        let output = OutputFolder::create(&folder, false).unwrap();
        output.write("branches.csv", "half").unwrap();
        drop(output);
        assert!(!root.path().join("new").exists());
        run(&folder, "first");
        let output = OutputFolder::create(&folder, false).unwrap();
        output.write("branches.csv", "half").unwrap();
        drop(output);
        assert_eq!(names(&folder), ["branches.csv", "run.json"]);
        assert_eq!(fs::read_to_string(folder.join("branches.csv")).unwrap(), "first");
    }

    #[test]
    fn a_folder_with_other_things_is_refused_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::write(folder.join("thesis.txt"), "years").unwrap();
        let error = OutputFolder::create(folder, false).unwrap_err();
        assert_eq!(error.kind(), Kind::Output);
        assert!(error.to_string().contains("holds other things (thesis.txt)"), "{error}");
        assert_eq!(names(folder), ["thesis.txt"]);
        let output = OutputFolder::create(folder, true).unwrap();
        output.write(RUN, RUN_TEXT).unwrap();
        output.commit().unwrap();
        assert_eq!(names(folder), ["run.json", "thesis.txt"]);
        // Somebody else's file of the same name, without our run.json.
        fs::write(folder.join(RUN), "{}").unwrap();
        fs::remove_file(folder.join("thesis.txt")).unwrap();
        assert_eq!(OutputFolder::create(folder, false).unwrap_err().kind(), Kind::Output);
    }

    #[test]
    fn what_a_killed_run_left_is_cleared_away() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        run(folder, "first");
        // Killed while it wrote.
        let mut output = OutputFolder::create(folder, false).unwrap();
        output.write("branches.csv", "half").unwrap();
        drop(output.lock.take());
        drop(output);
        assert_eq!(names(folder), [STAGING, "branches.csv", "run.json"]);
        // Killed while it put its outputs in place: the table is new already, the rest is not.
        let old = folder.join(STAGING).join(OLD);
        fs::create_dir(&old).unwrap();
        fs::rename(folder.join("branches.csv"), old.join("branches.csv")).unwrap();
        fs::rename(folder.join(RUN), old.join(RUN)).unwrap();
        fs::write(folder.join("branches.csv"), "second").unwrap();
        let output = OutputFolder::create(folder, false).unwrap();
        assert!(!output.path("branches.csv").exists());
        drop(output);
        assert_eq!(names(folder), ["branches.csv", "run.json"]);
        assert_eq!(fs::read_to_string(folder.join("branches.csv")).unwrap(), "first");
    }

    #[test]
    fn two_runs_do_not_share_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let first = OutputFolder::create(root.path(), false).unwrap();
        let error = OutputFolder::create(root.path(), true).unwrap_err();
        assert!(error.to_string().contains("is being written by another run"), "{error}");
        first.write(RUN, RUN_TEXT).unwrap();
        first.commit().unwrap();
        assert_eq!(names(root.path()), ["run.json"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let long = root.path().join("new").join("n".repeat(300));
        for path in [file.clone(), file.join("out"), long] {
            let error = OutputFolder::create(&path, true).unwrap_err();
            assert_eq!(error.kind(), Kind::Output, "{error}");
            assert_eq!(names(root.path()), ["file"]);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said() {
        let root = tempfile::tempdir().unwrap();
        let output = OutputFolder::create(root.path(), false).unwrap();
        std::os::unix::fs::symlink("/dev/full", output.path("branches.csv")).unwrap();
        let error = output.write("branches.csv", "table").unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().contains("the disk is full"), "{error}");
    }
}
