//! Lee's thinning of one chunk, sub-iteration by sub-iteration, given what its neighbours delete.
//!
//! Morally a sub-iteration lists the candidates (foreground with background in one direction, no endpoint, Euler
//! invariant, simple) on the state at its start, and then visits them in raster order and deletes each that is still
//! simple; the source is named in [`super::neighbourhood`]. The decision for a voxel depends on the decisions for
//! candidates before it in raster order among its neighbours only; that relation has no cycles, so chunks that tell each
//! other what they deleted, and reconsider what that touches until nothing flips, reach the sequential answer together.
//!
//! Candidacy for a direction is a function of a voxel's neighbourhood, so a voxel is tested again only where a
//! neighbour was deleted since the direction's last turn: within the last six sub-iterations (four for one plane).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::mask::{Layout, Mask};
use super::neighbourhood::{EARLIER, LATER, Tests};
use super::window::Window;

/// In [`Candidate::old`]: the voxel is deleted, as far as is known.
const DELETED: u32 = 1 << 31;
/// In [`Candidate::old`]: the voxel is next to a neighbouring chunk.
const ON_SEAM: u32 = 1 << 30;

/// A voxel that may be deleted in the current sub-iteration, with its neighbourhood at the start of it.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    bit: u32,
    old: u32,
}

/// The thinning of one chunk. Holds its mask, and the deletions of the last few sub-iterations.
#[derive(Debug)]
pub struct Thinning {
    mask: Mask,
    directions: usize,
    tests: &'static Tests,
    /// Own rows that may hold foreground.
    filled: RowSet,
    /// Deletions, the halo's included, since each direction's last turn; one list a sub-iteration.
    window: Vec<Vec<u32>>,
    /// The same as bits; absent while there are none.
    recent: Option<Recent>,
    candidates: Vec<Candidate>,
    /// Halo voxels that flipped in this sub-iteration, with repetitions.
    halo: Vec<u32>,
    /// Places in `candidates` to be decided again.
    doubtful: BinaryHeap<Reverse<u32>>,
    /// Candidates that are deleted, as far as is known.
    deleted: usize,
}

impl Thinning {
    /// Begins the thinning of a chunk: in six directions, or in the first four for volumes of one plane.
    pub fn new(mask: Mask, directions: usize) -> Self {
        let [nz, ny, _] = mask.layout().shape;
        let mut filled = RowSet::new(mask.layout().rows());
        (1..=nz).flat_map(|z| (1..=ny).map(move |y| z * (ny + 2) + y)).for_each(|row| filled.insert(row));
        Thinning {
            mask,
            directions,
            tests: Tests::get(),
            filled,
            window: vec![Vec::new(); directions],
            recent: None,
            candidates: Vec::new(),
            halo: Vec::new(),
            doubtful: BinaryHeap::new(),
            deleted: 0,
        }
    }

    /// The mask as it is now, given away.
    pub fn into_mask(self) -> Mask {
        self.mask
    }

    /// Whether nothing near the chunk was deleted lately, so that the coming sub-iteration has no candidates in it.
    pub fn is_resting(&self, sub_iteration: usize) -> bool {
        sub_iteration >= self.directions && self.recent.is_none()
    }

    /// Starts a sub-iteration: lists the candidates and decides them, assuming that the halo's candidates stay. Bit
    /// indices of deleted voxels next to a seam are added to `flips`.
    pub fn begin(&mut self, sub_iteration: usize, flips: &mut Vec<u32>) {
        if self.is_resting(sub_iteration) {
            return;
        }
        self.find_candidates(sub_iteration);
        self.expire(sub_iteration);
        let mut window = Window::EMPTY;
        for candidate in &mut self.candidates {
            let bit = candidate.bit as usize;
            if !window.holds(bit) {
                window = self.mask.window(bit);
            }
            if self.tests.is_simple(window.neighbourhood(bit)) {
                candidate.old |= DELETED;
                self.deleted += 1;
                self.mask.clear(bit);
                window.clear(bit);
                if candidate.old & ON_SEAM != 0 {
                    flips.push(candidate.bit);
                }
            }
        }
    }

