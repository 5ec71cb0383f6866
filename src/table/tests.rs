//! Tables compared with skan's, on fixtures made by `scripts/make_graph_fixtures.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::Table;
use super::arrival::Arrival;
use super::csv::{write_csv, write_csv_with_arrival, write_table};
use super::ranks::Ranks;
use super::row::{Frame, Measures, Row};
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::moments::Moments;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::graph::Graph;
use crate::kernel::network::graph::tests::{cut, voxels};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::Lengths;
use crate::kernel::shelf::Shelf;
use crate::kernel::shelf::tests::ListShelf;
use crate::space::{Region, Spacing, Voxel};

/// A skeleton with its values, and skan's rows for it.
struct Case {
    name: String,
    frame: Frame,
    voxels: Vec<Voxel>,
    values: PixelValues,
    rows: Vec<Vec<f64>>,
}

fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let mut cases = Vec::new();
    while let Some(head) = lines.next() {
        let head: Vec<&str> = head.split(' ').collect();
        let spacing = Spacing(std::array::from_fn(|a| head[3 + a].parse().unwrap()));
        let frame = Frame { dimensions: head[2].parse().unwrap(), spacing, origin: [0; 3] };
        let (mut voxels, mut values) = (Vec::new(), Vec::new());
        for field in lines.next().unwrap().split(' ').skip(1).filter(|field| !field.is_empty()) {
            let parts: Vec<&str> = field.split(',').collect();
            voxels.push(Voxel::new(std::array::from_fn(|a| parts[a].parse().unwrap())));
            values.push(parts[3]);
        }
        let values = match head[6] {
            "integers" => PixelValues::Integers(values.iter().map(|v| v.parse().unwrap()).collect()),
            _ => PixelValues::Floats(values.iter().map(|v| v.parse::<f64>().unwrap().to_bits()).collect()),
        };
        let count: usize = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let row = |line: &str| line.split(',').map(|field| field.parse().unwrap()).collect();
        let rows = (0..count).map(|_| row(lines.next().unwrap())).collect();
        cases.push(Case { name: head[1].into(), frame, voxels, values, rows });
    }
    cases
}

fn fields(row: &Row<Moments>, frame: &Frame) -> Vec<f64> {
    let m = &row.measures;
    let mut fields = [row.skeleton_id, row.node_id_src, row.node_id_dst].map(|id| id as f64).to_vec();
    fields.extend([m.branch_distance, f64::from(m.branch_type as u8), m.mean_pixel_value(), m.stdev_pixel_value()]);
    for place in [m.image_coord_src, m.image_coord_dst] {
        fields.extend(frame.axes().map(|axis| place[axis] as f64));
    }
    for place in [m.coord_src, m.coord_dst] {
        fields.extend(frame.axes().map(|axis| place[axis]));
    }
    fields.push(m.euclidean_distance);
    fields
}

fn check(case: &Case, chunk: [usize; 3]) {
    let planes = if case.frame.dimensions == 2 { 1 } else { 24 };
    let grid = Grid::new(Region::of_shape([planes, 24, 24]), chunk);
    let mut places: BTreeMap<ChunkId, Vec<usize>> = BTreeMap::new();
    for (place, voxel) in case.voxels.iter().enumerate() {
        places.entry(grid.chunk_at(voxel.position())).or_default().push(place);
    }
    let part = |places: Vec<usize>| Skeleton {
        voxels: places.iter().map(|&place| case.voxels[place]).collect(),
        values: Arc::new(match &case.values {
            PixelValues::Integers(all) => PixelValues::Integers(places.iter().map(|&place| all[place]).collect()),
            PixelValues::Floats(all) => PixelValues::Floats(places.iter().map(|&place| all[place]).collect()),
            PixelValues::Constant(value) => PixelValues::Constant(*value),
        }),
    };
    let parts: BTreeMap<ChunkId, Skeleton> = places.into_iter().map(|(id, places)| (id, part(places))).collect();
    let graph = Graph::new(&parts, grid, case.frame.spacing);
    let mut list = BranchList::new(&graph.branches, &Lengths::new(case.frame.spacing));
    if chunk[0] == 4 {
        let shelf: Arc<dyn Shelf> = Arc::new(ListShelf::default());
        list = list.shelved(&shelf);
    }
    let ranks = Ranks::new(parts.iter().map(|(&id, part)| (id, &part.voxels)), &grid);
    let table = Table::new([&list], &graph.isolated, &ranks, 1).unwrap();
    let rows: Vec<Vec<f64>> = table.rows(case.frame).map(|row| fields(&row, &case.frame)).collect();
    assert_eq!(rows.len(), case.rows.len(), "{}: number of rows", case.name);
    let most = case.rows.iter().map(|row| row[6].abs()).fold(1.0, f64::max);
    for (number, (row, expected)) in rows.iter().zip(&case.rows).enumerate() {
        for (column, (&have, &want)) in row.iter().zip(expected).enumerate() {
            let near = match column {
                // skan subtracts two large numbers.
                6 => (have - want).abs() <= 1e-6 * want.abs() + 1e-4 * most,
                _ => (have - want).abs() <= 1e-9 * want.abs() + 1e-9,
            };
            assert!(near, "{}: row {number}, column {column}: {have} instead of {want}", case.name);
        }
        assert_eq!(row.len(), expected.len());
    }
}

