//! The strips or tiles of a page: their number, offsets and values.

use std::fs::File;
use std::sync::Arc;

use super::codec::Codec;
use super::directory::List;
use super::reader::Reader;
use super::samples::Samples;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::memory;
use crate::store::file;
use crate::store::values::{Endian, from_bytes};

/// Strips are decoded in groups of about this many bytes: many programs write strips of one row.
const GROUP: usize = 64 << 10;

/// The strips or tiles of one page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blocks {
    /// Shape of the page along (z, y, x); a page has one plane unless its tags have a depth.
    pub(crate) page: [usize; 3],
    /// Shape of a strip or tile along (z, y, x).
    pub(crate) stored: [usize; 3],
    /// Number of strips that are decoded together, so that blocks are not small; 1 for tiles.
    pub(crate) group: usize,
    pub(crate) tiled: bool,
    pub(crate) codec: Codec,
    pub(crate) samples: Samples,
    /// Whether the first bit of a byte is the lowest.
    pub(crate) reversed: bool,
    pub(crate) offsets: List,
    /// `None` if the lengths follow from the shape.
    pub(crate) counts: Option<List>,
    /// Byte order of the lists.
    pub(crate) endian: Endian,
    /// The bytes of the fill value of strips and tiles that are not stored, at the start of the array.
    pub(crate) fill: [u8; 8],
}

/// A strip or tile in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// Not stored: it holds the fill value.
    Absent,
    Stored {
        at: u64,
        count: u64,
    },
}

/// A fault of a strip or tile for which it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    CutOff,
    Damaged,
}

impl Blocks {
    /// The same, with strips in groups.
    pub(crate) fn grouped(self) -> Self {
        let bytes = self.bytes_of(self.stored).unwrap_or(usize::MAX);
        let many = (GROUP / bytes.max(1)).clamp(1, self.page[1].div_ceil(self.stored[1]).max(1));
        let group = if self.tiled { 1 } else { many };
        Blocks { group, ..self }
    }

    /// The shape of the pixels that are decoded at once.
    pub(crate) fn shape(&self) -> [usize; 3] {
        let [z, y, x] = self.stored;
        [z, (y * self.group).min(self.page[1].max(y)), x]
    }

    /// Number of strips or tiles along each axis.
    fn grid(&self) -> [u64; 3] {
        std::array::from_fn(|a| self.page[a].div_ceil(self.stored[a]) as u64)
    }

    /// Number of strips or tiles in the page; `None` if it overflows.
    pub(crate) fn count(&self) -> Option<u64> {
        let [z, y, x] = self.grid();
        z.checked_mul(y)?.checked_mul(x)
    }

    /// Bytes of a decompressed box of pixels.
    fn bytes_of(&self, [z, y, x]: [usize; 3]) -> Option<usize> {
        self.samples.row(x)?.checked_mul(y)?.checked_mul(z)
    }

    /// Shape of the pixels that the file must hold of a strip or tile: the last strip ends with the page, tiles are
    /// whole.
    fn held(&self, place: [usize; 3]) -> [usize; 3] {
        match self.tiled {
            true => self.stored,
            false => std::array::from_fn(|a| self.stored[a].min(self.page[a] - place[a] * self.stored[a])),
        }
    }

