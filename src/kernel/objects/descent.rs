//! Which part went into which whole, so that what is decided about a whole finds its way back to its parts.

use serde::{Deserialize, Serialize};

use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::Risen;
use crate::kernel::objects::join::{join, level_of};
use crate::kernel::objects::parts::Part;
use crate::kernel::objects::sums::{Object, Sums};
use crate::space::Voxel;

/// Identifies a component of a chunk, or what a box of the octree has joined of such: by its first voxel, and the level of the
/// box, 0 for chunks. Places are in the order of first voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The first voxel in raster order.
    pub first: Voxel,
    /// The level of the box.
    pub level: u8,
}

/// A part on its way up, with the level of the box that made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Climbing<S> {
    /// The level; 0 for a chunk.
    pub level: u8,
    /// The part.
    pub part: Part<S>,
}

impl<S> Climbing<S> {
    fn place(&self) -> Place {
        Place { first: self.part.object.first, level: self.level }
    }
}

/// A part, and the larger part or the whole that it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// What it became part of.
    pub whole: Place,
    /// The part.
    pub part: Place,
}

/// What a box says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Joined<S> {
    /// A component that is complete.
    Whole(Object<S>),
    /// What a part has become.
    Member(Member),
}

/// Joins the parts of a box of a level, as [`merge`](super::join::merge) does, and says what each of them has become.
pub fn merge<S: Sums>(parts: &[&Climbing<S>], level: u8, octree: &Octree) -> Vec<Risen<Joined<S>, Climbing<S>>> {
    let (wholes, whole_of) = join(&parts.iter().map(|climbing| &climbing.part).collect::<Vec<_>>(), level, octree);
    let member = |(climbing, whole): (&&Climbing<S>, usize)| {
        let whole = Place { first: wholes[whole].object.first, level };
        Risen::Complete(Joined::Member(Member { whole, part: climbing.place() }))
    };
    let mut found: Vec<_> = parts.iter().zip(whole_of).map(member).collect();
    found.extend(wholes.into_iter().map(|part| match level_of(&part, octree) {
        Some(above) => Risen::Open(above, Climbing { level, part }),
        None => Risen::Complete(Joined::Whole(part.object)),
    }));
    found
}
