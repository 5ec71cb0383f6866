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
    /// The chunk at a place on the grid; `None` if the place is farther from zero than any voxel (see [`Voxel::MIN`]
    /// and [`Voxel::END`]).
    pub fn new(place: Position) -> Option<Self> {
        let inside = (0..3).all(|a| (Voxel::MIN[a]..Voxel::END[a]).contains(&place[a]));
        inside.then(|| Self::at(place))
    }

    /// The chunk at a place that is known to be valid.
    pub(crate) fn at(place: Position) -> Self {
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
    /// How chunks are dealt to processes, if there are several. Not part of what is stored.
    #[serde(skip)]
    deal: Option<Deal>,
    /// If the chunks are tiers of others: how many of each.
    #[serde(skip)]
    tiers: Option<i64>,
}

/// Chunks dealt to processes in blocks, and in small cubes to the workers of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Deal {
    processes: i64,
    /// Place of the first chunk.
    first: Position,
    /// Chunks along each axis.
    shape: Position,
    /// Blocks along each axis, as even as possible.
    blocks: Position,
}

/// Edge, in chunks, of the cubes of chunks that one worker owns together.
const OWNED_CUBE: i64 = 2;
/// Minimum number of cubes for each worker; with fewer, each chunk is dealt on its own.
const CUBES_OF_A_WORKER: i64 = 8;
/// Blocks that each process gets if the grid is large enough, so that the load is even for uneven volumes.
const BLOCKS_OF_A_PROCESS: i64 = 4;
/// Maximum number of blocks of a process.
const MOST_BLOCKS: i64 = 8;
/// Minimum edge of blocks, in chunks, while there are enough of them: most of their chunks have their neighbours
/// inside.
const ROOMY_BLOCK: i64 = 4;
/// The largest share of a process, as a multiple of an even one, that still counts as even.
const UNEVEN: f64 = 1.25;

impl Grid {
    /// The grid of chunks of a shape over the bounds.
    ///
    /// # Panics
    /// If an axis of the chunk shape is zero.
    pub fn new(bounds: Region, chunk: [usize; 3]) -> Self {
        assert!(chunk.iter().all(|&n| n > 0), "a chunk has at least one voxel along each axis");
        Grid { bounds, chunk: chunk.map(|n| i64::try_from(n).unwrap_or(i64::MAX)), deal: None, tiers: None }
    }

