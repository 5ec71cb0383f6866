//! The bit-packed mask of a chunk, with a halo of one voxel on every side.
//!
//! One bit per voxel. A row (fixed z and y) begins at a byte boundary, so a chunk of 64³ voxels takes 39 KiB. Voxels
//! are identified by their bit index, whose order is raster order over the padded box.

pub(in crate::kernel) mod around;
pub mod binarise;
mod boxes;
mod bracket;
pub mod count;
pub mod extent;
pub mod finder;
pub mod histogram;
mod join;
pub(in crate::kernel) mod li;
pub mod method;
pub mod otsu;
pub mod packed;
pub mod places;
pub mod recalled;
pub mod smooth;
pub mod sums;
pub mod threshold;
pub mod triangle;

pub(crate) use self::boxes::{box_words, low_bits};
use crate::space::{Position, Region, Voxel};

/// Number of bytes after the last row, so that a load of sixteen bytes at any byte of a row stays inside.
pub(super) const TAIL: usize = 16;

/// The layout in bits of the voxels of a chunk and its halo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layout {
    /// The chunk's own box.
    pub own: Region,
    /// Shape (z, y, x) of the own box in voxels.
    pub shape: [usize; 3],
    /// Size of a padded row in bytes.
    pub stride: usize,
}

impl Layout {
    /// The layout for a chunk's own box.
    pub fn new(own: Region) -> Self {
        let shape = own.shape();
        Layout { own, shape, stride: (shape[2] + 2).div_ceil(8) }
    }

    /// The layout for a box that may be any; `None` if no chunk has it.
    fn checked(own: Region) -> Option<Layout> {
        // In this order, since otherwise the shape of the box might overflow.
        let fits = !own.is_empty() && Region::new(Voxel::MIN, Voxel::END).encloses(&own) && Layout::fits(own.shape());
        fits.then(|| Layout::new(own))
    }

    /// Whether bit indices of a chunk of this shape fit into 32 bits.
    pub fn fits(shape: [usize; 3]) -> bool {
        let bits =
            (shape[0] + 2).checked_mul(shape[1] + 2).and_then(|rows| rows.checked_mul((shape[2] + 2).div_ceil(8) * 8));
        bits.is_some_and(|bits| bits < u32::MAX as usize - 1024)
    }

    /// Number of bits from a voxel to the next one along y.
    #[inline]
    pub fn row(&self) -> usize {
        self.stride * 8
    }

    /// Number of bits from a voxel to the next one along z.
    #[inline]
    pub fn plane(&self) -> usize {
        (self.shape[1] + 2) * self.row()
    }

    /// Number of padded rows.
    #[inline]
    pub fn rows(&self) -> usize {
        (self.shape[0] + 2) * (self.shape[1] + 2)
    }

    /// Size of the packed mask in bytes.
    pub fn bytes(&self) -> usize {
        self.rows() * self.stride + TAIL
    }

    /// The same for a chunk of a shape, which may have more voxels than a layout can have.
    pub fn bytes_of(shape: [usize; 3]) -> usize {
        let rows = (shape[0] + 2).saturating_mul(shape[1] + 2);
        rows.saturating_mul((shape[2] + 2).div_ceil(8)).saturating_add(TAIL)
    }

    /// Bit index of a padded position: 0 is the halo, 1 the first own voxel along each axis.
    #[inline]
    pub fn bit(&self, [z, y, x]: [usize; 3]) -> usize {
        (z * (self.shape[1] + 2) + y) * self.row() + x
    }

    /// Padded position of a bit index.
    #[inline]
    pub fn padded(&self, bit: usize) -> [usize; 3] {
        let (row, x) = (bit / self.row(), bit % self.row());
        [row / (self.shape[1] + 2), row % (self.shape[1] + 2), x]
    }

    /// Bit index of an absolute position inside the padded box.
    #[inline]
    pub fn bit_at(&self, p: Position) -> usize {
        self.bit(std::array::from_fn(|a| (p[a] - self.own.min[a] + 1) as usize))
    }

