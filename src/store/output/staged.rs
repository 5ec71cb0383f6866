//! A folder or a file that is put in place as a whole: written in a hidden folder beside its place, and renamed at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::staging::{DONE, OLD, Remover, STAGING, Staging, is_folder, unwritable};
use crate::error::{Error, Kind, Result};
use crate::store::disk::{self, There, what_is};
use crate::store::file::write_failed;

/// The attribute of a Zarr group that marks it as written by this program.
#[cfg(any(feature = "zarr", feature = "tiff"))]
pub(super) const WRITER: &str = "anabranch";

/// The file in a folder of exports that tells what is in it, and marks it as written by this program.
pub const EXPORT_RECORD: &str = "export.json";

/// Name of the file, while it is in the folder of a run.
const FILE: &str = "file";

/// The kinds of folders that may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Nothing.
    Nothing,
    /// An image composed by this program: a Zarr group with its attribute.
    Image,
    /// A Zarr array, which the caller has checked.
    Array,
    /// A folder of exports, by the record in it.
    Exports,
}

/// A folder that is being written. Until [`StagedFolder::commit`] its place is empty, or holds the earlier folder; if
/// this is dropped before, nothing of the new one remains.
#[derive(Debug)]
pub struct StagedFolder {
    place: PathBuf,
    /// The hidden folder beside the place.
    hidden: PathBuf,
    staging: Staging,
}

impl StagedFolder {
    /// Stages a folder for a path, where at most an empty folder exists, or one that may be replaced.
    ///
    /// First removes the leftovers of a killed program there; a folder that it was replacing is put back.
    ///
    /// # Errors
    /// Of kind `Output` if the path holds something else, another program writes there, or it cannot be written.
    pub fn create(place: impl AsRef<Path>, overwrite: Overwrite) -> Result<Self> {
        let place = place.as_ref();
        let hidden = hidden(place)?;
        refuse_existing(place, overwrite)?;
        let staging = begin(place, &hidden)?;
        let staged = StagedFolder { place: place.to_owned(), hidden, staging };
        staged.restore().map_err(|error| unwritable(&error).at(place))?;
        // A folder may have been put back there.
        refuse_existing(place, overwrite)?;
        Ok(staged)
    }

    /// The path of the folder until it is put in place.
    pub fn path(&self) -> PathBuf {
        Staging::new_folder_of(&self.hidden, self.staging.run())
    }

    /// The path of the hidden folder beside a place in which folders are staged.
    pub fn hidden(place: &Path) -> Option<PathBuf> {
        hidden(place).ok()
    }

    /// Removes the staged folder, from another thread.
    pub fn remover(&self) -> Remover {
        self.staging.remover()
    }

    /// Puts the folder in its place, and removes the earlier one. If this fails, the earlier one stays.
    ///
    /// When it returns, the folder is synced to the disk. After a power failure before that, the place has either the
    /// earlier folder or the new one, after the next call for the same place at the latest.
    ///
    /// # Errors
    /// `Io` or `Output` if folders cannot be synced or renamed.
    pub fn commit(self) -> Result<()> {
        self.staging.finish(|above| {
            let Err(error) = disk::sync_tree(&self.path()).and_then(|()| self.put_in_place(above)) else {
                return Ok(());
            };
            let error = write_failed(&error).at(&self.place);
            Err(match self.restore() {
                Ok(()) => error,
                Err(_) => error.because(format!("what was there is in {}", self.hidden.join(OLD).display())),
            })
        })
    }

    fn put_in_place(&self, above: &[PathBuf]) -> io::Result<()> {
        if disk::rename_if_there(&self.place, &self.hidden.join(OLD))? {
            disk::sync_folder(&self.hidden)?;
        }
        disk::rename(&self.path(), &self.place)?;
        disk::sync_folder(folder_of(&self.place))?;
        above.iter().try_for_each(|folder| disk::sync_folder(folder))?;
        disk::rename_if_there(&self.hidden.join(OLD), &self.hidden.join(DONE)).map(|_| ())
    }

    /// Puts back the earlier folder, unless it has been replaced.
    fn restore(&self) -> io::Result<()> {
        let old = self.hidden.join(OLD);
        match what_is(&self.place)? {
            There::Nothing => disk::rename_if_there(&old, &self.place).map(|_| ()),
            _ => disk::remove(&old),
        }
    }
}

