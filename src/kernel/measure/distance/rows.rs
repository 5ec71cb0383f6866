//! Rows of bits, and the zeros next to a place in them.

use super::ruler::NEAR;
use crate::kernel::mask::{Mask, TAIL};

/// Rows of bits in planes; a set bit is foreground. All rows begin at a byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'b> {
    bytes: &'b [u8],
    /// Byte at which the first row begins.
    first: usize,
    /// Number of bytes from a row to the next; `plane` is that from a plane to the next.
    stride: usize,
    plane: usize,
    /// The bit of a row with its first voxel.
    shift: usize,
}

/// A place along rows, which may lie outside the searched range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// The byte of a row at which the search begins; `bit` is the bit in it.
    byte: usize,
    bit: u32,
    /// Steps from the place to the beginning of the search.
    away: u32,
    /// Number of voxels to search upwards from the beginning, including it; 0 if the place is above the range. `down`
    /// likewise, downwards.
    up: u32,
    down: u32,
}

/// The voxels of a row near a place, within the searched range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The byte of a row at which a word begins; the shifts `right` and `left` move the window to its place in the
    /// word.
    byte: usize,
    right: u32,
    left: u32,
    inside: u64,
}

impl Window {
    #[inline(always)]
    fn zeros(&self, word: u64) -> u64 {
        !word >> self.right << self.left & self.inside
    }
}

/// Number of steps up to which [`Rows::close_zeros`] finds all zeros.
pub(super) const CLOSE: i64 = 56;

/// More steps than any voxel can be away.
pub(super) const NOWHERE: u32 = u32::MAX / 4;

impl<'b> Rows<'b> {
    /// The own rows of a mask.
    pub(super) fn of_mask(mask: &'b Mask) -> Self {
        let layout = mask.layout();
        Rows {
            bytes: mask.planes()[0],
            first: (layout.plane() + layout.row()) / 8,
            stride: layout.stride,
            plane: layout.plane() / 8,
            shift: 1,
        }
    }

    /// The rows of [`Conjunctions`].
    pub(super) fn of_conjunctions(all: &'b Conjunctions) -> Self {
        Rows { bytes: &all.bytes, first: 0, stride: all.stride, plane: all.rows * all.stride, shift: 1 }
    }

    /// The column of a place, relative to the first voxel of a row, for a search in a range of places.
    pub(super) fn column(&self, place: i64, [first, last]: [i64; 2]) -> Column {
        let begin = place.clamp(first, last);
        let bit = begin as usize + self.shift;
        Column {
            byte: bit / 8,
            bit: (bit % 8) as u32,
            away: (begin - place).unsigned_abs() as u32,
            up: if place <= last { (last + 1 - begin) as u32 } else { 0 },
            down: if place >= first { (begin + 1 - first) as u32 } else { 0 },
        }
    }

    /// Byte at which a row begins.
    #[inline(always)]
    pub(super) fn row(&self, z: usize, y: usize) -> usize {
        self.first + z * self.plane + y * self.stride
    }

    /// Number of bytes from a plane to the next, and from a row to the next.
    #[inline(always)]
    pub(super) fn strides(&self) -> [i64; 2] {
        [self.plane as i64, self.stride as i64]
    }

    /// The window around a place, relative to the first voxel of a row, for a search in a range of places. `None` if
    /// the range has no place near it.
    pub(super) fn window(&self, place: i64, [first, last]: [i64; 2]) -> Option<Window> {
        let [first, last] = [(first - place).max(-NEAR), (last - place).min(NEAR)];
        let begin = place + self.shift as i64 - NEAR;
        let (byte, right, left) = match begin {
            0.. => (begin as usize / 8, (begin % 8) as u32, 0),
            _ => (0, 0, -begin as u32),
        };
        let bits = |count: i64| (1 << count) - 1;
        (first <= last).then(|| Window { byte, right, left, inside: bits(last - first + 1) << (NEAR + first) })
    }

    /// The zeros of a row in a window; bit [`NEAR`] is the place itself.
    #[inline(always)]
    pub(super) fn zeros_in(&self, row: usize, window: &Window) -> u64 {
        window.zeros(self.word(row + window.byte))
    }

