//! A synthetic vessel tree, equal for equal seeds on every platform, and drawn box by box in bounded memory.
//!
//! Several trees of tapered, bent tubes branch by Murray's law (r₀³ = r₁³ + r₂³) until they are thin; some tips grow on
//! to another branch and close a loop. A voxel's value depends on its position and the tree alone.
//!
//! Source of the law: C. D. Murray, "The physiological principle of minimum work", PNAS 12 (1926).

mod growth;
pub mod scan;

use ndarray::Array3;

use crate::error::{Error, Result};
use crate::kernel::phantom::growth::{Plan, cube_root, grow, mix};
use crate::space::Region;

/// Default of the largest radius, in voxels, for an image of 512² and a volume of 512³.
const LARGEST_RADIUS: [f64; 2] = [8.0, 14.0];
/// Default number of trees in an image and in a volume.
const ROOTS: [usize; 2] = [2, 6];
/// Edge in voxels of the cells of the spatial index of tubes.
const CELL: i64 = 64;
/// Distance from a tube's surface over which its brightness fades, in voxels.
const BLUR: f32 = 1.5;
/// Brightness far outside and far inside tubes.
const DARK: f32 = 1000.0;
const BRIGHT: f32 = 20000.0;

/// A tube in the form for drawing: axis `start + t * axis` for t from 0 to 1, radius `radius + t * widening`.
#[derive(Clone, Copy, Debug)]
struct Cone {
    start: [f32; 3],
    axis: [f32; 3],
    /// 1 over the squared length of the axis; zero for an axis without length.
    inverse: f32,
    radius: f32,
    widening: f32,
}

impl Cone {
    /// The box of the voxels inside the tube and within a distance of its surface.
    fn reach(&self, distance: f32) -> Region {
        let radius = self.radius.max(self.radius + self.widening) + distance;
        let low = |a: usize| self.start[a].min(self.start[a] + self.axis[a]) - radius;
        let high = |a: usize| self.start[a].max(self.start[a] + self.axis[a]) + radius;
        Region::new(std::array::from_fn(|a| low(a).floor() as i64), std::array::from_fn(|a| high(a).ceil() as i64 + 1))
    }
}

/// The tubes of a synthetic vessel tree, with a spatial index.
#[derive(Clone, Debug)]
pub struct PhantomTree {
    shape: [usize; 3],
    dimensions: usize,
    seed: u64,
    cones: Vec<Cone>,
    /// Number of cells along each axis; `near` holds the tubes near each cell, in raster order.
    cells: [usize; 3],
    near: Vec<Vec<u32>>,
}