/// Replaces a file as a whole, synced to the disk when this returns. It is first written in a hidden folder beside its
/// place.
///
/// # Errors
/// Of kind `Output` if the place holds something other than a file, another program writes it, or it cannot be written;
/// `Io` if the disk is full or a write fails. The earlier file stays.
pub fn put_file(place: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let place = place.as_ref();
    let hidden = hidden(place)?;
    if place.exists() && !place.is_file() {
        return Err(Error::new(Kind::Output, "is there, and is no file; give another path").at(place));
    }
    let staging = begin(place, &hidden)?;
    let file = Staging::new_folder_of(&hidden, staging.run()).join(FILE);
    staging.finish(|above| {
        let written = disk::write(&file, bytes).and_then(|()| disk::sync_file(&file));
        let moved =
            written.and_then(|()| disk::rename(&file, place)).and_then(|()| disk::sync_folder(folder_of(place)));
        let moved = moved.and_then(|()| above.iter().try_for_each(|folder| disk::sync_folder(folder)));
        moved.map_err(|error| write_failed(&error).at(place))
    })
}

fn begin(place: &Path, hidden: &Path) -> Result<Staging> {
    is_folder(hidden)?;
    let busy = "is being written by another program; wait for it, or give another path";
    let placed = |error: Error| if error.is_placed() { error } else { error.at(place) };
    Staging::begin(hidden.to_owned(), busy).map_err(placed)
}

/// The folder in which the content of a place is staged.
fn hidden(place: &Path) -> Result<PathBuf> {
    let Some(name) = place.file_name() else {
        return Err(Error::new(Kind::Output, "has no name; give a path that ends in one").at(place));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(STAGING);
    Ok(folder_of(place).join(hidden))
}

fn folder_of(place: &Path) -> &Path {
    place.parent().unwrap_or(Path::new(""))
}

/// Refuses a path with something that may not be replaced.
fn refuse_existing(place: &Path, overwrite: Overwrite) -> Result<()> {
    let refused = |message: &str| Err(Error::new(Kind::Output, message).at(place));
    let are_exports = || place.join(EXPORT_RECORD).is_file();
    let is_array = || overwrite == Overwrite::Array && place.join("zarr.json").is_file();
    match fs::read_dir(place).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(_) if is_array() => Ok(()),
        Ok(_) if overwrite == Overwrite::Exports && are_exports() => Ok(()),
        Ok(_) if are_exports() => refused("holds exports already; give another path, or --overwrite to replace them"),
        Ok(_) if !is_ours(place) => {
            refused("is there already, and this program has not written it; give another path, or remove it first")
        }
        Ok(_) if overwrite != Overwrite::Image => {
            refused("is there already; give another path, or --overwrite to replace it")
        }
        // Drawn by people with other programs, as OME-Zarr has it.
        Ok(_) if place.join("labels").exists() => {
            refused("has labels, which would be lost; move the folder labels out of it, or give another path")
        }
        Ok(_) => Ok(()),
        Err(_) if place.symlink_metadata().is_ok() => {
            refused("is there already; give another path, or remove it first")
        }
        // Other errors appear when the folder is created.
        Err(_) => Ok(()),
    }
}

/// Returns whether a folder is a Zarr group that this program has written.
#[cfg(any(feature = "zarr", feature = "tiff"))]
fn is_ours(folder: &Path) -> bool {
    /// Longest metadata of a group, in bytes.
    const METADATA: u64 = 16 << 20;
    let mut text = String::new();
    let file = disk::no_links().open(folder.join("zarr.json"));
    let read = file.and_then(|file| io::Read::read_to_string(&mut io::Read::take(file, METADATA), &mut text));
    let metadata: Option<serde_json::Value> = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    metadata.is_some_and(|metadata| metadata["attributes"][WRITER].is_object())
}

/// Always false here, where such groups are neither written nor read.
#[cfg(not(any(feature = "zarr", feature = "tiff")))]
fn is_ours(_: &Path) -> bool {
    false
}

#[cfg(all(test, any(feature = "zarr", feature = "tiff")))]
mod tests {
    use super::*;
    use crate::store::output::staging::names;

