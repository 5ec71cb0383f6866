//! Pictures of small scenes, looked at pixel by pixel.

use image::{Rgb, RgbImage};
use ndarray::Array3;

use super::colours::KINDS;
use super::grey::BRIGHTEST;
use super::layout::{GAP, LEAST_SIDE};
use super::*;
use crate::chunk::{Chunk, Voxels};
use crate::kernel::image::project::Projections;
use crate::space::{Position, Region, Spacing, Voxel};

/// A branch: what it shows, and its voxels.
type Line = (Stroke, Vec<Position>);

fn line(kind: StrokeKind, radius: f64, voxels: &[Position]) -> Line {
    (Stroke { kind, radius }, voxels.to_vec())
}

fn projections(values: Array3<u8>, dimensions: usize) -> Projections {
    let region = Region::of_shape(values.dim().into());
    let mut projections = Projections::new(region, dimensions);
    projections.add_chunk(&Chunk { region, voxels: Voxels::U8(values) });
    projections
}

fn with_strokes<D>(lines: &[Line], of: impl FnOnce(&Strokes<'_>) -> D) -> D {
    let mut kinds = [false; StrokeKind::COUNT];
    lines.iter().for_each(|(stroke, _)| kinds[stroke.kind as usize] = true);
    let draw = |share: Share, draw: &mut Draw<'_>| {
        share.of(lines).for_each(|(stroke, voxels)| draw(*stroke, &mut voxels.iter().copied().map(Voxel::new)));
    };
    of(&Strokes { kinds, count: lines.len(), draw: &draw })
}

fn decoded(projections: &Projections, spacing: Spacing, lines: &[Line], options: OverviewOptions) -> RgbImage {
    with_strokes(lines, |strokes| {
        let scene = Scene { projections, spacing, unit: Some("µm") };
        image::load_from_memory(&overview(&scene, strokes, &options, 2).unwrap()).unwrap().to_rgb8()
    })
}

/// The box around all pixels of a colour, down to a row: left, top, right, bottom.
fn extent(picture: &RgbImage, colour: [u8; 3], above: u32) -> [u32; 4] {
    let found = picture.enumerate_pixels().filter(|(_, y, pixel)| **pixel == Rgb(colour) && *y < above);
    found.fold([u32::MAX, u32::MAX, 0, 0], |[left, top, right, bottom], (x, y, _)| {
        [left.min(x), top.min(y), right.max(x), bottom.max(y)]
    })
}

#[test]
fn lengths_are_alike_along_all_axes_whatever_the_spacing() {
    // 10 x 100 x 100 voxels of 10 x 1 x 1: a cube.
    let seen = projections(Array3::zeros((10, 100, 100)), 3);
    let along_z: Vec<Position> = (0..10).map(|z| [z, 50, 20]).collect();
    let lines = [line(StrokeKind::Cycle, 1.0, &along_z)];
    let options = OverviewOptions { size: Some(600), ..OverviewOptions::default() };
    let picture = decoded(&seen, Spacing([10.0, 1.0, 1.0]), &lines, options);
    let (gap, letters) = (GAP as u32, 28);
    let panel = 600 + letters;
    assert_eq!(picture.width(), 2 * 600 + 3 * gap);
    // Along x, to the right, the line goes from the middle of the first plane to that of the last, in the row y = 50.
    let right = image::imageops::crop_imm(&picture, 2 * gap + 600, gap + letters, 600, 600).to_image();
    let [left, top, last, bottom] = extent(&right, KINDS[3].1, 600);
    assert!((29..=31).contains(&left) && (569..=571).contains(&last), "{left} to {last}");
    assert!((301..=305).contains(&top) && bottom - top == 1, "{top} to {bottom}");
    // Along y, below, it goes from top to bottom in the column x = 20.
    let below = image::imageops::crop_imm(&picture, gap, 2 * gap + panel + letters, 600, 600).to_image();
    let [left, top, last, bottom] = extent(&below, KINDS[3].1, 600);
    assert!((121..=125).contains(&left) && last - left == 1, "{left} to {last}");
    assert!((29..=32).contains(&top) && (569..=573).contains(&bottom), "{top} to {bottom}");
}

#[test]
fn what_shows_on_a_pixel_does_not_depend_on_the_order_of_branches() {
    let seen = projections(Array3::zeros((2, 50, 50)), 3);
    let row = |y: i64, z: i64| -> Vec<Position> { (5..45).map(|x| [z, y, x]).collect() };
    let mut lines = vec![
        line(StrokeKind::JunctionJunction, 4.0, &row(9, 0)),
        line(StrokeKind::Isolated, 2.0, &row(9, 1)),
        line(StrokeKind::TipTip, 3.0, &(5..45).map(|y| [1, y, 30]).collect::<Vec<_>>()),
    ];
    for colour in [BranchColour::Kind, BranchColour::Radius] {
        let options = OverviewOptions { colour, ..OverviewOptions::default() };
        let picture = decoded(&seen, Spacing([1.0; 3]), &lines, options);
        lines.reverse();
        assert_eq!(picture, decoded(&seen, Spacing([1.0; 3]), &lines, options));
    }
}

