//! Promise: what a run that fails leaves in its checkpoint is right, and a run that cannot use its checkpoint ends with a sentence.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cluster::{phantom, text};
use crate::support::{anabranch, files_under, kill_once, succeed, wait_until};

/// All outputs but for the record of the run.
fn outputs(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files_under(out);
    files.retain(|name, _| name != Path::new("run.json"));
    files
}

/// Other bytes in a file, as many, with the same time of the last change.
fn replace(file: &Path, bytes: &[u8]) {
    let changed = fs::metadata(file).and_then(|file| file.modified()).expect("a time");
    fs::write(file, bytes).expect("a file");
    File::options().write(true).open(file).and_then(|file| file.set_modified(changed)).expect("a time");
}

#[test]
fn a_run_that_cannot_read_a_chunk_keeps_nothing_that_follows_from_its_absence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "160,80,80", true);
    let [out, whole, kept] = ["out", "whole", "kept"].map(|name| folder.path().join(name));
    for options in [
        &["--threshold", "5000", "--sigma", "2", "--workers", "1"][..],
        &["--threshold", "5000", "--sigma", "2", "--workers", "2"],
        &["--threshold", "otsu", "--workers", "2"],
        &["--threshold", "5000", "--sigma", "2", "--processes", "2", "--workers", "1"],
        &["--threshold", "otsu", "--sigma", "1", "--processes", "3", "--workers", "1"],
    ] {
        let run = [&["run", text(&input), "--quiet", "--chunk", "16"], options].concat();
        succeed(&[&run[..], &["--out", text(&whole)]].concat());
        for chunk in ["c/3/1/1", "c/4/0/2"] {
            let kept_run = [&run[..], &["--out", text(&out), "--checkpoint", text(&kept)]].concat();
            let file = input.join(chunk);
            let bytes = fs::read(&file).expect("a chunk");
            replace(&file, &vec![7; bytes.len()]);
            let told = anabranch(&kept_run);
            assert!(told.code != 0 && !out.join("branches.csv").exists(), "{options:?}, {told:?}");
            replace(&file, &bytes);
            succeed(&kept_run);
            assert!(outputs(&out) == outputs(&whole), "{options:?}, {chunk}");
            fs::remove_dir_all(&out).expect("a folder");
        }
        fs::remove_dir_all(&whole).expect("a folder");
    }
}

#[test]
fn a_worker_that_cannot_use_its_file_ends_the_run_of_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "96,64,64", false);
    let [out, kept] = ["out", "kept"].map(|name| folder.path().join(name));
    for name in ["masks.0", "masks.1", "radii.1"] {
        for options in [&["--workers", "2"][..], &["--processes", "2", "--workers", "1"]] {
            // As if it were another user's.
            fs::create_dir_all(kept.join(name)).expect("a folder");
            let run =
                ["run", text(&input), "--quiet", "--chunk", "16", "--out", text(&out), "--checkpoint", text(&kept)];
            let told = anabranch([&run[..], options].concat());
            assert!([65, 73, 74].contains(&told.code) && told.stderr.lines().count() == 1, "{name}, {told:?}");
            assert!(told.stderr.contains(name), "{name}, {told:?}");
            assert!(!out.join("branches.csv").exists(), "{name}");
            fs::remove_dir_all(&kept).expect("a folder");
        }
    }
}

#[test]
fn a_checkpoint_is_found_again_where_the_mask_was_new_when_it_began() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "128,64,64", true);
    let region = folder.path().join("region");
    fs::create_dir(&region).expect("a folder");
    let region = phantom(&region, "128,64,64", false);
    let [out, kept] = ["out", "kept"].map(|name| folder.path().join(name));
    let run = ["run", text(&input), "--chunk", "16", "--threshold", "5000", "--sigma", "1", "--mask", text(&region)];
    let kept_run = [&run[..], &["--out", text(&out), "--checkpoint", text(&kept)]].concat();
    let now = SystemTime::now();
    for name in files_under(&region).into_keys() {
        File::options().write(true).open(region.join(name)).and_then(|file| file.set_modified(now)).expect("a time");
    }
    kill_once(&kept_run, || kept.join("checkpoint").exists());
    wait_until("the mask is older", || now.elapsed().is_ok_and(|age| age > Duration::from_secs(2)));
    succeed(&kept_run);
    assert!(out.join("branches.csv").exists() && !kept.exists());
}
