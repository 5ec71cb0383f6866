//! A folder that is put in place as a whole: written under a hidden name beside its place, and renamed at the end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::{NEW, OLD, STAGING, lock_staging, missing, remove, unwritable};
use crate::error::{Error, Kind, Result};
use crate::store::file::write_failed;

/// A folder that is being written. Until [`StagedFolder::commit`] nothing is at its place, or what was there before;
/// dropped without it, nothing is left of this one.
#[derive(Debug)]
pub struct StagedFolder {
    place: PathBuf,
    /// Beside the place, with the folder that is being written in it.
    staging: PathBuf,
    /// Folders above the place that were made for it, innermost first.
    created: Vec<PathBuf>,
    /// Locked while this one writes; closed before it is removed.
    lock: Option<File>,
}

impl StagedFolder {
    /// A folder that will be at a path, where nothing is yet but maybe an empty folder. With `overwrite` it takes the
    /// place of a Zarr array or group.
    ///
    /// What a killed program has left there is cleared away first; a folder that it was replacing is put back.
    ///
    /// # Errors
    /// Of kind `Output` where something else is at the path, another program writes there, or it cannot be written.
    pub fn create(place: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        let place = place.as_ref();
        let Some(name) = place.file_name() else {
            return Err(Error::new(Kind::Output, "has no name; give the path of a new folder").at(place));
        };
        let above = place.parent().unwrap_or(Path::new(""));
        let staging = above.join(format!(".{}{STAGING}", name.to_string_lossy()));
        refuse_existing(place, overwrite)?;
        // Dropped where anything fails from here on, which removes the folders made up to there.
        let mut staged = StagedFolder { place: place.to_owned(), staging, created: missing(above), lock: None };
        staged.prepare().map_err(|error| error.at(place))?;
        // Something may have been put back there.
        refuse_existing(place, overwrite)?;
        Ok(staged)
    }

    fn prepare(&mut self) -> Result<()> {
        let busy = "is being written by another program; wait for it, or give another path";
        self.lock = Some(lock_staging(&self.staging, busy)?);
        self.restore().map_err(|error| unwritable(&error))?;
        remove(&self.path()).map_err(|error| unwritable(&error))?;
        fs::create_dir(self.path()).map_err(|error| unwritable(&error))
    }

    /// Where the folder is until it is put in place.
    pub fn path(&self) -> PathBuf {
        self.staging.join(NEW)
    }

    /// Puts the folder in its place, and removes what was there. Where that fails, what was there stays.
    ///
    /// # Errors
    /// `Io` or `Output` where folders cannot be renamed.
    pub fn commit(mut self) -> Result<()> {
        let moved =
            move_if_there(&self.place, &self.staging.join(OLD)).and_then(|()| fs::rename(self.path(), &self.place));
        if let Err(error) = moved {
            let error = write_failed(&error).at(&self.place);
            return match self.restore() {
                Ok(()) => Err(error),
                Err(_) => {
                    // Dropping would remove it.
                    let kept = self.staging.join(OLD);
                    std::mem::forget(self);
                    Err(error.because(format!("what was there is in {}", kept.display())))
                }
            };
        }
        self.created.clear();
        Ok(())
    }

