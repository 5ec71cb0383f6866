//! The format of one page in its tags: its size, its type, and its encoding; and the refusal of unsupported ones.

use std::sync::Arc;

use super::blocks::{Blocks, Fault};
use super::codec::Codec;
use super::directory::{Directory, List, TiffFile, tag};
use super::one_page::{Page, PageFile, Storage, label};
use super::samples::{Predictor, Samples};
use crate::error::{Error, Result};
use crate::store::StoredType;
use crate::store::values::unsupported_dtype;

/// Bytes that a page may have beyond those that its file can hold: strips and tiles that are not stored take no space
/// in it.
const UNSTORED: u64 = 1 << 30;
/// Largest number of bytes of pixels for one byte of a file, with any compression.
const MOST_COMPRESSED: u64 = 64 << 10;

/// Properties of pages that users should know.
#[derive(Debug, Default)]
pub(crate) struct Traits {
    pub(crate) palette: bool,
    pub(crate) white_is_zero: bool,
    pub(crate) turned: bool,
}

/// One page and its tags.
pub(crate) struct Form<'a> {
    pub(crate) tiff: &'a mut TiffFile,
    pub(crate) directory: &'a Directory,
    pub(crate) number: Option<usize>,
    /// Whether a Zeiss microscope wrote the file: these declare a predictor without using one.
    pub(crate) lsm: bool,
    pub(crate) traits: &'a mut Traits,
}