    fn metadata(text: &str) -> String {
        format!(r#"{{"attributes":{{"anabranch":{{}},"text":"{text}"}}}}"#)
    }

    fn write(place: &Path, text: &str, overwrite: Overwrite) -> Result<()> {
        let staged = StagedFolder::create(place, overwrite)?;
        fs::write(staged.path().join("zarr.json"), metadata(text)).unwrap();
        staged.commit()
    }

    fn text(place: &Path) -> String {
        let metadata: serde_json::Value = serde_json::from_slice(&fs::read(place.join("zarr.json")).unwrap()).unwrap();
        metadata["attributes"]["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_folder_is_there_as_a_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a/b.zarr");
        let staged = StagedFolder::create(&place, Overwrite::Nothing).unwrap();
        fs::write(staged.path().join("zarr.json"), "half").unwrap();
        assert!(!place.exists());
        drop(staged);
        assert_eq!(names(root.path()), [""; 0]);
        write(&place, "first", Overwrite::Nothing).unwrap();
        assert_eq!((text(&place).as_str(), names(&root.path().join("a"))), ("first", vec!["b.zarr".to_owned()]));
    }

    #[test]
    fn only_what_this_program_wrote_is_replaced_and_only_when_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("b.zarr");
        write(&place, "first", Overwrite::Nothing).unwrap();
        let error = write(&place, "second", Overwrite::Nothing).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("--overwrite"), "{error}");
        assert_eq!(text(&place), "first");
        fs::write(place.join("more"), "").unwrap();
        write(&place, "second", Overwrite::Image).unwrap();
        assert_eq!((text(&place).as_str(), names(&place)), ("second", vec!["zarr.json".to_owned()]));
        assert_eq!(names(root.path()), ["b.zarr"]);
        fs::create_dir(place.join("labels")).unwrap();
        let error = write(&place, "third", Overwrite::Image).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("has labels"), "{error}");
        fs::remove_dir(place.join("labels")).unwrap();
        let [photos, notes] = ["photos", "notes.txt"].map(|name| root.path().join(name));
        fs::create_dir(&photos).unwrap();
        let foreign = root.path().join("foreign.zarr");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("zarr.json"), r#"{"node_type":"group","attributes":{"ome":{}}}"#).unwrap();
        write(&photos, "into an empty folder", Overwrite::Nothing).unwrap();
        fs::remove_file(photos.join("zarr.json")).unwrap();
        fs::write(photos.join("1.jpg"), "").unwrap();
        fs::write(&notes, "mine").unwrap();
        for place in [&foreign, &photos, &notes, &notes.join("b.zarr"), &root.path().join("..")] {
            assert_eq!(
                write(place, "third", Overwrite::Image).unwrap_err().kind(),
                Kind::Output,
                "{}",
                place.display()
            );
        }
        assert_eq!(names(root.path()), ["b.zarr", "foreign.zarr", "notes.txt", "photos"]);
    }

    #[test]
    fn what_a_killed_program_left_is_cleared_away() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("b.zarr");
        write(&place, "first", Overwrite::Nothing).unwrap();
        let killed = || {
            let staged = StagedFolder::create(&place, Overwrite::Image).unwrap();
            fs::write(staged.path().join("zarr.json"), "half").unwrap();
            staged.staging.kill();
            staged.hidden.clone()
        };
        // Killed while it wrote.
        let staging = killed();
        assert_eq!(names(root.path()).len(), 2);
        write(&place, "second", Overwrite::Image).unwrap();
        assert_eq!((text(&place).as_str(), names(root.path())), ("second", vec!["b.zarr".to_owned()]));
        // Killed between the two renames: the earlier folder is put back, and still may not be overwritten.
        killed();
        fs::rename(&place, staging.join(OLD)).unwrap();
        assert!(write(&place, "third", Overwrite::Nothing).unwrap_err().to_string().contains("--overwrite"));
        assert_eq!((text(&place).as_str(), names(root.path())), ("second", vec!["b.zarr".to_owned()]));
        // Killed after them.
        killed();
        fs::create_dir(staging.join(OLD)).unwrap();
        drop(StagedFolder::create(&place, Overwrite::Image).unwrap());
        assert_eq!((text(&place).as_str(), names(root.path())), ("second", vec!["b.zarr".to_owned()]));
    }

    #[test]
    fn two_programs_do_not_write_one_folder() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("b.zarr");
        let first = StagedFolder::create(&place, Overwrite::Nothing).unwrap();
        let error = StagedFolder::create(&place, Overwrite::Image).unwrap_err();
        assert!(error.to_string().contains("is being written by another program"), "{error}");
        first.commit().unwrap();
        assert_eq!(names(root.path()), ["b.zarr"]);
    }
}
