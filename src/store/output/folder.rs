//! The folder of a run's outputs: they are staged in a hidden folder inside it, and put in place together at the end.
//!
//! At all times the folder holds the outputs of one run, or the next run restores this.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::own_page::is_own_page;
use super::staged::EXPORT_RECORD;
use super::staging::{Remover, STAGING, Staging, is_folder, unwritable};
use super::swap::Swap;
use crate::error::{Error, Kind, Result};
use crate::store::disk;
use crate::store::file::write_failed;

/// Names of all outputs of a run. `run.json` is last: it is put in place last.
pub const OUTPUTS: [&str; 15] = [
    ATLAS,
    ATLAS_BRANCHES,
    BRANCHES,
    EXPORT,
    NODES,
    OBJECTS,
    OBJECT_LABELS,
    "overview.png",
    "overview.svg",
    REPORT,
    SKELETON,
    SKELETONS,
    "summary.json",
    VOXELS,
    RUN,
];

/// The output with the table of regions.
pub(crate) const ATLAS: &str = "atlas.csv";

/// The output with the lengths of branches in regions.
pub(crate) const ATLAS_BRANCHES: &str = "atlas_branches.csv";

/// The output with the branch table.
pub(crate) const BRANCHES: &str = "branches.csv";

/// The output with the files for other programs.
pub(crate) const EXPORT: &str = "export";

/// The output with the table of nodes.
pub(crate) const NODES: &str = "nodes.csv";

/// The output with the table of objects.
pub(crate) const OBJECTS: &str = "objects.csv";

/// The output with the image of labels of objects.
pub(crate) const OBJECT_LABELS: &str = "objects.zarr";

/// The page about the results, which `anabranch report` puts among them.
pub const REPORT: &str = "report.html";

/// The output with the table of skeletons.
pub(crate) const SKELETONS: &str = "skeletons.csv";

/// The output with the skeleton's array.
pub(crate) const SKELETON: &str = "skeleton.zarr";

/// The output with the radius and the image's value at each voxel of the skeleton.
pub(crate) const VOXELS: &str = "voxels.npy";

/// The output that says how a run went.
pub(crate) const RUN: &str = "run.json";

/// A folder for one run's outputs. Until [`OutputFolder::commit`] the outputs of an earlier run stay unchanged; if this
/// is dropped before, nothing of the new run remains.
#[derive(Debug)]
pub struct OutputFolder {
    folder: PathBuf,
    staging: Staging,
    earlier: Option<EarlierRun>,
}

/// The record in `run.json` of the run whose outputs are in a folder.
#[derive(Clone, Debug, Deserialize)]
pub struct EarlierRun {
    program: String,
    version: String,
    /// Names of its outputs; without them it may have written all.
    #[serde(default)]
    outputs: Option<Vec<String>>,
    /// The image that it analysed.
    #[serde(default)]
    pub image: Option<serde_json::Value>,
    /// Path of the state that it kept, resolved; `Some(None)` if it kept none, `None` if the record does not say.
    #[serde(default, deserialize_with = "said")]
    pub state: Option<Option<String>>,
    /// Path of the checkpoint that it kept, resolved.
    #[serde(default)]
    pub checkpoint: Option<String>,
}

/// Distinguishes `null` from a missing field.
fn said<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl EarlierRun {
    /// The record of the run whose outputs are in a folder; `None` without a `run.json` of this program.
    fn of(folder: &Path) -> Option<Self> {
        let mut text = String::new();
        let file = disk::no_links().open(folder.join(RUN)).ok()?;
        file.take(1 << 20).read_to_string(&mut text).ok()?;
        let run: EarlierRun = serde_json::from_str(&text).ok()?;
        (run.program == "anabranch" && !run.version.is_empty()).then_some(run)
    }

    fn wrote(&self, name: &str) -> bool {
        name == RUN || self.outputs.as_ref().is_none_or(|outputs| outputs.iter().any(|output| output == name))
    }
}

impl OutputFolder {
    /// Opens the folder at a path, which may be new, empty, or hold only the outputs of an earlier run. With
    /// `overwrite` it may also hold other files, which stay; these must not have the name of an output.
    ///
    /// First repairs the leftovers of killed runs.
    ///
    /// # Errors
    /// Of kind `Output` if the folder holds other files, another run writes there, or it cannot be written.
    pub fn create(folder: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        let folder = folder.as_ref();
        let at = |error: Error| if error.is_placed() { error } else { error.at(folder) };
        let staging = folder.join(STAGING);
        if !is_folder(&staging)? {
            // Checked before anything is written: a refused folder stays unchanged.
            check(folder, overwrite).map_err(at)?;
        }
        let busy = "is being written by another run; wait for it, or give another folder";
        let staging = Staging::begin(staging, busy).map_err(at)?;
        let mut output = OutputFolder { folder: folder.to_owned(), staging, earlier: None };
        output.swap().recover().map_err(at)?;
        // Another run may have started and ended meanwhile.
        output.earlier = check(folder, overwrite).map_err(at)?;
        Ok(output)
    }

