//! The chunk grid: chunk ids, the boxes they stand for, neighbours, and which worker owns which chunk.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::space::{Position, Region, Voxel};

/// Which chunk: its place on the grid, in chunks along (z, y, x). Its order is raster order over the grid.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, bytemuck::Pod, bytemuck::Zeroable,
)]
#[repr(transparent)]
pub struct ChunkId(Voxel);

impl ChunkId {
    /// The chunk at a place on the grid.
    pub fn new(place: Position) -> Self {
        ChunkId(Voxel::new(place))
    }

    /// Its place on the grid, in chunks.
    pub fn place(self) -> Position {
        self.0.position()
    }

    /// The chunk at an offset on the grid.
    #[must_use]
    pub fn offset(self, by: Position) -> Self {
        ChunkId(self.0.offset(by))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [z, y, x] = self.place();
        write!(f, "{z}.{y}.{x}")
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A regular grid of chunks over a box of voxels. Chunk (0, 0, 0) begins at the origin; chunks at the far sides of the
/// bounds are cut off there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    bounds: Region,
    chunk: Position,
}

/// Edge, in chunks, of the cubes of chunks that one worker owns together.
const OWNED_CUBE: i64 = 2;

impl Grid {
    /// The grid of chunks of a shape over the bounds.
    ///
    /// # Panics
    /// Where an axis of the chunk shape is zero.
    pub fn new(bounds: Region, chunk: [usize; 3]) -> Self {
        assert!(chunk.iter().all(|&n| n > 0), "a chunk has at least one voxel along each axis");
        Grid { bounds, chunk: chunk.map(|n| i64::try_from(n).unwrap_or(i64::MAX)) }
    }

    /// The box that the grid covers.
    pub fn bounds(&self) -> Region {
        self.bounds
    }

    /// Voxels of a whole chunk along each axis.
    pub fn chunk_shape(&self) -> [usize; 3] {
        self.chunk.map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// The chunk that holds a position.
    #[inline]
    pub fn chunk_at(&self, p: Position) -> ChunkId {
        ChunkId::new(std::array::from_fn(|a| p[a].div_euclid(self.chunk[a])))
    }

    /// The box of a chunk, cut off at the bounds.
    pub fn region(&self, id: ChunkId) -> Region {
        self.whole_region(id).intersection(&self.bounds)
    }

    /// The box of a chunk as if the bounds were far away.
    #[inline]
    pub fn whole_region(&self, id: ChunkId) -> Region {
        let min = std::array::from_fn(|a| id.place()[a] * self.chunk[a]);
        Region::new(min, std::array::from_fn(|a| min[a] + self.chunk[a]))
    }

    /// Chunks that a box meets, inside the bounds, in raster order.
    pub fn chunks_in(&self, region: &Region) -> impl Iterator<Item = ChunkId> + use<> {
        let part = region.intersection(&self.bounds);
        let empty = part.is_empty();
        let first: Position = std::array::from_fn(|a| part.min[a].div_euclid(self.chunk[a]));
        let last: Position =
            std::array::from_fn(|a| if empty { first[a] - 1 } else { (part.max[a] - 1).div_euclid(self.chunk[a]) });
        (first[0]..=last[0]).flat_map(move |z| {
            (first[1]..=last[1]).flat_map(move |y| (first[2]..=last[2]).map(move |x| ChunkId::new([z, y, x])))
        })
    }

    /// All chunks, in raster order.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkId> + use<> {
        self.chunks_in(&self.bounds)
    }

    /// Number of chunks along each axis.
    pub fn shape(&self) -> [usize; 3] {
        if self.bounds.is_empty() {
            return [0; 3];
        }
        std::array::from_fn(|a| {
            let first = self.bounds.min[a].div_euclid(self.chunk[a]);
            let last = (self.bounds.max[a] - 1).div_euclid(self.chunk[a]);
            usize::try_from(last - first + 1).unwrap_or(0)
        })
    }

    /// Other chunks that lie within `depth` voxels of a chunk, in raster order.
    pub fn within(&self, id: ChunkId, depth: [usize; 3]) -> impl Iterator<Item = ChunkId> + use<> {
        self.chunks_in(&self.region(id).dilated(depth)).filter(move |&other| other != id)
    }

    /// The worker that owns a chunk, of `peers` workers. Cubes of chunks stay together, and are dealt out so that
    /// neighbouring cubes along each axis have different owners: the load is even where a volume is filled unevenly.
    pub fn owner(&self, id: ChunkId, peers: usize) -> usize {
        let [z, y, x] = id.place().map(|p| p.div_euclid(OWNED_CUBE));
        let peers = i64::try_from(peers.max(1)).unwrap_or(1);
        usize::try_from((z + y + x).rem_euclid(peers)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_bounds_once() {
        let grid = Grid::new(Region::of_shape([5, 9, 4]), [4, 4, 4]);
        assert_eq!(grid.shape(), [2, 3, 1]);
        let voxels: usize = grid.chunks().map(|id| grid.region(id).volume()).sum();
        assert_eq!(voxels, 5 * 9 * 4);
        for id in grid.chunks() {
            assert_eq!(grid.chunk_at(grid.region(id).min), id);
        }
    }

    #[test]
    fn a_depth_beyond_one_chunk_reaches_over_several() {
        let grid = Grid::new(Region::of_shape([1, 1, 10]), [1, 1, 2]);
        let near: Vec<_> = grid.within(ChunkId::new([0, 0, 2]), [0, 0, 3]).map(|c| c.place()[2]).collect();
        assert_eq!(near, [0, 1, 3, 4]);
    }
}
