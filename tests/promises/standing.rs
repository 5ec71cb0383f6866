//! Promise: a run that would make the outputs that are there leaves them, and takes no others for them.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use serde_json::Value;

use crate::crash::random;
use crate::draw::tangle;
use crate::image::{CHECKED, Image, PLAIN};
use crate::scene::{Scene, at, set_time};
use crate::sequential::Mask;
use crate::support::{Outcome, files_under, succeed, wait_until};

/// A mask in 2 x 2 x 3 chunks.
fn small() -> Scene {
    Scene::of(&Image::of_mask(&tangle([16, 16, 24])), &[8; 3], PLAIN)
}

/// Runs, and tells whether the outputs were left as they were.
fn stands(scene: &Scene, options: &[&str]) -> bool {
    scene.run(options).stdout.contains("nothing has changed")
}

/// The warnings of a run. On a busy machine its progress comes beside them.
fn warnings(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().filter(|line| line.starts_with("warning")).collect()
}

/// The time of a file.
fn time_of(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|metadata| metadata.modified()).expect("a time")
}

/// The outputs with their times, but for `run.json`.
fn outputs(scene: &Scene) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let out = scene.path("out");
    let files = files_under(&out).into_iter().filter(|(name, _)| name != Path::new("run.json"));
    files.map(|(name, bytes)| (name.clone(), (bytes, time_of(&out.join(name))))).collect()
}

/// The outputs without times.
fn bytes(scene: &Scene) -> BTreeMap<PathBuf, Vec<u8>> {
    outputs(scene).into_iter().map(|(name, (bytes, _))| (name, bytes)).collect()
}

/// Copies a folder and all below it, with or without the times of files.
fn copy(from: &Path, to: &Path, with_times: bool) {
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if from.is_dir() {
            copy(&from, &to, with_times);
            continue;
        }
        fs::copy(&from, &to).expect("a writable folder");
        if with_times {
            let file = File::options().write(true).open(&to).expect("a writable file");
            file.set_times(FileTimes::new().set_modified(time_of(&from))).expect("a file with times");
        }
    }
}

/// Puts a copy of a folder in its place, with the times of its files.
fn put_back(scene: &Scene, from: &Path, name: &str) {
    fs::remove_dir_all(scene.path(name)).expect("a folder");
    copy(from, &scene.path(name), true);
}

#[test]
fn outputs_of_what_has_not_changed_are_left_and_the_run_says_so() {
    let whole = tangle([16, 16, 24]);
    let noisy: Vec<f64> = Image::of_mask(&whole).values.iter().map(|value| 90.0 * value + 7.0).collect();
    let gray = Image { values: noisy, dtype: "uint8".into(), ..Image::of_mask(&whole) };
    for (image, options) in [
        (Image::of_mask(&whole), &[][..]),
        (gray.clone(), &["--sigma", "0.8", "--threshold", "40"][..]),
        (gray, &["--threshold", "otsu", "--objects", "--object-labels", "--export", "swc"][..]),
    ] {
        let mut scene = Scene::of(&image, &[8; 3], PLAIN);
        let with = |more: &[&'static str]| [options, more].concat();
        assert!(!stands(&scene, options));
        let before = outputs(&scene);
        for more in [&[][..], &["--workers", "3"], &["--processes", "2"], &["--overwrite"]] {
            assert!(stands(&scene, &with(more)), "{options:?} {more:?}");
            assert!(outputs(&scene) == before && scene.log() == (0, 0), "{options:?} {more:?}");
        }
        scene.assert_as_from_scratch(options);
        assert!(!stands(&scene, &with(&["--verify"])), "{options:?}");
        assert!(stands(&scene, options), "{options:?}");
        scene.put([0, 1, 1], |p| at(&image, [p[0], p[1], 23 - p[2]]));
        assert!(!stands(&scene, options), "{options:?}");
        scene.assert_as_from_scratch(options);
        assert!(stands(&scene, options), "{options:?}");
        scene.remove([1, 1, 2]);
        assert!(!stands(&scene, options), "{options:?}");
        scene.assert_as_from_scratch(options);
    }
}

#[test]
fn a_run_that_leaves_its_outputs_tells_of_them_as_other_runs_do() {
    // A rod, and a cube of which Lee's method leaves nothing: a warning of the results.
    let mask = Mask::from_fn([16, 16, 24], |[z, y, x]| {
        (z == 4 && y == 4 && x < 20) || [z, y, x].iter().all(|n| (10..12).contains(n))
    });
    let mut scene = Scene::of(&Image::woven(&mask, "uint8"), &[8; 3], PLAIN);
    let told = scene.run(&[]);
    assert!(told.stderr.contains("warning"), "{told:?}");
    let events =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect() };
    let again = events(&scene.run(&["--log-format", "json"]).stderr);
    let summary = again.iter().find(|event| event["event"] == "summary").expect("a summary");
    let kept: Value =
        serde_json::from_slice(&fs::read(scene.path("out/summary.json")).expect("a summary")).expect("JSON");
    assert!(summary["unchanged"] == true && summary["branches"] == kept["branches"], "{again:?}");
    let said = again.iter().filter(|event| event["event"] == "warning").count();
    assert_eq!(said, warnings(&told).len(), "{again:?}");
    assert_eq!(said, kept["warnings"].as_array().map_or(0, Vec::len), "{again:?}");
    // Of other options, those that are errors by these warnings are not left.
    assert_eq!(scene.try_run(&["--strict"]).code, 65);
    assert_eq!(scene.run(&["--quiet"]).stdout, "");
    // A report of the results goes with them.
    let page = scene.path("out/report.html");
    succeed(&["report", scene.path("out").to_str().expect("UTF-8"), "--quiet"]);
    assert!(stands(&scene, &[]) && page.exists());
    scene.put([0, 0, 0], |_| 1.0);
    assert!(!stands(&scene, &[]) && !page.exists());
}

