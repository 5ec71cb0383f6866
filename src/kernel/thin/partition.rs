//! The chunks of one worker, thinned together: decisions travel directly between them, and as messages to other
//! workers.
//!
//! A partition persists from epoch to epoch. In the first epoch all chunks run. Later a chunk becomes active, and runs
//! again, if its mask or initial halo has changed. It receives decisions from active neighbours as they are made, and
//! those of inactive neighbours from its seam log. If, at the fixpoint of a sub-iteration, an active chunk's decisions
//! differ from those that it sent an inactive neighbour in the last run, that neighbour becomes active, too: it replays
//! its own sub-iterations up to that one from its log, alone, and then continues with the others. Chunks that never
//! become active keep their skeleton. Tentative decisions do not count as differences.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::change::{Change, Thinned};
use crate::kernel::thin::member::Member;
use crate::kernel::thin::message::{Link, Message, Slab};
use crate::kernel::thin::method::Method;
use crate::kernel::thin::recall::{Restored, StoredChunks};
use crate::kernel::thin::seam_log::SeamLog;

/// All chunks with foreground of one worker.
#[derive(Debug)]
pub struct Partition {
    grid: Grid,
    method: Method,
    /// Whether masks and seam logs are kept for later epochs.
    keep: bool,
    members: Vec<Option<Member>>,
    places: HashMap<ChunkId, u32>,
    free: Vec<u32>,
    stored: StoredChunks,
    /// Members that are active in this epoch.
    active: Vec<u32>,
    /// Active members that are new: they send their masks to all neighbours without a request.
    newcomers: HashSet<u32>,
    /// Chunks that entered this epoch thinned.
    thinned: Vec<(ChunkId, PackedMask)>,
    /// Members with unread flips.
    waiting: Vec<u32>,
    /// Messages to chunks in this partition or others.
    posted: Vec<Message>,
    flips: Vec<u32>,
    /// Buffer for the border voxels of the current chunk.
    border: Vec<u32>,
}

impl Partition {
    /// A partition without chunks. With `keep`, it keeps masks and seam logs, which later epochs need.
    pub fn new(grid: Grid, method: Method, keep: bool) -> Self {
        Partition {
            grid,
            method,
            keep,
            members: Vec::new(),
            places: HashMap::new(),
            free: Vec::new(),
            stored: StoredChunks::default(),
            active: Vec::new(),
            newcomers: HashSet::new(),
            thinned: Vec::new(),
            waiting: Vec::new(),
            posted: Vec::new(),
            flips: Vec::new(),
            border: Vec::new(),
        }
    }

    /// Number of chunks with foreground.
    pub fn len(&self) -> usize {
        self.places.len() + self.stored.len()
    }

    /// Whether there are no chunks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The initial mask and the seam log of a chunk after the last epoch, if they are kept.
    pub fn kept(&self, id: ChunkId) -> Option<(&Arc<Mask>, &Arc<SeamLog>)> {
        let member = self.members[*self.places.get(&id)? as usize].as_ref()?;
        self.keep.then_some((&member.initial, &member.previous))
    }

    /// Number of chunks that entered this epoch thinned.
    pub fn thinned(&self) -> usize {
        self.thinned.len()
    }

    /// Number of chunks that have become active in this epoch so far.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// Number of sub-iterations in a row without a deletion that end the thinning.
    pub fn turns(&self) -> usize {
        self.method.turns()
    }

    /// Begins an epoch. Chunks are restored in a separate epoch before all others; thinned chunks enter in the first
    /// epoch, together with all other chunks with foreground.
    pub fn change(&mut self, changes: BTreeMap<ChunkId, Change>, send: &mut impl FnMut(Message)) {
        for (id, change) in changes {
            let change = change.loaded();
            self.wake(id);
            let known = self.places.get(&id).copied();
            match (known, change) {
                (None, Change::Gone | Change::Rerun) => {}
                (Some(place), Change::Gone) => {
                    self.announce(place, Some(Mask::new(Layout::new(self.grid.region(id)))), false);
                    self.members[place as usize] = None;
                    self.places.remove(&id);
                    self.free.push(place);
                }
                (Some(place), Change::Mask(mask)) => {
                    if let Some(member) = &mut self.members[place as usize]
                        && member.replace(&mask)
                    {
                        self.run_again(place);
                    }
                }
                (Some(place), Change::Rerun) => self.run_again(place),
                (None, Change::Mask(mask)) => {
                    let place = self.place(Member::new(&self.grid, id, mask, SeamLog::default()));
                    self.newcomers.insert(place);
                    self.activate(place);
                    self.announce(place, None, true);
                }
                (_, Change::Restored(restored)) => {
                    self.restore(id, *restored);
                }
                (_, Change::Stored(recall)) => self.stored.insert(id, recall),
                (_, Change::Recalled(_)) => unreachable!("masks are loaded"),
                (_, Change::Thinned(thinned)) => {
                    let Thinned { initial, log, mask } = *thinned;
                    let place = self.place(Member::new(&self.grid, id, initial, log));
                    // Neighbours need its mask for their halos, but do not become active.
                    self.newcomers.insert(place);
                    self.show(place);
                    self.thinned.push((id, mask));
                }
            }
        }
        self.deliver(send);
    }

