//! The parameters that the records of a state folder depend on, as a hash for each kind.

use serde::Serialize;
use twox_hash::XxHash3_64;

use super::kind::{Record, RecordKind};
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::with_voxels;

/// The kinds of records that a state holds, and the parameters that they depend on: records of other parameters are not
/// used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependencies {
    pub(super) grid: Grid,
    /// For each kind of record, the hash of its parameters.
    pub(super) kinds: Vec<(RecordKind, u64)>,
    /// Names and values of parameters, for human readers.
    pub(super) text: Vec<(String, String)>,
}

impl Dependencies {
    /// A state of chunks of a grid that knows no kinds of records.
    pub fn new(grid: Grid) -> Self {
        Dependencies { grid, kinds: Vec::new(), text: Vec::new() }
    }

    /// Adds a kind of record and the parameters that it depends on: for masks the form of the input, smoothing and
    /// threshold; for thinning the method and the form of the values. The chunk shape is always included. The bounds of
    /// the grid are not, since a record holds its box.
    ///
    /// # Errors
    /// Of kind `Internal` if the parameters cannot be written in postcard's format, or if the number, the name or the
    /// folder of the kind is already taken.
    pub fn with<R: Record>(mut self, parameters: &impl Serialize) -> Result<Self> {
        let kind = R::KIND;
        let clash =
            |other: &RecordKind| other.number == kind.number || other.name == kind.name || other.folder == kind.folder;
        if self.kinds.iter().any(|(other, _)| clash(other)) {
            return Err(Error::internal("two kinds of records of a state have the same number, name or folder"));
        }
        self.kinds.push((kind, hash(&(self.grid.chunk_shape(), parameters))?));
        Ok(self)
    }

    /// Adds the name and the value of a parameter to `state.json`, for human readers.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.text.push((name.into(), value.into()));
        self
    }
}

impl Dependencies {
    /// The hash of the parameters of a kind; `None` if the state does not know the kind.
    pub(super) fn of(&self, kind: RecordKind) -> Option<u64> {
        self.kinds.iter().find(|(known, _)| *known == kind).map(|(_, hash)| *hash)
    }

    /// The folders of all kinds.
    pub(super) fn folders(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|(kind, _)| kind.folder)
    }
}

fn hash(value: &impl Serialize) -> Result<u64> {
    let bytes = postcard::to_stdvec(value)
        .map_err(|error| Error::internal("the parameters of a state cannot be written").because(error))?;
    Ok(XxHash3_64::oneshot(&bytes))
}

/// A hash of numbers, the same on every machine; never 0, which means that a value is absent.
pub(super) fn hash_words(words: &mut [u64]) -> u64 {
    words.iter_mut().for_each(|word| *word = word.to_le());
    XxHash3_64::oneshot(bytemuck::cast_slice(words)).max(1)
}

/// A hash of the values of a box, their type and its shape, which differs if the values of a box change. 0 for a box of
/// which nothing is stored.
pub(crate) fn fingerprint(voxels: Option<&Voxels>) -> u64 {
    fn of<T: Value>(array: &ndarray::Array3<T>) -> u64 {
        let array = array.as_standard_layout();
        let (z, y, x) = array.dim();
        let seed = hash_words(&mut [T::DTYPE as u64, z as u64, y as u64, x as u64]);
        XxHash3_64::oneshot_with_seed(seed, T::bytes(array.as_slice().unwrap_or(&[]))).max(1)
    }
    voxels.map_or(0, |voxels| with_voxels!(voxels, array => of(array)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Region;
    use crate::state::{MaskRecord, ThinningRecord};

    #[test]
    fn parameters_differ_by_what_each_kind_of_record_depends_on() {
        let grid = |chunk| Grid::new(Region::of_shape([8; 3]), [chunk; 3]);
        let of = |chunk, sigma: f64, method: &str| {
            let masks = Dependencies::new(grid(chunk)).with::<MaskRecord>(&sigma).unwrap();
            masks.with::<ThinningRecord>(&method).unwrap()
        };
        let hashes = |of: &Dependencies| [of.of(MaskRecord::KIND), of.of(ThinningRecord::KIND)].map(Option::unwrap);
        let differ = |a: &Dependencies, b: &Dependencies| -> [bool; 2] {
            std::array::from_fn(|kind| hashes(a)[kind] != hashes(b)[kind])
        };
        let first = of(4, 1.0, "lee");
        assert_eq!(of(4, 1.0, "lee"), first);
        let (smoother, other) = (of(4, 1.5, "lee"), of(4, 1.0, "zhang"));
        assert_eq!([differ(&smoother, &first), differ(&other, &first)], [[true, false], [false, true]]);
        assert_eq!(differ(&of(5, 1.0, "lee"), &first), [true, true]);
        assert!(first.with::<MaskRecord>(&0).is_err());
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
