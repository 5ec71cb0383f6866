//! Maximum projections of an image along its axes, merged from those of its chunks.
//!
//! A 3-D image has three panels: along z (rows y, columns x), along y (rows z, columns x) and along x (rows z, columns
//! y). A 2-D image has one: itself. A pixel covers a square with sides of `scale` voxels.

mod packed;

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::chunk::{Chunk, Value, Voxels};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::largest::{larger, largest, raise};
use crate::space::{Position, Region, Voxel};
use crate::with_voxels;

/// Maximum side of a panel, in pixels.
const LONGEST_SIDE: usize = 1024;

/// Rows of a part of a panel.
const PART_ROWS: usize = 32;

/// For each panel, the axes of its rows and columns.
const PANEL_AXES: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];

/// The axes of the panels of an image with 2 or 3 dimensions.
fn panel_axes(dimensions: usize) -> &'static [[usize; 2]] {
    &PANEL_AXES[..if dimensions == 2 { 1 } else { 3 }]
}

/// Largest values along each axis. Parts of the same image can be merged in any order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projections {
    bounds: Region,
    scale: usize,
    panels: Vec<Panel>,
}

/// A part of one panel. A pixel without projected values is negative infinity.
///
/// Its serialised form takes one or two bytes per pixel if all values are integers of that size, and almost nothing if
/// all are equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Row and column of the first pixel, in the panel of the whole image.
    pub first: [usize; 2],
    /// Numbers of rows and columns.
    pub shape: [usize; 2],
    /// Pixels, row by row.
    #[serde(with = "packed")]
    pub values: Vec<f32>,
}

impl Projections {
    /// Empty projections of an image with these bounds and 2 or 3 dimensions. They hold 4 bytes per pixel, in panels
    /// with sides of at most 1024 pixels.
    pub fn new(bounds: Region, dimensions: usize) -> Projections {
        Self::of_part(bounds, dimensions, &bounds)
    }

    /// The projections of one chunk, in panels that cover only the chunk.
    pub fn of_chunk(bounds: Region, dimensions: usize, chunk: &Chunk) -> Projections {
        let mut part = Self::of_part(bounds, dimensions, &chunk.region);
        part.add_chunk(chunk);
        part
    }

    /// Empty projections of a box of an image with these bounds, in panels that cover only the box.
    pub fn of_part(bounds: Region, dimensions: usize, part: &Region) -> Projections {
        let mut projections = Projections { bounds, scale: scale(&bounds, dimensions), panels: Vec::new() };
        let panel = |(first, shape): ([usize; 2], [usize; 2])| Panel {
            first,
            shape,
            values: vec![f32::NEG_INFINITY; shape[0] * shape[1]],
        };
        projections.panels = projections.places(dimensions, part).map(panel).collect();
        projections
    }

    /// The first pixel and the shape of each panel that covers only a box.
    fn places(&self, dimensions: usize, part: &Region) -> impl Iterator<Item = ([usize; 2], [usize; 2])> {
        panel_axes(dimensions).iter().map(move |axes| {
            let first = axes.map(|a| self.pixel(part.min, a));
            let last = axes.map(|a| self.pixel(part.max.map(|p| p - 1), a));
            (first, if part.is_empty() { [0; 2] } else { [last[0] - first[0] + 1, last[1] - first[1] + 1] })
        })
    }

    /// Whether these are projections of a chunk with this box, which can be merged into those of an image with these
    /// bounds.
    pub fn is_of(&self, chunk: &Region) -> bool {
        let reach = Region::new(Voxel::MIN, Voxel::END);
        if chunk.is_empty() || !self.bounds.encloses(chunk) || !reach.encloses(&self.bounds) {
            return false;
        }
        let dimensions = self.dimensions();
        let is_whole = |panel: &Panel| panel.values.len() == panel.shape[0] * panel.shape[1];
        self.scale == scale(&self.bounds, dimensions)
            && self.panels.iter().map(|panel| (panel.first, panel.shape)).eq(self.places(dimensions, chunk))
            && self.panels.iter().all(is_whole)
    }

    /// Number of pixels of the projections of an image with these bounds.
    pub fn count_of_pixels(bounds: &Region, dimensions: usize) -> usize {
        let (shape, scale) = (bounds.shape(), scale(bounds, dimensions));
        panel_axes(dimensions)
            .iter()
            .map(|axes| axes.iter().map(|&a| shape[a].div_ceil(scale)).product::<usize>())
            .sum()
    }

    /// The pixel of a position along an axis.
    fn pixel(&self, p: Position, axis: usize) -> usize {
        usize::try_from(p[axis] - self.bounds.min[axis]).unwrap_or(0) / self.scale
    }

    /// The bounds of the image.
    pub fn bounds(&self) -> Region {
        self.bounds
    }

    /// Number of dimensions of the image, 2 or 3.
    pub fn dimensions(&self) -> usize {
        if self.panels.len() == 1 { 2 } else { 3 }
    }

