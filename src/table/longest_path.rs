//! The longest shortest path between two nodes of each skeleton: its diameter, as a graph of branches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::Result;
use crate::kernel::measure::channel::Measured;
use crate::table::Table;
use crate::threads::{each, in_turn};

/// Maximum number of nodes of a skeleton with loops for which the longest path is computed.
pub(super) const MOST_NODES: usize = 5000;

/// The longest shortest path of each skeleton that has one, and the number of skeletons that are too large to compute
/// it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LongestPaths {
    pub(super) lengths: Vec<Option<f64>>,
    pub(super) unknown: u64,
}

/// A branch as an edge between two nodes, which may have any distinct numbers.
#[derive(Clone, Copy, Debug)]
struct Edge {
    skeleton: u32,
    ends: [u32; 2],
    length: f64,
}

/// The result for a skeleton.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Longest {
    /// Its length.
    Known(f64),
    /// The skeleton has a single node.
    Nothing,
    /// It was not computed: the skeleton has loops and too many nodes.
    Unknown,
}

/// The longest path of each skeleton of a table. Lengths are summed in an order that depends on the table alone.
pub(super) fn longest_paths<M: Measured>(table: &Table<'_, M>, threads: usize) -> Result<LongestPaths> {
    let mut edges = Vec::with_capacity(table.len());
    let make = |made: &mut Vec<Edge>, block: usize| {
        *made = table.in_block(block, |branch, ends| Edge {
            skeleton: table.skeleton_of(ends[0]),
            ends,
            length: branch.length(),
        });
    };
    in_turn(table.blocks(), threads, Vec::new, make, |made| {
        edges.append(made);
        Ok(())
    })?;
    // Edges of a skeleton stay in the order of the table: the sort is stable.
    edges.sort_by_key(|edge| edge.skeleton);
    let skeletons: Vec<&[Edge]> = edges.chunk_by(|a, b| a.skeleton == b.skeleton).collect();
    let found = each(&skeletons, threads, |_, edges| Ok((edges[0].skeleton, longest(edges))))?;
    let mut paths = LongestPaths { lengths: vec![None; table.skeletons() as usize], unknown: 0 };
    for (skeleton, longest) in found {
        match longest {
            Longest::Known(length) => paths.lengths[skeleton as usize] = Some(length),
            Longest::Nothing => {}
            Longest::Unknown => paths.unknown += 1,
        }
    }
    Ok(paths)
}

/// The longest path of the skeleton that consists of these branches.
fn longest(edges: &[Edge]) -> Longest {
    let mut nodes: Vec<u32> = edges.iter().flat_map(|edge| edge.ends).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let graph = || EdgeGraph::new(&nodes, edges);
    match nodes.len() {
        1 => Longest::Nothing,
        count if edges.len() + 1 == count => Longest::Known(graph().longest_of_tree()),
        count if count <= MOST_NODES => Longest::Known(graph().longest()),
        _ => Longest::Unknown,
    }
}

/// The neighbours of each node, with the lengths of the edges.
struct EdgeGraph {
    /// Index of the first target of each node; one more at the end.
    starts: Vec<usize>,
    targets: Vec<(u32, f64)>,
}

impl EdgeGraph {
    /// The graph on nodes in ascending order, which it numbers from 0.
    fn new(nodes: &[u32], edges: &[Edge]) -> Self {
        let place = |node: u32| nodes.partition_point(|&other| other < node);
        let pairs: Vec<([usize; 2], f64)> = edges.iter().map(|edge| (edge.ends.map(place), edge.length)).collect();
        let mut starts = vec![0; nodes.len() + 1];
        pairs.iter().flat_map(|(ends, _)| ends).for_each(|&end| starts[end + 1] += 1);
        for node in 0..nodes.len() {
            starts[node + 1] += starts[node];
        }
        let (mut next, mut targets) = (starts.clone(), vec![(0, 0.0); 2 * pairs.len()]);
        for ([a, b], length) in pairs {
            for (from, to) in [(a, b), (b, a)] {
                targets[next[from]] = (to as u32, length);
                next[from] += 1;
            }
        }
        EdgeGraph { starts, targets }
    }

    fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// The distance of each node from one node, by Dijkstra's algorithm.
    fn distances(&self, from: usize) -> Vec<f64> {
        let mut distances = vec![f64::INFINITY; self.nodes()];
        distances[from] = 0.0;
        // The bits of non-negative numbers order as the numbers do.
        let mut open = BinaryHeap::from([Reverse((0u64, from as u32))]);
        while let Some(Reverse((bits, node))) = open.pop() {
            let (distance, node) = (f64::from_bits(bits), node as usize);
            if distance > distances[node] {
                continue;
            }
            for &(to, length) in &self.targets[self.starts[node]..self.starts[node + 1]] {
                let further = distance + length;
                if further < distances[to as usize] {
                    distances[to as usize] = further;
                    open.push(Reverse((further.to_bits(), to)));
                }
            }
        }
        distances
    }

