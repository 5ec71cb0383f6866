//! The neighbouring chunks that have a voxel in their halo, and its place there.

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Layout;
use crate::kernel::mask::places::Places;
use crate::space::Position;

/// The neighbours of a chunk, and the bit indices of its voxels in their halos.
#[derive(Clone, Debug)]
pub struct Seams {
    layout: Layout,
    places: Places,
    neighbours: Vec<Option<(ChunkId, Layout)>>,
}

/// The number of an offset between neighbouring chunks: 0 to 26, 13 for the chunk itself.
#[inline]
fn number([z, y, x]: Position) -> usize {
    (9 * (z + 1) + 3 * (y + 1) + x + 1) as usize
}

/// The offset between neighbouring chunks with this number; the opposite offset has the number 26 - `number`.
pub fn offset(number: usize) -> Position {
    [number / 9, number / 3 % 3, number % 3].map(|step| step as i64 - 1)
}

impl Seams {
    /// The seams of a chunk on a grid.
    pub fn new(grid: &Grid, id: ChunkId) -> Self {
        let mut neighbours = vec![None; 27];
        for z in -1..=1 {
            for y in -1..=1 {
                for x in -1..=1 {
                    let other = id.offset([z, y, x]);
                    let region = grid.region(other);
                    if other != id && !region.is_empty() {
                        neighbours[number([z, y, x])] = Some((other, Layout::new(region)));
                    }
                }
            }
        }
        let layout = Layout::new(grid.region(id));
        Seams { layout, places: Places::new(&layout), neighbours }
    }

    /// The neighbours that exist on the grid, with their number among the 27 offsets.
    pub fn neighbours(&self) -> impl Iterator<Item = (usize, ChunkId, &Layout)> {
        self.neighbours.iter().enumerate().filter_map(|(n, found)| found.as_ref().map(|(id, layout)| (n, *id, layout)))
    }

    /// The number of a neighbour among the 27 offsets, if it is one.
    pub fn number_of(&self, neighbour: ChunkId) -> Option<usize> {
        self.neighbours.iter().position(|found| found.as_ref().is_some_and(|(id, _)| *id == neighbour))
    }

    fn padded(&self, bit: usize) -> [usize; 3] {
        self.places.padded(bit as u32).map(|p| p as usize)
    }

    /// The number of the neighbour that owns a voxel of the halo.
    pub fn owner_of_halo(&self, bit: usize) -> usize {
        let padded = self.padded(bit);
        number(std::array::from_fn(|a| match padded[a] {
            0 => -1,
            p if p > self.layout.shape[a] => 1,
            _ => 0,
        }))
    }

    /// Calls `visit(number, bit)` for every neighbour that has an own voxel of this chunk in its halo, with the voxel's
    /// bit index there.
    #[inline]
    pub fn visit(&self, bit: usize, mut visit: impl FnMut(usize, usize)) {
        let padded = self.padded(bit);
        let shape = self.layout.shape;
        // Along each axis the chunk itself has the voxel, and at the ends the chunk before or after it.
        let before = padded.map(|p| p == 1);
        let after: [bool; 3] = std::array::from_fn(|a| padded[a] == shape[a]);
        let count = |ends: [bool; 3]| ends.iter().filter(|&&is_end| is_end).count();
        if count(before) + count(after) == 1 {
            // Most are at one side only.
            let step = std::array::from_fn(|a| i64::from(after[a]) - i64::from(before[a]));
            self.visit_one(padded, step, &mut visit);
            return;
        }
        for z in -i64::from(before[0])..=i64::from(after[0]) {
            for y in -i64::from(before[1])..=i64::from(after[1]) {
                for x in -i64::from(before[2])..=i64::from(after[2]) {
                    self.visit_one(padded, [z, y, x], &mut visit);
                }
            }
        }
    }

    /// The same for the neighbour that is `step` chunks away, if it exists.
    #[inline(always)]
    fn visit_one(&self, padded: [usize; 3], step: Position, visit: &mut impl FnMut(usize, usize)) {
        let n = number(step);
        if let Some((_, layout)) = &self.neighbours[n] {
            let there = std::array::from_fn(|a| match step[a] {
                0 => padded[a],
                1 => 0,
                _ => layout.shape[a] + 1,
            });
            visit(n, layout.bit(there));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Region;

    #[test]
    fn offsets_have_the_numbers_that_they_are_found_by() {
        for n in 0..27 {
            assert_eq!(number(offset(n)), n);
            assert_eq!(offset(26 - n), offset(n).map(|step| -step));
        }
    }

    #[test]
    fn a_corner_voxel_is_seen_by_seven_neighbours_at_its_own_position() {
        let grid = Grid::new(Region::of_shape([10, 9, 8]), [5, 5, 5]);
        let seams = Seams::new(&grid, ChunkId::at([0, 0, 0]));
        let layout = Layout::new(grid.region(ChunkId::at([0, 0, 0])));
        let corner = layout.bit([5, 5, 5]);
        let mut seen = 0;
        seams.visit(corner, |n, bit| {
            let (_, other) = seams.neighbours[n].as_ref().unwrap();
            assert_eq!(other.position(bit), [4, 4, 4]);
            seen += 1;
        });
        assert_eq!(seen, 7);
        seams.visit(layout.bit([1, 1, 1]), |_, _| unreachable!("no chunk before the first"));
    }

    #[test]
    fn a_chunk_of_one_plane_is_seen_on_both_sides() {
        let grid = Grid::new(Region::of_shape([3, 4, 4]), [1, 4, 4]);
        let seams = Seams::new(&grid, ChunkId::at([1, 0, 0]));
        let layout = Layout::new(grid.region(ChunkId::at([1, 0, 0])));
        let mut places = Vec::new();
        seams.visit(layout.bit([1, 2, 2]), |n, bit| places.push((n, bit)));
        assert_eq!(places.len(), 2);
    }
}
