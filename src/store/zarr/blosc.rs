//! Blosc chunks of Zstandard with shuffled bytes, decoded into place.
//!
//! zarrs decodes them too, into memory that is taken anew for each chunk and copied from. Here a thread's decompressor and
//! buffer are used again, and bytes are put together where the values are to be. What is not of this kind, or is damaged,
//! is left to zarrs.
//!
//! A chunk (c-blosc's format 2) is a header of 16 bytes, the places of its blocks as `u32`, and its blocks. A block is one
//! part, or as many as a value has bytes: the length of each as `u32`, then its bytes, compressed unless they are as long
//! as what they stand for. Shuffled, all first bytes of a block's values come first, then all second ones.

use std::cell::RefCell;

use bytemuck::{AnyBitPattern, NoUninit};
use ndarray::Array3;
use zarrs::array::ArrayMetadata;
use zstd::bulk::Decompressor;

use super::blocks::StoredArray;
use crate::chunk::spare::{self, Reused};
use crate::chunk::{Dtype, Voxels};

/// Bytes of the header.
const HEADER: usize = 16;
/// The version of the format.
const VERSION: u8 = 2;
const SHUFFLED: u8 = 0x01;
const NOT_SPLIT: u8 = 0x10;
/// Flags of chunks that are not compressed, of shuffled bits, and of later versions.
const OTHERS: u8 = 0x02 | 0x04 | 0x08;
/// The number of Zstandard among compressors.
const ZSTD: u8 = 4;
/// Blocks of values with more bytes, or of fewer values, are not split.
const MOST_PARTS: usize = 16;
const LEAST_PART: usize = 128;

/// What a thread decodes with.
struct Decoder {
    decompressor: Decompressor<'static>,
    /// A block with its bytes shuffled.
    block: Vec<u8>,
}

thread_local!(static DECODER: RefCell<Option<Decoder>> = const { RefCell::new(None) });

/// Whether the chunks of an array are their values in this machine's byte order, compressed by Blosc and nothing else.
pub(super) fn is_used_alone(array: &StoredArray) -> bool {
    let ArrayMetadata::V3(metadata) = array.metadata() else { return false };
    let [bytes, blosc] = &metadata.codecs[..] else { return false };
    let little = bytes.configuration().and_then(|of| of.get("endian")).is_some_and(|endian| endian == "little");
    cfg!(target_endian = "little") && little && bytes.name() == "bytes" && blosc.name() == "blosc"
}

/// So many values from an encoded chunk of them, as one row, or `None` where it is not of the kind that is decoded here.
pub(super) fn decode(encoded: &[u8], dtype: Dtype, count: u64) -> Option<Voxels> {
    fn row<T: Reused + AnyBitPattern + NoUninit>(encoded: &[u8], count: usize) -> Option<Voxels> {
        Array3::from_shape_vec([1, 1, count], values::<T>(encoded, count)?).ok().map(T::wrap)
    }
    let count = usize::try_from(count).ok()?;
    match dtype {
        Dtype::Bool | Dtype::U8 => None,
        Dtype::U16 => row::<u16>(encoded, count),
        Dtype::U32 => row::<u32>(encoded, count),
        Dtype::I16 => row::<i16>(encoded, count),
        Dtype::I32 => row::<i32>(encoded, count),
        Dtype::F32 => row::<f32>(encoded, count),
        Dtype::F64 => row::<f64>(encoded, count),
    }
}

fn values<T: Reused + AnyBitPattern + NoUninit>(encoded: &[u8], count: usize) -> Option<Vec<T>> {
    let chunk = Chunk::new(encoded, size_of::<T>(), count.checked_mul(size_of::<T>())?)?;
    DECODER.with_borrow_mut(|decoder| {
        let decoder = match decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder { decompressor: Decompressor::new().ok()?, block: Vec::new() }),
        };
        let mut values = spare::take(count);
        values.resize(count, T::zeroed());
        chunk.decode(decoder, bytemuck::cast_slice_mut(&mut values))?;
        Some(values)
    })
}

/// An encoded chunk whose header is in order.
struct Chunk<'a> {
    encoded: &'a [u8],
    /// Bytes of a value.
    size: usize,
    /// Bytes of a block, but for the last.
    block: usize,
    shuffled: bool,
    split: bool,
}

impl<'a> Chunk<'a> {
    fn new(encoded: &'a [u8], size: usize, bytes: usize) -> Option<Self> {
        let &[version, _, flags, value_size, ..] = encoded.get(..HEADER)? else { return None };
        let (whole, block, length) = (number(encoded, 4)?, number(encoded, 8)?, number(encoded, 12)?);
        let known = version == VERSION && flags & OTHERS == 0 && flags >> 5 == ZSTD;
        let fits = usize::from(value_size) == size && whole == bytes && length == encoded.len();
        let blocks = block > 0 && block <= bytes && block.is_multiple_of(size);
        let (shuffled, split) = (flags & SHUFFLED != 0 && size > 1, flags & NOT_SPLIT == 0);
        (known && fits && blocks).then_some(Chunk { encoded, size, block, shuffled, split })
    }

