//! The plane of a PNG, BMP or JPEG file.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use image::codecs::jpeg;
use image::{ColorType, ImageDecoder, ImageResult};

use super::Picture;
use crate::error::{Error, Result};
use crate::store::tiff::blocks::Blocks;
use crate::store::tiff::codec::Codec;
use crate::store::tiff::directory::List;
use crate::store::tiff::one_page::{Page, PageFile, Storage};
use crate::store::tiff::reader::Reader;
use crate::store::tiff::samples::{Predictor, Samples};
use crate::store::values::Endian;
use crate::store::{StoredType, file};

/// Length of the longest JPEG file: it has at most 65535 pixels along each axis, and takes fewer bytes than those.
const LONGEST_JPEG: u64 = 4 << 30;

/// The only plane of a picture.
///
/// # Errors
/// `Data` if it is not of the format, is damaged, or holds colours; `Missing` and `Io` if it cannot be read.
pub(crate) fn page(path: &Path, picture: Picture) -> Result<Page> {
    read_page(path, picture).map_err(|error| error.at(path))
}

fn read_page(path: &Path, picture: Picture) -> Result<Page> {
    let (open, length) = file::open(path)?;
    let name = picture.name();
    let damaged = || Error::data(format!("is damaged, or no {name} file; copy the file again from where it came"));
    let mut reader = Reader::new(Arc::new(open), length);
    let (shape, stored) = match picture {
        Picture::Png => png_form(&mut reader)?,
        Picture::Bmp => bmp_form(&mut reader)?,
        Picture::Jpeg => jpeg_form(path)?,
    }
    .ok_or_else(damaged)?;
    let [height, width] = shape;
    let page = [1, height, width];
    let bits = 8 * stored.size();
    let samples = Samples { stored, bits, endian: Endian::NATIVE, predictor: Predictor::None };
    let codec = Codec::Picture(picture);
    let (offsets, endian, fill) = (List::NONE, Endian::NATIVE, [0; 8]);
    let counts = None;
    let blocks = Blocks {
        page,
        stored: page,
        group: 1,
        tiled: false,
        codec,
        samples,
        reversed: false,
        offsets,
        counts,
        endian,
        fill,
    };
    if height == 0 || width == 0 || blocks.span([0; 3], 0, None, length).is_err() {
        return Err(damaged());
    }
    let file = Arc::new(PageFile { path: path.to_owned(), length, endian });
    let storage = Storage::Blocks { blocks: Arc::new(blocks), plane: 0 };
    Ok(Page { file, number: None, shape, stored, storage })
}

/// The size and type of a picture; `None` if it is not of its format.
type Form = Option<([usize; 2], StoredType)>;

fn colours() -> Error {
    Error::data("is a colour image; save it as grey")
}

fn png_form(reader: &mut Reader) -> Result<Form> {
    let Some(head) = reader.array::<26>(0)?.filter(|head| head.starts_with(b"\x89PNG\r\n\x1a\n")) else {
        return Ok(None);
    };
    let length = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| head[at + i])) as usize;
    let stored = match (head[25], head[24]) {
        (0, 1) => StoredType::Bool,
        (0, 8) => StoredType::U8,
        (0, 16) => StoredType::U16,
        (0, bits) => {
            return Err(Error::data(format!("has {bits} bits a pixel, which is not supported; save it with 8 or 16")));
        }
        (3, _) => return Err(Error::data("has colours of a palette; save it as grey")),
        _ => return Err(colours()),
    };
    Ok(Some(([length(20), length(16)], stored)))
}

fn bmp_form(reader: &mut Reader) -> Result<Form> {
    let Some(head) = reader.array::<54>(0)?.filter(|head| head.starts_with(b"BM")) else { return Ok(None) };
    let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| head[at + i]));
    let (header, bits) = (number(14), u16::from_le_bytes([head[28], head[29]]));
    // OS/2 had a shorter header.
    if header < 40 {
        return Err(Error::data("is a BMP file of an old kind; save it as TIFF"));
    }
    if bits != 8 {
        let message = format!("has {bits} bits a pixel, as colour images have; save it as grey with 8 bits");
        return Err(Error::data(message));
    }
    // Decoders read damaged runs as indices beyond the palette; few programs write them.
    if number(30) != 0 {
        return Err(Error::data("is a compressed BMP file; save it as PNG or TIFF"));
    }
    let given = number(46) as usize;
    let colours_given = if given == 0 || given > 256 { 256 } else { given };
    let Some(palette) = reader.bytes(14 + u64::from(header), 4 * colours_given)? else { return Ok(None) };
    // The values are those of the palette if it is grey; other palettes are refused.
    if palette.chunks_exact(4).zip(0..=255u8).any(|(colour, grey)| colour[..3] != [grey; 3]) {
        return Err(Error::data("has colours of a palette; save it as grey"));
    }
    let (width, height) = (number(18) as i32, number(22) as i32);
    Ok(Some(([height.unsigned_abs() as usize, usize::try_from(width).unwrap_or(0)], StoredType::U8)))
}

fn jpeg_form(path: &Path) -> Result<Form> {
    let bytes = file::read_whole(path, LONGEST_JPEG, "a JPEG file")?;
    let decoder = jpeg::JpegDecoder::new(Cursor::new(&bytes));
    let form = |decoder: jpeg::JpegDecoder<Cursor<&Vec<u8>>>| {
        let (width, height) = decoder.dimensions();
        (decoder.color_type(), [height as usize, width as usize])
    };
    match decoder.map(form) as ImageResult<_> {
        Ok((ColorType::L8, shape)) => Ok(Some((shape, StoredType::U8))),
        Ok(_) => Err(colours()),
        Err(_) => Ok(None),
    }
}
