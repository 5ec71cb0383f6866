//! One worker's part in the thinning of a volume by planes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::content::Content;
use super::errand::Errand;
use super::keeping::{Resumed, Standing, SweepKeeping};
use super::layers::{Arrived, Layering, Layers, Planes};
use super::part::{Letter, Part, Post};
use super::provisions::Inflow;
use crate::checkpoint::Checkpoint;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::change::Change;
use crate::kernel::thin::planes::{Gate, Passage, Plane, PlaneLayout, SeamWriter, Sweep};
use crate::kernel::thin::seam_log::SeamLog;
use crate::memory::much_is_freed;
use crate::operators::attic::Attic;
use crate::operators::failure::Failure;
use crate::operators::thin::{ThinningCounts, WatchThinning};

/// Times that a worker looks for planes to work on before it reads messages. What comes between, such as reading a chunk, takes
/// the planes' place in the cache.
const AT_ONCE: usize = 128;
/// Chunks that are made at a time: so many masks can be on their way to what comes next.
const MADE_AT_ONCE: usize = 8;

/// A thinned chunk of this worker.
pub(super) struct Outcome {
    pub(super) id: ChunkId,
    pub(super) mask: Mask,
    /// The mask before and the seam log, if these are kept.
    pub(super) kept: Option<(Arc<Mask>, SeamLog)>,
}

/// One worker's part in the thinning of a volume.
pub(super) struct Crew {
    grid: Grid,
    errand: Errand,
    inflow: Option<Inflow>,
    attic: Option<Arc<Attic>>,
    counts: ThinningCounts,
    sweep: Sweep,
    /// The snapshots of the sweep, if it is kept, and the planes that were on their way when the last one was taken.
    keeping: Option<SweepKeeping>,
    coming: Vec<Passage>,
    layering: Layering,
    layers: Layers,
    /// Whether planes have come in that were there from the beginning.
    has_begun: bool,
    /// Whether the number of own masks was sent to the others.
    sent_last: bool,
    /// Workers that have sent all their masks, and how many masks these are.
    complete: (usize, usize),
    /// At the first worker: planes that wait for their turn, by number, and the number of the next one.
    waiting: BTreeMap<usize, Arrived>,
    next: usize,
    /// The last layer that it has asked for, where layers come on request, or has let others read.
    asked: Option<i64>,
    /// What the first worker was told last of planes that wait at the gate of this worker's first stage.
    parked: usize,
    /// Whether no plane goes around any more.
    is_over: bool,
    /// Whether the counts of the whole sweep have been shown.
    has_shown: bool,
    /// Thinned layers that were not cut yet.
    thinned: VecDeque<Planes>,
    /// The voxels of own chunks that have come back and were not made into masks yet.
    cut: VecDeque<(ChunkId, Vec<u32>)>,
    /// Number of own chunks that came out.
    made: usize,
    /// Own masks before, if they are kept.
    initial: BTreeMap<ChunkId, Arc<Mask>>,
    /// Parts of the seam logs of own chunks; below, the number of workers whose parts are missing.
    logs: BTreeMap<ChunkId, Vec<SeamLog>>,
    missing_logs: usize,
}