#[test]
fn outputs_that_somebody_has_changed_are_made_again() {
    let scene = small();
    scene.run(&[]);
    let (before, out) = (bytes(&scene), scene.path("out"));
    for (at, (name, bytes_of)) in before.iter().enumerate() {
        let (file, time) = (out.join(name), time_of(&out.join(name)));
        let is_whole_output = name.components().count() == 1;
        match at % 3 {
            0 => fs::remove_file(&file).expect("a file"),
            1 if is_whole_output && !bytes_of.is_empty() => {
                // Neither length nor time tell.
                let mut changed = bytes_of.clone();
                *changed.last_mut().expect("a byte") ^= 1;
                fs::write(&file, changed).expect("a writable file");
                set_time(&file, time);
            }
            _ => fs::write(&file, &bytes_of[..bytes_of.len() / 2]).expect("a writable file"),
        }
        assert!(!stands(&scene, &[]), "{}", name.display());
        assert!(bytes(&scene) == before, "{}", name.display());
    }
    fs::write(out.join("skeleton.zarr/more"), "mine").expect("a writable folder");
    assert!(!stands(&scene, &[]) && bytes(&scene) == before);
    fs::remove_file(scene.path("changes.csv")).expect("a file");
    assert!(!stands(&scene, &[]));
    scene.assert_as_from_scratch(&[]);
    assert!(stands(&scene, &[]));
    // What is no output of the run is not left among them in silence.
    fs::write(out.join("objects.csv"), "mine").expect("a writable folder");
    let outcome = scene.try_run(&[]);
    assert!(outcome.code == 73 && outcome.stderr.contains("objects.csv"), "{outcome:?}");
    fs::remove_file(out.join("objects.csv")).expect("a file");
    fs::write(out.join("run.json"), "{}").expect("a writable folder");
    assert_eq!(scene.try_run(&[]).code, 73);
}

