//! Cases: input that is missing, damaged, of an unsupported form, or of values without meaning.

use std::path::{Path, PathBuf};

use super::{Case, DATA, MISSING, USAGE, gray, gray_npy};
use crate::image::{CHECKED, Image, PLAIN, write_npy, zarr_json};
use crate::support::anabranch;

fn zarr(folder: &Path, codecs: &str) -> PathBuf {
    let path = folder.join("gray.zarr");
    gray().write_zarr(&path, &[6, 6, 6], codecs);
    path
}

/// A Zarr array that is metadata only.
fn metadata(folder: &Path, json: &str) -> PathBuf {
    let path = folder.join("odd.zarr");
    std::fs::create_dir(&path).expect("a writable folder");
    std::fs::write(path.join("zarr.json"), json).expect("a writable folder");
    path
}

fn damage(path: &Path, how: impl Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("a stored chunk");
    how(&mut bytes);
    std::fs::write(path, bytes).expect("a writable folder");
}

fn halve(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 2);
}

fn npy(folder: &Path, code: &str, axes: &[usize], size: usize) -> PathBuf {
    let path = folder.join("odd.npy");
    write_npy(&path, code, axes, &vec![1; axes.iter().product::<usize>() * size]);
    path
}

fn with_nan(folder: &Path, dtype: &str) -> PathBuf {
    let mut image = Image { dtype: dtype.into(), ..gray() };
    image.values[700] = f64::NAN;
    let path = folder.join("nan.npy");
    image.write_npy(&path);
    path
}

fn infinite(folder: &Path) -> PathBuf {
    let mut image = Image { dtype: "float32".into(), ..gray() };
    image.values[700] = f64::INFINITY;
    let path = folder.join("infinite.npy");
    image.write_npy(&path);
    path
}

/// Only chunk 1/0/1 holds NaN.
fn zarr_with_nan(folder: &Path) -> PathBuf {
    let mut image = Image { dtype: "float32".into(), ..gray() };
    image.values[(7 * 13 + 4) * 14 + 9] = f64::NAN;
    let path = folder.join("nan.zarr");
    image.write_zarr(&path, &[6, 6, 6], CHECKED);
    path
}

