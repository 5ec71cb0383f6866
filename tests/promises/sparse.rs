//! Promise: a volume takes memory and time by what is stored of it, and the answer is that of the same volume with every
//! chunk stored.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{anabranch, invariant_bytes, read_json, succeed};

/// Edge of a stored chunk.
const CHUNK: usize = 8;

/// Writes an uncompressed Zarr v3 array of whole numbers of 16 bits with only these chunks, from their values.
fn write_array(folder: &Path, shape: [usize; 3], dtype: &str, chunks: &[([usize; 3], Vec<i16>)]) {
    let metadata = json!({
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": dtype, "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [CHUNK, CHUNK, CHUNK]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    });
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("zarr.json"), metadata.to_string()).unwrap();
    for ([z, y, x], values) in chunks {
        let place = folder.join(format!("c/{z}/{y}"));
        fs::create_dir_all(&place).unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(place.join(x.to_string()), bytes).unwrap();
    }
}

/// The values of a chunk: a tube along x, among values that are below zero where the type has such.
fn tube(lowest: i16) -> Vec<i16> {
    let voxels = (0..CHUNK).flat_map(|z| (0..CHUNK).flat_map(move |y| (0..CHUNK).map(move |x| [z, y, x])));
    let value = |[z, y, x]: [usize; 3]| match (z, y) {
        (3..=4, 3..=5) => 900 + (x * y) as i16,
        _ => lowest + (z + y) as i16 % 3,
    };
    voxels.map(value).collect()
}

#[test]
fn what_is_not_stored_counts_as_if_it_were_there() {
    let folder = tempfile::tempdir().unwrap();
    let shape = [30, 24, 36];
    let grid: Vec<[usize; 3]> = (0..4).flat_map(|z| (0..3).flat_map(move |y| (0..5).map(move |x| [z, y, x]))).collect();
    for (dtype, lowest) in [("uint16", 2), ("int16", -700)] {
        // Two neighbours, one at the end, and a whole line along x, behind which nothing is seen that is not stored.
        let is_stored = |p: &[usize; 3]| [[0, 1, 1], [0, 1, 2], [3, 2, 4]].contains(p) || p[..2] == [2, 1];
        let stored: Vec<_> = grid.iter().filter(|p| is_stored(p)).map(|&p| (p, tube(lowest))).collect();
        let zeros = |p: &[usize; 3]| if is_stored(p) { tube(lowest) } else { vec![0; CHUNK * CHUNK * CHUNK] };
        let whole: Vec<_> = grid.iter().map(|p| (*p, zeros(p))).collect();
        let [sparse, dense] = ["sparse", "dense"].map(|name| folder.path().join(format!("{name}-{dtype}")));
        write_array(&sparse, shape, dtype, &stored);
        write_array(&dense, shape, dtype, &whole);
        for options in [
            &["--threshold", "500"][..],
            &["--threshold", "otsu"],
            &["--threshold=-5"],
            &["--threshold", "otsu", "--sigma", "1"],
            &["--threshold", "300", "--sigma", "0.8", "--workers", "2", "--chunk", "16"],
            &["--threshold", "500", "--processes", "2", "--workers", "1"],
            &["--threshold", "500", "--region", "3:27,5:20,10:36"],
        ] {
            let [few, all] = [&sparse, &dense].map(|input| {
                let out = folder.path().join("out");
                let _ = fs::remove_dir_all(&out);
                let call = ["run", input.to_str().unwrap(), "--out", out.to_str().unwrap(), "--quiet"];
                succeed(&[&call[..], options].concat());
                let run = read_json(&out, "run.json");
                (invariant_bytes(&out), fs::read(out.join("overview.png")).unwrap(), run)
            });
            assert!(few.0 == all.0, "{dtype} {options:?}");
            assert!(few.1 == all.1, "overview of {dtype} {options:?}");
        }
    }
}

#[test]
fn a_volume_of_134_million_chunks_that_stores_three_is_done_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let shape = [512 * CHUNK; 3];
    let stored: Vec<_> = [[0; 3], [100, 200, 300], [511; 3]].map(|place| (place, tube(0))).into();
    for (name, stored) in [("three", &stored[..]), ("none", &[])] {
        let input = folder.path().join(name);
        write_array(&input, shape, "uint16", stored);
        let input = input.to_str().unwrap();
        for options in [&["--threshold", "100"][..], &["--threshold", "100", "--sigma", "1"]] {
            let out = folder.path().join("out");
            let _ = fs::remove_dir_all(&out);
            succeed(&[&["run", input, "--out", out.to_str().unwrap(), "--quiet"][..], options].concat());
            let chunks = read_json(&out, "run.json")["chunks_read"].as_u64().unwrap();
            assert!(chunks <= 27 * stored.len() as u64, "{chunks} chunks read");
        }
    }
}

#[test]
fn too_many_chunks_to_compute_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("image"), folder.path().join("out"));
    write_array(&input, [512 * CHUNK; 3], "int16", &[]);
    let call = ["run", input.to_str().unwrap(), "--out", out.to_str().unwrap(), "--threshold=-1", "--chunk", "8"];
    let outcome = anabranch(call);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("give a larger --chunk"), "{}", outcome.stderr);
    assert!(!out.exists());
}

#[test]
fn what_is_missing_is_told_by_what_is_stored_and_too_much_of_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (many, few, out) = (path("many"), path("few"), path("out"));
    write_array(Path::new(&many), [512 * CHUNK; 3], "uint16", &[([100, 200, 300], tube(0))]);
    let run = |input: &str| anabranch(["run", input, "--out", &out, "--threshold", "100", "--quiet", "--provisional"]);
    let outcome = run(&many);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("has 134217727 chunks that are not stored"), "{}", outcome.stderr);
    assert!(!Path::new(&out).exists());
    write_array(Path::new(&few), [32 * CHUNK; 3], "uint16", &[([1, 2, 3], tube(0))]);
    assert_eq!(run(&few).code, 0);
    let summary = read_json(Path::new(&out), "summary.json");
    assert_eq!(summary["missing"], 32 * 32 * 32 - 1, "{summary}");
}
