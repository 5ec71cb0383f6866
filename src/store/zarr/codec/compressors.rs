//! Compressed bytes, decoded up to a limit, and checksums.

use std::borrow::Cow;
use std::io::Read;
use std::sync::OnceLock;

use zarrs::array::codec::bytes_to_bytes::blosc::{BloscCompressionLevel, BloscCompressor, BloscShuffleMode};
use zarrs::array::codec::{BloscCodec, Crc32cCodec};
use zarrs::array::{BytesRepresentation, BytesToBytesCodecTraits, CodecOptions};

use crate::error::Result;
use crate::store::zarr::faults::{damaged, room};

/// Largest number of bytes that deflate makes of one byte.
const INFLATION: usize = 1032;

/// Length of a Blosc header, in bytes.
const BLOSC_HEADER: usize = 16;

pub(super) fn blosc(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    static CODEC: OnceLock<Option<BloscCodec>> = OnceLock::new();
    let header: &[u8; BLOSC_HEADER] = bytes.first_chunk().ok_or_else(damaged)?;
    let number = |at: usize| -> usize {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
    };
    let decoded = number(4);
    if decoded > limit {
        return Err(damaged());
    }
    // Checks that the memory can be allocated, since the decoder does not.
    drop(room(decoded)?);
    let codec = CODEC.get_or_init(|| {
        // The header of each chunk determines the decoding, not the settings of this codec.
        let level = BloscCompressionLevel::try_from(1).ok()?;
        BloscCodec::new(BloscCompressor::LZ4, level, None, BloscShuffleMode::NoShuffle, None).ok()
    });
    let codec = codec.as_ref().ok_or_else(damaged)?;
    let bytes = codec.decode(bytes.into(), &BytesRepresentation::UnboundedSize, &CodecOptions::default());
    Ok(bytes.map_err(|error| damaged().because(error))?.into_owned())
}

pub(super) fn bz2(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut decoded = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = bzip2::read::MultiBzDecoder::new(bytes).take(most).read_to_end(&mut decoded);
    read.map_err(|error| damaged().because(error))?;
    if decoded.len() > limit { Err(damaged()) } else { Ok(decoded) }
}

pub(super) fn gzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut buffer = inflated(bytes, limit)?;
    let length = libdeflater::Decompressor::new().gzip_decompress(bytes, &mut buffer);
    buffer.truncate(length.map_err(|error| damaged().because(error))?);
    Ok(buffer)
}

pub(super) fn zlib(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut buffer = inflated(bytes, limit)?;
    let length = libdeflater::Decompressor::new().zlib_decompress(bytes, &mut buffer);
    buffer.truncate(length.map_err(|error| damaged().because(error))?);
    Ok(buffer)
}

/// A zeroed buffer for inflated bytes.
fn inflated(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let most = bytes.len().saturating_mul(INFLATION).min(limit);
    let mut buffer = room(most)?;
    buffer.resize(most, 0);
    Ok(buffer)
}

/// numcodecs' format: the decoded size, then one LZ4 block.
pub(super) fn lz4(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let (size, block) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
    if size > limit {
        return Err(damaged());
    }
    let mut buffer = room(size)?;
    buffer.resize(size, 0);
    let length = lz4_flex::block::decompress_into(block, &mut buffer).map_err(|error| damaged().because(error))?;
    if length == size { Ok(buffer) } else { Err(damaged()) }
}

pub(super) fn zstd(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut buffer = room(limit)?;
    let mut decoder = ::zstd::bulk::Decompressor::new().map_err(|error| damaged().because(error))?;
    decoder.decompress_to_buffer(bytes, &mut buffer).map_err(|error| damaged().because(error))?;
    Ok(buffer)
}

pub(super) fn crc32c(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>> {
    let decoded = Crc32cCodec::new().decode(bytes, &BytesRepresentation::UnboundedSize, &CodecOptions::default());
    decoded.map_err(|error| damaged().because(error))
}

/// Verifies the checksum at the start, and returns the bytes behind it.
pub(super) fn checked(bytes: Cow<'_, [u8]>, sum: impl Fn(&[u8]) -> u32) -> Result<Cow<'_, [u8]>> {
    let (expected, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
    if u32::from_le_bytes(*expected) != sum(rest) {
        return Err(damaged());
    }
    Ok(Cow::Owned(rest.to_vec()))
}
