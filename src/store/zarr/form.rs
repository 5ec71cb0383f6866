//! What the metadata of an array come to, of either version and by any writer: how its values are found and decoded.

mod fill;
mod keys;
mod steps;
mod version2;
mod version3;

use serde_json::Value;

pub(crate) use self::fill::Fill;
pub(crate) use self::keys::ChunkKeys;
pub(crate) use self::version3::Sharding;
use super::codec::Chain;
use super::faults::unsupported;
use super::json;
use super::metadata::{ZarrNode, damaged};
use crate::error::{Error, Result};
use crate::store::StoredType;
use crate::store::axes::require_few;

/// An array as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ZarrForm {
    pub(crate) shape: Vec<u64>,
    /// Voxels of a chunk along every axis, or of a shard.
    pub(crate) chunk: Vec<u64>,
    pub(crate) stored: StoredType,
    pub(crate) fill: Fill,
    /// `None` if the metadata do not say how keys are separated.
    pub(crate) keys: Option<ChunkKeys>,
    /// How chunks are encoded; where they are shards, how the axes of shards are ordered.
    pub(crate) chain: Chain,
    pub(crate) sharding: Option<Sharding>,
    /// Names of all axes, where the metadata of the array have some.
    pub(crate) names: Option<Vec<String>>,
}

impl ZarrForm {
    /// The array of a node.
    ///
    /// # Errors
    /// `Data` if its type, its codecs, its grid or an extension is not supported, or its metadata contradict
    /// themselves.
    pub(crate) fn of(node: &ZarrNode, metadata: &Value) -> Result<ZarrForm> {
        let form = if node.version == 2 { version2::form(metadata)? } else { version3::form(metadata)? };
        form.require_sense()?;
        let names = form.names.clone().or_else(|| xarray_names(&node.attributes));
        Ok(ZarrForm { names, ..form })
    }

    fn require_sense(&self) -> Result<()> {
        let axes = self.shape.len();
        require_few(axes)?;
        if self.chunk.len() != axes {
            let message = format!("has {axes} axes but chunks of {}; write it again", self.chunk.len());
            return Err(Error::data(message));
        }
        let inner = self.sharding.as_ref().map_or(&self.chunk, |sharding| &sharding.inner);
        if self.chunk.contains(&0) || inner.contains(&0) {
            return Err(Error::data("has chunks without voxels by its metadata; write it again"));
        }
        let bytes = inner.iter().try_fold(self.stored.size() as u64, |bytes, &n| bytes.checked_mul(n));
        if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            let shape = inner.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
            return Err(Error::data(format!(
                "has chunks of {shape} voxels, which no memory holds; write smaller ones"
            )));
        }
        Ok(())
    }
}

/// Names of axes as xarray leaves them in attributes.
fn xarray_names(attributes: &Value) -> Option<Vec<String>> {
    attributes.get("_ARRAY_DIMENSIONS").and_then(names)
}

/// The names of axes in a list; one that is no text is empty, and a list without any is none.
fn names(list: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = list.as_array()?.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
    names.iter().any(|name| !name.is_empty()).then_some(names)
}

fn shape(metadata: &Value) -> Result<Vec<u64>> {
    metadata.get("shape").and_then(json::wholes).ok_or_else(damaged)
}
