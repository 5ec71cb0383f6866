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
    ///
    /// # Errors
    /// Those of `count`, and of the method. What was counted of chunks before the call stays then.
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
        let mut earlier: Vec<(ChunkId, Option<Counted>)> =
            gone.iter().filter_map(|&chunk| Some((chunk, Some(self.counted.remove(&chunk)?)))).collect();
        earlier.extend(changed.iter().map(|&chunk| (chunk, self.counted.insert(chunk, Counted::default()))));
        let before = earlier.iter().filter_map(|(_, counted)| counted.clone()).collect();
        let found = self.find(before, dtype, count);
        if found.is_err() {
            // A chunk that cannot be read may be left out the next time.
            self.total = None;
            for (chunk, counted) in earlier {
                match counted {
                    Some(counted) => self.counted.insert(chunk, counted),
                    None => self.counted.remove(&chunk),
                };
            }
        }
        found
    }

    /// Finds the threshold by passes over the chunks that have not been counted, with `before` of those that have changed or gone.
    fn find(&mut self, mut before: Vec<Counted>, dtype: Dtype, count: &mut CountChunks<'_>) -> Result<f64> {
        let mut finder = ThresholdFinder::new(self.method, dtype);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::error::Error;

    /// Counts chunks of one value each, and fails at those that cannot be read.
    fn reader(
        values: &BTreeMap<ChunkId, f64>,
        torn: BTreeSet<ChunkId>,
    ) -> impl FnMut(&BTreeSet<ChunkId>, Count) -> Result<Vec<CountedPart>> {
        move |chunks: &BTreeSet<ChunkId>, empty: Count| {
            if let Some(&chunk) = chunks.intersection(&torn).next() {
                return Err(Error::data("is torn").in_chunk(chunk));
            }
            let of = |&chunk: &ChunkId| {
                let mut count = empty.clone();
                count.add(&Voxels::filled(Dtype::U8, [2; 3], values[&chunk]))?;
                Ok((Some(chunk), PackedCount::new(&count)?))
            };
            chunks.iter().map(of).collect()
        }
    }

    #[test]
    fn a_chunk_that_cannot_be_read_is_left_out_the_next_time() {
        let chunk = |x| ChunkId::at([0, 0, x]);
        let mut values: BTreeMap<ChunkId, f64> = (0..4).map(|x| (chunk(x), 10.0 * x as f64)).collect();
        let all: BTreeSet<ChunkId> = values.keys().copied().collect();
        let (none, torn) = (BTreeSet::new(), BTreeSet::from([chunk(3)]));
        let anew = |values: &BTreeMap<ChunkId, f64>| {
            let chunks = values.keys().copied().collect();
            let mut reader = reader(values, BTreeSet::new());
            Counting::new(ThresholdMethod::Otsu).threshold(&BTreeSet::new(), &chunks, Dtype::U8, &mut reader).unwrap()
        };
        let mut counting = Counting::new(ThresholdMethod::Otsu);
        // It is torn from the beginning.
        assert!(counting.threshold(&none, &all, Dtype::U8, &mut reader(&values, torn.clone())).is_err());
        let others = &all - &torn;
        let of_others = counting.threshold(&none, &others, Dtype::U8, &mut reader(&values, torn.clone())).unwrap();
        let mut known = values.clone();
        known.remove(&chunk(3));
        assert_eq!(of_others, anew(&known));
        let whole = counting.threshold(&none, &torn, Dtype::U8, &mut reader(&values, none.clone())).unwrap();
        assert_eq!(whole, anew(&values));
        // It is torn while it changes, beside another one: what it was before counts.
        values.insert(chunk(0), 1.0);
        known.clone_from(&values);
        values.insert(chunk(3), 200.0);
        let both = BTreeSet::from([chunk(0), chunk(3)]);
        assert!(counting.threshold(&none, &both, Dtype::U8, &mut reader(&values, torn.clone())).is_err());
        let mut others = reader(&values, &all - &BTreeSet::from([chunk(0)]));
        let found = counting.threshold(&none, &BTreeSet::from([chunk(0)]), Dtype::U8, &mut others).unwrap();
        assert_eq!(found, anew(&known));
        let found = counting.threshold(&none, &torn, Dtype::U8, &mut reader(&values, none.clone())).unwrap();
        assert_eq!(found, anew(&values));
    }
}
