//! A row of the branch table.

use serde::{Deserialize, Serialize};

use crate::kernel::measure::BranchMeasures;
use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::kernel::network::branch::{Branch, BranchKind};
use crate::space::{Position, Spacing, Voxel};

/// The frame of coordinates: the number of axes, the size of a voxel, and the origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Number of dimensions, 2 or 3; a 2-D image has no coordinate along z.
    pub dimensions: usize,
    /// Size of a voxel along (z, y, x).
    pub spacing: Spacing,
    /// The position whose coordinates are zero.
    pub origin: Position,
}

impl Frame {
    /// The axes with coordinates, in array order.
    pub fn axes(&self) -> std::ops::Range<usize> {
        3 - self.dimensions..3
    }

    /// The volume of a voxel in the unit of the spacing; in 2-D, its area.
    pub fn voxel_volume(&self) -> f64 {
        self.axes().map(|axis| self.spacing.0[axis]).product()
    }

    /// Position of a voxel, in voxels from the origin.
    pub fn place(&self, voxel: Voxel) -> Position {
        let position = voxel.position();
        std::array::from_fn(|a| position[a] - self.origin[a])
    }

    /// Coordinates of a position in voxels from the origin, in the unit of the spacing.
    pub fn coord(&self, place: Position) -> [f64; 3] {
        std::array::from_fn(|a| place[a] as f64 * self.spacing.0[a])
    }
}

/// The measures of a branch in a row, without ranks among other branches and voxels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures<M = BranchMeasures> {
    /// Length along the branch.
    pub branch_distance: f64,
    /// Kind of the branch by its ends.
    pub branch_type: BranchKind,
    /// Whether the branch is a cycle that no other branch touches.
    pub is_isolated_cycle: bool,
    /// The measures of the channels along the branch: by default, of the image's values and of radii.
    pub measured: M,
    /// Position of the start, in voxels from the frame's origin.
    pub image_coord_src: Position,
    /// Position of the end, in voxels from the frame's origin.
    pub image_coord_dst: Position,
    /// Position of the start, in the unit of the spacing.
    pub coord_src: [f64; 3],
    /// Position of the end, in the unit of the spacing.
    pub coord_dst: [f64; 3],
    /// Distance between the ends.
    pub euclidean_distance: f64,
}

impl<M: Measured> Measures<M> {
    /// The measures of a branch, in a frame.
    pub fn new(branch: &Branch<M>, frame: &Frame) -> Self {
        let [src, dst] = [branch.start(), branch.end()].map(|end| frame.place(end));
        let [coord_src, coord_dst] = [src, dst].map(|place| frame.coord(place));
        let squares = frame.axes().map(|a| (coord_dst[a] - coord_src[a]) * (coord_dst[a] - coord_src[a]));
        Measures {
            branch_distance: branch.length(),
            branch_type: branch.kind(),
            is_isolated_cycle: branch.is_isolated_cycle(),
            measured: branch.measured().clone(),
            image_coord_src: src,
            image_coord_dst: dst,
            coord_src,
            coord_dst,
            euclidean_distance: squares.sum::<f64>().sqrt(),
        }
    }
}

impl<M: OfPixels> Measures<M> {
    /// Mean of the image's values along the branch.
    pub fn mean_pixel_value(&self) -> f64 {
        self.measured.pixels().mean()
    }

    /// Population standard deviation of the image's values along the branch.
    pub fn stdev_pixel_value(&self) -> f64 {
        self.measured.pixels().stdev()
    }
}

impl<M> Measures<M> {
    /// Length divided by the distance between the ends; `None` if the ends are the same voxel.
    pub fn tortuosity(&self) -> Option<f64> {
        (self.branch_type != BranchKind::Cycle).then(|| self.branch_distance / self.euclidean_distance)
    }
}

/// A row of the branch table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<M = BranchMeasures> {
    /// Rank of the connected component by its first voxel, from 0.
    pub skeleton_id: u64,
    /// Rank of the first end among all skeleton voxels, from 0.
    pub node_id_src: u64,
    /// Rank of the second end among all skeleton voxels, from 0.
    pub node_id_dst: u64,
    /// The row's number, from 0.
    pub branch_id: u64,
    /// The measures of the branch.
    pub measures: Measures<M>,
    /// The label of the object that the branch belongs to; `None` if the image is not of labels.
    pub label: Option<i128>,
    /// Whether a unit near the branch has not arrived; `None` if arrival is not tracked.
    pub provisional: Option<bool>,
    /// The label of the region of the branch's middle voxel; `None` without an atlas.
    pub region: Option<i128>,
}
