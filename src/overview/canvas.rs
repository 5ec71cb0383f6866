//! A picture in memory, onto which others are put and text is written.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};

/// The colours of a sheet and of what is written on it.
const BACKGROUND: [u8; 3] = [255; 3];
pub(super) const INK: [u8; 3] = [0; 3];

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

    /// The rows of pixels.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[[u8; 3]]> {
        self.pixels.chunks_exact(self.width.max(1))
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

    /// Puts another picture over this one, with its first pixel at a row and a column; its columns must fit.
    pub(super) fn paste(&mut self, part: &Canvas, at: [usize; 2]) {
        self.paste_below(0, part, at);
    }

    /// The same where this picture begins at a row of a larger one: only what falls on it is put over it.
    pub(super) fn paste_below(&mut self, first: usize, part: &Canvas, [row, column]: [usize; 2]) {
        for (i, pixels) in part.pixels.chunks_exact(part.width.max(1)).enumerate() {
            if let Some(row) = (row + i).checked_sub(first).filter(|row| *row < self.height) {
                self.pixels[row * self.width + column..][..part.width].copy_from_slice(pixels);
            }
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
