//! Zarr images of other programs, whole and damaged.

mod absurd;
mod groups;
mod packed;
mod writers;
mod writing;

use std::path::Path;

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::ZarrSource;
use crate::chunk::{Dtype, Voxels};
use crate::error::Kind;
use crate::grid::ChunkId;
use crate::space::{Region, Spacing};
use crate::store::fixtures::{SHAPE, assert_holds, copy, expected, fixture};
use crate::store::{Absent, OpenOptions, RegionView, Source};

fn open(path: &Path) -> ZarrSource {
    ZarrSource::open(path, &OpenOptions::default()).unwrap()
}

#[test]
fn arrays_of_either_version_hold_what_was_written() {
    for (name, dtype) in [("v2_blosc", Dtype::U16), ("v2_gzip_f", Dtype::I16), ("v2_raw", Dtype::Bool)] {
        let source = open(&fixture(&format!("{name}.zarr")));
        assert_holds(&source, &expected(SHAPE, dtype, 0));
        assert_eq!(source.description().spacing, Spacing::default());
    }
    let image = open(&fixture("v3_blosc_2d.zarr"));
    assert_eq!(image.description().dimensions, 2);
    assert_holds(&image, &expected([1, 12, 14], Dtype::F32, 0));
}

fn sharded() -> Voxels {
    let Voxels::U16(mut values) = expected(SHAPE, Dtype::U16, 0) else { unreachable!() };
    values.slice_mut(ndarray::s![4.., ..8, ..]).fill(9);
    values.slice_mut(ndarray::s![2..4, ..4, ..8]).fill(9);
    Voxels::U16(values)
}

#[test]
fn missing_shards_and_inner_chunks_hold_the_fill_value() {
    let source = open(&fixture("v3_sharded.zarr"));
    assert_eq!(source.description().fill, 9.0);
    assert_holds(&source, &sharded());
    // A missing shard, and an inner chunk that is missing in its shard.
    assert_eq!(source.read(&Region::new([4, 0, 0], [5, 8, 14])).unwrap(), None);
    assert_eq!(source.read(&Region::new([2, 0, 0], [4, 4, 8])).unwrap(), None);
    assert!(source.read(&Region::new([2, 0, 0], [4, 4, 9])).unwrap().is_some());
}

#[test]
fn processing_chunks_follow_inner_chunks() {
    assert_eq!(open(&fixture("v3_sharded.zarr")).description().chunk, [5, 12, 14]);
    let tiny = OpenOptions { cache: Some(1 << 20), ..OpenOptions::default() };
    assert_eq!(ZarrSource::open(fixture("v3_sharded.zarr"), &tiny).unwrap().description().chunk, [5, 12, 14]);
}

#[test]
fn ome_images_have_spacing_and_unit_and_are_picked_by_channel_and_time() {
    for name in ["ome04.zarr", "ome05.zarr"] {
        for (time, channel) in [(0, 0), (1, 2)] {
            let options = OpenOptions { channel: Some(channel), time: Some(time), ..OpenOptions::default() };
            let source = ZarrSource::open(fixture(name), &options).unwrap();
            let image = i32::try_from(3 * time + channel).unwrap();
            assert_holds(&source, &expected(SHAPE, Dtype::I32, image));
            assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.5]));
            assert_eq!(source.description().unit.as_deref(), Some("micrometer"));
        }
        let error = ZarrSource::open(fixture(name), &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().ends_with("pick one with --time 0 to 1 and --channel 0 to 2"), "{error}");
        let options = OpenOptions {
            channel: Some(1),
            time: Some(1),
            spacing: Some(vec![3.0, 2.0, 1.0]),
            ..OpenOptions::default()
        };
        let given = ZarrSource::open(fixture(name), &options).unwrap();
        let unit = given.description().unit.as_deref();
        assert_eq!((given.description().spacing, unit), (Spacing([3.0, 2.0, 1.0]), Some("micrometer")));
    }
}

#[test]
fn the_mark_of_a_region_follows_its_own_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("v3_sharded.zarr", folder.path());
    let source = open(&path);
    let regions = [Region::new([0, 0, 0], [4, 8, 14]), Region::new([0, 8, 0], [4, 12, 14]), Region::of_shape(SHAPE)];
    let marks = || regions.map(|region| source.mark(&region).unwrap().unwrap());
    let before = marks();
    assert_eq!(before, marks());
    // Whether stored files are listed, or looked up one by one.
    assert_eq!(source.marks_of(&regions, 0).unwrap(), source.marks_of(&regions, u64::MAX).unwrap());
    assert_eq!(source.marks(&regions).unwrap().iter().map(|marked| marked.unwrap().mark).collect::<Vec<_>>(), before);
    let mut bytes = std::fs::read(path.join("c/0/1/0")).unwrap();
    bytes.insert(0, 0);
    std::fs::write(path.join("c/0/1/0"), bytes).unwrap();
    let after = marks();
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    std::fs::remove_file(path.join("c/0/0/0")).unwrap();
    assert_ne!(before[0], marks()[0]);
    assert_ne!(after[2], marks()[2]);
}

