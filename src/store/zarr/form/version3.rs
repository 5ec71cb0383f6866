//! Arrays of Zarr v3: `zarr.json`.

use serde_json::Value;

use super::steps::{StepKind, Values, step};
use super::{ChunkKeys, Fill, ZarrForm, damaged, json, names, shape, unsupported};
use crate::error::{Error, Result};
use crate::store::StoredType;
use crate::store::values::{Endian, parse_dtype, unsupported_dtype};
use crate::store::zarr::codec::{Chain, Padding, Step};

/// The inner chunks of shards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sharding {
    /// Shape of an inner chunk along every axis of the array.
    pub(crate) inner: Vec<u64>,
    /// Encoding of inner chunks; its order is that of the axes of the array.
    pub(crate) chain: Chain,
    pub(crate) index: Chain,
    pub(crate) index_first: bool,
}

pub(super) fn form(metadata: &Value) -> Result<ZarrForm> {
    let dtype = metadata.get("data_type").ok_or_else(damaged)?;
    let name = dtype.as_str().or_else(|| dtype.get("name")?.as_str()).unwrap_or("record");
    let (stored, _) = parse_dtype(name).ok_or_else(|| unsupported_dtype(name))?;
    let shape = shape(metadata)?;
    let transformers = metadata.get("storage_transformers").and_then(Value::as_array);
    if transformers.is_some_and(|transformers| !transformers.is_empty()) {
        return Err(unsupported("storage_transformers"));
    }
    let required = |(_, extension): &(&String, &Value)| extension.get("must_understand") == Some(&Value::Bool(true));
    if let Some((name, _)) = metadata.as_object().into_iter().flatten().find(required) {
        return Err(unsupported(format!("extension {name}")));
    }
    let chunk = regular_chunk(metadata.get("chunk_grid").ok_or_else(damaged)?)?;
    let keys = keys(metadata.get("chunk_key_encoding"))?;
    let codecs = metadata.get("codecs").and_then(Value::as_array).ok_or_else(damaged)?;
    let (chain, sharding) = encoding(codecs, stored, shape.len())?;
    let sharding = sharding.map(|sharding| sharded(sharding, stored, &chain, &chunk)).transpose()?;
    let fill = Fill::of(metadata.get("fill_value"), stored);
    let names = metadata.get("dimension_names").and_then(names);
    Ok(ZarrForm { shape, chunk, stored, fill, keys: Some(keys), chain, sharding, names })
}

/// The name and the settings of an extension, which may be only a name.
fn named(extension: &Value) -> Result<(&str, &Value)> {
    let name = extension.as_str().or_else(|| extension.get("name")?.as_str()).ok_or_else(damaged)?;
    Ok((name, extension.get("configuration").unwrap_or(&Value::Null)))
}

fn regular_chunk(grid: &Value) -> Result<Vec<u64>> {
    let (name, settings) = named(grid)?;
    if name != "regular" {
        return Err(Error::data("has chunks of different shapes; write it with chunks of one shape"));
    }
    settings.get("chunk_shape").and_then(json::wholes).ok_or_else(damaged)
}

fn keys(encoding: Option<&Value>) -> Result<ChunkKeys> {
    let (name, settings) = encoding.map_or(Ok(("default", &Value::Null)), named)?;
    let separator = settings.get("separator").and_then(Value::as_str);
    match name {
        "default" => ChunkKeys::new(true, separator.unwrap_or("/")),
        "v2" => ChunkKeys::new(false, separator.unwrap_or(".")),
        other => Err(unsupported(format!("chunk_key_encoding {other}"))),
    }
}

/// The chain of several codecs, and the settings of the sharding at its end, if there is one.
fn encoding(codecs: &[Value], stored: StoredType, axes: usize) -> Result<(Chain, Option<&Value>)> {
    let values = Values { stored, endian: Endian::Little, version: 3 };
    let mut chain = Chain { steps: Vec::new(), order: (0..axes).collect(), endian: Endian::NATIVE };
    let (mut filters, mut is_transposed, mut serial, mut sharding) = (0, false, false, None);
    for codec in codecs {
        let (name, settings) = named(codec)?;
        if sharding.is_some() {
            return Err(unsupported(format!("{name} after sharding")));
        }
        match (name, serial) {
            ("transpose", false) => {
                is_transposed = true;
                chain.order = transposed(&chain.order, settings.get("order"))?;
            }
            ("bytes" | "endian", false) => {
                serial = true;
                let endian = byte_order(settings, stored)?;
                if filters == 0 {
                    chain.endian = endian;
                } else if endian == Endian::Big {
                    // Filters have separate types, whose bytes they read in little-endian order.
                    let size = chain.steps.last().map_or(stored.size(), |step| step.value_size(stored.size()));
                    chain.steps.push(Step::Swap(size));
                }
            }
            ("packbits", false) => {
                serial = true;
                if stored != StoredType::Bool || filters > 0 {
                    return Err(unsupported("packbits of other values than bool"));
                }
                chain.steps.push(Step::PackBits(padding(settings)?));
            }
            ("sharding_indexed", false) if filters == 0 => sharding = Some(settings),
            _ => match (step(name, settings, values)?, serial) {
                (StepKind::Filters(step), false) => {
                    filters += 1;
                    chain.endian = Endian::Little;
                    chain.steps.push(step);
                }
                (StepKind::Does(step), true) => chain.steps.push(step),
                (StepKind::Nothing, false) => {}
                _ => return Err(unsupported(format!("{name} at another place than its own"))),
            },
        }
    }
    if is_transposed && filters > 0 {
        return Err(unsupported("filters of transposed values"));
    }
    if !serial && sharding.is_none() {
        return Err(unsupported("no codec that makes bytes of values"));
    }
    Ok((chain, sharding))
}

