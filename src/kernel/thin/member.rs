//! A chunk of a partition: its mask, its neighbours' messages, and its thinning while it is active in an epoch.

use std::sync::Arc;

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::message::Slab;
use crate::kernel::thin::method::{ChunkThinning, Method};
use crate::kernel::thin::seam::Seams;
use crate::kernel::thin::seam_log::{Decisions, SeamLog, keep_odd};

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: ChunkId,
    pub(super) seams: Seams,
    /// The mask before thinning, and its halo.
    pub(super) initial: Arc<Mask>,
    /// What crossed the seams in the last run.
    pub(super) previous: Arc<SeamLog>,
    /// Whether it was restored and may contradict its neighbours, so that it must request its halo.
    pub(super) doubtful: bool,
    /// Whether the chunk is active in this epoch.
    pub(super) active: bool,
    /// Whether each neighbour is active in this epoch, by number.
    pub(super) live: [bool; 27],
    /// Halo voxels that flipped, not yet applied.
    pub(super) inbox: Vec<u32>,
    run: Option<ChunkThinning>,
    /// What crosses the seams in this run.
    log: SeamLog,
    received: Vec<u32>,
    sent: Vec<u32>,
}

impl Member {
    pub(super) fn new(grid: &Grid, id: ChunkId, mask: Arc<Mask>, previous: SeamLog) -> Self {
        Member {
            id,
            seams: Seams::new(grid, id),
            initial: mask,
            previous: Arc::new(previous),
            doubtful: false,
            active: false,
            live: [false; 27],
            inbox: Vec::new(),
            run: None,
            log: SeamLog::default(),
            received: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Replaces the mask, but not its halo. Returns whether the chunk has to run.
    pub(super) fn replace(&mut self, mask: &Mask) -> bool {
        let own = self.initial.layout().own;
        let bits = mask.cut(&own);
        let changed = self.initial.cut(&own) != bits;
        if changed {
            Arc::make_mut(&mut self.initial).paste(&own, &bits);
        }
        changed || self.doubtful
    }

    /// If the chunk is in doubt, forgets its halo and all received decisions, which existing neighbours will send
    /// again. Returns whether it was in doubt.
    pub(super) fn forget_neighbours(&mut self) -> bool {
        if !std::mem::take(&mut self.doubtful) {
            return false;
        }
        let layout = *self.initial.layout();
        let own = self.initial.cut(&layout.own);
        let mut initial = Mask::new(layout);
        initial.paste(&layout.own, &own);
        self.initial = Arc::new(initial);
        Arc::make_mut(&mut self.previous).received = Decisions::default();
        true
    }

    /// The box of the mask that lies in the halo of a neighbour with a layout, and its bits.
    pub(super) fn slab(&self, to: ChunkId, layout: &Layout) -> Slab {
        Slab::new(&self.initial, self.id, to, layout)
    }

    /// Applies a neighbour's new mask. Returns whether the chunk has to run: whether its halo has changed, or it is
    /// active already.
    pub(super) fn hear_change(&mut self, slab: &Slab) -> bool {
        self.mark_live(slab.link.from);
        // An active chunk runs anyway.
        let changed = self.active || self.initial.cut(&slab.region) != slab.bits;
        if changed {
            Arc::make_mut(&mut self.initial).paste(&slab.region, &slab.bits);
        }
        changed
    }

    /// Applies a neighbour's mask and its decisions in the last run.
    pub(super) fn learn(&mut self, slab: &Slab, told: &[(u32, Vec<u32>)]) {
        Arc::make_mut(&mut self.initial).paste(&slab.region, &slab.bits);
        Arc::make_mut(&mut self.previous).received.merge(told);
    }

    /// Decisions of the last run that a neighbour received, by sub-iteration.
    pub(super) fn told(&self, to: ChunkId) -> Vec<(u32, Vec<u32>)> {
        let Some(n) = self.seams.number_of(to) else { return Vec::new() };
        let sent = &self.previous.sent;
        (0..sent.len()).map(|s| (s as u32, self.seen_by(n, sent.at(s)))).filter(|(_, bits)| !bits.is_empty()).collect()
    }

    pub(super) fn mark_live(&mut self, neighbour: ChunkId) -> bool {
        self.seams.number_of(neighbour).is_some_and(|n| !std::mem::replace(&mut self.live[n], true))
    }

    /// Marks a neighbour as active. Returns the flips to send to it: own voxels whose decisions in the current
    /// sub-iteration differ from those in the neighbour's log.
    pub(super) fn hear_live(&mut self, neighbour: ChunkId, sub_iteration: Option<usize>) -> Vec<u32> {
        let news = self.mark_live(neighbour) && self.run.is_some();
        match (self.seams.number_of(neighbour), sub_iteration) {
            (Some(n), Some(now)) if news => self.seen_by(n, &self.unlike_previous(now)),
            _ => Vec::new(),
        }
    }

    /// Prepares the chunk for its first sub-iteration.
    pub(super) fn start(&mut self, method: Method, keep: bool) {
        let mask = if keep { Mask::clone(&self.initial) } else { Arc::make_mut(&mut self.initial).take() };
        self.run = Some(ChunkThinning::new(mask, method));
        self.log = SeamLog::default();
    }

    /// Starts a sub-iteration. Flips that have already arrived are applied before the first decisions, which then need
    /// not be reconsidered for them.
    pub(super) fn begin(&mut self, sub_iteration: usize, keep: bool, border: &mut Vec<u32>, flips: &mut Vec<u32>) {
        let Some(run) = &mut self.run else { return };
        if run.is_resting(sub_iteration) {
            return;
        }
        let mut decided = if run.is_sequential() { std::mem::take(&mut self.inbox) } else { Vec::new() };
        if keep {
            self.received.extend_from_slice(&decided);
        }
        run.begin(sub_iteration, border, &decided, flips);
        if self.inbox.is_empty() {
            decided.clear();
            self.inbox = decided;
        }
    }

    /// Decisions of inactive neighbours in a sub-iteration, from the log of the last run.
    pub(super) fn logged(&self, sub_iteration: usize) -> Vec<u32> {
        let logged = self.previous.received.at(sub_iteration).iter().copied();
        logged.filter(|&bit| !self.live[self.seams.owner_of_halo(bit as usize)]).collect()
    }

    /// Repeats the sub-iterations before `now` as in the last run, and decides `now` as if no neighbour had deleted a
    /// voxel. Returns the neighbours' decisions in `now` of the last run.
    pub(super) fn replay(&mut self, now: usize, method: Method, keep: bool, border: &mut Vec<u32>) -> Vec<u32> {
        self.start(method, keep);
        let Some(run) = &mut self.run else { return Vec::new() };
        let mut own = Vec::new();
        for sub_iteration in 0..now {
            if !run.is_resting(sub_iteration) {
                run.begin(sub_iteration, border, &[], &mut own);
            }
            run.receive(self.previous.received.at(sub_iteration), &mut own);
            run.settle(sub_iteration);
            self.log.received.set(sub_iteration, &mut self.previous.received.at(sub_iteration).to_vec());
            self.log.sent.set(sub_iteration, &mut self.previous.sent.at(sub_iteration).to_vec());
        }
        self.sent.clear();
        self.received.clear();
        if !run.is_resting(now) {
            run.begin(now, border, &[], &mut self.sent);
        }
        self.previous.received.at(now).to_vec()
    }

    /// Applies the halo voxels that flipped. Adds own voxels next to a seam that flip in turn to `flips`.
    pub(super) fn read(&mut self, flips: &mut Vec<u32>, keep: bool) {
        let mut inbox = std::mem::take(&mut self.inbox);
        if let Some(run) = &mut self.run {
            run.receive(&inbox, flips);
            if keep {
                self.received.extend_from_slice(&inbox);
            }
        }
        inbox.clear();
        self.inbox = inbox;
    }

    pub(super) fn note_sent(&mut self, flips: &[u32]) {
        self.sent.extend_from_slice(flips);
    }

    /// Own voxels next to a seam whose decisions in the current sub-iteration differ from those of the last run.
    pub(super) fn unlike_previous(&self, sub_iteration: usize) -> Vec<u32> {
        let mut unlike = [&self.sent, self.previous.sent.at(sub_iteration)].concat();
        keep_odd(&mut unlike);
        unlike
    }

    /// As [`Member::unlike_previous`], for each inactive neighbour with some of these voxels in its halo. Marks these
    /// neighbours as active.
    pub(super) fn differences(&mut self, sub_iteration: usize) -> Vec<(ChunkId, Vec<u32>)> {
        let unlike = self.unlike_previous(sub_iteration);
        if unlike.is_empty() || self.run.is_none() {
            return Vec::new();
        }
        let mut differing = Vec::new();
        for (n, to, _) in self.seams.neighbours() {
            let seen = if self.live[n] { Vec::new() } else { self.seen_by(n, &unlike) };
            if !seen.is_empty() {
                self.live[n] = true;
                differing.push((to, seen));
            }
        }
        differing
    }

    /// The voxels of `bits` that a neighbour has in its halo, by their bit indices there.
    fn seen_by(&self, number: usize, bits: &[u32]) -> Vec<u32> {
        let mut seen = Vec::new();
        for &bit in bits {
            self.seams.visit(bit as usize, |n, there| {
                if n == number {
                    seen.push(there as u32);
                }
            });
        }
        seen
    }

    pub(super) fn deleted(&self) -> usize {
        self.run.as_ref().map_or(0, ChunkThinning::deleted)
    }

    pub(super) fn settle(&mut self, sub_iteration: usize, keep: bool) -> usize {
        if keep {
            self.log.received.set(sub_iteration, &mut self.received);
            self.log.sent.set(sub_iteration, &mut self.sent);
        }
        self.received.clear();
        self.sent.clear();
        self.run.as_mut().map_or(0, |run| run.settle(sub_iteration))
    }

    /// Number of sub-iterations up to the last one in which the last run sent or received a decision.
    pub(super) fn horizon(&self) -> usize {
        self.previous.len()
    }

    /// Ends the run, and returns the thinned mask.
    pub(super) fn finish(&mut self) -> Option<Mask> {
        self.active = false;
        self.previous = Arc::new(std::mem::take(&mut self.log));
        self.run.take().map(ChunkThinning::into_mask)
    }

    /// Prepares the chunk for the next epoch.
    pub(super) fn rest(&mut self) {
        self.live = [false; 27];
        self.inbox.clear();
    }
}
