//! Numbers for the voxels of a skeleton at which branches end.

/// A set of ranks. The number of a rank is how many smaller ranks the set has. Takes one and a half bits for each
/// possible rank.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// One bit for each possible rank.
    bits: Vec<u64>,
    /// Number of ranks before each word; counted after all ranks are set.
    before: Vec<u32>,
}

impl Ends {
    /// The set of these ranks, all below `limit`.
    pub(super) fn new(limit: u64, ranks: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = vec![0u64; limit.div_ceil(64) as usize];
        for rank in ranks {
            bits[rank as usize / 64] |= 1 << (rank % 64);
        }
        let mut count = 0;
        let before = bits.iter().map(|word| {
            let before = count;
            count += word.count_ones();
            before
        });
        let before = before.collect();
        Ends { bits, before }
    }

    /// Number of ranks.
    pub(super) fn len(&self) -> usize {
        let last = self.bits.last().map_or(0, |word| word.count_ones());
        (self.before.last().copied().unwrap_or(0) + last) as usize
    }

    /// The ranks, in ascending order.
    pub(super) fn ranks(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.bits).flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(word * 64 + bit)
            })
        })
    }

    /// The number of a rank in the set.
    #[inline]
    pub(super) fn number(&self, rank: u32) -> u32 {
        let (word, bit) = (rank as usize / 64, rank % 64);
        self.before[word] + (self.bits[word] & ((1 << bit) - 1)).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_places_among_the_ranks(ranks in prop::collection::btree_set(0u32..700, 0..200), limit in 700u64..900) {
            let ends = Ends::new(limit, ranks.iter().copied());
            prop_assert_eq!(ends.len(), ranks.len());
            prop_assert!(ends.ranks().eq(ranks.iter().copied()));
            for (number, &rank) in (0..).zip(&ranks) {
                prop_assert_eq!(ends.number(rank), number);
            }
        }
    }
}
