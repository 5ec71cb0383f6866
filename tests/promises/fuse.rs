//! Promise: `fuse` writes an image with coarser copies, whole or not at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use zarrs::array::Array;
use zarrs::filesystem::FilesystemStore;

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::support::{
    Running, anabranch, anabranch_with_little_disk, bytes_of_any_part, everything_under, files_under, has_staged,
    read_json, succeed, wait_until,
};

/// Where an image `out.zarr` is until it is complete.
const STAGING: &str = ".out.zarr.anabranch-partial";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// An image of numbers that differ from place to place.
fn uneven(shape: [usize; 3], dtype: &str) -> Image {
    let place = |index: usize| [index / (shape[1] * shape[2]), index / shape[2] % shape[1], index % shape[2]];
    let value = |index: usize| {
        let [z, y, x] = place(index);
        ((7919 * z + 104_729 * y + 1299 * x * x) % 251) as f64
    };
    let values = (0..shape.iter().product()).map(value).collect();
    Image { shape, dimensions: if shape[0] == 1 { 2 } else { 3 }, values, dtype: dtype.into() }
}

/// The means of pairs along each axis, halves rounded upwards where asked to.
fn halved(image: &Image, rounded: bool) -> Image {
    let factor = image.shape.map(|n| n.min(2));
    let shape: [usize; 3] = std::array::from_fn(|a| image.shape[a].div_ceil(factor[a]));
    let mut sums = vec![(0.0, 0.0); shape.iter().product()];
    for (index, value) in image.values.iter().enumerate() {
        let [_, height, width] = image.shape;
        let place = [index / (height * width), index / width % height, index % width];
        let [z, y, x]: [usize; 3] = std::array::from_fn(|a| place[a] / factor[a]);
        let (sum, count) = &mut sums[(z * shape[1] + y) * shape[2] + x];
        (*sum, *count) = (*sum + value, *count + 1.0);
    }
    let mean = |(sum, count): (f64, f64)| if rounded { (sum / count + 0.5f64).floor() } else { sum / count };
    Image { shape, values: sums.into_iter().map(mean).collect(), ..image.clone() }
}

/// The shape and the values of one resolution, as another reader of the format has them.
fn level(out: &Path, level: usize) -> (Vec<u64>, Vec<u8>) {
    let store = FilesystemStore::new(out.join(level.to_string())).expect("a store");
    let array = Array::open(Arc::new(store), "/").expect("an array");
    let values: zarrs::array::ArrayBytes = array.retrieve_array_subset(&array.subset_all()).expect("readable chunks");
    let bytes = values.into_fixed().expect("numbers").into_owned();
    (array.shape().to_vec(), bytes)
}

#[test]
fn each_resolution_is_the_mean_of_the_one_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("image.npy"), folder.path().join("out.zarr"));
    for (shape, dtype, more) in [
        ([1, 75, 130], "uint16", &["--chunk", "16,16"][..]),
        ([1, 75, 130], "float32", &["--chunk", "7"]),
        ([13, 40, 51], "int16", &["--chunk", "8"]),
        ([13, 40, 51], "uint8", &[]),
        ([2, 3, 1], "float64", &["--spacing", "3,2,1"]),
    ] {
        let mut image = uneven(shape, dtype);
        image.write_npy(&input);
        succeed(&[&["fuse", text(&input), "--out", text(&out), "--levels", "3", "--overwrite"], more].concat());
        for resolution in 0..3 {
            let axes: Vec<u64> = image.axes().iter().map(|&n| n as u64).collect();
            assert_eq!(level(&out, resolution), (axes, image.bytes()), "{resolution} of {shape:?} {dtype}");
            image = halved(&image, !dtype.starts_with("float"));
        }
        assert!(!out.join("3").exists());
        let metadata = read_json(&out, "zarr.json");
        let image = &metadata["attributes"]["ome"]["multiscales"][0];
        assert_eq!((&image["name"], image["datasets"].as_array().map(Vec::len)), (&"image".into(), Some(3)));
    }
}