    /// Restores a chunk, and returns its index.
    fn restore(&mut self, id: ChunkId, restored: Restored) -> u32 {
        let Restored { initial, log, doubtful } = restored;
        let mut member = Member::new(&self.grid, id, initial, log);
        member.doubtful = doubtful;
        self.place(member)
    }

    /// Restores a chunk if it is stored elsewhere.
    fn wake(&mut self, id: ChunkId) {
        let Some((restored, live)) = self.stored.take(id) else { return };
        let place = self.restore(id, restored);
        if let Some(member) = &mut self.members[place as usize] {
            for neighbour in live {
                member.mark_live(neighbour);
            }
        }
    }

    /// Stores a member, and returns its index.
    fn place(&mut self, member: Member) -> u32 {
        let place = self.free.pop().unwrap_or(self.members.len() as u32);
        if place as usize == self.members.len() {
            self.members.push(None);
        }
        self.places.insert(member.id, place);
        self.members[place as usize] = Some(member);
        place
    }

    /// Activates an existing chunk from the start.
    fn run_again(&mut self, place: u32) {
        let doubtful = self.members[place as usize].as_mut().is_some_and(Member::forget_neighbours);
        self.activate(place);
        self.announce(place, None, doubtful);
    }

    /// Runs a whole epoch of a partition without neighbours at other workers. Returns the thinned masks of the chunks
    /// that became active.
    pub fn thin(&mut self, masks: BTreeMap<ChunkId, Option<Mask>>) -> Vec<(ChunkId, Mask)> {
        let change = |mask| if let Some(mask) = mask { Change::Mask(Arc::new(mask)) } else { Change::Gone };
        self.change(masks.into_iter().map(|(id, mask)| (id, change(mask))).collect(), &mut |_| ());
        let (mut quiet, mut sub_iteration) = (0, 0);
        while quiet < self.turns() || sub_iteration < self.horizon() {
            self.begin(sub_iteration, &mut |_| ());
            while self.keep && self.compare(sub_iteration, &mut |_| ()) {}
            quiet = if self.settle(sub_iteration) == 0 { quiet + 1 } else { 0 };
            sub_iteration += 1;
        }
        self.finish().into_iter().map(|(id, mask)| (id, mask.unpacked())).collect()
    }

    /// Handles a message of another worker. After all messages, call [`Partition::converge`].
    pub fn receive(&mut self, message: Message, sub_iteration: Option<usize>) {
        if matches!(message, Message::Live(link) if self.stored.note_live(link)) {
            return;
        }
        self.wake(message.link().to);
        match message {
            Message::Changed(slab, asks) => self.hear_change(slab, asks),
            Message::Known(slab, told) => {
                if let Some(member) = self.member(slab.link.to) {
                    member.learn(&slab, &told);
                }
            }
            Message::Live(link) => self.hear_live(link, sub_iteration),
            Message::Activate(link, flips) => self.hear_activation(link, &flips, sub_iteration),
            Message::Flips(link, flips) => {
                if let Some(&place) = self.places.get(&link.to) {
                    self.post(place, &flips);
                }
            }
        }
    }

    /// Starts a sub-iteration in the active chunks and carries decisions between them until nothing flips.
    pub fn begin(&mut self, sub_iteration: usize, send: &mut impl FnMut(Message)) {
        if sub_iteration == 0 {
            for place in self.active.clone() {
                if let Some(member) = &mut self.members[place as usize] {
                    member.start(self.method, self.keep);
                }
            }
        }
        for at in 0..self.active.len() {
            let place = self.active[at];
            let Some(member) = &mut self.members[place as usize] else { continue };
            member.begin(sub_iteration, self.keep, &mut self.border, &mut self.flips);
            let logged = member.logged(sub_iteration);
            if !logged.is_empty() {
                self.post(place, &logged);
            }
            self.route(place);
        }
        self.converge(Some(sub_iteration), send);
    }

