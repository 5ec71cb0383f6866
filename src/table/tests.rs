//! Tables compared with skan's, on fixtures made by `scripts/make_graph_fixtures.py`.

use std::path::Path;

use super::Table;
use super::ranks::Ranks;
use super::row::{Frame, Row};
use crate::grid::Grid;
use crate::kernel::graph::Graph;
use crate::kernel::skeleton::{PixelValues, Skeleton};
use crate::space::{Region, Spacing, Voxel};

/// A skeleton with its values, and the rows that skan has for it.
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

fn fields(row: &Row, frame: &Frame) -> Vec<f64> {
    let m = &row.measures;
    let mut fields = [row.skeleton_id, row.node_id_src, row.node_id_dst].map(|id| id as f64).to_vec();
    fields.extend([m.branch_distance, f64::from(m.branch_type as u8), m.mean_pixel_value, m.stdev_pixel_value]);
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
    let mut parts: std::collections::BTreeMap<_, Skeleton> = Default::default();
    for (place, &voxel) in case.voxels.iter().enumerate() {
        let empty = match case.values {
            PixelValues::Floats(_) => PixelValues::Floats(Vec::new()),
            _ => PixelValues::Integers(Vec::new()),
        };
        let id = grid.chunk_at(voxel.position());
        let part = parts.entry(id).or_insert_with(|| Skeleton { voxels: Vec::new(), values: empty });
        part.voxels.push(voxel);
        match (&mut part.values, &case.values) {
            (PixelValues::Integers(part), PixelValues::Integers(all)) => part.push(all[place]),
            (PixelValues::Floats(part), PixelValues::Floats(all)) => part.push(all[place]),
            _ => unreachable!(),
        }
    }
    let graph = Graph::new(&parts, grid, case.frame.spacing);
    let ranks = Ranks::new(parts.iter().map(|(&id, part)| (id, &part.voxels[..])), &grid);
    let table = Table::new(&graph.branches, &graph.isolated, &ranks);
    let rows: Vec<Vec<f64>> = table.rows(case.frame).map(|row| fields(&row, &case.frame)).collect();
    assert_eq!(rows.len(), case.rows.len(), "{}: number of rows", case.name);
    let most = case.rows.iter().map(|row| row[6].abs()).fold(1.0, f64::max);
    for (number, (row, expected)) in rows.iter().zip(&case.rows).enumerate() {
        for (column, (&have, &want)) in row.iter().zip(expected).enumerate() {
            let near = match column {
                // skan takes the difference of two large numbers.
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
