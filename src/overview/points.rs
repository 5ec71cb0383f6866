//! The points through which the lines of a panel go.

use super::layout::Layout;
use super::lines::{FINE, LEAST_WITH_SHADOW, Lines, raise};
use super::scene::Scene;
use crate::space::{Position, Voxel};

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
        // Written now: a page that the system has promised to be zero, and that is read before it is written, comes twice.
        let mut inks = std::hint::black_box(Vec::with_capacity(rows * columns));
        inks.resize(rows * columns, 0);
        Points { axes, shape, places, inks }
    }

    /// Draws a branch from end to end, as far as it lies inside the image.
    pub(super) fn add_branch(&mut self, voxels: &[Voxel], ink: u8, scene: &Scene<'_>, layout: &Layout) {
        let (bounds, columns) = (scene.projections.bounds(), self.shape[1] * FINE + self.places - 1);
        let whole = self.whole_steps(layout.per_voxel());
        // The last voxel, its place if that is known, and where its point is, if steps from there are whole.
        let mut last: Option<(Position, Option<[f64; 3]>, Option<usize>)> = None;
        for position in voxels.iter().map(|voxel| voxel.position()).filter(|&position| bounds.contains(position)) {
            let step = last.map(|(before, ..)| self.axes.map(|axis| (position[axis] - before[axis]) as isize));
            let (place, at) = match (whole, step, last) {
                (Some(whole), Some([row, column]), Some((_, _, Some(mut at))))
                    if row.unsigned_abs() < 2 && column.unsigned_abs() < 2 =>
                {
                    let along = row * columns as isize + column;
                    // A step towards the one who looks is none here.
                    for _ in 0..if along == 0 { 0 } else { whole } {
                        at = at.wrapping_add_signed(along);
                        self.raise_at(Some(at), ink);
                    }
                    (None, Some(at))
                }
                _ => {
                    let place = layout.place_of(scene, position);
                    let before = |(position, place, _): (_, Option<_>, _)| {
                        place.unwrap_or_else(|| layout.place_of(scene, position))
                    };
                    self.add(last.map(before), place, ink);
                    let [row, column] = self.fine(place);
                    (Some(place), whole.and_then(|_| self.at(row, column)))
                }
            };
            last = Some((position, place, at));
        }
    }

    /// How many places a voxel is long on the panel, if all points of voxels that are neighbours lie a whole number of places
    /// apart whatever the rounding.
    fn whole_steps(&self, per_voxel: [f64; 3]) -> Option<usize> {
        let [rows, columns] = self.axes.map(|axis| per_voxel[axis] * FINE as f64);
        let is_whole = rows == columns && (1.0..=64.0).contains(&rows) && rows.fract() == 0.0;
        is_whole.then_some(rows as usize).filter(|places| places.is_power_of_two())
    }

    /// A place in pixels along (z, y, x) as row and column of places.
    fn fine(&self, place: [f64; 3]) -> [f64; 2] {
        self.axes.map(|axis| place[axis] * FINE as f64)
    }

    /// Draws a line from a place to another one, or only that one, in pixels along (z, y, x).
    pub(super) fn add(&mut self, from: Option<[f64; 3]>, to: [f64; 3], ink: u8) {
        let [row, column] = self.fine(to);
        let Some(from) = from else { return self.mark(row, column, ink) };
        let [from_row, from_column] = self.fine(from);
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
        let at = self.at(row, column);
        self.raise_at(at, ink);
    }

    fn raise_at(&mut self, at: Option<usize>, ink: u8) {
        if let Some(place) = at.and_then(|at| self.inks.get_mut(at)) {
            *place = (*place).max(ink);
        }
    }

    /// Where the point of a place is, if it is on the panel.
    fn at(&self, row: f64, column: f64) -> Option<usize> {
        let places = self.places;
        let first = |middle: f64| nearest(middle - places as f64 / 2.0) + places as isize - 1;
        let [rows, columns] = self.shape.map(|side| side * FINE + places - 1);
        let (row, column) = (usize::try_from(first(row)).ok()?, usize::try_from(first(column)).ok()?);
        (row < rows && column < columns).then_some(row * columns + column)
    }

    /// Adds the points of others on the same panel.
    pub(super) fn merge(&mut self, others: &Points) {
        raise(&mut self.inks, &others.inks);
    }

    /// The lines through these points, of the width that they were made for or a smaller one. Discs of an even number of
    /// places have another middle than those of an odd one: a smaller width is rounded to the next of the same kind.
    ///
    /// Takes as much memory again as the points.
    pub(super) fn lines(&self, width: f64) -> Lines {
        let [rows, columns] = self.shape.map(|side| side * FINE);
        let before = self.places - 1;
        let stride = columns + before;
        // How much later a smaller disc begins, on every side.
        let within = self.places.saturating_sub(places(width)) / 2;
        let disc = disc(self.places - 2 * within);
        // Rows of lines to which points are still to come, by turns; whether there is anything in them.
        let mut coming = vec![(false, vec![0; columns]); disc.len()];
        let turn = |row: usize| row % disc.len();
        let mut lines = Vec::with_capacity(rows * columns);
        let mut along = vec![0; columns];
        for row in 0..rows + before {
            let points = &self.inks[row * stride..][..stride];
            if points.iter().fold(0, |all, point| all | point) != 0 {
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
                            let (is_inked, inks) = &mut coming[turn(row)];
                            *is_inked = true;
                            raise(inks, &along);
                        }
                    }
                }
            }
            // No later points reach this row.
            if let Some(row) = (row + within).checked_sub(before).filter(|row| *row < rows) {
                let (is_inked, inks) = &mut coming[turn(row)];
                lines.extend_from_slice(inks);
                if std::mem::take(is_inked) {
                    inks.fill(0);
                }
            }
        }
        Lines::new(lines, self.shape, width >= LEAST_WITH_SHADOW)
    }
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
    use crate::kernel::image::project::Projections;
    use crate::overview::colours::Palette;
    use crate::overview::scene::OverviewOptions;
    use crate::space::{Region, Spacing};

    proptest! {
        #[test]
        fn a_number_becomes_the_nearest_whole_one(whole in -5000isize..5000, part in 0.0f64..1.0) {
            for number in [whole as f64 + part, whole as f64 + 0.5, whole as f64, (whole as f64 + 0.5).next_down()] {
                let below = number.floor();
                prop_assert_eq!(nearest(number), below as isize + isize::from(number - below >= 0.5));
            }
        }

        #[test]
        fn a_branch_of_neighbours_is_drawn_as_each_of_its_lines_is(
            start in prop::array::uniform3(0i64..9),
            steps in prop::collection::vec(prop::array::uniform3(-1i64..=1), 0..40),
            size in prop::sample::select(vec![None, Some(5), Some(9), Some(18), Some(27), Some(144)]),
            aspect in prop::sample::select(vec![1.0, 1.5, 2.0]),
        ) {
            let bounds = Region::of_shape([9; 3]);
            let projections = Projections::new(bounds, 3);
            let scene = Scene { projections: &projections, spacing: Spacing([1.0, aspect, aspect]), unit: None };
            let options = OverviewOptions { size, ..OverviewOptions::default() };
            let layout = Layout::new(&scene, &Palette::NoRadius, &options);
            let mut position = start;
            let mut voxels = vec![Voxel::new(start)];
            for step in steps {
                position = std::array::from_fn(|a| position[a] + step[a]);
                voxels.push(Voxel::new(position));
            }
            for placed in &layout.panels {
                let [mut all, mut each] = [0; 2].map(|_| Points::new(placed.axes, placed.shape, layout.line));
                all.add_branch(&voxels, 3, &scene, &layout);
                let mut last = None;
                for place in voxels.iter().filter_map(|&voxel| layout.place(&scene, voxel)) {
                    each.add(last.replace(place), place, 3);
                }
                prop_assert_eq!(all.inks, each.inks);
            }
        }
    }

    #[test]
    fn the_points_of_a_line_are_discs_that_end_at_the_edges_of_the_panel() {
        for places in 1..12usize {
            let points = || {
                let mut points = Points::new([1, 2], [8, 8], places as f64 / FINE as f64);
                points.mark(3.0, 14.0, 7);
                points
            };
            let (middle, at) = ((places as f64 - 1.0) / 2.0, [3.0, 14.0]);
            // Thinner ones are around the same point.
            for fewer in (0..places).step_by(2) {
                let (places, middle) = (places - fewer, middle - fewer as f64 / 2.0);
                let lines = points().lines(places as f64 / FINE as f64);
                let corner = at.map(|at| (at - places as f64 / 2.0 + 0.5).floor());
                for (place, ink) in (0..16).flat_map(|row| lines.row(row)).enumerate() {
                    let [y, x] = [place / 16, place % 16];
                    let [y, x] = [y as f64 - corner[0] - middle, x as f64 - corner[1] - middle];
                    let is_inside = y * y + x * x <= (middle + 0.5) * (middle + 0.5);
                    assert_eq!(*ink == 7, is_inside, "{places} places, at {place}");
                }
            }
        }
    }
}
