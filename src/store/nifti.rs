//! NIfTI images: `.nii`, `.nii.gz` and pairs of `.hdr` and `.img`, versions 1 and 2.
//!
//! The format is `nifti1.h` and `nifti2.h` of the NIfTI data format working group. Values are those of nibabel's
//! `get_fdata`, transposed: voxels in the order in which they are stored, x fastest, without regard to anatomical
//! directions. The voxel size is `pixdim`.

mod header;

use std::path::{Path, PathBuf};

use self::header::Header;
use crate::error::{Error, Kind, Result};
use crate::store::detached;
use crate::store::inflate::head;
use crate::store::raw::{RawLayout, RawSource, Stored};
use crate::store::values::SUPPORTED_DTYPES;
use crate::store::{OpenOptions, StoredType};

/// Length of the longest header, in bytes.
const HEADER: usize = 540;

/// Returns whether a file starts like a NIfTI header, or like that of its predecessor.
pub(crate) fn is_nifti(start: &[u8]) -> bool {
    Header::endian(start).is_some()
}

/// The header of a file `.img` or `.img.gz`, if it exists.
pub(crate) fn header_of_img(path: &Path) -> Option<PathBuf> {
    partner(path, "img", "hdr")
}

/// The file beside another one with the extension `other` in place of `own`, compressed or not.
fn partner(path: &Path, own: &str, other: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let plain = if lower.ends_with(".gz") { &name[..name.len() - 3] } else { name };
    let stem = plain.get(..plain.len().checked_sub(own.len() + 1)?)?;
    if !plain[stem.len()..].eq_ignore_ascii_case(&format!(".{own}")) {
        return None;
    }
    let names = ["", ".gz"].map(|gz| [format!("{stem}.{other}{gz}"), format!("{stem}.{}{gz}", other.to_uppercase())]);
    names.into_iter().flatten().map(|name| path.with_file_name(name)).find(|path| path.exists())
}

/// Opens the image at a path, or at that of either file of a pair. Axes are those of the header, from the last to the
/// first: t, z, y, x; the fifth one is read as channels.
///
/// # Errors
/// `Missing` if there is no file; `Data` if it is damaged, cut off, of a type that is not supported, or of the
/// predecessor of the format; `Usage` if the options do not fit it.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<RawSource> {
    let path = path.as_ref();
    let opened = || {
        let header = header_of_img(path).unwrap_or_else(|| path.to_owned());
        RawSource::new(path, layout(&header)?, options)
    };
    opened().map_err(|error| if error.is_placed() { error } else { error.at(path) })
}

/// The first bytes of a file, and all of its bytes, decompressed if necessary.
fn opened(path: &Path) -> Result<(Vec<u8>, Stored)> {
    let start = crate::store::file::start_of(path)?;
    if !start.starts_with(&[0x1f, 0x8b]) {
        return Ok((start, detached::plain(path)?));
    }
    let packed = detached::packed(path, 0)?;
    let start = head(&packed, HEADER).map_err(|error| error.at(path))?;
    Ok((start, Stored::Packed(packed)))
}

fn layout(path: &Path) -> Result<RawLayout> {
    let (start, bytes) = opened(path)?;
    let header = Header::read(&start)?;
    let stored = stored_type(header.datatype)?;
    if header.bits != 0 && usize::try_from(header.bits) != Ok(8 * stored.size()) {
        let (name, bits) = (stored.name(), header.bits);
        let message = format!("has a damaged header: values of {name} have no {bits} bits");
        return Err(Error::data(message + "; save it again with the program that it is from"));
    }
    if matches!(header.intent, 2003 | 2004) {
        return Err(Error::data("holds colours, by its intent; save one channel as grey"));
    }
    let (lengths, names) = axes(&header)?;
    let (mut files, mut bytes) = (vec![path.to_owned()], bytes);
    if !header.single {
        let data = partner(path, "hdr", "img").ok_or_else(|| {
            Error::new(Kind::Missing, "has its values in a file .img of the same name, which is not there; copy it too")
        })?;
        bytes = opened(&data)?.1;
        files.push(data);
    }
    let offset = offset(&header)?;
    let codec = if matches!(bytes, Stored::Packed(_)) { "gzip" } else { "none" };
    let unit = header.unit().map(str::to_owned);
    let size = |axis: usize| Some(header.pixdim[axis].abs()).filter(|&size| size != 0.0);
    let count = lengths.len();
    Ok(RawLayout {
        format: format!("NIfTI-{}{}", header.version, if header.single { "" } else { ", .hdr and .img" }),
        codec: codec.to_owned(),
        files,
        bytes: Some(bytes),
        offset,
        names: Some(names),
        // The header has x, y, z, t; here the slowest comes first.
        sizes: (1..=count).rev().map(|axis| (size(axis), unit.clone().filter(|_| axis <= 3))).collect(),
        sizes_from: "the NIfTI header",
        scale: scale(&header)?,
        warnings: header.contradictions(),
        notes: vec![
            "voxels are in the order in which they are stored, whatever direction of the body that is".to_owned(),
        ],
        lengths,
        ..RawLayout::new(stored, header.endian)
    })
}