    /// The grid with the same chunks and processes, within other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Region) -> Grid {
        Grid { bounds, ..self }
    }

    /// The grid of tiers: each chunk is cut into `count` of them along z, all of one thickness. A tier has the owner of
    /// its chunk. To be called after [`Grid::among`].
    ///
    /// # Panics
    /// If chunks cannot be cut into as many tiers, or are tiers.
    #[must_use]
    pub fn in_tiers(self, count: usize) -> Grid {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let [z, y, x] = self.chunk;
        assert!(count > 0 && z % count == 0 && self.tiers.is_none(), "tiers of a chunk are of one thickness");
        if count == 1 { self } else { Grid { chunk: [z / count, y, x], tiers: Some(count), ..self } }
    }

    /// The grid of the chunks whose tiers the chunks of this one are; this one itself if they are no tiers.
    #[must_use]
    pub fn of_wholes(self) -> Grid {
        let [z, y, x] = self.chunk;
        Grid { chunk: [z * self.tiers.unwrap_or(1), y, x], tiers: None, ..self }
    }

    /// The chunk of a tier; a chunk itself if chunks are no tiers.
    pub fn whole(&self, id: ChunkId) -> ChunkId {
        let Some(tiers) = self.tiers else { return id };
        let [z, y, x] = id.place();
        ChunkId::at([z.div_euclid(tiers), y, x])
    }

    /// The tiers of a chunk inside the bounds, from the first to the last; the chunk itself if chunks are no tiers.
    pub fn tiers_of(&self, whole: ChunkId) -> impl ExactSizeIterator<Item = ChunkId> + use<> {
        let [place, y, x] = whole.place();
        let (bounds, depth, tiers) = (self.bounds, self.chunk[0], self.tiers.unwrap_or(1));
        let first = (place * tiers).max(bounds.min[0].div_euclid(depth));
        let end = ((place + 1) * tiers).min((bounds.max[0] + depth - 1).div_euclid(depth));
        let count = usize::try_from(end - first).unwrap_or(0);
        (0..count).map(move |tier| ChunkId::at([first + tier as i64, y, x]))
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
        ChunkId::at(std::array::from_fn(|a| p[a].div_euclid(self.chunk[a])))
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
            (first[1]..=last[1]).flat_map(move |y| (first[2]..=last[2]).map(move |x| ChunkId::at([z, y, x])))
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
    /// Blocks are columns along the first axis that is longer than a chunk, unless there are too few of them: chunks
    /// are read in raster order, so all processes go along that axis together, and none waits for what another one
    /// reads at the end. Columns that touch have different owners where each process has several.
    #[must_use]
    pub fn among(self, processes: usize) -> Grid {
        let processes = i64::try_from(processes).unwrap_or(i64::MAX).max(1);
        let shape = self.shape().map(|n| i64::try_from(n).unwrap_or(i64::MAX).max(1));
        let first = self.bounds.min;
        let first = std::array::from_fn(|a| first[a].div_euclid(self.chunk[a]));
        Grid { deal: Some(Deal { processes, first, shape, blocks: blocks(shape, processes) }), ..self }
    }

    /// The number of processes that the chunks are dealt to.
    pub fn processes(&self) -> usize {
        self.deal.map_or(1, |deal| usize::try_from(deal.processes).unwrap_or(1))
    }

    /// The process that owns a chunk. Blocks are dealt in turn, along a line that reverses at the end of every row.
    pub fn process(&self, id: ChunkId) -> usize {
        let Some(Deal { processes, first, shape, blocks }) = self.deal else { return 0 };
        let id = self.whole(id);
        let block = |a: usize| (id.place()[a] - first[a]).saturating_mul(blocks[a]).div_euclid(shape[a]);
        let [z, y, x] = [0, 1, 2].map(block);
        let turned = |place: i64, count: i64, row: i64| if row.rem_euclid(2) == 1 { count - 1 - place } else { place };
        let row = z * blocks[1] + turned(y, blocks[1], z);
        usize::try_from((row * blocks[2] + turned(x, blocks[2], row)).rem_euclid(processes)).unwrap_or(0)
    }

    /// The number of workers of each process, of `peers` workers in all.
    pub(crate) fn workers_of_process(&self, peers: usize) -> usize {
        (peers / self.processes()).max(1)
    }

    /// The process of a worker, of `peers` workers in all, as many in each process.
    pub fn process_of(&self, worker: usize, peers: usize) -> usize {
        worker / self.workers_of_process(peers)
    }

    /// The worker that owns a chunk, of `peers` workers in all, as many in each process. Cubes of chunks stay together,
    /// and are dealt out inside a process so that neighbouring cubes along each axis have different owners: the load is
    /// even if a volume is filled unevenly. If there are few cubes, each chunk is dealt on its own.
    pub fn owner(&self, id: ChunkId, peers: usize) -> usize {
        let few = self.deal.is_some_and(|deal| {
            let cubes =
                deal.shape.iter().fold(1, |cubes: i64, n| cubes.saturating_mul((n + OWNED_CUBE - 1) / OWNED_CUBE));
            cubes / CUBES_OF_A_WORKER < i64::try_from(peers).unwrap_or(i64::MAX)
        });
        let edge = if few { 1 } else { OWNED_CUBE };
        let [z, y, x] = self.whole(id).place().map(|p| p.div_euclid(edge));
        let workers = self.workers_of_process(peers);
        let here = (z + y + x).rem_euclid(i64::try_from(workers).unwrap_or(i64::MAX));
        self.process(id) * workers + usize::try_from(here).unwrap_or(0)
    }
}

