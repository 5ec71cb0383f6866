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
    /// As these, of pixels with projected values only; before them the lengths of runs, by turns of pixels without such values
    /// and with them.
    BytesInRuns(Vec<u32>, Vec<u8>),
    WordsInRuns(Vec<u32>, Vec<u16>),
    FloatsInRuns(Vec<u32>, Vec<u32>),
    /// Their number, the bits of the two values that occur, and one bit for each pixel: whether it has the second.
    Two(usize, [u32; 2], #[serde(with = "serde_bytes")] Vec<u8>),
}

/// Maximum number of pixels in a part of a panel: a whole panel.
const MOST: usize = super::LONGEST_SIDE * super::LONGEST_SIDE;

impl Packed {
    fn of(values: &[f32]) -> Self {
        let first = values.first().map_or(0, |value| value.to_bits());
        if values.iter().fold(0, |others, value| others | (value.to_bits() ^ first)) == 0 {
            return Packed::Equal(values.len(), first);
        }
        if let Some(two) = Packed::of_two(values) {
            return two;
        }
        if !values.iter().fold(false, |any, value| any | is_empty(value)) {
            return Packed::without_runs(values);
        }
        let projected: Vec<f32> = values.iter().copied().filter(|value| !is_empty(value)).collect();
        match Packed::without_runs(&projected) {
            Packed::Bytes(bytes) => Packed::BytesInRuns(runs(values), bytes),
            Packed::Words(words) => Packed::WordsInRuns(runs(values), words),
            Packed::Floats(bits) => Packed::FloatsInRuns(runs(values), bits),
            other => other,
        }
    }

    /// Pixels of two values, as those of a mask are.
    fn of_two(values: &[f32]) -> Option<Self> {
        let first = values.first()?.to_bits();
        let second = values.iter().map(|value| value.to_bits()).find(|bits| *bits != first)?;
        let are_two = |values: &[f32]| {
            values.iter().fold(true, |are, value| are & ((value.to_bits() == first) | (value.to_bits() == second)))
        };
        // Others of an image with more values are found soon.
        if !values.chunks(1024).all(are_two) {
            return None;
        }
        let byte = |values: &[f32]| {
            (0..).zip(values).fold(0, |byte, (at, value)| byte | u8::from(value.to_bits() == second) << at)
        };
        Some(Packed::Two(values.len(), [first, second], values.chunks(8).map(byte).collect()))
    }

    /// In the smallest form that holds each value.
    fn without_runs(values: &[f32]) -> Self {
        // Whether all are whole numbers, and the bits that any of them has, in one pass without an early end, which the
        // compiler turns into a few instructions for several values. Negative zero does not come back from an integer.
        let (are_whole, bits) = values.iter().fold((true, 0u32), |(are_whole, bits), &value| {
            let whole = value as i32;
            (are_whole & ((whole as f32).to_bits() == value.to_bits()), bits | whole as u32)
        });
        match bits {
            0..=0xff if are_whole => return Packed::Bytes(values.iter().map(|&value| value as u8).collect()),
            0..=0xffff if are_whole => return Packed::Words(values.iter().map(|&value| value as u16).collect()),
            _ => {}
        }
        Packed::Floats(values.iter().map(|value| value.to_bits()).collect())
    }

    /// The pixels; `None` if they are more than those of a panel, or others than runs say.
    fn values(self) -> Option<Vec<f32>> {
        match self {
            Packed::Equal(count, bits) => (count <= MOST).then(|| vec![f32::from_bits(bits); count]),
            Packed::Bytes(bytes) => Some(bytes.into_iter().map(f32::from).collect()),
            Packed::Words(words) => Some(words.into_iter().map(f32::from).collect()),
            Packed::Floats(bits) => Some(bits.into_iter().map(f32::from_bits).collect()),
            Packed::BytesInRuns(runs, bytes) => in_runs(&runs, bytes.into_iter().map(f32::from)),
            Packed::WordsInRuns(runs, words) => in_runs(&runs, words.into_iter().map(f32::from)),
            Packed::FloatsInRuns(runs, bits) => in_runs(&runs, bits.into_iter().map(f32::from_bits)),
            Packed::Two(count, two, bytes) => {
                let two = two.map(f32::from_bits);
                let pixels = |byte: u8| (0..8).map(move |at| two[usize::from(byte >> at & 1)]);
                let fits = count <= MOST && bytes.len() == count.div_ceil(8);
                fits.then(|| {
                    let mut values: Vec<f32> = bytes.into_iter().flat_map(pixels).collect();
                    values.truncate(count);
                    values
                })
            }
        }
    }
}

