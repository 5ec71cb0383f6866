//! Inputs and outputs must not contain each other: such calls are refused by name, before anything is written.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use anabranch::analysis::Changes;
use anabranch::error::{Error, Result};
use anabranch::store::output::{OUTPUTS, REPORT, StagedFolder};
use anabranch::store::{is_address, resolved};

use crate::arguments::{FuseOptions, ImageOptions, RunOptions, ShollOptions};

/// A file or a folder that the options name, or a file that the input names.
#[derive(Clone, Debug)]
struct Named {
    /// What it is, in a sentence.
    what: &'static str,
    /// The option that names it; `None` for the input, which stays where it is.
    option: Option<&'static str>,
    path: PathBuf,
    place: Place,
    /// Whether the command writes there.
    written: bool,
    /// Whether other things may lie in it: a folder of slices that is followed, which others fill.
    open: bool,
}

/// The place that a path leads to.
#[derive(Clone, Debug)]
struct Place {
    resolved: PathBuf,
    /// The identities of the file or folder, and of the folders above it, in the file system: one folder may have
    /// several paths.
    ids: Rc<Vec<Id>>,
    /// Its own, if it exists.
    id: Option<Id>,
}

type Id = (u64, u64);

/// The things that a command reads and writes.
#[derive(Debug, Default)]
struct Things(Vec<Named>);

/// Refuses a run whose files and folders contain each other.
pub(crate) fn of_run(options: &RunOptions) -> Result<()> {
    let mut things = Things::default();
    things.read_image(&options.image);
    if let Some(hosts) = &options.hosts {
        things.add("the list of hosts", Some("--hosts"), hosts, false);
    }
    for (what, option, path) in [
        ("the mask", "--mask", &options.foreground.mask),
        ("the atlas", "--atlas", &options.atlas),
        ("the names of regions", "--atlas-names", &options.atlas_names),
    ] {
        if let Some(path) = path.as_deref().filter(|path| !is_address(path)) {
            things.add(what, Some(option), path, false);
        }
    }
    if let Some(values) = options.segmentation.intensity.as_deref().filter(|values| !is_address(values)) {
        things.add("the image of values", Some("--intensity"), values, false);
    }
    things.add("the folder of the outputs", Some("--out"), &options.out, true);
    if let Some(state) = &options.state {
        things.add("the folder of the state", Some("--state"), state, true);
    }
    if let Some(checkpoint) = &options.checkpoint {
        things.add("the folder of the checkpoint", Some("--checkpoint"), checkpoint, true);
    }
    things.add_gains(&options.image);
    if let Some(changes) = options.changes.as_deref().filter(|file| can_be_made(file)) {
        let has_nodes = anabranch::parameters::ColumnSet::from(options.columns).has_nodes();
        let written = [true, has_nodes, has_nodes, options.objects];
        for (file, _) in Changes::paths(changes).iter().zip(written).filter(|(_, written)| *written) {
            things.add("the file of changes", Some("--changes"), file, true);
        }
    }
    things.check()
}

