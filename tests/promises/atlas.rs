//! Promise: the network in the regions of an atlas is what its definition says, whatever the chunks, workers and processes,
//! and the atlas is followed like the image.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anabranch::analysis::Outputs;
use proptest::prelude::*;
use serde_json::Value;

use crate::draw;
use crate::fixtures;
use crate::image::{Image, write_npy};
use crate::scene::{Scene, set_time};
use crate::sequential::Mask;
use crate::support::{Table, anabranch, invariant_bytes, read_json, read_named_table, read_table, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Labels of the voxels of an image by their places.
fn labelled(shape: [usize; 3], dimensions: usize, dtype: &str, label: impl Fn([i64; 3]) -> i64) -> Image {
    let places = Mask::new(shape, vec![false; shape.iter().product()]);
    let values = (0..places.voxels.len()).map(|index| label(places.position(index)) as f64).collect();
    Image { shape, dimensions, values, dtype: dtype.into() }
}

/// The label that `atlas_of` in `scripts/make_atlas_fixtures.py` has at a place: blocks from -2 to 4, some of them apart.
fn blocks([z, y, x]: [i64; 3]) -> i64 {
    let (z, y, x) = (z / 3, y / 4, x / 5);
    (5 * z + 3 * y + 2 * x + z * y * x) % 7 - 2
}

fn run(input: &Path, out: &Path, options: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let call = ["run", text(input), "--out", text(out), "--quiet", "--overwrite"];
    succeed(&[&call[..], options].concat());
    invariant_bytes(out)
}

/// The values of a column.
fn column(table: &Table, name: &str) -> Vec<f64> {
    let place = table.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
    table.rows.iter().map(|row| row[place]).collect()
}

fn near(found: f64, expected: f64) -> bool {
    found.is_nan() && expected.is_nan() || (found - expected).abs() <= 1e-9 * expected.abs()
}

/// How tables in a folder of outputs differ from those of a fixture.
fn fault(expected: &Value, out: &Path) -> Option<String> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let regions = read_named_table(out, "atlas.csv");
    let rows = expected["regions"].as_array().expect("regions");
    if regions.rows.len() != rows.len() {
        return Some(format!("{} regions instead of {}", regions.rows.len(), rows.len()));
    }
    for (found, row) in regions.rows.iter().zip(rows) {
        let wrong = regions.columns.iter().zip(found).find(|(name, found)| !near(**found, number(&row[name.as_str()])));
        if let Some((name, found)) = wrong {
            return Some(format!("{name} is {found} instead of {}, region {}", row[name.as_str()], row["region"]));
        }
    }
    let parts: Vec<Vec<f64>> = serde_json::from_value(expected["parts"].clone()).expect("parts");
    let found = read_named_table(out, "atlas_branches.csv");
    let same = |(found, part): (&Vec<f64>, &Vec<f64>)| found.iter().zip(part).all(|(found, part)| near(*found, *part));
    if found.columns != ["branch_id", "region", "length"]
        || found.rows.len() != parts.len()
        || !found.rows.iter().zip(&parts).all(same)
    {
        return Some("the lengths of branches in regions differ".to_owned());
    }
    let branches: Vec<f64> = serde_json::from_value(expected["branches"].clone()).expect("labels");
    (column(&read_table(out), "region") != branches).then(|| "the regions of branches differ".to_owned())
}

