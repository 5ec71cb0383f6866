//! NumPy's `.npy` files, read by region.
//!
//! The format is NumPy's `numpy/lib/format.py`, versions 1 to 3: a magic string, a header that is a Python dictionary
//! in text, and the values.

use std::path::Path;

use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Result};
use crate::store::raw::bytes::{Bytes, FileBytes};
use crate::store::raw::{RawLayout, RawSource, Stored};
use crate::store::values::{parse_dtype, unsupported_dtype};
use crate::store::{OpenOptions, file};

pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// No header of an image is longer than this.
const LONGEST_HEADER: u32 = 1 << 20;

/// The header of a `.npy` file.
#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

/// Opens the array in a `.npy` file. Axes of length one before and behind three others are dropped; of four or five
/// axes the first ones are time and channel.
///
/// # Errors
/// `Missing` if there is no file; `Data` if it is not a `.npy` file, is cut off, has a type that is not supported, or
/// has fewer than two axes; `Usage` if the options do not fit it.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<RawSource> {
    let path = path.as_ref();
    let opened = || {
        let (file, length) = file::open(path)?;
        let bytes = FileBytes::new(file, path);
        let mut layout = layout(&bytes, length)?;
        layout.files.push(path.to_owned());
        layout.bytes = Some(Stored::Plain(Box::new(bytes), length));
        RawSource::new(path, layout, options)
    };
    opened().map_err(|error| if error.is_placed() { error } else { error.at(path) })
}

/// The layout of the array in a `.npy` file. `length` is that of the file.
///
/// # Errors
/// `Data` if it is not such a file, or has a type that is not supported.
pub(crate) fn layout(bytes: &dyn Bytes, length: u64) -> Result<RawLayout> {
    let (header, offset) = read_header(bytes, length)?;
    let (stored, endian) = parse_dtype(&header.descr).ok_or_else(|| match &*header.descr {
        "O" | "|O" => Error::data("holds Python objects; save numbers only, as a plain array"),
        descr => unsupported_dtype(descr),
    })?;
    Ok(RawLayout {
        format: "NumPy .npy".to_owned(),
        offset,
        lengths: header.shape,
        fortran: header.fortran,
        ..RawLayout::new(stored, endian)
    })
}

/// The header of a file, and the offset of its values.
fn read_header(bytes: &dyn Bytes, length: u64) -> Result<(Header, u64)> {
    let not_npy = || Error::data("is not a .npy file; save the array with numpy.save");
    let mut start = [0; 12];
    // The shortest file, of version 1, is longer than this.
    if length < 12 {
        return Err(not_npy());
    }
    bytes.read_at(0, &mut start)?;
    if !start.starts_with(MAGIC) {
        return Err(not_npy());
    }
    let (header, begin) = match start[6] {
        _ if start[7] != 0 => return Err(damaged()),
        1 => (u32::from(u16::from_le_bytes([start[8], start[9]])), 10),
        2 | 3 => (u32::from_le_bytes([start[8], start[9], start[10], start[11]]), 12),
        version => return Err(Error::data(format!("is a .npy file of version {version}; save it as version 1"))),
    };
    if header > LONGEST_HEADER {
        return Err(damaged());
    }
    let data = begin + u64::from(header);
    if length < data {
        return Err(Error::data("is cut off within its header; copy it again from where it came"));
    }
    let mut text = vec![0; header as usize];
    bytes.read_at(begin, &mut text)?;
    Ok((parse_header(&String::from_utf8_lossy(&text))?, data))
}

fn damaged() -> Error {
    Error::data("has a damaged header; save the array again with numpy.save")
}

