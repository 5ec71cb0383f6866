//! Metadata of arrays from writers in use.

use std::path::Path;

use serde_json::{Value, json};

use super::writing::{
    CHUNK, bytes, bz2, chunk_values, differences, gzip, lz4, put, reversed, shuffled, swapped, values, version2,
    version3, with, without, write, write_version2, write_version3, zlib, zstd,
};
use crate::chunk::Voxels;
use crate::error::Kind;
use crate::space::Region;
use crate::store::fixtures::{SHAPE, assert_holds};
use crate::store::zarr::ZarrSource;
use crate::store::{OpenOptions, Source};

fn open(path: &Path) -> ZarrSource {
    ZarrSource::open(path, &OpenOptions::default()).unwrap()
}

fn refusal(path: &Path) -> String {
    let error = ZarrSource::open(path, &OpenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    error.to_string()
}

type Encode = fn(Vec<u8>) -> Vec<u8>;

#[test]
fn compressors_of_version_2_are_read_with_any_settings() {
    let same: Encode = |bytes| bytes;
    let cases: [(Value, Encode); 14] = [
        (json!(null), same),
        (json!({"id": "gzip", "level": -1}), gzip),
        (json!({"id": "gzip", "level": 99, "other": "key"}), gzip),
        (json!({"id": "zlib", "level": -1}), zlib),
        (json!({"id": "zlib"}), zlib),
        (json!({"id": "zstd", "level": 3, "nbWorkers": 0}), zstd),
        (json!({"id": "zstd", "level": -100}), zstd),
        (json!({"id": "bz2", "level": 1}), bz2),
        (json!({"id": "lz4", "acceleration": 1}), lz4),
        (json!({"id": "shuffle", "elementsize": 2}), shuffled),
        (json!({"id": "delta", "dtype": "<u2", "astype": "<u2"}), differences),
        (json!({"id": "delta", "dtype": "<u2"}), differences),
        (json!({"id": "fixedscaleoffset", "scale": 1, "offset": 0, "dtype": "<u2"}), same),
        (json!({"id": "adler32"}), |bytes| [&libdeflater::adler32(&bytes).to_le_bytes()[..], &bytes].concat()),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (number, (codec, encode)) in cases.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        assert_holds(&open(&write_version2(&path, &with(version2(), json!({"compressor": codec})), encode)), &values());
        // As a filter, and behind another one.
        let path = folder.path().join(format!("{number}-filter"));
        let filters = json!({"filters": if codec.is_null() { json!([]) } else { json!([codec]) },
                             "compressor": {"id": "zlib", "level": 1}});
        assert_holds(&open(&write_version2(&path, &with(version2(), filters), |bytes| zlib(encode(bytes)))), &values());
    }
}

#[test]
fn keys_that_writers_leave_out_or_add_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = [
        without(version2(), "order"),
        without(version2(), "fill_value"),
        without(version2(), "filters"),
        without(version2(), "compressor"),
        without(version2(), "dimension_separator"),
        with(version2(), json!({"_note": "x", "order": "c", "chunks": [3.0, 5, 6]})),
        with(version2(), json!({"dtype": "uint16"})),
    ];
    for (number, metadata) in metadata.iter().enumerate() {
        let path = write_version2(&folder.path().join(number.to_string()), metadata, |bytes| bytes);
        assert_holds(&open(&path), &values());
    }
    let path = write_version2(&folder.path().join("mark"), &version2(), |bytes| bytes);
    let text = std::fs::read_to_string(path.join(".zarray")).unwrap();
    put(&path.join(".zarray"), format!("\u{feff}{text}").as_bytes());
    assert_holds(&open(&path), &values());
}

#[test]
fn fill_values_matter_where_something_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let box_of_first = Region::new([0; 3], CHUNK.map(|n| i64::try_from(n).unwrap()));
    let cases = [
        (json!("7"), Some(7.0)),
        (json!(7.0), Some(7.0)),
        (json!(null), Some(0.0)),
        (json!("0.0"), Some(0.0)),
        (json!(-1), None),
        (json!(""), None),
        (json!(65536), None),
    ];
    for (number, (fill, value)) in cases.into_iter().enumerate() {
        let metadata = with(version2(), json!({"fill_value": fill}));
        let path = write_version2(&folder.path().join(number.to_string()), &metadata, |bytes| bytes);
        assert_holds(&open(&path), &values());
        std::fs::remove_file(path.join("0.0.0")).unwrap();
        let source = open(&path);
        match value {
            Some(value) => {
                assert_eq!(source.description().fill, value);
                assert_eq!(source.read(&box_of_first).unwrap(), None);
            }
            None => {
                let error = source.read(&box_of_first).unwrap_err().to_string();
                assert!(error.contains(&format!("its fill value {fill} is no uint16; correct fill_value")), "{error}");
            }
        }
    }
}

