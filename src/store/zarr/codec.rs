//! Encodes the values of a chunk as the bytes of a file, and decodes them.
//!
//! Metadata are read leniently and chunks are not: whatever a header inside a chunk says, nothing is decoded past the
//! size in the array's metadata.

mod bits;
mod compressors;
mod numbers;

use std::borrow::Cow;

pub(crate) use self::bits::Padding;
pub(crate) use self::numbers::Typed;
use super::faults::{damaged, too_large};
use crate::error::Result;
use crate::memory;
use crate::store::values::Endian;

/// A step of encoding. Names are those of numcodecs, which are also used in Zarr v3.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Blosc,
    Bz2,
    Gzip,
    Lz4,
    Zlib,
    Zstd,
    /// A CRC-32C of the bytes before it.
    Crc32c,
    /// A CRC-32 of the bytes behind it.
    Crc32,
    /// An Adler-32 of the bytes behind it.
    Adler32,
    /// The bytes of values of this size, those of equal significance grouped.
    Shuffle(usize),
    /// Values of this size with their bytes in reverse order.
    Swap(usize),
    /// Booleans, eight in a byte.
    PackBits(Padding),
    /// Differences from the previous value.
    Delta {
        values: Typed,
        stored: Typed,
    },
    /// `(value - offset) * scale`, rounded.
    Scale {
        offset: f64,
        scale: f64,
        values: Typed,
        stored: Typed,
    },
}

impl Step {
    /// Largest number of output bytes for a number of input bytes.
    fn bound(&self, bytes: usize) -> usize {
        match self {
            Step::Blosc | Step::Bz2 | Step::Gzip | Step::Lz4 | Step::Zlib | Step::Zstd => {
                // Incompressible data grow by less than this in all of these formats.
                bytes.saturating_add(bytes / 4).saturating_add(1 << 16)
            }
            Step::Crc32c | Step::Crc32 | Step::Adler32 => bytes.saturating_add(4),
            Step::Shuffle(_) | Step::Swap(_) => bytes,
            Step::PackBits(_) => bytes.div_ceil(8) + 1,
            Step::Delta { values, stored } | Step::Scale { values, stored, .. } => {
                (bytes / values.size()).saturating_mul(stored.size())
            }
        }
    }

    /// Refuses a filter that computes in types for which the results of NumPy would not be reproduced.
    ///
    /// # Errors
    /// `Data` if it is refused.
    pub(crate) fn require_exact(&self) -> Result<()> {
        match self {
            Step::Delta { values, stored } => numbers::require_summable(*values, *stored),
            Step::Scale { values, stored, scale, .. } => numbers::require_scalable(*values, *stored, *scale),
            _ => Ok(()),
        }
    }

    /// Size of an output value, for input values of `size` bytes.
    pub(crate) fn value_size(&self, size: usize) -> usize {
        match self {
            Step::Delta { stored, .. } | Step::Scale { stored, .. } => stored.size(),
            Step::PackBits(_) => 1,
            _ => size,
        }
    }

    /// Decodes bytes, to at most `limit` bytes.
    fn decode<'b>(&self, bytes: Cow<'b, [u8]>, limit: usize) -> Result<Cow<'b, [u8]>> {
        let decoded = match self {
            Step::Blosc => compressors::blosc(&bytes, limit)?,
            Step::Bz2 => compressors::bz2(&bytes, limit)?,
            Step::Gzip => compressors::gzip(&bytes, limit)?,
            Step::Lz4 => compressors::lz4(&bytes, limit)?,
            Step::Zlib => compressors::zlib(&bytes, limit)?,
            Step::Zstd => compressors::zstd(&bytes, limit)?,
            Step::Crc32c => return compressors::crc32c(bytes),
            Step::Crc32 => return compressors::checked(bytes, libdeflater::crc32),
            Step::Adler32 => return compressors::checked(bytes, libdeflater::adler32),
            Step::Shuffle(size) => bits::unshuffled(bytes.into_owned(), *size)?,
            Step::Swap(size) => bits::swapped(bytes.into_owned(), *size),
            Step::PackBits(padding) => bits::unpacked(&bytes, *padding)?,
            Step::Delta { values, stored } => numbers::summed(&bytes, *values, *stored)?,
            Step::Scale { offset, scale, values, stored } => {
                numbers::unscaled(&bytes, *offset, *scale, *values, *stored)?
            }
        };
        Ok(Cow::Owned(decoded))
    }
}

/// The steps from values to bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    /// The steps in the order of encoding.
    pub(crate) steps: Vec<Step>,
    /// The axes of the array in the order of its stored values, slowest first.
    pub(crate) order: Vec<usize>,
    /// The byte order of the values before the first step.
    pub(crate) endian: Endian,
}

impl Chain {
    /// Decodes `values` values of `size` bytes, in the order of this chain's axes and in its byte order.
    ///
    /// # Errors
    /// `Data` if the decoded bytes have another length.
    pub(crate) fn decode(&self, encoded: Vec<u8>, values: usize, size: usize) -> Result<Vec<u8>> {
        let wanted = values.saturating_mul(size);
        if memory::of_machine().is_some_and(|memory| wanted as u64 > memory) {
            return Err(too_large(wanted));
        }
        let bounds: Vec<usize> = self.bounds(wanted).collect();
        let mut bytes = Cow::Owned(encoded);
        for (step, &bound) in self.steps.iter().zip(&bounds).rev() {
            bytes = step.decode(bytes, bound)?;
        }
        if bytes.len() != wanted {
            return Err(damaged());
        }
        Ok(bytes.into_owned())
    }

    /// Largest number of bytes in a file of `values` values.
    pub(crate) fn largest(&self, values: usize, size: usize) -> usize {
        self.bounds(values.saturating_mul(size)).last().unwrap_or(usize::MAX)
    }

    /// Largest number of input bytes of each step, and of output bytes of the last one.
    fn bounds(&self, bytes: usize) -> impl Iterator<Item = usize> + '_ {
        let mut bytes = bytes;
        std::iter::once(bytes).chain(self.steps.iter().map(move |step| {
            bytes = step.bound(bytes);
            bytes
        }))
    }

    /// The steps' names, for messages and `info`.
    pub(crate) fn name(&self) -> String {
        let name = |step: &Step| match step {
            Step::Blosc => "blosc",
            Step::Bz2 => "bz2",
            Step::Gzip => "gzip",
            Step::Lz4 => "lz4",
            Step::Zlib => "zlib",
            Step::Zstd => "zstd",
            Step::Crc32c => "crc32c",
            Step::Crc32 => "crc32",
            Step::Adler32 => "adler32",
            Step::Shuffle(_) => "shuffle",
            Step::Swap(_) => "big endian",
            Step::PackBits(_) => "packbits",
            Step::Delta { .. } => "delta",
            Step::Scale { .. } => "fixedscaleoffset",
        };
        if self.steps.is_empty() {
            "none".to_owned()
        } else {
            self.steps.iter().map(name).collect::<Vec<_>>().join(", ")
        }
    }
}