    /// Takes in halo voxels whose state a neighbour has changed, and marks the candidates that depend on them.
    pub fn receive(&mut self, bits: &[u32]) {
        for &bit in bits {
            if self.mask.get(bit as usize) {
                self.mask.clear(bit as usize);
            } else {
                self.mask.set(bit as usize);
            }
            self.halo.push(bit);
            self.doubt_later_neighbours(bit);
        }
    }

    /// Decides the marked candidates again, in raster order. Own voxels next to a seam whose state changed are added to
    /// `flips`.
    pub fn reconsider(&mut self, flips: &mut Vec<u32>) {
        while let Some(Reverse(place)) = self.doubtful.pop() {
            while self.doubtful.peek() == Some(&Reverse(place)) {
                self.doubtful.pop();
            }
            let Candidate { bit, old } = self.candidates[place as usize];
            let now = old & LATER | self.mask.neighbourhood(bit as usize) & EARLIER;
            if self.tests.is_simple(now) == (old & DELETED != 0) {
                continue;
            }
            self.candidates[place as usize].old ^= DELETED;
            if old & DELETED == 0 {
                self.mask.clear(bit as usize);
                self.deleted += 1;
            } else {
                self.mask.set(bit as usize);
                self.deleted -= 1;
            }
            if old & ON_SEAM != 0 {
                flips.push(bit);
            }
            self.doubt_later_neighbours(bit);
        }
    }

    /// Own voxels deleted in this sub-iteration, as far as is known.
    pub fn deleted(&self) -> usize {
        self.deleted
    }

    /// Ends the sub-iteration: its decisions are final. Gives the number of own voxels deleted.
    pub fn settle(&mut self, sub_iteration: usize) -> usize {
        let mut gone = std::mem::take(&mut self.window[sub_iteration % self.directions]);
        gone.extend(self.candidates.iter().filter(|c| c.old & DELETED != 0).map(|c| c.bit));
        if !self.halo.is_empty() {
            self.halo.sort_unstable();
            self.halo.dedup();
            gone.extend(self.halo.drain(..).filter(|&bit| !self.mask.get(bit as usize)));
            // Two sorted runs, which a stable sort merges.
            gone.sort();
        }
        self.candidates.clear();
        if !gone.is_empty() {
            let layout = *self.mask.layout();
            let recent = self.recent.get_or_insert_with(|| Recent::new(layout));
            recent.insert(&gone);
        }
        self.window[sub_iteration % self.directions] = gone;
        std::mem::take(&mut self.deleted)
    }

    /// Forgets the deletions that every direction has seen since.
    fn expire(&mut self, sub_iteration: usize) {
        let slot = sub_iteration % self.directions;
        if self.window[slot].is_empty() {
            return;
        }
        let old = std::mem::take(&mut self.window[slot]);
        if self.window.iter().all(Vec::is_empty) {
            self.recent = None;
        } else if let Some(recent) = &mut self.recent {
            recent.remove(&old);
        }
        // The buffer is used again unless it has grown out of proportion.
        if old.capacity() <= 4096 {
            self.window[slot] = old;
            self.window[slot].clear();
        }
    }

    /// Lists the candidates of a sub-iteration in raster order.
    fn find_candidates(&mut self, sub_iteration: usize) {
        let direction = sub_iteration % self.directions;
        let recent = if sub_iteration < self.directions { None } else { self.recent.as_ref() };
        if recent.is_none() && sub_iteration >= self.directions {
            return;
        }
        let search = Search::new(&self.mask, self.tests, recent, direction);
        for word in 0..self.filled.words.len() {
            let filled = self.filled.words[word];
            let mut rows = if let Some(recent) = recent { filled & recent.rows_nearby(word) } else { filled };
            while rows != 0 {
                let row = word * 64 + rows.trailing_zeros() as usize;
                rows &= rows - 1;
                if !search.in_row(row, &mut self.candidates) {
                    self.filled.remove(row);
                }
            }
        }
    }

