//! Promise: crossings by radius are skan's, from the results alone.

use std::path::Path;

use anabranch::analysis::{Outputs, Shells};
use serde_json::Value;

use crate::draw::tangle;
use crate::fixtures;
use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{anabranch, files_under, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

/// The analyses that `scripts/make_sholl_fixtures.py` has written.
fn analyses() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sholl.txt");
    let text = std::fs::read_to_string(path).expect("fixtures");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// How an analysis of outputs differs from skan's.
fn fault(expected: &Value, outputs: &Outputs) -> Option<String> {
    let mut shells = Shells::default();
    (shells.center, shells.step) = (Some(numbers(&expected["center"])), expected["step"].as_f64());
    let found = outputs.sholl(&shells).expect("shells that fit");
    let radii = numbers(&expected["radii"]);
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs();
    let same_radii = radii.len() == found.radii.len() && found.radii.iter().zip(&radii).all(near);
    let crossings: Vec<f64> = found.crossings.iter().map(|&count| count as f64).collect();
    let differs = !same_radii || crossings != numbers(&expected["crossings"]);
    differs.then(|| format!("{found:?} instead of {expected}"))
}

#[test]
fn crossings_of_the_fixtures_are_those_of_skan() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    let analyses = analyses();
    let mut faults = Vec::new();
    for fixture in fixtures::all() {
        let own = || analyses.iter().filter(|analysis| analysis["fixture"] == fixture.name.as_str());
        if own().next().is_none() {
            continue;
        }
        fixture.image.write_npy(&input);
        let call = ["run", text(&input), "--out", text(&out), "--quiet", "--overwrite"].map(str::to_owned);
        succeed(&call.into_iter().chain(fixture.options()).collect::<Vec<_>>());
        let outputs = Outputs::open(&out).expect("outputs");
        faults.extend(own().filter_map(|analysis| fault(analysis, &outputs)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn voxels_of_different_labels_are_not_joined() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    // One line, of which the second half has another label.
    let line = Mask::from_fn([5, 11, 22], |[z, y, x]| z == 2 && y == 5 && (1..20).contains(&x));
    let mut image = Image { dtype: "uint16".to_owned(), ..Image::of_mask(&line) };
    image.values.iter_mut().enumerate().for_each(|(index, value)| *value *= (1 + index % 22 / 10) as f64);
    image.write_npy(&input);
    let crossings = |options: &[&str]| {
        let call = ["run", text(&input), "--out", text(&out), "--quiet", "--overwrite"];
        succeed(&[&call[..], options].concat());
        let mut shells = Shells::default();
        (shells.center, shells.step) = (Some(vec![2.0, 5.0, 1.5]), Some(4.0));
        Outputs::open(&out).and_then(|outputs| outputs.sholl(&shells)).expect("shells that fit").crossings
    };
    let (joined, apart) = (crossings(&["--threshold", "0"]), crossings(&["--labels"]));
    // Between the labels, 9 and 10 along x, lies the shell with the radius 8.
    let expected: Vec<u64> = (0..).zip(&joined).map(|(shell, &count)| if shell == 2 { 0 } else { count }).collect();
    assert_eq!((joined.get(2), apart), (Some(&1), expected), "{joined:?}");
}

#[test]
fn the_program_writes_what_the_library_finds_and_needs_no_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, file] = ["image.npy", "out", "sholl.csv"].map(|name| folder.path().join(name));
    Image::of_mask(&tangle([20, 22, 24])).write_npy(&input);
    succeed(&["run", text(&input), "--out", text(&out), "--spacing", "2,1,0.5um", "--quiet"]);
    std::fs::remove_file(&input).expect("an image");
    let before = files_under(&out);
    let mut shells = Shells::default();
    (shells.center, shells.step, shells.end_radius) = (Some(vec![20.0, 10.0, 6.0]), Some(4.0), Some(18.0));
    let found = Outputs::open(&out).and_then(|outputs| outputs.sholl(&shells)).expect("shells that fit");
    assert_eq!(found.radii, [0.0, 4.0, 8.0, 12.0, 16.0]);
    assert!(found.crossings.iter().sum::<u64>() > 5, "{found:?}");
    let rows = found.radii.iter().zip(&found.crossings).map(|(radius, count)| format!("{radius},{count}\n"));
    let expected = "radius,crossings\n".to_owned() + &rows.collect::<String>();
    let call = ["sholl", text(&out), "--center", "20,10,6", "--step", "4000nm", "--end-radius", "18um"];
    let outcome = succeed(&call);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (expected.as_str(), ""));
    let call = [&call[..], &["-o", text(&file)]].concat();
    assert!(succeed(&call).stdout.contains("most crossings"));
    assert_eq!(std::fs::read_to_string(&file).expect("a table"), expected);
    assert_eq!(anabranch(&call).code, 73, "a file is not replaced without being asked for");
    // Folders that are missing are made, and what cannot be a folder is refused.
    let below = |first: &str| text(&folder.path().join(first).join("new/sholl.csv")).to_owned();
    let into = |file: &str| anabranch([&["sholl", text(&out), "--center", "20,10,6"][..], &["-o", file]].concat());
    let (made, refused) = (into(&below("tables")), into(&below("sholl.csv")));
    assert_eq!((made.code, Path::new(&below("tables")).is_file()), (0, true), "{made:?}");
    assert_eq!((refused.code, refused.stderr.lines().count()), (73, 1), "{refused:?}");
    let quiet = succeed(&[&call[..], &["--overwrite", "--quiet"]].concat());
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let over = ["sholl", text(&out), "--out", &format!("{}/nodes.csv", text(&out)), "--overwrite"];
    assert_eq!(anabranch(over).code, 2);
    assert!(files_under(&out) == before, "results stay as they are");
}

