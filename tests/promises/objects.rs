//! Promise: the table of objects is scikit-image's of the mask, for every chunking, and after every history of edits.

use std::path::{Path, PathBuf};

use std::sync::Arc;

use proptest::prelude::*;
use zarrs::array::Array;
use zarrs::filesystem::FilesystemStore;

use crate::draw;
use crate::image::Image;
use crate::scene::Scene;
use crate::sequential::Mask;
use crate::support::{Table, anabranch, invariant_bytes, parse_table, read_json, read_named_table, succeed};

fn run(input: &Path, out: &Path, options: &[&str]) {
    let [input, out] = [input, out].map(|path| path.to_str().expect("UTF-8"));
    succeed(&[&["run", input, "--out", out, "--quiet", "--overwrite", "--objects"], options].concat());
}

pub(crate) fn numbers(table: &Table, column: &str) -> Vec<f64> {
    let place = table.columns.iter().position(|name| name == column).expect("a column");
    table.rows.iter().map(|row| row[place]).collect()
}

/// How a table differs from one of scikit-image in the columns that this has. Of two numbers near 0 the squares are compared where
/// roots make much of rounding.
pub(crate) fn fault(found: &Table, expected: &Table) -> Option<String> {
    let shared = found.columns.iter().filter(|name| expected.columns.contains(name));
    if !shared.eq(&expected.columns) || found.rows.len() != expected.rows.len() {
        return Some(format!("{:?}, {} rows, not {}", found.columns, found.rows.len(), expected.rows.len()));
    }
    for name in &expected.columns {
        for (row, (a, b)) in numbers(found, name).into_iter().zip(numbers(expected, name)).enumerate() {
            let [x, y] = if name.starts_with("axis_") { [a * a, b * b] } else { [a, b] };
            if !((x - y).abs() <= 1e-9 * y.abs().max(1.0) || a.is_nan() && !b.is_finite()) {
                return Some(format!("{name} of row {row}: {a}, not {b}"));
            }
        }
    }
    None
}

#[test]
fn objects_have_the_measures_of_scikit_image() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/objects");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    for name in ["noise", "faces", "grey", "flat", "signed"] {
        let text = std::fs::read_to_string(fixtures.join(format!("{name}.csv"))).expect("a fixture");
        let (head, table) = text.split_once('\n').expect("two lines");
        let options: Vec<&str> = head.trim_start_matches('#').split_whitespace().collect();
        let expected = parse_table(table);
        assert!(expected.rows.len() > 2, "{name}");
        for more in ["--chunk=7", "--chunk=64", "--workers=3"] {
            run(&fixtures.join(format!("{name}.npy")), &out, &[&options[..], &[more]].concat());
            let found = read_named_table(&out, "objects.csv");
            assert_eq!(fault(&found, &expected), None, "{name} {more}");
            let summary = read_json(&out, "summary.json");
            assert_eq!(summary["objects"], expected.rows.len());
            assert_eq!(summary["skeletons"].as_f64(), Some(numbers(&found, "skeletons").iter().sum()), "{name}");
            let voxels = numbers(&found, "num_pixels");
            let lost: Vec<f64> =
                numbers(&found, "skeletons").into_iter().zip(voxels).filter(|it| it.0 == 0.0).map(|it| it.1).collect();
            // With fewer neighbours a skeleton runs through several objects.
            if options[1] == "26" {
                assert_eq!(
                    (summary["lost_objects"].as_u64(), summary["lost_voxels"].as_f64()),
                    (Some(lost.len() as u64), Some(lost.iter().sum()))
                );
            }
        }
    }
}

