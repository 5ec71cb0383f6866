//! The branch table as comma-separated values, in skan's columns.

use std::io::{self, Write};

use crate::table::Table;
use crate::table::row::{Frame, Measures, Row};
use crate::threads::in_turn;

/// Number of columns that are ranks: the first ones. They depend on other branches.
pub const RANKS: usize = 3;
/// Which of the columns after the ranks is the first coordinate of a branch's start, from 0.
pub const START: usize = 4;

/// The column after all others, where arrival is tracked: `True` or `False`.
pub const PROVISIONAL: &str = "provisional";

/// Names of the columns, in order, for images of 2 or 3 dimensions.
pub fn columns(dimensions: usize) -> Vec<String> {
    let ranks: [&str; RANKS] = ["skeleton_id", "node_id_src", "node_id_dst"];
    let mut names = ranks.map(String::from).to_vec();
    names.extend(measure_columns(dimensions));
    names
}

/// Names of the columns that do not depend on other branches: all but ranks.
pub fn measure_columns(dimensions: usize) -> Vec<String> {
    let mut names: Vec<String> =
        ["branch_distance", "branch_type", "mean_pixel_value", "stdev_pixel_value"].map(String::from).to_vec();
    for stem in ["image_coord_src", "image_coord_dst", "coord_src", "coord_dst"] {
        names.extend((0..dimensions).map(|axis| format!("{stem}_{axis}")));
    }
    names.push(String::from("euclidean_distance"));
    names
}

/// Writes a header and rows; without rows, the header alone. Numbers are written with as few digits as read back to the
/// same number, without an exponent.
///
/// # Errors
/// Where writing fails.
pub fn write_csv(rows: impl IntoIterator<Item = Row>, frame: &Frame, out: impl Write) -> io::Result<()> {
    write(rows, frame, false, out)
}

/// The same with the column [`PROVISIONAL`].
///
/// # Errors
/// Where writing fails.
pub fn write_csv_with_arrival(rows: impl IntoIterator<Item = Row>, frame: &Frame, out: impl Write) -> io::Result<()> {
    write(rows, frame, true, out)
}

/// Writes a whole table, with the column [`PROVISIONAL`] where it tells of arrival, on so many threads. Gives the number of
/// provisional rows. Holds a block of rows and their text for each thread.
///
/// # Errors
/// Where writing fails.
pub fn write_table(table: &Table<'_>, frame: &Frame, threads: usize, mut out: impl Write + Send) -> io::Result<u64> {
    let arrival = table.tells_arrival();
    writeln!(out, "{}", header(frame, arrival))?;
    let mut provisional = 0;
    let make = |(line, count): &mut (Line, u64), block| {
        line.text.clear();
        *count = 0;
        for row in table.block(block, frame) {
            *count += u64::from(row.provisional == Some(true));
            line.row(&row, frame, arrival);
        }
    };
    in_turn(table.blocks(), threads, Default::default, make, |(line, count): &mut (Line, u64)| {
        provisional += *count;
        out.write_all(&line.text)
    })?;
    out.flush()?;
    Ok(provisional)
}

fn header(frame: &Frame, arrival: bool) -> String {
    let mut names = columns(frame.dimensions);
    names.extend(arrival.then(|| String::from(PROVISIONAL)));
    names.join(",")
}

fn write(rows: impl IntoIterator<Item = Row>, frame: &Frame, arrival: bool, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{}", header(frame, arrival))?;
    let mut line = Line::default();
    for row in rows {
        line.row(&row, frame, arrival);
        out.write_all(&line.text)?;
        line.text.clear();
    }
    out.flush()
}

/// Distinct numbers whose digits are remembered: lengths and distances repeat.
const REMEMBERED: usize = 1 << 12;
/// Digits that are remembered of a number.
const REMEMBERED_DIGITS: usize = 23;

/// A line that is being written, after those that have not been taken away.
struct Line {
    text: Vec<u8>,
    /// The digits of numbers that came before, by a hash of the number's bits.
    remembered: Vec<(u64, u8, [u8; REMEMBERED_DIGITS])>,
}

impl Default for Line {
    fn default() -> Self {
        // No finite number has these bits.
        Line { text: Vec::new(), remembered: vec![(u64::MAX, 0, [0; REMEMBERED_DIGITS]); REMEMBERED] }
    }
}

impl Line {
    fn row(&mut self, row: &Row, frame: &Frame, arrival: bool) {
        for id in [row.skeleton_id, row.node_id_src, row.node_id_dst] {
            self.whole(id as i64);
        }
        self.measures(&row.measures, frame);
        if arrival {
            self.text.extend_from_slice(if row.provisional == Some(true) { b"True," } else { b"False," });
        }
        if let Some(comma) = self.text.last_mut() {
            *comma = b'\n';
        }
    }

    fn measures(&mut self, m: &Measures, frame: &Frame) {
        self.number(m.branch_distance);
        self.whole(m.branch_type as i64);
        self.number(m.mean_pixel_value);
        self.number(m.stdev_pixel_value);
        for place in [m.image_coord_src, m.image_coord_dst] {
            for axis in frame.axes() {
                self.whole(place[axis]);
            }
        }
        for place in [m.coord_src, m.coord_dst] {
            for axis in frame.axes() {
                self.number(place[axis]);
            }
        }
        self.number(m.euclidean_distance);
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
    use crate::space::Spacing;

    #[test]
    fn an_empty_table_is_a_header() {
        let frame = Frame { dimensions: 2, spacing: Spacing::default(), origin: [0; 3] };
        let mut text = Vec::new();
        write_csv([], &frame, &mut text).unwrap();
        let expected = "skeleton_id,node_id_src,node_id_dst,branch_distance,branch_type,mean_pixel_value,\
                        stdev_pixel_value,image_coord_src_0,image_coord_src_1,image_coord_dst_0,image_coord_dst_1,\
                        coord_src_0,coord_src_1,coord_dst_0,coord_dst_1,euclidean_distance\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

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
        assert_eq!(String::from_utf8(line.text).unwrap(), expected);
    }
}
