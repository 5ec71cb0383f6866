//! Pictures of results: maximum projections of an image in grey, with its skeleton in colours over them, as PNG or as SVG.
//!
//! A 3-D image has three panels: seen along z at the top left, along x to its right (rows are y in both), and along y
//! below (columns are x in both); the panels of one that is longest along z lie below each other. A 2-D image has one. All
//! panels have one scale, whatever the spacing of the image. A scale bar and a legend explain them.
//!
//! A picture depends on the image and its results only: where several branches fall on a pixel, the same one shows in
//! whatever order they are drawn.

mod canvas;
mod colours;
mod grey;
mod layout;
mod legend;
mod lettering;
mod lines;
mod paths;
mod reduced;
mod scene;
mod strokes;
mod svg;

use self::canvas::Canvas;
use self::colours::Palette;
use self::grey::Grey;
use self::layout::Layout;
use self::lines::{Lines, Points};
pub(crate) use self::reduced::reduced;
pub use self::scene::OverviewOptions;
pub(crate) use self::scene::Scene;
pub use self::strokes::BranchColour;
pub(crate) use self::strokes::{Draw, Stroke, StrokeKind, Strokes};
pub(crate) use self::svg::vector_overview;
use crate::error::Result;
use crate::threads::each;

/// Lines that cover more of the panels than this are drawn thinner.
const MOST_COVERED: f64 = 0.3;

/// The overview as the bytes of a PNG file, drawn by a number of threads. Holds 15 bytes for each pixel; takes time in
/// proportion to the pixels and to the voxels of the skeleton.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if the picture cannot be encoded.
pub(crate) fn overview(
    scene: &Scene<'_>,
    strokes: &Strokes<'_>,
    options: &OverviewOptions,
    threads: usize,
) -> Result<Vec<u8>> {
    let palette = Palette::new(options.colour, strokes);
    let layout = Layout::new(scene, &palette, options);
    let lines = lines(scene, strokes, (&palette, &layout), threads, |_| true)?;
    let grey = Grey::of(scene.projections);
    let canvases = each(&layout.panels, threads, |place, placed| {
        let mut canvas = layout.grey(scene, &grey, place, placed.shape);
        lines[place].paint(&mut canvas, &palette);
        Ok(canvas)
    })?;
    drop(lines);
    let mut sheet = Canvas::filled(layout.sheet);
    for (placed, canvas) in layout.panels.iter().zip(canvases) {
        sheet.paste(&canvas, placed.corner);
        if let Some((title, corner)) = &placed.title {
            sheet.paste(&layout.lettering.text(title), *corner);
        }
    }
    for (sign, corner) in &layout.signs {
        sheet.paste(&sign.canvas(layout.lettering), *corner);
    }
    sheet.png()
}

/// The lines of the branches that `wanted` accepts by their numbers of voxels, on each panel; thinner than the layout has
/// them if they would cover too much.
fn lines(
    scene: &Scene<'_>,
    strokes: &Strokes<'_>,
    (palette, layout): (&Palette, &Layout),
    threads: usize,
    wanted: impl Fn(usize) -> bool + Sync,
) -> Result<Vec<Lines>> {
    let drawn = each(&layout.panels, threads, |_, placed| {
        let mut points = Points::new(placed.axes, placed.shape, layout.line);
        let mut places = Vec::new();
        strokes(&mut |stroke, voxels| {
            places.clear();
            places.extend(voxels);
            if !wanted(places.len()) {
                return;
            }
            let (ink, mut last) = (palette.ink(stroke), None);
            for place in places.iter().filter_map(|&voxel| layout.place(scene, voxel)) {
                points.add(last, place, ink);
                last = Some(place);
            }
        });
        let lines = points.lines(layout.line);
        Ok((points, lines))
    })?;
    let inked: usize = drawn.iter().map(|(_, lines)| lines.inked()).sum();
    let pixels: usize = layout.panels.iter().map(|placed| placed.shape[0] * placed.shape[1]).sum();
    let covered = inked as f64 / pixels.max(1) as f64;
    if covered <= MOST_COVERED || layout.line <= 1.0 {
        return Ok(drawn.into_iter().map(|(_, lines)| lines).collect());
    }
    let width = (layout.line * MOST_COVERED / covered).max(1.0);
    let points: Vec<Points> = drawn.into_iter().map(|(points, _)| points).collect();
    each(&points, threads, |_, points| Ok(points.lines(width)))
}

#[cfg(test)]
mod tests;
