//! The nodes of a network by their definition: ends of branches, and skeletons of one voxel.

use std::collections::BTreeMap;

use super::graph::{Paths, paths};
use super::topology::components;
use super::{Mask, radii};

/// The names of the columns, for an image of two or three axes.
pub(crate) fn columns(dimensions: usize) -> Vec<String> {
    let mut columns: Vec<String> =
        ["node_id", "skeleton_id", "junction_id", "degree"].iter().map(ToString::to_string).collect();
    for group in ["image_coord", "coord"] {
        columns.extend((0..dimensions).map(|axis| format!("{group}_{axis}")));
    }
    columns.extend(["radius", "touches_border"].map(String::from));
    columns
}

/// The degree of every node of a skeleton, by raster index: how many branches end there, a loop counted twice.
pub(crate) fn degrees(paths: &Paths) -> BTreeMap<usize, usize> {
    let isolated = paths.degrees.iter().filter(|(_, degree)| **degree == 0).map(|(&voxel, _)| (voxel, 0));
    let mut degrees: BTreeMap<usize, usize> = isolated.collect();
    for path in &paths.paths {
        for end in [path[0], path[path.len() - 1]] {
            *degrees.entry(end).or_default() += 1;
        }
    }
    degrees
}

/// The junctions: neighbouring nodes of degree 3 and more, by first voxel.
pub(crate) fn junctions(skeleton: &Mask, degrees: &BTreeMap<usize, usize>) -> Vec<Mask> {
    let mut nodes = Mask::from_fn(skeleton.shape, |_| false);
    degrees.iter().filter(|(_, degree)| **degree >= 3).for_each(|(&voxel, _)| nodes.voxels[voxel] = true);
    components(&nodes)
}

/// The rows, as the numbers of their columns; NaN where there is nothing.
pub(crate) fn rows(mask: &Mask, skeleton: &Mask, dimensions: usize, spacing: [f64; 3]) -> Vec<Vec<f64>> {
    let (voxels, skeletons) = (skeleton.foreground(), components(skeleton));
    let degrees = degrees(&paths(skeleton, spacing));
    let junctions = junctions(skeleton, &degrees);
    let place = |masks: &[Mask], voxel: usize| masks.iter().position(|mask| mask.voxels[voxel]);
    let axes = 3 - dimensions..3;
    let row = |(&voxel, &degree): (&usize, &usize)| {
        let (at, radius) = (skeleton.position(voxel), radii::radius(mask, voxel, spacing));
        let mut row = vec![
            voxels.binary_search(&voxel).expect("a skeleton voxel") as f64,
            place(&skeletons, voxel).expect("a skeleton") as f64,
            place(&junctions, voxel).map_or(f64::NAN, |place| place as f64),
            degree as f64,
        ];
        row.extend(axes.clone().map(|axis| at[axis] as f64));
        row.extend(axes.clone().map(|axis| at[axis] as f64 * spacing[axis]));
        row.push(if radius.is_finite() { radius } else { f64::NAN });
        row.push(f64::from(u8::from(radii::touches_border(at, mask.shape, spacing, radius))));
        row
    };
    degrees.iter().map(row).collect()
}
