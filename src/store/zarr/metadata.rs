//! What a folder's Zarr metadata say, of version 2 or 3, before anything is decoded.

use std::path::Path;

use serde_json::Value;

use super::folder::{Folder, METADATA};
use crate::error::{Error, Result};

/// A Zarr array or group.
#[derive(Debug)]
pub(crate) enum Node {
    Array(ArrayNode),
    Group { attributes: Value },
}

/// What is needed of an array's metadata to refuse it with a sentence.
#[derive(Debug)]
pub(crate) struct ArrayNode {
    pub(crate) shape: Vec<u64>,
    /// The type's name as stored: `uint8`, `<f4`.
    pub(crate) dtype: String,
    /// Names of all axes, where the metadata have them.
    pub(crate) names: Option<Vec<String>>,
}

/// Whether a folder is a Zarr array or group, by the names of its metadata.
pub(crate) fn is_zarr(folder: &Path) -> bool {
    ["zarr.json", ".zarray", ".zgroup"].iter().any(|name| folder.join(name).is_file())
}

/// The node in a folder; `None` where the folder has no Zarr metadata.
///
/// # Errors
/// `Data` where the metadata are damaged, `Io` where they cannot be read.
pub(crate) fn read_node(folder: &Folder) -> Result<Option<Node>> {
    if let Some(json) = read_json(folder, "zarr.json")? {
        let attributes = || json.get("attributes").cloned().unwrap_or(Value::Null);
        return match json.get("node_type").and_then(Value::as_str) {
            Some("array") => array(&json, "data_type").map(Some),
            Some("group") => Ok(Some(Node::Group { attributes: attributes() })),
            _ => Err(damaged()),
        }
        .map_err(|error| error.at(folder.path("zarr.json")));
    }
    if let Some(json) = read_json(folder, ".zarray")? {
        return array(&json, "dtype").map(Some).map_err(|error| error.at(folder.path(".zarray")));
    }
    if read_json(folder, ".zgroup")?.is_none() {
        return Ok(None);
    }
    let attributes = read_json(folder, ".zattrs")?.unwrap_or(Value::Null);
    Ok(Some(Node::Group { attributes }))
}

fn array(json: &Value, dtype_key: &str) -> Result<Node> {
    let shape = json.get("shape").and_then(Value::as_array).ok_or_else(damaged)?;
    let shape: Option<Vec<u64>> = shape.iter().map(Value::as_u64).collect();
    let dtype = json.get(dtype_key).ok_or_else(damaged)?;
    let dtype = match dtype.as_str().or_else(|| dtype.get("name")?.as_str()) {
        Some(name) => name.to_owned(),
        None => "record".to_owned(),
    };
    let names = json.get("dimension_names").and_then(Value::as_array);
    let names = names.and_then(|names| names.iter().map(|n| n.as_str().map(str::to_owned)).collect());
    Ok(Node::Array(ArrayNode { shape: shape.ok_or_else(damaged)?, dtype, names }))
}

fn read_json(folder: &Folder, key: &str) -> Result<Option<Value>> {
    let path = folder.path(key);
    let Some(text) = folder.read(key, METADATA).map_err(|error| error.at(&path))? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|error| damaged().because(error).at(&path))
}

fn damaged() -> Error {
    Error::data("holds no Zarr metadata that can be understood; copy or write the array again")
}