    /// Marks the candidates among the neighbours of a voxel that come after it in raster order.
    fn doubt_later_neighbours(&mut self, bit: u32) {
        let (row, plane) = (self.mask.layout().row(), self.mask.layout().plane());
        let bit = bit as usize;
        let runs = [(1, 1), (row - 1, 3), (plane - row - 1, 3), (plane - 1, 3), (plane + row - 1, 3)];
        for (offset, count) in runs {
            let first = (bit + offset) as u32;
            let mut place = self.candidates.partition_point(|c| c.bit < first);
            while let Some(candidate) = self.candidates.get(place) {
                if candidate.bit >= first + count {
                    break;
                }
                self.doubtful.push(Reverse(place as u32));
                place += 1;
            }
        }
    }
}

/// The search for candidates in the rows of a mask.
struct Search<'a> {
    mask: &'a Mask,
    tests: &'a Tests,
    /// Without it every border voxel is tested.
    recent: Option<&'a Recent>,
    /// Bits from a voxel to its neighbour in the direction looked at, modulo 2^64.
    opposite: usize,
}

impl<'a> Search<'a> {
    fn new(mask: &'a Mask, tests: &'a Tests, recent: Option<&'a Recent>, direction: usize) -> Self {
        let (row, plane) = (mask.layout().row(), mask.layout().plane());
        // The directions y-, y+, x+, x-, z+, z-.
        let opposite = [row.wrapping_neg(), row, 1, 1usize.wrapping_neg(), plane, plane.wrapping_neg()][direction];
        Search { mask, tests, recent, opposite }
    }

    /// Adds the candidates of a row of own voxels. Gives whether the row holds foreground.
    fn in_row(&self, row: usize, candidates: &mut Vec<Candidate>) -> bool {
        let width = self.mask.layout().shape[2];
        let first = row * self.mask.layout().row() + 1;
        let mut is_filled = false;
        for x in (0..width).step_by(64) {
            let (bit, count) = (first + x, (width - x).min(64));
            let foreground = self.mask.read(bit, count);
            is_filled |= foreground != 0;
            let mut border = foreground;
            if border != 0 {
                border &= !self.mask.read(bit.wrapping_add(self.opposite), count);
            }
            if border != 0
                && let Some(recent) = self.recent
            {
                border &= recent.nearby(bit);
            }
            if border != 0 {
                self.test(bit, border, candidates);
            }
        }
        is_filled
    }

    /// Adds the candidates among up to 64 border voxels from a bit index on.
    fn test(&self, first: usize, mut border: u64, candidates: &mut Vec<Candidate>) {
        let seam = SeamPlaces::of_row(self.mask.layout(), first);
        let mut window = Window::EMPTY;
        while border != 0 {
            let bit = first + border.trailing_zeros() as usize;
            border &= border - 1;
            if !window.holds(bit) {
                window = self.mask.window(bit);
            }
            let neighbourhood = window.neighbourhood(bit);
            if self.tests.is_deletable(neighbourhood) {
                let flag = if seam.holds(bit) { ON_SEAM } else { 0 };
                candidates.push(Candidate { bit: bit as u32, old: neighbourhood | flag });
            }
        }
    }
}

/// Which voxels of a row are next to a neighbouring chunk: all, or the first and the last.
struct SeamPlaces {
    all: bool,
    ends: [usize; 2],
}

impl SeamPlaces {
    /// For the row of an own voxel.
    fn of_row(layout: &Layout, bit: usize) -> Self {
        let [nz, ny, nx] = layout.shape;
        // Chunks hold less than 2^32 bits; division is faster on 32 of them.
        let row = bit as u32 / layout.row() as u32;
        let (z, y) = ((row / (ny as u32 + 2)) as usize, (row % (ny as u32 + 2)) as usize);
        let first = row as usize * layout.row() + 1;
        SeamPlaces { all: z == 1 || z == nz || y == 1 || y == ny, ends: [first, first + nx - 1] }
    }

