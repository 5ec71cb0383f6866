//! Lee's thinning of one chunk, sub-iteration by sub-iteration, given the voxels that its neighbours delete; and
//! homotopic thinning, which differs only in the retest before a deletion: [`Retest`].
//!
//! Morally a sub-iteration lists the candidates (foreground with background in one direction, no endpoint, Euler
//! invariant, simple) on the state at its start, and then visits them in raster order and deletes each that is still
//! simple; [`super::neighbourhood`] names the source. The decision for a voxel depends only on the decisions for those
//! of its neighbours that are candidates and earlier in raster order. That relation has no cycles. So chunks that send
//! each other their deletions, and reconsider the voxels next to them until nothing flips, reach the sequential result
//! together.
//!
//! Candidacy for a direction is a function of a voxel's neighbourhood, so a voxel is tested again only near deletions
//! since the direction's last turn: within the last six sub-iterations (four for one plane). Nearness is recorded for
//! runs of 64 voxels: additional tests are cheaper than a finer record.

mod border;
mod retest;
mod runs;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::kernel::mask::Mask;
use crate::kernel::thin::neighbourhood::{BEFORE, EARLIER, LATER, Tests};
pub(crate) use border::{Rows, Search, WAYS, decide, list, test};
pub use retest::Retest;
pub(crate) use runs::Runs;
use runs::{RunSet, SeamRows};

/// In [`Candidate::old`]: the voxel is deleted, by the decisions so far.
pub(crate) const DELETED: u32 = 1 << 31;
/// In [`Candidate::old`]: the voxel before it in its row was foreground at the start of the sub-iteration, although the
/// bit of that voxel is not set.
const WAS_BEFORE: u32 = 1 << 27;

/// A voxel that may be deleted in the current sub-iteration, with its neighbourhood at the start of the sub-iteration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) bit: u32,
    pub(crate) old: u32,
}

/// The thinning of one chunk. Holds its mask, and the places of deletions in the last few sub-iterations.
#[derive(Debug)]
pub struct Thinning {
    mask: Mask,
    directions: usize,
    retest: Retest,
    tests: &'static Tests,
    runs: Runs,
    /// Own runs that may hold foreground.
    filled: RunSet,
    seams: SeamRows,
    /// Runs near deletions since each direction's last turn, including those in the halo; one set for each
    /// sub-iteration.
    window: Vec<RunSet>,
    /// Runs near voxels that flipped in the current sub-iteration.
    flipped: RunSet,
    /// The runs that a sub-iteration visits.
    near: Vec<u64>,
    candidates: Vec<Candidate>,
    /// Indices of the candidates to be decided again.
    doubtful: BinaryHeap<Reverse<u32>>,
    /// Number of deleted candidates, by the decisions so far.
    deleted: usize,
}

impl Thinning {
    /// The thinning of a chunk in six directions, or in the first four for volumes of one plane.
    pub fn new(mask: Mask, directions: usize, retest: Retest) -> Self {
        let runs = Runs::new(mask.layout());
        let [nz, ny, _] = mask.layout().shape;
        let mut filled = runs.none();
        for (z, y) in (1..=nz).flat_map(|z| (1..=ny).map(move |y| (z, y))) {
            runs.of_row(z * (ny + 2) + y).for_each(|run| filled.insert(run));
        }
        // A volume that is thinned in four directions is one plane, without chunks above and below.
        let seams = SeamRows::new(mask.layout(), directions > 4);
        Thinning {
            mask,
            directions,
            retest,
            tests: Tests::get(),
            runs,
            filled,
            seams,
            window: vec![runs.none(); directions],
            flipped: runs.none(),
            near: Vec::new(),
            candidates: Vec::new(),
            doubtful: BinaryHeap::new(),
            deleted: 0,
        }
    }

    /// The current mask.
    pub fn into_mask(self) -> Mask {
        self.mask
    }

    /// Whether no voxel near the chunk was deleted since the direction's last turn, so that this sub-iteration has no
    /// candidates in the chunk.
    pub fn is_resting(&self, sub_iteration: usize) -> bool {
        sub_iteration >= self.directions && self.window.iter().all(RunSet::is_empty)
    }

