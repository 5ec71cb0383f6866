//! The voxels that a plane has lost in a sub-iteration.

use serde::{Deserialize, Serialize};

/// Lists that are kept for reuse.
const SPARE: usize = 32;

/// Voxels of a plane, by their bit indices: a list of four bytes each, or of many a bit for each voxel of the plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lost {
    list: Vec<u32>,
    #[serde(with = "serde_bytes")]
    bits: Vec<u8>,
}

impl Lost {
    /// The voxels of a list, of a plane that takes `bytes` bytes.
    pub(super) fn new(list: Vec<u32>, bytes: usize, spare: &mut Vec<Vec<u32>>) -> Lost {
        if list.len() < bytes / size_of::<u32>() {
            return Lost { list, bits: Vec::new() };
        }
        let mut bits = vec![0; bytes];
        list.iter().for_each(|&bit| bits[bit as usize >> 3] |= 1 << (bit & 7));
        keep(list, spare);
        Lost { list: Vec::new(), bits }
    }

    /// The same, of its parts.
    pub(super) fn of_parts(list: Vec<u32>, bits: Vec<u8>) -> Lost {
        Lost { list, bits }
    }

    /// The list, and the bits.
    pub(super) fn parts(&self) -> (&[u32], &[u8]) {
        (&self.list, &self.bits)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.bits.is_empty()
    }

    /// Makes the voxels foreground where they are background in the bits of the plane, and the other way round.
    pub(super) fn toggle(&self, bits: &mut [u8]) {
        self.list.iter().for_each(|&bit| bits[bit as usize >> 3] ^= 1 << (bit & 7));
        bits.iter_mut().zip(&self.bits).for_each(|(byte, lost)| *byte ^= lost);
    }

    /// Forgets them.
    pub(super) fn clear(&mut self, spare: &mut Vec<Vec<u32>>) {
        let Lost { list, .. } = std::mem::take(self);
        if list.capacity() > 0 {
            keep(list, spare);
        }
    }

    /// Size in memory, in bytes, without the structure itself.
    pub(super) fn bytes(&self) -> usize {
        size_of::<u32>() * self.list.capacity() + self.bits.len()
    }
}

fn keep(mut list: Vec<u32>, spare: &mut Vec<Vec<u32>>) {
    if spare.len() < SPARE {
        list.clear();
        spare.push(list);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_plane_has_lost_comes_back_and_goes_again(lost in prop::collection::btree_set(0u32..160, 0..60)) {
            let (mut bits, mut spare) = (vec![0; 20], Vec::new());
            let mut all = Lost::new(lost.iter().copied().collect(), 20, &mut spare);
            prop_assert_eq!((all.is_empty(), all.parts().1.len()), (lost.is_empty(), if lost.len() < 5 { 0 } else { 20 }));
            all.toggle(&mut bits);
            let there = |bit: u32| bits[bit as usize / 8] >> (bit % 8) & 1 == 1;
            prop_assert!((0..160).all(|bit| there(bit) == lost.contains(&bit)));
            all.toggle(&mut bits);
            prop_assert!(bits.iter().all(|byte| *byte == 0));
            all.clear(&mut spare);
            prop_assert!(all.is_empty() && all.bytes() == 0 && spare.len() <= 1);
        }
    }
}