/// Whether no value was projected on a pixel.
fn is_empty(value: &f32) -> bool {
    value.to_bits() == f32::NEG_INFINITY.to_bits()
}

/// The lengths of runs of pixels, by turns without projected values and with them.
fn runs(values: &[f32]) -> Vec<u32> {
    let mut runs = Vec::new();
    let mut rest = values;
    while !rest.is_empty() {
        let of_empty = runs.len() % 2 == 0;
        let run = rest.iter().take_while(|value| is_empty(value) == of_empty).count();
        runs.push(u32::try_from(run).unwrap_or(u32::MAX));
        rest = &rest[run..];
    }
    runs
}

/// Pixels from the lengths of their runs, and the values of those that have some.
fn in_runs(runs: &[u32], mut projected: impl ExactSizeIterator<Item = f32>) -> Option<Vec<f32>> {
    let total: u64 = runs.iter().copied().map(u64::from).sum();
    let mut values = Vec::with_capacity(usize::try_from(total).ok().filter(|&total| total <= MOST)?);
    for (place, &run) in runs.iter().enumerate() {
        let end = values.len() + run as usize;
        if place % 2 == 0 {
            values.resize(end, f32::NEG_INFINITY);
        } else {
            values.extend(projected.by_ref().take(run as usize));
        }
        if values.len() < end {
            return None;
        }
    }
    (projected.len() == 0).then_some(values)
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
        let cases: [Case<'_>; 14] = [
            (&[], |packed| matches!(packed, Packed::Equal(0, _))),
            (&[infinite, infinite], |packed| matches!(packed, Packed::Equal(2, _))),
            (&[0.0, -0.0], |packed| matches!(packed, Packed::Two(2, ..))),
            (&[1.0, infinite], |packed| matches!(packed, Packed::Two(2, ..))),
            (&[0.0, 255.0, 0.0, 0.0, 255.0, 0.0, 0.0, 0.0, 255.0], |packed| {
                *packed == Packed::Two(9, [0, 255f32.to_bits()], vec![0b10010, 1])
            }),
            (&[255.0, 0.0, 0.0], |packed| *packed == Packed::Two(3, [255f32.to_bits(), 0], vec![0b110])),
            (&[2.0, 0.0, -0.0], |packed| matches!(packed, Packed::Floats(_))),
            (&[0.0, 255.0, 3.0], |packed| matches!(packed, Packed::Bytes(_))),
            (&[0.0, 1.0, 256.0], |packed| matches!(packed, Packed::Words(_))),
            (&[1.0, 2.0, 65536.0], |packed| matches!(packed, Packed::Floats(_))),
            (&[1.0, 2.0, 0.5], |packed| matches!(packed, Packed::Floats(_))),
            (&[1.0, 2.0, infinite], |packed| *packed == Packed::BytesInRuns(vec![0, 2, 1], vec![1, 2])),
            (&[infinite, infinite, 7.0, 900.0], |packed| *packed == Packed::WordsInRuns(vec![2, 2], vec![7, 900])),
            (&[infinite, 0.5, infinite, 7.0], |packed| matches!(packed, Packed::FloatsInRuns(..))),
        ];
        for (values, expected) in cases {
            let packed = Packed::of(values);
            assert!(expected(&packed), "{values:?}: {packed:?}");
            let back: Vec<u32> = packed.values().unwrap().into_iter().map(f32::to_bits).collect();
            assert_eq!(back, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        }
        let bytes = |runs: &[u32], bytes: &[u8]| Packed::BytesInRuns(runs.to_vec(), bytes.to_vec());
        let damaged = [
            Packed::Two(usize::MAX, [0, 1], vec![0]),
            Packed::Two(9, [0, 1], vec![0]),
            Packed::Equal(usize::MAX, 0),
            bytes(&[u32::MAX, 1], &[0]),
            bytes(&[1, 2], &[0]),
            bytes(&[1, 1], &[0, 0]),
        ];
        assert!(damaged.into_iter().all(|packed| packed.values().is_none()));
    }
}
