//! Promise: each label of a segmentation has the skeleton, the branches and the radii that it has alone, whether it touches
//! others or not, for every chunking and any number of workers and processes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use zarrs::array::Array;
use zarrs::filesystem::FilesystemStore;

use crate::draw;
use crate::image::{Image, write_npy};
use crate::sequential::Mask;
use crate::support::{anabranch, invariant_bytes, read_json, read_named_table, succeed};

/// A segmentation: a label for each voxel, 0 for none.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    pub(crate) shape: [usize; 3],
    pub(crate) dimensions: usize,
    pub(crate) values: Vec<i128>,
    /// As NumPy names it.
    pub(crate) dtype: &'static str,
}

impl Labelled {
    fn from_fn(shape: [usize; 3], dtype: &'static str, label: impl Fn([i64; 3]) -> i128) -> Self {
        let places = Mask::from_fn(shape, |_| true);
        let values = (0..places.voxels.len()).map(|index| label(places.position(index))).collect();
        Labelled { shape, dimensions: 3, values, dtype }
    }

    pub(crate) fn axes(&self) -> &[usize] {
        &self.shape[3 - self.dimensions..]
    }

    pub(crate) fn write(&self, path: &Path) {
        let (code, size) = match self.dtype {
            "uint8" => ("|u1", 1),
            "int8" => ("|i1", 1),
            "int16" => ("<i2", 2),
            "uint16" => ("<u2", 2),
            "uint32" => ("<u4", 4),
            "int64" => ("<i8", 8),
            "uint64" => ("<u8", 8),
            other => panic!("no labels of {other} here"),
        };
        let bytes: Vec<u8> = self.values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect();
        write_npy(path, code, self.axes(), &bytes);
    }

    /// The labels, each with its mask.
    pub(crate) fn masks(&self) -> BTreeMap<i128, Mask> {
        let mut masks = BTreeMap::new();
        for &label in self.values.iter().filter(|label| **label != 0) {
            let mask = || Mask::new(self.shape, self.values.iter().map(|&value| value == label).collect());
            masks.entry(label).or_insert_with(mask);
        }
        masks
    }

