use std::fs;

use ndarray::Array3;

use super::*;
use crate::chunk::Voxels;
use crate::error::Kind;
use crate::space::{Region, Spacing};
use crate::store::Source;
use crate::store::inflate::tests::gzip;

fn values() -> Array3<i16> {
    Array3::from_shape_fn((2, 3, 4), |(z, y, x)| i16::try_from(100 * z + 10 * y + x).unwrap() - 50)
}

fn bytes(big: bool) -> Vec<u8> {
    values().iter().flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
}

/// Writes a file in a folder, with a header of these fields.
fn written(folder: &Path, name: &str, fields: &str, data: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, [format!("NRRD0004\n# by hand\n{fields}\n").as_bytes(), data].concat()).unwrap();
    path
}

fn read(path: &Path) -> Result<(RawSource, Voxels)> {
    let source = open(path, &OpenOptions::default())?;
    let voxels = source.read(&Region::of_shape(source.description().shape))?.unwrap().voxels;
    Ok((source, voxels))
}

const PLAIN: &str = "type: int16\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\n";

#[test]
fn values_behind_the_header_are_read_raw_or_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let spaced = format!("{PLAIN}spacings: 0.25 0.5 2\nunits: \"um\" \"um\" \"um\"\nmy key:=endian: big\n");
    let (source, voxels) = read(&written(folder.path(), "a.nrrd", &spaced, &bytes(false))).unwrap();
    assert_eq!(voxels, Voxels::I16(values()));
    assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.25]));
    assert_eq!(source.description().unit.as_deref(), Some("micrometer"));
    let big =
        "TYPE: signed short int\r\ndimension: 3\r\nsizes: 4 3 2\r\nencoding: GZ\r\nendian: big\r\nbyteskip: 3\r\n\r";
    let zipped = gzip(&[b"abc", &bytes(true)[..]].concat(), true);
    assert_eq!(read(&written(folder.path(), "b.nrrd", big, &zipped)).unwrap().1, Voxels::I16(values()));
    let skipping = format!("{PLAIN}line skip: 2\nbyte skip: 1\n");
    let data = [b"one\ntwo\n.", &bytes(false)[..]].concat();
    assert_eq!(read(&written(folder.path(), "c.nrrd", &skipping, &data)).unwrap().1, Voxels::I16(values()));
    let last = format!("{PLAIN}byte skip: -1\n");
    assert_eq!(read(&written(folder.path(), "d.nrrd", &last, &data)).unwrap().1, Voxels::I16(values()));
}

#[test]
fn values_in_one_file_or_several_beside_the_header_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.raw"), bytes(false)).unwrap();
    fs::write(folder.path().join("all.gz"), gzip(&bytes(false), false)).unwrap();
    for (name, plane) in ["p7.raw", "p9.raw"].iter().zip(bytes(false).chunks(24)) {
        fs::write(folder.path().join(name), [b"head", plane].concat()).unwrap();
    }
    let zipped = PLAIN.replace("raw", "gzip");
    for (name, fields, files) in [
        ("a.nhdr", format!("{PLAIN}data file: all.raw\n"), 2),
        ("b.nhdr", format!("{zipped}datafile: ./all.gz\n"), 2),
        ("c.nhdr", format!("{PLAIN}byte skip: 4\ndata file: p%d.raw 7 9 2\n"), 3),
        ("d.nhdr", format!("{PLAIN}byte skip: -1\ndata file: LIST 2\np7.raw\np9.raw"), 3),
    ] {
        let path = written(folder.path(), name, &fields, b"");
        let (source, voxels) = read(&path).unwrap();
        assert_eq!(voxels, Voxels::I16(values()), "{name}");
        assert_eq!(layout(&path, &OpenOptions::default()).unwrap().files.len(), files);
        let before = source.mark(&Region::of_shape([1; 3])).unwrap();
        let data = &layout(&path, &OpenOptions::default()).unwrap().files[1];
        fs::write(data, [fs::read(data).unwrap(), b"more".to_vec()].concat()).unwrap();
        assert_ne!(source.mark(&Region::of_shape([1; 3])).unwrap(), before);
        fs::write(data, &fs::read(data).unwrap()[..fs::read(data).unwrap().len() - 4]).unwrap();
    }
    let pipe = written(folder.path(), "e.nhdr", &format!("{PLAIN}data file: .\n"), b"");
    assert!(read(&pipe).unwrap_err().to_string().contains("is a folder where a file is expected"));
    let none = written(folder.path(), "f.nhdr", &format!("{PLAIN}data file: none.raw\n"), b"");
    assert_eq!(read(&none).unwrap_err().kind(), Kind::Missing);
}