#[test]
fn keys_without_a_separator_are_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = without(version2(), "dimension_separator");
    let nested = |[z, y, x]: [usize; 3]| format!("{z}/{y}/{x}");
    let path = write(&folder.path().join("nested"), &metadata, nested, |place| bytes(&chunk_values(place)));
    assert_holds(&open(&path), &values());
    let slashes = with(version2(), json!({"dimension_separator": "/"}));
    let path = write(&folder.path().join("slashes"), &slashes, nested, |place| bytes(&chunk_values(place)));
    assert_holds(&open(&path), &values());
    let odd = with(version2(), json!({"dimension_separator": "-"}));
    assert!(refusal(&write_version2(&folder.path().join("odd"), &odd, |bytes| bytes)).contains("only \".\" and \"/\""));
    // No chunk has one of the keys in the metadata: the user is warned.
    std::fs::write(path.join(".zarray"), version2().to_string()).unwrap();
    let warnings = open(&path).warnings();
    assert!(warnings[0].ends_with("has no stored chunk: all of it is its fill value"), "{warnings:?}");
}

#[test]
fn values_in_other_orders_are_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let fortran = with(version2(), json!({"order": "F", "dtype": ">u2", "compressor": {"id": "zlib"}}));
    let encode = |bytes| zlib(swapped(reversed(bytes)));
    assert_holds(&open(&write_version2(&folder.path().join("v2"), &fortran, encode)), &values());
    let big = json!({"name": "bytes", "configuration": {"endian": "big"}});
    for (number, order) in [json!([2, 1, 0]), json!("F")].into_iter().enumerate() {
        let codecs = json!([{"name": "transpose", "configuration": {"order": order}}, big, {"name": "numcodecs.zlib"}]);
        let path = write_version3(&folder.path().join(number.to_string()), &version3(codecs), encode);
        assert_holds(&open(&path), &values());
    }
}

#[test]
fn codecs_of_version_3_are_read_by_their_own_names_and_those_of_numcodecs() {
    let folder = tempfile::tempdir().unwrap();
    let little = json!({"name": "bytes", "configuration": {"endian": "little"}});
    let settings = |name: &str, settings: Value| json!({"name": name, "configuration": settings});
    let same: Encode = |bytes| bytes;
    let cases: [(Value, Encode); 10] = [
        (json!(["bytes"]), same),
        (json!([little, settings("gzip", json!({"level": 5}))]), gzip),
        (json!([little, settings("zstd", json!({"level": 0}))]), zstd),
        (json!([little, settings("numcodecs.bz2", json!({"level": 5}))]), bz2),
        (json!([little, settings("numcodecs.lz4", json!({}))]), lz4),
        (json!([little, settings("numcodecs.shuffle", json!({})), "gzip"]), |bytes| gzip(shuffled(bytes))),
        (json!([settings("numcodecs.delta", json!({"dtype": "<u2"})), little]), differences),
        (json!([settings("numcodecs.delta", json!({})), settings("bytes", json!({"endian": "big"}))]), |bytes| {
            swapped(differences(bytes))
        }),
        (json!([settings("numcodecs.bitround", json!({"keepbits": 3})), little]), same),
        (json!([little, settings("numcodecs.crc32", json!({}))]), |bytes| {
            [&libdeflater::crc32(&bytes).to_le_bytes()[..], &bytes].concat()
        }),
    ];
    for (number, (codecs, encode)) in cases.into_iter().enumerate() {
        let path = write_version3(&folder.path().join(number.to_string()), &version3(codecs.clone()), encode);
        assert_holds(&open(&path), &values());
        assert_eq!(open(&path).details().format, "Zarr v3 array", "{codecs}");
    }
}

#[test]
fn chunk_keys_of_version_3_are_read_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    type Key = fn([usize; 3]) -> String;
    let cases: [(Value, Key); 4] = [
        (json!({"name": "default", "configuration": {"separator": "."}}), |[z, y, x]| format!("c.{z}.{y}.{x}")),
        (json!("default"), |[z, y, x]| format!("c/{z}/{y}/{x}")),
        (json!({"name": "v2"}), |[z, y, x]| format!("{z}.{y}.{x}")),
        (json!({"name": "v2", "configuration": {"separator": "/"}}), |[z, y, x]| format!("{z}/{y}/{x}")),
    ];
    for (number, (encoding, key)) in cases.into_iter().enumerate() {
        let metadata = with(version3(json!(["bytes"])), json!({"chunk_key_encoding": encoding}));
        let path = write(&folder.path().join(number.to_string()), &metadata, key, |place| bytes(&chunk_values(place)));
        assert_holds(&open(&path), &values());
    }
}

