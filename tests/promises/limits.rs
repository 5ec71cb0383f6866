//! Promise: no number in a file makes the program ask for memory that there is not, and no file makes it read without end:
//! a sentence names the file and what is too large.
//!
//! Files have holes where they are large; the program may have two GB of addresses.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::anabranch_with_limits;

/// A file that begins with some bytes, and goes on with zeros that the disk does not hold.
fn write_long(path: &Path, start: &[u8], length: u64) -> PathBuf {
    let mut file = File::create(path).unwrap();
    file.write_all(start).unwrap();
    file.set_len(length.max(start.len() as u64)).unwrap();
    path.to_owned()
}

/// A TIFF file of one page, with its strip or tile from byte 512 on.
fn tiff([height, width]: [u32; 2], tile: Option<u32>, compression: u32, bits: u32, stored: u32) -> Vec<u8> {
    let mut tags = vec![(256, width), (257, height), (258, bits), (259, compression), (262, 1)];
    match tile {
        Some(edge) => tags.extend([(322, edge), (323, edge), (324, 512), (325, stored)]),
        None => tags.extend([(273, 512), (278, height), (279, stored)]),
    }
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend(u16::try_from(tags.len()).unwrap().to_le_bytes());
    tags.sort_unstable();
    for (tag, value) in tags {
        bytes.extend(u16::to_le_bytes(tag).into_iter().chain([4, 0, 1, 0, 0, 0]).chain(u32::to_le_bytes(value)));
    }
    bytes.extend([0; 4]);
    bytes
}

/// A BMP file of grey values.
fn bmp(edge: i32) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0".to_vec();
    for number in [1078, 40, edge, edge, 0x0008_0001, 0, 0, 0, 0, 256, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend((0..=255).flat_map(|grey| [grey, grey, grey, 0]));
    bytes
}

fn npy(shape: &str) -> Vec<u8> {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], header.as_bytes()].concat()
}

fn zarr(folder: &Path, shape: &[u64], codec: &str) -> PathBuf {
    fs::create_dir(folder).unwrap();
    let compressor = if codec.is_empty() { json!(null) } else { json!({"id": codec}) };
    let metadata = json!({
        "zarr_format": 2, "shape": shape, "chunks": shape, "dtype": "|u1", "compressor": compressor, "fill_value": 0,
        "order": "C", "filters": null,
    });
    fs::write(folder.join(".zarray"), metadata.to_string()).unwrap();
    folder.to_owned()
}

/// Runs the program with two GB of addresses, and holds it to a refusal that says so.
fn assert_refused(input: &Path, options: &[&str], said: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (input.to_str().unwrap(), folder.path().join("out"));
    let call = ["run", input, "--out", out.to_str().unwrap(), "--threshold", "1", "--quiet"];
    let outcome = anabranch_with_limits("-v 2000000", &[&call[..], options].concat());
    assert_eq!(outcome.code, 65, "{input} {options:?}: {}", outcome.stderr);
    let sentence = outcome.stderr.lines().last().unwrap_or_default();
    assert!(said.iter().all(|said| sentence.contains(said)), "{input}: {sentence}");
    assert!(!outcome.stderr.contains("memory allocation") && !out.exists(), "{input}: {}", outcome.stderr);
}

#[test]
fn what_is_decoded_at_once_and_too_large_is_refused_with_its_size() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let long = |name: &str, start: &[u8], length| write_long(&path(name), start, length);
    let square = [60_000; 2];
    for (name, bytes, length, size) in [
        ("tile.tif", tiff(square, Some(60_000), 1, 8, 3_600_000_000), 3_600_000_512, "3.4 GiB"),
        ("bits.tif", tiff([50_000; 2], None, 1, 12, 3_750_000_000), 3_750_000_512, "8.1 GiB"),
        ("deflate.tif", tiff(square, None, 8, 8, 4_000_000_000), 4_000_000_512, "7.1 GiB"),
        ("zstd.tif", tiff(square, None, 50_000, 8, 8 << 20), 9 << 20, "3.4 GiB"),
        ("lzw.tif", tiff(square, None, 5, 8, 8 << 20), 9 << 20, "3.4 GiB"),
        ("packbits.tif", tiff(square, None, 32_773, 8, 64 << 20), 65 << 20, "3.4 GiB"),
        ("tile_beyond_its_page.tif", tiff([100; 2], Some(1 << 16), 8, 8, 8 << 20), 9 << 20, "4.0 GiB"),
    ] {
        let said =
            [name, "needs ", size, " of memory at once, which the system does not give; ", "smaller strips or tiles"];
        assert_refused(&long(name, &bytes, length), &[], &said);
    }
    let picture = long("long.bmp", &bmp(60_000), 10_000_000_000);
    assert_refused(&picture, &[], &["long.bmp", "needs 12.7 GiB of memory", "save the image as a TIFF file"]);
    let picture = long("long.jpg", b"\xff\xd8\xff\xe0", 10_000_000_000);
    assert_refused(&picture, &[], &["long.jpg", "has 9.3 GiB, and a JPEG file has at most 4.0 GiB"]);

    for codec in ["zstd", "gzip", "zlib", "bz2", "lz4", "blosc"] {
        let array = zarr(&path(codec), &[2048; 3], codec);
        write_long(&array.join("0.0.0"), &[2, 1, 33, 1, 0, 0, 0, 0], 6 << 30);
        let said = ["0.0.0: chunk 0.0.", ": needs ", " GiB of memory at once", "write the array with smaller chunks"];
        assert_refused(&array, &[], &said);
    }

    long("large.npy", &npy("2048,1024,1024"), (2 << 30) + 1000);
    fs::write(path("tiles.csv"), "path,z,y,x\nlarge.npy,0,0,0\n").unwrap();
    let said = ["tiles.csv: ", "line 2: ", "large.npy: needs 4.0 GiB of memory at once", "cut the tile into several"];
    assert_refused(&path("tiles.csv"), &[], &said);
    long("small.npy", &npy("8,8"), 0);
    fs::write(path("small.csv"), "path,y,x\nsmall.npy,0,0\n").unwrap();
    fs::write(path("small.npy"), [npy("8,8"), vec![0; 64]].concat()).unwrap();
    for option in ["--background", "--flat-field"] {
        let large = path("large.npy");
        let said = ["large.npy", "needs 4.0 GiB of memory at once", "give an image as large as a tile"];
        assert_refused(&path("small.csv"), &[option, large.to_str().unwrap()], &said);
    }
}

