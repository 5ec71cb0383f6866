//! Runs of a box and their objects, in about a byte each.
//!
//! A run that goes on from one in the row before takes a byte: whether that is the next one or the one after it, and how much
//! earlier or later it begins and how much longer or shorter it is. It has the same object. Any other run takes a byte of 128,
//! how far it begins from the end of the last one, counted through all rows, and its length; and its object is listed.

use crate::kernel::varint;

/// The byte of a run that does not go on from another one.
const NEW: u8 = 0x80;

/// A run in a box: its row, its first column and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowRun {
    pub(super) row: i64,
    pub(super) first: i64,
    pub(super) length: i64,
}

/// The runs so far, and the first from which the next one may go on.
#[derive(Default)]
struct Known {
    runs: Vec<RowRun>,
    from: usize,
}

impl Known {
    fn add(&mut self, run: RowRun) {
        self.runs.push(run);
        while self.runs[self.from].row < run.row - 1 {
            self.from += 1;
        }
    }

    /// The end of the last run, counted through all rows of a width.
    fn end(&self, width: i64) -> i64 {
        self.runs.last().map_or(0, |run| run.row * width + run.first + run.length)
    }
}

/// Packs runs in the order of rows and columns, in rows of a width; `objects` has the object of each. Returns the packed runs,
/// and the packed objects of those that do not go on from another one. Takes time linear in their number.
pub(super) fn pack(runs: &[RowRun], objects: &[u32], width: i64) -> [Vec<u8>; 2] {
    let (mut bytes, mut listed, mut known) = (Vec::with_capacity(runs.len()), Vec::new(), Known::default());
    for (run, object) in runs.iter().zip(objects) {
        let code = (0..2).find_map(|skipped| {
            let before = known.runs.get(known.from + skipped)?;
            let [first, length] = [run.first - before.first, run.length - before.length].map(varint::of_signed);
            let goes_on =
                before.row + 1 == run.row && first < 8 && length < 8 && objects[known.from + skipped] == *object;
            goes_on.then_some((skipped, (skipped as u8) << 6 | (first as u8) << 3 | length as u8))
        });
        match code {
            Some((skipped, code)) => {
                bytes.push(code);
                known.from += skipped + 1;
            }
            None => {
                bytes.push(NEW);
                varint::push(&mut bytes, (run.row * width + run.first - known.end(width)) as u64);
                varint::push(&mut bytes, run.length as u64);
                varint::push(&mut listed, u64::from(*object));
            }
        }
        known.add(*run);
    }
    [bytes, listed]
}

/// Unpacks runs in a number of rows of a width. Calls `each` with each run and, if it goes on from another one, the number of
/// that. Returns `None` if the runs are not in order or not in the rows.
pub(super) fn unpack(bytes: &[u8], [rows, width]: [i64; 2], mut each: impl FnMut(RowRun, Option<usize>)) -> Option<()> {
    let (mut known, mut at) = (Known::default(), 0);
    while let Some(&code) = bytes.get(at) {
        at += 1;
        let (run, other) = if code == NEW {
            let first = known.end(width).checked_add_unsigned(varint::read(bytes, &mut at)?)?;
            let length = i64::try_from(varint::read(bytes, &mut at)?).ok()?;
            (RowRun { row: first.checked_div(width)?, first: first % width, length }, None)
        } else {
            let other = known.from + usize::from(code >> 6);
            let before = *known.runs.get(other)?;
            let [first, length] = [code >> 3 & 7, code & 7].map(|part| varint::signed(u64::from(part)));
            known.from = other + 1;
            let run = RowRun { row: before.row + 1, first: before.first + first, length: before.length + length };
            (run, Some(other))
        };
        let is_inside = run.first >= 0 && run.length > 0 && run.length <= width - run.first && run.row < rows;
        if code > NEW || !is_inside || run.row * width + run.first < known.end(width) {
            return None;
        }
        each(run, other);
        known.add(run);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_and_objects_are_unpacked_as_they_were_packed(
            width in 1i64..20,
            draws in prop::collection::vec((0i64..40, 1i64..9, 0u32..3), 0..60),
        ) {
            let (mut runs, mut objects, mut end) = (Vec::new(), Vec::new(), 0);
            for (gap, length, object) in draws {
                let from = end + gap;
                let length = length.min(width - from % width);
                runs.push(RowRun { row: from / width, first: from % width, length });
                objects.push(object);
                end = from + length;
            }
            let [bytes, listed] = pack(&runs, &objects, width);
            let (mut found, mut of, mut at) = (Vec::new(), Vec::<u32>::new(), 0);
            let rows = end / width + 1;
            unpack(&bytes, [rows, width], |run, other| {
                found.push(run);
                of.push(other.map_or_else(|| varint::read(&listed, &mut at).unwrap() as u32, |other| of[other]));
            }).unwrap();
            prop_assert_eq!((found, of), (runs, objects));
        }

        #[test]
        fn any_bytes_are_runs_in_order_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut end = 0;
            let _ = unpack(&bytes, [9, 11], |run, _| {
                assert!(run.row * 11 + run.first >= end && run.first + run.length <= 11 && run.row < 9);
                end = run.row * 11 + run.first + run.length;
            });
        }
    }

    #[test]
    fn runs_that_go_on_from_row_to_row_take_a_byte_each() {
        let run = |row: i64, first: i64| RowRun { row, first, length: 5 + row % 3 };
        let runs: Vec<RowRun> = (0..30).flat_map(|row| [run(row, 3 + row), run(row, 60 - row / 2)]).collect();
        let [bytes, listed] = pack(&runs, &[4, 7].repeat(30), 99);
        assert_eq!((bytes.len(), listed), (60 + 4, vec![4, 7]));
    }
}
