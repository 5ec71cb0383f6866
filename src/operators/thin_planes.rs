//! Lee's thinning of a whole volume by the workers of one process, which hand its planes on to each other in a ring.
//!
//! Every worker is a [`Stage`]: it takes the planes from the worker before it, does a few sub-iterations, and passes them
//! on. All of them work at the same time, on different sub-iterations; no worker waits for what another decides, but for
//! planes. The last plane of the volume carries how many sub-iterations in a row have deleted nothing. When these are as
//! many as there are directions, the stage that notices keeps the planes that come to it, until the last has gone around.
//!
//! Before and after that each worker has some layers of chunks: it lays planes from their masks, and cuts the planes into
//! masks again, which go back to whom they came from.
//!
//! As in [`super::thin`], what workers say to each other travels on an edge from the operator back to itself.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::{Antichain, Timestamp};

use super::thin::{ThinningCounts, WatchThinning};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::planes::{DIRECTIONS, Plane, PlaneLayout, Stage};

/// Planes that a worker goes through before it looks at what has come in.
const AT_ONCE: usize = 8;

/// What a worker tells another.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Letter {
    to: usize,
    /// Number of the time that it is about.
    time: u64,
    content: Content,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Content {
    /// The mask of a chunk, to whom its layer belongs.
    Mask(ChunkId, Mask),
    /// A worker has no more masks than so many.
    AllMasks(usize),
    /// A plane, to the next stage.
    Plane(Box<Passage>),
    /// A plane that is thinned, to whom its layer belongs.
    Thinned(usize, Box<Plane>),
    /// There are no more planes on their way to a stage.
    Over,
    /// The thinned mask of a chunk, to whom the chunk belongs.
    Cut(ChunkId, Mask),
}

/// A plane on its way to a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Passage {
    number: usize,
    plane: Plane,
    /// Sub-iterations that it has gone through.
    done: usize,
    /// Sub-iterations in a row that deleted nothing. Only the last plane of a volume knows.
    quiet: usize,
    /// The worker that has found the thinning to be over.
    over: Option<usize>,
}

/// Extension trait on streams of masks.
pub trait ThinPlanes<'scope, T: Timestamp> {
    /// The masks of the chunks of a volume, thinned together by Lee's method in six directions: the same as
    /// [`super::thin::ThinChunks`] gives without `keep`, in less time, for volumes whose planes fit into the memory of one
    /// process; see [`PlaneLayout::bytes`].
    ///
    /// Every chunk with foreground has one record, at its owner by [`Grid::owner`], and comes out there. Every time stands for
    /// itself, and nothing is held after it; until then about nine bits for every eight voxels of planes that hold
    /// foreground. All workers must be of one process, and have planes to work on: some eight each.
    fn thin_planes(
        self,
        grid: Grid,
        watch: impl WatchThinning + 'static,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)>;
}