/// Parses the header's dictionary, for example `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`: three
/// keys in any order.
fn parse_header(text: &str) -> Result<Header> {
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    let text = text.trim();
    let mut rest = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(damaged)?.trim_start();
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(damaged)?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(damaged)?.trim_start();
        let after = match key {
            "descr" if value.starts_with('[') => {
                return Err(Error::data("has records of several fields; save one field as a plain array"));
            }
            "descr" => {
                let (name, after) = quoted(value).ok_or_else(damaged)?;
                descr = Some(name.to_owned());
                after
            }
            "fortran_order" => {
                let found = [("True", true), ("False", false)].into_iter();
                let found = found.filter_map(|(word, order)| Some((order, value.strip_prefix(word)?))).next();
                let (order, after) = found.ok_or_else(damaged)?;
                fortran = Some(order);
                after
            }
            "shape" => {
                let (lengths, after) = value.strip_prefix('(').and_then(|v| v.split_once(')')).ok_or_else(damaged)?;
                shape = Some(parse_shape(lengths).ok_or_else(damaged)?);
                after
            }
            _ => return Err(damaged()),
        };
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',').ok_or_else(damaged)?.trim_start(),
        };
    }
    match (descr, fortran, shape) {
        (Some(descr), Some(fortran), Some(shape)) => Ok(Header { descr, fortran, shape }),
        _ => Err(damaged()),
    }
}

/// Splits a string in Python's quotes from the text behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// The lengths in a tuple, also as Python 2 wrote them: `3, 4L`.
fn parse_shape(text: &str) -> Option<Vec<u64>> {
    // Python accepts no other white space.
    let text = text.trim_ascii();
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() {
        return Some(Vec::new());
    }
    // NumPy has at most 64 axes.
    let lengths = text.split(',').take(65).map(|n| n.trim_ascii().trim_end_matches('L').parse().ok());
    lengths.collect::<Option<Vec<u64>>>().filter(|lengths| lengths.len() <= 64)
}

/// Writes an array as a `.npy` file of version 1, for tests and for exchange with NumPy; in 2-D if `dimensions` is 2.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, voxels: &Voxels, dimensions: usize) -> Result<()> {
    let path = path.as_ref();
    let code = match voxels.dtype() {
        Dtype::Bool => "|b1",
        Dtype::U8 => "|u1",
        Dtype::U16 => "u2",
        Dtype::U32 => "u4",
        Dtype::I16 => "i2",
        Dtype::I32 => "i4",
        Dtype::F32 => "f4",
        Dtype::F64 => "f8",
        Dtype::I64 => "i8",
    };
    let order = if code.starts_with('|') {
        ""
    } else if cfg!(target_endian = "big") {
        ">"
    } else {
        "<"
    };
    let shape = &voxels.shape()[3 - dimensions.clamp(1, 3)..];
    let mut bytes = npy_header(&format!("{order}{code}"), shape)?;
    bytes.reserve_exact(voxels.bytes());
    bytes.extend_from_slice(&crate::store::values::to_bytes(voxels));
    std::fs::write(path, bytes).map_err(|error| crate::store::file::write_failed(&error).at(path))
}

