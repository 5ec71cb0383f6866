//! The chunks of one worker, thinned together: decisions travel inside at once, and outside by the caller.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::mask::{Layout, Mask};
use super::method::{ChunkThinning, Method};
use super::seam::Seams;
use crate::grid::{ChunkId, Grid};
use crate::space::Region;

/// A part of a neighbour's initial halo that another worker owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slab {
    /// The chunk whose halo it fills.
    pub to: ChunkId,
    /// The box that it fills.
    pub region: Region,
    /// The bits, as [`Mask::cut`] gives them.
    pub bits: Vec<u64>,
}

/// A halo voxel whose state changed: the chunk that sees it and its bit index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Flip {
    /// The chunk that has the voxel in its halo.
    pub to: ChunkId,
    /// Its bit index there.
    pub bit: u32,
}

/// Where a neighbour of a chunk is thinned.
#[derive(Clone, Copy, Debug)]
enum Home {
    /// It holds no foreground, or lies outside.
    Nowhere,
    /// In this partition.
    Here(u32),
    /// By another worker.
    Away(u32, ChunkId),
}

#[derive(Debug)]
struct Member {
    id: ChunkId,
    seams: Seams,
    homes: [Home; 27],
    thinning: ChunkThinning,
    inbox: Vec<u32>,
}

/// All chunks with foreground that one worker owns.
#[derive(Debug)]
pub struct Partition {
    grid: Grid,
    method: Method,
    members: Vec<Member>,
    places: HashMap<ChunkId, u32>,
    /// Members with unread flips.
    waiting: Vec<u32>,
    flips: Vec<u32>,
}

impl Partition {
    /// A partition of the chunks with these masks, whose halos are still empty; `index` is the worker that owns them.
    pub fn new(
        grid: Grid,
        method: Method,
        masks: BTreeMap<ChunkId, Mask>,
        index: usize,
        owner: impl Fn(ChunkId) -> usize,
    ) -> Self {
        let places: HashMap<ChunkId, u32> = masks.keys().zip(0..).map(|(&id, place)| (id, place)).collect();
        let members = masks
            .into_iter()
            .map(|(id, mask)| {
                let seams = Seams::new(&grid, id);
                let mut homes = [Home::Nowhere; 27];
                for (n, other, _) in seams.neighbours() {
                    let at = owner(other);
                    homes[n] = match places.get(&other) {
                        Some(&place) => Home::Here(place),
                        None if at == index => Home::Nowhere,
                        None => Home::Away(at as u32, other),
                    };
                }
                Member { id, seams, homes, thinning: ChunkThinning::new(mask, method), inbox: Vec::new() }
            })
            .collect();
        Partition { grid, method, members, places, waiting: Vec::new(), flips: Vec::new() }
    }

    /// Number of chunks.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no chunks.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Fills the halos from the chunks at hand; what other workers' chunks need is given to `send(worker, slab)`.
    pub fn exchange_halos(&mut self, mut send: impl FnMut(usize, Slab)) {
        for place in 0..self.members.len() {
            let member = &self.members[place];
            let own = self.grid.region(member.id);
            let targets: Vec<(Home, Layout)> =
                member.seams.neighbours().map(|(n, _, layout)| (member.homes[n], *layout)).collect();
            for (home, layout) in targets {
                let region = own.intersection(&layout.own.dilated([1; 3]));
                match home {
                    Home::Nowhere => {}
                    Home::Here(other) => {
                        let bits = self.members[place].thinning.cut(&region);
                        self.members[other as usize].thinning.fill_halo(&region, &bits);
                    }
                    Home::Away(worker, to) => {
                        let bits = self.members[place].thinning.cut(&region);
                        if bits.iter().any(|&word| word != 0) {
                            send(worker as usize, Slab { to, region, bits });
                        }
                    }
                }
            }
        }
    }