    /// Puts back what was to be replaced, unless it has been.
    fn restore(&self) -> io::Result<()> {
        let old = self.staging.join(OLD);
        if self.place.symlink_metadata().is_ok() { remove(&old) } else { move_if_there(&old, &self.place) }
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        // A place that was refused, or is another program's, is left as it is.
        if let Some(lock) = self.lock.take() {
            drop(lock);
            let _ = fs::remove_dir_all(&self.staging);
        }
        for folder in &self.created {
            // Only where it is empty.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Refuses a path where something is that may not be replaced.
fn refuse_existing(place: &Path, overwrite: bool) -> Result<()> {
    let refused = |message: &str| Err(Error::new(Kind::Output, message).at(place));
    let is_zarr = || ["zarr.json", ".zgroup", ".zarray"].iter().any(|name| place.join(name).is_file());
    match fs::read_dir(place) {
        Ok(mut entries) => match (entries.next().is_none(), is_zarr()) {
            (true, _) => Ok(()),
            (_, true) if overwrite => Ok(()),
            (_, true) => refused("is there already; give another path, or --overwrite to replace it"),
            _ => refused("is there already, and is no Zarr array or group; give another path, or remove it first"),
        },
        Err(_) if place.symlink_metadata().is_ok() => {
            refused("is there already; give another path, or remove it first")
        }
        // Whatever else is wrong shows when it is made.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::output::folder::names;

    fn write(place: &Path, text: &str, overwrite: bool) -> Result<()> {
        let staged = StagedFolder::create(place, overwrite)?;
        fs::write(staged.path().join("zarr.json"), text).unwrap();
        staged.commit()
    }

    fn text(place: &Path) -> String {
        fs::read_to_string(place.join("zarr.json")).unwrap()
    }

    #[test]
    fn a_folder_is_there_as_a_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a/b.zarr");
        let staged = StagedFolder::create(&place, false).unwrap();
        fs::write(staged.path().join("zarr.json"), "half").unwrap();
        assert!(!place.exists());
        drop(staged);
        assert_eq!(names(root.path()), [""; 0]);
        write(&place, "first", false).unwrap();
        assert_eq!((text(&place).as_str(), names(&root.path().join("a"))), ("first", vec!["b.zarr".to_owned()]));
    }

    #[test]
    fn only_a_zarr_is_replaced_and_only_when_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("b.zarr");
        write(&place, "first", false).unwrap();
        let error = write(&place, "second", false).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("--overwrite"), "{error}");
        assert_eq!(text(&place), "first");
        fs::write(place.join("more"), "").unwrap();
        write(&place, "second", true).unwrap();
        assert_eq!((text(&place).as_str(), names(&place)), ("second", vec!["zarr.json".to_owned()]));
        assert_eq!(names(root.path()), ["b.zarr"]);
        let [photos, notes] = ["photos", "notes.txt"].map(|name| root.path().join(name));
        fs::create_dir(&photos).unwrap();
        write(&photos, "into an empty folder", false).unwrap();
        fs::remove_file(photos.join("zarr.json")).unwrap();
        fs::write(photos.join("1.jpg"), "").unwrap();
        fs::write(&notes, "mine").unwrap();
        for place in [&photos, &notes, &notes.join("b.zarr"), &root.path().join("..")] {
            assert_eq!(write(place, "third", true).unwrap_err().kind(), Kind::Output, "{}", place.display());
        }
        assert_eq!(names(root.path()), ["b.zarr", "notes.txt", "photos"]);
    }

    #[test]
    fn what_a_killed_program_left_is_cleared_away() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("b.zarr");
        write(&place, "first", false).unwrap();
        let killed = || {
            let mut staged = StagedFolder::create(&place, true).unwrap();
            fs::write(staged.path().join("zarr.json"), "half").unwrap();
            drop(staged.lock.take());
            let staging = staged.staging.clone();
            std::mem::forget(staged);
            staging
        };
        // While it wrote.
        let staging = killed();
        assert_eq!(names(root.path()).len(), 2);
        write(&place, "second", true).unwrap();
        assert_eq!((text(&place).as_str(), names(root.path())), ("second", vec!["b.zarr".to_owned()]));
        // Between the two renames: what was there is put back, and may still not be overwritten.
        killed();
        fs::rename(&place, staging.join(OLD)).unwrap();
        assert!(write(&place, "third", false).unwrap_err().to_string().contains("--overwrite"));
        assert_eq!((text(&place).as_str(), names(root.path())), ("second", vec!["b.zarr".to_owned()]));
        // After them.
        killed();
        fs::create_dir(staging.join(OLD)).unwrap();
        drop(StagedFolder::create(&place, true).unwrap());
        assert_eq!((text(&place).as_str(), names(root.path())), ("second", vec!["b.zarr".to_owned()]));
    }

    #[test]
    fn two_programs_do_not_write_one_folder() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("b.zarr");
        let first = StagedFolder::create(&place, false).unwrap();
        let error = StagedFolder::create(&place, true).unwrap_err();
        assert!(error.to_string().contains("is being written by another program"), "{error}");
        first.commit().unwrap();
        assert_eq!(names(root.path()), ["b.zarr"]);
    }
}
