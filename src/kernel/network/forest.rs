//! The minimum spanning forest of junction clusters, for parts of the volume.
//!
//! Morally this is Kruskal's algorithm on all edges between junction voxels (degree 3 and more), in the order (length,
//! earlier voxel, later voxel). An edge that is not in the forest of a part is not in the forest of the whole, so each
//! part drops its edges outside its forest for good. Other parts need little of its trees: the nodes with edges that
//! lead out of the part and, for each path between them, the largest edge, because only that edge can still be dropped.

use serde::{Deserialize, Serialize};

use crate::kernel::network::adjacency::for_each_link;
use crate::kernel::network::rise::{Risen, risen};
use crate::kernel::network::step::{Lengths, Step};
use crate::space::Voxel;

/// An edge between neighbouring voxels: the earlier one and a forward step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The end that is earlier in raster order.
    pub from: Voxel,
    /// The step to the other end.
    pub step: Step,
}

impl Edge {
    /// The edge along a step, in either direction.
    #[inline]
    pub fn new(voxel: Voxel, step: Step) -> Self {
        if step.is_forward() {
            Edge { from: voxel, step }
        } else {
            Edge { from: step.from(voxel), step: step.reversed() }
        }
    }

    /// The end that is later in raster order.
    #[inline]
    pub fn to(self) -> Voxel {
        self.step.from(self.from)
    }
}

/// A node of a reduced forest: a junction voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    /// Position of the node.
    pub voxel: Voxel,
    /// The level of the smallest box that holds all of its neighbouring junctions (see `Octree`); 0 if all of them lie
    /// in its own chunk.
    pub until: u8,
}

/// A link of a reduced forest: it represents a path of edges by the largest of them. Links have the order of Kruskal's
/// algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ForestLink {
    /// Rank of the edge's length (see [`Lengths::rank`]).
    pub rank: u8,
    /// The largest edge of the path.
    pub edge: Edge,
    /// Indices of the path's ends among the forest's nodes.
    pub ends: [u32; 2],
}

/// A reduced forest: the part of its trees that a part of the volume passes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Forest {
    /// Nodes in raster order: those with edges that lead out of the part, and those at forks of the paths between them.
    pub nodes: Vec<Node>,
    /// Links in Kruskal's order.
    pub links: Vec<ForestLink>,
}

/// Keeps those of sorted links that belong to the minimum spanning forest, and calls `dropped` with the others.
pub(crate) fn span(nodes: usize, links: &mut Vec<ForestLink>, mut dropped: impl FnMut(&ForestLink)) {
    debug_assert!(links.is_sorted());
    let mut sets = DisjointSets::new(nodes);
    links.retain(|link| {
        let kept = sets.unite(link.ends[0], link.ends[1]);
        if !kept {
            dropped(link);
        }
        kept
    });
}

/// Reduces trees to the paths between nodes with edges that lead out of their box of a level; `None` if no node has
/// such edges. Takes time linear in the number of nodes, plus the time to sort the rest.
pub(crate) fn contract(nodes: &[Node], links: &[ForestLink], level: u8) -> Option<Forest> {
    let exposed = |node: u32| nodes[node as usize].until > level;
    if !nodes.iter().any(|node| node.until > level) {
        return None;
    }
    // The number of links at each node, and the exclusive or of their indices, which identifies the last link of a leaf
    // and, at a node with two links, the other one.
    let mut degree = vec![0u32; nodes.len()];
    let mut mixed = vec![0u32; nodes.len()];
    for (place, link) in links.iter().enumerate() {
        for end in link.ends {
            degree[end as usize] += 1;
            mixed[end as usize] ^= place as u32;
        }
    }
    let other = |place: u32, node: u32| {
        let [a, b] = links[place as usize].ends;
        if a == node { b } else { a }
    };
    let mut pruned = vec![false; links.len()];
    for leaf in 0..nodes.len() as u32 {
        let mut node = leaf;
        while degree[node as usize] == 1 && !exposed(node) {
            let place = mixed[node as usize];
            pruned[place as usize] = true;
            degree[node as usize] = 0;
            node = other(place, node);
            degree[node as usize] -= 1;
            mixed[node as usize] ^= place;
        }
    }
    let anchor = |node: u32| exposed(node) || degree[node as usize] >= 3;
    let mut forest = Forest::default();
    let mut renumbered = vec![u32::MAX; nodes.len()];
    for node in 0..nodes.len() as u32 {
        if anchor(node) {
            renumbered[node as usize] = forest.nodes.len() as u32;
            forest.nodes.push(nodes[node as usize]);
        }
    }
    for first in (0..links.len() as u32).filter(|&place| !pruned[place as usize]) {
        let [a, b] = links[first as usize].ends;
        let start = match (anchor(a), anchor(b)) {
            (true, _) => a,
            (false, true) => b,
            (false, false) => continue,
        };
        let (mut last, mut largest) = (first, first);
        let mut node = other(first, start);
        while !anchor(node) {
            last ^= mixed[node as usize];
            largest = largest.max(last);
            node = other(last, node);
        }
        // A path is found from both of its ends; the end with the smaller first link reports it.
        if first <= last {
            let ends = [start, node].map(|n| renumbered[n as usize]);
            forest.links.push(ForestLink { ends, ..links[largest as usize] });
        }
    }
    forest.links.sort_unstable();
    Some(forest)
}