    /// The places in a window at which any of four rows has a zero.
    #[inline(always)]
    pub(super) fn zeros_of_four(&self, [a, b, c, d]: [i64; 4], window: &Window) -> u64 {
        // Not in an array: reading it as a whole right after single writes would be delayed.
        let (a, b) = (self.word(a as usize + window.byte), self.word(b as usize + window.byte));
        let (c, d) = (self.word(c as usize + window.byte), self.word(d as usize + window.byte));
        window.zeros(a & b & c & d)
    }

    /// Steps from a place to the nearest zeros of a row upwards and downwards, if they are at most [`CLOSE`] steps from
    /// the beginning of the search. Other zeros may be missing, or returned as nearer than they are, but not within
    /// [`CLOSE`] steps.
    #[inline(always)]
    pub(super) fn close_zeros(&self, row: usize, column: &Column) -> [u32; 2] {
        let at = row + column.byte;
        let up = (!(self.word(at) >> column.bit)).trailing_zeros();
        let from = at.saturating_sub(7);
        let down = (!(self.word(from) << (63 - 8 * (at - from) as u32 - column.bit))).leading_zeros();
        column.steps([up, down])
    }

    /// Steps from a place to the nearest zeros of a row upwards and downwards. Zeros more than `limit` steps from the
    /// beginning of the search may be missing.
    #[inline]
    pub(super) fn zeros(&self, row: usize, column: &Column, limit: u32) -> [u32; 2] {
        let (mut at, mut bit, mut up) = (row + column.byte, column.bit, 0);
        while up < column.up.min(limit + 1) {
            let ones = (!(self.word(at) >> bit)).trailing_zeros().min(64 - bit);
            up += ones;
            if ones < 64 - bit {
                break;
            }
            (at, bit) = (at + 8, 0);
        }
        let (mut at, mut bit, mut down) = (row + column.byte, column.bit, 0);
        while down < column.down.min(limit + 1) {
            let from = at.saturating_sub(7);
            let bits = 8 * (at - from) as u32 + bit + 1;
            let ones = (!(self.word(from) << (64 - bits))).leading_zeros().min(bits);
            down += ones;
            if ones < bits || from == 0 {
                break;
            }
            (at, bit) = (from - 1, 7);
        }
        column.steps([up, down])
    }

    /// Eight bytes.
    #[inline(always)]
    fn word(&self, byte: usize) -> u64 {
        u64::from_le_bytes(self.bytes[byte..byte + 8].try_into().expect("eight bytes"))
    }
}

impl Column {
    /// Converts steps from the beginning of the search to steps from the place; zeros beyond the searched range become
    /// [`NOWHERE`].
    #[inline(always)]
    fn steps(&self, [up, down]: [u32; 2]) -> [u32; 2] {
        let up = if up < self.up { up } else { NOWHERE };
        let down = if down < self.down { down } else { NOWHERE };
        [self.away + up, self.away + down]
    }
}

/// Rows for blocks of other rows along z and y: a bit is set if it is set in all rows of the block.
#[derive(Debug)]
pub(super) struct Conjunctions {
    bytes: Vec<u8>,
    stride: usize,
    /// Number of rows in a plane.
    rows: usize,
}

impl Conjunctions {
    /// The conjunctions of `nz` planes of `ny` rows, in blocks with an edge of `edge` rows.
    pub(super) fn new(of: Rows<'_>, [nz, ny]: [usize; 2], edge: usize) -> Self {
        let [planes, rows] = [nz, ny].map(|n| n.div_ceil(edge));
        let mut bytes = vec![0; planes * rows * of.stride + TAIL];
        for (place, to) in bytes.chunks_exact_mut(of.stride).take(planes * rows).enumerate() {
            let [z, y] = [place / rows, place % rows].map(|block| block * edge);
            to.fill(u8::MAX);
            for row in (z..nz.min(z + edge)).flat_map(|z| (y..ny.min(y + edge)).map(move |y| of.row(z, y))) {
                to.iter_mut().zip(&of.bytes[row..]).for_each(|(to, from)| *to &= from);
            }
        }
        Conjunctions { bytes, stride: of.stride, rows }
    }
}
