//! Tables as arrays: one array of values for each column.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use crate::table::columns::{Column, Field, Unit, Value};
use crate::table::row::Frame;
use crate::threads::in_turn;

/// Rows whose columns a thread fills together.
const TOGETHER: usize = if cfg!(test) { 3 } else { 1 << 13 };

/// Consecutive rows of a table, or all of them, as one array for each column of its text, in the same order.
///
/// ```
/// use anabranch::Spacing;
/// use anabranch::table::arrays::{ColumnArrays, ColumnValues};
/// use anabranch::table::columns::{Column, Unit, Value};
/// use anabranch::table::row::Frame;
///
/// let columns = [
///     Column::new("length", Unit::Length, "", Value::Number(|row: &[f64; 3]| row.iter().sum())),
///     Column::new("coord", Unit::Length, "", Value::Point(|row: &[f64; 3]| *row)),
/// ];
/// let frame = Frame { dimensions: 2, spacing: Spacing::default(), origin: [0; 3] };
/// let table = ColumnArrays::of_rows(&[[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]], &columns, &frame);
/// assert_eq!(table.column("length").unwrap().values, ColumnValues::Number(vec![3.0, 7.0]));
/// assert_eq!(table.column("coord_1").unwrap().values, ColumnValues::Number(vec![2.0, 4.0]));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnArrays {
    columns: Vec<ColumnArray>,
    rows: usize,
}

/// A column of a table with its values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnArray {
    /// Its name, and the form of its values as text.
    pub field: Field,
    /// The unit of its values.
    pub unit: Unit,
    /// Its meaning, in a few words of Markdown.
    pub meaning: &'static str,
    /// Its values, one for each row.
    pub values: ColumnValues,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnValues {
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Finite numbers.
    Number(Vec<f64>),
    /// Finite numbers, and NaN where a number would have no meaning.
    Optional(Vec<f64>),
    /// Yes or no.
    Flag(Vec<bool>),
    /// Whole numbers of up to 64 bits, signed or not, that name something.
    Label(Vec<i128>),
    /// Texts; equal ones are shared where they are names of labels.
    Text(Vec<Arc<str>>),
}

impl ColumnValues {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            ColumnValues::Whole(values) => values.len(),
            ColumnValues::Number(values) | ColumnValues::Optional(values) => values.len(),
            ColumnValues::Flag(values) => values.len(),
            ColumnValues::Label(values) => values.len(),
            ColumnValues::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends values of the same kind.
    fn append(&mut self, more: ColumnValues) {
        use ColumnValues::{Flag, Label, Number, Optional, Text, Whole};
        match (self, more) {
            (Whole(values), Whole(more)) => values.extend(more),
            (Number(values), Number(more)) | (Optional(values), Optional(more)) => values.extend(more),
            (Flag(values), Flag(more)) => values.extend(more),
            (Label(values), Label(more)) => values.extend(more),
            (Text(values), Text(more)) => values.extend(more),
            _ => unreachable!("a column has values of one kind"),
        }
    }
}

impl ColumnArrays {
    /// The columns of some records. Takes time linear in the number of records.
    pub fn of_rows<R>(rows: &[R], columns: &[Column<R>], frame: &Frame) -> Self {
        let mut arrays = ColumnArrays { columns: Vec::new(), rows: rows.len() };
        columns.iter().for_each(|column| arrays.push(column, rows.iter(), frame));
        arrays
    }

    /// The columns of `count` rows, of which `row` returns each by its number, on `threads` threads.
    pub(super) fn of_table<R>(
        count: usize,
        row: impl Fn(usize) -> R + Sync,
        columns: &[Column<R>],
        frame: &Frame,
        threads: usize,
    ) -> Self {
        let part = |part: usize| {
            let rows: Vec<R> = range_of(part, count).map(&row).collect();
            Self::of_rows(&rows, columns, frame)
        };
        Self::of_parts(count.div_ceil(TOGETHER), threads, part, || Self::of_rows(&[], columns, frame))
    }