    /// The place of a strip or tile in the file, by its numbers in the lists; `length` is that of the file.
    pub(crate) fn span(
        &self,
        place: [usize; 3],
        at: u64,
        count: Option<u64>,
        length: u64,
    ) -> std::result::Result<Span, Fault> {
        let needed = self.bytes_of(self.held(place)).ok_or(Fault::Damaged)? as u64;
        let plain = self.codec == Codec::None;
        // A picture is its whole file.
        let (at, count) = if matches!(self.codec, Codec::Picture(_)) { (0, Some(length)) } else { (at, count) };
        let count = match (at, count) {
            (0, Some(count)) if matches!(self.codec, Codec::Picture(_)) => count,
            (0, Some(0)) => return Ok(Span::Absent),
            (0, _) => return Err(Fault::Damaged),
            // Some programs omit the lengths if they follow from the shape, or write lengths that are too large.
            (_, None | Some(0)) if plain => needed,
            (_, None | Some(0)) => return Err(Fault::Damaged),
            (_, Some(count)) if plain && self.count() == Some(1) => count.max(needed),
            (_, Some(count)) => count,
        };
        let count = if plain { needed.min(count) } else { count };
        if at.checked_add(count).is_none_or(|end| end > length) {
            return Err(Fault::CutOff);
        }
        if needed > count.saturating_mul(self.codec.most()).saturating_add(64) || (plain && count < needed) {
            return Err(Fault::Damaged);
        }
        Ok(Span::Stored { at, count })
    }

    /// Checks the places of all strips or tiles, and returns the offset of the pixels if these follow each other as
    /// plain rows.
    ///
    /// # Errors
    /// `Io` if the lists cannot be read; the inner result has a fault in them.
    pub(crate) fn check(&self, reader: &mut Reader, length: u64) -> Result<std::result::Result<Option<u64>, Fault>> {
        const PART: u64 = 4096;
        let [grid_z, grid_y, grid_x] = self.grid();
        let count = grid_z * grid_y * grid_x;
        let plain = self.codec == Codec::None && self.samples.plain() && !self.reversed && !self.tiled;
        let mut begin = None;
        let mut follow = plain.then_some(0);
        for start in (0..count).step_by(PART as usize) {
            let part = start..(start + PART).min(count);
            let Some(offsets) = self.offsets.part(reader, self.endian, part.clone())? else {
                return Ok(Err(Fault::CutOff));
            };
            let counts = match self.counts {
                Some(counts) => match counts.part(reader, self.endian, part.clone())? {
                    Some(counts) => Some(counts),
                    None => return Ok(Err(Fault::CutOff)),
                },
                None => None,
            };
            for (i, (at, number)) in offsets.iter().zip(part).enumerate() {
                let place = [number / (grid_y * grid_x), number / grid_x % grid_y, number % grid_x];
                // Within the grid, which the page's shape bounds.
                let place = place.map(|n| n as usize);
                match self.span(place, *at, counts.as_ref().map(|counts| counts[i]), length) {
                    Err(fault) => return Ok(Err(fault)),
                    Ok(Span::Absent) => follow = None,
                    Ok(Span::Stored { at, count }) => {
                        begin = begin.or(Some(at));
                        follow = follow.filter(|&end| end == 0 || end == at).map(|_| at + count);
                    }
                }
            }
        }
        Ok(Ok(follow.and(begin)))
    }

