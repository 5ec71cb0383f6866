//! The rows of the table of skeletons, and its columns.

use crate::space::Position;
use crate::table::columns::{Column, Unit, Value};
use crate::table::longest_path::MOST_NODES;

/// A row of the table of skeletons.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SkeletonRow {
    /// Rank of the skeleton by its first voxel, from 0.
    pub skeleton_id: u64,
    /// Its first voxel in raster order, in voxels from the frame's origin.
    pub first_voxel: Position,
    /// Number of its voxels.
    pub voxels: u64,
    /// Number of its branches.
    pub branches: u64,
    /// Number of its nodes of degree 1.
    pub tips: u64,
    /// Number of its junctions; neighbouring nodes of degree 3 and more form one junction.
    pub junctions: u64,
    /// Independent loops: branches - nodes + 1.
    pub loops: u64,
    /// Sum of the lengths of its branches.
    pub total_length: f64,
    /// Mean of the mean radii of its branches, weighted by their lengths; for an isolated voxel, its radius.
    pub mean_radius: Option<f64>,
    /// Sum of the volumes of its branches.
    pub volume: Option<f64>,
    /// The smallest coordinates of its voxels, in voxels from the frame's origin.
    pub bbox_min: Position,
    /// The largest coordinates of its voxels plus one, in voxels from the frame's origin.
    pub bbox_max: Position,
    /// Length of the longest shortest path between two of its nodes, if it was requested and is known.
    pub longest_path: Option<f64>,
    /// Whether the object may continue outside the image.
    pub touches_border: bool,
    /// The label of the object; `None` if the image is not of labels.
    pub label: Option<i128>,
}

/// Name, before `_0`, of the columns with the first voxel of a skeleton.
pub const PLACE: &str = "first_voxel";

const _: () = assert!(MOST_NODES == 5000, "the meaning of longest_path says how many");

/// The columns of the table of skeletons, in order; `longest_path` is among them if requested, `label` if the image is of
/// labels.
pub fn columns(longest_path: bool, labels: bool) -> Vec<Column<SkeletonRow>> {
    let mut columns: Vec<Column<SkeletonRow>> = vec![
        Column::rank(
            "skeleton_id",
            "the skeleton, a connected component, numbered by its first voxel, from 0",
            Value::Whole(|row| row.skeleton_id as i64),
        ),
        Column::new(
            PLACE,
            Unit::Voxels,
            "its first voxel in raster order, along the array's axes",
            Value::Voxel(|row| row.first_voxel),
        ),
        Column::new("voxels", Unit::Voxels, "its voxels", Value::Whole(|row| row.voxels as i64)),
        Column::new("branches", Unit::None, "its branches", Value::Whole(|row| row.branches as i64)),
        Column::new("tips", Unit::None, "its nodes of degree 1", Value::Whole(|row| row.tips as i64)),
        Column::new(
            "junctions",
            Unit::None,
            "its junctions: nodes of degree 3 and more, neighbours counted as one, as `junction_id` has them",
            Value::Whole(|row| row.junctions as i64),
        ),
        Column::new(
            "loops",
            Unit::None,
            "independent loops: branches - nodes + 1, the first Betti number of the graph of branches",
            Value::Whole(|row| row.loops as i64),
        ),
        Column::new(
            "total_length",
            Unit::Length,
            "sum of the lengths of its branches",
            Value::Number(|row| row.total_length),
        ),
        Column::new(
            "mean_radius",
            Unit::Length,
            "mean of the mean radii of its branches, weighted by their lengths; of a skeleton of one voxel its radius; nothing \
             where the mask has no background",
            Value::Optional(|row| row.mean_radius),
        ),
        Column::new(
            "volume",
            Unit::Volume,
            "sum of the volumes of its branches; nothing where the mask has no background",
            Value::Optional(|row| row.volume),
        ),
        Column::new(
            "bbox_min",
            Unit::Voxels,
            "the least coordinates of its voxels, along the array's axes",
            Value::Voxel(|row| row.bbox_min),
        ),
        Column::new(
            "bbox_max",
            Unit::Voxels,
            "the largest coordinates of its voxels, plus one",
            Value::Voxel(|row| row.bbox_max),
        ),
    ];
    if longest_path {
        columns.push(longest_path_column());
    }
    columns.push(Column::new(
        "touches_border",
        Unit::None,
        "whether one of its branches or nodes does",
        Value::Flag(|row| row.touches_border),
    ));
    if labels {
        columns.push(Column::new(
            "label",
            Unit::None,
            "the value of the segmentation at its voxels; with `--labels`",
            Value::Label(|row| row.label.unwrap_or_default()),
        ));
    }
    columns
}

fn longest_path_column() -> Column<SkeletonRow> {
    Column::new(
        "longest_path",
        Unit::Length,
        "length of the longest shortest path between two of its nodes; nothing where there is one node, and where it has loops \
         and more than 5,000 nodes; with `--longest-path`",
        Value::Optional(|row| row.longest_path),
    )
}