#[test]
fn colours_by_radius_go_from_the_least_to_the_largest() {
    let seen = projections(Array3::zeros((1, 60, 60)), 2);
    let row = |y: i64| -> Vec<Position> { (5..55).map(|x| [0, y, x]).collect() };
    let lines = [line(StrokeKind::Cycle, 1.0, &row(10)), line(StrokeKind::Cycle, 9.0, &row(40))];
    let picture = decoded(
        &seen,
        Spacing([1.0; 3]),
        &lines,
        OverviewOptions { colour: BranchColour::Radius, size: Some(600), vector: false },
    );
    let palette = Palette::Radius { least: 1.0, largest: 9.0 };
    for (ink, y) in [(2, 10), (255, 40)] {
        let pixel = picture.get_pixel(GAP as u32 + 300, GAP as u32 + y * 10 + 5);
        assert_eq!(*pixel, Rgb(palette.colour(ink)));
    }
}

#[test]
fn the_brightest_value_is_the_brightest_grey_and_small_images_are_enlarged() {
    let mut values = Array3::zeros((1, 40, 64));
    values[[0, 5, 7]] = 200;
    let picture = decoded(&projections(values, 2), Spacing([1.0; 3]), &[], OverviewOptions::default());
    let at = |x: u32, y: u32| *picture.get_pixel(GAP as u32 + x, GAP as u32 + y);
    assert_eq!([at(7 * 8, 5 * 8), at(7 * 8 + 7, 5 * 8 + 7)], [Rgb([BRIGHTEST as u8; 3]); 2]);
    assert_eq!([at(8 * 8, 5 * 8), at(7 * 8, 6 * 8)], [Rgb([0; 3]); 2]);
    assert_eq!(picture.width(), 64 * 8 + 2 * GAP as u32);
}

#[test]
fn an_image_of_nothing_still_gives_a_picture() {
    let seen = Projections::new(Region::of_shape([3, 3, 3]), 3);
    let options = OverviewOptions { colour: BranchColour::Radius, ..OverviewOptions::default() };
    assert!(decoded(&seen, Spacing([1.0; 3]), &[], options).width() > 2 * LEAST_SIDE as u32);
}

fn vector(projections: &Projections, lines: &[Line]) -> String {
    with_strokes(lines, |strokes| {
        let scene = Scene { projections, spacing: Spacing([2.0, 1.0, 1.0]), unit: Some("<µm>") };
        vector_overview(&scene, strokes, &OverviewOptions::default(), 2).unwrap()
    })
}

#[test]
fn every_branch_is_a_path_on_every_panel_in_whatever_order_they_are_drawn() {
    let seen = projections(Array3::zeros((6, 30, 40)), 3);
    let mut lines = vec![
        line(StrokeKind::TipTip, 1.0, &(0..30).map(|x| [2, 7, x]).collect::<Vec<_>>()),
        line(StrokeKind::Cycle, 1.0, &[[0, 0, 0], [1, 1, 1], [1, 2, 0], [0, 0, 0]]),
        line(StrokeKind::Isolated, 1.0, &[[3, 3, 3]]),
    ];
    let text = vector(&seen, &lines);
    assert_eq!(text.matches("<path ").count(), 3 * lines.len());
    assert_eq!(text.matches("<image ").count(), 3);
    assert!(text.contains("tip to tip") && text.contains("&lt;µm&gt;") && !text.contains("junction"), "{text}");
    lines.reverse();
    assert_eq!(text, vector(&seen, &lines));
}

#[test]
fn of_very_many_branches_the_longest_are_paths() {
    let seen = projections(Array3::zeros((1, 200, 300)), 2);
    let branch = |i: i64| -> Vec<Position> { (0..2 + i % 7).map(|x| [0, i % 200, i / 200 + x]).collect() };
    let lines: Vec<Line> = (0..11_000).map(|i| line(StrokeKind::TipTip, 1.0, &branch(i))).collect();
    let longer = |least: usize| lines.iter().filter(|(_, voxels)| voxels.len() >= least).count();
    let text = vector(&seen, &lines);
    assert_eq!(text.matches("<path ").count(), longer(3));
    assert!(longer(3) <= 10_000 && text.contains("fewer than 3 voxels"), "{}", &text[..400]);
}

#[test]
fn panels_of_what_is_long_lie_where_little_room_is_lost() {
    let sheet =
        |shape| decoded(&projections(Array3::zeros(shape), 3), Spacing([1.0; 3]), &[], OverviewOptions::default());
    let (tall, long) = (sheet((600, 20, 20)), sheet((20, 20, 600)));
    for picture in [&tall, &long] {
        assert!(picture.width() > 1500 && picture.height() < 500, "{} x {}", picture.width(), picture.height());
    }
    let square = sheet((60, 60, 60));
    // The legend has found room beside the third panel.
    assert!(square.height() < 2 * 512 + 100, "{}", square.height());
}