fn byte_order(settings: &Value, stored: StoredType) -> Result<Endian> {
    match settings.get("endian") {
        Some(Value::String(endian)) if endian == "little" => Ok(Endian::Little),
        Some(Value::String(endian)) if endian == "big" => Ok(Endian::Big),
        None | Some(Value::Null) if stored.size() == 1 || settings.get("endian").is_none() => Ok(Endian::Little),
        other => Err(unsupported(format!("endian {}", other.unwrap_or(&Value::Null)))),
    }
}

/// The order of axes after one more transposition.
fn transposed(axes: &[usize], order: Option<&Value>) -> Result<Vec<usize>> {
    let refused = || unsupported(format!("transpose {}", order.unwrap_or(&Value::Null)));
    let places: Vec<usize> = match order {
        Some(Value::String(order)) if order == "C" => (0..axes.len()).collect(),
        Some(Value::String(order)) if order == "F" => (0..axes.len()).rev().collect(),
        _ => {
            let places = order.and_then(json::wholes).ok_or_else(refused)?;
            places.into_iter().map(|n| usize::try_from(n).unwrap_or(usize::MAX)).collect()
        }
    };
    let is_complete = (0..axes.len()).all(|axis| places.contains(&axis));
    if places.len() != axes.len() || !is_complete {
        return Err(refused());
    }
    Ok(places.into_iter().map(|place| axes[place]).collect())
}

fn padding(settings: &Value) -> Result<Padding> {
    let is_whole = ["first_bit", "last_bit"].iter().all(|key| settings.get(key).is_none_or(Value::is_null));
    match settings.get("padding_encoding").map_or(Some("none"), Value::as_str) {
        Some("none") if is_whole => Ok(Padding::Nowhere),
        Some("first_byte" | "start_byte") if is_whole => Ok(Padding::FirstByte),
        Some("last_byte" | "end_byte") if is_whole => Ok(Padding::LastByte),
        _ => Err(unsupported(format!("packbits {settings}"))),
    }
}

fn sharded(settings: &Value, stored: StoredType, outer: &Chain, shard: &[u64]) -> Result<Sharding> {
    let axes = outer.order.len();
    let shape = settings.get("chunk_shape").and_then(json::wholes).ok_or_else(damaged)?;
    let list = |key: &str| settings.get(key).and_then(Value::as_array).map(Vec::as_slice);
    let (mut chain, nested) = encoding(list("codecs").ok_or_else(damaged)?, stored, axes)?;
    if nested.is_some() {
        return Err(unsupported("shards inside shards"));
    }
    if shape.len() != axes || shard.len() != axes {
        return Err(damaged());
    }
    // The shapes of inner chunks are along the axes of shards, whose order may differ from that of the array.
    chain.order = chain.order.iter().map(|&at| outer.order[at]).collect();
    let mut inner = vec![0; axes];
    outer.order.iter().zip(&shape).for_each(|(&axis, &n)| inner[axis] = n);
    if shard.iter().zip(&inner).any(|(shard, &inner)| inner == 0 || !shard.is_multiple_of(inner)) {
        return Err(Error::data("has shards that are not made of whole chunks by its metadata; write it again"));
    }
    let index = match list("index_codecs") {
        None => Chain { steps: Vec::new(), order: vec![0], endian: Endian::Little },
        Some(codecs) => encoding(codecs, StoredType::U64, 1)?.0,
    };
    if index.steps.iter().any(|step| *step != Step::Crc32c) {
        return Err(unsupported("an index of shards that is compressed"));
    }
    let index_first = match settings.get("index_location").map_or(Some("end"), Value::as_str) {
        Some("end") => false,
        Some("start") => true,
        _ => return Err(damaged()),
    };
    Ok(Sharding { inner, chain, index, index_first })
}
