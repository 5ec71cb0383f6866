//! Maximum projections of an image along its axes, put together from those of its chunks.
//!
//! A 3-D image has three panels: along z (rows y, columns x), along y (rows z, columns x) and along x (rows z, columns
//! y). A 2-D image has one: itself. A pixel stands for a square of `scale` voxels a side.

mod packed;

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::chunk::{Chunk, Value, Voxels};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::largest::{larger, largest, raise};
use crate::space::{Position, Region, Voxel};
use crate::with_voxels;

/// The longest side of a panel, in pixels.
const LONGEST_SIDE: usize = 1024;

/// For each panel, the axes of its rows and columns.
const PANEL_AXES: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];

/// Largest values along each axis; parts of the same image merge in any order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projections {
    bounds: Region,
    scale: usize,
    panels: Vec<Panel>,
}

/// A part of one panel. A pixel that nothing has been projected to is negatively infinite.
///
/// Serialised it takes one or two bytes a pixel where all of them are such whole numbers, and next to nothing where all
/// are equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Row and column of the first pixel, in the panel of the whole image.
    pub first: [usize; 2],
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Pixels, row by row.
    #[serde(with = "packed")]
    pub values: Vec<f32>,
}

impl Projections {
    /// Empty projections of an image with these bounds and 2 or 3 axes of its own. They hold 4 bytes a pixel, in
    /// panels of 1024 pixels a side at most.
    pub fn new(bounds: Region, dimensions: usize) -> Projections {
        Self::of_part(bounds, dimensions, &bounds)
    }

    /// The projections of one chunk, as large as the chunk needs.
    pub fn of_chunk(bounds: Region, dimensions: usize, chunk: &Chunk) -> Projections {
        let mut part = Self::of_part(bounds, dimensions, &chunk.region);
        part.add_chunk(chunk);
        part
    }

    /// Empty projections of a box of an image with these bounds, as large as the box needs.
    pub fn of_part(bounds: Region, dimensions: usize, part: &Region) -> Projections {
        let mut projections = Projections { bounds, scale: scale(&bounds, dimensions), panels: Vec::new() };
        for axes in &PANEL_AXES[..if dimensions == 2 { 1 } else { 3 }] {
            let first = axes.map(|a| projections.pixel(part.min, a));
            let last = axes.map(|a| projections.pixel(part.max.map(|p| p - 1), a));
            let shape = if part.is_empty() { [0; 2] } else { [last[0] - first[0] + 1, last[1] - first[1] + 1] };
            projections.panels.push(Panel { first, shape, values: vec![f32::NEG_INFINITY; shape[0] * shape[1]] });
        }
        projections
    }

    /// Whether these are the projections of a chunk with this box: they merge into those of an image with these bounds.
    pub fn is_of(&self, chunk: &Region) -> bool {
        let reach = Region::new(Voxel::MIN, Voxel::END);
        if chunk.is_empty() || !self.bounds.encloses(chunk) || !reach.encloses(&self.bounds) {
            return false;
        }
        let like = Self::of_part(self.bounds, self.dimensions(), chunk);
        let form = |panel: &Panel| (panel.first, panel.shape, panel.values.len());
        self.scale == like.scale && self.panels.iter().map(form).eq(like.panels.iter().map(form))
    }

    /// The pixel along an axis that a position falls on.
    fn pixel(&self, p: Position, axis: usize) -> usize {
        usize::try_from(p[axis] - self.bounds.min[axis]).unwrap_or(0) / self.scale
    }

    /// The bounds of the image.
    pub fn bounds(&self) -> Region {
        self.bounds
    }

    /// 2 or 3: how many axes of its own the image has.
    pub fn dimensions(&self) -> usize {
        if self.panels.len() == 1 { 2 } else { 3 }
    }

