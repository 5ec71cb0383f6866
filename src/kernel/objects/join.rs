//! Objects from their parts in chunks: a client of the fold over the octree.

use std::collections::BTreeMap;

use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::Risen;
use crate::kernel::objects::cells::Cell;
use crate::kernel::objects::parts::{Link, Part};
use crate::kernel::objects::sums::{Object, Sums};

/// The level of the smallest box in which a part meets another; `None` if it is complete.
pub(super) fn level_of<S>(part: &Part<S>, octree: &Octree) -> Option<u8> {
    part.links.iter().map(|&[a, b]| octree.meeting_of(a, b)).min()
}

/// What a chunk says of one of its parts: an object, or a part for the smallest box in which it meets another.
pub fn leaf<S>(part: Part<S>, octree: &Octree) -> Risen<Object<S>, Part<S>> {
    match level_of(&part, octree) {
        Some(level) => Risen::Open(level, part),
        None => Risen::Complete(part.object),
    }
}

/// Joins the parts of a box of a level, for a fold (see [`rise`](crate::kernel::network::rise::rise)): the objects that are
/// complete in it, and the parts that go on outside, in the order of their first voxels. Parts with a link in common are one;
/// a link of which the box holds both chunks is done with. Does not depend on the order of the parts, nor on boxes below.
/// Takes time O(n log n) in the number of links.
pub fn merge<S: Sums>(parts: &[&Part<S>], level: u8, octree: &Octree) -> Vec<Risen<Object<S>, Part<S>>> {
    join(parts, level, octree).0.into_iter().map(|part| leaf(part, octree)).collect()
}

/// The parts that those of a box become, in the order of their first voxels, and for each of those before its place among
/// them.
pub(super) fn join<S: Sums>(parts: &[&Part<S>], level: u8, octree: &Octree) -> (Vec<Part<S>>, Vec<usize>) {
    let mut sets = DisjointSets::new(parts.len());
    let mut seen: BTreeMap<Link, u32> = BTreeMap::new();
    for (i, part) in (0..).zip(parts) {
        for &link in &part.links {
            let other = *seen.entry(link).or_insert(i);
            sets.unite(i, other);
        }
    }
    let mut joined: BTreeMap<u32, Part<S>> = BTreeMap::new();
    for (i, part) in (0..).zip(parts) {
        let root = sets.find(i);
        if let Some(whole) = joined.get_mut(&root) {
            whole.object.merge(&part.object);
            whole.cells.extend_from_slice(&part.cells);
        } else {
            let (object, cells) = (part.object.clone(), part.cells.clone());
            joined.insert(root, Part { object, links: Vec::new(), cells });
        }
    }
    for whole in joined.values_mut().filter(|whole| !whole.cells.is_empty()) {
        let (cells, more) = Cell::join(std::mem::take(&mut whole.cells));
        whole.cells = cells;
        whole.object.sums.add_euler(more);
    }
    for (link, part) in seen {
        if octree.meeting_of(link[0], link[1]) > level
            && let Some(whole) = joined.get_mut(&sets.find(part))
        {
            whole.links.push(link);
        }
    }
    let mut joined: Vec<(u32, Part<S>)> = joined.into_iter().collect();
    joined.sort_unstable_by_key(|(_, part)| part.object.first);
    let place_of: BTreeMap<u32, usize> = joined.iter().zip(0..).map(|((root, _), place)| (*root, place)).collect();
    let whole_of = (0..parts.len()).map(|i| place_of[&sets.find(i as u32)]).collect();
    (joined.into_iter().map(|(_, part)| part).collect(), whole_of)
}
