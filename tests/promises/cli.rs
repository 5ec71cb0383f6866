//! Promise: the program is called, and behaves, as its help says.

use std::path::Path;

use crate::draw::tangle;
use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{
    anabranch, anabranch_into_closed_pipe, anabranch_into_full_device, anabranch_with_little_disk, everything_under,
    files_under, invariant_bytes, kill_once, read_json, read_skeleton, read_table, succeed,
};

const OUTPUTS: [&str; 6] = ["branches.csv", "nodes.csv", "skeletons.csv", "summary.json", "run.json", "overview.png"];

/// Where a run keeps its outputs until they are complete.
const STAGING: &str = ".anabranch-partial";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn help_and_version_go_to_standard_output() {
    let version = succeed(&["--version"]);
    assert_eq!(version.stdout.trim(), format!("anabranch {}", env!("CARGO_PKG_VERSION")));
    for call in [&["--help"][..], &["run", "--help"], &["watch", "--help"], &["fuse", "--help"]]
        .into_iter()
        .chain([&["phantom", "--help"][..], &["demo", "--help"]])
    {
        let help = succeed(call);
        assert!(help.stdout.contains("Usage: anabranch") && help.stderr.is_empty(), "{call:?}: {help:?}");
    }
    let help = succeed(&["run", "--help"]).stdout;
    for option in ["--out", "--threshold", "--sigma", "--method", "--spacing", "--region", "--chunk", "--workers"] {
        assert!(help.contains(option), "run --help does not explain {option}");
    }
}

#[cfg(not(feature = "http"))]
#[test]
fn an_address_is_refused_by_a_program_that_was_built_without_the_feature_for_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    for (address, feature) in [("https://host/image.zarr", "http"), ("s3://bucket/image.zarr", "s3")] {
        let outcome = anabranch(["run", address, "--out", out.to_str().expect("UTF-8")]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(&format!("build it with --features {feature},")), "{outcome:?}");
        assert!(!out.exists());
    }
}

#[test]
fn a_call_that_makes_no_sense_ends_with_exit_code_2() {
    let run = ["run", "a.npy", "--out", "b"];
    let wrong = [&["--fast"][..], &["--method", "palagyi"], &["--workers", "two"], &["--sigma"], &["--sigma", "big"]];
    let calls = wrong.map(|more| [&run, more].concat());
    for call in [&[][..], &["walk"], &["run"], &["run", "a.npy"]].into_iter().chain(calls.iter().map(|call| &call[..]))
    {
        let outcome = anabranch(call);
        assert_eq!(outcome.code, 2, "{call:?}: {outcome:?}");
        assert!(!outcome.stderr.is_empty() && outcome.stdout.is_empty(), "{call:?}: {outcome:?}");
    }
}

#[test]
fn a_run_writes_all_its_outputs_and_says_what_it_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("mask.npy"), folder.path().join("out"));
    Image::of_mask(&tangle([20, 22, 24])).write_npy(&input);
    let outcome = succeed(&["run", text(&input), "--out", text(&out)]);
    for name in OUTPUTS {
        assert!(out.join(name).is_file(), "{name} is missing");
    }
    assert!(std::fs::read(out.join("overview.png")).expect("a picture").starts_with(b"\x89PNG\r\n\x1a\n"));
    let printed = outcome.stdout + &outcome.stderr;
    assert!(printed.contains(&read_table(&out).rows.len().to_string()), "the count of branches: {printed}");
    let mut beside: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|e| e.expect("it").file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["mask.npy", "out"], "nothing is left beside the outputs");
}

