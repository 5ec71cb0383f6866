//! Promise: branches near what is not stored are provisional, whatever the chunks, and with `--provisional` alone.

use std::fs;
use std::path::Path;

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::sequential::Mask;
use crate::support::{invariant_bytes, succeed};

const CHUNK: [usize; 3] = [8, 7, 6];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The lines of the table, without its header.
fn rows(out: &Path) -> Vec<String> {
    let table = fs::read_to_string(out.join("branches.csv")).expect("branches.csv");
    table.lines().skip(1).map(String::from).collect()
}

fn call<'a>(input: &'a Path, out: &'a Path) -> [&'a str; 6] {
    ["run", text(input), "--out", text(out), "--quiet", "--provisional"]
}

fn summary(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(out.join("summary.json")).expect("summary.json")).expect("JSON")
}

/// Whether a branch, by the ends in its row, may or must be provisional: all of it, or one end, is near a missing chunk.
fn near(row: &str, missing: &[[usize; 3]]) -> bool {
    let places: Vec<usize> = row.split(',').skip(7).take(6).map(|n| n.parse().expect("a coordinate")).collect();
    places.chunks(3).any(|p| missing.iter().any(|gone| (0..3).all(|a| (p[a] / CHUNK[a]).abs_diff(gone[a]) <= 1)))
}

#[test]
fn branches_near_missing_chunks_are_provisional_for_every_chunk_shape() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, missing) = (folder.path().join("mask.zarr"), [[0, 0, 0], [2, 3, 3]]);
    // With rods in far corners; background is stored, and not zero.
    let tangle = tangle([24, 28, 24]);
    let rod = |[z, y, x]: [i64; 3]| (z, y) == (2, 26) && (16..23).contains(&x) || (z, y) == (22, 12) && x < 5;
    let mask = Mask::from_fn(tangle.shape, |p| tangle.get(p) || rod(p));
    let values = mask.voxels.iter().map(|&voxel| if voxel { 200.0 } else { 1.0 }).collect();
    let image = Image { values, dtype: String::from("uint8"), ..Image::of_mask(&mask) };
    image.write_zarr(&input, &CHUNK, PLAIN);
    let none = folder.path().join("none");
    succeed(&[&call(&input, &none)[..], &["--threshold", "9"]].concat());
    assert_eq!((&summary(&none)["missing"], &summary(&none)["provisional_branches"]), (&0.into(), &0.into()));
    for [z, y, x] in missing {
        fs::remove_file(input.join(format!("c/{z}/{y}/{x}"))).expect("a stored chunk");
    }
    let mut first = None;
    for (run, chunk) in ["24,28,24", "5,6,7", "16,14,12"].into_iter().enumerate() {
        let out = folder.path().join(format!("out-{run}"));
        succeed(&[&call(&input, &out)[..], &["--threshold", "9", "--chunk", chunk]].concat());
        let bytes = invariant_bytes(&out);
        assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "the outputs differ for chunk {chunk}");
    }
    let out = folder.path().join("out-0");
    let table = fs::read_to_string(out.join("branches.csv")).expect("branches.csv");
    assert!(table.lines().next().is_some_and(|header| header.ends_with(",provisional")));
    let provisional: Vec<bool> = rows(&out).iter().map(|row| row.ends_with(",True")).collect();
    let expected: Vec<bool> = rows(&out).iter().map(|row| near(row, &missing)).collect();
    // An end near a missing chunk makes a branch provisional; so does its course, which the row does not tell.
    assert!(provisional.iter().zip(&expected).all(|(is, ends)| *is || !ends));
    assert!(rows(&out).iter().all(|row| row.ends_with(",True") || row.ends_with(",False")));
    assert!(expected.contains(&true) && provisional.contains(&false), "{provisional:?}");
    let found = summary(&out);
    let count = provisional.iter().filter(|is| **is).count();
    assert_eq!(found["provisional_branches"], count);
    assert_eq!((&found["units"], &found["missing"]), (&48.into(), &2.into()));
    assert_eq!(found["parameters"]["provisional"], true);
}

#[test]
fn without_the_option_nothing_tells_of_arrival_and_a_file_is_there_as_a_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [zarr, npy, plain, told] = ["mask.zarr", "mask.npy", "plain", "told"].map(|name| folder.path().join(name));
    let mask = tangle([12, 14, 16]);
    Image::of_mask(&mask).write_zarr(&zarr, &[4; 3], PLAIN);
    Image::of_mask(&mask).write_npy(&npy);
    succeed(&["run", text(&zarr), "--out", text(&plain), "--quiet"]);
    assert!(!fs::read_to_string(plain.join("branches.csv")).expect("branches.csv").contains("provisional"));
    assert!(!summary(&plain).to_string().contains("missing"));
    succeed(&call(&npy, &told));
    let without: Vec<String> = rows(&told).iter().map(|row| row.replacen(",False", "", 1)).collect();
    assert!(!without.is_empty());
    assert_eq!(without, rows(&plain));
    assert_eq!((&summary(&told)["missing"], &summary(&told)["units"]), (&0.into(), &1.into()));
}

#[test]
fn changes_follow_what_arrives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [zarr, out, changes] = ["mask.zarr", "out", "changes.csv"].map(|name| folder.path().join(name));
    let mask = Mask::from_fn([1, 3, 32], |[_, y, x]| y == 1 && x < 20);
    let image = Image { dimensions: 2, ..Image::of_mask(&mask) };
    image.write_zarr(&zarr, &[3, 8], PLAIN);
    let call = [&call(&zarr, &out)[..], &["--overwrite", "--changes", text(&changes)]].concat();
    succeed(&call);
    // The last chunk holds nothing but comes all the same.
    fs::copy(zarr.join("c/0/0"), zarr.join("c/0/3")).expect("a stored chunk");
    let mut bytes = fs::read(zarr.join("c/0/3")).expect("a stored chunk");
    bytes.fill(0);
    fs::write(zarr.join("c/0/3"), bytes).expect("a writable folder");
    succeed(&call);
    let lines: Vec<String> = fs::read_to_string(&changes).expect("changes.csv").lines().map(String::from).collect();
    assert!(lines[0].ends_with(",provisional"));
    let ends: Vec<&str> = lines[1..].iter().map(|line| &line[..5]).collect();
    assert_eq!(ends, ["0,1,1", "1,-1,", "1,1,1"], "{lines:?}");
    assert!(lines[2].ends_with(",True") && lines[3].ends_with(",False"), "{lines:?}");
}
