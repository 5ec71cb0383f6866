//! Gaussian smoothing of one chunk, with the same bits for every chunk shape.
//!
//! Morally, along each of the image's axes in turn (z, y, x), a value becomes the sum of its neighbours times the
//! weights; sums in `f64`, the centre first, then pairs of neighbours at equal distance from the outermost inwards,
//! `(left + right) * weight`; the sum of each axis is rounded to `f32`. Beyond the bounds of the volume the values are
//! reflected (d c b a | a b c d | d c b a). This is the arithmetic of
//! `scipy.ndimage.gaussian_filter(image.astype(float32), sigma, mode="reflect", truncate=4)`, so the results have equal
//! bits.
//!
//! Multiplications and additions are never fused: a fused one rounds once instead of twice.

mod foreground;
mod sums;

use ndarray::{Array3, ArrayView3};

use self::sums::{Sums, Taps};
use crate::chunk::{Value, spare};
use crate::error::{Error, Result};
use crate::space::Region;

/// Number of standard deviations that the weights cover on both sides.
const TRUNCATE: f64 = 4.0;

/// Maximum standard deviation along an axis, in voxels.
const LARGEST_SIGMA: f64 = 1000.0;

/// Smooths chunks, and reuses its buffers for the next chunk.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// The weight at each distance from the centre, along (z, y, x).
    weights: [Vec<f64>; 3],
    /// Sums equal to SciPy's.
    exact: Sums<f64>,
    /// Approximate sums.
    close: Sums<f32>,
}

impl Gaussian {
    /// Smoothing by a standard deviation in voxels along each of (z, y, x); 0 for axes that are not smoothed, such as z
    /// of a 2-D image.
    ///
    /// # Errors
    /// Of kind [`Kind::Usage`](crate::error::Kind::Usage) if one is not a number from 0 to 1000, or if all are 0.
    pub fn new(sigma: [f64; 3]) -> Result<Gaussian> {
        for (sigma, axis) in sigma.iter().zip(["z", "y", "x"]) {
            if !(*sigma >= 0.0 && *sigma <= LARGEST_SIGMA) {
                return Err(Error::usage(format!(
                    "sigma is {sigma} voxels along {axis}, but must be a number from 0 to {LARGEST_SIGMA}"
                )));
            }
        }
        if sigma == [0.0; 3] {
            return Err(Error::usage("sigma is 0, which smooths nothing: leave --sigma out"));
        }
        let weights = sigma.map(weights);
        let exact = Sums::new(weights.clone());
        let close = Sums::new(weights.each_ref().map(|weights| weights.iter().map(|&w| w as f32).collect()));
        Ok(Gaussian { weights, exact, close })
    }

    /// The depth of the halo that smoothing needs along (z, y, x), in voxels: `int(4 sigma + 0.5)`.
    pub fn depth(&self) -> [usize; 3] {
        self.weights.each_ref().map(|weights| weights.len() - 1)
    }

    /// The weights by distance from the centre along (z, y, x), one more than [`depth`](Gaussian::depth).
    pub fn weights(&self) -> &[Vec<f64>; 3] {
        &self.weights
    }

    /// The smoothed values of the box `own`, shape (z, y, x), from the values of a box around it.
    ///
    /// `padded` holds the values of `padded_region`, which covers `own` with its halo of [`depth`](Gaussian::depth)
    /// voxels inside `bounds`, the bounds of the volume. Takes time proportional to the padded voxels times the depth,
    /// and holds buffers of a few planes.
    ///
    /// # Panics
    /// If the boxes are not nested in this way.
    pub fn smooth<T: Value>(
        &mut self,
        padded: ArrayView3<'_, T>,
        padded_region: &Region,
        own: &Region,
        bounds: &Region,
    ) -> Array3<f32> {
        self.check(padded_region, own, bounds, padded.shape());
        if own.is_empty() {
            return Array3::zeros(own.shape());
        }
        let mut out = spare::take(own.volume());
        out.resize(own.volume(), 0.0);
        let taps = self.taps(padded_region, own, bounds);
        let [depth, height, width] = own.shape();
        let values = padded.as_standard_layout();
        let values = values.as_slice().expect("standard layout is contiguous");
        self.exact.each_row(values, padded_region.shape(), &taps, &vec![true; depth * height], |[z, y], row| {
            out[(z * height + y) * width..][..width].copy_from_slice(row);
        });
        Array3::from_shape_vec(own.shape(), out).expect("as many values as the box has")
    }

    /// Panics if the boxes are not nested as smoothing needs.
    fn check(&self, padded_region: &Region, own: &Region, bounds: &Region, shape: &[usize]) {
        let needed = own.dilated(self.depth()).intersection(bounds);
        assert!(
            own.intersection(bounds) == *own && needed.intersection(padded_region) == needed,
            "smoothing {own:?} within {bounds:?} needs {needed:?}, but has {padded_region:?}"
        );
        assert!(shape == padded_region.shape(), "the padded values fill their box");
    }

    /// The indices of the values of the sums along each axis.
    fn taps(&self, padded_region: &Region, own: &Region, bounds: &Region) -> [Taps; 3] {
        std::array::from_fn(|a| Taps::new(a, self.depth()[a], own, padded_region, bounds))
    }
}

/// Weights by distance from the centre: exp(-x² / 2σ²) divided by the sum for all x, in NumPy's order of operations.
fn weights(sigma: f64) -> Vec<f64> {
    let radius = (TRUNCATE * sigma + 0.5) as usize;
    if radius == 0 {
        return vec![1.0];
    }
    let factor = -0.5 / (sigma * sigma);
    let half: Vec<f64> = (0..=radius).map(|x| (factor * (x * x) as f64).exp()).collect();
    let whole: Vec<f64> = (0..=2 * radius).map(|i| half[i.abs_diff(radius)]).collect();
    let sum = pairwise_sum(&whole);
    half.into_iter().map(|w| w / sum).collect()
}