    /// The longest path of a tree: from the node farthest from an arbitrary node, to the node farthest from that one.
    fn longest_of_tree(&self) -> f64 {
        let far = farthest(&self.distances(0));
        let distances = self.distances(far);
        distances[farthest(&distances)]
    }

    /// The largest distance of two nodes.
    ///
    /// Computes distances from some nodes only. If all nodes lie within `reach` of a node, they lie within `reach + d`
    /// of every node at distance `d` from it; nodes that cannot have a longer path than the longest so far are left
    /// out. Source: F. Takes and W. Kosters, "Determining the diameter of small world networks", 2011.
    fn longest(&self) -> f64 {
        let mut longest = 0.0f64;
        let mut left: Vec<(usize, [f64; 2])> = (0..self.nodes()).map(|node| (node, [0.0, f64::INFINITY])).collect();
        // Alternates between a node that may have the longest path and one in the middle, which bounds the others best.
        for turn in 0.. {
            let order = |&(_, [least, most]): &(usize, [f64; 2])| if turn % 2 == 0 { -most } else { least };
            let Some(&(node, _)) = left.iter().min_by(|a, b| order(a).total_cmp(&order(b))) else { break };
            let distances = self.distances(node);
            let reach = distances[farthest(&distances)];
            longest = longest.max(reach);
            left.retain_mut(|(other, [least, most])| {
                let distance = distances[*other];
                *least = least.max(distance).max(reach - distance);
                *most = most.min(reach + distance);
                *other != node && *most > longest
            });
        }
        longest
    }
}

/// The first index with the largest distance.
fn farthest(distances: &[f64]) -> usize {
    (0..distances.len()).rev().max_by(|&a, &b| distances[a].total_cmp(&distances[b])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges(edges: &[(u32, u32, f64)]) -> Vec<Edge> {
        edges.iter().map(|&(a, b, length)| Edge { skeleton: 0, ends: [a, b], length }).collect()
    }

    /// The largest of all distances, by Floyd and Warshall's algorithm.
    fn plain(nodes: usize, edges: &[(u32, u32, f64)]) -> f64 {
        let mut distances = vec![vec![f64::INFINITY; nodes]; nodes];
        (0..nodes).for_each(|node| distances[node][node] = 0.0);
        for &(a, b, length) in edges {
            let (a, b) = (a as usize, b as usize);
            distances[a][b] = distances[a][b].min(length);
            distances[b][a] = distances[a][b];
        }
        for over in 0..nodes {
            for a in 0..nodes {
                for b in 0..nodes {
                    distances[a][b] = distances[a][b].min(distances[a][over] + distances[over][b]);
                }
            }
        }
        distances.into_iter().flatten().fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn the_longest_path_is_the_largest_of_all_distances(
            parents in prop::collection::vec((any::<prop::sample::Index>(), 1u32..9), 1..30),
            more in prop::collection::vec((0u32..30, 0u32..30, 1u32..20), 0..12),
        ) {
            // A tree with integer lengths, and perhaps edges that close loops, parallel edges and loops at one node
            // among them.
            let mut all: Vec<(u32, u32, f64)> = Vec::new();
            for (node, (parent, length)) in (1..).zip(&parents) {
                all.push((parent.index(node as usize) as u32, node, f64::from(*length)));
            }
            let nodes = parents.len() as u32 + 1;
            all.extend(more.iter().map(|&(a, b, length)| (a % nodes, b % nodes, f64::from(length))));
            prop_assert_eq!(longest(&edges(&all)), Longest::Known(plain(nodes as usize, &all)));
        }
    }

    #[test]
    fn large_skeletons_have_a_longest_path_where_they_have_no_loops() {
        let chain: Vec<(u32, u32, f64)> = (0..6000).map(|node| (node, node + 1, 0.5)).collect();
        assert_eq!(longest(&edges(&chain)), Longest::Known(3000.0));
        let mut closed = chain.clone();
        closed.push((17, 17, 1.0));
        assert_eq!(longest(&edges(&closed)), Longest::Unknown);
        let small: Vec<_> = closed.iter().copied().filter(|(_, to, _)| *to < 5000).collect();
        assert_eq!(longest(&edges(&small)), Longest::Known(2499.5));
    }

    #[test]
    fn a_skeleton_of_one_node_has_no_path_between_two() {
        assert_eq!(longest(&edges(&[(3, 3, 7.0), (3, 3, 9.0)])), Longest::Nothing);
    }
}
