//! Tables as comma-separated values.

use std::io::{self, Write};

use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::pixel_values::OfPixels;
use crate::table::Table;
use crate::table::branch_columns::{Columns, FromNumber};
use crate::table::branch_regions::BranchRegions;
use crate::table::columns::{Column, Field, header};
use crate::table::line::Line;
use crate::table::row::{Frame, Measures, Row};
use crate::threads::in_turn;

/// Writes a header and rows in skan's columns; without rows, the header alone. Numbers are written without an exponent,
/// with the fewest digits that read back as the same number.
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

/// As [`write_csv`], with the column `provisional`.
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

/// Writes a whole table on `threads` threads, with the column `provisional` if the table has an arrival, and the region of
/// each branch if it has regions. Returns the
/// number of provisional rows. Holds a block of rows and their text for each thread.
///
/// # Errors
/// If writing fails.
pub fn write_table<M: Measured>(
    table: &Table<'_, M>,
    frame: &Frame,
    threads: usize,
    mut out: impl Write + Send,
) -> io::Result<u64> {
    let form = Form::new(table.columns(), frame, table.tells_arrival(), table.regions());
    writeln!(out, "{}", form.header)?;
    let mut provisional = 0;
    let make = |(line, count): &mut (Line, u64), block| {
        line.text.clear();
        *count = 0;
        for row in table.block(block, frame) {
            *count += u64::from(row.provisional == Some(true));
            form.row(&row, line);
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
    let form = Form::new(&columns, frame, arrival, None);
    writeln!(out, "{}", form.header)?;
    let mut line = Line::default();
    for row in rows {
        form.row(&row, &mut line);
        out.write_all(&line.text)?;
        line.text.clear();
    }
    out.flush()
}

/// Rows in a block that a thread writes.
const TOGETHER: usize = if cfg!(test) { 3 } else { 1 << 13 };

/// Writes a table of `count` rows with these columns, on `threads` threads; `row` returns a row by its number. Holds
/// the text of some thousand rows for each thread.
///
/// # Errors
/// If writing fails.
pub fn write_rows<R>(
    count: usize,
    row: impl Fn(usize) -> R + Sync,
    columns: &[Column<R>],
    frame: &Frame,
    threads: usize,
    mut out: impl Write + Send,
) -> io::Result<()> {
    let fields: Vec<Field> = columns.iter().flat_map(|column| column.fields(frame.dimensions)).collect();
    writeln!(out, "{}", header(&fields))?;
    let axes = frame.axes();
    let make = |line: &mut Line, part: usize| {
        line.text.clear();
        for number in part * TOGETHER..count.min((part + 1) * TOGETHER) {
            line.cells(&row(number), columns, &axes);
            line.end();
        }
    };
    in_turn(count.div_ceil(TOGETHER), threads, Line::default, make, |line: &mut Line| out.write_all(&line.text))?;
    out.flush()
}

/// Header and columns of the lines of the branch table.
struct Form<'a, M> {
    header: String,
    ranks: [Column<Row<M>>; 3],
    before: &'a [Column<Measures<M>>],
    after: Option<FromNumber<'a, M>>,
    label: Option<Column<Row<M>>>,
    provisional: Option<Column<Row<M>>>,
    /// The regions, with their column.
    regions: Option<(&'a BranchRegions, Column<Row<M>>)>,
    axes: std::ops::Range<usize>,
}

impl<'a, M: Measured> Form<'a, M> {
    fn new(columns: &'a Columns<M>, frame: &Frame, arrival: bool, regions: Option<&'a BranchRegions>) -> Self {
        let (before, after) = columns.around_number();
        let mut fields = columns.fields(frame.dimensions, arrival);
        fields.extend(regions.into_iter().flat_map(|regions| Columns::<M>::region_fields(regions.has_names())));
        let [region, _] = Columns::regions();
        Form {
            header: header(&fields),
            ranks: Columns::ranks(),
            before,
            after,
            label: columns.tells_labels().then(Columns::label),
            provisional: arrival.then(Columns::provisional),
            regions: regions.map(|regions| (regions, region)),
            axes: frame.axes(),
        }
    }

    /// Writes the line of a row.
    fn row(&self, row: &Row<M>, line: &mut Line) {
        line.cells(row, &self.ranks, &self.axes);
        line.cells(&row.measures, self.before, &self.axes);
        if let Some((number, after)) = &self.after {
            line.cells(row, std::slice::from_ref(number), &self.axes);
            line.cells(&row.measures, after, &self.axes);
        }
        line.cells(row, self.label.as_slice(), &self.axes);
        line.cells(row, self.provisional.as_slice(), &self.axes);
        if let Some((regions, column)) = &self.regions {
            line.cells(row, std::slice::from_ref(column), &self.axes);
            if regions.has_names() {
                line.text(regions.name(row.region.unwrap_or_default()));
            }
        }
        line.end();
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
}
