//! The resolutions of an image: each has half as many voxels as the one before along every axis longer than one voxel.

use std::num::NonZeroUsize;

use super::coarsen::factors;
use crate::error::{Error, Result};
use crate::space::Voxel;

/// Largest length of the coarsest resolution's axes by default, in voxels: in an image and in a volume.
const COARSEST: [usize; 2] = [1024, 256];

/// The shapes of the resolutions of an image, the full one first. They follow from the image's shape and their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    shapes: Vec<[usize; 3]>,
    factors: Vec<[usize; 3]>,
}

impl Levels {
    /// The resolutions of an image with 2 or 3 axes of its own: as many as are wanted, or as make every axis at most 1024
    /// voxels long, 256 in a volume.
    ///
    /// # Errors
    /// `Usage` if the image is too small for that many.
    pub fn new(shape: [usize; 3], dimensions: usize, wanted: Option<NonZeroUsize>) -> Result<Levels> {
        let coarsest = COARSEST[usize::from(dimensions == 3)];
        let (mut shapes, mut all) = (vec![shape], vec![[1; 3]]);
        loop {
            let last = shapes[shapes.len() - 1];
            let enough = match wanted {
                Some(levels) => shapes.len() >= levels.get(),
                None => last.iter().all(|&n| n <= coarsest),
            };
            if enough {
                return Ok(Levels { shapes, factors: all });
            }
            if last.iter().all(|&n| n <= 1) {
                let most = shapes.len();
                let message = format!("has {most} resolutions at most, then one voxel is left; ask for no more");
                return Err(Error::usage(message));
            }
            let halved = factors(last);
            let before = all[all.len() - 1];
            shapes.push(std::array::from_fn(|a| last[a].div_ceil(halved[a])));
            all.push(std::array::from_fn(|a| before[a] * halved[a]));
        }
    }

    /// The shape of each resolution along (z, y, x), in its own voxels.
    pub fn shapes(&self) -> &[[usize; 3]] {
        &self.shapes
    }

    /// Voxels of the full resolution in one voxel of each, along (z, y, x).
    pub fn factors(&self) -> &[[usize; 3]] {
        &self.factors
    }

    /// The voxel of a resolution in which a voxel of the one before lies. Places count from the image's first voxel.
    ///
    /// # Panics
    /// If the resolution is the full one, or there is no such resolution.
    pub fn coarser(&self, level: usize, voxel: Voxel) -> Voxel {
        let (position, halved) = (voxel.position(), factors(self.shapes[level - 1]));
        Voxel::new(std::array::from_fn(|a| position[a].div_euclid(halved[a] as i64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn resolutions_end_where_the_image_is_small_or_as_told() {
        let count = |shape: [usize; 3], levels| {
            let dimensions = if shape[0] == 1 { 2 } else { 3 };
            Levels::new(shape, dimensions, NonZeroUsize::new(levels)).map(|all| all.shapes().len())
        };
        assert_eq!(count([1, 1000, 1024], 0).unwrap(), 1);
        assert_eq!(count([1, 1025, 10], 0).unwrap(), 2);
        assert_eq!(count([1, 50_000, 46_280], 0).unwrap(), 7);
        assert_eq!(count([512; 3], 0).unwrap(), 2);
        assert_eq!(count([1, 9, 9], 5).unwrap(), 5);
        let error = count([1, 9, 9], 6).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(error.to_string(), "has 5 resolutions at most, then one voxel is left; ask for no more");
    }

    #[test]
    fn an_axis_of_one_voxel_is_not_halved_and_its_voxels_stay_where_they_are() {
        let levels = Levels::new([3, 9, 1], 3, NonZeroUsize::new(4)).unwrap();
        assert_eq!(levels.shapes(), [[3, 9, 1], [2, 5, 1], [1, 3, 1], [1, 2, 1]]);
        assert_eq!(levels.factors(), [[1, 1, 1], [2, 2, 1], [4, 4, 1], [4, 8, 1]]);
        let coarser = |voxel, level| levels.coarser(level, voxel);
        assert_eq!((1..4).fold(Voxel::new([2, 8, 0]), coarser), Voxel::new([0, 1, 0]));
    }
}
