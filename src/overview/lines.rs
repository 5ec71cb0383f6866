//! Branches as lines on a panel.

use std::ops::Range;

use super::canvas::Canvas;
use super::colours::Palette;

/// A pixel is made of this many places along each side, so that edges are smooth.
pub(super) const FINE: usize = 2;
const PLACES: usize = FINE * FINE;
/// Pixels that are looked at together.
const BLOCK: usize = 32;
/// How much of the grey beside a line is taken away, so that the line stands out.
pub(super) const SHADOW: f32 = 0.7;
/// Narrower lines have no shadow: there are many.
pub(super) const LEAST_WITH_SHADOW: f64 = 1.4;

/// The colours of inks, and of the grey beside lines.
pub(super) struct Brush {
    colours: [[u8; 3]; 256],
    /// The shade of each grey beside a number of covered places.
    shades: [[u8; 256]; PLACES + 1],
}

impl Brush {
    pub(super) fn new(palette: &Palette) -> Brush {
        let shaded = |cover: usize, value: usize| mixed(value as u8, 0, SHADOW * (cover as f32 / PLACES as f32));
        Brush {
            colours: std::array::from_fn(|ink| palette.colour(ink as u8)),
            shades: std::array::from_fn(|cover| std::array::from_fn(|value| shaded(cover, value))),
        }
    }
}

/// Lines on a panel.
pub(super) struct Lines {
    /// The inks of the places of the panel, row by row; 0 where there is no line.
    inks: Vec<u8>,
    /// Rows and columns of pixels of the panel.
    shape: [usize; 2],
    has_shadow: bool,
}

impl Lines {
    /// Lines with these inks, on a panel of some rows and columns of pixels.
    pub(super) fn new(inks: Vec<u8>, shape: [usize; 2], has_shadow: bool) -> Lines {
        Lines { inks, shape, has_shadow }
    }

    /// A row of places.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        let columns = self.shape[1] * FINE;
        &self.inks[row * columns..][..columns]
    }

    /// The number of pixels that lines cover, rounded down.
    pub(super) fn inked(&self) -> usize {
        let in_row = |row| self.row(row).iter().filter(|ink| **ink > 0).count();
        (0..self.shape[0] * FINE).map(in_row).sum::<usize>() / PLACES
    }

    /// Paints the lines on some rows of a panel of the same shape.
    pub(super) fn paint(&self, canvas: &mut Canvas, rows: Range<usize>, brush: &Brush) {
        let columns = self.shape[1];
        // With a row above and one below, whose lines may have shadows on these rows.
        let around = rows.start.saturating_sub(1)..(rows.end + 1).min(self.shape[0]);
        let own = (rows.start - around.start) * columns;
        let covers = self.covers(around);
        // Without shadows, what lies beside a line is as far from it as anything else.
        let shadows = self.has_shadow.then(|| largest_around(&covers, columns));
        let (covers, beside) = (&covers[own..], &shadows.as_ref().unwrap_or(&covers)[own..]);
        // Most pixels have no line near them: those are passed over, a block at a time.
        for (block, pixels) in canvas.pixels_mut().chunks_mut(BLOCK).enumerate() {
            let first = block * BLOCK;
            if beside[first..][..pixels.len()].iter().fold(0, |any, beside| any | beside) == 0 {
                continue;
            }
            for (pixel, value) in (first..).zip(pixels) {
                let (cover, beside) = (covers[pixel], beside[pixel]);
                if self.has_shadow && beside > 0 && usize::from(cover) < PLACES {
                    *value = value.map(|value| brush.shades[usize::from(beside)][usize::from(value)]);
                }
                if cover > 0 {
                    let colour = self.colour([rows.start + pixel / columns, pixel % columns], &brush.colours);
                    *value = match usize::from(cover) {
                        PLACES => colour,
                        _ => std::array::from_fn(|i| covered(value[i], colour[i], cover)),
                    };
                }
            }
        }
    }

    /// How many of the places of each pixel of some rows are covered.
    fn covers(&self, rows: Range<usize>) -> Vec<u8> {
        let columns = self.shape[1];
        let mut covers = vec![0; rows.len() * columns];
        for (row, pixels) in rows.zip(covers.chunks_exact_mut(columns.max(1))) {
            for row in row * FINE..(row + 1) * FINE {
                for (cover, places) in pixels.iter_mut().zip(self.row(row).as_chunks::<FINE>().0) {
                    *cover += places.iter().map(|ink| u8::from(*ink > 0)).sum::<u8>();
                }
            }
        }
        covers
    }

    /// The colour of what covers a pixel: the mean of those of its places that are covered.
    fn colour(&self, [row, column]: [usize; 2], colours: &[[u8; 3]; 256]) -> [u8; 3] {
        let inks: [[u8; FINE]; FINE] = std::array::from_fn(|at| {
            let places = &self.row(row * FINE + at)[column * FINE..];
            std::array::from_fn(|place| places[place])
        });
        let inks = inks.as_flattened();
        let some = inks.iter().fold(0, |largest, &ink| largest.max(ink));
        if inks.iter().all(|&ink| ink == some || ink == 0) {
            return colours[usize::from(some)];
        }
        let (mut sums, mut count) = ([0u32; 3], 0);
        for ink in inks.iter().filter(|ink| **ink > 0) {
            let colour = colours[usize::from(*ink)];
            (sums, count) = (std::array::from_fn(|i| sums[i] + u32::from(colour[i])), count + 1);
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
pub(super) fn raise(values: &mut [u8], others: &[u8]) {
    values.iter_mut().zip(others).for_each(|(value, other)| *value = (*value).max(*other));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::overview::points::Points;

    proptest! {
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
    fn a_line_has_a_shadow_and_what_is_far_from_it_stays() {
        let mut points = Points::new([1, 2], [9, 9], 2.0);
        points.add(None, [0.0, 4.0, 4.0], 1);
        let (lines, brush) = (points.lines(2.0), Brush::new(&Palette::Kind { present: [true; 5] }));
        let grey = |rows| Canvas::of([rows, 9], vec![[100; 3]; rows * 9]);
        let mut canvas = grey(9);
        lines.paint(&mut canvas, 0..9, &brush);
        for rows in [0..1, 1..3, 3..8, 8..9] {
            let mut some = grey(rows.len());
            lines.paint(&mut some, rows.clone(), &brush);
            assert_eq!(some.pixels_mut(), &canvas.pixels_mut()[rows.start * 9..rows.end * 9]);
        }
        let pixel = |canvas: &mut Canvas, row: usize, column: usize| canvas.pixels_mut()[row * 9 + column];
        let beside = mixed(100, 0, SHADOW * 0.75);
        assert_eq!([pixel(&mut canvas, 2, 4), pixel(&mut canvas, 6, 6)], [[beside; 3], [100; 3]]);
    }
}
