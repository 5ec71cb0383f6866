//! The stored tags of a page's directory, and the description of the whole file in those of the first page.
//!
//! Read here directly: a decoder keeps one of two equal tags, and writers put two descriptions into one directory.

use std::collections::HashSet;
use std::fs::File;

use crate::error::{Error, Result};
use crate::store::file::{read_at, read_failed};
use crate::store::values::Endian;

/// Byte order, offset size and length of a file of pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TagLayout {
    pub(crate) length: u64,
    /// Whether offsets have eight bytes.
    pub(crate) big: bool,
    pub(crate) endian: Endian,
}

impl TagLayout {
    /// The number in up to eight bytes.
    fn number(self, bytes: &[u8]) -> u64 {
        let digits: Vec<u8> = match self.endian {
            Endian::Little => bytes.iter().rev().copied().collect(),
            Endian::Big => bytes.to_vec(),
        };
        digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit))
    }

    fn number_at(self, file: &File, at: u64, size: usize) -> Result<u64> {
        self.bytes_at(file, at, size as u64).map(|bytes| self.number(&bytes))
    }

    /// Bytes within the length of the file.
    fn bytes_at(self, file: &File, at: u64, size: u64) -> Result<Vec<u8>> {
        let fits = at.checked_add(size).is_some_and(|end| end <= self.length);
        let size = usize::try_from(size).ok().filter(|_| fits).ok_or_else(cut_off)?;
        let mut bytes = vec![0; size];
        read_at(file, at, &mut bytes).map_err(|error| read_failed(&error))?;
        Ok(bytes)
    }
}

fn cut_off() -> Error {
    Error::data("is damaged or cut off; copy the file again from where it came")
}

/// A tag with its stored values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RawTag {
    pub(crate) tag: u16,
    kind: u16,
    pub(crate) count: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The tags in the first page of a file that describe all of it.
#[derive(Clone, Debug)]
pub(crate) struct FileTags {
    /// The tags that describe the image, in their order; equal tags may occur twice.
    tags: Vec<RawTag>,
    layout: TagLayout,
}

impl Default for FileTags {
    fn default() -> Self {
        FileTags { tags: Vec::new(), layout: TagLayout { length: 0, big: false, endian: Endian::Little } }
    }
}

pub(crate) const IMAGE_DESCRIPTION: u16 = 270;
const X_RESOLUTION: u16 = 282;
const Y_RESOLUTION: u16 = 283;
const RESOLUTION_UNIT: u16 = 296;
const SOFTWARE: u16 = 305;

/// Tags whose values describe the image as a whole, in addition to those of microscopes from 32768 on.
const TELLING: [u16; 5] = [IMAGE_DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, SOFTWARE];

/// Tags without which pages would be misread: the description, and those of MetaMorph, FluoView, LSM and Micro-Manager.
const DECIDING: [u16; 8] = [IMAGE_DESCRIPTION, 33628, 33629, 33630, 33631, 34361, 34412, 51123];

/// Most bytes of values of all tags: OME-XML of many planes has tens of MiB.
const MOST_BYTES: u64 = 256 << 20;

impl FileTags {
    /// The tags of the first page of a file.
    ///
    /// # Errors
    /// `Data` if the file ends within its first directory; `Io` if it cannot be read.
    pub(crate) fn of_file(file: &File, layout: TagLayout) -> Result<Self> {
        let (at, size) = if layout.big { (8, 8) } else { (4, 4) };
        Self::at(file, layout, layout.number_at(file, at, size)?).map(|(tags, _)| tags)
    }

    /// The tags of each page of a file, in the order of the chain.
    ///
    /// # Errors
    /// Those of [`FileTags::of_file`], when the iterator reaches the page.
    pub(crate) fn of_pages(file: &File, layout: TagLayout) -> Result<impl Iterator<Item = Result<Self>>> {
        let (at, size) = if layout.big { (8, 8) } else { (4, 4) };
        let mut next = layout.number_at(file, at, size)?;
        let mut met = HashSet::new();
        Ok(std::iter::from_fn(move || {
            if next == 0 || !met.insert(next) {
                return None;
            }
            let read = Self::at(file, layout, next);
            next = read.as_ref().map_or(0, |(_, next)| *next);
            Some(read.map(|(tags, _)| tags))
        }))
    }