impl PhantomTree {
    /// The tree for a shape of two or three axes. About 5 % of a volume of three axes is inside tubes (12 % in 2-D). By
    /// default it grows from 6 roots (2 in 2-D) and its largest radius is 14 voxels for 512³ (8 for 512²), in
    /// proportion to the mean edge for other shapes.
    ///
    /// # Errors
    /// Of kind [`Kind::Usage`](crate::error::Kind::Usage) for another number of axes, an axis without voxels or with
    /// more than 65536, no roots or more than 10000, or a radius that is not a number from 1 to a quarter of the
    /// longest axis.
    pub fn new(shape: &[usize], seed: u64, roots: Option<usize>, largest_radius: Option<f64>) -> Result<PhantomTree> {
        let dimensions = shape.len();
        let shape = match *shape {
            [y, x] => [1, y, x],
            [z, y, x] => [z, y, x],
            _ => return Err(Error::usage(format!("a phantom has 2 or 3 axes, but the shape has {dimensions}"))),
        };
        if shape.iter().any(|n| !(1..=65536).contains(n)) {
            return Err(Error::usage(format!("shape {shape:?} has an axis that is not from 1 to 65536 voxels long")));
        }
        let roots = roots.unwrap_or(ROOTS[usize::from(dimensions == 3)]);
        if !(1..=10_000).contains(&roots) {
            return Err(Error::usage(format!("a phantom grows from 1 to 10000 roots, not {roots}")));
        }
        let edges: f64 = shape.iter().filter(|&&n| n > 1).map(|&n| n as f64).product();
        let edge = if dimensions == 2 { edges.sqrt() } else { cube_root(edges) };
        let widest = (*shape.iter().max().unwrap_or(&1) as f64 / 4.0).max(1.0);
        let largest_radius =
            largest_radius.unwrap_or((LARGEST_RADIUS[usize::from(dimensions == 3)] / 512.0 * edge).clamp(1.0, widest));
        if !(1.0..=widest).contains(&largest_radius) {
            return Err(Error::usage(format!(
                "the largest radius is {largest_radius}, but must be from 1 to {widest}"
            )));
        }
        let tubes = grow(&Plan { shape, dimensions, seed, roots, largest_radius });
        let cones = tubes.iter().map(|tube| {
            let [start, end] = [tube.from, tube.to].map(|p| p.map(|v| v as f32));
            let axis: [f32; 3] = std::array::from_fn(|a| end[a] - start[a]);
            let square = axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2];
            let inverse = if square > 0.0 { 1.0 / square } else { 0.0 };
            let [radius, end] = tube.radii.map(|r| r as f32);
            Cone { start, axis, inverse, radius, widening: end - radius }
        });
        let cells = shape.map(|n| n.div_ceil(CELL as usize));
        let mut tree = PhantomTree { shape, dimensions, seed, cones: cones.collect(), cells, near: Vec::new() };
        let mut near = vec![Vec::new(); cells.iter().product()];
        for (i, cone) in tree.cones.iter().enumerate() {
            for cell in tree.cells_in(&cone.reach(BLUR)) {
                near[cell].push(i as u32);
            }
        }
        tree.near = near;
        Ok(tree)
    }

    /// Shape (z, y, x) in voxels; one plane for a shape of two axes.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of axes of the given shape, 2 or 3.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Number of tubes, each between two bends.
    pub fn tubes(&self) -> usize {
        self.cones.len()
    }

    /// The mask of a box: 1 inside tubes, 0 outside. The box may extend beyond the shape.
    pub fn mask(&self, region: &Region) -> Array3<u8> {
        let mut mask = Array3::zeros(region.shape());
        self.draw(region, 0.0, &mut mask, mark_row);
        mask
    }

    /// A smooth and noisy image of a box: about 1000 outside tubes and 20000 inside, with noise that increases with the
    /// brightness. The box may extend beyond the shape.
    pub fn gray(&self, region: &Region) -> Array3<u16> {
        let mut distance = Array3::from_elem(region.shape(), BLUR);
        self.draw(region, BLUR, &mut distance, approach_row);
        let [_, _, width] = region.shape();
        let mut gray = Array3::zeros(region.shape());
        if let (Some(distance), Some(gray)) = (distance.as_slice(), gray.as_slice_mut()) {
            let rows = distance.chunks_exact(width.max(1)).zip(gray.chunks_exact_mut(width.max(1)));
            for (i, (distance, gray)) in rows.enumerate() {
                let height = region.shape()[1];
                let (z, y) = (region.min[0] + (i / height) as i64, region.min[1] + (i % height) as i64);
                let row = mix(mix(self.seed ^ 0x006E_6F69_7365) ^ (z as u64) << 32 ^ y as u64);
                expose_row(distance, gray, row, region.min[2] as u64);
            }
        }
        gray
    }

    /// The cells that a box intersects.
    fn cells_in(&self, region: &Region) -> impl Iterator<Item = usize> + use<> {
        let cells = self.cells;
        let range = |a: usize| {
            let of = |p: i64| p.div_euclid(CELL).clamp(0, cells[a] as i64 - 1) as usize;
            of(region.min[a])..=of(region.max[a] - 1)
        };
        let [zs, ys, xs] = [range(0), range(1), range(2)];
        zs.flat_map(move |z| {
            let xs = xs.clone();
            ys.clone().flat_map(move |y| xs.clone().map(move |x| (z * cells[1] + y) * cells[2] + x))
        })
    }

    /// Calls `draw_row` with the part of each row that may lie within a distance of a tube, the tube, the position of
    /// the row relative to the tube's start along (z, y), and the x of the first voxel of the part.
    fn draw<T>(
        &self,
        region: &Region,
        distance: f32,
        into: &mut Array3<T>,
        draw_row: impl Fn(&mut [T], &Cone, [f32; 2], i64),
    ) {
        if region.is_empty() {
            return;
        }
        let mut cones: Vec<u32> = self.cells_in(region).flat_map(|cell| &self.near[cell]).copied().collect();
        cones.sort_unstable();
        cones.dedup();
        let [_, height, width] = region.shape();
        let rows = into.as_slice_mut().expect("a new array is contiguous");
        for cone in cones.into_iter().map(|i| &self.cones[i as usize]) {
            let part = cone.reach(distance).intersection(region);
            if part.is_empty() {
                continue;
            }
            let [first, end] = [part.min[2], part.max[2]].map(|x| (x - region.min[2]) as usize);
            for z in part.min[0]..part.max[0] {
                for y in part.min[1]..part.max[1] {
                    let row = ((z - region.min[0]) as usize * height + (y - region.min[1]) as usize) * width;
                    let rest = [z as f32 - cone.start[0], y as f32 - cone.start[1]];
                    draw_row(&mut rows[row + first..row + end], cone, rest, part.min[2]);
                }
            }
        }
    }
}

/// The squared distance from a voxel to a tube's axis, and the tube's radius there.
#[inline(always)]
fn to_axis(cone: &Cone, [z, y]: [f32; 2], x: i64) -> (f32, f32) {
    let x = x as i32 as f32 - cone.start[2];
    let [az, ay, ax] = cone.axis;
    let t = ((z * az + y * ay + x * ax) * cone.inverse).clamp(0.0, 1.0);
    let (dz, dy, dx) = (z - t * az, y - t * ay, x - t * ax);
    (dz * dz + dy * dy + dx * dx, cone.radius + t * cone.widening)
}

/// Marks the voxels of a row inside a tube.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn mark_row(row: &mut [u8], cone: &Cone, rest: [f32; 2], first: i64) {
    for (i, voxel) in row.iter_mut().enumerate() {
        let (square, radius) = to_axis(cone, rest, first + i as i64);
        *voxel |= u8::from(square < radius * radius);
    }
}

