//! Thinning as one operator that holds all of a worker's chunks, with one message to every peer a round.
//!
//! Rounds are synchronous. In a round every worker sends the others the decisions that concern their chunks, and how
//! many voxels it has deleted in the current sub-iteration so far. When no worker has anything to send, the
//! sub-iteration's decisions are final everywhere; when as many sub-iterations in a row as there are directions have
//! deleted nothing, the thinning is over. All workers see the same messages, so they agree without further ones.
//!
//! The messages travel on an edge from the operator back to itself. That input leads to no output, so the edge closes no
//! cycle in which times would have to advance, and rounds need no timestamps of their own.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};
use timely::container::{CapacityContainerBuilder, DrainContainer};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{ExchangeCore, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::order::TotalOrder;
use timely::progress::{Antichain, Timestamp};

use super::batch::Batch;
use super::failure::Failure;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::thin::change::Change;
use crate::kernel::thin::message::Message;
use crate::kernel::thin::method::Method;
use crate::kernel::thin::partition::Partition;
use crate::kernel::thin::seam_log::SeamLog;
use crate::wire::{WireReader, WireRecord, damaged, write_header};

/// Thinned masks that come out at a time, before what comes next takes them: in packed form they take less memory.
const OUT_AT_ONCE: usize = 64;

/// The message of a worker to another one in a round.
#[derive(Clone, Debug, Default, PartialEq)]
struct Round {
    to: usize,
    number: u64,
    messages: Vec<Message>,
    /// Whether the worker has decisions for any worker in this round.
    busy: bool,
    /// Chunks of the worker that take part.
    active: usize,
    /// Sub-iterations before which the thinning must not end.
    horizon: usize,
    /// Voxels that the worker has deleted in the current sub-iteration.
    deleted: usize,
    /// Whether the worker gives up because an error was reported.
    failed: bool,
}

/// The header of a round that is sent, before its messages.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RoundHeader {
    to: u64,
    number: u64,
    busy: u64,
    active: u64,
    horizon: u64,
    deleted: u64,
    failed: u64,
    messages: u64,
}

impl WireRecord for Round {
    const KIND: [u8; 8] = *b"round   ";
    const LEAST: usize = size_of::<RoundHeader>();

    fn wire_bytes(&self) -> usize {
        size_of::<RoundHeader>() + self.messages.iter().map(Message::wire_bytes).sum::<usize>()
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let header = RoundHeader {
            to: self.to as u64,
            number: self.number,
            busy: u64::from(self.busy),
            active: self.active as u64,
            horizon: self.horizon as u64,
            deleted: self.deleted as u64,
            failed: u64::from(self.failed),
            messages: self.messages.len() as u64,
        };
        write_header(out, &header)?;
        self.messages.iter().try_for_each(|message| message.write_to(out))
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let header: RoundHeader = bytes.header()?;
        let number = |number| usize::try_from(number).map_err(|_| damaged("it counts more than there can be"));
        let count = bytes.count(header.messages, Message::LEAST)?;
        if header.busy > 1 || header.failed > 1 {
            return Err(damaged("it does not say whether its worker is busy, or gives up"));
        }
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            messages.push(Message::read_from(bytes)?);
        }
        Ok(Round {
            to: number(header.to)?,
            number: header.number,
            messages,
            busy: header.busy == 1,
            active: number(header.active)?,
            horizon: number(header.horizon)?,
            deleted: number(header.deleted)?,
            failed: header.failed == 1,
        })
    }
}

/// Counts of the thinning of an epoch, by one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThinningCounts {
    /// Chunks with foreground.
    pub chunks: usize,
    /// Chunks that were thinned, or thinned again.
    pub thinned: usize,
    /// Sub-iterations until nothing was left to delete.
    pub sub_iterations: usize,
    /// Rounds of exchange, or the number of times that planes have passed through the worker.
    pub rounds: u64,
    /// Voxels deleted.
    pub deleted: u64,
    /// Messages about decisions, or planes, sent to other workers.
    pub messages: u64,
    /// Whether planes were thinned, rather than chunks.
    pub by_planes: bool,
    /// How often a plane was put aside for want of memory.
    pub aside: u64,
}

