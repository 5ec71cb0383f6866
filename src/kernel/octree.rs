//! Boxes of chunks, nested: the order in which what chunks know of each other is put together.

use crate::grid::{ChunkId, Grid};
use crate::space::Voxel;

/// An octree over the chunks of a grid. Level 0 is the chunks; a box of level n holds the chunks whose places agree up
/// to their last n bits; the one box of the top level holds all chunks, negative places and places outside the bounds
/// included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octree {
    grid: Grid,
    top: u8,
}

impl Octree {
    /// The octree of a grid, with as many levels as it takes to halve the grid's longest side down to one, and at least
    /// one.
    pub fn new(grid: Grid) -> Self {
        let longest = grid.shape().into_iter().max().unwrap_or(1).max(2);
        Octree { grid, top: (longest - 1).ilog2() as u8 + 1 }
    }

    /// The grid that it stands on.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The level of the one box that holds everything.
    pub fn top(&self) -> u8 {
        self.top
    }

    /// The box of a level that holds a chunk.
    #[inline]
    pub fn enclosing(&self, chunk: ChunkId, level: u8) -> ChunkId {
        if level >= self.top { ChunkId::at([0; 3]) } else { ChunkId::at(chunk.place().map(|p| p >> level)) }
    }

    /// The box of the next level that holds a box of a level.
    #[inline]
    pub fn parent(&self, child: ChunkId, level: u8) -> ChunkId {
        if level + 1 >= self.top { ChunkId::at([0; 3]) } else { ChunkId::at(child.place().map(|p| p >> 1)) }
    }

    /// The level of the smallest box that holds two chunks; 0 where they are the same.
    #[inline]
    pub fn meeting(&self, a: ChunkId, b: ChunkId) -> u8 {
        let (a, b) = (a.place(), b.place());
        let differ = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]);
        let bits = (u64::BITS - (differ as u64).leading_zeros()) as u8;
        bits.min(self.top)
    }

    /// The level of the smallest box that holds the chunks of two voxels; 0 where they lie in the same chunk.
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
            assert_eq!(octree.enclosing(a, level), octree.enclosing(b, level));
            assert_ne!(octree.enclosing(a, level - 1), octree.enclosing(b, level - 1));
            let mut climbing = a;
            for below in 0..octree.top() {
                climbing = octree.parent(climbing, below);
                assert_eq!(climbing, octree.enclosing(a, below + 1));
            }
        }
    }

    #[test]
    fn a_single_chunk_has_one_level_above_it() {
        assert_eq!(Octree::new(Grid::new(Region::of_shape([9, 9, 9]), [16, 16, 16])).top(), 1);
    }
}
