//! Promise: a batch analyses each image as `run` does, goes on with what is missing, and leaves complete results only.

use std::fs;
use std::path::{Path, PathBuf};

use crate::draw::tangle;
use crate::image::Image;
use crate::support::{Outcome, Running, anabranch, files_under, invariant_bytes, read_json, succeed, wait_until};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Images in a temporary folder.
struct Images(tempfile::TempDir);

impl Images {
    fn new() -> Images {
        Images(tempfile::tempdir().expect("a temporary folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn draw(&self, name: &str, shape: [usize; 3]) -> String {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        Image::woven(&tangle(shape), "uint8").write_npy(&path);
        text(&path).to_owned()
    }

    fn batch(&self, images: &[&str], options: &[&str]) -> Outcome {
        anabranch([&["batch"], images, &["--out", text(&self.at("out")), "--spacing", "2um"], options].concat())
    }
}

/// The lines of an output.
fn lines(out: &Path, name: &str) -> Vec<String> {
    fs::read_to_string(out.join(name)).expect("a table").lines().map(str::to_owned).collect()
}

#[test]
fn each_image_of_a_batch_has_the_results_of_a_run_and_all_are_in_tables() {
    let images = Images::new();
    let all = [
        images.draw("x/scan.npy", [12, 20, 24]),
        images.draw("y/scan.npy", [13, 22, 24]),
        images.draw("z.npy", [14, 20, 26]),
        images.draw("plain.npy", [14, 21, 26]),
    ];
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let groups = ["--group", "a=*scan", "--group", "b=z,plain", "--jobs", "2", "--prune", "3um"];
    let outcome = images.batch(&all, &groups);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("[4 of 4] ") && outcome.stdout.contains("b compared with a"), "{}", outcome.stdout);
    let out = images.at("out");
    let names = ["x-scan", "y-scan", "z", "plain"];
    let mut branches = 0;
    for (image, name) in all.iter().zip(names) {
        let alone = images.at("alone");
        let call =
            ["run", image, "--out", text(&alone), "--spacing", "2um", "--prune", "3um", "--quiet", "--overwrite"];
        succeed(&call);
        assert!(invariant_bytes(&alone) == invariant_bytes(&out.join(name)), "{name}");
        branches += lines(&alone, "branches.csv").len() - 1;
        let row = lines(&alone, "branches.csv")[1].clone();
        let group = if name.ends_with("scan") { "a" } else { "b" };
        assert!(lines(&out, "branches.csv").contains(&format!("{name},{group},{row}")), "{name}");
    }
    assert_eq!(lines(&out, "branches.csv").len(), 1 + branches);
    let samples = lines(&out, "samples.csv");
    let starts: Vec<&str> = samples.iter().map(|line| line.split(',').next().expect("a cell")).collect();
    assert_eq!(starts, ["sample", "x-scan", "y-scan", "z", "plain"]);
    assert_eq!(read_json(&out, "compare.json")["groups"][0]["samples"], serde_json::json!(["x-scan", "y-scan"]));
    assert!(lines(&out, "compare.html")[0].starts_with("<!doctype html>"));
}

#[test]
fn a_batch_goes_on_with_what_is_missing_and_keeps_what_is_there() {
    let images = Images::new();
    let (one, two) = (images.draw("one.npy", [12, 20, 24]), images.draw("zwö.npy", [14, 20, 24]));
    let broken = text(&images.at("broken.npy")).to_owned();
    fs::write(&broken, "no array").expect("a file");
    let all = [one.as_str(), &broken, &two];
    // One fails, the others are done, and the sentence names it.
    let outcome = images.batch(&all, &[]);
    assert_eq!(outcome.code, 65, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("warning: broken: ")
            && outcome.stderr.contains("1 of 3 images have no results: broken")
    );
    let out = images.at("out");
    assert_eq!(lines(&out, "samples.csv").len(), 3);
    assert!(read_json(&out, "batch.json")["images"][1]["failed"].is_string());
    let written =
        |name: &str| fs::metadata(out.join(name).join("run.json")).and_then(|it| it.modified()).expect("a file");
    let (first, second) = (written("one"), written("zwö"));
    // Where nothing comes out, what was there stays.
    let tables = ["samples.csv", "branches.csv", "batch.json", "compare.html"];
    let before = tables.map(|name| fs::read(out.join(name)).expect("a table"));
    let outcome = images.batch(&[&broken, text(&images.at("typo*.tif"))], &[]);
    assert!(outcome.code != 0 && outcome.stderr.contains("2 of 2 images have no results"), "{}", outcome.stderr);
    assert_eq!(tables.map(|name| fs::read(out.join(name)).expect("a table")), before);
    // Put right, and started again: the others are kept.
    images.draw("broken.npy", [13, 20, 24]);
    let outcome = images.batch(&all, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("one: kept") && outcome.stdout.contains("broken: analysed"), "{}", outcome.stdout);
    assert_eq!((written("one"), written("zwö"), lines(&out, "samples.csv").len()), (first, second, 4));
    // An image that has changed, and other options, are refused but for --overwrite.
    images.draw("one.npy", [12, 22, 24]);
    let refused = images.batch(&all, &[]);
    assert!(refused.code == 73 && refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    let outcome = images.batch(&all, &["--overwrite"]);
    assert!(outcome.code == 0 && outcome.stdout.contains("one: analysed") && outcome.stdout.contains("zwö: kept"));
    let outcome = images.batch(&all, &["--overwrite", "--method", "homotopic", "--quiet"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{}", outcome.stderr);
    assert_eq!(read_json(&out, "zwö/summary.json")["parameters"]["method"], "homotopic");
}

#[test]
fn results_whose_files_are_gone_or_whose_image_has_other_files_are_made_again() {
    let images = Images::new();
    let tiles = images.at("tiles");
    let phantom = ["phantom", "--tiles", "2,2", "--tile-shape", "256,256", "--gray", "--quiet"];
    succeed(&[&phantom[..], &[text(&tiles)]].concat());
    let other = images.at("other");
    succeed(&[&phantom[..], &["--seed", "9", text(&other)]].concat());
    let (table, out) = (tiles.join("tiles.csv"), images.at("out"));
    let batch = |more: &[&str]| {
        let call = ["batch", text(&table), "--out", text(&out), "--threshold", "7000", "--workers", "1"];
        let told = anabranch([&call[..], more].concat());
        assert_eq!(told.code, 0, "{told:?}");
        told.stdout
    };
    let analysed = |told: &str| told.contains(": analysed") && !told.contains(": kept");
    assert!(analysed(&batch(&[])));
    assert!(batch(&[]).contains(": kept"));
    let results = out.join("tiles");
    let whole = invariant_bytes(&results);
    for name in ["branches.csv", "skeleton.zarr"] {
        let path = results.join(name);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("an output");
        assert!(analysed(&batch(&[])), "{name}");
        assert!(invariant_bytes(&results) == whole, "{name}");
    }
    // Its last row.
    let text_of = fs::read_to_string(results.join("branches.csv")).expect("a table");
    let cut = text_of.trim_end().rfind('\n').expect("rows") + 1;
    fs::write(results.join("branches.csv"), &text_of[..cut]).expect("a table");
    assert!(analysed(&batch(&[])) && invariant_bytes(&results) == whole);
    // A tile that the table names.
    let tile = fs::read_dir(&other).expect("tiles").flatten().map(|entry| entry.path());
    let tile = tile.filter(|path| path.extension().is_some_and(|end| end == "tif")).min().expect("a tile");
    fs::copy(&tile, tiles.join(tile.file_name().expect("a name"))).expect("a copy");
    assert!(analysed(&batch(&["--overwrite"])) && invariant_bytes(&results) != whole);
}

#[test]
fn what_a_batch_cannot_do_is_refused_before_it_begins() {
    let images = Images::new();
    let one = images.draw("one.npy", [12, 20, 24]);
    let out = text(&images.at("out")).to_owned();
    for (options, words) in [
        (vec!["--state", "state"], "--state is for one image"),
        (vec!["--group", "a=one", "--group", "b=three"], "three is none of the samples"),
        (vec!["--group", "a=one"], "nothing to be compared with"),
        (vec!["--jobs", "0"], "--jobs is 0"),
        (vec!["--sigma", "2"], "--threshold"),
    ] {
        let outcome = images.batch(&[&one], &options);
        assert!(outcome.code == 2 && outcome.stderr.contains(words), "{options:?}: {}", outcome.stderr);
        assert!(!images.at("out").exists(), "{options:?}");
    }
    let none = anabranch(["batch", "--out", &out]);
    assert!(none.code == 2 && none.stderr.contains("IMAGES"), "{}", none.stderr);
}

#[test]
fn what_the_folder_of_a_batch_cannot_hold_is_refused_before_any_analysis() {
    let images = Images::new();
    let all: Vec<String> = ["one.npy", "..npy", "...npy", "compare.html.npy", "Batch.json.npy"]
        .iter()
        .map(|name| images.draw(name, [12, 20, 24]))
        .collect();
    let out = images.at("out");
    for image in &all[1..] {
        let outcome = images.batch(&[&all[0], image], &[]);
        let said = &outcome.stderr;
        assert!(outcome.code == 2 && said.contains(image.as_str()) && said.contains("rename the image"), "{outcome:?}");
        assert!(!out.exists() && outcome.stdout.is_empty(), "{outcome:?}");
    }
    // The results of one run.
    succeed(&["run", &all[0], "--out", text(&out), "--quiet"]);
    let before = files_under(&out);
    let outcome = images.batch(&[&all[0]], &["--overwrite"]);
    let said = "branches.csv: is there already, and was not written by this command";
    assert!(outcome.code == 73 && outcome.stderr.contains(said) && outcome.stdout.is_empty(), "{outcome:?}");
    assert!(files_under(&out) == before);
}

#[test]
fn a_batch_keeps_its_status() {
    let images = Images::new();
    let [one, two] = ["one.npy", "two.npy"].map(|name| images.draw(name, [12, 20, 24]));
    let broken = text(&images.at("broken.npy")).to_owned();
    fs::write(&broken, "no array").expect("a file");
    let status = text(&images.at("status.json")).to_owned();
    let known = || read_json(images.0.path(), "status.json");
    let outcome = images.batch(&[&one, &two], &["--status", &status]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let told = known();
    let counts = [&told["done"], &told["total"], &told["share"]].map(|it| it.as_f64());
    assert_eq!(
        (&told["state"], &told["phase"], counts),
        (&"done".into(), &"writing".into(), [2.0, 2.0, 1.0].map(Some))
    );
    assert_eq!(told["results"], text(&images.at("out")));
    // None has results.
    let outcome = images.batch(&[&broken], &["--status", &status]);
    let told = known();
    assert_eq!(
        (outcome.code, &told["state"], &told["phase"]),
        (65, &"failed".into(), &"analysing".into()),
        "{outcome:?}"
    );
    assert_eq!((&told["done"], &told["total"], &told["results"]), (&1.into(), &1.into(), &serde_json::Value::Null));
}

#[cfg(target_os = "linux")]
#[test]
fn an_image_whose_process_is_killed_fails_and_is_no_defect() {
    let images = Images::new();
    let small = images.draw("small.npy", [12, 20, 24]);
    let [large, status] = ["large.zarr", "status.json"].map(|name| text(&images.at(name)).to_owned());
    succeed(&["phantom", large.as_str(), "--shape", "160,160,160", "--quiet"]);
    let out = images.at("out");
    let call = ["batch", &small, &large, "--out", text(&out), "--workers", "1", "--status", &status];
    let running = Running::start(call);
    wait_until("the second image is begun", || out.join("large/.anabranch-partial").exists());
    let told = read_json(images.0.path(), "status.json");
    assert_eq!((&told["phase"], &told["done"], &told["total"]), (&"analysing".into(), &1.into(), &2.into()));
    let children = running.children();
    assert_eq!(children.len(), 1);
    for child in children {
        let sent = std::process::Command::new("kill").args(["-KILL", &child.to_string()]).status();
        assert!(sent.expect("a command to send signals").success());
    }
    let outcome = running.end();
    assert_eq!(outcome.code, 74, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("large: its process was killed"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--memory") && !outcome.stderr.contains("--jobs"), "{}", outcome.stderr);
    assert_eq!(lines(&out, "samples.csv").len(), 2, "the other image has results");
}

#[test]
fn an_interrupted_batch_leaves_complete_results_only() {
    let images = Images::new();
    let small = images.draw("small.npy", [12, 20, 24]);
    let large = text(&images.at("large.zarr")).to_owned();
    succeed(&["phantom", large.as_str(), "--shape", "160,160,160", "--quiet"]);
    let out = images.at("out");
    let running = Running::start(["batch", &small, &large, "--out", text(&out), "--workers", "1"]);
    wait_until("the second image is begun", || out.join("large/.anabranch-partial").exists());
    let children = running.children();
    let outcome = running.interrupt();
    assert_eq!(outcome.code, 130, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("what was complete before is kept"), "{}", outcome.stderr);
    assert!(out.join("small/run.json").exists() && !out.join("samples.csv").exists());
    for child in children {
        wait_until("the process of the image ends", || !Path::new(&format!("/proc/{child}")).exists());
    }
    assert!(!out.join("large").exists(), "nothing is left of the second image");
    let again = anabranch(["batch", &small, &large, "--out", text(&out)]);
    assert!(again.code == 0 && again.stdout.contains("small: kept"), "{} {}", again.stdout, again.stderr);
}
