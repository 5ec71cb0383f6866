//! The branch table, as skan 0.13.1 summarizes a skeleton.

use super::graph::{distance, paths};
use super::topology::components;
use super::{Mask, Position};

/// A row: one branch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) skeleton_id: usize,
    pub(crate) node_id_src: usize,
    pub(crate) node_id_dst: usize,
    pub(crate) branch_distance: f64,
    pub(crate) branch_type: usize,
    pub(crate) mean_pixel_value: f64,
    pub(crate) stdev_pixel_value: f64,
    pub(crate) src: Position,
    pub(crate) dst: Position,
    pub(crate) euclidean_distance: f64,
}

/// The names of the columns, for an image of two or three axes.
pub(crate) fn columns(dimensions: usize) -> Vec<String> {
    let names = ["skeleton_id", "node_id_src", "node_id_dst", "branch_distance", "branch_type"];
    let mut columns: Vec<String> = names.iter().map(ToString::to_string).collect();
    columns.extend(["mean_pixel_value", "stdev_pixel_value"].map(String::from));
    for group in ["image_coord_src", "image_coord_dst", "coord_src", "coord_dst"] {
        columns.extend((0..dimensions).map(|axis| format!("{group}_{axis}")));
    }
    columns.push("euclidean_distance".into());
    columns
}

/// The rows of a skeleton's table. `values` are the image's, one a voxel of the volume.
pub(crate) fn rows(skeleton: &Mask, values: &[f64], spacing: [f64; 3]) -> Vec<Row> {
    let nodes = skeleton.foreground();
    let rank = |voxel: usize| nodes.binary_search(&voxel).expect("a skeleton voxel");
    let components = components(skeleton);
    let graph = paths(skeleton, spacing);
    let row = |path: &Vec<usize>| {
        let (src, dst) = (path[0], path[path.len() - 1]);
        let tips = [src, dst].iter().filter(|v| graph.degrees[v] == 1).count();
        let pixels: Vec<f64> = path.iter().map(|&voxel| values[voxel]).collect();
        let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
        let variance = pixels.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pixels.len() as f64;
        Row {
            skeleton_id: components.iter().position(|c| c.voxels[src]).expect("a component"),
            node_id_src: rank(src),
            node_id_dst: rank(dst),
            branch_distance: path.windows(2).map(|step| distance(skeleton, step[0], step[1], spacing)).sum(),
            branch_type: if src == dst { 3 } else { [2, 1, 0][tips] },
            mean_pixel_value: mean,
            stdev_pixel_value: variance.sqrt(),
            src: skeleton.position(src),
            dst: skeleton.position(dst),
            euclidean_distance: distance(skeleton, src, dst, spacing),
        }
    };
    graph.paths.iter().map(row).collect()
}

/// A row as the numbers of its columns.
pub(crate) fn numbers(row: &Row, dimensions: usize, spacing: [f64; 3]) -> Vec<f64> {
    let mut numbers = vec![
        row.skeleton_id as f64,
        row.node_id_src as f64,
        row.node_id_dst as f64,
        row.branch_distance,
        row.branch_type as f64,
        row.mean_pixel_value,
        row.stdev_pixel_value,
    ];
    let axes = 3 - dimensions..3;
    for end in [row.src, row.dst] {
        numbers.extend(axes.clone().map(|axis| end[axis] as f64));
    }
    for end in [row.src, row.dst] {
        numbers.extend(axes.clone().map(|axis| end[axis] as f64 * spacing[axis]));
    }
    numbers.push(row.euclidean_distance);
    numbers
}

/// How a table differs from the expected one: the first difference, or nothing. Whole numbers must be equal, others to
/// 1e-9 relative (`stdev_pixel_value` to 1e-6 or 1e-4 of the largest: skan subtracts large numbers).
pub(crate) fn difference(columns: &[String], expected: &[Vec<f64>], found: &[Vec<f64>]) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} rows instead of {}", found.len(), expected.len()));
    }
    for (column, name) in columns.iter().enumerate() {
        let largest = expected.iter().map(|row| row[column].abs()).fold(1.0, f64::max);
        let (relative, absolute) = match name.as_str() {
            "stdev_pixel_value" => (1e-6, 1e-4 * largest),
            "branch_distance" | "mean_pixel_value" | "euclidean_distance" => (1e-9, 1e-9),
            "tortuosity" | "volume" | "surface_area" | "total_length" | "longest_path" => (1e-9, 1e-9),
            name if name.starts_with("coord") || name.ends_with("radius") => (1e-9, 1e-9),
            _ => (0.0, 0.0),
        };
        for (row, (want, have)) in expected.iter().zip(found).enumerate() {
            let (want, have) = (want[column], have[column]);
            // What is no number is near to nothing but what is none, either.
            let near = want.is_nan() && have.is_nan() || (want - have).abs() <= absolute + relative * want.abs();
            if !near {
                return Some(format!("row {row}, {name}: {have} instead of {want}"));
            }
        }
    }
    None
}
