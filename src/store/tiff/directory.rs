//! The directories of a TIFF file: reads its tags within bounds.
//!
//! No content of a file makes this allocate more than the file is long, or loop forever.

use std::collections::HashSet;
use std::ops::Range;

use super::reader::Reader;
use crate::error::{Error, Result};
use crate::store::values::Endian;

/// Largest number of tags in a directory: one with more is damaged.
const MOST_TAGS: u64 = 4096;

/// Tags by their numbers in the TIFF specification and its extensions.
#[allow(missing_docs, reason = "the names are those of the specification")]
pub(crate) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const SUBFILE_TYPE: u16 = 255;
    pub(crate) const IMAGE_WIDTH: u16 = 256;
    pub(crate) const IMAGE_LENGTH: u16 = 257;
    pub(crate) const BITS_PER_SAMPLE: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const ORIENTATION: u16 = 274;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_LENGTH: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTE_COUNTS: u16 = 325;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
    pub(crate) const IMAGE_DEPTH: u16 = 32997;
    pub(crate) const TILE_DEPTH: u16 = 32998;
    pub(crate) const ZEISS_LSM: u16 = 34412;
    pub(crate) const GDAL_NODATA: u16 = 42113;
}

/// A TIFF file whose directories are read.
pub(crate) struct TiffFile {
    pub(crate) reader: Reader,
    pub(crate) big: bool,
    pub(crate) endian: Endian,
    first: u64,
}

impl TiffFile {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// `Data` if it is not a TIFF file, `Io` if it cannot be read.
    pub(crate) fn new(mut reader: Reader) -> Result<Self> {
        let magic = reader.array::<4>(0)?.ok_or_else(no_tiff)?;
        let big = match &magic {
            b"II*\0" | b"MM\0*" => false,
            b"II+\0" | b"MM\0+" => true,
            _ => return Err(no_tiff()),
        };
        let endian = if magic[0] == b'I' { Endian::Little } else { Endian::Big };
        let mut tiff = TiffFile { reader, big, endian, first: 0 };
        if big && tiff.whole(4, 2)? != Some(8) {
            return Err(Error::data(
                "is damaged: it is a BigTIFF file with offsets of other than 8 bytes; copy it again",
            ));
        }
        let first = if big { tiff.whole(8, 8)? } else { tiff.whole(4, 4)? };
        tiff.first = first.filter(|&first| first != 0).ok_or_else(cut_off)?;
        Ok(tiff)
    }

    /// The directories of the chain that begins in the header, in its order, without those of sub-images (`SubIFDs`).
    ///
    /// # Errors
    /// `Data` if one is damaged, lies beyond the end, or leads back to an earlier one.
    pub(crate) fn directories(&mut self) -> Directories<'_> {
        Directories { next: self.first, met: HashSet::new(), file: self }
    }

    /// A directory, and the link to the next one; `None` if the file ends before that.
    fn directory(&mut self, at: u64) -> Result<(Directory, Option<u64>)> {
        let (head, size, next) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.whole(at, head)?.ok_or_else(cut_off)?;
        if count == 0 || count > MOST_TAGS {
            return Err(damaged(&format!("a directory names {count} tags")));
        }
        // Neither overflows: `at` lies within the file, and the number of tags is limited.
        let (start, bytes) = (at + head as u64, usize::try_from(count).unwrap_or_default() * size);
        let rows = self.reader.bytes(start, bytes)?.ok_or_else(cut_off)?;
        let field = if self.big { 8 } else { 4 };
        let mut entries = Vec::with_capacity(rows.len() / size);
        for (row, place) in rows.chunks_exact(size).zip((start..).step_by(size)) {
            let [tag, kind] = [0, 2].map(|at| u16::try_from(whole(&row[at..at + 2], self.endian)).unwrap_or_default());
            let count = whole(&row[4..4 + field], self.endian);
            // Values that fit are stored in place of their offset.
            let fits = size_of_kind(kind).is_none_or(|size| count.saturating_mul(size as u64) <= field as u64);
            let values = if fits { place + 4 + field as u64 } else { whole(&row[4 + field..], self.endian) };
            entries.push(Entry { tag, kind, count, values });
        }
        let link = start + bytes as u64;
        let link = self.whole(link, next)?;
        Ok((Directory { entries }, link))
    }

    /// A whole number of some bytes at an offset; `None` beyond the end of the file.
    fn whole(&mut self, at: u64, bytes: usize) -> Result<Option<u64>> {
        let endian = self.endian;
        Ok(self.reader.bytes(at, bytes)?.map(|bytes| whole(bytes, endian)))
    }

    /// The whole numbers of an entry.
    ///
    /// # Errors
    /// `Data` if they lie beyond the end of the file, or are not whole numbers.
    pub(crate) fn numbers(&mut self, entry: &Entry) -> Result<Vec<u64>> {
        let list = entry.list()?;
        let (bytes, endian) = (self.values(entry)?, self.endian);
        Ok(bytes.chunks_exact(list.size).map(|bytes| whole(bytes, endian)).collect())
    }

    /// The bytes of an entry, in the order of the file: of a text, or of a structure of another program.
    ///
    /// # Errors
    /// `Data` if they lie beyond the end of the file.
    pub(crate) fn values(&mut self, entry: &Entry) -> Result<Vec<u8>> {
        let size = size_of_kind(entry.kind).ok_or_else(|| entry.damaged())?;
        let bytes = usize::try_from(entry.count).ok().and_then(|count| count.checked_mul(size));
        let bytes = bytes.map(|bytes| self.reader.bytes(entry.values, bytes)).transpose()?.flatten();
        bytes.map(<[u8]>::to_vec).ok_or_else(|| {
            Error::data(format!("is cut off: what its tag {} holds lies beyond its end; copy it again", entry.tag))
        })
    }

    /// The first number of a tag; `None` if the directory does not have it.
    ///
    /// # Errors
    /// Those of [`TiffFile::numbers`].
    pub(crate) fn number(&mut self, directory: &Directory, tag: u16) -> Result<Option<u64>> {
        let Some(entry) = directory.entry(tag) else { return Ok(None) };
        Ok(self.numbers(&Entry { count: 1, ..*entry })?.first().copied())
    }
}

