//! The lines of branches for the 3-D view, with fewer points than the skeleton has voxels.

use super::simplify::kept;
use crate::export::Network;
use crate::page::{ColumnValues, Columns};

/// Points of all lines at most, as long as lines can do with fewer.
const MOST_POINTS: usize = 1_600_000;
/// The first tolerance, in the smallest side of a voxel: lines without the steps of voxels.
const TOLERANCE: f64 = 0.75;

/// The points of the lines of some branches, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lines {
    /// Number of points of each branch.
    points: Vec<u32>,
    /// Their voxels, by axis.
    voxels: [Vec<u32>; 3],
    /// Their radii: the square root of the share of the largest one, from 0 to 255.
    radii: Vec<u8>,
    /// How far a voxel of the skeleton is from its line, at most.
    pub(super) tolerance: f64,
    /// The largest radius of a point; NaN if none is known.
    pub(super) largest_radius: f64,
}

impl Lines {
    /// The lines of some branches of a network. The tolerance grows until there are few enough points.
    pub(super) fn new(network: &Network, shown: &[u32]) -> Lines {
        Lines::bounded(network, shown, MOST_POINTS)
    }

    fn bounded(network: &Network, shown: &[u32], most: usize) -> Lines {
        let axes = if network.dimensions == 2 { 1..3 } else { 0..3 };
        let side = axes.map(|axis| network.spacing.0[axis]).fold(f64::INFINITY, f64::min);
        let mut lines = Lines::within(network, shown, TOLERANCE * side);
        // Two points a branch is as few as there can be.
        while lines.radii.len() > most.max(2 * shown.len() + shown.len() / 10) && lines.tolerance < 1e3 * side {
            lines = Lines::within(network, shown, lines.tolerance * 2.0);
        }
        lines
    }

    fn within(network: &Network, shown: &[u32], tolerance: f64) -> Lines {
        let known = |radius: &f64| radius.is_finite();
        let largest_radius = network.radii.iter().flatten().copied().filter(known).fold(f64::NAN, f64::max);
        let mut lines =
            Lines { points: Vec::new(), voxels: Default::default(), radii: Vec::new(), tolerance, largest_radius };
        for &branch in shown {
            let path = network.paths.of(branch as usize);
            let places: Vec<[f64; 3]> = path.iter().map(|&voxel| network.position(voxel)).collect();
            let before = lines.radii.len();
            for (&voxel, _) in path.iter().zip(kept(&places, tolerance)).filter(|(_, kept)| *kept) {
                let position = network.voxels[voxel as usize].position();
                for (axis, places) in lines.voxels.iter_mut().enumerate() {
                    places.push(u32::try_from(position[axis]).unwrap_or_default());
                }
                let share = (network.radius(voxel) / largest_radius).sqrt();
                lines.radii.push(if share.is_finite() { (share * 255.0).round() as u8 } else { 0 });
            }
            lines.points.push((lines.radii.len() - before) as u32);
        }
        lines
    }

    /// Whether any radius is known.
    pub(super) fn has_radii(&self) -> bool {
        self.largest_radius.is_finite()
    }

    /// The columns of a page: `points` of each branch; `z`, `y`, `x` and `r` of each point.
    pub(super) fn columns(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        columns.push("points", ColumnValues::Whole((&self.points).into()));
        for (name, voxels) in ["z", "y", "x"].into_iter().zip(&self.voxels) {
            columns.push(name, ColumnValues::Ascending(voxels.into()));
        }
        columns.push("r", ColumnValues::Bytes((&self.radii).into()));
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::zigzags;

    #[test]
    fn lines_begin_and_end_where_branches_do_and_are_bounded() {
        let network = zigzags(40, 30);
        let shown: Vec<u32> = (0..40).collect();
        let lines = Lines::bounded(&network, &shown, usize::MAX);
        assert_eq!((lines.points.len(), lines.tolerance), (40, TOLERANCE));
        let mut at = 0;
        for (path, &points) in network.paths.iter().zip(&lines.points) {
            let ends = [at, at + points as usize - 1].map(|at| [0, 1, 2].map(|axis| i64::from(lines.voxels[axis][at])));
            assert_eq!(ends, [path[0], path[path.len() - 1]].map(|voxel| network.voxels[voxel as usize].position()));
            at += points as usize;
        }
        let fewer = Lines::bounded(&network, &shown, 100);
        assert!(fewer.radii.len() <= 100 && fewer.tolerance > lines.tolerance, "{} points", fewer.radii.len());
    }
}