    fn of_mask(&self, mask: &Mask) -> Image {
        Image { dimensions: self.dimensions, ..Image::of_mask(mask) }
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Names of the columns that number rows and voxels.
const RANKS: [&str; 6] = ["skeleton_id", "node_id_src", "node_id_dst", "branch_id", "node_id", "junction_id"];

/// The rows of a table, each as a map of its columns.
pub(crate) fn rows(out: &Path, table: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(out.join(table)).expect("a table");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let row = |line: &str| names.iter().map(|name| name.to_string()).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

/// The same rows without ranks.
fn without_ranks(mut rows: Vec<BTreeMap<String, String>>) -> Vec<BTreeMap<String, String>> {
    rows.iter_mut().for_each(|row| row.retain(|name, _| !RANKS.contains(&name.as_str())));
    rows
}

/// The values of a run's skeleton.zarr.
fn skeleton(out: &Path, dtype: &str) -> Vec<i128> {
    fn all<T: zarrs::array::ElementOwned + Into<i128>>(array: &Array<FilesystemStore>) -> Vec<i128> {
        let values: Vec<T> = array.retrieve_array_subset(&array.subset_all()).expect("readable chunks");
        values.into_iter().map(Into::into).collect()
    }
    let store = FilesystemStore::new(out.join("skeleton.zarr/0")).expect("a store");
    let array = Array::open(Arc::new(store), "/").expect("an array");
    match dtype {
        "uint8" => all::<u8>(&array),
        "int8" => all::<i8>(&array),
        "int16" => all::<i16>(&array),
        "uint16" => all::<u16>(&array),
        "uint32" => all::<u32>(&array),
        "int64" => all::<i64>(&array),
        "uint64" => all::<u64>(&array),
        other => panic!("no labels of {other} here"),
    }
}

/// Holds a run on labels to runs on the mask of each label.
fn hold_to_masks(labels: &Labelled, out: &Path, folder: &Path, options: &[&str]) {
    let mut expected: BTreeMap<&str, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    let mut voxels = vec![0; labels.values.len()];
    let mut lost = [0, 0];
    for (label, mask) in labels.masks() {
        let (input, alone) = (folder.join("mask.npy"), folder.join("alone"));
        labels.of_mask(&mask).write_npy(&input);
        let call = ["run", text(&input), "--out", text(&alone), "--quiet", "--overwrite"];
        succeed(&[&call[..], options].concat());
        for table in ["branches.csv", "nodes.csv", "skeletons.csv"] {
            let mut rows = without_ranks(rows(&alone, table));
            for row in &mut rows {
                row.insert("label".to_owned(), label.to_string());
                if !options.contains(&"--intensity") {
                    // The mask's are of no use.
                    row.entry("mean_pixel_value".to_owned()).and_modify(String::clear);
                    row.entry("stdev_pixel_value".to_owned()).and_modify(String::clear);
                }
            }
            expected.entry(table).or_default().extend(rows);
        }
        let of_label = skeleton(&alone, "uint8");
        voxels.iter_mut().zip(&of_label).filter(|(_, set)| **set != 0).for_each(|(voxel, _)| *voxel = label);
        if of_label.iter().all(|&set| set == 0) {
            lost = [lost[0] + 1, lost[1] + mask.count()];
        }
    }
    assert_eq!(skeleton(out, labels.dtype), voxels);
    for (table, expected) in expected {
        let found = without_ranks(rows(out, table));
        // Label by label, rows are in the same order.
        let of = |rows: &[BTreeMap<String, String>]| {
            let mut by_label: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
            rows.iter().for_each(|row| by_label.entry(row["label"].clone()).or_default().push(row.clone()));
            by_label
        };
        assert_eq!(of(&found), of(&expected), "{table}");
    }
    // Ranks are those among all voxels and all skeletons.
    let places = Mask::new(labels.shape, voxels.iter().map(|&label| label != 0).collect());
    let ranks: BTreeMap<usize, usize> = places.foreground().into_iter().zip(0..).collect();
    let place = |row: &BTreeMap<String, String>, name: &str| {
        let mut position = [0; 3];
        for axis in 0..labels.dimensions {
            position[3 - labels.dimensions + axis] = row[&format!("{name}_{axis}")].parse().expect("a coordinate");
        }
        places.index(position).expect("a voxel of the image")
    };
    let skeletons = rows(out, "skeletons.csv");
    assert!(skeletons.iter().map(|row| place(row, "first_voxel")).is_sorted_by(|a, b| a < b));
    for (number, row) in rows(out, "branches.csv").iter().enumerate() {
        assert_eq!(row["branch_id"], number.to_string());
        for (id, name) in [("node_id_src", "image_coord_src"), ("node_id_dst", "image_coord_dst")] {
            assert_eq!(row[id], ranks[&place(row, name)].to_string());
        }
        let of: usize = row["skeleton_id"].parse().expect("a number");
        assert_eq!(skeletons[of]["label"], row["label"]);
    }
    for row in rows(out, "nodes.csv") {
        assert_eq!(row["node_id"], ranks[&place(&row, "image_coord")].to_string());
    }
    let summary = read_json(out, "summary.json");
    assert_eq!(summary["labels"], labels.masks().len());
    assert_eq!([&summary["labels_without_skeleton"], &summary["voxels_without_skeleton"]], [lost[0], lost[1]]);
    let warnings = summary["warnings"].as_array().expect("warnings");
    let warned =
        warnings.iter().any(|warning| warning.as_str().is_some_and(|it| it.contains("labels left no skeleton")));
    assert_eq!(warned, lost[0] > 0);
}

/// Segmentations of all kinds: noise, lumps of it, cells without background, checkerboards; volumes, planes and images.
pub(crate) fn labelled() -> impl Strategy<Value = Labelled> {
    let shape = (1usize..13, 1usize..15, 1usize..17, 0usize..4);
    let names = proptest::sample::select(vec!["uint8", "int16", "uint64", "int64", "int8"]);
    (shape, names, 0usize..4, 1i64..5, 2i128..6).prop_flat_map(|((z, y, x, flat), dtype, kind, size, most)| {
        let shape = if flat < 2 { [1, 2 * y, 2 * x] } else { [z, y, x] };
        let noise = proptest::collection::vec(any::<u8>(), shape.iter().product::<usize>());
        noise.prop_map(move |noise| {
            let names: [i128; 6] = match dtype {
                "uint64" => [0, 1, (1 << 63) + 5, u64::MAX.into(), 7, 1 << 53],
                "int64" => [0, -1, i64::MIN.into(), i64::MAX.into(), (1 << 53) + 1, 1 << 53],
                "int8" => [0, -128, 127, 1, 2, 3],
                _ => [0, 1, 2, 3, 200, 5],
            };
            let coarse = Mask::from_fn(shape, |_| true);
            let drawn = |p: [i64; 3]| noise[coarse.index(p).expect("inside")];
            let labels = Labelled::from_fn(shape, dtype, |p| {
                let lump = p.map(|n| n / size);
                let label = match kind {
                    0 => i128::from(drawn(p)) % most,
                    1 => i128::from(drawn(lump)) % most,
                    2 => 1 + i128::from(drawn(lump)) % (most - 1),
                    _ => 1 + i128::from(lump.iter().sum::<i64>()) % most.min(5),
                };
                names[label as usize]
            });
            Labelled { dimensions: if flat == 0 { 2 } else { 3 }, ..labels }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn labels_have_the_results_that_each_has_alone(
        (labels, chunks) in labelled().prop_flat_map(|labels| {
            let shape = labels.shape;
            (Just(labels), [draw::chunk_shape(shape), draw::chunk_shape(shape)])
        }),
        method in proptest::sample::select(vec!["default", "lee", "homotopic"]),
        prune: bool,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [input, out] = ["labels.npy", "out"].map(|name| folder.path().join(name));
        labels.write(&input);
        let mut options = if method == "default" { vec![] } else { vec!["--method", method] };
        if prune {
            options.extend(["--prune", "3"]);
        }
        let mut first = None;
        for (chunk, workers) in chunks.iter().zip(["1", "3"]) {
            let own = &chunk[3 - labels.dimensions..];
            let chunk = own.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            let call = ["run", text(&input), "--labels", "--out", text(&out), "--quiet", "--overwrite"];
            succeed(&[&call[..], &["--chunk", &chunk, "--workers", workers], &options].concat());
            let found = invariant_bytes(&out);
            let first = first.get_or_insert_with(|| found.clone());
            prop_assert!(found == *first, "chunks {chunk}");
        }
        hold_to_masks(&labels, &out, folder.path(), &options);
    }
}

/// A number of a fixture, which may be larger than 2^63.
fn whole(value: &serde_json::Value) -> i128 {
    value.to_string().parse().expect("a whole number")
}

#[test]
fn fixtures_of_scikit_image_skan_and_scipy_are_met_label_by_label() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/labels.txt");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["labels.npy", "out"].map(|name| folder.path().join(name));
    for line in std::fs::read_to_string(fixtures).expect("a fixture").lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let list = |name: &str| case[name].as_array().expect("a list");
        let axes: Vec<usize> = list("shape").iter().map(|n| whole(n) as usize).collect();
        let dtype = ["uint8", "uint16", "uint32", "int64", "uint64"].into_iter().find(|it| case["dtype"] == *it);
        let mut shape = [1; 3];
        shape[3 - axes.len()..].copy_from_slice(&axes);
        let names: Vec<i128> = list("names").iter().map(whole).collect();
        let letters = ('a'..='z').chain('A'..='Z');
        let name = |letter| letters.clone().zip(&names).find(|(of, _)| *of == letter).map_or(0, |(_, name)| *name);
        let values = case["image"].as_str().expect("letters").chars().map(name).collect();
        let labels = Labelled { shape, dimensions: axes.len(), values, dtype: dtype.expect("a known type") };
        labels.write(&input);
        let spacing = list("spacing").iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        for more in ["--chunk=5", "--workers=3", "--processes=2"] {
            let call = ["run", text(&input), "--labels", "--out", text(&out), "--quiet", "--overwrite", more];
            succeed(&[&call[..], &["--spacing", &spacing]].concat());
            let index = |place: &[serde_json::Value]| {
                place.iter().zip(&axes).fold(0, |at, (n, &of)| at * of + whole(n) as usize)
            };
            let mut skeletons = vec![0; labels.values.len()];
            let mut radii = BTreeMap::new();
            for voxel in list("voxels") {
                let voxel = voxel.as_array().expect("a voxel");
                let at = index(&voxel[..axes.len()]);
                skeletons[at] = whole(&voxel[axes.len()]);
                radii.insert(at, voxel[axes.len() + 1].as_f64().expect("a radius"));
            }
            assert_eq!(skeleton(&out, labels.dtype), skeletons);
            let number = |row: &BTreeMap<String, String>, name: &str| row[name].parse::<f64>().expect("a number");
            let place = |row: &BTreeMap<String, String>, name: &str| {
                let along = (0..axes.len()).map(|axis| number(row, &format!("{name}_{axis}")) as usize);
                along.zip(&axes).fold(0, |at, (n, of)| at * of + n)
            };
            for node in rows(&out, "nodes.csv") {
                let (found, expected) = (number(&node, "radius"), radii[&place(&node, "image_coord")]);
                assert!((found - expected).abs() <= 1e-12 * expected, "{found} for {expected}");
            }
            let mut found: Vec<_> = rows(&out, "branches.csv")
                .iter()
                .map(|row| {
                    let ends = ["image_coord_src", "image_coord_dst"].map(|end| place(row, end));
                    (
                        row["label"].parse::<i128>().expect("a label"),
                        ends,
                        number(row, "branch_type") as i128,
                        number(row, "branch_distance"),
                    )
                })
                .collect();
            let branch = |row: &serde_json::Value| {
                let ends = [1, 2].map(|end| index(row[end].as_array().expect("a voxel")));
                (whole(&row[0]), ends, whole(&row[4]), row[3].as_f64().expect("a length"))
            };
            let mut expected: Vec<_> = list("branches").iter().map(branch).collect();
            found.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
            expected.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!((found.0, found.1, found.2), (expected.0, expected.1, expected.2));
                assert!((found.3 - expected.3).abs() <= 1e-9 * expected.3, "{found:?} for {expected:?}");
            }
        }
    }
}

/// Cells that fill a box and are all touched by others, with labels that no float holds.
pub(crate) fn cells(shape: [usize; 3]) -> Labelled {
    const NAMES: [i128; 5] = [0, (1 << 63) + 5, 1 << 53, (1 << 53) + 1, u64::MAX as i128];
    Labelled::from_fn(shape, "uint64", |[z, y, x]| {
        let cell = (z + y / 2) / 6 + 2 * ((y + x / 3) / 7) + 3 * ((x + z / 4) / 9);
        if (z * y + x) % 31 == 0 { 0 } else { NAMES[1 + cell as usize % 4] }
    })
}

#[test]
fn a_region_of_interest_is_cut_out_of_labels_and_intensities_by_every_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, roi, values, cut] =
        ["labels.npy", "roi.npy", "values.npy", "cut.npy"].map(|name| folder.path().join(name));
    let labels = cells([22, 24, 30]);
    let inside = Mask::from_fn(labels.shape, |[z, y, x]| z > 4 && (y + x) % 17 > 3);
    labels.write(&input);
    Image::of_mask(&inside).write_npy(&roi);
    Image::woven(&Mask::from_fn(labels.shape, |_| true), "float32").write_npy(&values);
    let zeroed = labels.values.iter().zip(&inside.voxels).map(|(&label, &inside)| if inside { label } else { 0 });
    Labelled { values: zeroed.collect(), ..labels.clone() }.write(&cut);
    let run = |image: &Path, out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let call = ["run", text(image), "--labels", "--out", text(&out), "--quiet", "--region", "2:20,1:23,3:29"];
        succeed(&[&call[..], &["--intensity", text(&values), "--prune", "2"], more].concat());
        let mut files = invariant_bytes(&out);
        files.remove(Path::new("summary.json"));
        (files, read_json(&out, "run.json"))
    };
    let (expected, _) = run(&cut, "expected", &[]);
    for (out, more) in [("one", "--workers=2"), ("two", "--processes=3"), ("three", "--chunk=7")] {
        let (found, record) = run(&input, out, &["--mask", text(&roi), more]);
        assert!(found == expected, "{more}");
        assert!((2..=4).contains(&record["classes"].as_u64().expect("a number")), "{record}");
    }
    let first = &rows(&folder.path().join("one"), "branches.csv")[0];
    assert!(first["mean_pixel_value"].parse::<f64>().expect("a number") > 1.0);
}

#[test]
fn values_are_those_of_the_intensities_with_labels_or_without() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, values, out, alone] = ["mask.npy", "values.npy", "out", "alone"].map(|name| folder.path().join(name));
    let mask = draw::tangle([20, 22, 26]);
    Image::of_mask(&mask).write_npy(&input);
    for dtype in ["uint8", "float64"] {
        Image::woven(&mask, dtype).write_npy(&values);
        succeed(&["run", text(&values), "--out", text(&alone), "--quiet", "--overwrite", "--workers=1"]);
        let expected = invariant_bytes(&alone);
        for more in [&["--chunk=7"][..], &["--processes=2"], &["--labels"]] {
            let call =
                ["run", text(&input), "--intensity", text(&values), "--out", text(&out), "--quiet", "--overwrite"];
            succeed(&[&call[..], more].concat());
            if more == ["--labels"] {
                let (found, expected) = (rows(&out, "branches.csv"), rows(&alone, "branches.csv"));
                let without = |mut row: BTreeMap<String, String>| {
                    row.remove("label");
                    row
                };
                assert_eq!(found.into_iter().map(without).collect::<Vec<_>>(), expected);
            } else {
                let found = invariant_bytes(&out);
                assert!(found[Path::new("branches.csv")] == expected[Path::new("branches.csv")], "{more:?}");
            }
            let summary = read_json(&out, "summary.json");
            assert_eq!(summary["parameters"]["intensity"], "values.npy");
            // The values tell nothing of the mask.
            assert!(!summary["warnings"].to_string().contains("several values"), "{summary}");
        }
    }
    // Labels have no values of their own along a branch.
    succeed(&["run", text(&input), "--labels", "--out", text(&out), "--quiet", "--overwrite"]);
    let table = read_named_table(&out, "branches.csv");
    let column = table.columns.iter().position(|name| name == "mean_pixel_value").expect("a column");
    assert!(!table.rows.is_empty() && table.rows.iter().all(|row| row[column].is_nan()));
    assert_eq!(read_json(&out, "summary.json")["mean_pixel_value"]["count"], 0);
}

