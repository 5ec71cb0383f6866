//! NIfTI, NRRD and MetaImage files, and NumPy's archives.

use std::io::Write;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::{Kind, file, words};
use crate::image::write_npy;

const NIFTI: &str = "NIfTI";
const NRRD: &str = "NRRD";
const META: &str = "MetaImage";
const NPZ: &str = "NumPy archive";

/// A NIfTI-1 file of uint16, x fastest, whose affine is diagonal in mm.
fn nifti(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348_i32.to_le_bytes());
    for (n, length) in [3_i16, 5, 4, 3, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * n, &length.to_le_bytes());
    }
    put(70, &512_i16.to_le_bytes());
    put(72, &16_i16.to_le_bytes());
    for (n, size) in [1.0_f32, 0.25, 0.5, 2.0, 1.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
        put(76 + 4 * n, &size.to_le_bytes());
    }
    put(108, &352.0_f32.to_le_bytes());
    put(112, &1.0_f32.to_le_bytes());
    put(123, &[2]);
    put(254, &1_i16.to_le_bytes());
    for (row, size) in [0.25_f32, 0.5, 2.0].into_iter().enumerate() {
        put(280 + 16 * row + 4 * row, &size.to_le_bytes());
    }
    put(344, b"n+1\0");
    change(&mut bytes);
    bytes.extend(words());
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut packed).expect("room enough");
    packed.truncate(length);
    packed
}

/// A NRRD file with these lines between its type and its values.
fn nrrd(at: &Path, lines: &str, values: &[u8]) -> PathBuf {
    let head = format!("NRRD0004\ntype: uint16\ndimension: 3\nsizes: 5 4 3\nendian: little\n{lines}\n\n");
    file(at, "image.nrrd", [head.as_bytes(), values].concat())
}

/// The header of a MetaImage file, whose values are in a file of a name.
fn meta(lines: &str, values: &str) -> String {
    format!(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n\
         ElementSpacing = 0.25 0.5 2\nDimSize = 5 4 3\n{lines}ElementType = MET_USHORT\nElementDataFile = {values}\n"
    )
}

/// An archive of arrays of these names.
fn npz(at: &Path, names: &[&str]) -> PathBuf {
    let part = at.join("part.npy");
    write_npy(&part, "<u2", &[3, 4, 5], &words());
    let bytes = std::fs::read(&part).expect("it was just written");
    std::fs::remove_file(part).expect("it was just written");
    let path = at.join("image.npz");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).expect("a writable folder"));
    for name in names {
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(format!("{name}.npy"), stored).expect("a writable file");
        archive.write_all(&bytes).expect("a writable file");
    }
    archive.finish().expect("a writable file");
    path
}

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |form, example, found_by, options, write| Kind { form, example, found_by, options, write };
    vec![
        kind(NPZ, "one array", "the archive's list of files", &[], |at| npz(at, &["image"])),
        kind(NPZ, "two arrays", "the archive's list of files", &[], |at| npz(at, &["image", "mask"])),
        kind(NIFTI, "`.nii`, spacing in mm", "the header: `dim`, `datatype`, `pixdim`, `xyzt_units`", &[], |at| {
            file(at, "image.nii", nifti(|_| ()))
        }),
        kind(NIFTI, "`.nii.gz`", "the first bytes, packed", &[], |at| file(at, "image.nii.gz", gzip(&nifti(|_| ())))),
        kind(NIFTI, "values scaled by `scl_slope` 2", "`scl_slope` and `scl_inter`", &[], |at| {
            file(at, "image.nii", nifti(|head| head[112..116].copy_from_slice(&2.0_f32.to_le_bytes())))
        }),
        kind(NIFTI, "an oblique affine", "`sform` and `qform`", &[], |at| {
            file(at, "image.nii", nifti(|head| head[284..288].copy_from_slice(&0.1_f32.to_le_bytes())))
        }),
        kind(NIFTI, "colour (RGB24)", "`datatype`", &[], |at| {
            file(at, "image.nii", nifti(|head| head[70..72].copy_from_slice(&128_i16.to_le_bytes())))
        }),
        kind(NIFTI, "cut off", "the length of the file", &[], |at| {
            let bytes = nifti(|_| ());
            file(at, "image.nii", &bytes[..400])
        }),
        kind(NRRD, "raw, `spacings`", "the header's lines", &[], |at| {
            nrrd(at, "encoding: raw\nspacings: 0.25 0.5 2\nunits: \"mm\" \"mm\" \"mm\"", &words())
        }),
        kind(NRRD, "gzip", "`encoding`", &[], |at| nrrd(at, "encoding: gzip\nspacings: 0.25 0.5 2", &gzip(&words()))),
        kind(NRRD, "`encoding: bzip2`", "`encoding`", &[], |at| nrrd(at, "encoding: bzip2", &words())),
        kind(NRRD, "fewer values than `sizes` says", "the length of the file", &[], |at| {
            nrrd(at, "encoding: raw", &words()[..100])
        }),
        kind(META, "`.mhd` with its `.raw`", "the header's lines", &[], |at| {
            file(at, "image.raw", words());
            file(at, "image.mhd", meta("", "image.raw"))
        }),
        kind(META, "`.mha`, values in the file", "`ElementDataFile = LOCAL`", &[], |at| {
            file(at, "image.mha", [meta("", "LOCAL").as_bytes(), &words()].concat())
        }),
        kind(META, "colour", "`ElementNumberOfChannels`", &[], |at| {
            file(at, "image.raw", words().repeat(3));
            file(at, "image.mhd", meta("ElementNumberOfChannels = 3\n", "image.raw"))
        }),
        kind(META, "the `.raw` is missing", "the file that the header names", &[], |at| {
            file(at, "image.mhd", meta("", "image.raw"))
        }),
    ]
}
