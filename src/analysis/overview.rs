//! `overview.png`: maximum projections of an image in grey, its skeleton over them in colours by kind of branch.
//!
//! A 3-D image has three panels: seen along z at the top left, along x to its right (rows are y in both), and along y
//! below (columns are x in both). A 2-D image has one. Below the panels is a legend: a sign for each kind in its
//! colour. Where voxels of several kinds fall on a pixel, the kind that comes last in [`VoxelKind`] shows.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::error::{Error, Result};
use crate::kernel::image::project::{Panel, Projections};
use crate::space::Voxel;

/// The kind of branch that a skeleton voxel belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum VoxelKind {
    /// A branch between two junctions.
    JunctionJunction,
    /// A branch from a junction to an endpoint.
    JunctionEndpoint,
    /// A branch between two endpoints.
    EndpointEndpoint,
    /// A cycle without any other branch.
    Cycle,
    /// A skeleton of a single voxel.
    Isolated,
}

impl VoxelKind {
    /// The kind of the voxels of a branch of type 0 to 3 in the table; isolated for any other number.
    pub(super) fn of_branch_type(branch_type: u8) -> VoxelKind {
        match branch_type {
            0 => VoxelKind::EndpointEndpoint,
            1 => VoxelKind::JunctionEndpoint,
            2 => VoxelKind::JunctionJunction,
            3 => VoxelKind::Cycle,
            _ => VoxelKind::Isolated,
        }
    }

    /// Its colour, from the palette of Okabe and Ito, which colour-blind people can tell apart too.
    pub(super) fn colour(self) -> [u8; 3] {
        match self {
            VoxelKind::JunctionJunction => [86, 180, 233],
            VoxelKind::JunctionEndpoint => [230, 159, 0],
            VoxelKind::EndpointEndpoint => [0, 158, 115],
            VoxelKind::Cycle => [204, 121, 167],
            VoxelKind::Isolated => [240, 228, 66],
        }
    }
}

/// Signs of the legend, from left to right: junctions are forks, endpoints are knobs.
const SIGNS: [(VoxelKind, [&str; 7]); 5] = [
    (
        VoxelKind::JunctionJunction,
        [
            "#.................#",
            ".#...............#.",
            "..#.............#..",
            "...#############...",
            "..#.............#..",
            ".#...............#.",
            "#.................#",
        ],
    ),
    (
        VoxelKind::JunctionEndpoint,
        [
            "#..................",
            ".#.................",
            "..#.............##.",
            "...################",
            "..#.............##.",
            ".#.................",
            "#..................",
        ],
    ),
    (
        VoxelKind::EndpointEndpoint,
        [
            "...................",
            "...................",
            ".##.............##.",
            "###################",
            ".##.............##.",
            "...................",
            "...................",
        ],
    ),
    (
        VoxelKind::Cycle,
        [
            ".......#####.......",
            ".....##.....##.....",
            "....#.........#....",
            "....#.........#....",
            "....#.........#....",
            ".....##.....##.....",
            ".......#####.......",
        ],
    ),
    (
        VoxelKind::Isolated,
        [
            "...................",
            "...................",
            "........###........",
            "........###........",
            "........###........",
            "...................",
            "...................",
        ],
    ),
];

const BACKGROUND: [u8; 3] = [38, 38, 38];
/// Pixels between panels, and around them.
const GAP: usize = 8;
/// The grey of the brightest pixels: dark enough for every colour to stand out.
const BRIGHTEST: f32 = 150.0;
/// Small images are enlarged by a whole factor, as long as their longest side stays within this.
const ENLARGED_SIDE: usize = 384;
/// Edge of a point of a sign, in pixels.
const POINT: usize = 2;

/// The overview as the bytes of a PNG file.
///
/// `skeleton` returns each skeleton voxel with its kind, in any order. Holds 3 bytes for each pixel, and one for each
/// pixel of the panels, whose sides are 1024 pixels at most.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) where the picture cannot be encoded.
pub(super) fn overview(
    projections: &Projections,
    skeleton: impl IntoIterator<Item = (Voxel, VoxelKind)>,
) -> Result<Vec<u8>> {
    let mut overlays: Vec<Overlay> = (0..projections.panels().len()).map(|i| Overlay::new(projections, i)).collect();
    let bounds = projections.bounds();
    skeleton.into_iter().filter(|(voxel, _)| bounds.contains(voxel.position())).for_each(|(voxel, kind)| {
        let p = voxel.position();
        let place = std::array::from_fn(|a| (p[a] - bounds.min[a]) as usize);
        overlays.iter_mut().for_each(|overlay| overlay.add(place, kind));
    });
    let grey = Grey::of(projections);
    let paint = |(panel, overlay): (&Panel, &Overlay)| Picture::of_panel(panel, &overlay.pixels, &grey);
    let mut panels: Vec<Picture> = projections.panels().iter().zip(&overlays).map(paint).collect();
    if let [_, _, along_x] = &mut panels[..] {
        // Its rows are z: transposed, it shares the rows y with its neighbour.
        *along_x = along_x.turned();
    }
    let longest = panels.iter().map(|p| p.width.max(p.height)).max().unwrap_or(1);
    let panels: Vec<Picture> = panels.into_iter().map(|p| p.enlarged((ENLARGED_SIDE / longest).max(1))).collect();
    compose(&panels).png()
}

