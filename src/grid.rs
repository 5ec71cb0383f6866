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
    /// How chunks are dealt to processes, where there are several: how it runs, and no part of what is stored.
    #[serde(skip)]
    deal: Option<Deal>,
}

/// Chunks dealt to processes in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Deal {
    processes: i64,
    /// Place of the first chunk.
    first: Position,
    /// Chunks of a block along each axis.
    block: Position,
    /// Blocks along each axis.
    blocks: Position,
}

/// Edge, in chunks, of the cubes of chunks that one worker owns together.
const OWNED_CUBE: i64 = 2;
/// Blocks that each process gets where the grid is large enough, so that the load is even where a volume is not.
const BLOCKS_OF_A_PROCESS: i64 = 4;
/// Edge, in chunks, that blocks keep while there are enough of them: most of their chunks have their neighbours inside.
const ROOMY_BLOCK: i64 = 4;

impl Grid {
    /// The grid of chunks of a shape over the bounds.
    ///
    /// # Panics
    /// Where an axis of the chunk shape is zero.
    pub fn new(bounds: Region, chunk: [usize; 3]) -> Self {
        assert!(chunk.iter().all(|&n| n > 0), "a chunk has at least one voxel along each axis");
        Grid { bounds, chunk: chunk.map(|n| i64::try_from(n).unwrap_or(i64::MAX)), deal: None }
    }

    /// The same chunks, dealt to the same processes, within other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Region) -> Grid {
        Grid { bounds, ..self }
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

    /// The same grid with its chunks dealt to a number of processes, in blocks that follow from the grid and that number
    /// alone.
    ///
    /// Blocks are columns along the first axis that is longer than a chunk, as far as there are enough of these: chunks
    /// are read in raster order, so that all processes go along that axis together and none waits for what another one
    /// reads at the end. Columns that touch have different owners where each process has several.
    #[must_use]
    pub fn among(self, processes: usize) -> Grid {
        let processes = i64::try_from(processes).unwrap_or(i64::MAX);
        if processes <= 1 {
            return Grid { deal: None, ..self };
        }
        let shape = self.shape().map(|n| i64::try_from(n).unwrap_or(i64::MAX).max(1));
        let long = (0..3).find(|&a| shape[a] > 1).unwrap_or(0);
        let mut block = shape;
        let blocks = |block: &Position| -> Position { std::array::from_fn(|a| (shape[a] + block[a] - 1) / block[a]) };
        loop {
            let count: i64 = blocks(&block).iter().product();
            if count >= processes.saturating_mul(BLOCKS_OF_A_PROCESS) {
                break;
            }
            // An uneven deal is worth a cut, whatever the size.
            let least = if count % processes == 0 { 2 * ROOMY_BLOCK } else { 2 };
            let beside = (long + 1..3).rev().filter(|&a| block[a] >= least).max_by_key(|&a| block[a]);
            let cut = beside.or((count < processes && block[long] > 1).then_some(long));
            let Some(axis) = cut else { break };
            block[axis] = (block[axis] + 1) / 2;
        }
        let first = self.bounds.min;
        let first = std::array::from_fn(|a| first[a].div_euclid(self.chunk[a]));
        Grid { deal: Some(Deal { processes, first, block, blocks: blocks(&block) }), ..self }
    }

    /// Among how many processes the chunks are dealt.
    pub fn processes(&self) -> usize {
        self.deal.map_or(1, |deal| usize::try_from(deal.processes).unwrap_or(1))
    }

    /// The process that owns a chunk. Blocks are dealt in turn, along a line that turns round at the end of every row.
    pub fn process(&self, id: ChunkId) -> usize {
        let Some(Deal { processes, first, block, blocks }) = self.deal else { return 0 };
        let [z, y, x] = std::array::from_fn(|a| (id.place()[a] - first[a]).div_euclid(block[a]));
        let turned = |place: i64, count: i64, row: i64| if row.rem_euclid(2) == 1 { count - 1 - place } else { place };
        let row = z * blocks[1] + turned(y, blocks[1], z);
        usize::try_from((row * blocks[2] + turned(x, blocks[2], row)).rem_euclid(processes)).unwrap_or(0)
    }

    /// The process of a worker, of `peers` workers in all, as many in each process.
    pub fn process_of(&self, worker: usize, peers: usize) -> usize {
        worker / (peers / self.processes()).max(1)
    }

    /// The worker that owns a chunk, of `peers` workers in all, as many in each process. Cubes of chunks stay together,
    /// and are dealt out inside a process so that neighbouring cubes along each axis have different owners: the load is
    /// even where a volume is filled unevenly.
    pub fn owner(&self, id: ChunkId, peers: usize) -> usize {
        let [z, y, x] = id.place().map(|p| p.div_euclid(OWNED_CUBE));
        let workers = (peers / self.processes()).max(1);
        let here = (z + y + x).rem_euclid(i64::try_from(workers).unwrap_or(i64::MAX));
        self.process(id) * workers + usize::try_from(here).unwrap_or(0)
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

    #[test]
    fn processes_own_whole_columns_and_as_many_chunks_within_a_quarter() {
        for shape in [[4, 4, 4], [8, 8, 8], [16, 12, 20], [1, 32, 32], [1, 1, 40], [30, 1, 1]] {
            for processes in 2..=9 {
                let grid = Grid::new(Region::of_shape(shape), [1; 3]).among(processes);
                let mut counts = vec![0usize; processes];
                for id in grid.chunks() {
                    let owner = grid.owner(id, 2 * processes);
                    assert_eq!(owner / 2, grid.process(id));
                    counts[grid.process(id)] += 1;
                    let long = (0..3).find(|&a| shape[a] > 1).unwrap_or(0);
                    let mut start = id.place();
                    start[long] = 0;
                    let alone = shape.iter().filter(|&&n| n > 1).count() == 1;
                    assert!(alone || grid.process(id) == grid.process(ChunkId::new(start)), "{shape:?} {processes}");
                }
                let even = shape.iter().product::<usize>() as f64 / processes as f64;
                let most = *counts.iter().max().unwrap() as f64;
                let rough = shape.iter().product::<usize>() < 16 * processes;
                assert!(most <= even * if rough { 2.5 } else { 1.25 }, "{shape:?} {processes}: {counts:?}");
            }
        }
    }

    #[test]
    fn one_process_is_as_none_were_named() {
        let grid = Grid::new(Region::of_shape([5, 6, 7]), [1; 3]);
        assert_eq!(grid.among(1), grid);
        assert!(grid.among(3) != grid && grid.among(3).among(1) == grid);
    }

    #[test]
    fn other_bounds_leave_chunks_with_their_processes() {
        let grid = Grid::new(Region::of_shape([8, 16, 16]), [1; 3]).among(3);
        let larger = grid.with_bounds(Region::new([-4; 3], [40; 3]));
        assert!(grid.chunks().all(|id| larger.owner(id, 6) == grid.owner(id, 6)));
        assert!(larger.chunks().all(|id| larger.owner(id, 6) < 6));
    }

    #[test]
    fn blocks_that_touch_belong_to_different_processes() {
        let grid = Grid::new(Region::of_shape([8, 16, 16]), [1; 3]).among(2);
        let at = |y, x| grid.process(ChunkId::new([0, y, x]));
        assert!(at(0, 0) != at(0, 8) && at(0, 0) != at(4, 0) && at(0, 0) == at(4, 8), "{grid:?}");
    }
}
