//! Promise: bad input ends with one clear sentence, the right exit code, and no output left behind.

mod data;
mod options;

use std::path::{Path, PathBuf};

use crate::draw::tangle;
use crate::image::Image;
use crate::support::{Outcome, anabranch, anabranch_with_little_disk, everything_under};

const USAGE: i32 = 2;
const DATA: i32 = 65;
const MISSING: i32 = 66;
const OUTPUT: i32 = 73;
const IO: i32 = 74;

/// A case: the input that it writes into a folder, options, what the sentence names, and the exit code.
struct Case {
    name: &'static str,
    /// Writes the input; returns its path.
    input: fn(&Path) -> PathBuf,
    options: &'static [&'static str],
    says: &'static [&'static str],
    code: i32,
}

fn gray() -> Image {
    Image::woven(&tangle([12, 13, 14]), "uint16")
}

fn gray_npy(folder: &Path) -> PathBuf {
    let path = folder.join("gray.npy");
    gray().write_npy(&path);
    path
}

fn mask_npy(folder: &Path) -> PathBuf {
    let path = folder.join("mask.npy");
    Image::of_mask(&tangle([12, 13, 14])).write_npy(&path);
    path
}

/// What of the outcome breaks the promise: the exit code, or a report that is not one sentence with the words.
fn fault(outcome: &Outcome, code: i32, says: &[&str]) -> Option<String> {
    // After an error in the options the program may add where to find help; before one, warnings about the image.
    let beside = |line: &str| line.is_empty() || line.contains("--help") || line.starts_with("warning: ");
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| !beside(line)).collect();
    let [sentence] = lines[..] else {
        return Some(format!("not one sentence (exit code {}): {:?}", outcome.code, outcome.stderr));
    };
    if outcome.code != code {
        return Some(format!("exit code {} instead of {code}: {sentence}", outcome.code));
    }
    // But for what the program understood of the image, where it has begun to read it.
    if outcome.stdout.lines().count() > usize::from(code != USAGE && code != OUTPUT) {
        return Some(format!("prints to standard output: {}", outcome.stdout));
    }
    let missing: Vec<&&str> = says.iter().filter(|word| !sentence.contains(**word)).collect();
    (!missing.is_empty()).then(|| format!("does not say {missing:?}: {sentence}"))
}

/// Runs every case in a folder of its own, and reports all that break the promise.
fn check(cases: &[Case]) {
    let mut faults = Vec::new();
    for case in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let input = (case.input)(folder.path());
        let before = everything_under(folder.path());
        let out = folder.path().join("out");
        let [input, out] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
        let outcome = anabranch([&["run", input, "--out", out], case.options].concat());
        if let Some(fault) = fault(&outcome, case.code, case.says) {
            faults.push(format!("{}: {fault}", case.name));
        }
        let after = everything_under(folder.path());
        if after != before {
            let left: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
            faults.push(format!("{}: leaves {left:?} behind, or changes its input", case.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn bad_data_end_with_one_sentence_and_leave_nothing_behind() {
    check(data::CASES);
}

#[test]
fn wrong_options_end_with_one_sentence_and_leave_nothing_behind() {
    check(options::CASES);
}

/// A run that ends after it has said what it understood of the image, without that line.
fn understood_and_ended(call: &[&str]) -> Outcome {
    let outcome = anabranch(call);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(matches!(lines[..], [line] if line.contains("NumPy .npy, 12 x 13 x 14 bool")), "{outcome:?}");
    Outcome { stdout: String::new(), ..outcome }
}

#[test]
fn an_output_folder_that_holds_other_things_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = mask_npy(folder.path());
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a writable folder");
    std::fs::write(out.join("thesis.tex"), "three years").expect("a writable folder");
    let before = everything_under(folder.path());
    let [input, out] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
    let outcome = understood_and_ended(&["run", input, "--out", out]);
    assert_eq!(fault(&outcome, OUTPUT, &["out", "--overwrite"]), None);
    assert_eq!(everything_under(folder.path()), before);
}

#[test]
fn an_output_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = mask_npy(folder.path());
    std::fs::write(folder.path().join("file"), "").expect("a writable folder");
    let before = everything_under(folder.path());
    let out = folder.path().join("file/out");
    let [input, out] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
    let outcome = understood_and_ended(&["run", input, "--out", out]);
    assert_eq!(fault(&outcome, OUTPUT, &["file/out"]), None);
    assert_eq!(everything_under(folder.path()), before);
}

/// No room for anything, and room for small files only: the first write fails, or one halfway.
#[test]
fn a_full_disk_is_named_and_nothing_stays() {
    for kib in [0, 2] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Noise: its table is longer than 2 KiB.
        let input = folder.path().join("noise.npy");
        let noise = |index: usize| f64::from(u8::from((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 == 0));
        let values = (0..20 * 20 * 20).map(noise).collect();
        Image { shape: [20; 3], dimensions: 3, values, dtype: "uint8".into() }.write_npy(&input);
        let before = everything_under(folder.path());
        let out = folder.path().join("out");
        let [input, out] = [&input, &out].map(|path| path.to_str().expect("UTF-8"));
        let outcome = anabranch_with_little_disk(kib, &["run", input, "--out", out]);
        assert_eq!(fault(&outcome, IO, &["out"]), None, "with {kib} KiB");
        assert_eq!(everything_under(folder.path()), before, "with {kib} KiB");
    }
}