/// Whether the image of labels has the voxels of each row of the table, in the order of their first voxels, and nothing else.
fn labels(out: &Path, mask: &Mask) -> Result<(), String> {
    let store = FilesystemStore::new(out.join("objects.zarr/0")).expect("a store");
    let array = Array::open(Arc::new(store), "/").expect("an array");
    let labels: Vec<u32> = array.retrieve_array_subset(&array.subset_all()).expect("readable chunks");
    let table = read_named_table(out, "objects.csv");
    let mut voxels = vec![0.0; table.rows.len() + 1];
    let mut largest = 0;
    for (label, _) in labels.iter().zip(&mask.voxels) {
        if *label > largest + 1 {
            return Err(format!("label {label} comes before {}", largest + 1));
        }
        largest = largest.max(*label);
        voxels[*label as usize] += 1.0;
    }
    match voxels[1..] == numbers(&table, "num_pixels") {
        true => Ok(()),
        false => Err(format!("{voxels:?}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 60, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn chunks_workers_and_processes_change_no_byte_of_objects(
        (mask, chunks) in draw::mask(20).prop_flat_map(|mask| {
            let shape = mask.shape;
            (Just(mask), [shape; 3].map(draw::chunk_shape))
        }),
        threshold in prop::sample::select(vec!["0", "60", "90"]),
        connectivity in prop::sample::select(vec!["6", "18", "26"]),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
        Image::woven(&mask, "float32").write_npy(&input);
        let options = ["--threshold", threshold, "--connectivity", connectivity];
        let mut expected = None;
        for (chunk, more) in chunks.iter().zip(["--workers=1", "--workers=3", "--processes=2"]) {
            let chunk = chunk.map(|n| n.to_string()).join(",");
            run(&input, &out, &[&options[..], &["--object-labels", "--chunk", &chunk, more]].concat());
            let found = invariant_bytes(&out);
            prop_assert_eq!(labels(&out, &mask), Ok(()));
            prop_assert!(found.contains_key(Path::new("objects.csv")));
            prop_assert!(*expected.get_or_insert_with(|| found.clone()) == found, "chunks {} {}", chunk, more);
        }
    }
}

#[test]
fn objects_of_a_state_are_those_of_a_run_from_scratch_whatever_came_and_went() {
    let mask = draw::tangle([24, 24, 48]);
    let mut scene = Scene::of(&Image::woven(&mask, "uint16"), &[8, 8, 8], r#"[{"name": "bytes"}]"#);
    for options in [&["--objects", "--object-labels"][..], &["--objects", "--threshold", "70", "--connectivity", "6"]] {
        scene.run(options);
        scene.assert_as_from_scratch(options);
        let places = scene.places();
        for (edit, &place) in places.iter().step_by(7).take(5).enumerate() {
            match edit % 3 {
                0 => scene.remove(place),
                1 => scene.put(place, |[z, y, x]| if (z + y + x) % 3 == 0 { 80.0 } else { 0.0 }),
                _ => scene.put(place, |_| 90.0),
            }
            scene.run(options);
            scene.assert_as_from_scratch(options);
        }
        // Nothing has changed: all is as before.
        scene.run(options);
        scene.assert_as_from_scratch(options);
    }
}

#[test]
fn what_thinning_loses_is_said_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out]: [PathBuf; 2] = ["image.npy", "out"].map(|name| folder.path().join(name));
    // A line, and two solid blocks of even width, which Lee's thinning lets vanish.
    let block = |p: [i64; 3], at: i64| p.iter().all(|&p| (at..at + 4).contains(&p));
    let mask = Mask::from_fn([20, 20, 20], |p| p[0] == 18 && p[1] == 3 || block(p, 1) || block(p, 9));
    Image::of_mask(&mask).write_npy(&input);
    let [text, to] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
    let said = succeed(&["run", text, "--out", to, "--chunk", "6"]).stderr;
    assert!(
        said.contains("2 of 3 objects") && said.contains("128 voxels") && said.contains("--method homotopic"),
        "{said}"
    );
    let said = succeed(&["run", text, "--out", to, "--overwrite", "--method", "homotopic"]).stderr;
    assert!(!said.contains("objects"), "{said}");
}

#[test]
fn objects_alone_are_those_of_a_run_without_their_skeletons() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, alone] = ["image.npy", "out", "alone"].map(|name| folder.path().join(name));
    Image::woven(&draw::tangle([20, 21, 22]), "uint16").write_npy(&input);
    let [text, to] = [&input, &alone].map(|path| path.to_str().expect("UTF-8"));
    let filters =
        ["--threshold", "hysteresis:40,90", "--fill-holes=40", "--remove-smaller", "3", "--keep-largest", "5"];
    for options in [&["--threshold", "70"][..], &["--connectivity", "6"], &["--region", "2:9,3:20,0:22"], &filters] {
        run(&input, &out, options);
        let expected = read_named_table(&out, "objects.csv");
        let cut = expected.columns.len() - 1;
        assert_eq!(expected.columns[cut], "skeletons");
        for more in ["--chunk=6", "--workers=3"] {
            succeed(&[&["objects", text, "--out", to, "--overwrite", "--quiet", more], options].concat());
            let found = read_named_table(&alone, "objects.csv");
            assert_eq!(found.columns, expected.columns[..cut]);
            let bits = |row: &[f64]| row.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
            let rows = expected.rows.iter().map(|row| bits(&row[..cut]));
            assert!(found.rows.iter().map(|row| bits(row)).eq(rows), "{options:?} {more}");
            let [alone, whole] = [&alone, &out].map(|out| read_json(out, "summary.json"));
            assert_eq!(
                (&alone["objects"], &alone["foreground_fraction"]),
                (&whole["objects"], &whole["foreground_fraction"])
            );
        }
    }
    let refused = anabranch(["objects", text, "--out", to]);
    assert!(refused.code == 73 && refused.stderr.contains("--overwrite"), "{refused:?}");
}
