//! Branches as lines on a panel.

use super::canvas::Canvas;
use super::colours::Palette;

/// The inks of the pixels of a panel; 0 where there is none.
pub(super) struct Lines {
    inks: Vec<u8>,
    /// The axes of its rows and columns.
    axes: [usize; 2],
    shape: [usize; 2],
    /// Rows and columns from the middle of a line that belong to it.
    stamp: Vec<[isize; 2]>,
}

impl Lines {
    /// A panel of some rows and columns without lines; those to come are `width` pixels wide.
    pub(super) fn new(axes: [usize; 2], shape: [usize; 2], width: usize) -> Lines {
        let middle = (width as f64 - 1.0) / 2.0;
        let offsets = |i: usize| i as isize - ((width - 1) / 2) as isize;
        let places = (0..width * width).map(|i| (i / width, i % width));
        let round = places.filter(|&(row, column)| {
            let (y, x) = (row as f64 - middle, column as f64 - middle);
            y * y + x * x <= (middle + 0.5) * (middle + 0.5)
        });
        let stamp = round.map(|(row, column)| [offsets(row), offsets(column)]).collect();
        Lines { inks: vec![0; shape[0] * shape[1]], axes, shape, stamp }
    }

    /// Draws a line from a place to another one, or only that one, in pixels along (z, y, x).
    pub(super) fn add(&mut self, from: Option<[f64; 3]>, to: [f64; 3], ink: u8) {
        let [row, column] = self.axes.map(|axis| to[axis]);
        let Some(from) = from else { return self.stamp(row, column, ink) };
        let [from_row, from_column] = self.axes.map(|axis| from[axis]);
        let pixel = |row: f64, column: f64| (row as isize, column as isize);
        if pixel(row, column) == pixel(from_row, from_column) {
            return;
        }
        let steps = (row - from_row).abs().max((column - from_column).abs()).ceil().max(1.0);
        for step in 1..=steps as usize {
            let share = step as f64 / steps;
            self.stamp(from_row + (row - from_row) * share, from_column + (column - from_column) * share, ink);
        }
    }

    fn stamp(&mut self, row: f64, column: f64, ink: u8) {
        let (row, column) = (row as isize, column as isize);
        for [down, right] in &self.stamp {
            if let (Ok(row), Ok(column)) = (usize::try_from(row + down), usize::try_from(column + right))
                && row < self.shape[0]
                && column < self.shape[1]
            {
                let pixel = &mut self.inks[row * self.shape[1] + column];
                *pixel = (*pixel).max(ink);
            }
        }
    }

    /// Paints the lines on a panel of the same shape.
    pub(super) fn paint(&self, canvas: &mut Canvas, palette: &Palette) {
        let inked = canvas.pixels_mut().iter_mut().zip(&self.inks).filter(|(_, ink)| **ink > 0);
        inked.for_each(|(pixel, &ink)| *pixel = palette.colour(ink));
    }
}
