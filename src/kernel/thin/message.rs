//! Messages between the owners of neighbouring chunks during thinning.

use serde::{Deserialize, Serialize};

use crate::grid::ChunkId;
use crate::kernel::mask::{Layout, Mask};
use crate::space::Region;

/// A message from the owner of a chunk to the owner of a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The chunk's mask is new: its bits in the neighbour's halo. If the flag is set, the chunk has nothing from the
    /// neighbour yet and requests [`Message::Known`]; a neighbour that is new itself sends this message anyway instead.
    Changed(Slab, bool),
    /// The answer: the bits in the requesting chunk's halo, and the decisions next to their seam in the sender's last
    /// run, by sub-iteration.
    Known(Slab, Vec<(u32, Vec<u32>)>),
    /// The chunk is active in this epoch.
    Live(Link),
    /// The neighbour becomes active in the current sub-iteration: the halo voxels that differ from its log.
    Activate(Link, Vec<u32>),
    /// Halo voxels that flipped.
    Flips(Link, Vec<u32>),
}

impl Message {
    /// The chunk that sends the message, and the neighbour that receives it.
    pub fn link(&self) -> Link {
        match self {
            Message::Changed(slab, _) | Message::Known(slab, _) => slab.link,
            Message::Live(link) | Message::Activate(link, _) | Message::Flips(link, _) => *link,
        }
    }
}

/// A chunk that sends, and the neighbour that receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The chunk that sends.
    pub from: ChunkId,
    /// The neighbour that receives.
    pub to: ChunkId,
}

/// A box of a chunk's mask that lies in a neighbour's halo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slab {
    /// A chunk that sends, and the neighbour that receives.
    pub link: Link,
    /// The box.
    pub region: Region,
    /// The bits, as [`Mask::cut`] returns them.
    pub bits: Vec<u64>,
}

impl Slab {
    /// The box of a mask in the halo of a neighbour with this layout, and its bits.
    pub(super) fn new(mask: &Mask, from: ChunkId, to: ChunkId, layout: &Layout) -> Self {
        let region = mask.layout().own.intersection(&layout.own.dilated([1; 3]));
        Slab { link: Link { from, to }, region, bits: mask.cut(&region) }
    }
}
