//! Sets of rows of a chunk.

/// A set of a chunk's padded rows.
#[derive(Debug)]
pub(super) struct RowSet {
    pub(super) words: Vec<u64>,
}

impl RowSet {
    pub(super) fn new(rows: usize) -> Self {
        RowSet { words: vec![0; rows.div_ceil(64)] }
    }

    #[inline]
    pub(super) fn insert(&mut self, row: usize) {
        self.words[row >> 6] |= 1 << (row & 63);
    }

    #[inline]
    pub(super) fn remove(&mut self, row: usize) {
        self.words[row >> 6] &= !(1 << (row & 63));
    }

    #[inline]
    pub(super) fn holds(&self, row: usize) -> bool {
        self.words[row >> 6] >> (row & 63) & 1 != 0
    }

    /// 64 rows from one on, which may lie outside.
    #[inline]
    pub(super) fn read(&self, row: isize) -> u64 {
        let (word, shift) = (row.div_euclid(64), row.rem_euclid(64) as u32);
        let get = |word: isize| usize::try_from(word).ok().and_then(|w| self.words.get(w)).copied().unwrap_or(0);
        let low = get(word) >> shift;
        if shift == 0 { low } else { low | get(word + 1) << (64 - shift) }
    }
}
