//! A volume in memory, for tests and for programs that have their image as an array.

use crate::chunk::{Chunk, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::store::values::{refuse_unfit, require_inside};
use crate::store::{Description, Source};

/// A source over an array.
#[derive(Debug)]
pub struct MemorySource {
    voxels: Voxels,
    description: Description,
}

impl MemorySource {
    /// A source over an array with a given description.
    ///
    /// # Errors
    /// Of kind `Usage` if shape or type of the description differ from the array's.
    pub fn new(voxels: Voxels, description: Description) -> Result<Self> {
        if voxels.shape() != description.shape || voxels.dtype() != description.dtype {
            let (shape, dtype) = (voxels.shape(), voxels.dtype().name());
            let message = format!("an array of shape {shape:?} and type {dtype} needs a description that says so");
            return Err(Error::usage(message).at(&description.name));
        }
        Ok(MemorySource { voxels, description })
    }

    /// A source over an array with spacing 1; two-dimensional or three-dimensional.
    ///
    /// # Panics
    /// If `dimensions` is neither 2 nor 3, or is 2 for an array of several planes.
    pub fn of(voxels: Voxels, dimensions: usize) -> Self {
        let shape = voxels.shape();
        assert!(dimensions == 3 || (dimensions == 2 && shape[0] == 1), "a 2-D image has one plane");
        let description = Description::new("array in memory", shape, dimensions, voxels.dtype());
        MemorySource { voxels, description }
    }

    /// The same source, with another shape of its chunks.
    #[must_use]
    pub fn with_chunk(mut self, chunk: [usize; 3]) -> Self {
        self.description.chunk = chunk;
        self
    }
}

impl Source for MemorySource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let voxels = self.voxels.part(region);
        refuse_unfit(&voxels, self.description.stored, region).map_err(|error| error.at(&self.description.name))?;
        Ok(Some(Chunk { region: *region, voxels }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use ndarray::Array3;

    #[test]
    fn a_part_is_read_where_it_lies() {
        let array = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| u16::try_from(100 * z + 10 * y + x).unwrap());
        let source = MemorySource::of(Voxels::U16(array), 3);
        let region = Region::new([1, 2, 3], [2, 4, 5]);
        let chunk = source.read(&region).unwrap().unwrap();
        let expected = Array3::from_shape_vec((1, 2, 2), vec![123, 124, 133, 134]).unwrap();
        assert_eq!(chunk, Chunk { region, voxels: Voxels::U16(expected) });
    }

    #[test]
    fn nan_is_refused_by_its_place() {
        let mut array = Array3::from_elem((1, 2, 3), 0.0f32);
        array[[0, 1, 2]] = f32::NAN;
        let source = MemorySource::of(Voxels::F32(array), 2);
        assert!(source.read(&Region::new([0; 3], [1, 1, 3])).is_ok());
        let error = source.read(&Region::of_shape([1, 2, 3])).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("(0, 1, 2) is NaN"), "{error}");
    }
}
