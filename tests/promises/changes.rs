//! Promise: the lines of `--changes FILE` always add up to the table.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::draw::{self, tangle};
use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{
    anabranch, assert_adds_up, files_of_changes, files_under, read_changes, read_named_changes, succeed,
};

/// An input, outputs and a file of changes in a folder of their own.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Bench { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, mask: &Mask, changes: &Path) -> Vec<String> {
        Image::of_mask(mask).write_npy(&self.path("image.npy"));
        let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let (input, out) = (text(self.path("image.npy")), text(self.path("out")));
        let options = ["--quiet", "--overwrite", "--changes"].map(String::from);
        let call = [String::from("run"), input, String::from("--out"), out];
        call.into_iter().chain(options).chain([text(changes.to_owned())]).collect()
    }

    /// Runs a mask; gives how many rows changed, as `run.json` has it.
    fn run(&self, mask: &Mask) -> u64 {
        succeed(&self.call(mask, &self.path("changes.csv")));
        let json = fs::read(self.path("out/run.json")).expect("run.json");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        json["rows_changed"].as_u64().expect("a number of rows")
    }

    /// The lines of the file after its header, as epoch, difference and row.
    fn lines(&self) -> Vec<(u64, i64, String)> {
        read_changes(&self.path("changes.csv"), &self.path("out"))
    }

    fn assert_adds_up(&self) {
        assert!(!self.lines().is_empty());
        assert_adds_up(&self.path("changes.csv"), &self.path("out"));
    }
}

/// A mask like another, with a corner of it missing.
fn without_corner(mask: &Mask) -> Mask {
    Mask::from_fn(mask.shape, |p| mask.get(p) && p.iter().any(|&n| n > 9))
}

#[test]
fn the_changes_of_all_runs_add_up_to_the_table_of_the_last() {
    let bench = Bench::new();
    let whole = tangle([20, 22, 24]);
    let mut before = Vec::new();
    for (mask, epochs) in [(&whole, 1), (&without_corner(&whole), 2), (&whole, 3), (&whole, 3)] {
        let changed = bench.run(mask);
        bench.assert_adds_up();
        let lines = bench.lines();
        assert_eq!(lines[..before.len()], before, "what is there stays");
        assert_eq!(lines[before.len()..].len() as u64, changed);
        let mut numbers: Vec<u64> = lines.iter().map(|(epoch, _, _)| *epoch).collect();
        assert!(numbers.is_sorted());
        numbers.dedup();
        assert_eq!(numbers, (0..epochs).collect::<Vec<_>>());
        assert!(lines.iter().all(|(_, diff, _)| diff.abs() == 1));
        before = lines;
    }
    let rows = fs::read_to_string(bench.path("out/branches.csv")).expect("branches.csv").lines().count();
    let second = bench.lines().iter().filter(|(epoch, _, _)| *epoch == 1).count();
    assert!(second < rows, "{second} lines for a part of {rows} rows");
}

#[test]
fn a_row_that_occurs_twice_counts_twice() {
    // A ring with a bar across: its two halves have the same ends, length and values.
    let ring = Mask::from_fn([1, 11, 11], |[_, y, x]| y == 5 || [y, x].iter().any(|&n| n == 0 || n == 10));
    let bench = Bench::new();
    assert_eq!(bench.run(&ring), 3);
    bench.assert_adds_up();
    let mut rows: Vec<String> = bench.lines().into_iter().map(|(_, _, row)| row).collect();
    rows.dedup();
    assert_eq!(rows.len(), 2, "{rows:?}");
    bench.run(&Mask::from_fn(ring.shape, |p| ring.get(p) && p[1] >= 5));
    bench.assert_adds_up();
}

#[test]
fn what_a_killed_run_wrote_of_its_changes_is_mended_by_the_next() {
    let whole = tangle([20, 22, 24]);
    let bench = Bench::new();
    bench.run(&without_corner(&whole));
    let first = fs::read(bench.path("changes.csv")).expect("changes.csv").len();
    bench.run(&whole);
    let all = fs::read(bench.path("changes.csv")).expect("changes.csv");
    // From before the first byte of an epoch to its last but one, and inside the header.
    for length in [first, first + 1, first + 150, (first + all.len()) / 2, all.len() - 1, 7, 0] {
        fs::write(bench.path("changes.csv"), &all[..length]).expect("a writable folder");
        bench.run(&whole);
        bench.assert_adds_up();
        assert_eq!(bench.run(&whole), 0, "nothing is left to mend after {length} bytes");
    }
    for (_, path) in files_of_changes(&bench.path("changes.csv")) {
        let all = fs::read(&path).expect("changes");
        for part in [2, 3, 50] {
            fs::write(&path, &all[..all.len() - all.len() / part]).expect("a writable folder");
            bench.run(&whole);
            bench.assert_adds_up();
        }
    }
}