impl Form<'_> {
    /// The planes of the page: one, or one for each step of its depth.
    ///
    /// # Errors
    /// `Data` if it is damaged, cut off, or of a kind that is not supported.
    pub(crate) fn planes(&mut self, file: &Arc<PageFile>) -> Result<Vec<Page>> {
        let height = self.length(tag::IMAGE_LENGTH, None)?;
        let width = self.length(tag::IMAGE_WIDTH, None)?;
        let depth = self.length(tag::IMAGE_DEPTH, Some(1))?;
        let (stored, bits) = self.stored_type()?;
        self.photometric()?;
        let (codec, predictor) = self.encoding(stored, bits)?;
        let samples = Samples { stored, bits, endian: self.tiff.endian, predictor };
        let blocks = self.blocks([depth, height, width], codec, samples)?;
        let bytes = [depth, height, width].iter().try_fold(stored.size() as u64, |n, &m| n.checked_mul(m as u64));
        let most = file.length.saturating_mul(MOST_COMPRESSED).saturating_add(UNSTORED);
        if bytes.is_none_or(|bytes| bytes > most) {
            return Err(self.damaged("its file is too short for its size"));
        }
        let rows = match blocks.check(&mut self.tiff.reader, file.length)? {
            Ok(rows) => rows,
            Err(Fault::CutOff) => return Err(self.refused("is cut off; copy the file again from where it came")),
            Err(Fault::Damaged) => return Err(self.damaged("its strips or tiles are too short for its size")),
        };
        let blocks = Arc::new(blocks.grouped());
        // Of a size that has been checked against the file.
        let plane_bytes = (height * width * stored.size()) as u64;
        let storage = |plane: usize| match rows {
            Some(offset) => Storage::Rows { offset: offset + plane as u64 * plane_bytes },
            None => Storage::Blocks { blocks: Arc::clone(&blocks), plane },
        };
        let shape = [height, width];
        let page = |plane| Page { file: Arc::clone(file), number: self.number, shape, stored, storage: storage(plane) };
        Ok((0..depth).map(page).collect())
    }

    fn tag(&mut self, tag: u16) -> Result<Option<u64>> {
        self.tiff.number(self.directory, tag)
    }

    fn refused(&self, what: &str) -> Error {
        Error::data(format!("{}{what}", label(self.number)))
    }

    fn damaged(&self, what: &str) -> Error {
        self.refused(&format!("is damaged: {what}; copy the file again from where it came"))
    }

    /// A length in pixels, or `absent` if the tag does not exist.
    fn length(&mut self, tag: u16, absent: Option<usize>) -> Result<usize> {
        let found = match self.tag(tag)? {
            None => absent,
            Some(length) => usize::try_from(length).ok().filter(|&n| n > 0 && u32::try_from(n).is_ok()),
        };
        found.ok_or_else(|| self.damaged(&format!("its tag {tag}, a length, is missing or none")))
    }

    /// The type of values, and their number of bits.
    fn stored_type(&mut self) -> Result<(StoredType, usize)> {
        let samples = self.tag(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        if samples != 1 {
            let advice = "save one channel as grey, or split the channels";
            return Err(self.refused(&format!("has {samples} samples a pixel, as colour images have; {advice}")));
        }
        let (bits, format) = (self.tag(tag::BITS_PER_SAMPLE)?.unwrap_or(1), self.tag(tag::SAMPLE_FORMAT)?.unwrap_or(1));
        let stored = match (format, bits) {
            (1 | 4, 1) => StoredType::Bool,
            (1 | 4, 2..=8) => StoredType::U8,
            (1 | 4, 9..=16) => StoredType::U16,
            (1 | 4, 32) => StoredType::U32,
            (1 | 4, 64) => StoredType::U64,
            (2, 8) => StoredType::I8,
            (2, 16) => StoredType::I16,
            (2, 32) => StoredType::I32,
            (2, 64) => StoredType::I64,
            (3, 16) => StoredType::F16,
            (3, 32) => StoredType::F32,
            (3, 64) => StoredType::F64,
            (format, bits) => {
                let kind = match format {
                    1 | 4 => "uint",
                    2 => "int",
                    3 => "float",
                    5 | 6 => "complex",
                    _ => return Err(self.damaged(&format!("its values are of format {format}, which there is not"))),
                };
                return Err(unsupported_dtype(&format!("{kind}{bits}")));
            }
        };
        Ok((stored, usize::try_from(bits).unwrap_or_default()))
    }

    /// Refuses pages whose values are neither grey values nor labels.
    fn photometric(&mut self) -> Result<()> {
        match self.tag(tag::PHOTOMETRIC)? {
            Some(0) => self.traits.white_is_zero = true,
            Some(3) => self.traits.palette = true,
            None | Some(1 | 4 | 51177) => {}
            Some(32803 | 34892) => {
                return Err(self.refused("holds the raw pixels of a colour camera; save one channel as grey"));
            }
            Some(_) => return Err(self.refused("is a colour image; save one channel as grey")),
        }
        self.traits.turned |= self.tag(tag::ORIENTATION)?.is_some_and(|orientation| orientation > 1);
        Ok(())
    }

    fn encoding(&mut self, stored: StoredType, bits: usize) -> Result<(Codec, Predictor)> {
        let codec = Codec::of(self.tag(tag::COMPRESSION)?.unwrap_or(1)).map_err(|name| {
            self.refused(&format!("is compressed by {name}, which is not supported; save it with LZW or deflate"))
        })?;
        if codec == Codec::Group4 && stored != StoredType::Bool {
            return Err(self.damaged("CCITT group 4 has one bit a pixel"));
        }
        let predictor = match self.tag(tag::PREDICTOR)?.unwrap_or(1) {
            1 => Predictor::None,
            _ if self.lsm && codec == Codec::None => Predictor::None,
            2 => Predictor::Horizontal,
            3 if matches!(stored, StoredType::F16 | StoredType::F32 | StoredType::F64) => Predictor::Float,
            other => {
                let message = format!("has values with predictor {other}, which is not supported; save it without");
                return Err(self.refused(&message));
            }
        };
        if predictor != Predictor::None && (!codec.predicts() || bits != 8 * stored.size() || bits == 1) {
            // Some programs undo a predictor here, others do not.
            let name = codec.name();
            let message = format!("names a predictor together with compression {name}; save it without a predictor");
            return Err(self.refused(&message));
        }
        Ok((codec, predictor))
    }

    fn blocks(&mut self, page: [usize; 3], codec: Codec, samples: Samples) -> Result<Blocks> {
        let tiled = self.directory.entry(tag::TILE_WIDTH).is_some();
        let reversed = match self.tag(tag::FILL_ORDER)?.unwrap_or(1) {
            1 => false,
            2 => true,
            _ => return Err(self.damaged("its bits are in an order which there is not")),
        };
        let list = |tag: u16| self.directory.entry(tag).map(|entry| entry.list()).transpose();
        // Some programs put the offsets of tiles into the tags of strips.
        let (tiles, strips) = (list(tag::TILE_OFFSETS)?, list(tag::STRIP_OFFSETS)?);
        let (tile_counts, strip_counts) = (list(tag::TILE_BYTE_COUNTS)?, list(tag::STRIP_BYTE_COUNTS)?);
        let (offsets, counts) = match tiled {
            true => (tiles.or(strips), tile_counts.or(strip_counts)),
            false => (strips.or(tiles), strip_counts.or(tile_counts)),
        };
        let offsets = offsets.ok_or_else(|| self.damaged("it does not say where its pixels lie"))?;
        let stored = if tiled {
            let (height, width) = (self.length(tag::TILE_LENGTH, None)?, self.length(tag::TILE_WIDTH, None)?);
            [self.length(tag::TILE_DEPTH, Some(1))?, height, width]
        } else {
            [1, self.rows_per_strip(page, codec, &samples, offsets)?, page[2]]
        };
        let fill = self.fill(samples.stored)?;
        let endian = self.tiff.endian;
        let blocks = Blocks { page, stored, group: 1, tiled, codec, samples, reversed, offsets, counts, endian, fill };
        let count = blocks.count().ok_or_else(|| self.damaged("it has more strips or tiles than can be counted"))?;
        if let Some(short) = [Some(offsets), counts].into_iter().flatten().find(|list| list.count < count) {
            let message = format!("it names {} of its {count} strips or tiles", short.count);
            return Err(self.damaged(&message));
        }
        Ok(blocks)
    }

    /// Rows of a strip; without the tag, those between the starts of uncompressed strips.
    fn rows_per_strip(&mut self, page: [usize; 3], codec: Codec, samples: &Samples, offsets: List) -> Result<usize> {
        let [depth, height, width] = page;
        let given = self.tag(tag::ROWS_PER_STRIP)?.filter(|&rows| rows > 0);
        if let Some(rows) = given {
            return Ok(usize::try_from(rows).unwrap_or(height).min(height));
        }
        if offsets.count <= depth as u64 {
            return Ok(height);
        }
        let row = samples.row(width).filter(|_| codec == Codec::None).map(|row| row as u64);
        let endian = self.tiff.endian;
        let starts = offsets.part(&mut self.tiff.reader, endian, 0..2)?;
        let between = starts.and_then(|starts| starts[1].checked_sub(starts[0]));
        let rows = between.zip(row).filter(|(between, row)| between % row == 0).map(|(between, row)| between / row);
        let rows = rows.filter(|&rows| rows > 0 && (height as u64).div_ceil(rows) * depth as u64 == offsets.count);
        let rows = rows.and_then(|rows| usize::try_from(rows).ok());
        rows.ok_or_else(|| self.damaged("it does not say how many rows a strip has"))
    }

    /// The value of strips and tiles that are not stored: zero, or GDAL's "no data".
    fn fill(&mut self, stored: StoredType) -> Result<[u8; 8]> {
        let text = self.directory.entry(tag::GDAL_NODATA).map(|entry| self.tiff.values(entry)).transpose()?;
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).trim_end_matches('\0').trim().replace(',', "."));
        let bytes = text.and_then(|text| bytes_of(stored, &text)).unwrap_or_default();
        let mut fill = [0; 8];
        fill[..bytes.len()].copy_from_slice(&bytes);
        Ok(fill)
    }
}

/// The bytes of a value written as a number; `None` if the type cannot represent it.
fn bytes_of(stored: StoredType, text: &str) -> Option<Vec<u8>> {
    macro_rules! parsed {
        ($t:ty) => {
            text.parse::<$t>().ok().map(|value| value.to_ne_bytes().to_vec())
        };
    }
    match stored {
        StoredType::Bool => matches!(text, "0" | "1").then(|| vec![u8::from(text == "1")]),
        StoredType::I8 => parsed!(i8),
        StoredType::U8 => parsed!(u8),
        StoredType::I16 => parsed!(i16),
        StoredType::U16 => parsed!(u16),
        StoredType::I32 => parsed!(i32),
        StoredType::U32 => parsed!(u32),
        StoredType::I64 => parsed!(i64),
        StoredType::U64 => parsed!(u64),
        StoredType::F16 => text.parse().ok().map(|value| half::f16::from_f32(value).to_ne_bytes().to_vec()),
        StoredType::F32 => parsed!(f32),
        StoredType::F64 => parsed!(f64),
    }
}
