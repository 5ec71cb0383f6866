//! Several entries of a folder, replaced together by others that are staged.
//!
//! At all times the folder holds the earlier entries or the new ones, or [`Swap::recover`] restores this. Without the mark
//! `replaced-<run>` in the staging folder, it puts the earlier ones back; with the mark, it puts the new ones in place, which
//! are complete and synced by then. After a power failure this holds if the file system keeps the order of renames, like
//! those with a journal.

use std::io;
use std::path::{Path, PathBuf};

use super::staging::{DONE, OLD, Staging, complete, is_folder, replaced, unwritable};
use crate::error::Result;
use crate::store::disk::{self, There, what_is};
use crate::store::file::write_failed;

/// The entries of a folder with some names, and the staging folder for those that replace them.
pub(super) struct Swap<'a> {
    pub(super) folder: &'a Path,
    pub(super) staging: PathBuf,
    /// In this order they are put in place.
    pub(super) names: &'a [&'a str],
}

impl Swap<'_> {
    /// Puts all staged entries of a run in place, and removes the earlier ones that it did not write. If this fails, the
    /// earlier ones are put back. `above` are folders in which others were created for the staging folder.
    ///
    /// # Errors
    /// `Io` if entries cannot be synced or moved.
    pub(super) fn swap_in(&self, run: &str, above: &[PathBuf]) -> Result<()> {
        let synced = disk::sync_tree(&self.new_folder(run)).and_then(|()| self.make_way(run, above));
        let Err(error) = synced.and_then(|()| self.put_in_place(run)) else { return Ok(()) };
        let error = write_failed(&error).at(self.folder);
        Err(match self.withdraw(run) {
            Ok(()) => error,
            Err(_) => error.because(format!("the next run there puts in order what is in {}", self.staging.display())),
        })
    }

    /// Repairs the leftovers of killed runs.
    ///
    /// # Errors
    /// `Output` or `Io` if entries cannot be moved.
    pub(super) fn recover(&self) -> Result<()> {
        let failed = |error: io::Error| unwritable(&error);
        for run in complete(&self.staging).map_err(failed)? {
            let whole = is_folder(&self.new_folder(&run))? && is_folder(&self.staging.join(replaced(&run)))?;
            if whole {
                self.put_in_place(&run).map_err(failed)?;
            }
        }
        if is_folder(&self.staging.join(OLD))? {
            self.restore().map_err(failed)?;
        }
        Ok(())
    }

    fn new_folder(&self, run: &str) -> PathBuf {
        Staging::new_folder_of(&self.staging, run)
    }

    /// Moves the present entries out of the way, and sets the mark that those of this run are complete.
    pub(super) fn make_way(&self, run: &str, above: &[PathBuf]) -> io::Result<()> {
        let old = self.staging.join(OLD);
        disk::make_folder(&old)?;
        disk::sync_folder(&self.staging)?;
        above.iter().try_for_each(|folder| disk::sync_folder(folder))?;
        // From here until the new entries are in place the folder has none, so nothing is synced in between.
        for name in self.names {
            disk::rename_if_there(&self.folder.join(name), &old.join(name))?;
        }
        disk::rename(&old, &self.staging.join(replaced(run)))
    }

    /// Puts the complete entries of a run in place, and removes its mark.
    fn put_in_place(&self, run: &str) -> io::Result<()> {
        let new = self.new_folder(run);
        for name in self.names {
            self.move_in(&new, name)?;
        }
        disk::sync_folder(self.folder)?;
        disk::rename(&self.staging.join(replaced(run)), &self.staging.join(DONE))?;
        disk::sync_folder(&self.staging)
    }

    /// Moves an entry from a folder to its place, if it exists.
    fn move_in(&self, from: &Path, name: &str) -> io::Result<()> {
        if what_is(&from.join(name))? == There::Nothing {
            return Ok(());
        }
        let place = self.folder.join(name);
        if what_is(&place)? != There::Nothing {
            // Somebody else has put a file there meanwhile, which must not be replaced.
            return Err(io::Error::other(format!("{name} has come there meanwhile: move it")));
        }
        disk::rename(&from.join(name), &place)
    }

    /// Withdraws the entries of a run, and puts the earlier ones back in place.
    fn withdraw(&self, run: &str) -> io::Result<()> {
        let (mark, new) = (self.staging.join(replaced(run)), self.new_folder(run));
        if what_is(&mark)? == There::Folder {
            for name in self.names {
                if what_is(&new.join(name))? == There::Nothing {
                    disk::rename_if_there(&self.folder.join(name), &new.join(name))?;
                }
            }
            disk::rename(&mark, &self.staging.join(OLD))?;
        }
        self.restore()
    }

    /// Puts back the earlier entries that were moved out of the way.
    fn restore(&self) -> io::Result<()> {
        let old = self.staging.join(OLD);
        if what_is(&old)? != There::Folder {
            return Ok(());
        }
        for name in self.names {
            self.move_in(&old, name)?;
        }
        disk::sync_folder(self.folder)?;
        disk::remove(&old)
    }
}
