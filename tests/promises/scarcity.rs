//! Promise: where the system gives too little memory or too few threads, the program says so in a sentence, ends with 74,
//! and leaves nothing half-written.

use std::path::Path;

use crate::support::{Outcome, anabranch_with_limits, everything_under, succeed};

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
