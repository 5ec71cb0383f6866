//! One worker's part in the thinning of a volume by planes.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::part::{Letter, Part, Post};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::lee::Retest;
use crate::kernel::thin::planes::{DIRECTIONS, Plane, PlaneLayout, SeamWriter, Stage};
use crate::kernel::thin::seam_log::SeamLog;
use crate::operators::thin::{ThinningCounts, WatchThinning};

/// Planes that a worker processes before it reads messages.
const AT_ONCE: usize = 8;

/// A message of a worker to another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Content {
    /// The mask of a chunk, to the owner of its layer.
    Mask(ChunkId, Mask),
    /// The number of masks of a worker.
    AllMasks(usize),
    /// A plane, to the next stage.
    Plane(Box<Passage>),
    /// A thinned plane, to the owner of its layer.
    Thinned(usize, Box<Plane>),
    /// No more planes come to the stage.
    Over,
    /// The thinned mask of a chunk, to its owner.
    Cut(ChunkId, Mask),
    /// A worker's parts of the seam logs of chunks, to their owner.
    Logs(Vec<(ChunkId, SeamLog)>),
}

/// A plane on its way to a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Passage {
    number: usize,
    plane: Plane,
    /// Sub-iterations that it has gone through.
    done: usize,
    /// Sub-iterations in a row that deleted nothing. Only the last plane of a volume knows.
    quiet: usize,
    /// The worker that has found the thinning to be over.
    over: Option<usize>,
}

/// A layer of chunks that a worker has: those at one place along z.
#[derive(Debug, Default)]
struct Layer {
    /// The chunks that have a mask.
    chunks: Vec<ChunkId>,
    planes: VecDeque<Plane>,
}

/// The worker, the method, and whether masks and seam logs are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) index: usize,
    pub(super) peers: usize,
    pub(super) retest: Retest,
    pub(super) keeps: bool,
}

/// A thinned chunk of this worker.
pub(super) struct Outcome {
    pub(super) id: ChunkId,
    pub(super) mask: Mask,
    /// The mask before and the seam log, if these are kept.
    pub(super) kept: Option<(Mask, SeamLog)>,
}

/// One worker's part in the thinning of a volume.
pub(super) struct Crew {
    grid: Grid,
    layout: PlaneLayout,
    errand: Errand,
    /// Sub-iterations of each stage.
    steps: Vec<usize>,
    counts: ThinningCounts,
    stage: Stage,
    /// By place along z.
    layers: BTreeMap<i64, Layer>,
    /// Whether all own masks were sent away.
    sent_last: bool,
    /// Workers that have sent all their masks, and how many masks these are.
    complete: (usize, usize),
    /// Planes that wait for the stage, by the sub-iterations that they have gone through and their number.
    waiting: BTreeMap<(usize, usize), Passage>,
    /// The next of them.
    next: (usize, usize),
    /// Number of the plane that leaves the stage next.
    leaving: usize,
    /// Whether this worker has found the thinning to be over.
    collects: bool,
    /// Whether no plane goes around any more.
    is_over: bool,
    /// Own layers whose planes have not come back.
    missing: usize,
    /// Own masks that have come back.
    thinned: Vec<(ChunkId, Mask)>,
    /// Own masks before, if they are kept.
    initial: BTreeMap<ChunkId, Mask>,
    /// Parts of the seam logs of own chunks; below, the number of workers whose parts are missing.
    logs: BTreeMap<ChunkId, Vec<SeamLog>>,
    missing_logs: usize,
}

impl Crew {
    pub(super) fn new(grid: Grid, errand: Errand) -> Crew {
        let Errand { index, peers, retest, keeps } = errand;
        let layout = PlaneLayout::new(grid.bounds().shape());
        let steps = layout.steps(peers);
        let before: usize = steps[..index].iter().sum();
        let first = grid.chunk_at(grid.bounds().min).place()[0];
        let own = (0..grid.shape()[0]).filter(|layer| layer % peers == index);
        let layers = own.map(|layer| (first + layer as i64, Layer::default())).collect();
        let stage = Stage::new(layout, steps[index], retest);
        Crew {
            grid,
            layout,
            errand,
            counts: ThinningCounts { by_planes: true, ..ThinningCounts::default() },
            stage: if keeps { stage.with_seams(SeamWriter::new(&grid)) } else { stage },
            steps,
            layers,
            sent_last: false,
            complete: (0, 0),
            waiting: BTreeMap::new(),
            next: (before, 0),
            leaving: 0,
            collects: false,
            is_over: false,
            missing: 0,
            thinned: Vec::new(),
            initial: BTreeMap::new(),
            logs: BTreeMap::new(),
            missing_logs: if keeps { peers } else { 0 },
        }
    }

    /// The owner of a layer of chunks.
    fn keeper(&self, layer: i64) -> usize {
        (layer - self.first_layer()) as usize % self.errand.peers
    }