/// Lowers the distances of a row's voxels from the nearest surface, negative inside, to those from a tube.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn approach_row(row: &mut [f32], cone: &Cone, rest: [f32; 2], first: i64) {
    for (i, voxel) in row.iter_mut().enumerate() {
        let (square, radius) = to_axis(cone, rest, first + i as i64);
        let distance = square.sqrt() - radius;
        *voxel = if distance < *voxel { distance } else { *voxel };
    }
}

/// Computes brightness from distances to the nearest surface, with noise from a hash of each voxel's place.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn expose_row(distances: &[f32], row: &mut [u16], seed: u64, first: u64) {
    for (i, (voxel, &distance)) in row.iter_mut().zip(distances).enumerate() {
        let inside = ((BLUR - distance) / (2.0 * BLUR)).clamp(0.0, 1.0);
        let share = inside * inside * (3.0 - 2.0 * inside);
        let hash = mix(seed ^ first.wrapping_add(i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // The sum of four random numbers of 16 bits is almost normally distributed, with standard deviation 37837.
        let sum = (hash & 0xFFFF) + (hash >> 16 & 0xFFFF) + (hash >> 32 & 0xFFFF) + (hash >> 48);
        let noise = (sum as i32 - 2 * 65535) as f32 / 37837.0;
        let signal = DARK + (BRIGHT - DARK) * share;
        *voxel = (signal + noise * (250.0 + 0.06 * signal)) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::grid::Grid;

    fn whole(tree: &PhantomTree) -> Region {
        Region::of_shape(tree.shape())
    }

    /// A hash of the values, in order.
    fn fingerprint(values: impl Iterator<Item = u64>) -> u64 {
        values.fold(0, |hash, v| mix(hash ^ v))
    }

    #[test]
    fn a_seed_gives_the_same_volume_everywhere() {
        let tree = PhantomTree::new(&[60, 70, 80], 5, None, Some(5.0)).unwrap();
        assert_eq!(fingerprint(tree.mask(&whole(&tree)).iter().map(|&v| v.into())), MASK);
        assert_eq!(fingerprint(tree.gray(&whole(&tree)).iter().map(|&v| v.into())), GRAY);
        let other = PhantomTree::new(&[60, 70, 80], 6, None, Some(5.0)).unwrap();
        assert_ne!(other.mask(&whole(&tree)), tree.mask(&whole(&tree)));
    }
    const MASK: u64 = 7788457517990163641;
    const GRAY: u64 = 5526718941595467049;

    #[test]
    fn boxes_add_up_to_the_whole() {
        for shape in [&[50, 90, 70][..], &[120, 150], &[5, 100, 100]] {
            let tree = PhantomTree::new(shape, 3, Some(4), None).unwrap();
            let (mask, gray) = (tree.mask(&whole(&tree)), tree.gray(&whole(&tree)));
            let grid = Grid::new(whole(&tree), [16, 33, 64]);
            for region in grid.chunks().map(|id| grid.region(id)) {
                let (part, gray_part) = (tree.mask(&region), tree.gray(&region));
                for ((z, y, x), &v) in part.indexed_iter() {
                    let at: [usize; 3] = std::array::from_fn(|a| region.min[a] as usize + [z, y, x][a]);
                    assert_eq!((v, gray_part[[z, y, x]]), (mask[at], gray[at]));
                }
            }
        }
    }

    #[test]
    fn about_a_twentieth_of_a_volume_is_inside() {
        let tree = PhantomTree::new(&[128; 3], 1, None, None).unwrap();
        let inside = tree.mask(&whole(&tree)).iter().filter(|&&v| v == 1).count();
        assert!((0.035..0.065).contains(&(inside as f64 / 128f64.powi(3))), "{inside}");
    }

    #[test]
    fn a_value_between_dark_and_bright_finds_the_mask_in_the_gray_image() {
        let tree = PhantomTree::new(&[96; 3], 1, None, Some(6.0)).unwrap();
        let (mask, gray) = (tree.mask(&whole(&tree)), tree.gray(&whole(&tree)));
        let wrong = mask.iter().zip(&gray).filter(|&(&m, &g)| (g > 10500) != (m == 1)).count();
        assert!(wrong * 5 < mask.iter().filter(|&&m| m == 1).count(), "{wrong}");
    }

    #[test]
    fn a_phantom_that_cannot_be_is_refused() {
        let refused = |shape: &[usize], roots, radius| {
            PhantomTree::new(shape, 0, roots, radius).is_err_and(|e| e.kind() == Kind::Usage)
        };
        assert!(refused(&[64], None, None) && refused(&[1, 2, 3, 4], None, None) && refused(&[64, 0, 64], None, None));
        assert!(refused(&[64; 3], Some(0), None) && refused(&[64; 3], None, Some(f64::NAN)));
        assert!(refused(&[64; 3], None, Some(0.5)) && refused(&[64; 3], None, Some(40.0)));
        assert!(PhantomTree::new(&[1, 1, 1], 0, None, None).is_ok());
    }
}
