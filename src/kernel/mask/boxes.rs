//! Boxes of voxels that are cut out of one mask and pasted into another: the sides of chunks in their neighbours'
//! halos.

use super::{Layout, Mask};
use crate::space::Region;

/// Number of words for the voxels of a box: one bit each, without gaps between rows.
pub(crate) fn box_words(region: &Region) -> usize {
    region.volume().div_ceil(64)
}

/// A word whose lowest `count` bits, at least one, are set.
pub(crate) fn low_bits(count: usize) -> u64 {
    u64::MAX >> (64 - count)
}

impl Mask {
    /// The voxels of a box inside the padded box, in raster order: [`Region::volume`] bits without gaps, bit `i` of
    /// word `w` for voxel `64 w + i`. Spare bits of the last word are 0.
    pub fn cut(&self, region: &Region) -> Vec<u64> {
        let mut words = Vec::with_capacity(box_words(region));
        self.cut_to(region, &mut words);
        words
    }

    /// Appends what [`Mask::cut`] returns to a list.
    pub(crate) fn cut_to(&self, region: &Region, words: &mut Vec<u64>) {
        let mut cut = Writer { words, word: 0, filled: 0 };
        let [nz, ny, nx] = region.shape();
        if nx == 1 {
            // One voxel of each row, or, if there is but one row, of each plane.
            let (count, stride, at_once) =
                if ny == 1 { (nz, self.layout.plane() / 8, nz.max(1)) } else { (ny, self.layout.stride, 1) };
            for first in planes(&self.layout, region).step_by(at_once) {
                for from in (0..count).step_by(64) {
                    let count = (count - from).min(64);
                    cut.push(column(&self.bits[(first >> 3) + from * stride..], stride, first & 7, count), count);
                }
            }
            return cut.finish();
        }
        for first in planes(&self.layout, region) {
            for y in 0..ny {
                for x in (0..nx).step_by(64) {
                    let count = (nx - x).min(64);
                    cut.push(self.read(first + y * self.layout.row() + x, count), count);
                }
            }
        }
        cut.finish();
    }

    /// Pastes the voxels of a box that [`Mask::cut`] returned for another mask.
    pub fn paste(&mut self, region: &Region, words: &[u64]) {
        let mut from = Reader { words, bit: 0 };
        let (layout, [_, ny, nx]) = (self.layout, region.shape());
        for first in planes(&layout, region) {
            if nx == 1 {
                for y in (0..ny).step_by(64) {
                    let count = (ny - y).min(64);
                    let rows = &mut self.bits[(first >> 3) + y * layout.stride..];
                    write_column(rows, layout.stride, first & 7, count, from.take(count));
                }
                continue;
            }
            for y in 0..ny {
                for x in (0..nx).step_by(64) {
                    let count = (nx - x).min(64);
                    self.write(first + y * layout.row() + x, count, from.take(count));
                }
            }
        }
    }
}

/// For each plane of a box, the bit index of its first voxel.
fn planes(layout: &Layout, region: &Region) -> impl Iterator<Item = usize> + use<> {
    let (depth, plane) = (if region.is_empty() { 0 } else { region.shape()[0] }, layout.plane());
    let first = if depth == 0 { 0 } else { layout.bit_at(region.min) };
    (0..depth).map(move |z| first + z * plane)
}

/// The first bit of each byte of a word.
const FIRST_BITS: u64 = u64::MAX / 0xff;

/// One bit of each of up to 64 rows; the first row begins at the beginning of the slice.
#[inline]
fn column(rows: &[u8], stride: usize, bit: usize, count: usize) -> u64 {
    let rows = &rows[..(count - 1) * stride + 1];
    let mut word = 0;
    for first in (0..count).step_by(8) {
        let bytes = if first + 8 <= count {
            u64::from_le_bytes(std::array::from_fn(|y| rows[(first + y) * stride]))
        } else {
            (first..count).rev().fold(0, |bytes, y| bytes << 8 | u64::from(rows[y * stride]))
        };
        // Brings the first bit of byte y to place 56 + y.
        let bits = (bytes >> bit & FIRST_BITS).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= bits << first;
    }
    word
}

/// Replaces one bit of each of up to 64 rows.
#[inline]
fn write_column(rows: &mut [u8], stride: usize, bit: usize, count: usize, word: u64) {
    let rows = &mut rows[..(count - 1) * stride + 1];
    for y in 0..count {
        let byte = &mut rows[y * stride];
        *byte = *byte & !(1 << bit) | ((word >> y & 1) as u8) << bit;
    }
}

