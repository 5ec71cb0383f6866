//! Promise: the program says what it understands of an image, before and while it analyses it.

use std::path::Path;

use serde_json::{Value, json};

use crate::draw::tangle;
use crate::image::{Image, write_npy};
use crate::support::{anabranch, invariant_bytes, read_json, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What `info --json` prints, with its exit code.
fn known(arguments: &[&str]) -> (i32, Value) {
    let outcome = anabranch([&["info", "--json"], arguments].concat());
    let value = serde_json::from_str(&outcome.stdout);
    (outcome.code, value.unwrap_or_else(|error| panic!("{arguments:?}: {error} in {outcome:?}")))
}

#[test]
fn info_has_shape_type_spacing_and_values() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("image.npy");
    let image = Image::woven(&tangle([11, 12, 13]), "uint16");
    image.write_npy(&input);
    let (code, found) = known(&[text(&input), "--spacing", "2,500nm,0.5um", "--checksum"]);
    assert_eq!(code, 0);
    let most = image.values.iter().copied().fold(0.0, f64::max);
    for (key, value) in [
        ("shape", json!([11, 12, 13])),
        ("dtype", json!("uint16")),
        ("stored_dtype", json!("uint16")),
        ("spacing", json!([2.0, 0.5, 0.5])),
        ("unit", json!("micrometer")),
        ("spacing_from", json!("--spacing")),
        ("refused", Value::Null),
        ("choice", Value::Null),
    ] {
        assert_eq!(found[key], value, "{key} of {found}");
    }
    assert_eq!((&found["sample"]["min"], &found["sample"]["max"]), (&json!(0.0), &json!(most)));
    // The same values as another file have the same sum, and others another one.
    image.write_zarr(&folder.path().join("image.zarr"), &[5, 4, 13], crate::image::PLAIN);
    let (_, same) = known(&[text(&folder.path().join("image.zarr")), "--checksum"]);
    assert_eq!(found["checksum"], same["checksum"]);
    assert!(found["checksum"].is_string());
    let (_, part) = known(&[text(&input), "--checksum", "--region", "0:10,0:12,0:13"]);
    assert_ne!(found["checksum"], part["checksum"]);
    let printed = succeed(&["info", text(&input), "--spacing", "2"]).stdout;
    assert!(printed.contains("11 x 12 x 13 uint16, 2 x 2 x 2, no unit (from --spacing)\n"), "{printed}");
    assert!(printed.contains("units of --spacing"), "{printed}");
}

#[test]
fn info_ends_as_a_run_would_and_says_the_same_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    Image::of_mask(&tangle([8, 8, 8])).write_npy(&at("fine.npy"));
    std::fs::write(at("text.npy"), "no array").expect("a writable folder");
    let values: Vec<u8> = [1.0f32, f32::NAN, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    write_npy(&at("nan.npy"), "<f4", &[2, 2], &values);
    for (name, options, code, shape) in [
        ("fine.npy", &["--region", "0:9,0:1,0:1"][..], 2, json!([8, 8, 8])),
        ("fine.npy", &["--channel", "1"], 2, json!([8, 8, 8])),
        ("text.npy", &[], 65, Value::Null),
        ("nan.npy", &[], 65, json!([2, 2])),
        ("none.npy", &[], 66, Value::Null),
    ] {
        let (path, out) = (at(name), at("out"));
        let run = anabranch([&["run", text(&path), "--out", text(&out)], options].concat());
        let (found, known) = known(&[&[text(&path)], options].concat());
        assert_eq!((found, run.code), (code, code), "{name} {options:?}");
        assert_eq!(known["refused"]["exit_code"], code);
        let sentence = known["refused"]["message"].as_str().expect("a sentence");
        // A run names the chunk too.
        let end = sentence.rsplit(": ").next().expect("a sentence");
        assert!(sentence.starts_with(text(&path)) && run.stderr.contains(end), "{sentence}\n{}", run.stderr);
        assert_eq!(known.get("shape").unwrap_or(&Value::Null), &shape, "{name} {options:?}");
        assert!(!out.exists());
    }
}

