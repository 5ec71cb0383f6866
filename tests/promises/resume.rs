//! Promise: a run with a checkpoint that is killed goes on where it was, and writes what it would have written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cluster::{phantom, text};
use crate::crash::random;
use crate::support::{Running, anabranch, files_under, kill_once, succeed, wait_until};

/// Files by their paths.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// All outputs but for the record of the run.
fn outputs(out: &Path) -> Files {
    let mut files = files_under(out);
    files.retain(|name, _| !name.starts_with(".anabranch-partial") && name != Path::new("run.json"));
    files
}

/// Ways to analyse a gray image or a mask: with values that are read again, radii, objects, filters, by chunks, and in several processes.
const WAYS: [(bool, &[&str]); 6] = [
    (false, &["--workers", "2"]),
    (true, &["--workers", "2", "--sigma", "1", "--threshold", "otsu", "--objects", "--object-labels"]),
    (true, &["--workers", "1", "--sigma", "2", "--threshold", "otsu", "--fill-holes", "--prune", "4"]),
    (false, &["--workers", "3", "--method", "homotopic", "--columns", "skan"]),
    (false, &["--processes", "2", "--workers", "1"]),
    (true, &["--processes", "3", "--workers", "1", "--sigma", "1", "--threshold", "otsu", "--objects"]),
];

#[test]
fn a_run_that_is_killed_again_and_again_writes_what_one_would_that_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut went_on = 0;
    for (at, (gray, options)) in WAYS.into_iter().enumerate() {
        let place = folder.path().join(at.to_string());
        fs::create_dir(&place).expect("a folder");
        let input = phantom(&place, "128,80,80", gray);
        let [out, whole, kept] = ["out", "whole", "kept"].map(|name| place.join(name));
        let run = [&["run", text(&input), "--chunk", "16"], options].concat();
        let began = Instant::now();
        succeed(&[&run[..], &["--quiet", "--out", text(&whole)]].concat());
        let usual = began.elapsed();
        let kept_run = [&run[..], &["--out", text(&out), "--checkpoint", text(&kept)]].concat();
        for _ in 0..5 {
            let (begin, end) = (Instant::now(), usual.mul_f64(random()));
            println!("{options:?} is killed after {end:?}");
            kill_once(&kept_run, || begin.elapsed() >= end || out.join("branches.csv").exists());
            if out.join("branches.csv").exists() {
                let _ = fs::remove_dir_all(&out);
            }
        }
        let told = succeed(&kept_run);
        went_on += usize::from(told.stderr.contains("goes on where an earlier run ended"));
        assert!(outputs(&out) == outputs(&whole), "{options:?}");
        assert!(!kept.exists(), "it is not needed any more");
    }
    assert!(went_on > 0, "every kill came too early");
}

#[test]
fn a_run_that_was_killed_reads_and_thins_nothing_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "256,64,64", false);
    let [out, whole, kept] = ["out", "whole", "kept"].map(|name| folder.path().join(name));
    let run = ["run", text(&input), "--chunk", "16", "--workers", "2"];
    succeed(&[&run[..], &["--quiet", "--out", text(&whole)]].concat());
    let kept_run = [&run[..], &["--out", text(&out), "--checkpoint", text(&kept)]].concat();
    let thinned = |names: Vec<String>| names.iter().any(|name| name.starts_with("sweep.") && name.ends_with(".0"));
    // The last snapshot is of the thinned planes.
    kill_once(&kept_run, || thinned(names(&kept)));
    let before = fs::metadata(kept.join("masks.0")).expect("a file").len();
    let told = succeed(&kept_run);
    assert!(told.stderr.contains("goes on") && told.stderr.contains("thinning has begun"), "{}", told.stderr);
    assert!(before > 0 && outputs(&out) == outputs(&whole));
}

#[test]
fn a_run_that_is_killed_before_its_checkpoint_is_gone_writes_its_outputs_again_and_no_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "96,64,64", false);
    let [out, kept, aside] = ["out", "kept", "aside"].map(|name| folder.path().join(name));
    let run = ["run", text(&input), "--chunk", "16", "--workers", "2", "--out", text(&out)];
    let kept_run = [&run[..], &["--checkpoint", text(&kept)]].concat();
    kill_once(&kept_run, || kept.join("checkpoint").exists());
    fs::create_dir(&aside).expect("a folder");
    for name in names(&kept) {
        fs::copy(kept.join(&name), aside.join(name)).expect("a copy");
    }
    succeed(&kept_run);
    let whole = outputs(&out);
    // As if it had been killed when its outputs were in place.
    fs::rename(&aside, &kept).expect("a folder of another name");
    succeed(&kept_run);
    assert!(outputs(&out) == whole && !kept.exists());
    // Without its checkpoint they are those of another run.
    let told = anabranch(&kept_run);
    assert!(told.code == 73 && told.stderr.contains("holds the outputs of another run"), "{told:?}");
    assert!(outputs(&out) == whole && !kept.exists());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_checkpoint_of_something_else_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "128,64,64", true);
    let [out, kept] = ["out", "kept"].map(|name| folder.path().join(name));
    let run = |workers, sigma| {
        let run = ["run", text(&input), "--quiet", "--chunk", "16", "--threshold", "otsu", "--out", text(&out)];
        [&run[..], &["--checkpoint", text(&kept), "--workers", workers, "--sigma", sigma]].concat()
    };
    kill_once(&run("2", "1"), || kept.join("masks.1").exists());
    let before = files_under(&kept);
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let told = anabranch(arguments);
        assert!(told.code == code && told.stderr.contains(says), "{told:?}");
        // What the command line cannot mean takes some lines.
        assert!(code == 2 || told.stderr.lines().count() == 1, "{told:?}");
        assert!(files_under(&kept) == before && !out.join("branches.csv").exists(), "{says}");
    };
    refused(&run("2", "2"), 73, "is the checkpoint of another analysis");
    refused(&run("3", "1"), 73, "--workers 2");
    refused(&[run("2", "1"), vec!["--state", text(&folder.path().join("state"))]].concat(), 2, "--state");
    // The image changes.
    let chunk = fs::read_dir(input.join("c/0/0")).expect("a folder").next().expect("a chunk").expect("a chunk").path();
    let bytes = fs::read(&chunk).expect("a chunk");
    wait_until("a later time", || {
        fs::write(&chunk, &bytes).expect("a chunk");
        anabranch(run("2", "1")).stderr.contains("its image has changed")
    });
    assert!(files_under(&kept) == before);
    let other = folder.path().join("notes");
    fs::create_dir(&other).and_then(|()| fs::write(other.join("notes.txt"), "mine")).expect("a file");
    let told = anabranch(["run", text(&input), "--threshold", "1", "--out", text(&out), "--checkpoint", text(&other)]);
    assert!(told.code == 73 && told.stderr.contains("notes.txt"), "{told:?}");
}

#[test]
fn one_run_at_a_time_uses_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "96,64,64", true);
    let [out, other, kept] = ["out", "other", "kept"].map(|name| folder.path().join(name));
    let run =
        ["run", text(&input), "--quiet", "--chunk", "16", "--workers", "1", "--sigma", "2", "--threshold", "otsu"];
    let with = |out| [&run[..], &["--out", text(out), "--checkpoint", text(&kept)]].concat();
    let mut running = Running::start(with(&out));
    wait_until("a checkpoint", || kept.join("checkpoint").exists() || running.has_ended());
    let told = anabranch(with(&other));
    assert!(told.code == 73 && told.stderr.contains("a run that is going on"), "{told:?}");
    assert_eq!(running.end().code, 0);
    assert!(!kept.exists());
}
