//! Masks in packed form, for masks that are held for long and rarely read, or stored.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Layout, Mask, set_bits};
use crate::kernel::words;
use crate::space::Region;

/// Size of a word in bytes.
const WORD: usize = 8;

/// A mask that holds only its words that are not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedMask {
    layout: Layout,
    /// One bit for each word of the mask: whether the word is held. Then the words that are, in order.
    words: Vec<u64>,
}

impl PackedMask {
    /// Packs a mask, including its halo; `None` if the packed form takes more than half of its bytes. Takes time linear
    /// in the size of the mask.
    pub fn new(mask: &Mask) -> Option<Self> {
        let most = mask.bits.len() / WORD / 2;
        let flags = flags(mask);
        (count(&flags) + flags.len() <= most).then(|| Self::with_flags(mask, flags))
    }

    /// The same, even if it takes more: at most a sixty-fourth more than the mask.
    pub(crate) fn always(mask: &Mask) -> Self {
        Self::with_flags(mask, flags(mask))
    }

    fn with_flags(mask: &Mask, flags: Vec<u64>) -> Self {
        let (words, _) = mask.bits.as_chunks::<WORD>();
        let mut kept = Vec::with_capacity(flags.len() + count(&flags));
        kept.extend_from_slice(&flags);
        for (words, held) in words.chunks(64).zip(flags) {
            kept.extend(set_bits(held).map(|at| u64::from_le_bytes(words[at])));
        }
        PackedMask { layout: mask.layout, words: kept }
    }

    /// The mask. Takes time linear in its size.
    pub fn unpacked(&self) -> Mask {
        let mut mask = Mask::new(self.layout);
        let (words, _) = mask.bits.as_chunks_mut::<WORD>();
        let (flags, kept) = self.words.split_at(words.len().div_ceil(64));
        let mut kept = kept.iter();
        for (words, &held) in words.chunks_mut(64).zip(flags) {
            set_bits(held).zip(&mut kept).for_each(|(at, word)| words[at] = word.to_le_bytes());
        }
        mask
    }

    /// The packed mask of a box with these words; `None` if they do not fill it. Bits that belong to no voxel are not looked at.
    pub(crate) fn checked(own: Region, words: Vec<u64>) -> Option<Self> {
        let layout = Layout::checked(own)?;
        let of_mask = layout.bytes() / WORD;
        let flags = words.get(..of_mask.div_ceil(64))?;
        let beyond = !of_mask.is_multiple_of(64) && flags.last().is_some_and(|last| last >> (of_mask % 64) > 0);
        let fits = !beyond && flags.len() + count(flags) == words.len();
        fits.then_some(PackedMask { layout, words })
    }

    /// The layout of the mask.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its words, from which [`PackedMask::checked`] makes it again.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The packed mask of a layout with the words of one of that layout.
    #[cfg(any(test, feature = "dataflow"))]
    pub(crate) fn from_words(layout: Layout, words: Vec<u64>) -> Self {
        PackedMask { layout, words }
    }
}

/// What is written of a mask: the box of its own voxels, and its packed form.
#[derive(Serialize, Deserialize)]
struct Form {
    own: Region,
    #[serde(with = "words")]
    words: Vec<u64>,
}

impl Serialize for Mask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form { own: self.layout.own, words: PackedMask::always(self).words }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Mask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { own, words } = Form::deserialize(deserializer)?;
        let mask = PackedMask::checked(own, words).map(|packed| packed.unpacked()).filter(Mask::is_sound);
        mask.ok_or_else(|| D::Error::custom("the bits of a mask do not fill its layout"))
    }
}

/// One bit for each word of a mask: whether it is not zero. The bytes after the last whole word do not belong to any row.
fn flags(mask: &Mask) -> Vec<u64> {
    let (words, _) = mask.bits.as_chunks::<WORD>();
    let flags_of =
        |words: &[[u8; WORD]]| (0..).zip(words).fold(0, |held, (at, word)| held | u64::from(*word != [0; WORD]) << at);
    words.chunks(64).map(flags_of).collect()
}

fn count(flags: &[u64]) -> usize {
    flags.iter().map(|held| held.count_ones() as usize).sum()
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
            let always = PackedMask::always(&mask);
            prop_assert!(always.words[flags(&mask).len()..].iter().all(|&word| word != 0));
            prop_assert!(always.words.len() * WORD <= layout.bytes() + layout.bytes().div_ceil(64) + WORD);
            let again = PackedMask::from_words(layout, always.words().to_vec());
            prop_assert!(again == always && again.unpacked() == mask);
            if let Some(packed) = PackedMask::new(&mask) {
                prop_assert!(packed.words.len() * 2 * WORD <= layout.bytes());
                prop_assert_eq!(packed.unpacked(), mask);
                prop_assert_eq!(packed, always);
            }
        }
    }

    #[test]
    fn masks_are_packed_where_much_of_them_is_background() {
        let layout = Layout::new(Region::of_shape([16, 16, 256]));
        let mut mask = Mask::new(layout);
        (1..=16).for_each(|y| mask.set(layout.bit([3, y, 100])));
        let packed = PackedMask::new(&mask).expect("a mask that is nearly empty");
        assert_eq!((count(&flags(&mask)), packed.unpacked() == mask), (16, true));
        for first in (0..layout.rows() * layout.row()).step_by(64) {
            mask.set(first);
        }
        assert_eq!(PackedMask::new(&mask), None);
    }
}
