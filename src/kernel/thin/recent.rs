//! What was deleted near the voxels of a chunk within the last sub-iterations.

use super::rows::RowSet;
use crate::kernel::mask::{Layout, Mask};

/// Some of the 32 voxels of a word of a mask, which counts words of 32 from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voxels {
    word: u32,
    bits: u32,
}

/// Adds a voxel to a list, which is short where voxels come in raster order.
#[inline]
pub(super) fn push(list: &mut Vec<Voxels>, bit: u32) {
    let (word, bits) = (bit >> 5, 1 << (bit & 31));
    match list.last_mut() {
        Some(last) if last.word == word => last.bits |= bits,
        _ => list.push(Voxels { word, bits }),
    }
}

/// Voxels deleted within the last sub-iterations, and which rows hold some.
#[derive(Debug)]
pub(super) struct Recent {
    bits: Mask,
    rows: RowSet,
    /// 2^64 divided by the bits of a row, rounded up.
    rows_a_bit: u64,
}

impl Recent {
    pub(super) fn new(layout: Layout) -> Self {
        let rows_a_bit = u64::MAX / layout.row() as u64 + 1;
        Recent { bits: Mask::new(layout), rows: RowSet::new(layout.rows()), rows_a_bit }
    }

    /// The row of a bit: a division by multiplication, exact for bits below 2^32.
    #[inline]
    fn row_of(&self, bit: u32) -> usize {
        (u128::from(self.rows_a_bit) * u128::from(bit) >> 64) as usize
    }

    /// The first and the last row that some voxels lie in.
    #[inline]
    fn rows_of(&self, voxels: Voxels) -> [usize; 2] {
        let first = voxels.word << 5;
        [voxels.bits.trailing_zeros(), voxels.bits.ilog2()].map(|bit| self.row_of(first + bit))
    }

    pub(super) fn insert(&mut self, gone: &[Voxels]) {
        for &voxels in gone {
            self.bits.insert_word(voxels.word as usize, voxels.bits);
            let [first, last] = self.rows_of(voxels);
            (first..=last).for_each(|row| self.rows.insert(row));
        }
    }

    pub(super) fn remove(&mut self, gone: &[Voxels]) {
        let mut seen = None;
        for &voxels in gone {
            self.bits.remove_word(voxels.word as usize, voxels.bits);
            let [first, last] = self.rows_of(voxels);
            for row in first..=last {
                if seen != Some(row) {
                    self.forget(seen.replace(row));
                }
            }
        }
        self.forget(seen);
    }

    /// Takes a row out that holds nothing any more.
    #[inline]
    fn forget(&mut self, row: Option<usize>) {
        if let Some(row) = row
            && self.bits.row_is_empty(row)
        {
            self.rows.remove(row);
        }
    }

    /// Which of 64 rows hold such a voxel or are next to one that does; some more may be at the ends of planes.
    pub(super) fn rows_nearby(&self, word: usize) -> u64 {
        let (first, plane) = ((word * 64) as isize, (self.bits.layout().shape[1] + 2) as isize);
        let at = |row: isize| self.rows.read(row - 1) | self.rows.read(row) | self.rows.read(row + 1);
        at(first - plane) | at(first) | at(first + plane)
    }

    /// Which of the 64 voxels from `bit` on, the first of a word of its row, have such a voxel in their neighbourhood.
    #[inline]
    pub(super) fn nearby(&self, bit: usize) -> u64 {
        self.bits.nearby(bit)
    }
}
