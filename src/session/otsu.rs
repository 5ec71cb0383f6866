//! Otsu's threshold of an image whose chunks change, from the counts of each chunk.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::Dtype;
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::mask::histogram::{Count, Extent, Histogram};
use crate::state::Counted;

/// Counts the values of each of some chunks, starting from an empty count.
pub(super) type CountValues<'a> = dyn FnMut(&BTreeSet<ChunkId>, Count) -> Result<Vec<(ChunkId, Counted)>> + 'a;

/// How often values occur, in each chunk and in all of them.
#[derive(Default)]
pub(super) struct Otsu {
    counted: BTreeMap<ChunkId, Counted>,
    /// Of all chunks, for whole numbers.
    total: Option<Histogram>,
}

impl Otsu {
    /// The threshold of values of a type, after chunks have gone and others have changed. If the least or the largest
    /// value of a float image has moved, all of it is counted again.
    pub(super) fn threshold(
        &mut self,
        gone: &BTreeSet<ChunkId>,
        changed: &BTreeSet<ChunkId>,
        dtype: Dtype,
        count: &mut CountValues<'_>,
    ) -> Result<f64> {
        if dtype.is_integer() {
            let new = count(changed, Count::Histogram(Histogram::of_integers()))?;
            self.replace(gone, new)?;
            return self.total.as_ref().map_or_else(|| Histogram::of_integers().threshold(), Histogram::threshold);
        }
        self.counted.retain(|chunk, _| !gone.contains(chunk));
        self.counted.extend(count(changed, Count::Extent(Extent::default()))?);
        let extent = self.counted.values().fold(Extent::default(), |extent, counted| extent.merged(counted.extent()));
        let mut total = Histogram::of_floats(dtype, extent)?;
        let empty = total.clone();
        let mut again = BTreeSet::new();
        for (&chunk, counted) in &self.counted {
            match counted.histogram()? {
                Some(histogram) if histogram.has_bins_of(&empty) => total.merge(&histogram)?,
                _ => {
                    again.insert(chunk);
                }
            }
        }
        for (chunk, counted) in count(&again, Count::Histogram(empty))? {
            if let Some(histogram) = counted.histogram()? {
                total.merge(&histogram)?;
            }
            let extent = self.counted.get(&chunk).map(Counted::extent).unwrap_or_default();
            self.counted.insert(chunk, counted.with_extent(extent));
        }
        total.threshold()
    }

    /// Takes in the count of a chunk from an earlier session.
    pub(super) fn remember(&mut self, chunk: ChunkId, counted: Counted) {
        self.counted.insert(chunk, counted);
        self.total = None;
    }

    /// The counts of some chunks.
    pub(super) fn counted(&self, chunks: &BTreeSet<ChunkId>) -> BTreeMap<ChunkId, Counted> {
        chunks.iter().filter_map(|chunk| Some((*chunk, self.counted.get(chunk)?.clone()))).collect()
    }

    /// Replaces old counts of whole numbers by new ones. If that fails, the total is computed again the next time.
    fn replace(&mut self, gone: &BTreeSet<ChunkId>, new: Vec<(ChunkId, Counted)>) -> Result<()> {
        let mut total = match self.total.take() {
            Some(total) => total,
            None => {
                let mut total = Histogram::of_integers();
                for histogram in self.counted.values().filter_map(|counted| counted.histogram().transpose()) {
                    total.merge(&histogram?)?;
                }
                total
            }
        };
        let mut changes: BTreeMap<ChunkId, Option<Counted>> = gone.iter().map(|&chunk| (chunk, None)).collect();
        changes.extend(new.into_iter().map(|(chunk, counted)| (chunk, Some(counted))));
        for (chunk, new) in changes {
            let added = new.as_ref().map(Counted::histogram).transpose()?.flatten();
            let old = match new {
                Some(new) => self.counted.insert(chunk, new),
                None => self.counted.remove(&chunk),
            };
            if let Some(old) = old.as_ref().map(Counted::histogram).transpose()?.flatten() {
                total.remove(&old)?;
            }
            if let Some(added) = added {
                total.merge(&added)?;
            }
        }
        self.total = Some(total);
        Ok(())
    }
}