/// The kinds that show on the pixels of a panel.
struct Overlay {
    pixels: Vec<Option<VoxelKind>>,
    /// The axes of its rows and columns.
    axes: [usize; 2],
    /// For each place along the first axis, the first pixel of its row.
    rows: Vec<usize>,
    /// For each place along the second axis, the pixel in a row.
    columns: Vec<usize>,
}

impl Overlay {
    fn new(projections: &Projections, panel: usize) -> Overlay {
        let axes = projections.panel_axes()[panel];
        let panel = &projections.panels()[panel];
        let [mut rows, columns] = axes.map(|axis| projections.pixels_along(axis));
        rows.iter_mut().for_each(|row| *row *= panel.shape[1]);
        Overlay { pixels: vec![None; panel.values.len()], axes, rows, columns }
    }

    /// Shows a kind at a place, from the corner of the image on, unless one that comes later shows there.
    fn add(&mut self, place: [usize; 3], kind: VoxelKind) {
        let [row, column] = self.axes.map(|axis| place[axis]);
        let pixel = &mut self.pixels[self.rows[row] + self.columns[column]];
        *pixel = (*pixel).max(Some(kind));
    }
}

/// Lays out the panels and the legend.
fn compose(panels: &[Picture]) -> Picture {
    let legend = legend();
    let along_z = &panels[0];
    let (mut width, mut height) = (along_z.width, along_z.height);
    let mut places = vec![(along_z, [0, 0])];
    if let [_, along_y, along_x] = panels {
        places.push((along_y, [height + GAP, 0]));
        places.push((along_x, [0, width + GAP]));
        (width, height) = (width + GAP + along_x.width, height + GAP + along_y.height);
    }
    places.push((&legend, [height + GAP, 0]));
    let mut picture = Picture::filled(height + legend.height + 3 * GAP, width.max(legend.width) + 2 * GAP);
    for (part, [row, column]) in places {
        picture.paste(part, [row + GAP, column + GAP]);
    }
    picture
}

fn legend() -> Picture {
    let [height, width] = [SIGNS[0].1.len(), SIGNS[0].1[0].len()];
    let mut points = Picture::filled(height, (width + GAP) * SIGNS.len());
    for (i, (kind, rows)) in SIGNS.iter().enumerate() {
        for (y, row) in rows.iter().enumerate() {
            for x in row.bytes().enumerate().filter(|(_, point)| *point == b'#').map(|(x, _)| x) {
                points.set([y, i * (width + GAP) + x], kind.colour());
            }
        }
    }
    points.enlarged(POINT)
}

/// How values become shades of grey.
struct Grey {
    darkest: f32,
    brightest: f32,
}

impl Grey {
    /// From the least projected value to one that few pixels exceed.
    fn of(projections: &Projections) -> Grey {
        let values = || projections.panels().iter().flat_map(|panel| &panel.values).copied().filter(|v| v.is_finite());
        let (mut darkest, mut largest, mut count) = (f32::INFINITY, f32::NEG_INFINITY, 0);
        values().for_each(|value| (darkest, largest, count) = (darkest.min(value), largest.max(value), count + 1));
        if count == 0 {
            return Grey { darkest: 0.0, brightest: 1.0 };
        }
        let exceeding = (count - 1) / 500;
        // Masks and saturated images need no sorting.
        if values().filter(|&value| value == largest).count() > exceeding {
            return Grey { darkest, brightest: largest };
        }
        let mut above: Vec<f32> = values().filter(|&value| value > darkest).collect();
        let brightest = match above.len().checked_sub(exceeding + 1) {
            Some(place) => *above.select_nth_unstable_by(place, f32::total_cmp).1,
            None => largest,
        };
        Grey { darkest, brightest }
    }

    fn shade(&self, value: f32) -> u8 {
        let range = self.brightest - self.darkest;
        // One value only: black for zero, else full brightness.
        let share = match range > 0.0 {
            true => (value - self.darkest) / range,
            false => f32::from(u8::from(value > 0.0)),
        };
        (share.clamp(0.0, 1.0) * BRIGHTEST) as u8
    }
}

/// An RGB image.
struct Picture {
    height: usize,
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn filled(height: usize, width: usize) -> Picture {
        Picture { height, width, pixels: vec![BACKGROUND; height * width] }
    }