    /// Voxels along the side of a pixel.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// The panels: along z, and for a 3-D image along y and x.
    pub fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// The axes of each panel: of its rows, and of its columns.
    pub fn panel_axes(&self) -> &'static [[usize; 2]] {
        &PANEL_AXES[..self.panels.len()]
    }

    /// The pixel along an axis that each position inside the bounds falls on.
    pub fn pixels_along(&self, axis: usize) -> Vec<usize> {
        (0..self.bounds.shape()[axis]).map(|place| place / self.scale).collect()
    }

    /// Projects the values of a chunk inside the bounds, rounded to `f32`.
    ///
    /// # Panics
    /// If the chunk lies outside of what these projections cover.
    pub fn add_chunk(&mut self, chunk: &Chunk) {
        self.add_voxels(&chunk.region, &chunk.voxels);
    }

    /// The same for values that fill a box.
    ///
    /// # Panics
    /// As [`Projections::add_chunk`].
    pub fn add_voxels(&mut self, region: &Region, voxels: &Voxels) {
        self.add_part(region, voxels, [0; 3]);
    }

    /// The same for values that fill a box inside an array, beginning at a corner.
    fn add_part(&mut self, region: &Region, voxels: &Voxels, corner: Position) {
        let corner = corner.map(|p| usize::try_from(p).unwrap_or(0));
        with_voxels!(voxels, array => self.add(region, array, corner));
    }

    /// Projects one value that fills a box inside the bounds: the fill value of what is not stored.
    ///
    /// # Panics
    /// If the box lies outside of what these projections cover.
    pub fn add_constant(&mut self, region: &Region, value: f32) {
        if region.is_empty() {
            return;
        }
        for (panel, axes) in PANEL_AXES.into_iter().enumerate().take(self.panels.len()) {
            let shape = axes.map(|a| self.pixel(region.max.map(|p| p - 1), a) - self.pixel(region.min, a) + 1);
            let first = axes.map(|a| self.pixel(region.min, a));
            self.panels[panel].raise(&Panel { first, shape, values: vec![value; shape[0] * shape[1]] });
        }
    }

    /// Projects one value that fills the volume outside of some chunks of a grid over the bounds. Takes time by the pixels
    /// and these chunks, however many others there are.
    pub fn add_rest(&mut self, grid: &Grid, chunks: &BTreeSet<ChunkId>, value: f32) {
        for (panel, axes) in PANEL_AXES.into_iter().enumerate().take(self.panels.len()) {
            let along = 3 - axes[0] - axes[1];
            // Chunks along each line of sight, by their place across it.
            let mut lines: BTreeMap<[i64; 2], usize> = BTreeMap::new();
            for chunk in chunks {
                *lines.entry(axes.map(|a| chunk.place()[a])).or_default() += 1;
            }
            lines.retain(|_, count| *count == grid.shape()[along]);
            // Voxels of each pixel that the rest is not behind.
            let whole = &self.panels[panel];
            let mut hidden = vec![0u64; whole.values.len()];
            for place in lines.into_keys() {
                let mut at = grid.chunk_at(grid.bounds().min).place();
                (at[axes[0]], at[axes[1]]) = (place[0], place[1]);
                let region = grid.region(ChunkId::at(at));
                let first = axes.map(|a| self.pixel(region.min, a));
                let last = axes.map(|a| self.pixel(region.max.map(|p| p - 1), a));
                for row in first[0]..=last[0] {
                    for column in first[1]..=last[1] {
                        hidden[(row - whole.first[0]) * whole.shape[1] + column - whole.first[1]] +=
                            self.of_pixel(row, axes[0], &region) * self.of_pixel(column, axes[1], &region);
                    }
                }
            }
            let pixels = hidden.iter().enumerate().map(|(i, hidden)| {
                let at = [whole.first[0] + i / whole.shape[1], whole.first[1] + i % whole.shape[1]];
                let all = self.of_pixel(at[0], axes[0], &self.bounds) * self.of_pixel(at[1], axes[1], &self.bounds);
                if *hidden == all { f32::NEG_INFINITY } else { value }
            });
            let rest = Panel { first: whole.first, shape: whole.shape, values: pixels.collect() };
            self.panels[panel].raise(&rest);
        }
    }

    /// Voxels of a box, along an axis, that fall on a pixel.
    fn of_pixel(&self, pixel: usize, axis: usize, region: &Region) -> u64 {
        let scale = i64::try_from(self.scale).unwrap_or(i64::MAX);
        let first = self.bounds.min[axis] + i64::try_from(pixel).unwrap_or(i64::MAX) * scale;
        let (from, to) = (first.max(region.min[axis]), (first + scale).min(region.max[axis]));
        u64::try_from(to - from).unwrap_or(0)
    }

    /// Projects a chunk's own box out of the values of a box around it, or the fill value where it has none.
    ///
    /// # Panics
    /// As [`Projections::add_chunk`], and where the values are not those of the box.
    pub fn add_own(&mut self, own: &Region, region: &Region, voxels: Option<&Voxels>, fill: f64) {
        match voxels {
            None => self.add_constant(own, fill as f32),
            Some(voxels) => {
                assert_eq!(voxels.shape(), region.shape(), "the values fill their box");
                self.add_part(own, voxels, std::array::from_fn(|a| own.min[a] - region.min[a]));
            }
        }
    }

    /// Forgets all that was projected to the pixels on which a box falls.
    pub fn forget(&mut self, region: &Region) {
        let empty = Self::of_part(self.bounds, self.dimensions(), region);
        for (panel, part) in self.panels.iter_mut().zip(&empty.panels) {
            for row in 0..part.shape[0] {
                let first = (part.first[0] + row - panel.first[0]) * panel.shape[1] + part.first[1] - panel.first[1];
                panel.values[first..first + part.shape[1]].fill(f32::NEG_INFINITY);
            }
        }
    }

    /// Whether a part is of use for the same image with other bounds: those that it was made for, or ones that begin at
    /// the same place and have the same scale. Else it must be projected again.
    pub fn fits(&self, bounds: &Region) -> bool {
        (self.bounds.min, self.scale) == (bounds.min, scale(bounds, self.dimensions()))
    }

    /// Takes the projections of another part of the same image in, which may have been made while its bounds were others
    /// that it [fits](Projections::fits).
    ///
    /// # Panics
    /// If the other part lies outside of what these projections cover, or is of another image.
    pub fn merge(&mut self, other: &Projections) {
        let same = other.fits(&self.bounds) && self.panels.len() == other.panels.len();
        assert!(same, "parts of one image");
        for (panel, other) in self.panels.iter_mut().zip(&other.panels) {
            panel.raise(other);
        }
    }

    fn add<T: Value>(&mut self, region: &Region, array: &Array3<T>, corner: [usize; 3]) {
        let [depth, height, width] = region.shape();
        if region.is_empty() {
            return;
        }
        let (planes, rows, stride) = array.dim();
        let fits = corner[0] + depth <= planes && corner[1] + height <= rows && corner[2] + width <= stride;
        assert!(fits, "the values fill their box");
        let array = array.as_standard_layout();
        let values = array.as_slice().expect("standard layout is contiguous");
        // From the first of the box on, in each of its planes.
        let plane = |z: usize| &values[((z + corner[0]) * rows + corner[1]) * stride + corner[2]..];
        let from = |axes: [usize; 2]| axes.map(|a| (region.min[a] - self.bounds.min[a]) as usize);
        if let [panel] = &mut self.panels[..] {
            for z in 0..depth {
                let rows = (0..height).map(|y| &plane(z)[y * stride..][..width]);
                panel.project(rows, from(PANEL_AXES[0]), self.scale);
            }
            return;
        }
        // At full resolution in the image's own type: rounding to f32 keeps the order.
        let mut along_z = Vec::with_capacity(height * width);
        (0..height).for_each(|y| along_z.extend_from_slice(&plane(0)[y * stride..][..width]));
        let mut along_y = Vec::with_capacity(depth * width);
        let mut along_x = vec![plane(0)[0]; depth * height];
        for z in 0..depth {
            along_y.extend_from_slice(&plane(z)[..width]);
            let along_y = &mut along_y[z * width..];
            raise_plane(plane(z), stride, &mut along_z, along_y, &mut along_x[z * height..][..height]);
        }
        let full: [(&[T], usize); 3] = [(&along_z, width), (&along_y, width), (&along_x, height)];
        for ((values, columns), (panel, axes)) in full.into_iter().zip(self.panels.iter_mut().zip(PANEL_AXES)) {
            panel.project(values.chunks_exact(columns), from(axes), self.scale);
        }
    }
}

