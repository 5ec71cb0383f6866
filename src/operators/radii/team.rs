//! One worker's part in finding radii.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::held::HeldMasks;
use super::kept::KeptRadii;
use super::mask_store::{Held, MaskStore};
use super::originals::MeasuredChunk;
use super::round::Round;
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::channel::Channel;
use crate::kernel::measure::distance::{Distances, Ruler, Space, around};
use crate::kernel::measure::radii::Radii;
use crate::kernel::network::skeleton::Skeleton;
use crate::space::{Region, Spacing};

/// A chunk's skeleton with one more channel, the radii.
pub type WithRadii<C> = Arc<Skeleton<(C, Radii)>>;

/// Skeletons of a chunk, and how many times each comes.
type Changes<C> = Vec<(Arc<Skeleton<C>>, isize)>;

/// Chunks whose radii are looked for at a time, and fewer where the masks that they want come from other processes, all of which
/// are in memory at once.
const MOST_WAITING: usize = if cfg!(test) { 2 } else { 256 };
const MOST_WAITING_APART: usize = if cfg!(test) { 2 } else { 32 };

/// Chunks that are begun together: the voxels of each are in memory, unpacked.
const TOGETHER: usize = 16;

/// What a time brings.
pub(super) struct News<C> {
    pub(super) masks: BTreeMap<ChunkId, Held>,
    pub(super) bounds: Option<Region>,
    /// Chunks that an earlier dataflow has measured.
    pub(super) measured: BTreeMap<ChunkId, MeasuredChunk>,
    /// Skeletons that come and go.
    pub(super) skeletons: BTreeMap<ChunkId, Changes<C>>,
}

impl<C> Default for News<C> {
    fn default() -> Self {
        News { masks: BTreeMap::new(), bounds: None, measured: BTreeMap::new(), skeletons: BTreeMap::new() }
    }
}

/// What came of a worker's turn.
pub(super) enum Turn<C> {
    /// A peer's message is missing.
    Missing,
    /// This worker has said what follows from the round.
    Said,
    /// The time is over: skeletons that come and go.
    Over(Vec<((ChunkId, WithRadii<C>), isize)>),
}

/// How far a time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing to do.
    Idle,
    /// Workers tell which masks have changed.
    Edits,
    /// Masks are asked for and given.
    Masks,
}

/// A chunk whose skeleton is measured.
struct Kept<C> {
    measured: WithRadii<C>,
    /// The box around its voxels.
    around: Region,
    largest: f64,
}

impl<C: Channel> Kept<C> {
    fn new(measured: Skeleton<(C, Radii)>) -> Self {
        let (around, largest) = (around(measured.voxels.iter()), measured.values.1.largest());
        Kept { measured: Arc::new(measured), around, largest }
    }
}

/// One worker's part in finding radii.
pub(super) struct Team<C> {
    space: Space,
    index: usize,
    peers: usize,
    /// Number of the round, over all times.
    number: u64,
    phase: Phase,
    /// Whether this worker has told anybody anything in the current round.
    said: bool,
    /// The masks of own chunks, and what others have lent.
    originals: HeldMasks,
    store: Option<Arc<MaskStore>>,
    /// Of the first time.
    kept_radii: Option<KeptRadii>,
    kept: BTreeMap<ChunkId, Kept<C>>,
    /// Own chunks whose masks have changed at this time.
    edits: Vec<ChunkId>,
    /// Own chunks with another skeleton, or none any more.
    changed: BTreeMap<ChunkId, Option<Arc<Skeleton<C>>>>,
    /// Own chunks whose radii are to be found.
    affected: BTreeSet<ChunkId>,
    /// Those of which masks are missing.
    waiting: BTreeMap<ChunkId, Distances>,
    found: BTreeMap<ChunkId, Radii>,
    /// Masks of others that were asked for.
    asked: BTreeSet<ChunkId>,
}

