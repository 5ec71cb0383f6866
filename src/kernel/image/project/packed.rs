//! Pixels in as few bytes as possible, since they are stored for every chunk.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Lossless packed pixels.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Packed {
    /// A number of equal pixels, and the bits of their value.
    Equal(usize, u32),
    #[serde(with = "serde_bytes")]
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    /// The bits of each value.
    Floats(Vec<u32>),
}

/// Maximum number of pixels in a part of a panel: a whole panel.
const MOST: usize = super::LONGEST_SIDE * super::LONGEST_SIDE;

impl Packed {
    fn of(values: &[f32]) -> Self {
        let first = values.first().map_or(0, |value| value.to_bits());
        if values.iter().all(|value| value.to_bits() == first) {
            return Packed::Equal(values.len(), first);
        }
        // Negative zero does not survive the conversion to an integer and back.
        let bytes =
            values.iter().map(|&value| (f32::from(value as u8).to_bits() == value.to_bits()).then_some(value as u8));
        if let Some(bytes) = bytes.collect() {
            return Packed::Bytes(bytes);
        }
        let words =
            values.iter().map(|&value| (f32::from(value as u16).to_bits() == value.to_bits()).then_some(value as u16));
        if let Some(words) = words.collect() {
            return Packed::Words(words);
        }
        Packed::Floats(values.iter().map(|value| value.to_bits()).collect())
    }

    /// The pixels; `None` if they are more than those of a panel.
    fn values(self) -> Option<Vec<f32>> {
        match self {
            Packed::Equal(count, bits) => (count <= MOST).then(|| vec![f32::from_bits(bits); count]),
            Packed::Bytes(bytes) => Some(bytes.into_iter().map(f32::from).collect()),
            Packed::Words(words) => Some(words.into_iter().map(f32::from).collect()),
            Packed::Floats(bits) => Some(bits.into_iter().map(f32::from_bits).collect()),
        }
    }
}

pub(super) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    Packed::of(values).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let values = Packed::deserialize(deserializer)?.values();
    values.ok_or_else(|| serde::de::Error::custom("a panel of more pixels than a panel has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels, and a test of their packed form.
    type Case<'a> = (&'a [f32], fn(&Packed) -> bool);

    #[test]
    fn pixels_take_the_bytes_that_they_need_and_come_back_the_same() {
        let infinite = f32::NEG_INFINITY;
        let cases: [Case<'_>; 8] = [
            (&[], |packed| matches!(packed, Packed::Equal(0, _))),
            (&[infinite, infinite], |packed| matches!(packed, Packed::Equal(2, _))),
            (&[0.0, -0.0], |packed| matches!(packed, Packed::Floats(_))),
            (&[0.0, 255.0, 3.0], |packed| matches!(packed, Packed::Bytes(_))),
            (&[0.0, 256.0], |packed| matches!(packed, Packed::Words(_))),
            (&[1.0, 65536.0], |packed| matches!(packed, Packed::Floats(_))),
            (&[1.0, 0.5], |packed| matches!(packed, Packed::Floats(_))),
            (&[1.0, infinite], |packed| matches!(packed, Packed::Floats(_))),
        ];
        for (values, expected) in cases {
            let packed = Packed::of(values);
            assert!(expected(&packed), "{values:?}: {packed:?}");
            let back: Vec<u32> = packed.values().unwrap().into_iter().map(f32::to_bits).collect();
            assert_eq!(back, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        }
        assert_eq!(Packed::Equal(usize::MAX, 0).values(), None);
    }
}
