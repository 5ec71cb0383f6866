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
use super::neighbourhood::{EARLIER, LATER, is_endpoint, is_euler_invariant, is_simple};

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
        Thinning {
            mask,
            directions,
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
        for candidate in &mut self.candidates {
            let now = self.mask.neighbourhood(candidate.bit as usize);
            if now == candidate.old & !ON_SEAM || is_simple(now) {
                candidate.old |= DELETED;
                self.deleted += 1;
                self.mask.clear(candidate.bit as usize);
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
            if is_simple(now) == (old & DELETED != 0) {
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
            for &bit in &gone {
                recent.insert(bit as usize);
            }
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
        let layout = *self.mask.layout();
        let [nz, ny, _] = layout.shape;
        let direction = sub_iteration % self.directions;
        let first_turn = sub_iteration < self.directions;
        if first_turn {
            for z in 1..=nz {
                for y in 1..=ny {
                    find_in_row(&self.mask, None, [z, y], direction, &mut self.candidates);
                }
            }
        } else if let Some(recent) = &self.recent {
            recent.for_rows_nearby(|row| {
                let (z, y) = (row / (ny + 2), row % (ny + 2));
                if (1..=nz).contains(&z) && (1..=ny).contains(&y) {
                    find_in_row(&self.mask, Some(recent), [z, y], direction, &mut self.candidates);
                }
            });
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

/// Adds the candidates of one row. Without `recent` every border voxel is tested.
fn find_in_row(
    mask: &Mask,
    recent: Option<&Recent>,
    [z, y]: [usize; 2],
    direction: usize,
    candidates: &mut Vec<Candidate>,
) {
    let layout = *mask.layout();
    let [nz, ny, nx] = layout.shape;
    let (row, plane) = (layout.row(), layout.plane());
    let first = layout.bit([z, y, 1]);
    let seam_row = z == 1 || z == nz || y == 1 || y == ny;
    for x in (0..nx).step_by(64) {
        let (bit, count) = (first + x, (nx - x).min(64));
        let mut border = mask.read(bit, count);
        if border == 0 {
            continue;
        }
        // The directions y-, y+, x+, x-, z+, z-.
        let opposite = [bit - row, bit + row, bit + 1, bit - 1, bit + plane, bit.wrapping_sub(plane)][direction];
        border &= !mask.read(opposite, count);
        if let Some(recent) = recent {
            border &= recent.nearby(bit);
        }
        while border != 0 {
            let low = border.trailing_zeros() as usize;
            border &= border - 1;
            let neighbourhood = mask.neighbourhood(bit + low);
            if !is_endpoint(neighbourhood) && is_euler_invariant(neighbourhood) && is_simple(neighbourhood) {
                let on_seam = seam_row || x + low == 0 || x + low == nx - 1;
                let flag = if on_seam { ON_SEAM } else { 0 };
                candidates.push(Candidate { bit: (bit + low) as u32, old: neighbourhood | flag });
            }
        }
    }
}

/// Voxels deleted within the last sub-iterations, and which rows hold some.
#[derive(Debug)]
struct Recent {
    bits: Mask,
    rows: Vec<u64>,
}

impl Recent {
    fn new(layout: Layout) -> Self {
        Recent { bits: Mask::new(layout), rows: vec![0; layout.rows().div_ceil(64)] }
    }

    fn insert(&mut self, bit: usize) {
        self.bits.set(bit);
        let row = bit / self.bits.layout().row();
        self.rows[row >> 6] |= 1 << (row & 63);
    }

    /// Takes out voxels given in raster order.
    fn remove(&mut self, gone: &[u32]) {
        let row_bits = self.bits.layout().row();
        let mut places = gone.iter().map(|&bit| bit as usize).peekable();
        while let Some(bit) = places.next() {
            self.bits.clear(bit);
            let row = bit / row_bits;
            if places.peek().is_none_or(|&next| next >= (row + 1) * row_bits) && self.row_is_empty(row) {
                self.rows[row >> 6] &= !(1 << (row & 63));
            }
        }
    }

    fn row_is_empty(&self, row: usize) -> bool {
        let stride = self.bits.layout().stride;
        (row * stride..(row + 1) * stride).all(|byte| self.bits.byte(byte) == 0)
    }

    /// Calls `visit` in ascending order for rows that hold such a voxel or are next to one that does; some more rows
    /// may be visited at the ends of planes.
    fn for_rows_nearby(&self, mut visit: impl FnMut(usize)) {
        let width = self.bits.layout().shape[1] + 2;
        let at = |row: isize| -> u64 {
            let (word, shift) = (row.div_euclid(64), row.rem_euclid(64) as u32);
            let get = |word: isize| usize::try_from(word).ok().and_then(|w| self.rows.get(w)).copied().unwrap_or(0);
            let low = get(word) >> shift;
            if shift == 0 { low } else { low | get(word + 1) << (64 - shift) }
        };
        for word in 0..self.rows.len() {
            let first = (word * 64) as isize;
            let mut near = 0;
            for plane in [-(width as isize), 0, width as isize] {
                near |= at(first + plane - 1) | at(first + plane) | at(first + plane + 1);
            }
            while near != 0 {
                visit(word * 64 + near.trailing_zeros() as usize);
                near &= near - 1;
            }
        }
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
