//! A threshold that is found from an image whose chunks change, from counts that are kept by chunk.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::Dtype;
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::count::Count;
use crate::kernel::mask::finder::{Finding, ThresholdFinder};
use crate::kernel::mask::histogram::Histogram;
use crate::kernel::mask::method::ThresholdMethod;
use crate::state::{Counted, PackedCount};

/// Counts the values of some chunks, each starting from an empty count where it is kept by chunk.
pub(super) type CountChunks<'a> = dyn FnMut(&BTreeSet<ChunkId>, Count) -> Result<Vec<CountedPart>> + 'a;

/// What was counted of a chunk, or of some chunks together.
pub(super) type CountedPart = (Option<ChunkId>, PackedCount);

/// What the passes that find a threshold have counted, in every chunk.
pub(super) struct Counting {
    method: ThresholdMethod,
    counted: BTreeMap<ChunkId, Counted>,
    /// Of all chunks, where their values are whole numbers.
    total: Option<Histogram>,
    /// What was found last, from the chunks as they are.
    found: Option<f64>,
}

impl Counting {
    pub(super) fn new(method: ThresholdMethod) -> Self {
        Counting { method, counted: BTreeMap::new(), total: None, found: None }
    }

    /// The threshold of values of a type, after chunks have gone and others have changed. Of chunks that have not changed,
    /// counts are used again where they fit; where the least or the largest value of a float image has moved, all of it is
    /// counted again; where counts are not kept by chunk, all of the image is counted again after any change.
    pub(super) fn threshold(
        &mut self,
        gone: &BTreeSet<ChunkId>,
        changed: &BTreeSet<ChunkId>,
        dtype: Dtype,
        count: &mut CountChunks<'_>,
    ) -> Result<f64> {
        if let Some(found) = self.found.take().filter(|_| gone.is_empty() && changed.is_empty()) {
            self.found = Some(found);
            return Ok(found);
        }
        let mut finder = ThresholdFinder::new(self.method, dtype);
        let mut before: Vec<Counted> = gone.iter().filter_map(|chunk| self.counted.remove(chunk)).collect();
        before.extend(changed.iter().filter_map(|&chunk| self.counted.insert(chunk, Counted::default())));
        let (mut finding, mut pass) = (finder.first(), 0);
        loop {
            let empty = match finding {
                Finding::Found(threshold) => {
                    self.found = Some(threshold);
                    return Ok(threshold);
                }
                Finding::Count(empty) => empty,
            };
            let total = self.total(pass, empty, std::mem::take(&mut before), count)?;
            finding = finder.next(&total)?;
            if let Count::Histogram(histogram) = total
                && dtype.is_integer()
            {
                self.total = Some(histogram);
            }
            pass += 1;
        }
    }

    /// What a pass counts over all chunks, from what it has counted of each, and `before` of those that have changed or gone
    /// since. Where that fails the total is made anew the next time.
    fn total(&mut self, pass: usize, empty: Count, before: Vec<Counted>, count: &mut CountChunks<'_>) -> Result<Count> {
        let mut total = empty.clone();
        let mut again = BTreeSet::new();
        if let Some(mut known) = self.total.take() {
            for old in before {
                if let Some(Count::Histogram(old)) = old.of_pass(pass)? {
                    known.remove(&old)?;
                }
            }
            total = Count::Histogram(known);
            again.extend(self.counted.iter().filter(|(_, counted)| counted.is_empty()).map(|(&chunk, _)| chunk));
        } else {
            for (&chunk, counted) in &self.counted {
                match counted.of_pass(pass)? {
                    Some(part) if part.is_like(&empty) => total.merge(&part)?,
                    _ => {
                        again.insert(chunk);
                    }
                }
            }
        }
        for (chunk, part) in count(&again, empty)? {
            total.merge(&part.count()?)?;
            if let Some(chunk) = chunk {
                self.counted.entry(chunk).or_default().set(pass, part);
            }
        }
        Ok(total)
    }

    /// What was counted of a chunk by an earlier session.
    pub(super) fn remember(&mut self, chunk: ChunkId, counted: Counted) {
        self.counted.insert(chunk, counted);
        (self.total, self.found) = (None, None);
    }

    /// What was counted of a chunk.
    pub(super) fn of(&self, chunk: ChunkId) -> Option<Counted> {
        self.counted.get(&chunk).cloned()
    }

    /// What was counted of some chunks.
    pub(super) fn counted(&self, chunks: &BTreeSet<ChunkId>) -> BTreeMap<ChunkId, Counted> {
        chunks.iter().filter_map(|chunk| Some((*chunk, self.counted.get(chunk)?.clone()))).collect()
    }
}