#[test]
fn regions_of_the_fixtures_are_those_of_numpy_and_skan() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, atlas, out] = ["image.npy", "atlas.npy", "out"].map(|name| folder.path().join(name));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/atlas.txt");
    let text_of = fs::read_to_string(path).expect("fixtures");
    let expected: BTreeMap<String, Value> = text_of
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|volume| (volume["fixture"].as_str().expect("a name").to_owned(), volume))
        .collect();
    let mut faults = Vec::new();
    for fixture in fixtures::all() {
        fixture.image.write_npy(&input);
        labelled(fixture.image.shape, fixture.image.dimensions, "int16", blocks).write_npy(&atlas);
        let options = fixture.options();
        let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
        options.extend(["--atlas", text(&atlas), "--chunk", "6", "--workers", "2"]);
        run(&input, &out, &options);
        faults.extend(fault(&expected[&fixture.name], &out).map(|fault| format!("{}: {fault}", fixture.name)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 60, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn chunks_and_workers_change_nothing_of_regions_and_regions_add_up_to_the_network(
        (mask, atlas, roi, chunks) in draw::mask(16).prop_flat_map(|mask| {
            let (shape, count) = (mask.shape, mask.voxels.len());
            let labels = proptest::collection::vec(-1i8..4, count.div_ceil(8));
            (Just(mask), labels, proptest::option::of(0u8..4), [shape; 2].map(draw::chunk_shape))
        }),
        spacing in prop_oneof![Just([1.0; 3]), Just([2.5, 0.7, 0.31])],
        zarr: bool,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [input, labels, roi_path, out] = ["image.npy", "atlas", "roi.npy", "out"].map(|name| folder.path().join(name));
        let image = Image::woven(&mask, "uint8");
        image.write_npy(&input);
        let places = Mask::new(mask.shape, vec![false; mask.voxels.len()]);
        let of = |index: usize| i64::from(atlas[index / 8]);
        let regions = labelled(mask.shape, 3, "int16", |p| of(places.index(p).expect("a place inside")));
        let labels = if zarr { labels } else { labels.with_extension("npy") };
        match zarr {
            true => regions.write_zarr(&labels, &[5, 4, 3], crate::image::PLAIN),
            false => regions.write_npy(&labels),
        }
        let inside = Mask::from_fn(mask.shape, |[z, y, x]| roi.is_none_or(|way| (z + y + x) % 4 != i64::from(way)));
        Image::of_mask(&inside).write_npy(&roi_path);
        let given = spacing.map(|n| n.to_string()).join(",");
        let mut options = vec!["--atlas", text(&labels), "--spacing", &given];
        if roi.is_some() {
            options.extend(["--mask", text(&roi_path)]);
        }
        let expected = run(&input, &folder.path().join("expected"), &[&options[..], &["--workers", "1"]].concat());
        for (chunk, workers) in chunks.iter().zip(["1", "3"]) {
            let chunk = chunk.map(|n| n.to_string()).join(",");
            let found = run(&input, &out, &[&options[..], &["--chunk", &chunk, "--workers", workers]].concat());
            prop_assert!(found == expected, "chunks {chunk}");
        }
        let (found, summary) = (read_named_table(&out, "atlas.csv"), read_json(&out, "summary.json"));
        let sum = |name: &str| column(&found, name).iter().sum::<f64>();
        for (name, whole) in [
            ("branches", &summary["branches"]),
            ("length", &summary["total_length"]),
            ("junctions", &summary["junctions"]),
            ("tips", &summary["tips"]),
        ] {
            let whole = whole.as_f64().expect("a number");
            prop_assert!((sum(name) - whole).abs() <= 1e-9 * whole, "{name}: {} instead of {whole}", sum(name));
        }
        let voxels = |label: f64| {
            (0..places.voxels.len()).filter(|&index| inside.voxels[index] && of(index) as f64 == label).count() as f64
        };
        let counts: Vec<f64> = column(&found, "region").into_iter().map(voxels).collect();
        prop_assert_eq!(column(&found, "voxels"), counts);
    }
}

#[test]
fn an_atlas_may_have_any_format_and_is_cut_like_the_image_by_every_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, npy, zarr, tiff, names, out] =
        ["image.npy", "atlas.npy", "atlas.zarr", "atlas.tif", "names.csv", "out"].map(|name| folder.path().join(name));
    let shape = [24, 26, 30];
    Image::woven(&draw::tangle(shape), "uint8").write_npy(&input);
    let atlas = |dtype| labelled(shape, 3, dtype, |place| (blocks(place) + 2) * 37);
    atlas("uint32").write_npy(&npy);
    atlas("int32").write_zarr(&zarr, &[7, 9, 11], crate::image::PLAIN);
    atlas("uint16").write_tiff(&tiff);
    fs::write(&names, "name,label\n\"left, upper\",37\nlower,74\nnowhere,75\n").expect("a writable folder");
    let part = ["--region", "2:20,1:26,3:29", "--atlas-names", text(&names)];
    let run = |atlas: &Path, options: &[&str]| {
        let mut files = run(&input, &out, &[&part[..], &["--atlas", text(atlas)], options].concat());
        let summary = files.remove(Path::new("summary.json")).expect("a summary");
        // It tells where the part lies.
        files.remove(Path::new("skeleton.zarr/zarr.json")).expect("a group");
        (files, serde_json::from_slice::<Value>(&summary).expect("JSON"))
    };
    let (expected, summary) = run(&npy, &["--workers=1"]);
    assert_eq!(
        (&summary["parameters"]["atlas"], &summary["parameters"]["atlas_names"]),
        (&"atlas.npy".into(), &"names.csv".into())
    );
    assert!(
        summary["warnings"].to_string().contains("4 of 6 regions of the atlas have no name"),
        "{}",
        summary["warnings"]
    );
    let outputs = Outputs::open(&out).expect("outputs");
    let regions = outputs.atlas.expect("regions");
    assert_eq!(regions.column("region"), Some(&[0.0, 37.0, 74.0, 111.0, 148.0, 185.0, 222.0][..]));
    assert_eq!(regions.texts, ["", "left, upper", "lower", "", "", "", ""]);
    let named = outputs.table.column("region").expect("a column").iter().zip(&outputs.table.texts);
    assert!(named.clone().any(|(label, _)| *label == 37.0));
    assert!(named.clone().all(|(label, name)| (*label == 37.0) == (name == "left, upper")));
    for (atlas, option) in [(&npy, "--chunk=5"), (&zarr, "--workers=2"), (&zarr, "--processes=3"), (&tiff, "--chunk=9")]
    {
        let (found, _) = run(atlas, &[option]);
        assert!(found == expected, "{option}");
    }
    // The same part of an image that is no larger.
    let cut = |image: Image| {
        let place = |[z, y, x]: [i64; 3]| image.values[((z as usize + 2) * 26 + y as usize + 1) * 30 + x as usize + 3];
        labelled([18, 25, 26], 3, "uint16", |p| place(p) as i64)
    };
    cut(Image::woven(&draw::tangle(shape), "uint16")).write_npy(&input);
    cut(atlas("uint16")).write_npy(&npy);
    let options = ["--atlas", text(&npy), "--atlas-names", text(&names)];
    let call = ["run", text(&input), "--out", text(&out), "--quiet", "--overwrite"];
    succeed(&[&call[..], &options].concat());
    let mut found = invariant_bytes(&out);
    for name in ["summary.json", "skeleton.zarr/zarr.json"] {
        found.remove(Path::new(name)).expect("a file");
    }
    assert!(found == expected, "a part of an image and of its atlas");
}

