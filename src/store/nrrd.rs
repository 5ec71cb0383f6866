//! NRRD images: `.nrrd`, and `.nhdr` with data files beside it.
//!
//! The format is teem's: <https://teem.sourceforge.net/nrrd/format.html>. The first axis is the fastest, so that the
//! reversed stored order is (z, y, x).

mod header;

use std::path::Path;

use self::header::{Header, missing};
use crate::error::{Error, Result};
use crate::store::detached::{self, Start, beside, joined, numbered};
use crate::store::raw::{RawLayout, RawSource, Stored};
use crate::store::values::Endian;
use crate::store::{OpenOptions, StoredType, file};

pub(crate) const MAGIC: &[u8] = b"NRRD000";
/// Largest length of a skipped line, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Opens the image in a NRRD file, or beside its header. Axes of kind `time` are t; those of colours, vectors and lists
/// are read as channels.
///
/// # Errors
/// `Missing` if a file does not exist; `Data` if it is damaged, cut off, or of a type or encoding that is not
/// supported; `Usage` if the options do not fit it.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<RawSource> {
    let path = path.as_ref();
    let opened = || RawSource::new(path, layout(path, options)?, options);
    opened().map_err(|error| if error.is_placed() { error } else { error.at(path) })
}

fn layout(path: &Path, options: &OpenOptions) -> Result<RawLayout> {
    let header = Header::read(path)?;
    let stored = stored_type(header.get("type").ok_or_else(|| missing("type"))?)?;
    let lengths = header.sizes()?;
    let is_packed = match header.get("encoding").map(str::to_ascii_lowercase).as_deref() {
        Some("raw") => false,
        Some("gzip" | "gz") => true,
        None => return Err(missing("encoding")),
        Some(other) => {
            let message = format!("is encoded as {other}, which is not read; save it with `unu save -f nrrd -e gzip`");
            return Err(Error::data(message));
        }
    };
    let endian = match header.get("endian").map(str::to_ascii_lowercase).as_deref() {
        Some("little") => Endian::Little,
        Some("big") => Endian::Big,
        None if stored.size() == 1 => Endian::NATIVE,
        None => return Err(missing("endian")),
        Some(other) => return Err(Error::data(format!("has an endian of {other}; little and big are known"))),
    };
    let total = lengths.iter().try_fold(stored.size() as u64, |n, &length| n.checked_mul(length));
    let total = total.ok_or_else(|| Error::data("has a damaged header: its sizes are larger than any file"))?;
    let (files, bytes, offset) = data(path, &header, total, is_packed)?;
    let names = header.names(&lengths, options)?;
    let (sizes, mut warnings) = header.sizes_of_voxels(lengths.len())?;
    warnings.extend(header.other_labels(&names).filter(|_| options.axes.is_none()));
    Ok(RawLayout {
        format: if files.len() > 1 { "NRRD, .nhdr" } else { "NRRD" }.to_owned(),
        codec: if is_packed { "gzip" } else { "none" }.to_owned(),
        files,
        bytes: Some(bytes),
        offset,
        lengths: lengths.into_iter().rev().collect(),
        names: Some(names.into_iter().rev().collect()),
        sizes: sizes.into_iter().rev().collect(),
        sizes_from: "the NRRD header",
        warnings,
        ..RawLayout::new(stored, endian)
    })
}

type Data = (Vec<std::path::PathBuf>, Stored, u64);

/// The files with the values, their bytes, and the offset of the first value in them.
fn data(path: &Path, header: &Header, total: u64, is_packed: bool) -> Result<Data> {
    let (lines, bytes) = header.skips()?;
    let mut files = vec![path.to_owned()];
    let (one, begin) = match header.data_files()? {
        header::DataFiles::Attached => (path.to_owned(), header.end),
        header::DataFiles::One(name) => {
            files.push(beside(path, &name));
            (files[1].clone(), 0)
        }
        header::DataFiles::Pattern(pattern, numbers) => {
            return several(path, &numbered(&pattern, numbers)?, total, is_packed, lines, bytes);
        }
        header::DataFiles::List(names) => return several(path, &names, total, is_packed, lines, bytes),
    };
    let begin = skip_lines(&one, begin, lines)?;
    if is_packed {
        let skipped = u64::try_from(bytes).map_err(|_| {
            Error::data("has a byte skip of -1 before compressed values; write how many bytes are to be skipped")
        })?;
        return Ok((files, Stored::Packed(detached::packed(&one, begin)?), skipped));
    }
    let stored = detached::plain(&one)?;
    let Stored::Plain(_, length) = &stored else { return Err(Error::internal("a file as it is")) };
    let offset = match u64::try_from(bytes) {
        Ok(bytes) => begin.saturating_add(bytes),
        // The values are the last bytes of the file.
        Err(_) => match length.checked_sub(total) {
            Some(offset) if offset >= begin => offset,
            _ => begin,
        },
    };
    // A header with other sizes than its data would shear or cut the volume.
    if let Some(over) = length.checked_sub(offset.saturating_add(total)).filter(|over| *over > 0 && total > 0) {
        let message =
            format!("has {over} bytes more than the values of its sizes take; correct sizes or type in the header");
        return Err(Error::data(message));
    }
    Ok((files, stored, offset))
}

/// Several data files.
fn several(path: &Path, names: &[String], total: u64, is_packed: bool, lines: u64, bytes: i64) -> Result<Data> {
    if is_packed || lines > 0 {
        let message = "has several data files that are compressed or have lines to skip; save it as one file with `unu \
                       save -f nrrd`";
        return Err(Error::data(message));
    }
    let data: Vec<_> = names.iter().map(|name| beside(path, name)).collect();
    let stored = joined(&data, total, u64::try_from(bytes).map_or(Start::Last, Start::At))?;
    Ok(([vec![path.to_owned()], data].concat(), stored, 0))
}

/// The offset behind `lines` lines.
fn skip_lines(path: &Path, mut at: u64, lines: u64) -> Result<u64> {
    let (file, length) = file::open(path)?;
    for _ in 0..lines {
        let mut buffer = vec![0; usize::try_from(length.saturating_sub(at).min(LONGEST_LINE)).unwrap_or(0)];
        file::read_at(&file, at, &mut buffer).map_err(|error| file::read_failed(&error).at(path))?;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| Error::data("has fewer lines to skip than its header says").at(path))?;
        at += end as u64 + 1;
    }
    Ok(at)
}

/// The type by one of its many names.
fn stored_type(name: &str) -> Result<StoredType> {
    let words = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    Ok(match words.as_str() {
        "signed char" | "int8" | "int8_t" => StoredType::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => StoredType::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => StoredType::I16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => StoredType::U16,
        "int" | "signed int" | "int32" | "int32_t" => StoredType::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => StoredType::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => StoredType::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => StoredType::U64,
        "float" => StoredType::F32,
        "double" => StoredType::F64,
        other => {
            let message = format!("values of type {other} are not supported; convert them with `unu convert`");
            return Err(Error::data(message));
        }
    })
}

#[cfg(test)]
mod tests;
