//! The format of an array from its metadata, for either version and any writer.

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

/// The storage format of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ZarrForm {
    pub(crate) shape: Vec<u64>,
    /// Shape of a chunk along every axis, or of a shard.
    pub(crate) chunk: Vec<u64>,
    pub(crate) stored: StoredType,
    pub(crate) fill: Fill,
    /// `None` if the metadata lack the separator of keys.
    pub(crate) keys: Option<ChunkKeys>,
    /// Encoding of chunks; for shards, only the order of axes.
    pub(crate) chain: Chain,
    pub(crate) sharding: Option<Sharding>,
    /// Names of all axes, if the metadata of the array have them.
    pub(crate) names: Option<Vec<String>>,
}

impl ZarrForm {
    /// The format of the array in a node.
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

/// Names of axes in the attributes of xarray.
fn xarray_names(attributes: &Value) -> Option<Vec<String>> {
    attributes.get("_ARRAY_DIMENSIONS").and_then(names)
}

/// The names of axes in a list; one that is not text is empty, and a list without any is `None`.
fn names(list: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = list.as_array()?.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
    names.iter().any(|name| !name.is_empty()).then_some(names)
}

fn shape(metadata: &Value) -> Result<Vec<u64>> {
    metadata.get("shape").and_then(json::wholes).ok_or_else(damaged)
}
