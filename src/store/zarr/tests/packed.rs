//! Images in zip files.

use std::io::Write;
use std::path::Path;

use super::writing::put;
use crate::chunk::Dtype;
use crate::error::Kind;
use crate::space::{Region, Spacing};
use crate::store::fixtures::{SHAPE, assert_holds, expected, fixture};
use crate::store::zarr::ZarrSource;
use crate::store::{OpenOptions, Source};

/// An entry of a zip file: its name, its bytes, and whether they are deflated.
type Entry = (String, Vec<u8>, bool);

/// Writes an artificial zip file; `lie` changes the size of an entry in the list.
fn packed(path: &Path, entries: &[Entry], lie: impl Fn(&str, u32) -> u32) {
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (name, bytes, is_deflated) in entries {
        let stored = if *is_deflated { deflated(bytes) } else { bytes.clone() };
        let number = |n: usize| u32::try_from(n).unwrap();
        let offset = number(file.len());
        let method: u16 = if *is_deflated { 8 } else { 0 };
        let mut common = Vec::new();
        common.extend([20u16, 0, method, 0, 0].iter().flat_map(|n| n.to_le_bytes()));
        common.extend(libdeflater::crc32(bytes).to_le_bytes());
        common.extend(number(stored.len()).to_le_bytes());
        common.extend(lie(name, number(bytes.len())).to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(stored);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(&common);
        list.extend([0u8; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let (count, start) = (u16::try_from(entries.len()).unwrap(), u32::try_from(file.len()).unwrap());
    let length = u32::try_from(list.len()).unwrap();
    file.extend(&list);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0, 0]);
    std::fs::File::create(path).unwrap().write_all(&file).unwrap();
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
    let mut out = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let length = compressor.deflate_compress(bytes, &mut out).unwrap();
    out.truncate(length);
    out
}

/// All files of a fixture, below a folder.
fn entries(name: &str, top: &str, is_deflated: bool) -> Vec<Entry> {
    fn collect(folder: &Path, name: &str, is_deflated: bool, entries: &mut Vec<Entry>) {
        let mut inside: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
        inside.sort_by_key(std::fs::DirEntry::file_name);
        for entry in inside {
            let name = format!("{name}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), is_deflated, entries);
            } else {
                entries.push((name, std::fs::read(entry.path()).unwrap(), is_deflated));
            }
        }
    }
    let mut found = Vec::new();
    collect(&fixture(name), top, is_deflated, &mut found);
    found
}

fn picked(time: usize, channel: usize) -> OpenOptions {
    OpenOptions { channel: Some(channel), time: Some(time), ..OpenOptions::default() }
}

#[test]
fn zip_files_are_read_in_place() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, top, is_deflated)) in
        [("ome05.zarr", "", false), ("ome04.zarr", "ome04.zarr/", true), ("ome05.zarr", "a/b/", true)]
            .into_iter()
            .enumerate()
    {
        let path = folder.path().join(format!("{number}.zarr.ZIP"));
        packed(&path, &entries(name, top, is_deflated), |_, size| size);
        for inside in ["", "0"] {
            let source = ZarrSource::open(path.join(inside), &picked(1, 2)).unwrap();
            assert_holds(&source, &expected(SHAPE, Dtype::I32, 5));
            assert_eq!(source.description().spacing, Spacing([2.0, 0.5, 0.5]));
        }
    }
    let path = folder.path().join("shards.ozx");
    for is_deflated in [false, true] {
        packed(&path, &entries("v3_sharded.zarr", "", is_deflated), |_, size| size);
        let source = ZarrSource::open(&path, &OpenOptions::default()).unwrap();
        assert_holds(&source, &super::sharded());
        let region = Region::of_shape(SHAPE);
        let mark = source.mark(&region).unwrap();
        assert!(mark.is_some() && mark == source.mark(&Region::new([0; 3], [1, 1, 1])).unwrap());
        assert_eq!(source.absent().unwrap().unwrap().missing.len(), 1);
    }
}

#[test]
fn damaged_zip_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.zip");
    let open = |path: &Path| ZarrSource::open(path, &OpenOptions::default()).map(|_| ()).unwrap_err();
    let all = entries("v2_blosc.zarr", "", true);
    // Chunks whose size in the list is larger than any chunk, or smaller than their own.
    for lie in [1u32 << 30, 3] {
        packed(&path, &all, move |name, size| if name == "0.0.0" { lie } else { size });
        let source = ZarrSource::open(&path, &OpenOptions::default()).unwrap();
        let error = source.read(&Region::of_shape(SHAPE)).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("image.zip/0.0.0: chunk 0.0.0: "), "{error}");
    }
    packed(&path, &all, |_, size| size);
    let whole = std::fs::read(&path).unwrap();
    for kept in [0, 4, whole.len() / 2, whole.len() - 5] {
        put(&path, &whole[..kept]);
        assert!(open(&path).to_string().contains("is no zip file that can be read, or is cut off"));
    }
    // A changed byte of a chunk, which its checksum detects.
    let mut damaged = whole.clone();
    let at = whole.windows(5).position(|name| name == b"0.0.0").unwrap() + 30;
    damaged[at] ^= 0xff;
    put(&path, &damaged);
    let source = ZarrSource::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(source.read(&Region::of_shape(SHAPE)).unwrap_err().kind(), Kind::Data);
    packed(&path, &[("a.npy".to_owned(), vec![1], false)], |_, size| size);
    assert!(open(&path).to_string().contains("is a zip file without a Zarr image; unpack it"));
}