/// Whether the folder of a file can exist by the time the file is written. If it cannot, the error names the file
/// itself.
fn can_be_made(file: &Path) -> bool {
    let folder = folder_of(file);
    let is_plain = file.components().all(|part| part != Component::ParentDir);
    folder.is_dir() || is_plain && matches!(folder.metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Refuses to write a table of crossings over one of the outputs that it is made from. Beside them it may lie.
pub(crate) fn of_sholl(options: &ShollOptions, out: &Path) -> Result<()> {
    for name in OUTPUTS {
        let mut things = Things::default();
        things.add("an output of the run", None, &options.results.join(name), false);
        things.add("the table", Some("--out"), out, true);
        things.check()?;
    }
    Ok(())
}

/// Refuses to write exports over one of the outputs that they are made from. In their folder they may lie.
pub(crate) fn of_export(results: &Path, out: Option<&Path>) -> Result<()> {
    let Some(out) = out else { return Ok(()) };
    for name in OUTPUTS.into_iter().filter(|name| *name != "export") {
        let mut things = Things::default();
        things.add("an output of the run", None, &results.join(name), false);
        things.add("the folder of the exports", Some("--out"), out, true);
        things.check()?;
    }
    Ok(())
}

/// Refuses to write a report over one of the outputs that it is made from. Beside them it may lie.
pub(crate) fn of_report(results: &Path, out: &Path) -> Result<()> {
    for name in OUTPUTS.into_iter().filter(|name| *name != REPORT) {
        let mut things = Things::default();
        things.add("an output of the run", None, &results.join(name), false);
        things.add("the report", Some("--out"), out, true);
        things.check()?;
    }
    Ok(())
}

/// Refuses to write an image into its own input, or into a folder that holds its input.
pub(crate) fn of_fuse(options: &FuseOptions) -> Result<()> {
    let mut things = Things::default();
    things.read_image(&options.image);
    things.add("the folder of the outputs", Some("--out"), &options.out, true);
    things.add_gains(&options.image);
    things.check()?;
    let Some(hidden) = StagedFolder::hidden(&options.out) else { return Ok(()) };
    let mut things = Things::default();
    things.read_image(&options.image);
    things.add("the folder in which the outputs are staged", Some("--out"), &hidden, true);
    things.add_gains(&options.image);
    things.check()
}

/// Refuses to replace a file of gains that is part of the image's input.
#[cfg(feature = "mosaic")]
pub(crate) fn of_known_gains(image: &ImageOptions, gains: &Path) -> Result<()> {
    let mut things = Things::default();
    things.read_image(image);
    things.add("the file of gains", Some("--gains"), gains, true);
    things.check()
}

/// Refuses two paths that are the same or contain each other: one that is read, and one that is written.
pub(crate) fn of_two(
    (read, read_what): (&Path, &'static str),
    (written, what, option): (&Path, &'static str, &'static str),
) -> Result<()> {
    let mut things = Things::default();
    things.add(read_what, None, read, false);
    things.add(what, Some(option), written, true);
    things.check()
}

impl Things {
    fn add(&mut self, what: &'static str, option: Option<&'static str>, path: &Path, written: bool) {
        let place = Place::of(path);
        self.0.push(Named { what, option, path: path.to_owned(), place, written, open: false });
    }

    /// All that an image is read from.
    fn read_image(&mut self, image: &ImageOptions) {
        if is_address(&image.input) {
            return;
        }
        self.add("the input", None, &image.input, false);
        let is_zarr = ["zarr.json", ".zarray", ".zgroup"].iter().any(|name| image.input.join(name).exists());
        if let Some(input) = self.0.last_mut() {
            input.open = image.tiles.awaited && !is_zarr && !image.input.is_file();
        }
        for (what, option, path) in [
            ("the background", "--background", &image.tiles.background),
            ("the flat field", "--flat-field", &image.tiles.flat_field),
        ] {
            if let Some(path) = path {
                self.add(what, Some(option), path, false);
            }
        }
        #[cfg(feature = "mosaic")]
        self.read_tiles(&image.input);
    }

    /// The tiles of a table. One that cannot be read is refused when it is opened.
    #[cfg(feature = "mosaic")]
    fn read_tiles(&mut self, table: &Path) {
        use anabranch::store::mosaic::{TileTable, is_table};
        if !is_table(table) {
            return;
        }
        let Ok(table) = TileTable::read(table) else { return };
        let mut folders: HashMap<&Path, Place> = HashMap::new();
        for row in &table.rows {
            let place = if row.path.is_symlink() {
                Place::of(&row.path)
            } else {
                folders.entry(folder_of(&row.path)).or_insert_with_key(|folder| Place::of(folder)).join(&row.path)
            };
            self.0.push(Named {
                what: "a tile",
                option: None,
                path: row.path.clone(),
                place,
                written: false,
                open: false,
            });
        }
    }

    /// The file of gains: written if it does not exist yet; else read, and replaced by [`of_known_gains`] at most.
    fn add_gains(&mut self, image: &ImageOptions) {
        if let Some(gains) = &image.tiles.gains {
            self.add("the file of gains", Some("--gains"), gains, gains.symlink_metadata().is_err());
        }
    }

    /// Refuses the first two that contain each other, if one of them is written.
    fn check(&self) -> Result<()> {
        for (at, thing) in self.0.iter().enumerate().filter(|(_, thing)| thing.written) {
            for (other_at, other) in self.0.iter().enumerate() {
                // Of two outputs, the later one needs another path.
                let later = other_at != at && (!other.written || other_at < at);
                if later && let Some(relation) = thing.relation(other) {
                    let option = thing.option.unwrap_or("it");
                    let message =
                        format!("{relation} {} ({}); give {option} a path beside it", other.what, other.path.display());
                    return Err(Error::usage(message).at(&thing.path));
                }
            }
        }
        Ok(())
    }
}

impl Named {
    /// How an output relates to another path; `None` if the two are apart.
    fn relation(&self, other: &Named) -> Option<&'static str> {
        match (self.place.holds(&other.place), other.place.holds(&self.place)) {
            (true, true) if self.option != Some("--out") => Some("is"),
            (true, _) => Some("holds"),
            (false, true) if other.open => None,
            (false, true) => Some("is in"),
            (false, false) => None,
        }
    }
}

impl Place {
    fn of(path: &Path) -> Place {
        let resolved = resolved(path);
        let ids: Vec<Id> = resolved.ancestors().filter_map(id).collect();
        let id = id(&resolved);
        Place { resolved, ids: Rc::new(ids), id }
    }

    /// That of a file in this folder.
    fn join(&self, file: &Path) -> Place {
        let resolved = file.file_name().map_or_else(|| self.resolved.clone(), |name| self.resolved.join(name));
        Place { resolved, ids: Rc::clone(&self.ids), id: None }
    }

    fn holds(&self, other: &Place) -> bool {
        other.resolved.starts_with(&self.resolved) || self.id.is_some_and(|id| other.ids.contains(&id))
    }
}

#[cfg(unix)]
fn id(path: &Path) -> Option<Id> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn id(_: &Path) -> Option<Id> {
    None
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn one_folder_is_known_by_all_its_names() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("a/in")).unwrap();
        std::fs::write(at("a/file"), "").unwrap();
        std::fs::hard_link(at("a/file"), at("again")).unwrap();
        std::os::unix::fs::symlink(at("a"), at("b")).unwrap();
        let check = |read: &str, written: &str| {
            of_two((&at(read), "the input"), (&at(written), "the folder of the outputs", "--out"))
        };
        for (read, written) in
            [("a", "a"), ("a", "b/new/deep"), ("a/in", "b"), ("b/in/x", "a"), ("again", "a/file"), ("a/file", "x/../b")]
        {
            let error = check(read, written).unwrap_err().to_string();
            assert!(error.contains("the input") && error.contains("--out"), "{error}");
        }
        for (read, written) in [("a", "ab"), ("a/in", "a/inside"), ("a/file", "a/in"), ("a", "b/../c")] {
            assert!(check(read, written).is_ok(), "{read} {written}");
        }
    }
}
