//! Positions, boxes and spacing, in array axis order (z, y, x).
//!
//! A 2-D image is a volume of one plane: its z is 0. Only the number of dimensions of its source says that it is
//! two-dimensional.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A position or an offset along (z, y, x), in voxels.
pub type Position = [i64; 3];

const X_BITS: u32 = 22;
const Y_BITS: u32 = 21;
const Z_BIAS: i64 = 1 << 20;
const Y_BIAS: i64 = 1 << 20;
const X_BIAS: i64 = 1 << 21;

/// The position of a voxel in eight bytes. Its order is raster order: z, then y, then x.
///
/// Positions are absolute and may be negative, so a voxel keeps its identity when the bounds of a volume grow.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, bytemuck::Pod, bytemuck::Zeroable,
)]
#[repr(transparent)]
pub struct Voxel(u64);

impl Voxel {
    /// The least position that a voxel can have.
    pub const MIN: Position = [-Z_BIAS, -Y_BIAS, -X_BIAS];
    /// One more than the largest position that a voxel can have, axis by axis.
    pub const END: Position = [Z_BIAS, Y_BIAS, X_BIAS];

    /// The voxel that comes before all others: the one at [`Voxel::MIN`].
    pub const FIRST: Voxel = Voxel(0);

    /// The voxel at a position, which must lie between [`Voxel::MIN`] and [`Voxel::END`] (asserted in debug builds).
    #[inline]
    pub fn new([z, y, x]: Position) -> Self {
        debug_assert!(
            (-Z_BIAS..Z_BIAS).contains(&z) && (-Y_BIAS..Y_BIAS).contains(&y) && (-X_BIAS..X_BIAS).contains(&x)
        );
        let (z, y, x) = ((z + Z_BIAS) as u64, (y + Y_BIAS) as u64, (x + X_BIAS) as u64);
        Voxel(z << (X_BITS + Y_BITS) | y << X_BITS | x)
    }

    /// Where the voxel is.
    #[inline]
    pub fn position(self) -> Position {
        let x = (self.0 & ((1 << X_BITS) - 1)) as i64;
        let y = (self.0 >> X_BITS & ((1 << Y_BITS) - 1)) as i64;
        let z = (self.0 >> (X_BITS + Y_BITS)) as i64;
        [z - Z_BIAS, y - Y_BIAS, x - X_BIAS]
    }

    /// The voxel at an offset from this one.
    #[inline]
    #[must_use]
    pub fn offset(self, [dz, dy, dx]: Position) -> Self {
        let [z, y, x] = self.position();
        Voxel::new([z + dz, y + dy, x + dx])
    }

    /// The number that an offset adds to the number of a voxel's position.
    #[inline]
    pub const fn difference([dz, dy, dx]: Position) -> u64 {
        (dz << (X_BITS + Y_BITS)).wrapping_add(dy << X_BITS).wrapping_add(dx) as u64
    }

    /// The voxel at an offset from this one, given by its [`Voxel::difference`].
    #[inline]
    #[must_use]
    pub const fn moved(self, difference: u64) -> Self {
        Voxel(self.0.wrapping_add(difference))
    }

    /// The difference between the numbers that hold the positions of this voxel and another one: [`Voxel::moved`] by
    /// it, the other voxel is this one.
    #[inline]
    #[must_use]
    pub const fn since(self, other: Voxel) -> u64 {
        self.0.wrapping_sub(other.0)
    }

    /// The step from this voxel to another, along each axis.
    #[inline]
    pub fn step_to(self, other: Voxel) -> Position {
        let (a, b) = (self.position(), other.position());
        [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
    }
}

impl fmt::Debug for Voxel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [z, y, x] = self.position();
        write!(f, "({z}, {y}, {x})")
    }
}

/// A box of voxels, `min` included and `max` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region {
    /// The least position inside.
    pub min: Position,
    /// One more than the largest position inside, axis by axis.
    pub max: Position,
}

impl Region {
    /// The box between two corners, `max` excluded.
    pub fn new(min: Position, max: Position) -> Self {
        Region { min, max }
    }

    /// The box of a shape that begins at the origin.
    pub fn of_shape(shape: [usize; 3]) -> Self {
        Region { min: [0; 3], max: shape.map(|n| i64::try_from(n).unwrap_or(i64::MAX)) }
    }

