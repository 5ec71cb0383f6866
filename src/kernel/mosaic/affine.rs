//! Affine maps between a tile and the canvas.

use crate::space::Region;

/// An affine map of places in array axis order (z, y, x), in voxels: coordinate `i` of the image of `p` is `offset[i] +
/// Σ matrix[i][j] p[j]`. A 2-D map is the identity along z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// One row for each axis of the image.
    pub matrix: [[f64; 3]; 3],
    /// The image of the origin.
    pub offset: [f64; 3],
}

impl Affine {
    /// The translation by an offset.
    #[must_use]
    pub fn translation(offset: [f64; 3]) -> Affine {
        Affine { matrix: std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 })), offset }
    }

    /// The image of a place. Terms are added in the order of SciPy's `affine_transform`: the offset, then z, y, x.
    #[must_use]
    pub fn apply(&self, place: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| (0..3).fold(self.offset[i], |sum, j| sum + self.matrix[i][j] * place[j]))
    }

    /// The map that applies `first`, then this one: `self @ first`.
    #[must_use]
    pub fn after(&self, first: &Affine) -> Affine {
        let product = |i: usize, j: usize| (0..3).map(|k| self.matrix[i][k] * first.matrix[k][j]).sum();
        Affine {
            matrix: std::array::from_fn(|i| std::array::from_fn(|j| product(i, j))),
            offset: self.apply(first.offset),
        }
    }

    /// The inverse map, by cofactors; `None` if the matrix is singular, or so close to it that the result is not
    /// finite.
    #[must_use]
    pub fn inverse(&self) -> Option<Affine> {
        let m = &self.matrix;
        let cofactor = |i: usize, j: usize| {
            let ([a, b], [c, d]) = ([(i + 1) % 3, (i + 2) % 3], [(j + 1) % 3, (j + 2) % 3]);
            m[a][c] * m[b][d] - m[a][d] * m[b][c]
        };
        let determinant: f64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
        let scale = m.iter().map(|row| row.iter().map(|x| x.abs()).sum::<f64>()).product::<f64>();
        if !determinant.is_finite() || determinant.abs() <= 1e-12 * scale {
            return None;
        }
        let matrix: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| cofactor(j, i) / determinant));
        let back = Affine { matrix, offset: [0.0; 3] };
        // Avoids negative zeros.
        let offset = back.apply(self.offset).map(|x| 0.0 - x);
        Some(Affine { matrix, offset }).filter(|back| back.offset.iter().all(|x| x.is_finite()))
    }

    /// The smallest and the largest coordinates of the images of the voxel centres of a box of this shape.
    #[must_use]
    pub fn bounds(&self, shape: [usize; 3]) -> ([f64; 3], [f64; 3]) {
        let last = shape.map(|n| n.saturating_sub(1) as f64);
        let (mut low, mut high) = (self.offset, self.offset);
        for i in 0..3 {
            for j in 0..3 {
                let reach = self.matrix[i][j] * last[j];
                low[i] += reach.min(0.0);
                high[i] += reach.max(0.0);
            }
        }
        (low, high)
    }

    /// The smallest box of voxels around the image of a box of this shape; `None` if its coordinates are too large. A
    /// place within 10⁻⁶ of a voxel counts as that voxel.
    #[must_use]
    pub fn outline(&self, shape: [usize; 3]) -> Option<Region> {
        let (low, high) = self.bounds(shape);
        let countable = |x: f64| x.is_finite() && x.abs() < 9e15;
        if !low.iter().chain(&high).all(|&x| countable(x)) {
            return None;
        }
        // Integers below 2^53.
        let min = low.map(|x| (x + 1e-6).floor() as i64);
        let max = high.map(|x| (x - 1e-6).ceil() as i64 + 1);
        Some(Region::new(min, std::array::from_fn(|a| max[a].max(min[a] + 1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_leads_back() {
        let map = Affine { matrix: [[1.0, 0.0, 0.0], [0.0, 0.9, -0.3], [0.1, 0.25, 1.1]], offset: [3.0, -7.5, 100.25] };
        let place = [4.0, 5.0, -6.0];
        let back = map.inverse().unwrap().apply(map.apply(place));
        assert!((0..3).all(|a| (back[a] - place[a]).abs() < 1e-9), "{back:?}");
        let identity = map.after(&map.inverse().unwrap()).apply(place);
        assert!((0..3).all(|a| (identity[a] - place[a]).abs() < 1e-9), "{identity:?}");
    }

    #[test]
    fn a_singular_map_has_no_inverse() {
        let flat = Affine { matrix: [[1.0, 0.0, 0.0], [0.0, 2.0, 4.0], [0.0, 1.0, 2.0]], offset: [0.0; 3] };
        assert_eq!(flat.inverse(), None);
    }

    #[test]
    fn an_outline_holds_every_voxel_that_is_reached() {
        let whole = Affine::translation([0.0, 10.0, -4.0]).outline([1, 5, 7]).unwrap();
        assert_eq!(whole, Region::new([0, 10, -4], [1, 15, 3]));
        let half = Affine::translation([0.0, 10.5, -4.0]).outline([1, 5, 7]).unwrap();
        assert_eq!(half, Region::new([0, 10, -4], [1, 16, 3]));
        let turned = Affine { matrix: [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], offset: [0.0; 3] };
        assert_eq!(turned.outline([1, 5, 7]).unwrap(), Region::new([0, -6, 0], [1, 1, 5]));
        assert_eq!(Affine::translation([0.0, f64::INFINITY, 0.0]).outline([1, 5, 7]), None);
    }
}
