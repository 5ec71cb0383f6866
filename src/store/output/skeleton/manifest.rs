//! Which chunks of a skeleton's image are stored, so that those without change can be linked from there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::store::disk::read_if_there;
use crate::store::file::{read_failed, replace};
use crate::store::file_states::FileState;

/// How this version encodes chunks.
const ENCODING: &str = concat!(env!("CARGO_PKG_VERSION"), ", zeros in blocks");

/// A list of the stored chunks of a skeleton's image: a hash of the voxels of each, and the length and the modification
/// time of its file.
///
/// A manifest that does not match a folder is harmless: a chunk is reused only if its file is the one that was written
/// for these voxels. So it can be saved before or after outputs are put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkeletonManifest {
    /// How the chunks are encoded: otherwise the same voxels have other bytes.
    encoding: String,
    shape: [usize; 3],
    /// The chunks of each resolution, the full one first.
    pub(super) stored: Vec<BTreeMap<ChunkId, StoredChunk>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredChunk {
    /// Hash of the voxels in raster order.
    pub(super) voxels: u64,
    pub(super) file: FileState,
}

impl SkeletonManifest {
    /// Loads the manifest from a file; `None` if it does not exist.
    ///
    /// # Errors
    /// `Data` if the file is damaged, `Io` if it cannot be read. Either way the caller can continue without a manifest:
    /// all chunks are encoded then.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let bytes = read_if_there(path).map_err(|error| read_failed(&error).at(path))?;
        let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        parsed.map_err(|error| {
            Error::data("is no list of skeleton chunks; all of them are written again").because(error).at(path)
        })
    }

    /// Saves the manifest to a file, which is replaced as a whole.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::internal("a list of chunks cannot be written as JSON").because(error))?;
        replace(path, &bytes)
    }

    /// An empty manifest of a volume of a shape, which its chunks and resolutions follow from.
    pub(super) fn new(shape: [usize; 3], levels: usize) -> Self {
        let encoding = ENCODING.to_owned();
        SkeletonManifest { encoding, shape, stored: vec![BTreeMap::new(); levels] }
    }

    /// Whether the chunks of both are encoded in the same way.
    pub(super) fn encodes_as(&self, other: &Self) -> bool {
        (&self.encoding, self.shape, self.stored.len()) == (&other.encoding, other.shape, other.stored.len())
    }

    /// The same, as if the chunks were encoded in another way.
    #[cfg(test)]
    pub(super) fn encoded_as(self, encoding: &str) -> Self {
        SkeletonManifest { encoding: encoding.to_owned(), ..self }
    }

    /// A stored chunk of a resolution.
    pub(super) fn chunk(&self, level: usize, id: ChunkId) -> Option<&StoredChunk> {
        self.stored.get(level)?.get(&id)
    }
}
