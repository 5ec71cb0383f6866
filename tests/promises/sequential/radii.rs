//! Radii of branches by their definition: the distance of every skeleton voxel from every background voxel.

use super::graph::{distance, paths};
use super::{Mask, Position};

/// The names of the columns after skan's.
pub(crate) const COLUMNS: [&str; 9] = [
    "branch_id",
    "tortuosity",
    "mean_radius",
    "stdev_radius",
    "min_radius",
    "max_radius",
    "volume",
    "surface_area",
    "touches_border",
];

/// The distance of a voxel from the nearest background voxel of the mask, with spacing; infinite where there is none.
pub(crate) fn radius(mask: &Mask, voxel: usize, spacing: [f64; 3]) -> f64 {
    let from = mask.position(voxel);
    let square = |index: usize| {
        let to = mask.position(index);
        (0..3).map(|axis| (spacing[axis] * (to[axis] - from[axis]) as f64).powi(2)).sum::<f64>()
    };
    let background = (0..mask.voxels.len()).filter(|&index| !mask.voxels[index]);
    background.map(square).fold(f64::INFINITY, f64::min).sqrt()
}

/// Whether what is at a voxel may go on outside the image.
pub(crate) fn touches_border(p: Position, shape: [usize; 3], spacing: [f64; 3], radius: f64) -> bool {
    (0..3).filter(|&axis| shape[axis] > 1).any(|axis| {
        let between = p[axis].min(shape[axis] as i64 - 1 - p[axis]);
        between == 0 || (between + 1) as f64 * spacing[axis] < radius
    })
}

/// The rows of a table after skan's columns; NaN where there is nothing.
pub(crate) fn rows(mask: &Mask, skeleton: &Mask, spacing: [f64; 3]) -> Vec<Vec<f64>> {
    let row = |(number, path): (usize, &Vec<usize>)| {
        let radii: Vec<f64> = path.iter().map(|&voxel| radius(mask, voxel, spacing)).collect();
        let step = |at: usize| distance(skeleton, path[at], path[at + 1], spacing);
        let (start, end) = (path[0], path[path.len() - 1]);
        let length: f64 = (0..path.len() - 1).map(step).sum();
        let tortuosity = if start == end { f64::NAN } else { length / distance(skeleton, start, end, spacing) };
        let count = radii.len() as f64;
        let mean = radii.iter().sum::<f64>() / count;
        let variance = radii.iter().map(|radius| (radius - mean).powi(2)).sum::<f64>() / count;
        let cone = |of: fn(f64, f64, f64) -> f64| -> f64 {
            (0..path.len() - 1).map(|at| std::f64::consts::PI * of(step(at), radii[at], radii[at + 1])).sum()
        };
        let volume = cone(|h, a, b| h * (a * a + a * b + b * b) / 3.0);
        let surface = cone(|h, a, b| (a + b) * (h * h + (a - b) * (a - b)).sqrt());
        let least = radii.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = radii.iter().copied().fold(0.0, f64::max);
        let touches = path
            .iter()
            .zip(&radii)
            .any(|(&voxel, &radius)| touches_border(mask.position(voxel), mask.shape, spacing, radius));
        let of_radii = [mean, variance.sqrt(), least, largest, volume, surface];
        let of_radii = of_radii.map(|number| if largest.is_finite() { number } else { f64::NAN });
        let mut row = vec![number as f64, tortuosity];
        row.extend(of_radii);
        row.push(f64::from(u8::from(touches)));
        row
    };
    paths(skeleton, spacing).paths.iter().enumerate().map(row).collect()
}