impl<'scope, T: Timestamp> ThinPlanes<'scope, T> for StreamVec<'scope, T, (ChunkId, Mask)> {
    fn thin_planes(
        self,
        grid: Grid,
        mut watch: impl WatchThinning + 'static,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)> {
        let scope = self.scope();
        let (index, peers) = (scope.index(), scope.peers());
        let mut builder = OperatorBuilder::new("ThinPlanes".to_owned(), scope);
        let mut masks = builder.new_input(self, Pipeline);
        let (output, results) = builder.new_output::<Vec<(ChunkId, Option<Mask>)>>();
        let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
        let (letters, sent) = builder.new_output::<Vec<Letter>>();
        let mut letters = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(letters);
        let nowhere: [(usize, Antichain<T::Summary>); 0] = [];
        let mut received =
            builder.new_input_connection(sent, Exchange::new(|letter: &Letter| letter.to as u64), nowhere);
        let activator = scope.activator_for(builder.operator_info().address);

        builder.build(move |capabilities| {
            let mut capabilities: Option<Vec<Capability<T>>> = Some(capabilities);
            let mut arrived: BTreeMap<T, Vec<(ChunkId, Mask)>> = BTreeMap::new();
            let mut early: Vec<Letter> = Vec::new();
            let mut crew = Crew::new(grid, index, peers, 0);
            move |frontiers| {
                masks.for_each(|capability, records| {
                    for time in capability.stamp().iter().take(1) {
                        arrived.entry(time.clone()).or_default().append(records);
                    }
                });
                received.for_each(|_, records| early.append(records));
                while let Some(held) = &mut capabilities {
                    let time = held[0].time().clone();
                    let mut outgoing = letters.activate();
                    let mut session = outgoing.session(&held[1]);
                    let mut post = Post { time: crew.time, send: |letter| session.give(letter) };
                    for (id, mask) in arrived.remove(&time).unwrap_or_default() {
                        crew.send_mask(id, mask, &mut post);
                    }
                    if !frontiers[0].less_equal(&time) {
                        crew.send_last(&mut post);
                    }
                    let (now, later): (Vec<_>, Vec<_>) =
                        std::mem::take(&mut early).into_iter().partition(|it| it.time == crew.time);
                    early = later;
                    now.into_iter().for_each(|letter| crew.open(letter.content, &mut post));
                    crew.work(&mut post, &mut watch);
                    if crew.has_work() {
                        // What was said goes out when this returns: others can go on at the same time as this worker.
                        activator.activate();
                    }
                    let Some(thinned) = crew.results() else { return };
                    drop(session);
                    let thinned = thinned.into_iter().map(|(id, mask)| (id, Some(mask)));
                    output.activate().session(&held[0]).give_iterator(thinned);
                    crew = Crew::new(grid, index, peers, crew.time + 1);
                    // The next time to work on: the least that the frontier or a mask at hand still has.
                    match frontiers[0].frontier().iter().chain(arrived.keys()).min() {
                        Some(next) => held.iter_mut().for_each(|capability| capability.downgrade(next)),
                        None => capabilities = None,
                    }
                }
            }
        });
        results
    }
}

/// Where letters about a time go out.
struct Post<S> {
    time: u64,
    send: S,
}

impl<S: FnMut(Letter)> Post<S> {
    fn send(&mut self, to: usize, content: Content) {
        (self.send)(Letter { to, time: self.time, content });
    }
}

/// A layer of chunks that a worker has: those at one place along z.
#[derive(Debug, Default)]
struct Layer {
    /// The chunks that have a mask.
    chunks: Vec<ChunkId>,
    planes: VecDeque<Plane>,
}

/// One worker's part in the thinning of a volume.
struct Crew {
    grid: Grid,
    layout: PlaneLayout,
    index: usize,
    peers: usize,
    /// Sub-iterations of each stage.
    steps: Vec<usize>,
    /// Number of the time.
    time: u64,
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
    /// Which of them is next.
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
}

impl Crew {
    fn new(grid: Grid, index: usize, peers: usize, time: u64) -> Crew {
        let layout = PlaneLayout::new(grid.bounds().shape());
        let steps = layout.steps(peers);
        let before: usize = steps[..index].iter().sum();
        let first = grid.chunk_at(grid.bounds().min).place()[0];
        let own = (0..grid.shape()[0]).filter(|layer| layer % peers == index);
        let layers = own.map(|layer| (first + layer as i64, Layer::default())).collect();
        Crew {
            grid,
            layout,
            index,
            peers,
            time,
            counts: ThinningCounts::default(),
            stage: Stage::new(layout, steps[index]),
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
        }
    }

    /// To whom a layer of chunks belongs.
    fn keeper(&self, layer: i64) -> usize {
        (layer - self.first_layer()) as usize % self.peers
    }

    fn first_layer(&self) -> i64 {
        self.grid.chunk_at(self.grid.bounds().min).place()[0]
    }

    /// Numbers of the planes of a layer.
    fn planes(&self, layer: i64) -> Range<usize> {
        let [_, y, x] = self.grid.chunk_at(self.grid.bounds().min).place();
        let region = self.grid.region(ChunkId::new([layer, y, x]));
        let [from, to] = [region.min[0], region.max[0]].map(|z| (z - self.grid.bounds().min[0]) as usize);
        from..to
    }

    /// Where a chunk begins in its planes, along (y, x).
    fn corner(&self, id: ChunkId) -> [usize; 2] {
        let (first, from) = (self.grid.bounds().min, self.grid.region(id).min);
        [1, 2].map(|a| (from[a] - first[a]) as usize)
    }

