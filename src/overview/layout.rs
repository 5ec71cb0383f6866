//! Where the panels, titles and signs of a picture lie on its sheet.

use std::ops::Range;

use super::canvas::Canvas;
use super::colours::Palette;
use super::grey::Grey;
use super::legend::{Sign, signs, unit_of_lengths};
use super::lettering::Lettering;
use super::scene::{OverviewOptions, Scene};
use crate::space::{Position, Voxel};

/// Pixels between panels, and around them.
pub(super) const GAP: usize = 8;
/// The longest side of a panel is at least this, unless a size is given.
pub(super) const LEAST_SIDE: usize = 512;
/// Panels are enlarged so that the second longest side is this long, as far as the longest one stays below the limit.
const LEAST_WIDTH: f64 = 96.0;
const LONGEST_SIDE: f64 = 1536.0;
/// An image this many times longer along z than along its other axes has its panels below each other.
const TALL: f64 = 2.0;

/// A panel as it is shown: its place among the projections, the axes of its rows and columns, and that along which it is seen.
type View = (usize, [usize; 2], usize);

/// Side by side: the rows of the first two are alike, and the columns of the first and the third.
const SQUARE: [View; 3] = [(0, [1, 2], 0), (2, [1, 0], 2), (1, [0, 2], 1)];
/// Below each other: the columns of the first two are z.
const STACKED: [View; 3] = [(1, [2, 0], 1), (2, [1, 0], 2), (0, [1, 2], 0)];

const NAMES: [&str; 3] = ["z", "y", "x"];

/// A panel on the sheet.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) panel: usize,
    /// The axes of its rows and columns.
    pub(super) axes: [usize; 2],
    pub(super) shape: [usize; 2],
    /// Row and column of its first pixel.
    pub(super) corner: [usize; 2],
    /// Its title, and where that begins.
    pub(super) title: Option<(String, [usize; 2])>,
}

/// All of a sheet but its pixels.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) panels: Vec<Placed>,
    pub(super) signs: Vec<(Sign, [usize; 2])>,
    /// Rows and columns.
    pub(super) sheet: [usize; 2],
    pub(super) lettering: Lettering,
    /// Pixels in a voxel along each axis.
    per_voxel: [f64; 3],
    /// Width of lines, in pixels.
    pub(super) line: f64,
}

impl Layout {
    pub(super) fn new(scene: &Scene<'_>, palette: &Palette, options: &OverviewOptions) -> Layout {
        let (projections, voxel) = (scene.projections, scene.spacing.0);
        let shape = projections.bounds().shape();
        let extents: [f64; 3] = std::array::from_fn(|axis| shape[axis] as f64 * voxel[axis]);
        let is_tall = extents[0] > TALL * extents[1].max(extents[2]);
        let views = match projections.panels().len() {
            1 => &SQUARE[..1],
            _ if is_tall => &STACKED[..],
            _ => &SQUARE[..],
        };
        let mut lengths: Vec<f64> =
            (0..3).filter(|axis| views.len() > 1 || *axis > 0).map(|axis| extents[axis]).collect();
        lengths.sort_by(|a, b| b.total_cmp(a));
        let pixels = projections.panels().iter().flat_map(|panel| panel.shape).max().unwrap_or(1);
        let size = options.size.unwrap_or_else(|| {
            let size = pixels.max(LEAST_SIDE) as f64;
            let wanted = LEAST_WIDTH * lengths[0] / lengths[1].max(f64::MIN_POSITIVE);
            wanted.min(LONGEST_SIDE).max(size) as usize
        });
        // Pixels in a unit of length, alike along all axes.
        let scale = if lengths[0] > 0.0 { size as f64 / lengths[0] } else { 1.0 };
        let sides = extents.map(|extent| ((extent * scale).round() as usize).max(1));
        let per_voxel: [f64; 3] = std::array::from_fn(|axis| voxel[axis] * scale);

        let beside = if views.len() > 1 && !is_tall { GAP + sides[0] } else { 0 };
        let width = views.iter().map(|(_, axes, _)| sides[axes[1]]).max().unwrap_or(1);
        let lettering = Lettering::of((sides[views[0].1[1]] + beside).max(width).max(size / 2) + 2 * GAP);
        let mut layout = Layout {
            panels: Vec::new(),
            signs: Vec::new(),
            sheet: [0; 2],
            lettering,
            per_voxel,
            line: line_width(size as f64, per_voxel, shape),
        };
        layout.place_panels(views, sides, is_tall);
        let unit = unit_of_lengths(scene.unit, scene.spacing);
        layout.place_signs(signs(palette, scale, size as f64 / 5.0, &unit));
        layout.sheet = layout.sheet.map(|end| end + GAP);
        layout
    }

