//! Numbers in records that are compared and sorted.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

/// A floating-point number that compares by its bits: equal if all bits are equal, and in the order of the bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Serialize, Deserialize, Zeroable)]
#[serde(into = "f64", from = "f64")]
#[repr(transparent)]
pub struct Bits(u64);

impl Bits {
    /// The number.
    #[inline]
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// Appends it to bytes, for [`Bits::read`].
    pub fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.0.to_le_bytes());
    }

    /// Reads the number at `at`, and moves `at` past it; `None` if the bytes end too early.
    pub fn read(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let bits = bytes.get(*at..)?.first_chunk()?;
        *at += bits.len();
        Some(Bits(u64::from_le_bytes(*bits)))
    }
}

impl From<f64> for Bits {
    #[inline]
    fn from(number: f64) -> Self {
        Bits(number.to_bits())
    }
}

impl From<Bits> for f64 {
    fn from(bits: Bits) -> Self {
        bits.get()
    }
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}
