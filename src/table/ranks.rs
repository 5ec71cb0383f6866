//! Ranks of skeleton voxels in raster order over the whole volume, without sorting them.

use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::network::voxel_list::{VoxelList, VoxelPlace};
use crate::space::{Region, Voxel};
use crate::threads::each;

/// Number of voxels of a chunk from one mark to the next.
const BETWEEN: usize = if cfg!(test) { 3 } else { 32 };

/// A skeleton whose voxels have ranks in raster order over the whole volume, from 0.
pub trait RankedSkeleton: Sync {
    /// Number of voxels.
    fn voxels(&self) -> u64;

    /// The ranks of some voxels, which come in raster order, found on `threads` threads.
    ///
    /// # Errors
    /// `Internal` if a thread has stopped, for example because a voxel does not belong to the skeleton.
    fn ranks_of(&self, voxels: &[Voxel], threads: usize) -> Result<Vec<u64>>;
}

/// Ranks of the voxels of a skeleton, from 0, computed from the number of voxels in each row.
#[derive(Debug)]
pub struct Ranks<'a> {
    grid: Grid,
    /// Chunks in raster order.
    chunks: Vec<Chunk<'a>>,
    voxels: u64,
}

#[derive(Debug)]
struct Chunk<'a> {
    id: ChunkId,
    voxels: &'a VoxelList,
    marks: Vec<Mark>,
    /// Number of voxels before its layer of chunks.
    first: u64,
    /// The rank of the first voxel of each row that has some, among those of the layer.
    ranks: Vec<u32>,
}

/// A voxel from which the next ones are looked through.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: VoxelPlace,
    /// The number of its row among those that have voxels, and of voxels of the row before it.
    row: u32,
    before: u32,
}

impl<'a> Ranks<'a> {
    /// The ranks in raster order of a skeleton's voxels, from the own voxels of each chunk. Takes time linear in the
    /// number of voxels, and memory proportional to the rows of one layer of chunks, plus four bytes for every row of a
    /// chunk with voxels, and a byte for every voxel.
    ///
    /// # Panics
    /// If it has 2^32 voxels or more in a layer of chunks, those at one place along z.
    pub fn new(chunks: impl IntoIterator<Item = (ChunkId, &'a VoxelList)>, grid: &Grid) -> Self {
        let mut chunks: Vec<Chunk<'a>> = chunks.into_iter().map(|(id, voxels)| Chunk::new(id, voxels)).collect();
        chunks.sort_by_key(|chunk| chunk.id);
        let mut total = 0u64;
        for layer in chunks.chunk_by_mut(|a, b| a.id.place()[0] == b.id.place()[0]) {
            total = rank_layer(layer, total);
        }
        Ranks { grid: *grid, chunks, voxels: total }
    }

    /// A lookup of ranks. It remembers the place of the last voxel, and is fastest if successive voxels are close to
    /// each other.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { ranks: self, region: Region::of_shape([0; 3]), chunk: None, mark: 0 }
    }
}

/// Voxels that a thread looks up together.
const TOGETHER: usize = if cfg!(test) { 5 } else { 1 << 14 };

impl RankedSkeleton for Ranks<'_> {
    fn voxels(&self) -> u64 {
        self.voxels
    }

    fn ranks_of(&self, voxels: &[Voxel], threads: usize) -> Result<Vec<u64>> {
        let parts: Vec<&[Voxel]> = voxels.chunks(TOGETHER).collect();
        let ranks = each(&parts, threads, |_, part| {
            let mut lookup = self.lookup();
            Ok(part.iter().map(|&voxel| lookup.of(voxel)).collect::<Vec<u64>>())
        });
        Ok(ranks?.concat())
    }
}

/// A skeleton in layers of chunks, those at one place along z: what is needed for ranks is made for one layer at a time on each
/// thread.
#[derive(Debug)]
pub struct LayeredSkeleton<'a> {
    grid: Grid,
    layers: Vec<Layer<'a>>,
    voxels: u64,
}

#[derive(Debug)]
struct Layer<'a> {
    chunks: Vec<(ChunkId, &'a VoxelList)>,
    /// Number of voxels before it.
    first: u64,
    /// The plane after its last one.
    end: i64,
}

