//! Simulated scans of a phantom: overlapping tiles on a grid, each slightly shifted and rotated.

use crate::error::{Error, Result};
use crate::kernel::mosaic::affine::Affine;
use crate::kernel::phantom::growth::mix;

/// Steps of a tile's offset per voxel: offsets are exact, and have few decimals.
const STEPS: f64 = 64.0;
/// Maximum overlap of neighbouring tiles, as a fraction of a tile, and maximum angle, in degrees.
const LARGEST_OVERLAP: f64 = 0.9;
const LARGEST_ANGLE: f64 = 45.0;
/// Maximum number of tiles in a scan.
const MOST_TILES: usize = 100_000;

/// Parameters of a scan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanForm {
    /// Number of dimensions of the image, 2 or 3.
    pub dimensions: usize,
    /// Number of tiles along (z, y, x).
    pub tiles: [usize; 3],
    /// Fraction of a tile that overlaps its next neighbour, from 0 to 0.9.
    pub overlap: f64,
    /// Maximum shift of a tile along each of the image's axes, in voxels.
    pub jitter: f64,
    /// Maximum rotation of a tile in its plane, in degrees.
    pub rotation: f64,
    /// Seed of the shifts and rotations.
    pub seed: u64,
}

/// A scan: tiles of one shape, and their maps.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Shape (z, y, x) of the scanned volume in voxels.
    pub shape: [usize; 3],
    /// Shape (z, y, x) of each tile in voxels.
    pub tile: [usize; 3],
    /// The map from each tile to the scanned volume, in raster order of the tiles. Without rotation it is a
    /// translation; without jitter as well, a translation by integers. Equal on every platform.
    pub places: Vec<Affine>,
}

impl Scan {
    /// A scan of a volume of this shape, with the smallest tiles that cover it.
    ///
    /// # Errors
    /// Of kind [`Kind::Usage`](crate::error::Kind::Usage) if a parameter is out of range, or if there are more tiles
    /// than voxels.
    pub fn of_shape(shape: [usize; 3], form: &ScanForm) -> Result<Scan> {
        form.check()?;
        if let Some(a) = (0..3).find(|&a| form.tiles[a] > shape[a]) {
            let (tiles, voxels, axis) = (form.tiles[a], shape[a], ["z", "y", "x"][a]);
            return Err(Error::usage(format!(
                "{tiles} tiles do not fit in {voxels} voxels along {axis}; ask for fewer"
            )));
        }
        let tile = std::array::from_fn(|a| {
            let lengths = 1.0 + (form.tiles[a] - 1) as f64 * (1.0 - form.overlap);
            // A rounding error does not count as a voxel.
            (shape[a] as f64 / lengths - 1e-9).ceil() as usize
        });
        let start = |a: usize, i: usize| i * (shape[a] - tile[a]) / (form.tiles[a] - 1).max(1);
        Ok(Scan { shape, tile, places: form.places(tile, start) })
    }

    /// A scan with tiles of this shape, of the volume that they cover.
    ///
    /// # Errors
    /// Of kind [`Kind::Usage`](crate::error::Kind::Usage) if a parameter is out of range.
    pub fn of_tiles(tile: [usize; 3], form: &ScanForm) -> Result<Scan> {
        form.check()?;
        let pitch = tile.map(|n| ((n as f64 * (1.0 - form.overlap)).round() as usize).max(1));
        let shape = std::array::from_fn(|a| pitch[a] * (form.tiles[a] - 1) + tile[a]);
        Ok(Scan { shape, tile, places: form.places(tile, |a, i| i * pitch[a]) })
    }
}

impl ScanForm {
    fn check(&self) -> Result<()> {
        let all = self.tiles.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).unwrap_or(usize::MAX);
        if !(1..=MOST_TILES).contains(&all) {
            return Err(Error::usage(format!("a scan has from 1 to {MOST_TILES} tiles, not {:?}", self.tiles)));
        }
        for (name, value, largest) in [
            ("overlap of tiles", self.overlap, LARGEST_OVERLAP),
            ("jitter of tiles in voxels", self.jitter, 1e6),
            ("rotation of tiles in degrees", self.rotation, LARGEST_ANGLE),
        ] {
            if !(0.0..=largest).contains(&value) {
                return Err(Error::usage(format!("the {name} is {value}, but must be from 0 to {largest}")));
            }
        }
        Ok(())
    }

    /// The maps of tiles. `start` returns the place of a tile's first voxel along an axis.
    fn places(&self, tile: [usize; 3], start: impl Fn(usize, usize) -> usize) -> Vec<Affine> {
        let [nz, ny, nx] = self.tiles;
        let grid = (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x])));
        let place = |(i, at): (usize, [usize; 3])| {
            // A number from -1 to 1, different for each tile and use.
            let random = |which: u64| {
                let hash = mix(mix(mix(self.seed ^ 0x7363_616E) ^ i as u64) ^ which);
                (hash >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            };
            let off = |a: usize| match a + self.dimensions >= 3 {
                true => (random(a as u64) * self.jitter * STEPS).round() / STEPS,
                false => 0.0,
            };
            let mut map = turned(random(3) * self.rotation, tile);
            map.offset = std::array::from_fn(|a| start(a, at[a]) as f64 + off(a) + map.offset[a]);
            map
        };
        grid.enumerate().map(place).collect()
    }
}

