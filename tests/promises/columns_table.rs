//! Promise: docs/columns.md has the columns of the branch table, as the list has them that tables are made of.

use std::path::Path;

use anabranch::table::branch_columns::Columns;
use anabranch::table::columns::{Column, Form, Unit, Value};

const TABLE: &str = "docs/columns.md";
/// Set to write the table instead of comparing it.
const WRITE: &str = "ANABRANCH_WRITE_COLUMNS";

const HEAD: &str = "# The columns of branches.csv

This table is made by `tests/promises/columns_table.rs` from the list of columns of which all tables, statistics and changes are
made (`src/table/branch_columns.rs`). After a change, `ANABRANCH_WRITE_COLUMNS=1 cargo test --test promises columns_table` writes
it anew. Columns with `_0`, `_1` and `_2` are there for each axis of the image: z, y and x, or y and x. `summary.json` says of the
columns marked so what pandas' `describe` says.

| column | meaning | unit | values | in `summary.json` |
|---|---|---|---|---|
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

fn line<R>(column: &Column<R>) -> String {
    let name = match column.value {
        Value::Voxel(_) | Value::Point(_) => format!("`{}_0`, `_1`, `_2`", column.name),
        _ => format!("`{}`", column.name),
    };
    let described = if column.is_described { "yes" } else { "" };
    format!("| {name} | {} | {} | {} | {described} |\n", column.meaning, unit(column.unit), values(column.form()))
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &text).expect("a writable table");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{TABLE} is not the list of columns; {WRITE}=1 cargo test --test promises columns_table writes it anew"
    );
}