/// The number of blocks along each axis of a grid of a shape: of the divisions that are even enough, the one with the
/// wanted number of blocks for each process, and then with the fewest seams between blocks; else the most even one.
///
/// Tries some 10 ln² divisions for each process.
fn blocks(shape: Position, processes: i64) -> Position {
    let long = (0..3).find(|&a| shape[a] > 1).unwrap_or(0);
    let most = processes.saturating_mul(MOST_BLOCKS);
    let chunks: f64 = shape.iter().map(|&n| n as f64).product();
    let mut best = ([1; 3], Score { uneven: f64::INFINITY, each: 0, seams: f64::INFINITY });
    for along in 1..=shape[long].min(most) {
        for second in 1..=if long < 1 { shape[1].min(most / along) } else { 1 } {
            for third in 1..=if long < 2 { shape[2].min(most / along / second) } else { 1 } {
                let mut blocks = [1, second, third];
                blocks[long] = along;
                let largest: f64 = (0..3).map(|a| ((shape[a] + blocks[a] - 1) / blocks[a]) as f64).product();
                let count = along * second * third;
                let most_of_one = largest * ((count + processes - 1) / processes) as f64;
                let uneven = (most_of_one * processes as f64 / chunks).max(UNEVEN);
                let roomy = (0..3).all(|a| blocks[a] == 1 || shape[a] / blocks[a] >= ROOMY_BLOCK);
                let each = if roomy { (count / processes).min(BLOCKS_OF_A_PROCESS) } else { 0 };
                let seams = (0..3).map(|a| (blocks[a] - 1) as f64 / shape[a] as f64).sum();
                let score = Score { uneven, each, seams };
                if score.is_better_than(&best.1) {
                    best = (blocks, score);
                }
            }
        }
        // Whole columns, if possible.
        if best.1.uneven <= UNEVEN {
            break;
        }
    }
    best.0
}

/// The quality of a division.
struct Score {
    /// Chunks of a process, at most, as a multiple of an even share; what is even enough counts as the same.
    uneven: f64,
    /// Blocks of each process.
    each: i64,
    /// Parts of the grid's chunks that lie at a seam between blocks.
    seams: f64,
}

impl Score {
    fn is_better_than(&self, other: &Score) -> bool {
        let by_seams = self.seams.total_cmp(&other.seams);
        self.uneven.total_cmp(&other.uneven).then(other.each.cmp(&self.each)).then(by_seams).is_lt()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        let near: Vec<_> = grid.within(ChunkId::at([0, 0, 2]), [0, 0, 3]).map(|c| c.place()[2]).collect();
        assert_eq!(near, [0, 1, 3, 4]);
    }

    /// Chunks of each worker.
    fn loads(shape: [usize; 3], processes: usize, workers: usize) -> Vec<usize> {
        let grid = Grid::new(Region::of_shape(shape), [1; 3]).among(processes);
        let mut loads = vec![0; processes * workers];
        for id in grid.chunks() {
            let owner = grid.owner(id, loads.len());
            assert_eq!((owner / workers, owner / workers), (grid.process(id), grid.process_of(owner, loads.len())));
            loads[owner] += 1;
        }
        loads
    }

    /// The most chunks of a worker, or of a process, as a multiple of what a best split gives the most loaded one.
    fn unevenness(shape: [usize; 3], processes: usize, workers: usize) -> f64 {
        let loads = loads(shape, processes, workers);
        *loads.iter().max().unwrap() as f64 / shape.iter().product::<usize>().div_ceil(loads.len()) as f64
    }

    #[test]
    fn processes_and_workers_own_as_many_chunks_within_a_third() {
        for shape in [[8, 8, 8], [4, 4, 4], [16, 1, 1], [1, 32, 32], [1, 1, 40], [1, 8, 8], [16, 12, 20]] {
            for processes in 1..=8 {
                for workers in 1..=4 {
                    let uneven = unevenness(shape, processes, workers);
                    let few = shape.iter().product::<usize>() < 4 * processes * workers;
                    assert!(uneven <= if few { 2.0 } else { 1.3 }, "{shape:?}, {processes} of {workers}: {uneven}");
                }
            }
        }
    }