#[test]
fn the_summary_agrees_with_the_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("mask.npy"), folder.path().join("out"));
    let mask = tangle([20, 22, 24]);
    Image::of_mask(&mask).write_npy(&input);
    succeed(&["run", text(&input), "--out", text(&out), "--quiet"]);
    let json = std::fs::read(out.join("summary.json")).expect("summary.json");
    let summary: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let (table, skeleton) = (read_table(&out), read_skeleton(&out).1);
    let has = |wanted: f64| numbers(&summary).iter().any(|n| (n - wanted).abs() <= 1e-12 * wanted.abs());
    let lengths: Vec<f64> = table.rows.iter().map(|row| row[3]).collect();
    assert!(has(lengths.iter().sum()), "total length in {summary}");
    assert!(has(lengths.iter().copied().fold(0.0, f64::max)), "longest branch in {summary}");
    assert!(has(skeleton.count() as f64), "skeleton voxels in {summary}");
    assert!(has(mask.count() as f64 / mask.voxels.len() as f64), "foreground fraction in {summary}");
    for kind in 0..4 {
        assert!(
            has(table.rows.iter().filter(|row| row[4] == f64::from(kind)).count() as f64),
            "kind {kind} in {summary}"
        );
    }
}

/// All numbers in a JSON value.
fn numbers(value: &serde_json::Value) -> Vec<f64> {
    match value {
        serde_json::Value::Number(n) => n.as_f64().into_iter().collect(),
        serde_json::Value::Array(values) => values.iter().flat_map(numbers).collect(),
        serde_json::Value::Object(entries) => entries.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn quiet_prints_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("mask.npy"), folder.path().join("out"));
    Image::of_mask(&tangle([12, 12, 12])).write_npy(&input);
    let outcome = succeed(&["run", text(&input), "--out", text(&out), "--quiet"]);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn overwriting_needs_its_option_and_spares_what_a_run_does_not_write() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("mask.npy"), folder.path().join("out"));
    Image::of_mask(&tangle([12, 12, 12])).write_npy(&input);
    std::fs::create_dir(&out).expect("a writable folder");
    succeed(&["run", text(&input), "--out", text(&out), "--quiet"]);
    let first = files_under(&out);

    Image::of_mask(&tangle([14, 15, 16])).write_npy(&input);
    let refused = anabranch(["run", text(&input), "--out", text(&out)]);
    assert_eq!(refused.code, 73, "{}", refused.stderr);
    assert!(refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    assert!(files_under(&out) == first, "a refused run changes nothing");

    std::fs::write(out.join("notes.txt"), "mine").expect("a writable folder");
    succeed(&["run", text(&input), "--out", text(&out), "--quiet", "--overwrite"]);
    assert_eq!(std::fs::read(out.join("notes.txt")).expect("still there"), b"mine");
    assert_eq!(read_skeleton(&out).0, [14, 15, 16]);

    let fresh = folder.path().join("fresh");
    succeed(&["run", text(&input), "--out", text(&fresh), "--quiet"]);
    assert!(invariant_bytes(&out) == invariant_bytes(&fresh), "nothing of the first run shows through");
}

#[test]
fn a_failed_run_leaves_the_outputs_of_an_earlier_one_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("mask.npy"), folder.path().join("out"));
    Image::of_mask(&tangle([12, 12, 12])).write_npy(&input);
    succeed(&["run", text(&input), "--out", text(&out), "--quiet"]);
    let first = files_under(&out);
    std::fs::write(&input, "no image any more").expect("a writable folder");
    let outcome = anabranch(["run", text(&input), "--out", text(&out), "--overwrite"]);
    assert_eq!(outcome.code, 65, "{}", outcome.stderr);
    assert!(files_under(&out) == first);
}

/// Runs a mask and returns what the program says on standard error.
fn warnings(mask: &Mask, dtype: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("image.npy"), folder.path().join("out"));
    Image::woven(mask, dtype).write_npy(&input);
    succeed(&[&["run", text(&input), "--out", text(&out)], options].concat()).stderr.to_lowercase()
}

