//! Promise: the labels of a segmentation are objects with the measures that scikit-image gives them, in pieces or not, whether
//! they touch others or not, for every chunking and any number of workers and processes.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use crate::draw;
use crate::image::Image;
use crate::labels::{Labelled, cells, labelled, rows, text};
use crate::objects::{fault, numbers};
use crate::sequential::Mask;
use crate::support::{invariant_bytes, parse_table, read_json, read_named_table, succeed};

#[test]
fn labels_have_the_measures_of_scikit_image() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/objects");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    for name in ["cells", "noise", "flat"] {
        let [labels, intensity] = ["", "_intensity"].map(|of| fixtures.join(format!("labels_{name}{of}.npy")));
        let table = std::fs::read_to_string(fixtures.join(format!("labels_{name}.csv"))).expect("a fixture");
        let (head, table) = table.split_once('\n').expect("two lines");
        let mut options: Vec<&str> = head.trim_start_matches('#').split_whitespace().collect();
        if intensity.exists() {
            options.extend(["--intensity", text(&intensity)]);
        }
        let expected = parse_table(table);
        assert!(expected.rows.len() > 3, "{name}");
        for (command, more) in [
            ("run", "--chunk=7"),
            ("run", "--workers=3"),
            ("run", "--processes=2"),
            // Whatever is a component, a label is all of its voxels.
            ("run", "--connectivity=6"),
            ("objects", "--chunk=5"),
            ("objects", "--workers=3"),
        ] {
            let call = [command, text(&labels), "--labels", "--out", text(&out), "--quiet", "--overwrite", more];
            let objects: &[&str] = if command == "run" { &["--objects"] } else { &[] };
            succeed(&[&call[..], objects, &options].concat());
            let found = read_named_table(&out, "objects.csv");
            assert_eq!(fault(&found, &expected), None, "{name} {command} {more}");
            let summary = read_json(&out, "summary.json");
            assert_eq!(summary["labels"], expected.rows.len());
            assert_eq!(numbers(&found, "intensity_mean")[0].is_nan(), !intensity.exists());
            if command == "run" {
                assert_eq!(summary["skeletons"].as_f64(), Some(numbers(&found, "skeletons").iter().sum()), "{name}");
            } else {
                assert!(summary.get("objects").is_none() && !found.columns.contains(&"skeletons".to_owned()));
            }
        }
    }
}

/// What of the rows of labels follows from a plain count: by label, the voxels, and the least and the largest place plus one.
fn counted(labels: &Labelled) -> BTreeMap<i128, (u64, Vec<i64>)> {
    let axes = 3 - labels.dimensions..3;
    let of = |mask: &Mask| {
        let places: Vec<[i64; 3]> = mask.foreground().into_iter().map(|at| mask.position(at)).collect();
        let along = |axis: usize| places.iter().map(move |place| place[axis]);
        let least = axes.clone().map(|axis| along(axis).min().expect("a voxel"));
        let largest = axes.clone().map(|axis| along(axis).max().expect("a voxel") + 1);
        (places.len() as u64, least.chain(largest).collect())
    };
    labels.masks().iter().map(|(&label, mask)| (label, of(mask))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn chunks_workers_and_processes_change_no_byte_of_labels(
        (labels, chunks) in labelled().prop_flat_map(|labels| {
            let shape = labels.shape;
            (Just(labels), [shape; 3].map(draw::chunk_shape))
        }),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [input, values, out, alone] = ["labels.npy", "values.npy", "out", "alone"].map(|name| folder.path().join(name));
        labels.write(&input);
        let all = Image::woven(&Mask::from_fn(labels.shape, |_| true), "float64");
        Image { dimensions: labels.dimensions, ..all }.write_npy(&values);
        let mut expected: Option<BTreeMap<_, _>> = None;
        for (chunk, more) in chunks.iter().zip(["--workers=1", "--workers=3", "--processes=2"]) {
            let chunk = chunk[3 - labels.dimensions..].iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            let call = [text(&input), "--labels", "--quiet", "--overwrite", "--chunk", &chunk, "--intensity", text(&values)];
            succeed(&[&["run"], &call[..], &["--objects", "--out", text(&out), more]].concat());
            let found = invariant_bytes(&out);
            prop_assert!(*expected.get_or_insert_with(|| found.clone()) == found, "chunks {} {}", chunk, more);
            if !more.starts_with("--processes") {
                succeed(&[&["objects"], &call[..], &["--out", text(&alone), more]].concat());
                let [table, mut whole] = [&alone, &out].map(|out| rows(out, "objects.csv"));
                whole.iter_mut().for_each(|row| drop(row.remove("skeletons")));
                prop_assert_eq!(table, whole);
            }
        }
        let table = rows(&out, "objects.csv");
        let counts = counted(&labels);
        let order: Vec<i128> = table.iter().map(|row| row["label"].parse().expect("a label")).collect();
        prop_assert!(order.iter().eq(counts.keys()), "{:?}", order);
        let mut skeletons: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows(&out, "skeletons.csv") {
            *skeletons.entry(row["label"].clone()).or_default() += 1;
        }
        for row in table {
            let (voxels, corners) = &counts[&row["label"].parse().expect("a label")];
            prop_assert_eq!(&row["num_pixels"], &voxels.to_string());
            let found: Vec<i64> =
                (0..corners.len()).map(|axis| row[&format!("bbox-{axis}")].parse().expect("a place")).collect();
            prop_assert_eq!(&found, corners);
            let own = skeletons.get(&row["label"]).copied().unwrap_or_default();
            prop_assert_eq!(row["skeletons"].parse::<f64>().expect("a number"), own as f64);
        }
    }
}

#[test]
fn what_lies_outside_of_a_region_of_interest_is_no_part_of_a_label() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, roi, values, cut, out, expected] =
        ["labels.npy", "roi.npy", "values.npy", "cut.npy", "out", "expected"].map(|name| folder.path().join(name));
    let labels = cells([13, 14, 18]);
    let inside = Mask::from_fn(labels.shape, |[z, y, x]| z > 4 && (y + x) % 7 > 1);
    labels.write(&input);
    Image::of_mask(&inside).write_npy(&roi);
    Image::woven(&Mask::from_fn(labels.shape, |_| true), "float32").write_npy(&values);
    let zeroed = labels.values.iter().zip(&inside.voxels).map(|(&label, &inside)| if inside { label } else { 0 });
    Labelled { values: zeroed.collect(), ..labels.clone() }.write(&cut);
    let run = |command: &str, image: &Path, out: &Path, more: &[&str]| {
        let call = [command, text(image), "--labels", "--out", text(out), "--quiet", "--overwrite"];
        let objects: &[&str] = if command == "run" { &["--objects"] } else { &[] };
        succeed(&[&call[..], &["--region", "2:12,1:13,3:17", "--intensity", text(&values)], objects, more].concat());
        std::fs::read_to_string(out.join("objects.csv")).expect("a table")
    };
    for command in ["run", "objects"] {
        let expected = run(command, &cut, &expected, &[]);
        assert_eq!(expected.lines().count(), 5);
        for more in ["--workers=3", "--chunk=5"] {
            assert_eq!(run(command, &input, &out, &["--mask", text(&roi), more]), expected, "{command} {more}");
        }
    }
}