    /// The columns of all parts of a table, in order, made on `threads` threads; `empty` are those of no rows.
    pub(super) fn of_parts(
        parts: usize,
        threads: usize,
        part: impl Fn(usize) -> Self + Sync,
        empty: impl FnOnce() -> Self,
    ) -> Self {
        let mut all = empty();
        let make = |made: &mut Self, number: usize| *made = part(number);
        let Ok(()) = in_turn(parts, threads, Self::default, make, |made| {
            all.append(std::mem::take(made));
            Ok::<_, Infallible>(())
        });
        all
    }

    /// Appends the columns of text of a column, with its values for as many records as there are rows.
    pub(super) fn push<'r, R: 'r>(
        &mut self,
        column: &Column<R>,
        records: impl Iterator<Item = &'r R> + Clone,
        frame: &Frame,
    ) {
        use ColumnValues::{Flag, Label, Number, Optional, Text, Whole};
        let axes = frame.axes();
        let values: Vec<ColumnValues> = match column.value {
            Value::Whole(of) => vec![Whole(records.map(of).collect())],
            Value::Number(of) => vec![Number(records.map(of).collect())],
            Value::Optional(of) => vec![Optional(records.map(|it| of(it).unwrap_or(f64::NAN)).collect())],
            Value::Flag(of) => vec![Flag(records.map(of).collect())],
            Value::Label(of) => vec![Label(records.map(of).collect())],
            Value::Text(of) => vec![Text(records.map(|it| Arc::from(of(it))).collect())],
            Value::Voxel(of) => axes.map(|axis| Whole(records.clone().map(|it| of(it)[axis]).collect())).collect(),
            Value::Point(of) => axes.map(|axis| Number(records.clone().map(|it| of(it)[axis]).collect())).collect(),
            Value::OptionalPoint(of) => {
                let along = |axis: usize| records.clone().map(move |it| of(it).map_or(f64::NAN, |point| point[axis]));
                axes.map(|axis| Optional(along(axis).collect())).collect()
            }
            Value::Box(of) => {
                let along =
                    |corner: usize, axis: usize| Whole(records.clone().map(|it| of(it)[corner][axis]).collect());
                [0, 1]
                    .into_iter()
                    .flat_map(|corner| axes.clone().map(move |axis| (corner, axis)))
                    .map(|(corner, axis)| along(corner, axis))
                    .collect()
            }
        };
        let (unit, meaning) = (column.unit, column.meaning);
        let fields = column.fields(frame.dimensions);
        self.columns.extend(fields.zip(values).map(|(field, values)| ColumnArray { field, unit, meaning, values }));
    }

    /// Appends a column of texts, which are no function of a record.
    pub(super) fn push_texts<R>(&mut self, column: &Column<R>, texts: Vec<Arc<str>>, frame: &Frame) {
        let (unit, meaning) = (column.unit, column.meaning);
        let field = column.fields(frame.dimensions).next();
        let values = ColumnValues::Text(texts);
        self.columns.extend(field.map(|field| ColumnArray { field, unit, meaning, values }));
    }

    /// No columns, for a number of rows.
    pub(super) fn without_columns(rows: usize) -> Self {
        ColumnArrays { columns: Vec::new(), rows }
    }

