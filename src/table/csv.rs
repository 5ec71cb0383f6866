//! The branch table as comma-separated values.

use std::io::{self, Write};

use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::table::Table;
use crate::table::branch_columns::{Columns, FromNumber};
use crate::table::columns::{Column, Value, header};
use crate::table::row::{Frame, Measures, Row};
use crate::threads::in_turn;

/// Writes a header and rows in skan's columns; without rows, the header alone. Numbers are written with as few digits as read back to the
/// same number, without an exponent.
///
/// # Errors
/// If writing fails.
pub fn write_csv<M: OfPixels>(
    rows: impl IntoIterator<Item = Row<M>>,
    frame: &Frame,
    out: impl Write,
) -> io::Result<()> {
    write(rows, frame, false, out)
}

/// The same with the column `provisional`.
///
/// # Errors
/// If writing fails.
pub fn write_csv_with_arrival<M: OfPixels>(
    rows: impl IntoIterator<Item = Row<M>>,
    frame: &Frame,
    out: impl Write,
) -> io::Result<()> {
    write(rows, frame, true, out)
}

/// Writes a whole table in its columns, with `provisional` where it tells of arrival, on `threads` threads. Returns the number
/// of provisional rows. Holds a block of rows and their text for each thread.
///
/// # Errors
/// If writing fails.
pub fn write_table<M: Measured>(
    table: &Table<'_, M>,
    frame: &Frame,
    threads: usize,
    mut out: impl Write + Send,
) -> io::Result<u64> {
    let form = Form::new(table.columns(), frame, table.tells_arrival());
    writeln!(out, "{}", form.header)?;
    let mut provisional = 0;
    let make = |(line, count): &mut (Line, u64), block| {
        line.text.clear();
        *count = 0;
        for row in table.block(block, frame) {
            *count += u64::from(row.provisional == Some(true));
            line.row(&row, &form);
        }
    };
    in_turn(table.blocks(), threads, Default::default, make, |(line, count): &mut (Line, u64)| {
        provisional += *count;
        out.write_all(&line.text)
    })?;
    out.flush()?;
    Ok(provisional)
}

fn write<M: OfPixels>(
    rows: impl IntoIterator<Item = Row<M>>,
    frame: &Frame,
    arrival: bool,
    mut out: impl Write,
) -> io::Result<()> {
    let columns = Columns::skan();
    let form = Form::new(&columns, frame, arrival);
    writeln!(out, "{}", form.header)?;
    let mut line = Line::default();
    for row in rows {
        line.row(&row, &form);
        out.write_all(&line.text)?;
        line.text.clear();
    }
    out.flush()
}

/// What lines look like.
struct Form<'a, M> {
    header: String,
    ranks: [Column<Row<M>>; 3],
    before: &'a [Column<Measures<M>>],
    after: Option<FromNumber<'a, M>>,
    provisional: Option<Column<Row<M>>>,
    axes: std::ops::Range<usize>,
}

impl<'a, M: Measured> Form<'a, M> {
    fn new(columns: &'a Columns<M>, frame: &Frame, arrival: bool) -> Self {
        let (before, after) = columns.around_number();
        Form {
            header: header(&columns.fields(frame.dimensions, arrival)),
            ranks: Columns::ranks(),
            before,
            after,
            provisional: arrival.then(Columns::provisional),
            axes: frame.axes(),
        }
    }
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
    fn row<M: Measured>(&mut self, row: &Row<M>, form: &Form<'_, M>) {
        self.cells(row, &form.ranks, &form.axes);
        self.cells(&row.measures, form.before, &form.axes);
        if let Some((number, after)) = &form.after {
            self.cells(row, std::slice::from_ref(number), &form.axes);
            self.cells(&row.measures, after, &form.axes);
        }
        self.cells(row, form.provisional.as_slice(), &form.axes);
        if let Some(comma) = self.text.last_mut() {
            *comma = b'\n';
        }
    }

    /// The values that some columns have for a record, each with a comma after it.
    fn cells<R>(&mut self, record: &R, columns: &[Column<R>], axes: &std::ops::Range<usize>) {
        for column in columns {
            match column.value {
                Value::Whole(of) => self.whole(of(record)),
                Value::Number(of) => self.number(of(record)),
                Value::Optional(of) => match of(record) {
                    Some(number) => self.number(number),
                    None => self.text.push(b','),
                },
                Value::Flag(of) => self.text.extend_from_slice(if of(record) { b"True," } else { b"False," }),
                Value::Voxel(of) => of(record)[axes.clone()].iter().for_each(|&along| self.whole(along)),
                Value::Point(of) => of(record)[axes.clone()].iter().for_each(|&along| self.number(along)),
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
    use crate::kernel::measure::moments::Moments;
    use crate::space::Spacing;

    #[test]
    fn an_empty_table_is_a_header() {
        let frame = Frame { dimensions: 2, spacing: Spacing::default(), origin: [0; 3] };
        let mut text = Vec::new();
        write_csv::<Moments>([], &frame, &mut text).unwrap();
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
