//! Skeletons as trees, for formats that hold no loops.

use super::Network;
use super::skeletons::{Skeleton, place};

/// A skeleton as a tree of its voxels.
#[derive(Debug)]
pub(super) struct Tree {
    /// The voxels, parents before their children: the root first, and each branch in one piece as far as forks allow.
    pub(super) voxels: Vec<u32>,
    /// The place of each voxel's parent among them; `None` for the root.
    pub(super) parents: Vec<Option<u32>>,
    /// The number of each voxel's neighbours in the skeleton, before loops were cut.
    pub(super) degrees: Vec<Degree>,
    /// The places of two voxels that are neighbours in the skeleton, and not in the tree.
    pub(super) cuts: Vec<[u32; 2]>,
}

/// The number of neighbours of a voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Degree {
    /// One.
    Tip,
    /// Three and more.
    Junction,
    /// Two, or none.
    Other,
}

impl Tree {
    /// The tree of a skeleton. A branch that closes a loop with branches before it, in the order of the table's rows, is cut
    /// in its middle: between the voxels (n - 2) / 2, rounded down, and the next one, of its n voxels from 0. So both of its
    /// ends stay where they are. The root is the tip with the largest radius, the first in raster order where several have it
    /// or none is known; the start of the first branch where there are no tips.
    pub(super) fn of(network: &Network, skeleton: &Skeleton<'_>) -> Tree {
        let voxels = skeleton.voxels();
        let (edges, cut) = edges(skeleton, &voxels);
        let mut degrees = vec![0u32; voxels.len()];
        edges.iter().chain(&cut).flatten().for_each(|&end| degrees[end as usize] += 1);
        let root = root(network, skeleton, &voxels, &degrees);
        let neighbours = Neighbours::of(&edges, voxels.len());
        let mut tree = Tree { voxels: Vec::new(), parents: Vec::new(), degrees: Vec::new(), cuts: Vec::new() };
        let mut places = vec![0u32; voxels.len()];
        let mut next: Vec<(u32, Option<u32>)> = vec![(root, None)];
        while let Some((voxel, parent)) = next.pop() {
            // A skeleton has at most 2^32 voxels.
            let place = tree.voxels.len() as u32;
            places[voxel as usize] = place;
            tree.voxels.push(voxels[voxel as usize]);
            tree.parents.push(parent.map(|parent| places[parent as usize]));
            tree.degrees.push(match degrees[voxel as usize] {
                1 => Degree::Tip,
                0 | 2 => Degree::Other,
                _ => Degree::Junction,
            });
            let children = neighbours.of_voxel(voxel).iter().rev().filter(|child| Some(**child) != parent);
            next.extend(children.map(|&child| (child, Some(voxel))));
        }
        tree.cuts = cut.into_iter().map(|ends| ends.map(|end| places[end as usize])).collect();
        tree
    }
}

/// Pairs of neighbours by their places among the skeleton's voxels.
type Edges = Vec<[u32; 2]>;

/// The edges of the tree, and those that are cut.
fn edges(skeleton: &Skeleton<'_>, voxels: &[u32]) -> (Edges, Edges) {
    let place = |voxel: u32| place(voxels, voxel) as u32;
    let (mut edges, mut cut) = (Vec::with_capacity(voxels.len()), Vec::new());
    let mut sets = Sets((0..).take(voxels.len()).collect());
    for path in skeleton.paths() {
        let ends = path.first().zip(path.last());
        let closes = ends.is_some_and(|(&from, &to)| !sets.join(place(from), place(to)));
        let middle = path.len().saturating_sub(2) / 2;
        for (number, pair) in path.windows(2).enumerate() {
            let edge = [place(pair[0]), place(pair[1])];
            if closes && number == middle { cut.push(edge) } else { edges.push(edge) }
        }
    }
    (edges, cut)
}

fn root(network: &Network, skeleton: &Skeleton<'_>, voxels: &[u32], degrees: &[u32]) -> u32 {
    let radius = |place: u32| Some(network.radius(voxels[place as usize])).filter(|radius| !radius.is_nan());
    let tips = (0..).zip(degrees).filter(|(_, degree)| **degree == 1).map(|(place, _)| place);
    let larger = |best: u32, tip: u32| if radius(tip) > radius(best) { tip } else { best };
    let start =
        || skeleton.paths().next().and_then(|path| path.first()).map_or(0, |&voxel| place(voxels, voxel) as u32);
    tips.reduce(larger).unwrap_or_else(start)
}

/// The neighbours of each voxel, in the order of edges.
struct Neighbours {
    /// Where those of each voxel end.
    ends: Vec<usize>,
    neighbours: Vec<u32>,
}

impl Neighbours {
    fn of(edges: &[[u32; 2]], voxels: usize) -> Self {
        let mut ends = vec![0; voxels];
        edges.iter().flatten().for_each(|&end| ends[end as usize] += 1);
        let mut before = 0;
        for end in &mut ends {
            // Where its neighbours begin, which the places that are filled move to their end.
            (before, *end) = (before + *end, before);
        }
        let mut neighbours = vec![0; before];
        for &[a, b] in edges {
            for (voxel, other) in [(a, b), (b, a)] {
                neighbours[ends[voxel as usize]] = other;
                ends[voxel as usize] += 1;
            }
        }
        Neighbours { ends, neighbours }
    }

    fn of_voxel(&self, voxel: u32) -> &[u32] {
        let voxel = voxel as usize;
        let first = voxel.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.neighbours[first..self.ends[voxel]]
    }
}

/// Disjoint sets.
struct Sets(Vec<u32>);

impl Sets {
    fn first(&mut self, mut of: u32) -> u32 {
        while self.0[of as usize] != of {
            let above = self.0[of as usize];
            self.0[of as usize] = self.0[above as usize];
            of = above;
        }
        of
    }

    /// Joins the sets of two; returns whether they were different.
    fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b) as usize] = a.min(b);
        a != b
    }
}
