//! `--changes FILE`: files of changes for all tables, appended to together.
//!
//! FILE is that of the branches; the files of nodes, skeletons and objects lie beside it. They count epochs together: an epoch
//! in which a table did not change has no line in its file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Analysis;
use super::changes::{Before, ChangesFile, RowChanges};
use crate::error::Result;
use crate::store::output::OutputFolder;
use crate::store::output::folder::{BRANCHES, NODES, OBJECTS, SKELETONS};
use crate::table::columns::Field;
use crate::table::{branch_columns, node_columns, object_columns, skeleton_columns};

/// The files of changes of an analysis, one for each of its tables, locked while this exists.
///
/// Holds 32 bytes for each row of each table.
#[derive(Debug)]
pub struct Changes {
    files: Vec<(&'static str, ChangesFile)>,
}

/// The changes of all tables in an epoch, in the order of the files.
#[derive(Debug)]
pub(super) struct TableChanges(Vec<RowChanges>);

impl TableChanges {
    /// Number of branches that come or go.
    pub(super) fn branches(&self) -> u64 {
        self.0.first().map_or(0, RowChanges::rows)
    }
}

impl Analysis {
    /// Opens or makes the files of changes of the analysis's tables; `path` is that of the branches (see
    /// [`Changes::paths`]). A last line without an end, as a killed run leaves it, is ignored. Takes time linear in the
    /// files.
    ///
    /// # Errors
    /// `Output` if one of them is no file of changes with the table's columns, another run holds it, or it cannot be made;
    /// `Io` if it cannot be read. Files that were made are removed then.
    pub fn changes(&self, path: &Path) -> Result<Changes> {
        let dimensions = self.dimensions();
        let mut tables: Vec<(&'static str, Vec<Field>, &'static str)> =
            vec![(BRANCHES, self.columns(), branch_columns::START)];
        if self.settled.asked.columns.has_nodes() {
            let labels = self.settled.asked.image.labels;
            let nodes = node_columns::columns(labels);
            let nodes = nodes.iter().flat_map(|column| column.fields(dimensions)).collect();
            let skeletons = skeleton_columns::columns(self.settled.asked.longest_path, labels);
            let skeletons = skeletons.iter().flat_map(|column| column.fields(dimensions)).collect();
            tables.push((NODES, nodes, node_columns::PLACE));
            tables.push((SKELETONS, skeletons, skeleton_columns::PLACE));
        }
        if self.settled.asked.objects {
            let objects = object_columns::columns(true, self.settled.asked.image.labels);
            let objects = objects.iter().flat_map(|column| column.fields(dimensions)).collect();
            tables.push((OBJECTS, objects, "bbox"));
        }
        let opened = tables.into_iter().map(|(name, columns, place)| {
            Ok((name, ChangesFile::open(&Changes::path_of(path, name), columns, place)?))
        });
        Ok(Changes { files: opened.collect::<Result<_>>()? })
    }
}

impl Changes {
    /// The paths of the files that there can be, of branches, nodes, skeletons and objects: `changes.csv`,
    /// `changes.nodes.csv`, `changes.skeletons.csv` and `changes.objects.csv`.
    pub fn paths(path: &Path) -> [PathBuf; 4] {
        [BRANCHES, NODES, SKELETONS, OBJECTS].map(|table| Changes::path_of(path, table))
    }

    /// The path of the file of a table, from that of the branches.
    fn path_of(path: &Path, table: &str) -> PathBuf {
        if table == BRANCHES {
            return path.to_owned();
        }
        let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
        name.push(".");
        name.push(table.trim_end_matches(".csv"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        path.with_file_name(name)
    }

    /// The number of the next epoch.
    pub(super) fn epoch(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.epoch()).max().unwrap_or(0)
    }

    /// The changes that make the files add up to the staged tables. Writes nothing. Takes time O(n log n) in the rows.
    ///
    /// # Errors
    /// If one of the files cannot be read.
    pub(super) fn compare(&self, staged: &OutputFolder) -> Result<TableChanges> {
        let changes = self.files.iter().map(|(table, file)| file.compare(&staged.path(table)));
        Ok(TableChanges(changes.collect::<Result<_>>()?))
    }

    /// Appends an epoch to the files. Returns what [`Changes::take_back`] needs.
    ///
    /// # Errors
    /// `Io` or `Output` if one of the files cannot be written; all stay as they were.
    pub(super) fn append(&mut self, changes: &TableChanges) -> Result<Vec<Before>> {
        let (epoch, mut before) = (self.epoch(), Vec::new());
        for ((_, file), changes) in self.files.iter_mut().zip(&changes.0) {
            match file.append(changes, epoch) {
                Ok(length) => before.push(length),
                Err(error) => {
                    drop(self.take_back(before));
                    return Err(error);
                }
            }
        }
        Ok(before)
    }

    /// Removes what was appended to the first files, since the outputs could not be put in place.
    ///
    /// # Errors
    /// `Io` if a file cannot be written or read.
    pub(super) fn take_back(&mut self, before: Vec<Before>) -> Result<()> {
        self.files.iter_mut().zip(before).try_for_each(|((_, file), before)| file.take_back(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_tables_lie_beside_that_of_branches() {
        let names = |path: &str| Changes::paths(Path::new(path)).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(names("a/b.c.csv"), ["a/b.c.csv", "a/b.c.nodes.csv", "a/b.c.skeletons.csv", "a/b.c.objects.csv"]);
        assert_eq!(names("changes"), ["changes", "changes.nodes", "changes.skeletons", "changes.objects"]);
    }
}
