//! What the records of a state folder depend on, in two numbers.

use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::with_voxels;

/// What records depend on: those of other parameters are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependencies {
    pub(super) grid: Grid,
    /// The hash of what masks depend on.
    pub(super) masks: u64,
    /// The hash of what the thinning and the skeleton depend on.
    pub(super) thinning: u64,
    /// Names and values for people to read.
    pub(super) text: Vec<(String, String)>,
}

impl Dependencies {
    /// The parameters of a run on a grid: what mask records depend on (the form of the input, smoothing, threshold), and
    /// what thinning records do (the method, the form of the values). The chunk shape counts among both by itself; the
    /// bounds of the grid do not, since a record says which box it is of.
    ///
    /// # Errors
    /// Of kind `Internal` where one of the two cannot be written in postcard's format.
    pub fn new(grid: Grid, masks: &impl Serialize, thinning: &impl Serialize) -> Result<Self> {
        let (masks, thinning) = (hash(&(grid.chunk_shape(), masks))?, hash(&(grid.chunk_shape(), thinning))?);
        Ok(Dependencies { grid, masks, thinning, text: Vec::new() })
    }

    /// The same, with the name and the value of a parameter for those who read the folder's `state.json`.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.text.push((name.into(), value.into()));
        self
    }
}

fn hash(value: &impl Serialize) -> Result<u64> {
    let bytes = postcard::to_stdvec(value)
        .map_err(|error| Error::internal("the parameters of a state cannot be written").because(error))?;
    Ok(XxHash3_64::oneshot(&bytes))
}

/// The hash of some numbers, the same on every machine; never 0, which stands for nothing.
pub(super) fn hash_words(mut words: Vec<u64>) -> u64 {
    words.iter_mut().for_each(|word| *word = word.to_le());
    XxHash3_64::oneshot(bytemuck::cast_slice(&words)).max(1)
}

/// The hash of the values of a box, their type and its shape: two boxes of one image that hold other values have other
/// hashes. 0 for a box of which nothing is stored.
pub fn fingerprint(voxels: Option<&Voxels>) -> u64 {
    fn of<T: Value>(array: &ndarray::Array3<T>) -> u64 {
        let array = array.as_standard_layout();
        let seed = hash_words(vec![T::DTYPE as u64, array.dim().0 as u64, array.dim().1 as u64, array.dim().2 as u64]);
        XxHash3_64::oneshot_with_seed(seed, T::bytes(array.as_slice().unwrap_or(&[]))).max(1)
    }
    voxels.map_or(0, |voxels| with_voxels!(voxels, array => of(array)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Region;

    #[test]
    fn parameters_differ_by_what_each_kind_of_record_depends_on() {
        let grid = |chunk| Grid::new(Region::of_shape([8; 3]), [chunk; 3]);
        let of = |chunk, sigma: f64, method: &str| Dependencies::new(grid(chunk), &sigma, &method).unwrap();
        let first = of(4, 1.0, "lee");
        assert_eq!(of(4, 1.0, "lee"), first);
        let (smoother, other) = (of(4, 1.5, "lee"), of(4, 1.0, "zhang"));
        assert!(smoother.masks != first.masks && smoother.thinning == first.thinning);
        assert!(other.masks == first.masks && other.thinning != first.thinning);
        let coarser = of(5, 1.0, "lee");
        assert!(coarser.masks != first.masks && coarser.thinning != first.thinning);
    }

    #[test]
    fn a_fingerprint_tells_values_types_and_shapes_apart() {
        let zeros = |dtype, shape| fingerprint(Some(&Voxels::filled(dtype, shape, 0.0)));
        use crate::chunk::Dtype::{I16, U8, U16};
        let all = [
            zeros(U8, [2, 3, 4]),
            zeros(U8, [4, 3, 2]),
            zeros(U16, [2, 3, 2]),
            zeros(I16, [2, 3, 2]),
            fingerprint(None),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{all:?}");
        }
        let mut voxels = Voxels::filled(U8, [2, 3, 4], 0.0);
        let Voxels::U8(array) = &mut voxels else { unreachable!("values of u8") };
        array[[1, 2, 3]] = 1;
        assert_ne!(fingerprint(Some(&voxels)), all[0]);
    }
}
