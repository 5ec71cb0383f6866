//! MetaImage files: `.mha`, and `.mhd` with data files beside it.
//!
//! The format is that of MetaIO, a part of ITK: lines `Key = Value`, of which `ElementDataFile` is the last. The first
//! axis is the fastest, so that the reversed stored order is (z, y, x).

use std::path::Path;

use crate::error::{Error, Result};
use crate::store::detached::{self, Start, beside, joined, numbered};
use crate::store::raw::{RawLayout, RawSource, Stored};
use crate::store::values::Endian;
use crate::store::{OpenOptions, StoredType, file};

/// No header is longer than this.
const LONGEST: u64 = 4 << 20;

/// Returns whether a file starts like such a header.
pub(crate) fn is_metaimage(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let key = line.split(|&byte| byte == b'=').next().unwrap_or_default().trim_ascii();
    line.contains(&b'=') && [&b"ObjectType"[..], b"NDims", b"ObjectSubType"].contains(&key)
}

/// The image in a MetaImage file, or beside its header. The fourth axis is time; channels are those of
/// `ElementNumberOfChannels`.
///
/// # Errors
/// `Missing` if a file does not exist; `Data` if it is damaged, cut off, or of a type that is not supported; `Usage` if
/// the options do not fit it.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<RawSource> {
    let path = path.as_ref();
    let opened = || RawSource::new(path, layout(path)?, options);
    opened().map_err(|error| if error.is_placed() { error } else { error.at(path) })
}

/// The lines of a header.
struct Header {
    fields: Vec<(String, String)>,
    /// The lines after `ElementDataFile = LIST`.
    list: Vec<String>,
    /// Offset of the values, if they are in the same file.
    end: u64,
}

impl Header {
    fn read(path: &Path) -> Result<Header> {
        let (file, length) = file::open(path)?;
        let mut bytes = vec![0; usize::try_from(length.min(LONGEST)).unwrap_or(0)];
        file::read_at(&file, 0, &mut bytes).map_err(|error| file::read_failed(&error))?;
        let mut header = Header { fields: Vec::new(), list: Vec::new(), end: 0 };
        let mut at = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            at += line.len();
            let text = String::from_utf8_lossy(line);
            let text = text.trim();
            if let Some(name) = header.get("ElementDataFile") {
                if !name.starts_with("LIST") {
                    break;
                }
                header.list.extend(Some(text.to_owned()).filter(|name| !name.is_empty()));
                continue;
            }
            if text.is_empty() {
                continue;
            }
            let Some((key, value)) = text.split_once('=').or_else(|| text.split_once(':')) else {
                let line: String = text.chars().take(40).collect();
                return Err(Error::data(format!("has a damaged header: \"{line}\" is no field; copy it again")));
            };
            let key = key.trim();
            if header.get(key).is_some() && key != "Comment" {
                return Err(Error::data(format!("has the field {key} twice in its header; keep one of them")));
            }
            header.fields.push((key.to_owned(), value.trim().to_owned()));
            header.end = at as u64;
        }
        Ok(header)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == key).map(|(_, value)| &**value)
    }

    fn required(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| Error::data(format!("has a header without {key}; add it as the image has it")))
    }

    /// Whether the first of the given fields that is present is true.
    fn says(&self, keys: &[&str]) -> bool {
        let value = keys.iter().find_map(|key| self.get(key)).unwrap_or_default();
        value.starts_with(['T', 't', '1'])
    }

    /// The numbers of a field, one for each of `count` axes.
    fn numbers<T: std::str::FromStr>(&self, key: &str, count: usize) -> Result<Option<Vec<T>>> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let numbers: Option<Vec<T>> = text.split_whitespace().map(|n| n.parse().ok()).collect();
        numbers.filter(|numbers| numbers.len() == count).map(Some).ok_or_else(|| {
            Error::data(format!("has a damaged header: {key} = {text} is not {count} numbers; correct it"))
        })
    }
}

