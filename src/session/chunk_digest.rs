//! What the digest of a state says of a chunk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grid::ChunkId;
use crate::kernel::measure::Known;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::objects::local::Local;
use crate::operators::objects::seams::ChunkLinks;

/// What a worker needs to know of a chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ChunkDigest {
    pub(super) chunk: ChunkId,
    /// The fingerprint of its values.
    pub(super) fingerprint: u64,
    /// `None` if it has no foreground.
    pub(super) thinned: Option<ThinnedDigest>,
}

/// The same of a chunk with foreground.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ThinnedDigest {
    /// The value of the foreground, if it is constant.
    pub(super) constant: Option<i64>,
    pub(super) objects: Arc<Local<u64>>,
    /// The links of its objects to those of other chunks.
    pub(super) links: Option<ChunkLinks>,
    /// The skeleton, with what is known at its voxels, if it has any.
    pub(super) skeleton: Option<Arc<Skeleton<Known>>>,
}