#[test]
fn an_index_that_is_harmed_is_named_and_one_of_another_epoch_is_not_used() {
    let mut scene = small();
    scene.run(&[]);
    let (index, before) = (scene.path("state/index"), bytes(&scene));
    let first = fs::read(&index).expect("an index");
    let flipped = |at: usize| {
        let mut bytes = first.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (harmed, says) in [
        (first[..first.len() / 2].to_vec(), "ends too early"),
        (Vec::new(), "ends too early"),
        (flipped(0), "is damaged"),
        (flipped(40), "is damaged"),
        (flipped(first.len() - 1), "is damaged"),
        ([&first[..], b"more"].concat(), "is damaged"),
        (flipped(8), "is of another version"),
    ] {
        fs::write(&index, harmed).expect("a writable file");
        let told = scene.run(&[]);
        let named = format!("the index {says}");
        assert!(warnings(&told).len() == 1 && warnings(&told)[0].contains(&named), "{told:?}");
        assert!(!told.stdout.contains("nothing has changed") && bytes(&scene) == before, "{told:?}");
        let told = scene.run(&[]);
        assert!(told.stdout.contains("nothing has changed") && warnings(&told).is_empty(), "{told:?}");
    }
    fs::remove_file(&index).expect("a file");
    assert!(!stands(&scene, &[]) && stands(&scene, &[]));
    // Everything of the first epoch is kept aside, and one thing after the other put back.
    let (state, out, image) = (scene.path("first/state"), scene.path("first/out"), scene.image.clone());
    copy(&scene.path("state"), &state, true);
    copy(&scene.path("out"), &out, true);
    let file = scene.file([0, 0, 1]);
    let (chunk, time) = (fs::read(&file).expect("a chunk"), time_of(&file));
    scene.put([0, 0, 1], |_| 0.0);
    scene.run(&[]);
    fs::copy(state.join("index"), &index).expect("a writable file");
    assert!(!stands(&scene, &[]));
    scene.assert_as_from_scratch(&[]);
    fs::write(&file, chunk).expect("a writable file");
    set_time(&file, time);
    scene.image = image;
    fs::copy(state.join("index"), &index).expect("a writable file");
    put_back(&scene, &out, "out");
    // Those outputs are right, but the records tell of others.
    assert!(!stands(&scene, &[]));
    scene.assert_as_from_scratch(&[]);
    put_back(&scene, &state, "state");
    put_back(&scene, &out, "out");
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
}

#[test]
fn a_state_may_be_copied_elsewhere() {
    let scene = small();
    scene.run(&[]);
    for with_times in [true, false] {
        fs::rename(scene.path("state"), scene.path("before")).expect("a writable folder");
        copy(&scene.path("before"), &scene.path("state"), with_times);
        fs::remove_dir_all(scene.path("before")).expect("a folder");
        let told = scene.run(&[]);
        assert!(told.stdout.contains("nothing has changed") == with_times && warnings(&told).is_empty(), "{told:?}");
        assert_eq!(scene.log(), (0, 0));
        scene.assert_as_from_scratch(&[]);
    }
    // With other outputs.
    let text = |name: &str| scene.path(name).to_str().expect("UTF-8").to_owned();
    let call = ["run", &text("image.zarr"), "--out", &text("second"), "--state", &text("state"), "--chunk", "8"];
    assert!(!succeed(&call).stdout.contains("nothing has changed"));
    assert!(succeed(&call).stdout.contains("nothing has changed"));
    let [first, second] = ["out", "second"].map(|name| fs::read(scene.path(name).join("branches.csv")).ok());
    assert!(first == second && first.is_some());
    // Those of another run, which were made from the state once.
    assert_eq!(scene.try_run(&[]).code, 73);
}

#[test]
fn other_parameters_make_other_outputs_and_the_same_ones_leave_them() {
    let scene = small();
    for options in [
        &[][..],
        &["--spacing", "2,1,1"],
        &["--spacing", "2,1,1", "--prune", "3"],
        &["--picture-colour", "radius"],
        &["--picture-format", "svg"],
        &["--export", "swc"],
        &["--export", "swc,vtp"],
        &["--objects"],
        &["--method", "homotopic"],
        &["--longest-path", "--chunk", "12"],
        &[],
    ] {
        let outcome = scene.try_run(options);
        if outcome.stderr.contains("give --changes another") {
            // Another table.
            fs::remove_file(scene.path("changes.csv")).expect("a file");
            for name in ["nodes", "skeletons", "objects"] {
                let _ = fs::remove_file(scene.path(&format!("changes.{name}.csv")));
            }
        } else {
            assert!(outcome.code == 0 && !outcome.stdout.contains("nothing has changed"), "{options:?}: {outcome:?}");
        }
        scene.run(options);
        scene.assert_as_from_scratch(options);
        assert!(stands(&scene, options), "{options:?}");
    }
}

#[test]
fn a_mask_or_an_atlas_that_has_changed_is_noticed() {
    let scene = small();
    let whole = Mask::from_fn([16, 16, 24], |[z, _, x]| z > 2 && x < 20);
    let half = Mask::from_fn([16, 16, 24], |[z, _, x]| z > 2 && x < 11);
    let now = SystemTime::now();
    let write = |name: &str, mask: &Mask, age: u64| {
        Image::woven(mask, "uint8").write_npy(&scene.path(name));
        set_time(&scene.path(name), now - Duration::from_secs(100 * age));
    };
    for option in ["--mask", "--atlas"] {
        let beside = scene.path("beside.npy").to_str().expect("UTF-8").to_owned();
        let options = [option, &beside];
        write("beside.npy", &whole, 2);
        let _ = fs::remove_dir_all(scene.path("state"));
        let _ = fs::remove_dir_all(scene.path("out"));
        for file in fs::read_dir(scene.path("")).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if file.to_string_lossy().contains("changes") {
                fs::remove_file(file).expect("a file");
            }
        }
        assert!(!stands(&scene, &options) && stands(&scene, &options), "{option}");
        write("beside.npy", &half, 1);
        assert!(!stands(&scene, &options), "{option}");
        scene.assert_as_from_scratch(&options);
        assert!(stands(&scene, &options), "{option}");
        // So young that it may still be written to.
        set_time(&scene.path("beside.npy"), SystemTime::now() + Duration::from_secs(3600));
        assert!(!stands(&scene, &options) && !stands(&scene, &options), "{option}");
    }
}