    /// Absolute position of a bit index.
    #[inline]
    pub fn position(&self, bit: usize) -> Position {
        let p = self.padded(bit);
        std::array::from_fn(|a| self.own.min[a] + p[a] as i64 - 1)
    }
}

/// The bits of a chunk and its halo. Voxels outside the volume are background.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mask {
    layout: Layout,
    bits: Vec<u8>,
}

impl Mask {
    /// An empty mask.
    pub fn new(layout: Layout) -> Self {
        Mask { layout, bits: vec![0; layout.bytes()] }
    }

    /// Whether no bits are set where the layout has no voxel.
    fn is_sound(&self) -> bool {
        let layout = &self.layout;
        let (rows, tail) = self.bits.split_at(layout.rows() * layout.stride);
        let unused = layout.row() - (layout.shape[2] + 2);
        let stray = rows.chunks_exact(layout.stride).any(|row| row[layout.stride - 1].leading_zeros() < unused as u32);
        !stray && tail.iter().all(|&byte| byte == 0)
    }

    /// Takes the mask out. Only the layout of the remaining mask may be used.
    pub(crate) fn take(&mut self) -> Mask {
        Mask { layout: self.layout, bits: std::mem::take(&mut self.bits) }
    }

    /// Clears the voxels that are not set in another mask of the same box.
    ///
    /// # Panics
    /// If the other mask is of another box.
    pub fn intersect(&mut self, other: &Mask) {
        assert_eq!(self.layout, other.layout, "masks of two boxes");
        self.bits.iter_mut().zip(&other.bits).for_each(|(byte, other)| *byte &= other);
    }

    /// The mask whose own voxels are set where those of this one are not; its halo is empty.
    #[must_use]
    pub fn inverted(&self) -> Mask {
        let mut inverted = Mask::new(self.layout);
        let [nz, ny, nx] = self.layout.shape;
        for (z, y) in (1..=nz).flat_map(|z| (1..=ny).map(move |y| (z, y))) {
            let first = self.layout.bit([z, y, 1]);
            for x in (0..nx).step_by(64) {
                let count = (nx - x).min(64);
                inverted.write(first + x, count, !self.read(first + x, count));
            }
        }
        inverted
    }

    /// The layout of its bits.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether a voxel is set.
    #[inline]
    pub fn get(&self, bit: usize) -> bool {
        self.bits[bit >> 3] >> (bit & 7) & 1 != 0
    }

    /// Sets a voxel.
    #[inline]
    pub fn set(&mut self, bit: usize) {
        self.bits[bit >> 3] |= 1 << (bit & 7);
    }

    /// Clears a voxel.
    #[inline]
    pub fn clear(&mut self, bit: usize) {
        self.bits[bit >> 3] &= !(1 << (bit & 7));
    }

    /// Eight bytes, beginning at `byte`, as bits in ascending order.
    #[inline]
    pub(crate) fn word(&self, byte: usize) -> u64 {
        u64::from_le_bytes(self.bits[byte..byte + 8].try_into().expect("eight bytes"))
    }

    /// The 27 voxels around and including a voxel of the own box: bit 9 * (dz + 1) + 3 * (dy + 1) + (dx + 1).
    #[inline(always)]
    pub fn neighbourhood(&self, bit: usize) -> u32 {
        around::neighbourhood(self.planes(), bit - self.layout.plane(), self.layout.stride as u32)
    }

