//! Promise: whatever happens to a run with a state, or to the state, the next run ends with the same outputs.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::draw::tangle;
use crate::image::{CHECKED, Image, PLAIN};
use crate::scene::{Scene, at};
use crate::sequential::Mask;
use crate::support::{anabranch_with_little_disk, files_under, wait_until};

/// A mask with work in all of its 6 x 6 x 6 chunks.
fn busy() -> Scene {
    let tangle = tangle([48, 48, 48]);
    let mask = Mask::from_fn(tangle.shape, |p| {
        tangle.get(p) || p.map(|n| n / 3).iter().fold(11i64, |a, b| (a * 31 + b) ^ a >> 3) % 3 == 0
    });
    Scene::of(&Image::woven(&mask, "uint8"), &[8; 3], PLAIN)
}

/// A mask in 2 x 2 x 3 chunks, with noticed damage.
fn small() -> Scene {
    Scene::of(&Image::of_mask(&tangle([16, 16, 24])), &[8; 3], CHECKED)
}

/// What is there of the outputs, without traces of a killed run.
fn outputs(scene: &Scene) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = files_under(&scene.path("out")).into_iter();
    files.filter(|(path, _)| !path.starts_with(".anabranch-partial")).collect()
}

/// A number from 0 to 1, another one every time.
pub(crate) fn random() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

#[test]
fn a_run_that_is_killed_is_taken_up_and_reads_nothing_twice() {
    let scene = busy();
    let (all, some) = (scene.places().len() as u64, ["--workers", "2"]);
    let mut saved = 0;
    for (kind, count) in [("masks", 20), ("masks", 120), ("masks", 216), ("thinned", 1), ("thinned", 150)] {
        let _ = fs::remove_dir_all(scene.path("state"));
        let _ = fs::remove_dir_all(scene.path("out"));
        scene.kill_once("run", &some, || scene.records(kind).len() >= count);
        let known = scene.records("masks").len() as u64;
        let told = scene.run(&some);
        let (read, _) = scene.log();
        assert!(read + known <= all, "{read} of {all} chunks were read, though {known} were known: {told:?}");
        saved += u64::from(0 < known && read < all);
        scene.assert_as_from_scratch(&[]);
        assert_eq!(scene.work(&some), (0, 0));
    }
    assert!(saved > 0, "every kill came too early");
}

#[test]
fn a_run_may_be_killed_again_and_again() {
    let mut scene = busy();
    scene.run(&[]);
    let image = scene.image.clone();
    let started = Instant::now();
    scene.run(&["--verify"]);
    let usual = started.elapsed();
    for kill in 0..6u32 {
        for place in [[1, 1, 1], [4, 2, kill as usize % 6], [0, kill as usize % 6, 5]] {
            let shift = kill as usize;
            scene.put(place, |p| at(&image, p.map(|n| (n + shift) % 48)));
        }
        let (begin, end) = (Instant::now(), usual.mul_f64(random()));
        println!("killed after {end:?}");
        scene.kill_once("run", &[], || begin.elapsed() >= end);
    }
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
    assert_eq!(scene.work(&[]), (0, 0));
}

#[test]
fn watch_may_be_killed_and_goes_on_where_it_was() {
    let mut scene = busy();
    let image = scene.image.clone();
    for (kind, count) in [("masks", 100), ("thinned", 30)] {
        scene.kill_once("watch", &["--quiet"], || scene.records(kind).len() >= count);
    }
    let known = scene.records("masks").len();
    assert!(known >= 100);
    let mut watch = scene.watch(&["--quiet"]);
    scene.wait_as_from_scratch(&[], &mut watch);
    for kill in 0..3 {
        scene.put([2, 3, kill], |p| 1.0 - at(&image, p).min(1.0));
        // It settles for some of this time, and works for some.
        let moment = Duration::from_secs(1).mul_f64(random());
        println!("killed after {moment:?}");
        std::thread::sleep(moment);
        watch.kill();
        watch = scene.watch(&["--quiet"]);
    }
    scene.wait_as_from_scratch(&[], &mut watch);
    assert_eq!(watch.interrupt().code, 0);
    assert_eq!(scene.work(&[]), (0, 0));
    scene.assert_as_from_scratch(&[]);
}

