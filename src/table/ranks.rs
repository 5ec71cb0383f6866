//! Ranks of skeleton voxels in raster order over the whole volume, without sorting them.

use crate::grid::{ChunkId, Grid};
use crate::kernel::network::voxel_list::{VoxelList, VoxelPlace};
use crate::space::{Region, Voxel};

/// Maximum number of voxels in a run.
const RUN: usize = if cfg!(test) { 3 } else { 32 };

/// Ranks of the voxels of a skeleton, from 0, computed from the number of voxels in each row.
#[derive(Debug)]
pub struct Ranks<'a> {
    grid: Grid,
    /// Chunks in raster order.
    chunks: Vec<Chunk<'a>>,
    voxels: u32,
}

#[derive(Debug)]
struct Chunk<'a> {
    id: ChunkId,
    voxels: &'a VoxelList,
    runs: Vec<Run>,
}

/// Consecutive voxels of a chunk in one row.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Place of the first voxel in the chunk's list.
    first: VoxelPlace,
    /// Rank of the first voxel; until ranks are known, its index in the chunk's list.
    rank: u32,
}

impl<'a> Ranks<'a> {
    /// The ranks in raster order of a skeleton's voxels, from the own voxels of each chunk. Takes time linear in the
    /// number of voxels, and memory proportional to the rows of one layer of chunks, plus 24 bytes for every row of a
    /// chunk and every 32 voxels of a row.
    ///
    /// # Panics
    /// If the skeleton has 2^32 voxels or more.
    pub fn new(chunks: impl IntoIterator<Item = (ChunkId, &'a VoxelList)>, grid: &Grid) -> Self {
        let mut chunks: Vec<Chunk<'a>> =
            chunks.into_iter().map(|(id, voxels)| Chunk { id, voxels, runs: runs(voxels) }).collect();
        chunks.sort_by_key(|chunk| chunk.id);
        let mut total = 0u64;
        for layer in chunks.chunk_by_mut(|a, b| a.id.place()[0] == b.id.place()[0]) {
            total = rank_layer(layer, total);
        }
        let voxels = u32::try_from(total).unwrap_or_else(|_| panic!("{total} skeleton voxels are more than 2^32 - 1"));
        Ranks { grid: *grid, chunks, voxels }
    }

    /// Number of voxels.
    pub fn voxels(&self) -> u64 {
        u64::from(self.voxels)
    }

    /// A lookup of ranks. It remembers the place of the last voxel, and is fastest if successive voxels are close to
    /// each other.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { ranks: self, region: Region::of_shape([0; 3]), chunk: None, run: 0 }
    }
}

/// A lookup of ranks.
#[derive(Clone, Debug)]
pub struct Lookup<'a> {
    ranks: &'a Ranks<'a>,
    region: Region,
    chunk: Option<&'a Chunk<'a>>,
    /// The run of the last voxel in its chunk.
    run: usize,
}

impl Lookup<'_> {
    /// The rank of a voxel. Takes time logarithmic in the number of chunks if the last voxel was in another chunk, and
    /// in the number of rows between the two voxels.
    ///
    /// # Panics
    /// If the voxel does not belong to the skeleton.
    pub fn of(&mut self, voxel: Voxel) -> u32 {
        let position = voxel.position();
        if !self.region.contains(position) {
            let id = self.ranks.grid.chunk_at(position);
            self.region = self.ranks.grid.whole_region(id);
            let found = self.ranks.chunks.binary_search_by_key(&id, |chunk| chunk.id);
            self.chunk = found.ok().map(|place| &self.ranks.chunks[place]);
            self.run = 0;
        }
        let rank = self.chunk.and_then(|chunk| {
            self.run = last_up_to(&chunk.runs, voxel, self.run)?;
            let Run { first, rank } = chunk.runs[self.run];
            if first.voxel == voxel {
                return Some(rank);
            }
            let place = chunk.voxels.after(first).take_while(|&next| next <= voxel).position(|next| next == voxel)?;
            Some(rank + place as u32 + 1)
        });
        rank.unwrap_or_else(|| panic!("{voxel:?} is no voxel of the skeleton"))
    }
}

