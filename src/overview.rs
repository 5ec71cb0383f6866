//! Pictures of results: maximum projections of an image in grey, with its skeleton in colours over them.
//!
//! A 3-D image has three panels: seen along z at the top left, along x to its right (rows are y in both), and along y
//! below (columns are x in both). A 2-D image has one. All panels have one scale, whatever the spacing of the image.
//! Below them are a scale bar and a legend.
//!
//! A picture depends on the image and its results only: where several branches fall on a pixel, the same one shows in
//! whatever order they are drawn.

mod canvas;
mod colours;
mod grey;
mod legend;
mod lines;
mod strokes;

use self::canvas::{Canvas, Sheet};
use self::colours::Palette;
use self::grey::Grey;
use self::legend::{Font, legend, scale_bar, title, unit_of_lengths};
use self::lines::Lines;
pub use self::strokes::BranchColour;
pub(crate) use self::strokes::{Draw, Stroke, StrokeKind, Strokes};
use crate::error::Result;
use crate::kernel::image::project::Projections;
use crate::space::Spacing;

/// Pixels between panels, and around them.
const GAP: usize = 8;
/// The longest side of a panel is at least this, unless a size is given.
const LEAST_SIDE: usize = 512;

/// How a picture of results looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverviewOptions {
    /// What colours stand for.
    pub colour: BranchColour,
    /// The longest side of a panel, in pixels; by default as many as the image has voxels there, but between 512 and
    /// 1024.
    pub size: Option<usize>,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) projections: &'a Projections,
    pub(crate) spacing: Spacing,
    /// The symbol of the spacing's unit.
    pub(crate) unit: Option<&'a str>,
}

/// A panel as it is shown: the axes of its rows and columns, and its title.
struct View {
    panel: usize,
    axes: [usize; 2],
    title: &'static str,
}

const VIEWS: [View; 3] = [
    View { panel: 0, axes: [1, 2], title: "along z" },
    View { panel: 2, axes: [1, 0], title: "along x" },
    View { panel: 1, axes: [0, 2], title: "along y" },
];

/// The overview as the bytes of a PNG file. Holds 4 bytes for each pixel; takes time in proportion to the pixels and to
/// the voxels of the skeleton.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if the picture cannot be encoded.
pub(crate) fn overview(scene: &Scene<'_>, strokes: &Strokes<'_>, options: &OverviewOptions) -> Result<Vec<u8>> {
    let Scene { projections, spacing, unit } = *scene;
    let voxel = spacing.0;
    let views = &VIEWS[..projections.panels().len()];
    let shape = projections.bounds().shape();
    let extents: [f64; 3] = std::array::from_fn(|axis| shape[axis] as f64 * voxel[axis]);
    let axes = views.iter().flat_map(|view| view.axes);
    let longest = axes.map(|axis| extents[axis]).fold(0.0, f64::max);
    let pixels = projections.panels().iter().flat_map(|panel| panel.shape).max().unwrap_or(1);
    let size = options.size.unwrap_or(pixels.max(LEAST_SIDE));
    // Pixels in a unit of length, alike along all axes.
    let scale = if longest > 0.0 { size as f64 / longest } else { 1.0 };
    let sides = extents.map(|extent| ((extent * scale).round() as usize).max(1));

    let palette = Palette::new(options.colour, strokes);
    let per_voxel: [f64; 3] = std::array::from_fn(|axis| voxel[axis] * scale);
    let width = (size / 350).clamp(2, 8);
    let mut lines: Vec<Lines> =
        views.iter().map(|view| Lines::new(view.axes, view.axes.map(|axis| sides[axis]), width)).collect();
    let first = projections.bounds().min;
    strokes(&mut |stroke, voxels| {
        let ink = palette.ink(stroke);
        let mut last = None;
        for voxel in voxels.filter(|voxel| projections.bounds().contains(voxel.position())) {
            let p = voxel.position();
            let place = std::array::from_fn(|axis| ((p[axis] - first[axis]) as f64 + 0.5) * per_voxel[axis]);
            lines.iter_mut().for_each(|lines| lines.add(last, place, ink));
            last = Some(place);
        }
    });

    let grey = Grey::of(projections);
    let lettering = Font::of(size);
    let panel = |(view, lines): (&View, &Lines)| {
        let panel = &projections.panels()[view.panel];
        let is_turned = view.axes != projections.panel_axes()[view.panel];
        let mut canvas = grey.panel(panel, is_turned, view.axes.map(|axis| sides[axis]));
        lines.paint(&mut canvas, &palette);
        let title = (views.len() > 1).then(|| title(view.title, lettering));
        (title, canvas)
    };
    let mut sheet = Sheet::default();
    for (place, (title, canvas)) in views.iter().zip(&lines).map(panel).enumerate() {
        // The second panel is to the right of the first, and the third below.
        let corner = match place {
            0 => [GAP, GAP],
            1 => [GAP, sheet.width() + GAP],
            _ => [sheet.height() + GAP, GAP],
        };
        let below = title.map_or(0, |title| sheet.put(title, corner) + 2);
        sheet.put(canvas, [corner[0] + below, corner[1]]);
    }
    let unit = unit_of_lengths(unit, spacing);
    let bar = scale_bar(scale, sides[views[0].axes[1]], &unit, lettering);
    let mut signs: Vec<Canvas> = bar.into_iter().collect();
    signs.extend(legend(&palette, &unit, lettering));
    sheet.put(Canvas::in_lines(&signs, sheet.width() - GAP, 2 * GAP), [sheet.height() + GAP, GAP]);
    sheet.canvas(GAP).png()
}

#[cfg(test)]
mod tests;
