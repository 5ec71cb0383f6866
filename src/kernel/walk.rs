//! Walks along the voxel graph of a chunk: branches that lie inside it, and fragments of those that do not.

use crate::kernel::adjacency::{Adjacency, steps};
use crate::kernel::branch::{Branch, BranchKind, Moments, Steps};
use crate::kernel::skeleton::PixelValues;
use crate::kernel::step::{Lengths, Step};
use crate::kernel::stitch::{Beyond, End, Fragment, Values};
use crate::space::Voxel;

/// What the walks of a chunk find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walks {
    /// Branches all of whose voxels are the chunk's own, in order.
    pub branches: Vec<Branch>,
    /// Paths with at least one end that goes on in another chunk.
    pub fragments: Vec<Fragment>,
    /// Voxels without neighbours, in raster order.
    pub isolated: Vec<Voxel>,
}

/// Walks all edges between a chunk's skeleton voxels once. `sets` holds the neighbours of each voxel (see `Network`), those
/// in other chunks included. Takes time linear in the voxels.
pub fn walk(voxels: &[Voxel], values: &PixelValues, sets: &[u32], lengths: &Lengths) -> Walks {
    let adjacency = Adjacency::new(voxels, sets);
    let walked = vec![false; adjacency.targets.len()];
    let (path, steps) = (Vec::new(), Vec::new());
    let mut walker = Walker { voxels, values, sets, lengths, adjacency, walked, path, steps, found: Walks::default() };
    for place in 0..voxels.len() {
        match sets[place].count_ones() {
            0 => walker.found.isolated.push(voxels[place]),
            2 => {}
            _ => walker.leave_terminal(place),
        }
    }
    for place in 0..voxels.len() {
        if sets[place].count_ones() == 2 {
            walker.leave_seam(place);
        }
    }
    for place in 0..voxels.len() {
        if sets[place] != 0 {
            walker.go_around(place);
        }
    }
    walker.found
}

struct Walker<'a> {
    voxels: &'a [Voxel],
    values: &'a PixelValues,
    sets: &'a [u32],
    lengths: &'a Lengths,
    adjacency: Adjacency,
    /// For each slot of the adjacency, whether that edge has been walked.
    walked: Vec<bool>,
    /// Places of the voxels of the current walk.
    path: Vec<u32>,
    /// Steps between them.
    steps: Vec<Step>,
    found: Walks,
}

impl Walker<'_> {
    fn leave_terminal(&mut self, place: usize) {
        let set = self.sets[place];
        for (slot, step) in (self.adjacency.starts[place] as usize..).zip(steps(set)) {
            if self.walked[slot] {
                continue;
            }
            let start = End { voxel: self.voxels[place], beyond: self.terminal(place) };
            match self.follow(place, slot, step) {
                Beyond::Open(step) => self.fragment([start, self.last(Beyond::Open(step))]),
                last => {
                    let end = self.last(last).voxel;
                    let kind = if start.voxel == end {
                        BranchKind::Cycle
                    } else {
                        BranchKind::of_ends([start.beyond, last].map(|b| b == Beyond::Tip))
                    };
                    self.branch(start.voxel, end, kind, false);
                }
            }
        }
    }

    fn leave_seam(&mut self, place: usize) {
        let base = self.adjacency.starts[place] as usize;
        for (side, out) in steps(self.sets[place]).enumerate() {
            if self.adjacency.targets[base + side] != Adjacency::OUTSIDE || self.walked[base + side] {
                continue;
            }
            self.walked[base + side] = true;
            let start = End { voxel: self.voxels[place], beyond: Beyond::Open(out) };
            let onward = Step::new((self.sets[place] & !out.bit()).trailing_zeros() as u8);
            // A walk that ended at a terminal would have been taken from there.
            let last = self.follow(place, base + 1 - side, onward);
            self.fragment([start, self.last(last)]);
        }
    }

    fn go_around(&mut self, place: usize) {
        let slot = self.adjacency.starts[place] as usize;
        if self.walked[slot] {
            return;
        }
        let step = Step::new(self.sets[place].trailing_zeros() as u8);
        self.follow(place, slot, step);
        let start = self.voxels[place];
        self.branch(start, start, BranchKind::Cycle, true);
    }

    fn terminal(&self, place: usize) -> Beyond {
        if self.sets[place].count_ones() == 1 { Beyond::Tip } else { Beyond::Junction }
    }

    fn last(&self, beyond: Beyond) -> End {
        End { voxel: self.voxels[self.path[self.path.len() - 1] as usize], beyond }
    }

    /// Walks from a voxel by a step to the next terminal, to a seam, or back to where it began; tells which.
    fn follow(&mut self, begin: usize, slot: usize, step: Step) -> Beyond {
        self.path.clear();
        self.steps.clear();
        self.path.push(begin as u32);
        let (mut slot, mut step) = (slot, step);
        loop {
            self.walked[slot] = true;
            let target = self.adjacency.targets[slot];
            if target == Adjacency::OUTSIDE {
                return Beyond::Open(step);
            }
            let place = target as usize;
            let set = self.sets[place];
            let back = self.adjacency.slot(place, set, step.reversed());
            self.walked[back] = true;
            self.path.push(target);
            self.steps.push(step);
            if set.count_ones() != 2 {
                return self.terminal(place);
            }
            if place == begin {
                return Beyond::Junction;
            }
            // The other of its two slots.
            let base = self.adjacency.starts[place] as usize;
            slot = base + (1 - (back - base));
            step = Step::new((set & !step.reversed().bit()).trailing_zeros() as u8);
        }
    }

    fn values(&self) -> Values {
        let at_first = self.path[0] as usize;
        let whole = |of: &dyn Fn(usize) -> i64| {
            let (mut sum, mut squares) = (0, 0);
            let mut least = at_first;
            for &place in &self.path {
                let value = of(place as usize);
                sum += value;
                squares += u128::from(value.unsigned_abs()).pow(2);
                least = least.min(place as usize);
            }
            Values::Integers { sum, squares, least: self.voxels[least], at_least: of(least) }
        };
        match self.values {
            PixelValues::Constant(value) => whole(&|_| *value),
            PixelValues::Integers(values) => whole(&|place| values[place]),
            PixelValues::Floats(values) => Values::Floats(self.path.iter().map(|&p| values[p as usize]).collect()),
        }
    }

    fn branch(&mut self, start: Voxel, end: Voxel, kind: BranchKind, isolated: bool) {
        let count = self.path.len() as u64;
        let moments = match self.values() {
            Values::Integers { sum, squares, .. } => Moments::of_integers(count, sum, squares),
            Values::Floats(values) => Moments::of_floats(&values),
        };
        self.found.branches.push(Branch::new(start, end, kind, isolated, &self.steps, moments, self.lengths));
    }

    fn fragment(&mut self, ends: [End; 2]) {
        let (steps, values) = (Steps::from(&self.steps[..]), self.values());
        self.found.fragments.push(Fragment { ends, steps, values });
    }
}
