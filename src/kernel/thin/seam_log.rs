//! The decisions that a chunk received from its neighbours and sent to them while it was thinned.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::{ByteBuf, Bytes};

use crate::kernel::varint;

/// The room for voxels that decisions have when the first comes.
const FEW: usize = 64;

/// Voxels by sub-iteration, as bit indices in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decisions {
    /// Index in `bits` of the end of each sub-iteration.
    ends: Vec<u32>,
    bits: Vec<u32>,
}

impl Decisions {
    /// The voxels of a sub-iteration; none after the last.
    pub fn at(&self, sub_iteration: usize) -> &[u32] {
        let Some(&end) = self.ends.get(sub_iteration) else { return &[] };
        let start = sub_iteration.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bits[start as usize..end as usize]
    }

    /// Number of sub-iterations up to the last one with voxels.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no sub-iteration has voxels.
    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// Whether the voxels are in order and `may_be` accepts all of them, as in decisions that were set one by one.
    pub fn is_sound(&self, mut may_be: impl FnMut(u32) -> bool) -> bool {
        self.ends.is_sorted()
            && self.ends.last().copied().unwrap_or(0) as usize == self.bits.len()
            && (0..self.len()).all(|at| self.at(at).is_sorted_by(|a, b| a < b))
            && self.bits.iter().all(|&bit| may_be(bit))
    }

    /// Sets the voxels of a sub-iteration, which is later than all with voxels. `flips` may repeat voxels: those that
    /// flipped an odd number of times are set. Sorts `flips`.
    pub fn set(&mut self, sub_iteration: usize, flips: &mut Vec<u32>) {
        keep_odd(flips);
        if !flips.is_empty() {
            self.ends.resize(sub_iteration, self.bits.len() as u32);
            self.bits.extend_from_slice(flips);
            self.ends.push(self.bits.len() as u32);
        }
    }

    /// Appends a voxel of a sub-iteration. Voxels are in the order of sub-iterations, and then of bit indices.
    pub(super) fn push(&mut self, sub_iteration: usize, bit: u32) {
        debug_assert!(sub_iteration + 1 >= self.len() && self.at(sub_iteration).last().is_none_or(|&last| last < bit));
        let count = self.bits.len() as u32;
        if count == 0 {
            // Most chunks have many: this is less work than to grow to that from one.
            self.bits.reserve(FEW);
            self.ends.reserve(FEW);
        }
        if self.ends.len() <= sub_iteration {
            self.ends.resize(sub_iteration + 1, count);
        }
        self.bits.push(bit);
        self.ends[sub_iteration] = count + 1;
    }

    /// The voxels of all `parts`, which have voxels in different sub-iterations.
    fn join(parts: &[&Decisions]) -> Decisions {
        let last = parts.iter().map(|part| part.len()).max().unwrap_or(0);
        let count = parts.iter().map(|part| part.bits.len()).sum();
        let (mut ends, mut bits) = (Vec::with_capacity(last), Vec::with_capacity(count));
        for sub_iteration in 0..last {
            parts.iter().for_each(|part| bits.extend_from_slice(part.at(sub_iteration)));
            ends.push(bits.len() as u32);
        }
        Decisions { ends, bits }
    }

    /// Adds voxels by sub-iteration, in ascending order of sub-iterations.
    pub fn merge(&mut self, more: &[(u32, Vec<u32>)]) {
        let mut merged = Decisions::default();
        let last = more.last().map_or(0, |(sub_iteration, _)| *sub_iteration as usize + 1).max(self.len());
        let mut more = more.iter().peekable();
        for sub_iteration in 0..last {
            let mut bits = self.at(sub_iteration).to_vec();
            if let Some((_, further)) = more.next_if(|(at, _)| *at as usize == sub_iteration) {
                bits.extend_from_slice(further);
            }
            merged.set(sub_iteration, &mut bits);
        }
        *self = merged;
    }
}

/// For each sub-iteration the number of its voxels, and the distance of each to the one before (as `varint`s).
impl Serialize for Decisions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(2 * (self.ends.len() + self.bits.len()));
        for at in 0..self.len() {
            let bits = self.at(at);
            varint::push(&mut bytes, bits.len() as u64);
            let mut before = 0;
            for &bit in bits {
                varint::push(&mut bytes, u64::from(bit - before));
                before = bit;
            }
        }
        Bytes::new(&bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decisions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = ByteBuf::deserialize(deserializer)?;
        listed(&bytes).ok_or_else(|| D::Error::custom("the voxels of a seam log do not end where it does"))
    }
}

/// The decisions in these bytes.
fn listed(bytes: &[u8]) -> Option<Decisions> {
    let (mut ends, mut bits, mut at) = (Vec::new(), Vec::with_capacity(bytes.len()), 0);
    let number = |at: &mut usize| u32::try_from(varint::read(bytes, at)?).ok();
    while at < bytes.len() {
        let mut before: u32 = 0;
        for _ in 0..number(&mut at)? {
            before = before.checked_add(number(&mut at)?)?;
            bits.push(before);
        }
        ends.push(bits.len() as u32);
    }
    Some(Decisions { ends, bits })
}

/// Sorts voxels, and keeps one of each that occurs an odd number of times.
pub(crate) fn keep_odd(bits: &mut Vec<u32>) {
    bits.sort_unstable();
    let mut kept: Vec<u32> = Vec::with_capacity(bits.len());
    for &bit in bits.iter() {
        if kept.last() == Some(&bit) {
            kept.pop();
        } else {
            kept.push(bit);
        }
    }
    *bits = kept;
}

/// The seam log of a chunk's thinning. Together with the initial mask and halo it determines the run: a chunk with the
/// same three goes through the same states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeamLog {
    /// Halo voxels that neighbours deleted.
    pub received: Decisions,
    /// Own voxels next to a seam that were deleted.
    pub sent: Decisions,
}

impl SeamLog {
    /// Joins logs of different sub-iterations.
    pub fn join(parts: &[SeamLog]) -> SeamLog {
        let join = |of: fn(&SeamLog) -> &Decisions| Decisions::join(&parts.iter().map(of).collect::<Vec<_>>());
        SeamLog { received: join(|part| &part.received), sent: join(|part| &part.sent) }
    }

    /// Number of sub-iterations up to the last one with voxels.
    pub fn len(&self) -> usize {
        self.received.len().max(self.sent.len())
    }

    /// Whether nothing crossed a seam.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voxels_that_flipped_back_are_not_in_the_log() {
        let mut decisions = Decisions::default();
        decisions.set(1, &mut vec![7, 3, 7, 5, 3, 3]);
        decisions.set(2, &mut vec![4, 4]);
        decisions.set(4, &mut vec![1]);
        assert_eq!([decisions.at(0), decisions.at(1), decisions.at(2), decisions.at(4)], [&[][..], &[3, 5], &[], &[1]]);
        assert_eq!((decisions.len(), decisions.at(9)), (5, &[][..]));
    }
}
