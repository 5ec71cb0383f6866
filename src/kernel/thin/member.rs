//! A chunk of a partition: its mask, what it knows of its neighbours, and its thinning while it takes part in an epoch.

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
    pub(super) initial: Mask,
    /// What crossed the seams in the last run.
    pub(super) previous: SeamLog,
    /// Whether it was restored and may contradict its neighbours: its halo must be asked for.
    pub(super) doubtful: bool,
    /// Whether the chunk takes part in this epoch.
    pub(super) active: bool,
    /// Which neighbours take part in this epoch, by number.
    pub(super) live: [bool; 27],
    /// Halo voxels that flipped and have not been looked at.
    pub(super) inbox: Vec<u32>,
    run: Option<ChunkThinning>,
    /// What crosses the seams in this run.
    log: SeamLog,
    received: Vec<u32>,
    sent: Vec<u32>,
}

impl Member {
    pub(super) fn new(grid: &Grid, id: ChunkId, mask: Mask) -> Self {
        Member {
            id,
            seams: Seams::new(grid, id),
            initial: mask,
            previous: SeamLog::default(),
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

    /// Puts a new mask in place of the old one; the halo stays. Whether the chunk has to run.
    pub(super) fn replace(&mut self, mask: &Mask) -> bool {
        let own = self.initial.layout().own;
        let bits = mask.cut(&own);
        let changed = self.initial.cut(&own) != bits;
        if changed {
            self.initial.paste(&own, &bits);
        }
        changed || self.doubtful
    }

    /// Forgets all that neighbours showed and told, where that is in doubt: those that are there will say it again. Gives
    /// whether it was.
    pub(super) fn forget_neighbours(&mut self) -> bool {
        if !std::mem::take(&mut self.doubtful) {
            return false;
        }
        let layout = *self.initial.layout();
        let own = self.initial.cut(&layout.own);
        self.initial = Mask::new(layout);
        self.initial.paste(&layout.own, &own);
        self.previous.received = Decisions::default();
        true
    }

    /// The box of the mask that lies in the halo of a neighbour with a layout, and its bits.
    pub(super) fn slab(&self, to: ChunkId, layout: &Layout) -> Slab {
        Slab::new(&self.initial, self.id, to, layout)
    }

    /// Takes in a neighbour's new mask. Whether the halo has changed.
    pub(super) fn hear_change(&mut self, slab: &Slab) -> bool {
        self.mark_live(slab.link.from);
        // A chunk that takes part anyway need not know.
        let changed = self.active || self.initial.cut(&slab.region) != slab.bits;
        if changed {
            self.initial.paste(&slab.region, &slab.bits);
        }
        changed
    }

    /// Takes in what a neighbour has and what it told in the last run.
    pub(super) fn learn(&mut self, slab: &Slab, told: &[(u32, Vec<u32>)]) {
        self.initial.paste(&slab.region, &slab.bits);
        self.previous.received.merge(told);
    }

    /// What the last run told a neighbour, by sub-iteration.
    pub(super) fn told(&self, to: ChunkId) -> Vec<(u32, Vec<u32>)> {
        let Some(n) = self.seams.number_of(to) else { return Vec::new() };
        let sent = &self.previous.sent;
        (0..sent.len()).map(|s| (s as u32, self.seen_by(n, sent.at(s)))).filter(|(_, bits)| !bits.is_empty()).collect()
    }

    pub(super) fn mark_live(&mut self, neighbour: ChunkId) -> bool {
        self.seams.number_of(neighbour).is_some_and(|n| !std::mem::replace(&mut self.live[n], true))
    }

    /// A neighbour takes part from now on. What it has to know: where this chunk's decisions in the current
    /// sub-iteration are not those that the neighbour's log has.
    pub(super) fn hear_live(&mut self, neighbour: ChunkId, sub_iteration: Option<usize>) -> Vec<u32> {
        let news = self.mark_live(neighbour) && self.run.is_some();
        match (self.seams.number_of(neighbour), sub_iteration) {
            (Some(n), Some(now)) if news => self.seen_by(n, &self.unlike_previous(now)),
            _ => Vec::new(),
        }
    }

    /// Makes the chunk ready for its first sub-iteration.
    pub(super) fn start(&mut self, method: Method, keep: bool) {
        let mask = if keep { self.initial.clone() } else { self.initial.take() };
        self.run = Some(ChunkThinning::new(mask, method));
        self.log = SeamLog::default();
    }

    /// Starts a sub-iteration. What neighbours have told of it before is known to the first decisions: these need not be
    /// made again for it.
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

    /// What neighbours that do not take part tell in a sub-iteration, as in the last run.
    pub(super) fn logged(&self, sub_iteration: usize) -> Vec<u32> {
        let logged = self.previous.received.at(sub_iteration).iter().copied();
        logged.filter(|&bit| !self.live[self.seams.owner_of_halo(bit as usize)]).collect()
    }

    /// Goes through the sub-iterations before `now` as in the last run, and decides `now` as if all neighbours said
    /// nothing. Gives what they said in the last run.
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

    /// Looks at the halo voxels that flipped; own voxels next to a seam that flip in turn are added to `flips`.
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

    /// Own voxels next to a seam whose decisions in the current sub-iteration are not those of the last run.
    pub(super) fn unlike_previous(&self, sub_iteration: usize) -> Vec<u32> {
        let mut unlike = [&self.sent, self.previous.sent.at(sub_iteration)].concat();
        keep_odd(&mut unlike);
        unlike
    }

    /// The same, by the neighbours that do not take part and see it; from now on they do.
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

    /// Own voxels that a neighbour has in its halo, by their bit indices there.
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

    /// Number of sub-iterations in which the last run may have said or heard something.
    pub(super) fn horizon(&self) -> usize {
        self.previous.len()
    }

    /// Ends the run: the thinned mask.
    pub(super) fn finish(&mut self) -> Option<Mask> {
        self.active = false;
        self.previous = std::mem::take(&mut self.log);
        self.run.take().map(ChunkThinning::into_mask)
    }

    /// Makes the chunk ready for the next epoch.
    pub(super) fn rest(&mut self) {
        self.live = [false; 27];
        self.inbox.clear();
    }
}
