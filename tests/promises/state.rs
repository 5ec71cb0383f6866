//! Promise: `run --state` gives what a plain run on the same content gives, at the cost of what has changed.

use std::fs;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::draw::tangle;
use crate::image::{CHECKED, Image, PLAIN};
use crate::scene::{Scene, at, set_time};
use crate::sequential::Mask;
use crate::support::{anabranch, files_under, succeed, wait_until};

/// Options that make masks of the gray image in [`gray`], and none.
const MASKS: [&[&str]; 14] = [
    &["--threshold", "30"],
    &["--sigma", "0.8", "--threshold", "40"],
    &["--sigma", "0.6,0,1.1", "--threshold", "otsu"],
    &["--threshold", "otsu"],
    &["--threshold", "30", "--prune", "4", "--prune-ratio", "1.5", "--keep-border"],
    &["--sigma", "0.7", "--below", "otsu"],
    &["--threshold", "triangle"],
    &["--sigma", "0.7", "--below", "triangle"],
    &["--threshold", "li"],
    &["--sigma", "0.7", "--threshold", "li"],
    &["--threshold", "30", "--method", "homotopic"],
    &["--threshold", "22", "--remove-smaller", "12", "--keep-largest", "2", "--connectivity", "6"],
    &["--threshold", "30", "--fill-holes", "--remove-smaller", "5", "--objects"],
    &["--threshold", "hysteresis:20,100", "--fill-holes=12"],
];

/// A mask as a noisy image, the same every time for a seed.
fn gray(mask: &Mask, dtype: &str, seed: u64) -> Image {
    let value = |index: usize| {
        let noise = (index as u64 ^ seed << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        noise as f64 % 25.0 + if mask.voxels[index] { 80.0 } else { 0.0 }
    };
    let values = (0..mask.voxels.len()).map(value).collect();
    Image { shape: mask.shape, dimensions: 3, values, dtype: dtype.into() }
}

/// What becomes of a chunk: its values in one of three images, or nothing.
type Edit = (prop::sample::Index, usize);

fn apply(scene: &mut Scene, images: &[Image; 3], edits: &[Edit]) {
    let places = scene.places();
    for (index, which) in edits {
        let place = places[index.index(places.len())];
        match images.get(*which) {
            Some(image) => scene.put(place, |p| at(image, p)),
            None => scene.remove(place),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..ProptestConfig::with_cases(8) })]

    #[test]
    fn after_any_edits_the_outputs_are_those_of_a_run_from_scratch(
        epochs in prop::collection::vec((prop::collection::vec((any::<prop::sample::Index>(), 0usize..5), 0..4), (1usize..4, 1usize..3)), 1..4),
        which in 0..=MASKS.len(),
        chunk in prop::array::uniform3(5usize..10),
    ) {
        // Background that was written, noise in lumps and the tangle.
        let whole = tangle([16, 15, 17]);
        let lumps = Mask::from_fn(whole.shape, |p| p.map(|n| n / 2).iter().fold(7, |a, b| a * 31 + b) % 3 == 0);
        let empty = Mask::from_fn(whole.shape, |_| false);
        let masks = [&whole, &lumps, &empty];
        let (options, images) = match MASKS.get(which) {
            Some(options) => (*options, masks.map(|mask| gray(mask, "uint16", 3))),
            None => (&[][..], masks.map(|mask| Image::woven(mask, "uint8"))),
        };
        let mut scene = Scene::of(&images[0], &chunk, PLAIN);
        scene.run(options);
        scene.assert_as_from_scratch(options);
        for (edits, (workers, processes)) in epochs {
            apply(&mut scene, &images, &edits);
            let [workers, processes] = [workers, processes].map(|number| number.to_string());
            let outcome = scene.run(&[options, &["--workers", &workers, "--processes", &processes]].concat());
            prop_assert!(!outcome.stderr.contains("record") && !outcome.stderr.contains("state"), "{}", outcome.stderr);
            scene.assert_as_from_scratch(options);
        }
    }
}

