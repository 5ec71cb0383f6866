//! Branches as lines on a panel.

use super::canvas::Canvas;
use super::colours::Palette;

/// A pixel is made of this many places along each side, so that edges are smooth.
const FINE: usize = 2;
const PLACES: usize = FINE * FINE;
/// How much of the grey beside a line is taken away, so that the line stands out.
pub(super) const SHADOW: f32 = 0.7;
/// Narrower lines have no shadow: there are many.
pub(super) const LEAST_WITH_SHADOW: f64 = 1.4;

/// The points through which the lines of a panel go, before they have a width.
pub(super) struct Points {
    /// The axes of the panel's rows and columns.
    axes: [usize; 2],
    /// Its rows and columns of pixels.
    shape: [usize; 2],
    /// Rows and columns of a disc, the places of a line around a point.
    places: usize,
    /// The inks of the points, at the first row and column of their discs, which may lie before those of the panel.
    inks: Vec<u8>,
}

/// The rows and columns of the disc of lines of a width in pixels.
fn places(width: f64) -> usize {
    ((width * FINE as f64).round() as usize).max(1)
}

/// The places of a line around a point: in each of the rows of a disc its first column and its end.
fn disc(places: usize) -> Vec<[usize; 2]> {
    let middle = (places as f64 - 1.0) / 2.0;
    let is_inside = |row: usize, column: usize| {
        let (y, x) = (row as f64 - middle, column as f64 - middle);
        y * y + x * x <= (middle + 0.5) * (middle + 0.5)
    };
    let in_row = |row: usize| {
        let count = (0..places).filter(|&column| is_inside(row, column)).count();
        [(places - count) / 2, (places + count) / 2]
    };
    (0..places).map(in_row).collect()
}

impl Points {
    /// A panel of some rows and columns without lines; those to come are at most `width` pixels wide.
    pub(super) fn new(axes: [usize; 2], shape: [usize; 2], width: f64) -> Points {
        let places = places(width);
        let [rows, columns] = shape.map(|side| side * FINE + places - 1);
        Points { axes, shape, places, inks: vec![0; rows * columns] }
    }

    /// Draws a line from a place to another one, or only that one, in pixels along (z, y, x).
    pub(super) fn add(&mut self, from: Option<[f64; 3]>, to: [f64; 3], ink: u8) {
        let fine = |place: [f64; 3]| self.axes.map(|axis| place[axis] * FINE as f64);
        let [row, column] = fine(to);
        let Some(from) = from else { return self.mark(row, column, ink) };
        let [from_row, from_column] = fine(from);
        let place = |row: f64, column: f64| (row as isize, column as isize);
        if place(row, column) == place(from_row, from_column) {
            return;
        }
        let longest = (row - from_row).abs().max((column - from_column).abs());
        let whole = longest as usize;
        let steps = (whole + usize::from(whole as f64 != longest)).max(1);
        for step in 1..=steps {
            let share = step as f64 / steps as f64;
            self.mark(from_row + (row - from_row) * share, from_column + (column - from_column) * share, ink);
        }
    }

    fn mark(&mut self, row: f64, column: f64, ink: u8) {
        let places = self.places;
        let first = |middle: f64| nearest(middle - places as f64 / 2.0) + places as isize - 1;
        let [rows, columns] = self.shape.map(|side| side * FINE + places - 1);
        if let (Ok(row), Ok(column)) = (usize::try_from(first(row)), usize::try_from(first(column)))
            && row < rows
            && column < columns
        {
            let place = &mut self.inks[row * columns + column];
            *place = (*place).max(ink);
        }
    }

    /// The lines through these points, of the width that they were made for or a smaller one. Discs of an even number of
    /// places have another middle than those of an odd one: a smaller width is rounded to the next of the same kind.
    pub(super) fn lines(&self, width: f64) -> Lines {
        let [rows, columns] = self.shape.map(|side| side * FINE);
        let before = self.places - 1;
        // How much later a smaller disc begins, on every side.
        let within = self.places.saturating_sub(places(width)) / 2;
        let disc = disc(self.places - 2 * within);
        let mut inks = vec![0; rows * columns];
        let mut along = vec![0; columns];
        for (row, points) in self.inks.chunks_exact((columns + before).max(1)).enumerate() {
            if points.iter().fold(0, |all, point| all | point) == 0 {
                continue;
            }
            along.fill(0);
            let mut reached = [disc[0][0]; 2];
            // Rows of a disc become longer towards its middle, and then shorter in the same way.
            for (at, &[first, end]) in disc.iter().enumerate().take(disc.len().div_ceil(2)) {
                for column in (first..reached[0]).chain(reached[1]..end) {
                    raise(&mut along, &points[before - within - column..]);
                }
                reached = [first, end];
                let other = disc.len() - 1 - at;
                for at in std::iter::once(at).chain((other != at).then_some(other)) {
                    if let Some(row) = (row + within + at).checked_sub(before).filter(|row| *row < rows) {
                        raise(&mut inks[row * columns..][..columns], &along);
                    }
                }
            }
        }
        Lines { inks, shape: self.shape, has_shadow: width >= LEAST_WITH_SHADOW }
    }
}