impl Crew {
    pub(super) fn new(
        grid: Grid,
        errand: Errand,
        inflow: Option<Inflow>,
        kept: Option<(Checkpoint, Failure)>,
        attic: Option<Arc<Attic>>,
    ) -> Crew {
        let Errand { index, peers, retest, keeps, .. } = errand;
        let layout = PlaneLayout::new(grid.bounds().shape());
        let sweep = Sweep::new(layout, layout.steps(peers, grid.processes()), index, retest);
        let mut sweep = if keeps { sweep.with_seams(SeamWriter::new(&grid)) } else { sweep };
        if let Some(attic) = &attic {
            sweep = sweep.with_shelf(Arc::clone(attic) as _, errand.planes);
        }
        let keeping = kept.map(|(checkpoint, failure)| SweepKeeping::new(checkpoint, failure, index));
        let resumed = keeping.as_ref().and_then(|keeping| keeping.resume(&mut sweep));
        let Resumed { standing: Standing { next, messages }, coming } = resumed.unwrap_or_default();
        let layers = Layers::new(grid, index, peers, inflow.as_ref().map(|inflow| &inflow.chunks), next);
        let layers = if keeps { layers.on_request() } else { layers };
        let crew = Crew {
            grid,
            errand,
            counts: ThinningCounts { by_planes: true, messages, ..ThinningCounts::default() },
            sweep,
            keeping,
            coming,
            layering: Layering::new(grid, peers),
            layers,
            inflow,
            attic,
            has_begun: false,
            sent_last: false,
            complete: (0, 0),
            waiting: BTreeMap::new(),
            next,
            asked: None,
            parked: 0,
            is_over: false,
            has_shown: false,
            thinned: VecDeque::new(),
            cut: VecDeque::new(),
            made: 0,
            initial: BTreeMap::new(),
            logs: BTreeMap::new(),
            missing_logs: if keeps { peers } else { 0 },
        };
        // Any worker may begin to read before the first one is ready to thin.
        if let Some(inflow) = &crew.inflow {
            inflow.window.limit_layers(crew.last_wanted(next, inflow.reach));
        }
        crew
    }

    /// The same for the next time, whose chunks come in at once.
    fn renewed(&self) -> Crew {
        self.inflow.iter().for_each(|inflow| inflow.window.admit_layers(i64::MAX));
        Crew::new(self.grid, self.errand, None, None, self.attic.clone())
    }

    /// The last layer to be read while a plane comes, if a mask waits for `reach` layers beyond its own.
    fn last_wanted(&self, plane: usize, reach: usize) -> i64 {
        self.layering.of_plane(plane) + (self.errand.ahead().div_ceil(self.grid.chunk_shape()[0]) + reach) as i64
    }

