//! Promise: what makes a voxel foreground is what people set, however they say it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::sequential::Mask;
use crate::support::{anabranch, invariant_bytes, read_json, succeed};

#[test]
fn a_sigma_that_is_a_length_is_the_voxels_that_it_comes_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    Image::woven(&tangle([14, 15, 16]), "uint16").write_npy(&folder.path().join("image.npy"));
    let outputs = |out: &str, sigma: &str| {
        let call = ["run", &at("image.npy"), "--out", &at(out), "--quiet", "--threshold", "60"];
        succeed(&[&call[..], &["--spacing", "2,0.5,0.25um", "--sigma", sigma]].concat());
        invariant_bytes(&folder.path().join(out))
    };
    let expected = outputs("voxels", "0.3,1.2,2.4");
    assert!(outputs("length", "600nm") == expected);
    assert!(outputs("lengths", "0.0006mm,600nm,0.6um") == expected);
    assert!(outputs("axis", "0,600,0nm") == outputs("voxel", "0,1.2,0"));
    assert!(outputs("other", "0.3") != expected);
}

/// The table and the skeleton of a run, without its parameters.
fn found(folder: &Path, image: &Image, options: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let at = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    image.write_npy(&folder.join("image.npy"));
    succeed(&[&["run", &at("image.npy"), "--out", &at("out"), "--quiet", "--overwrite"], options].concat());
    let mut files = invariant_bytes(&folder.join("out"));
    files.retain(|name, _| name != Path::new("summary.json"));
    files
}

#[test]
fn what_is_dark_in_an_image_is_what_is_bright_in_its_mirror_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mask = tangle([14, 15, 16]);
    for dtype in ["uint8", "int16", "float32", "float64"] {
        // No smoothed value lies so close to the threshold that its last digits decide.
        let bright = Image { dtype: dtype.into(), ..Image::woven(&mask, "uint8") };
        let mirrored = bright.values.iter().map(|value| 255.0 - value).collect();
        let dark = Image { values: mirrored, ..bright.clone() };
        let columns = |options: &[&str], image: &Image| -> Vec<(PathBuf, Vec<u8>)> {
            let files = found(folder.path(), image, options);
            files.into_iter().filter(|(name, _)| name.starts_with("skeleton.zarr")).collect()
        };
        let expected = columns(&["--threshold", "100"], &bright);
        assert!(columns(&["--below", "154.5"], &dark) == expected, "{dtype}");
        // A value at the threshold is dark, and not bright.
        let at = bright.values.iter().copied().filter(|&value| value > 0.0).fold(f64::MAX, f64::min);
        let [bound, mirrored] = [at, 255.0 - at].map(|bound| bound.to_string());
        let all = columns(&["--threshold", "0"], &bright);
        assert!(columns(&["--below", &mirrored], &dark) == all, "{dtype}: {mirrored} is dark");
        assert!(columns(&["--threshold", &bound], &bright) != all, "{dtype}: {bound} is not bright");
        let smoothed = columns(&["--sigma", "0.5,1,0.7", "--threshold", "60.001"], &bright);
        assert!(columns(&["--sigma", "0.5,1,0.7", "--below", "194.999"], &dark) == smoothed, "{dtype}, smoothed");
    }
}

#[test]
fn what_is_not_stored_and_counts_as_dark_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let shape = [12, 12, 12];
    let mut image = Image::woven(&tangle(shape), "uint8");
    image.values.iter_mut().for_each(|value| *value += 9.0);
    image.write_zarr(&folder.path().join("image.zarr"), &[6; 3], PLAIN);
    let warnings = |options: &[&str]| {
        let call = ["run", &at("image.zarr"), "--out", &at("out"), "--overwrite", "--quiet"];
        let said = succeed(&[&call, options].concat()).stderr;
        let told = read_json(&folder.path().join("out"), "summary.json")["warnings"].to_string();
        assert_eq!(
            said.contains("fill value 0, which --below makes foreground"),
            told.contains("fill value 0"),
            "{said}"
        );
        told.contains("fill value 0")
    };
    assert!(!warnings(&["--below", "10"]), "all is stored");
    std::fs::remove_file(folder.path().join("image.zarr/c/1/0/1")).expect("a chunk that is stored");
    assert!(warnings(&["--below", "10"]) && warnings(&["--below", "otsu", "--sigma", "1"]));
    assert!(!warnings(&["--threshold", "10"]) && !warnings(&["--below=-1"]), "the fill value is background");
    assert!(!warnings(&["--below", "10", "--region", "0:6,0:12,0:12"]), "what is missing lies outside");
}

#[test]
fn one_side_of_a_threshold_is_foreground_and_no_other() {
    let outcome = anabranch(["run", "image.npy", "--out", "out", "--threshold", "3", "--below", "4"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--threshold") && outcome.stderr.contains("--below"), "{}", outcome.stderr);
    let everything = Mask::from_fn([8, 8, 8], |_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let image = Image::woven(&everything, "uint8");
    found(folder.path(), &image, &["--below", "255"]);
    let warnings = read_json(&folder.path().join("out"), "summary.json")["warnings"].to_string();
    assert!(warnings.contains("no value is above the threshold"), "{warnings}");
}
