//! Compression of strips and tiles.

use std::cell::RefCell;

use libdeflater::Decompressor;

use super::picture::Picture;
use super::{lzw, packbits};

/// A supported compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
    /// CCITT group 4, of pages of one bit.
    Group4,
    /// A whole file of another format.
    Picture(Picture),
}

impl Codec {
    /// The compression of a number.
    ///
    /// # Errors
    /// The name of an unsupported compression, with the reason.
    pub(crate) fn of(number: u64) -> Result<Codec, String> {
        Ok(match number {
            1 => Codec::None,
            4 => Codec::Group4,
            5 => Codec::Lzw,
            8 | 32946 => Codec::Deflate,
            32773 => Codec::PackBits,
            34926 | 50000 => Codec::Zstd,
            6 | 7 | 33007 | 34892 => return Err("JPEG (which does not keep values)".to_owned()),
            33003 | 33004 | 33005 | 34712 => return Err("JPEG 2000".to_owned()),
            2 | 3 | 32771 => return Err("CCITT fax".to_owned()),
            34887 => return Err("LERC".to_owned()),
            34925 => return Err("LZMA".to_owned()),
            34927 | 50001 => return Err("WebP".to_owned()),
            34933 => return Err("PNG".to_owned()),
            22610 | 34934 => return Err("JPEG XR".to_owned()),
            50002 | 52546 => return Err("JPEG XL".to_owned()),
            other => return Err(format!("compression {other}")),
        })
    }

    /// The usual name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Lzw => "LZW",
            Codec::Deflate => "deflate",
            Codec::PackBits => "PackBits",
            Codec::Zstd => "zstd",
            Codec::Group4 => "CCITT group 4",
            Codec::Picture(picture) => picture.name(),
        }
    }

    /// Whether values may have been replaced by differences before compression.
    pub(crate) fn predicts(self) -> bool {
        matches!(self, Codec::Lzw | Codec::Deflate | Codec::Zstd)
    }

    /// Largest number of bytes for one compressed byte, so that a damaged size is found before memory is allocated.
    pub(crate) fn most(self) -> u64 {
        match self {
            Codec::None => 1,
            Codec::PackBits => 64,
            Codec::Deflate => 1032,
            // The table holds strings of up to 3837 bytes, in codes of at least nine bits.
            Codec::Lzw => 3838,
            // Blocks of 128 KiB of one value take four bytes.
            Codec::Zstd => 32 << 10,
            // A row that equals the one above it takes a bit, and a row has at most 65535 pixels.
            Codec::Group4 => 64 << 10,
            Codec::Picture(_) => 1032,
        }
    }

    /// Decompresses into a buffer, as far as it reaches, and returns the number of bytes; `None` if the bytes are
    /// damaged. `width` is the width of a row in pixels.
    pub(crate) fn decompress(self, from: &[u8], into: &mut [u8], width: usize) -> Option<usize> {
        thread_local!(static DEFLATE: RefCell<Decompressor> = RefCell::new(Decompressor::new()));
        match self {
            Codec::None => {
                let count = from.len().min(into.len());
                into[..count].copy_from_slice(&from[..count]);
                Some(count)
            }
            Codec::Lzw => lzw::decompress(from, into),
            Codec::Deflate => DEFLATE.with_borrow_mut(|deflate| deflate.zlib_decompress(from, into).ok()),
            Codec::PackBits => packbits::decompress(from, into),
            Codec::Zstd => zstd::bulk::decompress_to_buffer(from, into).ok(),
            Codec::Group4 => group4(from, into, width),
            Codec::Picture(picture) => picture.decode(from, into),
        }
    }
}

/// Rows of bits, white as 0.
fn group4(from: &[u8], into: &mut [u8], width: usize) -> Option<usize> {
    let pixels = u16::try_from(width).ok()?;
    let bytes = from.iter().map(|&byte| Ok::<u8, std::convert::Infallible>(byte));
    let mut decoder = fax::decoder::Group4Decoder::new(bytes, pixels).ok()?;
    let mut count = 0;
    for row in into.chunks_exact_mut(width.div_ceil(8)) {
        if decoder.advance().ok()? == fax::decoder::DecodeStatus::End {
            break;
        }
        row.fill(0);
        for (x, colour) in fax::decoder::pels(decoder.transition(), pixels).enumerate() {
            if colour == fax::Color::Black {
                row[x / 8] |= 0x80 >> (x % 8);
            }
        }
        count += row.len();
    }
    Some(count)
}
