//! What explains a picture: a scale bar, and a legend of its colours.

use super::canvas::{Canvas, INK};
use super::colours::{KINDS, Palette, of_ramp};
use super::lettering::Lettering;
use crate::space::Spacing;

/// A part of the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sign {
    /// A bar of some pixels, and the length that it stands for.
    Scale { pixels: usize, length: String },
    /// A colour of lines, and what it stands for.
    Colour { colour: [u8; 3], name: &'static str },
    /// All colours from the least radius to the largest.
    Ramp { ends: [String; 2] },
    /// A sentence.
    Words(&'static str),
}

/// What stands before a bar of colours.
pub(super) const RAMP_NAME: &str = "mean radius (log scale)";

impl Sign {
    /// Rows and columns.
    pub(super) fn shape(&self, lettering: Lettering) -> [usize; 2] {
        let (height, gap) = (lettering.height(), lettering.height() / 2);
        let width = match self {
            Sign::Scale { pixels, length } => pixels + gap + lettering.width(length),
            Sign::Colour { name, .. } => swatch(lettering) + gap + lettering.width(name),
            Sign::Ramp { ends } => {
                let texts = lettering.width(RAMP_NAME) + lettering.width(&ends[0]) + lettering.width(&ends[1]);
                texts + ramp(lettering) + 3 * gap
            }
            Sign::Words(words) => lettering.width(words),
        };
        [height, width.max(1)]
    }

    /// The sign as a picture.
    pub(super) fn canvas(&self, lettering: Lettering) -> Canvas {
        let [height, width] = self.shape(lettering);
        let gap = height / 2;
        let mut canvas = Canvas::filled([height, width]);
        match self {
            Sign::Scale { pixels, length } => {
                canvas.fill([height * 3 / 8, 0], [(height / 4).max(2), *pixels], INK);
                canvas.paste(&lettering.text(length), [0, pixels + gap]);
            }
            Sign::Colour { colour, name } => {
                let length = swatch(lettering);
                // On black, as on a panel.
                canvas.fill([height / 8, 0], [height * 3 / 4, length], [0; 3]);
                canvas.fill([height * 3 / 8, 0], [(height / 4).max(2), length], *colour);
                canvas.paste(&lettering.text(name), [0, length + gap]);
            }
            Sign::Ramp { ends } => {
                let mut place = 0;
                let mut write = |canvas: &mut Canvas, text: &str| {
                    canvas.paste(&lettering.text(text), [0, place]);
                    place += lettering.width(text) + gap;
                    place
                };
                write(&mut canvas, RAMP_NAME);
                let (start, length) = (write(&mut canvas, &ends[0]), ramp(lettering));
                for column in 0..length {
                    let colour = of_ramp(column as f64 / (length - 1).max(1) as f64);
                    canvas.fill([height / 8, start + column], [height * 3 / 4, 1], colour);
                }
                canvas.paste(&lettering.text(&ends[1]), [0, start + length + gap]);
            }
            Sign::Words(words) => canvas.paste(&lettering.text(words), [0, 0]),
        }
        canvas
    }
}

/// Length of a sample of a colour.
pub(super) fn swatch(lettering: Lettering) -> usize {
    lettering.height() * 3 / 2
}

/// Length of the bar of colours.
pub(super) fn ramp(lettering: Lettering) -> usize {
    lettering.height() * 10
}

/// The signs of a picture: the scale bar, if a round length fits `most` pixels, and what the colours stand for.
pub(super) fn signs(palette: &Palette, scale: f64, most: f64, unit: &str) -> Vec<Sign> {
    let bar = scale_bar(scale, most, unit);
    let colours = match palette {
        Palette::Kind { present } => {
            let present = KINDS.iter().zip(present).filter(|(_, present)| **present);
            let colours: Vec<Sign> = present.map(|(&(_, colour, name), _)| Sign::Colour { colour, name }).collect();
            if colours.is_empty() { vec![Sign::Words("no skeleton")] } else { colours }
        }
        Palette::Radius { least, largest } => {
            vec![Sign::Ramp { ends: [short(*least), format!("{}{unit}", short(*largest))] }]
        }
        Palette::NoRadius => vec![Sign::Words("no radius: the image has no background")],
    };
    bar.into_iter().chain(colours).collect()
}

/// What stands behind a length: its unit, or `voxels` if a voxel is one long along each axis.
pub(super) fn unit_of_lengths(unit: Option<&str>, spacing: Spacing) -> String {
    match unit {
        Some(unit) => format!(" {unit}"),
        None if spacing.0 == [1.0; 3] => " voxels".to_owned(),
        None => String::new(),
    }
}

/// The scale bar: a length of 1, 2 or 5 times a power of ten that takes at most some pixels. `None` if there is no length
/// that fits.
fn scale_bar(scale: f64, most: f64, unit: &str) -> Option<Sign> {
    let length = round_length(most / scale)?;
    let pixels = ((length * scale).round() as usize).max(1);
    let unit = if length == 1.0 && unit == " voxels" { " voxel" } else { unit };
    Some(Sign::Scale { pixels, length: format!("{length}{unit}") })
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

    #[test]
    fn the_legend_names_the_kinds_that_are_there() {
        let kinds = |present| signs(&Palette::Kind { present }, 0.0, 0.0, "");
        let names = |signs: Vec<Sign>| signs.into_iter().map(|sign| format!("{sign:?}")).collect::<String>();
        let some = names(kinds([true, false, false, true, false]));
        assert!(some.contains("junction to junction") && some.contains("cycle") && !some.contains("tip"), "{some}");
        assert_eq!(kinds([false; 5]), [Sign::Words("no skeleton")]);
    }
}