    /// The panels: along z, and for a 3-D image along y and x.
    pub fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// The axes of the rows and the columns of each panel.
    pub fn panel_axes(&self) -> &'static [[usize; 2]] {
        &PANEL_AXES[..self.panels.len()]
    }

    /// The pixel along an axis of each position inside the bounds.
    pub fn pixels_along(&self, axis: usize) -> Vec<usize> {
        (0..self.bounds.shape()[axis]).map(|place| place / self.scale).collect()
    }

    /// Projects the values of a chunk inside the bounds, rounded to `f32`.
    ///
    /// # Panics
    /// If the chunk lies outside these projections.
    pub fn add_chunk(&mut self, chunk: &Chunk) {
        self.add_voxels(&chunk.region, &chunk.voxels);
    }

    /// As [`Projections::add_chunk`], for values that fill a box.
    ///
    /// # Panics
    /// As [`Projections::add_chunk`].
    pub fn add_voxels(&mut self, region: &Region, voxels: &Voxels) {
        self.add_part(region, voxels, [0; 3]);
    }

    /// As [`Projections::add_voxels`], for values in an array from `corner` on.
    fn add_part(&mut self, region: &Region, voxels: &Voxels, corner: Position) {
        let corner = corner.map(|p| usize::try_from(p).unwrap_or(0));
        with_voxels!(voxels, array => self.add(region, array, corner));
    }

    /// Projects one value that fills a box inside the bounds, such as the fill value of chunks that are not stored.
    ///
    /// # Panics
    /// If the box lies outside these projections.
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

    /// Projects one value that fills the volume outside `chunks` of a grid over the bounds. Takes time proportional to
    /// the number of pixels and of these chunks, independently of the other chunks.
    pub fn add_rest(&mut self, grid: &Grid, chunks: &BTreeSet<ChunkId>, value: f32) {
        for (panel, axes) in PANEL_AXES.into_iter().enumerate().take(self.panels.len()) {
            let along = 3 - axes[0] - axes[1];
            // Number of chunks along each line of sight, by their place across it.
            let mut lines: BTreeMap<[i64; 2], usize> = BTreeMap::new();
            for chunk in chunks {
                *lines.entry(axes.map(|a| chunk.place()[a])).or_default() += 1;
            }
            lines.retain(|_, count| *count == grid.shape()[along]);
            // Number of voxels of each pixel without the rest behind them.
            let whole = &self.panels[panel];
            // At most 2^22, since sides have at most 2^21.
            let mut hidden = vec![0u32; whole.values.len()];
            for place in lines.into_keys() {
                let mut at = grid.chunk_at(grid.bounds().min).place();
                (at[axes[0]], at[axes[1]]) = (place[0], place[1]);
                let region = grid.region(ChunkId::at(at));
                let first = axes.map(|a| self.pixel(region.min, a));
                let last = axes.map(|a| self.pixel(region.max.map(|p| p - 1), a));
                for row in first[0]..=last[0] {
                    for column in first[1]..=last[1] {
                        hidden[(row - whole.first[0]) * whole.shape[1] + column - whole.first[1]] +=
                            (self.of_pixel(row, axes[0], &region) * self.of_pixel(column, axes[1], &region)) as u32;
                    }
                }
            }
            let pixels = hidden.iter().enumerate().map(|(i, hidden)| {
                let at = [whole.first[0] + i / whole.shape[1], whole.first[1] + i % whole.shape[1]];
                let all = self.of_pixel(at[0], axes[0], &self.bounds) * self.of_pixel(at[1], axes[1], &self.bounds);
                if u64::from(*hidden) == all { f32::NEG_INFINITY } else { value }
            });
            let rest = Panel { first: whole.first, shape: whole.shape, values: pixels.collect() };
            self.panels[panel].raise(&rest);
        }
    }

    /// Number of voxels of a box on a pixel, along an axis.
    fn of_pixel(&self, pixel: usize, axis: usize, region: &Region) -> u64 {
        let scale = i64::try_from(self.scale).unwrap_or(i64::MAX);
        let first = self.bounds.min[axis] + i64::try_from(pixel).unwrap_or(i64::MAX) * scale;
        let (from, to) = (first.max(region.min[axis]), (first + scale).min(region.max[axis]));
        u64::try_from(to - from).unwrap_or(0)
    }

    /// Projects a chunk's own box, from the values of a box around it, or the fill value if it has none.
    ///
    /// # Panics
    /// As [`Projections::add_chunk`], and if the values do not fill the box.
    pub fn add_own(&mut self, own: &Region, region: &Region, voxels: Option<&Voxels>, fill: f64) {
        match voxels {
            None => self.add_constant(own, fill as f32),
            Some(voxels) => {
                assert_eq!(voxels.shape(), region.shape(), "the values fill their box");
                self.add_part(own, voxels, std::array::from_fn(|a| own.min[a] - region.min[a]));
            }
        }
    }

    /// The box of all voxels that are on the pixels of a box inside the bounds.
    pub fn whole_pixels(&self, region: &Region) -> Region {
        if region.is_empty() {
            return *region;
        }
        let (bounds, scale) = (self.bounds, i64::try_from(self.scale).unwrap_or(i64::MAX));
        let whole = |axis: usize| {
            let first = |p: i64| bounds.min[axis] + (p - bounds.min[axis]).div_euclid(scale) * scale;
            [first(region.min[axis]), first(region.max[axis] - 1).saturating_add(scale).min(bounds.max[axis])]
        };
        let sides = [0, 1, 2].map(whole);
        Region::new(sides.map(|[min, _]| min), sides.map(|[_, max]| max))
    }

    /// Clears the pixels of a box.
    pub fn forget(&mut self, region: &Region) {
        let empty = Self::of_part(self.bounds, self.dimensions(), region);
        for (panel, part) in self.panels.iter_mut().zip(&empty.panels) {
            for row in 0..part.shape[0] {
                let first = (part.first[0] + row - panel.first[0]) * panel.shape[1] + part.first[1] - panel.first[1];
                panel.values[first..first + part.shape[1]].fill(f32::NEG_INFINITY);
            }
        }
    }

    /// Whether this part can be merged into projections of the same image with these bounds: the first position and the
    /// scale must be equal. Otherwise the part must be projected again.
    pub fn fits(&self, bounds: &Region) -> bool {
        (self.bounds.min, self.scale) == (bounds.min, scale(bounds, self.dimensions()))
    }

    /// Merges the projections of another part of the same image. They may be for other bounds that
    /// [fit](Projections::fits) these.
    ///
    /// # Panics
    /// If the other part lies outside these projections, or is of another image.
    pub fn merge(&mut self, other: &Projections) {
        let same = other.fits(&self.bounds) && self.panels.len() == other.panels.len();
        assert!(same, "parts of one image");
        for (panel, other) in self.panels.iter_mut().zip(&other.panels) {
            panel.raise(other);
        }
    }

    /// Parts that make up these projections: some rows of one panel each, but for rows without projected values.
    pub fn parts(&self) -> impl Iterator<Item = Projections> {
        let rows = |number: usize| {
            let panel = &self.panels[number];
            let length = panel.shape[1].max(1);
            panel.values.chunks(PART_ROWS * length).enumerate().map(move |(part, values)| {
                let first = [panel.first[0] + part * PART_ROWS, panel.first[1]];
                (number, Panel { first, shape: [values.len() / length, panel.shape[1]], values: values.to_vec() })
            })
        };
        let parts = (0..self.panels.len()).flat_map(rows);
        let parts = parts.filter(|(_, panel)| panel.values.iter().any(|value| *value != f32::NEG_INFINITY));
        parts.map(|(number, part)| {
            let mut panels = vec![Panel { first: [0; 2], shape: [0; 2], values: Vec::new() }; self.panels.len()];
            panels[number] = part;
            Projections { bounds: self.bounds, scale: self.scale, panels }
        })
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
        // The values of a plane from the first voxel of the box on.
        let plane = |z: usize| &values[((z + corner[0]) * rows + corner[1]) * stride + corner[2]..];
        let from = |axes: [usize; 2]| axes.map(|a| (region.min[a] - self.bounds.min[a]) as usize);
        if let [panel] = &mut self.panels[..] {
            for z in 0..depth {
                let rows = (0..height).map(|y| &plane(z)[y * stride..][..width]);
                panel.project(rows, from(PANEL_AXES[0]), self.scale);
            }
            return;
        }
        // At full resolution, in the image's own type: rounding to f32 keeps the order.
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

/// Raises pixels to the values of a row: `scale` values for each pixel, of the first pixel without `missing` values.
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
    /// The indices of the values of a row of the whole panel.
    fn row(&self, row: usize) -> std::ops::Range<usize> {
        let row = row.checked_sub(self.first[0]).filter(|&row| row < self.shape[0]).expect("a row of this part");
        row * self.shape[1]..(row + 1) * self.shape[1]
    }

    /// Raises pixels to rows of values, each pixel to those of `scale` rows and columns. `first` is the row and the
    /// column of the first value in the image.
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

    /// Raises pixels to those of another part, if these are larger.
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

/// Raises values to those of another row, if these are larger.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn raise_row<T: Value>(values: &mut [T], row: &[T]) {
    raise(values, row);
}

/// Raises the projections to one plane: all rows along z, one row along y, and one value for each row along x. Rows
/// begin every `stride` values.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn raise_plane<T: Value>(plane: &[T], stride: usize, along_z: &mut [T], along_y: &mut [T], along_x: &mut [T]) {
    let width = along_y.len();
    // No value is below the smallest value of the type, which most voxels of a mask have.
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
mod tests;
