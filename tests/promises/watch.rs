//! Promise: `watch` has the outputs of what is stored, whenever nothing has been written for a moment.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::scene::{Scene, at, set_time};
use crate::sequential::Mask;
use crate::support::{Running, anabranch, assert_adds_up, invariant_bytes, read_json, succeed, wait_until};

#[test]
fn chunks_that_arrive_change_and_go_are_followed_and_nothing_is_read_again() {
    let smoothed = &["--sigma", "0.7", "--threshold", "otsu", "--processes", "2"][..];
    for options in [&[][..], smoothed, &["--threshold", "20", "--method", "homotopic"]] {
        let image = Image::woven(&tangle([16, 16, 24]), "uint8");
        let mut scene = Scene::new(image.axes(), &[8; 3], "uint8", PLAIN);
        let mut watch = scene.watch(options);
        for slab in 0..3 {
            for place in scene.places().into_iter().filter(|place| place[2] == slab) {
                scene.put(place, |p| at(&image, p));
                // As new as files that are being written.
                set_time(&scene.file(place), SystemTime::now());
            }
            scene.wait_as_from_scratch(options, &mut watch);
        }
        scene.remove([0, 0, 1]);
        scene.put([1, 1, 1], |p| at(&image, [p[0], p[1], p[2] - 8]));
        scene.wait_as_from_scratch(options, &mut watch);
        let outcome = watch.interrupt();
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.stdout.lines().filter(|line| line.starts_with("epoch ")).count() >= 4, "{outcome:?}");
        assert_adds_up(&scene.path("changes.csv"), &scene.path("out"));

        // Begun again it knows all of it, once no file was too young when it was read.
        std::thread::sleep(Duration::from_millis(1100));
        scene.run(options);
        let mut watch = scene.watch(&[options, &["--quiet"]].concat());
        wait_until("an epoch", || watch.has_ended() || scene.log_if_there() == Some((0, 0)));
        scene.wait_as_from_scratch(options, &mut watch);
        assert_eq!(scene.log(), (0, 0));
        scene.put([0, 0, 1], |p| at(&image, p));
        scene.wait_as_from_scratch(options, &mut watch);
        let outcome = watch.interrupt();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
        // Warnings are kept, each once; what thinning loses is another thing in each epoch.
        let warned = usize::from(options.is_empty());
        let others = outcome.stderr.lines().filter(|line| !line.contains("left no skeleton"));
        assert_eq!(others.count(), warned, "{outcome:?}");
        assert_eq!(outcome.stderr.matches("warning: the image has several values").count(), warned, "{outcome:?}");
    }
}

/// A shell around a cavity with a grain in it, beside bars that a single chunk joins; some voxels are strong.
fn shell_and_bars([z, y, x]: [usize; 3]) -> f64 {
    let depth = [z, y, x].map(|p| p.min(15usize.saturating_sub(p))).into_iter().min().unwrap_or_default();
    let strong = if (z + 2 * y + 3 * x) % 23 == 0 { 90.0 } else { 30.0 };
    match (x < 16, depth) {
        (true, 2 | 7) => strong,
        (true, _) => 0.0,
        (false, _) if (6..9).contains(&(y % 12)) && z % 9 > 5 || (24..26).contains(&x) && z == 7 => strong,
        (false, _) => 0.0,
    }
}

