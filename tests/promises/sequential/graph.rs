//! From skeleton to paths, as skan 0.13.1 has them.

use std::collections::{BTreeMap, BTreeSet};

use super::Mask;

/// The paths of a skeleton: voxels by raster index, both ends included.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) paths: Vec<Vec<usize>>,
    /// Number of edges that every skeleton voxel has once junctions are spanning trees.
    pub(crate) degrees: BTreeMap<usize, usize>,
}

type Neighbours = BTreeMap<usize, BTreeSet<usize>>;

/// The length of the straight step between two voxels.
pub(crate) fn distance(skeleton: &Mask, a: usize, b: usize, spacing: [f64; 3]) -> f64 {
    let (p, q) = (skeleton.position(a), skeleton.position(b));
    (0..3).map(|axis| (spacing[axis] * (p[axis] - q[axis]) as f64).powi(2)).sum::<f64>().sqrt()
}

/// The branches of a skeleton, in skan's order: those between terminals by their first terminal and step, then the
/// isolated cycles by their first voxel, which they also end with.
pub(crate) fn paths(skeleton: &Mask, spacing: [f64; 3]) -> Paths {
    let neighbours = with_junction_trees(skeleton, voxel_graph(skeleton), spacing);
    let degrees: BTreeMap<usize, usize> = neighbours.iter().map(|(&v, edges)| (v, edges.len())).collect();
    let mut walked = BTreeSet::new();
    let mut paths = Vec::new();
    let terminals = degrees.iter().filter(|&(_, &degree)| degree != 0 && degree != 2).map(|(&v, _)| v);
    for start in terminals {
        for &first in &neighbours[&start] {
            if !walked.contains(&(start, first)) {
                paths.push(walk(start, first, &neighbours, &mut walked));
            }
        }
    }
    for start in degrees.keys().copied() {
        if degrees[&start] == 2 && !neighbours[&start].iter().any(|&next| walked.contains(&(start, next))) {
            let first = *neighbours[&start].first().expect("two neighbours");
            paths.push(walk(start, first, &neighbours, &mut walked));
        }
    }
    Paths { paths, degrees }
}

/// Every skeleton voxel with its neighbours.
fn voxel_graph(skeleton: &Mask) -> Neighbours {
    let index = |q| skeleton.index(q).expect("a neighbour in the foreground is inside");
    let of = |v| skeleton.neighbours(skeleton.position(v)).map(index).collect();
    skeleton.foreground().into_iter().map(|v| (v, of(v))).collect()
}

/// Among voxels of degree 3 and more, keeps the edges of the minimum spanning forest only: Kruskal's, in the order of
/// (weight, smaller index, larger index).
fn with_junction_trees(skeleton: &Mask, mut neighbours: Neighbours, spacing: [f64; 3]) -> Neighbours {
    let junctions: BTreeSet<usize> = neighbours.iter().filter(|(_, edges)| edges.len() >= 3).map(|(&v, _)| v).collect();
    let mut edges = Vec::new();
    for &a in &junctions {
        for &b in neighbours[&a].iter().filter(|&&b| a < b && junctions.contains(&b)) {
            edges.push((distance(skeleton, a, b, spacing), a, b));
        }
    }
    edges.sort_by(|l, r| l.0.total_cmp(&r.0).then((l.1, l.2).cmp(&(r.1, r.2))));
    let mut parent: BTreeMap<usize, usize> = junctions.iter().map(|&v| (v, v)).collect();
    for (_, a, b) in edges {
        let (root_a, root_b) = (root(&parent, a), root(&parent, b));
        if root_a == root_b {
            neighbours.get_mut(&a).expect("a node").remove(&b);
            neighbours.get_mut(&b).expect("a node").remove(&a);
        } else {
            parent.insert(root_a, root_b);
        }
    }
    neighbours
}

fn root(parent: &BTreeMap<usize, usize>, mut v: usize) -> usize {
    while parent[&v] != v {
        v = parent[&v];
    }
    v
}

/// From `start` over `first` to the next voxel whose degree is not 2, or back to `start`. Marks the steps at both ends
/// as walked, in both directions.
fn walk(start: usize, first: usize, neighbours: &Neighbours, walked: &mut BTreeSet<(usize, usize)>) -> Vec<usize> {
    let mut path = vec![start, first];
    loop {
        let (previous, here) = (path[path.len() - 2], path[path.len() - 1]);
        walked.insert((previous, here));
        walked.insert((here, previous));
        if here == start || neighbours[&here].len() != 2 {
            return path;
        }
        let next = neighbours[&here].iter().copied().find(|&v| v != previous);
        path.push(next.expect("one of two neighbours is not where the walk came from"));
    }
}
