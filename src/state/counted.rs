//! How often values occur in a chunk, small enough to be kept for every chunk.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::mask::histogram::{Count, Extent, Histogram};

/// How hard histograms are compressed.
const LEVEL: i32 = 1;

/// The values of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The least and the largest; for floats only.
    extent: Extent,
    /// How often each occurs, encoded and compressed: most bins of most chunks are empty.
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}

impl Counted {
    /// What is to be kept of the values of a chunk.
    ///
    /// # Errors
    /// `Internal` if it cannot be encoded.
    pub fn new(count: &Count) -> Result<Self> {
        let failed = || Error::internal("a histogram cannot be encoded");
        match count {
            Count::Extent(extent) => Ok(Counted { extent: *extent, packed: Vec::new() }),
            Count::Histogram(histogram) => {
                let bytes = postcard::to_stdvec(histogram).map_err(|error| failed().because(error))?;
                let packed = zstd::stream::encode_all(&bytes[..], LEVEL).map_err(|error| failed().because(error))?;
                Ok(Counted { extent: Extent::default(), packed })
            }
        }
    }

    /// The least and the largest value.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The same, with another extent.
    #[must_use]
    pub fn with_extent(self, extent: Extent) -> Self {
        Counted { extent, ..self }
    }

    /// How often each value occurs, where that was counted.
    ///
    /// # Errors
    /// `Internal` if it cannot be decoded.
    pub fn histogram(&self) -> Result<Option<Histogram>> {
        if self.packed.is_empty() {
            return Ok(None);
        }
        let failed = || Error::internal("a histogram cannot be decoded");
        let bytes = zstd::stream::decode_all(&self.packed[..]).map_err(|error| failed().because(error))?;
        let histogram: Histogram = postcard::from_bytes(&bytes).map_err(|error| failed().because(error))?;
        if histogram.is_sound() { Ok(Some(histogram)) } else { Err(failed()) }
    }

    /// Whether the numbers belong together, as far as can be told without decoding.
    pub(super) fn is_sound(&self) -> bool {
        !self.extent.min.is_nan() && !self.extent.max.is_nan()
    }
}
