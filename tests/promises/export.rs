//! Promise: results are written in formats of other programs, with the same bytes whether with the run or later, and for
//! every chunking.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anabranch::export::Format;

use crate::draw::tangle;
use crate::image::{Image, PLAIN, write_npy};
use crate::support::{anabranch, files_under, parse_table, read_json, read_table, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// All formats, as `run --export` takes them.
fn all() -> String {
    Format::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(",")
}

/// The exports of results, without their record, which tells of the version.
fn exports(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_under(folder);
    assert!(files.contains_key(Path::new("export.json")), "{files:?}");
    for format in Format::ALL {
        for name in format.files() {
            assert!(files.keys().any(|file| file.starts_with(name)), "{name} is missing in {}", folder.display());
        }
    }
    files
}

#[test]
fn exports_are_the_same_with_the_run_and_later_and_for_every_chunking() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mut image = Image::woven(&tangle([14, 20, 26]), "uint16");
    for (number, value) in image.values.iter_mut().enumerate() {
        *value *= (1 + number % 7) as f64;
    }
    image.write_npy(&at("image.npy"));
    let input = at("image.npy");
    let run = |out: &str, options: &[&str]| {
        let call = ["run", text(&input), "--quiet", "--spacing", "2,0.5,0.25um", "--threshold", "0", "--out"];
        succeed(&[&call[..], &[text(&at(out))], options].concat());
    };
    run("with", &["--export", &all()]);
    let expected = exports(&at("with/export"));
    for (out, options) in [
        ("whole", &["--chunk", "32", "--workers", "1"][..]),
        ("parts", &["--chunk", "5,7,6", "--workers", "3"]),
        ("processes", &["--chunk", "8", "--workers", "1", "--processes", "2"]),
    ] {
        run(out, &[options, &["--export", &all()]].concat());
        assert!(exports(&at(out).join("export")) == expected, "{out}");
    }
    run("plain", &[]);
    let formats: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    let plain = at("plain");
    succeed(&[&["export", text(&plain), "--quiet"], &formats[..]].concat());
    assert!(exports(&at("plain/export")) == expected);
    succeed(&[&["export", text(&plain), "--quiet", "-o", text(&at("elsewhere"))], &formats[..]].concat());
    assert!(exports(&at("elsewhere")) == expected);
}

#[test]
fn paths_run_through_the_voxels_of_their_branches() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    Image::woven(&tangle([14, 20, 26]), "uint16").write_npy(&at("image.npy"));
    let out = at("out");
    let call =
        ["run", text(&at("image.npy")), "--quiet", "--spacing", "2,0.5,0.25", "--export", "paths"].map(str::to_owned);
    succeed(&[&call[..], &["--threshold", "0", "--out", text(&out)].map(str::to_owned)].concat());
    let (table, paths) =
        (read_table(&out), parse_table(&fs::read_to_string(out.join("export/paths.csv")).expect("paths")));
    let column = |name: &str| table.columns.iter().position(|column| column == name).expect("a column");
    let of = |name: &str| paths.columns.iter().position(|column| column == name).expect("a column");
    let mut branches: BTreeMap<usize, Vec<&Vec<f64>>> = BTreeMap::new();
    for row in &paths.rows {
        branches.entry(row[of("branch_id")] as usize).or_default().push(row);
    }
    assert_eq!(branches.len(), table.rows.len());
    for (row, path) in table.rows.iter().zip(branches.values()) {
        let near = |found: f64, name: &str| {
            let expected = row[column(name)];
            assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{name}: {found} instead of {expected}");
        };
        let distance = |pair: &[&Vec<f64>]| {
            let along = |axis: &str| (pair[0][of(axis)] - pair[1][of(axis)]).powi(2);
            (along("coord_0") + along("coord_1") + along("coord_2")).sqrt()
        };
        near(path.windows(2).map(distance).sum(), "branch_distance");
        near(path.iter().map(|row| row[of("pixel_value")]).sum::<f64>() / path.len() as f64, "mean_pixel_value");
        let radii = || path.iter().map(|row| row[of("radius")]);
        near(radii().sum::<f64>() / path.len() as f64, "mean_radius");
        near(radii().fold(f64::INFINITY, f64::min), "min_radius");
        near(radii().fold(0.0, f64::max), "max_radius");
        assert_eq!(path[0][of("node_id")], row[column("node_id_src")]);
        assert_eq!(path[path.len() - 1][of("node_id")], row[column("node_id_dst")]);
    }
}

