//! Thinning as one operator that holds all of a worker's chunks, with one message to every peer a round.
//!
//! Rounds are synchronous. In a round every worker says which halo voxels of the others' chunks flipped, and how many
//! voxels it has deleted in the current sub-iteration so far. When nobody reports a flip, the sub-iteration's decisions
//! are final everywhere; when as many sub-iterations in a row as there are directions deleted nothing, the thinning is
//! over. All workers see the same messages, so they agree without a further word.
//!
//! The messages travel on an edge from the operator back to itself. That input leads to no output, so the edge closes no
//! cycle in which times would have to advance, and rounds need no timestamps of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::{Antichain, Timestamp};

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::method::Method;
use crate::kernel::partition::{Flip, Partition, Slab};

/// What a worker tells another in a round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Round {
    to: usize,
    from: usize,
    number: u64,
    slabs: Vec<Slab>,
    flips: Vec<Flip>,
    /// Whether the worker reports flips to anybody in this round.
    flipped: bool,
    /// Voxels that the worker has deleted in the current sub-iteration.
    deleted: usize,
}

/// How a thinning went, as counted by one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThinningCounts {
    /// Chunks with foreground.
    pub chunks: usize,
    /// Sub-iterations until nothing was left to delete.
    pub sub_iterations: usize,
    /// Rounds of exchange.
    pub rounds: u64,
    /// Voxels deleted.
    pub deleted: u64,
    /// Decisions sent to other workers.
    pub seam_decisions: u64,
}

/// Extension trait on streams of masks.
pub trait ThinChunks<'scope, T: Timestamp> {
    /// The masks of all chunks, thinned together: the skeleton that one thinning of the whole volume gives. Chunks are
    /// partitioned by [`Grid::owner`], and must arrive at their owner; chunks without foreground need not arrive. A chunk
    /// without skeleton voxels still goes out. `watch` is called at the end of every round.
    ///
    /// Holds all chunks of a time until it is complete; times are worked off in their order, each on its own.
    fn thin(
        self,
        grid: Grid,
        method: Method,
        watch: impl FnMut(&ThinningCounts) + 'static,
    ) -> StreamVec<'scope, T, (ChunkId, Mask)>;
}

impl<'scope, T: Timestamp> ThinChunks<'scope, T> for StreamVec<'scope, T, (ChunkId, Mask)> {
    fn thin(
        self,
        grid: Grid,
        method: Method,
        mut watch: impl FnMut(&ThinningCounts) + 'static,
    ) -> StreamVec<'scope, T, (ChunkId, Mask)> {
        let scope = self.scope();
        let (index, peers) = (scope.index(), scope.peers());
        let mut builder = OperatorBuilder::new("ThinChunks".to_owned(), scope);
        let mut chunks = builder.new_input(self, Pipeline);
        let (output, results) = builder.new_output::<Vec<(ChunkId, Mask)>>();
        let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
        let (messages, sent) = builder.new_output::<Vec<Round>>();
        let mut messages = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(messages);
        let nowhere: [(usize, Antichain<T::Summary>); 0] = [];
        let mut received = builder.new_input_connection(sent, Exchange::new(|round: &Round| round.to as u64), nowhere);

        builder.build(move |capabilities| {
            let mut capabilities: Option<Vec<Capability<T>>> = Some(capabilities);
            let mut arrived: BTreeMap<T, BTreeMap<ChunkId, Mask>> = BTreeMap::new();
            let mut running: Option<Team> = None;
            let mut early: Vec<Round> = Vec::new();
            move |frontiers| {
                chunks.for_each(|capability, records| {
                    for time in capability.stamp().iter().take(1) {
                        arrived.entry(time.clone()).or_default().extend(records.drain(..));
                    }
                });
                received.for_each(|_, rounds| early.append(rounds));
                let Some(held) = &mut capabilities else { return };
                loop {
                    let time = held[0].time().clone();
                    if running.is_none() {
                        if frontiers[0].less_equal(&time) {
                            break;
                        }
                        let masks = arrived.remove(&time).unwrap_or_default();
                        let team = Team::new(grid, method, masks, index, peers);
                        running = Some(team);
                    }
                    let mut outgoing = messages.activate();
                    let mut session = outgoing.session(&held[1]);
                    let finished = running
                        .as_mut()
                        .is_some_and(|team| team.advance(&mut early, |round| session.give(round), &mut watch));
                    drop(session);
                    if !finished {
                        break;
                    }
                    if let Some(team) = running.take() {
                        let mut outgoing = output.activate();
                        outgoing.session(&held[0]).give_iterator(team.partition.into_masks());
                    }
                    // The next time to work on: the least that the frontier or a chunk at hand still has.
                    let mut next = frontiers[0].frontier().iter().chain(arrived.keys()).min().cloned();
                    if next.is_none() || frontiers[0].frontier().is_empty() && arrived.is_empty() {
                        next = None;
                    }
                    match next {
                        Some(next) => held.iter_mut().for_each(|capability| capability.downgrade(&next)),
                        None => {
                            capabilities = None;
                            return;
                        }
                    }
                }
            }
        });
        results
    }
}

