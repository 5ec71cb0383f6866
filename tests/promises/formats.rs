//! Promise: an image gives the same bytes from every format and type that holds it.

use std::path::Path;

use crate::draw::tangle;
use crate::image::{CHECKED, Image, PLAIN};
use crate::sequential::{Mask, table};
use crate::support::{invariant_bytes, read_json, read_skeleton, read_table, succeed};

fn run(input: &Path, out: &Path, options: &[&str]) {
    let [input, out] = [input, out].map(|path| path.to_str().expect("UTF-8"));
    succeed(&[&["run", input, "--out", out, "--quiet"], options].concat());
}

#[test]
fn every_format_of_an_image_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let image = Image::woven(&tangle([17, 19, 23]), "uint16");
    let sharded = format!(
        r#"[{{"name": "sharding_indexed", "configuration": {{"chunk_shape": [5, 5, 5], "codecs": {CHECKED},
            "index_codecs": {CHECKED}, "index_location": "end"}}}}]"#
    );
    let gzip = PLAIN.replace(']', r#", {"name": "gzip", "configuration": {"level": 1}}]"#);
    image.write_npy(&at("image.npy"));
    image.write_zarr(&at("plain.zarr"), &[6, 7, 8], PLAIN);
    image.write_zarr(&at("gzip.zarr"), &[17, 4, 9], &gzip);
    image.write_zarr(&at("sharded.zarr"), &[10, 10, 10], &sharded);
    image.write_tiff(&at("image.tif"));
    image.write_slices(&at("slices"));
    run(&at("image.npy"), &at("expected"), &["--spacing", "1,1,1"]);
    assert!(!read_table(&at("expected")).rows.is_empty());
    for name in ["plain.zarr", "gzip.zarr", "sharded.zarr", "image.tif", "slices"] {
        run(&at(name), &at("out"), &["--spacing", "1,1,1", "--overwrite"]);
        assert!(invariant_bytes(&at("out")) == invariant_bytes(&at("expected")), "{name} differs from image.npy");
    }
}

#[test]
fn every_type_of_an_image_gives_the_same_skeleton_and_rows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mask = tangle([14, 15, 16]);
    let types = ["uint8", "uint16", "uint32", "int16", "int32", "float32", "float64"];
    for dtype in types {
        Image::woven(&mask, dtype).write_npy(&at(&format!("{dtype}.npy")));
        run(&at(&format!("{dtype}.npy")), &at(dtype), &[]);
        assert_eq!(read_skeleton(&at(dtype)), read_skeleton(&at("uint8")), "{dtype}");
        // Means of whole numbers and of others are rounded at different steps.
        let (found, expected) = (read_table(&at(dtype)), read_table(&at("uint8")));
        assert_eq!(found.columns, expected.columns, "{dtype}");
        assert_eq!(table::difference(&found.columns, &expected.rows, &found.rows), None, "{dtype}");
    }
}

#[test]
fn a_chunk_that_is_not_stored_holds_the_fill_value() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mask = tangle([16, 16, 16]);
    let without = Mask::from_fn(mask.shape, |[z, y, x]| mask.get([z, y, x]) && !(z < 8 && y >= 8 && x < 8));
    Image::woven(&without, "uint8").write_npy(&at("without.npy"));
    Image::woven(&mask, "uint8").write_zarr(&at("missing.zarr"), &[8, 8, 8], PLAIN);
    std::fs::remove_file(at("missing.zarr").join("c/0/1/0")).expect("the chunk was stored");
    run(&at("without.npy"), &at("expected"), &[]);
    run(&at("missing.zarr"), &at("out"), &[]);
    assert!(invariant_bytes(&at("out")) == invariant_bytes(&at("expected")));
}

#[test]
fn a_region_is_analysed_as_if_it_were_the_volume() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mask = tangle([16, 18, 20]);
    let part = Mask::from_fn([9, 11, 14], |[z, y, x]| mask.get([z + 4, y + 3, x + 6]));
    Image::of_mask(&mask).write_npy(&at("whole.npy"));
    Image::of_mask(&part).write_npy(&at("part.npy"));
    run(&at("part.npy"), &at("expected"), &[]);
    run(&at("whole.npy"), &at("out"), &["--region", "4:13,3:14,6:20", "--chunk", "5"]);
    // It lies where the region does.
    let steps = |name: &str| {
        let ome = &read_json(&at(name), "skeleton.zarr/zarr.json")["attributes"]["ome"];
        ome["multiscales"][0]["datasets"][0]["coordinateTransformations"].clone()
    };
    let scale = serde_json::json!({"type": "scale", "scale": [1.0, 1.0, 1.0]});
    assert_eq!(steps("expected"), serde_json::json!([scale]));
    let moved = serde_json::json!({"type": "translation", "translation": [4.0, 3.0, 6.0]});
    assert_eq!(steps("out"), serde_json::json!([scale, moved]));
    assert_eq!(read_skeleton(&at("out")), read_skeleton(&at("expected")));
    let (found, expected) = (read_table(&at("out")), read_table(&at("expected")));
    assert_eq!(found.rows.len(), expected.rows.len());
    let of = |table: &crate::support::Table| table.rows.iter().map(|row| row[..7].to_vec()).collect::<Vec<_>>();
    assert_eq!(of(&found), of(&expected));
}