/// Lines on a panel.
pub(super) struct Lines {
    /// The inks of the places of the panel; 0 where there is no line.
    inks: Vec<u8>,
    /// Its rows and columns of pixels.
    shape: [usize; 2],
    has_shadow: bool,
}

impl Lines {
    /// The number of pixels that lines cover, rounded down.
    pub(super) fn inked(&self) -> usize {
        self.inks.iter().filter(|ink| **ink > 0).count() / (FINE * FINE)
    }

    /// Paints the lines on a panel of the same shape.
    pub(super) fn paint(&self, canvas: &mut Canvas, palette: &Palette) {
        let columns = self.shape[1];
        let covers = self.covers();
        let beside = if self.has_shadow { largest_around(&covers, columns) } else { vec![0; covers.len()] };
        let colours: [[u8; 3]; 256] = std::array::from_fn(|ink| palette.colour(ink as u8));
        let shaded = |cover: usize, value: usize| mixed(value as u8, 0, SHADOW * (cover as f32 / PLACES as f32));
        let shades: [[u8; 256]; PLACES + 1] =
            std::array::from_fn(|cover| std::array::from_fn(|value| shaded(cover, value)));
        for (pixel, value) in canvas.pixels_mut().iter_mut().enumerate() {
            let (cover, beside) = (covers[pixel], beside[pixel]);
            if beside > 0 && usize::from(cover) < PLACES {
                *value = value.map(|value| shades[usize::from(beside)][usize::from(value)]);
            }
            if cover > 0 {
                let colour = self.colour(pixel, &colours);
                *value = std::array::from_fn(|i| covered(value[i], colour[i], cover));
            }
        }
    }

    /// How many of the places of each pixel are covered.
    fn covers(&self) -> Vec<u8> {
        let [rows, columns] = self.shape;
        let mut covers = vec![0; rows * columns];
        let rows = self.inks.chunks_exact((columns * FINE).max(1));
        for (row, places) in rows.enumerate() {
            let pixels = &mut covers[row / FINE * columns..][..columns];
            for (cover, places) in pixels.iter_mut().zip(places.as_chunks::<FINE>().0) {
                *cover += places.iter().map(|ink| u8::from(*ink > 0)).sum::<u8>();
            }
        }
        covers
    }

    /// The colour of what covers a pixel: the mean of those of its places that are covered.
    fn colour(&self, pixel: usize, colours: &[[u8; 3]; 256]) -> [u8; 3] {
        let columns = self.shape[1];
        let first = (pixel / columns) * FINE * columns * FINE + (pixel % columns) * FINE;
        let (mut sums, mut count) = ([0u32; 3], 0);
        for row in 0..FINE {
            for ink in self.inks[first + row * columns * FINE..][..FINE].iter().filter(|ink| **ink > 0) {
                let colour = colours[usize::from(*ink)];
                (sums, count) = (std::array::from_fn(|i| sums[i] + u32::from(colour[i])), count + 1);
            }
        }
        sums.map(|sum| u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX))
    }
}

/// A level with a share of another one in it.
fn mixed(level: u8, other: u8, share: f32) -> u8 {
    (f32::from(level) + (f32::from(other) - f32::from(level)) * share).round() as u8
}

/// A level of a pixel of which some places are covered in another level, rounded.
fn covered(level: u8, other: u8, cover: u8) -> u8 {
    let [level, other, cover, places] = [level, other, cover, PLACES as u8].map(u16::from);
    ((level * (places - cover) + other * cover + places / 2) / places) as u8
}