#[test]
fn what_is_absent_is_told_by_the_files_of_the_image_that_was_picked() {
    let folder = tempfile::tempdir().unwrap();
    let absent = |source: &dyn Source| {
        let Absent { grid, origin, missing } = source.absent().unwrap().unwrap();
        (grid.chunk_shape(), origin, missing.into_iter().map(ChunkId::place).collect::<Vec<_>>())
    };
    let path = copy("v3_sharded.zarr", folder.path());
    // A shard exists, whatever inner chunks it has.
    assert_eq!(absent(&open(&path)), ([4, 8, 16], [0; 3], vec![[1, 0, 0]]));
    std::fs::remove_file(path.join("c/0/1/0")).unwrap();
    assert_eq!(absent(&open(&path)).2, [[0, 1, 0], [1, 0, 0]]);
    let view = |ranges| RegionView::new(Box::new(open(&path)), ranges).unwrap();
    assert_eq!(absent(&view(&[2..5, 1..8, 0..14])), ([4, 8, 16], [2, 1, 0], vec![[1, 0, 0]]));
    assert_eq!(absent(&view(&[0..4, 3..9, 0..14])), ([4, 8, 16], [0, 3, 0], vec![[0, 1, 0]]));

    let path = copy("ome05.zarr", folder.path());
    std::fs::remove_dir_all(path.join("0/c/1/0")).unwrap();
    // Two channels share a file.
    for (time, channel, gone) in [(0, 0, false), (1, 0, true), (1, 1, true), (1, 2, false)] {
        let options = OpenOptions { channel: Some(channel), time: Some(time), ..OpenOptions::default() };
        let missing = absent(&ZarrSource::open(&path, &options).unwrap()).2;
        assert_eq!(missing, if gone { vec![[0; 3]] } else { Vec::new() }, "time {time}, channel {channel}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_region_holds_its_own_values(
        a in (0..5i64, 0..12i64, 0..14i64), b in (1..=5i64, 1..=12i64, 1..=14i64), cache in 0..2000usize,
    ) {
        let region = Region::new([a.0, a.1, a.2], [b.0.max(a.0 + 1), b.1.max(a.1 + 1), b.2.max(a.2 + 1)]);
        let options = OpenOptions { cache: Some(cache), ..OpenOptions::default() };
        for (name, values) in [("v3_sharded.zarr", sharded()), ("v2_blosc.zarr", expected(SHAPE, Dtype::U16, 0))] {
            let source = ZarrSource::open(fixture(name), &options).unwrap();
            // Twice, so that the second time finds the cache filled.
            for _ in 0..2 {
                let read = source.read(&region).unwrap().map(|chunk| chunk.voxels);
                let read = read.unwrap_or_else(|| Voxels::filled(Dtype::U16, region.shape(), 9.0));
                prop_assert_eq!(&read, &values.part(&region));
            }
        }
    }
}

#[test]
fn a_chunk_that_is_not_there_holds_the_fill_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("v2_blosc.zarr", folder.path());
    std::fs::remove_file(path.join("0.1.1")).unwrap();
    let source = open(&path);
    assert_eq!(source.read(&Region::new([0, 5, 6], [3, 10, 12])).unwrap(), None);
    let Voxels::U16(mut values) = expected(SHAPE, Dtype::U16, 0) else { unreachable!() };
    values.slice_mut(ndarray::s![..3, 5..10, 6..12]).fill(0);
    assert_holds(&source, &Voxels::U16(values));
}

/// Reads a whole image whose only damage is in one file; the error must name that file and its chunk.
fn error_of(path: &Path, file: &str) -> String {
    let source = open(path);
    let error = source.read(&Region::of_shape(source.description().shape)).unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    assert!(error.chunk().is_some());
    let text = error.to_string();
    assert!(text.starts_with(&path.join(file).display().to_string()), "{text}");
    text
}

#[test]
fn damaged_chunks_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("v2_blosc.zarr", "0.1.1"),
        ("v2_gzip_f.zarr", "0/0/1"),
        ("v2_raw.zarr", "0.1.0"),
        ("v3_sharded.zarr", "c/0/1/0"),
    ];
    for (name, file) in cases {
        let path = copy(name, folder.path());
        let bytes = std::fs::read(path.join(file)).unwrap();
        for kept in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(path.join(file), &bytes[..kept]).unwrap();
            let text = error_of(&path, file);
            assert!(text.contains("is damaged or cut off; copy it again"), "{text}");
        }
    }
}

