//! How the values of a chunk become the bytes of a file, and back.
//!
//! Metadata are read leniently and chunks are not: whatever a header inside a chunk says, nothing is decoded past the
//! size that the array's metadata give to it.

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

/// A step of encoding. All names are those of numcodecs, which those of Zarr v3 go by too.
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
    /// The bytes of values of this size, those of equal significance together.
    Shuffle(usize),
    /// Values of this size with their bytes in the other order.
    Swap(usize),
    /// Truth values, eight a byte.
    PackBits(Padding),
    /// Differences to the value before.
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
    /// At most so many bytes come out where so many go in.
    fn bound(&self, bytes: usize) -> usize {
        match self {
            Step::Blosc | Step::Bz2 | Step::Gzip | Step::Lz4 | Step::Zlib | Step::Zstd => {
                // What does not get smaller becomes a little larger, by less than this in every one of these forms.
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

    /// Refuses a filter that computes in types in which NumPy's results are not met.
    ///
    /// # Errors
    /// `Data` if that is so.
    pub(crate) fn require_exact(&self) -> Result<()> {
        match self {
            Step::Delta { values, stored } => numbers::require_summable(*values, *stored),
            Step::Scale { values, stored, scale, .. } => numbers::require_scalable(*values, *stored, *scale),
            _ => Ok(()),
        }
    }

    /// Bytes of a value that comes out, where values of `size` bytes go in.
    pub(crate) fn value_size(&self, size: usize) -> usize {
        match self {
            Step::Delta { stored, .. } | Step::Scale { stored, .. } => stored.size(),
            Step::PackBits(_) => 1,
            _ => size,
        }
    }

    /// What was encoded to these bytes: at most `limit` bytes.
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
    /// In the order of encoding.
    pub(crate) steps: Vec<Step>,
    /// The axes of the array in the order in which its values follow each other, slowest first.
    pub(crate) order: Vec<usize>,
    /// The byte order of the values before the first step.
    pub(crate) endian: Endian,
}

impl Chain {
    /// The bytes of so many values of a size, in the order of this chain's axes and in its byte order.
    ///
    /// # Errors
    /// `Data` if they do not decode to just that.
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

    /// At most so many bytes are in a file of so many values.
    pub(crate) fn largest(&self, values: usize, size: usize) -> usize {
        self.bounds(values.saturating_mul(size)).last().unwrap_or(usize::MAX)
    }

    /// The bytes that go into each step, and that come out of the last one: at most.
    fn bounds(&self, bytes: usize) -> impl Iterator<Item = usize> + '_ {
        let mut bytes = bytes;
        std::iter::once(bytes).chain(self.steps.iter().map(move |step| {
            bytes = step.bound(bytes);
            bytes
        }))
    }

    /// The steps' names, as messages and `info` have them.
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
