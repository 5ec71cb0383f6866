//! A picture in memory, onto which others are put and text is written.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use libdeflater::{CompressionLvl, Compressor};

use crate::error::{Error, Result};

/// The colours of a sheet and of what is written on it.
const BACKGROUND: [u8; 3] = [255; 3];
pub(super) const INK: [u8; 3] = [0; 3];

/// The number of PNG's filter that stores each row as the differences from the one above it. A choice for each row takes
/// longer than all of the compression, and on drawings over grey it makes no smaller files.
const UP: u8 = 2;

/// The level of compression. Lower levels make larger files of noise; higher ones take longer than they are worth.
const LEVEL: i32 = 2;

/// An RGB picture.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    height: usize,
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Canvas {
    /// A picture of some rows and columns in the colour of the background.
    pub(super) fn filled([height, width]: [usize; 2]) -> Canvas {
        Canvas { height, width, pixels: vec![BACKGROUND; height * width] }
    }

    /// A picture of these pixels, row by row.
    pub(super) fn of([height, width]: [usize; 2], pixels: Vec<[u8; 3]>) -> Canvas {
        debug_assert_eq!(pixels.len(), height * width);
        Canvas { height, width, pixels }
    }

    pub(super) fn pixels_mut(&mut self) -> &mut [[u8; 3]] {
        &mut self.pixels
    }

    /// Fills a box, from a row and a column, as far as it lies inside.
    pub(super) fn fill(&mut self, [row, column]: [usize; 2], [height, width]: [usize; 2], colour: [u8; 3]) {
        let (start, end) = (column.min(self.width), (column + width).min(self.width));
        for pixels in self.pixels.chunks_exact_mut(self.width.max(1)).skip(row).take(height) {
            pixels[start..end].fill(colour);
        }
    }

    /// Puts another picture over this one, with its first pixel at a row and a column; it must fit.
    pub(super) fn paste(&mut self, part: &Canvas, [row, column]: [usize; 2]) {
        for (i, pixels) in part.pixels.chunks_exact(part.width.max(1)).enumerate() {
            let start = (row + i) * self.width + column;
            self.pixels[start..start + part.width].copy_from_slice(pixels);
        }
    }

    /// This picture with squares of pixels for its pixels.
    pub(super) fn enlarged(self, times: usize) -> Canvas {
        if times == 1 {
            return self;
        }
        let [height, width] = [self.height * times, self.width * times];
        let pixel = |i: usize| self.pixels[i / width / times * self.width + i % width / times];
        Canvas { height, width, pixels: (0..height * width).map(pixel).collect() }
    }

    /// The bytes of a PNG file. Takes no further memory but for these.
    pub(super) fn png(self) -> Result<Vec<u8>> {
        let side = |n: usize| u32::try_from(n).map_err(|_| Error::internal("the picture is too large for a PNG file"));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width)?, side(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_chunk(png::chunk::IDAT, &compressed(&self.filtered()))?;
            writer.finish()
        });
        written.map_err(|e| Error::internal("the picture cannot be encoded").because(e))?;
        Ok(bytes)
    }

    /// The rows of a PNG file before compression: each as the differences from the one above it, with a byte that says so.
    fn filtered(self) -> Vec<u8> {
        let length = self.width * 3;
        let mut bytes = self.pixels.into_flattened();
        bytes.reserve_exact(self.height);
        bytes.resize((length + 1) * self.height, 0);
        let (mut here, mut above) = (vec![0; length], vec![0; length]);
        // In place, from the last row on: each moves down by the bytes of the rows above it.
        for row in (0..self.height).rev() {
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
}

/// Bytes in the format of RFC 1950.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default());
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let written = compressor.zlib_compress(bytes, &mut out).unwrap_or_else(|_| unreachable!("the bound is enough"));
    out.truncate(written);
    out
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Size::new(side(self.width), side(self.height))
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> std::result::Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            if let (Ok(row), Ok(column)) = (usize::try_from(point.y), usize::try_from(point.x))
                && row < self.height
                && column < self.width
            {
                self.pixels[row * self.width + column] = [colour.r(), colour.g(), colour.b()];
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_picture_is_read_back_as_it_was(
            (shape, pixels) in (1usize..20, 1usize..20)
                .prop_flat_map(|(r, c)| (Just([r, c]), prop::collection::vec(any::<[u8; 3]>(), r * c))),
        ) {
            let bytes = Canvas::of(shape, pixels.clone()).png().unwrap();
            let read = image::load_from_memory(&bytes).unwrap().into_rgb8();
            prop_assert_eq!((read.height() as usize, read.width() as usize), (shape[0], shape[1]));
            prop_assert_eq!(read.into_raw(), pixels.into_flattened());
        }
    }
}
