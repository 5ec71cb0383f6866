//! The inner chunks of the shards of a Zarr v3 array.
//!
//! The format is the Zarr extension `sharding_indexed`: a shard is a file of encoded inner chunks with an index, at its
//! end or its start, of each one's offset and length. One inner chunk can be found and decoded alone. An index that
//! points outside its file counts as damaged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::faults::{damaged, unsupported};
use super::folder::Folder;
use super::form::{Sharding, ZarrForm};
use super::span::Span;
use crate::error::{Error, Kind, Result};
use crate::store::values::Endian;

/// The offset and length of an inner chunk that is not stored.
const NOT_STORED: u64 = u64::MAX;
/// Bytes of an offset and a length.
const ENTRY: usize = 16;

/// Offset and length of each inner chunk of a shard; `None` if the shard does not exist.
type Index = Option<Arc<Vec<u64>>>;

/// The sharding of an array, and the indexes of the shards read so far: 16 bytes for each inner chunk.
pub(crate) struct Shards {
    form: Sharding,
    /// The axes of the array in the order of a shard's inner chunks.
    order: Vec<usize>,
    /// Inner chunks of a shard along every axis of the array.
    pub(crate) per_shard: Vec<u64>,
    /// Inner chunks of a shard.
    count: usize,
    indexes: Mutex<HashMap<Vec<u64>, Index>>,
}

impl Shards {
    /// The sharding of an array; `None` without sharding.
    ///
    /// # Errors
    /// `Data` if a shard has more inner chunks than can be listed.
    pub(crate) fn of(array: &ZarrForm) -> Result<Option<Self>> {
        let Some(form) = array.sharding.clone() else { return Ok(None) };
        let per_shard: Vec<u64> = array.chunk.iter().zip(&form.inner).map(|(shard, inner)| shard / inner).collect();
        let count = per_shard.iter().try_fold(1u64, |count, n| count.checked_mul(*n));
        let count = count.and_then(|count| usize::try_from(count).ok()).filter(|n| n.checked_mul(2 * ENTRY).is_some());
        let count = count.ok_or_else(|| unsupported("shards of too many chunks"))?;
        Ok(Some(Shards { form, order: array.chain.order.clone(), per_shard, count, indexes: Mutex::default() }))
    }

    /// The encoded bytes of an inner chunk (at `index` on the array's grid of inner chunks) of the shard at a key;
    /// `None` if it, or the shard, is not stored.
    ///
    /// # Errors
    /// `Data` if the shard is damaged, `Io` if it cannot be read.
    pub(crate) fn read(&self, folder: &Folder, key: &str, index: &[u64], limit: usize) -> Result<Option<Vec<u8>>> {
        let shard: Vec<u64> = index.iter().zip(&self.per_shard).map(|(i, n)| i / n).collect();
        let held = self.indexes.lock().unwrap_or_else(PoisonError::into_inner).get(&shard).cloned();
        let ranges = match held {
            Some(ranges) => ranges,
            None => {
                let ranges = self.read_index(folder, key, limit)?;
                self.indexes.lock().unwrap_or_else(PoisonError::into_inner).insert(shard, ranges.clone());
                ranges
            }
        };
        let Some(ranges) = ranges else { return Ok(None) };
        let place =
            self.order.iter().fold(0, |at, &axis| at * self.per_shard[axis] + index[axis] % self.per_shard[axis]);
        let at = usize::try_from(2 * place).map_err(|_| damaged())?;
        let &[offset, length] = ranges.get(at..at + 2).ok_or_else(damaged)? else { return Err(damaged()) };
        if offset == NOT_STORED && length == NOT_STORED {
            return Ok(None);
        }
        if usize::try_from(length).is_ok_and(|length| length > limit) {
            return Err(damaged());
        }
        let encoded = folder.read_span(key, Span::At { offset, length })?;
        encoded.ok_or_else(|| Error::new(Kind::Missing, "is not there any more; run again")).map(Some)
    }

    fn read_index(&self, folder: &Folder, key: &str, limit: usize) -> Result<Index> {
        let size = self.form.index.largest(2 * self.count, ENTRY / 2) as u64;
        // A program that rewrites a shard may leave the old inner chunks in it.
        let most = (limit as u64).saturating_mul(self.count as u64).saturating_mul(2).saturating_add(size);
        let span = if self.form.index_first { Span::First(size) } else { Span::Last { length: size, most } };
        let Some(encoded) = folder.read_span(key, span)? else { return Ok(None) };
        let bytes = self.form.index.decode(encoded, 2 * self.count, ENTRY / 2)?;
        let (numbers, _) = bytes.as_chunks::<8>();
        let number = |bytes: &[u8; 8]| match self.form.index.endian {
            Endian::Little => u64::from_le_bytes(*bytes),
            Endian::Big => u64::from_be_bytes(*bytes),
        };
        Ok(Some(Arc::new(numbers.iter().map(number).collect())))
    }
}
