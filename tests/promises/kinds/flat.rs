//! Files of one array, and files that are no images.

use std::path::{Path, PathBuf};

use super::{Kind, file, words};
use crate::image::write_npy;

const NPY: &str = "NumPy";
const OTHER: &str = "Other files";

fn npy(at: &Path, code: &str, shape: &[usize], bytes: &[u8]) -> PathBuf {
    let path = at.join("image.npy");
    write_npy(&path, code, shape, bytes);
    path
}

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |form, example, found_by, options, write| Kind { form, example, found_by, options, write };
    vec![
        kind(NPY, "array of three axes", "the header: type, order and shape", &[], |at| {
            npy(at, "<u2", &[3, 4, 5], &words())
        }),
        kind(NPY, "the same", "what is given", &["--spacing", "2,0.5,0.25", "--unit", "um"], |at| {
            npy(at, "<u2", &[3, 4, 5], &words())
        }),
        kind(NPY, "int64", "the type; values beyond 2^53 are refused where they are read", &[], |at| {
            let bytes: Vec<u8> = (0..60_i64).flat_map(i64::to_le_bytes).collect();
            npy(at, "<i8", &[3, 4, 5], &bytes)
        }),
        kind(NPY, "int64 with the value 2^60", "each value, when it is read", &[], |at| {
            let bytes: Vec<u8> = (0..60_i64).flat_map(|v| (v << 55).to_le_bytes()).collect();
            npy(at, "<i8", &[3, 4, 5], &bytes)
        }),
        kind(NPY, "float32 with NaN", "each value, when it is read", &[], |at| {
            let bytes: Vec<u8> = [1.0, f32::NAN, 2.0, 3.0].into_iter().flat_map(f32::to_le_bytes).collect();
            npy(at, "<f4", &[2, 2], &bytes)
        }),
        kind(NPY, "complex64", "the type", &[], |at| npy(at, "<c8", &[3, 4, 5], &words().repeat(4))),
        kind(NPY, "cut off", "the length of the file", &[], |at| npy(at, "<u2", &[3, 4, 5], &words()[..100])),
        kind(OTHER, "text", "the first bytes", &[], |at| file(at, "notes.txt", "no image")),
        kind(OTHER, "HDF5, as Imaris and ilastik write it", "the first bytes", &[], |at| {
            file(at, "image.h5", [&b"\x89HDF\r\n\x1a\n"[..], &[0; 100]].concat())
        }),
        kind(OTHER, "nothing at the path", "", &[], |at| at.join("none.tif")),
    ]
}
