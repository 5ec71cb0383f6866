//! Pruning of short side branches of a skeleton.
//!
//! A round visits the branches of the whole network. At each voxel where branches meet, it removes those that lead from
//! there to a tip and are shorter than the limit; but two ends of branches stay at the voxel, with the longest of the
//! short ones if necessary. Then, in raster order, it deletes the voxels of these junctions that are simple and not
//! endpoints, so that edges that the forest of the junction had dropped do not come back as loops. Rounds continue
//! until one removes nothing. Components do not change, and pruning a pruned skeleton changes nothing. Nor do loops, with two
//! exceptions. A closed shell, which thinning leaves around a cavity, is no network of lines: how many loops its
//! graph has is up to the edges that the forest keeps, and may change. And a voxel that closes a small loop in a crowded
//! junction may be a tip in the junction's forest, and go as one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grid::Grid;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::measure::radii::Radius;
use crate::kernel::network::branch::{Branch, BranchKind};
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::graph::Graph;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::neighbourhood::{CENTRE, Tests, is_endpoint};
use crate::space::{Position, Region, Spacing, Voxel};

/// The side branches to remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Pruning {
    /// Removes side branches shorter than this length, in the unit of the spacing.
    pub length: Option<f64>,
    /// Removes side branches shorter than this multiple of the radius at the voxel where they branch off.
    pub ratio: Option<f64>,
    /// Whether to keep side branches that touch the border of the image.
    pub keep_border: bool,
}

impl Pruning {
    /// Whether any side branch can be removed.
    pub fn is_any(&self) -> bool {
        self.length.is_some() || self.ratio.is_some()
    }

    /// Whether pruning needs radii.
    pub fn needs_radii(&self) -> bool {
        self.ratio.is_some() || self.length.is_some() && self.keep_border
    }
}

/// What pruning makes of a skeleton.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// For each voxel, whether it stays.
    pub kept: Vec<bool>,
    /// Independent loops of the branches before. There are as many afterwards, with the exceptions
    /// named at the top of this module.
    pub loops: i64,
}

/// For each voxel of a whole skeleton, in raster order, whether it stays, and the number of loops before. `radius` returns the
/// radius at a voxel by its index, if it is known.
///
/// Takes time proportional to the number of voxels for the first round, and to the number of voxels in components that
/// change for every other round.
///
/// # Panics
/// If the voxels are not in order.
pub fn prune(
    voxels: &[Voxel],
    radius: impl Fn(usize) -> Option<Radius>,
    spacing: Spacing,
    pruning: &Pruning,
) -> Pruned {
    assert!(voxels.is_sorted_by(|a, b| a < b), "voxels are in raster order");
    let mut left = Left { places: voxels.iter().enumerate().map(|(place, &voxel)| (voxel, place)).collect() };
    let mut active: Vec<Voxel> = if pruning.is_any() { voxels.to_vec() } else { Vec::new() };
    let mut loops_before = None;
    while !active.is_empty() {
        let graph = graph(&active, spacing);
        loops_before.get_or_insert_with(|| loops(&graph.branches));
        let touches = |branch: &Branch| {
            let flag = |voxel: Voxel| left.places.get(&voxel).and_then(|&place| radius(place));
            branch.voxels().any(|voxel| flag(voxel).is_some_and(Radius::touches_border))
        };
        let goes = |branch: &Branch, root: Voxel| {
            let at_root = || left.places.get(&root).and_then(|&place| radius(place)?.finite());
            let is_short = pruning.length.is_some_and(|length| branch.length() < length)
                || pruning.ratio.zip(at_root()).is_some_and(|(ratio, radius)| branch.length() < ratio * radius);
            is_short && !(pruning.keep_border && touches(branch))
        };
        let removed = short_twigs(&graph.branches, goes);
        let clusters = left.clusters(removed.iter().map(|(_, root)| *root));
        for (branch, root) in &removed {
            for voxel in branch.voxels().filter(|voxel| voxel != root) {
                left.places.remove(&voxel);
            }
        }
        for &voxel in &clusters {
            let around = left.around(voxel);
            if around & CENTRE != 0 && !is_endpoint(around) && Tests::get().is_deletable(around) {
                left.places.remove(&voxel);
            }
        }
        active = left.components(removed.iter().map(|(_, root)| *root).chain(clusters));
    }
    let kept = voxels.iter().map(|voxel| left.places.contains_key(voxel)).collect();
    Pruned { kept, loops: loops_before.unwrap_or(0) }
}