    /// At the first worker: lets the other processes read the layers that its own reads.
    fn admit<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        let Some(inflow) = self.inflow.as_ref().filter(|_| self.errand.index == 0 && self.next > 0) else { return };
        let last = self.last_wanted(self.next - 1, inflow.reach);
        if self.asked.replace(last) != Some(last) {
            self.errand.others().for_each(|to| post.send(to, Content::Admitted(last)));
        }
    }

    /// At the first worker, where layers come on request: asks for those that come next.
    fn ask<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        if !self.errand.keeps || self.errand.index > 0 {
            return;
        }
        let last = self.last_wanted(self.next.min(self.grid.bounds().shape()[0] - 1), 0);
        if self.asked.replace(last) != Some(last) {
            (0..self.errand.peers).for_each(|to| post.send(to, Content::Asked(last)));
        }
    }

    /// Lets planes wait that have come. Those before the next one were in the sweep when it was kept.
    fn let_wait(&mut self, first: usize, planes: impl Iterator<Item = Arrived>) {
        self.waiting.extend((first..).zip(planes).filter(|(number, _)| *number >= self.next));
    }

    /// Takes the next waiting plane, and admits the layers to be read after it.
    fn next_waiting(&mut self) -> Option<Plane> {
        let plane = self.layers.opened(self.waiting.remove(&self.next)?);
        if let Some(inflow) = &self.inflow {
            inflow.window.admit_layers(self.last_wanted(self.next, inflow.reach));
        }
        self.next += 1;
        Some(plane)
    }

    /// Reports, once, that there are no more masks.
    fn send_last<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        if !std::mem::replace(&mut self.sent_last, true) {
            (0..self.errand.peers).for_each(|to| post.send(to, Content::AllMasks(self.counts.chunks)));
        }
    }

    /// Whether all masks of all workers have come to the keepers of their layers.
    fn has_all_masks(&self) -> bool {
        self.complete.0 == self.errand.peers
    }

    fn read<S: FnMut(Letter<Content>)>(&mut self, content: Content, post: &mut Post<S>) {
        match content {
            Content::Chunk(id, mask) => {
                self.layers.take(id, mask);
                self.send_layers(post);
            }
            Content::Entered(id) => {
                self.layers.take_entered(id);
                self.send_layers(post);
            }
            Content::AllMasks(count) => {
                self.complete = (self.complete.0 + 1, self.complete.1 + count);
                self.send_layers(post);
            }
            Content::Layer((first, planes)) => self.let_wait(first, planes.into_iter().map(Arrived::Plane)),
            Content::Plane(passage) => self.receive_sent(*passage, post),
            Content::PackedLayer(first, planes) => self.let_wait(first, planes.into_iter().map(Arrived::Packed)),
            Content::PackedPlane(passage) => {
                let passage = self.sweep.unpack(passage).expect("a plane of this volume");
                self.receive_sent(passage, post);
            }
            Content::Sent(bytes) => {
                let content = postcard::from_bytes(&bytes).expect("what another worker has written");
                self.read(content, post);
            }
            Content::Admitted(last) => self.inflow.iter().for_each(|inflow| inflow.window.admit_layers(last)),
            Content::Asked(last) => {
                self.layers.ask(last);
                self.send_layers(post);
            }
            Content::Mark(number) => self.pass_mark(number, post),
            Content::Wanted(worker) => {
                let at_once = self.keeping.as_mut().and_then(|keeping| keeping.want(worker));
                at_once.into_iter().for_each(|worker| post.send(worker, Content::Kept));
            }
            Content::Kept => self.keeping.iter_mut().for_each(SweepKeeping::note_last),
            Content::Parked(worker, planes) => self.sweep.note_parked(worker, planes),
            Content::Thinned(planes) => self.thinned.push_back(planes),
            Content::Over => self.end_sweep(post),
            Content::Cut(id, bits) => self.cut.push_back((id, bits)),
            Content::Logs(logs) => {
                self.missing_logs -= 1;
                logs.into_iter().for_each(|(id, part)| self.logs.entry(id).or_default().push(part));
            }
        }
    }

    /// Takes a plane that was sent, and notes it for the snapshot that is being taken.
    fn receive_sent<S: FnMut(Letter<Content>)>(&mut self, passage: Passage, post: &mut Post<S>) {
        self.keeping.iter_mut().for_each(|keeping| keeping.note(&passage));
        self.receive(passage, post);
    }

    /// Takes a plane from another worker, or from this one.
    fn receive<S: FnMut(Letter<Content>)>(&mut self, passage: Passage, post: &mut Post<S>) {
        let mut sent = Vec::new();
        self.sweep.receive(passage, &mut |passage| sent.push(passage));
        self.hand_on(sent, post);
    }

    /// Begins with what was there when the sweep was kept, and with layers that are complete though no chunk of them comes.
    fn begin<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            std::mem::take(&mut self.coming).into_iter().for_each(|passage| self.receive(passage, post));
            self.send_layers(post);
            self.ask(post);
        }
    }

    /// What is kept of this worker's part besides the planes.
    fn standing(&self) -> Standing {
        Standing { next: self.next, messages: self.counts.messages }
    }

    /// At the first worker: begins a snapshot of the sweep, if it is time for one.
    fn keep<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        let standing = self.standing();
        let number = self.keeping.as_mut().and_then(|keeping| keeping.begin(standing, &self.sweep));
        if let Some(number) = number {
            post.send(1 % self.errand.peers, Content::Mark(number));
        }
    }

    /// Adds this worker's part to a snapshot and hands its mark on, after the planes that were sent before; the first worker
    /// ends it.
    fn pass_mark<S: FnMut(Letter<Content>)>(&mut self, number: u64, post: &mut Post<S>) {
        let (Errand { index, peers, .. }, standing) = (self.errand, self.standing());
        let Some(keeping) = &mut self.keeping else { return };
        if index == 0 {
            keeping.end().into_iter().for_each(|worker| post.send(worker, Content::Kept));
        } else {
            keeping.join(number, standing, &self.sweep);
            post.send((index + 1) % peers, Content::Mark(number));
        }
    }

    /// The thinned planes, if this worker has them. They are kept before they go on.
    fn finished<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) -> Option<Gate> {
        if let Some(keeping) = self.keeping.as_mut().filter(|keeping| !keeping.has_last()) {
            if self.sweep.has_finished() && keeping.asks() {
                post.send(0, Content::Wanted(self.errand.index));
            }
            return None;
        }
        self.sweep.take_finished()
    }

    /// Sends the planes of complete layers to the first worker.
    fn send_layers<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        let complete = self.layers.complete(self.has_all_masks());
        for (first, planes) in complete {
            let packed = |planes| Content::PackedLayer(first, self.layers.packed(planes)).sent();
            post.send(0, if self.errand.is_near(0) { Content::Layer((first, planes)) } else { packed(planes) });
        }
    }

    /// Sends planes to the workers of their stages.
    fn hand_on<S: FnMut(Letter<Content>)>(&mut self, planes: Vec<Passage>, post: &mut Post<S>) {
        let peers = self.errand.peers;
        self.counts.messages += if peers > 1 { planes.len() as u64 } else { 0 };
        for passage in planes {
            let to = passage.stage % peers;
            let is_near = self.errand.is_near(to);
            let content = if is_near {
                Content::Plane(Box::new(passage))
            } else {
                Content::PackedPlane(self.sweep.pack(passage)).sent()
            };
            post.send(to, content);
        }
    }

    /// Takes waiting planes, and lets planes pass through the stages, until there is a new stage or another worker can go on.
    /// Returns whether there was anything to do.
    fn thin_some<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) -> bool {
        let (mut sent, mut is_busy) = (Vec::new(), false);
        let stages = self.counts.rounds;
        for _ in 0..AT_ONCE {
            while self.sweep.wants_planes() {
                let Some(plane) = self.next_waiting() else { break };
                self.sweep.receive(Passage { stage: 0, plane }, &mut |passage| sent.push(passage));
            }
            if !self.sweep.work(&mut |passage| sent.push(passage)) {
                break;
            }
            is_busy = true;
            if self.errand.peers == 1 {
                // The only worker need not write letters to itself.
                let mut onward = VecDeque::from(std::mem::take(&mut sent));
                while let Some(passage) = onward.pop_front() {
                    self.sweep.receive(passage, &mut |passage| onward.push_back(passage));
                }
            }
            self.note_counts();
            if self.counts.rounds > stages || sent.len() >= self.errand.sent_at_once() {
                break;
            }
        }
        is_busy |= !sent.is_empty();
        self.hand_on(sent, post);
        self.ask(post);
        self.admit(post);
        let parked = self.sweep.parked();
        if self.errand.index > 0 && parked != self.parked {
            self.parked = parked;
            post.send(0, Content::Parked(self.errand.index, parked));
        }
        if let Some(planes) = self.finished(post) {
            self.parked = 0;
            self.send_thinned(planes, post);
            is_busy = true;
        }
        is_busy
    }

    /// Sends thinned planes to the keepers of their layers.
    fn send_thinned<S: FnMut(Letter<Content>)>(&mut self, planes: Gate, post: &mut Post<S>) {
        let mut planes = planes.into_planes();
        for layer in self.layering.all() {
            let numbers = self.layering.planes(layer);
            let of_layer = planes.by_ref().take(numbers.len()).collect();
            post.send(self.layering.keeper(layer), Content::Thinned((numbers.start, of_layer)));
        }
        (0..self.errand.peers).for_each(|to| post.send(to, Content::Over));
    }

    /// Ends the worker's part in the sweep: its parts of seam logs go to the owners.
    fn end_sweep<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) {
        self.is_over = true;
        self.note_counts();
        if self.errand.is_first_of_process() {
            // Of the planes that were awake.
            much_is_freed();
        }
        let Some(writer) = self.sweep.take_seams() else { return };
        let mut parts: Vec<Vec<(ChunkId, SeamLog)>> = vec![Vec::new(); self.errand.peers];
        for (id, log) in writer.into_logs() {
            parts[self.grid.owner(id, self.errand.peers)].push((id, log));
        }
        parts.into_iter().enumerate().for_each(|(to, logs)| post.send(to, Content::Logs(logs)));
    }

    /// Cuts one of the thinned layers into chunks. Returns whether there was one.
    fn cut_one<S: FnMut(Letter<Content>)>(&mut self, post: &mut Post<S>) -> bool {
        // Planes that were thinned in an earlier run may come before the chunks of their layers.
        if !self.has_all_masks() {
            return false;
        }
        let Some(planes) = self.thinned.pop_front() else { return false };
        for (id, bits) in self.layers.cut(planes) {
            post.send(self.grid.owner(id, self.errand.peers), Content::Cut(id, bits));
        }
        true
    }

    fn note_counts(&mut self) {
        self.counts.rounds = self.sweep.stages() as u64;
        self.counts.deleted = self.sweep.deleted();
        self.counts.aside = self.sweep.put_aside();
        // Nothing is counted in a volume without foreground.
        self.counts.sub_iterations = if self.complete.1 > 0 { self.sweep.sub_iterations() } else { 0 };
    }

    /// Some of this worker's thinned chunks that have come back.
    pub(super) fn outcomes(&mut self) -> Vec<Outcome> {
        if self.missing_logs > 0 {
            return Vec::new();
        }
        let count = self.cut.len().min(MADE_AT_ONCE);
        self.made += count;
        let outcome = |(id, bits): (ChunkId, Vec<u32>)| {
            let mut mask = Mask::new(Layout::new(self.grid.region(id)));
            bits.into_iter().for_each(|bit| mask.set(bit as usize));
            let initial = self.initial.remove(&id);
            let log = SeamLog::join(&self.logs.remove(&id).unwrap_or_default());
            Outcome { id, mask, kept: initial.map(|initial| (initial, log)) }
        };
        self.cut.drain(..count).map(outcome).collect()
    }

    /// Whether all own chunks have come out, and no other worker needs this one.
    pub(super) fn has_finished(&self) -> bool {
        let has_made_all = self.sent_last && self.made == self.counts.chunks;
        self.is_over && self.has_all_masks() && self.missing_logs == 0 && self.thinned.is_empty() && has_made_all
    }
}

