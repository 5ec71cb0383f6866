//! `voxels.npy`: the radius and the image's value at each voxel of the skeleton.

use std::fs;

use super::{Analysis, Outputs, Results};
use crate::chunk::Voxels;
use crate::error::{Error, Kind, Result};
use crate::space::Voxel;
use crate::store::file::read_failed;
use crate::store::npy::write_npy;
use crate::store::output::OutputFolder;
use crate::store::output::folder::VOXELS;

/// Radii and values by voxel, in raster order, each if it is known.
type VoxelValues = (Option<Vec<f64>>, Option<Vec<f64>>);

/// Columns of the array: the radius, and the image's value.
const COLUMNS: usize = 2;

impl Analysis {
    /// Writes an array of shape (voxels, 2) of f64, whose row n is of the voxel with the `node_id` n: its radius in the unit
    /// of the spacing, and the image's value there; NaN for what is not known.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write_voxels(&self, results: &Results, folder: &OutputFolder) -> Result<()> {
        // The values of a segmentation's skeleton are its labels.
        let of_image = results.labels.is_none();
        let mut all: Vec<(Voxel, [f64; COLUMNS])> = Vec::new();
        for (_, skeleton) in &results.skeletons {
            let (values, radii) = &*skeleton.values;
            all.extend(skeleton.voxels.iter().enumerate().map(|(place, voxel)| {
                let radius = radii.at(place).and_then(|radius| radius.finite()).unwrap_or(f64::NAN);
                (voxel, [radius, if of_image { values.value(place) } else { f64::NAN }])
            }));
        }
        all.sort_unstable_by_key(|(voxel, _)| *voxel);
        let shape = (1, all.len(), COLUMNS);
        let numbers = all.into_iter().flat_map(|(_, numbers)| numbers).collect();
        let array = ndarray::Array3::from_shape_vec(shape, numbers)
            .map_err(|error| Error::internal("values of voxels do not fill their array").because(error))?;
        write_npy(folder.path(VOXELS), &Voxels::F64(array), 2)
    }
}

impl Outputs {
    /// The radius and the image's value at each of the skeleton's voxels, in raster order; `None` where none is known.
    ///
    /// # Errors
    /// `Missing` if they were not written; `Data` if they are damaged, or those of another number of voxels.
    pub fn voxel_values(&self, voxels: usize) -> Result<VoxelValues> {
        let path = self.folder.join(VOXELS);
        let bytes = fs::read(&path).map_err(|error| read_failed(&error).at(&path))?;
        let header = bytes.len().checked_sub(voxels * COLUMNS * size_of::<f64>());
        let shape = format!("\'shape\': ({voxels}, {COLUMNS},)");
        let sound = |header: &[u8]| {
            let text = String::from_utf8_lossy(header);
            header.starts_with(b"\x93NUMPY") && text.ends_with('\n') && text.contains(&shape) && text.contains("<f8")
        };
        let Some(header) = header.filter(|&end| sound(&bytes[..end])) else {
            let message = "is not what a run writes; run the analysis again";
            return Err(Error::new(Kind::Data, message).at(&path));
        };
        let column = |column: usize| {
            let rows = bytes[header..].chunks_exact(COLUMNS * size_of::<f64>());
            let numbers = rows.filter_map(|row| row[column * size_of::<f64>()..].first_chunk());
            let numbers: Vec<f64> = numbers.map(|bytes| f64::from_le_bytes(*bytes)).collect();
            Some(numbers).filter(|numbers| numbers.iter().any(|number| !number.is_nan()))
        };
        Ok((column(0), column(1)))
    }
}