/// The start of a `.npy` file of version 1 whose values follow in C order. `descr` is their type as NumPy writes it.
///
/// # Errors
/// `Internal` if it does not fit into 64 KiB.
pub(crate) fn npy_header(descr: &str, shape: &[usize]) -> Result<Vec<u8>> {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({},), }}", axes.join(", "));
    // NumPy aligns the values to 64 bytes.
    let total = (10 + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', total - 11 - header.len()));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| Error::internal("a header of one line"))?;
    Ok([MAGIC, &[1, 0], &length.to_le_bytes(), header.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Chunk;
    use crate::error::Kind;
    use crate::space::{Region, Spacing};
    use crate::store::Source;
    use crate::store::fixtures::{SHAPE, assert_holds, expected, fixture};
    use ndarray::Array3;

    fn value(z: usize, y: usize, x: usize) -> i32 {
        i32::try_from(100 * z + 10 * y + x).unwrap() - 50
    }

    fn file_of(header: &str, values: &[u8]) -> tempfile::NamedTempFile {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn every_region_of_either_order_holds_its_own_values() {
        let (nz, ny, nx) = (3, 4, 20);
        let array = Array3::from_shape_fn((nz, ny, nx), |(z, y, x)| value(z, y, x));
        let c: Vec<u8> = array.iter().flat_map(|v| v.to_le_bytes()).collect();
        let f: Vec<u8> = array.t().iter().flat_map(|v| v.to_be_bytes()).collect();
        let c = file_of("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4, 20), }\n", &c);
        let f = file_of("{'descr': '>i4', 'fortran_order': True, 'shape': (3L, 4L, 20L), }\n", &f);
        let whole = Voxels::I32(array);
        let regions = [[0, 0, 0, 3, 4, 20], [1, 1, 2, 3, 3, 4], [0, 2, 0, 2, 4, 20], [2, 0, 5, 3, 4, 19]];
        for file in [c, f] {
            let source = open(file.path(), &OpenOptions::default()).unwrap();
            for [z, y, x, zz, yy, xx] in regions {
                let region = Region::new([z, y, x], [zz, yy, xx]);
                let chunk = source.read(&region).unwrap().unwrap();
                assert_eq!(chunk, Chunk { region, voxels: whole.part(&region) });
            }
        }
    }

    #[test]
    fn files_that_numpy_writes_hold_what_was_written() {
        let cases = [
            ("c_i4.npy", SHAPE, Dtype::I32),
            ("f_f8.npy", SHAPE, Dtype::F64),
            ("be_2d.npy", [1, 12, 14], Dtype::U16),
            ("bool.npy", SHAPE, Dtype::Bool),
        ];
        for (name, shape, dtype) in cases {
            let source = open(fixture(name), &OpenOptions::default()).unwrap();
            assert_holds(&source, &expected(shape, dtype, 0));
        }
        let options = OpenOptions { spacing: Some(vec![2.0, 3.0]), ..OpenOptions::default() };
        let given = open(fixture("be_2d.npy"), &options).unwrap();
        assert_eq!(given.description().spacing, Spacing([1.0, 2.0, 3.0]));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.npy");
        let voxels = Voxels::Bool(Array3::from_shape_fn((1, 5, 7), |(_, y, x)| (y + x) % 3 == 0));
        write_npy(&path, &voxels, 2).unwrap();
        let source = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(source.description().dimensions, 2);
        let region = Region::of_shape([1, 5, 7]);
        assert_eq!(source.read(&region).unwrap().unwrap().voxels, voxels);
    }

    #[test]
    fn headers_may_have_their_keys_in_any_order_and_no_spaces() {
        for header in [
            "{'shape': (1, 2), 'fortran_order': False, 'descr': '|i1' } ",
            "{'descr':'|i1','fortran_order':False,'shape':(1,2)}\n",
            "{\"descr\": \"=i1\", \"fortran_order\": False, \"shape\": (1L, 2L,), }",
        ] {
            let file = file_of(header, &[0x80, 3, b'm', b'o', b'r', b'e']);
            let source = open(file.path(), &OpenOptions::default()).unwrap();
            let read = source.read(&Region::of_shape([1, 1, 2])).unwrap().unwrap().voxels;
            assert_eq!(read, Voxels::I16(Array3::from_shape_vec([1, 1, 2], vec![-128, 3]).unwrap()), "{header}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_refused_with_a_sentence() {
        let cases = [
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1), }", 8, "type complex64"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }", 32, "has 1 axis; save an array of 2 axes"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }", 31, "cut off"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }", 16, "several fields"),
            ("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 2), }", 16, "damaged header"),
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }",
                16,
                "larger than any file",
            ),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4, 4), }", 0, "no voxels: its shape is 0 x 4 x 4"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", 32, "Python objects"),
            ("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (2, 2), }", 32, "type <M8[s]"),
            ("{'descr': '<f8', 'shape': (2, 2), }", 32, "damaged header"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), 'more': 1}", 32, "damaged header"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, -2)}", 32, "damaged header"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2", 32, "damaged header"),
            ("{'descr': '<f8", 32, "damaged header"),
            ("", 32, "damaged header"),
        ];
        for (header, bytes, expected) in cases {
            let file = file_of(header, &vec![0; bytes]);
            let error = open(file.path(), &OpenOptions::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(open("not/there.npy", &OpenOptions::default()).unwrap_err().kind(), Kind::Missing);
    }
}
