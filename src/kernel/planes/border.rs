//! The loops over the border voxels of a plane.

use crate::kernel::neighbourhood::{BEFORE, EARLIER_ROWS, Tests};
use crate::kernel::thin::{Candidate, DELETED, Runs};

/// In each of three planes: the three cells of a row that a shift has brought to the front.
const THREE: u64 = 0x0007_0007_0007;

#[inline(always)]
fn neighbourhood(planes: [&[u8]; 3], bit: usize, stride: u32) -> u32 {
    let stride = stride as usize;
    let (middle, shift) = ((bit - 1) >> 3, (bit - 1) & 7);
    let [above, here, below] = planes;
    let (above, here, below) = (
        &above[middle - stride..][..2 * stride + 2],
        &here[middle - stride..][..2 * stride + 2],
        &below[middle - stride..][..2 * stride + 2],
    );
    let two = |of: &[u8], at: usize| u64::from(u16::from_le_bytes(of[at..at + 2].try_into().expect("two bytes")));
    let row = |y: usize| {
        let at = y * stride;
        ((two(above, at) | two(here, at) << 16 | two(below, at) << 32) >> shift & THREE) << (3 * y)
    };
    let planes = row(0) | row(1) | row(2);
    (planes & 0o777 | planes >> 7 & 0o777_000 | planes >> 14 & 0o777_000_000) as u32
}

#[inline(always)]
fn earlier_rows(above: &[u8], here: &[u8], bit: usize, stride: u32) -> u32 {
    let stride = stride as usize;
    let (middle, shift) = ((bit - 1) >> 3, (bit - 1) & 7);
    let above = &above[middle - stride..][..2 * stride + 2];
    let here = &here[middle - stride..][..2];
    let three = |of: &[u8], at: usize| {
        u32::from(u16::from_le_bytes(of[at..at + 2].try_into().expect("two bytes"))) >> shift & 7
    };
    three(above, 0) | three(above, stride) << 3 | three(above, 2 * stride) << 6 | three(here, 0) << 9
}

#[inline(always)]
fn bits_after(bits: &[u8], byte: usize, shift: u32) -> u64 {
    let bytes = &bits[byte..][..9];
    let word = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    word >> shift | u64::from(bytes[8]) << 1 << (63 - shift)
}

#[inline(always)]
fn clear_if(bits: &mut [u8], bit: usize, clear: bool) {
    let bytes = &mut bits[bit >> 6 << 3..][..8];
    let word = u64::from_le_bytes(bytes.try_into().expect("eight bytes")) & !(u64::from(clear) << (bit & 63));
    bytes.copy_from_slice(&word.to_le_bytes());
}

/// How rows are laid out, and the direction of a sub-iteration.
pub(super) struct Search<'a> {
    pub(super) planes: [&'a [u8]; 3],
    pub(super) runs: &'a Runs,
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) direction: usize,
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(super) fn list(search: &Search<'_>, near: &[u64], filled: &mut [u64], listed: &mut Vec<u32>) -> usize {
    let stride = search.stride;
    let here = search.planes[1];
    let rows = [stride.wrapping_neg(), stride, 0, 0, 0, 0];
    let there = search.planes[[1, 1, 1, 1, 2, 0][search.direction]];
    let (to_row, shift) = (rows[search.direction], [1, 1, 2, 0, 1, 1][search.direction]);
    let mut count = 0;
    for (word, (&near, filled)) in near.iter().zip(filled).enumerate() {
        let mut left = near & *filled;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            let [row, place] = search.runs.place(word * 64 + at as usize);
            let width = search.width - 64 * place;
            let byte = row * stride + 8 * place;
            let foreground = bits_after(here, byte, 1) & u64::MAX >> (64 - width.min(64));
            if foreground == 0 {
                *filled &= !(1 << at);
                continue;
            }
            let mut border = foreground & !bits_after(there, byte.wrapping_add(to_row), shift);
            let first = (8 * row * stride + 1 + 64 * place) as u32;
            if listed.len() < count + 68 {
                listed.resize(count + 4096, 0);
            }
            let end = count + border.count_ones() as usize;
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

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(super) fn test(search: &Search<'_>, tests: &Tests, listed: &[u32], candidates: &mut Vec<Candidate>) {
    candidates.resize(listed.len(), Candidate { bit: 0, old: 0 });
    let mut found = 0;
    let stride = search.stride as u32;
    for &bit in listed {
        let neighbourhood = neighbourhood(search.planes, bit as usize, stride);
        candidates[found] = Candidate { bit, old: neighbourhood };
        found += usize::from(tests.is_deletable(neighbourhood));
    }
    candidates.truncate(found);
}

#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+popcnt")))]
pub(super) fn decide(
    (above, here, stride): (&[u8], &mut [u8], usize),
    tests: &Tests,
    candidates: &[Candidate],
    (runs, flipped): (&Runs, &mut [u64]),
) -> usize {
    let mut count = 0;
    let mut last = (0, false);
    for &Candidate { bit, old } in candidates {
        let now = old & !EARLIER_ROWS | earlier_rows(above, here, bit as usize, stride as u32);
        let is_gone = (bit == last.0 + 1) & last.1;
        let is_deleted = tests.is_simple(now & !(BEFORE * u32::from(is_gone)));
        last = (bit, is_deleted);
        count += usize::from(is_deleted);
        clear_if(here, bit as usize, is_deleted);
        runs.mark_words(runs.row_and_column(bit), is_deleted, flipped);
    }
    let _ = DELETED;
    count
}
