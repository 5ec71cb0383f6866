//! Nodes and skeletons compared with their definition, from arbitrary lists of branches of the network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::Table;
use super::node_columns::NodeRow;
use super::nodes::Nodes;
use super::row::Frame;
use super::skeleton_columns::SkeletonRow;
use super::skeletons::Skeletons;
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::radii::{OfRadii, Radii, Radius};
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::adjacency::for_each_link;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::graph::Graph;
use crate::kernel::network::graph::tests::{cut, voxels};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::{Lengths, Step};
use crate::space::{Position, Region, Spacing, Voxel};
use crate::table::ranks::Ranks;

/// A radius that is unique to its voxel.
fn radius(voxel: Voxel) -> Radius {
    let [z, y, x] = voxel.position();
    Radius::new((400 + 100 * z + 10 * y + x) as f64, (z + y + x) % 3 == 0)
}

/// The rows of nodes by their definition.
fn plain_nodes(graph: &Graph<BranchMeasures>, all: &[Voxel], skeletons: &[usize], frame: &Frame) -> Vec<NodeRow> {
    let mut degrees: BTreeMap<Voxel, u32> = graph.isolated.iter().map(|isolated| (isolated.voxel, 0)).collect();
    for branch in &graph.branches {
        *degrees.entry(branch.start()).or_default() += 1;
        *degrees.entry(branch.end()).or_default() += 1;
    }
    let mut junctions: BTreeMap<Voxel, u64> = BTreeMap::new();
    let mut left: BTreeSet<Voxel> =
        degrees.iter().filter(|(_, degree)| **degree >= 3).map(|(voxel, _)| *voxel).collect();
    for number in 0.. {
        let Some(first) = left.pop_first() else { break };
        let mut open = vec![first];
        while let Some(voxel) = open.pop() {
            junctions.insert(voxel, number);
            let near: Vec<Voxel> =
                left.iter().copied().filter(|other| Step::between(voxel, *other).is_some()).collect();
            left.retain(|other| !near.contains(other));
            open.extend(near);
        }
    }
    let row = |(&voxel, &degree): (&Voxel, &u32)| {
        let rank = all.binary_search(&voxel).unwrap();
        let place: Position = std::array::from_fn(|a| voxel.position()[a] - frame.origin[a]);
        NodeRow {
            node_id: rank as u64,
            skeleton_id: skeletons[rank] as u64,
            junction_id: junctions.get(&voxel).copied(),
            degree,
            image_coord: place,
            coord: std::array::from_fn(|a| place[a] as f64 * frame.spacing.0[a]),
            radius: radius(voxel).finite(),
            touches_border: radius(voxel).touches_border(),
            label: None,
        }
    };
    degrees.iter().map(row).collect()
}

/// The number of each voxel's component; components are numbered by their first voxels.
fn components(all: &[Voxel]) -> Vec<usize> {
    let mut sets = DisjointSets::new(all.len());
    for_each_link(all, |a, b, _| {
        sets.unite(a as u32, b as u32);
    });
    let firsts: Vec<u32> = (0..all.len() as u32).filter(|&number| sets.find(number) == number).collect();
    (0..all.len() as u32).map(|number| firsts.binary_search(&sets.find(number)).unwrap()).collect()
}

/// The rows of skeletons by their definition, except for longest paths; sums are in the order of all branches.
fn plain_skeletons(
    graph: &Graph<BranchMeasures>,
    nodes: &[NodeRow],
    all: &[Voxel],
    skeletons: &[usize],
    frame: &Frame,
) -> Vec<SkeletonRow> {
    let mut branches: Vec<&Branch<BranchMeasures>> = graph.branches.iter().collect();
    branches.sort();
    let count = skeletons.iter().max().map_or(0, |last| last + 1);
    let row = |skeleton: usize| {
        let own = || all.iter().zip(skeletons).filter(|(_, of)| **of == skeleton).map(|(voxel, _)| *voxel);
        let place = |voxel: Voxel| -> Position { std::array::from_fn(|a| voxel.position()[a] - frame.origin[a]) };
        let first = own().next().unwrap();
        let nodes = || nodes.iter().filter(|node| node.skeleton_id == skeleton as u64);
        let of = |branch: &&Branch<BranchMeasures>| skeletons[all.binary_search(&branch.start()).unwrap()] == skeleton;
        let own_branches: Vec<&Branch<BranchMeasures>> = branches.iter().copied().filter(of).collect();
        let sum =
            |of: fn(&Branch<BranchMeasures>) -> f64| own_branches.iter().fold(0.0, |sum, branch| sum + of(branch));
        let length = sum(Branch::length);
        let radii = sum(|branch| branch.measured().radii().mean().unwrap() * branch.length());
        let junctions: BTreeSet<u64> = nodes().filter_map(|node| node.junction_id).collect();
        let along = |axis: usize| own().map(move |voxel| place(voxel)[axis]);
        SkeletonRow {
            skeleton_id: skeleton as u64,
            first_voxel: place(first),
            voxels: own().count() as u64,
            branches: own_branches.len() as u64,
            tips: nodes().filter(|node| node.degree == 1).count() as u64,
            junctions: junctions.len() as u64,
            loops: (own_branches.len() + 1 - nodes().count()) as u64,
            total_length: length,
            mean_radius: if own_branches.is_empty() { radius(first).finite() } else { Some(radii / length) },
            volume: Some(sum(|branch| branch.measured().radii().volume().unwrap())),
            bbox_min: std::array::from_fn(|axis| along(axis).min().unwrap()),
            bbox_max: std::array::from_fn(|axis| along(axis).max().unwrap() + 1),
            longest_path: None,
            touches_border: own().any(|voxel| radius(voxel).touches_border()),
            label: None,
        }
    };
    (0..count).map(row).collect()
}