/// Packs bits, one after the other.
struct Writer<'a> {
    words: &'a mut Vec<u64>,
    /// The last bits, which do not yet fill a word.
    word: u64,
    filled: usize,
}

impl Writer<'_> {
    /// Appends up to 64 bits; the higher bits of `bits` are 0.
    #[inline(always)]
    fn push(&mut self, bits: u64, count: usize) {
        self.word |= bits << self.filled;
        self.filled += count;
        if self.filled >= 64 {
            self.words.push(self.word);
            self.filled -= 64;
            self.word = if self.filled == 0 { 0 } else { bits >> (count - self.filled) };
        }
    }

    fn finish(self) {
        if self.filled > 0 {
            self.words.push(self.word);
        }
    }
}

/// Unpacks bits, one after the other; 0 past the end.
struct Reader<'a> {
    words: &'a [u64],
    bit: usize,
}

impl Reader<'_> {
    #[inline(always)]
    fn take(&mut self, count: usize) -> u64 {
        let (at, shift) = (self.bit / 64, self.bit % 64);
        self.bit += count;
        let word = |at: usize| self.words.get(at).copied().unwrap_or(0);
        let mut bits = word(at) >> shift;
        if shift + count > 64 {
            bits |= word(at + 1) << (64 - shift);
        }
        bits & low_bits(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A mask with random voxels, including the halo.
    fn scattered(own: Region, seed: u64) -> Mask {
        let mut mask = Mask::new(Layout::new(own));
        let mut state = seed;
        let layout = mask.layout;
        for z in 0..layout.shape[0] + 2 {
            for y in 0..layout.shape[1] + 2 {
                for x in 0..layout.shape[2] + 2 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    if state >> 63 == 1 {
                        mask.set(layout.bit([z, y, x]));
                    }
                }
            }
        }
        mask
    }

    /// The definition, voxel by voxel.
    fn plainly(mask: &Mask, region: &Region) -> Vec<u64> {
        let mut words = vec![0; box_words(region)];
        let [nz, ny, nx] = region.shape();
        for i in 0..nz * ny * nx {
            let place = [i / (ny * nx), i / nx % ny, i % nx];
            let voxel = std::array::from_fn(|a| region.min[a] + place[a] as i64);
            words[i / 64] |= u64::from(mask.get(mask.layout.bit_at(voxel))) << (i % 64);
        }
        words
    }

    proptest! {
        #[test]
        fn boxes_are_cut_out_and_put_in_voxel_by_voxel(
            shape in (1usize..5, 1usize..150, 1usize..150),
            min in prop::array::uniform3(-9i64..9),
            seed in any::<[u64; 2]>(),
            sides in prop::array::uniform3(0..4),
            ends in prop::array::uniform3(any::<[prop::sample::Index; 2]>()),
        ) {
            let shape = [shape.0, shape.1, shape.2];
            let own = Region::of_shape(shape).shifted(min);
            let (from, mut into) = (scattered(own, seed[0]), scattered(own, seed[1]));
            // Along each axis a halo, the voxels next to it, the whole box or a part.
            let mut region = own.dilated([1; 3]);
            for a in 0..3 {
                let [i, j] = ends[a].map(|end| region.min[a] + end.index(shape[a] + 3) as i64);
                (region.min[a], region.max[a]) = match sides[a] {
                    0 => (own.min[a], own.min[a] + 1),
                    1 => (own.max[a], own.max[a] + 1),
                    2 => (own.min[a], own.max[a]),
                    _ => (i.min(j), i.max(j)),
                };
            }
            let words = from.cut(&region);
            prop_assert_eq!(&words, &plainly(&from, &region));
            let before = into.clone();
            into.paste(&region, &words);
            let padded = own.dilated([1; 3]);
            for (i, bit) in plainly(&into, &padded).into_iter().enumerate().flat_map(|(i, w)| (0..64).map(move |b| (64 * i + b, w >> b & 1))) {
                let [_, ny, nx] = padded.shape();
                if i < padded.volume() {
                    let place = [i / (ny * nx), i / nx % ny, i % nx];
                    let voxel = std::array::from_fn(|a| padded.min[a] + place[a] as i64);
                    let source = if region.contains(voxel) { &from } else { &before };
                    prop_assert_eq!(bit == 1, source.get(source.layout.bit_at(voxel)), "{:?}", voxel);
                }
            }
            // Bits between rows are not written.
            prop_assert!(into.is_sound());
        }
    }
}