/// Raises pixels to the values along a row that fall on them: `scale` values a pixel, of the first all but some.
fn raise_pixels<T: Value>(values: &[T], missing: usize, scale: usize, pixels: &mut [f32]) {
    if scale == 1 {
        pixels.iter_mut().zip(values).for_each(|(pixel, value)| *pixel = larger(value.to_f32(), *pixel));
        return;
    }
    let (first, rest) = values.split_at((scale - missing).min(values.len()));
    for (pixel, values) in pixels.iter_mut().zip(std::iter::once(first).chain(rest.chunks(scale))) {
        *pixel = larger(largest(values).to_f32(), *pixel);
    }
}

/// Voxels along the side of a pixel, for an image with these bounds.
fn scale(bounds: &Region, dimensions: usize) -> usize {
    let longest = bounds.shape()[3 - dimensions..].iter().copied().max().unwrap_or(1);
    longest.div_ceil(LONGEST_SIDE).max(1)
}

impl Panel {
    /// Which values a row of the whole panel has here.
    fn row(&self, row: usize) -> std::ops::Range<usize> {
        let row = row.checked_sub(self.first[0]).filter(|&row| row < self.shape[0]).expect("a row of this part");
        row * self.shape[1]..(row + 1) * self.shape[1]
    }

    /// Raises pixels to values that fall on them, row by row, each pixel to those of `scale` rows and columns. The first
    /// value lies at a row and a column of the image.
    fn project<'v, T: Value>(&mut self, rows: impl Iterator<Item = &'v [T]>, first: [usize; 2], scale: usize) {
        let column = first[1] / scale - self.first[1];
        let mut rows = rows.zip(first[0]..).map(|(values, row)| (values, row / scale)).peekable();
        let mut largest = Vec::new();
        while let Some((mut values, row)) = rows.next() {
            if scale > 1 {
                largest.clear();
                largest.extend_from_slice(values);
                while let Some((others, _)) = rows.next_if(|(_, of)| *of == row) {
                    raise_row(&mut largest, others);
                }
                values = &largest;
            }
            let range = self.row(row);
            raise_pixels(values, first[1] % scale, scale, &mut self.values[range][column..]);
        }
    }

    /// Raises pixels to those of another part, where they are higher.
    fn raise(&mut self, other: &Panel) {
        let [rows, columns] = other.shape;
        if rows * columns == 0 {
            return;
        }
        let shift = other.first[1].checked_sub(self.first[1]).expect("a part inside this one");
        for (row, values) in other.values.chunks_exact(columns).enumerate() {
            let range = self.row(other.first[0] + row);
            for (mine, value) in self.values[range][shift..shift + columns].iter_mut().zip(values) {
                *mine = mine.max(*value);
            }
        }
    }
}

