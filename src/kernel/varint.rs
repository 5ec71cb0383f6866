//! Numbers in as few bytes as possible: seven bits per byte, the lowest first; the top bit is set if more bytes follow.

/// Appends a number: one byte for numbers below 128, ten for the largest.
#[inline]
pub(in crate::kernel) fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads the number at `at`, and moves `at` past it; `None` if the bytes end too early, or it takes more than 64 bits.
#[inline]
pub(in crate::kernel) fn read(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let first = *bytes.get(*at)?;
    *at += 1;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    let (mut number, mut shift) = (u64::from(first & 0x7f), 7);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let part = u64::from(byte & 0x7f);
        let placed = part.checked_shl(shift).filter(|placed| placed >> shift == part)?;
        number |= placed;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

/// A number that may be negative as one that is small if it is near 0: doubled, with its bits inverted if it is negative.
#[inline]
pub(in crate::kernel) const fn of_signed(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// The number of which [`of_signed`] made another one.
#[inline]
pub(in crate::kernel) const fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(draws in prop::collection::vec((any::<u64>(), 0u32..64), 0..50)) {
            let numbers: Vec<u64> = draws.iter().map(|&(number, shift)| number >> shift).collect();
            for number in numbers.iter().map(|&number| number as i64) {
                prop_assert_eq!(signed(of_signed(number)), number);
                prop_assert!(of_signed(number) >> 1 <= number.unsigned_abs());
            }
            let mut bytes = Vec::new();
            numbers.iter().for_each(|&number| push(&mut bytes, number));
            let lengths = numbers.iter().map(|number| (64 - number.leading_zeros()).div_ceil(7).max(1));
            prop_assert_eq!(bytes.len(), lengths.sum::<u32>() as usize);
            let mut at = 0;
            for &number in &numbers {
                prop_assert_eq!(read(&bytes, &mut at), Some(number));
            }
            prop_assert_eq!(read(&bytes, &mut at), None);
            prop_assert_eq!(read(&[0x80; 10], &mut 0), None);
            prop_assert_eq!(read(&[[0x80; 10].as_slice(), &[1]].concat(), &mut 0), None);
            prop_assert_eq!(read(&[[0x80; 9].as_slice(), &[2]].concat(), &mut 0), None);
            prop_assert_eq!(read(&[[0x80; 9].as_slice(), &[1]].concat(), &mut 0), Some(1 << 63));
        }
    }
}
