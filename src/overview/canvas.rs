//! A picture in memory, onto which others are put and text is written.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Size};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::error::{Error, Result};

const BACKGROUND: [u8; 3] = [38, 38, 38];

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

    fn paste(&mut self, part: &Canvas, [row, column]: [usize; 2]) {
        for (i, pixels) in part.pixels.chunks_exact(part.width.max(1)).enumerate() {
            let start = (row + i) * self.width + column;
            self.pixels[start..start + part.width].copy_from_slice(pixels);
        }
    }

    /// This picture with another one below.
    pub(super) fn above(&self, other: &Canvas, gap: usize) -> Canvas {
        let mut both = Canvas::filled([self.height + gap + other.height, self.width.max(other.width)]);
        both.paste(self, [0, 0]);
        both.paste(other, [self.height + gap, 0]);
        both
    }

    /// This picture with another one to its right.
    pub(super) fn beside(&self, other: &Canvas, gap: usize) -> Canvas {
        let mut both = Canvas::filled([self.height.max(other.height), self.width + gap + other.width]);
        both.paste(self, [0, 0]);
        both.paste(other, [0, self.width + gap]);
        both
    }

    /// Pictures from left to right, in as many lines as a width asks for.
    pub(super) fn in_lines(pictures: &[Canvas], width: usize, gap: usize) -> Canvas {
        let mut lines: Vec<Canvas> = Vec::new();
        for picture in pictures {
            match lines.last_mut() {
                Some(line) if line.width + gap + picture.width <= width => *line = line.beside(picture, gap),
                _ => lines.push(picture.clone()),
            }
        }
        let stack = |all: Canvas, line: &Canvas| all.above(line, gap / 2);
        let mut lines = lines.iter();
        let first = lines.next().cloned().unwrap_or_else(|| Canvas::filled([1, 1]));
        lines.fold(first, stack)
    }

    /// The bytes of a PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let side = |n: usize| u32::try_from(n).map_err(|_| Error::internal("the picture is too large for a PNG file"));
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(self.pixels.as_flattened(), side(self.width)?, side(self.height)?, ExtendedColorType::Rgb8)
            .map_err(|e| Error::internal("the picture cannot be encoded").because(e))?;
        Ok(bytes)
    }
}

/// Pictures at places of a larger one, which is made at last: large ones are copied once.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    parts: Vec<(Canvas, [usize; 2])>,
}

impl Sheet {
    /// Puts a picture with its first pixel at a row and a column. Returns its height.
    pub(super) fn put(&mut self, part: Canvas, corner: [usize; 2]) -> usize {
        let height = part.height;
        self.parts.push((part, corner));
        height
    }

    /// Rows down to the end of the lowest picture.
    pub(super) fn height(&self) -> usize {
        self.parts.iter().map(|(part, [row, _])| row + part.height).max().unwrap_or(0)
    }

    /// Columns up to the end of the rightmost picture.
    pub(super) fn width(&self) -> usize {
        self.parts.iter().map(|(part, [_, column])| column + part.width).max().unwrap_or(0)
    }

    /// All of it, with a margin below and to the right.
    pub(super) fn canvas(&self, margin: usize) -> Canvas {
        let mut whole = Canvas::filled([self.height() + margin, self.width() + margin]);
        self.parts.iter().for_each(|(part, corner)| whole.paste(part, *corner));
        whole
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