impl Part for Crew {
    type Record = (ChunkId, Change);
    type Content = Content;
    type Result = (ChunkId, Option<Mask>);

    fn take(&mut self, (id, change): (ChunkId, Change), post: &mut Post<impl FnMut(Letter<Content>)>) {
        debug_assert_eq!(self.grid.owner(id, self.errand.peers), self.errand.index, "chunks come to their owners");
        if change.is_mask() {
            self.counts.chunks += 1;
            self.counts.thinned += 1;
        }
        let (layer, keeper) = (id.place()[0], self.layering.keeper(id.place()[0]));
        let has_entered = change.is_mask() && !self.layers.wants(layer);
        let mask = if has_entered && !self.errand.keeps { None } else { change.mask() };
        let kept = mask.iter().filter(|_| self.errand.keeps);
        self.initial.extend(kept.map(|mask| (id, Arc::clone(mask))));
        if has_entered {
            return post.send(keeper, Content::Entered(id));
        }
        let chunk = Content::Chunk(id, mask);
        post.send(keeper, if self.errand.is_near(keeper) { chunk } else { chunk.sent() });
    }

    fn end(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>) {
        self.send_last(post);
    }

    fn open(&mut self, content: Content, post: &mut Post<impl FnMut(Letter<Content>)>) {
        self.begin(post);
        self.read(content, post);
    }

    fn work(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>, watch: &mut impl WatchThinning) -> bool {
        self.begin(post);
        let is_busy = self.thin_some(post);
        if self.errand.index == 0 && !self.is_over {
            self.keep(post);
        }
        // Until all masks have come the reading shows how far the sweep has come; it may be over before that is known.
        let ends = self.is_over && self.has_all_masks() && !self.has_shown;
        if ends {
            self.has_shown = true;
            self.note_counts();
        }
        if ends || is_busy && self.has_all_masks() {
            watch.round(&self.counts);
        }
        is_busy | self.cut_one(post)
    }

    fn results(&mut self) -> Vec<(ChunkId, Option<Mask>)> {
        self.outcomes().into_iter().map(|outcome| (outcome.id, Some(outcome.mask))).collect()
    }

    fn is_over(&mut self) -> bool {
        let has_finished = self.has_finished();
        if has_finished {
            *self = self.renewed();
        }
        has_finished
    }
}
