//! Promise: a run on a state reads the records of what has changed and its surroundings, and the results do not tell.

use std::fs::{self, File, FileTimes};
use std::path::Path;

use proptest::prelude::*;

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::scene::{Scene, at};
use crate::sequential::Mask;
use crate::support::Outcome;

/// Changes a byte of a file, but not its length or time.
fn harm_in_secret(file: &Path) {
    let mut bytes = fs::read(file).expect("a record");
    let time = fs::metadata(file).and_then(|metadata| metadata.modified()).expect("a time");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(file, bytes).expect("a writable file");
    let file = File::options().write(true).open(file).expect("a writable file");
    file.set_times(FileTimes::new().set_modified(time)).expect("a file with times");
}

/// Whether a run has anything to say of its state.
fn says_of_state(outcome: &Outcome) -> bool {
    ["record", "digest", "state"].iter().any(|word| outcome.stderr.contains(word))
}

#[test]
fn records_far_from_what_has_changed_are_not_read() {
    let whole = tangle([16, 48, 48]);
    // Nothing reaches over the middle.
    let mask = Mask::from_fn(whole.shape, |p| whole.get(p) && [p[1], p[2]].iter().all(|n| !(14..24).contains(n)));
    let mut scene = Scene::of(&Image::woven(&mask, "uint8"), &[8; 3], PLAIN);
    let image = scene.image.clone();
    scene.run(&[]);
    let far = |chunk: &str| chunk.split('.').skip(1).all(|place| place.parse::<usize>().expect("a number") >= 3);
    let mut harmed = 0;
    for (_, file) in ["masks", "thinned"].into_iter().flat_map(|kind| scene.records(kind)).filter(|(id, _)| far(id)) {
        harm_in_secret(&file);
        harmed += 1;
    }
    assert!(harmed > 20);
    for edit in 0..3 {
        scene.put([0, 0, edit % 2], |p| if p[0] < 5 && p[1] == 3 + edit { 1.0 } else { at(&image, p) });
        let told = scene.run(&["--quiet"]);
        assert!(!says_of_state(&told), "{told:?}");
        let (read, thinned) = scene.log();
        assert!(read == 1 && thinned > 0 && thinned < 40, "{thinned} chunks thinned");
        scene.assert_as_from_scratch(&[]);
    }
    // Where one of them is needed, everything is read, and those that are harmed are named.
    for place in [[1, 4, 4], [0, 4, 4]] {
        scene.put(place, |p| if p[1] == 35 { 1.0 } else { at(&image, p) });
    }
    let told = scene.run(&["--quiet"]);
    assert!(told.stderr.contains("digest") && told.stderr.contains("is damaged"), "{told:?}");
    scene.assert_as_from_scratch(&[]);
    assert!(!says_of_state(&scene.run(&["--quiet"])));
}

#[test]
fn a_digest_that_is_harmed_is_named_and_one_that_is_gone_is_made_again() {
    let mut scene = Scene::of(&Image::of_mask(&tangle([16, 16, 24])), &[8; 3], PLAIN);
    let image = scene.image.clone();
    let digest = scene.path("state/digest");
    scene.run(&[]);
    let whole = fs::read(&digest).expect("a digest");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cases =
        [(Some(flipped), Some("is damaged")), (Some(whole[..70].to_vec()), Some("ends too early")), (None, None)];
    for (edit, (harmed, says)) in cases.into_iter().enumerate() {
        match harmed {
            Some(bytes) => fs::write(&digest, bytes).expect("a writable file"),
            None => fs::remove_file(&digest).expect("a file"),
        }
        scene.put([0, 1, edit], |p| at(&image, [p[0], p[2] % 16, p[1]]));
        let told = scene.run(&["--quiet"]);
        match says {
            Some(says) => assert!(told.stderr.contains(&format!("the digest {says}")), "{told:?}"),
            None => assert_eq!(told.stderr, ""),
        }
        scene.assert_as_from_scratch(&[]);
        assert!(digest.exists());
    }
    // Sessions that need everything have none, and leave none that would be wrong.
    for options in [&["--processes", "2"][..], &["--prune", "2"], &["--fill-holes"], &[]] {
        scene.put([1, 0, 1], |p| at(&image, [p[0], p[1], (p[2] + options.len()) % 24]));
        let told = scene.try_run(options);
        assert!(told.code == 0 || told.stderr.contains("--changes"), "{told:?}");
        scene.remove([1, 0, 2]);
        let _ = fs::remove_file(scene.path("changes.csv"));
        scene.run(options);
        scene.assert_as_from_scratch(options);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn runs_with_and_without_a_digest_follow_each_other_in_any_order(
        epochs in prop::collection::vec(
            (prop::collection::vec((any::<prop::sample::Index>(), 0usize..4), 1..3), any::<bool>(), 1usize..3),
            2..5,
        ),
        // Solid foreground, in which changes travel.
        solid in any::<bool>(),
        gray in any::<bool>(),
    ) {
        let shape = [20, 20, 20];
        let ball = Mask::from_fn(shape, |p| p.iter().map(|n| (n - 10) * (n - 10)).sum::<i64>() < 90);
        let masks = [if solid { ball } else { tangle(shape) }, tangle(shape), Mask::from_fn(shape, |_| false)];
        let options = if gray { &["--sigma", "0.7", "--threshold", "otsu"][..] } else { &[] };
        let images = masks.map(|mask| {
            let image = Image::woven(&mask, "uint8");
            let values = image.values.iter().enumerate().map(|(at, value)| if gray { 60.0 * value.min(1.0) + (at * 7 % 20) as f64 } else { *value });
            Image { values: values.collect(), ..image.clone() }
        });
        let mut scene = Scene::of(&images[0], &[5, 6, 7], PLAIN);
        scene.run(options);
        for (edits, keeps, workers) in epochs {
            for (index, which) in edits {
                let place = *index.get(&scene.places());
                match images.get(which) {
                    Some(image) => scene.put(place, |p| at(image, p)),
                    None => scene.remove(place),
                }
            }
            if !keeps {
                fs::remove_file(scene.path("state/digest")).expect("a digest");
            }
            let outcome = scene.run(&[options, &["--workers", &workers.to_string()]].concat());
            prop_assert!(!says_of_state(&outcome), "{}", outcome.stderr);
            scene.assert_as_from_scratch(options);
        }
    }
}