    fn of_panel(panel: &Panel, overlay: &[Option<VoxelKind>], grey: &Grey) -> Picture {
        let shades: Vec<u8> = panel.values.iter().map(|&value| grey.shade(value)).collect();
        let pixel = |(&shade, kind): (&u8, &Option<VoxelKind>)| kind.map_or([shade; 3], VoxelKind::colour);
        let pixels = shades.iter().zip(overlay).map(pixel).collect();
        Picture { height: panel.shape[0], width: panel.shape[1], pixels }
    }

    fn set(&mut self, [row, column]: [usize; 2], colour: [u8; 3]) {
        self.pixels[row * self.width + column] = colour;
    }

    fn paste(&mut self, part: &Picture, [row, column]: [usize; 2]) {
        for (i, pixels) in part.pixels.chunks_exact(part.width.max(1)).enumerate() {
            let start = (row + i) * self.width + column;
            self.pixels[start..start + part.width].copy_from_slice(pixels);
        }
    }

    /// The picture with each pixel enlarged to a square with this edge.
    fn enlarged(self, factor: usize) -> Picture {
        if factor == 1 {
            return self;
        }
        let mut large = Picture::filled(self.height * factor, self.width * factor);
        for row in 0..large.height {
            for column in 0..large.width {
                large.set([row, column], self.pixels[row / factor * self.width + column / factor]);
            }
        }
        large
    }

    fn turned(&self) -> Picture {
        let mut turned = Picture::filled(self.width, self.height);
        for row in 0..self.height {
            for column in 0..self.width {
                turned.set([column, row], self.pixels[row * self.width + column]);
            }
        }
        turned
    }

    fn png(&self) -> Result<Vec<u8>> {
        let side = |n: usize| u32::try_from(n).map_err(|_| Error::internal("the overview is too large for a PNG file"));
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(self.pixels.as_flattened(), side(self.width)?, side(self.height)?, ExtendedColorType::Rgb8)
            .map_err(|e| Error::internal("the overview cannot be encoded").because(e))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use ndarray::Array3;

    use super::*;
    use crate::chunk::{Chunk, Voxels};
    use crate::space::Region;

    fn decoded(projections: &Projections, skeleton: &[([i64; 3], VoxelKind)]) -> RgbImage {
        let skeleton = skeleton.iter().map(|&(p, kind)| (Voxel::new(p), kind));
        image::load_from_memory(&overview(projections, skeleton).unwrap()).unwrap().to_rgb8()
    }

    fn projections(values: Array3<u8>, dimensions: usize) -> Projections {
        let region = Region::of_shape(values.dim().into());
        let mut projections = Projections::new(region, dimensions);
        projections.add_chunk(&Chunk { region, voxels: Voxels::U8(values) });
        projections
    }

    #[test]
    fn a_voxel_shows_in_its_colour_on_every_panel() {
        let projections = projections(Array3::zeros((100, 200, 384)), 3);
        let picture = decoded(&projections, &[([10, 20, 30], VoxelKind::Cycle)]);
        let colour = image::Rgb(VoxelKind::Cycle.colour());
        let gap = GAP as u32;
        let (along_z, along_y) = ((gap + 30, gap + 20), (gap + 30, 2 * gap + 200 + 10));
        let along_x = (2 * gap + 384 + 10, gap + 20);
        let legend_from = gap * 3 + 200 + 100;
        let found: Vec<(u32, u32)> = picture
            .enumerate_pixels()
            .filter(|(_, y, pixel)| **pixel == colour && *y < legend_from)
            .map(|(x, y, _)| (x, y))
            .collect();
        assert_eq!(found, [along_z, along_x, along_y]);
    }

    #[test]
    fn the_kind_that_shows_does_not_depend_on_order() {
        let projections = projections(Array3::zeros((2, 50, 50)), 3);
        let mut voxels = [([0, 9, 9], VoxelKind::JunctionJunction), ([1, 9, 9], VoxelKind::Isolated)];
        let picture = decoded(&projections, &voxels);
        voxels.reverse();
        assert_eq!(picture, decoded(&projections, &voxels));
    }

    #[test]
    fn the_brightest_value_is_the_brightest_grey_and_small_images_are_enlarged() {
        let mut values = Array3::zeros((1, 40, 96));
        values[[0, 5, 7]] = 200;
        let picture = decoded(&projections(values, 2), &[]);
        assert_eq!(picture.get_pixel(GAP as u32 + 7 * 4 + 3, GAP as u32 + 5 * 4), &image::Rgb([BRIGHTEST as u8; 3]));
        assert_eq!(picture.get_pixel(GAP as u32 + 8 * 4, GAP as u32 + 5 * 4), &image::Rgb([0; 3]));
        assert_eq!(picture.dimensions(), (96 * 4 + 2 * GAP as u32, 40 * 4 + 3 * GAP as u32 + 14));
    }

    #[test]
    fn an_image_of_nothing_still_gives_a_picture() {
        let picture = decoded(&Projections::new(Region::of_shape([3, 3, 3]), 3), &[]);
        assert_eq!(picture.get_pixel(GAP as u32, GAP as u32), &image::Rgb([0; 3]));
    }
}
