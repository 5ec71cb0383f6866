//! The loops over border voxels in one sub-iteration, which list, test and decide them, for a chunk and for a plane of
//! a volume.
//!
//! The loops have no branches that depend on voxels, which would be unpredictable, and select bit instructions at run
//! time.

use super::retest::{Retest, passes_whole};
use super::runs::Runs;
use super::{Candidate, DELETED};
use crate::kernel::mask::{Mask, around};
use crate::kernel::thin::neighbourhood::{BEFORE, EARLIER_ROWS, Tests};

/// The steps of the directions y-, y+, x+, x-, z+ and z-, in rows and planes.
pub(crate) const WAYS: [[isize; 2]; 6] = [[-1, 0], [1, 0], [0, 0], [0, 0], [0, 1], [0, -1]];
/// Bits from the voxel before a run's first to the first voxel's neighbour in a direction; for other rows, to the voxel
/// at the same column there.
const SHIFTS: [u32; 6] = [1, 1, 2, 0, 1, 1];

/// The input of a search for voxels with background in one direction.
pub(crate) struct Search<'a> {
    /// The rows of the runs.
    pub(crate) here: &'a [u8],
    /// The rows with the neighbours of their voxels, `to_row` bytes further on, modulo 2^64.
    pub(crate) there: &'a [u8],
    pub(crate) to_row: usize,
    pub(crate) direction: usize,
    pub(crate) runs: &'a Runs,
    /// Bytes of a padded row; `width` is the number of its own voxels.
    pub(crate) stride: usize,
    pub(crate) width: usize,
}

/// Lists the bit indices of own voxels with background in a direction, in raster order. Visits only runs in both `near`
/// and `filled`, and removes runs without foreground from `filled`. Returns the number of voxels; the rest of the list
/// has no meaning.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(crate) fn list(search: &Search<'_>, near: &[u64], filled: &mut [u64], listed: &mut Vec<u32>) -> usize {
    let (stride, to_row, shift) = (search.stride, search.to_row, SHIFTS[search.direction]);
    let mut count = 0;
    for (word, (&near, filled)) in near.iter().zip(filled).enumerate() {
        let mut left = near & *filled;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            let [row, place] = search.runs.place(word * 64 + at as usize);
            let width = search.width - 64 * place;
            // Begins with the voxel before the run, which is the first of a byte.
            let byte = row * stride + 8 * place;
            let foreground = around::bits_after(search.here, byte, 1) & u64::MAX >> (64 - width.min(64));
            if foreground == 0 {
                *filled &= !(1 << at);
                continue;
            }
            let mut border = foreground & !around::bits_after(search.there, byte.wrapping_add(to_row), shift);
            let first = (8 * row * stride + 1 + 64 * place) as u32;
            if listed.len() < count + 68 {
                listed.resize(count + 4096, 0);
            }
            let end = count + border.count_ones() as usize;
            // Always writes four at a time, even if there are fewer: more are rare.
            loop {
                for to in &mut listed[count..count + 4] {
                    *to = first.wrapping_add(border.trailing_zeros());
                    border &= border.wrapping_sub(1);
                }
                count += 4;
                if count >= end {
                    break;
                }
            }
            count = end;
        }
    }
    count
}

/// Makes candidates of the listed voxels that Lee's method may delete. `planes` are the rows above, here and below; bit
/// indices count from `before` bits before them.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(crate) fn test(
    (planes, stride, before): ([&[u8]; 3], usize, usize),
    tests: &Tests,
    listed: &[u32],
    candidates: &mut Vec<Candidate>,
) {
    candidates.resize(listed.len(), Candidate { bit: 0, old: 0 });
    let mut found = 0;
    for &bit in listed {
        let neighbourhood = around::neighbourhood(planes, bit as usize - before, stride as u32);
        candidates[found] = Candidate { bit, old: neighbourhood };
        found += usize::from(tests.is_deletable(neighbourhood));
    }
    candidates.truncate(found);
}

/// Rows whose voxels are decided in raster order.
pub(crate) trait Rows {
    /// The part of a voxel's neighbourhood in the rows before its own.
    fn earlier_rows(&self, bit: usize) -> u32;

    /// Clears a voxel, or writes it unchanged.
    fn clear_if(&mut self, bit: usize, clear: bool);
}

impl Rows for Mask {
    #[inline(always)]
    fn earlier_rows(&self, bit: usize) -> u32 {
        let [above, here, _] = self.planes();
        around::earlier_rows([above, here], bit - self.layout().plane(), self.layout().stride as u32)
    }

    #[inline(always)]
    fn clear_if(&mut self, bit: usize, clear: bool) {
        around::clear_if(self.bytes_mut(), bit, clear);
    }
}

/// Visits candidates in raster order, and deletes each that passes the retest. Marks runs near deletions, and returns
/// the number of deleted voxels.
pub(crate) fn decide<R: Rows>(
    retest: Retest,
    rows: &mut R,
    tests: &Tests,
    candidates: &mut [Candidate],
    runs: &Runs,
    flipped: &mut [u64],
) -> usize {
    // One loop for each retest, without a branch inside.
    match retest {
        Retest::Simplicity => decide_by::<R, false>(rows, tests, candidates, runs, flipped),
        Retest::Whole => decide_by::<R, true>(rows, tests, candidates, runs, flipped),
    }
}

/// As [`decide`], for [`Retest::Whole`] if `WHOLE`, and [`Retest::Simplicity`] otherwise.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
fn decide_by<R: Rows, const WHOLE: bool>(
    rows: &mut R,
    tests: &Tests,
    candidates: &mut [Candidate],
    runs: &Runs,
    flipped: &mut [u64],
) -> usize {
    let mut count = 0;
    let mut last = Candidate { bit: 0, old: 0 };
    for candidate in candidates {
        let Candidate { bit, old } = *candidate;
        let now = old & !EARLIER_ROWS | rows.earlier_rows(bit as usize);
        // Among the earlier voxels only the last may have been written too recently to be read without a delay.
        let is_gone = (bit == last.bit + 1) & (last.old & DELETED != 0);
        let now = now & !(BEFORE * u32::from(is_gone));
        let is_deleted = if WHOLE { passes_whole(tests, old, now) } else { tests.is_simple(now) };
        candidate.old |= u32::from(is_deleted) << DELETED.trailing_zeros();
        last = *candidate;
        count += usize::from(is_deleted);
        rows.clear_if(bit as usize, is_deleted);
        runs.mark_if(runs.row_and_column(bit), is_deleted, flipped);
    }
    count
}