#[test]
fn what_is_not_supported_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (json!({"codecs": ["bytes", "lzma"]}), "(codec lzma)"),
        (json!({"codecs": ["zstd"]}), "zstd at another place than its own"),
        (json!({"codecs": ["zstd", "bytes"]}), "zstd at another place than its own"),
        (json!({"codecs": []}), "no codec that makes bytes"),
        (
            json!({"codecs": [{"name": "transpose", "configuration": {"order": [0, 0, 1]}}, "bytes"]}),
            "transpose [0,0,1]",
        ),
        (json!({"storage_transformers": [{"name": "x"}]}), "storage_transformers"),
        (json!({"extension": {"must_understand": true}}), "extension extension"),
        (json!({"chunk_grid": {"name": "rectilinear"}}), "chunks of different shapes"),
        (json!({"chunk_key_encoding": "fanout"}), "chunk_key_encoding fanout"),
        (json!({"data_type": "complex64"}), "values of type complex64 are not supported"),
        (json!({"data_type": {"name": "numpy.datetime64"}}), "values of type numpy.datetime64 are not supported"),
        (json!({"zarr_format": 4}), "holds no Zarr metadata that can be understood"),
        (json!({"node_type": "Array"}), "holds no Zarr metadata that can be understood"),
    ];
    for (number, (changes, sentence)) in cases.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        put(&path.join("zarr.json"), with(version3(json!(["bytes"])), changes.clone()).to_string().as_bytes());
        let error = refusal(&path);
        assert!(error.contains(sentence), "{changes}: {error}");
    }
    for (number, (codec, name)) in
        [(json!({"id": "lzma"}), "codec lzma"), (json!({"id": "zfpy"}), "codec zfpy"), (json!([]), "[]")]
            .into_iter()
            .enumerate()
    {
        let metadata = with(version2(), json!({"compressor": codec}));
        let error = refusal(&write_version2(&folder.path().join(format!("2-{number}")), &metadata, |bytes| bytes));
        assert!(error.contains(name) && error.contains("write it with zstd, blosc or gzip"), "{error}");
    }
}

#[test]
fn truth_values_of_one_bit_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let packed = |place| {
        let values = chunk_values(place);
        let unused = u8::try_from((8 - values.len() % 8) % 8).unwrap();
        let byte = |bits: &[u16]| bits.iter().zip(0..).fold(0, |byte, (v, at)| byte | u8::from(v % 3 == 0) << (7 - at));
        [vec![unused], values.chunks(8).map(byte).collect()].concat()
    };
    let metadata = with(version2(), json!({"dtype": "|b1", "fill_value": false, "filters": [{"id": "packbits"}]}));
    let path = write(folder.path(), &metadata, |[z, y, x]| format!("{z}.{y}.{x}"), packed);
    let Voxels::U16(numbers) = values() else { unreachable!() };
    assert_holds(&open(&path), &Voxels::Bool(numbers.mapv(|v| v % 3 == 0)));
}

#[test]
fn sharded_arrays_may_be_transposed_outside_and_inside() {
    let folder = tempfile::tempdir().unwrap();
    // One shard with an inner chunk for each chunk: the shard's axes are (x, y, z), those of inner chunks (y, z, x) of it.
    let places = super::writing::places();
    let count = [2usize, 3, 3];
    let shard: Vec<usize> = (0..3).map(|a| count[a] * CHUNK[a]).collect();
    let transpose = |order: [usize; 3]| json!({"name": "transpose", "configuration": {"order": order}});
    let little = json!({"name": "bytes", "configuration": {"endian": "little"}});
    let sharding = json!({"name": "sharding_indexed", "configuration": {
        "chunk_shape": [CHUNK[2], CHUNK[1], CHUNK[0]], "codecs": [transpose([1, 2, 0]), little],
        "index_codecs": [little], "index_location": "start"}});
    let codecs = json!([transpose([2, 1, 0]), sharding]);
    let metadata =
        with(version3(codecs), json!({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard}}}));
    let mut index = vec![[u64::MAX; 2]; places.len()];
    let mut body = Vec::new();
    for [z, y, x] in places {
        // Within the shard chunks follow each other along (x, y, z).
        let at = (x * count[1] + y) * count[0] + z;
        let values = chunk_values([z, y, x]);
        let mut inner = Vec::new();
        for y in 0..CHUNK[1] {
            for z in 0..CHUNK[0] {
                for x in 0..CHUNK[2] {
                    inner.extend(values[(z * CHUNK[1] + y) * CHUNK[2] + x].to_le_bytes());
                }
            }
        }
        index[at] = [(16 * index.len() + body.len()) as u64, inner.len() as u64];
        body.extend(inner);
    }
    put(&folder.path().join("zarr.json"), metadata.to_string().as_bytes());
    let index: Vec<u8> = index.into_iter().flatten().flat_map(u64::to_le_bytes).collect();
    put(&folder.path().join("c/0/0/0"), &[index, body].concat());
    assert_holds(&open(folder.path()), &values());
    assert_eq!(open(folder.path()).details().chunk, CHUNK.map(|n| n as u64));
    assert_eq!(
        SHAPE.map(|n| n as u64).to_vec(),
        open(folder.path()).details().axes.iter().map(|a| a.1).collect::<Vec<_>>()
    );
}