#[test]
fn all_64_bits_of_a_label_count() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, atlas, names, out] =
        ["image.npy", "atlas.npy", "names.csv", "out"].map(|name| folder.path().join(name));
    let shape = [9, 9, 20];
    Image::of_mask(&Mask::from_fn(shape, |[z, y, x]| z == 4 && y == 4 && (2..18).contains(&x))).write_npy(&input);
    let write = |code: &str, labels: [[u8; 8]; 3]| {
        let bytes: Vec<u8> = (0..9 * 9 * 20).flat_map(|index| labels[(index % 20) / 7]).collect();
        write_npy(&atlas, code, &shape, &bytes);
    };
    let labels = || -> Vec<String> {
        let options = ["--atlas", text(&atlas), "--atlas-names", text(&names)];
        let call = ["run", text(&input), "--out", text(&out), "--quiet", "--overwrite"];
        succeed(&[&call[..], &options].concat());
        let table = fs::read_to_string(out.join("atlas.csv")).expect("a table");
        table.lines().skip(1).map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let unsigned = [(1 << 53) + 1, (1 << 53) + 2, u64::MAX];
    fs::write(&names, format!("label,name\n{},last\n", u64::MAX)).expect("a writable folder");
    write("<u8", unsigned.map(u64::to_le_bytes));
    assert_eq!(labels(), ["9007199254740993 ", "9007199254740994 ", "18446744073709551615 last"]);
    let signed = [i64::MIN, -1, (1 << 62) + 1];
    fs::write(&names, "label,name\n-1,middle\n").expect("a writable folder");
    write("<i8", signed.map(i64::to_le_bytes));
    assert_eq!(labels(), ["-9223372036854775808 ", "-1 middle", "4611686018427387905 "]);
}

