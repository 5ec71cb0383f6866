//! Metadata and chunks with impossible sizes.

use std::path::Path;

use serde_json::json;

use super::writing::{CHUNK, put, values, version2, version3, with, write_version2, zstd};
use crate::error::{Error, Kind};
use crate::grid::Grid;
use crate::space::Region;
use crate::store::fixtures::{SHAPE, assert_holds};
use crate::store::zarr::ZarrSource;
use crate::store::{Marked, OpenOptions, Source};

fn refusal(path: &Path) -> Error {
    ZarrSource::open(path, &OpenOptions::default()).unwrap_err()
}

#[test]
fn shapes_that_no_array_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let huge = u64::MAX;
    let cases = [
        (json!([5, 12, 14]), json!([0, 5, 6]), "chunks without voxels"),
        (json!([5, 12, 14]), json!([5, 6]), "has 3 axes but chunks of 2"),
        (json!([5, 12, 14]), json!([huge, huge, 6]), "which no memory holds"),
        (json!([5, 12, 14]), json!([1u64 << 40, 1 << 20, 1 << 10]), "which no memory holds"),
        (json!([5, 12, huge]), json!([5, 12, 14]), "is too long along x"),
        (json!([]), json!([]), "has 0 axis in space"),
        (json!([7]), json!([7]), "has 1 axis in space"),
        (json!([2, 2, 2, 2, 5, 6, 7]), json!([1, 1, 1, 1, 5, 6, 7]), "has 7 axes; write its images as arrays of three"),
        (json!([5, 12, -14]), json!([5, 12, 14]), "no Zarr metadata that can be understood"),
        (json!([5, 12, 1e300]), json!([5, 12, 14]), "no Zarr metadata that can be understood"),
        (json!("5"), json!([5, 12, 14]), "no Zarr metadata that can be understood"),
    ];
    for (shape, chunk, sentence) in cases {
        let old = with(version2(), json!({"shape": shape, "chunks": chunk}));
        let new = json!({"shape": shape, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}}});
        for (name, metadata) in [(".zarray", old), ("zarr.json", with(version3(json!(["bytes"])), new))] {
            put(&folder.path().join(name), metadata.to_string().as_bytes());
            let error = refusal(folder.path());
            assert_eq!(error.kind(), Kind::Data, "{error}");
            assert!(error.to_string().contains(sentence), "{shape} {chunk}: {error}");
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

#[test]
fn shards_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sharded = |shard: [u64; 3], inner: [u64; 3], index: serde_json::Value| {
        let sharding = json!({"name": "sharding_indexed", "configuration": {
            "chunk_shape": inner, "codecs": ["bytes"], "index_codecs": index}});
        let grid = json!({"name": "regular", "configuration": {"chunk_shape": shard}});
        put(
            &folder.path().join("zarr.json"),
            with(version3(json!([sharding])), json!({"chunk_grid": grid})).to_string().as_bytes(),
        );
        refusal(folder.path()).to_string()
    };
    assert!(sharded([4, 8, 16], [3, 8, 16], json!(["bytes"])).contains("not made of whole chunks"));
    assert!(sharded([4, 8, 16], [0, 8, 16], json!(["bytes"])).contains("not made of whole chunks"));
    assert!(sharded([4, 8, 16], [2, 4, 8], json!(["bytes", "gzip"])).contains("an index of shards that is compressed"));
    let many = 1 << 30;
    assert!(sharded([many, many, many], [1, 1, 1], json!(["bytes"])).contains("shards of too many chunks"));
}

