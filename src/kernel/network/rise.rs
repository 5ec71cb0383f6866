//! The fold over the octree, in one thread: complete results go out, open records go up.
//!
//! A measure that crosses chunks defines the records of a chunk (a leaf), and how a box joins the records that its
//! parts could not complete (a merge). A fold is the product of a semigroup over the volume, and assigns each part of
//! the result to the box that completed it. `operators::rise` maintains it while chunks change.

use std::collections::BTreeMap;

use crate::grid::ChunkId;
use crate::kernel::network::octree::{Octree, OctreeBox};

/// A result of a chunk or a box.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risen<C, R> {
    /// A part of the result, which nothing outside the box can change.
    Complete(C),
    /// A record that depends on voxels outside the box. It goes to the box of this higher level that contains the box.
    Open(u8, R),
}

impl<C, R> Risen<C, R> {
    /// Converts the contents to other types.
    pub fn map<D, Q>(self, complete: impl FnOnce(C) -> D, open: impl FnOnce(R) -> Q) -> Risen<D, Q> {
        match self {
            Risen::Complete(part) => Risen::Complete(complete(part)),
            Risen::Open(level, record) => Risen::Open(level, open(record)),
        }
    }
}

/// Returns the complete result of a box, if any, and then the records that go up, each with its level.
pub(crate) fn risen<C, R>(
    complete: Option<C>,
    open: impl IntoIterator<Item = (u8, R)>,
) -> impl Iterator<Item = Risen<C, R>> {
    complete.into_iter().map(Risen::Complete).chain(open.into_iter().map(|(level, record)| Risen::Open(level, record)))
}

/// Returns the complete parts of the fold over leaves, each with the box that completed it. Calls `merge` once for each
/// box that records go up to, with the box and these records, in an unspecified order.
///
/// # Panics
/// If the level of an open record is not above the level of its box, or is above the top.
pub fn rise<C, R, I: IntoIterator<Item = Risen<C, R>>>(
    leaves: impl IntoIterator<Item = (ChunkId, Risen<C, R>)>,
    octree: &Octree,
    merge: impl Fn(OctreeBox, &[&R]) -> I,
) -> Vec<(OctreeBox, C)> {
    let mut complete = Vec::new();
    let mut boxes: BTreeMap<OctreeBox, Vec<R>> = BTreeMap::new();
    let mut new: Vec<(OctreeBox, Risen<C, R>)> = leaves.into_iter().map(|(chunk, leaf)| ((0, chunk), leaf)).collect();
    loop {
        for (place, risen) in new.drain(..) {
            match risen {
                Risen::Complete(part) => complete.push((place, part)),
                Risen::Open(level, record) => boxes.entry(octree.above(place, level)).or_default().push(record),
            }
        }
        // The lowest box first: records that go up come later.
        let Some((place, records)) = boxes.pop_first() else { return complete };
        new.extend(merge(place, &records.iter().collect::<Vec<_>>()).into_iter().map(|risen| (place, risen)));
    }
}
