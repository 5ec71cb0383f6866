//! Projections in shades of grey.

use super::canvas::Canvas;
use crate::kernel::image::project::{Panel, Projections};

/// The grey of the brightest pixels: dark enough for every colour to stand out.
pub(super) const BRIGHTEST: f32 = 130.0;

/// The values that become the darkest and the brightest grey.
pub(super) struct Grey {
    darkest: f32,
    brightest: f32,
}

impl Grey {
    /// From the least projected value to one that few pixels exceed.
    pub(super) fn of(projections: &Projections) -> Grey {
        let values = || projections.panels().iter().flat_map(|panel| &panel.values).copied().filter(|v| v.is_finite());
        let (mut darkest, mut largest, mut count) = (f32::INFINITY, f32::NEG_INFINITY, 0);
        values().for_each(|value| (darkest, largest, count) = (darkest.min(value), largest.max(value), count + 1));
        if count == 0 {
            return Grey { darkest: 0.0, brightest: 1.0 };
        }
        let exceeding = (count - 1) / 500;
        // Masks and saturated images need no sorting.
        if values().filter(|&value| value == largest).count() > exceeding {
            return Grey { darkest, brightest: largest };
        }
        let mut above: Vec<f32> = values().filter(|&value| value > darkest).collect();
        let brightest = match above.len().checked_sub(exceeding + 1) {
            Some(place) => *above.select_nth_unstable_by(place, f32::total_cmp).1,
            None => largest,
        };
        Grey { darkest, brightest }
    }

    /// The grey of a value, as a level of red, green and blue.
    pub(super) fn shade(&self, value: f32) -> u8 {
        let range = self.brightest - self.darkest;
        // One value only: black for zero, else full brightness.
        let share = match range > 0.0 {
            true => (value - self.darkest) / range,
            false => f32::from(u8::from(value > 0.0)),
        };
        (share.clamp(0.0, 1.0) * BRIGHTEST) as u8
    }

    /// A panel in another size, turned so that its columns become rows if `is_turned`. A pixel has the largest value that
    /// falls on it.
    pub(super) fn panel(&self, panel: &Panel, is_turned: bool, [height, width]: [usize; 2]) -> Canvas {
        let [rows, columns] = panel.shape;
        if !is_turned && panel.shape == [height, width] {
            let pixels = panel.values.iter().map(|&value| [self.shade(value); 3]);
            return Canvas::of([height, width], pixels.collect());
        }
        let (from_rows, from_columns) = if is_turned { (columns, rows) } else { (rows, columns) };
        let spans = |from: usize, to: usize| -> Vec<(usize, usize)> {
            let span = |i: usize| (i * from / to, ((i + 1) * from).div_ceil(to).min(from));
            (0..to).map(span).collect()
        };
        let (of_rows, of_columns) = (spans(from_rows, height), spans(from_columns, width));
        let mut pixels = Vec::with_capacity(height * width);
        for &(top, bottom) in &of_rows {
            for &(left, right) in &of_columns {
                let mut largest = f32::NEG_INFINITY;
                for row in top..bottom {
                    for column in left..right {
                        let place = if is_turned { column * columns + row } else { row * columns + column };
                        largest = largest.max(panel.values[place]);
                    }
                }
                pixels.push([self.shade(largest); 3]);
            }
        }
        Canvas::of([height, width], pixels)
    }
}
