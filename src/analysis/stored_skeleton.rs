//! The voxels of a stored skeleton, with their values.

use super::Outputs;
use crate::chunk::{Value, Voxels};
use crate::error::{Error, Kind, Result};
use crate::grid::Grid;
use crate::space::{Region, Voxel};
use crate::store::output::folder::SKELETON;
use crate::with_voxels;

impl Outputs {
    /// The voxels of the skeleton, in raster order, with their values: 1, or labels. Reads the stored chunks; takes time
    /// linear in these, and 16 bytes for each voxel.
    ///
    /// # Errors
    /// `Data` if the skeleton is damaged, or its values are no whole numbers; `Io` if it cannot be read.
    pub fn skeleton_voxels(&self) -> Result<Vec<(Voxel, i64)>> {
        let description = self.skeleton.description();
        let bounds = Region::of_shape(description.shape);
        let stored = self.skeleton.stored()?.unwrap_or_else(|| vec![bounds]);
        let grid = Grid::new(bounds, description.chunk);
        let mut chunks: Vec<_> =
            stored.iter().flat_map(|region| grid.chunks_in(&region.intersection(&bounds))).collect();
        chunks.sort_unstable();
        chunks.dedup();
        let mut voxels = Vec::new();
        for id in chunks {
            let region = grid.region(id);
            let Some(chunk) = self.skeleton.read(&region)? else { continue };
            if matches!(chunk.voxels, Voxels::Bool(_) | Voxels::F32(_) | Voxels::F64(_)) {
                let message = format!("{SKELETON} is not what a run writes; run the analysis again");
                return Err(Error::new(Kind::Data, message).at(&description.name));
            }
            with_voxels!(&chunk.voxels, values => collect(values, &region, &mut voxels));
        }
        voxels.sort_unstable();
        Ok(voxels)
    }
}

/// Adds the voxels of a chunk that are not 0. Rows without any, which are nearly all, are passed over at the speed of memory.
fn collect<T: Value>(values: &ndarray::Array3<T>, region: &Region, voxels: &mut Vec<(Voxel, i64)>) {
    let is_empty = |row: &[T]| row.iter().fold(true, |empty, value| empty & (*value == T::default()));
    for (z, plane) in values.outer_iter().enumerate() {
        for (y, row) in plane.outer_iter().enumerate() {
            if row.as_slice().is_some_and(is_empty) {
                continue;
            }
            let inside = row.into_iter().enumerate().filter(|(_, value)| **value != T::default());
            voxels.extend(inside.map(|(x, value)| {
                let position = [(0, z), (1, y), (2, x)].map(|(axis, at)| region.min[axis] + at as i64);
                (Voxel::new(position), value.to_i64())
            }));
        }
    }
}
