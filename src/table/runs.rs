//! Counts of many numbers, outside of memory: for quantiles of numbers that are only added.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::kernel::shelf::Shelf;

/// A number by its key, and its count or a difference of it.
type Entry = (u64, i64);

/// Entries that are put on a shelf and read from there together.
const PIECE: usize = if cfg!(test) { 4 } else { 1 << 9 };
/// The most runs of a level before they are merged to one of the next.
const MOST: usize = if cfg!(test) { 3 } else { 64 };

/// Runs of entries in ascending order of their keys, each on a shelf. Takes a few bytes for a thousand of bytes there.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    shelf: Arc<dyn Shelf>,
    /// By levels: those that were added, those that were merged of these, and so on.
    levels: Vec<Vec<Run>>,
}

/// The places of the pieces of a run, and the number of entries in each.
type Run = Vec<(u64, usize)>;

impl Runs {
    /// No runs, on a shelf.
    pub(super) fn new(shelf: Arc<dyn Shelf>) -> Runs {
        Runs { shelf, levels: Vec::new() }
    }

    /// Adds a run of entries in ascending order of different keys. If the shelf has no room it is left out, which the shelf
    /// tells its maker. Takes time O(n log n) for all runs of n entries together.
    pub(super) fn add(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let mut run = self.shelved(entries.iter().copied());
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() <= MOST {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            run = self.shelved(self.merged_of(&full));
        }
    }

    fn shelved(&self, entries: impl Iterator<Item = Entry>) -> Run {
        let (mut run, mut bytes, mut entries) = (Vec::new(), Vec::with_capacity(PIECE * 16), entries.peekable());
        while entries.peek().is_some() {
            bytes.clear();
            for (key, count) in entries.by_ref().take(PIECE) {
                bytes.extend_from_slice(&key.to_le_bytes());
                bytes.extend_from_slice(&count.to_le_bytes());
            }
            run.extend(self.shelf.put(&bytes).map(|place| (place, bytes.len() / 16)));
        }
        run
    }

    /// The entries of all runs in ascending order, each key once with the sum of its counts. Holds a piece of each run.
    pub(super) fn merged(&self) -> impl Iterator<Item = Entry> + '_ {
        self.merged_of(self.levels.iter().flatten())
    }

    fn merged_of<'r>(&'r self, runs: impl IntoIterator<Item = &'r Run>) -> impl Iterator<Item = Entry> + 'r {
        let mut all: Vec<_> = runs.into_iter().map(|run| self.entries(run)).collect();
        let first = all.iter_mut().enumerate().filter_map(|(run, entries)| Some(Reverse((entries.next()?, run))));
        let mut next: BinaryHeap<Reverse<(Entry, usize)>> = first.collect();
        let mut pop = move |same: Option<u64>| {
            let &Reverse(((key, count), run)) = next.peek()?;
            if same.is_some_and(|same| same != key) {
                return None;
            }
            next.pop();
            next.extend(all[run].next().map(|entry| Reverse((entry, run))));
            Some((key, count))
        };
        std::iter::from_fn(move || {
            let (key, mut count) = pop(None)?;
            while let Some((_, more)) = pop(Some(key)) {
                count += more;
            }
            Some((key, count))
        })
    }

    fn entries<'r>(&'r self, run: &'r Run) -> impl Iterator<Item = Entry> + 'r {
        run.iter().flat_map(|&(place, count)| {
            let bytes = self.shelf.get(place, count * 16);
            (0..bytes.len() / 16).map(move |at| {
                let number = |at: usize| bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                (number(at * 16), number(at * 16 + 8) as i64)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::shelf::tests::ListShelf;

    proptest! {
        #[test]
        fn runs_are_merged_with_the_sums_of_counts(
            runs in prop::collection::vec(prop::collection::btree_map(0u64..40, 1i64..5, 0..20), 0..12),
        ) {
            let (mut sums, mut found) = (BTreeMap::new(), Runs::new(Arc::new(ListShelf::default())));
            for run in runs {
                run.iter().for_each(|(key, count)| *sums.entry(*key).or_insert(0) += count);
                found.add(&run.into_iter().collect::<Vec<_>>());
            }
            prop_assert!(found.levels.iter().all(|level| level.len() <= MOST));
            prop_assert_eq!(found.merged().collect::<Vec<_>>(), sums.into_iter().collect::<Vec<_>>());
        }
    }
}
