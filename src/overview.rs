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
mod points;
mod reduced;
mod scene;
mod sheet;
mod strokes;
mod svg;

use std::convert::Infallible;

use self::canvas::Canvas;
use self::colours::Palette;
use self::grey::Grey;
use self::layout::{Layout, Placed};
use self::lines::{Brush, Lines};
use self::points::Points;
pub(crate) use self::reduced::reduced;
pub use self::scene::OverviewOptions;
pub(crate) use self::scene::Scene;
use self::sheet::Sheet;
pub use self::strokes::BranchColour;
pub(crate) use self::strokes::{Draw, Share, Stroke, StrokeKind, Strokes};
pub(crate) use self::svg::vector_overview;
use crate::error::Result;
use crate::threads::{each, in_turn};

/// Lines that cover more of the panels than this are drawn thinner.
const MOST_COVERED: f64 = 0.3;

/// Rows of a picture that are made at once.
const BAND: usize = 64;

/// Branches that are worth a thread of their own, which has panels of its own, and the most of such threads.
const WORTH_A_THREAD: usize = if cfg!(test) { 2 } else { 50_000 };
const MOST_THREADS: usize = 4;

/// The overview as the bytes of a PNG file, drawn by a number of threads. Holds eight bytes for each pixel, and four more for each
/// further thread that draws branches; takes time in proportion to the pixels and to the voxels of the skeleton.
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
    let (grey, brush) = (Grey::of(scene.projections), Brush::new(&palette));
    let titles = layout.panels.iter().filter_map(|placed| placed.title.as_ref());
    let titles = titles.map(|(title, corner)| (layout.lettering.text(title), *corner));
    let signs = layout.signs.iter().map(|(sign, corner)| (sign.canvas(layout.lettering), *corner));
    let written: Vec<(Canvas, [usize; 2])> = titles.chain(signs).collect();
    let [height, width] = layout.sheet;
    let draw = |band: &mut Canvas, number: usize| {
        let rows = number * BAND..((number + 1) * BAND).min(height);
        *band = Canvas::filled([rows.len(), width]);
        for (place, placed) in layout.panels.iter().enumerate() {
            let ([first, column], [high, _]) = (placed.corner, placed.shape);
            let of_panel = rows.start.max(first)..rows.end.min(first + high);
            if !of_panel.is_empty() {
                let own = of_panel.start - first..of_panel.end - first;
                let mut canvas = layout.grey(scene, &grey, place, placed.shape, own.clone());
                lines[place].paint(&mut canvas, own, &brush);
                band.paste(&canvas, [of_panel.start - rows.start, column]);
            }
        }
        written.iter().for_each(|(canvas, corner)| band.paste_below(rows.start, canvas, *corner));
    };
    let mut sheet = Sheet::new(layout.sheet);
    let take = |band: &mut Canvas| {
        sheet.push(band);
        Ok::<(), Infallible>(())
    };
    let Ok(()) = in_turn(height.div_ceil(BAND), threads, || Canvas::filled([0; 2]), draw, take);
    drop(lines);
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
    let shares = Share::all((strokes.count / WORTH_A_THREAD).clamp(1, threads.clamp(1, MOST_THREADS)));
    let drawn = each(&shares, threads, |_, share| {
        let panel = |placed: &Placed| Points::new(placed.axes, placed.shape, layout.line);
        let mut panels: Vec<Points> = layout.panels.iter().map(panel).collect();
        let mut branch = Vec::new();
        (strokes.draw)(*share, &mut |stroke, voxels| {
            branch.clear();
            branch.extend(voxels);
            if wanted(branch.len()) {
                let ink = palette.ink(stroke);
                panels.iter_mut().for_each(|points| points.add_branch(&branch, ink, scene, layout));
            }
        });
        Ok(panels)
    })?;
    let merged = |mut all: Vec<Points>, more: Vec<Points>| {
        all.iter_mut().zip(more).for_each(|(points, more)| points.merge(&more));
        all
    };
    let points = drawn.into_iter().reduce(merged).unwrap_or_default();
    let draw = |width: f64| each(&points, threads, |_, points| Ok(points.lines(width)));
    let drawn = draw(layout.line)?;
    let inked: usize = drawn.iter().map(Lines::inked).sum();
    let pixels: usize = layout.panels.iter().map(|placed| placed.shape[0] * placed.shape[1]).sum();
    let covered = inked as f64 / pixels.max(1) as f64;
    if covered <= MOST_COVERED || layout.line <= 1.0 {
        return Ok(drawn);
    }
    drop(drawn);
    draw((layout.line * MOST_COVERED / covered).max(1.0))
}

#[cfg(test)]
mod tests;
