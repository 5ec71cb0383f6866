//! Masks in packed form, for masks that are held for long and rarely read.

use super::{Layout, Mask, set_bits};

/// Size of a word in bytes.
const WORD: usize = 8;

/// A mask that holds only its words that are not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedMask {
    layout: Layout,
    /// One bit for each word of the mask: whether the word is in `words`.
    held: Vec<u64>,
    /// The words that are not zero, in order.
    words: Vec<u64>,
}

impl PackedMask {
    /// Packs a mask, including its halo; `None` if the packed form takes more than half of its bytes. Takes time linear
    /// in the size of the mask.
    pub fn new(mask: &Mask) -> Option<Self> {
        // The bytes after the last whole word do not belong to any row.
        let (words, _) = mask.bits.as_chunks::<WORD>();
        let held: Vec<u64> = words
            .chunks(64)
            .map(|words| (0..).zip(words).fold(0, |held, (at, word)| held | u64::from(*word != [0; WORD]) << at))
            .collect();
        let count = held.iter().map(|held| held.count_ones() as usize).sum::<usize>();
        if (count + held.len()) * 2 > words.len() {
            return None;
        }
        let mut kept = Vec::with_capacity(count);
        for (words, &held) in words.chunks(64).zip(&held) {
            kept.extend(set_bits(held).map(|at| u64::from_le_bytes(words[at])));
        }
        Some(PackedMask { layout: mask.layout, held, words: kept })
    }

    /// The mask. Takes time linear in its size.
    pub fn unpacked(&self) -> Mask {
        let mut mask = Mask::new(self.layout);
        let (words, _) = mask.bits.as_chunks_mut::<WORD>();
        let mut kept = self.words.iter();
        for (words, &held) in words.chunks_mut(64).zip(&self.held) {
            set_bits(held).zip(&mut kept).for_each(|(at, word)| words[at] = word.to_le_bytes());
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::Region;

    proptest! {
        #[test]
        fn a_mask_is_unpacked_as_it_was(
            shape in prop::array::uniform3(1usize..40),
            voxels in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let layout = Layout::new(Region::of_shape(shape).shifted([-3, 5, 7]));
            let mut mask = Mask::new(layout);
            for voxel in voxels {
                // Includes halos.
                let [z, y, x] = shape.map(|n| voxel.index(n + 2));
                mask.set(layout.bit([z, y, x]));
            }
            if let Some(packed) = PackedMask::new(&mask) {
                prop_assert!(packed.words.iter().all(|&word| word != 0));
                prop_assert!((packed.words.len() + packed.held.len()) * 2 * WORD <= layout.bytes());
                prop_assert_eq!(packed.unpacked(), mask);
            }
        }
    }

    #[test]
    fn masks_are_packed_where_much_of_them_is_background() {
        let layout = Layout::new(Region::of_shape([16, 16, 256]));
        let mut mask = Mask::new(layout);
        (1..=16).for_each(|y| mask.set(layout.bit([3, y, 100])));
        let packed = PackedMask::new(&mask).expect("a mask that is nearly empty");
        assert_eq!((packed.words.len(), packed.unpacked() == mask), (16, true));
        for first in (0..layout.rows() * layout.row()).step_by(64) {
            mask.set(first);
        }
        assert_eq!(PackedMask::new(&mask), None);
    }
}