    /// The tags of the page whose directory begins at an offset, and the offset of the next directory.
    fn at(file: &File, layout: TagLayout, directory: u64) -> Result<(Self, u64)> {
        let (head, entry, inline) = if layout.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = layout.number_at(file, directory, head)?;
        // A directory of one page has some tens of tags.
        let size = Some(count).filter(|count| *count <= 0xffff).ok_or_else(cut_off)? * entry;
        let rows = directory.checked_add(head as u64).ok_or_else(cut_off)?;
        let link = rows.saturating_add(size);
        let rows = layout.bytes_at(file, rows, size)?;
        // Some writers end a file right behind the tags of its last directory.
        let next = layout.number_at(file, link, inline).unwrap_or(0);
        let mut tags = Vec::new();
        let mut left = MOST_BYTES;
        for row in rows.chunks_exact(usize::try_from(entry).unwrap_or(12)) {
            let (tag, kind) = (number_u16(layout, &row[..2]), number_u16(layout, &row[2..4]));
            if !TELLING.contains(&tag) && tag < 32768 {
                continue;
            }
            let (count, value) = row[4..].split_at(inline);
            let count = layout.number(count);
            // MetaMorph counts planes where others count values.
            let values = if tag == 33629 { count.checked_mul(3) } else { Some(count) };
            let Some(bytes) = values.and_then(|n| n.checked_mul(size_of_kind(kind))) else { continue };
            let bytes = if bytes <= inline as u64 {
                value[..usize::try_from(bytes).unwrap_or(0)].to_vec()
            } else if bytes <= left {
                left -= bytes;
                let place = layout.number(value);
                match layout.bytes_at(file, place, bytes) {
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == crate::error::Kind::Io => return Err(error),
                    // A lost tag that determines how the pages are read must not be ignored.
                    Err(error) if place != 0 && DECIDING.contains(&tag) => return Err(error),
                    // Any other value outside of the file is one that its writer meant to fill in later.
                    Err(_) => continue,
                }
            } else {
                continue;
            };
            tags.push(RawTag { tag, kind, count, bytes });
        }
        Ok((FileTags { tags, layout }, next))
    }

    /// The first tag of a number.
    pub(crate) fn tag(&self, number: u16) -> Option<&RawTag> {
        self.tags.iter().find(|tag| tag.tag == number)
    }

    /// The texts that describe the image, in their order.
    pub(crate) fn descriptions(&self) -> impl Iterator<Item = String> {
        let texts = self.tags.iter().filter(|tag| tag.tag == IMAGE_DESCRIPTION && matches!(tag.kind, 1 | 2 | 6 | 7));
        texts.map(|tag| text(&tag.bytes)).filter(|text| !text.is_empty())
    }

    /// A tag's text.
    pub(crate) fn text(&self, number: u16) -> Option<String> {
        self.tag(number).map(|tag| text(&tag.bytes))
    }

    /// The program that wrote the file, by its own name.
    pub(crate) fn software(&self) -> Option<String> {
        self.text(SOFTWARE)
    }

    /// Pixels per unit of length along (y, x), each `None` if it is not above 0; `None` if the tags are missing.
    pub(crate) fn resolution(&self) -> Option<[Option<f64>; 2]> {
        let per_unit = |number| -> Option<Option<f64>> {
            let tag = self.tag(number)?;
            let half = |at| self.number(tag, at, 4);
            // A ratio of zero to zero is a tag that was left empty.
            if tag.kind == 5 && half(0).zip(half(4)) == Some((0, 0)) {
                return None;
            }
            let value = match tag.kind {
                5 => half(0).zip(half(4)).map(|(above, below)| above as f64 / below as f64),
                11 => half(0).and_then(|bits| u32::try_from(bits).ok()).map(|bits| f64::from(f32::from_bits(bits))),
                12 => self.double(tag, 0),
                _ => None,
            };
            Some(value.filter(|value| value.is_finite() && *value > 0.0))
        };
        match [per_unit(Y_RESOLUTION), per_unit(X_RESOLUTION)] {
            [None, None] => None,
            each => Some(each.map(Option::flatten)),
        }
    }