    /// Carries decisions between the chunks until nothing flips.
    pub fn converge(&mut self, sub_iteration: Option<usize>, send: &mut impl FnMut(Message)) {
        loop {
            while let Some(place) = self.waiting.pop() {
                if let Some(member) = &mut self.members[place as usize] {
                    member.read(&mut self.flips, self.keep);
                    self.route(place);
                }
            }
            if self.posted.is_empty() {
                return;
            }
            self.deliver_in(sub_iteration, send);
        }
    }

    /// Activates inactive neighbours that received other decisions in the last run. Called when nothing flips at any
    /// worker; returns whether a neighbour was activated.
    pub fn compare(&mut self, sub_iteration: usize, send: &mut impl FnMut(Message)) -> bool {
        let before = self.active.len();
        for at in 0..before {
            let place = self.active[at];
            let Some(member) = &mut self.members[place as usize] else { continue };
            let differing = member.differences(sub_iteration);
            let from = member.id;
            for (to, flips) in differing {
                self.posted.push(Message::Activate(Link { from, to }, flips));
            }
        }
        let differs = !self.posted.is_empty();
        self.converge(Some(sub_iteration), send);
        differs
    }

    /// Number of voxels deleted in the current sub-iteration, by the decisions so far.
    pub fn deleted(&self) -> usize {
        self.active.iter().filter_map(|&place| self.members[place as usize].as_ref()).map(Member::deleted).sum()
    }

    /// Ends a sub-iteration in every active chunk. Returns the number of voxels deleted in it.
    pub fn settle(&mut self, sub_iteration: usize) -> usize {
        let keep = self.keep;
        let active = &self.active;
        let members = &mut self.members;
        active
            .iter()
            .filter_map(|&place| members[place as usize].as_mut().map(|member| member.settle(sub_iteration, keep)))
            .sum()
    }

    /// Number of sub-iterations in the logs of active chunks: the thinning must not end before.
    pub fn horizon(&self) -> usize {
        self.active
            .iter()
            .filter_map(|&place| self.members[place as usize].as_ref())
            .map(Member::horizon)
            .max()
            .unwrap_or(0)
    }

    /// Ends the epoch. Returns the thinned masks of the chunks that were active or entered thinned.
    pub fn finish(&mut self) -> Vec<(ChunkId, PackedMask)> {
        self.newcomers.clear();
        let mut thinned = std::mem::take(&mut self.thinned);
        for place in std::mem::take(&mut self.active) {
            if let Some(member) = &mut self.members[place as usize]
                && let Some(mask) = member.finish()
            {
                thinned.push((member.id, PackedMask::always(&mask)));
            }
        }
        if self.keep {
            self.stored.rest();
            self.members.iter_mut().flatten().for_each(Member::rest);
        } else {
            *self = Partition::new(self.grid, self.method, false);
        }
        thinned.sort_by_key(|(id, _)| *id);
        thinned
    }

    fn member(&mut self, id: ChunkId) -> Option<&mut Member> {
        self.places.get(&id).and_then(|&place| self.members[place as usize].as_mut())
    }

    fn activate(&mut self, place: u32) {
        if let Some(member) = &mut self.members[place as usize]
            && !std::mem::replace(&mut member.active, true)
        {
            self.active.push(place);
        }
    }

    /// Sends a new mask to all neighbours; `gone` is the mask to send for a chunk that has lost its foreground.
    fn announce(&mut self, place: u32, gone: Option<Mask>, asks: bool) {
        let Some(member) = &self.members[place as usize] else { return };
        let mask = gone.as_ref().unwrap_or(&member.initial);
        for (_, to, layout) in member.seams.neighbours() {
            let slab = Slab::new(mask, member.id, to, layout);
            self.posted.push(Message::Changed(slab, asks));
        }
    }

    /// Sends a mask to neighbours that have empty halos and do not request it, if it has foreground there.
    fn show(&mut self, place: u32) {
        let Some(member) = &self.members[place as usize] else { return };
        let slabs = member.seams.neighbours().map(|(_, to, layout)| member.slab(to, layout));
        let seen = slabs.filter(|slab| slab.bits.iter().any(|&word| word != 0));
        self.posted.extend(seen.map(|slab| Message::Changed(slab, false)));
    }