    /// The record of the run whose outputs are in the folder, if there is one.
    pub fn earlier(&self) -> Option<&EarlierRun> {
        self.earlier.as_ref()
    }

    /// The folder itself, as the user wrote it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A unique name of this run, for the processes that share its outputs ([`OutputFolder::staged`]).
    pub fn run(&self) -> &str {
        self.staging.run()
    }

    /// Removes the staged outputs, from another thread.
    pub fn remover(&self) -> Remover {
        self.staging.remover()
    }

    /// The path of an output until it is put in place.
    ///
    /// # Panics
    /// If the name is not one of [`OUTPUTS`].
    pub fn path(&self, name: &str) -> PathBuf {
        Self::staged(&self.folder, self.run(), name)
    }

    /// The path of an output of a run until it is put in place, for the other processes of that run. It differs from
    /// run to run.
    ///
    /// # Panics
    /// If the name is not one of [`OUTPUTS`].
    pub fn staged(folder: &Path, run: &str, name: &str) -> PathBuf {
        assert!(OUTPUTS.contains(&name), "{name} is the name of an output");
        Staging::new_folder_of(&folder.join(STAGING), run).join(name)
    }

    /// The names of the outputs written so far, in order.
    pub fn written(&self) -> Vec<&'static str> {
        OUTPUTS.into_iter().filter(|name| self.path(name).exists()).collect()
    }

    /// Writes a whole output.
    ///
    /// # Errors
    /// `Io` if the disk is full or the write fails, `Output` if it is not allowed.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        disk::write(&self.path(name), bytes.as_ref()).map_err(|error| self.write_error(name, &error))
    }

    /// The error of a failed write to an output, for those that are written piece by piece.
    pub fn write_error(&self, name: &str, error: &io::Error) -> Error {
        write_failed(error).at(self.folder.join(name))
    }

    /// Puts all written outputs in place, and removes those of an earlier run that this one did not write. If this
    /// fails, the earlier run's outputs are put back.
    ///
    /// When it returns, the outputs are synced to the disk. After a power failure before that, the folder has either
    /// the earlier outputs or these, after the next run at the latest.
    ///
    /// # Errors
    /// `Io` if files cannot be synced or moved.
    pub fn commit(self) -> Result<()> {
        self.staging.finish(|above| self.swap().swap_in(self.run(), above))
    }

    /// Puts a written `run.json` in place of the earlier one. All other outputs stay as they are; the caller knows that
    /// this run would have written the same.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be moved; the earlier one stays.
    #[cfg(feature = "analysis")]
    pub(crate) fn commit_record(self) -> Result<()> {
        let (new, place) = (self.path(RUN), self.folder.join(RUN));
        self.staging.finish(|_| disk::rename(&new, &place).map_err(|error| write_failed(&error).at(&place)))
    }

    /// The folder in which outputs are staged.
    pub(crate) fn new_folder(&self) -> PathBuf {
        Staging::new_folder_of(&self.folder.join(STAGING), self.run())
    }

    /// Where outputs are swapped.
    fn swap(&self) -> Swap<'_> {
        Swap { folder: &self.folder, staging: self.folder.join(STAGING), names: &OUTPUTS }
    }
}

/// Refuses a folder with files that would be replaced, or that do not belong among outputs. Returns the record of the
/// run whose outputs are there.
fn check(folder: &Path, overwrite: bool) -> Result<Option<EarlierRun>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(&error)),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        names.insert(entry.map_err(|error| unwritable(&error))?.file_name().to_string_lossy().into_owned());
    }
    names.remove(STAGING);
    let earlier = EarlierRun::of(folder);
    // Exports and a report may have been written there since. They are of the earlier results, and go with them.
    let exports = folder.join(EXPORT).join(EXPORT_RECORD).is_file();
    let report = is_own_page(&folder.join(REPORT));
    for name in names {
        let message = match OUTPUTS.contains(&&*name) {
            true if exports && name == EXPORT && earlier.is_some() => continue,
            true if report && name == REPORT && earlier.is_some() => continue,
            true if earlier.as_ref().is_some_and(|run| run.wrote(&name)) => continue,
            true => format!("holds {name}, which no run wrote there; move it, or give another folder"),
            false if overwrite => continue,
            false => format!("holds other things ({name}); give an empty folder, or --overwrite to write there"),
        };
        return Err(Error::new(Kind::Output, message));
    }
    Ok(earlier)
}

#[cfg(test)]
mod tests;
