//! Files of one folder that are put in place together: staged in a hidden folder beside them, and renamed at the end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::staging::{Remover, STAGING, Staging, is_folder};
use super::swap::Swap;
use crate::error::{Error, Kind, Result};
use crate::store::disk;
use crate::store::file::write_failed;

/// Which files may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// None.
    Nothing,
    /// Those that this program has written before, by the record among them.
    Own,
}

/// Several files that are being written. Until [`StagedFiles::commit`] their places are empty, or hold the earlier files; if
/// this is dropped before, nothing of the new ones remains.
#[derive(Debug)]
pub struct StagedFiles {
    folder: PathBuf,
    hidden: PathBuf,
    staging: Staging,
    names: Vec<String>,
}

impl StagedFiles {
    /// Stages files with these names in a folder, which is made if it does not exist. The last one is their record: JSON
    /// with `"program": "anabranch"` and `"kind"`, which tells that this program has written them all.
    ///
    /// First repairs what a killed program left there.
    ///
    /// # Errors
    /// Of kind `Output` if one of the files exists and may not be replaced, another program writes there, or it cannot be
    /// written.
    ///
    /// # Panics
    /// If there is no name.
    pub fn create(folder: impl AsRef<Path>, names: Vec<String>, kind: &'static str, replace: Replace) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        // Checked before anything is written.
        StagedFiles::check(&folder, &names, kind, replace)?;
        let record = names.last().expect("files have a record");
        let hidden = hidden(&folder, record);
        let busy = "is being written by another program; wait for it, or give another path";
        let at = |error: Error| if error.is_placed() { error } else { error.at(folder.join(record)) };
        let staging = Staging::begin(hidden.clone(), busy).map_err(at)?;
        let staged = StagedFiles { folder: folder.clone(), hidden, staging, names: names.clone() };
        staged.swap(&staged.names()).recover().map_err(at)?;
        // Files may have been put back there.
        refuse_existing(&folder, &names, kind, replace)?;
        Ok(staged)
    }

    /// Refuses what [`StagedFiles::create`] would refuse because of files that are there; writes nothing. What a killed program
    /// left half done is repaired there, and not refused here.
    ///
    /// # Errors
    /// Of kind `Output` if one of the files exists and may not be replaced.
    pub fn check(folder: impl AsRef<Path>, names: &[String], kind: &str, replace: Replace) -> Result<()> {
        let folder = folder.as_ref();
        match names.last() {
            Some(record) if !is_folder(&hidden(folder, record))? => refuse_existing(folder, names, kind, replace),
            _ => Ok(()),
        }
    }

    /// The path of a file until it is put in place.
    pub fn path(&self, name: &str) -> PathBuf {
        Staging::new_folder_of(&self.hidden, self.staging.run()).join(name)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// `Io` if the disk is full or the write fails, `Output` if it is not allowed.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let written = disk::write(&self.path(name), bytes.as_ref());
        written.map_err(|error| write_failed(&error).at(self.folder.join(name)))
    }

    /// Removes the staged files, from another thread.
    pub fn remover(&self) -> Remover {
        self.staging.remover()
    }

    /// Puts all written files in place, synced to the disk, and removes earlier ones that were not written again. If this
    /// fails, the earlier ones stay.
    ///
    /// # Errors
    /// `Io` if files cannot be synced or moved.
    pub fn commit(self) -> Result<()> {
        self.staging.finish(|above| self.swap(&self.names()).swap_in(self.staging.run(), above))
    }

    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn swap<'a>(&'a self, names: &'a [&'a str]) -> Swap<'a> {
        Swap { folder: &self.folder, staging: self.hidden.clone(), names }
    }
}

/// The folder in which files with this record are staged.
fn hidden(folder: &Path, record: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(record);
    name.push(STAGING);
    folder.join(name)
}

