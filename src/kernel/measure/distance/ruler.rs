//! Squared distances between voxels.

use std::f64::consts::PI;
use std::sync::Arc;

use crate::space::{Position, Region, Spacing};

/// Computes squared distances, always by the same formula. A clone shares its tables.
#[derive(Clone, Debug)]
pub struct Ruler(Arc<Scale>);

#[derive(Debug)]
struct Scale {
    /// Length of a step along each axis.
    size: [f64; 3],
    /// Number of steps per unit of length.
    density: [f64; 3],
    /// The squared lengths of up to [`SHORT`] steps in both directions.
    squares: [Vec<f64>; 3],
    around: Vec<Around>,
    /// The squared distance up to which `around` is complete.
    near: f64,
}

/// Maximum number of steps along an axis in the tables.
const SHORT: i64 = 128;

/// Up to four rows along x at the same distance from a voxel: `planes` planes above or below, `lines` rows before or
/// after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// The squared distance of the rows.
    pub(super) square: f64,
    pub(super) planes: u32,
    pub(super) lines: u32,
}

/// Maximum number of steps along x in the search of near rows.
pub(super) const NEAR: i64 = 28;
/// Approximate maximum number of near rows in a quadrant around a voxel.
const MANY_AROUND: f64 = 110.0;

impl Ruler {
    /// A ruler for voxels of this size.
    pub fn new(Spacing(size): Spacing) -> Self {
        let along = |axis: usize, steps: i64| {
            let length: f64 = size[axis] * steps as f64;
            length * length
        };
        let squares = [0, 1, 2].map(|a| (-SHORT..=SHORT).map(|steps| along(a, steps)).collect());
        // The radius of that many steps along x, unless it contains too many rows.
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
        // Limited to the table, for short steps.
        let near = [0, 1].map(|a| along(a, SHORT)).into_iter().fold(near, f64::min);
        Ruler(Arc::new(Scale { size, density: size.map(f64::recip), squares, around, near }))
    }

    /// The squared length of a number of steps along one axis.
    #[inline(always)]
    pub(super) fn along(&self, axis: usize, steps: i64) -> f64 {
        self.0.squares[axis].get((steps + SHORT) as usize).copied().unwrap_or_else(|| {
            let length = self.0.size[axis] * steps as f64;
            length * length
        })
    }

    /// The rows around a voxel, from its own row outwards, and the squared distance up to which they are complete.
    #[inline(always)]
    pub(super) fn around(&self) -> (&[Around], f64) {
        (&self.0.around, self.0.near)
    }

    /// A number of steps along each axis that is at least as long as a radius, and at most one step longer.
    #[inline(always)]
    pub(super) fn reach(&self, radius: f64) -> Position {
        // Two voxels are never further apart than the largest number here. Rounding errors are less than a step.
        self.0.density.map(|density| (radius * density).min((1 << 23) as f64) as i64 + 1)
    }

    /// The squared length of a step.
    #[inline(always)]
    pub(super) fn square(&self, [z, y, x]: Position) -> f64 {
        self.along(0, z) + self.along(1, y) + self.along(2, x)
    }

    /// The smallest squared distance of a voxel of a box.
    #[inline]
    pub(super) fn least_in(&self, from: Position, region: &Region) -> f64 {
        self.square(step_to_box(from, region))
    }

    /// The smallest squared distance of a voxel that is inside the bounds but outside a box, which contains the first
    /// voxel; infinite if the box equals the bounds.
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

    /// The smallest squared distance between a voxel of one box and one of another.
    pub(super) fn between(&self, one: &Region, other: &Region) -> f64 {
        let gap = |a: usize| (other.min[a] - (one.max[a] - 1)).max(one.min[a] - (other.max[a] - 1)).max(0);
        self.square([gap(0), gap(1), gap(2)])
    }

    /// Whether an object with this radius at a voxel may continue outside the bounds: the voxel is in their outermost
    /// layer, or is nearer to the first voxel outside than to the background. Axes of one voxel do not count.
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
