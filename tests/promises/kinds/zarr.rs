//! Zarr arrays, and groups of them.

use std::path::{Path, PathBuf};

use super::{Kind, file, words};

/// The metadata of a Zarr v2 array of one chunk.
fn v2(more: &str) -> String {
    format!(
        r#"{{"zarr_format": 2, "shape": [3, 4, 5], "chunks": [3, 4, 5], "dtype": "<u2", "compressor": null, "order": "C",
        "filters": null, "fill_value": 0{more}}}"#
    )
}

/// The metadata of a Zarr v3 array of one chunk.
fn v3(shape: &str, attributes: &str) -> String {
    format!(
        r#"{{"zarr_format": 3, "node_type": "array", "shape": {shape}, "data_type": "uint16", "fill_value": 0,
        "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": {shape}}}}},
        "chunk_key_encoding": {{"name": "default"}}, "attributes": {attributes},
        "codecs": [{{"name": "bytes", "configuration": {{"endian": "little"}}}}]}}"#
    )
}

fn write_v2(at: &Path, metadata: &str) -> PathBuf {
    file(at, "image.zarr/0.0.0", words());
    file(at, "image.zarr/.zarray", metadata);
    at.join("image.zarr")
}

fn write_v3(at: &Path, shape: &str, place: &str, attributes: &str) -> PathBuf {
    file(at, &format!("image.zarr/{place}"), words());
    file(at, "image.zarr/zarr.json", v3(shape, attributes));
    at.join("image.zarr")
}

/// An OME-Zarr 0.5 group with one level, whose dataset has these transformations and axes.
fn ome(at: &Path, axes: &str, transformations: &str) -> PathBuf {
    let group = format!(
        r#"{{"zarr_format": 3, "node_type": "group", "attributes": {{"ome": {{"version": "0.5", "multiscales": [{{"axes": {axes},
        "datasets": [{{"path": "0", "coordinateTransformations": {transformations}}}]}}]}}}}}}"#
    );
    file(at, "image.zarr/zarr.json", group);
    file(at, "image.zarr/0/zarr.json", v3("[3, 4, 5]", "{}"));
    file(at, "image.zarr/0/c/0/0/0", words());
    at.join("image.zarr")
}

const AXES: &str = r#"[{"name": "z", "type": "space", "unit": "micrometer"}, {"name": "y", "type": "space", "unit":
    "micrometer"}, {"name": "x", "type": "space", "unit": "micrometer"}]"#;