    /// Starts a sub-iteration: lists the candidates and decides them, assuming that the halo's candidates stay, except
    /// for the voxels in `decided`, which neighbours have already deleted in this sub-iteration. Adds the bit indices
    /// of deleted voxels next to a seam to `flips`. `border` is a buffer that is reused.
    pub fn begin(&mut self, sub_iteration: usize, border: &mut Vec<u32>, decided: &[u32], flips: &mut Vec<u32>) {
        self.find_candidates(sub_iteration, border);
        let mut place = 0;
        for &bit in decided {
            self.flip_in_halo(bit);
            // The voxel before a candidate in its row is part of `Candidate::old`.
            place = seek(&self.candidates, bit + 1, place);
            if let Some(candidate) = self.candidates.get_mut(place).filter(|candidate| candidate.bit == bit + 1) {
                candidate.old ^= BEFORE | WAS_BEFORE;
            }
        }
        let words = &mut self.flipped.words;
        let count = decide(self.retest, &mut self.mask, self.tests, &mut self.candidates, &self.runs, words);
        self.flipped.note_marks(count > 0);
        self.deleted += count;
        let deleted = self.candidates.iter().filter(|candidate| candidate.old & DELETED != 0);
        flips.extend(deleted.map(|it| it.bit).filter(|&bit| self.seams.hold(self.runs.row_and_column(bit))));
    }

    fn flip_in_halo(&mut self, bit: u32) {
        if self.mask.get(bit as usize) {
            self.mask.clear(bit as usize);
        } else {
            self.mask.set(bit as usize);
        }
        self.runs.mark(self.runs.row_and_column(bit), &mut self.flipped);
    }

    /// Applies flips of halo voxels by neighbours, and marks the candidates that depend on them.
    pub fn receive(&mut self, bits: &[u32]) {
        let mut places = [0; 5];
        for &bit in bits {
            self.flip_in_halo(bit);
            self.doubt_later_neighbours(bit, &mut places);
        }
    }

    /// Decides the marked candidates again, in raster order. Adds own voxels next to a seam that flip to `flips`.
    pub fn reconsider(&mut self, flips: &mut Vec<u32>) {
        let mut places = [0; 5];
        while let Some(Reverse(place)) = self.doubtful.pop() {
            while self.doubtful.peek() == Some(&Reverse(place)) {
                self.doubtful.pop();
            }
            let Candidate { bit, old } = self.candidates[place as usize];
            let now = old & LATER | self.mask.neighbourhood(bit as usize) & EARLIER;
            if self.retest.passes(self.tests, old, now) == (old & DELETED != 0) {
                continue;
            }
            self.candidates[place as usize].old ^= DELETED;
            let place = self.runs.row_and_column(bit);
            self.runs.mark(place, &mut self.flipped);
            if old & DELETED == 0 {
                self.mask.clear(bit as usize);
                self.deleted += 1;
            } else {
                self.mask.set(bit as usize);
                self.deleted -= 1;
            }
            if self.seams.hold(place) {
                flips.push(bit);
            }
            self.doubt_later_neighbours(bit, &mut places);
        }
    }

    /// Number of own voxels deleted in this sub-iteration, by the decisions so far.
    pub fn deleted(&self) -> usize {
        self.deleted
    }

    /// Ends the sub-iteration: its decisions are final. Returns the number of own voxels deleted.
    pub fn settle(&mut self, sub_iteration: usize) -> usize {
        std::mem::swap(&mut self.flipped, &mut self.window[sub_iteration % self.directions]);
        self.candidates.clear();
        std::mem::take(&mut self.deleted)
    }

    /// Lists the candidates of a sub-iteration in raster order.
    fn find_candidates(&mut self, sub_iteration: usize, border: &mut Vec<u32>) {
        let direction = sub_iteration % self.directions;
        let mut recent = std::mem::take(&mut self.window[direction]);
        self.window.iter().for_each(|runs| recent.extend(runs));
        let is_first = sub_iteration < self.directions;
        let filled = &mut self.filled.words;
        let near = |(word, &filled): (usize, &u64)| match filled {
            0 => 0,
            _ if is_first => u64::MAX,
            _ => self.runs.nearby(word, &recent),
        };
        self.near.clear();
        self.near.extend(filled.iter().enumerate().map(near));
        let (layout, bits) = (*self.mask.layout(), self.mask.planes());
        let [rows, planes] = WAYS[direction];
        let to_row = rows * layout.stride as isize + planes * (layout.plane() >> 3) as isize;
        let search = Search {
            here: bits[0],
            there: bits[0],
            to_row: to_row as usize,
            direction,
            runs: &self.runs,
            stride: layout.stride,
            width: layout.shape[2],
        };
        let count = list(&search, &self.near, filled, border);
        test((bits, layout.stride, layout.plane()), self.tests, &border[..count], &mut self.candidates);
        // With this turn, every direction has seen these deletions.
        recent.clear();
        self.window[direction] = recent;
    }

    /// Marks the candidates among the neighbours of a voxel that come after it in raster order. `places` holds, for
    /// each of the rows of these neighbours, the index at which the search begins, and then the one at which it ended.
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

/// The index of the first candidate at or after a bit index, searched from the index `from`; fast for ascending bit
/// indices.
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