fn layout(path: &Path) -> Result<RawLayout> {
    let header = Header::read(path)?;
    if let Some(kind) = header.get("ObjectType").filter(|kind| *kind != "Image") {
        return Err(Error::data(format!("holds a MetaIO object of type {kind}; give an image")));
    }
    if header.get("BinaryData").is_some() && !header.says(&["BinaryData"]) {
        return Err(Error::data("has its values as text; save it again with BinaryData = True"));
    }
    let count: usize = header
        .required("NDims")?
        .parse()
        .ok()
        .filter(|n| (1..=5).contains(n))
        .ok_or_else(|| Error::data("has a damaged header: NDims is no number of axes from 1 to 5; correct it"))?;
    header.required("DimSize")?;
    let mut lengths: Vec<u64> = header.numbers("DimSize", count)?.unwrap_or_default();
    let stored = stored_type(header.required("ElementType")?)?;
    for (key, plain) in [("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)] {
        if header.numbers::<f64>(key, 1)?.is_some_and(|found| found[0] != plain) {
            let message =
                format!("asks for its values to be converted ({key}), which is not done; save them converted");
            return Err(Error::data(message));
        }
    }
    let spacing = match header.numbers::<f64>("ElementSpacing", count)? {
        None => header.numbers("ElementSize", count)?,
        found => found,
    };
    let unit = header.get("DistanceUnits").filter(|unit| !unit.is_empty() && *unit != "?").map(str::to_owned);
    let mut sizes: Vec<_> =
        spacing.unwrap_or_default().into_iter().map(|size: f64| (Some(size.abs()), unit.clone())).collect();
    let mut names = ['x', 'y', 'z', 't', 'c'][..count].to_vec();
    let channels: u64 = header.numbers("ElementNumberOfChannels", 1)?.map_or(1, |n| n[0]);
    if channels != 1 {
        if count == 5 {
            return Err(Error::data("has 5 axes and channels; save one channel"));
        }
        // Channels are the fastest axis.
        lengths.insert(0, channels);
        names.insert(0, 'c');
        if !sizes.is_empty() {
            sizes.insert(0, (None, None));
        }
    }
    let total = lengths.iter().try_fold(stored.size() as u64, |n, &length| n.checked_mul(length));
    let total = total.ok_or_else(|| Error::data("has a damaged header: DimSize is larger than any file"))?;
    let big = header.says(&["ElementByteOrderMSB", "BinaryDataByteOrderMSB"]);
    let is_packed = header.says(&["CompressedData"]);
    let (files, bytes, offset) = data(path, &header, total, is_packed)?;
    let notes = if unit.is_none() {
        vec!["the unit of lengths is not in the header; by custom it is mm".to_owned()]
    } else {
        Vec::new()
    };
    Ok(RawLayout {
        format: if files.len() > 1 { "MetaImage, .mhd" } else { "MetaImage" }.to_owned(),
        codec: if is_packed { "zlib" } else { "none" }.to_owned(),
        files,
        bytes: Some(bytes),
        offset,
        lengths: lengths.into_iter().rev().collect(),
        names: Some(names.into_iter().rev().collect()),
        sizes: sizes.into_iter().rev().collect(),
        sizes_from: "the MetaImage header",
        notes,
        ..RawLayout::new(stored, if big { Endian::Big } else { Endian::Little })
    })
}

/// The files with the values, their bytes, and the offset of the first value in them.
fn data(path: &Path, header: &Header, total: u64, is_packed: bool) -> Result<(Vec<std::path::PathBuf>, Stored, u64)> {
    let name = header.required("ElementDataFile")?;
    let skipped: i64 = header.numbers("HeaderSize", 1)?.map_or(0, |n| n[0]);
    if skipped < -1 {
        return Err(Error::data(format!("has a damaged header: HeaderSize = {skipped}; correct it")));
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    let listed = match words[..] {
        ["LIST", ..] => Some(header.list.clone()),
        [pattern, ref numbers @ ..] if pattern.contains('%') => {
            let wrong = || Error::data(format!("names its data files by {name}, which is not understood; list them"));
            let numbers: Option<Vec<i64>> = numbers.iter().map(|n| n.parse().ok()).collect();
            let numbers = match numbers.ok_or_else(wrong)?[..] {
                [first, last] => [first, last, 1],
                [first, last, step] => [first, last, step],
                _ => return Err(wrong()),
            };
            Some(numbered(pattern, numbers)?)
        }
        _ => None,
    };
    let mut files = vec![path.to_owned()];
    if let Some(names) = listed {
        if is_packed {
            return Err(Error::data("has several data files that are compressed; save it as one file"));
        }
        let data: Vec<_> = names.iter().map(|name| beside(path, name)).collect();
        let stored = joined(&data, total, u64::try_from(skipped).map_or(Start::Last, Start::At))?;
        files.extend(data);
        return Ok((files, stored, 0));
    }
    let is_local = name.eq_ignore_ascii_case("LOCAL");
    let one = if is_local { path.to_owned() } else { beside(path, name) };
    if !is_local {
        files.push(one.clone());
    }
    // `HeaderSize` counts from the start of the file; without it the values follow the header, if they are in the same
    // file.
    let begin = match u64::try_from(skipped) {
        Ok(0) if is_local => header.end,
        Ok(skipped) => skipped,
        Err(_) if is_packed => {
            return Err(Error::data("has a HeaderSize of -1 before compressed values; write how many bytes it has"));
        }
        Err(_) => {
            let (_, length) = file::open(&one)?;
            length.saturating_sub(total)
        }
    };
    if is_packed {
        return Ok((files, Stored::Packed(detached::packed(&one, begin)?), 0));
    }
    Ok((files, detached::plain(&one)?, begin))
}

fn stored_type(name: &str) -> Result<StoredType> {
    Ok(match name {
        "MET_CHAR" | "MET_ASCII_CHAR" => StoredType::I8,
        "MET_UCHAR" => StoredType::U8,
        "MET_SHORT" => StoredType::I16,
        "MET_USHORT" => StoredType::U16,
        // Of 4 bytes, on all machines.
        "MET_INT" | "MET_LONG" => StoredType::I32,
        "MET_UINT" | "MET_ULONG" => StoredType::U32,
        "MET_LONG_LONG" => StoredType::I64,
        "MET_ULONG_LONG" => StoredType::U64,
        "MET_FLOAT" => StoredType::F32,
        "MET_DOUBLE" => StoredType::F64,
        other => {
            let message = format!("values of type {other} are not supported; save them as MET_USHORT or MET_FLOAT");
            return Err(Error::data(message));
        }
    })
}

#[cfg(test)]
mod tests;
