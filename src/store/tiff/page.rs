//! The pages of a TIFF file: where each lies, what it holds, and its values, read in parts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tiff::decoder::{ChunkType, Decoder, Limits};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, Tag};
use tiff::{TiffError, TiffFormatError};

use super::reader::{PageReader, header};
use super::tags::{FileTags, Layout};
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::store::values::{Endian, from_bytes, unsupported_dtype};
use crate::store::{StoredType, file};

/// A file of pages.
#[derive(Debug)]
pub(crate) struct PageFile {
    pub(crate) path: PathBuf,
    length: u64,
    big: bool,
    endian: Endian,
}

/// A page of one sample a pixel.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) file: Arc<PageFile>,
    /// Which page of its file, from 0; `None` where it is the only one.
    pub(crate) number: Option<usize>,
    /// Where its directory begins.
    directory: u64,
    /// Pixels along (y, x).
    pub(crate) shape: [usize; 2],
    pub(crate) stored: StoredType,
    pub(crate) storage: Storage,
}

/// How the pixels of a page are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Uncompressed, row after row.
    Rows { offset: u64 },
    /// In strips or tiles of a shape, which are decoded whole; strips go over the whole width.
    Blocks { shape: [usize; 2], inverted: bool, tiled: bool },
}

/// The pages of a file, in order.
///
/// # Errors
/// `Missing` where there is no such file; `Data` where it is no TIFF, is cut off, or a page has several samples a pixel,
/// a type that images may not have, or an encoding that is not supported; the error says which page.
pub(crate) fn pages(path: &Path) -> Result<(Vec<Page>, FileTags)> {
    read_pages(path).map_err(|error| error.at(path))
}

fn read_pages(path: &Path) -> Result<(Vec<Page>, FileTags)> {
    let (file, length) = file::open(path)?;
    let mut magic = [0; 4];
    file::read_at(&file, 0, &mut magic).map_err(|_| no_tiff())?;
    let big = match &magic {
        b"II*\0" | b"MM\0*" => false,
        b"II+\0" | b"MM\0+" => true,
        _ => return Err(no_tiff()),
    };
    let endian = if magic[0] == b'I' { Endian::Little } else { Endian::Big };
    let shared = Arc::new(PageFile { path: path.to_owned(), length, big, endian });
    let decoder = Decoder::new(PageReader::new(&file, Vec::new())).map_err(|error| page_error(None, &error))?;
    let mut decoder = decoder.with_limits(limits());
    let tags = FileTags::of_file(&file, Layout { length, big, endian })?;
    let mut pages = Vec::new();
    loop {
        let number = (!pages.is_empty() || decoder.more_images()).then_some(pages.len());
        pages.push(read_page(&mut decoder, &shared, number)?);
        if !decoder.more_images() {
            return Ok((pages, tags));
        }
        decoder.next_image().map_err(|error| page_error(Some(pages.len()), &error))?;
    }
}

fn read_page(decoder: &mut Decoder<PageReader<'_>>, file: &Arc<PageFile>, number: Option<usize>) -> Result<Page> {
    let label = label(number);
    let failed = |error: TiffError| page_error(number, &error);
    let (width, height) = decoder.dimensions().map_err(failed)?;
    let shape = [height, width].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut tag = |tag, default| -> Result<u64> {
        let values = decoder.find_tag_unsigned_vec::<u64>(tag).map_err(failed)?;
        Ok(values.and_then(|values| values.first().copied()).unwrap_or(default))
    };
    let samples = tag(Tag::SamplesPerPixel, 1)?;
    if samples != 1 {
        let message = format!("{label}has {samples} samples a pixel, as colour images have; save one channel as grey");
        return Err(Error::data(message));
    }
    let (bits, format) = (tag(Tag::BitsPerSample, 1)?, tag(Tag::SampleFormat, 1)?);
    let stored = match (format, bits) {
        (1 | 4, 1) => StoredType::Bool,
        (1 | 4, 8) => StoredType::U8,
        (1 | 4, 16) => StoredType::U16,
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
                2 => "int",
                3 => "float",
                _ => "uint",
            };
            return Err(unsupported_dtype(&format!("{kind}{bits}")));
        }
    };
    if stored == StoredType::Bool && tag(Tag::FillOrder, 1)? != 1 {
        return Err(Error::data(format!("{label}has its bits in reverse order; save it with 8 bits a pixel")));
    }
    let compression = CompressionMethod::from_u16_exhaustive(u16::try_from(tag(Tag::Compression, 1)?).unwrap_or(0));
    let photometric = tag(Tag::PhotometricInterpretation, 1)?;
    let inverted = photometric == u64::from(PhotometricInterpretation::WhiteIsZero.to_u16());
    let directory = decoder.ifd_pointer().map_or(0, |pointer| pointer.0);
    let tiled = decoder.get_chunk_type() == ChunkType::Tile;
    let (starts, lengths) =
        if tiled { (Tag::TileOffsets, Tag::TileByteCounts) } else { (Tag::StripOffsets, Tag::StripByteCounts) };
    let mut list = |tag| decoder.find_tag_unsigned_vec::<u64>(tag).map(Option::unwrap_or_default).map_err(failed);
    let (starts, lengths) = (list(starts)?, list(lengths)?);
    let cut_off = || Error::data(format!("{label}is cut off; copy the file again from where it came"));
    let plain = compression == CompressionMethod::None && stored != StoredType::Bool && !tiled;
    let contiguous = (1..starts.len()).all(|i| starts[i - 1].checked_add(lengths[i - 1]) == Some(starts[i]));
    let bytes = shape.iter().try_fold(stored.size() as u64, |n, &m| n.checked_mul(m as u64));
    let bytes = bytes.ok_or_else(cut_off)?;
    if plain && contiguous {
        let offset = *starts.first().ok_or_else(cut_off)?;
        if offset.checked_add(bytes).is_none_or(|end| end > file.length) {
            return Err(cut_off());
        }
        let storage = Storage::Rows { offset };
        return Ok(Page { file: Arc::clone(file), number, directory, shape, stored, storage });
    }
    let ends = starts.iter().zip(&lengths).map(|(start, length)| start.checked_add(*length));
    if ends.into_iter().any(|end| end.is_none_or(|end| end > file.length)) {
        return Err(cut_off());
    }
    if bytes > file.length.saturating_mul(MOST_COMPRESSED) {
        return Err(Error::data(format!("{label}is damaged: its file is too short for its size; copy it again")));
    }
    let (across, down) = decoder.chunk_dimensions();
    let block = [down, across].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let block = if tiled { block } else { [block[0].min(shape[0]), shape[1]] };
    let storage = Storage::Blocks { shape: block, inverted, tiled };
    Ok(Page { file: Arc::clone(file), number, directory, shape, stored, storage })
}

