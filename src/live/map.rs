//! A map of chunks: what of a volume has come, what has been read, and what may still change.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use crate::grid::{ChunkId, Grid};
use crate::store::Absent;

/// Chunks of a map at most.
const MOST: usize = 1 << 22;

/// What is known of a chunk, by the number that stands for it in a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "u8")]
pub(super) enum ChunkState {
    /// Nothing of it has come.
    Missing = 0,
    /// It has come, and is being read.
    Arrived = 1,
    /// It has been read, and a neighbour is missing.
    Provisional = 2,
    /// It has been read, with all neighbours.
    Complete = 3,
    /// It cannot be read.
    Unreadable = 4,
}

impl From<ChunkState> for u8 {
    fn from(state: ChunkState) -> u8 {
        state as u8
    }
}

/// The states of all chunks of a volume, in raster order: runs of equal ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChunkMap {
    /// Chunks along (z, y, x).
    shape: [usize; 3],
    /// Shape of a chunk, in voxels.
    chunk: [usize; 3],
    /// Chunks in each state.
    counts: [usize; 5],
    /// Runs of chunks in one state: state and length. None where there are too many chunks for a map.
    runs: Vec<(ChunkState, usize)>,
}

impl ChunkMap {
    /// The map of a grid of chunks. `absent` tells what has not come, if the image can tell; chunks in `reading` are about to be
    /// read, and chunks in `unreadable` were not. Takes time in proportion to the chunks.
    pub fn new(grid: &Grid, absent: Option<&Absent>, reading: &[ChunkId], unreadable: &BTreeSet<ChunkId>) -> ChunkMap {
        let (shape, chunk) = (grid.shape(), grid.chunk_shape());
        let mut map = ChunkMap { shape, chunk, ..ChunkMap::default() };
        if shape.iter().try_fold(1usize, |chunks, &along| chunks.checked_mul(along)).is_none_or(|chunks| chunks > MOST)
        {
            return map;
        }
        let reading: HashSet<ChunkId> = reading.iter().copied().collect();
        let parts = absent.map(Parts::new);
        for id in grid.chunks() {
            let state = match parts.as_ref().map_or(ChunkState::Complete, |parts| parts.state(grid, id)) {
                ChunkState::Missing => ChunkState::Missing,
                _ if unreadable.contains(&id) => ChunkState::Unreadable,
                _ if reading.contains(&id) => ChunkState::Arrived,
                state => state,
            };
            map.counts[state as usize] += 1;
            match map.runs.last_mut() {
                Some((last, length)) if *last == state => *length += 1,
                _ => map.runs.push((state, 1)),
            }
        }
        map
    }
}

/// The parts in which an image is stored, as chunks see them.
struct Parts<'a> {
    absent: &'a Absent,
    /// Missing parts, and those adjacent to one.
    incomplete: HashSet<ChunkId>,
}

impl Parts<'_> {
    fn new(absent: &Absent) -> Parts<'_> {
        let incomplete =
            absent.missing.iter().flat_map(|&part| absent.grid.within(part, [1; 3]).chain([part])).collect();
        Parts { absent, incomplete }
    }

    /// The state of a chunk, as far as parts that are stored tell.
    fn state(&self, grid: &Grid, id: ChunkId) -> ChunkState {
        if self.incomplete.is_empty() {
            return ChunkState::Complete;
        }
        let parts = || self.absent.grid.chunks_in(&grid.region(id).shifted(self.absent.origin));
        if parts().all(|part| self.absent.missing.contains(&part)) {
            ChunkState::Missing
        } else if parts().any(|part| self.incomplete.contains(&part)) {
            ChunkState::Provisional
        } else {
            ChunkState::Complete
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Region;

    #[test]
    fn a_map_tells_what_has_come_what_was_read_and_what_may_still_change() {
        let grid = Grid::new(Region::of_shape([4, 4, 24]), [4, 4, 4]);
        let absent = Absent { grid, origin: [0; 3], missing: BTreeSet::from([ChunkId::at([0, 0, 0])]) };
        let unreadable = BTreeSet::from([ChunkId::at([0, 0, 4])]);
        let map = ChunkMap::new(&grid, Some(&absent), &[ChunkId::at([0, 0, 5])], &unreadable);
        use ChunkState::{Arrived, Complete, Missing, Provisional, Unreadable};
        assert_eq!(map.runs, [(Missing, 1), (Provisional, 1), (Complete, 2), (Unreadable, 1), (Arrived, 1)]);
        assert_eq!(map.counts, [1, 1, 1, 2, 1]);
    }

    #[test]
    fn a_chunk_is_missing_if_all_its_parts_are() {
        let grid = Grid::new(Region::of_shape([1, 8, 8]), [1, 8, 4]);
        let parts = Grid::new(Region::of_shape([1, 8, 8]), [1, 2, 2]);
        let missing = parts.chunks_in(&Region::new([0, 0, 0], [1, 8, 4])).collect();
        let map = ChunkMap::new(&grid, Some(&Absent { grid: parts, origin: [0; 3], missing }), &[], &BTreeSet::new());
        assert_eq!(map.runs, [(ChunkState::Missing, 1), (ChunkState::Provisional, 1)]);
    }

    #[test]
    fn a_volume_of_too_many_chunks_has_no_map() {
        let grid = Grid::new(Region::of_shape([1 << 14, 1 << 14, 1 << 14]), [32; 3]);
        assert!(ChunkMap::new(&grid, None, &[], &BTreeSet::new()).runs.is_empty());
    }
}
