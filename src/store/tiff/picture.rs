//! PNG, BMP and JPEG files of grey values.

pub(super) mod plane;

use std::io::Cursor;

use image::codecs::{bmp, jpeg, png};
use image::{ColorType, ImageDecoder, Limits};

/// The format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Picture {
    Png,
    Bmp,
    Jpeg,
}

impl Picture {
    /// The format of a file by its extension, in lower case.
    pub(crate) fn of_extension(extension: &str) -> Option<Picture> {
        match extension {
            "png" => Some(Picture::Png),
            "bmp" => Some(Picture::Bmp),
            "jpg" | "jpeg" => Some(Picture::Jpeg),
            _ => None,
        }
    }

    /// The format of a file by its first bytes.
    pub(crate) fn of_start(start: &[u8]) -> Option<Picture> {
        match start {
            [0x89, b'P', b'N', b'G', ..] => Some(Picture::Png),
            [b'B', b'M', ..] => Some(Picture::Bmp),
            [0xff, 0xd8, 0xff, ..] => Some(Picture::Jpeg),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Picture::Png => "PNG",
            Picture::Bmp => "BMP",
            Picture::Jpeg => "JPEG",
        }
    }

    /// Decodes the values of a file, in native byte order, and returns the number of bytes; `None` if it is damaged.
    pub(crate) fn decode(self, from: &[u8], into: &mut [u8]) -> Option<usize> {
        fn read(decoder: impl ImageDecoder, into: &mut [u8]) -> Option<usize> {
            let count = usize::try_from(decoder.total_bytes()).ok().filter(|&count| count == into.len())?;
            decoder.read_image(into).ok()?;
            Some(count)
        }
        let bytes = Cursor::new(from);
        match self {
            Picture::Png => {
                let decoder = png::PngDecoder::with_limits(bytes, Limits::no_limits()).ok()?;
                let colour = decoder.color_type();
                if !matches!(colour, ColorType::La8 | ColorType::La16) {
                    return read(decoder, into);
                }
                // Of a file in which one grey value is transparent: all values count as they are.
                let size = usize::from(colour.bytes_per_pixel()) / 2;
                let mut pairs = vec![0; into.len().checked_mul(2)?];
                read(decoder, &mut pairs)?;
                let values = pairs.chunks_exact(size).step_by(2);
                into.chunks_exact_mut(size).zip(values).for_each(|(to, value)| to.copy_from_slice(value));
                Some(into.len())
            }
            Picture::Bmp => {
                let mut decoder = bmp::BmpDecoder::new(bytes).ok()?;
                decoder.set_indexed_color(true);
                read(decoder, into)
            }
            Picture::Jpeg => read(jpeg::JpegDecoder::new(bytes).ok()?, into),
        }
    }
}
