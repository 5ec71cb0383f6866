//! The rows of a picture one after the other, and its PNG file.

use std::collections::HashMap;
use std::iter::zip;

use libdeflater::{CompressionLvl, Compressor};

use super::canvas::Canvas;
use crate::error::{Error, Result};

/// The numbers of PNG's filters: each row as it is, or as the differences from the one above it. A choice for each row takes
/// longer than all of the compression, and on drawings over grey it makes no smaller files.
const NONE: u8 = 0;
const UP: u8 = 2;

/// The level of compression. Lower levels make larger files of noise; higher ones take longer than they are worth.
const LEVEL: i32 = 2;

/// A picture of which all rows come in turn. While it has few colours, as over a mask, a pixel takes a byte in memory and in
/// the file, which takes half the time to compress.
pub(super) struct Sheet {
    /// Rows and columns.
    shape: [usize; 2],
    pixels: Pixels,
}

enum Pixels {
    /// Up to 256 colours, and the numbers of those of pixels, each row after the number of its filter.
    Few { colours: Colours, rows: Vec<u8> },
    /// The colours of pixels.
    Many(Vec<[u8; 3]>),
}

/// Colours in the order in which they came, and their numbers.
struct Colours {
    all: Vec<[u8; 3]>,
    numbers: HashMap<[u8; 3], u8>,
    /// Those that were looked up last, each at a place that follows from it.
    recent: Box<[([u8; 3], u8); RECENT]>,
}

/// A power of two.
const RECENT: usize = 1024;

impl Colours {
    fn new() -> Colours {
        // No place is empty: all have the first colour until they are used.
        Colours { all: vec![[0; 3]], numbers: HashMap::from([([0; 3], 0)]), recent: Box::new([([0; 3], 0); RECENT]) }
    }

    /// The number of a colour; `None` if it is one too many.
    #[inline]
    fn number(&mut self, colour: [u8; 3]) -> Option<u8> {
        let [red, green, blue] = colour.map(usize::from);
        let place = &mut self.recent[(red + green * 37 + blue * 101) % RECENT];
        if place.0 != colour {
            let known = self.numbers.get(&colour).copied();
            let number = match known {
                Some(number) => number,
                None => {
                    let number = u8::try_from(self.all.len()).ok()?;
                    self.all.push(colour);
                    self.numbers.insert(colour, number);
                    number
                }
            };
            *place = (colour, number);
        }
        Some(place.1)
    }

    /// Writes the numbers of a row's colours, unless there are too many.
    fn number_all(&mut self, row: &[[u8; 3]], numbers: &mut [u8]) -> bool {
        zip(row, numbers).all(|(&colour, slot)| self.number(colour).map(|number| *slot = number).is_some())
    }
}

impl Sheet {
    /// A picture of which no row has come yet.
    pub(super) fn new(shape: [usize; 2]) -> Sheet {
        let rows = Vec::with_capacity(shape[0] * (shape[1] + 1));
        Sheet { shape, pixels: Pixels::Few { colours: Colours::new(), rows } }
    }

    /// The next rows.
    pub(super) fn push(&mut self, canvas: &Canvas) {
        for row in canvas.rows() {
            if let Pixels::Few { colours, rows } = &mut self.pixels {
                let before = rows.len();
                rows.resize(before + 1 + row.len(), NONE);
                if colours.number_all(row, &mut rows[before + 1..]) {
                    continue;
                }
                rows.truncate(before);
                let mut pixels = Vec::with_capacity(self.shape[0] * self.shape[1]);
                for row in rows.chunks_exact(self.shape[1] + 1) {
                    pixels.extend(row[1..].iter().map(|&number| colours.all[usize::from(number)]));
                }
                self.pixels = Pixels::Many(pixels);
            }
            if let Pixels::Many(pixels) = &mut self.pixels {
                pixels.extend_from_slice(row);
            }
        }
    }