    fn first_layer(&self) -> i64 {
        self.grid.chunk_at(self.grid.bounds().min).place()[0]
    }

    /// Numbers of the planes of a layer.
    fn planes(&self, layer: i64) -> Range<usize> {
        let [_, y, x] = self.grid.chunk_at(self.grid.bounds().min).place();
        let region = self.grid.region(ChunkId::at([layer, y, x]));
        let [from, to] = [region.min[0], region.max[0]].map(|z| (z - self.grid.bounds().min[0]) as usize);
        from..to
    }

    /// The first voxel of a chunk in its planes, along (y, x).
    fn corner(&self, id: ChunkId) -> [usize; 2] {
        let (first, from) = (self.grid.bounds().min, self.grid.region(id).min);
        [1, 2].map(|a| (from[a] - first[a]) as usize)
    }

    /// Sends a mask of this worker to the owner of its layer.
    fn send_mask<S: FnMut(Letter<Content>)>(&mut self, id: ChunkId, mask: Mask, post: &mut Post<S>) {
        self.counts.chunks += 1;
        self.counts.thinned += 1;
        if self.errand.keeps {
            self.initial.insert(id, mask.clone());
        }
        post.send(self.keeper(id.place()[0]), Content::Mask(id, mask));
    }

    /// Reports, once, that there are no more masks.
    fn send_last<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        if !std::mem::replace(&mut self.sent_last, true) {
            (0..self.errand.peers).for_each(|to| post.send(to, Content::AllMasks(self.counts.chunks)));
        }
    }

    fn read<S: FnMut(Letter<Content>)>(&mut self, content: Content, post: &mut Post<S>) {
        match content {
            Content::Mask(id, mask) => self.lay(id, &mask),
            Content::AllMasks(count) => {
                self.complete = (self.complete.0 + 1, self.complete.1 + count);
                if self.complete.0 == self.errand.peers {
                    self.start(post);
                }
            }
            Content::Plane(passage) => self.receive(*passage, post),
            Content::Thinned(number, plane) => self.take_back(number, *plane, post),
            Content::Over => self.send_logs(post),
            Content::Cut(id, mask) => self.thinned.push((id, mask)),
            Content::Logs(logs) => {
                self.missing_logs -= 1;
                logs.into_iter().for_each(|(id, part)| self.logs.entry(id).or_default().push(part));
            }
        }
    }

    /// Puts a mask into the planes of its layer.
    fn lay(&mut self, id: ChunkId, mask: &Mask) {
        let (corner, planes) = (self.corner(id), self.planes(id.place()[0]).len());
        let Some(layer) = self.layers.get_mut(&id.place()[0]) else { return };
        layer.chunks.push(id);
        layer.planes.resize_with(planes, Plane::default);
        for (number, plane) in layer.planes.iter_mut().enumerate() {
            plane.paste(&self.layout, mask, number, corner);
        }
    }

    /// Sends all planes to the first stage, when all masks have come in.
    fn start<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        if self.complete.1 == 0 {
            (self.is_over, self.missing_logs) = (true, 0);
            return;
        }
        self.missing = self.layers.len();
        let layers: Vec<i64> = self.layers.keys().copied().collect();
        for layer in layers {
            let numbers = self.planes(layer);
            let Some(layer) = self.layers.get_mut(&layer) else { continue };
            layer.planes.resize_with(numbers.len(), Plane::default);
            for (number, plane) in numbers.zip(layer.planes.drain(..)) {
                post.send(0, Content::Plane(Box::new(Passage { number, plane, done: 0, quiet: 0, over: None })));
            }
        }
    }

    /// Takes a plane for the stage; once the thinning is over, collects planes until the last one has come.
    fn receive<S: FnMut(Letter<Content>)>(&mut self, passage: Passage, post: &mut Post<S>) {
        let has_gone_around = passage.over == Some(self.errand.index);
        self.waiting.insert((passage.done, passage.number), passage);
        if has_gone_around {
            for passage in std::mem::take(&mut self.waiting).into_values() {
                let keeper = self.keeper(self.layer_of(passage.number));
                post.send(keeper, Content::Thinned(passage.number, Box::new(passage.plane)));
            }
            (0..self.errand.peers).for_each(|to| post.send(to, Content::Over));
        }
    }

    /// Sends the stage's parts of seam logs to the owners, when no more planes come.
    fn send_logs<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        self.is_over = true;
        let Some(writer) = self.stage.take_seams() else { return };
        let mut parts: Vec<Vec<(ChunkId, SeamLog)>> = vec![Vec::new(); self.errand.peers];
        for (id, log) in writer.into_logs() {
            parts[self.grid.owner(id, self.errand.peers)].push((id, log));
        }
        parts.into_iter().enumerate().for_each(|(to, logs)| post.send(to, Content::Logs(logs)));
    }

    /// Takes back a plane of an own layer; with the last one, all become masks.
    fn take_back<S: FnMut(Letter<Content>)>(&mut self, number: usize, plane: Plane, post: &mut Post<S>) {
        let layer = self.layer_of(number);
        let numbers = self.planes(layer);
        let Some(found) = self.layers.get_mut(&layer) else { return };
        found.planes.push_back(plane);
        if found.planes.len() < numbers.len() {
            return;
        }
        self.missing -= 1;
        let Layer { chunks, planes } = std::mem::take(found);
        for id in chunks {
            let mut mask = Mask::new(Layout::new(self.grid.region(id)));
            let corner = self.corner(id);
            for (number, plane) in planes.iter().enumerate() {
                plane.cut(&self.layout, &mut mask, number, corner);
            }
            post.send(self.grid.owner(id, self.errand.peers), Content::Cut(id, mask));
        }
    }

    /// Sends some of the waiting planes through the stage. Returns whether there are more.
    fn pass_some<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>, watch: &mut impl WatchThinning) -> bool {
        for _ in 0..AT_ONCE {
            if self.collects {
                return false;
            }
            let Some(passage) = self.waiting.remove(&self.next) else { return false };
            self.pass(passage, post);
            if self.next.1 == 0 {
                watch.round(&self.counts);
            }
        }
        !self.collects && self.waiting.contains_key(&self.next)
    }

    /// Sends a plane through the stage, and passes on what comes out.
    fn pass<S: FnMut(Letter<Content>)>(&mut self, passage: Passage, post: &mut Post<S>) {
        let Passage { number, plane, done, mut quiet, mut over } = passage;
        let mut passed = Vec::new();
        let deleted = self.stage.push(plane, done, &mut |plane| passed.push(plane));
        self.next.1 = number + 1;
        if let Some(deleted) = deleted {
            self.next = (done + self.steps.iter().sum::<usize>(), 0);
            self.counts.rounds += 1;
            self.counts.deleted += deleted.iter().sum::<u64>();
            for (sub_iteration, &count) in (done..).zip(&deleted) {
                quiet = if count == 0 { quiet + 1 } else { 0 };
                if quiet == DIRECTIONS && over.is_none() {
                    (self.collects, over) = (true, Some(self.errand.index));
                    self.counts.sub_iterations = sub_iteration + 1;
                }
            }
        }
        let (to, done) = ((self.errand.index + 1) % self.errand.peers, done + self.steps[self.errand.index]);
        self.counts.messages += if self.errand.peers > 1 { passed.len() as u64 } else { 0 };
        for plane in passed {
            let number = self.leaving;
            self.leaving = (number + 1) % self.layout.depth();
            let over = over.filter(|_| self.leaving == 0);
            post.send(to, Content::Plane(Box::new(Passage { number, plane, done, quiet, over })));
        }
    }

    /// This worker's thinned chunks, when all have come back and no other worker needs this one.
    pub(super) fn finish(&mut self) -> Option<Vec<Outcome>> {
        let has_all = self.missing == 0 && self.missing_logs == 0 && self.thinned.len() == self.counts.chunks;
        if !self.is_over || !has_all {
            return None;
        }
        let mut thinned = std::mem::take(&mut self.thinned);
        thinned.sort_unstable_by_key(|(id, _)| *id);
        let outcome = |(id, mask)| {
            let initial = self.initial.remove(&id);
            let log = SeamLog::join(&self.logs.remove(&id).unwrap_or_default());
            Outcome { id, mask, kept: initial.map(|initial| (initial, log)) }
        };
        Some(thinned.into_iter().map(outcome).collect())
    }

    /// The layer of a plane.
    fn layer_of(&self, number: usize) -> i64 {
        let [z, y, x] = self.grid.bounds().min;
        self.grid.chunk_at([z + number as i64, y, x]).place()[0]
    }
}

impl Part for Crew {
    type Record = (ChunkId, Mask);
    type Content = Content;
    type Result = (ChunkId, Option<Mask>);

    fn take(&mut self, (id, mask): (ChunkId, Mask), post: &mut Post<impl FnMut(Letter<Content>)>) {
        debug_assert_eq!(self.grid.owner(id, self.errand.peers), self.errand.index, "chunks come to their owners");
        self.send_mask(id, mask, post);
    }

    fn end(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>) {
        self.send_last(post);
    }

    fn open(&mut self, content: Content, post: &mut Post<impl FnMut(Letter<Content>)>) {
        self.read(content, post);
    }

    fn work(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>, watch: &mut impl WatchThinning) -> bool {
        self.pass_some(post, watch)
    }

    fn results(&mut self) -> Option<Vec<(ChunkId, Option<Mask>)>> {
        let outcomes = self.finish()?;
        *self = Crew::new(self.grid, self.errand);
        Some(outcomes.into_iter().map(|outcome| (outcome.id, Some(outcome.mask))).collect())
    }
}
