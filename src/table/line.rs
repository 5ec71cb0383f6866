//! Lines of comma-separated values, from the columns of a table.

use std::io::Write;
use std::ops::Range;

use crate::table::columns::{Column, Value};
use crate::text::quoted;

/// Number of distinct numbers whose digits are cached: lengths and distances repeat.
const REMEMBERED: usize = 1 << 12;
/// Maximum number of digits that are cached for a number.
const REMEMBERED_DIGITS: usize = 23;

/// Lines in a buffer, until the caller takes them out.
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// Bits, length and digits of earlier numbers, by a hash of the bits.
    remembered: Vec<(u64, u8, [u8; REMEMBERED_DIGITS])>,
}

impl Default for Line {
    fn default() -> Self {
        // No finite number has these bits.
        Line { text: Vec::new(), remembered: vec![(u64::MAX, 0, [0; REMEMBERED_DIGITS]); REMEMBERED] }
    }
}

impl Line {
    /// Appends the values of columns for a record, each with a comma after it.
    pub(super) fn cells<R>(&mut self, record: &R, columns: &[Column<R>], axes: &Range<usize>) {
        for column in columns {
            match column.value {
                Value::Whole(of) => self.whole(of(record)),
                Value::Number(of) => self.number(of(record)),
                Value::Optional(of) => match of(record) {
                    Some(number) => self.number(number),
                    None => self.text.push(b','),
                },
                Value::Flag(of) => self.text.extend_from_slice(if of(record) { b"True," } else { b"False," }),
                Value::Label(of) => self.label(of(record)),
                Value::Text(of) => self.text(of(record)),
                Value::Voxel(of) => of(record)[axes.clone()].iter().for_each(|&along| self.whole(along)),
                Value::Point(of) => of(record)[axes.clone()].iter().for_each(|&along| self.number(along)),
                Value::OptionalPoint(of) => match of(record) {
                    Some(point) => point[axes.clone()].iter().for_each(|&along| self.number(along)),
                    None => axes.clone().for_each(|_| self.text.push(b',')),
                },
                Value::Box(of) => {
                    of(record).iter().flat_map(|corner| &corner[axes.clone()]).for_each(|&along| self.whole(along));
                }
            }
        }
    }

    /// Ends a line by replacing the comma after its last value.
    pub(super) fn end(&mut self) {
        if let Some(comma) = self.text.last_mut() {
            *comma = b'\n';
        }
    }

    /// Appends a text and a comma.
    pub(super) fn text(&mut self, text: &str) {
        self.text.extend_from_slice(quoted(text).as_bytes());
        self.text.push(b',');
    }

    fn label(&mut self, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.whole(value),
            Err(_) => {
                // Writing to a vector does not fail.
                let _ = write!(self.text, "{value},");
            }
        }
    }

    fn whole(&mut self, value: i64) {
        if value < 0 {
            self.text.push(b'-');
        }
        let mut left = value.unsigned_abs();
        let mut digits = [0; 20];
        let mut begin = digits.len();
        loop {
            begin -= 1;
            digits[begin] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.text.extend_from_slice(&digits[begin..]);
        self.text.push(b',');
    }

    fn number(&mut self, value: f64) {
        const WHOLE: f64 = (1i64 << 53) as f64;
        if value.abs() < WHOLE && value as i64 as f64 == value && (value != 0.0 || value.is_sign_positive()) {
            return self.whole(value as i64);
        }
        let bits = value.to_bits();
        let place = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % REMEMBERED;
        let (known, length, digits) = &mut self.remembered[place];
        if *known != bits {
            let begin = self.text.len();
            // Writing to a vector does not fail.
            let _ = write!(self.text, "{value}");
            let written = &self.text[begin..];
            if written.len() <= REMEMBERED_DIGITS {
                (*known, *length) = (bits, written.len() as u8);
                digits[..written.len()].copy_from_slice(written);
            }
        } else {
            self.text.extend_from_slice(&digits[..usize::from(*length)]);
        }
        self.text.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_rust_writes_them() {
        let mut line = Line::default();
        let mut expected = String::new();
        let numbers =
            [0.0, -0.0, 1.0, -7.5, 0.1, 1.0 / 3.0, 9007199254740993.0, 1e22, -1e-9, 5e-324, 1.5e300, f64::MIN];
        for _ in 0..2 {
            for number in numbers {
                line.number(number);
                expected += &format!("{number},");
            }
        }
        for whole in [0, -1, 10, i64::MAX, i64::MIN] {
            line.whole(whole);
            expected += &format!("{whole},");
        }
        for label in [3, i128::from(i64::MIN), i128::from(u64::MAX)] {
            line.label(label);
            expected += &format!("{label},");
        }
        line.text("a");
        line.text("b, \"c\"");
        expected += "a,\"b, \"\"c\"\"\",";
        assert_eq!(String::from_utf8(line.text).unwrap(), expected);
    }
}