#[test]
fn a_state_in_use_is_refused_even_where_nothing_has_changed() {
    let scene = small();
    assert!(!stands(&scene, &[]) && stands(&scene, &[]));
    let status = scene.path("status.json");
    let mut watch = scene.watch(&["--quiet", "--status", status.to_str().expect("UTF-8")]);
    let phase = || {
        let status: Option<Value> = fs::read(&status).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        status.is_some_and(|status| status["phase"] == "waiting")
    };
    wait_until("it has its state", || watch.has_ended() || phase());
    let outcome = scene.try_run(&[]);
    assert!(outcome.code == 73 && outcome.stderr.contains("another run"), "{outcome:?}");
    assert_eq!(watch.interrupt().code, 0);
    scene.run(&[]);
    assert!(stands(&scene, &[]));
}

#[test]
fn a_run_that_leaves_its_outputs_may_be_killed_too() {
    let mut scene = Scene::of(&Image::woven(&tangle([24, 24, 24]), "uint8"), &[8; 3], CHECKED);
    let image = scene.image.clone();
    let started = Instant::now();
    scene.run(&[]);
    let usual = started.elapsed();
    let started = Instant::now();
    assert!(stands(&scene, &[]));
    let short = started.elapsed();
    // What is left by one that is killed while it writes the index.
    fs::write(scene.path("state/index.writing"), "half of an index").expect("a writable folder");
    scene.put([0, 1, 2], |p| at(&image, p.map(|n| (n + 6) % 24)));
    assert!(!stands(&scene, &[]) && stands(&scene, &[]));
    for kill in 0..6usize {
        // Killed in a run that has something to do, or nothing.
        let longest = if kill % 2 == 0 { short } else { usual };
        if kill % 2 == 1 {
            scene.put([kill % 3, 1, 2], |p| at(&image, p.map(|n| (n + kill) % 24)));
        }
        for _ in 0..2 {
            let (begin, end) = (Instant::now(), longest.mul_f64(random()));
            println!("killed after {end:?}");
            scene.kill_once("run", &[], || begin.elapsed() >= end);
        }
        scene.run(&[]);
        scene.assert_as_from_scratch(&[]);
        assert!(stands(&scene, &[]));
    }
}

