//! Promise: tiles that differ in light and gain become an even image, by gains that stay as they were solved.

use std::fs;
use std::time::{Duration, Instant};

use crate::cluster::{Process, write_hosts};
use crate::image::Image;
use crate::mosaic::Bench;
use crate::support::{Running, anabranch, everything_under, invariant_bytes, wait_until};

const TILE: [usize; 2] = [60, 80];
const STEP: [usize; 2] = [45, 60];
/// What tiles are to be multiplied by; the product of all is 1.
const GAINS: [f64; 9] = [1.3, 1.0 / 1.3, 1.0, 0.8, 1.25, 1.0, 1.0, 1.1, 1.0 / 1.1];
const DARK: f64 = 120.0;
/// What the tiles are corrected by.
const CAMERA: &str = "--background @scan/dark.npy --flat-field @scan/even.tif";

/// How much of the light comes through at a place of a tile.
fn light(y: usize, x: usize) -> f64 {
    let [y, x] = [(y as f64 - 25.0) / 60.0, (x as f64 - 45.0) / 80.0];
    1.0 - 0.6 * (y * y + x * x)
}

fn tile(dtype: &str, value: impl Fn(usize, usize) -> f64) -> Image {
    let values = (0..TILE[0] * TILE[1]).map(|at| value(at / TILE[1], at % TILE[1])).collect();
    Image { shape: [1, TILE[0], TILE[1]], dimensions: 2, values, dtype: dtype.to_owned() }
}

fn name(number: usize) -> String {
    format!("tile_{number}.tif")
}

/// What is scanned, as its rows along x.
fn truth(bench: &Bench) -> Vec<Vec<f64>> {
    if !bench.path("phantom.zarr").exists() {
        bench.run("phantom @phantom.zarr --shape 150,200 --gray --seed 5");
    }
    let (axes, bytes) = bench.values("phantom.zarr");
    assert_eq!((axes, bytes.len()), (vec![150, 200], 150 * 200 * 2));
    let values = bytes.chunks(2).map(|two| f64::from(u16::from_le_bytes([two[0], two[1]])));
    let values: Vec<f64> = values.map(|v| 400.0 + (v / 10.0).round()).collect();
    values.chunks(200).map(<[f64]>::to_vec).collect()
}

/// Writes a tile as a camera with this gain gives it.
fn write_tile(bench: &Bench, number: usize, gain: f64) {
    let truth = truth(bench);
    let mean =
        (0..TILE[0]).flat_map(|y| (0..TILE[1]).map(move |x| light(y, x))).sum::<f64>() / (TILE[0] * TILE[1]) as f64;
    let [from_y, from_x] = [STEP[0] * (number / 3), STEP[1] * (number % 3)];
    let value = |y: usize, x: usize| (DARK + truth[from_y + y][from_x + x] * light(y, x) / mean / gain).round();
    tile("uint16", value).write_tiff(&bench.path("scan").join(name(number)));
}

/// A scan of nine shaded tiles of differing gains, with the images to correct them by.
fn scan() -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path("scan")).expect("a writable folder");
    let mut lines = vec!["path,y,x".to_owned()];
    for (number, gain) in GAINS.into_iter().enumerate() {
        write_tile(&bench, number, gain);
        lines.push(format!("{},{},{}", name(number), STEP[0] * (number / 3), STEP[1] * (number % 3)));
    }
    bench.write("scan/tiles.csv", &lines);
    tile("uint16", |_, _| DARK).write_npy(&bench.path("scan/dark.npy"));
    tile("float32", |y, x| 3000.0 * light(y, x)).write_tiff(&bench.path("scan/even.tif"));
    bench
}

