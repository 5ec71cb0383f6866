//! The branch table as arrays.

use std::sync::Arc;

use crate::kernel::measure::channel::Measured;
use crate::table::Table;
use crate::table::arrays::ColumnArrays;
use crate::table::branch_columns::Columns;
use crate::table::row::{Frame, Row};

impl<M: Measured> Table<'_, M> {
    /// The rows of a block as arrays: the columns of `branches.csv`, with `provisional` if the table has an arrival, and the
    /// region of each branch if it has regions. Takes time linear in the number of rows of the block, and a little for every
    /// list.
    ///
    /// # Panics
    /// If the table has no such block.
    pub fn block_arrays(&self, block: usize, frame: &Frame) -> ColumnArrays {
        self.arrays_of_rows(&self.block(block, frame), frame)
    }

    /// The whole table as arrays, made on `threads` threads. Takes time linear in the number of rows, and holds the arrays and
    /// a block of rows for each thread.
    pub fn arrays(&self, frame: &Frame, threads: usize) -> ColumnArrays {
        let block = |block: usize| self.block_arrays(block, frame);
        ColumnArrays::of_parts(self.blocks(), threads, block, || self.arrays_of_rows(&[], frame))
    }

    fn arrays_of_rows(&self, rows: &[Row<M>], frame: &Frame) -> ColumnArrays {
        let mut arrays = ColumnArrays::without_columns(rows.len());
        let (before, after) = self.columns.around_number();
        let measures = || rows.iter().map(|row| &row.measures);
        for column in &Columns::ranks() {
            arrays.push(column, rows.iter(), frame);
        }
        before.iter().for_each(|column| arrays.push(column, measures(), frame));
        if let Some((number, after)) = &after {
            arrays.push(number, rows.iter(), frame);
            after.iter().for_each(|column| arrays.push(column, measures(), frame));
        }
        if self.columns.tells_labels() {
            arrays.push(&Columns::label(), rows.iter(), frame);
        }
        if self.arrival.is_some() {
            arrays.push(&Columns::provisional(), rows.iter(), frame);
        }
        if let Some(regions) = self.regions {
            let [region, name] = Columns::<M>::regions();
            arrays.push(&region, rows.iter(), frame);
            if regions.has_names() {
                let names: Vec<Arc<str>> = regions.labels.iter().map(|&label| Arc::from(regions.name(label))).collect();
                let of_row = |row: &Row<M>| Arc::clone(&names[regions.of_branch[row.branch_id as usize] as usize]);
                arrays.push_texts(&name, rows.iter().map(of_row).collect(), frame);
            }
        }
        arrays
    }
}