#[test]
fn what_filters_remove_and_fill_follows_what_is_stored() {
    let processes = ["--threshold", "hysteresis:20,60", "--fill-holes=900", "--keep-largest", "3", "--processes", "2"];
    let faces = ["--threshold", "20", "--remove-smaller", "170", "--connectivity", "6"];
    for options in [&["--fill-holes", "--remove-smaller", "60", "--objects"][..], &processes, &faces] {
        let mut scene = Scene::new(&[16, 16, 32], &[8; 3], "uint8", PLAIN);
        let mut watch = scene.watch(options);
        let mut amounts = Vec::new();
        let mut follow = |scene: &Scene, watch: &mut Running| {
            scene.wait_as_from_scratch(options, watch);
            amounts.push(read_json(&scene.path("out"), "summary.json")["filtered"].to_string());
        };
        // A shell that is not closed encloses nothing.
        for slab in 0..4 {
            for place in scene.places().into_iter().filter(|place| place[2] == slab) {
                scene.put(place, shell_and_bars);
            }
            follow(&scene, &mut watch);
        }
        // It is opened, bars fall apart, and both are mended.
        for place in [[1, 0, 1], [0, 1, 3], [0, 0, 3]] {
            scene.remove(place);
            follow(&scene, &mut watch);
        }
        for place in [[1, 0, 1], [0, 0, 3]] {
            scene.put(place, shell_and_bars);
            follow(&scene, &mut watch);
        }
        let outcome = watch.interrupt();
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_adds_up(&scene.path("changes.csv"), &scene.path("out"));

        // Begun again it knows what filters had changed.
        let mut watch = scene.watch(&[options, &["--quiet"]].concat());
        wait_until("an epoch", || watch.has_ended() || scene.log_if_there() == Some((0, 0)));
        scene.wait_as_from_scratch(options, &mut watch);
        scene.put([0, 1, 3], shell_and_bars);
        follow(&scene, &mut watch);
        // What was enclosed by the bounds may be open behind them, and the other way round.
        scene.resize(&[16, 16, 40]);
        scene.put([1, 1, 4], |_| 90.0);
        follow(&scene, &mut watch);
        scene.resize(&[16, 16, 14]);
        follow(&scene, &mut watch);
        assert_eq!(watch.interrupt().code, 0);
        assert_adds_up(&scene.path("changes.csv"), &scene.path("out"));
        amounts.sort();
        amounts.dedup();
        assert!(amounts.len() >= 4, "{amounts:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_its_terminal_ends_it_unless_it_was_started_to_outlive_that() {
    let image = Image::of_mask(&tangle([8, 16, 16]));
    let hang_up = |watch: &Running| {
        let status = std::process::Command::new("kill").args(["-HUP", &watch.id().to_string()]).status();
        assert!(status.expect("a command to send signals").success());
    };
    let mut scene = Scene::new(image.axes(), &[8; 3], "bool", PLAIN);
    scene.put([0; 3], |p| at(&image, p));
    let call = scene.call("watch", &["--settle", "0.1", "--poll", "0.4", "--quiet"]);
    let mut watch = Running::start_to_outlive_its_terminal(&call);
    scene.wait_as_from_scratch(&[], &mut watch);
    hang_up(&watch);
    scene.put([0, 1, 1], |p| at(&image, p));
    scene.wait_as_from_scratch(&[], &mut watch);
    assert_eq!(watch.interrupt().code, 0);
    let mut watch = scene.watch(&["--quiet"]);
    scene.put([0, 1, 0], |p| at(&image, p));
    scene.wait_as_from_scratch(&[], &mut watch);
    hang_up(&watch);
    assert_eq!(watch.end().code, 0);
}

#[test]
fn an_array_that_grows_is_followed() {
    let image = Image::of_mask(&tangle([15, 16, 20]));
    let mut scene = Scene::new(&[1, 16, 20], &[8; 3], "bool", PLAIN);
    let fill = |scene: &mut Scene| {
        for place in scene.places() {
            scene.put(place, |p| at(&image, p));
        }
    };
    fill(&mut scene);
    let mut watch = scene.watch(&["--quiet"]);
    scene.wait_as_from_scratch(&[], &mut watch);
    // From one plane to several it is thinned in other directions.
    for axes in [[3, 16, 20], [11, 16, 20], [15, 16, 20]] {
        scene.resize(&axes);
        fill(&mut scene);
        scene.wait_as_from_scratch(&[], &mut watch);
    }
    assert_eq!(watch.interrupt().code, 0);
    assert_adds_up(&scene.path("changes.csv"), &scene.path("out"));

    // In several processes, which open it again each.
    let mut scene = Scene::new(&[3, 16, 20], &[8; 3], "bool", PLAIN);
    let mut watch = scene.watch(&["--quiet", "--processes", "3", "--workers", "1"]);
    for axes in [[3, 16, 20], [11, 16, 20], [15, 16, 20]] {
        scene.resize(&axes);
        fill(&mut scene);
        scene.wait_as_from_scratch(&[], &mut watch);
    }
    scene.resize(&[1, 16, 20]);
    let outcome = watch.end();
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("start all processes again"), "{outcome:?}");
}

#[cfg(unix)]
#[test]
fn an_image_that_the_system_does_not_let_be_read_for_a_moment_is_waited_for() {
    let image = Image::of_mask(&tangle([16, 16, 16]));
    let mut scene = Scene::of(&image, &[8; 3], PLAIN);
    let mut watch = scene.watch(&["--quiet"]);
    scene.wait_as_from_scratch(&[], &mut watch);
    // A link to itself can neither be looked at nor read.
    let file = scene.file([0, 0, 1]);
    fs::remove_file(&file).expect("a writable folder");
    std::os::unix::fs::symlink("1", &file).expect("a writable folder");
    std::thread::sleep(Duration::from_secs(8));
    assert!(!watch.has_ended(), "{:?}", watch.end());
    fs::remove_file(&file).expect("a writable folder");
    scene.put([1, 1, 1], |p| at(&image, [p[0], p[1], p[2] - 8]));
    scene.put([0, 0, 1], |p| at(&image, p));
    scene.wait_as_from_scratch(&[], &mut watch);
    let outcome = watch.interrupt();
    assert!(outcome.code == 0 && outcome.stderr.contains("can be read again"), "{outcome:?}");
}

#[test]
fn a_folder_of_slices_that_grows_is_followed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let image = Image::woven(&tangle([20, 18, 16]), "uint8");
    Image::write_slices(&image, &folder.path().join("all"));
    fs::create_dir(folder.path().join("slices")).expect("a writable folder");
    let name = |z: usize| format!("slice_{z:04}.tif");
    let copy = |z: usize, part: f64| {
        let bytes = fs::read(folder.path().join("all").join(name(z))).expect("a slice");
        let length = (bytes.len() as f64 * part) as usize;
        fs::write(folder.path().join("slices").join(name(z)), &bytes[..length]).expect("a writable folder");
    };
    (0..4).for_each(|z| copy(z, 1.0));
    let [slices, out, state, changes] = ["slices", "out", "state", "changes.csv"].map(text);
    let call = ["watch", &slices, "--out", &out, "--state", &state, "--changes", &changes];
    let mut watch = Running::start([&call[..], &["--settle", "0.1", "--poll", "0.4"]].concat());
    for (from, to) in [(4, 4), (4, 9), (9, 20)] {
        // Half of each at first, as while they are written.
        (from..to).for_each(|z| copy(z, 0.5));
        std::thread::sleep(Duration::from_millis(250));
        (from..to).for_each(|z| copy(z, 1.0));
        let plain = text(&format!("plain-{to}"));
        let planes = image.values[..to * 18 * 16].to_vec();
        let part = Image { shape: [to, 18, 16], values: planes, ..image.clone() };
        part.write_npy(folder.path().join("part.npy").as_ref());
        succeed(&["run", &text("part.npy"), "--out", &plain, "--quiet"]);
        let summary = |out: &str| fs::read(folder.path().join(out).join("summary.json")).ok();
        wait_until("the outputs follow the slices", || {
            assert!(!watch.has_ended(), "watch has ended");
            summary(&out) == summary(&plain) && !folder.path().join("out/.anabranch-partial").exists()
        });
        assert!(invariant_bytes(out.as_ref()) == invariant_bytes(plain.as_ref()));
    }
    assert_eq!(watch.interrupt().code, 0);
    assert_adds_up(changes.as_ref(), out.as_ref());
    assert!(read_json(out.as_ref(), "run.json")["epoch"].as_u64() >= Some(2));
}