    /// Where a voxel lies, in pixels along (z, y, x); `None` outside the bounds of the image.
    pub(super) fn place(&self, scene: &Scene<'_>, voxel: Voxel) -> Option<[f64; 3]> {
        let position = voxel.position();
        scene.projections.bounds().contains(position).then(|| self.place_of(scene, position))
    }

    /// Where a position lies, in pixels along (z, y, x).
    pub(super) fn place_of(&self, scene: &Scene<'_>, position: Position) -> [f64; 3] {
        let first = scene.projections.bounds().min;
        std::array::from_fn(|axis| ((position[axis] - first[axis]) as f64 + 0.5) * self.per_voxel[axis])
    }

    /// Pixels in a voxel along each axis.
    pub(super) fn per_voxel(&self) -> [f64; 3] {
        self.per_voxel
    }

    /// The grey of some rows of a panel in a number of rows and columns.
    pub(super) fn grey(
        &self,
        scene: &Scene<'_>,
        grey: &Grey,
        place: usize,
        shape: [usize; 2],
        rows: Range<usize>,
    ) -> Canvas {
        let placed = &self.panels[place];
        let is_turned = placed.axes != scene.projections.panel_axes()[placed.panel];
        grey.panel(&scene.projections.panels()[placed.panel], is_turned, shape, rows)
    }

    /// Puts the panels with their titles on the sheet.
    fn place_panels(&mut self, views: &[View], sides: [usize; 3], is_tall: bool) {
        for (place, &(panel, axes, along)) in views.iter().enumerate() {
            let shape = axes.map(|axis| sides[axis]);
            let corner = match place {
                0 => [GAP, GAP],
                1 if !is_tall => [GAP, self.sheet[1] + GAP],
                _ => [self.sheet[0] + GAP, GAP],
            };
            let title = (views.len() > 1).then(|| {
                let short = format!("along {}", NAMES[along]);
                let long = format!("{short}: {} across, {} down", NAMES[axes[1]], NAMES[axes[0]]);
                (if self.lettering.width(&long) <= shape[1] { long } else { short }, corner)
            });
            let above = if title.is_some() { self.lettering.height() + GAP / 4 } else { 0 };
            let corner = [corner[0] + above, corner[1]];
            let titled = title.as_ref().map_or(0, |(text, [_, column])| column + self.lettering.width(text));
            self.reach([corner[0] + shape[0], (corner[1] + shape[1]).max(titled)]);
            self.panels.push(Placed { panel, axes, shape, corner, title });
        }
    }

    /// Puts the signs below each other into the free corner of three panels, or in lines below all panels.
    fn place_signs(&mut self, signs: Vec<Sign>) {
        let lettering = self.lettering;
        let (height, apart) = (lettering.height(), lettering.height() / 2);
        let widest = signs.iter().map(|sign| sign.shape(lettering)[1]).max().unwrap_or(0);
        let high = signs.len() * (height + apart);
        if let [_, right, below] = &self.panels[..]
            && right.corner[1] > below.corner[1]
        {
            let (column, end) = (right.corner[1], below.corner[0] + below.shape[0]);
            let room = [end.saturating_sub(right.corner[0] + right.shape[0] + 2 * GAP), self.sheet[1] - column];
            if high <= room[0] && widest <= room[1] {
                let place = |(i, sign): (usize, Sign)| (sign, [end - high + apart + i * (height + apart), column]);
                self.signs = signs.into_iter().enumerate().map(place).collect();
                return;
            }
        }
        let (most, mut row, mut column) = (self.sheet[1].max(GAP + widest), self.sheet[0] + GAP + apart / 2, GAP);
        for sign in signs {
            let width = sign.shape(lettering)[1];
            if column > GAP && column + width > most {
                (row, column) = (row + height + apart, GAP);
            }
            self.reach([row + height, column + width]);
            self.signs.push((sign, [row, column]));
            column += width + 2 * height;
        }
    }

    /// The sheet reaches at least to a row and a column.
    fn reach(&mut self, end: [usize; 2]) {
        self.sheet = std::array::from_fn(|i| self.sheet[i].max(end[i]));
    }
}

/// The width of lines: seen when the picture is shown smaller, and no hair in images of a few voxels.
fn line_width(size: f64, per_voxel: [f64; 3], shape: [usize; 3]) -> f64 {
    let axes = (0..3).filter(|&axis| shape[axis] > 1);
    let voxel = axes.map(|axis| per_voxel[axis]).fold(f64::INFINITY, f64::min);
    let least = (size / 300.0).clamp(1.5, 6.0);
    if voxel.is_finite() { least.max((voxel / 4.0).min(size / 64.0)) } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wide_enough_in_small_images_and_in_large_pictures() {
        let width = |size: f64, voxels: usize| line_width(size, [size / voxels as f64; 3], [voxels; 3]);
        assert_eq!([width(512.0, 10), width(100.0, 100), width(1024.0, 1024)], [8.0, 1.5, 1024.0 / 300.0]);
    }
}