impl<'a> LayeredSkeleton<'a> {
    /// A skeleton, from the own voxels of each chunk of a grid.
    pub fn new(chunks: impl IntoIterator<Item = (ChunkId, &'a VoxelList)>, grid: &Grid) -> Self {
        let mut chunks: Vec<(ChunkId, &VoxelList)> = chunks.into_iter().collect();
        chunks.sort_by_key(|(id, _)| *id);
        let (mut layers, mut voxels) = (Vec::new(), 0);
        for layer in chunks.chunk_by(|(a, _), (b, _)| a.place()[0] == b.place()[0]) {
            let end = grid.whole_region(layer[0].0).max[0];
            layers.push(Layer { chunks: layer.to_vec(), first: voxels, end });
            voxels += layer.iter().map(|(_, list)| list.len() as u64).sum::<u64>();
        }
        LayeredSkeleton { grid: *grid, layers, voxels }
    }

    /// The most voxels in a layer.
    pub fn largest_layer(&self) -> u64 {
        let ends = self.layers.iter().skip(1).map(|layer| layer.first).chain([self.voxels]);
        self.layers.iter().zip(ends).map(|(layer, end)| end - layer.first).max().unwrap_or(0)
    }
}

impl RankedSkeleton for LayeredSkeleton<'_> {
    fn voxels(&self) -> u64 {
        self.voxels
    }

    /// # Panics
    /// If a layer has 2^32 voxels or more.
    fn ranks_of(&self, mut voxels: &[Voxel], threads: usize) -> Result<Vec<u64>> {
        let mut wanted: Vec<(&Layer<'_>, &[Voxel])> = Vec::new();
        for layer in &self.layers {
            let (here, rest) = voxels.split_at(voxels.partition_point(|voxel| voxel.position()[0] < layer.end));
            voxels = rest;
            if !here.is_empty() {
                wanted.push((layer, here));
            }
        }
        debug_assert!(voxels.is_empty(), "voxels are those of the skeleton");
        let ranks = each(&wanted, threads, |_, (layer, voxels)| {
            let ranks = Ranks::new(layer.chunks.iter().copied(), &self.grid);
            let mut lookup = ranks.lookup();
            Ok(voxels.iter().map(|&voxel| layer.first + lookup.of(voxel)).collect::<Vec<u64>>())
        });
        Ok(ranks?.concat())
    }
}

/// A lookup of ranks.
#[derive(Clone, Debug)]
pub struct Lookup<'a> {
    ranks: &'a Ranks<'a>,
    region: Region,
    chunk: Option<&'a Chunk<'a>>,
    /// The mark before the last voxel in its chunk.
    mark: usize,
}

impl Lookup<'_> {
    /// The rank of a voxel. Takes time logarithmic in the number of chunks if the last voxel was in another chunk, and
    /// in the number of voxels between the two.
    ///
    /// # Panics
    /// If the voxel does not belong to the skeleton.
    pub fn of(&mut self, voxel: Voxel) -> u64 {
        let position = voxel.position();
        if !self.region.contains(position) {
            let id = self.ranks.grid.chunk_at(position);
            self.region = self.ranks.grid.whole_region(id);
            let found = self.ranks.chunks.binary_search_by_key(&id, |chunk| chunk.id);
            self.chunk = found.ok().map(|place| &self.ranks.chunks[place]);
            self.mark = 0;
        }
        let rank = self.chunk.and_then(|chunk| {
            self.mark = last_up_to(&chunk.marks, voxel, self.mark)?;
            let Mark { at, mut row, mut before } = chunk.marks[self.mark];
            let mut last = at.voxel;
            let mut after = chunk.voxels.after(at);
            while last != voxel {
                let next = after.next().filter(|&next| next <= voxel)?;
                (row, before) = if row_of(next) == row_of(last) { (row, before + 1) } else { (row + 1, 0) };
                last = next;
            }
            Some(chunk.first + u64::from(chunk.ranks[row as usize] + before))
        });
        rank.unwrap_or_else(|| panic!("{voxel:?} is no voxel of the skeleton"))
    }
}

/// The last mark at or before a voxel, by an exponential search from the mark `near`.
fn last_up_to(marks: &[Mark], voxel: Voxel, near: usize) -> Option<usize> {
    let up_to = |place: usize| marks[place].at.voxel <= voxel;
    let (mut from, mut to, mut width) = (near.min(marks.len()), near.min(marks.len()), 1);
    if to < marks.len() && up_to(to) {
        while to < marks.len() && up_to(to) {
            (from, to, width) = (to, to + width, width * 2);
        }
        to = to.min(marks.len());
    } else {
        while from > 0 && !up_to(from.min(marks.len() - 1)) {
            (from, to, width) = (from.saturating_sub(width), from, width * 2);
        }
    }
    (from + marks[from..to].partition_point(|mark| mark.at.voxel <= voxel)).checked_sub(1)
}

