//! Branches as lines on a panel.

use super::canvas::{Canvas, mixed};
use super::colours::Palette;

/// A pixel is made of this many places along each side, so that edges are smooth.
const FINE: usize = 2;
/// How much of the grey beside a line is taken away, so that the line stands out.
pub(super) const SHADOW: f32 = 0.7;
/// Narrower lines have no shadow: there are many.
pub(super) const LEAST_WITH_SHADOW: f64 = 1.4;

/// The inks of the places of a panel; 0 where there is none.
pub(super) struct Lines {
    inks: Vec<u8>,
    /// The axes of its rows and columns.
    axes: [usize; 2],
    /// Its rows and columns of pixels.
    shape: [usize; 2],
    /// What belongs to a point of a line: its rows and columns from the first ones, and half their number.
    stamp: Vec<[isize; 2]>,
    half: f64,
    has_shadow: bool,
}

impl Lines {
    /// A panel of some rows and columns without lines; those to come are `width` pixels wide.
    pub(super) fn new(axes: [usize; 2], shape: [usize; 2], width: f64) -> Lines {
        let places = ((width * FINE as f64).round() as usize).max(1);
        let middle = (places as f64 - 1.0) / 2.0;
        let square = (0..places * places).map(|i| (i / places, i % places));
        let round = square.filter(|&(row, column)| {
            let (y, x) = (row as f64 - middle, column as f64 - middle);
            y * y + x * x <= (middle + 0.5) * (middle + 0.5)
        });
        let stamp = round.map(|(row, column)| [row as isize, column as isize]).collect();
        let inks = vec![0; shape[0] * shape[1] * FINE * FINE];
        Lines { inks, axes, shape, stamp, half: places as f64 / 2.0, has_shadow: width >= LEAST_WITH_SHADOW }
    }

    /// Draws a line from a place to another one, or only that one, in pixels along (z, y, x).
    pub(super) fn add(&mut self, from: Option<[f64; 3]>, to: [f64; 3], ink: u8) {
        let fine = |place: [f64; 3]| self.axes.map(|axis| place[axis] * FINE as f64);
        let [row, column] = fine(to);
        let Some(from) = from else { return self.stamp(row, column, ink) };
        let [from_row, from_column] = fine(from);
        let place = |row: f64, column: f64| (row as isize, column as isize);
        if place(row, column) == place(from_row, from_column) {
            return;
        }
        let steps = (row - from_row).abs().max((column - from_column).abs()).ceil().max(1.0);
        for step in 1..=steps as usize {
            let share = step as f64 / steps;
            self.stamp(from_row + (row - from_row) * share, from_column + (column - from_column) * share, ink);
        }
    }

    fn stamp(&mut self, row: f64, column: f64, ink: u8) {
        let [row, column] = [row, column].map(|place| (place - self.half).round() as isize);
        let [rows, columns] = self.shape.map(|side| side * FINE);
        for [down, right] in &self.stamp {
            if let (Ok(row), Ok(column)) = (usize::try_from(row + down), usize::try_from(column + right))
                && row < rows
                && column < columns
            {
                let place = &mut self.inks[row * columns + column];
                *place = (*place).max(ink);
            }
        }
    }

    /// The number of pixels that lines cover, rounded down.
    pub(super) fn inked(&self) -> usize {
        self.inks.iter().filter(|ink| **ink > 0).count() / (FINE * FINE)
    }

    /// Paints the lines on a panel of the same shape.
    pub(super) fn paint(&self, canvas: &mut Canvas, palette: &Palette) {
        let [rows, columns] = self.shape;
        let covers: Vec<u8> = (0..rows * columns).map(|pixel| self.cover(pixel)).collect();
        let beside = |row: usize, column: usize| {
            let columns_near = column.saturating_sub(1)..(column + 2).min(columns);
            let near = (row.saturating_sub(1)..(row + 2).min(rows)).flat_map(|row| {
                covers[row * columns + columns_near.start..row * columns + columns_near.end].iter().copied()
            });
            near.max().unwrap_or(0)
        };
        for (pixel, value) in canvas.pixels_mut().iter_mut().enumerate() {
            let cover = share(covers[pixel]);
            if self.has_shadow && cover < 1.0 {
                let shadow = share(beside(pixel / columns, pixel % columns));
                *value = mixed(*value, [0; 3], SHADOW * shadow);
            }
            if cover > 0.0 {
                *value = mixed(*value, self.colour(pixel, palette), cover);
            }
        }
    }

    /// The places that make a pixel.
    fn places(&self, pixel: usize) -> impl Iterator<Item = u8> + '_ {
        let columns = self.shape[1];
        let first = (pixel / columns) * FINE * columns * FINE + (pixel % columns) * FINE;
        (0..FINE * FINE).map(move |i| self.inks[first + i / FINE * columns * FINE + i % FINE])
    }

    /// How many of the places of a pixel are covered.
    fn cover(&self, pixel: usize) -> u8 {
        self.places(pixel).map(|ink| u8::from(ink > 0)).sum()
    }

    /// The colour of what covers a pixel.
    fn colour(&self, pixel: usize, palette: &Palette) -> [u8; 3] {
        let (mut sums, mut count) = ([0u32; 3], 0);
        for ink in self.places(pixel).filter(|ink| *ink > 0) {
            let colour = palette.colour(ink);
            (sums, count) = (std::array::from_fn(|i| sums[i] + u32::from(colour[i])), count + 1);
        }
        sums.map(|sum| u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX))
    }
}

/// The share of a pixel's places.
fn share(places: u8) -> f32 {
    f32::from(places) / (FINE * FINE) as f32
}