#[test]
fn records_that_are_harmed_are_named_and_made_again() {
    let mut scene = small();
    let image = scene.image.clone();
    scene.run(&[]);
    for place in scene.places() {
        scene.put(place, |p| at(&image, [p[0], p[1], 23 - p[2]]));
    }
    let earlier =
        scene.records("thinned").into_iter().map(|(_, file)| (file.clone(), fs::read(&file).expect("a record")));
    let earlier: Vec<_> = earlier.collect();
    scene.run(&[]);
    for kind in ["masks", "thinned"] {
        let records = scene.records(kind);
        let ((chunk, file), (_, other)) = (&records[1], &records[2]);
        let whole = fs::read(file).expect("a record");
        let flipped = |at: usize, by: u8| {
            let mut bytes = whole.clone();
            bytes[at] ^= by;
            bytes
        };
        for (harmed, says) in [
            (whole[..whole.len() / 2].to_vec(), "ends too early"),
            (whole[..40].to_vec(), "ends too early"),
            (Vec::new(), "ends too early"),
            (flipped(whole.len() - 1, 1), "is damaged"),
            (flipped(70, 0x80), "is damaged"),
            (fs::read(other).expect("a record"), "is of another chunk"),
            (versioned(&whole, 200), "is of another version"),
        ] {
            fs::write(file, harmed).expect("a writable folder");
            let told = scene.run(&["--quiet"]).stderr;
            // Neighbours of a chunk whose thinning is not known cannot rely on theirs.
            let known = |line: &&str| line.contains("contradicts that of a neighbour") || line.contains("more such");
            let others = told.lines().skip(1).filter(|line| !known(line));
            assert!(told.starts_with(&format!("warning: chunk {chunk}: its record {says}")), "{told}");
            assert!(others.count() == 0 && (kind == "thinned" || told.lines().count() == 1), "{told}");
            scene.assert_as_from_scratch(&[]);
            assert_eq!(scene.run(&["--quiet"]).stderr, "");
        }
    }
    // All but one of another epoch: they contradict that one, and the masks that are there now.
    let now: Vec<_> = earlier.iter().map(|(file, _)| fs::read(file).ok()).collect();
    let mixed = earlier.iter().zip(&now).skip(1).filter(|((_, before), now)| Some(before) != now.as_ref());
    assert!(mixed.clone().count() > 2);
    for ((file, before), _) in mixed {
        fs::write(file, before).expect("a writable folder");
    }
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
    assert_eq!(scene.run(&["--quiet"]).stderr, "");
}

/// A record of another version of the format, whole by its own account: the last eight bytes of the header are its hash.
fn versioned(record: &[u8], version: u8) -> Vec<u8> {
    let mut bytes = record.to_vec();
    bytes[8] = version;
    let hash = twox_hash::XxHash3_64::oneshot(&bytes[..80]);
    bytes[80..88].copy_from_slice(&hash.to_le_bytes());
    bytes
}

#[test]
fn a_full_disk_leaves_the_last_outputs_whole() {
    let mut scene = busy();
    let image = scene.image.clone();
    scene.run(&[]);
    let before = outputs(&scene);
    for place in scene.places().into_iter().step_by(3) {
        scene.put(place, |p| at(&image, [p[2], p[1], p[0]]));
    }
    for kib in [0, 1, 8, 60] {
        let call = scene.call("run", &["--quiet"]);
        let call: Vec<&str> = call.iter().map(String::as_str).collect();
        let outcome = anabranch_with_little_disk(kib, &call);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (74, 1), "{kib} KiB: {outcome:?}");
        assert!(outcome.stderr.contains("disk"), "{outcome:?}");
        assert!(outputs(&scene) == before, "with {kib} KiB");
    }
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
}