#[test]
fn results_that_may_surprise_come_with_a_warning() {
    let shape = [10, 10, 10];
    assert!(warnings(&Mask::from_fn(shape, |_| false), "uint8", &[]).contains("warning"), "an empty mask");
    let cube = Mask::from_fn(shape, |p| p.iter().all(|n| (3..7).contains(n)));
    assert!(warnings(&cube, "bool", &[]).contains("--method homotopic"), "foreground that leaves no skeleton");
    assert_eq!(warnings(&cube, "bool", &["--method", "homotopic"]).matches("warning").count(), 0, "and one that does");
    assert!(warnings(&tangle(shape), "uint16", &[]).contains("label"), "an image with many values and no threshold");
    let even = Mask::from_fn(shape, |_| false);
    assert!(warnings(&even, "float32", &["--threshold", "otsu"]).contains("warning"), "one value by Otsu's method");
    assert!(!warnings(&tangle([16; 3]), "bool", &[]).contains("warning"), "a mask like any other");
}

#[test]
fn a_phantom_follows_from_its_seed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    for (name, seed, more) in [("a", "5", None), ("b", "5", None), ("c", "6", None), ("d", "5", Some("--gray"))] {
        let path = at(name);
        let mut call = vec!["phantom", text(&path), "--shape", "30,40,50", "--seed", seed, "--radius", "4"];
        call.extend(more);
        succeed(&call);
    }
    assert!(files_under(&at("a")) == files_under(&at("b")), "the same seed, another phantom");
    assert!(files_under(&at("a")) != files_under(&at("c")), "another seed, the same phantom");
    assert!(files_under(&at("a")) != files_under(&at("d")), "gray, and the same phantom");
    succeed(&["run", text(&at("a")), "--out", text(&at("out-a")), "--quiet"]);
    succeed(&["run", text(&at("d")), "--out", text(&at("out-d")), "--quiet", "--sigma", "1", "--threshold", "otsu"]);
    assert!(read_table(&at("out-a")).rows.len() > 1, "a phantom has branches");
    assert_eq!(read_skeleton(&at("out-d")).0, [30, 40, 50]);
}

#[test]
fn a_demo_makes_a_phantom_analyses_it_and_says_where_to_look() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("demo");
    for seed in ["3", "4"] {
        let told = succeed(&["demo", "--shape", "64,72,80", "--seed", seed, "--out", text(&out)]).stdout;
        for name in OUTPUTS {
            assert!(out.join("results").join(name).is_file(), "{name} is missing");
        }
        assert!(told.contains("branches") && told.contains(text(&out.join("results/overview.png"))), "{told}");
        assert_eq!(read_skeleton(&out.join("results")).0, [64, 72, 80]);
        let log = read_json(&out.join("results"), "run.json");
        assert_eq!(log["peak_memory_bytes_of_all"], log["peak_memory_bytes"], "of one process");
        // The same as by the two commands it stands for.
        let [phantom, again] = [format!("phantom-{seed}"), format!("out-{seed}")].map(|name| folder.path().join(name));
        succeed(&["phantom", text(&phantom), "--shape", "64,72,80", "--seed", seed, "--roots", "1", "--quiet"]);
        succeed(&["run", text(&phantom), "--out", text(&again), "--quiet"]);
        assert!(!read_table(&again).rows.is_empty());
        assert!(invariant_bytes(&out.join("results")) == invariant_bytes(&again), "seed {seed}");
    }
}

#[test]
fn a_run_that_was_killed_can_be_started_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, whole] = ["gray.zarr", "out", "whole"].map(|name| folder.path().join(name));
    succeed(&["phantom", text(&input), "--shape", "90,100,110", "--gray", "--quiet"]);
    let call = |out| ["run", text(&input), "--out", text(out), "--quiet", "--sigma", "1", "--threshold", "otsu"];
    succeed(&call(&whole));
    kill_once(&call(&out), || out.join(STAGING).is_dir());
    assert!(out.join(STAGING).is_dir() && !out.join("run.json").exists(), "killed on the way");
    succeed(&call(&out));
    assert!(invariant_bytes(&out) == invariant_bytes(&whole));
    assert!(!out.join(STAGING).exists(), "nothing is left of the killed run");
}