/// The number of independent loops: of branches that join what other ones join already.
fn loops(branches: &[Branch]) -> i64 {
    let mut numbers: HashMap<Voxel, u32> = HashMap::new();
    let mut number = |voxel| {
        let next = numbers.len() as u32;
        *numbers.entry(voxel).or_insert(next)
    };
    let ends: Vec<[u32; 2]> = branches.iter().map(|branch| [branch.start(), branch.end()].map(&mut number)).collect();
    let mut sets = DisjointSets::new(numbers.len());
    ends.into_iter().filter(|&[start, end]| !sets.unite(start, end)).count() as i64
}

/// The graph of voxels in raster order.
fn graph(voxels: &[Voxel], spacing: Spacing) -> Graph {
    let mut bounds = Region::new(voxels[0].position(), voxels[0].offset([1; 3]).position());
    for voxel in voxels {
        let p = voxel.position();
        for axis in 0..3 {
            bounds.min[axis] = bounds.min[axis].min(p[axis]);
            bounds.max[axis] = bounds.max[axis].max(p[axis] + 1);
        }
    }
    // Chunks limit the number of voxels that are processed together.
    let grid = Grid::new(bounds, [64; 3]);
    let mut chunks: BTreeMap<_, Vec<Voxel>> = BTreeMap::new();
    voxels.iter().for_each(|voxel| chunks.entry(grid.chunk_at(voxel.position())).or_default().push(*voxel));
    let values = Arc::new(PixelValues::Constant(0));
    let skeleton = |voxels: Vec<Voxel>| Skeleton { voxels: voxels.into(), values: Arc::clone(&values) };
    Graph::new(&chunks.into_iter().map(|(id, voxels)| (id, skeleton(voxels))).collect(), grid, spacing)
}

/// The branches to remove, each with the voxel where it branches off.
fn short_twigs(branches: &[Branch], goes: impl Fn(&Branch, Voxel) -> bool) -> Vec<(&Branch, Voxel)> {
    let mut ends: BTreeMap<Voxel, usize> = BTreeMap::new();
    for branch in branches.iter().filter(|branch| !branch.is_isolated_cycle()) {
        *ends.entry(branch.start()).or_default() += 1;
        *ends.entry(branch.end()).or_default() += 1;
    }
    let mut short: BTreeMap<Voxel, Vec<(&Branch, Voxel)>> = BTreeMap::new();
    for branch in branches.iter().filter(|branch| branch.kind() == BranchKind::TipToJunction) {
        let [tip, root] = match ends[&branch.start()] {
            1 => [branch.start(), branch.end()],
            _ => [branch.end(), branch.start()],
        };
        if goes(branch, root) {
            short.entry(root).or_default().push((branch, tip));
        }
    }
    let mut removed = Vec::new();
    for (root, mut twigs) in short {
        // The longest stay; of equal ones, the one with the first tip.
        twigs.sort_by(|(a, tip_a), (b, tip_b)| b.length().total_cmp(&a.length()).then(tip_a.cmp(tip_b)));
        let others = ends[&root] - twigs.len();
        removed.extend(twigs.into_iter().skip(2usize.saturating_sub(others)).map(|(branch, _)| (branch, root)));
    }
    removed
}

/// The remaining voxels, by their indices in the list.
struct Left {
    places: HashMap<Voxel, usize>,
}

impl Left {
    /// The neighbourhood of a voxel, as 27 bits.
    fn around(&self, voxel: Voxel) -> u32 {
        let offset = |bit: i64| -> Position { [bit / 9 - 1, bit / 3 % 3 - 1, bit % 3 - 1] };
        (0..27).filter(|&bit| self.places.contains_key(&voxel.offset(offset(bit)))).map(|bit| 1 << bit).sum()
    }