    /// The bytes, with rows and planes as in the layout.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bits
    }

    /// The bytes from the first plane that can be above, here or below an own voxel, respectively.
    #[inline(always)]
    pub(crate) fn planes(&self) -> [&[u8]; 3] {
        let plane = self.layout.plane() >> 3;
        [&self.bits, &self.bits[plane..], &self.bits[2 * plane..]]
    }

    /// Up to 64 bits of a row, beginning at a bit index.
    #[inline]
    pub fn read(&self, bit: usize, count: usize) -> u64 {
        let (byte, shift) = (bit >> 3, bit & 7);
        let mut word = self.word(byte) >> shift;
        if shift > 0 {
            word |= u64::from(self.bits[byte + 8]) << (64 - shift);
        }
        if count < 64 { word & ((1 << count) - 1) } else { word }
    }

    /// Replaces up to 64 bits of a row, beginning at a bit index.
    #[inline]
    pub fn write(&mut self, bit: usize, count: usize, value: u64) {
        let (byte, shift) = (bit >> 3, bit & 7);
        let keep = if count < 64 { !((1u64 << count) - 1) } else { 0 };
        let value = value & !keep;
        let low = self.word(byte) & !(!keep << shift) | value << shift;
        self.bits[byte..byte + 8].copy_from_slice(&low.to_le_bytes());
        if shift > 0 && count + shift > 64 {
            let over = !keep >> (64 - shift);
            self.bits[byte + 8] = self.bits[byte + 8] & !(over as u8) | (value >> (64 - shift)) as u8;
        }
    }

    /// The own voxels that are set, in raster order, as runs of up to 64 voxels of a row: the bit index of the first
    /// voxel of the run, and a word whose bit `i` is the voxel `i` places further. Words are not 0.
    pub fn own_runs(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let [nz, ny, nx] = self.layout.shape;
        let ([mut z, mut y, mut x], mut first) = ([1, 1, 0], self.layout.bit([1, 1, 1]));
        std::iter::from_fn(move || {
            while z <= nz {
                let (bit, count) = (first + x, (nx - x).min(64));
                x += count;
                if x == nx {
                    x = 0;
                    y += 1;
                    if y > ny {
                        y = 1;
                        z += 1;
                    }
                    first = self.layout.bit([z, y, 1]);
                }
                let word = self.read(bit, count);
                if word != 0 {
                    return Some((bit, word));
                }
            }
            None
        })
    }

    /// Bit indices of the own voxels that are set, in raster order.
    pub fn own_bits(&self) -> impl Iterator<Item = usize> + '_ {
        self.own_runs().flat_map(|(first, word)| set_bits(word).map(move |place| first + place))
    }

    /// The own voxels that are set, in raster order.
    pub fn own_voxels(&self) -> Vec<Voxel> {
        let ([nz, ny, nx], [z0, y0, x0]) = (self.layout.shape, self.layout.own.min.map(|p| p - 1));
        let mut voxels = Vec::new();
        let mut add = |first: usize, bytes: &[u8]| {
            for (place, &byte) in (first..).zip(bytes).filter(|(_, byte)| **byte != 0) {
                let (row, first) = (place / self.layout.stride, place % self.layout.stride * 8);
                let (z, y) = (row / (ny + 2), row % (ny + 2));
                if (1..=nz).contains(&z) && (1..=ny).contains(&y) {
                    let inside = set_bits(u64::from(byte)).map(|bit| first + bit).filter(|x| (1..=nx).contains(x));
                    voxels.extend(inside.map(|x| Voxel::new([z0 + z as i64, y0 + y as i64, x0 + x as i64])));
                }
            }
        };
        // Few of the words are not 0 in a skeleton.
        let (words, rest) = self.bits.as_chunks::<8>();
        words.iter().enumerate().filter(|(_, bytes)| **bytes != [0; 8]).for_each(|(word, bytes)| add(8 * word, bytes));
        add(8 * words.len(), rest);
        voxels
    }

    /// Number of voxels that are set, including the halo.
    pub fn ones(&self) -> usize {
        let (words, rest) = self.bits.as_chunks::<8>();
        let ones = words.iter().map(|&word| u64::from_ne_bytes(word).count_ones() as usize);
        ones.sum::<usize>() + rest.iter().map(|byte| byte.count_ones() as usize).sum::<usize>()
    }

    /// Whether no voxel of a padded row is set, along (z, y).
    pub(crate) fn is_row_empty(&self, [z, y]: [usize; 2]) -> bool {
        let first = (z * (self.layout.shape[1] + 2) + y) * self.layout.stride;
        self.bits[first..first + self.layout.stride].iter().fold(0, |all, byte| all | byte) == 0
    }

    /// Whether no voxel of the halo is set. Reads whole bytes, which is many times faster than counting.
    pub fn has_empty_halo(&self) -> bool {
        let ([nz, ny, nx], stride) = (self.layout.shape, self.layout.stride);
        let plane = (ny + 2) * stride;
        let empty = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        let after = |row: &[u8]| row[(nx + 1) >> 3] >> ((nx + 1) & 7) & 1;
        empty(&self.bits[..plane])
            && empty(&self.bits[(nz + 1) * plane..])
            && self.bits[plane..(nz + 1) * plane].chunks_exact(plane).all(|plane| {
                empty(&plane[..stride])
                    && empty(&plane[(ny + 1) * stride..])
                    && plane.chunks_exact(stride).all(|row| row[0] & 1 == 0 && after(row) == 0)
            })
    }

    /// Number of own voxels that are set.
    pub fn count(&self) -> usize {
        let [nz, ny, nx] = self.layout.shape;
        let mut count = 0;
        for z in 1..=nz {
            for y in 1..=ny {
                let first = self.layout.bit([z, y, 1]);
                for x in (0..nx).step_by(64) {
                    count += self.read(first + x, (nx - x).min(64)).count_ones() as usize;
                }
            }
        }
        count
    }
}

