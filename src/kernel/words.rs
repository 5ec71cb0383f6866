//! Words of bits as bytes in little-endian order, for [`serde`].

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_bytes::{ByteBuf, Bytes};

/// Writes words.
pub(super) fn serialize<S: Serializer>(words: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<_> = words.iter().map(|word| word.to_le_bytes()).collect();
    Bytes::new(bytes.as_flattened()).serialize(serializer)
}

/// Reads words; an error if there is a part of one.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let bytes = ByteBuf::deserialize(deserializer)?;
    let (words, rest) = bytes.as_chunks();
    let whole = rest.is_empty().then(|| words.iter().map(|word| u64::from_le_bytes(*word)).collect());
    whole.ok_or_else(|| D::Error::custom("the last word is cut off"))
}
