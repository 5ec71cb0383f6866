//! A stage of thinning by planes: some sub-iterations on planes that pass through.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::bench::{Bench, PlaneRows};
use super::gate::Gate;
use super::lost::Lost;
use super::{Plane, PlaneLayout};
use crate::kernel::thin::lee::{DELETED, Search, WAYS, decide, list, test};

/// Number of directions, which take turns; as many sub-iterations in a row without a deletion end the thinning.
pub const DIRECTIONS: usize = WAYS.len();

/// Takes the planes of a volume from top to bottom, and returns them in the same order, some sub-iterations later.
///
/// A sub-iteration lists the candidates of a plane on the state at its start, and decides them when those of the plane above
/// are decided. So when a plane comes in, the one before it can go through a sub-iteration, the one before that through the
/// next, and so on: the plane above gets back what it has lost in the sub-iteration while candidates are listed, and has
/// lost it again when they are decided. A stage holds one plane for each sub-iteration and two more, independently of the
/// size of the volume.
///
/// Planes that come wait at the stage's gate. A stage that has not opened does nothing; see [`Stage::arrive`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stage {
    /// Number of sub-iterations of this stage.
    steps: usize,
    /// Number of its first sub-iteration.
    first: usize,
    is_open: bool,
    /// The last planes that have come, and how many have come.
    #[serde(skip)]
    pub(super) gate: Gate,
    arrived: usize,
    #[serde(skip)]
    held: VecDeque<Plane>,
    /// Those of them that were put aside, by their places among them.
    #[serde(skip)]
    aside: Vec<(usize, Aside)>,
    /// Number of the plane that enters next.
    next: usize,
    /// Whether the plane that left last was hot.
    left_hot: bool,
    /// Number of voxels deleted so far in each of the sub-iterations.
    deleted: Vec<u64>,
    /// Those of these voxels that are next to seams, if seam logs are written: number of the plane and bit index.
    at_seams: Vec<Vec<[u32; 2]>>,
    /// Number of layers of chunks whose seam logs of this stage are written.
    written: usize,
    /// Number of planes that slept and were woken here.
    woken: u64,
}

impl Stage {
    /// A stage without planes.
    pub(super) fn new(first: usize, steps: usize, is_open: bool) -> Stage {
        Stage {
            steps,
            first,
            is_open,
            gate: Gate::default(),
            arrived: 0,
            held: VecDeque::new(),
            aside: Vec::new(),
            next: 0,
            left_hot: false,
            deleted: vec![0; steps],
            woken: 0,
            at_seams: vec![Vec::new(); steps],
            written: 0,
        }
    }

    /// Puts the planes inside that [`Stage::planes`] of another one were.
    pub(super) fn go_on_with(&mut self, planes: Vec<Plane>) {
        self.held = planes.into();
    }

    /// Takes the next plane to the gate. The first one in which or next to which there is work opens the stage. The work
    /// reaches up by at most one plane in a sub-iteration, and looks at one more: planes farther up go on as they are,
    /// to `pass`.
    pub(super) fn arrive(&mut self, plane: Plane, mut pass: impl FnMut(Plane)) {
        if !self.is_open && plane.is_hot(self.first) {
            let kept = self.gate.len().min(self.steps + 1);
            while self.gate.len() > kept {
                self.gate.pop_front().into_iter().for_each(&mut pass);
            }
            (self.is_open, self.next) = (true, self.arrived - kept);
        }
        self.gate.push_back(plane);
        self.arrived += 1;
    }

    /// Number of planes that can enter.
    pub(super) fn ready(&self) -> usize {
        if self.is_open { self.gate.len() } else { 0 }
    }

    /// Number of planes that wait because the stage has not opened.
    pub(super) fn parked(&self) -> usize {
        if self.is_open { 0 } else { self.gate.len() }
    }

    /// Number of planes that are worth entering together, since they find those that are held in the cache.
    pub(super) fn batch(&self) -> usize {
        2 * self.steps
    }

    /// Whether all planes have gone through.
    pub(super) fn is_over(&self, layout: &PlaneLayout) -> bool {
        self.is_open && self.next == layout.depth && self.held.is_empty()
    }

    /// Whether all planes have come, and there is nothing to do in any of them.
    pub(super) fn has_finished(&self, layout: &PlaneLayout) -> bool {
        !self.is_open && self.gate.len() == layout.depth
    }