/// Of each box of 2 voxels along each axis the largest value, or the most frequent one, of several the largest.
fn picked(image: &Image, most_frequent: bool) -> Image {
    let factor = image.shape.map(|n| n.min(2));
    let shape: [usize; 3] = std::array::from_fn(|a| image.shape[a].div_ceil(factor[a]));
    let mut boxes = vec![Vec::new(); shape.iter().product()];
    for (index, value) in image.values.iter().enumerate() {
        let [_, height, width] = image.shape;
        let place = [index / (height * width), index / width % height, index % width];
        let [z, y, x]: [usize; 3] = std::array::from_fn(|a| place[a] / factor[a]);
        boxes[(z * shape[1] + y) * shape[2] + x].push(*value);
    }
    let weight = |values: &[f64], value: f64| {
        if most_frequent { values.iter().filter(|other| **other == value).count() } else { 0 }
    };
    let pick = |values: Vec<f64>| {
        let rank = |v: &f64| (weight(&values, *v), *v);
        *values.iter().max_by(|a, b| rank(a).partial_cmp(&rank(b)).expect("numbers")).expect("a voxel")
    };
    Image { shape, values: boxes.into_iter().map(pick).collect(), ..image.clone() }
}

#[test]
fn coarser_resolutions_of_masks_and_labels_hold_values_that_are_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("image.npy"), folder.path().join("out.zarr"));
    for (dtype, how, most_frequent) in [
        ("bool", &[][..], false),
        ("uint8", &["--downsample", "max"], false),
        ("uint16", &["--downsample", "mode"], true),
        ("float32", &["--downsample", "max"], false),
    ] {
        let mut image = uneven([13, 40, 51], dtype);
        image.values.iter_mut().for_each(|value| *value = if dtype == "bool" { *value % 2.0 } else { *value % 5.0 });
        image.write_npy(&input);
        succeed(&[&["fuse", text(&input), "--out", text(&out), "--levels", "3", "--overwrite"], how].concat());
        for resolution in 0..3 {
            assert_eq!(level(&out, resolution).1, image.bytes(), "{resolution} of {dtype}");
            image = picked(&image, most_frequent);
        }
        let ome = &read_json(&out, "zarr.json")["attributes"]["ome"];
        assert_eq!(ome["multiscales"][0]["type"], if most_frequent { "mode" } else { "max" });
        assert_eq!(ome["image-label"].is_object(), most_frequent);
    }
    // What its metadata say are labels stays so, without being told.
    let again = folder.path().join("again.zarr");
    let mut image = uneven([13, 40, 51], "uint16");
    image.values.iter_mut().for_each(|value| *value %= 5.0);
    image.write_npy(&input);
    succeed(&["fuse", text(&input), "--out", text(&out), "--levels", "3", "--overwrite", "--downsample", "mode"]);
    succeed(&["fuse", text(&out), "--out", text(&again), "--levels", "3"]);
    assert_eq!(level(&out, 2), level(&again, 2));
    assert_eq!(read_json(&again, "zarr.json")["attributes"]["ome"]["multiscales"][0]["type"], "mode");
}

#[test]
fn the_same_bytes_come_from_any_number_of_workers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("image.npy");
    uneven([1, 300, 200], "uint16").write_npy(&input);
    let fused = |workers: &str| {
        let out = folder.path().join(format!("{workers}.zarr"));
        succeed(&["fuse", text(&input), "--out", text(&out), "--workers", workers, "--chunk", "8", "--levels", "6"]);
        files_under(&out)
    };
    let one = fused("1");
    assert!(one.len() > 38 * 25 + 19 * 13);
    assert!(one == fused("2") && one == fused("5"));
}

#[test]
fn fused_then_analysed_equals_analysed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    Image::woven(&tangle([20, 30, 40]), "uint16").write_zarr(&at("image.zarr"), &[9, 8, 7], PLAIN);
    let options = ["--spacing", "2,1,0.5", "--region", "1:20,2:30,0:39"];
    succeed(&[&["run", text(&at("image.zarr")), "--out", text(&at("expected")), "--quiet"], &options[..]].concat());
    let told =
        succeed(&[&["fuse", text(&at("image.zarr")), "--out", text(&at("out.zarr"))], &options[..]].concat()).stdout;
    assert!(told.contains("[19, 28, 39] voxels of uint16 in 1 resolution,"), "{told}");
    succeed(&["run", text(&at("out.zarr")), "--out", text(&at("found")), "--quiet"]);
    assert!(bytes_of_any_part(&at("found")) == bytes_of_any_part(&at("expected")));
    // It lies where it lay in the image.
    let metadata = read_json(&at("out.zarr"), "zarr.json");
    let steps = &metadata["attributes"]["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"];
    assert_eq!(steps[1]["translation"], serde_json::json!([2.0, 2.0, 0.0]));
}

