//! The loops over a chunk's border voxels in one sub-iteration: they are listed, tested, and decided.
//!
//! Without branches on what is found, which could not be foretold, and with bit instructions chosen at run time.

use super::runs::{RunSet, Runs, SeamRows};
use super::{Candidate, DELETED};
use crate::kernel::mask::Mask;
use crate::kernel::neighbourhood::{BEFORE, EARLIER_ROWS, Tests};

/// Where voxels with background in one direction are looked for.
pub(super) struct Search<'a> {
    pub(super) mask: &'a Mask,
    pub(super) runs: &'a Runs,
    pub(super) direction: usize,
}

/// Lists the bit indices of own voxels with background in a direction, in raster order. Only runs in `filled` are looked at, and of these only those near a run in `near`, where it is given; those without
/// foreground are taken out of `filled`. Gives the number of voxels; what follows them in the list is of no meaning.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(super) fn list(search: &Search<'_>, near: Option<&RunSet>, filled: &mut RunSet, listed: &mut Vec<u32>) -> usize {
    let layout = search.mask.layout();
    let plane = layout.plane() >> 3;
    // The directions y-, y+, x+, x-, z+, z-: bytes to the row there, modulo 2^64; and from a run's first voxel to its
    // neighbour there, where that is in the same row, counted from the voxel before.
    let rows = [layout.stride.wrapping_neg(), layout.stride, 0, 0, plane, plane.wrapping_neg()];
    let (to_row, shift) = (rows[search.direction], [1, 1, 2, 0, 1, 1][search.direction]);
    let mut count = 0;
    for word in 0..filled.words.len() {
        let mut left = filled.words[word];
        if left != 0 {
            left &= near.map_or(u64::MAX, |near| search.runs.nearby(word, near));
        }
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            let [row, place] = search.runs.place(word * 64 + at as usize);
            let width = layout.shape[2] - 64 * place;
            // From the voxel before the run on, which is the first of a byte.
            let byte = row * layout.stride + 8 * place;
            let foreground = search.mask.bits_after(byte, 1) & u64::MAX >> (64 - width.min(64));
            if foreground == 0 {
                filled.words[word] &= !(1 << at);
                continue;
            }
            let mut border = foreground & !search.mask.bits_after(byte.wrapping_add(to_row), shift);
            let first = (row * layout.row() + 1 + 64 * place) as u32;
            if listed.len() < count + 68 {
                listed.resize(count + 4096, 0);
            }
            let end = count + border.count_ones() as usize;
            // Four at a time, be there none: more are rare.
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

/// Of the listed voxels those that Lee's method may delete, as candidates.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(super) fn test(mask: &Mask, tests: &Tests, listed: &[u32], candidates: &mut Vec<Candidate>) {
    candidates.resize(listed.len(), Candidate { bit: 0, old: 0 });
    let mut found = 0;
    for &bit in listed {
        let neighbourhood = mask.neighbourhood(bit as usize);
        candidates[found] = Candidate { bit, old: neighbourhood };
        found += usize::from(tests.is_deletable(neighbourhood));
    }
    candidates.truncate(found);
}

/// Visits candidates in raster order, and deletes each that is still simple. Marks runs near deletions, adds the bit
/// indices of those on a seam to `flips`, and gives how many were deleted.
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(super) fn decide(
    mask: &mut Mask,
    tests: &Tests,
    candidates: &mut [Candidate],
    (runs, flipped): (&Runs, &mut RunSet),
    seams: &SeamRows,
    flips: &mut Vec<u32>,
) -> usize {
    let mut count = 0;
    let mut last = Candidate { bit: 0, old: 0 };
    for candidate in candidates {
        let Candidate { bit, old } = *candidate;
        // Of the voxels before it only the last may have been written too lately to be read without a delay, and what
        // comes of it is not waited for.
        let now = old & !EARLIER_ROWS | mask.earlier_rows(bit as usize);
        let (after_staying, after_deleted) = (tests.is_simple(now), tests.is_simple(now & !BEFORE));
        let is_gone = (bit == last.bit + 1) & (last.old & DELETED != 0);
        let is_deleted = is_gone & after_deleted | !is_gone & after_staying;
        candidate.old |= u32::from(is_deleted) << DELETED.trailing_zeros();
        last = *candidate;
        count += usize::from(is_deleted);
        mask.clear_if(bit as usize, is_deleted);
        let place = runs.row_and_column(bit);
        runs.mark_if(place, is_deleted, flipped);
        if is_deleted & seams.hold(place) {
            flips.push(bit);
        }
    }
    count
}