#[test]
fn chunks_that_say_that_they_hold_more_than_a_chunk_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let length = 2 * CHUNK.iter().product::<usize>();
    let zeros = |count: usize| vec![0u8; count];
    let blosc = {
        let mut header = vec![2, 1, 0x21, 2];
        header.extend([u32::MAX - 15, 1 << 16, 40].iter().flat_map(|n: &u32| n.to_le_bytes()));
        header.extend([0; 24]);
        header
    };
    let cases = [
        ("zstd", zstd(zeros(1 << 24))),
        ("gzip", super::writing::gzip(zeros(1 << 24))),
        ("zlib", super::writing::zlib(zeros(1 << 24))),
        ("bz2", super::writing::bz2(zeros(1 << 24))),
        ("lz4", [&u32::MAX.to_le_bytes()[..], &[0; 8]].concat()),
        ("blosc", blosc),
        ("gzip", super::writing::gzip(zeros(length - 2))),
        ("zstd", zstd(zeros(length + 2))),
        ("lz4", super::writing::lz4(zeros(length + 2))),
    ];
    for (number, (codec, encoded)) in cases.into_iter().enumerate() {
        let metadata = with(version2(), json!({"compressor": {"id": codec}}));
        let path = write_version2(&folder.path().join(number.to_string()), &metadata, |_| encoded.clone());
        let source = ZarrSource::open(&path, &OpenOptions::default()).unwrap();
        let error = source.read(&Region::of_shape(SHAPE)).unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{codec}");
        assert!(error.to_string().contains("is damaged or cut off; copy it again"), "{codec}: {error}");
    }
    // A frame without its size, as in streams, is read.
    let metadata = with(version2(), json!({"compressor": {"id": "zstd"}}));
    let streamed = |bytes: Vec<u8>| ::zstd::stream::encode_all(&bytes[..], 1).unwrap();
    let path = write_version2(&folder.path().join("stream"), &metadata, streamed);
    assert_holds(&ZarrSource::open(&path, &OpenOptions::default()).unwrap(), &values());
}

#[test]
fn a_chunk_larger_than_the_array_by_far_costs_nothing_until_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = with(version2(), json!({"chunks": [1 << 20, 1 << 20, 1 << 16], "compressor": {"id": "zstd"}}));
    put(&folder.path().join(".zarray"), metadata.to_string().as_bytes());
    let source = ZarrSource::open(folder.path(), &OpenOptions::default()).unwrap();
    assert_eq!(source.read(&Region::of_shape(SHAPE)).unwrap(), None);
    put(&folder.path().join("0.0.0"), &zstd(vec![0; 100]));
    let error = source.read(&Region::of_shape(SHAPE)).unwrap_err();
    let sentence = "0.0.0: chunk 0.0.0: needs 128.0 PiB of memory at once, which the system does not give; write the array \
                    with smaller chunks";
    assert!(error.to_string().ends_with(sentence), "{error}");
}

#[test]
fn a_folder_or_a_long_file_in_place_of_a_chunk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_version2(folder.path(), &version2(), |bytes| bytes);
    let read = || {
        let source = ZarrSource::open(&path, &OpenOptions::default()).unwrap();
        source.read(&Region::of_shape(SHAPE)).unwrap_err().to_string()
    };
    put(&path.join("0.0.0"), &[0; 1000]);
    assert!(read().contains("is damaged or cut off"));
    std::fs::remove_file(path.join("0.0.0")).unwrap();
    std::fs::create_dir(path.join("0.0.0")).unwrap();
    assert!(read().contains("is no file, though one of Zarr has its name"));
}

#[test]
fn marks_of_134_million_possible_files_are_those_of_the_files_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = with(version2(), json!({"shape": [4096, 4096, 4096], "chunks": [8, 8, 8]}));
    put(&folder.path().join(".zarray"), metadata.to_string().as_bytes());
    let stored = [[0i64, 0, 0], [100, 200, 300], [511, 511, 511]];
    let put = |[z, y, x]: [i64; 3]| put(&folder.path().join(format!("{z}.{y}.{x}")), &[0; 100]);
    stored.into_iter().for_each(put);
    let grid = Grid::new(Region::of_shape([4096; 3]), [512; 3]);
    let regions: Vec<Region> = grid.chunks().map(|chunk| grid.region(chunk)).collect();
    let marks = || {
        let source = ZarrSource::open(folder.path(), &OpenOptions::default()).unwrap();
        source.marks(&regions).unwrap().into_iter().map(Option::unwrap).collect::<Vec<_>>()
    };
    let before = marks();
    let told = |marks: &[Marked]| -> Vec<Region> {
        regions.iter().zip(marks).filter(|(_, marked)| marked.youngest.is_some()).map(|(region, _)| *region).collect()
    };
    let expected = stored.map(|place| grid.region(grid.chunk_at(place.map(|n| 8 * n))));
    assert_eq!(told(&before), expected);
    put([100, 200, 319]);
    let after = marks();
    assert_eq!(told(&after), expected);
    let changed: Vec<usize> = (0..regions.len()).filter(|&n| before[n] != after[n]).collect();
    assert_eq!(changed.iter().map(|&n| regions[n]).collect::<Vec<_>>(), expected[1..2]);
}