#[test]
fn what_is_not_given_is_said_and_what_misleads_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, skan] = ["image.npy", "out", "skan"].map(|name| folder.path().join(name));
    Image::of_mask(&tangle([20, 22, 24])).write_npy(&input);
    succeed(&["run", text(&input), "--out", text(&out), "--quiet"]);
    succeed(&["run", text(&input), "--out", text(&skan), "--quiet", "--columns", "skan"]);
    let outcome = succeed(&["sholl", text(&out), "--step", "3"]);
    let outputs = Outputs::open(&out).expect("outputs");
    let nodes = outputs.nodes.as_ref().expect("nodes");
    let column = |name: &str| nodes.column(name).expect("a column");
    let radii = column("radius");
    let largest = radii.iter().copied().fold(0.0, f64::max);
    let row = radii.iter().position(|&radius| radius == largest).expect("a node");
    let center = ["coord_0", "coord_1", "coord_2"].map(|name| column(name)[row].to_string());
    assert!(outcome.stderr.contains(&center.join(", ")), "{center:?}: {}", outcome.stderr);
    let same = succeed(&["sholl", text(&out), "--step", "3", "--center", &center.join(",")]);
    assert_eq!((same.stdout, same.stderr.as_str()), (outcome.stdout, ""));
    for (options, warning) in
        [(&["--center", "1,2,3", "--step", "1"][..], "innermost"), (&["--center", "-5,2,3"], "outside of the image")]
    {
        let outcome = succeed(&[&["sholl", text(&out)], options].concat());
        assert!(outcome.stderr.contains(warning) && outcome.stderr.lines().count() == 1, "{}", outcome.stderr);
    }
    let none = folder.path().join("none");
    for (results, options, code, message) in [
        (&out, &["--center", "1,2"][..], 2, "--center"),
        (&out, &["--center", "1,2,3um"], 2, "no unit"),
        (&out, &["--center", "1,2,x"], 2, "--center"),
        (
            &out,
            &["--center", "1,2,3", "--step", "0"],
            2,
            "--step 0 does not fit: give one length above zero, with or without a unit",
        ),
        (&out, &["--center", "1,2,3", "--step", "1,2"], 2, "--step"),
        (&out, &["--center", "1,2,3", "--step", "1e-9"], 2, "--step"),
        (&out, &["--center", "1,2,3", "--end-radius", "-1"], 2, "--end-radius"),
        (&skan, &[], 2, "--center"),
        (&none, &[], 66, "none"),
    ] {
        let outcome = anabranch([&["sholl", text(results)], options].concat());
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{options:?}: {outcome:?}");
        assert!(outcome.stderr.contains(message) && outcome.stdout.is_empty(), "{options:?}: {outcome:?}");
    }
}