/// Refuses files that may not be replaced.
fn refuse_existing(folder: &Path, names: &[String], kind: &str, replace: Replace) -> Result<()> {
    let exists = |name: &&String| folder.join(name).symlink_metadata().is_ok();
    let Some(first) = names.iter().find(exists) else { return Ok(()) };
    let place = folder.join(first);
    let refused = |message: &str| Err(Error::new(Kind::Output, message).at(&place));
    let record = names.last().map(|record| folder.join(record));
    match replace {
        _ if !record.is_some_and(|record| is_ours(&record, kind)) => {
            refused("is there already, and was not written by this command; give another path, or move it")
        }
        Replace::Nothing => refused("is there already; give another path, or --overwrite to replace it"),
        Replace::Own => Ok(()),
    }
}

/// Whether a file is a record of this program, of a kind.
fn is_ours(record: &Path, kind: &str) -> bool {
    let bytes = disk::read_if_there(record).ok().flatten().unwrap_or_default();
    let record: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    record.is_some_and(|record| record["program"] == "anabranch" && record["kind"] == kind)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::output::staging::{DONE, OLD, names};

    const RECORD: &str = r#"{"program": "anabranch", "kind": "letters"}"#;

    fn stage(folder: &Path, text: &str, replace: Replace) -> Result<StagedFiles> {
        let staged =
            StagedFiles::create(folder, ["a.csv", "b.html", "c.json"].map(str::to_owned).to_vec(), "letters", replace)?;
        staged.write("a.csv", text)?;
        staged.write("c.json", RECORD)?;
        Ok(staged)
    }

    fn text(folder: &Path) -> String {
        fs::read_to_string(folder.join("a.csv")).unwrap()
    }

    #[test]
    fn files_are_there_together_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new");
        drop(stage(&folder, "one", Replace::Nothing).unwrap());
        assert_eq!(names(root.path()), [""; 0]);
        stage(&folder, "one", Replace::Nothing).unwrap().commit().unwrap();
        assert_eq!((names(&folder), text(&folder)), (vec!["a.csv".to_owned(), "c.json".to_owned()], "one".to_owned()));
        let error = stage(&folder, "two", Replace::Nothing).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("--overwrite"), "{error}");
        stage(&folder, "two", Replace::Own).unwrap().commit().unwrap();
        assert_eq!(text(&folder), "two");
    }

    #[test]
    fn files_of_others_are_never_replaced() {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in
            [("b.html", "mine"), ("c.json", r#"{"program": "anabranch", "kind": "numbers"}"#), ("a.csv", "mine")]
        {
            let folder = root.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(name), content).unwrap();
            let error = stage(&folder, "two", Replace::Own).unwrap_err();
            assert!(error.to_string().contains("was not written by this command"), "{error}");
            assert_eq!(names(&folder), [name]);
        }
    }

    #[test]
    fn what_a_killed_program_left_is_put_in_order() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        stage(folder, "one", Replace::Nothing).unwrap().commit().unwrap();
        let killed = || {
            let staged = stage(folder, "two", Replace::Own).unwrap();
            staged.staging.kill();
            (staged.hidden.clone(), staged.staging.run().to_owned())
        };
        // While it wrote, and while the earlier files made way: those are put back.
        killed();
        let (hidden, _) = killed();
        fs::create_dir(hidden.join(OLD)).unwrap();
        fs::rename(folder.join("a.csv"), hidden.join(OLD).join("a.csv")).unwrap();
        drop(stage(folder, "three", Replace::Own).unwrap());
        assert_eq!((text(folder).as_str(), names(folder).len()), ("one", 2));
        // Once they were out of the way: the new ones are put in place.
        let (hidden, run) = killed();
        let mark = hidden.join(format!("replaced-{run}"));
        fs::create_dir(&mark).unwrap();
        for name in ["a.csv", "c.json"] {
            fs::rename(folder.join(name), mark.join(name)).unwrap();
        }
        drop(stage(folder, "three", Replace::Own).unwrap());
        assert_eq!((text(folder).as_str(), names(folder).len()), ("two", 2));
        assert!(!hidden.join(DONE).exists());
    }
}
