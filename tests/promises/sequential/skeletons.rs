//! The skeletons of a network by their definition: connected components, with what adds up over their branches and nodes.

use std::collections::BTreeMap;

use super::graph::{distance, paths};
use super::nodes::{degrees, junctions};
use super::topology::components;
use super::{Mask, radii};

/// The names of the columns, for an image of two or three axes.
pub(crate) fn columns(dimensions: usize) -> Vec<String> {
    let by_axis = |name: &str| (0..dimensions).map(|axis| format!("{name}_{axis}")).collect::<Vec<_>>();
    let mut columns = vec!["skeleton_id".to_owned()];
    columns.extend(by_axis("first_voxel"));
    let names = ["voxels", "branches", "tips", "junctions", "loops", "total_length", "mean_radius", "volume"];
    columns.extend(names.map(String::from));
    columns.extend(["bbox_min", "bbox_max"].into_iter().flat_map(by_axis));
    columns.extend(["longest_path", "touches_border"].map(String::from));
    columns
}

/// The rows, as the numbers of their columns; NaN where there is nothing.
pub(crate) fn rows(mask: &Mask, skeleton: &Mask, dimensions: usize, spacing: [f64; 3]) -> Vec<Vec<f64>> {
    let graph = paths(skeleton, spacing);
    let degrees = degrees(&graph);
    let junctions = junctions(skeleton, &degrees);
    let axes = 3 - dimensions..3;
    let radius = |voxel: usize| radii::radius(mask, voxel, spacing);
    let step = |path: &[usize], at: usize| distance(skeleton, path[at], path[at + 1], spacing);
    let row = |(number, component): (usize, &Mask)| {
        let voxels = component.foreground();
        let own: Vec<&Vec<usize>> = graph.paths.iter().filter(|path| component.voxels[path[0]]).collect();
        let nodes: Vec<usize> = degrees.keys().copied().filter(|&node| component.voxels[node]).collect();
        let lengths: Vec<f64> =
            own.iter().map(|path| (0..path.len() - 1).map(|at| step(path, at)).sum::<f64>()).collect();
        let mean = |path: &[usize]| path.iter().map(|&voxel| radius(voxel)).sum::<f64>() / path.len() as f64;
        let weighted: f64 = own.iter().zip(&lengths).map(|(path, length)| mean(path) * length).sum();
        let length: f64 = lengths.iter().sum();
        let cone = |h: f64, a: f64, b: f64| std::f64::consts::PI * h * (a * a + a * b + b * b) / 3.0;
        let volume = |path: &[usize]| -> f64 {
            (0..path.len() - 1).map(|at| cone(step(path, at), radius(path[at]), radius(path[at + 1]))).sum()
        };
        let volume: f64 = own.iter().map(|path| volume(path)).sum();
        let number_or_none = |number: f64| if radius(voxels[0]).is_finite() { number } else { f64::NAN };
        let along = |axis: usize| voxels.iter().map(move |&voxel| skeleton.position(voxel)[axis]);
        let touches =
            |voxel: &usize| radii::touches_border(skeleton.position(*voxel), mask.shape, spacing, radius(*voxel));
        let mut row = vec![number as f64];
        row.extend(axes.clone().map(|axis| skeleton.position(voxels[0])[axis] as f64));
        row.extend([
            voxels.len() as f64,
            own.len() as f64,
            nodes.iter().filter(|node| degrees[node] == 1).count() as f64,
            junctions.iter().filter(|junction| component.voxels[junction.foreground()[0]]).count() as f64,
            own.len() as f64 - nodes.len() as f64 + 1.0,
            length,
            number_or_none(if own.is_empty() { radius(voxels[0]) } else { weighted / length }),
            number_or_none(volume),
        ]);
        row.extend(axes.clone().map(|axis| along(axis).min().expect("a voxel") as f64));
        row.extend(axes.clone().map(|axis| along(axis).max().expect("a voxel") as f64 + 1.0));
        row.push(longest_path(&nodes, &own, &lengths));
        row.push(f64::from(u8::from(voxels.iter().any(touches))));
        row
    };
    components(skeleton).iter().enumerate().map(row).collect()
}

/// The largest of the shortest distances along branches between any two nodes, by Floyd and Warshall's algorithm.
fn longest_path(nodes: &[usize], branches: &[&Vec<usize>], lengths: &[f64]) -> f64 {
    if nodes.len() < 2 {
        return f64::NAN;
    }
    let mut distances: BTreeMap<[usize; 2], f64> = nodes.iter().map(|&node| ([node; 2], 0.0)).collect();
    for (path, &length) in branches.iter().zip(lengths) {
        let (a, b) = (path[0], path[path.len() - 1]);
        for ends in [[a, b], [b, a]] {
            let known = distances.entry(ends).or_insert(f64::INFINITY);
            *known = known.min(length);
        }
    }
    let of = |distances: &BTreeMap<[usize; 2], f64>, a, b| distances.get(&[a, b]).copied().unwrap_or(f64::INFINITY);
    for &over in nodes {
        for &a in nodes {
            for &b in nodes {
                let further = of(&distances, a, over) + of(&distances, over, b);
                if further < of(&distances, a, b) {
                    distances.insert([a, b], further);
                }
            }
        }
    }
    distances.into_values().fold(0.0, f64::max)
}