#[test]
fn sizes_of_voxels_are_the_lengths_of_the_steps_in_space() {
    let folder = tempfile::tempdir().unwrap();
    let sized = |more: &str| {
        let path = written(folder.path(), "a.nrrd", &format!("{PLAIN}{more}"), &bytes(false));
        let source = open(&path, &OpenOptions::default()).unwrap();
        let description = source.description().clone();
        (description.spacing.0, description.unit, source.warnings().join("; "))
    };
    let turned = sized("space: LPS\nspace directions: (0,-0.25,0) (0.3,0,0.4) (0,0.0,2)\n");
    assert_eq!((turned.0, turned.1), ([2.0, 0.5, 0.25], None));
    assert!(turned.2.contains("not perpendicular"));
    let mixed = sized("space directions: (0.25, 0,0) (0,500,0) (0,0,2)\nspace units: \"mm\" \"um\" \"mm\"\n");
    assert_eq!(mixed, ([2.0, 0.5, 0.25], Some("millimeter".to_owned()), String::new()));
    let partial = sized("spacings: 0.25 0.5 nan\n");
    assert!(partial.2.contains("but not along z"), "{}", partial.2);
    assert_eq!(sized(""), ([1.0; 3], None, String::new()));
    let ends = sized("axis mins: 0 0 0\naxis maxs: 3 2 1\n");
    assert!(ends.0 == [1.0; 3] && ends.2.contains("has axis mins and maxs but no spacings"), "{ends:?}");
    assert_eq!(sized("labels: \"x\" \"y\" \"z\"\n"), sized("labels: \"left\" \"up\" \"back\"\n"));
    let turned = sized("labels: \"z\" \"y\" \"x\"\n").2;
    assert!(turned.contains("has axes labelled z,y,x, the fastest first, which are read as x,y,z"), "{turned}");
}

#[test]
fn axes_are_what_their_kinds_say() {
    let folder = tempfile::tempdir().unwrap();
    let fields = |sizes: &str, more: &str| {
        let dimension = sizes.split_whitespace().count();
        PLAIN.replace("dimension: 3", &format!("dimension: {dimension}")).replace("4 3 2", sizes) + more
    };
    let path = |fields: &str| written(folder.path(), "a.nrrd", fields, &bytes(false));
    let seen = |fields: &str, options: &OpenOptions| {
        open(path(fields), options).map(|source| source.description().shape).map_err(|error| error.to_string())
    };
    let plain = OpenOptions::default();
    let second = OpenOptions { channel: Some(1), ..plain.clone() };
    let colours = fields("2 4 3", "kinds: vector domain domain\n");
    assert!(seen(&colours, &plain).unwrap_err().contains("--channel 0 to 1"));
    assert_eq!(seen(&colours, &second), Ok([1, 3, 4]));
    let nowhere = fields("2 4 3 1", "space directions: none (1,0,0) (0,1,0) (0,0,1)\n");
    assert_eq!(seen(&nowhere, &second), Ok([1, 3, 4]));
    let time = fields("4 3 1 2", "kinds: space space space time\n");
    assert_eq!(seen(&time, &OpenOptions { time: Some(1), ..plain.clone() }), Ok([1, 3, 4]));
    assert_eq!(seen(&fields("1 4 3 2", ""), &plain), Ok([2, 3, 4]));
    assert_eq!(seen(&fields("4 3 2 1", ""), &plain), Ok([2, 3, 4]));
    let four = fields("2 3 2 2", "");
    assert!(seen(&four, &plain).unwrap_err().contains("--axes t,z,y,x"));
    let named = OpenOptions { axes: Some(vec!['c', 'z', 'y', 'x']), ..second };
    assert_eq!(seen(&four, &named), Ok([2, 3, 2]));
    assert!(seen(&fields("2 4 3", "kinds: complex space space\n"), &plain).unwrap_err().contains("complex"));
}

#[test]
fn what_is_no_image_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, text) in [
        ("encoding: raw", "encoding: bzip2", "bzip2, which is not read"),
        ("encoding: raw", "encoding: ascii", "ascii, which is not read"),
        ("endian: little\n", "", "without the field \"endian\""),
        ("endian: little", "endian: middle", "endian of middle"),
        ("int16", "block", "type block"),
        ("dimension: 3", "dimension: 4", "dimension of 4, but 3 sizes"),
        ("4 3 2", "4 3 3", "cut off"),
        ("4 3 2", "4 3 0", "no voxels"),
        ("4 3 2", "4 x 2", "no numbers"),
        ("4 3 2", "4 3 18446744073709551615", "larger than any file"),
        ("endian: little", "endian: little\nendian: big", "twice"),
        ("endian: little", "endian: little\nspacings: 1 1", "not understood"),
        ("endian: little", "endian: little\nspacings: 1 1 0", "voxel size of 0"),
        ("endian: little", "endian: little\nspace directions: (1,0,0) (0,1", "not understood"),
        ("endian: little", "endian: little\nbyte skip: -5", "no such number"),
        ("endian: little", "endian: little\nline skip: 7", "fewer lines"),
        ("endian: little", "endian: little\nnonsense", "is no field"),
        ("endian: little", "endian: little\ndata file: s%03d.raw 1", "not understood"),
        ("encoding: raw", "encoding: gzip", "damaged compressed data"),
    ] {
        let path = written(folder.path(), "a.nrrd", &PLAIN.replace(from, to), &bytes(false));
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    let newer = folder.path().join("b.nrrd");
    fs::write(&newer, "NRRD0009\n").unwrap();
    assert!(read(&newer).unwrap_err().to_string().contains("known version"));
}
