//! Promise: what is read is never written into, what others wrote is never replaced, and an interruption leaves nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cluster::text;
use crate::support::{
    Running, anabranch, anabranch_with_little_disk, everything_under, files_under, has_staged, invariant_bytes,
    read_json, succeed, wait_until,
};

/// A phantom of a seed.
fn phantom(folder: &Path, name: &str, seed: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    succeed(&["phantom", text(&path), "--shape", "32,32,32", "--chunk", "16", "--seed", seed, "--quiet"]);
    path
}

/// Runs a call that is refused, with this exit code and a sentence that says this, and holds that nothing has changed.
fn refused(folder: &Path, call: &[&str], code: i32, says: &str) {
    let before = everything_under(folder);
    let outcome = anabranch(call);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{call:?}: {outcome:?}");
    assert!(outcome.stderr.contains(says), "{call:?}: {outcome:?}");
    assert!(everything_under(folder) == before, "{call:?}");
}

#[test]
fn what_is_read_is_never_written_into() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path();
    let at = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    fs::create_dir(folder.join("r")).expect("a writable folder");
    let image = phantom(folder, "r/skeleton.zarr", "1");
    let image = text(&image);
    let [r, inside, around] = [at("r"), at("r/skeleton.zarr/new/out"), at("r/none/../skeleton.zarr")];
    let [out, deep] = [at("out"), at("out/deep")];
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.join("r"), folder.join("link")).expect("a writable folder");
    let linked = at("link/skeleton.zarr/0");
    for call in [
        &["run", image, "--out", &r, "--overwrite"][..],
        &["run", image, "--out", image, "--overwrite"],
        &["run", image, "--out", &inside],
        &["run", image, "--out", &around, "--overwrite"],
        &["run", image, "--out", &linked],
        &["run", image, "--out", &out, "--state", image],
        &["run", image, "--out", &out, "--state", &r],
        &["run", image, "--out", &out, "--state", &deep],
        &["run", image, "--out", &deep, "--state", &out],
        &["run", image, "--out", &out, "--changes", &at("r/skeleton.zarr/changes.csv")],
        &["watch", image, "--out", &r, "--state", &at("state")],
        &["fuse", image, "--out", &r, "--overwrite"],
        &["fuse", image, "--out", &inside],
    ] {
        refused(folder, call, 2, "; give --");
    }
}

#[test]
fn outputs_that_are_not_this_runs_stay() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path();
    let at = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let [a, b] = [("a.zarr", "1"), ("b.zarr", "2")].map(|(name, seed)| phantom(folder, name, seed));
    let (out, state, fresh) = (at("out"), at("state"), at("fresh"));
    // A file of an output's name that no run wrote.
    fs::create_dir(&fresh).expect("a writable folder");
    fs::write(folder.join("fresh/summary.json"), "mine").expect("a writable folder");
    refused(folder, &["run", text(&a), "--out", &fresh, "--overwrite"], 73, "holds summary.json, which no run wrote");
    succeed(&["run", text(&a), "--out", &out, "--state", &state, "--quiet"]);
    let log = read_json(Path::new(&out), "run.json");
    assert_eq!(log["outputs"].as_array().map(Vec::len), Some(8), "{log}");
    // Of another image, whatever the state.
    refused(folder, &["run", text(&b), "--out", &out, "--state", &state], 73, "holds the outputs of another run");
    refused(folder, &["run", text(&b), "--out", &out, "--state", &fresh], 73, "holds the outputs of another run");
    let first = invariant_bytes(Path::new(&out));
    // A damaged list of outputs costs time.
    for damage in ["", "{\"folder\": 7}"] {
        fs::write(folder.join("state/outputs.json"), damage).expect("a writable folder");
        let outcome = succeed(&["run", text(&a), "--out", &out, "--state", &state, "--quiet"]);
        assert!(
            outcome.stderr.starts_with("warning: ") && outcome.stderr.contains("outputs.json: is damaged"),
            "{outcome:?}"
        );
        assert!(invariant_bytes(Path::new(&out)) == first);
    }
    succeed(&["run", text(&b), "--out", &out, "--state", &state, "--overwrite", "--quiet"]);
    assert!(invariant_bytes(Path::new(&out)) != first);
}

#[test]
fn changes_that_cannot_be_appended_leave_the_outputs_as_they_were() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path();
    let image = phantom(folder, "a.zarr", "1");
    let [out, changes] = ["out", "changes.csv"].map(|name| folder.join(name));
    let call = ["run", text(&image), "--out", text(&out), "--changes", text(&changes), "--overwrite", "--quiet"];
    succeed(&call);
    // A file of changes that has reached the most that a file may hold here, as on a disk that is full for it alone: the
    // outputs themselves fit.
    let other = phantom(folder, "b.zarr", "2");
    let largest = files_under(&out).values().map(Vec::len).max().expect("outputs").div_ceil(1024) + 60;
    let mut text_of = fs::read_to_string(&changes).expect("changes");
    let row = text_of.lines().nth(1).expect("a row").splitn(3, ',').last().expect("a row").to_owned();
    while text_of.len() < largest * 1024 - 200 {
        text_of.push_str(&format!("0,1,{row}\n0,-1,{row}\n"));
    }
    fs::write(&changes, &text_of).expect("a writable folder");
    let (before, length) = (files_under(&out), text_of.len());
    let call = ["run", text(&other), "--out", text(&out), "--changes", text(&changes), "--overwrite", "--quiet"];
    let outcome = anabranch_with_little_disk(u32::try_from(largest).expect("a size"), &call);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (74, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("changes.csv"), "{outcome:?}");
    assert!(files_under(&out) == before);
    assert_eq!(fs::read(&changes).expect("changes").len(), length, "nothing half-written");
    succeed(&call);
    crate::support::assert_adds_up(&changes, &out);
}

#[test]
fn a_request_to_end_leaves_nothing_behind() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path();
    let image = folder.join("gray.zarr");
    succeed(&["phantom", text(&image), "--shape", "96,96,96", "--gray", "--quiet"]);
    let before = everything_under(folder);
    let out = folder.join("new/out");
    let lasting = ["--quiet", "--chunk", "6", "--sigma", "2", "--threshold", "otsu"];
    for (more, signal) in [(&[][..], "-INT"), (&[], "-TERM"), (&["--processes", "2"], "-TERM")] {
        let call = [&["run", text(&image), "--out", text(&out)], &lasting[..], more].concat();
        let running = Running::start(&call);
        let staging = out.join(".anabranch-partial");
        wait_until("the run has begun", || has_staged(&staging, "skeleton.zarr/zarr.json"));
        let sent = Command::new("kill").args([signal, &running.id().to_string()]).status();
        assert!(sent.expect("a command to send signals").success());
        let outcome = running.end();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (130, "anabranch: interrupted; nothing was written\n"));
        assert!(everything_under(folder) == before, "{more:?} {signal}");
    }
}