    fn hear_change(&mut self, slab: Slab, asks: bool) {
        let link = slab.link;
        let Some(&place) = self.places.get(&link.to) else { return };
        let Some(member) = &mut self.members[place as usize] else { return };
        let changed = member.hear_change(&slab);
        if asks && !self.newcomers.contains(&place) {
            let layout = Layout::new(self.grid.region(link.from));
            self.posted.push(Message::Known(member.slab(link.from, &layout), member.told(link.from)));
        }
        if changed && !member.active && !self.newcomers.contains(&place) {
            self.activate(place);
            self.call(place);
        }
    }

    /// Sends to all neighbours that a chunk is active.
    fn call(&mut self, place: u32) {
        let Some(member) = &self.members[place as usize] else { return };
        for (_, to, _) in member.seams.neighbours() {
            self.posted.push(Message::Live(Link { from: member.id, to }));
        }
    }

    fn hear_live(&mut self, link: Link, sub_iteration: Option<usize>) {
        let Some(member) = self.member(link.to) else { return };
        let news = member.hear_live(link.from, sub_iteration);
        if !news.is_empty() {
            self.posted.push(Message::Flips(Link { from: link.to, to: link.from }, news));
        }
    }

    fn hear_activation(&mut self, link: Link, flips: &[u32], sub_iteration: Option<usize>) {
        let (Some(&place), Some(now)) = (self.places.get(&link.to), sub_iteration) else { return };
        let (method, keep) = (self.method, self.keep);
        let Some(member) = &mut self.members[place as usize] else { return };
        member.mark_live(link.from);
        if !member.active {
            // The neighbours' decisions in this sub-iteration are those of the log, with the differences on top.
            let logged = member.replay(now, method, keep, &mut self.border);
            self.flips = member.unlike_previous(now);
            self.activate(place);
            self.call(place);
            self.post(place, &logged);
            self.carry(place);
        }
        self.post(place, flips);
    }

    /// Sends the flips that a chunk has just made to its active neighbours.
    fn route(&mut self, place: u32) {
        if self.flips.is_empty() {
            return;
        }
        let Some(member) = &mut self.members[place as usize] else { return };
        if self.keep {
            member.note_sent(&self.flips);
        }
        self.carry(place);
    }

    /// Sends flips of a chunk to its active neighbours, without logging them.
    fn carry(&mut self, place: u32) {
        let flips = std::mem::take(&mut self.flips);
        let Some(member) = &self.members[place as usize] else { return };
        let mut away: [Vec<u32>; 27] = Default::default();
        for &bit in &flips {
            member.seams.visit(bit as usize, |n, there| {
                if member.live[n] {
                    away[n].push(there as u32);
                }
            });
        }
        let from = member.id;
        let homes: Vec<(ChunkId, Vec<u32>)> = member
            .seams
            .neighbours()
            .map(|(n, to, _)| (to, std::mem::take(&mut away[n])))
            .filter(|(_, bits)| !bits.is_empty())
            .collect();
        for (to, bits) in homes {
            match self.places.get(&to).copied() {
                Some(other) => self.post(other, &bits),
                None => self.posted.push(Message::Flips(Link { from, to }, bits)),
            }
        }
        self.flips = flips;
        self.flips.clear();
    }

    fn post(&mut self, place: u32, bits: &[u32]) {
        let Some(member) = &mut self.members[place as usize] else { return };
        if bits.is_empty() {
            return;
        }
        if member.inbox.is_empty() {
            self.waiting.push(place);
        }
        member.inbox.extend_from_slice(bits);
    }

    fn deliver(&mut self, send: &mut impl FnMut(Message)) {
        while !self.posted.is_empty() {
            self.deliver_in(None, send);
        }
    }

    /// Delivers posted messages: here if this partition holds the chunk, otherwise by `send`.
    fn deliver_in(&mut self, sub_iteration: Option<usize>, send: &mut impl FnMut(Message)) {
        for message in std::mem::take(&mut self.posted) {
            let to = message.link().to;
            if self.places.contains_key(&to) || self.stored.contains(to) {
                self.receive(message, sub_iteration);
            } else {
                send(message);
            }
        }
    }
}
