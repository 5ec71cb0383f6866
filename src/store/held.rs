//! Compressed chunks in memory that come and go: the source that a session without an image on disk reads again.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::chunk::{Chunk, Dtype, Voxels};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::values::{Endian, from_bytes, paste, to_bytes};
use crate::store::{Description, Source};

/// Compression level: the fastest.
const LEVEL: i32 = 1;

/// A source of chunks that are set one by one; all others hold zero. Its grid may have no bounds: then the shape in its
/// description is meaningless.
#[derive(Debug)]
pub(crate) struct HeldChunks {
    grid: Grid,
    description: Description,
    chunks: RwLock<BTreeMap<ChunkId, Held>>,
}

#[derive(Debug)]
struct Held {
    region: Region,
    packed: PackedVoxels,
}

/// Values of a chunk, compressed.
#[derive(Debug)]
pub(crate) struct PackedVoxels(Vec<u8>);

impl PackedVoxels {
    /// Compresses values.
    ///
    /// # Errors
    /// `Internal` if they cannot be compressed.
    pub(crate) fn new(voxels: &Voxels) -> Result<Self> {
        let bytes = zstd::bulk::compress(&to_bytes(voxels), LEVEL)
            .map_err(|error| Error::internal("values cannot be compressed").because(error))?;
        Ok(PackedVoxels(bytes))
    }
}

impl HeldChunks {
    /// A source without chunks.
    pub(crate) fn new(grid: Grid, dimensions: usize, dtype: Dtype) -> Self {
        let description = Description {
            name: "chunks in memory".to_owned(),
            shape: grid.bounds().shape(),
            dimensions,
            dtype,
            stored: dtype.into(),
            spacing: Default::default(),
            unit: None,
            chunk: grid.chunk_shape(),
            fill: 0.0,
            offset: [0.0; 3],
            downsample: Description::downsample_of(dtype),
        };
        HeldChunks { grid, description, chunks: RwLock::default() }
    }

    /// Sets a chunk's values, in its box, and replaces earlier ones.
    pub(crate) fn set(&self, chunk: ChunkId, region: Region, packed: PackedVoxels) {
        self.chunks.write().unwrap_or_else(PoisonError::into_inner).insert(chunk, Held { region, packed });
    }

    /// Removes a chunk.
    pub(crate) fn remove(&self, chunk: ChunkId) {
        self.chunks.write().unwrap_or_else(PoisonError::into_inner).remove(&chunk);
    }

    fn held(&self) -> RwLockReadGuard<'_, BTreeMap<ChunkId, Held>> {
        self.chunks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for HeldChunks {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        let dtype = self.description.dtype;
        let mut whole: Option<Voxels> = None;
        for id in self.grid.chunks_in(region) {
            let held = self.held();
            let Some(held) = held.get(&id) else { continue };
            let bytes = zstd::bulk::decompress(&held.packed.0, held.region.volume() * dtype.size())
                .map_err(|error| Error::internal("cannot be decompressed").in_chunk(id).because(error))?;
            let voxels = from_bytes(dtype, held.region.shape(), bytes, Endian::NATIVE);
            if held.region == *region {
                return Ok(Some(Chunk { region: *region, voxels }));
            }
            let whole = whole.get_or_insert_with(|| Voxels::filled(dtype, region.shape(), 0.0));
            paste(&voxels, &held.region, whole, region);
        }
        Ok(whole.map(|voxels| Chunk { region: *region, voxels }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_put_together_from_the_chunks_that_are_there() {
        let grid = Grid::new(Region::new([-8, 0, 0], [8, 4, 4]), [4, 4, 4]);
        let held = HeldChunks::new(grid, 3, Dtype::U16);
        let values = |base: u16| {
            let at = move |(z, y, x): (usize, usize, usize)| base + (16 * z + 4 * y + x) as u16;
            Voxels::U16(ndarray::Array3::from_shape_fn((4, 4, 4), at))
        };
        for (z, base) in [(-1, 100), (0, 200)] {
            let id = ChunkId::at([z, 0, 0]);
            held.set(id, grid.region(id), PackedVoxels::new(&values(base)).unwrap());
        }
        let region = Region::new([-1, 3, 2], [1, 4, 4]);
        let read = held.read(&region).unwrap().unwrap();
        assert_eq!(read.voxels, Voxels::U16(ndarray::arr3(&[[[162, 163]], [[214, 215]]])));
        held.remove(ChunkId::at([0, 0, 0]));
        let read = held.read(&region).unwrap().unwrap();
        assert_eq!(read.voxels, Voxels::U16(ndarray::arr3(&[[[162, 163]], [[0, 0]]])));
        assert_eq!(held.read(&Region::new([4, 0, 0], [8, 4, 4])).unwrap(), None);
    }
}