#[test]
fn a_phantom_that_cannot_be_made_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "mine").expect("a writable folder");
    std::fs::create_dir(at("full")).expect("a writable folder");
    std::fs::write(at("full/notes.txt"), "mine").expect("a writable folder");
    let before = everything_under(folder.path());
    let (new, in_file) = (at("a/b/new.zarr"), at("file/new.zarr"));
    for (out, more, code) in [
        (&new, ["--shape", "30,0,30"], 2),
        (&new, ["--shape", "30"], 2),
        (&new, ["--radius", "0"], 2),
        (&new, ["--chunk", "0"], 2),
        (&new, ["--roots", "0"], 2),
        (&new, ["--workers", "0"], 2),
        (&in_file, ["--shape", "30,30,30"], 73),
        (&at("file"), ["--shape", "30,30,30"], 73),
        (&at("full"), ["--shape", "30,30,30"], 73),
    ] {
        let outcome = anabranch(["phantom", text(out), more[0], more[1]]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{more:?}: {outcome:?}");
        assert!(everything_under(folder.path()) == before, "{more:?}");
    }
    for kib in [0, 1] {
        for command in [&["phantom", text(&new), "--gray"][..], &["demo", "--out", text(&new)]] {
            let outcome = anabranch_with_little_disk(kib, &[command, &["--shape", "60,60,60"]].concat());
            assert_eq!((outcome.code, outcome.stderr.lines().count()), (74, 1), "{outcome:?}");
            assert!(outcome.stderr.contains("new.zarr"), "{outcome:?}");
            assert!(everything_under(folder.path()) == before, "{command:?} with {kib} KiB");
        }
    }
}

#[test]
fn a_demo_whose_options_make_no_sense_spares_the_last_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("demo");
    succeed(&["demo", "--shape", "32,32,32", "--out", text(&out)]);
    let first = everything_under(folder.path());
    for more in [["--shape", "all"], ["--shape", "0,32,32"], ["--workers", "0"]] {
        let outcome = anabranch(["demo", more[0], more[1], "--out", text(&out)]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{more:?}: {outcome:?}");
        assert!(everything_under(folder.path()) == first, "{more:?}");
    }
}

#[test]
fn what_cannot_be_printed_is_an_error_and_what_is_in_place_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [demo, page, again] = ["demo", "c.html", "again"].map(|name| folder.path().join(name));
    succeed(&["demo", "--shape", "32,32,32", "--out", text(&demo)]);
    let [image, results] = ["phantom.zarr", "results"].map(|name| text(&demo.join(name)).to_owned());
    let other = text(&folder.path().join("other")).to_owned();
    succeed(&["run", &image, "--out", &other, "--quiet"]);
    let before = files_under(&demo);
    for call in [
        &["sholl", &results, "--center", "16,16,16"][..],
        &["info", &image],
        &["info", &image, "--json"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
        &["compare", &results, &other, "--out", text(&page)],
        &["run", &image, "--out", text(&again)],
    ] {
        let Some(told) = anabranch_into_full_device(call) else { return };
        let said = "anabranch: standard output: cannot be written";
        assert!(told.code == 74 && told.stderr.contains(said), "{call:?}: {told:?}");
        let piped =
            anabranch_into_closed_pipe(&[call, &["--overwrite"][..usize::from(call.contains(&"--out"))]].concat());
        assert!(piped.code == 0 && !piped.stderr.contains("anabranch:"), "{call:?}: {piped:?}");
    }
    assert!(files_under(&demo) == before && page.is_file());
    assert!(invariant_bytes(&again) == invariant_bytes(Path::new(&other)));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("demo");
    let outcome = anabranch_into_closed_pipe(&["demo", "--shape", "32,32,32", "--out", text(&out)]);
    // On a slow machine progress is told there.
    assert!(outcome.code == 0 && !outcome.stderr.contains("anabranch:"), "{}", outcome.stderr);
    assert!(out.join("results/branches.csv").is_file());
}
