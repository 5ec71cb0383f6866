//! The form in which planes sleep: their bytes that are not zero, each after the distance from the one before.

use crate::kernel::varint;

/// Packs bytes of which few are not zero; `None` if that takes more than `most` bytes. Takes time linear in the number of
/// bytes.
pub(super) fn packed(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut packed = Vec::new();
    let mut from = 0;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut pack = |first: usize, bytes: &[u8]| {
        for (at, &byte) in (first..).zip(bytes).filter(|(_, byte)| **byte != 0) {
            varint::push(&mut packed, (at - from) as u64);
            packed.push(byte);
            from = at + 1;
        }
        packed.len() <= most
    };
    for (word, bytes) in words.iter().enumerate().filter(|(_, bytes)| **bytes != [0; 8]) {
        if !pack(8 * word, bytes) {
            return None;
        }
    }
    let fits = pack(8 * words.len(), rest);
    packed.shrink_to_fit();
    fits.then_some(packed)
}

/// Calls `each` with the place and the value of each of the bytes that [`packed`] packed, in order.
pub(super) fn unpack(packed: &[u8], mut each: impl FnMut(usize, u8)) {
    let (mut at, mut place) = (0, 0);
    while let Some(distance) = varint::read(packed, &mut at) {
        place += distance as usize;
        each(place, packed[at]);
        (at, place) = (at + 1, place + 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_are_unpacked_as_they_were_packed(
            length in 1usize..3000,
            set in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..90),
        ) {
            let mut bytes = vec![0; length];
            set.iter().for_each(|(place, byte)| bytes[place.index(length)] = *byte);
            let (packed, mut places) = (packed(&bytes, usize::MAX).unwrap(), Vec::new());
            unpack(&packed, |place, byte| places.push((place, byte)));
            let expected: Vec<_> = bytes.into_iter().enumerate().filter(|(_, byte)| *byte != 0).collect();
            prop_assert_eq!(places, expected);
        }
    }

    #[test]
    fn bytes_that_take_too_much_are_not_packed() {
        assert_eq!(packed(&[1; 100], 50), None);
        assert_eq!(packed(&[1; 100], 200).map(|packed| packed.len()), Some(200));
    }
}
