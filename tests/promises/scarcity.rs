//! Promise: where the system gives too little memory or too few threads, the program says so in a sentence, ends with 74,
//! and leaves nothing half-written.

use std::path::Path;

use crate::support::{
    Outcome, anabranch, anabranch_with_limits, everything_under, invariant_bytes, read_json, succeed,
};

fn assert_is_done_or_refused(what: &str, outcome: &Outcome, out: &Path) {
    let Outcome { code, stderr, .. } = outcome;
    assert!(*code == 0 || *code == 74, "{what}: {code} {stderr}");
    for text in ["panicked", "memory allocation of", "internal error", "backtrace"] {
        assert!(!stderr.contains(text), "{what}: {stderr}");
    }
    if *code == 74 {
        assert!(stderr.lines().any(|line| line.starts_with("anabranch: ") && line.contains("; ")), "{what}: {stderr}");
        // Where there is not even memory to clear away, the next run does.
        let mut left = if out.exists() { everything_under(out) } else { Default::default() };
        left.retain(|path, _| !path.starts_with(out.join(".anabranch-partial")));
        assert!(left.is_empty(), "{what}: {:?} is left", left.keys());
    }
}

/// Address space, in KiB: from what the program hardly starts with to what is enough.
const ADDRESSES: [u32; 6] = [70_000, 90_000, 130_000, 200_000, 280_000, 2_000_000];

#[test]
fn too_little_memory_ends_with_a_sentence_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let image = path("image");
    succeed(&["phantom", &image, "--shape", "64,64,64", "--chunk", "32", "--radius", "4", "--quiet"]);
    let mut codes = Vec::new();
    for (at, kib) in ADDRESSES.into_iter().enumerate() {
        let out = path(&format!("out-{at}"));
        let call = ["run", &image, "--out", &out, "--quiet", "--workers", "2"];
        let outcome = anabranch_with_limits(&format!("-v {kib}"), &call);
        // The C library ends the process by itself where it has no memory for a thread's own data.
        if !outcome.stderr.contains("glibc") {
            assert_is_done_or_refused(&format!("{kib} KiB"), &outcome, Path::new(&out));
            codes.push(outcome.code);
        }
    }
    assert!(codes.contains(&74) && codes.ends_with(&[0]), "{codes:?}");
}

/// A Zarr array without chunks, all of whose voxels are foreground.
const SOLID: &str = r#"{"zarr_format": 3, "node_type": "array", "shape": [160, 600, 600], "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 600, 600]}},
    "chunk_key_encoding": {"name": "default"}, "fill_value": 1,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}"#;

#[test]
fn planes_that_find_no_memory_wait_on_disk_with_a_warning_and_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, all) = (path("image"), path("all"));
    std::fs::create_dir(&image).unwrap();
    std::fs::write(Path::new(&image).join("zarr.json"), SOLID).unwrap();
    let run =
        |out: &str, options: &[&str]| anabranch([&["run", &image, "--out", out, "--quiet"][..], options].concat());
    let refused = run(&path("none"), &["--memory", "1M", "--workers", "2"]).stderr;
    let least = refused.split(" need ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the least budget");
    let roomy = run(&all, &["--memory", "4G", "--workers", "2"]);
    assert!(roomy.code == 0 && !roomy.stderr.contains("put aside"), "{roomy:?}");
    assert_eq!(read_json(Path::new(&all), "run.json")["planes_put_aside"], 0);
    for options in [&["--workers", "2"][..], &["--workers", "1", "--processes", "2"]] {
        let out = path(&options.concat());
        let outcome = run(&out, &[&["--memory", least], options].concat());
        assert!(outcome.code == 0 && outcome.stderr.contains("put aside on disk"), "{outcome:?}");
        assert!(read_json(Path::new(&out), "run.json")["planes_put_aside"].as_u64() > Some(100));
        assert!(invariant_bytes(Path::new(&out)) == invariant_bytes(Path::new(&all)), "{options:?}");
    }
}

#[test]
fn few_descriptors_are_enough_or_end_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let image = path("image");
    succeed(&["phantom", &image, "--shape", "64,64,64", "--chunk", "32", "--radius", "4", "--quiet"]);
    for count in [8, 9, 10, 12, 16, 20, 64] {
        let (state, out) = (path(&format!("state-{count}")), path(&format!("out-{count}")));
        for options in [&["--workers", "2"][..], &["--processes", "2"], &["--state", &state]] {
            let call = [&["run", &image, "--out", &out, "--quiet", "--overwrite"][..], options].concat();
            let outcome = anabranch_with_limits(&format!("-n {count}"), &call);
            let Outcome { code, stderr, .. } = &outcome;
            assert!([0, 65, 69, 73, 74].contains(code), "{count} {options:?}: {code} {stderr}");
            assert!(!stderr.contains("panicked") && !stderr.contains("internal"), "{count} {options:?}: {stderr}");
        }
    }
}
