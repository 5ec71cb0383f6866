//! Squared distances between voxels.

use std::f64::consts::PI;
use std::sync::Arc;

use crate::space::{Position, Region, Spacing};

/// Measures squared distances, each by the one formula that all of them have. A copy shares its tables.
#[derive(Clone, Debug)]
pub struct Ruler(Arc<Scale>);

#[derive(Debug)]
struct Scale {
    /// Length of a step along each axis.
    size: [f64; 3],
    /// Steps on a length of one.
    density: [f64; 3],
    /// The squared lengths of [`SHORT`] steps and fewer, in both directions.
    squares: [Vec<f64>; 3],
    around: Vec<Around>,
    /// The squared distance up to which `around` has all rows.
    near: f64,
}

/// Steps along an axis whose squared length a table has.
const SHORT: i64 = 128;

/// Up to four rows along x that are as far away from a voxel: some planes above or below, some lines before or after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// The squared distance.
    pub(super) square: f64,
    pub(super) planes: u32,
    pub(super) lines: u32,
}

/// Steps along x up to which rows are looked at that are near.
pub(super) const NEAR: i64 = 28;
/// About how many rows, in a quarter of those around a voxel, are near.
const MANY_AROUND: f64 = 110.0;

impl Ruler {
    /// One for voxels of a size.
    pub fn new(Spacing(size): Spacing) -> Self {
        let along = |axis: usize, steps: i64| {
            let length: f64 = size[axis] * steps as f64;
            length * length
        };
        let squares = [0, 1, 2].map(|a| (-SHORT..=SHORT).map(|steps| along(a, steps)).collect());
        // As far as there are that many steps along x, unless there are too many rows.
        let radius = (NEAR as f64 * size[2]).min((MANY_AROUND * 4.0 / PI * size[0] * size[1]).sqrt());
        let near = radius * radius;
        let mut around = Vec::new();
        for planes in (0..=SHORT).take_while(|&planes| along(0, planes) < near) {
            for lines in (0..=SHORT).take_while(|&lines| along(0, planes) + along(1, lines) < near) {
                let square = along(0, planes) + along(1, lines);
                around.push(Around { square, planes: planes as u32, lines: lines as u32 });
            }
        }
        around.sort_by(|a, b| a.square.total_cmp(&b.square));
        // Where steps are so short that the table ends before.
        let near = [0, 1].map(|a| along(a, SHORT)).into_iter().fold(near, f64::min);
        Ruler(Arc::new(Scale { size, density: size.map(f64::recip), squares, around, near }))
    }

    /// The squared length of steps along one axis.
    #[inline(always)]
    pub(super) fn along(&self, axis: usize, steps: i64) -> f64 {
        self.0.squares[axis].get((steps + SHORT) as usize).copied().unwrap_or_else(|| {
            let length = self.0.size[axis] * steps as f64;
            length * length
        })
    }

    /// Rows around a voxel, from the one that it lies in outwards, and the squared distance up to which all are there.
    #[inline(always)]
    pub(super) fn around(&self) -> (&[Around], f64) {
        (&self.0.around, self.0.near)
    }

    /// A number of steps along each axis that is no shorter than a radius, and longer by one step at most.
    #[inline(always)]
    pub(super) fn reach(&self, radius: f64) -> Position {
        // No two voxels are further apart than the largest number here. What is rounded is less than a step.
        self.0.density.map(|density| (radius * density).min((1 << 23) as f64) as i64 + 1)
    }

    /// The squared length of a step.
    #[inline(always)]
    pub(super) fn square(&self, [z, y, x]: Position) -> f64 {
        self.along(0, z) + self.along(1, y) + self.along(2, x)
    }

    /// The least squared distance of a voxel of a box.
    #[inline]
    pub(super) fn least_in(&self, from: Position, region: &Region) -> f64 {
        self.square(step_to_box(from, region))
    }

    /// The least squared distance of a voxel that is inside the bounds and outside a box of them, which holds the first
    /// voxel; infinite where the box is all of the bounds.
    #[inline]
    pub(super) fn least_outside(&self, from: Position, region: &Region, bounds: &Region) -> f64 {
        let mut least = f64::INFINITY;
        for a in 0..3 {
            if region.min[a] > bounds.min[a] {
                least = least.min(self.along(a, from[a] - region.min[a] + 1));
            }
            if region.max[a] < bounds.max[a] {
                least = least.min(self.along(a, region.max[a] - from[a]));
            }
        }
        least
    }

    /// The least squared distance between a voxel of one box and one of another.
    pub(super) fn between(&self, one: &Region, other: &Region) -> f64 {
        let gap = |a: usize| (other.min[a] - (one.max[a] - 1)).max(one.min[a] - (other.max[a] - 1)).max(0);
        self.square([gap(0), gap(1), gap(2)])
    }

    /// Whether an object with this radius at a voxel may go on outside the bounds: the voxel lies in their outermost layer,
    /// or nearer to the first voxel that would lie outside than to the background. Axes of one voxel do not count.
    pub(super) fn touches(&self, from: Position, radius: f64, bounds: &Region) -> bool {
        (0..3).filter(|&a| bounds.max[a] - bounds.min[a] > 1).any(|a| {
            let between = (from[a] - bounds.min[a]).min(bounds.max[a] - 1 - from[a]);
            between == 0 || (between + 1) as f64 * self.0.size[a] < radius
        })
    }
}

/// The step from a voxel to the nearest one of a box.
#[inline(always)]
pub(super) fn step_to_box(from: Position, region: &Region) -> Position {
    std::array::from_fn(|a| (region.min[a] - from[a]).max(0) + (region.max[a] - 1 - from[a]).min(0))
}
