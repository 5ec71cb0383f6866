//! Promise: the tables of nodes and skeletons are what their definitions say, for every chunking and number of workers.

use std::path::Path;

use proptest::prelude::*;

use crate::draw;
use crate::fixtures::{self, Fixture};
use crate::image::Image;
use crate::sequential::{Mask, Method, nodes, skeletons, table};
use crate::support::{Table, anabranch, read_json, read_named_table, succeed};

/// The tables by their definitions, with their names.
fn tables(mask: &Mask, skeleton: &Mask, dimensions: usize, spacing: [f64; 3]) -> [(&'static str, Table); 2] {
    let nodes = Table { columns: nodes::columns(dimensions), rows: nodes::rows(mask, skeleton, dimensions, spacing) };
    let skeletons =
        Table { columns: skeletons::columns(dimensions), rows: skeletons::rows(mask, skeleton, dimensions, spacing) };
    [("nodes", nodes), ("skeletons", skeletons)]
}

fn of_fixture(fixture: &Fixture) -> [(&'static str, Table); 2] {
    tables(&fixture.mask, &fixture.skeleton, fixture.image.dimensions, fixture.spacing)
}

/// How a table differs from the expected one.
fn difference(expected: &Table, found: &Table) -> Option<String> {
    if found.columns != expected.columns {
        return Some(format!("columns {:?}", found.columns));
    }
    table::difference(&expected.columns, &expected.rows, &found.rows)
}

/// How the tables in a folder of outputs differ from the expected ones.
fn fault(expected: &[(&'static str, Table); 2], out: &Path) -> Option<String> {
    expected.iter().find_map(|(name, table)| {
        let fault = difference(table, &read_named_table(out, &format!("{name}.csv")));
        fault.map(|fault| format!("{name}: {fault}"))
    })
}

fn run(input: &Path, out: &Path, options: &[String]) {
    let [input, out] = [input, out].map(|path| path.to_str().expect("UTF-8").to_owned());
    let call = ["run".into(), input, "--out".into(), out, "--quiet".into(), "--overwrite".into()];
    succeed(&call.into_iter().chain(options.iter().cloned()).collect::<Vec<String>>());
}

#[test]
fn the_sequential_reference_has_the_nodes_and_skeletons_that_numpy_and_skan_have() {
    let faults: Vec<String> = fixtures::all()
        .iter()
        .flat_map(|fixture| {
            of_fixture(fixture).into_iter().filter_map(|(name, table)| {
                let fault = difference(&fixtures::network_table(&fixture.name, name), &table);
                fault.map(|fault| format!("{}, {name}: {fault}", fixture.name))
            })
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nodes_and_skeletons_of_the_fixtures_are_what_the_definition_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    let faults: Vec<String> = fixtures::all()
        .iter()
        .filter_map(|fixture| {
            fixture.image.write_npy(&input);
            run(&input, &out, &[fixture.options(), vec!["--longest-path".into()]].concat());
            fault(&of_fixture(fixture), &out).map(|fault| format!("{}: {fault}", fixture.name))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn chunks_and_workers_change_nothing_of_nodes_and_skeletons(
        (mask, chunk) in draw::mask(12).prop_flat_map(|mask| { let shape = mask.shape; (Just(mask), draw::chunk_shape(shape)) }),
        workers in 1usize..4,
        spacing in prop_oneof![Just([1.0; 3]), Just([2.5, 0.7, 0.31])],
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [input, out] = ["mask.npy", "out"].map(|name| folder.path().join(name));
        Image::of_mask(&mask).write_npy(&input);
        let [chunk, given] = [chunk.map(|n| n.to_string()), spacing.map(|n| n.to_string())].map(|all| all.join(","));
        let workers = workers.to_string();
        let options = ["--chunk", &chunk, "--workers", &workers, "--spacing", &given, "--longest-path"];
        run(&input, &out, &options.map(str::to_owned));
        prop_assert_eq!(fault(&tables(&mask, &Method::Lee.thin(&mask), 3, spacing), &out), None);
    }
}

#[test]
fn columns_of_skan_leave_the_other_tables_out_and_earlier_ones_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["mask.npy", "out"].map(|name| folder.path().join(name));
    Image::of_mask(&draw::tangle([12, 13, 14])).write_npy(&input);
    run(&input, &out, &[]);
    let others = ["nodes.csv", "skeletons.csv"].map(|name| out.join(name));
    assert!(others.iter().all(|table| table.is_file()));
    assert!(!read_named_table(&out, "skeletons.csv").columns.contains(&"longest_path".to_owned()));
    run(&input, &out, &["--columns".into(), "skan".into()]);
    assert!(out.join("branches.csv").is_file() && others.iter().all(|table| !table.exists()));
    let [input, out] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
    let outcome = anabranch(["run", input, "--out", out, "--overwrite", "--columns", "skan", "--longest-path"]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("--columns skan"), "{outcome:?}");
}

#[test]
fn a_longest_path_that_is_not_looked_for_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["comb.npy", "out"].map(|name| folder.path().join(name));
    // A comb of 2,600 teeth, which are tips, with as many junctions; and a ring at one end.
    let ring = |y: i64, x: i64| (1..8).contains(&y) && x < 7 && (y == 1 || y == 7 || x == 0 || x == 6);
    let tooth = |y: i64, x: i64| (5..9).contains(&y) && x % 4 == 2 && x > 8;
    let comb = |closed: bool| {
        let mask = Mask::from_fn([1, 10, 10_420], |[_, y, x]| y == 4 && x >= 6 || tooth(y, x) || closed && ring(y, x));
        Image { dimensions: 2, ..Image::of_mask(&mask) }.write_npy(&input);
        run(&input, &out, &["--longest-path".into()]);
        let table = read_named_table(&out, "skeletons.csv");
        let value =
            |name: &str| table.rows[0][table.columns.iter().position(|column| column == name).expect("a column")];
        assert_eq!((table.rows.len(), value("loops")), (1, if closed { 1.0 } else { 0.0 }));
        (value("longest_path"), read_json(&out, "summary.json")["warnings"].to_string())
    };
    let (length, warnings) = comb(false);
    assert!(length > 10_000.0 && !warnings.contains("longest path"), "{length}: {warnings}");
    let (length, warnings) = comb(true);
    assert!(length.is_nan() && warnings.contains("more than 5,000 nodes: their longest path"), "{length}: {warnings}");
}
