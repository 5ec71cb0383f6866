//! NumPy's `.npy` files, read by region.
//!
//! The format is NumPy's `numpy/lib/format.py`, versions 1 to 3: a magic string, a header that is a Python dictionary
//! in text, and the values.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::chunk::{Chunk, Dtype, Value, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::store::file::{self, read_at, read_box};
use crate::store::layout::read_shape;
use crate::store::marker::{FileMark, Marker, mark_of};
use crate::store::open::refuse_selection;
use crate::store::units::{Calibration, Settled};
use crate::store::values::{Endian, from_bytes, parse_dtype, refuse_unfit, require_inside, unsupported_dtype};
use crate::store::{Description, Mark, Marked, OpenOptions, Source};
use crate::with_voxels;

const MAGIC: &[u8] = b"\x93NUMPY";
/// A header longer than this is no header of an image.
const LONGEST_HEADER: u32 = 1 << 20;
/// A `.npy` file of a 2-D or 3-D array. Holds an open file and no values.
#[derive(Debug)]
pub struct NpySource {
    file: File,
    path: PathBuf,
    description: Description,
    endian: Endian,
    fortran: bool,
    /// Where the values begin.
    data: u64,
}

/// What the header of a `.npy` file says.
#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl NpySource {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// `Missing` where there is no file; `Data` where it is no such file, is cut off, has a type that images may not
    /// have, or has other than two or three axes; `Usage` where the options do not fit it.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        Self::open_file(path, options).map_err(|error| error.at(path))
    }

    fn open_file(path: &Path, options: &OpenOptions) -> Result<Self> {
        refuse_selection(options)?;
        let (file, length) = file::open(path)?;
        let (header, data) = read_header(&file)?;
        let (stored, endian) = parse_dtype(&header.descr).ok_or_else(|| unsupported_dtype(&header.descr))?;
        let shape = match header.shape[..] {
            [y, x] => [1, y, x],
            [z, y, x] => [z, y, x],
            _ => {
                let axes = header.shape.len();
                let message =
                    format!("has not 2 or 3 axes but {axes}; save an array of 2 axes (y, x) or 3 axes (z, y, x)");
                return Err(Error::data(message));
            }
        };
        let bytes = shape.iter().try_fold(stored.size(), |n, &axis| n.checked_mul(axis));
        let needed = bytes.and_then(|n| data.checked_add(u64::try_from(n).ok()?));
        if needed.is_none_or(|needed| length < needed) {
            let message = format!("is cut off: {length} bytes cannot hold the values of shape {:?}", header.shape);
            return Err(Error::data(message + "; copy it again from where it came"));
        }
        let dimensions = header.shape.len();
        let Settled { spacing, unit, .. } = Calibration::default().settle(dimensions, options)?;
        let description = Description {
            name: path.display().to_string(),
            shape,
            dimensions,
            dtype: stored.dtype(),
            stored,
            spacing,
            unit,
            chunk: read_shape(shape, [1; 3], dimensions),
            fill: 0.0,
        };
        Ok(NpySource { file, path: path.to_owned(), description, endian, fortran: header.fortran, data })
    }
}

impl Source for NpySource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let wanted: [Range<usize>; 3] = std::array::from_fn(|a| region.min[a] as usize..region.max[a] as usize);
        let read = |shape, wanted: [Range<usize>; 3]| -> Result<Voxels> {
            let (stored, shape_read) = (self.description.stored, wanted.each_ref().map(|r| r.len()));
            let bytes = read_box(&self.file, self.data, stored.size(), shape, wanted)
                .map_err(|error| file::read_failed(&error).at(&self.path))?;
            Ok(from_bytes(stored, shape_read, bytes, self.endian))
        };
        let voxels = if self.fortran {
            // The same bytes are an array of reversed axes in C order; the plane axis of an image stays first in it.
            let [z, y, x] = wanted;
            let [nz, ny, nx] = self.description.shape;
            reversed(&read([nx, ny, nz], [x, y, z])?)
        } else {
            read(self.description.shape, wanted)?
        };
        refuse_unfit(&voxels, region).map_err(|error| error.at(&self.path))?;
        Ok(Some(Chunk { region: *region, voxels }))
    }

    fn mark(&self, _: &Region) -> Result<Option<Mark>> {
        mark_of([&*self.path]).map(Some)
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let mut marker = Marker::default();
        FileMark::of_all(std::slice::from_ref(&self.path))?.iter().for_each(|file| marker.add(file));
        Ok(vec![Some(marker.finish()); regions.len()])
    }
}

/// The array with its axes in reverse order, in C order.
fn reversed(voxels: &Voxels) -> Voxels {
    fn turn<T: Value>(array: &ndarray::Array3<T>) -> Voxels {
        T::wrap(array.view().permuted_axes([2, 1, 0]).as_standard_layout().into_owned())
    }
    with_voxels!(voxels, array => turn(array))
}