/// Where the row of a voxel is, along (z, y).
fn row_of(voxel: Voxel) -> [i64; 2] {
    let [z, y, _] = voxel.position();
    [z, y]
}

/// The rows of a chunk with voxels, each with their number.
fn rows(voxels: &VoxelList) -> impl Iterator<Item = ([i64; 2], u32)> {
    let mut rows = voxels.iter().map(row_of).peekable();
    std::iter::from_fn(move || {
        let (row, mut length) = (rows.next()?, 1);
        while rows.next_if_eq(&row).is_some() {
            length += 1;
        }
        Some((row, length))
    })
}

/// Ranks the rows of chunks that share their planes, after `first` voxels. Returns the next rank.
fn rank_layer(layer: &mut [Chunk<'_>], first: u64) -> u64 {
    let (mut least, mut most) = ([i64::MAX; 2], [i64::MIN; 2]);
    for (row, _) in layer.iter().flat_map(|chunk| rows(chunk.voxels)) {
        (least, most) = ([0, 1].map(|a| least[a].min(row[a])), [0, 1].map(|a| most[a].max(row[a])));
    }
    if least > most {
        return first;
    }
    let wide = (most[1] - least[1] + 1) as usize;
    let mut counts = vec![0u32; (most[0] - least[0] + 1) as usize * wide];
    let place = |[z, y]: [i64; 2]| (z - least[0]) as usize * wide + (y - least[1]) as usize;
    for (row, length) in layer.iter().flat_map(|chunk| rows(chunk.voxels)) {
        counts[place(row)] += length;
    }
    let mut next = 0u32;
    for count in &mut counts {
        let length = std::mem::replace(count, next);
        next = next.checked_add(length).expect("fewer than 2^32 voxels in a layer of chunks");
    }
    // Chunks that share rows are in the order of their columns.
    for chunk in layer {
        chunk.first = first;
        for ((row, length), rank) in rows(chunk.voxels).zip(&mut chunk.ranks) {
            let next = &mut counts[place(row)];
            *rank = *next;
            *next += length;
        }
    }
    first + u64::from(next)
}

impl<'a> Chunk<'a> {
    /// A chunk whose ranks are not known yet.
    fn new(id: ChunkId, voxels: &'a VoxelList) -> Self {
        let mut marks = Vec::with_capacity(voxels.len().div_ceil(BETWEEN));
        let (mut last, mut row, mut before) = (None, 0, 0);
        let mut iter = voxels.iter();
        for number in 0.. {
            let Some(voxel) = iter.next() else { break };
            (row, before) = match last.replace(row_of(voxel)) {
                None => (0, 0),
                Some(last) if last == row_of(voxel) => (row, before + 1),
                Some(_) => (row + 1, 0),
            };
            if number % BETWEEN == 0 {
                marks.push(Mark { at: iter.place(), row, before });
            }
        }
        let ranks = vec![0; last.map_or(0, |_| row as usize + 1)];
        Chunk { id, voxels, marks, first: 0, ranks }
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
                prop_assert_eq!(ranks.lookup().of(*voxel), rank as u64);
            }
            // Of some voxels at once, also by layers.
            let layered = LayeredSkeleton::new(parts.iter().map(|(&id, part)| (id, &part.voxels)), &grid);
            prop_assert_eq!(layered.voxels(), voxels.len() as u64);
            prop_assert!(layered.largest_layer() <= layered.voxels());
            let some = voxels.iter().enumerate().step_by(3);
            let (expected, some): (Vec<u64>, Vec<Voxel>) = some.map(|(rank, (voxel, _))| (rank as u64, *voxel)).unzip();
            for threads in 1..3 {
                prop_assert_eq!(&ranks.ranks_of(&some, threads).unwrap(), &expected);
                prop_assert_eq!(&layered.ranks_of(&some, threads).unwrap(), &expected);
            }
            // From any voxel to any other.
            let mut lookup = ranks.lookup();
            for place in places {
                if !voxels.is_empty() {
                    let rank = place.index(voxels.len());
                    prop_assert_eq!(lookup.of(voxels[rank].0), rank as u64);
                }
            }
        }
    }
}