    /// The unit of the resolution in the tag: 2 for the inch, 3 for the centimeter, 1 for none.
    pub(crate) fn resolution_unit(&self) -> Option<u64> {
        self.tag(RESOLUTION_UNIT).map(|tag| self.layout.number(&tag.bytes[..tag.bytes.len().min(2)]))
    }

    /// Decodes a whole number in the file's byte order.
    pub(crate) fn whole(&self, bytes: &[u8]) -> u64 {
        self.layout.number(bytes)
    }

    /// The whole number of some bytes within a tag's values.
    pub(crate) fn number(&self, tag: &RawTag, at: usize, size: usize) -> Option<u64> {
        tag.bytes.get(at..at.checked_add(size)?).map(|bytes| self.layout.number(bytes))
    }

    /// The floating-point number of eight bytes within a tag's values.
    pub(crate) fn double(&self, tag: &RawTag, at: usize) -> Option<f64> {
        self.number(tag, at, 8).map(f64::from_bits)
    }

    #[cfg(test)]
    /// Artificial tags: descriptions, pixels per unit along (y, x), and the unit.
    pub(crate) fn made_up(descriptions: &[&str], resolution: Option<([u32; 2], u16)>) -> Self {
        let tag = |tag, kind, bytes: Vec<u8>| RawTag { tag, kind, count: 1, bytes };
        let mut tags: Vec<RawTag> =
            descriptions.iter().map(|text| tag(IMAGE_DESCRIPTION, 2, text.as_bytes().to_vec())).collect();
        if let Some(([y, x], unit)) = resolution {
            let ratio = |n: u32| [n.to_le_bytes(), 1u32.to_le_bytes()].concat();
            tags.push(tag(X_RESOLUTION, 5, ratio(x)));
            tags.push(tag(Y_RESOLUTION, 5, ratio(y)));
            tags.push(tag(RESOLUTION_UNIT, 3, unit.to_le_bytes().to_vec()));
        }
        FileTags { tags, ..FileTags::default() }
    }

    #[cfg(test)]
    /// The same with a private tag.
    pub(crate) fn with(mut self, tag: u16, count: u64, bytes: Vec<u8>) -> Self {
        self.tags.push(RawTag { tag, kind: 7, count, bytes });
        self
    }
}

fn number_u16(layout: TagLayout, bytes: &[u8]) -> u16 {
    u16::try_from(layout.number(bytes)).unwrap_or(0)
}

/// Bytes of a value of a tag's type.
fn size_of_kind(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 1,
    }
}

/// Decodes a text in UTF-8, or in UTF-16 if it begins so, otherwise in Latin-1: up to the NUL that ends it.
pub(crate) fn text(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    let text = match bytes {
        [0xff, 0xfe, ..] | [b'<' | b'{' | b'I', 0, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] | [0, b'<' | b'{' | b'I', ..] => wide(u16::from_be_bytes),
        _ => {
            let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            }
        }
    };
    text.trim_end_matches('\0').trim_start_matches('\u{feff}').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_two_equal_tags_are_kept_and_texts_are_of_any_encoding() {
        let mut bytes = b"II*\0\x08\0\0\0\x03\0".to_vec();
        let texts: [&[u8]; 3] = [b"first\0", b"\xb5m 2\0", "µm é\0".as_bytes()];
        let mut at = 10 + 36 + 4;
        for text in texts {
            bytes.extend([14, 1, 2, 0]);
            bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
            bytes.extend(u32::to_le_bytes(at));
            at += u32::try_from(text.len()).unwrap();
        }
        bytes.extend([0; 4]);
        bytes.extend(texts.concat());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let layout = TagLayout { length: bytes.len() as u64, big: false, endian: Endian::Little };
            FileTags::of_file(&File::open(&path).unwrap(), layout)
        };
        assert_eq!(read(&bytes).unwrap().descriptions().collect::<Vec<_>>(), ["first", "µm 2", "µm é"]);
        // Without the end of the last text, which a tag still names.
        assert_eq!(read(&bytes[..bytes.len() - 3]).unwrap_err().kind(), crate::error::Kind::Data);
        assert_eq!(read(&bytes[..20]).unwrap_err().kind(), crate::error::Kind::Data);
        assert_eq!(text(b"\xff\xfe<\0O\0"), "<O");
    }
}
