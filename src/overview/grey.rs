//! Projections in shades of grey.

use std::iter::zip;
use std::ops::Range;

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
        let panels = || projections.panels().iter().map(|panel| &panel.values[..]);
        let (mut darkest, mut largest, mut count) = (f32::INFINITY, f32::NEG_INFINITY, 0usize);
        for values in panels() {
            for &value in values.iter().filter(|value| value.is_finite()) {
                (darkest, largest, count) = (darkest.min(value), largest.max(value), count + 1);
            }
        }
        if count == 0 {
            return Grey { darkest: 0.0, brightest: 1.0 };
        }
        let exceeding = (count - 1) / 500;
        // Masks and saturated images need no sorting.
        let saturated: usize = panels().map(|values| values.iter().filter(|value| **value == largest).count()).sum();
        if saturated > exceeding {
            return Grey { darkest, brightest: largest };
        }
        let above = panels().flatten().copied().filter(|&value| value > darkest && value.is_finite());
        let mut above: Vec<f32> = above.collect();
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

    /// Some rows of a panel in another size, turned so that its columns become rows if `is_turned`. A pixel has the largest
    /// value that falls on it.
    pub(super) fn panel(
        &self,
        panel: &Panel,
        is_turned: bool,
        [height, width]: [usize; 2],
        rows: Range<usize>,
    ) -> Canvas {
        let [mut high, mut wide] = panel.shape;
        if is_turned {
            (high, wide) = (wide, high);
        }
        // The rows that fall on these.
        let needed = match rows.is_empty() {
            true => 0..0,
            false => span(high, height, rows.start).start..span(high, height, rows.end - 1).end,
        };
        // A larger value has no darker shade: shades are compared in place of values.
        let mut shades = vec![0; needed.len() * wide];
        if is_turned {
            for (column, values) in panel.values.chunks_exact(high.max(1)).enumerate() {
                for (row, value) in values[needed.clone()].iter().enumerate() {
                    shades[row * wide + column] = self.shade(*value);
                }
            }
        } else {
            let values = &panel.values[needed.start * wide..needed.end * wide];
            zip(&mut shades, values).for_each(|(shade, value)| *shade = self.shade(*value));
        }
        let shape = [rows.len(), width];
        if [high, wide] != [height, width] {
            let of_rows =
                rows.map(|row| span(high, height, row)).map(|of| of.start - needed.start..of.end - needed.start);
            shades = resized(&shades, wide, of_rows, width);
        }
        Canvas::of(shape, shades.into_iter().map(|shade| [shade; 3]).collect())
    }
}

/// The places of a side that fall on a pixel of it, of which it has another number.
fn span(places: usize, pixels: usize, pixel: usize) -> Range<usize> {
    pixel * places / pixels..((pixel + 1) * places).div_ceil(pixels).min(places)
}

/// An image of some columns in another size, made of these of its rows. A pixel has the largest value that falls on it, or 0
/// if none does.
fn resized(values: &[u8], columns: usize, of_rows: impl Iterator<Item = Range<usize>>, width: usize) -> Vec<u8> {
    let of_columns: Vec<_> = (0..width).map(|column| span(columns, width, column)).collect();
    let mut pixels = Vec::new();
    let mut largest = vec![0; columns];
    for of_row in of_rows {
        largest.fill(0);
        for row in of_row {
            let values = &values[row * columns..][..columns];
            largest.iter_mut().zip(values).for_each(|(largest, value)| *largest = (*largest).max(*value));
        }
        pixels.extend(of_columns.iter().map(|columns| largest[columns.clone()].iter().copied().max().unwrap_or(0)));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pixel_of_another_size_has_the_largest_value_that_falls_on_it(
            (shape, values) in (1usize..9, 1usize..9)
                .prop_flat_map(|(r, c)| (Just([r, c]), prop::collection::vec(-3i8..100, r * c))),
            size in [1usize..20, 1usize..20],
            is_turned: bool,
            cut in 0usize..20,
        ) {
            let values: Vec<f32> = values.into_iter().map(|v| if v < 0 { f32::NEG_INFINITY } else { f32::from(v) }).collect();
            let panel = Panel { first: [0; 2], shape, values };
            let grey = Grey { darkest: 0.0, brightest: 90.0 };
            let mut canvas = grey.panel(&panel, is_turned, size, 0..size[0]);
            for rows in [0..cut.min(size[0]), cut.min(size[0])..size[0]] {
                let mut some = grey.panel(&panel, is_turned, size, rows.clone());
                prop_assert_eq!(some.pixels_mut(), &canvas.pixels_mut()[rows.start * size[1]..rows.end * size[1]]);
            }
            let [from_rows, from_columns] = if is_turned { [shape[1], shape[0]] } else { shape };
            let falls = |place: usize, from: usize, to: usize, pixel: usize| {
                // The pixel and the place share a part of the side.
                place * to < (pixel + 1) * from && (place + 1) * to > pixel * from
            };
            for (at, pixel) in canvas.pixels_mut().iter().enumerate() {
                let mut largest = f32::NEG_INFINITY;
                for (place, value) in panel.values.iter().enumerate() {
                    let (mut row, mut column) = (place / shape[1], place % shape[1]);
                    if is_turned {
                        (row, column) = (column, row);
                    }
                    if falls(row, from_rows, size[0], at / size[1]) && falls(column, from_columns, size[1], at % size[1]) {
                        largest = largest.max(*value);
                    }
                }
                prop_assert_eq!(*pixel, [grey.shade(largest); 3]);
            }
        }
    }
}
