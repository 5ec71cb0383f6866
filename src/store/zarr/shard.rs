//! The inner chunks of the shards of a Zarr v3 array.
//!
//! The format is the Zarr extension `sharding_indexed`: a shard is a file of encoded inner chunks with an index, at its
//! end or its start, of each one's offset and length. zarrs decodes whole shards; here one inner chunk is found and
//! decoded alone, and an index that points outside its file is damage rather than arithmetic overflow.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use zarrs::array::codec::{CodecChain, ShardingCodecConfiguration, ShardingIndexLocation};
use zarrs::array::{ArrayMetadata, ArrayToBytesCodecTraits, BytesRepresentation, CodecOptions, FillValue, data_type};

use super::blocks::{StoredArray, codec_error, damaged, encoding_error, most_encoded};
use super::folder::{Folder, Span};
use crate::error::{Error, Kind, Result};

/// The offset and length of an inner chunk that is not stored.
const NOT_STORED: u64 = u64::MAX;

/// Offset and length of each inner chunk of a shard; `None` where there is no shard.
type Index = Option<Arc<Vec<u64>>>;

/// How the shards of an array are made, and the indexes of those read so far: 16 bytes an inner chunk.
pub(crate) struct Shards {
    /// Voxels of an inner chunk along every axis of the array.
    pub(crate) inner: Vec<NonZeroU64>,
    /// Inner chunks of a shard along every axis of the array.
    pub(crate) per_shard: Vec<NonZeroU64>,
    codecs: CodecChain,
    index_codecs: CodecChain,
    index_first: bool,
    /// Bytes of the encoded index.
    index_size: u64,
    /// Bytes of an inner chunk and of a shard at most, as they are encoded.
    most: [u64; 2],
    indexes: Mutex<HashMap<Vec<u64>, Index>>,
}

impl Shards {
    /// The sharding of an array; `None` where it has none, or where codecs around it keep inner chunks from being read
    /// alone.
    ///
    /// # Errors
    /// `Data` where its codecs are not supported.
    pub(crate) fn of(array: &StoredArray, shard: &[NonZeroU64]) -> Result<Option<Self>> {
        let ArrayMetadata::V3(metadata) = array.metadata() else { return Ok(None) };
        let [codec] = &metadata.codecs[..] else { return Ok(None) };
        if codec.name() != "sharding_indexed" {
            return Ok(None);
        }
        let ShardingCodecConfiguration::V1(configuration) =
            codec.to_typed_configuration().map_err(|error| encoding_error(&error))?
        else {
            return Ok(None);
        };
        let chain = |metadata: &[_]| CodecChain::from_metadata(metadata).map_err(|error| encoding_error(&error));
        let (codecs, index_codecs) = (chain(&configuration.codecs)?, chain(&configuration.index_codecs)?);
        let inner = configuration.chunk_shape.to_vec();
        let per_shard: Option<Vec<NonZeroU64>> = (inner.len() == shard.len())
            .then(|| shard.iter().zip(&inner).map(|(s, i)| NonZeroU64::new(s.get() / i.get())).collect())
            .flatten();
        let per_shard = per_shard.ok_or_else(|| encoding_error(&"inner chunks larger than their shards"))?;
        let size = index_codecs.encoded_representation(&index_shape(&per_shard), &data_type::uint64(), &not_stored());
        let index_size = match size.map_err(|error| encoding_error(&error))? {
            BytesRepresentation::FixedSize(size) => size,
            _ => return Err(encoding_error(&"a shard index of variable size")),
        };
        let inner_most = most_encoded(&codecs, &inner, array.data_type(), array.fill_value());
        let count = per_shard.iter().fold(1, |product: u64, n| product.saturating_mul(n.get()));
        // Those who write a shard again may leave what it held.
        let shard_most = count.saturating_mul(inner_most).saturating_mul(2).saturating_add(index_size);
        let most = [inner_most, shard_most];
        let index_first = configuration.index_location == ShardingIndexLocation::Start;
        Ok(Some(Shards {
            inner,
            per_shard,
            codecs,
            index_codecs,
            index_first,
            index_size,
            most,
            indexes: Mutex::default(),
        }))
    }

    /// The decoded bytes of an inner chunk (at `index` on the array's grid of inner chunks) of the shard at a key;
    /// `None` where it, or the shard, is not stored.
    ///
    /// # Errors
    /// `Data` where the shard is damaged, `Io` where it cannot be read.
    pub(crate) fn decode(
        &self,
        folder: &Folder,
        key: &str,
        index: &[u64],
        array: &StoredArray,
        options: &CodecOptions,
    ) -> Result<Option<Vec<u8>>> {
        let shard: Vec<u64> = index.iter().zip(&self.per_shard).map(|(i, n)| i / n.get()).collect();
        let held = self.indexes.lock().unwrap_or_else(PoisonError::into_inner).get(&shard).cloned();
        let ranges = match held {
            Some(ranges) => ranges,
            None => {
                let ranges = self.read_index(folder, key, options)?;
                self.indexes.lock().unwrap_or_else(PoisonError::into_inner).insert(shard, ranges.clone());
                ranges
            }
        };
        let Some(ranges) = ranges else { return Ok(None) };
        let place = index.iter().zip(&self.per_shard).fold(0, |at, (i, n)| at * n.get() + i % n.get());
        let at = usize::try_from(2 * place).map_err(|_| damaged())?;
        let &[offset, length] = ranges.get(at..at + 2).ok_or_else(damaged)? else { return Err(damaged()) };
        if offset == NOT_STORED && length == NOT_STORED {
            return Ok(None);
        }
        if length > self.most[0] {
            return Err(damaged());
        }
        let encoded = folder.read_span(key, Span::At { offset, length })?;
        let encoded = encoded.ok_or_else(|| Error::new(Kind::Missing, "is not there any more; run again"))?;
        let (data_type, fill) = (array.data_type(), array.fill_value());
        let decoded = self.codecs.decode(encoded.into(), &self.inner, data_type, fill, options);
        let decoded = decoded.map_err(|error| codec_error(&error))?;
        Ok(Some(decoded.into_fixed().map_err(|_| damaged())?.into_owned()))
    }

    fn read_index(&self, folder: &Folder, key: &str, options: &CodecOptions) -> Result<Index> {
        let last = Span::Last { length: self.index_size, most: self.most[1] };
        let span = if self.index_first { Span::First(self.index_size) } else { last };
        let Some(encoded) = folder.read_span(key, span)? else { return Ok(None) };
        let shape = index_shape(&self.per_shard);
        let decoded = self.index_codecs.decode(encoded.into(), &shape, &data_type::uint64(), &not_stored(), options);
        let bytes = decoded.map_err(|error| codec_error(&error))?.into_fixed().map_err(|_| damaged())?;
        let (numbers, _) = bytes.as_chunks::<8>();
        Ok(Some(Arc::new(numbers.iter().map(|number| u64::from_ne_bytes(*number)).collect())))
    }
}

fn not_stored() -> FillValue {
    FillValue::from(NOT_STORED)
}

/// The shape of the index: two numbers an inner chunk.
fn index_shape(per_shard: &[NonZeroU64]) -> Vec<NonZeroU64> {
    const TWO: NonZeroU64 = NonZeroU64::new(2).expect("two is not zero");
    per_shard.iter().copied().chain([TWO]).collect()
}