#[test]
fn what_has_not_changed_is_not_read_and_what_has_costs_its_surroundings() {
    let whole = tangle([16, 32, 48]);
    for options in [&[][..], &["--sigma", "0.8", "--threshold", "40"]] {
        let image = if options.is_empty() { Image::of_mask(&whole) } else { gray(&whole, "uint8", 1) };
        let mut scene = Scene::of(&image, &[8; 3], PLAIN);
        let all = scene.places().len() as u64;
        let (read, thinned) = scene.work(options);
        assert!(read == all && thinned > all / 4, "{read} read, {thinned} thinned");
        for workers in ["1", "2", "3"] {
            assert_eq!(scene.work(&[options, &["--workers", workers]].concat()), (0, 0));
        }
        scene.put([0, 1, 0], |p| at(&image, p));
        let near = if options.is_empty() { 1 } else { 12 };
        assert_eq!(scene.work(options), (near, 0), "written again with the same values");
        scene.remove([0, 1, 5]);
        let (read, thinned) = scene.work(options);
        assert!(read == near && thinned < all / 2, "{read} read, {thinned} of {all} thinned");
        scene.assert_as_from_scratch(options);
    }
}

#[test]
fn the_time_of_a_file_is_trusted_a_second_after_it() {
    let image = Image::of_mask(&tangle([8, 16, 16]));
    let scene = Scene::of(&image, &[8; 3], PLAIN);
    let (file, now) = (scene.file([0, 1, 1]), SystemTime::now());
    set_time(&file, now + Duration::from_secs(3600));
    assert_eq!(scene.work(&[]).0, 4);
    assert_eq!(scene.work(&[]).0, 1, "it may have changed within the same tick of the clock");
    set_time(&file, now - Duration::from_secs(2));
    assert_eq!(scene.work(&[]).0, 1);
    assert_eq!(scene.work(&[]), (0, 0));
}

#[test]
fn a_chunk_that_could_not_be_read_leaves_nothing_false_of_those_around_it() {
    let image = gray(&tangle([8, 24, 48]), "uint8", 4);
    for workers in ["1", "3"] {
        let mut scene = Scene::of(&image, &[8; 3], PLAIN);
        let options = [MASKS[1], &["--workers", workers]].concat();
        // Those of the first row but two do not depend on it, and wait for the second row.
        scene.write([0, 1, 0], &[1, 2, 3]);
        assert_eq!(scene.try_run(&options).code, 65);
        scene.put([0, 1, 0], |p| at(&image, p));
        scene.run(&options);
        scene.assert_as_from_scratch(&options);
    }
}

#[test]
fn an_array_that_grows_is_followed() {
    for (options, which) in [(&[][..], 0), (MASKS[1], 1), (MASKS[2], 1)] {
        let whole = tangle([15, 20, 22]);
        let image = if which == 0 { Image::of_mask(&whole) } else { gray(&whole, "uint8", 2) };
        let mut scene = Scene::new(&[6, 20, 11], &[6, 8, 9], &image.dtype, PLAIN);
        for axes in [[6, 20, 11], [13, 20, 11], [13, 20, 22], [15, 20, 22]] {
            scene.resize(&axes);
            for place in scene.places() {
                scene.put(place, |p| at(&image, p));
            }
            scene.run(options);
            scene.assert_as_from_scratch(options);
        }
        // Bounds alone: what lies beyond them stays stored, and comes back with them.
        for axes in [[13, 16, 20], [8, 20, 9], [15, 20, 22]] {
            scene.resize(&axes);
            scene.run(options);
            scene.assert_as_from_scratch(options);
        }
    }
}

#[test]
fn verify_notices_what_sizes_and_times_do_not_tell() {
    let image = gray(&tangle([8, 16, 16]), "uint8", 5);
    let options = ["--threshold", "30"];
    let mut scene = Scene::of(&image, &[8; 3], PLAIN);
    scene.run(&options);
    let before = files_under(&scene.path("out"));
    let file = scene.file([0, 0, 1]);
    let time = fs::metadata(&file).and_then(|metadata| metadata.modified()).expect("a time");
    scene.put([0, 0, 1], |p| 90.0 - at(&image, p) / 2.0);
    set_time(&file, time);
    assert_eq!(scene.work(&options), (0, 0));
    assert!(
        files_under(&scene.path("out"))["branches.csv".as_ref() as &std::path::Path]
            == before["branches.csv".as_ref() as &std::path::Path]
    );
    let (read, thinned) = scene.work(&[&options[..], &["--verify"]].concat());
    assert!(read == 4 && thinned > 0, "{read} read, {thinned} thinned");
    scene.assert_as_from_scratch(&options);
    assert_eq!(scene.work(&[&options[..], &["--verify"]].concat()), (4, 0));
}