#[test]
fn a_segmentation_without_labels_is_warned_of_with_both_ways_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["labels.npy", "out"].map(|name| folder.path().join(name));
    let labels = Labelled { dtype: "int64", ..cells([12, 14, 20]) };
    let small = labels.values.iter().map(|label| label % 1000);
    Labelled { values: small.collect(), ..labels }.write(&input);
    let warned = succeed(&["run", text(&input), "--out", text(&out)]).stderr;
    assert!(warned.contains("--threshold") && warned.contains("--labels"), "{warned}");
    let told = succeed(&["run", text(&input), "--labels", "--out", text(&out), "--overwrite"]);
    assert!(!told.stderr.contains("--threshold") && told.stdout.contains("labels"), "{told:?}");
}

#[test]
fn what_labels_cannot_be_combined_with_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, floats, other, out, state] =
        ["labels.npy", "floats.npy", "other.npy", "out", "state"].map(|name| folder.path().join(name));
    cells([6, 8, 10]).write(&input);
    Image::woven(&draw::tangle([6, 8, 10]), "float32").write_npy(&floats);
    Image::of_mask(&draw::tangle([6, 8, 11])).write_npy(&other);
    let refused = |command: &str, image: &Path, more: &[&str]| {
        let call = [&[command, text(image), "--out", text(&out)], more].concat();
        let outcome = anabranch(&call);
        assert!(!out.exists() && !state.exists(), "{call:?}");
        (outcome.code, outcome.stderr)
    };
    for (command, image, more, code, word) in [
        ("run", &input, &["--labels", "--threshold", "3"][..], 2, "--threshold"),
        ("run", &input, &["--labels", "--below", "3"], 2, "--below"),
        ("run", &input, &["--labels", "--sigma", "1"], 2, "--sigma"),
        ("run", &input, &["--labels", "--object-labels"], 2, "--object-labels"),
        ("objects", &input, &["--labels", "--object-labels"], 2, "--object-labels"),
        ("objects", &input, &["--labels", "--remove-smaller", "3"], 2, "--remove-smaller"),
        ("run", &floats, &["--labels"], 2, "float32"),
        ("run", &input, &["--labels", "--state", text(&state)], 2, "--labels"),
        ("watch", &input, &["--labels", "--state", text(&state)], 2, "watch"),
        ("run", &floats, &["--intensity", text(&floats), "--state", text(&state)], 2, "--intensity"),
        ("run", &floats, &["--intensity", text(&other)], 65, "6 x 8 x 11"),
        ("run", &input, &[], 65, "2^53"),
    ] {
        let (found, text) = refused(command, image, more);
        assert!(found == code && text.contains(word), "{more:?}: {text}");
    }
}