#[test]
fn labels_of_a_segmentation_have_paths_of_their_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mut image = Image::woven(&tangle([12, 16, 20]), "uint8");
    let half = image.values.len() / 2;
    image
        .values
        .iter_mut()
        .enumerate()
        .for_each(|(place, value)| *value = f64::from(*value > 0.0) * (1 + place / half) as f64);
    image.write_npy(&at("labels.npy"));
    succeed(&["run", text(&at("labels.npy")), "--quiet", "--labels", "--out", text(&at("out")), "--export", &all()]);
    let table = read_table(&at("out"));
    let label = table.columns.iter().position(|column| column == "label").expect("labels");
    assert!([1.0, 2.0].iter().all(|of| table.rows.iter().any(|row| row[label] == *of)));
    exports(&at("out/export"));
}

#[test]
fn labels_and_regions_of_64_bits_have_all_their_digits_in_exports_and_reports() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let labels = [720_575_940_623_374_511u64, 720_575_940_623_374_513, u64::MAX];
    let write = |name: &str, of_row: &dyn Fn(usize) -> u64| {
        let voxels = (0..6 * 20 * 30).map(|voxel| (voxel / 600, voxel / 30 % 20, voxel % 30));
        let value = |(z, y, x): (usize, usize, usize)| {
            if z == 2 && (2..14 + y).contains(&x) { of_row(y) } else { 0 }
        };
        let bytes: Vec<u8> = voxels.flat_map(|voxel| value(voxel).to_le_bytes()).collect();
        write_npy(&at(name), "<u8", &[6, 20, 30], &bytes);
    };
    let line = |first: usize| move |y: usize| if y % 5 == 3 { labels[(first + y / 5) % 3] } else { 0 };
    write("labels.npy", &line(0));
    write("atlas.npy", &line(1));
    let (input, atlas, out) = (at("labels.npy"), at("atlas.npy"), at("out"));
    let formats = "graphml,vtp,precomputed,parquet";
    let call = ["run", text(&input), "--labels", "--atlas", text(&atlas), "--quiet", "--export", formats, "--out"];
    succeed(&[&call[..], &[text(&out)]].concat());
    let graph = fs::read_to_string(out.join("export/network.graphml")).expect("a graph");
    let path = "export/precomputed/skeletons/segment_properties/info";
    let segments = fs::read_to_string(out.join(path)).expect("properties");
    let lines = fs::read(out.join("export/network.vtp")).expect("lines");
    for label in labels {
        // On nodes and edges both, and besides as a region.
        assert!(graph.matches(&format!(">{label}<")).count() >= 4, "{label}");
        assert!(segments.contains(&format!(", label {label}\"")), "{label}");
        let count = lines.windows(8).filter(|bytes| **bytes == label.to_le_bytes()).count();
        assert!(count >= 2, "{label}: {count}");
    }
    succeed(&["report", text(&out), "--quiet"]);
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("[\"label\",\"u64\"") && page.contains("[\"region\",\"u64\""));
}

#[test]
fn exports_are_replaced_when_asked_for_and_go_with_their_results() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let image = Image::of_mask(&tangle([10, 12, 14]));
    image.write_zarr(&at("image.zarr"), &[5, 6, 7], PLAIN);
    let (input, out, state) = (at("image.zarr"), at("out"), at("state"));
    let run = ["run", text(&input), "--quiet", "--out", text(&out), "--state", text(&state)];
    succeed(&run);
    succeed(&["export", text(&out), "paths"]);
    let refused = anabranch(["export", text(&out), "edges"]);
    assert_eq!(refused.code, 73);
    assert!(refused.stderr.contains("holds exports already; give another path, or --overwrite"), "{}", refused.stderr);
    assert!(out.join("export/paths.csv").is_file());
    // The state knows where the results are that were made from it.
    succeed(&["export", text(&state), "edges", "--overwrite"]);
    assert!(out.join("export/edges.csv").is_file() && !out.join("export/paths.csv").exists());
    assert_eq!(read_json(&out, "export/export.json")["formats"], serde_json::json!(["edges"]));
    // They are of results that are no more.
    succeed(&run);
    assert!(!out.join("export").exists());
    // What is somebody else's stays.
    fs::create_dir(out.join("export")).expect("a folder");
    fs::write(out.join("export/notes.txt"), "mine").expect("a file");
    let refused = anabranch(["export", text(&out), "paths", "--overwrite"]);
    assert_eq!(refused.code, 73, "{}", refused.stderr);
    assert_eq!(anabranch(run).code, 73);
    assert_eq!(fs::read_to_string(out.join("export/notes.txt")).expect("a file"), "mine");
}

