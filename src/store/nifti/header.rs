//! The header of a NIfTI image, of either version and byte order.

use crate::error::{Error, Result};
use crate::store::values::Endian;

/// The fields of a header that are used here.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) version: u8,
    pub(super) endian: Endian,
    /// Whether the values are in the same file.
    pub(super) single: bool,
    /// The number of axes, and their lengths: x, y, z, t, …
    pub(super) dim: [i64; 8],
    pub(super) pixdim: [f64; 8],
    pub(super) datatype: i32,
    pub(super) bits: i32,
    pub(super) intent: i32,
    pub(super) offset: f64,
    pub(super) scale: [f64; 2],
    units: i32,
    /// Rows of the matrix from voxels to positions, if it is in use (sform).
    matrix: Option<[[f64; 4]; 3]>,
}

/// Reads numbers in a header.
struct Fields<'a> {
    bytes: &'a [u8],
    endian: Endian,
}

impl Fields<'_> {
    fn at<const N: usize>(&self, place: usize) -> [u8; N] {
        // `read` ensures that headers have the length of their version.
        let mut bytes: [u8; N] = std::array::from_fn(|i| self.bytes.get(place + i).copied().unwrap_or(0));
        if self.endian == Endian::Big {
            bytes.reverse();
        }
        bytes
    }

    fn i16(&self, place: usize) -> i16 {
        i16::from_le_bytes(self.at(place))
    }

    fn i32(&self, place: usize) -> i32 {
        i32::from_le_bytes(self.at(place))
    }

    fn i64(&self, place: usize) -> i64 {
        i64::from_le_bytes(self.at(place))
    }

    fn f32(&self, place: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.at(place)))
    }

    fn f64(&self, place: usize) -> f64 {
        f64::from_le_bytes(self.at(place))
    }
}

impl Header {
    /// The byte order of a file that starts with the length of such a header.
    pub(super) fn endian(start: &[u8]) -> Option<Endian> {
        let length: [u8; 4] = start.get(..4)?.try_into().ok()?;
        [(Endian::Little, i32::from_le_bytes(length)), (Endian::Big, i32::from_be_bytes(length))].into_iter().find_map(
            |(endian, length)| match length {
                348 if start.len() >= 348 => Some(endian),
                540 if start.get(4..7).is_some_and(|magic| magic == b"n+2" || magic == b"ni2") => Some(endian),
                _ => None,
            },
        )
    }

    /// Reads the header at the start of a file.
    ///
    /// # Errors
    /// `Data` if it is not one, or that of the format's predecessor.
    pub(super) fn read(start: &[u8]) -> Result<Header> {
        let damaged = || Error::data("is not a NIfTI image, or damaged; copy it again from where it came");
        let endian = Self::endian(start).ok_or_else(damaged)?;
        let fields = Fields { bytes: start, endian };
        if fields.i32(0) == 540 {
            if start.len() < 540 {
                return Err(Error::data("is cut off within its header; copy it again from where it came"));
            }
            // These bytes do not survive a copy in text mode.
            if &start[7..12] != b"\0\r\n\x1a\n" {
                return Err(damaged());
            }
            return Ok(Self::second(&fields, &start[4..12]));
        }
        match &start[344..348] {
            b"n+1\0" | b"ni1\0" => Ok(Self::first(&fields, start[345] == b'+')),
            _ => Err(Error::data(
                "is an Analyze 7.5 image, which is not read; convert it: python -c \"import nibabel as n; \
                 n.save(n.Nifti1Image.from_image(n.load('FILE.hdr')), 'image.nii')\"",
            )),
        }
    }

    fn first(fields: &Fields<'_>, single: bool) -> Header {
        let row = |place: usize| std::array::from_fn(|i| fields.f32(place + 4 * i));
        Header {
            version: 1,
            endian: fields.endian,
            single,
            dim: std::array::from_fn(|i| i64::from(fields.i16(40 + 2 * i))),
            pixdim: std::array::from_fn(|i| fields.f32(76 + 4 * i)),
            datatype: i32::from(fields.i16(70)),
            bits: i32::from(fields.i16(72)),
            intent: i32::from(fields.i16(68)),
            offset: fields.f32(108),
            scale: [fields.f32(112), fields.f32(116)],
            units: i32::from(fields.bytes[123]),
            matrix: (fields.i16(254) > 0).then(|| [row(280), row(296), row(312)]),
        }
    }

    fn second(fields: &Fields<'_>, magic: &[u8]) -> Header {
        let row = |place: usize| std::array::from_fn(|i| fields.f64(place + 8 * i));
        Header {
            version: 2,
            endian: fields.endian,
            single: magic[1] == b'+',
            dim: std::array::from_fn(|i| fields.i64(16 + 8 * i)),
            pixdim: std::array::from_fn(|i| fields.f64(104 + 8 * i)),
            datatype: i32::from(fields.i16(12)),
            bits: i32::from(fields.i16(14)),
            intent: fields.i32(504),
            // Exact up to 2^53.
            offset: fields.i64(168) as f64,
            scale: [fields.f64(176), fields.f64(184)],
            units: fields.i32(500),
            matrix: (fields.i32(348) > 0).then(|| [row(400), row(432), row(464)]),
        }
    }

    /// Smallest offset of values in the file of the header: behind it, and four bytes that announce extensions.
    pub(super) fn least_offset(&self) -> f64 {
        if self.version == 1 { 352.0 } else { 544.0 }
    }

    /// The unit of lengths.
    pub(super) fn unit(&self) -> Option<&'static str> {
        match self.units & 7 {
            1 => Some("meter"),
            2 => Some("millimeter"),
            3 => Some("micrometer"),
            _ => None,
        }
    }

    /// Contradictions between the matrix and `pixdim`, beyond rounding.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let Some(rows) = self.matrix else { return Vec::new() };
        let column = |axis: usize| [rows[0][axis], rows[1][axis], rows[2][axis]];
        let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let columns = [column(0), column(1), column(2)];
        let lengths = columns.map(|c| dot(c, c).sqrt());
        let mut warnings = Vec::new();
        let own = usize::try_from(self.dim[0]).unwrap_or(0).min(3);
        let differs = |axis: usize| {
            let (there, here) = (lengths[axis], self.pixdim[axis + 1].abs());
            // A NaN differs too.
            let near = (there - here).abs() <= 1e-3 * here.max(there);
            !near
        };
        if (0..own).any(differs) {
            let text = |sizes: &[f64]| sizes.iter().rev().map(|s| format!("{s:.4}")).collect::<Vec<_>>().join(", ");
            let (matrix, pixdim) =
                (text(&lengths[..own]), text(&self.pixdim[1..=own].iter().map(|s| s.abs()).collect::<Vec<_>>()));
            warnings.push(format!(
                "has voxels of {matrix} in its sform but of {pixdim} in pixdim, which is taken; give --spacing where \
                 the first is right"
            ));
        }
        let sheared = |a: usize, b: usize| dot(columns[a], columns[b]).abs() > 1e-3 * lengths[a] * lengths[b];
        if sheared(0, 1) || sheared(0, 2) || sheared(1, 2) {
            warnings.push(
                "has axes in its sform that are not perpendicular; lengths are measured as if they were".to_owned(),
            );
        }
        warnings
    }
}