    /// The values that are decoded at once at a position of the grid, clipped to the page; `None` if they are damaged.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    pub(crate) fn decode(&self, file: &mut BlockFile, place: [usize; 3]) -> Result<Option<Voxels>> {
        let [grid_z, grid_y, grid_x] = self.grid();
        let [z, y, x] = [place[0] as u64, (place[1] * self.group) as u64, place[2] as u64];
        if z >= grid_z || y >= grid_y || x >= grid_x {
            return Err(Error::internal("a strip or tile outside its page"));
        }
        let first = (z * grid_y + y) * grid_x + x;
        let numbers = first..first + (self.group as u64).min(grid_y - y).max(1);
        let Some(offsets) = self.offsets.part(&mut file.offsets, self.endian, numbers.clone())? else {
            return Ok(None);
        };
        let counts = match self.counts {
            Some(counts) => counts.part(&mut file.counts, self.endian, numbers)?,
            None => None,
        };
        let mut values = Vec::new();
        let mut rows = 0;
        for (i, &at) in offsets.iter().enumerate() {
            let place = [place[0], place[1] * self.group + i, place[2]];
            let kept: [usize; 3] =
                std::array::from_fn(|a| self.stored[a].min(self.page[a] - place[a] * self.stored[a]));
            let count = counts.as_ref().and_then(|counts| counts.get(i).copied());
            let bytes = match self.span(place, at, count, file.length) {
                Err(_) => None,
                Ok(Span::Absent) => Some(self.fill[..self.samples.stored.size()].repeat(kept.iter().product())),
                Ok(Span::Stored { at, count }) => {
                    self.require_memory(count, kept)?;
                    self.unpack(file.bytes(at, count)?, place, kept)
                }
            };
            let Some(mut bytes) = bytes else { return Ok(None) };
            rows += kept[1];
            if values.is_empty() {
                values = bytes;
            } else {
                values.append(&mut bytes);
            }
        }
        let shape: [usize; 3] = std::array::from_fn(|a| self.stored[a].min(self.page[a] - place[a] * self.stored[a]));
        let shape = if self.tiled { shape } else { [shape[0], rows, shape[2]] };
        Ok(Some(from_bytes(self.samples.stored, shape, values, Endian::NATIVE)))
    }

    /// Refuses a strip or tile that needs more memory than available: for its stored bytes and its decompressed ones,
    /// and for its values if these are wider.
    fn require_memory(&self, stored: u64, kept: [usize; 3]) -> Result<()> {
        let product =
            |shape: [usize; 3], size: usize| shape.iter().fold(size as u64, |bytes, &n| bytes.saturating_mul(n as u64));
        let plain = self.codec == Codec::None;
        let decompressed = if plain { 0 } else { self.bytes_of(self.stored).map_or(u64::MAX, |bytes| bytes as u64) };
        let size = self.samples.stored.size();
        let values = if self.samples.bits == 8 * size { 0 } else { product(kept, size) };
        let bytes = stored.saturating_add(decompressed).saturating_add(values);
        let advice = match self.codec {
            Codec::Picture(_) => "save the image as a TIFF file with small tiles",
            _ => "save it in smaller strips or tiles",
        };
        memory::require(bytes, advice)
    }

    /// The bytes of a strip's or tile's values that lie in the page, in native order.
    fn unpack(&self, mut packed: Vec<u8>, place: [usize; 3], kept: [usize; 3]) -> Option<Vec<u8>> {
        if self.reversed {
            packed.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
        let held = self.held(place);
        let needed = self.bytes_of(held)?;
        let bytes = if self.codec == Codec::None {
            packed.truncate(needed);
            packed
        } else {
            // Some programs pad the last strip to the height of the others.
            let mut bytes = vec![0; self.bytes_of(self.stored)?];
            let count = self.codec.decompress(&packed, &mut bytes, self.stored[2])?;
            bytes.truncate(count.min(needed));
            bytes
        };
        if bytes.len() != needed {
            return None;
        }
        let mut values = self.samples.unpacked(bytes, held[2]);
        if kept != held {
            let size = self.samples.stored.size();
            let mut to = 0;
            for z in 0..kept[0] {
                for y in 0..kept[1] {
                    let from = (z * held[1] + y) * held[2] * size;
                    values.copy_within(from..from + kept[2] * size, to);
                    to += kept[2] * size;
                }
            }
            values.truncate(to);
        }
        Some(values)
    }
}

/// A file from which strips and tiles are read.
pub(crate) struct BlockFile {
    pub(crate) file: Arc<File>,
    length: u64,
    /// Readers of the lists of offsets and lengths, each with its own window.
    offsets: Reader,
    counts: Reader,
}

impl BlockFile {
    pub(crate) fn new(file: File, length: u64) -> Self {
        let file = Arc::new(file);
        let [offsets, counts] = [(); 2].map(|()| Reader::new(Arc::clone(&file), length));
        BlockFile { file, length, offsets, counts }
    }

    /// Reads bytes that lie within the file.
    fn bytes(&self, at: u64, count: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(count).map_err(|_| Error::internal("more bytes than memory"))?];
        file::read_at(&self.file, at, &mut bytes).map_err(|error| file::read_failed(&error))?;
        Ok(bytes)
    }
}