/// The places of the bits that are set in a word, in ascending order.
pub(crate) fn set_bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let low = word.trailing_zeros() as usize;
            word &= word - 1;
            low
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_written_over_a_word_boundary_are_read_back_and_nothing_else_changes() {
        let layout = Layout::new(Region::of_shape([1, 2, 150]));
        let mut mask = Mask::new(layout);
        let first = layout.bit([1, 1, 1]);
        for bit in 0..150 {
            mask.set(first + bit);
        }
        mask.write(first + 61, 64, 0x8000_0000_0000_0001);
        assert_eq!(mask.read(first + 61, 64), 0x8000_0000_0000_0001);
        assert_eq!(mask.count(), 150 - 62);
        mask.write(first + 3, 2, 0);
        assert_eq!(mask.count(), 150 - 64);
        assert_eq!(mask.own_bits().count(), 150 - 64);
    }

    #[test]
    fn a_mask_with_stray_bits_is_not_sound() {
        for nx in 1..20 {
            let own = Region::new([-1, 5, 3], [1, 8, 3 + nx]);
            let mut mask = Mask::new(Layout::new(own));
            let layout = *mask.layout();
            let padded = own.dilated([1; 3]);
            let inside = |bit: usize| layout.padded(bit)[2] < layout.shape[2] + 2 && bit < layout.rows() * layout.row();
            for bit in 0..layout.bytes() * 8 {
                mask.set(bit);
                assert_eq!(mask.is_sound(), inside(bit), "bit {bit}");
                if inside(bit) {
                    let place = layout.position(bit);
                    assert!(padded.contains(place));
                    assert_eq!((mask.ones(), mask.has_empty_halo()), (1, own.contains(place)), "bit {bit}");
                    let voxels: Vec<Position> = mask.own_voxels().into_iter().map(Voxel::position).collect();
                    assert_eq!(voxels.first(), own.contains(place).then_some(&place), "bit {bit}");
                }
                mask.clear(bit);
            }
            assert_eq!(Layout::checked(own), Some(layout));
        }
        for own in [Region::new([i64::MIN; 3], [i64::MAX; 3]), Region::new([0; 3], [0, 1, 1])] {
            assert_eq!(Layout::checked(own), None);
        }
    }

    #[test]
    fn a_box_cut_from_one_mask_and_pasted_into_another_is_the_same() {
        let mut left = Mask::new(Layout::new(Region::of_shape([3, 3, 70])));
        for bit in [[1, 1, 70], [2, 3, 70], [3, 3, 69]] {
            left.set(left.layout.bit(bit));
        }
        let own = Region::new([0, 0, 70], [3, 3, 99]);
        let mut right = Mask::new(Layout::new(own));
        let seam = Region::new([0, 0, 69], [3, 3, 70]);
        right.paste(&seam, &left.cut(&seam));
        assert_eq!(right.cut(&seam), left.cut(&seam));
    }
}
