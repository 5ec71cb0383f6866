//! Walks along the voxel graph of a chunk: branches inside the chunk, and fragments of branches that leave it.

use crate::kernel::measure::channel::{Channel, PathSum};
use crate::kernel::network::adjacency::{Adjacency, steps};
use crate::kernel::network::branch::{Branch, BranchKind, Steps};
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::step::{Lengths, Step};
use crate::kernel::network::stitch::{Beyond, End, Fragment};
use crate::space::Voxel;

/// The results of the walks of a chunk, with sums `S` along paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walks<S: PathSum> {
    /// Branches of which all voxels are own voxels of the chunk, in order.
    pub branches: Vec<Branch<S::Measured>>,
    /// Paths with at least one end that continues in another chunk.
    pub fragments: Vec<Fragment<S>>,
    /// Voxels without neighbours, in raster order.
    pub isolated: Vec<Isolated<S::Measured>>,
}

/// Walks every edge between a chunk's skeleton voxels once, and sums the values of a channel along the paths. `sets`
/// holds the neighbours of each voxel (see `Network`), including those in other chunks. Takes time linear in the number
/// of voxels.
pub fn walk<C: Channel>(voxels: &[Voxel], channel: &C, sets: &[u32], lengths: &Lengths) -> Walks<C::Sum> {
    let adjacency = Adjacency::new(voxels, sets);
    let walked = vec![false; adjacency.targets.len()];
    let (path, steps) = (Vec::new(), Vec::new());
    let found = Walks { branches: Vec::new(), fragments: Vec::new(), isolated: Vec::new() };
    let mut walker = Walker { voxels, channel, sets, lengths, adjacency, walked, path, steps, found };
    for place in 0..voxels.len() {
        match sets[place].count_ones() {
            0 => walker.isolated(place),
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

struct Walker<'a, C: Channel> {
    voxels: &'a [Voxel],
    channel: &'a C,
    sets: &'a [u32],
    lengths: &'a Lengths,
    adjacency: Adjacency,
    /// For each slot of the adjacency, whether that edge has been walked.
    walked: Vec<bool>,
    /// Indices of the voxels of the current walk.
    path: Vec<u32>,
    /// Steps between them.
    steps: Vec<Step>,
    found: Walks<C::Sum>,
}

impl<C: Channel> Walker<'_, C> {
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
            // A walk that ends at a terminal has already been taken from there.
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

    /// Walks from a voxel by a step to the next terminal, to a seam, or back to the beginning. Returns which.
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
            // The other one of its two slots.
            let base = self.adjacency.starts[place] as usize;
            slot = base + (1 - (back - base));
            step = Step::new((set & !step.reversed().bit()).trailing_zeros() as u8);
        }
    }

    fn branch(&mut self, start: Voxel, end: Voxel, kind: BranchKind, isolated: bool) {
        let measured = self.channel.along(&self.path, self.voxels).measured(&self.steps, self.lengths);
        self.found.branches.push(Branch::new(start, end, kind, isolated, &self.steps, measured, self.lengths));
    }

    fn isolated(&mut self, place: usize) {
        let measured = self.channel.along(&[place as u32], self.voxels).measured(&[], self.lengths);
        self.found.isolated.push(Isolated { voxel: self.voxels[place], measured });
    }

    fn fragment(&mut self, ends: [End; 2]) {
        let (steps, sum) = (Steps::from(&self.steps[..]), self.channel.along(&self.path, self.voxels));
        self.found.fragments.push(Fragment { ends, steps, sum });
    }
}