/// One worker's part in the thinning of one time.
struct Team {
    partition: Partition,
    index: usize,
    peers: usize,
    counts: ThinningCounts,
    /// `None` while halos are exchanged.
    sub_iteration: Option<usize>,
    quiet: usize,
    /// What this worker said in the current round.
    said: Option<Round>,
}

impl Team {
    fn new(grid: Grid, method: Method, masks: BTreeMap<ChunkId, Mask>, index: usize, peers: usize) -> Self {
        let counts = ThinningCounts { chunks: masks.len(), ..Default::default() };
        let partition = Partition::new(grid, method, masks, index, |id| grid.owner(id, peers));
        Team { partition, index, peers, counts, sub_iteration: None, quiet: 0, said: None }
    }

    /// Works on until a peer's message is missing (`false`) or the thinning is over (`true`).
    fn advance(
        &mut self,
        early: &mut Vec<Round>,
        mut send: impl FnMut(Round),
        watch: &mut impl FnMut(&ThinningCounts),
    ) -> bool {
        loop {
            let Some(said) = self.said.take() else {
                let mut slabs = vec![Vec::new(); self.peers];
                self.partition.exchange_halos(|to, slab| slabs[to].push(slab));
                self.say(slabs, vec![Vec::new(); self.peers], &mut send);
                continue;
            };
            let number = self.counts.rounds;
            if early.iter().filter(|round| round.number == number).count() + 1 < self.peers {
                self.said = Some(said);
                return false;
            }
            let (now, later) = std::mem::take(early).into_iter().partition(|round| round.number == number);
            *early = later;
            self.counts.rounds += 1;
            let finished = self.hear(said, now, &mut send);
            watch(&self.counts);
            if finished {
                return true;
            }
        }
    }

    /// Draws the consequences of a whole round, and begins the next unless the thinning is over.
    fn hear(&mut self, said: Round, heard: Vec<Round>, send: &mut impl FnMut(Round)) -> bool {
        let flipped = said.flipped || heard.iter().any(|round| round.flipped);
        let deleted = said.deleted + heard.iter().map(|round| round.deleted).sum::<usize>();
        let mut flips = vec![Vec::new(); self.peers];
        match self.sub_iteration {
            None => {
                for slab in heard.iter().flat_map(|round| &round.slabs) {
                    self.partition.receive_halo(slab);
                }
                self.sub_iteration = Some(0);
                self.partition.begin(0, |to, flip| flips[to].push(flip));
            }
            Some(_) if flipped => {
                for flip in heard.iter().flat_map(|round| &round.flips) {
                    self.partition.receive(*flip);
                }
                self.partition.converge(|to, flip| flips[to].push(flip));
            }
            Some(sub_iteration) => {
                self.counts.deleted += self.partition.settle(sub_iteration) as u64;
                self.counts.sub_iterations += 1;
                self.quiet = if deleted == 0 { self.quiet + 1 } else { 0 };
                if self.quiet == self.partition.turns() {
                    return true;
                }
                self.sub_iteration = Some(sub_iteration + 1);
                self.partition.begin(sub_iteration + 1, |to, flip| flips[to].push(flip));
            }
        }
        self.say(vec![Vec::new(); self.peers], flips, send);
        false
    }

