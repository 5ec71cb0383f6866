//! Promise: docs/columns.md has the columns of all tables, as the lists have them that tables are made of.

use std::path::Path;

use anabranch::table::branch_columns::Columns;
use anabranch::table::columns::{Column, Form, Unit, Value};
use anabranch::table::{node_columns, skeleton_columns};

const TABLE: &str = "docs/columns.md";
/// Set to write the table instead of comparing it.
const WRITE: &str = "ANABRANCH_WRITE_COLUMNS";

const HEAD: &str = "# The columns of the tables

This page is made by `tests/promises/columns_table.rs` from the lists of columns of which all tables, statistics and changes are
made (`src/table/branch_columns.rs`, `node_columns.rs` and `skeleton_columns.rs` there). After a change,
`ANABRANCH_WRITE_COLUMNS=1 cargo test --test promises columns_table` writes it anew. Columns with `_0`, `_1` and `_2` are there for
each axis of the image: z, y and x, or y and x. `--columns skan` leaves out the columns after skan's, and all tables but
`branches.csv`.

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
        form => unreachable!("{form:?} has no words"),
    }
}

/// The cells of a column in the documentation's table, but for the last.
fn cells<R>(column: &Column<R>) -> String {
    let name = match column.value {
        Value::Voxel(_) | Value::Point(_) => format!("`{}_0`, `_1`, `_2`", column.name),
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
    text += &line(&<Columns>::provisional());
    text += NODES;
    node_columns::columns().iter().for_each(|column| text += &(cells(column) + "\n"));
    text += SKELETONS;
    skeleton_columns::columns(true).iter().for_each(|column| text += &(cells(column) + "\n"));
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
