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

mod recent;
mod rows;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::mask::Mask;
use super::neighbourhood::{EARLIER, LATER, Tests};
use super::window::Window;
use recent::{Recent, Voxels};
use rows::RowSet;

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
    /// Rows of own voxels that are all next to neighbouring chunks.
    seams: RowSet,
    /// Deletions, the halo's included, since each direction's last turn; one list a sub-iteration.
    window: Vec<Vec<Voxels>>,
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
        let [mut filled, mut seams] = [0, 1].map(|_| RowSet::new(mask.layout().rows()));
        for (z, y) in (1..=nz).flat_map(|z| (1..=ny).map(move |y| (z, y))) {
            filled.insert(z * (ny + 2) + y);
            if z == 1 || z == nz || y == 1 || y == ny {
                seams.insert(z * (ny + 2) + y);
            }
        }
        Thinning {
            mask,
            directions,
            tests: Tests::get(),
            filled,
            seams,
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
        let mut places = [0; 5];
        for &bit in bits {
            if self.mask.get(bit as usize) {
                self.mask.clear(bit as usize);
            } else {
                self.mask.set(bit as usize);
            }
            self.halo.push(bit);
            self.doubt_later_neighbours(bit, &mut places);
        }
    }

    /// Decides the marked candidates again, in raster order. Own voxels next to a seam whose state changed are added to
    /// `flips`.
    pub fn reconsider(&mut self, flips: &mut Vec<u32>) {
        let mut places = [0; 5];
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
            self.doubt_later_neighbours(bit, &mut places);
        }
    }

    /// Own voxels deleted in this sub-iteration, as far as is known.
    pub fn deleted(&self) -> usize {
        self.deleted
    }

    /// Ends the sub-iteration: its decisions are final. Gives the number of own voxels deleted.
    pub fn settle(&mut self, sub_iteration: usize) -> usize {
        let mut gone = std::mem::take(&mut self.window[sub_iteration % self.directions]);
        for candidate in self.candidates.iter().filter(|candidate| candidate.old & DELETED != 0) {
            recent::push(&mut gone, candidate.bit);
        }
        if !self.halo.is_empty() {
            self.halo.sort_unstable();
            self.halo.dedup();
            for bit in self.halo.drain(..).filter(|&bit| !self.mask.get(bit as usize)) {
                recent::push(&mut gone, bit);
            }
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
        let search = Search::new(&self.mask, &self.seams, self.tests, recent, direction);
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

    /// Marks the candidates among the neighbours of a voxel that come after it in raster order. `places` are where the
    /// search begins, for each of the runs that these neighbours lie in, and where it has ended.
    fn doubt_later_neighbours(&mut self, bit: u32, places: &mut [usize; 5]) {
        let (row, plane) = (self.mask.layout().row() as u32, self.mask.layout().plane() as u32);
        let runs = [(1, 1), (row - 1, 3), (plane - row - 1, 3), (plane - 1, 3), (plane + row - 1, 3)];
        for ((offset, count), place) in runs.into_iter().zip(places) {
            let first = bit + offset;
            *place = seek(&self.candidates, first, *place);
            let run = self.candidates[*place..].iter().take_while(|candidate| candidate.bit < first + count);
            self.doubtful.extend((*place..).zip(run).map(|(place, _)| Reverse(place as u32)));
        }
    }
}

/// The place of the first candidate from a bit index on, looked for from a place near it: fast for bits that ascend.
fn seek(candidates: &[Candidate], first: u32, from: usize) -> usize {
    let is_before = |candidate: &Candidate| candidate.bit < first;
    let (mut low, mut step) = (from, 1);
    if low > 0 && !is_before(&candidates[low - 1]) {
        return candidates[..low].partition_point(is_before);
    }
    while candidates.get(low + step - 1).is_some_and(is_before) {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(candidates.len());
    low + candidates[low..high].partition_point(is_before)
}

/// The search for candidates in the rows of a mask.
struct Search<'a> {
    mask: &'a Mask,
    seams: &'a RowSet,
    tests: &'a Tests,
    /// Without it every border voxel is tested.
    recent: Option<&'a Recent>,
    /// Bits from a voxel to its neighbour in the direction looked at, modulo 2^64.
    opposite: usize,
}

impl<'a> Search<'a> {
    fn new(mask: &'a Mask, seams: &'a RowSet, tests: &'a Tests, recent: Option<&'a Recent>, direction: usize) -> Self {
        let (row, plane) = (mask.layout().row(), mask.layout().plane());
        // The directions y-, y+, x+, x-, z+, z-.
        let opposite = [row.wrapping_neg(), row, 1, 1usize.wrapping_neg(), plane, plane.wrapping_neg()][direction];
        Search { mask, seams, tests, recent, opposite }
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
                self.test(row, bit, border, candidates);
            }
        }
        is_filled
    }

    /// Adds the candidates among up to 64 border voxels of a row from a bit index on.
    #[inline]
    fn test(&self, row: usize, first: usize, mut border: u64, candidates: &mut Vec<Candidate>) {
        let begin = row * self.mask.layout().row() + 1;
        let ends = [begin, begin + self.mask.layout().shape[2] - 1];
        let seam_row = self.seams.holds(row);
        let mut window = Window::EMPTY;
        while border != 0 {
            let bit = first + border.trailing_zeros() as usize;
            border &= border - 1;
            if !window.holds(bit) {
                window = self.mask.window(bit);
            }
            let neighbourhood = window.neighbourhood(bit);
            if self.tests.is_deletable(neighbourhood) {
                let flag = if seam_row || ends.contains(&bit) { ON_SEAM } else { 0 };
                candidates.push(Candidate { bit: bit as u32, old: neighbourhood | flag });
            }
        }
    }
}