#[test]
fn files_that_are_read_whole_have_a_longest_length() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let array = zarr(&path("long.zarr"), &[8; 3], "");
    write_long(&array.join(".zattrs"), b"{", 10_000_000_000);
    assert_refused(&array, &[], &[".zattrs", "has 9.3 GiB, and a file of Zarr metadata has at most 64.0 MiB"]);
    let table = write_long(&path("long.csv"), b"path,y,x\n", 10_000_000_000);
    assert_refused(&table, &[], &["long.csv", "has 9.3 GiB, and a table has at most 1.0 GiB"]);
    fs::write(path("small.npy"), [npy("8,8"), vec![0; 64]].concat()).unwrap();
    fs::write(path("small.csv"), "path,y,x\nsmall.npy,0,0\n").unwrap();
    let gains = write_long(&path("gains.csv"), b"path,channel,gain\n", 10_000_000_000);
    let said = ["gains.csv", "has 9.3 GiB, and a table has at most 1.0 GiB"];
    assert_refused(&path("small.csv"), &["--gains", gains.to_str().unwrap()], &said);
    let long = format!("path,channel,gain\n{},,1\n", "a".repeat(2 << 20));
    fs::write(&gains, long).unwrap();
    let said = ["gains.csv", "line 2: is longer than 1 MiB"];
    assert_refused(&path("small.csv"), &["--gains", gains.to_str().unwrap()], &said);
    fs::write(path("wide.csv"), format!("path,y,x{}\nsmall.npy,0,0\n", ",c".repeat(20_000))).unwrap();
    assert_refused(&path("wide.csv"), &[], &["wide.csv", "has 20003 columns, and a table at most 10000"]);

    write_long(&path("long.companion.ome"), b"<OME", 10_000_000_000);
    let image = described("<OME><BinaryOnly MetadataFile=\"long.companion.ome\" UUID=\"a\"/></OME>");
    fs::write(path("image.ome.tif"), image).unwrap();
    let said = ["long.companion.ome", "has 9.3 GiB, and a file of OME metadata has at most 256.0 MiB"];
    assert_refused(&path("image.ome.tif"), &[], &said);
}

/// A TIFF file of 8 x 8 pixels with a text of its own.
fn described(text: &str) -> Vec<u8> {
    let mut bytes = tiff([8; 2], None, 1, 8, 64);
    let end = bytes.len() - 4;
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    // Its tag is between those of the photometric interpretation and the strip.
    let tag = [&[14, 1, 2, 0], &length[..], &1024u32.to_le_bytes()].concat();
    let place = 10 + 5 * 12;
    bytes.splice(place..place, tag);
    bytes[8] += 1;
    assert_eq!(bytes.len(), end + 16);
    bytes.resize(1024, 0);
    bytes.extend(text.as_bytes());
    bytes
}

#[test]
fn metadata_without_measure_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let attributes: String = (0..200_000).map(|n| format!(" a{n}=\"\"")).collect();
    let deep = format!("<OME>{}{}</OME>", "<a>".repeat(10_000), "</a>".repeat(10_000));
    for (name, text, said) in [
        ("attributes.tif", format!("<OME{attributes}/>"), "more than 1000 attributes in an element, at line 1"),
        ("deep.tif", deep, "more than 500 elements in each other, at line 1"),
        ("bomb.tif", "<!DOCTYPE a [<!ENTITY a \"aaaa\">]><OME>&a;</OME>".to_owned(), "XML with DTD detected"),
        ("shape.tif", format!("{{\"shape\": [{}8, 8]}}", "1, ".repeat(1000)), "has 1002 axes, and at most 64 are read"),
        ("nested.tif", format!("{{\"shape\": {}", "[".repeat(10_000)), "recursion limit exceeded"),
    ] {
        fs::write(path(name), described(&text)).unwrap();
        assert_refused(&path(name), &[], &[name, said]);
    }
    for (name, text, said) in [
        ("deep.zarr", "{\"a\":".repeat(10_000), "recursion limit exceeded"),
        ("list.zarr", format!("[{}0]", "0,".repeat(30 << 20)), "it holds more than 8000000 values"),
        ("objects.zarr", format!("[{}0]", "{\"\":0},".repeat(7 << 20)), "it holds more than 1000000 objects"),
    ] {
        let array = zarr(&path(name), &[8; 3], "");
        fs::write(array.join(".zattrs"), text).unwrap();
        assert_refused(&array, &[], &[".zattrs", said]);
    }
    let many = [&[1; 97][..], &[8; 3]].concat();
    let said = "has 100 axes, and at most 64 are read; save an array of 3 axes (z, y, x)";
    assert_refused(&zarr(&path("axes.zarr"), &many, ""), &[], &["axes.zarr", said]);
    let shape = many.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    fs::write(path("axes.npy"), [npy(&shape), vec![0; 512]].concat()).unwrap();
    assert_refused(&path("axes.npy"), &[], &["axes.npy"]);
}
