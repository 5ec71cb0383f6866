//! Nested boxes of chunks, which determine the order in which results of chunks are merged.

use crate::grid::{ChunkId, Grid};
use crate::space::Voxel;

/// A box of the octree: its level, and its place at that level; level 0 is the chunks.
pub type OctreeBox = (u8, ChunkId);

/// An octree over the chunks of a grid. Level 0 is the chunks; a box of level n holds the chunks whose places agree up
/// to their last n bits; the one box of the top level holds all chunks, negative places and places outside the bounds
/// included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octree {
    grid: Grid,
    top: u8,
}

impl Octree {
    /// The octree of a grid. Its number of levels is the number of halvings that reduce the grid's longest side to one,
    /// and at least one.
    pub fn new(grid: Grid) -> Self {
        let longest = grid.shape().into_iter().max().unwrap_or(1).max(2);
        Octree { grid, top: (longest - 1).ilog2() as u8 + 1 }
    }

    /// The grid of its chunks.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The level of the one box that holds everything.
    pub fn top(&self) -> u8 {
        self.top
    }

    /// The box of a higher level that contains a box.
    ///
    /// # Panics
    /// If the level is not higher, or is above the top.
    #[inline]
    pub fn above(&self, (from, part): OctreeBox, level: u8) -> OctreeBox {
        assert!(from < level && level <= self.top, "no box of level {level} lies above one of level {from}");
        let place = if level == self.top { [0; 3] } else { part.place().map(|p| p >> (level - from)) };
        (level, ChunkId::at(place))
    }

    /// The level of the smallest box that holds two chunks; 0 if they are the same.
    #[inline]
    pub fn meeting(&self, a: ChunkId, b: ChunkId) -> u8 {
        let (a, b) = (a.place(), b.place());
        let differ = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]);
        let bits = (u64::BITS - (differ as u64).leading_zeros()) as u8;
        bits.min(self.top)
    }

    /// The level of the smallest box that holds the chunks of two voxels; 0 if they lie in the same chunk.
    #[inline]
    pub fn meeting_of(&self, a: Voxel, b: Voxel) -> u8 {
        self.meeting(self.chunk_of(a), self.chunk_of(b))
    }

    /// The chunk that a voxel lies in.
    #[inline]
    pub fn chunk_of(&self, voxel: Voxel) -> ChunkId {
        self.grid.chunk_at(voxel.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Region;

    #[test]
    fn two_chunks_meet_in_the_smallest_box_that_holds_both() {
        let octree = Octree::new(Grid::new(Region::new([-8, -8, -8], [40, 40, 40]), [4, 4, 4]));
        assert_eq!(octree.top(), 4);
        let id = |z, y, x| ChunkId::at([z, y, x]);
        assert_eq!(octree.meeting(id(0, 1, 5), id(0, 1, 5)), 0);
        assert_eq!(octree.meeting(id(0, 0, 4), id(0, 1, 5)), 1);
        assert_eq!(octree.meeting(id(0, 0, 3), id(0, 0, 4)), 3);
        assert_eq!(octree.meeting(id(0, 0, -1), id(0, 0, 0)), 4);
        for (a, b) in [(id(0, 0, 3), id(0, 0, 4)), (id(-1, 0, 0), id(0, 0, 0)), (id(6, 2, 2), id(7, 3, 2))] {
            let level = octree.meeting(a, b);
            let above = |chunk, level| if level == 0 { (0, chunk) } else { octree.above((0, chunk), level) };
            assert_eq!(above(a, level), above(b, level));
            assert_ne!(above(a, level - 1), above(b, level - 1));
            let mut climbing = (0, a);
            for level in 1..=octree.top() {
                climbing = octree.above(climbing, level);
                assert_eq!(climbing, above(a, level));
            }
        }
    }

    #[test]
    fn a_box_is_above_those_of_lower_levels_only() {
        let octree = Octree::new(Grid::new(Region::of_shape([8; 3]), [4; 3]));
        let refused = |from, to| std::panic::catch_unwind(|| octree.above((from, ChunkId::at([0; 3])), to)).is_err();
        assert_eq!(
            [(0, 1), (0, 0), (1, 0), (1, 1), (0, 2)].map(|(from, to)| refused(from, to)),
            [false, true, true, true, true]
        );
    }

    #[test]
    fn a_single_chunk_has_one_level_above_it() {
        assert_eq!(Octree::new(Grid::new(Region::of_shape([9, 9, 9]), [16, 16, 16])).top(), 1);
    }
}