#[test]
fn a_file_that_is_none_of_changes_is_refused_and_kept() {
    let whole = tangle([12, 12, 12]);
    let bench = Bench::new();
    bench.run(&whole);
    let outputs = files_under(&bench.path("out"));
    let mut text = fs::read_to_string(bench.path("changes.csv")).expect("changes.csv");
    let planar = text.replacen(",coord_src_2", "", 1);
    let broken = text.replacen("\n0,1,", "\n0,one,", 1);
    text.push_str("0,1,2.0\n");
    let long = format!("epoch,{}", "x".repeat(100_000));
    for (foreign, line) in [
        ("a diary\nof years\n", 1),
        ("a diary", 1),
        (&planar, 1),
        (&long, 1),
        (&broken, 2),
        (&text, text.lines().count()),
    ] {
        let path = bench.path("foreign.csv");
        fs::write(&path, foreign).expect("a writable folder");
        let outcome = anabranch(bench.call(&whole, &path));
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (73, 1), "{outcome:?}");
        assert!(outcome.stderr.contains(&format!("foreign.csv: line {line} ")), "{}", outcome.stderr);
        assert_eq!(fs::read_to_string(&path).expect("still there"), foreign);
    }
    assert!(files_under(&bench.path("out")) == outputs, "a refused run changes nothing");
}

#[test]
fn a_file_among_the_outputs_is_refused_and_a_failed_run_leaves_none() {
    let whole = tangle([12, 12, 12]);
    let bench = Bench::new();
    for place in ["out/changes.csv", "out/skeleton.zarr/c", "none/../out/changes.csv", "image.npy/changes.csv"] {
        let outcome = anabranch(bench.call(&whole, &bench.path(place)));
        let code = if place.starts_with("out") { 2 } else { 73 };
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{place}: {outcome:?}");
        assert!(outcome.stderr.contains("--changes"), "{}", outcome.stderr);
    }
    let call = bench.call(&whole, &bench.path("changes.csv"));
    fs::create_dir_all(bench.path("out")).expect("a writable folder");
    fs::write(bench.path("out/.anabranch-partial"), "in the way").expect("a writable folder");
    assert_eq!(anabranch(&call).code, 73);
    assert!(!bench.path("changes.csv").exists());
}

#[test]
fn tables_count_epochs_together_and_one_that_did_not_change_has_no_lines() {
    let bench = Bench::new();
    let bar = Mask::from_fn([1, 9, 20], |[_, y, x]| y == 4 && (2..12).contains(&x));
    let dot = |p: [i64; 3]| p[1] == 4 && p[2] == 16;
    bench.run(&bar);
    // An isolated voxel is a node and a skeleton, and no branch.
    assert_eq!(bench.run(&Mask::from_fn(bar.shape, |p| bar.get(p) || dot(p))), 0);
    bench.run(&Mask::from_fn(bar.shape, |p| (bar.get(p) && p[2] > 4) || dot(p)));
    bench.assert_adds_up();
    let epochs = files_of_changes(&bench.path("changes.csv")).map(|(table, path)| {
        let lines = read_named_changes(&path, &bench.path("out").join(table));
        lines.into_iter().map(|(epoch, diff, _)| (epoch, diff)).collect::<Vec<_>>()
    });
    assert_eq!(epochs[0], [(0, 1), (2, -1), (2, 1)]);
    assert_eq!(epochs[1], [(0, 1), (0, 1), (1, 1), (2, -1), (2, 1)]);
    assert_eq!(epochs[2], [(0, 1), (1, 1), (2, -1), (2, 1)]);
}

#[test]
fn columns_of_skan_have_changes_of_branches_alone() {
    let bench = Bench::new();
    let call = bench.call(&tangle([12, 12, 12]), &bench.path("changes.csv"));
    succeed(&[call, vec!["--columns".into(), "skan".into()]].concat());
    let [branches, nodes, skeletons] = files_of_changes(&bench.path("changes.csv")).map(|(_, path)| path.exists());
    assert!(branches && !nodes && !skeletons);
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 50, ..ProptestConfig::with_cases(8) })]

    #[test]
    fn chunks_and_workers_change_no_byte_of_changes(
        (history, chunks) in draw::mask(12).prop_flat_map(|mask| {
            let (shape, count) = (mask.shape, mask.voxels.len());
            let others = prop::collection::vec(prop::collection::vec(any::<bool>(), count), 2);
            let first = mask.clone();
            let edited = move |drop: Vec<bool>| Mask::new(shape, first.voxels.iter().zip(drop).map(|(a, b)| *a && b).collect());
            let others = others.prop_map(move |all| all.into_iter().map(&edited).collect::<Vec<_>>());
            (others.prop_map(move |others| [&[mask.clone()][..], &others].concat()), prop::array::uniform3(draw::chunk_shape(shape)))
        }),
        workers in 1usize..4,
    ) {
        let [plain, other] = [Bench::new(), Bench::new()];
        for (mask, chunk) in history.iter().zip(chunks) {
            plain.run(mask);
            let chunk = chunk.map(|n| n.to_string()).join(",");
            let more = ["--chunk", &chunk, "--workers", &workers.to_string()].map(str::to_owned);
            succeed(&[&other.call(mask, &other.path("changes.csv"))[..], &more].concat());
        }
        assert_adds_up(&plain.path("changes.csv"), &plain.path("out"));
        let bytes = |bench: &Bench| files_of_changes(&bench.path("changes.csv")).map(|(_, path)| fs::read(path).expect("changes"));
        prop_assert!(bytes(&plain) == bytes(&other));
    }
}