impl<C: Channel> Team<C> {
    pub(super) fn new(
        grid: Grid,
        spacing: Spacing,
        (index, peers): (usize, usize),
        store: Option<Arc<MaskStore>>,
        kept_radii: Option<KeptRadii>,
    ) -> Self {
        Team {
            space: Space { grid, bounds: grid.bounds(), ruler: Ruler::new(spacing) },
            index,
            peers,
            number: 0,
            phase: Phase::Idle,
            said: false,
            originals: HeldMasks::default(),
            store,
            kept_radii,
            kept: BTreeMap::new(),
            edits: Vec::new(),
            changed: BTreeMap::new(),
            affected: BTreeSet::new(),
            waiting: BTreeMap::new(),
            found: BTreeMap::new(),
            asked: BTreeSet::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Begins a time.
    pub(super) fn start(&mut self, news: News<C>, send: impl FnMut(Round)) {
        self.phase = Phase::Edits;
        for (id, mask) in news.masks {
            if self.originals.set(id, mask) {
                self.edits.push(id);
            }
        }
        if let Some(bounds) = news.bounds.filter(|bounds| *bounds != self.space.bounds) {
            let depends = |kept: &Kept<C>| self.space.depends_on_bounds(&kept.around, kept.largest, &bounds);
            self.affected.extend(self.kept.iter().filter(|(_, kept)| depends(kept)).map(|(id, _)| *id));
            self.space.bounds = bounds;
        }
        for (id, changes) in news.skeletons {
            let old = self.kept.get(&id).map(|kept| &kept.measured);
            let Some(new) = consolidated(id, old.map(|old| &**old), changes) else { continue };
            match &new {
                Some(new) if old.is_some_and(|old| old.voxels == new.voxels) => {}
                Some(_) => drop(self.affected.insert(id)),
                None => drop(self.affected.remove(&id)),
            }
            self.changed.insert(id, new);
        }
        for (id, MeasuredChunk { mask, radii }) in news.measured {
            self.originals.keep(id, Held::Recalled(mask));
            let length = self.changed.get(&id).and_then(Option::as_ref).map(|skeleton| skeleton.voxels.len());
            if let (Some(radii), Some(length)) = (radii, length) {
                debug_assert!(radii.is_for(length), "radii are those of the skeleton");
                self.affected.remove(&id);
                self.found.insert(id, radii);
            }
        }
        let edits = self.edits.clone();
        self.say(|_, round| round.edits.clone_from(&edits), send);
    }

    /// Works on a round, where nobody's message of it is missing.
    pub(super) fn advance(&mut self, early: &mut Vec<Round>, send: impl FnMut(Round)) -> Turn<C> {
        let number = self.number;
        if early.iter().filter(|round| round.number == number).count() + 1 < self.peers {
            return Turn::Missing;
        }
        let (now, later): (Vec<_>, _) = std::mem::take(early).into_iter().partition(|round| round.number == number);
        *early = later;
        self.number += 1;
        let process = self.space.grid.process_of(self.index, self.peers);
        let busy = self.said || now.iter().any(|round| round.busy);
        let mut asks: Vec<Vec<ChunkId>> = vec![Vec::new(); self.peers];
        let mut answers: Vec<Vec<(ChunkId, Held)>> = vec![Vec::new(); self.peers];
        match self.phase {
            Phase::Idle => unreachable!("a time has begun"),
            Phase::Edits => {
                self.phase = Phase::Masks;
                let mut edits: BTreeSet<ChunkId> = std::mem::take(&mut self.edits).into_iter().collect();
                edits.extend(now.into_iter().flat_map(|round| round.edits));
                self.affect(&edits);
                self.search(&mut asks);
            }
            Phase::Masks if !busy => {
                self.phase = Phase::Idle;
                return Turn::Over(self.finish());
            }
            Phase::Masks => {
                let Team { originals, store, .. } = self;
                for round in now {
                    // Packed as it is for a worker of this process.
                    let is_near = self.space.grid.process_of(round.from, self.peers) == process;
                    for id in round.asks {
                        let held = if is_near { originals.to_lend(id) } else { originals.to_send(id) };
                        answers[round.from].push((id, held));
                    }
                    let answers = round.answers.into_iter();
                    originals.borrow(answers.map(|(id, held)| (id, held.received(store.as_ref()))));
                }
                self.search(&mut asks);
            }
        }
        let tell = |to: usize, round: &mut Round| {
            round.asks = std::mem::take(&mut asks[to]);
            round.answers = std::mem::take(&mut answers[to]);
        };
        self.say(tell, send);
        Turn::Said
    }

    /// Finds out which skeletons the edits of masks concern.
    fn affect(&mut self, edits: &BTreeSet<ChunkId>) {
        if edits.is_empty() {
            return;
        }
        let space = &self.space;
        for (id, Kept { around, largest, .. }) in &self.kept {
            if self.affected.contains(id) || matches!(self.changed.get(id), Some(None)) {
                continue;
            }
            let concerns = |chunk: &ChunkId| space.reaches(around, *largest, *chunk);
            let near = space.near(around, *largest);
            let count = near.shape().iter().fold(1, |count: usize, &n| count.saturating_mul(n));
            let concerned = if count < edits.len() {
                near.chunks().any(|chunk| edits.contains(&chunk) && concerns(&chunk))
            } else {
                edits.iter().any(concerns)
            };
            if concerned {
                self.affected.insert(*id);
            }
        }
    }

    /// Whether the run has failed: then nothing more comes of it.
    fn has_failed(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.attic().has_failed())
    }

    /// Begins to find the radii of some of the skeletons that are concerned.
    fn begin(&mut self, most: usize) -> BTreeMap<ChunkId, Distances> {
        let mut begun = BTreeMap::new();
        while begun.len() < most {
            let Some(id) = self.affected.pop_first() else { break };
            let voxels = match (self.changed.get(&id), self.kept.get(&id)) {
                (Some(Some(skeleton)), _) => skeleton.voxels.to_vec(),
                (None, Some(kept)) => kept.measured.voxels.to_vec(),
                _ => continue,
            };
            if let Some(radii) = self.kept_radii.as_ref().and_then(|kept| kept.take(id)) {
                debug_assert!(radii.is_for(voxels.len()), "radii are those of the skeleton");
                self.found.insert(id, radii);
                continue;
            }
            begun.insert(id, Distances::new(self.space.clone(), id, voxels));
        }
        begun
    }

    /// Goes on with all that waits, and begins with more while few do; notes which masks are missing, by whom they are to be
    /// asked for.
    fn search(&mut self, asks: &mut [Vec<ChunkId>]) {
        if self.has_failed() {
            // Masks may be lost, and without them a search goes far.
            self.waiting.clear();
            self.affected.clear();
            return;
        }
        let most = if self.space.grid.processes() > 1 { MOST_WAITING_APART } else { MOST_WAITING };
        let mut next = std::mem::take(&mut self.waiting);
        loop {
            self.search_in(next, asks);
            next = self.begin(most.saturating_sub(self.waiting.len()).min(TOGETHER));
            if next.is_empty() {
                break;
            }
        }
    }

    fn search_in(&mut self, chunks: BTreeMap<ChunkId, Distances>, asks: &mut [Vec<ChunkId>]) {
        let Team { space, index, peers, originals, kept_radii, .. } = self;
        let known = |chunk: ChunkId| {
            if space.grid.owner(chunk, *peers) == *index {
                Some(originals.get(chunk))
            } else {
                originals.borrowed(chunk)
            }
        };
        for (id, mut distances) in chunks {
            let missing = distances.search(known);
            if missing.is_empty() {
                let radii = distances.radii();
                kept_radii.iter().for_each(|kept| kept.add(id, &radii));
                self.found.insert(id, radii);
                continue;
            }
            self.waiting.insert(id, distances);
            for chunk in missing {
                if self.asked.insert(chunk) {
                    asks[space.grid.owner(chunk, *peers)].push(chunk);
                }
            }
        }
    }

    /// Ends a time. Returns what comes and goes by it.
    fn finish(&mut self) -> Vec<((ChunkId, WithRadii<C>), isize)> {
        debug_assert!(self.waiting.is_empty(), "nothing is missing");
        self.asked.clear();
        self.originals.close();
        self.kept_radii.take().iter().for_each(KeptRadii::flush);
        let (mut found, mut changed) = (std::mem::take(&mut self.found), std::mem::take(&mut self.changed));
        if self.has_failed() {
            return Vec::new();
        }
        let touched: BTreeSet<ChunkId> = found.keys().chain(changed.keys()).copied().collect();
        let mut changes = Vec::new();
        for id in touched {
            let old = self.kept.remove(&id);
            let (voxels, channel) = match (changed.remove(&id), &old) {
                (Some(Some(new)), _) => (new.voxels.clone(), C::clone(&new.values)),
                (None, Some(old)) => (old.measured.voxels.clone(), old.measured.values.0.clone()),
                (Some(None), _) | (None, None) => {
                    changes.extend(old.map(|old| ((id, old.measured), -1)));
                    continue;
                }
            };
            let radii = found.remove(&id).or_else(|| old.as_ref().map(|old| old.measured.values.1.clone()));
            let radii = radii.expect("a skeleton that comes is measured");
            let new = Kept::new(Skeleton { voxels, values: Arc::new((channel, radii)) });
            if old.as_ref().is_none_or(|old| old.measured != new.measured) {
                changes.push(((id, Arc::clone(&new.measured)), 1));
                changes.extend(old.map(|old| ((id, old.measured), -1)));
                self.kept.insert(id, new);
            } else {
                self.kept.extend(old.map(|old| (id, old)));
            }
        }
        changes
    }

    /// Sends this round's messages to all peers, each as `tell` fills it in, and remembers whether there was anything to
    /// tell.
    fn say(&mut self, mut tell: impl FnMut(usize, &mut Round), mut send: impl FnMut(Round)) {
        let (from, number) = (self.index, self.number);
        let mut rounds: Vec<Round> = (0..self.peers).map(|to| Round { from, to, number, ..Round::default() }).collect();
        rounds.iter_mut().enumerate().for_each(|(to, round)| tell(to, round));
        let tells = |round: &Round| !(round.asks.is_empty() && round.answers.is_empty());
        self.said = !self.affected.is_empty() || rounds.iter().any(tells);
        for round in rounds.into_iter().filter(|round| round.to != from) {
            send(Round { busy: self.said, ..round });
        }
    }
}

/// The skeleton of a chunk after some changes, where it has another one or none any more.
fn consolidated<C: Channel>(
    id: ChunkId,
    old: Option<&Skeleton<(C, Radii)>>,
    changes: Changes<C>,
) -> Option<Option<Arc<Skeleton<C>>>> {
    let mut counts: Changes<C> = Vec::new();
    for (skeleton, diff) in changes {
        match counts.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &skeleton) || *other == skeleton) {
            Some((_, count)) => *count += diff,
            None => counts.push((skeleton, diff)),
        }
    }
    counts.retain(|(_, count)| *count != 0);
    let is_old = |skeleton: &Skeleton<C>| {
        old.is_some_and(|old| old.voxels == skeleton.voxels && old.values.0 == *skeleton.values)
    };
    let (mut new, mut left) = (None, usize::from(old.is_some()));
    for (skeleton, count) in &counts {
        match (count, is_old(skeleton)) {
            (1, false) if new.is_none() => new = Some(Arc::clone(skeleton)),
            (-1, true) => left = 0,
            (count, _) => {
                panic!("the skeleton of {id:?} changes by {count} times the same one, which is not there once")
            }
        }
    }
    assert!(left == 0 || new.is_none(), "{id:?} has two skeletons at once");
    (!counts.is_empty()).then_some(new)
}
