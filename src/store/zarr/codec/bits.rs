//! Reorders bytes and bits.

use crate::error::Result;
use crate::store::zarr::faults::damaged;

/// Where packed booleans store the number of unused bits in their last byte, and which bit of a byte comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// In the byte before them, the most significant bit first: numcodecs' `packbits`.
    Numcodecs,
    /// The least significant bit first: Zarr v3's `packbits`, which stores the number nowhere, or in the first or the
    /// last byte.
    Nowhere,
    FirstByte,
    LastByte,
}

/// The inverse of numcodecs' `shuffle`.
pub(super) fn unshuffled(bytes: Vec<u8>, size: usize) -> Result<Vec<u8>> {
    if size <= 1 {
        return Ok(bytes);
    }
    if !bytes.len().is_multiple_of(size) {
        return Err(damaged());
    }
    let count = bytes.len() / size;
    let mut values = vec![0; bytes.len()];
    for (significance, plane) in bytes.chunks_exact(count.max(1)).enumerate() {
        values.iter_mut().skip(significance).step_by(size).zip(plane).for_each(|(to, from)| *to = *from);
    }
    Ok(values)
}

pub(super) fn swapped(mut bytes: Vec<u8>, size: usize) -> Vec<u8> {
    bytes.chunks_exact_mut(size.max(1)).for_each(<[u8]>::reverse);
    bytes
}

/// Booleans, one in each byte.
pub(super) fn unpacked(bytes: &[u8], padding: Padding) -> Result<Vec<u8>> {
    let (packed, unused) = match padding {
        Padding::Numcodecs | Padding::FirstByte => bytes.split_first().map(|(n, rest)| (rest, Some(*n))),
        Padding::LastByte => bytes.split_last().map(|(n, rest)| (rest, Some(*n))),
        Padding::Nowhere => Some((bytes, None)),
    }
    .ok_or_else(damaged)?;
    let first_is_most = padding == Padding::Numcodecs;
    let bit = |byte: u8, at: u32| if first_is_most { byte >> (7 - at) & 1 } else { byte >> at & 1 };
    let mut values: Vec<u8> = packed.iter().flat_map(|&byte| (0..8).map(move |at| bit(byte, at))).collect();
    let unused = usize::from(unused.unwrap_or(0));
    if unused > 7 || unused > values.len() {
        return Err(damaged());
    }
    values.truncate(values.len() - unused);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_equal_significance_come_apart() {
        assert_eq!(unshuffled(vec![1, 2, 3, 11, 12, 13], 2).unwrap(), [1, 11, 2, 12, 3, 13]);
        assert_eq!(unshuffled(vec![1, 2, 3], 1).unwrap(), [1, 2, 3]);
        assert!(unshuffled(Vec::new(), 2).unwrap().is_empty());
        assert!(unshuffled(vec![1, 2, 3], 2).is_err());
    }

    #[test]
    fn bits_come_apart_in_their_order() {
        let bits = [1, 0, 0, 0, 0, 0, 1, 1, 1, 0];
        assert_eq!(unpacked(&[6, 0b1000_0011, 0b1000_0000], Padding::Numcodecs).unwrap(), bits);
        assert_eq!(unpacked(&[6, 0b1100_0001, 0b0000_0001], Padding::FirstByte).unwrap(), bits);
        assert_eq!(unpacked(&[0b1100_0001, 0b0000_0001, 6], Padding::LastByte).unwrap(), bits);
        assert!(unpacked(&[], Padding::Numcodecs).is_err() && unpacked(&[9, 1, 1], Padding::Numcodecs).is_err());
    }
}
