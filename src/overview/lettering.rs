//! Letters of a picture, in a size that fits it.

use embedded_graphics::Drawable;
use embedded_graphics::geometry::Point;
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_9X15, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::text::{Baseline, Text};

use super::canvas::{Canvas, INK};

/// A font of letters of one width, each pixel of which is a square of `times` pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lettering {
    font: MonoFont<'static>,
    times: usize,
}

impl Lettering {
    /// Letters for a sheet of a width, on which they can be read when it is shown about 700 pixels wide.
    pub(super) fn of(width: usize) -> Lettering {
        let (font, times) = match width {
            0..=700 => (FONT_7X13, 1),
            701..=900 => (FONT_9X15, 1),
            901..=1200 => (FONT_10X20, 1),
            1201..=1700 => (FONT_7X13, 2),
            1701..=2200 => (FONT_9X15, 2),
            _ => (FONT_10X20, (width / 1000).max(2)),
        };
        Lettering { font, times }
    }

    /// Pixels between the top of a letter and the bottom of the lowest.
    pub(super) fn height(self) -> usize {
        self.font.character_size.height as usize * self.times
    }

    /// How long a text is.
    pub(super) fn width(self, text: &str) -> usize {
        text.chars().count() * self.font.character_size.width as usize * self.times
    }

    /// A line of text.
    pub(super) fn text(self, text: &str) -> Canvas {
        let mut canvas = Canvas::filled([self.height() / self.times, (self.width(text) / self.times).max(1)]);
        let style = MonoTextStyle::new(&self.font, Rgb888::new(INK[0], INK[1], INK[2]));
        // Nothing can fail: the target is memory.
        let _ = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut canvas);
        canvas.enlarged(self.times)
    }
}
