//! Which voxels of an object are neighbours.

use serde::{Deserialize, Serialize};

/// How two voxels must touch to belong to one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Connectivity {
    /// At a face: 6 neighbours, 4 in 2-D.
    Faces,
    /// At a face or an edge: 18 neighbours, 8 in 2-D.
    Edges,
    /// At a face, an edge or a corner: 26 neighbours, 8 in 2-D.
    #[default]
    Corners,
}

impl Connectivity {
    /// All of them.
    pub const ALL: [Connectivity; 3] = [Connectivity::Faces, Connectivity::Edges, Connectivity::Corners];

    /// How many neighbours a voxel has in 3-D.
    pub fn neighbours(self) -> u8 {
        match self {
            Connectivity::Faces => 6,
            Connectivity::Edges => 18,
            Connectivity::Corners => 26,
        }
    }

    /// Along how many axes neighbours may differ.
    pub fn axes(self) -> usize {
        match self {
            Connectivity::Faces => 1,
            Connectivity::Edges => 2,
            Connectivity::Corners => 3,
        }
    }

    /// How far apart along x neighbours may be, in rows that differ along `axes` axes; none where such rows have no
    /// neighbours.
    pub(super) fn reach(self, axes: usize) -> Option<i64> {
        (axes <= self.axes()).then_some(i64::from(axes < self.axes()))
    }

    /// The steps to neighbouring chunks in which neighbouring voxels may lie, one of each pair of opposites: the later one
    /// in raster order.
    pub(super) fn steps(self) -> impl Iterator<Item = [i64; 3]> {
        (14..27).map(step_at).filter(move |step| step.iter().filter(|&&d| d != 0).count() <= self.axes())
    }
}

/// The step with a number from 0 to 26, in raster order.
pub(super) fn step_at(number: i64) -> [i64; 3] {
    [number / 9 - 1, number / 3 % 3 - 1, number % 3 - 1]
}