    /// All planes, if there is nothing to do in any of them.
    pub(super) fn take_finished(&mut self, layout: &PlaneLayout) -> Option<Gate> {
        self.has_finished(layout).then(|| std::mem::take(&mut self.gate))
    }

    /// Number of planes that are awake, and bytes of all planes at the gate and inside, but for those that were put aside.
    pub(super) fn memory(&self) -> (usize, usize) {
        let add = |(awake, bytes), plane: &Plane| (awake + usize::from(plane.is_awake()), bytes + plane.bytes());
        self.held.iter().fold(self.gate.held(), add)
    }

    /// The number of the first sub-iteration, and the number of voxels deleted so far in each.
    pub(super) fn deleted(&self) -> (usize, &[u64]) {
        (self.first, &self.deleted)
    }

    /// Number of planes that slept and were woken here.
    pub(super) fn woken(&self) -> u64 {
        self.woken
    }

    /// Writes the seam logs of this stage, as far as the first `done` planes have gone through.
    fn write_seams(&mut self, bench: &mut Bench, done: usize) {
        if let Some(writer) = &mut bench.writer {
            writer.write(&bench.layout, self.first, &mut self.at_seams, &mut self.written, done);
        }
    }

    /// Lets the first plane at the gate in. Calls `pass` with every plane that is finished here.
    pub(super) fn enter(&mut self, bench: &mut Bench, pass: &mut impl FnMut(Plane)) {
        self.bring_back(bench);
        let Some(plane) = self.gate.pop_front().filter(|_| self.is_open) else { return };
        self.held.push_back(plane);
        self.next += 1;
        self.advance(bench, self.next - 1);
        // The last decisions in the plane below were the last to read it.
        if self.held.len() > self.steps + 1 {
            self.leave(bench).into_iter().for_each(&mut *pass);
        }
        if self.next == bench.layout.depth {
            (0..self.steps).for_each(|below| self.advance(bench, self.next + below));
            std::iter::from_fn(|| self.leave(bench)).for_each(pass);
        }
    }

    /// Puts the planes that are awake inside on the shelf until the next one enters. Returns how many these are.
    pub(super) fn put_aside(&mut self, bench: &mut Bench) -> u64 {
        let Some(shelf) = &bench.shelf else { return 0 };
        let before = self.aside.len();
        for (at, plane) in self.held.iter_mut().enumerate() {
            let put = Aside::put(plane, &bench.layout, &**shelf, &mut bench.spare_bits);
            self.aside.extend(put.map(|aside| (at, aside)));
        }
        (self.aside.len() - before) as u64
    }

    fn bring_back(&mut self, bench: &mut Bench) {
        let Some(shelf) = &bench.shelf else { return };
        for (at, aside) in self.aside.drain(..) {
            self.held[at] = aside.plane(&bench.layout, &**shelf, &mut bench.spare_bits);
        }
    }

