//! The shape of an object: numbers of which the sums over parts are those of the whole, exactly.

use serde::{Deserialize, Serialize};

use crate::kernel::objects::runs::Run;
use crate::kernel::objects::sums::Sums;
use crate::space::{Region, Spacing};

/// Sums over the voxels of an object, or of a part of one. Parts merge in any order, with the same result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// How many voxels there are.
    pub voxels: u64,
    /// The least position along each axis.
    pub least: [i64; 3],
    /// The largest position along each axis.
    pub largest: [i64; 3],
    /// The sums of positions along (z, y, x).
    pub sums: [i128; 3],
    /// The sums of products of positions: zz, zy, zx, yy, yx, xx.
    pub products: [i128; 6],
    /// The Euler number of the object's own voxels, connected at corners whatever connects objects: components and cavities less
    /// loops. A part's number counts the cells that begin in it, and its [`Cell`](super::cells::Cell)s.
    pub euler: i64,
}

impl Tally {
    /// The sums over a run, without an Euler number.
    pub fn of(run: &Run) -> Tally {
        let [from, to] = run.x.map(i128::from);
        let (z, y, count) = (i128::from(run.z), i128::from(run.y), to - from);
        let x = count * (from + to - 1) / 2;
        // The sum of squares from 0 to before n is (n - 1) n (2 n - 1) / 6, for negative n too.
        let squares = |n: i128| (n - 1) * n * (2 * n - 1) / 6;
        let xx = squares(to) - squares(from);
        Tally {
            voxels: run.voxels(),
            least: [run.z, run.y, run.x[0]],
            largest: [run.z, run.y, run.x[1] - 1],
            sums: [z * count, y * count, x],
            products: [z * z * count, z * y * count, z * x, y * y * count, y * x, xx],
            euler: 0,
        }
    }

    /// The smallest box that holds the object.
    pub fn bbox(&self) -> Region {
        Region::new(self.least, self.largest.map(|last| last + 1))
    }

    /// Whether a voxel lies in the outermost layer of the bounds, along an axis of more than one voxel.
    pub fn touches_border(&self, bounds: &Region) -> bool {
        let (bbox, shape) = (self.bbox(), bounds.shape());
        (0..3).any(|a| shape[a] > 1 && (bbox.min[a] <= bounds.min[a] || bbox.max[a] >= bounds.max[a]))
    }

    /// The centre (z, y, x) in units of the spacing, as scikit-image's `centroid`.
    pub fn centroid(&self, spacing: &Spacing) -> [f64; 3] {
        std::array::from_fn(|a| self.sums[a] as f64 / self.voxels as f64 * spacing.0[a])
    }

    /// The central moments of second order over the number of voxels: zz, zy, zx, yy, yx, xx, in squares of the unit. The
    /// differences are taken of whole numbers, so nothing cancels.
    pub fn covariance(&self, spacing: &Spacing) -> [f64; 6] {
        let n = i128::from(self.voxels);
        const AXES: [[usize; 2]; 6] = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]];
        std::array::from_fn(|i| {
            // Around a corner of the box, where sums of large objects have room.
            let [a, b] = AXES[i];
            let from = self.least.map(i128::from);
            let (sa, sb) = (self.sums[a] - n * from[a], self.sums[b] - n * from[b]);
            let product = self.products[i] - from[a] * self.sums[b] - from[b] * self.sums[a] + n * from[a] * from[b];
            let (whole, rest) = ((sa * sb).div_euclid(n), (sa * sb).rem_euclid(n));
            let moment = (product - whole) as f64 - rest as f64 / n as f64;
            moment / n as f64 * spacing.0[a] * spacing.0[b]
        })
    }
}

impl Sums for Tally {
    const EULER: bool = true;

    fn merge(&mut self, other: &Tally) {
        self.voxels += other.voxels;
        for axis in 0..3 {
            self.least[axis] = self.least[axis].min(other.least[axis]);
            self.largest[axis] = self.largest[axis].max(other.largest[axis]);
            self.sums[axis] += other.sums[axis];
        }
        self.products.iter_mut().zip(other.products).for_each(|(mine, theirs)| *mine += theirs);
        self.euler += other.euler;
    }

    fn add_euler(&mut self, share: i64) {
        self.euler += share;
    }
}