proptest! {
    #[test]
    fn nodes_and_skeletons_of_lists_are_what_the_definition_says(
        voxels in voxels([4, 7, 9], [-2, -3, -4]),
        chunk in prop::array::uniform3(1usize..10),
        draws in prop::collection::vec(0usize..5, 1..60),
        threads in 1usize..4,
    ) {
        let grid = Grid::new(Region::new([-2, -3, -4], [2, 4, 5]), chunk);
        let frame = Frame { dimensions: 3, spacing: Spacing([1.0, 0.3, 0.7]), origin: [-2, -3, -4] };
        let known = |(id, part): (ChunkId, Skeleton)| {
            let radii: Radii = part.voxels.iter().map(radius).collect();
            let values: Known = ((*part.values).clone(), radii);
            (id, Skeleton { voxels: part.voxels, values: Arc::new(values) })
        };
        let parts: BTreeMap<ChunkId, Skeleton<Known>> = cut(&voxels, &grid, false).into_iter().map(known).collect();
        let graph = Graph::new(&parts, grid, frame.spacing);
        // Branches in arbitrary lists, each list in order.
        let mut lists: Vec<Vec<Branch<BranchMeasures>>> = vec![Vec::new(); 5];
        for (branch, draw) in graph.branches.iter().zip(draws.iter().cycle()) {
            lists[*draw].push(branch.clone());
        }
        let lengths = Lengths::new(frame.spacing);
        let lists: Vec<BranchList<BranchMeasures>> = lists.iter().map(|list| BranchList::new(list, &lengths)).collect();
        let ranks = Ranks::new(parts.iter().map(|(&id, part)| (id, &part.voxels)), &grid);
        let table = Table::new(&lists, &graph.isolated, &ranks, threads).unwrap();
        let nodes = Nodes::new(&table, threads).unwrap();
        let all: Vec<Voxel> = voxels.iter().map(|(voxel, _)| *voxel).collect();
        let of = components(&all);
        let expected = plain_nodes(&graph, &all, &of, &frame);
        prop_assert_eq!(nodes.rows(frame).collect::<Vec<_>>(), expected.clone());
        let junctions: BTreeSet<u64> = expected.iter().filter_map(|row| row.junction_id).collect();
        prop_assert_eq!((nodes.len(), nodes.junctions()), (expected.len(), junctions.len() as u64));
        let skeletons = Skeletons::new(&table, &nodes, false, threads).unwrap();
        let plain = plain_skeletons(&graph, &expected, &all, &of, &frame);
        prop_assert_eq!(skeletons.rows(frame).collect::<Vec<_>>(), plain);
        // Longest paths change nothing else.
        let with_paths = Skeletons::new(&table, &nodes, true, threads).unwrap();
        for (row, with_path) in skeletons.rows(frame).zip(with_paths.rows(frame)) {
            prop_assert_eq!(SkeletonRow { longest_path: None, ..with_path }, row);
            let nodes = expected.iter().filter(|node| node.skeleton_id == row.skeleton_id).count();
            prop_assert_eq!(with_path.longest_path.is_some(), nodes > 1);
            prop_assert!(with_path.longest_path.is_none_or(|length| 0.0 < length && length <= row.total_length * 1.000_001));
        }
        // The text has a line for each row.
        let mut text = Vec::new();
        nodes.write_csv(&frame, threads, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let ids = text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse::<u64>().unwrap());
        prop_assert_eq!(ids.collect::<Vec<_>>(), expected.iter().map(|row| row.node_id).collect::<Vec<_>>());
    }
}