/// Merges the forests of the children of a box of a level, for a fold (see
/// [`rise`](crate::kernel::network::rise::rise)). Returns the edges that the box drops, in Kruskal's order, and the
/// forest of the box, unless no edge leads out of it.
///
/// Edges between children are found from the nodes: two junctions that are neighbours and belong to different children
/// have an edge that leads out of both, so they are nodes of both. Takes time O(n log n) in the size of the forests.
pub fn merge(
    children: &[&Forest],
    level: u8,
    lengths: &Lengths,
) -> impl Iterator<Item = Risen<Vec<Edge>, Forest>> + use<> {
    let mut nodes: Vec<(Node, u32)> = Vec::with_capacity(children.iter().map(|c| c.nodes.len()).sum());
    for (child, forest) in children.iter().enumerate() {
        nodes.extend(forest.nodes.iter().map(|&node| (node, child as u32)));
    }
    let mut order: Vec<(Voxel, u32)> = nodes.iter().enumerate().map(|(i, (node, _))| (node.voxel, i as u32)).collect();
    order.sort();
    let mut place = vec![0u32; nodes.len()];
    for (sorted, &(_, unsorted)) in order.iter().enumerate() {
        place[unsorted as usize] = sorted as u32;
    }
    let mut links = Vec::with_capacity(children.iter().map(|c| c.links.len()).sum::<usize>() + nodes.len());
    let mut first = 0;
    for forest in children {
        links.extend(
            forest.links.iter().map(|link| ForestLink { ends: link.ends.map(|e| place[first + e as usize]), ..*link }),
        );
        first += forest.nodes.len();
    }
    let nodes: Vec<(Node, u32)> = order.iter().map(|&(_, i)| nodes[i as usize]).collect();
    let meeting: Vec<u32> = (0..nodes.len() as u32).filter(|&i| nodes[i as usize].0.until >= level).collect();
    let voxels: Vec<Voxel> = meeting.iter().map(|&i| nodes[i as usize].0.voxel).collect();
    for_each_link(&voxels, |i, j, step| {
        let ends = [meeting[i], meeting[j]];
        if nodes[ends[0] as usize].1 != nodes[ends[1] as usize].1 {
            links.push(ForestLink { rank: lengths.rank(step), edge: Edge { from: voxels[i], step }, ends });
        }
    });
    links.sort();
    let mut dropped = Vec::new();
    span(nodes.len(), &mut links, |link| dropped.push(link.edge));
    let nodes: Vec<Node> = nodes.into_iter().map(|(node, _)| node).collect();
    let forest = contract(&nodes, &links, level);
    risen((!dropped.is_empty()).then_some(dropped), forest.map(|forest| (level + 1, forest)))
}

/// Disjoint sets of numbers from 0.
#[derive(Clone, Debug)]
pub(crate) struct DisjointSets(Vec<u32>);

impl DisjointSets {
    /// `count` sets of one number each.
    pub(crate) fn new(count: usize) -> Self {
        DisjointSets((0..count as u32).collect())
    }

    /// The smallest number in the set of a number.
    #[inline]
    pub(crate) fn find(&mut self, mut i: u32) -> u32 {
        while self.0[i as usize] != i {
            let above = self.0[self.0[i as usize] as usize];
            self.0[i as usize] = above;
            i = above;
        }
        i
    }

    /// Unites the sets of two numbers. Returns whether they were different.
    #[inline]
    pub(crate) fn unite(&mut self, a: u32, b: u32) -> bool {
        if self.0[a as usize] == self.0[b as usize] {
            return false;
        }
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
        a != b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(x: i64, until: u8) -> Node {
        Node { voxel: Voxel::new([0, 0, x]), until }
    }

    fn link(rank: u8, at: i64, ends: [u32; 2]) -> ForestLink {
        ForestLink { rank, edge: Edge { from: Voxel::new([0, 0, at]), step: Step::new(14) }, ends }
    }

    #[test]
    fn contracting_keeps_exposed_nodes_forks_and_the_largest_edge_between_them() {
        // 0 - 1 - 2 - 3 with a fork at 2 to 4 - 5; 1 has a dead end 6; 0, 3 and 5 are exposed.
        let nodes = [node(0, 2), node(1, 0), node(2, 1), node(3, 2), node(4, 1), node(5, 3), node(6, 0)];
        let links = [
            link(0, 0, [0, 1]),
            link(0, 1, [1, 2]),
            link(0, 2, [2, 3]),
            link(1, 2, [2, 4]),
            link(1, 4, [1, 6]),
            link(2, 4, [4, 5]),
        ];
        let forest = contract(&nodes, &links, 1).unwrap();
        let voxels: Vec<i64> = forest.nodes.iter().map(|n| n.voxel.position()[2]).collect();
        assert_eq!(voxels, [0, 2, 3, 5]);
        assert_eq!(forest.links, [link(0, 1, [0, 1]), link(0, 2, [1, 2]), link(2, 4, [1, 3])]);
        assert_eq!(contract(&nodes, &links, 3), None);
    }

    #[test]
    fn an_exposed_node_without_links_stays() {
        let forest = contract(&[node(4, 1), node(5, 0)], &[], 0).unwrap();
        assert_eq!((forest.nodes, forest.links), (vec![node(4, 1)], vec![]));
    }
}
