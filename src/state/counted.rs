//! Counts of a chunk's values, small enough to store for every chunk.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::mask::count::Count;
use crate::kernel::mask::finder::ThresholdFinder;

/// Level of compression.
const LEVEL: i32 = 1;
/// Maximum size in bytes of a count that is not compressed.
const SMALL: usize = 64;

/// The count of a chunk in one pass, encoded, and compressed if it is long: most bins of most chunks are empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackedCount(#[serde(with = "serde_bytes")] Vec<u8>);

impl PackedCount {
    /// The packed form of a count.
    ///
    /// # Errors
    /// Of kind `Internal` if the count cannot be encoded.
    pub fn new(count: &Count) -> Result<Self> {
        let failed = || Error::internal("a count of values cannot be encoded");
        let mut bytes = postcard::to_stdvec(count).map_err(|error| failed().because(error))?;
        let is_long = bytes.len() > SMALL;
        if is_long {
            bytes = zstd::stream::encode_all(&bytes[..], LEVEL).map_err(|error| failed().because(error))?;
        }
        bytes.push(u8::from(is_long));
        Ok(PackedCount(bytes))
    }

    /// The count.
    ///
    /// # Errors
    /// Of kind `Internal` if the bytes cannot be decoded.
    pub fn count(&self) -> Result<Count> {
        let failed = || Error::internal("a count of values cannot be decoded");
        let (is_long, bytes) = self.0.split_last().ok_or_else(failed)?;
        let decoded;
        let bytes = match is_long {
            0 => bytes,
            _ => {
                decoded = zstd::stream::decode_all(bytes).map_err(|error| failed().because(error))?;
                &decoded
            }
        };
        let count: Count = postcard::from_bytes(bytes).map_err(|error| failed().because(error))?;
        if count.is_sound() { Ok(count) } else { Err(failed()) }
    }
}

/// The counts of a chunk in the passes that find a threshold, in the order of the passes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted(Vec<PackedCount>);

impl Counted {
    /// The count of a pass, if the pass has counted the chunk.
    ///
    /// # Errors
    /// As [`PackedCount::count`].
    pub fn of_pass(&self, pass: usize) -> Result<Option<Count>> {
        self.0.get(pass).map(PackedCount::count).transpose()
    }

    /// Sets the count of a pass, after those of the passes before it. Removes the counts of later passes, which are no
    /// longer valid.
    pub fn set(&mut self, pass: usize, count: PackedCount) {
        self.0.truncate(pass);
        self.0.push(count);
    }

    /// Whether no pass has counted the chunk.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the counts are consistent, as far as this can be checked without decoding.
    pub(super) fn is_sound(&self) -> bool {
        self.0.len() <= ThresholdFinder::MOST_PASSES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::mask::extent::Extent;
    use crate::kernel::mask::histogram::Histogram;

    #[test]
    fn counts_are_unpacked_as_they_were_packed_and_damaged_ones_are_refused() {
        let mut histogram = Histogram::of_integers();
        histogram.add_values(&(0..9000i32).collect::<Vec<_>>()).unwrap();
        let counts = [Count::Extent(Extent::of(&[0.5f32, 3.0])), Count::Histogram(histogram)];
        let mut counted = Counted::default();
        for (pass, count) in counts.iter().enumerate() {
            let packed = PackedCount::new(count).unwrap();
            for length in 0..packed.0.len() {
                assert!(PackedCount(packed.0[..length].to_vec()).count().is_err(), "{length} bytes");
            }
            counted.set(pass, packed);
        }
        let of_pass = |counted: &Counted, pass| counted.of_pass(pass).unwrap();
        assert_eq!([of_pass(&counted, 0), of_pass(&counted, 1)], counts.clone().map(Some));
        counted.set(0, PackedCount::new(&counts[1]).unwrap());
        assert_eq!([of_pass(&counted, 0), of_pass(&counted, 1)], [Some(counts[1].clone()), None]);
    }
}
