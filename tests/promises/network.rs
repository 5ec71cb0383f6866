//! Promise: the tables of nodes and skeletons are what their definitions say, for every chunking and number of workers.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

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

/// How the summary in a folder of outputs differs from the tables there.
fn summary_fault(out: &Path, spacing: &[f64]) -> Option<String> {
    let summary = read_json(out, "summary.json");
    let [branches, nodes, skeletons] =
        ["branches.csv", "nodes.csv", "skeletons.csv"].map(|name| read_named_table(out, name));
    let of = |table: &Table, name: &str| -> Vec<f64> {
        let place = table.columns.iter().position(|column| column == name).expect("a column");
        table.rows.iter().map(|row| row[place]).collect()
    };
    let (degrees, lengths) = (of(&nodes, "degree"), of(&branches, "branch_distance"));
    let mut junctions: Vec<f64> = of(&nodes, "junction_id").into_iter().filter(|id| !id.is_nan()).collect();
    junctions.dedup();
    junctions.sort_by(f64::total_cmp);
    junctions.dedup();
    let sum = |numbers: Vec<f64>| numbers.into_iter().sum::<f64>();
    let count = |wanted: fn(f64) -> bool| degrees.iter().filter(|&&degree| wanted(degree)).count() as f64;
    let shape = summary["parameters"]["shape"].as_array().expect("a shape");
    let volume: f64 =
        shape.iter().zip(spacing).map(|(length, size)| length.as_f64().expect("a length") * size).product();
    let by_volume = |amount: f64| amount / volume;
    let mut expected = vec![
        ("/tips", count(|degree| degree == 1.0)),
        ("/junction_voxels", count(|degree| degree >= 3.0)),
        ("/junctions", junctions.len() as f64),
        ("/junctions", sum(of(&skeletons, "junctions"))),
        ("/tips", sum(of(&skeletons, "tips"))),
        ("/loops", sum(of(&skeletons, "loops"))),
        ("/skeleton_voxels", sum(of(&skeletons, "voxels"))),
        ("/density/image_volume", volume),
        ("/density/length_per_volume", by_volume(sum(lengths.clone()))),
        ("/density/branches_per_volume", by_volume(lengths.len() as f64)),
        ("/density/junctions_per_volume", by_volume(junctions.len() as f64)),
    ];
    // Each class of radii has the branches whose mean radius is in it.
    let radii = of(&branches, "mean_radius");
    let classes = summary["length_by_radius"].as_array().expect("classes");
    let places: Vec<String> = (0..classes.len()).map(|place| format!("/length_by_radius/{place}")).collect();
    let mut listed = 0;
    for (place, class) in places.iter().zip(classes) {
        let [above, to] = ["above", "to"].map(|end| class[end].as_f64().expect("an end"));
        let inside: Vec<usize> = (0..radii.len()).filter(|&row| above < radii[row] && radii[row] <= to).collect();
        let found = [class["branches"].as_f64(), class["length"].as_f64()].map(|number| number.expect("a number"));
        let wanted = [inside.len() as f64, inside.iter().map(|&row| lengths[row]).sum()];
        if inside.is_empty() || found.iter().zip(wanted).any(|(found, wanted)| (found - wanted).abs() > 1e-9 * wanted) {
            return Some(format!("{place}: {class} instead of {wanted:?}"));
        }
        listed += inside.len();
    }
    expected.push(("/length_by_radius", radii.iter().filter(|radius| !radius.is_nan()).count() as f64));
    expected.into_iter().find_map(|(place, wanted)| {
        let found = summary.pointer(place).and_then(Value::as_f64).unwrap_or(listed as f64);
        let differs = (found - wanted).abs() > 1e-9 * wanted.abs();
        differs.then(|| format!("{place} is {found} instead of {wanted}"))
    })
}

/// Where JSON lacks something of the expected JSON, or has other numbers.
fn json_fault(expected: &Value, found: &Value, at: &str) -> Option<String> {
    let fault = |differs: bool| differs.then(|| format!("{at} is {found} instead of {expected}"));
    match (expected, found) {
        (Value::Object(map), _) => {
            map.iter().find_map(|(name, value)| json_fault(value, &found[name], &format!("{at}/{name}")))
        }
        (Value::Array(expected), Value::Array(list)) if list.len() == expected.len() => {
            let mut pairs = expected.iter().zip(list).enumerate();
            pairs.find_map(|(place, (expected, found))| json_fault(expected, found, &format!("{at}/{place}")))
        }
        _ => match (expected.as_f64(), found.as_f64()) {
            (Some(wanted), Some(number)) => fault((number - wanted).abs() > 1e-9 * wanted.abs()),
            _ => fault(expected != found),
        },
    }
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
fn nodes_skeletons_and_summary_of_the_fixtures_are_what_the_definition_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    let faults: Vec<String> = fixtures::all()
        .iter()
        .filter_map(|fixture| {
            fixture.image.write_npy(&input);
            run(&input, &out, &[fixture.options(), vec!["--longest-path".into()]].concat());
            let fault = fault(&of_fixture(fixture), &out);
            let fault = fault.or_else(|| summary_fault(&out, &fixture.spacing[3 - fixture.image.dimensions..]));
            let expected = fixtures::network_summary(&fixture.name);
            let fault = fault.or_else(|| json_fault(&expected, &read_json(&out, "summary.json"), "summary"));
            fault.map(|fault| format!("{}: {fault}", fixture.name))
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
        prop_assert_eq!(summary_fault(&out, &spacing), None);
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