    #[inline]
    fn holds(&self, bit: usize) -> bool {
        self.all || self.ends.contains(&bit)
    }
}

/// A set of a chunk's padded rows.
#[derive(Debug)]
struct RowSet {
    words: Vec<u64>,
}

impl RowSet {
    fn new(rows: usize) -> Self {
        RowSet { words: vec![0; rows.div_ceil(64)] }
    }

    #[inline]
    fn insert(&mut self, row: usize) {
        self.words[row >> 6] |= 1 << (row & 63);
    }

    #[inline]
    fn remove(&mut self, row: usize) {
        self.words[row >> 6] &= !(1 << (row & 63));
    }

    /// 64 rows from one on, which may lie outside.
    #[inline]
    fn read(&self, row: isize) -> u64 {
        let (word, shift) = (row.div_euclid(64), row.rem_euclid(64) as u32);
        let get = |word: isize| usize::try_from(word).ok().and_then(|w| self.words.get(w)).copied().unwrap_or(0);
        let low = get(word) >> shift;
        if shift == 0 { low } else { low | get(word + 1) << (64 - shift) }
    }
}

/// Voxels deleted within the last sub-iterations, and which rows hold some.
#[derive(Debug)]
struct Recent {
    bits: Mask,
    rows: RowSet,
}

impl Recent {
    fn new(layout: Layout) -> Self {
        Recent { bits: Mask::new(layout), rows: RowSet::new(layout.rows()) }
    }

    /// Takes in voxels given in raster order.
    fn insert(&mut self, gone: &[u32]) {
        self.by_row(gone, |recent, bit| recent.bits.set(bit), |recent, row| recent.rows.insert(row));
    }

    /// Takes out voxels given in raster order.
    fn remove(&mut self, gone: &[u32]) {
        let leave = |recent: &mut Recent, row: usize| {
            if recent.row_is_empty(row) {
                recent.rows.remove(row);
            }
        };
        self.by_row(gone, |recent, bit| recent.bits.clear(bit), leave);
    }

    /// Visits voxels given in raster order, and each row after its last.
    fn by_row(&mut self, gone: &[u32], each: impl Fn(&mut Recent, usize), leave: impl Fn(&mut Recent, usize)) {
        let row_bits = self.bits.layout().row();
        let mut row = 0;
        let mut end = 0;
        for bit in gone.iter().map(|&bit| bit as usize) {
            if bit >= end {
                if end > 0 {
                    leave(self, row);
                }
                row = bit / row_bits;
                end = (row + 1) * row_bits;
            }
            each(self, bit);
        }
        if end > 0 {
            leave(self, row);
        }
    }

    fn row_is_empty(&self, row: usize) -> bool {
        let stride = self.bits.layout().stride;
        (row * stride..(row + 1) * stride).all(|byte| self.bits.byte(byte) == 0)
    }

    /// Which of 64 rows hold such a voxel or are next to one that does; some more may be at the ends of planes.
    fn rows_nearby(&self, word: usize) -> u64 {
        let (first, plane) = ((word * 64) as isize, (self.bits.layout().shape[1] + 2) as isize);
        let at = |row: isize| self.rows.read(row - 1) | self.rows.read(row) | self.rows.read(row + 1);
        at(first - plane) | at(first) | at(first + plane)
    }

    /// Which of the 64 voxels from `bit` on, the first of a word of its row, have such a voxel in their neighbourhood.
    fn nearby(&self, bit: usize) -> u64 {
        let layout = self.bits.layout();
        let (row, plane) = (layout.stride, layout.plane() >> 3);
        let corner = ((bit - 1) >> 3) - plane - row;
        let (mut low, mut high) = (0, 0);
        for z in 0..3 {
            for y in 0..3 {
                let byte = corner + z * plane + y * row;
                low |= self.bits.word(byte);
                high |= self.bits.byte(byte + 8);
            }
        }
        let high = u64::from(high);
        low | low >> 1 | high << 63 | low >> 2 | high << 62
    }
}

#[cfg(test)]
mod tests;