    /// Sends this round's messages to all peers, and remembers what was said.
    fn say(&mut self, slabs: Vec<Vec<Slab>>, flips: Vec<Vec<Flip>>, send: &mut impl FnMut(Round)) {
        let own = Round {
            from: self.index,
            number: self.counts.rounds,
            flipped: flips.iter().any(|flips| !flips.is_empty()),
            deleted: self.partition.deleted(),
            ..Default::default()
        };
        for (to, (slabs, flips)) in slabs.into_iter().zip(flips).enumerate() {
            self.counts.seam_decisions += flips.len() as u64;
            if to != self.index {
                send(Round { to, slabs, flips, ..own.clone() });
            }
        }
        self.said = Some(own);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use timely::dataflow::operators::ToStream;
    use timely::dataflow::operators::vec::Map;

    use super::*;
    use crate::kernel::mask::Layout;
    use crate::space::{Region, Voxel};

    /// Thins a mask, given as a raster of the shape, on a number of workers.
    fn thin(method: Method, shape: [usize; 3], foreground: &[bool], chunk: [usize; 3], workers: usize) -> Vec<Voxel> {
        let grid = Grid::new(Region::of_shape(shape), chunk);
        let foreground = foreground.to_vec();
        let (send, receive) = std::sync::mpsc::channel();
        let send = std::sync::Mutex::new(send);
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let (index, peers) = (worker.index(), worker.peers());
            let mut masks = Vec::new();
            for id in grid.chunks().filter(|&id| grid.owner(id, peers) == index) {
                let region = grid.region(id);
                let mut mask = Mask::new(Layout::new(region));
                for (place, _) in foreground.iter().enumerate().filter(|(_, set)| **set) {
                    let p = [place / (shape[1] * shape[2]), place / shape[2] % shape[1], place % shape[2]];
                    let p = p.map(|v| v as i64);
                    if region.contains(p) {
                        mask.set(mask.layout().bit_at(p));
                    }
                }
                masks.push((id, mask));
            }
            let send = send.lock().map(|send| send.clone()).ok();
            worker.dataflow::<u64, _, _>(|scope| {
                masks.to_stream(scope).container::<Vec<_>>().thin(grid, method, |_| {}).map(move |(_, mask)| {
                    let voxels: Vec<_> = mask.own_bits().map(|bit| Voxel::new(mask.layout().position(bit))).collect();
                    send.as_ref().map(|send| send.send(voxels))
                });
            });
        });
        drop(guards.map(|guards| guards.join()));
        let mut voxels: Vec<_> = receive.iter().flatten().collect();
        voxels.sort();
        voxels
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn chunks_and_workers_do_not_change_the_skeleton(
            shape in [1usize..6, 3usize..12, 3usize..12],
            chunk in [1usize..6, 1usize..8, 1usize..8],
            seed: u64,
            density in 20u64..95,
            workers in 1usize..4,
        ) {
            let mut state = seed | 1;
            let foreground: Vec<bool> = (0..shape.iter().product())
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % 100 < density
                })
                .collect();
            let methods = if shape[0] == 1 { vec![Method::LeePlanar, Method::Zhang] } else { vec![Method::Lee] };
            for method in methods {
                let whole = thin(method, shape, &foreground, shape, 1);
                prop_assert_eq!(thin(method, shape, &foreground, chunk, workers), whole);
            }
        }
    }
}