#[test]
fn what_cannot_be_exported_is_a_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    Image::of_mask(&tangle([14, 20, 26])).write_npy(&at("image.npy"));
    Image::of_mask(&tangle([16, 22, 30])).write_npy(&at("other.npy"));
    let (out, other) = (at("out"), at("other"));
    for (input, out) in [("image.npy", &out), ("other.npy", &other)] {
        succeed(&["run", text(&at(input)), "--quiet", "--out", text(out)]);
    }
    let export = |results: &Path, more: &[&str]| {
        let outcome = anabranch([&["export", text(results), "paths"], more].concat());
        (outcome.code, outcome.stderr)
    };
    let (code, said) = export(folder.path(), &[]);
    assert!(code == 66 && said.contains("holds no results; give the folder that a run wrote to"), "{said}");
    assert_eq!(anabranch(["export", text(&out), "wings"]).code, 2);
    let (code, said) = export(&out, &["--out", text(&out.join("skeleton.zarr"))]);
    assert!(code == 2, "{said}");
    // Outputs of two runs.
    assert!(read_table(&other).rows.len() != read_table(&out).rows.len());
    for name in ["branches.csv", "nodes.csv", "skeletons.csv", "summary.json"] {
        let own = fs::read(out.join(name)).expect("an output");
        fs::copy(other.join(name), out.join(name)).expect("a copy");
        let (code, said) = export(&out, &[]);
        assert!(code == 65 && said.contains("holds outputs that are not of one run; run the analysis again"), "{said}");
        fs::write(out.join(name), own).expect("an output");
    }
    fs::write(out.join("voxels.npy"), "nothing").expect("a file");
    let (code, said) = export(&out, &[]);
    assert!(code == 65 && said.contains("voxels.npy: is not what a run writes; run the analysis again"), "{said}");
    assert!(!out.join("export").exists());
}

#[test]
fn tables_that_lack_columns_or_rows_are_refused_and_a_mark_of_spreadsheets_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let (image, out) = (at("image.npy"), at("out"));
    Image::of_mask(&tangle([14, 20, 26])).write_npy(&image);
    succeed(&["run", text(&image), "--quiet", "--out", text(&out)]);
    let table = fs::read_to_string(out.join("branches.csv")).expect("a table");
    let refused = |command: &[&str], says: &str| {
        let told = anabranch(command);
        assert!(
            told.code == 65 && told.stderr.contains(says) && told.stderr.lines().count() == 1,
            "{command:?}, {told:?}"
        );
    };
    let header: Vec<&str> = table.lines().next().expect("a header").split(',').collect();
    for column in ["skeleton_id", "branch_type"] {
        let place = header.iter().position(|name| *name == column).expect("a column");
        let without = |line: &str| {
            let cells = line.split(',').enumerate().filter(|(at, _)| *at != place).map(|(_, cell)| cell);
            cells.collect::<Vec<_>>().join(",") + "\n"
        };
        fs::write(out.join("branches.csv"), table.lines().map(without).collect::<String>()).expect("a table");
        let says = format!("branches.csv: has no column {column}; run the analysis again");
        refused(&["export", text(&out), "parquet"], &says);
        refused(&["report", text(&out)], &says);
    }
    // Without its last row.
    let cut = table.trim_end().rfind('\n').expect("rows") + 1;
    fs::write(out.join("branches.csv"), &table[..cut]).expect("a table");
    let (again, page) = (at("again"), at("compare.html"));
    succeed(&["run", text(&image), "--quiet", "--out", text(&again)]);
    let compare = ["compare", text(&out), text(&again), "--quiet", "--out", text(&page)];
    refused(&compare, "and the summary beside it is of");
    fs::write(out.join("branches.csv"), format!("\u{feff}{table}")).expect("a table");
    succeed(&["export", text(&out), "paths", "--quiet"]);
    assert!(files_under(&out).keys().all(|name| !name.to_string_lossy().contains("partial")));
}