    fn neighbours(&self, voxel: Voxel) -> impl Iterator<Item = Voxel> + '_ {
        let offset = |bit: i64| -> Position { [bit / 9 - 1, bit / 3 % 3 - 1, bit % 3 - 1] };
        let around = (0..27).filter(|&bit| bit != 13).map(move |bit| voxel.offset(offset(bit)));
        around.filter(|neighbour| self.places.contains_key(neighbour))
    }

    /// All voxels that can be reached from `from` through neighbours that pass.
    fn reached(&self, from: impl Iterator<Item = Voxel>, passes: impl Fn(Voxel) -> bool) -> BTreeSet<Voxel> {
        let mut open: Vec<Voxel> = from.filter(|voxel| self.places.contains_key(voxel)).collect();
        let mut reached: BTreeSet<Voxel> = open.iter().copied().collect();
        while let Some(voxel) = open.pop() {
            for neighbour in self.neighbours(voxel).filter(|&neighbour| passes(neighbour)) {
                if reached.insert(neighbour) {
                    open.push(neighbour);
                }
            }
        }
        reached
    }

    /// The junctions at `roots`: all voxels with three neighbours or more that are connected to one of them.
    fn clusters(&self, roots: impl Iterator<Item = Voxel>) -> BTreeSet<Voxel> {
        self.reached(roots, |voxel| self.neighbours(voxel).nth(2).is_some())
    }

    /// All voxels of the components of `from`, in order. Removed voxels count for their neighbours.
    fn components(&self, from: impl Iterator<Item = Voxel>) -> Vec<Voxel> {
        let near = from.flat_map(|voxel| std::iter::once(voxel).chain(self.neighbours(voxel)));
        self.reached(near, |_| true).into_iter().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::mask::{Layout, Mask};
    use crate::kernel::thin::method::Method;
    use crate::kernel::thin::partition::Partition;

    /// The skeleton of boxes, given by position and shape.
    pub(crate) fn skeleton(shape: [usize; 3], boxes: &[([usize; 3], [usize; 3])]) -> Vec<Voxel> {
        let region = Region::of_shape(shape);
        let grid = Grid::new(region, shape);
        let mut mask = Mask::new(Layout::new(region));
        for (from, size) in boxes {
            let end: [usize; 3] = std::array::from_fn(|a| (from[a] + size[a]).min(shape[a]));
            for z in from[0]..end[0] {
                for y in from[1]..end[1] {
                    for x in from[2]..end[2] {
                        mask.set(mask.layout().bit([z + 1, y + 1, x + 1]));
                    }
                }
            }
        }
        let thinned = Partition::new(grid, Method::Lee, false).thin([(grid.chunk_at([0; 3]), Some(mask))].into());
        thinned.iter().flat_map(|(_, mask)| mask.own_voxels()).collect()
    }

    pub(crate) fn boxes() -> impl Strategy<Value = Vec<([usize; 3], [usize; 3])>> {
        let one = (prop::array::uniform3(0usize..14), prop::array::uniform3(1usize..12));
        prop::collection::vec(one, 1..14)
    }

    /// The numbers of components and of loops in the graph of branches.
    fn topology(voxels: &[Voxel]) -> (usize, i64) {
        if voxels.is_empty() {
            return (0, 0);
        }
        let graph = graph(voxels, Spacing::default());
        let left = Left { places: voxels.iter().map(|&voxel| (voxel, 0)).collect() };
        let mut seen: BTreeSet<Voxel> = BTreeSet::new();
        let mut components = 0;
        for &voxel in voxels {
            if !seen.contains(&voxel) {
                seen.extend(left.components(std::iter::once(voxel)));
                components += 1;
            }
        }
        let nodes: BTreeSet<Voxel> = graph.branches.iter().flat_map(|branch| [branch.start(), branch.end()]).collect();
        let nodes = nodes.len() + graph.isolated.len();
        (components, graph.branches.len() as i64 - nodes as i64 + components as i64)
    }

    /// Whether background is enclosed: it cannot be reached through faces from outside.
    fn has_shell(voxels: &[Voxel]) -> bool {
        let all = Region::of_shape([16; 3]).dilated([1; 3]);
        let walls: BTreeSet<Position> = voxels.iter().map(|voxel| voxel.position()).collect();
        let (mut open, mut seen) = (vec![all.min], BTreeSet::from([all.min]));
        while let Some(place) = open.pop() {
            for (axis, step) in (0..3).flat_map(|axis| [(axis, -1), (axis, 1)]) {
                let mut next = place;
                next[axis] += step;
                if all.contains(next) && !walls.contains(&next) && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        seen.len() + walls.len() < all.volume()
    }

    #[test]
    fn skeletons_of_hollow_boxes_have_shells_and_those_of_bars_have_none() {
        let walls = [([2, 2, 2], [7, 7, 1]), ([2, 2, 8], [7, 7, 1]), ([2, 2, 2], [7, 1, 7]), ([2, 8, 2], [7, 1, 7])];
        let lids = [([2, 2, 2], [1, 7, 7]), ([8, 2, 2], [1, 7, 7])];
        assert!(has_shell(&skeleton([16; 3], &[&walls[..], &lids].concat())));
        assert!(!has_shell(&skeleton([16; 3], &walls)));
    }

    fn pruned(voxels: &[Voxel], pruning: &Pruning) -> Vec<Voxel> {
        let Pruned { kept, loops } = prune(voxels, |_| None, Spacing::default(), pruning);
        assert_eq!(loops, topology(voxels).1);
        voxels.iter().zip(kept).filter(|(_, kept)| *kept).map(|(voxel, _)| *voxel).collect()
    }

    fn shorter_than(length: f64) -> Pruning {
        Pruning { length: Some(length), ..Pruning::default() }
    }

    /// A line along x with a side branch of `twig` voxels in its middle.
    fn comb(twig: i64) -> Vec<Voxel> {
        let line = (0..21).map(|x| Voxel::new([5, 10, x]));
        let mut voxels: Vec<Voxel> = line.chain((1..=twig).map(|y| Voxel::new([5, 10 + y, 10]))).collect();
        voxels.sort_unstable();
        voxels
    }

    #[test]
    fn a_short_twig_goes_and_the_line_becomes_one_branch() {
        let line = comb(0);
        assert_eq!(pruned(&comb(3), &shorter_than(5.0)), line);
        assert_eq!(pruned(&comb(9), &shorter_than(5.0)), comb(9));
        assert_eq!(graph(&line, Spacing::default()).branches.len(), 1);
        // A single branch stays, however short.
        assert_eq!(pruned(&line, &shorter_than(100.0)), line);
    }

    #[test]
    fn where_all_branches_are_short_the_two_longest_stay() {
        let star = pruned(&comb(3), &shorter_than(100.0));
        assert_eq!(star, comb(0));
    }

    #[test]
    fn a_twig_is_short_against_the_radius_where_it_branches_off_and_stays_at_the_border() {
        let (voxels, line) = (comb(3), comb(0));
        let by = |radius: f64, touches, keep_border| {
            let pruning = Pruning { ratio: Some(2.0), keep_border, ..Pruning::default() };
            let kept = prune(&voxels, |_| Some(Radius::new(radius, touches)), Spacing::default(), &pruning).kept;
            kept.iter().filter(|kept| **kept).count()
        };
        assert_eq!(by(4.0, false, false), line.len());
        assert_eq!(by(1.0, false, false), voxels.len());
        assert_eq!(by(4.0, true, true), voxels.len());
        assert_eq!(by(4.0, true, false), line.len());
        assert_eq!(by(f64::INFINITY, false, false), voxels.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn pruning_keeps_components_and_loops_and_is_idempotent(boxes in boxes(), length in 1u8..12) {
            let voxels = skeleton([16, 16, 16], &boxes);
            prop_assume!(!has_shell(&voxels));
            let pruning = shorter_than(f64::from(length));
            let once = pruned(&voxels, &pruning);
            prop_assert_eq!(topology(&once), topology(&voxels));
            prop_assert_eq!(pruned(&once, &pruning), once);
        }
    }
}