#[test]
fn without_an_atlas_nothing_of_it_is_written_and_earlier_tables_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, atlas, out] = ["image.npy", "atlas.npy", "out"].map(|name| folder.path().join(name));
    Image::of_mask(&draw::tangle([12, 13, 14])).write_npy(&input);
    labelled([12, 13, 14], 3, "uint8", |[z, _, _]| z / 4).write_npy(&atlas);
    let plain = run(&input, &out, &[]);
    let with = run(&input, &out, &["--atlas", text(&atlas)]);
    assert!(with.contains_key(Path::new("atlas.csv")) && with.contains_key(Path::new("atlas_branches.csv")));
    assert!(
        run(&input, &out, &[]) == plain && !out.join("atlas.csv").exists() && !out.join("atlas_branches.csv").exists()
    );
}

#[test]
fn an_atlas_that_changes_is_followed_and_nothing_is_thinned_again() {
    let mask = draw::tangle([24, 24, 32]);
    let mut scene = Scene::of(&Image::woven(&mask, "uint8"), &[8, 8, 8], r#"[{"name": "bytes"}]"#);
    let atlas = scene.path("atlas.npy");
    let mut age = SystemTime::now() - Duration::from_secs(100_000);
    let mut write = |size: i64| {
        labelled(mask.shape, 3, "int32", |[z, y, x]| (z / size) + 2 * (y / size) + 3 * (x / size)).write_npy(&atlas);
        age += Duration::from_secs(10);
        set_time(&atlas, age);
    };
    write(8);
    let names = scene.path("names.csv");
    fs::write(&names, "label,name\n1,one\n").expect("a writable folder");
    let options = ["--atlas", text(&atlas), "--atlas-names", text(&names)];
    let (read, thinned) = scene.work(&options);
    assert!(read > 0 && thinned > 0);
    scene.assert_as_from_scratch(&options);
    for size in [5, 9] {
        write(size);
        assert_eq!(scene.work(&options), (0, 0));
        scene.assert_as_from_scratch(&options);
    }
    fs::write(&names, "label,name\n1,uno\n2,due\n").expect("a writable folder");
    assert_eq!(scene.work(&options), (0, 0));
    scene.assert_as_from_scratch(&options);
    scene.remove([1, 1, 2]);
    assert!(scene.work(&options).1 < thinned);
    scene.assert_as_from_scratch(&options);
}

#[test]
fn watch_follows_the_atlas_and_its_names_too() {
    let mask = draw::tangle([16, 16, 24]);
    let mut scene = Scene::of(&Image::woven(&mask, "uint8"), &[8, 8, 8], r#"[{"name": "bytes"}]"#);
    let [atlas, names] = ["atlas.npy", "names.csv"].map(|name| scene.path(name));
    let write = |size: i64| labelled(mask.shape, 3, "uint8", |[z, y, x]| (z + y + x) / size).write_npy(&atlas);
    let name = |one: &str| fs::write(&names, format!("label,name\n1,{one}\n")).expect("a writable folder");
    write(9);
    name("one");
    let options = ["--atlas", text(&atlas), "--atlas-names", text(&names)];
    let mut watch = scene.watch(&options);
    scene.wait_as_from_scratch(&options, &mut watch);
    write(7);
    scene.wait_as_from_scratch(&options, &mut watch);
    name("uno");
    scene.wait_as_from_scratch(&options, &mut watch);
    scene.remove([1, 0, 1]);
    scene.wait_as_from_scratch(&options, &mut watch);
    watch.interrupt();
}

#[test]
fn what_misleads_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, atlas, out] = ["image.npy", "atlas.npy", "out"].map(|name| folder.path().join(name));
    Image::of_mask(&Mask::from_fn([9, 9, 20], |[z, y, x]| z == 4 && y == 4 && x < 15)).write_npy(&input);
    labelled([9, 9, 20], 3, "uint8", |[_, _, x]| i64::from(x > 16)).write_npy(&atlas);
    let outcome = succeed(&["run", text(&input), "--out", text(&out), "--atlas", text(&atlas)]);
    assert!(outcome.stderr.contains("no branch runs through a region of the atlas"), "{}", outcome.stderr);
    let table = read_named_table(&out, "atlas.csv");
    assert_eq!((column(&table, "region"), column(&table, "length")), (vec![0.0, 1.0], vec![14.0, 0.0]));
    assert!(column(&table, "mean_radius")[1].is_nan());
}

