//! Squared distances between voxels.

use crate::space::{Position, Region, Spacing, Voxel};

/// Measures squared distances, each by the one formula that all of them have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruler([f64; 3]);

impl Ruler {
    /// One for voxels of a size.
    pub fn new(spacing: Spacing) -> Self {
        Ruler(spacing.0)
    }

    /// The squared length of steps along one axis.
    #[inline(always)]
    pub(super) fn along(&self, axis: usize, steps: i64) -> f64 {
        let length = self.0[axis] * steps as f64;
        length * length
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

    /// A number of steps along an axis that is longer than a radius, by one step at most.
    pub(super) fn reach(&self, axis: usize, radius: f64) -> i64 {
        // No two voxels are as far apart as the largest number here.
        let widest = (Voxel::END[axis] - Voxel::MIN[axis]) as f64;
        (radius / self.0[axis]).min(widest) as i64 + 1
    }

    /// Whether an object with this radius at a voxel may go on outside the bounds: the voxel lies in their outermost layer,
    /// or nearer to the first voxel that would lie outside than to the background. Axes of one voxel do not count.
    pub(super) fn touches(&self, from: Position, radius: f64, bounds: &Region) -> bool {
        (0..3).filter(|&a| bounds.max[a] - bounds.min[a] > 1).any(|a| {
            let between = (from[a] - bounds.min[a]).min(bounds.max[a] - 1 - from[a]);
            between == 0 || (between + 1) as f64 * self.0[a] < radius
        })
    }
}

/// The step from a voxel to the nearest one of a box.
#[inline(always)]
pub(super) fn step_to_box(from: Position, region: &Region) -> Position {
    std::array::from_fn(|a| (region.min[a] - from[a]).max(0) + (region.max[a] - 1 - from[a]).min(0))
}