    /// The planes inside, of which those that were put aside are copied.
    pub(super) fn planes(&self, bench: &Bench) -> impl ExactSizeIterator<Item = Cow<'_, Plane>> {
        self.held.iter().enumerate().map(|(at, plane)| {
            let aside = self.aside.iter().find(|(place, _)| *place == at).zip(bench.shelf.as_ref());
            match aside {
                Some(((_, aside), shelf)) => Cow::Owned(aside.plane(&bench.layout, &**shelf, &mut Vec::new())),
                None => Cow::Borrowed(plane),
            }
        })
    }

    /// Takes out the first plane that is held. It falls asleep if nothing is to do in it or next to it.
    fn leave(&mut self, bench: &mut Bench) -> Option<Plane> {
        let mut plane = self.held.pop_front()?;
        self.write_seams(bench, self.next - self.held.len());
        let end = self.first + self.steps;
        plane.forget(end, &mut bench.spare);
        let is_hot = plane.is_hot(end);
        if !is_hot && !self.left_hot && !self.held.front().is_some_and(|below| below.is_hot(end)) {
            plane.sleep();
        }
        self.left_hot = is_hot;
        Some(plane)
    }

    /// Does the work that is possible once the plane with number `front` has come in, or would have.
    fn advance(&mut self, bench: &mut Bench, front: usize) {
        for step in 0..self.steps {
            // The index among those held of the plane that many planes above.
            let place = (front + self.held.len()).checked_sub(step + 1 + self.next);
            if let Some(place) = place.filter(|&place| place < self.held.len()) {
                self.thin(bench, place, step);
            }
        }
    }

    /// Takes a plane through one of the sub-iterations of this stage, in which the plane above has been and the one below has
    /// not.
    fn thin(&mut self, bench: &mut Bench, place: usize, step: usize) {
        let sub_iteration = self.first + step;
        self.held[place].forget(sub_iteration, &mut bench.spare);
        if self.held[place].is_background() || !self.look_near(bench, place, sub_iteration) {
            return;
        }
        for plane in self.held.range_mut(place.saturating_sub(1)..(place + 2).min(self.held.len())) {
            self.woken += u64::from(plane.is_asleep());
            plane.wake(&bench.layout);
        }
        let mut here = std::mem::take(&mut self.held[place]);
        self.give_back_above(place);
        self.list(bench, place, &mut here, sub_iteration);
        self.give_back_above(place);
        if !bench.found.is_empty() {
            self.decide(bench, place, &mut here, step);
        }
        self.held[place] = here;
    }

    /// Restores what the plane above a place has lost in the sub-iteration that it was in last, or takes it away again.
    fn give_back_above(&mut self, place: usize) {
        if let Some(above) = place.checked_sub(1) {
            let Plane { bits, lost, .. } = &mut self.held[above];
            lost.toggle(bits);
        }
    }

    /// Lists the candidates of a plane, whose place among those held is empty.
    fn list(&self, bench: &mut Bench, place: usize, here: &mut Plane, sub_iteration: usize) {
        let PlaneLayout { stride, width, runs, .. } = &bench.layout;
        let [above, below] = [place.wrapping_sub(1), place + 1].map(|place| self.bits(place, &bench.background));
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
        let count = list(&search, &bench.near, &mut here.filled, &mut bench.border);
        test((planes, *stride, 0), bench.tests, &bench.border[..count], &mut bench.found);
    }

    /// The bits of the plane at an index, which may lie outside the volume; the plane must be awake.
    fn bits<'a>(&'a self, place: usize, background: &'a [u8]) -> &'a [u8] {
        let plane = self.held.get(place);
        debug_assert!(plane.is_none_or(|plane| !plane.is_asleep()));
        plane.map(|plane| &plane.bits[..]).filter(|bits| !bits.is_empty()).unwrap_or(background)
    }

    /// Finds the runs that a direction has to visit: all in its first turn, later those near deletions in the six
    /// sub-iterations before. Returns whether it found any.
    fn look_near(&self, bench: &mut Bench, place: usize, sub_iteration: usize) -> bool {
        if sub_iteration < DIRECTIONS {
            bench.near.fill(u64::MAX);
            return true;
        }
        let planes = self.held.range(place.saturating_sub(1)..(place + 2).min(self.held.len()));
        if planes.clone().all(|plane| !plane.is_hot(sub_iteration)) {
            return false;
        }
        bench.recent.fill(0);
        for set in planes.flat_map(|plane| plane.marks_before(sub_iteration)) {
            bench.recent.iter_mut().zip(set).for_each(|(all, set)| *all |= set);
        }
        bench.layout.runs.spread(&bench.recent, &mut bench.near);
        true
    }

    /// Decides the candidates that were found in a plane, whose place among those held is empty.
    fn decide(&mut self, bench: &mut Bench, place: usize, here: &mut Plane, step: usize) {
        let above = self.bits(place.wrapping_sub(1), &bench.background);
        let Bench { layout, retest, tests, found, .. } = bench;
        let (mut bits, sub_iteration) = (std::mem::take(&mut here.bits), self.first + step);
        let mut rows = PlaneRows { above, here: &mut bits, stride: layout.stride as u32 };
        let count = decide(*retest, &mut rows, tests, found, &layout.runs, here.marks(sub_iteration, layout));
        here.bits = bits;
        if count == 0 {
            return;
        }
        here.mark(sub_iteration);
        let mut lost = bench.spare.pop().unwrap_or_default();
        lost.extend(found.iter().filter(|candidate| candidate.old & DELETED != 0).map(|candidate| candidate.bit));
        self.deleted[step] += count as u64;
        if let Some(writer) = &bench.writer {
            let plane = self.next + place - self.held.len();
            writer.note(layout, plane, &lost, &mut self.at_seams[step]);
        }
        here.lost = Lost::new(lost, here.bits.len(), &mut bench.spare);
    }
}
