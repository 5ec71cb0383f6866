//! Reads the Zarr metadata of a folder, of version 2 or 3, without interpreting them.

use std::path::Path;

use serde_json::{Map, Value};

use super::faults::sent_encoded;
use super::folder::{Folder, Given};
use super::json;
use crate::error::{Error, Kind, Result};
use crate::store::{file, shown_path};

/// Longest metadata, in bytes.
const LONGEST: u64 = 64 << 20;
/// Usual length, in bytes: the time that a server may take for its answer follows from it.
const LIKELY: u64 = 1 << 20;

/// A Zarr array or group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ZarrNode {
    /// Version of Zarr: 2 or 3.
    pub(crate) version: u8,
    /// The metadata of an array; `None` for a group.
    pub(crate) array: Option<Value>,
    pub(crate) attributes: Value,
    /// Metadata of everything in a group, by path, if it has them: keys such as `0` in version 3, `0/.zarray` in
    /// version 2.
    pub(crate) consolidated: Option<Map<String, Value>>,
}

/// Returns whether a folder is a Zarr array or group, by the names of its metadata.
pub(crate) fn is_zarr(folder: &Path) -> bool {
    ["zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"].iter().any(|name| folder.join(name).is_file())
}

/// Returns whether a folder's name has the extension of Zarr, even without metadata: they may be lost.
pub(crate) fn is_named_zarr(folder: &Path) -> bool {
    folder.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zarr"))
}

/// Refuses a file of metadata in place of its folder.
///
/// # Errors
/// `Usage` if the path is that of one.
pub(crate) fn refuse_metadata_file(path: &Path) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !["zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"].contains(&name) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Err(Error::usage(format!("is a file of a Zarr folder; give the folder, {}", shown_path(folder))).at(path))
}

/// The node in a folder; `None` if the folder has no Zarr metadata.
///
/// If a file does not exist, a server may answer with a page, or that it may not be read: that is an error only if no
/// other metadata are found.
///
/// # Errors
/// `Data` if the metadata are damaged, `Io` if they cannot be read.
pub(crate) fn read_node(folder: &Folder) -> Result<Option<ZarrNode>> {
    let mut doubt = None;
    if let Some(json) = read_json(folder, "zarr.json", &mut doubt)? {
        match version3(&json).map_err(|error| error.at(folder.path("zarr.json"))) {
            Ok(node) => return Ok(Some(node)),
            // A page from a server may be JSON too.
            Err(error) if folder.is_served() => doubt = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(array) = read_json(folder, ".zarray", &mut doubt)? {
        let attributes = read_json(folder, ".zattrs", &mut None)?.unwrap_or_default();
        return Ok(Some(ZarrNode { version: 2, array: Some(array), attributes, consolidated: None }));
    }
    let group = read_json(folder, ".zgroup", &mut doubt)?;
    let attributes = read_json(folder, ".zattrs", &mut doubt)?;
    // Groups without their `.zgroup` are recognised by their attributes.
    if group.is_some() || attributes.is_some() {
        let attributes = attributes.unwrap_or_default();
        return Ok(Some(ZarrNode { version: 2, array: None, attributes, consolidated: None }));
    }
    if let Some(node) = read_consolidated(folder, &mut doubt)?.and_then(|all| version2_in(&all, "")) {
        return Ok(Some(node));
    }
    doubt.map_or(Ok(None), Err)
}

/// The metadata of a group of version 2 and everything in it, if they are in one file.
///
/// # Errors
/// Those of [`read_node`].
pub(crate) fn read_consolidated(folder: &Folder, doubt: &mut Option<Error>) -> Result<Option<Map<String, Value>>> {
    let json = read_json(folder, ".zmetadata", doubt)?;
    Ok(json.and_then(|json| json.get("metadata")?.as_object().cloned()))
}

/// The node at a path in the consolidated metadata of a group of version 2.
pub(crate) fn version2_in(all: &Map<String, Value>, path: &str) -> Option<ZarrNode> {
    let of = |name: &str| all.get(&if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") });
    let array = of(".zarray").cloned();
    if array.is_none() && of(".zgroup").is_none() {
        return None;
    }
    let consolidated = path.is_empty().then(|| all.clone());
    Some(ZarrNode { version: 2, array, attributes: of(".zattrs").cloned().unwrap_or_default(), consolidated })
}

/// The attributes of the group in a folder, of a version of Zarr; `None` if there are none, or they cannot be read.
///
/// # Errors
/// `Io` if a server does not answer.
pub(crate) fn group_attributes(folder: &Folder, version: u8) -> Result<Option<Value>> {
    let key = if version == 2 { ".zattrs" } else { "zarr.json" };
    // The parent of an array need not be a group.
    let json = match read_json(folder, key, &mut None) {
        Err(error) if error.kind() == Kind::Data => None,
        json => json?,
    };
    Ok(json.and_then(|json| if version == 2 { Some(json) } else { json.get("attributes").cloned() }))
}

/// The node of a `zarr.json`, or of an entry of consolidated metadata.
///
/// # Errors
/// `Data` if it is malformed.
pub(crate) fn version3(json: &Value) -> Result<ZarrNode> {
    if json.get("zarr_format").and_then(json::whole) != Some(3) {
        return Err(damaged());
    }
    let attributes = json.get("attributes").cloned().unwrap_or_default();
    let consolidated = json.get("consolidated_metadata").and_then(|all| all.get("metadata")?.as_object().cloned());
    let array = match json.get("node_type").and_then(Value::as_str) {
        Some("array") => Some(json.clone()),
        Some("group") => None,
        _ => return Err(damaged()),
    };
    Ok(ZarrNode { version: 3, array, attributes, consolidated })
}

/// The JSON in a file; `None` if the file does not exist. Errors about other answers of a server go into `doubt`.
fn read_json(folder: &Folder, key: &str, doubt: &mut Option<Error>) -> Result<Option<Value>> {
    let path = folder.path(key);
    if let (Some(_), Ok(metadata)) = (folder.local(), std::fs::metadata(&path)) {
        file::require_length(metadata.len(), LONGEST, "a file of Zarr metadata").map_err(|error| error.at(&path))?;
    }
    let text = match folder.ask(key, LONGEST, LIKELY).map_err(|error| placed(error, &path))? {
        Given::File(text) => text,
        Given::Absent => return Ok(None),
        Given::Forbidden(error) => {
            doubt.get_or_insert_with(|| placed(error, &path));
            return Ok(None);
        }
    };
    match json::parse(&text) {
        Ok(json) => Ok(Some(json)),
        Err(error) if folder.is_served() => {
            let message = "holds no Zarr metadata but something else, such as a page; check the address";
            let unknown = || Error::new(Kind::Data, message).because(error);
            doubt.get_or_insert_with(|| folder.encoding().map_or_else(unknown, sent_encoded).at(&path));
            Ok(None)
        }
        Err(error) => Err(damaged().because(error).at(&path)),
    }
}

fn placed(error: Error, path: &Path) -> Error {
    if error.is_placed() { error } else { error.at(path) }
}

pub(crate) fn damaged() -> Error {
    Error::data("holds no Zarr metadata that can be understood; copy or write the array again")
}