fn slices(folder: &Path) -> PathBuf {
    let path = folder.join("slices");
    gray().write_slices(&path);
    path
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a path that is not there",
        input: |f| f.join("nowhere.zarr"),
        options: &[],
        says: &["nowhere.zarr"],
        code: MISSING,
    },
    Case {
        name: "an empty folder",
        input: |f| {
            std::fs::create_dir(f.join("empty")).expect("a writable folder");
            f.join("empty")
        },
        options: &[],
        says: &["empty"],
        code: DATA,
    },
    Case {
        name: "a file of no known format",
        input: |f| {
            std::fs::write(f.join("notes.txt"), "not an image").expect("a writable folder");
            f.join("notes.txt")
        },
        options: &[],
        says: &["notes.txt"],
        code: DATA,
    },
    Case {
        name: "a truncated chunk",
        input: |f| {
            let path = zarr(f, PLAIN);
            damage(&path.join("c/1/0/1"), halve);
            path
        },
        options: &[],
        says: &["gray.zarr", "1/0/1"],
        code: DATA,
    },
    Case {
        name: "a corrupted chunk",
        input: |f| {
            let path = zarr(f, CHECKED);
            damage(&path.join("c/0/1/2"), |bytes| bytes[33] ^= 4);
            path
        },
        options: &[],
        says: &["gray.zarr", "0/1/2"],
        code: DATA,
    },
    Case {
        name: "an unsupported codec",
        input: |f| {
            metadata(
                f,
                &zarr_json(&[8, 8, 8], &[4, 4, 4], "uint8", "0", &PLAIN.replace(']', r#", {"name": "rot13"}]"#)),
            )
        },
        options: &[],
        says: &["odd.zarr", "rot13"],
        code: DATA,
    },
    Case {
        name: "an unsupported type in Zarr",
        input: |f| metadata(f, &zarr_json(&[8, 8, 8], &[4, 4, 4], "complex64", "[0.0, 0.0]", PLAIN)),
        options: &[],
        says: &["odd.zarr", "complex64"],
        code: DATA,
    },
    Case {
        name: "Zarr metadata that are no JSON",
        input: |f| metadata(f, "{\"zarr_format\": 3, "),
        options: &[],
        says: &["odd.zarr"],
        code: DATA,
    },
    Case {
        name: "an unsupported type in .npy",
        input: |f| npy(f, "<c8", &[4, 4, 4], 8),
        options: &[],
        says: &["odd.npy", "complex64"],
        code: DATA,
    },
    Case {
        name: "a truncated .npy file",
        input: |f| {
            let path = gray_npy(f);
            damage(&path, halve);
            path
        },
        options: &[],
        says: &["gray.npy"],
        code: DATA,
    },
    Case {
        name: "an array of one axis",
        input: |f| npy(f, "|u1", &[50], 1),
        options: &[],
        says: &["odd.npy", "1"],
        code: DATA,
    },
    Case {
        name: "two long extra axes",
        input: |f| npy(f, "|u1", &[2, 3, 4, 4, 4], 1),
        options: &[],
        says: &["odd.npy", "--time"],
        code: USAGE,
    },
    Case {
        name: "six axes",
        input: |f| npy(f, "|u1", &[2, 2, 3, 4, 4, 4], 1),
        options: &[],
        says: &["odd.npy", "6"],
        code: DATA,
    },
    Case {
        name: "NaN among float32",
        input: |f| with_nan(f, "float32"),
        options: &["--threshold", "3"],
        says: &["nan.npy", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN among float64",
        input: |f| with_nan(f, "float64"),
        options: &[],
        says: &["nan.npy", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN in smoothed values",
        input: |f| with_nan(f, "float32"),
        options: &["--sigma", "1", "--threshold", "otsu"],
        says: &["nan.npy", "NaN"],
        code: DATA,
    },
    Case {
        name: "an infinite value",
        input: infinite,
        options: &["--threshold", "3"],
        says: &["infinite.npy", "the value at (z, y, x) = (", "is infinite; replace it by a finite number"],
        code: DATA,
    },
    Case {
        name: "an infinite value and Otsu's threshold",
        input: infinite,
        options: &["--threshold", "otsu"],
        says: &["infinite.npy", "the value at (z, y, x) = (", "is infinite; replace it by a finite number"],
        code: DATA,
    },
    Case {
        name: "an infinite value among smoothed values",
        input: infinite,
        options: &["--sigma", "1", "--threshold", "3"],
        says: &["infinite.npy", "the value at (z, y, x) = (", "is infinite; replace it by a finite number"],
        code: DATA,
    },
    Case {
        name: "NaN as the fill value of a missing chunk",
        input: |f| metadata(f, &zarr_json(&[8, 8, 8], &[4, 4, 4], "float32", "\"NaN\"", PLAIN)),
        options: &["--threshold", "1"],
        says: &["odd.zarr", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN in smoothed values by a given threshold",
        input: |f| with_nan(f, "float64"),
        options: &["--sigma", "0.7", "--threshold", "3", "--chunk", "5", "--workers", "3"],
        says: &["nan.npy", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN by Otsu's method",
        input: |f| with_nan(f, "float64"),
        options: &["--threshold", "otsu", "--chunk", "5", "--workers", "3"],
        says: &["nan.npy", "NaN"],
        code: DATA,
    },
    Case {
        name: "nothing but NaN",
        input: |f| {
            let path = f.join("nan.npy");
            Image { dtype: "float32".into(), values: vec![f64::NAN; 12 * 13 * 14], ..gray() }.write_npy(&path);
            path
        },
        options: &["--threshold", "otsu"],
        says: &["nan.npy", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN in a stored chunk",
        input: |f| zarr_with_nan(f),
        options: &["--threshold", "3"],
        says: &["nan.zarr", "1/0/1", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN in a stored chunk that is smoothed",
        input: |f| zarr_with_nan(f),
        options: &["--sigma", "2", "--threshold", "otsu", "--chunk", "3", "--workers", "4"],
        says: &["nan.zarr", "1/0/1", "NaN"],
        code: DATA,
    },
    Case {
        name: "NaN as the fill value of a missing chunk, smoothed",
        input: |f| metadata(f, &zarr_json(&[8, 8, 8], &[4, 4, 4], "float64", "\"NaN\"", PLAIN)),
        options: &["--sigma", "1", "--threshold", "otsu", "--workers", "3"],
        says: &["odd.zarr", "NaN"],
        code: DATA,
    },
    Case {
        name: "an axis without voxels",
        input: |f| npy(f, "|u1", &[4, 0, 6], 1),
        options: &[],
        says: &["odd.npy", "y"],
        code: DATA,
    },
    Case {
        name: "two long extra axes in Zarr",
        input: |f| metadata(f, &zarr_json(&[2, 3, 8, 8, 8], &[1, 1, 4, 4, 4], "uint8", "0", PLAIN)),
        options: &[],
        says: &["odd.zarr", "--channel"],
        code: USAGE,
    },
    Case {
        name: "a Zarr array of one axis",
        input: |f| metadata(f, &zarr_json(&[80], &[4], "uint8", "0", PLAIN)),
        options: &[],
        says: &["odd.zarr", "1"],
        code: DATA,
    },
    Case {
        name: "a corrupted chunk of a compressed array, by several workers",
        input: |f| {
            let path =
                zarr(f, &PLAIN.replace(']', r#", {"name": "zstd", "configuration": {"level": 1, "checksum": true}}]"#));
            damage(&path.join("c/1/1/1"), |bytes| *bytes.last_mut().expect("a byte") ^= 1);
            path
        },
        options: &["--sigma", "1", "--threshold", "otsu", "--chunk", "4", "--workers", "4"],
        says: &["gray.zarr", "1/1/1"],
        code: DATA,
    },
    Case {
        name: "a chunk that is a folder",
        input: |f| {
            let path = zarr(f, PLAIN);
            std::fs::remove_file(path.join("c/0/0/1")).expect("the chunk was stored");
            std::fs::create_dir(path.join("c/0/0/1")).expect("a writable folder");
            path
        },
        options: &[],
        says: &["gray.zarr", "0/0/1"],
        code: DATA,
    },
    Case {
        name: "TIFF slices of different types",
        input: |f| {
            let path = slices(f);
            Image { shape: [1, 13, 14], values: vec![1.0; 182], dtype: "uint8".into(), ..gray() }
                .write_tiff(&path.join("slice_0007.tif"));
            path
        },
        options: &[],
        says: &["slice_0007.tif", "uint8", "uint16"],
        code: DATA,
    },
    Case {
        name: "a truncated TIFF file",
        input: |f| {
            let path = f.join("gray.tif");
            gray().write_tiff(&path);
            damage(&path, halve);
            path
        },
        options: &[],
        says: &["gray.tif"],
        code: DATA,
    },
    Case {
        name: "a TIFF file of nothing",
        input: |f| {
            std::fs::write(f.join("empty.tif"), "").expect("a writable folder");
            f.join("empty.tif")
        },
        options: &[],
        says: &["empty.tif"],
        code: DATA,
    },
    Case {
        name: "TIFF slices of different sizes",
        input: |f| {
            let path = slices(f);
            Image { shape: [1, 13, 11], values: vec![1.0; 143], ..gray() }.write_tiff(&path.join("slice_0005.tif"));
            path
        },
        options: &[],
        says: &["slice_0005.tif", "11", "14"],
        code: DATA,
    },
    Case {
        name: "a truncated TIFF slice",
        input: |f| {
            let path = slices(f);
            damage(&path.join("slice_0003.tif"), halve);
            path
        },
        options: &[],
        says: &["slice_0003.tif"],
        code: DATA,
    },
];

#[test]
fn numbers_that_overflow_are_refused_by_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let voxels = |value: f64| {
        let inside = |y: usize, x: usize| (3..6).contains(&y) && (2..30).contains(&x);
        let value =
            |(z, y, x): (usize, usize, usize)| if (3..6).contains(&z) && inside(y, x) { value + x as f64 } else { 0.0 };
        anabranch::chunk::Voxels::F64(ndarray::Array3::from_shape_fn((9, 9, 32), value))
    };
    anabranch::store::npy::write_npy(path("large.npy"), &voxels(1e300), 3).expect("a writable folder");
    anabranch::store::npy::write_npy(path("fine.npy"), &voxels(1e130), 3).expect("a writable folder");
    let outcome = anabranch(["run", &path("large.npy"), "--out", &path("out")]);
    assert_eq!(outcome.code, 65, "{outcome:?}");
    assert!(outcome.stderr.contains("(z, y, x) = (4, 4, ") && outcome.stderr.contains("too large"), "{outcome:?}");
    for (option, value) in [("--workers", "18446744073709551615"), ("--workers", "1025"), ("--processes", "257")] {
        let outcome = anabranch(["run", &path("fine.npy"), "--out", &path("out"), option, value]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
    }
    for spacing in ["1e300", "1e-300", "1,1e61,1"] {
        let outcome = anabranch(["run", &path("fine.npy"), "--out", &path("out"), "--spacing", spacing]);
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
        assert!(!folder.path().join("out").exists());
    }
    for spacing in ["1e60", "1e-60"] {
        let outcome = anabranch(["run", &path("fine.npy"), "--out", &path(spacing), "--spacing", spacing, "--quiet"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
}