#[test]
fn changes_of_labels_have_their_names_and_add_up_to_the_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, changes] = ["labels.npy", "out", "changes.csv"].map(|name| folder.path().join(name));
    let labels = cells([6, 9, 12]);
    let call = [text(&input), "--labels", "--objects", "--out", text(&out), "--quiet", "--overwrite"];
    for values in [labels.values.clone(), labels.values.iter().map(|&label| label % 1000).collect()] {
        Labelled { values, ..labels.clone() }.write(&input);
        succeed(&[&["run"], &call[..], &["--changes", text(&changes)]].concat());
    }
    let mut total: BTreeMap<String, i64> = BTreeMap::new();
    let lines = std::fs::read_to_string(folder.path().join("changes.objects.csv")).expect("changes");
    let mut lines = lines.lines();
    assert!(lines.next().is_some_and(|header| header.starts_with("epoch,diff,label,area")));
    for line in lines {
        let mut cells = line.splitn(3, ',').skip(1);
        let diff: i64 = cells.next().and_then(|diff| diff.parse().ok()).expect("a difference");
        *total.entry(cells.next().expect("a row").to_owned()).or_default() += diff;
    }
    total.retain(|_, count| *count != 0);
    let table = std::fs::read_to_string(out.join("objects.csv")).expect("a table");
    let expected: BTreeMap<String, i64> = table.lines().skip(1).map(|row| (row.to_owned(), 1)).collect();
    assert_eq!(total, expected);
}

#[test]
fn objects_alone_have_the_intensities_of_another_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, values, out, alone] = ["mask.npy", "values.npy", "out", "alone"].map(|name| folder.path().join(name));
    let mask = draw::tangle([14, 15, 20]);
    Image::of_mask(&mask).write_npy(&input);
    Image::woven(&mask, "uint16").write_npy(&values);
    let call = [text(&input), "--intensity", text(&values), "--quiet", "--chunk=6"];
    succeed(&[&["run", "--objects", "--out", text(&out)], &call[..]].concat());
    succeed(&[&["objects", "--out", text(&alone)], &call[..]].concat());
    let [mut whole, table] = [&out, &alone].map(|out| rows(out, "objects.csv"));
    whole.iter_mut().for_each(|row| drop(row.remove("skeletons")));
    assert_eq!(table, whole);
    assert!(table.iter().any(|row| row["intensity_max"].parse::<f64>().expect("a number") > 1.0));
}
