//! Promise: side branches go by their length and by the radius where they branch off, whatever the chunks, and loops and
//! components stay.

use std::path::Path;

use crate::image::Image;
use crate::sequential::Mask;
use crate::sequential::topology::components;
use crate::support::{anabranch, invariant_bytes, read_json, read_skeleton, read_table, succeed};

/// Bars that cross, with short thorns on them, and one that goes round.
fn thorny([z, y, x]: [i64; 3]) -> bool {
    let bar = (9..12).contains(&z) && (9..12).contains(&y);
    let across = (9..12).contains(&z) && (20..23).contains(&x);
    let ring = (8..11).contains(&z)
        && (14..27).contains(&y)
        && (30..43).contains(&x)
        && !((17..24).contains(&y) && (33..40).contains(&x));
    let thorn = x % 9 == 4 && y == 10 && (5..9).contains(&z) || x == 36 && z == 9 && (27..30).contains(&y);
    bar || across || ring || thorn
}

fn write(path: &Path) -> Mask {
    let mask = Mask::from_fn([22, 32, 48], thorny);
    let values = mask.voxels.iter().map(|&voxel| f64::from(u8::from(voxel))).collect();
    Image { shape: mask.shape, dimensions: 3, values, dtype: "uint8".into() }.write_npy(path);
    mask
}

fn run(input: &Path, out: &Path, options: &str) {
    let (input, out) = (input.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let call = ["run", input, "--out", out, "--quiet", "--overwrite"];
    succeed(&call.into_iter().chain(options.split(' ').filter(|option| !option.is_empty())).collect::<Vec<_>>());
}

#[test]
fn pruning_does_not_depend_on_chunks_workers_or_processes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, plain, first, other] = ["image.npy", "plain", "first", "other"].map(|name| folder.path().join(name));
    write(&input);
    run(&input, &plain, "");
    for rule in
        ["--prune 5", "--prune-ratio 4", "--prune 6 --prune-ratio 1.5 --keep-border", "--prune 4 --columns skan"]
    {
        run(&input, &first, &format!("{rule} --workers 1"));
        for more in ["--workers 2 --chunk 8", "--workers 3 --chunk 5,9,7", "--processes 2 --chunk 11"] {
            run(&input, &other, &format!("{rule} {more}"));
            assert!(invariant_bytes(&other) == invariant_bytes(&first), "{rule} {more}");
        }
        let [all, left] = [&plain, &first].map(|out| read_table(out).rows.len());
        assert!(left < all, "{rule}: {left} branches of {all}");
    }
}

#[test]
fn what_is_left_has_the_loops_and_components_of_the_whole_and_no_short_thorns() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, plain, pruned] = ["image.npy", "plain", "pruned"].map(|name| folder.path().join(name));
    write(&input);
    run(&input, &plain, "");
    run(&input, &pruned, "--prune 6");
    let [before, after] = [&plain, &pruned].map(|out| read_skeleton(out).1);
    assert!(after.voxels.iter().zip(&before.voxels).all(|(after, before)| *before || !*after));
    assert_eq!(components(&after).len(), components(&before).len());
    let table = read_table(&pruned);
    let column = |name: &str| table.columns.iter().position(|column| column == name).expect("a column");
    let (length, kind) = (column("branch_distance"), column("branch_type"));
    assert!(table.rows.iter().all(|row| row[kind] != 1.0 || row[length] >= 6.0), "{:?}", table.rows);
    let summary = read_json(&pruned, "summary.json");
    assert_eq!(summary["parameters"]["prune"], 6.0);
    assert_eq!(summary["skeleton_voxels"].as_u64(), Some(after.count() as u64));
}

#[test]
fn what_is_left_is_what_the_definition_in_numpy_and_skan_leaves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    // Written by scripts/make_prune_fixtures.py: shape, spacing, rule, boxes of the mask, and what is left.
    let mut removed = 0;
    for line in include_str!("../fixtures/prune.txt").lines() {
        let [shape, spacing, rule, boxes, left] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("five parts: {line}")
        };
        let numbers = |text: &str| text.split(',').map(|n| n.parse().expect("a number")).collect::<Vec<i64>>();
        let boxes: Vec<Vec<i64>> = boxes.split(';').map(numbers).collect();
        let shape: Vec<usize> = numbers(shape).into_iter().map(|n| n as usize).collect();
        let inside = |p: [i64; 3], b: &[i64]| (0..3).all(|axis| (b[axis]..b[axis] + b[axis + 3]).contains(&p[axis]));
        let mask = Mask::from_fn([shape[0], shape[1], shape[2]], |p| boxes.iter().any(|b| inside(p, b)));
        let values = mask.voxels.iter().map(|&voxel| f64::from(u8::from(voxel))).collect();
        Image { shape: mask.shape, dimensions: 3, values, dtype: "uint8".into() }.write_npy(&input);
        run(&input, &out, &format!("--spacing {spacing} --chunk 9"));
        removed += read_skeleton(&out).1.count();
        run(&input, &out, &format!("--spacing {spacing} --chunk 9 {rule}"));
        let found = read_skeleton(&out).1;
        let kept = (0..).zip(&found.voxels).filter(|(_, kept)| **kept).map(|(at, _): (usize, _)| at.to_string());
        assert_eq!(kept.collect::<Vec<_>>().join(" "), left, "{line}");
        removed -= found.count();
    }
    assert!(removed > 100, "{removed} voxels were pruned");
}

#[test]
fn pruning_that_has_no_meaning_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["image.npy", "out"].map(|name| folder.path().join(name));
    write(&input);
    let refused: [&[&str]; 6] = [
        &["--prune", "0"],
        &["--prune", "-3"],
        &["--prune", "5um"],
        &["--prune", "1,2"],
        &["--prune-ratio", "nan"],
        &["--keep-border"],
    ];
    for options in refused {
        let call = ["run", input.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8")];
        let outcome = anabranch([&call[..], options].concat());
        assert_eq!(outcome.code, 2, "{options:?}: {}", outcome.stderr);
        assert!(!out.exists());
    }
}

#[test]
fn loops_that_pruning_makes_on_closed_shells_are_told_whatever_the_chunks_and_edits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, whole, parts, kept, state] =
        ["box.npy", "whole", "parts", "kept", "state"].map(|name| folder.path().join(name));
    let inside = |place: [i64; 3], from: i64, to: i64| place.iter().all(|at| (from..to).contains(at));
    // A box with thorns on it, with and without a cavity.
    for hollow in [true, false, true] {
        let mask = Mask::from_fn([14, 14, 14], |[z, y, x]| {
            let thorn = y == 5 && x % 3 == 1 && (3..11).contains(&x) && z < 4 || z == 6 && x == 6 && y > 9;
            inside([z, y, x], 3, 11) && !(hollow && inside([z, y, x], 5, 9)) || thorn
        });
        Image::of_mask(&mask).write_npy(&input);
        run(&input, &whole, "--prune 6 --workers 1");
        let told = read_json(&whole, "summary.json")["warnings"].to_string().contains("loops before pruning");
        assert_eq!(told, hollow);
        run(&input, &parts, "--prune 6 --workers 2 --chunk 5");
        assert!(invariant_bytes(&whole) == invariant_bytes(&parts));
        run(&input, &kept, &format!("--prune 6 --chunk 5 --state {}", state.display()));
        assert!(invariant_bytes(&whole) == invariant_bytes(&kept), "after an edit");
    }
}