/// The last run that begins at or before a voxel, by an exponential search from the run `near`.
fn last_up_to(runs: &[Run], voxel: Voxel, near: usize) -> Option<usize> {
    let up_to = |place: usize| runs[place].first.voxel <= voxel;
    let (mut from, mut to, mut width) = (near.min(runs.len()), near.min(runs.len()), 1);
    if to < runs.len() && up_to(to) {
        while to < runs.len() && up_to(to) {
            (from, to, width) = (to, to + width, width * 2);
        }
        to = to.min(runs.len());
    } else {
        while from > 0 && !up_to(from.min(runs.len() - 1)) {
            (from, to, width) = (from.saturating_sub(width), from, width * 2);
        }
    }
    (from + runs[from..to].partition_point(|run| run.first.voxel <= voxel)).checked_sub(1)
}

fn runs(voxels: &VoxelList) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut row, mut end) = (None, 0);
    let mut iter = voxels.iter();
    let mut rank = 0;
    while let Some(voxel) = iter.next() {
        let [z, y, _] = voxel.position();
        if row != Some([z, y]) || rank == end {
            runs.push(Run { first: iter.place(), rank });
            (row, end) = (Some([z, y]), rank + RUN as u32);
        }
        rank += 1;
    }
    runs.shrink_to_fit();
    runs
}

/// Ranks the runs of chunks that share their planes, starting at `first`. Returns the next rank.
fn rank_layer(layer: &mut [Chunk<'_>], first: u64) -> u64 {
    let row = |run: &Run| {
        let [z, y, _] = run.first.voxel.position();
        [z, y]
    };
    let all = || layer.iter().flat_map(|chunk| chunk.runs.iter());
    let least = |axis: usize| all().map(|run| row(run)[axis]).min().unwrap_or(0);
    let most = |axis: usize| all().map(|run| row(run)[axis]).max().unwrap_or(-1);
    let [z, y] = [least(0), least(1)];
    let wide = (most(1) - y + 1) as usize;
    let mut counts = vec![0u32; (most(0) - z + 1) as usize * wide];
    let place = |run: &Run| (row(run)[0] - z) as usize * wide + (row(run)[1] - y) as usize;
    for chunk in &*layer {
        for (at, run) in chunk.runs.iter().enumerate() {
            counts[place(run)] += chunk.length(at);
        }
    }
    let mut next = first;
    for count in &mut counts {
        next += u64::from(std::mem::replace(count, next as u32));
    }
    // Chunks that share rows are in the order of their columns.
    for chunk in layer {
        for at in 0..chunk.runs.len() {
            let length = chunk.length(at);
            let run = &mut chunk.runs[at];
            let rank = &mut counts[place(run)];
            run.rank = *rank;
            *rank += length;
        }
    }
    next
}

impl Chunk<'_> {
    /// Number of voxels of a run, while neither its rank nor that of the next run is known.
    fn length(&self, run: usize) -> u32 {
        let end = self.runs.get(run + 1).map_or(self.voxels.len() as u32, |next| next.rank);
        end - self.runs[run].rank
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::network::graph::tests::{cut, voxels};
    use crate::space::Region;

    proptest! {
        #[test]
        fn ranks_are_places_in_raster_order(
            voxels in voxels([4, 5, 9], [-2, -3, -4]),
            chunk in prop::array::uniform3(1usize..10),
            places in prop::collection::vec(any::<prop::sample::Index>(), 50),
        ) {
            let grid = Grid::new(Region::new([-2, -3, -4], [2, 2, 5]), chunk);
            let parts = cut(&voxels, &grid, false);
            let ranks = Ranks::new(parts.iter().map(|(&id, part)| (id, &part.voxels)), &grid);
            prop_assert_eq!(ranks.voxels(), voxels.len() as u64);
            for (rank, (voxel, _)) in voxels.iter().enumerate() {
                prop_assert_eq!(ranks.lookup().of(*voxel), rank as u32);
            }
            // From any voxel to any other.
            let mut lookup = ranks.lookup();
            for place in places {
                if !voxels.is_empty() {
                    let rank = place.index(voxels.len());
                    prop_assert_eq!(lookup.of(voxels[rank].0), rank as u32);
                }
            }
        }
    }
}