#[test]
fn a_state_that_cannot_be_written_is_said_in_a_sentence() {
    let mut scene = small();
    scene.run(&[]);
    let before = outputs(&scene);
    scene.put([0, 0, 0], |_| 0.0);
    for place in ["masks", "thinned", "state.json"] {
        let (path, aside) = (scene.path("state").join(place), scene.path("aside"));
        fs::rename(&path, &aside).expect("a writable folder");
        if place == "state.json" {
            fs::create_dir(&path).expect("a writable folder");
        } else {
            fs::write(&path, "in the way").expect("a writable folder");
        }
        let outcome = scene.try_run(&["--quiet"]);
        assert!([73, 74].contains(&outcome.code) && outcome.stderr.lines().count() == 1, "{place}: {outcome:?}");
        assert!(outcome.stderr.contains("state"), "{outcome:?}");
        assert!(outputs(&scene) == before, "{place}");
        if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.expect("a writable folder");
        fs::rename(&aside, &path).expect("a writable folder");
    }
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
}

#[test]
fn a_chunk_that_cannot_be_read_ends_a_run_and_what_was_there_stays() {
    for options in [&[][..], &["--sigma", "0.7", "--threshold", "otsu"]] {
        let image = Image::of_mask(&tangle([16, 16, 24]));
        let values = image.values.iter().map(|value| 3.0 + 90.0 * value).collect();
        let image = Image { values, dtype: "uint8".into(), ..image };
        let options = if options.is_empty() { &["--threshold", "9"] } else { options };
        let mut scene = Scene::of(&image, &[8; 3], CHECKED);
        scene.run(options);
        let before = outputs(&scene);
        scene.put([1, 0, 1], |p| at(&image, [p[0], p[1], 0]));
        let whole = scene.encode([0, 1, 2], |p| at(&image, [p[2] % 16, p[1], p[0]]));
        let mut garbage = whole.clone();
        garbage[100] ^= 1;
        scene.write([0, 1, 2], &garbage);
        for _ in 0..2 {
            let outcome = scene.try_run(options);
            let errors = outcome.stderr.lines().filter(|line| !line.starts_with("warning")).count();
            assert_eq!((outcome.code, errors), (65, 1), "{outcome:?}");
            assert!(outcome.stderr.contains("c/0/1/2"), "{outcome:?}");
            assert!(outputs(&scene) == before);
        }
        scene.write([0, 1, 2], &whole);
        scene.run(options);
        scene.assert_as_from_scratch(options);
        assert_eq!(scene.work(options), (0, 0));
    }
}

#[test]
fn watch_waits_for_a_chunk_that_cannot_be_read_and_follows_the_others() {
    let mut scene = small();
    let image = scene.image.clone();
    let mut watch = scene.watch(&[]);
    scene.wait_as_from_scratch(&[], &mut watch);
    let before = scene.image.clone();
    let whole = scene.encode([0, 1, 2], |p| at(&image, [p[2] % 16, p[1], p[0]]));
    let after = std::mem::replace(&mut scene.image, before);
    scene.write([0, 1, 2], &whole[..100]);
    scene.put([1, 0, 1], |_| 0.0);
    scene.wait_as_from_scratch(&[], &mut watch);
    for (index, value) in scene.image.values.iter_mut().enumerate() {
        let [z, y, x] = [index / (16 * 24), index / 24 % 16, index % 24];
        if z < 8 && y >= 8 && x >= 16 {
            *value = at(&after, [z, y, x]);
        }
    }
    scene.write([0, 1, 2], &whole);
    scene.wait_as_from_scratch(&[], &mut watch);
    let outcome = watch.interrupt();
    assert_eq!(outcome.code, 0);
    assert!(outcome.stderr.contains("c/0/1/2") && outcome.stderr.contains("being written"), "{outcome:?}");
    assert!(outcome.stdout.contains("Ctrl-C ends") && outcome.stdout.contains("the state is kept"), "{outcome:?}");
    wait_until("the lock is free", || Path::new(&scene.path("out/run.json")).exists());
    assert_eq!(scene.work(&[]), (0, 0));
}