    /// The bytes of a PNG file, when all rows have come. Takes no further memory but for these.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) if the picture has more rows or columns than a PNG file can have.
    pub(super) fn png(self) -> Result<Vec<u8>> {
        let side = |n: usize| u32::try_from(n).map_err(|_| Error::internal("the picture is too large for a PNG file"));
        let (mut bytes, [height, width]) = (Vec::new(), self.shape);
        let mut encoder = png::Encoder::new(&mut bytes, side(width)?, side(height)?);
        encoder.set_depth(png::BitDepth::Eight);
        let rows = match self.pixels {
            Pixels::Few { colours, rows } => {
                encoder.set_color(png::ColorType::Indexed);
                encoder.set_palette(colours.all.into_flattened());
                rows
            }
            Pixels::Many(pixels) => {
                encoder.set_color(png::ColorType::Rgb);
                filtered(pixels, self.shape)
            }
        };
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_chunk(png::chunk::IDAT, &compressed(&rows))?;
            writer.finish()
        });
        written.map_err(|e| Error::internal("the picture cannot be encoded").because(e))?;
        Ok(bytes)
    }
}

/// The rows of a PNG file before compression: each as the differences from the one above it, with a byte that says so.
fn filtered(pixels: Vec<[u8; 3]>, [height, width]: [usize; 2]) -> Vec<u8> {
    let length = width * 3;
    let mut bytes = pixels.into_flattened();
    bytes.reserve_exact(height);
    bytes.resize((length + 1) * height, 0);
    let (mut here, mut above) = (vec![0; length], vec![0; length]);
    // In place, from the last row on: each moves down by the bytes of the rows above it.
    for row in (0..height).rev() {
        here.copy_from_slice(&bytes[row * length..][..length]);
        match row.checked_sub(1) {
            Some(before) => above.copy_from_slice(&bytes[before * length..][..length]),
            None => above.fill(0),
        }
        let filtered = &mut bytes[row * (length + 1)..][..length + 1];
        filtered[0] = UP;
        let differences = here.iter().zip(&above).map(|(value, above)| value.wrapping_sub(*above));
        filtered[1..].iter_mut().zip(differences).for_each(|(value, difference)| *value = difference);
    }
    bytes
}

/// Bytes in the format of RFC 1950.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default());
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let written = compressor.zlib_compress(bytes, &mut out).unwrap_or_else(|_| unreachable!("the bound is enough"));
    out.truncate(written);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_picture_is_read_back_as_it_was(
            (shape, pixels, cut) in (1usize..20, 1usize..20, any::<bool>())
                .prop_flat_map(|(r, c, few)| (Just([r, c]), prop::collection::vec(colour(few), r * c), 0..=r)),
        ) {
            let mut sheet = Sheet::new(shape);
            for (rows, pixels) in [(cut, &pixels[..cut * shape[1]]), (shape[0] - cut, &pixels[cut * shape[1]..])] {
                sheet.push(&Canvas::of([rows, shape[1]], pixels.to_vec()));
            }
            let read = image::load_from_memory(&sheet.png().unwrap()).unwrap().into_rgb8();
            prop_assert_eq!((read.height() as usize, read.width() as usize), (shape[0], shape[1]));
            prop_assert_eq!(read.into_raw(), pixels.into_flattened());
        }
    }

    fn colour(few: bool) -> impl Strategy<Value = [u8; 3]> {
        any::<[u8; 3]>().prop_map(move |colour| if few { colour.map(|level| level / 64) } else { colour })
    }

    #[test]
    fn a_picture_of_256_colours_takes_a_byte_a_pixel_and_one_more_colour_three() {
        let png = |colours: usize| {
            let mut sheet = Sheet::new([1, colours]);
            sheet.push(&Canvas::of([1, colours], (0..colours).map(|i| [(i / 16) as u8, (i % 16) as u8, 0]).collect()));
            let bytes = sheet.png().unwrap();
            png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap().info().color_type
        };
        assert_eq!([png(256), png(257)], [png::ColorType::Indexed, png::ColorType::Rgb]);
    }
}