/// How far an array is from what was scanned, at the worst place.
fn farthest(bench: &Bench, array: &str) -> f64 {
    let (axes, bytes) = bench.values(array);
    assert_eq!(axes, [150, 200]);
    let found = bytes.chunks(2).map(|two| f64::from(u16::from_le_bytes([two[0], two[1]])));
    found.zip(truth(bench).concat()).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

#[test]
fn shaded_tiles_of_differing_gains_become_even() {
    let bench = scan();
    for (options, least, most) in [
        (String::new(), 100.0, f64::INFINITY),
        (CAMERA.to_owned(), 100.0, f64::INFINITY),
        (format!("{CAMERA} --gains @gains.csv"), 0.0, 2.0),
        (format!("{CAMERA} --gains @gains.csv --blend feather --order 3 --chunk 37"), 0.0, 2.0),
    ] {
        let told = bench.run(&format!("fuse @scan/tiles.csv --out @out.zarr --overwrite {options}")).stdout;
        let solved = told.contains("gains.csv: gains of 9 tiles\n");
        assert_eq!(solved, options.ends_with("gains.csv"), "{told}");
        let far = farthest(&bench, "out.zarr/0");
        assert!(least <= far && far <= most, "{options}: {far}");
    }
    let gains = fs::read_to_string(bench.path("gains.csv")).expect("a file of gains");
    assert!(gains.starts_with("path,channel,gain\ntile_0.tif,,1."), "{gains}");
}

#[test]
fn gains_stay_as_they_were_solved_until_they_are_to_be_solved_again() {
    let bench = scan();
    let gains = || fs::read(bench.path("gains.csv")).expect("a file of gains");
    let options = format!("{CAMERA} --gains @gains.csv --threshold 1000 --chunk 24");
    let call = format!("run @scan/tiles.csv --out @out --state @state --overwrite {options}");
    bench.run(&call);
    let solved = gains();
    let log = || -> serde_json::Value {
        let text = fs::read_to_string(bench.path("out/run.json")).expect("run.json");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!((log()["chunks_read"].as_u64(), log()["chunks_reused"].as_u64()), (Some(63), Some(0)));
    // A lamp that has grown dim for a corner of the scan.
    write_tile(&bench, 8, 3.0);
    bench.run(&call);
    assert!(gains() == solved);
    // All but the 16 chunks that the tile meets.
    let reused = log()["chunks_reused"].as_u64().expect("a number");
    assert!((47..63).contains(&reused), "{reused}");
    bench.run(&format!("run @scan/tiles.csv --out @plain {options}"));
    assert!(gains() == solved && invariant_bytes(&bench.path("out")) == invariant_bytes(&bench.path("plain")));
    bench.run(&format!("{call} --refit"));
    assert!(gains() != solved);
    bench.run(&format!("fuse @scan/tiles.csv --out @new.zarr {CAMERA} --gains @gains.csv"));
    bench.run(&format!("fuse @scan/tiles.csv --out @other.zarr {CAMERA} --gains @again.csv"));
    assert!(fs::read(bench.path("again.csv")).expect("a file of gains") == gains());
    assert!(bench.values("new.zarr/0") == bench.values("other.zarr/0"));
}

#[test]
fn processes_share_the_gains_of_the_first() {
    let bench = scan();
    let call = |out: &str, gains: &str| {
        format!("run @scan/tiles.csv --out @{out} {CAMERA} --gains @{gains} --threshold 1000 --chunk 30 --quiet")
    };
    bench.run(&format!("{} --workers 3", call("alone", "gains.csv")));
    bench.run(&format!("{} --processes 2", call("two", "gains.csv")));
    bench.run(&format!("{} --processes 2 --workers 2", call("both", "other.csv")));
    bench.run(&format!("{} --processes 2 --refit", call("refit", "other.csv")));
    assert!(fs::read(bench.path("other.csv")).ok() == fs::read(bench.path("gains.csv")).ok());
    let expected = invariant_bytes(&bench.path("alone"));
    for out in ["two", "both", "refit"] {
        assert!(invariant_bytes(&bench.path(out)) == expected, "{out}");
    }
}

#[test]
fn hosts_do_not_solve_gains() {
    let bench = scan();
    let (hosts, _) = write_hosts(bench.folder(), 2);
    let deadline = Instant::now() + Duration::from_secs(50);
    let call = bench.call("run @scan/tiles.csv --out @out --gains @gains.csv --threshold 1000 --quiet");
    let call: Vec<&str> = call.iter().map(String::as_str).collect();
    let processes: Vec<Process> = (0..2).map(|process| Process::start(&call, &hosts, process)).collect();
    let ends: Vec<(i32, String)> = processes.into_iter().map(|process| process.end(deadline)).collect();
    assert!(ends.iter().all(|(code, _)| *code == 2), "{ends:?}");
    assert!(ends.iter().any(|(_, said)| said.contains("solve the gains in one process first")), "{ends:?}");
    assert!(!bench.path("gains.csv").exists() && !bench.path("out").exists());
}

#[test]
fn images_and_gains_that_do_not_fit_are_named_and_nothing_is_written() {
    let bench = scan();
    let small = Image { shape: [1, 3, 4], dimensions: 2, values: vec![1.0; 12], dtype: "uint8".to_owned() };
    small.write_npy(&bench.path("small.npy"));
    let good = ["path,channel,gain", "tile_0.tif,,1.5"].map(str::to_owned);
    bench.write("word.csv", &[&good[..], &["tile_1.tif,,bright".to_owned()]].concat());
    bench.write("twice.csv", &[&good[..], &["tile_1.tif,,1".to_owned(), "tile_0.tif,,1".to_owned()]].concat());
    bench.write("negative.csv", &[&good[..1], &["tile_1.tif,,-1".to_owned()]].concat());
    let before = everything_under(bench.folder());
    for command in ["run", "fuse"] {
        for (options, code, says) in [
            ("--background @none.npy", 66, "none.npy: is not there"),
            ("--flat-field @small.npy", 65, "small.npy: has [1, 3, 4] pixels"),
            ("--gains @word.csv", 65, "word.csv: line 3: tile_1.tif: has \"bright\" in column gain"),
            ("--gains @twice.csv", 65, "twice.csv: line 4: tile_0.tif: is on line 2 already"),
            ("--gains @negative.csv", 65, "negative.csv: line 2: tile_1.tif: has a gain of -1"),
            // What is no file of gains is not replaced by one.
            ("--gains @scan/tiles.csv --refit", 65, "tiles.csv: is no file of gains"),
            ("--gains @scan --refit", 73, "scan: is not a file"),
            ("--gains @new/gains.csv", 2, "gains.csv: is in the folder of the outputs"),
            ("--gains @gains.csv --background @small.npy", 65, "small.npy: has [1, 3, 4] pixels"),
        ] {
            let outcome = anabranch(bench.call(&format!("{command} @scan/tiles.csv --out @new {options}")));
            assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{options}: {outcome:?}");
            assert!(outcome.stderr.contains(says), "{options}: {outcome:?}");
            assert!(everything_under(bench.folder()) == before, "{command} {options}");
        }
        for options in ["--background @small.npy", "--flat-field @small.npy", "--gains @gains.csv"] {
            let outcome = anabranch(bench.call(&format!("{command} @scan/tile_0.tif --out @new {options}")));
            assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
            assert!(outcome.stderr.contains("applies to tables of tiles (.csv) only"), "{outcome:?}");
        }
        let outcome = anabranch(bench.call(&format!("{command} @scan/tiles.csv --out @new --refit")));
        assert!(outcome.code == 2 && outcome.stderr.contains("--gains"), "{outcome:?}");
    }
    assert!(everything_under(bench.folder()) == before);
}

#[test]
fn a_tile_that_comes_after_gains_were_solved_counts_as_it_is() {
    let bench = scan();
    fs::rename(bench.path("scan").join(name(3)), bench.path("late.tif")).expect("a tile");
    let options = format!("{CAMERA} --gains @gains.csv --threshold 1000");
    let call = format!("watch @scan/tiles.csv --out @out --state @state --settle 0.1 --poll 0.4 {options}");
    let mut watch = Running::start(bench.call(&call));
    wait_until("there are outputs", || {
        assert!(!watch.has_ended(), "watch has ended");
        bench.path("out/run.json").exists()
    });
    let solved = fs::read_to_string(bench.path("gains.csv")).expect("a file of gains");
    assert_eq!(solved.lines().count(), 9, "{solved}");
    let before = fs::read(bench.path("out/branches.csv")).expect("a table");
    fs::rename(bench.path("late.tif"), bench.path("scan").join(name(3))).expect("a tile");
    let outcome = bench.run(&format!("run @scan/tiles.csv --out @plain {options}"));
    assert!(outcome.stderr.contains("gains.csv: has no gain for 1 tile"), "{outcome:?}");
    let table = |out: &str| fs::read(bench.path(out).join("branches.csv")).ok();
    assert!(table("plain").is_some_and(|table| table != before));
    wait_until("the outputs follow the tile", || {
        assert!(!watch.has_ended(), "watch has ended");
        table("out") == table("plain") && !bench.path("out/.anabranch-partial").exists()
    });
    let outcome = watch.interrupt();
    assert!(outcome.code == 0 && outcome.stderr.contains("has no gain for 1 tile, which counts as 1"), "{outcome:?}");
    assert_eq!(fs::read_to_string(bench.path("gains.csv")).expect("a file of gains"), solved);
    assert!(invariant_bytes(&bench.path("out")) == invariant_bytes(&bench.path("plain")));
    bench.run(&format!("run @scan/tiles.csv --out @plain --overwrite --refit {options}"));
    assert_eq!(fs::read_to_string(bench.path("gains.csv")).expect("a file of gains").lines().count(), 10);
}