impl ThinningCounts {
    /// Adds the counts of another worker for the same time.
    pub fn add(&mut self, other: &ThinningCounts) {
        self.chunks += other.chunks;
        self.thinned += other.thinned;
        self.sub_iterations = self.sub_iterations.max(other.sub_iterations);
        self.rounds = self.rounds.max(other.rounds);
        self.deleted += other.deleted;
        self.messages += other.messages;
        self.by_planes |= other.by_planes;
        self.aside += other.aside;
    }
}

/// The settings of a thinning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinningPlan {
    /// The chunks.
    pub grid: Grid,
    /// The method.
    pub method: Method,
    /// Whether masks and seam logs are kept, so that later times redo only what changed.
    pub keep: bool,
}

/// Watches the thinning of chunks. A closure over the counts is a watcher.
pub trait WatchThinning {
    /// Called when a round has ended.
    fn round(&mut self, counts: &ThinningCounts);

    /// Called for each chunk that was thinned at a time that is over, with its mask before, including its halo, and its
    /// seam log; only if these are kept.
    fn thinned(&mut self, chunk: ChunkId, initial: &Arc<Mask>, log: &Arc<SeamLog>) {
        let _ = (chunk, initial, log);
    }
}

impl<F: FnMut(&ThinningCounts)> WatchThinning for F {
    fn round(&mut self, counts: &ThinningCounts) {
        self(counts);
    }
}

/// Extension trait on streams of masks.
pub trait ThinChunks<'scope, T: Timestamp + TotalOrder> {
    /// The masks of chunks, thinned together: the same skeleton as from thinning the whole volume at once.
    ///
    /// A record changes a chunk from its time on; chunks without foreground need none. Returns the thinned masks of the
    /// chunks that were thinned at a time, also if no voxel is left, and `None` for chunks that lost their mask. Chunks
    /// are partitioned by [`Grid::owner`], and must arrive at their owner.
    ///
    /// Times are processed in order, each when it is complete. Without `keep` times are independent, and nothing is
    /// held after one. Once `failure` has an error on any worker, all workers stop within two rounds, and nothing more
    /// comes out.
    fn thin(
        self,
        plan: ThinningPlan,
        watch: impl WatchThinning + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)>;
}

impl<'scope, T: Timestamp + TotalOrder> ThinChunks<'scope, T> for StreamVec<'scope, T, (ChunkId, Change)> {
    fn thin(
        self,
        plan: ThinningPlan,
        mut watch: impl WatchThinning + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)> {
        let scope = self.scope();
        let (index, peers) = (scope.index(), scope.peers());
        let mut builder = OperatorBuilder::new("ThinChunks".to_owned(), scope);
        let mut chunks = builder.new_input(self, Pipeline);
        let (output, results) = builder.new_output::<Vec<(ChunkId, Option<Mask>)>>();
        let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
        let (messages, sent) = builder.new_output::<Batch<Round>>();
        let mut messages = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(messages);
        let nowhere: [(usize, Antichain<T::Summary>); 0] = [];
        let mut received =
            builder.new_input_connection(sent, ExchangeCore::new(|round: &Round| round.to as u64), nowhere);
        let activator = scope.activator_for(builder.operator_info().address);

        builder.build(move |capabilities| {
            let mut capabilities: Option<Vec<Capability<T>>> = Some(capabilities);
            let mut arrived: BTreeMap<T, BTreeMap<ChunkId, Change>> = BTreeMap::new();
            let mut team = Team::new(plan, index, peers, failure);
            let mut early: Vec<Round> = Vec::new();
            // The results of a time that is over, as long as some have not come out.
            let mut leaving: Option<VecDeque<(ChunkId, Option<PackedMask>)>> = None;
            move |frontiers| {
                chunks.for_each(|capability, records| {
                    let is_own = |(id, _): &(ChunkId, Change)| plan.grid.owner(*id, peers) == index;
                    debug_assert!(records.iter().all(is_own), "chunks are thinned at their owners");
                    for time in capability.stamp().iter().take(1) {
                        arrived.entry(time.clone()).or_default().extend(records.drain(..));
                    }
                });
                received.for_each(|_, rounds| early.extend(rounds.drain()));
                if capabilities.is_none() {
                    arrived.clear();
                    early.clear();
                }
                while let Some(held) = &mut capabilities {
                    if let Some(masks) = &mut leaving {
                        let now = masks.drain(..masks.len().min(OUT_AT_ONCE));
                        let now = now.map(|(id, mask)| (id, mask.map(|mask| mask.unpacked())));
                        output.activate().session(&held[0]).give_iterator(now);
                        if !masks.is_empty() {
                            activator.activate();
                            return;
                        }
                        leaving = None;
                        // The next time: the least of the frontier and of the chunks that have come.
                        match frontiers[0].frontier().iter().chain(arrived.keys()).min() {
                            Some(next) => held.iter_mut().for_each(|capability| capability.downgrade(next)),
                            None => capabilities = None,
                        }
                        continue;
                    }
                    let time = held[0].time().clone();
                    let mut outgoing = messages.activate();
                    let mut session = outgoing.session(&held[1]);
                    if team.is_idle() {
                        if frontiers[0].less_equal(&time) {
                            return;
                        }
                        team.start(arrived.remove(&time).unwrap_or_default(), |round| session.give(round));
                        activator.activate();
                        return;
                    }
                    match team.advance(&mut early, |round| session.give(round), &mut watch) {
                        Turn::Missing => return,
                        Turn::Said => {
                            // Messages go out when this returns, so that peers can work at the same time.
                            activator.activate();
                            return;
                        }
                        Turn::Failed => {
                            drop(session);
                            capabilities = None;
                            return;
                        }
                        Turn::Over(thinned) => leaving = Some(thinned),
                    }
                }
            }
        });
        results
    }
}

