//! Columns of numbers as text in a page: deflate and base64, a fraction of what JSON takes.

use std::borrow::Cow;

use super::base64;

/// The numbers of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues<'a> {
    /// Whole numbers of 8 bits.
    Bytes(Cow<'a, [u8]>),
    /// Whole numbers.
    Whole(Cow<'a, [u32]>),
    /// Whole numbers in a rough order: the difference to the number before is stored.
    Ascending(Cow<'a, [u32]>),
    /// Numbers, of which 16 binary digits are kept (1.5e-5 of the number at most is lost); NaN where there is none.
    Numbers(Cow<'a, [f32]>),
    /// Whole numbers of 64 bits.
    Signed(Cow<'a, [i64]>),
    /// Whole numbers of 64 bits, from 0.
    Unsigned(Cow<'a, [u64]>),
}

/// Columns of numbers, each with a name.
///
/// As text: a line of JSON, `{"columns": [[name, type, length, bytes], …], "bytes": all, "encoding": "deflate"}`, and a line of base64
/// of the deflated (RFC 1951) bytes of all columns, one after the other. In a column of numbers of several bytes, the first bytes of
/// all of its numbers come first, little-endian: so they take less. `page/base.js` reads them.
#[derive(Clone, Debug, Default)]
pub struct Columns<'a> {
    columns: Vec<(&'static str, ColumnValues<'a>)>,
}

impl<'a> Columns<'a> {
    /// Appends a column.
    pub fn push(&mut self, name: &'static str, values: ColumnValues<'a>) {
        self.columns.push((name, values));
    }

    /// The columns as text.
    pub fn encode(&self) -> String {
        let (mut names, mut bytes) = (Vec::new(), Vec::new());
        for (name, values) in &self.columns {
            let (kind, length, before) = (values.kind(), values.len(), bytes.len());
            values.append(&mut bytes);
            names.push(serde_json::json!([name, kind, length, bytes.len() - before]));
        }
        let head = serde_json::json!({ "bytes": bytes.len(), "columns": names, "encoding": "deflate" });
        format!("{head}\n{}", base64(&deflated(&bytes)))
    }
}

impl ColumnValues<'_> {
    fn len(&self) -> usize {
        match self {
            ColumnValues::Bytes(values) => values.len(),
            ColumnValues::Whole(values) | ColumnValues::Ascending(values) => values.len(),
            ColumnValues::Numbers(values) => values.len(),
            ColumnValues::Signed(values) => values.len(),
            ColumnValues::Unsigned(values) => values.len(),
        }
    }

    /// Its type, as scripts know it.
    const fn kind(&self) -> &'static str {
        match self {
            ColumnValues::Bytes(_) => "u8",
            ColumnValues::Whole(_) => "u32",
            ColumnValues::Ascending(_) => "u32 differences",
            ColumnValues::Numbers(_) => "f32",
            ColumnValues::Signed(_) => "i64",
            ColumnValues::Unsigned(_) => "u64",
        }
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        match self {
            ColumnValues::Bytes(values) => bytes.extend_from_slice(values),
            ColumnValues::Whole(values) => append_apart(bytes, values.iter().copied()),
            ColumnValues::Ascending(values) => {
                let before = |place: usize| place.checked_sub(1).map_or(0, |before| values[before]);
                append_apart(bytes, (0..values.len()).map(|place| zigzag(values[place].wrapping_sub(before(place)))));
            }
            ColumnValues::Numbers(values) => append_apart(bytes, values.iter().map(|&value| rounded(value).to_bits())),
            ColumnValues::Signed(values) => append_halves(bytes, values.iter().map(|&value| value as u64)),
            ColumnValues::Unsigned(values) => append_halves(bytes, values.iter().copied()),
        }
    }
}

/// Appends the lowest bytes of all words, then the next, and so on.
fn append_apart(bytes: &mut Vec<u8>, words: impl Iterator<Item = u32> + Clone) {
    for place in 0..4 {
        bytes.extend(words.clone().map(|word| (word >> (8 * place)) as u8));
    }
}

/// Appends the lower halves of all words of 64 bits, and then the upper ones.
fn append_halves(bytes: &mut Vec<u8>, words: impl Iterator<Item = u64> + Clone) {
    append_apart(bytes, words.clone().map(|word| word as u32));
    append_apart(bytes, words.map(|word| (word >> 32) as u32));
}

/// A difference as a small number, if it is near zero.
const fn zigzag(difference: u32) -> u32 {
    difference << 1 ^ ((difference as i32) >> 31) as u32
}

/// A number with 16 binary digits: the last eight bits of its fraction are zeros, which take no room.
fn rounded(value: f32) -> f32 {
    if !value.is_finite() {
        return if value.is_nan() { f32::NAN } else { value };
    }
    let bits = value.to_bits();
    let near = f32::from_bits((bits.wrapping_add(0x7f + (bits >> 8 & 1))) & !0xff);
    if near.is_finite() { near } else { f32::from_bits(bits & !0xff) }
}

/// Bytes in the format of RFC 1951.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    use libdeflater::{CompressionLvl, Compressor};
    let mut compressor = Compressor::new(CompressionLvl::new(9).unwrap_or_default());
    let mut out = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let written = compressor.deflate_compress(bytes, &mut out).unwrap_or_else(|_| unreachable!("the bound is enough"));
    out.truncate(written);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_sixteen_digits() {
        for value in [0.0f32, 1.0, -1.0, 1.0 / 3.0, 12345.678, 1e-30, f32::MAX, f32::MIN_POSITIVE] {
            let near = rounded(value);
            assert!((near - value).abs() <= value.abs() * 1.6e-5, "{value}: {near}");
            assert_eq!(near.to_bits() & 0xff, 0);
        }
        assert!(rounded(f32::NAN).is_nan() && rounded(f32::INFINITY) == f32::INFINITY);
    }

    #[test]
    fn columns_are_described_and_deflated() {
        let mut columns = Columns::default();
        columns.push("kind", ColumnValues::Bytes(vec![1; 1000].into()));
        columns.push("node", ColumnValues::Ascending((0..1000).collect::<Vec<u32>>().into()));
        let text = columns.encode();
        let (head, data) = text.split_once('\n').unwrap();
        assert_eq!(
            head,
            r#"{"bytes":5000,"columns":[["kind","u8",1000,1000],["node","u32 differences",1000,4000]],"encoding":"deflate"}"#
        );
        assert!(data.len() < 100, "{}", data.len());
    }

    #[test]
    fn words_of_64_bits_are_stored_byte_by_byte() {
        let mut bytes = Vec::new();
        ColumnValues::Unsigned(vec![0x0807_0605_0403_0201, 0x1817_1615_1413_1211].into()).append(&mut bytes);
        let expected: Vec<u8> = (1..=8).flat_map(|byte| [byte, byte + 0x10]).collect();
        assert_eq!(bytes, expected);
        bytes.clear();
        ColumnValues::Signed(vec![-2].into()).append(&mut bytes);
        assert_eq!(bytes, (-2i64).to_le_bytes());
    }

    #[test]
    fn differences_of_both_signs_are_small() {
        assert_eq!([0, 1, u32::MAX, 2, u32::MAX - 1].map(zigzag), [0, 2, 1, 4, 3]);
    }
}
