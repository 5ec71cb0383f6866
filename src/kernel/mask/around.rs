//! The voxels around a voxel, from the bytes of a mask with one bit per voxel, and rows and planes at fixed distances
//! in bytes.
//!
//! The code avoids closures in library functions: the loops that use it are compiled for several processors, and such
//! closures not always with them.

/// The lowest three bits of each of three planes: the cells of a row, after a shift.
const THREE: u64 = 0x0007_0007_0007;

/// The 27 voxels around and including a voxel: bit 9 * (dz + 1) + 3 * (dy + 1) + (dx + 1). `planes` are the rows above,
/// here and below, `stride` bytes each; the voxel is in neither the first nor the last of these rows.
///
/// Each of three words holds a row of each plane, so three shifts do the work of nine.
#[inline(always)]
pub(crate) fn neighbourhood(planes: [&[u8]; 3], bit: usize, stride: u32) -> u32 {
    // A stride of 32 bits shows the compiler that these sums do not overflow, so that one check of bounds for each
    // plane is enough.
    let stride = stride as usize;
    let (middle, shift) = ((bit - 1) >> 3, (bit - 1) & 7);
    let [above, here, below] = planes;
    let above = &above[middle - stride..][..2 * stride + 2];
    let here = &here[middle - stride..][..2 * stride + 2];
    let below = &below[middle - stride..][..2 * stride + 2];
    let row = |y: usize| {
        let at = y * stride;
        ((two(above, at) | two(here, at) << 16 | two(below, at) << 32) >> shift & THREE) << (3 * y)
    };
    let planes = row(0) | row(1) | row(2);
    (planes & 0o777 | planes >> 7 & 0o777_000 | planes >> 14 & 0o777_000_000) as u32
}

/// The part of a voxel's neighbourhood in the rows before its own. The arguments are those of [`neighbourhood`].
#[inline(always)]
pub(crate) fn earlier_rows([above, here]: [&[u8]; 2], bit: usize, stride: u32) -> u32 {
    let stride = stride as usize;
    let (middle, shift) = ((bit - 1) >> 3, (bit - 1) & 7);
    let above = &above[middle - stride..][..2 * stride + 2];
    let here = &here[middle - stride..][..2];
    let three = |rows: &[u8], at: usize| (two(rows, at) >> shift & 7) as u32;
    three(above, 0) | three(above, stride) << 3 | three(above, 2 * stride) << 6 | three(here, 0) << 9
}

/// Two bytes, beginning at `at`.
#[inline(always)]
fn two(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes")))
}

/// 64 bits, beginning up to seven bits after the first bit of a byte.
#[inline(always)]
pub(crate) fn bits_after(bytes: &[u8], byte: usize, bits: u32) -> u64 {
    let bytes = &bytes[byte..][..9];
    let word = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    word >> bits | u64::from(bytes[8]) << 1 << (63 - bits)
}

/// Clears a voxel, or writes it unchanged. Writes whole words, from which the next read is forwarded without a delay.
#[inline(always)]
pub(crate) fn clear_if(bytes: &mut [u8], bit: usize, clear: bool) {
    let bytes = &mut bytes[bit >> 6 << 3..][..8];
    let word = u64::from_le_bytes(bytes.try_into().expect("eight bytes")) & !(u64::from(clear) << (bit & 63));
    bytes.copy_from_slice(&word.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::kernel::mask::{Layout, Mask};
    use crate::kernel::thin::lee::Rows;
    use crate::kernel::thin::neighbourhood::EARLIER_ROWS;
    use crate::space::Region;

    /// The definition, voxel by voxel.
    fn neighbourhood_plainly(mask: &Mask, bit: usize) -> u32 {
        let [z, y, x] = mask.layout().padded(bit);
        let at = |n: usize| mask.layout().bit([z + n / 9 - 1, y + n / 3 % 3 - 1, x + n % 3 - 1]);
        (0..27).filter(|&n| mask.get(at(n))).fold(0, |found, n| found | 1 << n)
    }

    proptest! {
        #[test]
        fn what_is_around_a_voxel_is_what_the_mask_holds_there_also_while_voxels_are_cleared(
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
            let own: Vec<usize> = mask.own_bits().collect();
            for bit in own {
                let plain = neighbourhood_plainly(&mask, bit);
                prop_assert_eq!(mask.neighbourhood(bit), plain);
                prop_assert_eq!(mask.earlier_rows(bit), plain & EARLIER_ROWS);
                let clear = draw() % 2 == 0;
                mask.clear_if(bit, clear);
                prop_assert_eq!(mask.get(bit), !clear);
            }
        }
    }
}