/// The phase of the thinning of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing to do.
    Idle,
    /// Masks and halos are exchanged.
    Halos,
    /// Decisions of a sub-iteration are exchanged.
    Deciding(usize),
    /// The same, after decisions have been compared with the last run's.
    Compared(usize),
}

/// The result of a worker's turn.
enum Turn {
    /// A peer's message is missing.
    Missing,
    /// This worker has sent its messages of the next round.
    Said,
    /// A worker gives up, and with it all.
    Failed,
    /// The epoch is over: what was thinned, and what is gone.
    Over(VecDeque<(ChunkId, Option<PackedMask>)>),
}

/// One worker's part in the thinning.
struct Team {
    plan: ThinningPlan,
    partition: Partition,
    index: usize,
    peers: usize,
    counts: ThinningCounts,
    /// Number of the round, over all epochs.
    number: u64,
    phase: Phase,
    quiet: usize,
    /// The message of this worker in the current round.
    said: Round,
    /// Chunks that lost their mask in this epoch.
    gone: Vec<ChunkId>,
    failure: Failure,
}

impl Team {
    fn new(plan: ThinningPlan, index: usize, peers: usize, failure: Failure) -> Self {
        let ThinningPlan { grid, method, keep } = plan;
        Team {
            plan,
            partition: Partition::new(grid, method, keep),
            index,
            peers,
            counts: ThinningCounts::default(),
            number: 0,
            phase: Phase::Idle,
            quiet: 0,
            said: Round::default(),
            gone: Vec::new(),
            failure,
        }
    }

    fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Begins an epoch.
    fn start(&mut self, changes: BTreeMap<ChunkId, Change>, send: impl FnMut(Round)) {
        self.phase = Phase::Halos;
        self.quiet = 0;
        self.counts = ThinningCounts::default();
        self.gone = changes.iter().filter(|(_, change)| matches!(change, Change::Gone)).map(|(&id, _)| id).collect();
        let mut outgoing = Vec::new();
        self.partition.change(changes, &mut |message| outgoing.push(message));
        self.say(outgoing, send);
    }

