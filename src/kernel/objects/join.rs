//! Objects from their parts in chunks: a client of the fold over the octree.

use std::collections::BTreeMap;

use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::Risen;
use crate::kernel::objects::parts::{Link, Part};
use crate::kernel::objects::tally::Tally;

/// What a chunk says of one of its parts: an object, or a part for the smallest box in which it meets another.
pub fn leaf(part: Part, octree: &Octree) -> Risen<Tally, Part> {
    match part.links.iter().map(|&[a, b]| octree.meeting_of(a, b)).min() {
        Some(level) => Risen::Open(level, part),
        None => Risen::Complete(part.tally),
    }
}

/// Joins the parts of a box of a level, for a fold (see [`rise`](crate::kernel::network::rise::rise)): the objects that are
/// complete in it, and the parts that go on outside, in the order of their first voxels. Parts with a link in common are one;
/// a link of which the box holds both chunks is done with. Does not depend on the order of the parts, nor on boxes below.
/// Takes time O(n log n) in the number of links.
pub fn merge(parts: &[&Part], level: u8, octree: &Octree) -> Vec<Risen<Tally, Part>> {
    let mut sets = DisjointSets::new(parts.len());
    let mut seen: BTreeMap<Link, u32> = BTreeMap::new();
    for (i, part) in (0..).zip(parts) {
        for &link in &part.links {
            let other = *seen.entry(link).or_insert(i);
            sets.unite(i, other);
        }
    }
    let mut joined: BTreeMap<u32, Part> = BTreeMap::new();
    for (i, part) in (0..).zip(parts) {
        let root = sets.find(i);
        if let Some(whole) = joined.get_mut(&root) {
            whole.tally.merge(&part.tally);
        } else {
            joined.insert(root, Part { tally: part.tally.clone(), links: Vec::new() });
        }
    }
    for (link, part) in seen {
        if octree.meeting_of(link[0], link[1]) > level
            && let Some(whole) = joined.get_mut(&sets.find(part))
        {
            whole.links.push(link);
        }
    }
    let mut joined: Vec<Part> = joined.into_values().collect();
    joined.sort_unstable_by_key(|part| part.tally.first);
    joined.into_iter().map(|part| leaf(part, octree)).collect()
}
