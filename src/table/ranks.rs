//! Ranks of skeleton voxels in raster order over the whole volume, without sorting them.

use crate::grid::{ChunkId, Grid};
use crate::space::{Region, Voxel};

/// Ranks of the voxels of a skeleton, from 0, found from counts per row of voxels.
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
    voxels: &'a [Voxel],
    rows: Vec<Row>,
}

/// A row of voxels of one chunk, where it holds skeleton voxels.
#[derive(Clone, Copy, Debug)]
struct Row {
    z: i32,
    y: i32,
    /// Place of its first voxel in the chunk's list.
    begin: u32,
    /// Rank of its first voxel.
    rank: u32,
}

impl<'a> Ranks<'a> {
    /// The ranks of the voxels of a skeleton, given by the own voxels of each chunk, in raster order. Takes time linear
    /// in the voxels, and memory in proportion to the rows of one layer of chunks.
    ///
    /// # Panics
    /// Where there are 2^32 voxels or more.
    pub fn new(chunks: impl IntoIterator<Item = (ChunkId, &'a [Voxel])>, grid: &Grid) -> Self {
        let mut chunks: Vec<Chunk<'a>> =
            chunks.into_iter().map(|(id, voxels)| Chunk { id, voxels, rows: rows(voxels) }).collect();
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

    /// Looks up ranks. A lookup remembers where the last voxel was: it is fastest when voxels of the same chunk follow
    /// each other.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { ranks: self, region: Region::of_shape([0; 3]), chunk: None }
    }
}

/// A lookup of ranks.
#[derive(Clone, Debug)]
pub struct Lookup<'a> {
    ranks: &'a Ranks<'a>,
    region: Region,
    chunk: Option<&'a Chunk<'a>>,
}

impl Lookup<'_> {
    /// The rank of a voxel. Takes time logarithmic in the number of chunks and in the rows of one.
    ///
    /// # Panics
    /// Where the voxel is none of the skeleton's.
    pub fn of(&mut self, voxel: Voxel) -> u32 {
        let position = voxel.position();
        if !self.region.contains(position) {
            let id = self.ranks.grid.chunk_at(position);
            self.region = self.ranks.grid.whole_region(id);
            let found = self.ranks.chunks.binary_search_by_key(&id, |chunk| chunk.id);
            self.chunk = found.ok().map(|place| &self.ranks.chunks[place]);
        }
        let rank = self.chunk.and_then(|chunk| {
            let key = (position[0] as i32, position[1] as i32);
            let row = chunk.rows.binary_search_by_key(&key, |row| (row.z, row.y)).ok()?;
            let begin = chunk.rows[row].begin as usize;
            let in_row = chunk.voxels[begin..begin + chunk.length(row) as usize].binary_search(&voxel).ok()?;
            Some(chunk.rows[row].rank + in_row as u32)
        });
        rank.unwrap_or_else(|| panic!("{voxel:?} is no voxel of the skeleton"))
    }
}

fn rows(voxels: &[Voxel]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (begin, voxel) in (0..).zip(voxels) {
        let [z, y, _] = voxel.position().map(|p| p as i32);
        if rows.last().is_none_or(|row| (row.z, row.y) != (z, y)) {
            rows.push(Row { z, y, begin, rank: 0 });
        }
    }
    rows
}

/// Ranks the rows of chunks that share their planes, from a first rank on; gives the next one.
fn rank_layer(layer: &mut [Chunk<'_>], first: u64) -> u64 {
    let all = || layer.iter().flat_map(|chunk| chunk.rows.iter());
    let least = |of: fn(&Row) -> i32| all().map(of).min().unwrap_or(0);
    let most = |of: fn(&Row) -> i32| all().map(of).max().unwrap_or(-1);
    let (z, y) = (least(|row| row.z), least(|row| row.y));
    let wide = (most(|row| row.y) - y + 1) as usize;
    let place = |row: &Row| (row.z - z) as usize * wide + (row.y - y) as usize;
    let mut counts = vec![0u32; (most(|row| row.z) - z + 1) as usize * wide];
    for chunk in &*layer {
        for (at, row) in chunk.rows.iter().enumerate() {
            counts[place(row)] += chunk.length(at);
        }
    }
    let mut next = first;
    for count in &mut counts {
        next += u64::from(std::mem::replace(count, next as u32));
    }
    // Chunks of a layer that share rows come in the order of their columns.
    for chunk in layer {
        for at in 0..chunk.rows.len() {
            let length = chunk.length(at);
            let row = &mut chunk.rows[at];
            row.rank = counts[place(row)];
            counts[place(row)] += length;
        }
    }
    next
}

impl Chunk<'_> {
    fn length(&self, row: usize) -> u32 {
        let end = self.rows.get(row + 1).map_or(self.voxels.len() as u32, |next| next.begin);
        end - self.rows[row].begin
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::graph::tests::{cut, voxels};
    use crate::space::Region;

    proptest! {
        #[test]
        fn ranks_are_places_in_raster_order(voxels in voxels([4, 5, 9], [-2, -3, -4]), chunk in prop::array::uniform3(1usize..6)) {
            let grid = Grid::new(Region::new([-2, -3, -4], [2, 2, 5]), chunk);
            let parts = cut(&voxels, &grid, false);
            let ranks = Ranks::new(parts.iter().map(|(&id, part)| (id, &part.voxels[..])), &grid);
            prop_assert_eq!(ranks.voxels(), voxels.len() as u64);
            for (rank, (voxel, _)) in voxels.iter().enumerate() {
                prop_assert_eq!(ranks.lookup().of(*voxel), rank as u32);
            }
        }
    }
}
