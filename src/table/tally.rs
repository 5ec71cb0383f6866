//! Numbers in order with their counts, for quantiles of a changing set of numbers.

/// Maximum number of distinct numbers in a block.
const BLOCK: usize = 512;

/// A multiset of finite numbers, with access to the k-th number.
///
/// Distinct numbers lie in order in blocks of up to a fixed size, so that a change moves a few kilobytes at most;
/// many changes at once are merged in one pass.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    blocks: Vec<Block>,
    distinct: usize,
}

#[derive(Clone, Debug, Default)]
struct Block {
    /// Sum of the counts.
    total: u64,
    /// Numbers by their keys, with counts above zero.
    entries: Vec<(u64, u64)>,
}

/// An integer that orders as the finite floating-point number does; both zeros have the same key.
pub fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The number with a key.
pub fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

impl Tally {
    /// Number of distinct numbers.
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// Adds and removes numbers. Each change is the [`key`] of a number and the difference of its count, which is not
    /// zero; keys are in ascending order.
    ///
    /// # Panics
    /// If more copies of a number are removed than the multiset has.
    pub fn change(&mut self, changes: &[(u64, i64)]) {
        if changes.len() * 8 > self.distinct {
            self.merge(changes);
        } else {
            for &(key, difference) in changes {
                self.change_one(key, difference);
            }
        }
    }

    /// The k-th number in ascending order, from 0; `None` beyond the last.
    pub fn nth(&self, mut k: u64) -> Option<f64> {
        for block in &self.blocks {
            if k < block.total {
                for &(key, count) in &block.entries {
                    if k < count {
                        return Some(value(key));
                    }
                    k -= count;
                }
            }
            k -= block.total;
        }
        None
    }

    fn merge(&mut self, changes: &[(u64, i64)]) {
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(self.distinct + changes.len());
        let mut changes = changes.iter().copied().peekable();
        for (key, count) in self.blocks.drain(..).flat_map(|block| block.entries) {
            while let Some((new, difference)) = changes.next_if(|&(new, _)| new < key) {
                merged.extend(changed(0, difference).map(|count| (new, count)));
            }
            let difference = changes.next_if(|&(new, _)| new == key).map_or(0, |(_, difference)| difference);
            merged.extend(changed(count, difference).map(|count| (key, count)));
        }
        for (new, difference) in changes {
            merged.extend(changed(0, difference).map(|count| (new, count)));
        }
        self.distinct = merged.len();
        self.blocks = merged
            .chunks(BLOCK / 2)
            .map(|part| Block { total: part.iter().map(|(_, count)| count).sum(), entries: part.to_vec() })
            .collect();
    }

    fn change_one(&mut self, key: u64, difference: i64) {
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        let place = self.blocks.partition_point(|block| block.entries.last().is_some_and(|&(last, _)| last < key));
        let place = place.min(self.blocks.len() - 1);
        let block = &mut self.blocks[place];
        block.total = block.total.wrapping_add_signed(difference);
        match block.entries.binary_search_by_key(&key, |&(key, _)| key) {
            Ok(at) => match changed(block.entries[at].1, difference) {
                Some(count) => block.entries[at].1 = count,
                None => {
                    block.entries.remove(at);
                    self.distinct -= 1;
                }
            },
            Err(at) => {
                if let Some(count) = changed(0, difference) {
                    block.entries.insert(at, (key, count));
                    self.distinct += 1;
                }
            }
        }
        if block.entries.len() > BLOCK {
            let entries = block.entries.split_off(BLOCK / 2);
            let total = entries.iter().map(|(_, count)| count).sum();
            block.total -= total;
            self.blocks.insert(place + 1, Block { total, entries });
        } else if block.entries.is_empty() {
            self.blocks.remove(place);
        }
    }
}

/// A count after a change; `None` for zero.
fn changed(count: u64, difference: i64) -> Option<u64> {
    match count.checked_add_signed(difference) {
        Some(0) => None,
        Some(count) => Some(count),
        None => panic!("a number is taken away that is not there"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_order_as_numbers_do() {
        let numbers = [-1e300, -2.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1e300];
        assert!(numbers.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(numbers.iter().all(|&n| value(key(n)) == n));
        assert_eq!(key(-0.0), key(0.0));
    }

    proptest! {
        #[test]
        fn a_tally_tells_what_a_sorted_list_tells(batches in prop::collection::vec(prop::collection::vec((0i64..3000, any::<bool>()), 0..900), 1..12)) {
            let mut list: Vec<i64> = Vec::new();
            let mut tally = Tally::default();
            for batch in batches {
                let mut changes: std::collections::BTreeMap<u64, i64> = Default::default();
                for (number, add) in batch {
                    if add {
                        list.push(number);
                        *changes.entry(key(number as f64)).or_default() += 1;
                    } else if !list.is_empty() {
                        let gone = list.swap_remove(number as usize % list.len());
                        *changes.entry(key(gone as f64)).or_default() -= 1;
                    }
                }
                let changes: Vec<(u64, i64)> = changes.into_iter().filter(|&(_, d)| d != 0).collect();
                tally.change(&changes);
                let mut sorted = list.clone();
                sorted.sort_unstable();
                for k in (0..sorted.len()).step_by(37) {
                    prop_assert_eq!(tally.nth(k as u64), Some(sorted[k] as f64));
                }
                prop_assert_eq!(tally.nth(sorted.len() as u64), None);
                sorted.dedup();
                prop_assert_eq!(tally.distinct(), sorted.len());
            }
        }
    }
}
