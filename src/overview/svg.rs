//! The overview as SVG: grey panels as embedded pictures, branches as paths, and text as text, to be edited.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::colours::{Palette, of_ramp};
use super::grey::Grey;
use super::layout::Layout;
use super::legend::{RAMP_NAME, Sign, ramp, swatch};
use super::lines;
use super::lines::{Brush, LEAST_WITH_SHADOW, Lines, SHADOW};
use super::paths::{path, simplified};
use super::scene::{OverviewOptions, Scene};
use super::sheet::Sheet;
use super::strokes::Strokes;
use crate::error::Result;
use crate::page::{base64, escaped};

/// The longest branches are paths, as many as this at most; the others are drawn into the panels.
const MOST_PATHS: usize = 10_000;
/// Points of all branches at most; else they are simplified further.
const MOST_POINTS: usize = 100_000;
/// How far a path may be from its branch, in pixels, at first and at last.
const TOLERANCES: [f64; 5] = [0.35, 0.7, 1.4, 2.8, 5.6];

/// The overview as the text of an SVG file, of the same layout as the picture in pixels. Bounded: at most 10,000 branches are
/// paths on each panel, of 100,000 points unless they are too crooked, and embedded pictures have the pixels of the
/// projections, or of the panels if not all branches are paths.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if a panel cannot be encoded.
pub(crate) fn vector_overview(
    scene: &Scene<'_>,
    strokes: &Strokes<'_>,
    options: &OverviewOptions,
    threads: usize,
) -> Result<String> {
    let palette = Palette::new(options.colour, strokes);
    let layout = Layout::new(scene, &palette, options);
    let least = least_voxels(strokes);
    let painted = (least > 0).then(|| lines(scene, strokes, (&palette, &layout), threads, |voxels| voxels < least));
    let painted = painted.transpose()?;
    let paths = paths(scene, strokes, (&palette, &layout), least);
    let [height, width] = layout.sheet;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"{}\">\n<title>Skeleton over maximum \
         projections</title>\n",
        layout.lettering.height() * 4 / 5
    );
    if least > 0 {
        let _ =
            writeln!(text, "<desc>Branches of fewer than {least} voxels are parts of the embedded pictures.</desc>");
    }
    let _ = writeln!(text, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
    let grey = Grey::of(scene.projections);
    for (place, placed) in layout.panels.iter().enumerate() {
        let [[row, column], [rows, columns]] = [placed.corner, placed.shape];
        let image = image(scene, (&grey, place, &layout), painted.as_ref().map(|all| (&all[place], &palette)))?;
        if let Some((title, corner)) = &placed.title {
            write_words(&mut text, title, *corner, &layout);
        }
        let _ = write!(
            text,
            "<svg x=\"{column}\" y=\"{row}\" width=\"{columns}\" height=\"{rows}\">\n<image width=\"{columns}\" \
             height=\"{rows}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
             href=\"data:image/png;base64,{image}\"/>\n<g fill=\"none\" stroke-width=\"{}\" stroke-linecap=\"round\" \
             stroke-linejoin=\"round\">\n",
            tenths(layout.line)
        );
        if layout.line >= LEAST_WITH_SHADOW {
            write_shadow(&mut text, place, paths[place].keys(), layout.line);
        }
        for (ink, lines) in &paths[place] {
            // The paths of an inner group have the colour of the group in which they are drawn.
            let _ = writeln!(text, "<g stroke=\"{}\"><g id=\"lines-{place}-{ink}\">", hex(palette.colour(*ink)));
            lines.iter().for_each(|line| text.push_str(&format!("<path d=\"{line}\"/>\n")));
            text.push_str("</g></g>\n");
        }
        text.push_str("</g>\n</svg>\n");
    }
    for (sign, corner) in &layout.signs {
        write_sign(&mut text, sign, *corner, &layout);
    }
    text.push_str("</svg>\n");
    Ok(text)
}

/// The number of voxels from which on branches are paths; 0 if all are.
fn least_voxels(strokes: &Strokes<'_>) -> usize {
    let mut counts = Vec::new();
    strokes.draw_all(&mut |_, voxels| counts.push(voxels.count()));
    if counts.len() <= MOST_PATHS {
        return 0;
    }
    // All of the same length are drawn alike.
    *counts.select_nth_unstable_by(MOST_PATHS, |a, b| b.cmp(a)).1 + 1
}