/// The map that rotates a tile in its plane around its middle, by an angle in degrees.
fn turned(degrees: f64, tile: [usize; 3]) -> Affine {
    let mut map = Affine::translation([0.0; 3]);
    if degrees != 0.0 {
        let [sine, cosine] = sine_and_cosine(degrees * (std::f64::consts::PI / 180.0));
        (map.matrix[1], map.matrix[2]) = ([0.0, cosine, -sine], [0.0, sine, cosine]);
        let middle = tile.map(|n| (n - 1) as f64 / 2.0);
        let there = map.apply(middle);
        map.offset = std::array::from_fn(|a| middle[a] - there[a]);
    }
    map
}

/// Sine and cosine by their series, for angles up to a quarter of pi: results of the platform may differ in the last
/// bit.
fn sine_and_cosine(angle: f64) -> [f64; 2] {
    let (mut sums, mut term) = ([0.0, 0.0], 1.0);
    for n in 1..24 {
        sums[n % 2] += term;
        term *= angle / n as f64;
        if n % 2 == 0 {
            term = -term;
        }
    }
    [sums[0], sums[1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Region;

    fn form(tiles: [usize; 3], overlap: f64) -> ScanForm {
        ScanForm { dimensions: if tiles[0] == 1 { 2 } else { 3 }, tiles, overlap, jitter: 0.0, rotation: 0.0, seed: 1 }
    }

    /// Number of tiles that cover each place along an axis.
    fn covered(scan: &Scan, a: usize) -> Vec<usize> {
        let mut covered = vec![0; scan.shape[a]];
        for place in &scan.places {
            let Region { min, max } = place.outline(scan.tile).unwrap();
            covered[min[a] as usize..max[a] as usize].iter_mut().for_each(|n| *n += 1);
        }
        covered
    }

    #[test]
    fn tiles_cover_the_volume_to_its_last_voxel() {
        for (shape, tiles, overlap) in [
            ([1, 512, 700], [1, 3, 4], 0.1),
            ([1, 511, 7], [1, 5, 7], 0.0),
            ([40, 41, 42], [2, 3, 1], 0.25),
            ([1, 1000, 1000], [1, 10, 10], 0.9),
        ] {
            let scan = Scan::of_shape(shape, &form(tiles, overlap)).unwrap();
            assert_eq!((scan.shape, scan.places.len()), (shape, tiles.iter().product()));
            assert!((0..3).all(|a| covered(&scan, a).iter().all(|&n| n > 0)), "{shape:?}");
            let scan = Scan::of_tiles(scan.tile, &form(tiles, overlap)).unwrap();
            assert!((0..3).all(|a| covered(&scan, a).iter().all(|&n| n > 0)), "{shape:?}");
        }
    }

    #[test]
    fn tiles_overlap_by_as_much_as_they_should() {
        let scan = Scan::of_tiles([1, 2048, 2048], &form([1, 25, 24], 0.1)).unwrap();
        assert_eq!(scan.shape, [1, 24 * 1843 + 2048, 23 * 1843 + 2048]);
        assert_eq!(scan.places[25].offset, [0.0, 1843.0, 1843.0]);
        let scan = Scan::of_shape([1, 100, 190], &form([1, 1, 2], 0.1)).unwrap();
        assert_eq!((scan.tile, scan.places[1].offset), ([1, 100, 100], [0.0, 0.0, 90.0]));
    }

    #[test]
    fn each_tile_is_off_its_place_and_turned_around_its_middle_by_no_more_than_it_may() {
        let moved = ScanForm { jitter: 3.0, rotation: 2.0, ..form([1, 9, 11], 0.1) };
        let [still, moved] = [form([1, 9, 11], 0.1), moved].map(|form| Scan::of_tiles([1, 60, 80], &form).unwrap());
        let middle = [0.0, 29.5, 39.5];
        let largest = |f: &dyn Fn(&Affine, &Affine) -> f64| {
            moved.places.iter().zip(&still.places).map(|(a, b)| f(a, b).abs()).fold(0.0, f64::max)
        };
        for a in [1, 2] {
            let off = largest(&|moved, still| moved.apply(middle)[a] - still.apply(middle)[a]);
            assert!(2.5 < off && off <= 3.0 + 1e-9, "{off}");
        }
        assert_eq!(largest(&|moved, still| moved.offset[0] - still.offset[0]), 0.0);
        let angle = largest(&|moved, _| moved.matrix[2][1].asin().to_degrees());
        assert!(1.8 < angle && angle <= 2.0, "{angle}");
        let other = ScanForm { seed: 2, jitter: 3.0, ..form([1, 9, 11], 0.1) };
        assert_ne!(Scan::of_tiles([1, 60, 80], &other).unwrap().places[0], moved.places[0]);
    }

    #[test]
    fn sines_are_as_the_platform_has_them() {
        for angle in [-0.78, -0.01, 1e-9, 0.3, std::f64::consts::FRAC_PI_4] {
            let [sine, cosine] = sine_and_cosine(angle);
            assert!((sine - angle.sin()).abs() < 3e-16 && (cosine - angle.cos()).abs() < 3e-16, "{angle}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let good = form([1, 2, 2], 0.1);
        for bad in [
            ScanForm { tiles: [1, 0, 2], ..good },
            ScanForm { tiles: [1, 1000, 1000], ..good },
            ScanForm { overlap: 1.0, ..good },
            ScanForm { overlap: f64::NAN, ..good },
            ScanForm { jitter: -1.0, ..good },
            ScanForm { rotation: 90.0, ..good },
            ScanForm { tiles: [1, 101, 1], ..good },
        ] {
            assert!(Scan::of_shape([1, 100, 100], &bad).is_err(), "{bad:?}");
        }
    }
}