    /// Processes a round, once the messages of all peers have come.
    fn advance(&mut self, early: &mut Vec<Round>, send: impl FnMut(Round), watch: &mut impl WatchThinning) -> Turn {
        let number = self.number;
        if early.iter().filter(|round| round.number == number).count() + 1 < self.peers {
            return Turn::Missing;
        }
        let (now, later): (Vec<Round>, Vec<Round>) =
            std::mem::take(early).into_iter().partition(|round| round.number == number);
        *early = later;
        // All workers see the same messages of a round, so all give up in the same one.
        if now.iter().chain([&self.said]).any(|round| round.failed) {
            return Turn::Failed;
        }
        self.number += 1;
        self.counts.rounds += 1;
        let outgoing = self.hear(now);
        self.counts.chunks = self.partition.len();
        self.counts.thinned = self.partition.active();
        if self.partition.thinned() == 0 {
            watch.round(&self.counts);
        }
        if let Some(outgoing) = outgoing {
            self.say(outgoing, send);
            return Turn::Said;
        }
        self.phase = Phase::Idle;
        let thinned = self.partition.finish();
        for (id, _) in &thinned {
            if let Some((initial, log)) = self.partition.kept(*id) {
                watch.thinned(*id, initial, log);
            }
        }
        let thinned = thinned.into_iter().map(|(id, mask)| (id, Some(mask)));
        Turn::Over(thinned.chain(self.gone.drain(..).map(|id| (id, None))).collect())
    }

    /// Processes the messages of a whole round. Returns those for the next round, or `None` if the thinning is over.
    fn hear(&mut self, heard: Vec<Round>) -> Option<Vec<Message>> {
        let all = || heard.iter().chain([&self.said]);
        let busy = all().any(|round| round.busy);
        let (deleted, active): (usize, usize) =
            (all().map(|round| round.deleted).sum(), all().map(|round| round.active).sum());
        let horizon = all().map(|round| round.horizon).max().unwrap_or(0);
        let now = match self.phase {
            Phase::Deciding(now) | Phase::Compared(now) => Some(now),
            Phase::Halos | Phase::Idle => None,
        };
        let mut outgoing = Vec::new();
        let mut send = |message| outgoing.push(message);
        if busy {
            for message in heard.into_iter().flat_map(|round| round.messages) {
                self.partition.receive(message, now);
            }
            self.partition.converge(now, &mut send);
            self.phase = now.map_or(Phase::Halos, Phase::Deciding);
            return Some(outgoing);
        }
        match (self.phase, now) {
            (Phase::Deciding(_), Some(now)) if self.plan.keep => {
                // A chunk that is activated here may differ from what it told others in turn.
                while self.partition.compare(now, &mut send) {}
                self.phase = Phase::Compared(now);
            }
            (_, Some(now)) => {
                self.counts.deleted += self.partition.settle(now) as u64;
                self.counts.sub_iterations += 1;
                self.quiet = if deleted == 0 { self.quiet + 1 } else { 0 };
                if self.quiet >= self.partition.turns() && now + 1 >= horizon {
                    return None;
                }
                self.phase = Phase::Deciding(now + 1);
                self.partition.begin(now + 1, &mut send);
            }
            (_, None) if active == 0 => return None,
            (_, None) => {
                self.phase = Phase::Deciding(0);
                self.partition.begin(0, &mut send);
            }
        }
        Some(outgoing)
    }

    /// Sends this round's messages to all peers, and remembers this worker's own.
    fn say(&mut self, outgoing: Vec<Message>, mut send: impl FnMut(Round)) {
        let mut messages: Vec<Vec<Message>> = vec![Vec::new(); self.peers];
        for message in outgoing {
            messages[self.plan.grid.owner(message.link().to, self.peers)].push(message);
        }
        // Chunks of this worker that are not in its partition have no foreground: nothing concerns them.
        messages[self.index].clear();
        let own = Round {
            number: self.number,
            busy: messages.iter().any(|messages| !messages.is_empty()),
            active: self.partition.active(),
            horizon: self.partition.horizon(),
            deleted: self.partition.deleted(),
            failed: self.failure.happened(),
            ..Default::default()
        };
        for (to, messages) in messages.into_iter().enumerate() {
            self.counts.messages += messages.len() as u64;
            if to != self.index {
                send(Round { to, messages, ..own.clone() });
            }
        }
        self.said = own;
    }
}

#[cfg(test)]
mod tests;
