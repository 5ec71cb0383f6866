//! The rows of the table of nodes, and its columns.

use crate::space::Position;
use crate::table::columns::{Column, Unit, Value};

/// A row of the table of nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeRow {
    /// Rank among all skeleton voxels, from 0.
    pub node_id: u64,
    /// Rank of the connected component by its first voxel, from 0.
    pub skeleton_id: u64,
    /// Rank of the junction by its first voxel, from 0; `None` if the degree is below 3.
    pub junction_id: Option<u64>,
    /// Number of branches that end here, a loop counted twice.
    pub degree: u32,
    /// Position of the node, in voxels from the frame's origin.
    pub image_coord: Position,
    /// Position of the node, in the unit of the spacing.
    pub coord: [f64; 3],
    /// Radius at the node, if the mask has background.
    pub radius: Option<f64>,
    /// Whether the object may continue outside the image here.
    pub touches_border: bool,
    /// The label of the object; `None` if the image is not of labels.
    pub label: Option<i128>,
}

/// Name, before `_0`, of the columns with the position of a node.
pub const PLACE: &str = "image_coord";

/// The columns of the table of nodes, in order; `label` is among them if the image is of labels.
pub fn columns(labels: bool) -> Vec<Column<NodeRow>> {
    let mut columns: Vec<Column<NodeRow>> = vec![
        Column::rank(
            "node_id",
            "the node, numbered among all skeleton voxels in raster order, from 0, as `node_id_src` and `node_id_dst` number \
             the ends of branches",
            Value::Whole(|row| row.node_id as i64),
        ),
        Column::rank(
            "skeleton_id",
            "connected component, numbered by its first voxel, from 0",
            Value::Whole(|row| row.skeleton_id as i64),
        ),
        Column::rank(
            "junction_id",
            "the junction that the node is a voxel of, numbered by its first voxel, from 0: nodes of degree 3 and more that \
             are neighbours (26 in 3-D, 8 in 2-D) are one junction; nothing for other nodes",
            Value::Optional(|row| row.junction_id.map(|id| id as f64)),
        ),
        Column::new(
            "degree",
            Unit::None,
            "branches that end in the node, loops twice: 0 for a skeleton of one voxel, 1 for a tip, 2 for the first voxel of \
             a cycle without any other branch, 3 and more for a voxel of a junction",
            Value::Whole(|row| i64::from(row.degree)),
        ),
        Column::new(PLACE, Unit::Voxels, "where it is, along the array's axes", Value::Voxel(|row| row.image_coord)),
        Column::new("coord", Unit::Length, "where it is, times the spacing", Value::Point(|row| row.coord)),
        Column::new(
            "radius",
            Unit::Length,
            "distance from the nearest background voxel inside the image, between the voxels' centres; nothing where the mask \
             has no background",
            Value::Optional(|row| row.radius),
        ),
        Column::new(
            "touches_border",
            Unit::None,
            "whether the node lies in the outermost layer of the image, or is nearer to its bounds than its radius: the object \
             may go on outside, and its radius is an upper bound",
            Value::Flag(|row| row.touches_border),
        ),
    ];
    if labels {
        columns.push(Column::new(
            "label",
            Unit::None,
            "the value of the segmentation there; with `--labels`",
            Value::Label(|row| row.label.unwrap_or_default()),
        ));
    }
    columns
}