#[test]
fn an_image_is_there_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, whole] = ["image.npy", "out.zarr", "whole.zarr"].map(|name| folder.path().join(name));
    uneven([1, 1500, 1500], "uint16").write_npy(&input);
    let call = |out| ["fuse", text(&input), "--out", text(out), "--chunk", "16", "--quiet"];
    succeed(&call(&whole));
    let before = everything_under(folder.path());
    let staging = folder.path().join(STAGING);
    let begun = || {
        let running = Running::start(call(&out));
        wait_until("a chunk is written", || has_staged(&staging, "0/c/1"));
        assert!(!out.exists());
        running
    };
    let outcome = begun().interrupt();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (130, "anabranch: interrupted; nothing was written\n"));
    assert!(everything_under(folder.path()) == before, "interrupted");
    for kib in [0, 1] {
        let outcome = anabranch_with_little_disk(kib, &["fuse", text(&input), "--out", text(&out), "--quiet"]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (74, 1), "{outcome:?}");
        assert!(outcome.stderr.contains("out.zarr"), "{outcome:?}");
        assert!(everything_under(folder.path()) == before, "with {kib} KiB");
    }
    begun().kill();
    assert!(!out.exists());
    succeed(&call(&out));
    assert!(!staging.exists(), "nothing is left of what was killed");
    assert!(files_under(&out) == files_under(&whole));
}

#[test]
fn what_was_there_is_replaced_when_asked_for_and_stays_when_something_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    uneven([1, 40, 40], "uint8").write_npy(&at("image.npy"));
    uneven([1, 30, 50], "uint8").write_npy(&at("other.npy"));
    fs::write(at("broken.npy"), "no image").expect("a writable folder");
    fs::create_dir(at("photos")).expect("a writable folder");
    fs::write(at("photos/1.jpg"), "mine").expect("a writable folder");
    succeed(&["fuse", text(&at("image.npy")), "--out", text(&at("out.zarr")), "--chunk", "8"]);
    let before = everything_under(folder.path());
    let (image, out) = (at("image.npy"), at("out.zarr"));
    for (input, out, more, code, says) in [
        (&image, &out, &[][..], 73, "--overwrite"),
        (&image, &at("photos"), &["--overwrite"], 73, "this program has not written it"),
        (&image, &image, &["--overwrite"], 2, "holds the input"),
        (&out.join("0"), &out, &["--overwrite"], 2, "holds the input"),
        (&at("broken.npy"), &out, &["--overwrite"], 65, "broken.npy"),
        (&at("none.npy"), &at("new/out.zarr"), &[], 66, "none.npy"),
        (&image, &at("new/out.zarr"), &["--levels", "0"], 2, "--levels is 0"),
        (&image, &at("new/out.zarr"), &["--levels", "9"], 2, "image.npy: has 7 resolutions at most"),
        (&image, &at("new/out.zarr"), &["--chunk", "0"], 2, "--chunk 0"),
        (&image, &at("new/out.zarr"), &["--workers", "0"], 2, "--workers is 0"),
        (&image, &at("new/out.zarr"), &["--channel", "1"], 2, "--channel"),
        (&image, &at("photos/1.jpg/out.zarr"), &[], 73, "1.jpg"),
    ] {
        let outcome = anabranch([&["fuse", text(input), "--out", text(out)], more].concat());
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{more:?}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{says}: {outcome:?}");
        assert!(everything_under(folder.path()) == before, "{says}");
    }
    succeed(&["fuse", text(&at("other.npy")), "--out", text(&out), "--overwrite", "--quiet"]);
    assert_eq!(level(&out, 0), (vec![30, 50], uneven([1, 30, 50], "uint8").bytes()));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 5, "nothing is left beside it");
}