#[test]
fn atlases_of_no_use_are_refused_by_name_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, atlas, other, floats, names, out] =
        ["image.npy", "atlas.npy", "other.npy", "floats.npy", "names.csv", "out"].map(|name| folder.path().join(name));
    Image::of_mask(&draw::tangle([8, 9, 10])).write_npy(&input);
    labelled([8, 9, 10], 3, "int16", blocks).write_npy(&atlas);
    labelled([8, 9, 11], 3, "int16", blocks).write_npy(&other);
    labelled([8, 9, 10], 3, "float32", blocks).write_npy(&floats);
    let none = folder.path().join("none.npy");
    for (atlas, table, more, code, messages) in [
        (&other, "", &[][..], 65, &["other.npy", "8 x 9 x 11", "8 x 9 x 10"][..]),
        (&floats, "", &[], 65, &["floats.npy", "float32", "whole numbers"]),
        (&none, "", &[], 66, &["none.npy"]),
        (&atlas, "", &["--columns", "skan"], 2, &["--atlas", "--columns skan"]),
        (&atlas, "label,nom\n1,a\n", &["--atlas-names", text(&names)], 65, &["names.csv", "label, nom"]),
        (&atlas, "label,name\n1,a\n1,b\n", &["--atlas-names", text(&names)], 65, &["names.csv", "line 3", "label 1"]),
        (&atlas, "label,name\nx,a\n", &["--atlas-names", text(&names)], 65, &["names.csv", "line 2"]),
        (&atlas, "", &["--atlas-names", text(&none)], 66, &["none.npy"]),
    ] {
        fs::write(&names, table).expect("a writable folder");
        let call = ["run", text(&input), "--out", text(&out), "--atlas", text(atlas)];
        let outcome = anabranch([&call[..], more].concat());
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{outcome:?}");
        assert!(messages.iter().all(|message| outcome.stderr.contains(message)), "{messages:?}: {outcome:?}");
        assert!(!out.exists());
    }
    let alone = anabranch(["run", text(&input), "--out", text(&out), "--atlas-names", text(&names)]);
    assert!(alone.code == 2 && alone.stderr.contains("--atlas"), "{alone:?}");
    let inside = anabranch(["run", text(&input), "--out", text(folder.path()), "--atlas", text(&atlas)]);
    assert!(inside.code == 2, "{inside:?}");
}