/// What happens between two runs, besides edits.
#[derive(Clone, Copy, Debug)]
enum Accident {
    Nothing,
    IndexGone,
    IndexFlipped(usize),
    /// The index of an earlier epoch, with all else of the present one.
    IndexOfBefore,
    /// As a run leaves it that was killed before its outputs were in place.
    OutputsOfBefore,
    /// As if outputs had been put in place before records.
    StateOfBefore,
    AllOfBefore,
    OutputChanged(prop::sample::Index),
    RecordChanged(prop::sample::Index),
    Smaller,
    Whole,
}

fn accidents() -> impl Strategy<Value = Accident> {
    prop_oneof![
        2 => Just(Accident::Nothing),
        1 => Just(Accident::IndexGone),
        1 => (0usize..72).prop_map(Accident::IndexFlipped),
        2 => Just(Accident::IndexOfBefore),
        2 => Just(Accident::OutputsOfBefore),
        2 => Just(Accident::StateOfBefore),
        2 => Just(Accident::AllOfBefore),
        1 => any::<prop::sample::Index>().prop_map(Accident::OutputChanged),
        1 => any::<prop::sample::Index>().prop_map(Accident::RecordChanged),
        1 => Just(Accident::Smaller),
        1 => Just(Accident::Whole),
    ]
}

/// Lets it happen; `before` is a folder with outputs and state of an earlier epoch.
fn happen(scene: &mut Scene, accident: Accident, before: &Path) {
    let index = scene.path("state/index");
    let halve = |file: &Path| {
        let bytes = fs::read(file).expect("a file");
        fs::write(file, &bytes[..bytes.len() / 2]).expect("a writable file");
    };
    match accident {
        Accident::Nothing => {}
        Accident::IndexGone => fs::remove_file(index).expect("a file"),
        Accident::IndexFlipped(at) => {
            let mut bytes = fs::read(&index).expect("an index");
            bytes[at] ^= 0x10;
            fs::write(index, bytes).expect("a writable file");
        }
        Accident::IndexOfBefore => _ = fs::copy(before.join("state/index"), index).expect("an index"),
        Accident::OutputsOfBefore => put_back(scene, &before.join("out"), "out"),
        Accident::StateOfBefore => put_back(scene, &before.join("state"), "state"),
        Accident::AllOfBefore => {
            put_back(scene, &before.join("out"), "out");
            put_back(scene, &before.join("state"), "state");
        }
        Accident::OutputChanged(which) => {
            let names: Vec<PathBuf> = outputs(scene).into_keys().collect();
            halve(&scene.path("out").join(which.get(&names)));
        }
        Accident::RecordChanged(which) => {
            let records = [scene.records("masks"), scene.records("thinned")].concat();
            halve(&which.get(&records).1);
        }
        Accident::Smaller => scene.resize(&[12, 16, 20]),
        Accident::Whole => scene.resize(&[16, 16, 24]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn whatever_happens_between_runs_the_outputs_are_those_of_a_run_from_scratch(
        epochs in prop::collection::vec(
            (prop::collection::vec((any::<prop::sample::Index>(), 0usize..3), 0..3), accidents(), any::<bool>()),
            1..5,
        ),
    ) {
        let whole = tangle([16, 16, 24]);
        let images = [Image::of_mask(&whole), Image::of_mask(&Mask::from_fn(whole.shape, |p| p.iter().sum::<i64>() % 3 == 0))];
        let mut scene = Scene::of(&images[0], &[8; 3], PLAIN);
        scene.run(&[]);
        let before = scene.path("before");
        for name in ["out", "state"] {
            copy(&scene.path(name), &before.join(name), true);
        }
        for (edits, accident, is_kept) in epochs {
            for (index, which) in edits {
                let place = *index.get(&scene.places());
                match images.get(which) {
                    Some(image) => scene.put(place, |p| at(image, p)),
                    None => scene.remove(place),
                }
            }
            happen(&mut scene, accident, &before);
            scene.run(&[]);
            scene.assert_as_from_scratch(&[]);
            let made = outputs(&scene);
            prop_assert!(stands(&scene, &[]), "{accident:?}");
            prop_assert!(outputs(&scene) == made);
            scene.assert_as_from_scratch(&[]);
            if is_kept {
                fs::remove_dir_all(&before).expect("a folder");
                for name in ["out", "state"] {
                    copy(&scene.path(name), &before.join(name), true);
                }
            }
        }
    }
}