    fn decode(&self, decoder: &mut Decoder, bytes: &mut [u8]) -> Option<()> {
        for (n, to) in bytes.chunks_mut(self.block).enumerate() {
            let start = number(self.encoded, HEADER + 4 * n)?;
            if !self.shuffled {
                self.decode_block(&mut decoder.decompressor, start, to)?;
                continue;
            }
            decoder.block.resize(to.len(), 0);
            self.decode_block(&mut decoder.decompressor, start, &mut decoder.block)?;
            match self.size {
                2 => unshuffle::<2>(&decoder.block, to),
                4 => unshuffle::<4>(&decoder.block, to),
                8 => unshuffle::<8>(&decoder.block, to),
                _ => return None,
            }
        }
        Some(())
    }

    /// The bytes of a block, shuffled as they are.
    fn decode_block(&self, decompressor: &mut Decompressor<'_>, start: usize, to: &mut [u8]) -> Option<()> {
        let splits =
            self.split && self.size <= MOST_PARTS && self.block / self.size >= LEAST_PART && to.len() == self.block;
        let part = to.len() / if splits { self.size } else { 1 };
        let mut at = start;
        for to in to.chunks_exact_mut(part) {
            let length = number(self.encoded, at)?;
            let from = self.encoded.get(at + 4..)?.get(..length)?;
            if length == part {
                to.copy_from_slice(from);
            } else if decompressor.decompress_to_buffer(from, to).ok()? != part {
                return None;
            }
            at += 4 + length;
        }
        Some(())
    }
}

/// The number at a place.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*four)).ok()
}

/// Puts the bytes of values of `N` bytes together, from all their first ones, all their second ones, ….
#[cfg_attr(not(feature = "portable"), multiversion::multiversion(targets("x86_64+avx2")))]
fn unshuffle<const N: usize>(shuffled: &[u8], to: &mut [u8]) {
    let count = shuffled.len() / N;
    let places: [&[u8]; N] = std::array::from_fn(|k| &shuffled[k * count..][..count]);
    for (i, value) in to.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for k in 0..N {
            value[k] = places[k][i];
        }
    }
}

#[cfg(test)]
mod tests {
    use zarrs::array::codec::BloscCodec;
    use zarrs::array::codec::bytes_to_bytes::blosc::{BloscCompressionLevel, BloscCompressor, BloscShuffleMode};
    use zarrs::array::{BytesToBytesCodecTraits, CodecOptions};

    use super::*;

    /// Values as c-blosc encodes them, in blocks of a size or of one that it chooses.
    fn encoded<T: NoUninit>(values: &[T], block: Option<usize>, shuffle: BloscShuffleMode) -> Vec<u8> {
        let level = BloscCompressionLevel::try_from(3).unwrap();
        let codec = BloscCodec::new(BloscCompressor::Zstd, level, block, shuffle, Some(size_of::<T>())).unwrap();
        let bytes: &[u8] = bytemuck::cast_slice(values);
        codec.encode(bytes.into(), &CodecOptions::default()).unwrap().into_owned()
    }

    /// Values that repeat, and some that do not.
    fn numbers(count: usize) -> Vec<u64> {
        let mut state = 1u64;
        let mut next = |i: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (i / 1000).is_multiple_of(3) { state >> 20 } else { i as u64 / 100 }
        };
        (0..count).map(&mut next).collect()
    }

    #[test]
    fn what_blosc_encodes_is_decoded_in_every_size_and_block() {
        for count in [3000, 40_000, 123_457] {
            for block in [None, Some(4096), Some(1 << 16)] {
                for shuffle in [BloscShuffleMode::Shuffle, BloscShuffleMode::NoShuffle] {
                    let all = numbers(count);
                    let short: Vec<u16> = all.iter().map(|&v| v as u16).collect();
                    let long: Vec<i32> = all.iter().map(|&v| v as i32).collect();
                    let real: Vec<f64> = all.iter().map(|&v| v as f64).collect();
                    assert_eq!(super::values(&encoded(&short, block, shuffle), count), Some(short));
                    assert_eq!(super::values(&encoded(&long, block, shuffle), count), Some(long));
                    assert_eq!(super::values(&encoded(&real, block, shuffle), count), Some(real));
                }
            }
        }
    }

    #[test]
    fn other_chunks_and_damaged_ones_are_left_alone() {
        let all: Vec<u16> = numbers(20_000).into_iter().map(|v| v as u16).collect();
        assert_eq!(values::<u16>(&encoded(&all, None, BloscShuffleMode::BitShuffle), 20_000), None);
        let good = encoded(&all, Some(8192), BloscShuffleMode::Shuffle);
        assert_eq!(values::<u16>(&good, 19_999), None);
        assert_eq!(values::<u32>(&good, 10_000), None);
        for end in (0..good.len()).step_by(97) {
            assert_eq!(values::<u16>(&good[..end], 20_000), None);
        }
        // Whatever stands there, it is decoded or not.
        for at in 0..200 {
            for other in [0, 1, 0x7f, 0xff] {
                let mut garbled = good.clone();
                garbled[at] = other;
                let decoded = values::<u16>(&garbled, 20_000);
                assert!(decoded.is_none_or(|values| values.len() == 20_000));
            }
        }
    }
}
