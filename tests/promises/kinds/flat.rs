//! Files of one array, and files that are no images.

use std::path::{Path, PathBuf};

use super::{Kind, file, words};
use crate::image::write_npy;

const NPY: &str = "NumPy";
const PICTURES: &str = "Folder of pictures";
const OTHER: &str = "Other files";

fn npy(at: &Path, code: &str, shape: &[usize], bytes: &[u8]) -> PathBuf {
    let path = at.join("image.npy");
    write_npy(&path, code, shape, bytes);
    path
}

/// A picture of one plane of 4 x 5 pixels.
fn picture(at: &Path, name: &str, first: u8) {
    let pixels: Vec<u8> = (first..first + 20).collect();
    let path = file(at, name, "");
    image::save_buffer(path, &pixels, 5, 4, image::ExtendedColorType::L8).expect("a writable folder");
}

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |form, example, found_by, options, write| Kind { form, example, found_by, options, write };
    vec![
        kind(PICTURES, "PNG", "the numbers in the names, and the pictures' own headers", &[], |at| {
            (0..3).for_each(|z| picture(at, &format!("slices/slice_{z}.png"), 20 * z + 1));
            at.join("slices")
        }),
        kind(PICTURES, "BMP", "the same", &[], |at| {
            (0..3).for_each(|z| picture(at, &format!("slices/slice_{z}.bmp"), 20 * z + 1));
            at.join("slices")
        }),
        kind(PICTURES, "JPEG", "the same", &[], |at| {
            (0..3).for_each(|z| picture(at, &format!("slices/slice_{z}.jpg"), 20 * z + 1));
            at.join("slices")
        }),
        kind(PICTURES, "PNG, number 1 of 0 to 3 is missing", "the numbers in the names", &[], |at| {
            [0, 2, 3].iter().for_each(|z| picture(at, &format!("slices/slice_{z}.png"), 20 * z + 1));
            at.join("slices")
        }),
        kind(PICTURES, "PNG, two numbers that vary in the names", "the numbers in the names", &[], |at| {
            for (z, c) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                picture(at, &format!("slices/image_z{z}_ch{c}.png"), 20 * z + 1);
            }
            at.join("slices")
        }),
        kind(PICTURES, "the same", "the letters before the numbers", &["--channel", "1"], |at| {
            for (z, c) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                picture(at, &format!("slices/image_z{z}_ch{c}.png"), 20 * z + 1);
            }
            at.join("slices")
        }),
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
        kind(OTHER, "Zeiss CZI", "the first bytes", &[], |at| {
            file(at, "image.czi", [&b"ZISRAWFILE\0\0\0\0\0\0"[..], &[0; 100]].concat())
        }),
        kind(OTHER, "Leica LIF", "the first bytes", &[], |at| {
            file(at, "image.lif", [&[0x70, 0, 0, 0, 20, 0, 0, 0, 0x2a][..], &[0; 100]].concat())
        }),
        kind(OTHER, "Nikon ND2", "the first bytes", &[], |at| {
            file(at, "image.nd2", [&[0xda, 0xce, 0xbe, 0x0a][..], &[0; 100]].concat())
        }),
        kind(OTHER, "N5", "`attributes.json` with `dataType`", &[], |at| {
            let text = r#"{"dimensions": [5, 4, 3], "blockSize": [5, 4, 3], "dataType": "uint16", "compression": {"type": "raw"}}"#;
            file(at, "image.n5/attributes.json", text);
            at.join("image.n5")
        }),
        kind(OTHER, "one PNG", "the first bytes", &[], |at| {
            picture(at, "image.png", 1);
            at.join("image.png")
        }),
        kind(OTHER, "an empty file", "its length", &[], |at| file(at, "image.tif", "")),
        kind(OTHER, "an empty folder", "what is in it", &[], |at| {
            std::fs::create_dir(at.join("empty")).expect("a writable folder");
            at.join("empty")
        }),
        kind(OTHER, "HDF5, as Imaris and ilastik write it", "the first bytes", &[], |at| {
            file(at, "image.h5", [&b"\x89HDF\r\n\x1a\n"[..], &[0; 100]].concat())
        }),
        kind(OTHER, "nothing at the path", "", &[], |at| at.join("none.tif")),
    ]
}
