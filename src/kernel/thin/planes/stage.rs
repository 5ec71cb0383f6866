//! A stage of thinning by planes: some sub-iterations on planes that pass through.

use std::collections::VecDeque;

use super::{Plane, PlaneLayout, SeamWriter};
use crate::kernel::mask::around;
use crate::kernel::thin::lee::{Candidate, Retest, Rows, Search, WAYS, decide, list, test};
use crate::kernel::thin::neighbourhood::Tests;

/// Number of directions, which take turns; as many sub-iterations in a row without a deletion end the thinning.
pub const DIRECTIONS: usize = WAYS.len();

/// Takes the planes of a volume from top to bottom, and returns them in the same order, some sub-iterations later.
///
/// A sub-iteration lists the candidates of a plane on the state at its start, and decides them when the candidates of
/// the plane below are listed and those of the plane above decided. So when a plane comes in, the one before it can be
/// listed, the one before that decided, the one before that listed for the next sub-iteration, and so on. A stage holds
/// two planes for each sub-iteration and two more, independently of the size of the volume.
#[derive(Debug)]
pub struct Stage {
    layout: PlaneLayout,
    /// Number of sub-iterations of this stage.
    steps: usize,
    /// Number of the first sub-iteration for the planes that are held.
    first: usize,
    held: VecDeque<Plane>,
    /// Number of planes of this volume that have come in.
    entered: usize,
    /// Number of voxels deleted so far in each of the sub-iterations.
    deleted: Vec<u64>,
    /// The bits of a plane without foreground.
    background: Vec<u8>,
    retest: Retest,
    tests: &'static Tests,
    recent: Vec<u64>,
    near: Vec<u64>,
    border: Vec<u32>,
    /// Unused lists, for reuse.
    spare: Vec<Vec<Candidate>>,
    /// Writes seam logs, if they are needed.
    writer: Option<SeamWriter>,
}

impl Stage {
    /// A stage without planes. `retest` selects the method.
    pub fn new(layout: PlaneLayout, steps: usize, retest: Retest) -> Stage {
        Stage {
            layout,
            steps,
            first: 0,
            held: VecDeque::new(),
            entered: 0,
            deleted: vec![0; steps],
            background: vec![0; layout.bytes()],
            retest,
            tests: Tests::get(),
            recent: layout.no_runs(),
            near: layout.no_runs(),
            border: Vec::new(),
            spare: Vec::new(),
            writer: None,
        }
    }

    /// Adds a writer of seam logs.
    #[must_use]
    pub fn with_seams(self, writer: SeamWriter) -> Stage {
        Stage { writer: Some(writer), ..self }
    }

    /// Takes out the writer with the seam logs so far, if any; later deletions are not logged.
    pub fn take_seams(&mut self) -> Option<SeamWriter> {
        self.writer.take()
    }

    /// Takes the next plane of a volume that has gone through `before` sub-iterations. Calls `pass` with every plane
    /// that is finished here. Returns the number of voxels deleted in each sub-iteration, if the plane was the last one
    /// of its volume.
    pub fn push(&mut self, plane: Plane, before: usize, pass: &mut impl FnMut(Plane)) -> Option<Vec<u64>> {
        if self.entered == 0 {
            self.first = before;
        }
        debug_assert_eq!(self.first, before);
        self.held.push_back(plane);
        self.entered += 1;
        self.advance(self.entered - 1);
        // The last decisions in the plane below were the last to read it.
        if self.entered > 2 * self.steps + 1 {
            self.held.pop_front().into_iter().for_each(&mut *pass);
        }
        if self.entered < self.layout.depth {
            return None;
        }
        for below in 0..2 * self.steps {
            self.advance(self.entered + below);
        }
        self.held.drain(..).for_each(pass);
        self.entered = 0;
        if let Some(writer) = &mut self.writer {
            writer.write(&self.layout, self.first);
        }
        Some(std::mem::replace(&mut self.deleted, vec![0; self.steps]))
    }

    /// Does the work that is possible once the plane with number `front` has come in, or would have.
    fn advance(&mut self, front: usize) {
        for step in 0..self.steps {
            let behind = |by: usize| front.checked_sub(2 * step + by).filter(|&plane| plane < self.layout.depth);
            let (listed, decided) = (behind(1), behind(2));
            if let Some(plane) = listed {
                self.list(plane, self.first + step);
            }
            if let Some(plane) = decided {
                self.deleted[step] += self.decide(plane, step);
            }
        }
    }

