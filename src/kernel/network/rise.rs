//! The fold over the octree, in one thread: what is complete goes out, what is not goes up.
//!
//! A measure that reaches over chunks says what it knows of a chunk (a leaf) and how a box puts together what its parts
//! could not complete (a merge). A fold is a semigroup's product over the volume that says of each part of the result
//! in which box it became complete. `operators::rise` maintains it while chunks change.

use std::collections::BTreeMap;

use crate::grid::ChunkId;
use crate::kernel::network::octree::{Octree, OctreeBox};

/// What a chunk or a box says of its part of the volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risen<C, R> {
    /// A part of the result: nothing outside of the box changes it.
    Complete(C),
    /// A record that needs what lies outside of the box, for the box of a higher level that holds this one.
    Open(u8, R),
}

impl<C, R> Risen<C, R> {
    /// The same of other types.
    pub fn map<D, Q>(self, complete: impl FnOnce(C) -> D, open: impl FnOnce(R) -> Q) -> Risen<D, Q> {
        match self {
            Risen::Complete(part) => Risen::Complete(complete(part)),
            Risen::Open(level, record) => Risen::Open(level, open(record)),
        }
    }
}

/// Returns what is complete in a box, if anything is, and then the records that go up, each to a level.
pub(crate) fn risen<C, R>(
    complete: Option<C>,
    open: impl IntoIterator<Item = (u8, R)>,
) -> impl Iterator<Item = Risen<C, R>> {
    complete.into_iter().map(Risen::Complete).chain(open.into_iter().map(|(level, record)| Risen::Open(level, record)))
}

/// Returns the complete parts of the fold over some leaves, each with the box that completed it. `merge` is called once
/// for each box that records go up to, with the box and those records; they are in no order that means anything.
///
/// # Panics
/// If an open record does not go up: to the level of its box, below it, or above the top.
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
        // The lowest first: what goes up comes later.
        let Some((place, records)) = boxes.pop_first() else { return complete };
        new.extend(merge(place, &records.iter().collect::<Vec<_>>()).into_iter().map(|risen| (place, risen)));
    }
}
