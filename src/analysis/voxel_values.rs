//! `voxels.npy`: the radius and the image's value at each voxel of the skeleton.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs;
use std::io::{BufWriter, Write};

use super::outputs::write_into;
use super::{Analysis, Outputs, Results};
use crate::error::{Error, Kind, Result};
use crate::kernel::measure::Known;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::voxel_list::VoxelIter;
use crate::space::Voxel;
use crate::store::file::read_failed;
use crate::store::npy::npy_header;
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
        let count = results.skeletons.iter().map(|(_, skeleton)| skeleton.voxels.len()).sum();
        let header = npy_header("<f8", &[count, COLUMNS])?;
        write_into(folder, VOXELS, |file| {
            let mut file = BufWriter::with_capacity(1 << 16, file);
            file.write_all(&header)?;
            // Layers of chunks follow each other: so fewer lists are merged at a time.
            let mut layers: BTreeMap<i64, Vec<&Skeleton<Known>>> = BTreeMap::new();
            for (id, skeleton) in &results.skeletons {
                layers.entry(id.place()[0]).or_default().push(skeleton);
            }
            for (skeleton, place) in layers.into_values().flat_map(in_raster_order) {
                let (values, radii) = &*skeleton.values;
                let radius = radii.at(place).and_then(|radius| radius.finite()).unwrap_or(f64::NAN);
                let value = if of_image { values.value(place) } else { f64::NAN };
                file.write_all(&radius.to_le_bytes())?;
                file.write_all(&value.to_le_bytes())?;
            }
            file.flush()
        })
    }
}

/// The voxels of all skeletons in raster order: for each, its skeleton and its place there. Takes O(n log c) for n voxels in c
/// skeletons, and memory for the skeletons only.
fn in_raster_order(skeletons: Vec<&Skeleton<Known>>) -> impl Iterator<Item = (&Skeleton<Known>, usize)> {
    let mut lists: Vec<(&Skeleton<Known>, VoxelIter<'_>)> =
        skeletons.into_iter().map(|skeleton| (skeleton, skeleton.voxels.iter())).collect();
    let first = lists.iter_mut().enumerate().filter_map(|(list, (_, voxels))| Some(Reverse((voxels.next()?, list, 0))));
    let mut next: BinaryHeap<Reverse<(Voxel, usize, usize)>> = first.collect();
    std::iter::from_fn(move || {
        let mut top = next.peek_mut()?;
        let Reverse((voxel, list, place)) = *top;
        match lists[list].1.next() {
            Some(after) => {
                debug_assert!(voxel < after, "the voxels of a skeleton are in raster order");
                *top = Reverse((after, list, place + 1));
            }
            None => _ = PeekMut::pop(top),
        }
        Some((lists[list].0, place))
    })
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