    /// Appends the rows of another part of the same table.
    ///
    /// # Panics
    /// If it has other columns.
    pub fn append(&mut self, more: ColumnArrays) {
        if self.columns.is_empty() && self.rows == 0 {
            *self = more;
            return;
        }
        assert_eq!(self.columns.len(), more.columns.len(), "parts of a table have the same columns");
        for (column, more) in self.columns.iter_mut().zip(more.columns) {
            assert_eq!(column.field, more.field, "parts of a table have the same columns");
            column.values.append(more.values);
        }
        self.rows += more.rows;
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in the order of the table's text.
    pub fn columns(&self) -> &[ColumnArray] {
        &self.columns
    }

    /// The columns themselves.
    pub fn into_columns(self) -> Vec<ColumnArray> {
        self.columns
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&ColumnArray> {
        self.columns.iter().find(|column| column.field.name == name)
    }
}

/// The numbers of the rows of a part.
fn range_of(part: usize, count: usize) -> Range<usize> {
    part * TOGETHER..count.min((part + 1) * TOGETHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Spacing;

    #[derive(Clone, Copy)]
    struct Record {
        number: i64,
        name: &'static str,
    }

    fn columns() -> Vec<Column<Record>> {
        vec![
            Column::rank("number", "", Value::Whole(|it: &Record| it.number)),
            Column::new(
                "half",
                Unit::None,
                "",
                Value::Optional(|it| (it.number % 2 == 0).then_some(it.number as f64 / 2.0)),
            ),
            Column::new("odd", Unit::None, "", Value::Flag(|it| it.number % 2 == 1)),
            Column::new("wide", Unit::None, "", Value::Label(|it| i128::from(it.number) << 62)),
            Column::new("name", Unit::None, "", Value::Text(|it| it.name)),
            Column::new("box", Unit::Voxels, "", Value::Box(|it: &Record| [[it.number; 3], [9, 8, 7]])).dashed(),
            Column::new(
                "centre",
                Unit::Length,
                "",
                Value::OptionalPoint(|it| (it.number > 0).then_some([1.0, 2.0, 3.0])),
            ),
        ]
    }

    fn frame(dimensions: usize) -> Frame {
        Frame { dimensions, spacing: Spacing::default(), origin: [0; 3] }
    }

    fn rows(count: i64) -> Vec<Record> {
        (0..count).map(|number| Record { number, name: ["a", "b"][number as usize % 2] }).collect()
    }

    #[test]
    fn columns_have_the_names_of_the_text_and_a_value_for_each_row() {
        let arrays = ColumnArrays::of_rows(&rows(3), &columns(), &frame(2));
        let names: Vec<&str> = arrays.columns().iter().map(|column| column.field.name.as_str()).collect();
        assert_eq!(names.join(","), "number,half,odd,wide,name,box-0,box-1,box-2,box-3,centre_0,centre_1");
        assert_eq!(arrays.rows(), 3);
        let values = |name: &str| arrays.column(name).unwrap().values.clone();
        assert_eq!(values("number"), ColumnValues::Whole(vec![0, 1, 2]));
        assert_eq!(values("odd"), ColumnValues::Flag(vec![false, true, false]));
        assert_eq!(values("wide"), ColumnValues::Label(vec![0, 1 << 62, 1 << 63]));
        assert_eq!(values("name"), ColumnValues::Text(["a", "b", "a"].map(Arc::from).to_vec()));
        assert_eq!(values("box-1"), ColumnValues::Whole(vec![0, 1, 2]));
        assert_eq!(values("box-2"), ColumnValues::Whole(vec![8; 3]));
        let ColumnValues::Optional(half) = values("half") else { panic!("numbers, or none") };
        assert!(half[0] == 0.0 && half[1].is_nan() && half[2] == 1.0);
        let ColumnValues::Optional(centre) = values("centre_0") else { panic!("numbers, or none") };
        assert!(centre[0].is_nan() && centre[1..] == [2.0, 2.0]);
    }

    #[test]
    fn parts_on_any_threads_are_the_table() {
        // NaN differs from itself, but not as text.
        let text = |arrays: &ColumnArrays| format!("{arrays:?}");
        for count in [0, 1, 11] {
            let (rows, columns) = (rows(count), columns());
            let whole = ColumnArrays::of_rows(&rows, &columns, &frame(3));
            for threads in 1..4 {
                let parts = ColumnArrays::of_table(rows.len(), |place| rows[place], &columns, &frame(3), threads);
                assert_eq!(text(&parts), text(&whole));
            }
        }
    }
}