/// The largest value of each pixel and those around it, of an image with a number of columns.
fn largest_around(values: &[u8], columns: usize) -> Vec<u8> {
    let mut largest = values.to_vec();
    raise(&mut largest, &values[columns.min(values.len())..]);
    raise(&mut largest[columns.min(values.len())..], values);
    let mut above = vec![0; columns];
    for row in largest.chunks_exact_mut(columns.max(1)) {
        above.copy_from_slice(row);
        raise(row, &above[1..]);
        raise(&mut row[1..], &above);
    }
    largest
}

/// Raises values to others at the same place that are larger.
fn raise(values: &mut [u8], others: &[u8]) {
    values.iter_mut().zip(others).for_each(|(value, other)| *value = (*value).max(*other));
}

/// The nearest whole number; of two, the larger one, wherever zero is. `f64::floor` is a call of a function unless the
/// program is built for processors with an instruction for it.
fn nearest(number: f64) -> isize {
    let whole = number as isize;
    let rest = number - whole as f64;
    whole + isize::from(rest >= 0.5) - isize::from(rest < -0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::overview::canvas::Canvas;

    proptest! {
        #[test]
        fn a_number_becomes_the_nearest_whole_one(whole in -5000isize..5000, part in 0.0f64..1.0) {
            for number in [whole as f64 + part, whole as f64 + 0.5, whole as f64, (whole as f64 + 0.5).next_down()] {
                let below = number.floor();
                prop_assert_eq!(nearest(number), below as isize + isize::from(number - below >= 0.5));
            }
        }

        #[test]
        fn the_largest_value_around_a_pixel_is_found(columns in 1usize..9, values in prop::collection::vec(0u8..5, 0..60)) {
            let rows = values.len() / columns;
            let values = &values[..rows * columns];
            let largest = largest_around(values, columns);
            for (pixel, largest) in largest.into_iter().enumerate() {
                let near = |other: usize| {
                    (pixel / columns).abs_diff(other / columns) < 2 && (pixel % columns).abs_diff(other % columns) < 2
                };
                prop_assert_eq!(Some(largest), (0..values.len()).filter(|&other| near(other)).map(|other| values[other]).max());
            }
        }
    }

    #[test]
    fn a_covered_part_of_a_pixel_is_mixed_with_what_lies_below() {
        for (level, other, cover) in
            (0..=255).flat_map(|l| (0..=255).map(move |o| (l, o))).flat_map(|(l, o)| (1..=4).map(move |c| (l, o, c)))
        {
            assert_eq!(covered(level, other, cover), mixed(level, other, f32::from(cover) / PLACES as f32));
        }
    }

    #[test]
    fn the_points_of_a_line_are_discs_that_end_at_the_edges_of_the_panel() {
        for places in 1..12usize {
            let mut points = Points::new([1, 2], [8, 8], places as f64 / FINE as f64);
            let (middle, at) = ((places as f64 - 1.0) / 2.0, [3.0, 14.0]);
            points.mark(at[0], at[1], 7);
            // Thinner ones are around the same point.
            for fewer in (0..places).step_by(2) {
                let (places, middle) = (places - fewer, middle - fewer as f64 / 2.0);
                let lines = points.lines(places as f64 / FINE as f64);
                let corner = at.map(|at| (at - places as f64 / 2.0 + 0.5).floor());
                for (place, ink) in lines.inks.iter().enumerate() {
                    let [y, x] = [place / 16, place % 16];
                    let [y, x] = [y as f64 - corner[0] - middle, x as f64 - corner[1] - middle];
                    let is_inside = y * y + x * x <= (middle + 0.5) * (middle + 0.5);
                    assert_eq!(*ink == 7, is_inside, "{places} places, at {place}");
                }
            }
        }
    }

    #[test]
    fn a_line_has_a_shadow_and_what_is_far_from_it_stays() {
        let mut points = Points::new([1, 2], [9, 9], 2.0);
        points.add(None, [0.0, 4.0, 4.0], 1);
        let lines = points.lines(2.0);
        let palette = Palette::Kind { present: [true; 5] };
        let mut canvas = Canvas::of([9, 9], vec![[100; 3]; 81]);
        lines.paint(&mut canvas, &palette);
        let pixel = |canvas: &mut Canvas, row: usize, column: usize| canvas.pixels_mut()[row * 9 + column];
        let beside = mixed(100, 0, SHADOW * 0.75);
        assert_eq!([pixel(&mut canvas, 2, 4), pixel(&mut canvas, 6, 6)], [[beside; 3], [100; 3]]);
    }
}