const CZYX: &str = "Zarr";
const OME: &str = "OME-Zarr";

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |form, example, found_by, options, write| Kind { form, example, found_by, options, write };
    vec![
        kind(CZYX, "v2 array", "`.zarray`", &[], |at| write_v2(at, &v2(""))),
        kind(CZYX, "v2 array, `fill_value` missing", "read as 0, as zarr-python has it", &[], |at| {
            write_v2(
                at,
                &v2("").replace(r#", "fill_value": 0"#, "").replace(r#""filters": null,"#, r#""filters": null"#),
            )
        }),
        kind(CZYX, "v2 array, `\"fill_value\": \"0\"`", "a number in quotes is the number", &[], |at| {
            write_v2(at, &v2("").replace(r#""fill_value": 0"#, r#""fill_value": "0""#))
        }),
        kind(CZYX, "v2 array with `_ARRAY_DIMENSIONS` `t`, `y`, `x`", "`.zattrs`, as xarray writes it", &[], |at| {
            let path = write_v2(at, &v2(""));
            file(&path, ".zattrs", r#"{"_ARRAY_DIMENSIONS": ["t", "y", "x"]}"#);
            path
        }),
        kind(CZYX, "v2 array with `scale_factor` and `add_offset`", "`.zattrs`, as CF and xarray have it", &[], |at| {
            let path = write_v2(at, &v2(""));
            file(&path, ".zattrs", r#"{"scale_factor": 0.01, "add_offset": 300.0}"#);
            path
        }),
        kind(CZYX, "v3 array", "`zarr.json`", &[], |at| write_v3(at, "[3, 4, 5]", "c/0/0/0", "{}")),
        kind(CZYX, "v3 array of complex numbers", "`data_type`", &[], |at| {
            let path = write_v3(at, "[3, 4, 5]", "c/0/0/0", "{}");
            let text = v3("[3, 4, 5]", "{}")
                .replace("uint16", "complex64")
                .replace(r#""fill_value": 0"#, r#""fill_value": [0, 0]"#);
            file(&path, "zarr.json", text);
            path
        }),
        kind(CZYX, "array of four axes without names", "the shape; nothing says what the first axis is", &[], |at| {
            write_v3(at, "[3, 1, 4, 5]", "c/0/0/0/0", "{}")
        }),
        kind(CZYX, "the same", "the axes that are given", &["--axes", "z,c,y,x"], |at| {
            write_v3(at, "[3, 1, 4, 5]", "c/0/0/0/0", "{}")
        }),
        kind(CZYX, "a folder without metadata", "neither `.zarray`, `.zgroup` nor `zarr.json`", &[], |at| {
            file(at, "image.zarr/0.0.0", words());
            at.join("image.zarr")
        }),
        kind(OME, "0.5, scale in µm", "`multiscales`: its first dataset, its axes and transformations", &[], |at| {
            ome(at, AXES, r#"[{"type": "scale", "scale": [2, 0.5, 0.25]}]"#)
        }),
        kind(OME, "0.5, axes `c`, `y`, `x`", "the names of the axes", &["--channel", "1"], |at| {
            ome(
                at,
                &AXES.replacen(
                    r#"{"name": "z", "type": "space", "unit": "micrometer"}"#,
                    r#"{"name": "c", "type": "channel"}"#,
                    1,
                ),
                r#"[{"type": "scale", "scale": [1, 0.5, 0.25]}]"#,
            )
        }),
        kind(OME, "0.5, a scale of two numbers for three axes", "the scale has a number for each axis", &[], |at| {
            ome(at, AXES, r#"[{"type": "scale", "scale": [2, 0.5]}]"#)
        }),
        kind(OME, "the array in it, `image.zarr/0`", "the metadata of the group around it", &[], |at| {
            ome(at, AXES, r#"[{"type": "scale", "scale": [2, 0.5, 0.25]}]"#).join("0")
        }),
        kind(
            OME,
            "a plate of one image",
            "`plate` among the attributes; of several images one has to be picked by its path",
            &[],
            |at| {
                let path = ome(at, AXES, r#"[{"type": "scale", "scale": [2, 0.5, 0.25]}]"#);
                let plate = at.join("plate.zarr");
                std::fs::create_dir_all(plate.join("A/1")).expect("a writable folder");
                let group = |attributes: &str| {
                    format!(r#"{{"zarr_format": 3, "node_type": "group", "attributes": {attributes}}}"#)
                };
                let wells = r#"{"ome": {"version": "0.5", "plate": {"columns": [{"name": "1"}], "rows": [{"name": "A"}], "wells":
                [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}]}}}"#;
                file(&plate, "zarr.json", group(wells));
                file(&plate, "A/zarr.json", group("{}"));
                file(
                    &plate,
                    "A/1/zarr.json",
                    group(r#"{"ome": {"version": "0.5", "well": {"images": [{"path": "0"}]}}}"#),
                );
                std::fs::rename(path, plate.join("A/1/0")).expect("a writable folder");
                plate
            },
        ),
        kind(OME, "a group without OME metadata", "`attributes` of the group", &[], |at| {
            let path = ome(at, AXES, "[]");
            file(&path, "zarr.json", r#"{"zarr_format": 3, "node_type": "group", "attributes": {}}"#);
            path
        }),
    ]
}