impl Page {
    /// How messages begin that are about this page: `page 3 `, or nothing where its file has one page.
    pub(crate) fn label(&self) -> String {
        label(self.number)
    }

    /// A page of the same size that begins so many pages behind this one, as ImageJ writes stacks above 4 GiB; `None`
    /// where the pixels are not plain rows or the file ends before it.
    pub(crate) fn following(&self, pages: usize) -> Option<Page> {
        let Storage::Rows { offset } = self.storage else { return None };
        let bytes = u64::try_from(self.shape[0].checked_mul(self.shape[1])?.checked_mul(self.stored.size())?).ok()?;
        let offset = offset.checked_add(bytes.checked_mul(u64::try_from(pages).ok()?)?)?;
        let fits = offset.checked_add(bytes)? <= self.file.length;
        fits.then(|| Page { number: Some(pages), storage: Storage::Rows { offset }, ..self.clone() })
    }

    /// Bytes and order of the values as stored, where they are plain rows.
    pub(crate) fn endian(&self) -> Endian {
        self.file.endian
    }

    /// A decoder of this page's strips or tiles.
    pub(crate) fn decoder<'f>(&self, file: &'f File) -> Result<PageDecoder<'f>> {
        let reader = PageReader::new(file, header(self.file.big, self.file.endian, self.directory));
        let decoder = Decoder::new(reader).map_err(|error| page_error(self.number, &error))?;
        Ok(PageDecoder(decoder.with_limits(limits())))
    }

    /// The values of a strip or a tile at (row, column) of the page's grid of them, cut off at the page's sides.
    ///
    /// # Errors
    /// `Data` where it is damaged or its encoding is not supported, `Io` where it cannot be read.
    pub(crate) fn decode(&self, decoder: &mut PageDecoder<'_>, place: [usize; 2]) -> Result<Voxels> {
        let Storage::Blocks { shape: block, inverted, .. } = self.storage else {
            return Err(Error::internal("a page of plain rows has no blocks to decode"));
        };
        let failed = |error: TiffError| page_error(self.number, &error);
        let shape: [usize; 2] = std::array::from_fn(|a| block[a].min(self.shape[a] - place[a] * block[a]));
        let index = place[0] * self.shape[1].div_ceil(block[1]) + place[1];
        let index = u32::try_from(index).map_err(|_| self.damaged())?;
        let length = decoder.0.image_chunk_buffer_layout(index).map_err(failed)?.len;
        let row = if self.stored == StoredType::Bool { shape[1].div_ceil(8) } else { shape[1] * self.stored.size() };
        if shape[0].checked_mul(row) != Some(length) {
            return Err(self.damaged());
        }
        let mut bytes = vec![0; length];
        decoder.0.read_chunk_bytes(index, &mut bytes).map_err(failed)?;
        if inverted {
            // The decoder turns white-is-zero round; what is stored is what the image holds.
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
        }
        if self.stored == StoredType::Bool {
            let bit = |row: &[u8], x: usize| row[x / 8] >> (7 - x % 8) & 1;
            bytes = bytes.chunks_exact(row).flat_map(|row| (0..shape[1]).map(move |x| bit(row, x))).collect();
        }
        Ok(from_bytes(self.stored, [1, shape[0], shape[1]], bytes, Endian::NATIVE))
    }

    fn damaged(&self) -> Error {
        page_error(self.number, &TiffError::FormatError(TiffFormatError::InconsistentSizesEncountered))
    }
}

/// Bytes of pixels that a byte of a file can stand for: above what LZW, deflate and zstd reach on images.
const MOST_COMPRESSED: u64 = 30_000;

/// Bounds on what a damaged directory can make the decoder allocate. Compressed strips are bounded by their file.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.intermediate_buffer_size = usize::MAX;
    limits
}

/// A decoder that is at one page.
pub(crate) struct PageDecoder<'f>(Decoder<PageReader<'f>>);

fn label(number: Option<usize>) -> String {
    number.map_or_else(String::new, |number| format!("page {number} "))
}

fn no_tiff() -> Error {
    Error::data("is no TIFF file; save the image as TIFF again")
}

/// The sentence for what the decoder refused.
fn page_error(number: Option<usize>, error: &TiffError) -> Error {
    let label = label(number);
    match error {
        TiffError::UnsupportedError(_) => {
            let message = format!("{label}is encoded in a way that is not supported; save it with LZW or deflate");
            Error::data(message).because(error)
        }
        TiffError::IoError(error) if error.raw_os_error().is_some() => file::read_failed(error),
        error => {
            let message = format!("{label}is damaged or cut off; copy the file again from where it came");
            Error::data(message).because(error)
        }
    }
}