#[test]
fn tables_equal_those_of_skan_for_every_chunk_shape() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/graph");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        for case in cases(&entry.unwrap().path()) {
            for chunk in [[24, 24, 24], [4, 4, 4], [1, 3, 5]] {
                check(&case, chunk);
            }
            checked += 1;
        }
    }
    assert!(checked > 90);
}

/// The table by its definition: branches in order, with ranks and skeletons looked up among all voxels.
fn plain_rows(graph: &Graph, all: &[Voxel], frame: &Frame, arrival: Option<&Arrival>) -> (Vec<Row<Moments>>, usize) {
    let place = |voxel: Voxel| all.binary_search(&voxel).unwrap();
    let mut skeleton: Vec<usize> = (0..all.len()).collect();
    for branch in &graph.branches {
        for voxel in branch.voxels() {
            let (a, b) = (skeleton[place(voxel)], skeleton[place(branch.start())]);
            skeleton.iter_mut().filter(|other| **other == a.max(b)).for_each(|other| *other = a.min(b));
        }
    }
    let firsts: BTreeSet<usize> = skeleton.iter().copied().collect();
    let rank_of = |branch: &Branch| firsts.range(..skeleton[place(branch.start())]).count() as u64;
    let mut branches: Vec<&Branch> = graph.branches.iter().collect();
    branches.sort();
    let row = |(number, branch): (usize, &Branch)| Row {
        branch_id: number as u64,
        skeleton_id: rank_of(branch),
        node_id_src: place(branch.start()) as u64,
        node_id_dst: place(branch.end()) as u64,
        measures: Measures::new(branch, frame),
        label: None,
        provisional: arrival.map(|arrival| arrival.is_provisional(branch)),
        region: None,
    };
    (branches.into_iter().enumerate().map(row).collect(), firsts.len())
}

proptest! {
    #[test]
    fn a_table_of_lists_is_what_the_definition_says(
        voxels in voxels([4, 7, 9], [-2, -3, -4]),
        chunk in prop::array::uniform3(1usize..10),
        draws in prop::collection::vec(0usize..7, 1..60),
        threads in 1usize..4,
        tracked in any::<bool>(),
    ) {
        let grid = Grid::new(Region::new([-2, -3, -4], [2, 4, 5]), chunk);
        let frame = Frame { dimensions: 3, spacing: Spacing([1.0, 0.3, 0.7]), origin: [-2, -3, -4] };
        let parts = cut(&voxels, &grid, false);
        let graph = Graph::new(&parts, grid, frame.spacing);
        // Branches in arbitrary lists, each list in order.
        let mut lists: Vec<Vec<Branch>> = vec![Vec::new(); 7];
        for (branch, draw) in graph.branches.iter().zip(draws.iter().cycle()) {
            lists[*draw].push(branch.clone());
        }
        let lists: Vec<BranchList> =
            lists.iter().map(|list| BranchList::new(list, &Lengths::new(frame.spacing))).collect();
        let arrival = Arrival::of(grid, &grid.chunks().step_by(2).collect());
        let ranks = Ranks::new(parts.iter().map(|(&id, part)| (id, &part.voxels)), &grid);
        let mut table = Table::new(&lists, &graph.isolated, &ranks, threads).unwrap();
        if tracked {
            table = table.with_arrival(&arrival);
        }
        let all: Vec<Voxel> = voxels.iter().map(|(voxel, _)| *voxel).collect();
        let (expected, skeletons) = plain_rows(&graph, &all, &frame, tracked.then_some(&arrival));
        let rows: Vec<Row<Moments>> = table.rows(frame).collect();
        prop_assert_eq!(&rows, &expected);
        prop_assert_eq!((table.len(), table.skeletons()), (expected.len(), skeletons as u64));
        // The same as text.
        let (mut text, mut plain) = (Vec::new(), Vec::new());
        let provisional = write_table(&table, &frame, threads, &mut text).unwrap();
        prop_assert_eq!(provisional, expected.iter().filter(|row| row.provisional == Some(true)).count() as u64);
        if tracked { write_csv_with_arrival(expected, &frame, &mut plain) } else { write_csv(expected, &frame, &mut plain) }
            .unwrap();
        prop_assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(plain).unwrap());
    }
}
