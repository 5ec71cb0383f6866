//! Sets of steps, one per voxel, in little memory: one byte each if all steps lie in a plane, or else one for each step.

use serde::{Deserialize, Serialize};

/// Sets of steps (see [`Step::bit`](crate::kernel::network::step::Step::bit)), one per voxel: one byte each in a plane, one
/// for each of its steps in 3-D.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepSets(Held);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Held {
    /// The four steps before code 13, and the four after it.
    Planar(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The places of the bits of each set, the last of them with [`LAST`]; [`EMPTY`] for a set without any.
    Any(#[serde(with = "serde_bytes")] Vec<u8>),
}

const LAST: u8 = 0x80;
const EMPTY: u8 = 0xff;

/// The bits of the steps in a plane: four on either side of code 13.
const PLANAR: u32 = 0b1_1110_1111 << 9;

impl From<Vec<u32>> for StepSets {
    fn from(sets: Vec<u32>) -> Self {
        if sets.iter().fold(0, |all, set| all | set) & !PLANAR == 0 {
            return StepSets(Held::Planar(
                sets.into_iter().map(|set| (set >> 9 & 0xf | set >> 10 & 0xf0) as u8).collect(),
            ));
        }
        let mut bytes = Vec::with_capacity(sets.iter().map(|set| set.count_ones().max(1) as usize).sum());
        for mut set in sets {
            bytes.extend((set == 0).then_some(EMPTY));
            while set != 0 {
                let place = set.trailing_zeros() as u8;
                set &= set - 1;
                bytes.push(if set == 0 { place | LAST } else { place });
            }
        }
        StepSets(Held::Any(bytes))
    }
}

impl StepSets {
    /// The sets, with one bit for each step.
    pub fn get(&self) -> Vec<u32> {
        match &self.0 {
            Held::Planar(sets) => {
                sets.iter().map(|&set| u32::from(set & 0xf) << 9 | u32::from(set & 0xf0) << 10).collect()
            }
            Held::Any(bytes) => {
                let ends = |byte: &u8| byte & LAST != 0;
                let bit = |byte: &u8| if *byte == EMPTY { 0 } else { 1u32.wrapping_shl(u32::from(byte & !LAST)) };
                bytes.split_inclusive(ends).map(|set| set.iter().fold(0, |all, byte| all | bit(byte))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::network::step::Step;

    proptest! {
        #[test]
        fn sets_are_got_as_they_were_given(draws in prop::collection::vec(any::<u32>(), 0..40), planar in any::<bool>()) {
            let bits = |codes: std::ops::Range<u8>| codes.filter(|&c| c != 13).map(|c| Step::new(c).bit()).sum::<u32>();
            let steps = if planar { bits(9..18) } else { bits(0..27) };
            let sets: Vec<u32> = draws.into_iter().map(|draw| draw & steps).collect();
            let held = StepSets::from(sets.clone());
            prop_assert_eq!(&held.get(), &sets[..]);
            prop_assert!(!planar || matches!(held.0, Held::Planar(_)));
        }
    }
}
