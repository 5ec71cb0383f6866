//! What the owners of neighbouring chunks tell each other while these are thinned.

use serde::{Deserialize, Serialize};

use crate::grid::ChunkId;
use crate::kernel::mask::{Layout, Mask};
use crate::space::Region;

/// What a chunk's owner tells the owner of a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The chunk's mask is new: its bits in the neighbour's halo. A chunk that `asks` knows nothing of the neighbour and
    /// wants an answer, which a neighbour that is new itself gives unasked, as this.
    Changed(Slab, bool),
    /// The answer: the bits in the asking chunk's halo, and what the neighbour told or would have told it in the last run,
    /// by sub-iteration.
    Known(Slab, Vec<(u32, Vec<u32>)>),
    /// The chunk takes part in this epoch.
    Live(Link),
    /// The neighbour has to take part from the current sub-iteration on: halo voxels that are not as its log says.
    Activate(Link, Vec<u32>),
    /// Halo voxels whose state changed.
    Flips(Link, Vec<u32>),
}

impl Message {
    /// From which chunk to which neighbour it goes.
    pub fn link(&self) -> Link {
        match self {
            Message::Changed(slab, _) | Message::Known(slab, _) => slab.link,
            Message::Live(link) | Message::Activate(link, _) | Message::Flips(link, _) => *link,
        }
    }
}

/// From which chunk to which neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The chunk that tells.
    pub from: ChunkId,
    /// The neighbour that is told.
    pub to: ChunkId,
}

/// A box of a chunk's mask that lies in a neighbour's halo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slab {
    /// From which chunk to which neighbour.
    pub link: Link,
    /// The box.
    pub region: Region,
    /// The bits, as [`Mask::cut`] gives them.
    pub bits: Vec<u64>,
}

impl Slab {
    /// The box of a mask that lies in the halo of a neighbour with a layout, and its bits.
    pub(super) fn new(mask: &Mask, from: ChunkId, to: ChunkId, layout: &Layout) -> Self {
        let region = mask.layout().own.intersection(&layout.own.dilated([1; 3]));
        Slab { link: Link { from, to }, region, bits: mask.cut(&region) }
    }
}
