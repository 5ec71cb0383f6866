//! Converts the decompressed bytes of a strip or tile to values in native byte order.

use crate::store::StoredType;
use crate::store::values::Endian;

/// The transformation of values before compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predictor {
    None,
    /// Differences of neighbours along x.
    Horizontal,
    /// Differences of the bytes of floating-point numbers, sorted by their position in the number.
    Float,
}

/// The encoding of a page's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Samples {
    pub(crate) stored: StoredType,
    /// Bits of a value, which may be fewer than those of its type.
    pub(crate) bits: usize,
    pub(crate) endian: Endian,
    pub(crate) predictor: Predictor,
}

impl Samples {
    /// Bytes of a row of `width` values; rows begin at a byte. `None` if the number overflows.
    pub(crate) fn row(&self, width: usize) -> Option<usize> {
        Some(width.checked_mul(self.bits)?.div_ceil(8))
    }

    /// Whether values are whole bytes, one behind the other, that only need their byte order changed.
    pub(crate) fn plain(&self) -> bool {
        self.predictor == Predictor::None && self.bits == 8 * self.stored.size()
    }

    /// The bytes of values in native order, from rows of `width` values.
    pub(crate) fn unpacked(&self, mut bytes: Vec<u8>, width: usize) -> Vec<u8> {
        let size = self.stored.size();
        if self.bits != 8 * size {
            return self.apart(&bytes, width);
        }
        let row = (width * size).max(1);
        if self.predictor == Predictor::Float {
            let mut scratch = vec![0; row];
            for row in bytes.chunks_exact_mut(row) {
                floats(row, &mut scratch, size);
            }
            return bytes;
        }
        if self.endian != Endian::NATIVE && size > 1 {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if self.predictor == Predictor::Horizontal {
            for row in bytes.chunks_exact_mut(row) {
                match size {
                    1 => sums::<1>(row, |a, b| [a[0].wrapping_add(b[0])]),
                    2 => sums(row, |a, b| u16::from_ne_bytes(a).wrapping_add(u16::from_ne_bytes(b)).to_ne_bytes()),
                    4 => sums(row, |a, b| u32::from_ne_bytes(a).wrapping_add(u32::from_ne_bytes(b)).to_ne_bytes()),
                    _ => sums(row, |a, b| u64::from_ne_bytes(a).wrapping_add(u64::from_ne_bytes(b)).to_ne_bytes()),
                }
            }
        }
        bytes
    }

    /// Unpacks values of few bits, the first in the highest bits of its byte, to whole bytes.
    fn apart(&self, bytes: &[u8], width: usize) -> Vec<u8> {
        let size = self.stored.size();
        let row = width.saturating_mul(self.bits).div_ceil(8).max(1);
        let mut values = Vec::with_capacity((bytes.len() / row).saturating_mul(width).saturating_mul(size));
        for row in bytes.chunks_exact(row) {
            let (mut held, mut count) = (0u32, 0);
            let mut bytes = row.iter();
            for _ in 0..width {
                while count < self.bits {
                    held = held << 8 | u32::from(bytes.next().copied().unwrap_or_default());
                    count += 8;
                }
                count -= self.bits;
                let value = (held >> count) & ((1 << self.bits) - 1);
                let value = value.to_ne_bytes();
                let low = if cfg!(target_endian = "big") { &value[4 - size..] } else { &value[..size] };
                values.extend_from_slice(low);
            }
        }
        values
    }
}

/// Replaces each value of a row by the sum of the values up to it.
fn sums<const N: usize>(row: &mut [u8], add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let mut last = [0; N];
    let (values, _) = row.as_chunks_mut::<N>();
    for value in values {
        last = add(last, *value);
        *value = last;
    }
}

/// Sums the bytes of a row, and joins those of each number: the row has the first bytes of all numbers, the highest,
/// then the second ones.
fn floats(row: &mut [u8], scratch: &mut [u8], size: usize) {
    sums::<1>(row, |a, b| [a[0].wrapping_add(b[0])]);
    scratch.copy_from_slice(row);
    let width = row.len() / size;
    for (x, value) in row.chunks_exact_mut(size).enumerate() {
        for (place, byte) in value.iter_mut().enumerate() {
            let from_high = if cfg!(target_endian = "big") { place } else { size - 1 - place };
            *byte = scratch[from_high * width + x];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(stored: StoredType, bits: usize, predictor: Predictor) -> Samples {
        Samples { stored, bits, endian: Endian::Big, predictor }
    }

    #[test]
    fn differences_are_summed_row_by_row_and_wrap() {
        let bytes = samples(StoredType::I8, 8, Predictor::Horizontal).unpacked(vec![250, 10, 1, 5, 1, 255], 3);
        assert_eq!(bytes, [250, 4, 5, 5, 6, 5]);
        let values: Vec<u8> = [1u64, u64::MAX, 7, 1].into_iter().flat_map(u64::to_be_bytes).collect();
        let bytes = samples(StoredType::U64, 64, Predictor::Horizontal).unpacked(values, 2);
        let values: Vec<u64> = bytes.chunks_exact(8).map(|v| u64::from_ne_bytes(v.try_into().unwrap())).collect();
        assert_eq!(values, [1, 0, 7, 8]);
    }

    #[test]
    fn floating_point_numbers_are_put_together_from_their_bytes() {
        let values = [1.5f32, -2.25, 1e-3];
        let mut planes: Vec<u8> = (0..4).flat_map(|place| values.map(|value| value.to_be_bytes()[place])).collect();
        for at in (1..planes.len()).rev() {
            planes[at] = planes[at].wrapping_sub(planes[at - 1]);
        }
        let bytes = samples(StoredType::F32, 32, Predictor::Float).unpacked(planes, 3);
        let found: Vec<f32> = bytes.chunks_exact(4).map(|v| f32::from_ne_bytes(v.try_into().unwrap())).collect();
        assert_eq!(found, values);
    }

    #[test]
    fn values_of_few_bits_begin_at_a_byte_in_each_row() {
        let bits = samples(StoredType::Bool, 1, Predictor::None);
        assert_eq!(
            bits.unpacked(vec![0b1010_0000, 0b1000_0000, 0, 0b1000_0000], 9),
            [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
        let twelve = samples(StoredType::U16, 12, Predictor::None);
        let bytes = twelve.unpacked(vec![0xab, 0xcd, 0xef, 0x12, 0x30], 3);
        let values: Vec<u16> = bytes.chunks_exact(2).map(|v| u16::from_ne_bytes(v.try_into().unwrap())).collect();
        assert_eq!(values, [0xabc, 0xdef, 0x123]);
        assert_eq!(samples(StoredType::U8, 4, Predictor::None).unpacked(vec![0x12, 0x30], 3), [1, 2, 3]);
    }
}
