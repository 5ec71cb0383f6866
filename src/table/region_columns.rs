//! The rows of the table of regions, and of the lengths of branches in them, with their columns.

use crate::table::columns::{Column, Unit, Value};

/// A row of the table of regions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegionRow {
    /// Its label in the atlas.
    pub region: i128,
    /// Its name; empty if it has none.
    pub name: String,
    /// Number of its voxels: those inside the mask of a region of interest, where there is one.
    pub voxels: u64,
    /// Their volume in the unit of the spacing; in 2-D, their area.
    pub volume: f64,
    /// Number of branches whose middle voxel is in the region.
    pub branches: u64,
    /// Length of all branches within the region.
    pub length: f64,
    /// Number of junctions whose first voxel is in the region; neighbouring nodes of degree 3 and more form one junction.
    pub junctions: u64,
    /// Number of nodes of degree 1 in the region.
    pub tips: u64,
    /// Branches per volume, if the region has voxels.
    pub branch_density: Option<f64>,
    /// Length per volume.
    pub length_density: Option<f64>,
    /// Junctions per volume.
    pub junction_density: Option<f64>,
    /// Mean of the mean radii of branches, weighted by their lengths within the region.
    pub mean_radius: Option<f64>,
}

/// The part of a branch in a region.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BranchPart {
    /// Number of the branch in the branch table.
    pub branch_id: u64,
    /// The label of the region.
    pub region: i128,
    /// Length of the branch within the region.
    pub length: f64,
}

/// The columns of the table of regions, in order; with the name, if regions have names.
pub fn columns(names: bool) -> Vec<Column<RegionRow>> {
    let name = Column::new(
        "name",
        Unit::None,
        "its name; nothing where it has none; with `--atlas-names`",
        Value::Text(|row: &RegionRow| &row.name),
    );
    let mut columns = vec![Column::new(
        "region",
        Unit::None,
        "the region's label; 0 for what lies outside of all regions",
        Value::Label(|row: &RegionRow| row.region),
    )];
    columns.extend(names.then_some(name));
    let measures: [Column<RegionRow>; 10] = [
        Column::new(
            "voxels",
            Unit::Voxels,
            "its voxels: those inside of `--mask`, where one is given",
            Value::Whole(|row| row.voxels as i64),
        ),
        Column::new("volume", Unit::Volume, "their volume; in 2-D, their area", Value::Number(|row| row.volume)),
        Column::new(
            "branches",
            Unit::None,
            "branches whose `region` it is: whose middle voxel lies in it",
            Value::Whole(|row| row.branches as i64),
        ),
        Column::new("length", Unit::Length, "length of all branches within it", Value::Number(|row| row.length)),
        Column::new(
            "junctions",
            Unit::None,
            "junctions whose first voxel lies in it; neighbours count as one, as `junction_id` has them",
            Value::Whole(|row| row.junctions as i64),
        ),
        Column::new("tips", Unit::None, "nodes of degree 1 in it", Value::Whole(|row| row.tips as i64)),
        Column::new("branch_density", Unit::None, "branches / volume", Value::Optional(|row| row.branch_density)),
        Column::new("length_density", Unit::None, "length / volume", Value::Optional(|row| row.length_density)),
        Column::new("junction_density", Unit::None, "junctions / volume", Value::Optional(|row| row.junction_density)),
        Column::new(
            "mean_radius",
            Unit::Length,
            "mean of the mean radii of branches, weighted by their lengths within it; nothing without any, and where the mask \
             has no background",
            Value::Optional(|row| row.mean_radius),
        ),
    ];
    columns.extend(measures);
    columns
}

/// The columns of the table of the lengths of branches in regions, in order.
pub fn branch_columns() -> [Column<BranchPart>; 3] {
    [
        Column::rank("branch_id", "the branch, as in branches.csv", Value::Whole(|row| row.branch_id as i64)),
        Column::new("region", Unit::None, "the region's label", Value::Label(|row| row.region)),
        Column::new(
            "length",
            Unit::Length,
            "length of the branch within the region: a step between two voxels counts one half for the region of each",
            Value::Number(|row| row.length),
        ),
    ]
}