/// Lengths and names of the axes, slowest first.
fn axes(header: &Header) -> Result<(Vec<u64>, Vec<char>)> {
    let count = usize::try_from(header.dim[0]).unwrap_or(0);
    if !(1..=7).contains(&count) {
        return Err(Error::data(format!("has a damaged header: {count} axes; copy it again from where it came")));
    }
    if count < 2 {
        return Err(Error::data("has 1 axis; an image has 2 axes (y, x) or 3 axes (z, y, x)"));
    }
    let lengths = header.dim[1..=count].iter().rev().map(|&n| u64::try_from(n).ok());
    let lengths: Option<Vec<u64>> = lengths.collect();
    let lengths = lengths.ok_or_else(|| {
        Error::data("has a damaged header: an axis of negative length; copy it again from where it came")
    })?;
    if header.dim[1..=count].iter().skip(5).any(|&n| n > 1) {
        return Err(Error::data(format!("has {count} axes; save its images with up to 5 axes")));
    }
    let names = ['x', 'y', 'z', 't', 'c', '1', '1'][..count].iter().rev().copied().collect();
    Ok((lengths, names))
}

/// Offset of the values in their file.
fn offset(header: &Header) -> Result<u64> {
    let (offset, least) = (header.offset, if header.single { header.least_offset() } else { 0.0 });
    if !(offset.is_finite() && offset >= least && offset < 9e15) {
        let message = format!("has a damaged header: its values begin at byte {offset}, within the header");
        return Err(Error::data(message + "; save it again with the program that it is from"));
    }
    Ok(offset as u64)
}

/// Factor and summand of the values. A slope of 0, or none, leaves them as stored.
fn scale(header: &Header) -> Result<Option<[f64; 2]>> {
    let [slope, inter] = header.scale;
    if slope == 0.0 || !slope.is_finite() {
        return Ok(None);
    }
    if !inter.is_finite() {
        let message = format!("has a damaged header: {inter} is added to its values (scl_inter)");
        return Err(Error::data(message + "; save it again with the program that it is from"));
    }
    Ok(((slope, inter) != (1.0, 0.0)).then_some([slope, inter]))
}

fn stored_type(code: i32) -> Result<StoredType> {
    let other = match code {
        2 => return Ok(StoredType::U8),
        4 => return Ok(StoredType::I16),
        8 => return Ok(StoredType::I32),
        16 => return Ok(StoredType::F32),
        64 => return Ok(StoredType::F64),
        256 => return Ok(StoredType::I8),
        512 => return Ok(StoredType::U16),
        768 => return Ok(StoredType::U32),
        1024 => return Ok(StoredType::I64),
        1280 => return Ok(StoredType::U64),
        128 | 2304 => return Err(Error::data("holds colours; save one channel as grey")),
        1 => "bit".to_owned(),
        32 => "complex64".to_owned(),
        1536 => "float128".to_owned(),
        1792 => "complex128".to_owned(),
        2048 => "complex256".to_owned(),
        code => format!("number {code}"),
    };
    Err(Error::data(format!("values of type {other} are not supported; convert them to {SUPPORTED_DTYPES}")))
}

#[cfg(test)]
mod tests;