    /// Sends a mask of this worker's to whom its layer belongs.
    fn send_mask<S: FnMut(Letter)>(&mut self, id: ChunkId, mask: Mask, post: &mut Post<S>) {
        self.counts.chunks += 1;
        self.counts.thinned += 1;
        post.send(self.keeper(id.place()[0]), Content::Mask(id, mask));
    }

    /// Says, once, that there are no more masks.
    fn send_last<S: FnMut(Letter)>(&mut self, post: &mut Post<S>) {
        if !std::mem::replace(&mut self.sent_last, true) {
            (0..self.peers).for_each(|to| post.send(to, Content::AllMasks(self.counts.chunks)));
        }
    }

    fn open<S: FnMut(Letter)>(&mut self, content: Content, post: &mut Post<S>) {
        match content {
            Content::Mask(id, mask) => self.lay(id, &mask),
            Content::AllMasks(count) => {
                self.complete = (self.complete.0 + 1, self.complete.1 + count);
                if self.complete.0 == self.peers {
                    self.start(post);
                }
            }
            Content::Plane(passage) => self.receive(*passage, post),
            Content::Thinned(number, plane) => self.take_back(number, *plane, post),
            Content::Over => self.is_over = true,
            Content::Cut(id, mask) => self.thinned.push((id, mask)),
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
    fn start<S: FnMut(Letter)>(&mut self, post: &mut Post<S>) {
        if self.complete.1 == 0 {
            self.is_over = true;
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

    /// Takes a plane for the stage; or, when the thinning is over, until it is the last one.
    fn receive<S: FnMut(Letter)>(&mut self, passage: Passage, post: &mut Post<S>) {
        let has_gone_around = passage.over == Some(self.index);
        self.waiting.insert((passage.done, passage.number), passage);
        if has_gone_around {
            for passage in std::mem::take(&mut self.waiting).into_values() {
                let keeper = self.keeper(self.layer_of(passage.number));
                post.send(keeper, Content::Thinned(passage.number, Box::new(passage.plane)));
            }
            (0..self.peers).for_each(|to| post.send(to, Content::Over));
        }
    }

    /// Takes back a plane of an own layer; the last one makes all of them masks.
    fn take_back<S: FnMut(Letter)>(&mut self, number: usize, plane: Plane, post: &mut Post<S>) {
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
            post.send(self.grid.owner(id, self.peers), Content::Cut(id, mask));
        }
    }

    /// Has planes that wait go through the stage, some of them.
    fn work<S: FnMut(Letter)>(&mut self, post: &mut Post<S>, watch: &mut impl WatchThinning) {
        for _ in 0..AT_ONCE {
            if self.collects {
                return;
            }
            let Some(passage) = self.waiting.remove(&self.next) else { return };
            self.pass(passage, post);
            if self.next.1 == 0 {
                watch.round(&self.counts);
            }
        }
    }

    /// Has a plane go through the stage, and sends on what comes out of it.
    fn pass<S: FnMut(Letter)>(&mut self, passage: Passage, post: &mut Post<S>) {
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
                    (self.collects, over) = (true, Some(self.index));
                    self.counts.sub_iterations = sub_iteration + 1;
                }
            }
        }
        let (to, done) = ((self.index + 1) % self.peers, done + self.steps[self.index]);
        self.counts.messages += if self.peers > 1 { passed.len() as u64 } else { 0 };
        for plane in passed {
            let number = self.leaving;
            self.leaving = (number + 1) % self.layout.depth();
            let over = over.filter(|_| self.leaving == 0);
            post.send(to, Content::Plane(Box::new(Passage { number, plane, done, quiet, over })));
        }
    }

    /// Whether planes wait that the stage can take.
    fn has_work(&self) -> bool {
        !self.collects && self.waiting.contains_key(&self.next)
    }

    /// The thinned masks of this worker's chunks, when all have come back and nobody needs this worker any more.
    fn results(&mut self) -> Option<Vec<(ChunkId, Mask)>> {
        let ended = self.is_over && self.missing == 0 && self.thinned.len() == self.counts.chunks;
        ended.then(|| {
            self.thinned.sort_unstable_by_key(|(id, _)| *id);
            std::mem::take(&mut self.thinned)
        })
    }

    /// The layer of a plane.
    fn layer_of(&self, number: usize) -> i64 {
        let [z, y, x] = self.grid.bounds().min;
        self.grid.chunk_at([z + number as i64, y, x]).place()[0]
    }
}