#[test]
fn a_run_says_first_what_it_understood_and_counts_lengths_in_what_they_are() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    Image::of_mask(&tangle([16, 16, 16])).write_npy(&at("mask.npy"));
    let (input, out) = (at("mask.npy"), at("out"));
    for (options, headline, lengths, unit, from) in [
        (&[][..], "no size of a voxel (lengths are in voxels)", "voxels", Value::Null, Value::Null),
        (
            &["--spacing", "2"],
            "2 x 2 x 2, no unit (from --spacing)",
            "units of --spacing",
            Value::Null,
            json!("--spacing"),
        ),
        (
            &["--spacing", "2,1,1", "--unit", "um"],
            "2 x 1 x 1 µm (from --spacing)",
            "µm",
            json!("micrometer"),
            json!("--spacing"),
        ),
    ] {
        let run = [&["run", text(&input), "--out", text(&out), "--overwrite"], options].concat();
        let printed = succeed(&run).stdout;
        let first = format!("{}: ", text(&input));
        let line = printed.lines().next().expect("a line");
        assert!(line.starts_with(&first) && line.ends_with(headline), "{line}");
        let total = printed.lines().find(|line| line.contains("total length")).expect("a line");
        assert!(total.ends_with(&format!(" {lengths}")), "{total}");
        assert!(printed.contains(&format!("length of branches ({lengths})")), "{printed}");
        assert_eq!(read_json(&out, "summary.json")["parameters"]["unit"], unit);
        assert_eq!(read_json(&out, "run.json")["spacing_from"], from);
        let several = [&run[..], &["--processes", "2", "--workers", "1"]].concat();
        assert_eq!(succeed(&several).stdout.matches(headline).count(), 1);
        let quiet = [&run[..], &["--quiet"]].concat();
        assert!(succeed(&quiet).stdout.is_empty());
    }
    let fused = at("fused.zarr");
    let printed = succeed(&["fuse", text(&input), "--out", text(&fused), "--spacing", "2um"]).stdout;
    assert!(printed.starts_with(&format!("{}: ", text(&input))) && printed.contains("2 x 2 x 2 µm"), "{printed}");
}

#[test]
fn a_threshold_of_half_precision_values_is_rounded_as_numpy_rounds_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    // As half and as single precision: float16(0.3) is larger than 0.3, so that NumPy finds it above 0.3 only where
    // the other side is not rounded too.
    let mask = tangle([12, 13, 14]);
    let halves = |value: bool| if value { 0x34cd_u16 } else { 0x3000 };
    let bytes: Vec<u8> = mask.voxels.iter().flat_map(|&v| halves(v).to_le_bytes()).collect();
    write_npy(&at("half.npy"), "<f2", &mask.shape, &bytes);
    let singles = |value: bool| if value { 0.300_048_83_f32 } else { 0.125 };
    let bytes: Vec<u8> = mask.voxels.iter().flat_map(|&v| singles(v).to_le_bytes()).collect();
    write_npy(&at("single.npy"), "<f4", &mask.shape, &bytes);
    let voxels = |name: &str, options: &[&str]| {
        let (input, out) = (at(name), at("out"));
        succeed(&[&["run", text(&input), "--out", text(&out), "--overwrite", "--quiet"], options].concat());
        read_json(&out, "summary.json")["foreground_fraction"].as_f64().expect("a number") * mask.voxels.len() as f64
    };
    let all = mask.count() as f64;
    assert_eq!(voxels("half.npy", &["--threshold", "0.3"]).round(), 0.0);
    assert_eq!(voxels("single.npy", &["--threshold", "0.3"]).round(), all);
    assert_eq!(voxels("half.npy", &["--threshold", "0.2999"]).round(), all);
    let run = invariant_bytes(&at("out"));
    let state = at("state");
    assert_eq!(voxels("half.npy", &["--threshold", "0.2999", "--state", text(&state)]).round(), all);
    assert!(invariant_bytes(&at("out")) == run, "a session rounds as a run does");
    let other = at("other");
    assert_eq!(voxels("half.npy", &["--threshold", "0.3", "--state", text(&other)]).round(), 0.0);
}
