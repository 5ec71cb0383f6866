//! Records for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array3;

use super::{Counted, MaskRecord, PackedCount, ThinningRecord, fingerprint};
use crate::chunk::{Chunk, Voxels};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::count::Count;
use crate::kernel::mask::histogram::Histogram;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::method::Method;
use crate::kernel::thin::partition::Partition;
use crate::kernel::thin::seam::Seams;
use crate::space::{Region, Voxel};

/// A grid without bounds.
pub(super) fn grid() -> Grid {
    Grid::new(Region::new(Voxel::MIN, Voxel::END), [5, 6, 7])
}

/// Pseudorandom numbers.
pub(super) fn random(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

/// A mask of a chunk with about `percent` percent of foreground; `None` without any.
pub(super) fn random_mask(grid: &Grid, id: ChunkId, percent: u64, seed: u64) -> Option<Mask> {
    let mut random = random(seed ^ u64::from_le_bytes(bytemuck::cast(id)));
    let mut mask = Mask::new(Layout::new(grid.region(id)));
    let [nz, ny, nx] = mask.layout().shape;
    for p in (1..=nz).flat_map(|z| (1..=ny).flat_map(move |y| (1..=nx).map(move |x| [z, y, x]))) {
        if random() % 100 < percent {
            mask.set(mask.layout().bit(p));
        }
    }
    (mask.count() > 0).then_some(mask)
}

/// The records of the chunks that a partition holds after an epoch.
pub(super) fn records(
    partition: &Partition,
    grid: &Grid,
    ids: impl IntoIterator<Item = ChunkId>,
    thinned: &BTreeMap<ChunkId, Mask>,
) -> BTreeMap<ChunkId, ThinningRecord> {
    let record = |id: ChunkId| {
        let (initial, log) = partition.kept(id)?;
        let skeleton = thinned.get(&id).map(|mask| {
            let voxels = mask.own_voxels();
            let values = PixelValues::Integers(voxels.iter().map(|voxel| voxel.position()[2]).collect());
            Arc::new(Skeleton { voxels: voxels.into(), values: values.into() })
        });
        Some((id, ThinningRecord::new(&Seams::new(grid, id), Arc::clone(initial), Arc::clone(log), skeleton, 7)))
    };
    ids.into_iter().filter_map(record).collect()
}

pub(super) fn mask_record(id: ChunkId) -> MaskRecord {
    let grid = grid();
    let own = grid.region(id);
    let mask = random_mask(&grid, id, 40, 3).map(Arc::new);
    let mut random = random(5);
    let voxels = Voxels::U8(Array3::from_shape_simple_fn(own.shape(), || random() as u8));
    let mut histogram = Histogram::of_integers();
    histogram.add(&voxels).unwrap();
    let bounds = own.dilated([20, 30, 40]);
    let mut counted = Counted::default();
    counted.set(0, PackedCount::new(&Count::Histogram(histogram)).unwrap());
    MaskRecord {
        own,
        padded: own.dilated([2; 3]),
        mark: None,
        fingerprint: fingerprint(Some(&voxels)),
        threshold: Threshold::Above(3.0),
        foreground: mask.as_ref().map_or(0, |mask| mask.count() as u64),
        constant: None,
        strong: mask.clone(),
        mask,
        count: Some(counted),
        projections: Some(Projections::of_chunk(bounds, 3, &Chunk { region: own, voxels })),
    }
}

/// The record of a chunk that is surrounded by others.
pub(super) fn thinning_record(id: ChunkId) -> ThinningRecord {
    let grid = grid();
    let near: Vec<_> = grid.within(id, [1; 3]).chain([id]).collect();
    let mut partition = Partition::new(grid, Method::Lee, true);
    let thinned = partition.thin(near.iter().map(|&id| (id, random_mask(&grid, id, 70, 9))).collect());
    records(&partition, &grid, [id], &thinned.into_iter().collect()).remove(&id).unwrap()
}