    /// The index of a plane among those held.
    fn place(&self, plane: usize) -> usize {
        plane + self.held.len() - self.entered
    }

    /// Lists the candidates of a plane.
    fn list(&mut self, plane: usize, sub_iteration: usize) {
        let place = self.place(plane);
        if self.held[place].filled.is_empty() || !self.look_near(place, sub_iteration) {
            return;
        }
        let mut here = std::mem::take(&mut self.held[place]);
        let mut border = std::mem::take(&mut self.border);
        let mut candidates = self.spare.pop().unwrap_or_default();
        let PlaneLayout { stride, width, runs, .. } = &self.layout;
        let [above, below] = [place.wrapping_sub(1), place + 1].map(|place| self.bits(place));
        let planes = [above, &here.bits[..], below];
        let direction = sub_iteration % DIRECTIONS;
        let [rows, way] = WAYS[direction];
        let search = Search {
            here: &here.bits,
            there: planes[(1 + way) as usize],
            to_row: (rows * *stride as isize) as usize,
            direction,
            runs,
            stride: *stride,
            width: *width,
        };
        let count = list(&search, &self.near, &mut here.filled, &mut border);
        test((planes, *stride, 0), self.tests, &border[..count], &mut candidates);
        here.candidates = candidates;
        self.border = border;
        self.held[place] = here;
    }

    /// The bits of the plane at an index, which may lie outside the volume.
    fn bits(&self, place: usize) -> &[u8] {
        self.held.get(place).map(|plane| &plane.bits[..]).filter(|bits| !bits.is_empty()).unwrap_or(&self.background)
    }

    /// Finds the runs that a direction has to visit: all in its first turn, later those near deletions in the last six
    /// sub-iterations. Returns whether it found any.
    fn look_near(&mut self, place: usize, sub_iteration: usize) -> bool {
        if sub_iteration < DIRECTIONS {
            self.near.fill(u64::MAX);
            return true;
        }
        let planes = self.held.range(place.saturating_sub(1)..(place + 2).min(self.held.len()));
        if planes.clone().all(|plane| plane.marked == 0) {
            return false;
        }
        self.recent.fill(0);
        for plane in planes {
            let marked = plane.window.iter().enumerate().filter(|(at, _)| plane.marked >> at & 1 != 0);
            for (_, set) in marked {
                self.recent.iter_mut().zip(set).for_each(|(all, set)| *all |= set);
            }
        }
        self.layout.runs.spread(&self.recent, &mut self.near);
        true
    }

    /// Decides the candidates of a plane in one of the sub-iterations of this stage. Returns the number of deleted
    /// voxels.
    fn decide(&mut self, plane: usize, step: usize) -> u64 {
        let place = self.place(plane);
        let at = (self.first + step) % DIRECTIONS;
        let mut here = std::mem::take(&mut self.held[place]);
        if here.marked >> at & 1 != 0 {
            here.window[at].fill(0);
            here.marked &= !(1 << at);
        }
        let mut candidates = std::mem::take(&mut here.candidates);
        let mut count = 0;
        if !candidates.is_empty() {
            if here.window[at].is_empty() {
                here.window[at] = self.layout.no_runs();
            }
            let above = self.bits(place.wrapping_sub(1));
            let mut rows = PlaneRows { above, here: &mut here.bits, stride: self.layout.stride as u32 };
            let (runs, marks) = (&self.layout.runs, &mut here.window[at]);
            count = decide(self.retest, &mut rows, self.tests, &mut candidates, runs, marks);
            here.marked |= u8::from(count > 0) << at;
            if let (Some(writer), true) = (&mut self.writer, count > 0) {
                writer.note(&self.layout, step, plane, &candidates);
            }
        }
        if candidates.capacity() > 0 {
            candidates.clear();
            self.spare.push(candidates);
        }
        self.held[place] = here;
        count as u64
    }
}

/// The rows of a plane and of the one above.
struct PlaneRows<'a> {
    above: &'a [u8],
    here: &'a mut [u8],
    stride: u32,
}

impl Rows for PlaneRows<'_> {
    #[inline(always)]
    fn earlier_rows(&self, bit: usize) -> u32 {
        around::earlier_rows([self.above, self.here], bit, self.stride)
    }

    #[inline(always)]
    fn clear_if(&mut self, bit: usize, clear: bool) {
        around::clear_if(self.here, bit, clear);
    }
}