    /// Takes in a part of a chunk's initial halo.
    pub fn receive_halo(&mut self, slab: &Slab) {
        if let Some(&place) = self.places.get(&slab.to) {
            self.members[place as usize].thinning.fill_halo(&slab.region, &slab.bits);
        }
    }

    /// Starts a sub-iteration in every chunk and carries decisions between them until nothing flips; what concerns
    /// other workers is given to `send(worker, flip)`.
    pub fn begin(&mut self, sub_iteration: usize, mut send: impl FnMut(usize, Flip)) {
        for place in 0..self.members.len() {
            if !self.members[place].thinning.is_resting(sub_iteration) {
                self.members[place].thinning.begin(sub_iteration, &mut self.flips);
                self.route(place, &mut send);
            }
        }
        self.converge(&mut send);
    }

    /// Takes in a decision of another worker's chunk; [`Partition::converge`] follows when all are in.
    pub fn receive(&mut self, flip: Flip) {
        if let Some(&place) = self.places.get(&flip.to) {
            self.post(place, flip.bit);
        }
    }

    /// Carries decisions between the chunks until nothing flips.
    pub fn converge(&mut self, mut send: impl FnMut(usize, Flip)) {
        while let Some(place) = self.waiting.pop() {
            let member = &mut self.members[place as usize];
            let mut inbox = std::mem::take(&mut member.inbox);
            member.thinning.receive(&inbox, &mut self.flips);
            inbox.clear();
            member.inbox = inbox;
            self.route(place as usize, &mut send);
        }
    }

    /// Ends a sub-iteration in every chunk. Gives the number of voxels deleted in it.
    pub fn settle(&mut self, sub_iteration: usize) -> usize {
        self.members.iter_mut().map(|member| member.thinning.settle(sub_iteration)).sum()
    }

    /// Thins all chunks to the end, where none of them has neighbours at other workers: halos are exchanged, and
    /// sub-iterations follow until as many as take turns have deleted nothing. Gives the number of voxels deleted.
    pub fn thin(&mut self) -> usize {
        self.exchange_halos(|_, _| ());
        let (mut quiet, mut total) = (0, 0);
        for sub_iteration in 0.. {
            self.begin(sub_iteration, |_, _| ());
            let deleted = self.settle(sub_iteration);
            total += deleted;
            quiet = if deleted == 0 { quiet + 1 } else { 0 };
            if quiet == self.turns() {
                break;
            }
        }
        total
    }

    /// Voxels deleted in the current sub-iteration, as far as is known.
    pub fn deleted(&self) -> usize {
        self.members.iter().map(|member| member.thinning.deleted()).sum()
    }

    /// How many quiet sub-iterations in a row end the thinning.
    pub fn turns(&self) -> usize {
        self.method.turns()
    }

    /// The thinned masks, in raster order of the chunks.
    pub fn into_masks(self) -> impl Iterator<Item = (ChunkId, Mask)> {
        self.members.into_iter().map(|member| (member.id, member.thinning.into_mask()))
    }

    /// Carries the flips that a chunk has just made to the chunks that see them.
    fn route(&mut self, place: usize, send: &mut impl FnMut(usize, Flip)) {
        let flips = std::mem::take(&mut self.flips);
        for &bit in &flips {
            let (seams, homes) = (&self.members[place].seams, self.members[place].homes);
            let mut here = [(0, 0); 26];
            let mut count = 0;
            seams.visit(bit as usize, |n, there| match homes[n] {
                Home::Nowhere => {}
                Home::Here(other) => {
                    here[count] = (other, there as u32);
                    count += 1;
                }
                Home::Away(worker, to) => send(worker as usize, Flip { to, bit: there as u32 }),
            });
            for &(other, there) in &here[..count] {
                self.post(other, there);
            }
        }
        self.flips = flips;
        self.flips.clear();
    }

    fn post(&mut self, place: u32, bit: u32) {
        let inbox = &mut self.members[place as usize].inbox;
        if inbox.is_empty() {
            self.waiting.push(place);
        }
        inbox.push(bit);
    }
}