/// The sum of values in NumPy's order: eight running sums up to 128 values, halves beyond.
fn pairwise_sum(values: &[f64]) -> f64 {
    match values.len() {
        0..8 => values.iter().fold(0.0, |sum, v| sum + v),
        8..=128 => {
            let mut sums: [f64; 8] = std::array::from_fn(|i| values[i]);
            let whole = values.len() / 8 * 8;
            for eight in values[8..whole].chunks_exact(8) {
                for (sum, v) in sums.iter_mut().zip(eight) {
                    *sum += v;
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
            values[whole..].iter().fold(sum, |sum, v| sum + v)
        }
        n => {
            let half = n / 2 / 8 * 8;
            pairwise_sum(&values[..half]) + pairwise_sum(&values[half..])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Voxels;
    use crate::grid::Grid;

    /// The volume smoothed chunk by chunk.
    fn by_chunks(image: &Voxels, sigma: [f64; 3], chunk: [usize; 3]) -> Vec<f32> {
        let bounds = Region::of_shape(image.shape());
        let mut gaussian = Gaussian::new(sigma).unwrap();
        let mut whole = Array3::zeros(image.shape());
        let grid = Grid::new(bounds, chunk);
        for id in grid.chunks() {
            let own = grid.region(id);
            let padded_region = own.dilated(gaussian.depth()).intersection(&bounds);
            let padded = image.part(&padded_region);
            let smoothed = crate::with_voxels!(&padded, p => gaussian.smooth(p.view(), &padded_region, &own, &bounds));
            for ((z, y, x), v) in smoothed.indexed_iter() {
                let place: [usize; 3] = std::array::from_fn(|a| own.min[a] as usize + [z, y, x][a]);
                whole[place] = *v;
            }
        }
        whole.into_raw_vec_and_offset().0
    }

    fn parse<T: Value>(text: &str, shape: [usize; 3], convert: fn(f64) -> T) -> Voxels {
        let values = text.split(' ').map(|v| convert(v.parse().unwrap())).collect();
        T::wrap(Array3::from_shape_vec(shape, values).unwrap())
    }

    #[test]
    fn every_chunking_gives_the_bits_of_scipy() {
        let fixture = include_str!("../../../tests/fixtures/voxels/smooth.txt");
        assert!(fixture.lines().count() > 5);
        for line in fixture.lines() {
            let [dtype, shape, sigma, values, bits] = line.split(';').collect::<Vec<_>>().try_into().unwrap();
            let shape: Vec<usize> = shape.split(',').map(|n| n.parse().unwrap()).collect();
            let shape = shape.try_into().unwrap();
            let sigma: Vec<f64> = sigma.split(',').map(|n| n.parse().unwrap()).collect();
            let sigma: [f64; 3] = sigma.try_into().unwrap();
            let image = match dtype {
                "bool" => parse(values, shape, |v| v != 0.0),
                "uint8" => parse(values, shape, |v| v as u8),
                "uint16" => parse(values, shape, |v| v as u16),
                "int16" => parse(values, shape, |v| v as i16),
                "int32" => parse(values, shape, |v| v as i32),
                "float32" => parse(values, shape, |v| v as f32),
                "float64" => parse(values, shape, |v| v),
                other => panic!("{other} in the fixture"),
            };
            let expected: Vec<u32> = bits.split(' ').map(|b| u32::from_str_radix(b, 16).unwrap()).collect();
            for chunk in [[1, 1, 1], [2, 3, 4], [3, 2, 17], [64, 64, 64]] {
                let smoothed: Vec<u32> = by_chunks(&image, sigma, chunk).iter().map(|v| v.to_bits()).collect();
                assert_eq!(smoothed, expected, "{dtype} {shape:?} sigma {sigma:?} chunk {chunk:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn chunk_shape_changes_no_bit(
            shape in prop::array::uniform3(1usize..20),
            chunk in prop::array::uniform3(1usize..20),
            sigma in prop::array::uniform3(prop_oneof![3 => 0.1..3.0f64, 1 => Just(0.0)]),
            seed in any::<u32>(),
        ) {
            prop_assume!(sigma != [0.0; 3]);
            let mut state = seed | 1;
            let image = Voxels::F32(Array3::from_shape_simple_fn(shape, || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32
            }));
            let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            prop_assert_eq!(bits(by_chunks(&image, sigma, chunk)), bits(by_chunks(&image, sigma, shape)));
        }
    }

    #[test]
    fn weights_sum_to_one_and_reach_four_sigma() {
        for (sigma, radius) in [(0.1, 0), (0.125, 1), (1.0, 4), (2.6, 10), (40.0, 160)] {
            let gaussian = Gaussian::new([0.0, sigma, 0.5]).unwrap();
            assert_eq!(gaussian.depth(), [0, radius, 2]);
            for weights in gaussian.weights() {
                let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
                assert!((sum - 1.0).abs() < 1e-14, "{sum}");
            }
        }
    }

    #[test]
    fn a_sigma_that_means_nothing_is_refused() {
        for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            for sigma in [[sigma; 3], [0.0, sigma, 0.0]] {
                assert_eq!(Gaussian::new(sigma).unwrap_err().kind(), crate::error::Kind::Usage);
            }
        }
        let error = Gaussian::new([1.0, 2000.0, 1.0]).unwrap_err().to_string();
        assert_eq!(error, "sigma is 2000 voxels along y, but must be a number from 0 to 1000");
    }
}