    #[test]
    fn processes_own_whole_columns() {
        for shape in [[8, 8, 8], [16, 12, 20], [1, 32, 32]] {
            for processes in 2..=8 {
                let grid = Grid::new(Region::of_shape(shape), [1; 3]).among(processes);
                let long = (0..3).find(|&a| shape[a] > 1).unwrap();
                for id in grid.chunks() {
                    let mut start = id.place();
                    start[long] = 0;
                    assert_eq!(grid.process(id), grid.process(ChunkId::at(start)), "{shape:?} {processes}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_chunk_has_one_owner_wherever_the_grid_begins(
            shape in [1usize..12, 1..12, 1..12],
            from in [-9i64..9, -9..9, -9..9],
            processes in 1usize..10,
            workers in 1usize..5,
        ) {
            let bounds = Region::new(from, std::array::from_fn(|a| from[a] + shape[a] as i64));
            let grid = Grid::new(bounds, [1; 3]).among(processes);
            let peers = processes * workers;
            for id in grid.chunks() {
                let owner = grid.owner(id, peers);
                prop_assert!(owner < peers && grid.process_of(owner, peers) == grid.process(id));
                prop_assert_eq!(owner, Grid::new(bounds, [1; 3]).among(processes).owner(id, peers));
            }
            // Also beyond its bounds, which may move.
            let beyond = ChunkId::at(std::array::from_fn(|a| from[a] - 7));
            prop_assert!(grid.owner(beyond, peers) < peers);
            let chunks: usize = shape.iter().product();
            if chunks >= 16 * peers {
                prop_assert!(unevenness(shape, processes, workers) < 1.5, "{}", unevenness(shape, processes, workers));
            }
        }
    }

    #[test]
    fn tiers_cover_their_chunks_and_have_their_owners() {
        let bounds = Region::new([-5, 0, 0], [18, 9, 4]);
        let grid = Grid::new(bounds, [8, 4, 4]).among(2);
        for count in [1, 2, 4, 8] {
            let tiers = grid.in_tiers(count);
            assert_eq!((tiers.chunk_shape(), tiers.of_wholes()), ([8 / count, 4, 4], grid));
            for id in grid.chunks() {
                let all: Vec<_> = tiers.chunks_in(&grid.region(id)).collect();
                assert_eq!(tiers.tiers_of(id).collect::<Vec<_>>(), all);
                let same = |&tier: &_| tiers.whole(tier) == id && tiers.owner(tier, 6) == grid.owner(id, 6);
                assert!(all.iter().all(same), "{id:?}");
            }
        }
    }

    #[test]
    fn one_process_owns_all() {
        let grid = Grid::new(Region::of_shape([5, 6, 7]), [1; 3]);
        for grid in [grid, grid.among(1), grid.among(3).among(1)] {
            assert!(grid.processes() == 1 && grid.chunks().all(|id| grid.process(id) == 0));
        }
        // An image of few chunks has work for several workers.
        assert_eq!(loads([2, 2, 2], 1, 2), [4, 4]);
    }

    #[test]
    fn a_grid_without_ends_can_be_dealt() {
        let far = 1 << 40;
        let grid = Grid::new(Region::new([-far; 3], [far; 3]), [1; 3]).among(64);
        let owners = (0..1000).map(|n| grid.owner(ChunkId::at([0, n, -n]), 128));
        assert!(owners.max().unwrap() < 128);
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
        let at = |y, x| grid.process(ChunkId::at([0, y, x]));
        assert!(at(0, 0) != at(0, 4) && at(0, 0) != at(8, 0) && at(0, 0) == at(8, 4), "{grid:?}");
    }
}
