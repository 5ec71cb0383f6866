//! What explains a picture: titles, a scale bar, and a legend of its colours.

use embedded_graphics::Drawable;
use embedded_graphics::geometry::Point;
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_9X15};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::text::{Baseline, Text};

use super::canvas::Canvas;
use super::colours::{KINDS, Palette, of_ramp};
use crate::space::Spacing;

const INK: [u8; 3] = [225, 225, 225];
/// Length of the colour bar, in pixels.
const BAR: usize = 160;

/// The font of a picture.
pub(super) type Lettering = &'static Font;

/// A font of letters of one width.
pub(super) struct Font(MonoFont<'static>);

static SMALL: Font = Font(FONT_7X13);
static LARGE: Font = Font(FONT_9X15);

impl Font {
    /// The font for panels of a size.
    pub(super) fn of(size: usize) -> Lettering {
        if size < 800 { &SMALL } else { &LARGE }
    }

    fn height(&self) -> usize {
        self.0.character_size.height as usize
    }
}

/// A line of text.
pub(super) fn title(text: &str, lettering: Lettering) -> Canvas {
    let width = text.chars().count() * lettering.0.character_size.width as usize;
    let mut canvas = Canvas::filled([lettering.height(), width.max(1)]);
    let style = MonoTextStyle::new(&lettering.0, Rgb888::new(INK[0], INK[1], INK[2]));
    // Nothing can fail: the target is memory.
    let _ = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut canvas);
    canvas
}

/// A sign in a colour, as high as a line of text.
fn swatch(lettering: Lettering, width: usize, colour: impl Fn(usize) -> [u8; 3]) -> Canvas {
    let height = lettering.height();
    let mut canvas = Canvas::filled([height, width]);
    for column in 0..width {
        canvas.fill([height / 4, column], [height / 2, 1], colour(column));
    }
    canvas
}

/// What stands behind a length: its unit, or `voxels` if a voxel is one long along each axis.
pub(super) fn unit_of_lengths(unit: Option<&str>, spacing: Spacing) -> String {
    match unit {
        Some(unit) => format!(" {unit}"),
        None if spacing.0 == [1.0; 3] => " voxels".to_owned(),
        None => String::new(),
    }
}

/// The scale bar: a length of 1, 2 or 5 times a power of ten that takes at most a quarter of a panel's `width`. `None` if
/// there is no length that fits.
pub(super) fn scale_bar(scale: f64, width: usize, unit: &str, lettering: Lettering) -> Option<Canvas> {
    let length = round_length(width as f64 / 4.0 / scale)?;
    let pixels = ((length * scale).round() as usize).max(1);
    let bar = swatch(lettering, pixels, |_| INK);
    Some(bar.beside(&title(&format!("{length}{unit}"), lettering), 6))
}

/// The largest of 1, 2 and 5 times a power of ten that is at most a limit.
fn round_length(limit: f64) -> Option<f64> {
    if !(limit.is_finite() && limit > 0.0) {
        return None;
    }
    let power = 10f64.powf(limit.log10().floor());
    let fitting = [5.0, 2.0, 1.0].map(|times| times * power).into_iter().find(|length| *length <= limit);
    // The nearest decimal number, not a product of rounded ones.
    fitting.and_then(|length| format!("{length:.0e}").parse().ok())
}

/// The signs of the legend.
pub(super) fn legend(palette: &Palette, unit: &str, lettering: Lettering) -> Vec<Canvas> {
    let label = |text: &str| title(text, lettering);
    match *palette {
        Palette::Kind => {
            let sign =
                |&(_, colour, name): &(_, [u8; 3], &str)| swatch(lettering, 18, |_| colour).beside(&label(name), 6);
            KINDS.iter().map(sign).collect()
        }
        Palette::Radius { least, largest } => {
            let bar = swatch(lettering, BAR, |column| of_ramp(column as f64 / (BAR - 1) as f64));
            let numbers = [least, largest].map(short);
            let ends = label(&numbers[0]).beside(&bar, 6).beside(&label(&format!("{}{unit}", numbers[1])), 6);
            vec![label("mean radius").beside(&ends, 12)]
        }
        Palette::NoRadius => vec![label("no radius: the image has no background")],
    }
}

/// A number with three digits that count.
fn short(number: f64) -> String {
    let digits = (2 - number.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_bar_is_one_two_or_five_times_a_power_of_ten() {
        let found = [0.9, 1.0, 4.99, 700.0, 0.03].map(round_length);
        assert_eq!(found, [Some(0.5), Some(1.0), Some(2.0), Some(500.0), Some(0.02)]);
        assert_eq!(round_length(0.0).or(round_length(f64::NAN)), None);
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        assert_eq!([1.0, 12.345, 0.012_345, 1234.5].map(short), ["1.00", "12.3", "0.0123", "1234"]);
    }
}