/// The paths of each panel by their inks, in an order that does not depend on that of the branches.
fn paths(
    scene: &Scene<'_>,
    strokes: &Strokes<'_>,
    (palette, layout): (&Palette, &Layout),
    least: usize,
) -> Vec<BTreeMap<u8, Vec<String>>> {
    let mut branches = Vec::new();
    for tolerance in TOLERANCES {
        branches.clear();
        strokes.draw_all(&mut |stroke, voxels| {
            let mut count = 0;
            let places = voxels.inspect(|_| count += 1).filter_map(|voxel| layout.place(scene, voxel));
            let places: Vec<[f64; 3]> = places.collect();
            if count >= least && !places.is_empty() {
                branches.push((palette.ink(stroke), simplified(&places, tolerance)));
            }
        });
        if branches.iter().map(|(_, points)| points.len()).sum::<usize>() <= MOST_POINTS {
            break;
        }
    }
    let of_panel = |axes: [usize; 2]| {
        let mut paths: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        branches.iter().for_each(|(ink, points)| paths.entry(*ink).or_default().push(path(points, axes)));
        paths.values_mut().for_each(|paths| paths.sort_unstable());
        paths
    };
    layout.panels.iter().map(|placed| of_panel(placed.axes)).collect()
}

/// The grey of a panel as PNG in base 64, with the lines that are no paths.
fn image(
    scene: &Scene<'_>,
    (grey, place, layout): (&Grey, usize, &Layout),
    painted: Option<(&Lines, &Palette)>,
) -> Result<String> {
    let placed = &layout.panels[place];
    let shape = match painted {
        Some(_) => placed.shape,
        None => {
            let panel = &scene.projections.panels()[placed.panel];
            let is_turned = placed.axes != scene.projections.panel_axes()[placed.panel];
            let [rows, columns] = panel.shape.map(|side| side.max(1));
            if is_turned { [columns, rows] } else { [rows, columns] }
        }
    };
    let mut canvas = layout.grey(scene, grey, place, shape, 0..shape[0]);
    if let Some((lines, palette)) = painted {
        lines.paint(&mut canvas, 0..shape[0], &Brush::new(palette));
    }
    let mut sheet = Sheet::new(shape);
    sheet.push(&canvas);
    Ok(base64(&sheet.png()?))
}

fn write_words(text: &mut String, words: &str, [row, column]: [usize; 2], layout: &Layout) {
    let baseline = row + layout.lettering.height() * 4 / 5;
    let _ = writeln!(text, "<text x=\"{column}\" y=\"{baseline}\">{}</text>", escaped(words));
}

fn write_box(text: &mut String, [row, column]: [usize; 2], [height, width]: [usize; 2], fill: &str) {
    let _ = writeln!(text, "<rect x=\"{column}\" y=\"{row}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>");
}

fn write_sign(text: &mut String, sign: &Sign, [row, column]: [usize; 2], layout: &Layout) {
    let lettering = layout.lettering;
    let height = lettering.height();
    let (gap, bar, middle) = (height / 2, (height / 4).max(2), row + height * 3 / 8);
    match sign {
        Sign::Scale { pixels, length } => {
            write_box(text, [middle, column], [bar, *pixels], "#000");
            write_words(text, length, [row, column + pixels + gap], layout);
        }
        Sign::Colour { colour, name } => {
            let length = swatch(lettering);
            write_box(text, [row + height / 8, column], [height * 3 / 4, length], "#000");
            write_box(text, [middle, column], [bar, length], &hex(*colour));
            write_words(text, name, [row, column + length + gap], layout);
        }
        Sign::Ramp { ends } => {
            let least = column + lettering.width(RAMP_NAME) + gap;
            let start = least + lettering.width(&ends[0]) + gap;
            write_words(text, RAMP_NAME, [row, column], layout);
            write_words(text, &ends[0], [row, least], layout);
            text.push_str("<linearGradient id=\"radii\">\n");
            for step in 0..=8 {
                let share = f64::from(step) / 8.0;
                let _ = writeln!(text, "<stop offset=\"{share}\" stop-color=\"{}\"/>", hex(of_ramp(share)));
            }
            text.push_str("</linearGradient>\n");
            write_box(text, [row + height / 8, start], [height * 3 / 4, ramp(lettering)], "url(#radii)");
            write_words(text, &ends[1], [row, start + ramp(lettering) + gap], layout);
        }
        Sign::Words(words) => write_words(text, words, [row, column], layout),
    }
}

/// A dark line, a pixel wider on either side, below each line of a panel: on bright grey it stands out, too.
fn write_shadow<'a>(text: &mut String, place: usize, inks: impl Iterator<Item = &'a u8>, line: f64) {
    let width = tenths(line + 2.0);
    let _ = writeln!(text, "<g stroke=\"#000\" stroke-width=\"{width}\" opacity=\"{SHADOW}\">");
    inks.for_each(|ink| text.push_str(&format!("<use href=\"#lines-{place}-{ink}\"/>\n")));
    text.push_str("</g>\n");
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_written_as_pages_have_them() {
        assert_eq!(hex([86, 180, 9]), "#56b409");
    }
}