    /// Voxels along each axis; zero where the box is empty.
    #[inline]
    pub fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|a| usize::try_from(self.max[a] - self.min[a]).unwrap_or(0))
    }

    /// Number of voxels.
    pub fn volume(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether no voxel is inside.
    pub fn is_empty(&self) -> bool {
        (0..3).any(|a| self.max[a] <= self.min[a])
    }

    /// Whether a position is inside.
    #[inline]
    pub fn contains(&self, p: Position) -> bool {
        (0..3).all(|a| self.min[a] <= p[a] && p[a] < self.max[a])
    }

    /// Whether another box lies inside this one.
    pub fn encloses(&self, other: &Region) -> bool {
        (0..3).all(|a| self.min[a] <= other.min[a] && other.max[a] <= self.max[a])
    }

    /// The common part of two boxes, which may be empty.
    #[must_use]
    pub fn intersection(&self, other: &Region) -> Region {
        Region {
            min: std::array::from_fn(|a| self.min[a].max(other.min[a])),
            max: std::array::from_fn(|a| self.max[a].min(other.max[a])),
        }
    }

    #[cfg(any(test, feature = "mosaic"))]
    /// Boxes that together hold what of this box lies outside another one, each voxel once; six at most.
    pub(crate) fn without(&self, other: &Region) -> Vec<Region> {
        let common = self.intersection(other);
        if common.is_empty() {
            return if self.is_empty() { Vec::new() } else { vec![*self] };
        }
        let (mut left, mut parts) = (*self, Vec::new());
        for axis in 0..3 {
            let (mut before, mut after) = (left, left);
            (before.max[axis], after.min[axis]) = (common.min[axis], common.max[axis]);
            (left.min[axis], left.max[axis]) = (common.min[axis], common.max[axis]);
            parts.extend([before, after].into_iter().filter(|part| !part.is_empty()));
        }
        parts
    }

    /// The box that reaches `depth` voxels further on every side.
    #[must_use]
    pub fn dilated(&self, depth: [usize; 3]) -> Region {
        let depth = depth.map(|d| i64::try_from(d).unwrap_or(i64::MAX));
        Region {
            min: std::array::from_fn(|a| self.min[a] - depth[a]),
            max: std::array::from_fn(|a| self.max[a] + depth[a]),
        }
    }

    /// The box moved by an offset.
    #[must_use]
    pub fn shifted(&self, by: Position) -> Region {
        Region { min: std::array::from_fn(|a| self.min[a] + by[a]), max: std::array::from_fn(|a| self.max[a] + by[a]) }
    }
}

/// Physical size of a voxel along (z, y, x), in the unit of the volume. Finite and positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spacing(pub [f64; 3]);

impl Default for Spacing {
    fn default() -> Self {
        Spacing([1.0; 3])
    }
}

impl Spacing {
    /// Whether lengths can be computed with this spacing: numbers from 1e-60 to 1e60, whose squares and their sums are
    /// finite.
    pub fn is_fit(&self) -> bool {
        self.0.iter().all(|size| (1e-60..=1e60).contains(size))
    }

    /// Length of a step: the square root of the sum, in axis order, of (spacing * step)².
    pub fn length(&self, step: Position) -> f64 {
        let mut sum = 0.0;
        for a in 0..3 {
            let d = self.0[a] * step[a] as f64;
            sum += d * d;
        }
        sum.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_voxels_is_raster_order_also_for_negative_positions() {
        let corners = [[-5, 7, 3], [-5, 7, 4], [-5, 8, -9], [0, -1, 100], [0, 0, 0], [1, -1000, 5]];
        for pair in corners.windows(2) {
            assert!(Voxel::new(pair[0]) < Voxel::new(pair[1]));
        }
        for p in corners {
            assert_eq!(Voxel::new(p).position(), p);
        }
    }

    #[test]
    fn what_of_a_box_lies_outside_another_is_each_voxel_once() {
        let whole = Region::new([0, 0, 0], [3, 4, 5]);
        for other in [
            Region::new([1, 1, 1], [2, 2, 2]),
            Region::new([-3, 2, 0], [9, 9, 3]),
            Region::new([0, 0, 0], [3, 4, 5]),
            Region::new([5, 5, 5], [6, 6, 6]),
        ] {
            let parts = whole.without(&other);
            for p in (0..60).map(|n| [n / 20, n / 5 % 4, n % 5]) {
                let times = parts.iter().filter(|part| part.contains(p)).count();
                assert_eq!(times, usize::from(!other.contains(p)), "{p:?} without {other:?}");
            }
        }
    }
}