/// The header of a file, and where its values begin.
fn read_header(file: &File) -> Result<(Header, u64)> {
    let not_npy = || Error::data("is not a .npy file; save the array with numpy.save");
    let mut start = [0; 12];
    // The shortest file, of version 1, is longer than this.
    read_at(file, 0, &mut start).map_err(|_| not_npy())?;
    if !start.starts_with(MAGIC) {
        return Err(not_npy());
    }
    let (length, begin) = match start[6] {
        1 => (u32::from(u16::from_le_bytes([start[8], start[9]])), 10),
        2 | 3 => (u32::from_le_bytes([start[8], start[9], start[10], start[11]]), 12),
        version => return Err(Error::data(format!("is a .npy file of version {version}; save it as version 1"))),
    };
    if length > LONGEST_HEADER {
        return Err(Error::data("has a damaged header; save the array again with numpy.save"));
    }
    let mut text = vec![0; length as usize];
    read_at(file, begin, &mut text).map_err(|error| file::read_failed(&error))?;
    let header = parse_header(&String::from_utf8_lossy(&text))?;
    Ok((header, begin + u64::from(length)))
}

/// The header's dictionary, for example `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn parse_header(text: &str) -> Result<Header> {
    let damaged = || Error::data("has a damaged header; save the array again with numpy.save");
    let after = |key: &str| -> Result<&str> {
        let at = ['\'', '"'].iter().find_map(|q| text.find(&format!("{q}{key}{q}"))).ok_or_else(damaged)?;
        let rest = &text[at + key.len() + 2..];
        Ok(rest.trim_start().strip_prefix(':').ok_or_else(damaged)?.trim_start())
    };
    let descr = after("descr")?;
    let quote = descr.chars().next().ok_or_else(damaged)?;
    if quote == '[' {
        return Err(Error::data("has records of several fields; save one field as a plain array"));
    }
    let descr = descr.strip_prefix(['\'', '"']).and_then(|d| d.split(quote).next()).ok_or_else(damaged)?;
    let order = after("fortran_order")?;
    let fortran = order.starts_with("True");
    if !fortran && !order.starts_with("False") {
        return Err(damaged());
    }
    let shape = after("shape")?.strip_prefix('(').and_then(|s| s.split(')').next()).ok_or_else(damaged)?;
    let shape = shape.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape = shape.map(|n| n.trim_end_matches('L').parse().map_err(|_| damaged())).collect::<Result<_>>()?;
    Ok(Header { descr: descr.to_owned(), fortran, shape })
}

/// Writes an array as a `.npy` file of version 1, for tests and for exchange with NumPy; 2-D for an image.
///
/// # Errors
/// Where the file cannot be written.
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
    let shape = voxels.shape();
    let axes: Vec<String> = shape[3 - dimensions.clamp(1, 3)..].iter().map(usize::to_string).collect();
    let mut header = format!("{{'descr': '{order}{code}', 'fortran_order': False, 'shape': ({},), }}", axes.join(", "));
    // NumPy aligns the values to 64 bytes.
    let total = (10 + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', total - 11 - header.len()));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| Error::internal("a header of one line"))?;
    let mut bytes = Vec::with_capacity(total + voxels.bytes());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&crate::store::values::to_bytes(voxels));
    std::fs::write(path, bytes).map_err(|error| crate::store::file::write_failed(&error).at(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::space::Spacing;
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
            let source = NpySource::open(file.path(), &OpenOptions::default()).unwrap();
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
            let source = NpySource::open(fixture(name), &OpenOptions::default()).unwrap();
            assert_holds(&source, &expected(shape, dtype, 0));
        }
        let options = OpenOptions { spacing: Some(vec![2.0, 3.0]), ..OpenOptions::default() };
        let given = NpySource::open(fixture("be_2d.npy"), &options).unwrap();
        assert_eq!(given.description().spacing, Spacing([1.0, 2.0, 3.0]));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.npy");
        let voxels = Voxels::Bool(Array3::from_shape_fn((1, 5, 7), |(_, y, x)| (y + x) % 3 == 0));
        write_npy(&path, &voxels, 2).unwrap();
        let source = NpySource::open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(source.description().dimensions, 2);
        let region = Region::of_shape([1, 5, 7]);
        assert_eq!(source.read(&region).unwrap().unwrap().voxels, voxels);
    }

    #[test]
    fn files_that_cannot_be_read_are_refused_with_a_sentence() {
        let cases = [
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1), }", 8, "type complex64"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }", 32, "not 2 or 3 axes but 1"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }", 31, "cut off"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }", 16, "several fields"),
            ("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 2), }", 16, "damaged header"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }", 16, "cut off"),
        ];
        for (header, bytes, expected) in cases {
            let file = file_of(header, &vec![0; bytes]);
            let error = NpySource::open(file.path(), &OpenOptions::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(NpySource::open("not/there.npy", &OpenOptions::default()).unwrap_err().kind(), Kind::Missing);
    }
}