#[test]
fn flipped_bytes_give_values_or_an_error_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [("v2_blosc.zarr", "0.1.1"), ("v2_gzip_f.zarr", "0/0/1"), ("v3_sharded.zarr", "c/0/1/0")];
    for (name, file) in cases {
        let path = copy(name, folder.path());
        let bytes = std::fs::read(path.join(file)).unwrap();
        let mut source = open(&path);
        let mut refused = 0;
        for at in (0..bytes.len()).step_by(3) {
            let mut damaged = bytes.clone();
            damaged[at] ^= [0x01, 0x80, 0xff][at / 3 % 3];
            std::fs::write(path.join(file), damaged).unwrap();
            if name == "v3_sharded.zarr" {
                // A source reads the index of a shard once.
                source = open(&path);
            }
            refused += usize::from(source.read(&Region::of_shape(SHAPE)).is_err());
        }
        assert!(refused > 5, "{refused} damaged chunks of {name} were noticed");
    }
}

#[test]
fn nan_is_refused_where_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("v3_blosc_2d.zarr", folder.path());
    let metadata = std::fs::read_to_string(path.join("zarr.json")).unwrap();
    std::fs::write(path.join("zarr.json"), metadata.replace("\"fill_value\": 0.0", "\"fill_value\": \"NaN\"")).unwrap();
    std::fs::remove_file(path.join("c/1/2")).unwrap();
    let source = open(&path);
    assert!(source.description().fill.is_nan());
    assert!(source.read(&Region::of_shape([1, 12, 12])).is_ok());
    let error = source.read(&Region::of_shape([1, 12, 14])).unwrap_err();
    assert!(error.to_string().contains("c/1/2: chunk 0.1.2: is not stored and its fill value is NaN"), "{error}");
    // Uncompressed values with a NaN among them.
    let raw = metadata.replace("\"blosc\"", "\"other\"");
    assert_ne!(raw, metadata);
    let codecs = raw.find("\"codecs\"").unwrap();
    let end = codecs + raw[codecs..].find("\n  ]").unwrap() + 4;
    let little = r#""codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]"#;
    std::fs::write(path.join("zarr.json"), format!("{}{little}{}", &raw[..codecs], &raw[end..])).unwrap();
    let mut values = [1.0f32; 30];
    values[6 + 2] = f32::NAN;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(path.join("c/1/1"), bytes).unwrap();
    let error = open(&path).read(&Region::new([0, 5, 6], [1, 10, 12])).unwrap_err();
    assert!(error.to_string().contains("c/1/1: chunk 0.1.1: the value at (z, y, x) = (0, 6, 8) is NaN"), "{error}");
}

#[test]
fn arrays_that_cannot_be_read_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("v2_blosc.zarr", ".zarray", ">u2", "<c8", "values of type complex64 are not supported"),
        ("v2_blosc.zarr", ".zarray", "\"blosc\"", "\"magic\"", "is encoded in a way that is not supported"),
        ("v3_sharded.zarr", "zarr.json", "\"uint16\"", "\"complex64\"", "values of type complex64 are not supported"),
        ("v3_sharded.zarr", "zarr.json", "\"zstd\"", "\"magic\"", "is encoded in a way that is not supported"),
        ("v3_sharded.zarr", "zarr.json", "\"node_type\"", "\"no\"", "no Zarr metadata that can be understood"),
        ("v3_sharded.zarr", "zarr.json", "{", "", "no Zarr metadata that can be understood"),
        ("ome05.zarr", "zarr.json", "\"multiscales\"", "\"no\"", "give the path of the array in it, "),
        ("ome05.zarr", "zarr.json", "\"path\": \"0\"", "\"path\": \"7\"", "though the OME metadata name it"),
    ];
    for (name, file, from, to, sentence) in cases {
        let path = copy(name, folder.path());
        let text = std::fs::read_to_string(path.join(file)).unwrap();
        assert!(text.contains(from), "{file} of {name} has {from}");
        std::fs::write(path.join(file), text.replacen(from, to, 1)).unwrap();
        let error = ZarrSource::open(&path, &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
        assert!(matches!(error.kind(), Kind::Data | Kind::Missing), "{error:?}");
        std::fs::remove_dir_all(path).unwrap();
    }
    assert_eq!(ZarrSource::open("no/such.zarr", &OpenOptions::default()).unwrap_err().kind(), Kind::Missing);
}
