//! Runs of up to 64 voxels of a row, in which a chunk's rows are processed, and sets of runs.

use crate::kernel::mask::Layout;

/// The division of the rows of a chunk and its halo into runs. The first run of a row begins with its first own voxel,
/// every other one 64 voxels after the one before. Runs are numbered in raster order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    /// Numbers of runs that are reserved for a row: a power of two, at least the number of runs.
    in_row: usize,
    /// Binary logarithm of `in_row`.
    shift: u32,
    /// The last run of a row.
    last: usize,
    in_plane: usize,
    count: usize,
    row_bits: usize,
    /// 2^64 divided by the number of bits in a row, rounded up.
    rows_a_bit: u64,
}

impl Runs {
    pub(crate) fn new(layout: &Layout) -> Self {
        let used = layout.shape[2].div_ceil(64);
        let in_row = used.next_power_of_two();
        Runs {
            in_row,
            shift: in_row.trailing_zeros(),
            last: used - 1,
            in_plane: (layout.shape[1] + 2) * in_row,
            count: layout.rows() * in_row,
            row_bits: layout.row(),
            rows_a_bit: u64::MAX / layout.row() as u64 + 1,
        }
    }

    /// An empty set.
    pub(super) fn none(&self) -> RunSet {
        RunSet { words: vec![0; self.count.div_ceil(64)], is_empty: true }
    }

    /// The runs of a row.
    pub(super) fn of_row(&self, row: usize) -> std::ops::Range<usize> {
        row * self.in_row..row * self.in_row + self.last + 1
    }

    /// The row of a run, and its index in the row.
    #[inline(always)]
    pub(crate) fn place(&self, run: usize) -> [usize; 2] {
        [run >> self.shift, run & (self.in_row - 1)]
    }

    /// Adds the runs of a row that hold a voxel, given by row and column, or one of its neighbours in the row.
    #[inline]
    pub(super) fn mark(&self, place: [usize; 2], set: &mut RunSet) {
        self.mark_if(place, true, &mut set.words);
        set.note_marks(true);
    }

    /// As [`Runs::mark`] in the words of a set, if `mark`.
    #[inline(always)]
    pub(crate) fn mark_if(&self, [row, x]: [usize; 2], mark: bool, words: &mut [u64]) {
        if self.shift == 0 {
            words[row >> 6] |= u64::from(mark) << (row & 63);
            return;
        }
        // The own voxel x is in column x + 1 of the padded row.
        let [first, last] = [x.saturating_sub(2), x].map(|x| (row << self.shift) + (x / 64).min(self.last));
        words[first >> 6] |= u64::from(mark) << (first & 63);
        if last != first {
            words[last >> 6] |= u64::from(mark) << (last & 63);
        }
    }

    /// Number of words in a set of the runs of `rows` rows.
    pub(crate) fn words_of_rows(&self, rows: usize) -> usize {
        (rows * self.in_row).div_ceil(64)
    }

    /// Adds the runs of a row that hold any of `count` voxels, beginning at a padded column, which is an own one.
    pub(crate) fn mark_all(&self, [row, x]: [usize; 2], count: usize, words: &mut [u64]) {
        for place in (x - 1) / 64..=(x + count - 2) / 64 {
            let run = (row << self.shift) + place;
            words[run >> 6] |= 1 << (run & 63);
        }
    }

    /// Whether a set holds runs of a row.
    pub(crate) fn hold_any(&self, row: usize, words: &[u64]) -> bool {
        let first = row << self.shift;
        match self.in_row {
            0..64 => words[first >> 6] >> (first & 63) & ((1 << self.in_row) - 1) != 0,
            _ => words[first >> 6..(first + self.in_row) >> 6].iter().any(|&word| word != 0),
        }
    }

    /// Adds the runs of a plane that are in `recent`, and those in the rows before and after them, to `near`.
    pub(crate) fn spread(&self, recent: &[u64], near: &mut [u64]) {
        let (words, bits) = (self.in_row / 64, (self.in_row % 64) as u32);
        let get = |word: usize| recent.get(word).copied().unwrap_or(0);
        for word in 0..near.len() {
            let (low, high) = (word.wrapping_sub(words), word + words);
            near[word] = if bits == 0 {
                get(low) | recent[word] | get(high)
            } else {
                let before = recent[word] << bits | get(low.wrapping_sub(1)) >> (64 - bits);
                let after = recent[word] >> bits | get(high + 1) << (64 - bits);
                before | recent[word] | after
            };
        }
    }

    /// The padded row of a bit index, and the column in it.
    #[inline(always)]
    pub(crate) fn row_and_column(&self, bit: u32) -> [usize; 2] {
        // Division by multiplication: exact for bit indices, which are below 2^32.
        let row = ((u128::from(self.rows_a_bit) * u128::from(bit)) >> 64) as usize;
        [row, bit as usize - row * self.row_bits]
    }

    /// The bits of the 64 runs of a word: those that are in a set, or above, below, before or after one, or at the
    /// corners between. May include a few more at the ends of planes.
    pub(super) fn nearby(&self, word: usize, set: &RunSet) -> u64 {
        let (first, row, plane) = ((word * 64) as isize, self.in_row as isize, self.in_plane as isize);
        let at = |run: isize| set.read(run - row) | set.read(run) | set.read(run + row);
        at(first - plane) | at(first) | at(first + plane)
    }
}

