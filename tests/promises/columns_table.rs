//! Promise: docs/columns.md has the columns of all tables, as the lists have them that tables are made of.

use std::path::Path;

use anabranch::table::branch_columns::Columns;
use anabranch::table::columns::{Column, Form, Unit, Value};
use anabranch::table::{node_columns, object_columns, region_columns, skeleton_columns};

const TABLE: &str = "docs/columns.md";
/// Set to write the table instead of comparing it.
const WRITE: &str = "ANABRANCH_WRITE_COLUMNS";

const HEAD: &str = "# The columns of the tables

This page is made by `tests/promises/columns_table.rs` from the lists of columns of which all tables, statistics and changes are
made (`src/table/branch_columns.rs`, `node_columns.rs`, `skeleton_columns.rs`, `region_columns.rs` and `object_columns.rs` there).
After a change, `ANABRANCH_WRITE_COLUMNS=1 cargo test --test promises columns_table` writes it anew. Columns with `_0`, `_1` and `_2`
are there for each axis of the image: z, y and x, or y and x. `--columns skan` leaves out the columns after skan's, and all tables
but `branches.csv` and, with `--objects`, `objects.csv`.

## branches.csv

A row for each branch, in skan's order. `summary.json` says of the columns marked so what pandas' `describe` says.

| column | meaning | unit | values | in `summary.json` |
|---|---|---|---|---|
";

const NODES: &str = "
## nodes.csv

A row for each node, in raster order: voxels of the skeleton at which branches end, and skeletons of one voxel.

| column | meaning | unit | values |
|---|---|---|---|
";

const SKELETONS: &str = "
## skeletons.csv

A row for each skeleton, by its first voxel: connected components of the skeleton, those of one voxel included.

| column | meaning | unit | values |
|---|---|---|---|
";

const OBJECTS: &str = "
## objects.csv

With `--objects`: a row for each object, by its first voxel: connected components of the foreground, whose voxels are neighbours
as `--connectivity` says. Names and values are those of `skimage.measure.regionprops_table` with the image and the spacing, up to
rounding. Columns with `-0`, `-1` and `-2` are there for each
axis of the image.

With `--labels`, a row for each label, by its value: all of its voxels, connected or not, whether they touch others or not, as
`regionprops_table` has them of the segmentation. `--connectivity` does not matter to it. Intensities are those of `--intensity`;
without it they are empty.

| column | meaning | unit | values |
|---|---|---|---|
";

const ATLAS: &str = "
## atlas.csv

With `--atlas`: a row for each region, by its label; one for label 0, what lies outside of all regions, only where something of the
network lies there. A region is all voxels of a label, connected or not. The region of a branch is that of its middle voxel; its
length is shared out: a step between two voxels counts one half for the region of each. So the rows add up to the network: to
`branches`, `total_length`, `junctions` and `tips` in `summary.json`.

| column | meaning | unit | values |
|---|---|---|---|
";

const ATLAS_BRANCHES: &str = "
## atlas_branches.csv

With `--atlas`: a row for each branch and each region that it runs through, by branch and label.

| column | meaning | unit | values |
|---|---|---|---|
";

const BESIDE_THE_MASK: &str = "
## Radii, volumes and surfaces, and the mask's

A radius is exact: at each voxel of the skeleton it is what `scipy.ndimage.distance_transform_edt(mask, sampling=spacing)` says
there, to 1e-12. How near it is to that of an object depends on the voxels, and on where thinning leaves a line: a voxel beside
the middle is nearer to the background. A line of one voxel has radius 1. `python scripts/known_tubes.py` measures this on
objects that are known, in voxels:

| mask | radius, less the true one | sum of `volume` / foreground | sum of `surface_area` / marching cubes |
|---|---:|---:|---:|
| straight tubes, radius 2 to 12, median of 18 each | -0.36 to -0.02 | 0.91 to 1.02 | 0.90 to 1.10 |
| the same, each tube | -0.99 to 0.48 | 0.70 to 1.58 | 0.82 to 1.98 |
| phantoms of branching tubes, radius up to 6, 10 and 14 | | 1.02 to 1.29 | 1.23 to 1.64 |
| thick cells that touch, 10 % and 27 % foreground | | 0.62 to 1.05 | 0.82 to 1.60 |

Sums are less than the mask's because thinning shortens ends by about a radius, leaves nothing of some objects (`lee`; of the
tubes none to four in 18), and because a circle that fits into a cross-section is smaller than one that is not round. They are
more because at a junction every branch counts the same ball, side branches of thick objects lie inside of the others, and a
line of voxels that is not along an axis or a diagonal is longer than the straight one. So volumes and surfaces compare branches
of one kind with each other; for the volume of a network take `foreground_fraction` times `density.image_volume` in `summary.json`.
";

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Length => "the spacing's",
        Unit::Area => "its square",
        Unit::Volume => "its cube",
        Unit::Image => "the image's",
        Unit::Voxels => "voxels",
        _ => "",
    }
}

fn values(form: Form) -> &'static str {
    match form {
        Form::Whole => "whole numbers",
        Form::Number => "numbers",
        Form::Optional => "numbers, or nothing",
        Form::Flag => "`True` or `False`",
        Form::Text => "text",
        form => unreachable!("{form:?} has no words"),
    }
}

/// The cells of a column in the documentation's table, but for the last.
fn cells<R>(column: &Column<R>) -> String {
    let name = match column.value {
        Value::Voxel(_) | Value::Point(_) | Value::OptionalPoint(_) => {
            let [name, separator] = [column.name, if column.separator == '-' { "-" } else { "_" }];
            format!("`{name}{separator}0`, `{separator}1`, `{separator}2`")
        }
        Value::Box(_) => format!("`{name}-0` to `{name}-5`", name = column.name),
        _ => format!("`{}`", column.name),
    };
    format!("| {name} | {} | {} | {} |", column.meaning, unit(column.unit), values(column.form()))
}

fn line<R>(column: &Column<R>) -> String {
    format!("{} {} |\n", cells(column), if column.is_described { "yes" } else { "" })
}

#[test]
fn the_table_of_columns_is_the_list_of_columns() {
    let columns: Columns = Columns::default();
    let mut text = HEAD.to_owned();
    let (before, after) = columns.around_number();
    let (number, after) = after.expect("rows have numbers");
    <Columns>::ranks().iter().for_each(|column| text += &line(column));
    before.iter().for_each(|column| text += &line(column));
    text += &line(&number);
    after.iter().for_each(|column| text += &line(column));
    text += &line(&<Columns>::label());
    text += &line(&<Columns>::provisional());
    <Columns>::regions().iter().for_each(|column| text += &line(column));
    text += NODES;
    node_columns::columns(true).iter().for_each(|column| text += &(cells(column) + "\n"));
    text += SKELETONS;
    skeleton_columns::columns(true, true).iter().for_each(|column| text += &(cells(column) + "\n"));
    text += OBJECTS;
    object_columns::columns(true, false).iter().for_each(|column| text += &(cells(column) + "\n"));
    text += ATLAS;
    region_columns::columns(true).iter().for_each(|column| text += &(cells(column) + "\n"));
    text += ATLAS_BRANCHES;
    region_columns::branch_columns().iter().for_each(|column| text += &(cells(column) + "\n"));
    text += BESIDE_THE_MASK;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &text).expect("a writable table");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{TABLE} is not the lists of columns; {WRITE}=1 cargo test --test promises columns_table writes it anew"
    );
}
