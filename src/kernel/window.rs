//! The neighbourhoods of voxels that follow each other in a row, from one look at the mask.

/// Sixteen voxels of each of nine rows, three by three, from a byte on: the neighbourhoods of up to fourteen voxels of
/// the middle row.
///
/// Three words, a row of each plane in each; so three shifts find what nine would.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// By place along y; the planes 16 bits apart.
    rows: [u64; 3],
    /// The bit index at which the row in the middle begins.
    first: usize,
    /// The bit index after the last voxel whose neighbourhood is inside.
    end: usize,
}

/// In each of the three planes: the three cells of a row that a shift has brought to the front.
const THREE: u64 = 0x0007_0007_0007;

impl Window {
    /// A window that no voxel is in.
    pub(crate) const EMPTY: Window = Window { rows: [0; 3], first: 0, end: 0 };

    /// The window that begins with the byte of the voxel before `bit`. `stride` and `plane` are the bytes from a row to
    /// the next and from a plane to the next.
    #[inline(always)]
    pub(crate) fn around(bytes: &[u8], bit: usize, stride: u32, plane: u32) -> Window {
        // That these sums do not overflow is plain for numbers of 32 bits: then one check of bounds stands for all.
        let (stride, plane) = (stride as usize, plane as usize);
        let middle = (bit - 1) >> 3;
        let bytes = &bytes[middle - plane - stride..][..2 * plane + 2 * stride + 2];
        let two = |at: usize| u64::from(u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes")));
        let three = |at: usize| two(at) | two(at + plane) << 16 | two(at + 2 * plane) << 32;
        // Closures of library functions are not always compiled into their callers.
        let rows = [three(0), three(stride), three(2 * stride)];
        // In rows of one byte the window goes on into the next row: it must not, where voxels are cleared in it.
        let reach = if stride == 1 { 8 } else { 14 };
        Window { rows, first: middle * 8, end: middle * 8 + reach + 1 }
    }

    /// Whether the neighbourhood of a voxel that comes after `bit`, which the window was read for, is inside.
    #[inline(always)]
    pub(crate) fn holds(&self, bit: usize) -> bool {
        bit < self.end
    }

    /// The 27 voxels around and including a voxel whose neighbourhood is inside: bit
    /// 9 * (dz + 1) + 3 * (dy + 1) + (dx + 1).
    #[inline(always)]
    pub(crate) fn neighbourhood(&self, bit: usize) -> u32 {
        let shift = bit - 1 - self.first;
        let row = |y: usize| (self.rows[y] >> shift & THREE) << (3 * y);
        let planes = row(0) | row(1) | row(2);
        (planes & 0o777 | planes >> 7 & 0o777_000 | planes >> 14 & 0o777_000_000) as u32
    }

    /// Clears a voxel whose neighbourhood is inside.
    #[inline(always)]
    pub(crate) fn clear(&mut self, bit: usize) {
        self.rows[1] &= !(1 << 16 << (bit - self.first));
    }
}

/// Of the neighbourhood of a voxel: the voxels in the rows before its own. Arguments are those of [`Window::around`].
#[inline(always)]
pub(crate) fn earlier_rows(bytes: &[u8], bit: usize, stride: u32, plane: u32) -> u32 {
    let (stride, plane) = (stride as usize, plane as usize);
    let (middle, shift) = ((bit - 1) >> 3, (bit - 1) & 7);
    let bytes = &bytes[middle - plane - stride..][..plane + stride + 2];
    let three =
        |at: usize| u32::from(u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))) >> shift & 7;
    three(0) | three(stride) << 3 | three(2 * stride) << 6 | three(plane) << 9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::kernel::mask::{Layout, Mask};
    use crate::kernel::neighbourhood::EARLIER_ROWS;
    use crate::space::Region;

    use super::*;

    /// The definition, voxel by voxel.
    fn neighbourhood_plainly(mask: &Mask, bit: usize) -> u32 {
        let [z, y, x] = mask.layout().padded(bit);
        let at = |n: usize| mask.layout().bit([z + n / 9 - 1, y + n / 3 % 3 - 1, x + n % 3 - 1]);
        (0..27).filter(|&n| mask.get(at(n))).fold(0, |found, n| found | 1 << n)
    }

    proptest! {
        #[test]
        fn windows_show_the_neighbourhoods_of_a_mask_also_while_voxels_are_cleared(
            shape in (1usize..4, 1usize..5, 1usize..90).prop_map(|(z, y, x)| [z, y, x]),
            seed in any::<u64>(),
        ) {
            let layout = Layout::new(Region::of_shape(shape));
            let mut mask = Mask::new(layout);
            let mut state = seed;
            let mut draw = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 40
            };
            let padded = |bit: &usize| layout.padded(*bit)[2] < shape[2] + 2;
            for bit in (0..layout.rows() * layout.row()).filter(padded) {
                if draw() % 3 > 0 {
                    mask.set(bit);
                }
            }
            let mut window = Window::EMPTY;
            let own: Vec<usize> = mask.own_bits().collect();
            for bit in own {
                if !window.holds(bit) {
                    window = mask.window(bit);
                }
                let plain = neighbourhood_plainly(&mask, bit);
                prop_assert_eq!(window.neighbourhood(bit), plain);
                prop_assert_eq!(mask.neighbourhood(bit), plain);
                prop_assert_eq!(mask.earlier_rows(bit), plain & EARLIER_ROWS);
                if draw() % 2 == 0 {
                    mask.clear(bit);
                    window.clear(bit);
                }
            }
        }
    }
}