/// Raises values to those of another row, where these are larger.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn raise_row<T: Value>(values: &mut [T], row: &[T]) {
    raise(values, row);
}

/// Raises one plane's share of the projections: all rows along z, one row along y, one value a row along x. Rows begin
/// every `stride` values.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn raise_plane<T: Value>(plane: &[T], stride: usize, along_z: &mut [T], along_y: &mut [T], along_x: &mut [T]) {
    let width = along_y.len();
    // Nothing lies below the least value of the type, which most of a mask has.
    let zero_is_least = !T::DTYPE.is_signed();
    for y in 0..along_x.len() {
        let row = &plane[y * stride..][..width];
        along_x[y] = largest(row);
        if zero_is_least && along_x[y] == T::default() {
            continue;
        }
        raise(&mut along_z[y * width..], row);
        raise(along_y, row);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Voxels;
    use crate::grid::Grid;

    fn image(shape: [usize; 3], seed: u64) -> Chunk {
        let mut state = seed;
        let values = Array3::from_shape_simple_fn(shape, || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 48) as i16
        });
        Chunk { region: Region::of_shape(shape), voxels: Voxels::I16(values) }
    }

    fn part(image: &Chunk, region: Region) -> Chunk {
        Chunk { region, voxels: image.voxels.part(&region) }
    }

    /// The definition, voxel by voxel.
    fn plainly(image: &Chunk, dimensions: usize) -> Projections {
        let mut projections = Projections::new(image.region, dimensions);
        let Voxels::I16(values) = &image.voxels else { unreachable!("an image of i16") };
        for ((z, y, x), &v) in values.indexed_iter() {
            let along = [0, 1, 2].map(|axis| projections.pixels_along(axis)[[z, y, x][axis]]);
            for (panel, axes) in projections.panels.iter_mut().zip(PANEL_AXES) {
                let [row, column] = axes.map(|axis| along[axis]);
                let pixel = &mut panel.values[row * panel.shape[1] + column];
                *pixel = pixel.max(f32::from(v));
            }
        }
        projections
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn chunks_in_any_order_give_the_projections_of_the_whole(
            shape in prop::array::uniform3(1usize..40),
            chunk in prop::array::uniform3(1usize..40),
            seed in any::<u64>(),
            dimensions in 2usize..4,
        ) {
            let image = image(shape, seed);
            let mut projections = Projections::new(image.region, dimensions);
            let grid = Grid::new(image.region, chunk);
            let mut ids: Vec<_> = grid.chunks().collect();
            ids.sort_by_key(|id| id.place().map(|p| (p.wrapping_mul(7919) ^ seed as i64) % 5));
            for (i, id) in ids.into_iter().enumerate() {
                let part = part(&image, grid.region(id));
                if i % 2 == 0 {
                    projections.add_chunk(&part);
                } else {
                    projections.merge(&Projections::of_chunk(image.region, dimensions, &part));
                }
            }
            prop_assert_eq!(projections, plainly(&image, dimensions));
        }
    }

    #[test]
    fn parts_stay_of_use_while_bounds_grow_and_the_scale_does_not() {
        let image = image([4, 30, 1030], 3);
        let small = Region::of_shape([4, 20, 1000]);
        let grown = Region::of_shape([4, 30, 1024]);
        let old = Projections::of_chunk(small, 3, &part(&image, small));
        assert!(old.fits(&small) && old.fits(&grown));
        let mut whole = Projections::new(grown, 3);
        whole.merge(&old);
        for rest in [Region::new([0, 20, 0], [4, 30, 1024]), Region::new([0, 0, 1000], [4, 20, 1024])] {
            whole.merge(&Projections::of_chunk(grown, 3, &part(&image, rest)));
        }
        assert_eq!(whole, plainly(&part(&image, grown), 3));
        // Half the resolution, and another first voxel.
        assert!(!old.fits(&Region::of_shape([4, 30, 1025])));
        assert!(!old.fits(&Region::new([0, -1, 0], [4, 20, 1000])));
        assert!(!Projections::of_chunk(small, 3, &part(&image, small)).fits(&image.region));
    }

    #[test]
    fn a_large_image_is_scaled_down_and_keeps_its_single_bright_voxels() {
        let mut image = image([1, 3, 2500], 1);
        let Voxels::I16(values) = &mut image.voxels else { unreachable!("an image of i16") };
        values.fill(0);
        values[[0, 2, 2499]] = 9;
        let mut projections = Projections::new(image.region, 2);
        projections.add_chunk(&part(&image, Region::new([0, 0, 1250], [1, 3, 2500])));
        projections.add_constant(&Region::new([0, 0, 0], [1, 3, 1250]), 5.0);
        assert_eq!((projections.scale(), projections.panels()[0].shape), (3, [1, 834]));
        let row = &projections.panels()[0].values;
        assert_eq!((row[0], row[416], row[417], row[833]), (5.0, 5.0, 0.0, 9.0));
    }
}
