//! Groups of several images: plates, wells, the series of a file converted by bioformats2raw, labels.

use serde_json::Value;

use super::folder::Folder;
use super::metadata::{self, ZarrNode};
use super::ome::ome;
use crate::error::{Error, Result};

/// Largest number of images that a message names.
const NAMED: usize = 5;
/// Depth of the search for images, if the metadata do not name them.
const DEPTH: usize = 3;

/// The images of a group.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Collection {
    /// The kind of collection: `plate`.
    pub(crate) kind: &'static str,
    /// Paths of the first ones, relative to the group.
    pub(crate) paths: Vec<String>,
    /// Number of images, if known.
    pub(crate) count: Option<usize>,
    /// Number of wells, if the images are in wells.
    wells: Option<usize>,
}

impl Collection {
    /// The images of a group according to its metadata; `None` if these do not name any.
    ///
    /// # Errors
    /// If metadata inside are damaged, or a server does not deliver them.
    pub(crate) fn of(folder: &Folder, node: &ZarrNode) -> Result<Option<Collection>> {
        let attributes = &node.attributes;
        if let Some(plate) = ome(attributes, "plate") {
            return of_plate(folder, plate).map(Some);
        }
        if let Some(well) = ome(attributes, "well") {
            return Ok(Some(named("well", paths(well.get("images")))));
        }
        if let Some(labels) = ome(attributes, "labels").filter(|labels| labels.is_array()) {
            let names = labels.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            return Ok(Some(named("group of labels", names.collect())));
        }
        if ome(attributes, "bioformats2raw.layout").is_some() {
            return of_series(folder).map(Some);
        }
        Ok(None)
    }

    /// Path of the only image.
    pub(crate) fn only(&self) -> Option<&str> {
        match (&self.paths[..], self.count) {
            ([path], Some(1)) => Some(path),
            _ => None,
        }
    }

    /// The refusal of a group of several images, with the paths of some.
    pub(crate) fn refusal(&self, folder: &Folder) -> Error {
        let named: Vec<String> =
            self.paths.iter().take(NAMED).map(|path| folder.join(path).path("").display().to_string()).collect();
        let kind = self.kind;
        if named.is_empty() {
            return Error::data(format!("is a {kind} whose metadata name no images; give the path of an image"));
        }
        let wells = self.wells.map(|wells| format!(" in {wells} wells")).unwrap_or_default();
        let (size, more) = match self.count {
            Some(1) => (" of one image".to_owned(), String::new()),
            Some(count) if count > named.len() => {
                (format!(" of {count} images{wells}"), format!(" (and {} more)", count - named.len()))
            }
            Some(count) => (format!(" of {count} images{wells}"), String::new()),
            None => (format!(" of images{wells}"), " (and more)".to_owned()),
        };
        Error::usage(format!("is a {kind}{size}; give the path of one: {}{more}", named.join(", ")))
    }
}

fn named(kind: &'static str, paths: Vec<String>) -> Collection {
    Collection { kind, count: Some(paths.len()), paths, wells: None }
}

/// The paths in a list of objects that have one.
fn paths(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let path = |entry: &Value| match entry.get("path") {
        Some(Value::Number(number)) => Some(number.to_string()),
        path => path.and_then(Value::as_str).map(|path| path.trim_matches('/').to_owned()),
    };
    list.filter_map(path).collect()
}

/// The images of a plate: of all its wells if it has few, otherwise of the first ones.
fn of_plate(folder: &Folder, plate: &Value) -> Result<Collection> {
    let wells = paths(plate.get("wells"));
    let (mut found, mut read) = (Vec::new(), 0);
    for well in &wells {
        if found.len() > NAMED {
            break;
        }
        read += 1;
        let Some(node) = metadata::read_node(&folder.join(well))? else { continue };
        let images = paths(ome(&node.attributes, "well").and_then(|well| well.get("images")));
        found.extend(images.into_iter().map(|image| format!("{well}/{image}")));
    }
    let count = (read == wells.len()).then_some(found.len());
    Ok(Collection { kind: "plate", paths: found, count, wells: Some(wells.len()) })
}

/// The series of a file converted by bioformats2raw: those that it lists, otherwise those that exist.
fn of_series(folder: &Folder) -> Result<Collection> {
    let node = metadata::read_node(&folder.join("OME"))?;
    let listed = node.as_ref().and_then(|node| ome(&node.attributes, "series")?.as_array());
    let kind = "bioformats2raw collection";
    if let Some(series) = listed {
        return Ok(named(
            kind,
            series.iter().filter_map(Value::as_str).map(|path| path.trim_matches('/').to_owned()).collect(),
        ));
    }
    let mut paths: Vec<String> = Vec::new();
    while paths.len() <= NAMED || !folder.is_served() {
        let path = paths.len().to_string();
        if metadata::read_node(&folder.join(&path))?.is_none() {
            return Ok(named(kind, paths));
        }
        paths.push(path);
    }
    Ok(Collection { kind, paths, count: None, wells: None })
}

/// The refusal of a group without metadata of images; it names the arrays and images in the group, as far as they can
/// be listed.
pub(crate) fn no_image(folder: &Folder, node: &ZarrNode) -> Error {
    let mut paths = Vec::new();
    match &node.consolidated {
        Some(all) => {
            let path = |key: &String| match node.version {
                2 => key.strip_suffix("/.zarray").map(str::to_owned),
                _ => Some(key.clone()).filter(|_| all[key].get("node_type").is_some_and(|kind| kind == "array")),
            };
            paths.extend(all.keys().filter_map(path));
        }
        None => below(folder, "", DEPTH, &mut paths),
    }
    paths.sort();
    let count = paths.len();
    let named: Vec<String> =
        paths.iter().take(NAMED).map(|path| folder.join(path).path("").display().to_string()).collect();
    let advice = match &named[..] {
        [] => "give the path of an array".to_owned(),
        [only] => format!("give the path of the array in it, {only}"),
        several => {
            let more =
                if count > several.len() { format!(" (and {} more)", count - several.len()) } else { String::new() };
            format!("give the path of one array in it, such as {}{more}", several.join(", "))
        }
    };
    Error::data(format!("is a Zarr group without the metadata of an OME image; {advice}"))
}

/// Paths of the arrays and images below a folder, without those inside images.
fn below(folder: &Folder, path: &str, depth: usize, paths: &mut Vec<String>) {
    for name in folder.children().into_iter().flatten() {
        let (inside, path) = (folder.join(&name), if path.is_empty() { name } else { format!("{path}/{name}") });
        let Ok(Some(node)) = metadata::read_node(&inside) else { continue };
        if node.array.is_some() || ome(&node.attributes, "multiscales").is_some() {
            paths.push(path);
        } else if depth > 1 {
            below(&inside, &path, depth - 1, paths);
        }
    }
}
