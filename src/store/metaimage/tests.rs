use std::fs;

use miniz_oxide::deflate::compress_to_vec_zlib;
use ndarray::Array3;

use super::*;
use crate::chunk::Voxels;
use crate::error::Kind;
use crate::space::{Region, Spacing};
use crate::store::Source;

fn values() -> Array3<i16> {
    Array3::from_shape_fn((2, 3, 4), |(z, y, x)| i16::try_from(100 * z + 10 * y + x).unwrap() - 50)
}

fn bytes(big: bool) -> Vec<u8> {
    values().iter().flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
}

const PLAIN: &str = "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\n";

fn written(folder: &Path, fields: &str, data: &[u8]) -> std::path::PathBuf {
    let path = folder.join("a.mhd");
    fs::write(&path, [fields.as_bytes(), data].concat()).unwrap();
    path
}

fn read(path: &Path) -> Result<(RawSource, Voxels)> {
    let source = open(path, &OpenOptions::default())?;
    let voxels = source.read(&Region::of_shape(source.description().shape))?.unwrap().voxels;
    Ok((source, voxels))
}

#[test]
fn values_in_the_file_or_beside_it_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let packed = compress_to_vec_zlib(&bytes(true), 6);
    fs::write(folder.path().join("all.raw"), [b"header", &bytes(false)[..]].concat()).unwrap();
    fs::write(folder.path().join("all.zraw"), &packed).unwrap();
    for (name, plane) in ["s01.raw", "s02.raw"].iter().zip(bytes(false).chunks(24)) {
        fs::write(folder.path().join(name), plane).unwrap();
    }
    for (fields, data) in [
        ("ElementDataFile = LOCAL\n", bytes(false)),
        ("ElementByteOrderMSB = True\r\nElementDataFile = LOCAL\r\n", bytes(true)),
        ("BinaryDataByteOrderMSB = True\nCompressedData = True\nElementDataFile = LOCAL\n", packed.clone()),
        ("BinaryDataByteOrderMSB = True\nCompressedData = True\nElementDataFile = all.zraw\n", vec![]),
        ("HeaderSize = 6\nElementDataFile = all.raw\n", vec![]),
        ("HeaderSize = -1\nElementDataFile = all.raw", vec![]),
        ("ElementDataFile = s%02d.raw 1 2 1\n", vec![]),
        ("ElementDataFile = LIST\ns01.raw\ns02.raw\n", vec![]),
    ] {
        let path = written(folder.path(), &format!("{PLAIN}ElementSpacing = 0.25 0.5 2\n{fields}"), &data);
        assert!(is_metaimage(&fs::read(&path).unwrap()));
        let (source, voxels) = read(&path).unwrap();
        assert_eq!(voxels, Voxels::I16(values()), "{fields}");
        assert_eq!((source.description().spacing, &source.description().unit), (Spacing([2.0, 0.5, 0.25]), &None));
    }
}

#[test]
fn channels_and_time_points_are_picked() {
    let folder = tempfile::tempdir().unwrap();
    let fields =
        PLAIN.replace("4 3 2", "2 3 2") + "ElementNumberOfChannels = 2\nElementSize = 1 2 3\nElementDataFile = LOCAL\n";
    let path = written(folder.path(), &fields, &bytes(false));
    assert!(read(&path).unwrap_err().to_string().contains("--channel 0 to 1"));
    let source = open(&path, &OpenOptions { channel: Some(1), ..OpenOptions::default() }).unwrap();
    let voxels = source.read(&Region::of_shape([2, 3, 2])).unwrap().unwrap().voxels;
    let expected = Array3::from_shape_fn((2, 3, 2), |(z, y, x)| values()[[z, y, 2 * x + 1]]);
    assert_eq!((voxels, source.description().spacing), (Voxels::I16(expected), Spacing([3.0, 2.0, 1.0])));
    let series = PLAIN.replace("NDims = 3", "NDims = 4").replace("4 3 2", "4 3 1 2") + "ElementDataFile = LOCAL\n";
    let path = written(folder.path(), &series, &bytes(false));
    assert!(read(&path).unwrap_err().to_string().contains("--time 0 to 1"));
}

#[test]
fn what_is_no_image_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let local = format!("{PLAIN}ElementDataFile = LOCAL\n");
    for (from, to, text) in [
        ("ObjectType = Image", "ObjectType = Tube", "type Tube"),
        ("NDims = 3", "NDims = 9", "NDims"),
        ("NDims = 3", "NDims = 3\nNDims = 3", "twice"),
        ("NDims = 3", "NDims = 2", "is not 2 numbers"),
        ("NDims = 3", "NDims = 3\nnonsense", "is no field"),
        ("NDims = 3", "NDims = 3\nBinaryData = False", "as text"),
        ("NDims = 3", "NDims = 3\nHeaderSize = -2", "HeaderSize"),
        ("NDims = 3", "NDims = 3\nElementSpacing = 1 1 nan", "voxel size of NaN"),
        ("NDims = 3", "NDims = 3\nElementToIntensityFunctionSlope = 2", "converted"),
        ("NDims = 3", "NDims = 3\nCompressedData = True", "damaged compressed data"),
        ("MET_SHORT", "MET_FLOAT_ARRAY", "MET_FLOAT_ARRAY"),
        ("4 3 2", "4 3 3", "cut off"),
        ("4 3 2", "4 3 99999999999999999999", "is not 3 numbers"),
        ("4 3 2", "4 3 9999999999999999999", "larger than any file"),
        ("DimSize", "Dimsize", "without DimSize"),
        ("= LOCAL", "= s%02d.raw 1", "not understood"),
        ("= LOCAL", "= .", "is a folder where a file is expected"),
    ] {
        let path = written(folder.path(), &local.replace(from, to), &bytes(false));
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    let path = written(folder.path(), &local.replace("= LOCAL", "= none.raw"), &bytes(false));
    assert_eq!(read(&path).unwrap_err().kind(), Kind::Missing);
}