/// The directories of a file, one after the other.
pub(crate) struct Directories<'t> {
    pub(crate) file: &'t mut TiffFile,
    next: u64,
    met: HashSet<u64>,
}

impl Directories<'_> {
    /// The next directory; `None` after the last.
    ///
    /// # Errors
    /// `Data` if it is damaged, lies beyond the end, or was met before.
    pub(crate) fn next(&mut self) -> Result<Option<Directory>> {
        if self.next == 0 {
            return Ok(None);
        }
        if !self.met.insert(self.next) {
            return Err(damaged("its directories lead round in a circle"));
        }
        let (directory, next) = self.file.directory(self.next)?;
        // Some writers of one image end its file right behind the tags. A file of several images that ends so has been
        // cut off.
        self.next = match next {
            None if self.met.len() > 1 => return Err(cut_off()),
            next => next.unwrap_or(0),
        };
        Ok(Some(directory))
    }

    /// Whether another directory follows.
    pub(crate) fn more(&self) -> bool {
        self.next != 0
    }
}

/// The tags of one page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    entries: Vec<Entry>,
}

impl Directory {
    /// The entry of a tag, the first one if there are several; one without values counts as absent.
    pub(crate) fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag && entry.count > 0)
    }
}

/// One tag: the number, type and offset of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) tag: u16,
    pub(crate) kind: u16,
    pub(crate) count: u64,
    /// Offset of the values.
    pub(crate) values: u64,
}

impl Entry {
    /// The values as a list of whole numbers.
    ///
    /// # Errors
    /// `Data` if they are not whole numbers.
    pub(crate) fn list(&self) -> Result<List> {
        let whole = matches!(self.kind, 1 | 3 | 4 | 6 | 8 | 9 | 13 | 16 | 17 | 18);
        let size = size_of_kind(self.kind).filter(|_| whole).ok_or_else(|| self.damaged())?;
        Ok(List { at: self.values, size, count: self.count })
    }

    fn damaged(&self) -> Error {
        damaged(&format!("its tag {} holds values of kind {}", self.tag, self.kind))
    }
}

/// Whole numbers in a file, read on demand: there may be millions of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List {
    at: u64,
    size: usize,
    pub(crate) count: u64,
}

impl List {
    /// An empty list, for a file that is one block.
    pub(crate) const NONE: List = List { at: 0, size: 1, count: 1 };

    /// Some of the numbers; `None` if they lie beyond the end of the file.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    pub(crate) fn part(&self, reader: &mut Reader, endian: Endian, part: Range<u64>) -> Result<Option<Vec<u64>>> {
        let length = usize::try_from(part.end.saturating_sub(part.start)).ok().and_then(|n| n.checked_mul(self.size));
        let at = part.start.checked_mul(self.size as u64).and_then(|from| self.at.checked_add(from));
        let (Some(length), Some(at)) = (length, at) else { return Ok(None) };
        let bytes = reader.bytes(at, length)?;
        Ok(bytes.map(|bytes| bytes.chunks_exact(self.size).map(|bytes| whole(bytes, endian)).collect()))
    }
}

/// Bytes of a value of a type; `None` if the type does not exist.
fn size_of_kind(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

/// At most eight bytes as a whole number.
fn whole(bytes: &[u8], endian: Endian) -> u64 {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    match endian {
        Endian::Big => bytes.iter().fold(0, add),
        Endian::Little => bytes.iter().rev().fold(0, add),
    }
}

pub(crate) fn no_tiff() -> Error {
    Error::data("is no TIFF file; save the image as TIFF again")
}

pub(crate) fn cut_off() -> Error {
    Error::data("is cut off; copy the file again from where it came")
}

/// The refusal of a file with impossible tags.
pub(crate) fn damaged(what: &str) -> Error {
    Error::data(format!("is damaged: {what}; copy the file again from where it came"))
}
