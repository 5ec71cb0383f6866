//! Arrays of Zarr v2: `.zarray`.

use serde_json::Value;

use super::steps::{StepKind, Values, step};
use super::{ChunkKeys, Fill, ZarrForm, damaged, json, shape, unsupported};
use crate::error::Result;
use crate::store::values::{parse_dtype, unsupported_dtype};
use crate::store::zarr::codec::Chain;

pub(super) fn form(metadata: &Value) -> Result<ZarrForm> {
    let dtype = metadata.get("dtype").ok_or_else(damaged)?;
    let name = dtype.as_str().unwrap_or("record");
    let (stored, endian) = parse_dtype(name).ok_or_else(|| unsupported_dtype(name))?;
    let shape = shape(metadata)?;
    let chunk = metadata.get("chunks").and_then(json::wholes).ok_or_else(damaged)?;
    let order = match metadata.get("order").map(|order| order.as_str().map(str::to_ascii_uppercase)) {
        None => (0..shape.len()).collect(),
        Some(Some(order)) if order == "C" => (0..shape.len()).collect(),
        Some(Some(order)) if order == "F" => (0..shape.len()).rev().collect(),
        Some(_) => return Err(unsupported("order is neither C nor F")),
    };
    let filters = match metadata.get("filters") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(filters)) => &filters[..],
        Some(_) => return Err(damaged()),
    };
    let compressor = metadata.get("compressor").filter(|compressor| !compressor.is_null());
    let mut steps = Vec::new();
    let values = Values { stored, endian, version: 2 };
    for codec in filters.iter().chain(compressor) {
        let id = codec.get("id").or(Some(codec)).and_then(Value::as_str).ok_or_else(|| unsupported(codec))?;
        if let StepKind::Does(step) | StepKind::Filters(step) = step(id, codec, values)? {
            steps.push(step);
        }
    }
    let keys = match metadata.get("dimension_separator") {
        None | Some(Value::Null) => None,
        Some(separator) => Some(ChunkKeys::new(false, separator.as_str().unwrap_or_default())?),
    };
    let fill = Fill::of(metadata.get("fill_value"), stored);
    let chain = Chain { steps, order, endian };
    Ok(ZarrForm { shape, chunk, stored, fill, keys, chain, sharding: None, names: None })
}
