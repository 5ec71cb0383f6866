//! Artificial arrays, whose metadata can be those of any writer.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chunk::{Dtype, Voxels};
use crate::store::fixtures::{SHAPE, expected};

/// The chunk shape of artificial arrays.
pub(super) const CHUNK: [usize; 3] = [3, 5, 6];

/// The values of artificial arrays: of type u16, all below 1000.
pub(super) fn values() -> Voxels {
    expected(SHAPE, Dtype::U16, 0)
}

fn value([z, y, x]: [usize; 3]) -> u16 {
    u16::try_from(100 * z + 10 * y + x).unwrap()
}

/// The values of the chunk at a position, zero beyond the array, in C order.
pub(super) fn chunk_values(place: [usize; 3]) -> Vec<u16> {
    let mut values = Vec::new();
    for z in 0..CHUNK[0] {
        for y in 0..CHUNK[1] {
            for x in 0..CHUNK[2] {
                let at = [z, y, x];
                let p: [usize; 3] = std::array::from_fn(|a| place[a] * CHUNK[a] + at[a]);
                values.push(if (0..3).all(|a| p[a] < SHAPE[a]) { value(p) } else { 0 });
            }
        }
    }
    values
}

/// The positions of all chunks.
pub(super) fn places() -> Vec<[usize; 3]> {
    let count: [usize; 3] = std::array::from_fn(|a| SHAPE[a].div_ceil(CHUNK[a]));
    let lines = |z| (0..count[1]).flat_map(move |y| (0..count[2]).map(move |x| [z, y, x]));
    (0..count[0]).flat_map(lines).collect()
}

/// Little-endian bytes.
pub(super) fn bytes(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Metadata in the style of zarr-python in version 2, for arrays without a compressor.
pub(super) fn version2() -> Value {
    json!({"zarr_format": 2, "shape": SHAPE, "chunks": CHUNK, "dtype": "<u2", "compressor": null, "fill_value": 0,
           "order": "C", "filters": null, "dimension_separator": "."})
}

/// Metadata in the style of zarr-python in version 3, with these codecs.
pub(super) fn version3(codecs: Value) -> Value {
    json!({"zarr_format": 3, "node_type": "array", "shape": SHAPE, "data_type": "uint16",
           "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": CHUNK}},
           "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
           "fill_value": 0, "codecs": codecs, "attributes": {}})
}

/// Writes an array whose chunks are a function of their position.
pub(super) fn write(
    folder: &Path,
    metadata: &Value,
    key: impl Fn([usize; 3]) -> String,
    chunk: impl Fn([usize; 3]) -> Vec<u8>,
) -> PathBuf {
    let name = if metadata["zarr_format"] == 3 { "zarr.json" } else { ".zarray" };
    put(&folder.join(name), metadata.to_string().as_bytes());
    for place in places() {
        put(&folder.join(key(place)), &chunk(place));
    }
    folder.to_owned()
}

/// Writes an array of version 2, each chunk encoded by a function.
pub(super) fn write_version2(folder: &Path, metadata: &Value, encode: impl Fn(Vec<u8>) -> Vec<u8>) -> PathBuf {
    write(folder, metadata, |[z, y, x]| format!("{z}.{y}.{x}"), |place| encode(bytes(&chunk_values(place))))
}

/// Writes an array of version 3, each chunk encoded by a function.
pub(super) fn write_version3(folder: &Path, metadata: &Value, encode: impl Fn(Vec<u8>) -> Vec<u8>) -> PathBuf {
    write(folder, metadata, |[z, y, x]| format!("c/{z}/{y}/{x}"), |place| encode(bytes(&chunk_values(place))))
}

/// Metadata with some values replaced.
pub(super) fn with(mut metadata: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { unreachable!() };
    for (key, value) in changes {
        metadata[key] = value;
    }
    metadata
}

/// Metadata without a key.
pub(super) fn without(mut metadata: Value, key: &str) -> Value {
    metadata.as_object_mut().unwrap().remove(key).unwrap();
    metadata
}

/// Writes a file, and creates its folders.
pub(super) fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub(super) fn gzip(bytes: Vec<u8>) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(&bytes, &mut out).unwrap();
    out.truncate(length);
    out
}

pub(super) fn zlib(bytes: Vec<u8>) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let length = compressor.zlib_compress(&bytes, &mut out).unwrap();
    out.truncate(length);
    out
}

pub(super) fn zstd(bytes: Vec<u8>) -> Vec<u8> {
    ::zstd::bulk::compress(&bytes, 1).unwrap()
}

pub(super) fn bz2(bytes: Vec<u8>) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    bzip2::read::BzEncoder::new(&bytes[..], bzip2::Compression::fast()).read_to_end(&mut out).unwrap();
    out
}

/// numcodecs' format: the size comes first.
pub(super) fn lz4(bytes: Vec<u8>) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&size[..], &lz4_flex::block::compress(&bytes)].concat()
}

/// Values of two bytes with bytes of equal significance grouped.
pub(super) fn shuffled(bytes: Vec<u8>) -> Vec<u8> {
    let plane = |at: usize| bytes.iter().skip(at).step_by(2).copied().collect::<Vec<_>>();
    [plane(0), plane(1)].concat()
}

pub(super) fn swapped(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    bytes
}

/// Differences of values of two bytes.
pub(super) fn differences(bytes: Vec<u8>) -> Vec<u8> {
    let (values, _) = bytes.as_chunks::<2>();
    let values: Vec<u16> = values.iter().map(|value| u16::from_le_bytes(*value)).collect();
    let before = std::iter::once(0).chain(values.iter().copied());
    self::bytes(&values.iter().zip(before).map(|(value, before)| value.wrapping_sub(before)).collect::<Vec<_>>())
}

/// Values in Fortran order.
pub(super) fn reversed(bytes: Vec<u8>) -> Vec<u8> {
    let (values, _) = bytes.as_chunks::<2>();
    let [nz, ny, nx] = CHUNK;
    let mut out = Vec::new();
    for x in 0..nx {
        for y in 0..ny {
            for z in 0..nz {
                out.extend(values[(z * ny + y) * nx + x]);
            }
        }
    }
    out
}