#[test]
fn records_of_other_parameters_are_said_once_and_never_mixed_in() {
    let scene = Scene::of(&gray(&tangle([12, 16, 18]), "uint8", 7), &[8; 3], PLAIN);
    scene.run(MASKS[0]);
    let other = ["--threshold", "50"];
    let coarse = ["--threshold", "50", "--chunk", "12"];
    for options in [MASKS[1], &other, MASKS[2], MASKS[3], &coarse, MASKS[0], MASKS[6]] {
        let told = scene.run(options).stderr;
        assert_eq!(told.matches("warning").count(), 1, "{options:?}: {told}");
        assert!(told.contains("state was made with other parameters"), "{options:?}: {told}");
        scene.assert_as_from_scratch(options);
        assert_eq!(scene.run(options).stderr, "", "{options:?}");
        assert_eq!(scene.log(), (0, 0), "{options:?}");
    }
    // Of an image all methods, and another spacing, which no mask depends on.
    let plane = Mask::from_fn([1, 30, 40], |[_, y, x]| (y * y + x * x) % 100 < 60);
    let scene = Scene::of(&Image { dimensions: 2, ..Image::of_mask(&plane) }, &[8, 9], PLAIN);
    scene.run(&[]);
    for options in [&["--method", "lee"], &["--method", "homotopic"], &["--method", "zhang"]] {
        assert_eq!(scene.run(options).stderr.matches("warning").count(), 1);
        scene.assert_as_from_scratch(options);
    }
    let spacing = ["--spacing", "2,0.5"];
    assert_eq!(scene.run(&spacing).stderr, "");
    assert_eq!(scene.log(), (0, 0));
    scene.assert_as_from_scratch(&spacing);
}

#[test]
fn a_state_is_refused_where_it_cannot_be_kept_and_outputs_of_another_run_stay() {
    let image = Image::of_mask(&tangle([12, 12, 12]));
    let scene = Scene::of(&image, &[8; 3], PLAIN);
    let text = |name: &str| scene.path(name).to_str().expect("UTF-8").to_owned();
    let (input, out) = (text("image.zarr"), text("out"));
    for state in ["out", "out/state", "image.zarr/../out/state", "out/.."] {
        let outcome = anabranch(["run", &input, "--out", &out, "--state", &text(state)]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{state}: {outcome:?}");
        assert!(outcome.stderr.contains("beside") && !scene.path("out").exists(), "{state}: {outcome:?}");
    }
    // What is no state is kept as it is.
    fs::create_dir(scene.path("state")).expect("a writable folder");
    fs::write(scene.path("state/notes.txt"), "mine").expect("a writable folder");
    let outcome = scene.try_run(&[]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (73, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("notes.txt"), "{outcome:?}");
    assert_eq!(files_under(&scene.path("state")).len(), 1);
    assert!(!scene.path("out").exists() && !scene.path("changes.csv").exists());
    fs::remove_file(scene.path("state/notes.txt")).expect("a writable folder");

    succeed(&["run", &input, "--out", &out, "--quiet"]);
    let first = files_under(&scene.path("out"));
    let outcome = scene.try_run(&[]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (73, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("--overwrite"), "{outcome:?}");
    assert!(files_under(&scene.path("out")) == first);
    scene.run(&["--overwrite"]);
    scene.run(&[]);
    scene.assert_as_from_scratch(&[]);
    // The state goes on with other outputs; the first ones are another run's then.
    succeed(&["run", &input, "--out", &text("second"), "--state", &text("state"), "--quiet"]);
    assert_eq!(scene.try_run(&[]).code, 73);
}

#[test]
fn a_state_has_one_user_at_a_time() {
    let scene = Scene::of(&Image::of_mask(&tangle([12, 12, 12])), &[8; 3], CHECKED);
    let mut first = scene.watch(&["--quiet"]);
    wait_until("the first has its outputs", || first.has_ended() || scene.path("out/run.json").exists());
    let text = |name: &str| scene.path(name).to_str().expect("UTF-8").to_owned();
    let second = ["run", &text("image.zarr"), "--out", &text("second"), "--state", &text("state")];
    let outcome = anabranch(second);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (73, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("another run"), "{outcome:?}");
    assert!(!scene.path("second").exists());
    assert_eq!(first.interrupt().code, 0);
    succeed(&second);
}