#[test]
fn watch_says_what_it_cannot_do() {
    let scene = Scene::of(&Image::of_mask(&Mask::from_fn([8; 3], |_| true)), &[8; 3], PLAIN);
    let text = |name: &str| scene.path(name).to_str().expect("UTF-8").to_owned();
    let outcome = anabranch(["watch", &text("image.zarr"), "--out", &text("out")]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("--state"), "{outcome:?}");
    for wrong in [["--settle", "0"], ["--poll", "-1"], ["--settle", "1e300"]] {
        let outcome = anabranch(scene.call("watch", &wrong));
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(wrong[0]), "{outcome:?}");
    }
    // A file that has long been there and is no image will not become one.
    fs::write(scene.path("notes.txt"), "no image").expect("a writable folder");
    set_time(&scene.path("notes.txt"), SystemTime::now() - Duration::from_secs(3600));
    let outcome = anabranch(["watch", &text("notes.txt"), "--out", &text("out"), "--state", &text("state")]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (65, 1), "{outcome:?}");
    assert!(!scene.path("out").exists() && !scene.path("state").exists());
}

#[test]
fn an_image_that_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let image = Image::woven(&tangle([6, 18, 16]), "uint8");
    image.write_slices(&folder.path().join("all"));
    image.write_npy(&folder.path().join("all.npy"));
    succeed(&["run", &text("all.npy"), "--out", &text("plain"), "--quiet"]);
    let pace = ["--settle", "0.1", "--poll", "0.3"];
    // A folder that is not there, then is empty, then gets one slice, then all: outputs and state lie in it.
    let (out, state) = (text("slices/out"), text("slices/state"));
    let mut watch = Running::start([&["watch", &text("slices"), "--out", &out, "--state", &state][..], &pace].concat());
    std::thread::sleep(Duration::from_millis(300));
    assert!(!watch.has_ended() && !folder.path().join("slices").exists());
    fs::create_dir(folder.path().join("slices")).expect("a writable folder");
    std::thread::sleep(Duration::from_millis(300));
    for z in 0..6 {
        let name = format!("slice_{z:04}.tif");
        fs::copy(folder.path().join("all").join(&name), folder.path().join("slices").join(&name)).expect("a slice");
        if z == 0 {
            wait_until("the first slice has outputs", || {
                assert!(!watch.has_ended(), "watch has ended");
                folder.path().join("slices/out/branches.csv").exists()
            });
        }
    }
    let summary = |out: &str| fs::read(folder.path().join(out).join("summary.json")).ok();
    wait_until("the outputs follow the slices", || {
        assert!(!watch.has_ended(), "watch has ended");
        summary("slices/out") == summary("plain") && !folder.path().join("slices/out/.anabranch-partial").exists()
    });
    assert!(invariant_bytes(out.as_ref()) == invariant_bytes(text("plain").as_ref()));
    let outcome = watch.interrupt();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("waiting for it, Ctrl-C ends"), "{outcome:?}");
    // One that never comes.
    let call = ["watch", &text("none.zarr"), "--out", &text("out"), "--state", &text("state")];
    let watch = Running::start(call.to_vec());
    std::thread::sleep(Duration::from_millis(300));
    let outcome = watch.interrupt();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("none.zarr") && outcome.stderr.lines().count() == 1, "{outcome:?}");
    assert!(!folder.path().join("out").exists() && !folder.path().join("state").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_request_to_end_that_comes_to_another_process_ends_the_whole() {
    let image = Image::of_mask(&tangle([12, 16, 20]));
    let mut scene = Scene::new(image.axes(), &[8; 3], "bool", PLAIN);
    for place in scene.places() {
        scene.put(place, |p| at(&image, p));
    }
    let mut watch = scene.watch(&["--processes", "3", "--workers", "1"]);
    scene.wait_as_from_scratch(&[], &mut watch);
    let log = read_json(&scene.path("out"), "run.json");
    assert!(log["peak_memory_bytes_of_all"].as_u64() >= log["peak_memory_bytes"].as_u64(), "{log}");
    let children = watch.children();
    assert_eq!(children.len(), 2);
    let outcome = watch.interrupt_process(children[1]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.contains("Ended; the state is kept. Results are in "), "{outcome:?}");
}