/// A set of runs.
#[derive(Clone, Debug, Default)]
pub(super) struct RunSet {
    pub(super) words: Vec<u64>,
    is_empty: bool,
}

impl RunSet {
    #[inline]
    pub(super) fn insert(&mut self, run: usize) {
        self.words[run >> 6] |= 1 << (run & 63);
    }

    /// Records whether runs were marked in its words.
    pub(super) fn note_marks(&mut self, marked: bool) {
        self.is_empty &= !marked;
    }

    /// Whether no run was marked since it was created or cleared.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub(super) fn clear(&mut self) {
        if !self.is_empty {
            self.words.fill(0);
            self.is_empty = true;
        }
    }

    /// Adds the runs of another set of the same chunk.
    pub(super) fn extend(&mut self, other: &RunSet) {
        if !other.is_empty {
            self.is_empty = false;
            self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own |= other);
        }
    }

    /// The bits of 64 runs, beginning at `run`, which may lie outside.
    #[inline]
    fn read(&self, run: isize) -> u64 {
        let (word, shift) = (run.div_euclid(64), run.rem_euclid(64) as u32);
        let get = |word: isize| usize::try_from(word).ok().and_then(|w| self.words.get(w)).copied().unwrap_or(0);
        let low = get(word) >> shift;
        if shift == 0 { low } else { low | get(word + 1) << (64 - shift) }
    }
}

/// The own voxels of a chunk that are next to neighbouring chunks.
#[derive(Clone, Debug)]
pub(super) struct SeamRows {
    /// One bit for each padded row: all own voxels of the row are next to a seam.
    rows: Vec<u64>,
    /// The last own column of a padded row; in other rows, the first and the last own voxel are next to a seam.
    last: usize,
}

impl SeamRows {
    /// For a chunk with neighbours on all sides, but above and below along z only if `is_stacked`.
    pub(super) fn new(layout: &Layout, is_stacked: bool) -> Self {
        let [nz, ny, nx] = layout.shape;
        let mut rows = vec![0; layout.rows().div_ceil(64)];
        for (z, y) in (1..=nz).flat_map(|z| (1..=ny).map(move |y| (z, y))) {
            if is_stacked && (z == 1 || z == nz) || y == 1 || y == ny {
                let row = z * (ny + 2) + y;
                rows[row >> 6] |= 1 << (row & 63);
            }
        }
        SeamRows { rows, last: nx }
    }

    /// Whether the own voxel at a row and column is next to a seam.
    #[inline(always)]
    pub(super) fn hold(&self, [row, x]: [usize; 2]) -> bool {
        (self.rows[row >> 6] >> (row & 63) & 1 != 0) | (x == 1) | (x == self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::Region;

    #[test]
    fn the_runs_near_a_voxel_are_those_that_hold_one_of_its_neighbours() {
        for shape in [[2, 3, 1], [1, 2, 5], [2, 2, 63], [1, 3, 64], [2, 1, 65], [3, 2, 130]] {
            let layout = Layout::new(Region::of_shape(shape));
            let runs = Runs::new(&layout);
            let [nz, ny, nx] = shape;
            for bit in (0..layout.rows() * layout.row()).filter(|&bit| layout.padded(bit)[2] < nx + 2) {
                let mut set = runs.none();
                runs.mark(runs.row_and_column(bit as u32), &mut set);
                let near: Vec<u64> = (0..set.words.len()).map(|word| runs.nearby(word, &set)).collect();
                let p = layout.padded(bit);
                for (z, y) in (1..=nz).flat_map(|z| (1..=ny).map(move |y| (z, y))) {
                    for run in runs.of_row(z * (ny + 2) + y) {
                        let [row, place] = runs.place(run);
                        assert_eq!(row, z * (ny + 2) + y);
                        let mut own = place * 64 + 1..=(place * 64 + 64).min(nx);
                        let touched = z.abs_diff(p[0]) < 2 && y.abs_diff(p[1]) < 2 && own.any(|x| x.abs_diff(p[2]) < 2);
                        assert_eq!(near[run / 64] >> (run % 64) & 1 == 1, touched, "{shape:?} {p:?} run {run}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn runs_of_a_plane_spread_to_the_rows_around_and_are_found_by_row(
            (rows, width) in (1usize..30, 1usize..9000),
            seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let runs = Runs::new(&Layout::new(Region::of_shape([1, rows, width])));
            let words = runs.words_of_rows(rows + 2);
            let all: Vec<usize> = (1..=rows).flat_map(|row| runs.of_row(row)).collect();
            let marked: Vec<usize> = seeds.iter().map(|seed| *seed.get(&all)).collect();
            let (mut set, mut near) = (vec![0u64; words], vec![0u64; words]);
            for &run in &marked {
                let [row, place] = runs.place(run);
                runs.mark_all([row, 64 * place + 1], 1, &mut set);
            }
            runs.spread(&set, &mut near);
            for row in 1..=rows {
                prop_assert_eq!(runs.hold_any(row, &set), marked.iter().any(|&run| runs.place(run)[0] == row));
                for run in runs.of_row(row) {
                    let is_near = |other: &usize| {
                        let ([y, x], [row, place]) = (runs.place(*other), runs.place(run));
                        y.abs_diff(row) < 2 && x == place
                    };
                    prop_assert_eq!(near[run / 64] >> (run % 64) & 1 == 1, marked.iter().any(is_near));
                }
            }
        }
    }
}
