//! The work of a worker of a session: it makes masks when their chunks come, and at the end of an epoch thins them, looks
//! up values, stages records and maintains the graph. The conductor holds back what has changed until the epoch has
//! ended well.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

use super::commands::{Answer, Command, Computed, ToCompute};
use super::crew::Post;
use super::filtering::Filtering;
use super::new_mask::{Findings, NewMask};
use super::objects::ChunkObjects;
use super::pipelines::{Difference, Feed, GraphFeeds, OriginalFeeds, Thinned, graph, thinning};
use super::plan::SessionPlan;
use super::reading::{ChunksRead, Made, Reading};
use super::records::{Brought, Found, Records};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::filter::amount::Amounts;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::{Binarise, Foreground};
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::change::Change;
use crate::operators::radii::HeldMask;
use crate::operators::sample::{skeleton, values_at};
use crate::space::{Region, Voxel};
use crate::state::hash_of_mask;
use crate::store::Source;

mod recalled;

/// One worker's part of a session.
struct Station<'w> {
    worker: &'w mut Worker,
    plan: &'w SessionPlan,
    kernel: Binarise,
    /// The filters between masks and thinning, if there are any.
    filtering: Option<Filtering>,
    masks: Feed<(ChunkId, Change)>,
    masks_done: Handle<u64>,
    thinned: Rc<RefCell<Thinned>>,
    skeleton_feed: Feed<((ChunkId, Arc<Skeleton>), u64, isize)>,
    original_feeds: Option<OriginalFeeds>,
    objects: ChunkObjects,
    skeletons_done: Handle<u64>,
    /// The bounds of the image, as the graph knows them.
    bounds: Option<Region>,
    differences: Rc<RefCell<Vec<Difference>>>,
    /// Masks of chunks that were read last; discarded if another chunk could not be read.
    read: BTreeMap<ChunkId, Option<NewMask>>,
    /// Other masks that have not been thinned, by batch and chunk: batches that are still open come while an epoch runs.
    made: BTreeMap<(u64, ChunkId), Option<NewMask>>,
    foregrounds: HashMap<ChunkId, Foreground>,
    /// Chunks whose foreground's values are held.
    holding: Vec<ChunkId>,
    /// Thinned masks whose values have not been looked up.
    unsampled: BTreeMap<ChunkId, Option<PackedMask>>,
    /// Chunks whose values are new, but not their skeleton voxels.
    revalued: BTreeSet<ChunkId>,
    /// Masks that have been thinned, and that the graph does not know.
    originals: BTreeMap<ChunkId, HeldMask>,
    /// Skeletons that the graph does not know.
    news: BTreeMap<ChunkId, Option<Arc<Skeleton>>>,
    /// Skeletons that the graph knows.
    skeletons: BTreeMap<ChunkId, Arc<Skeleton>>,
    /// The state on disk, if there is one.
    records: Option<Rc<RefCell<Records>>>,
    /// Restored chunks that must be thinned again.
    doubtful: BTreeSet<ChunkId>,
    /// Chunks that have gone from the volume, and whose records on disk must go.
    gone: Vec<ChunkId>,
}

/// Carries out commands until there are no more.
pub(super) fn work(worker: &mut Worker, plan: &SessionPlan, post: &Post<Command, Answer>) {
    while serve(&mut Station::new(worker, plan), post) {}
}

/// Carries out commands until there are no more, or the worker is to begin again. Returns whether it is.
fn serve(station: &mut Station<'_>, post: &Post<Command, Answer>) -> bool {
    while let Some(command) = post.next(station.worker) {
        let starts_over = matches!(command, Command::StartOver);
        if let Some(answer) = station.obey(command) {
            post.answer(answer);
        }
        if starts_over {
            return true;
        }
    }
    false
}

/// What is known about the values of a chunk's foreground. Where voxels were filled, values vary: those of the filled voxels
/// are the image's too.
fn foreground<'a>(
    filtering: Option<&Filtering>,
    foregrounds: &'a HashMap<ChunkId, Foreground>,
    chunk: ChunkId,
) -> Option<&'a Foreground> {
    match filtering {
        Some(filtering) if filtering.has_filled(chunk) => Some(&Foreground::Varying),
        _ => foregrounds.get(&chunk),
    }
}

impl<'w> Station<'w> {
    fn new(worker: &'w mut Worker, plan: &'w SessionPlan) -> Self {
        let (masks_done, skeletons_done) = (Handle::new(), Handle::new());
        let (thinned, differences) = (Rc::default(), Rc::default());
        let filtering = Filtering::new(worker, plan);
        let masks = thinning(worker, plan, &masks_done, &thinned);
        let GraphFeeds { skeletons: skeleton_feed, originals: original_feeds, objects } =
            graph(worker, plan, &skeletons_done, &differences);
        Station {
            worker,
            plan,
            kernel: plan.kernel.clone(),
            filtering,
            masks,
            masks_done,
            thinned,
            skeleton_feed,
            original_feeds,
            objects: ChunkObjects::new(plan.objects, objects),
            skeletons_done,
            bounds: None,
            differences,
            read: BTreeMap::new(),
            made: BTreeMap::new(),
            foregrounds: HashMap::new(),
            holding: Vec::new(),
            unsampled: BTreeMap::new(),
            revalued: BTreeSet::new(),
            originals: BTreeMap::new(),
            news: BTreeMap::new(),
            skeletons: BTreeMap::new(),
            records: plan.keeping.clone().map(|keeping| Rc::new(RefCell::new(Records::new(keeping, plan.canvas)))),
            doubtful: BTreeSet::new(),
            gone: Vec::new(),
        }
    }

    fn obey(&mut self, command: Command) -> Option<Answer> {
        match command {
            Command::Set(batch, chunk, region, voxels, _permit) => {
                let binary = self.kernel.mask(Some(&voxels), &region, &region);
                let preparation = self.plan.preparation();
                self.made.insert((batch, chunk), binary.map(|binary| preparation.of(chunk, binary)));
                None
            }
            Command::Forget(batch, chunk) => {
                self.made.insert((batch, chunk), None);
                if self.records.is_some() {
                    self.gone.push(chunk);
                }
                None
            }
            Command::Count(reading, empty) => Some(Answer::Counted(reading.counts(self.worker, empty))),
            Command::Read(reading, epoch) => Some(Answer::Read(self.read(&reading, epoch))),
            Command::Discard => {
                self.read.clear();
                Some(Answer::Done)
            }
            Command::Recall(chunks, bounds) => Some(Answer::Restored(self.recall(chunks, bounds))),
            Command::Digest => Some(Answer::Digested(self.digest())),
            Command::StartOver => Some(Answer::Done),
            Command::Load(chunks, bounds) => Some(Answer::Loaded(self.load(&chunks, bounds))),
            Command::Restore(doubtful, bounds) => {
                self.restore(&doubtful);
                Some(Answer::Restored(self.update_graph(bounds)))
            }
            Command::Compute(epoch) => Some(Answer::Computed(Box::new(self.compute(&epoch)))),
        }
    }

    /// Computes an epoch. What fails is tried again with the next one; all else is done, since the other workers do not
    /// know of the failure, and the dataflows need all of them.
    fn compute(&mut self, epoch: &ToCompute) -> Computed {
        let foregrounds = self.thin(epoch.batch);
        let thinning = std::mem::take(&mut self.thinned.borrow_mut().counts);
        // Of one worker's, the others know when they end: nothing was thinned, and all begin again.
        if self.plan.keeping.as_ref().is_some_and(|keeping| keeping.recalls_of_thinning.happened()) {
            return Computed { thinning, foregrounds, differences: Vec::new(), outcome: Ok(()) };
        }
        let source = epoch.source.as_ref();
        let measured = self.objects.measure(
            |chunk| foreground(self.filtering.as_ref(), &self.foregrounds, chunk),
            source,
            &epoch.grid,
        );
        let sampled = self.sample(source, &epoch.grid);
        let outcome = measured.and(sampled).and_then(|()| self.stage(epoch.epoch));
        Computed { thinning, foregrounds, differences: self.update_graph(epoch.grid.bounds()), outcome }
    }

    fn read(&mut self, reading: &Arc<Reading>, epoch: u64) -> ChunksRead {
        let read: Rc<RefCell<ChunksRead>> = Rc::default();
        let (noted, records, shared) = (Rc::clone(&read), self.records.clone(), Arc::clone(reading));
        let made = Rc::new(RefCell::new(BTreeMap::new()));
        let (makes, preparation) = (Rc::clone(&made), self.plan.preparation());
        reading.masks(self.worker, move |padded, Made { fingerprint, mask }| {
            let (mut noted, chunk) = (noted.borrow_mut(), padded.chunk);
            let new = mask.map(|binary| binary.map(|binary| preparation.of(chunk, binary)));
            noted.chunks.push((chunk, fingerprint, new.is_some()));
            let made = (fingerprint, new.as_ref().map(Option::as_ref));
            if let Some(records) = &records
                && let Err(error) = records.borrow_mut().write_mask(&shared, padded, made, epoch, &mut noted)
            {
                shared.failure.report(error);
            }
            if let Some(new) = new {
                makes.borrow_mut().insert(chunk, new);
            }
        });
        self.read = made.take();
        read.take()
    }

    fn load(&mut self, chunks: &BTreeSet<ChunkId>, bounds: Region) -> Result<(Vec<Found>, Projections)> {
        let (index, peers, canvas) = (self.worker.index(), self.worker.peers(), self.plan.canvas);
        let own: Vec<ChunkId> = chunks.iter().copied().filter(|&chunk| canvas.owner(chunk, peers) == index).collect();
        let mut overview = Projections::new(bounds, self.plan.network.frame.dimensions);
        match &self.records {
            Some(records) => Ok((records.borrow_mut().load(&own, &mut overview)?, overview)),
            None => Ok((Vec::new(), overview)),
        }
    }

    fn restore(&mut self, doubtful: &BTreeSet<ChunkId>) {
        let Some(records) = self.records.clone() else { return };
        let mut thinned = BTreeMap::new();
        for brought in records.borrow_mut().restore(doubtful) {
            let Brought { chunk, change, skeleton, foreground, made, revalued } = brought;
            if let Some(change) = change {
                self.foregrounds.insert(chunk, foreground);
                if let Change::Restored(restored) = &change {
                    thinned.insert(chunk, hash_of_mask(Some(&restored.initial)));
                    self.remember(chunk, Some(&restored.initial), Findings::default());
                }
                self.masks.send((chunk, change));
                if doubtful.contains(&chunk) {
                    self.doubtful.insert(chunk);
                }
            }
            if let Some(skeleton) = skeleton {
                self.news.insert(chunk, Some(skeleton));
                if revalued {
                    self.revalued.insert(chunk);
                }
            }
            if let Some(made) = made {
                match (&mut self.filtering, made) {
                    (None, made) => _ = self.made.insert((0, chunk), made),
                    (Some(filtering), Some(NewMask { mask, strong, foreground, .. })) => {
                        filtering.set(chunk, Some(mask), strong);
                        self.foregrounds.insert(chunk, foreground);
                    }
                    (Some(_), None) => _ = self.foregrounds.remove(&chunk),
                }
            }
        }
        self.filter();
        if let Some(filtering) = &mut self.filtering {
            filtering.compare(thinned);
        }
        self.advance_masks();
    }

    /// Filters the masks that have changed, if there are filters.
    fn filter(&mut self) {
        if let Some(filtering) = &mut self.filtering {
            let amounts = filtering.work(self.worker);
            if amounts != Amounts::default() {
                self.differences.borrow_mut().push(Difference::Amounts(amounts));
            }
        }
    }

    fn advance_masks(&mut self) {
        let next = self.masks.time() + 1;
        self.masks.advance_to(next);
        let done = &self.masks_done;
        self.worker.step_or_park_while(None, || done.less_than(&next));
    }

    fn stage(&mut self, epoch: u64) -> Result<()> {
        let Some(records) = &self.records else { return Ok(()) };
        let mut records = records.borrow_mut();
        for (chunk, initial, log) in std::mem::take(&mut self.thinned.borrow_mut().kept) {
            records.thinned(chunk, initial, log);
        }
        let skeleton = |chunk| match self.news.get(&chunk) {
            Some(new) => new.clone(),
            None => self.skeletons.get(&chunk).cloned(),
        };
        let has_mask = |chunk| match &self.filtering {
            Some(filtering) => filtering.has_mask(chunk),
            None => self.foregrounds.contains_key(&chunk),
        };
        records.stage(skeleton, has_mask, &self.gone, epoch)?;
        self.gone.clear();
        Ok(())
    }

    /// Thins the chunks with new masks, up to those of a batch, and all others that this affects. Returns the
    /// foreground of the new masks.
    fn thin(&mut self, batch: u64) -> Vec<(ChunkId, u64)> {
        let mut foregrounds = Vec::new();
        let later = self.made.split_off(&(batch + 1, ChunkId::at(Voxel::MIN)));
        let made = std::mem::replace(&mut self.made, later);
        // Of several masks of a chunk, the last one counts.
        let mut latest: BTreeMap<ChunkId, Option<NewMask>> =
            made.into_iter().map(|((_, chunk), new)| (chunk, new)).collect();
        latest.append(&mut self.read);
        for (chunk, new) in latest {
            if self.skeletons.contains_key(&chunk) {
                self.revalued.insert(chunk);
            }
            foregrounds.push((chunk, new.as_ref().map_or(0, |new| new.count as u64)));
            let (mask, strong, findings) = match new {
                Some(NewMask { mask, strong, foreground, findings, .. }) => {
                    if matches!(foreground, Foreground::Kept(_)) {
                        self.holding.push(chunk);
                    }
                    self.foregrounds.insert(chunk, foreground);
                    (Some(mask), strong, findings)
                }
                None => {
                    self.foregrounds.remove(&chunk);
                    (None, None, Findings::default())
                }
            };
            match &mut self.filtering {
                Some(filtering) => filtering.set(chunk, mask, strong),
                None => self.change(chunk, mask, findings),
            }
        }
        self.filter();
        let filtered = self.filtering.as_mut().map(Filtering::take);
        for (chunk, mask) in filtered.into_iter().flatten() {
            self.change(chunk, mask, Findings::default());
        }
        for chunk in std::mem::take(&mut self.doubtful) {
            self.masks.send((chunk, Change::Rerun));
        }
        self.advance_masks();
        for (chunk, mask) in std::mem::take(&mut self.thinned.borrow_mut().masks) {
            self.revalued.remove(&chunk);
            self.unsampled.insert(chunk, mask);
        }
        foregrounds
    }

    /// Replaces the mask of a chunk for thinning.
    fn change(&mut self, chunk: ChunkId, mask: Option<Arc<Mask>>, findings: Findings) {
        self.doubtful.remove(&chunk);
        self.remember(chunk, mask.as_ref(), findings);
        let change = mask.map_or(Change::Gone, Change::Mask);
        self.masks.send((chunk, change));
    }

    /// What is known about the values of a chunk's foreground.
    fn foreground(&self, chunk: ChunkId) -> Option<&Foreground> {
        foreground(self.filtering.as_ref(), &self.foregrounds, chunk)
    }

    /// Notes that a chunk's skeleton or its values are new.
    fn note(&mut self, chunk: ChunkId, skeleton: Option<Skeleton>) {
        if let Some(records) = &self.records {
            records.borrow_mut().changed(chunk);
        }
        self.news.insert(chunk, skeleton.map(Arc::new));
    }

    /// Looks up the image's values at new parts of the skeleton. Chunks that fail are tried again the next time.
    fn sample(&mut self, source: Option<&Arc<dyn Source>>, bounds: &Grid) -> Result<()> {
        let mut first: Result<()> = Ok(());
        let mut fail = |chunk, error: Error| {
            if first.is_ok() {
                first = Err(error.in_reading(chunk));
            }
        };
        for (chunk, mask) in std::mem::take(&mut self.unsampled) {
            let own = bounds.region(chunk);
            let thinned = mask.as_ref().map(PackedMask::unpacked);
            let found = thinned.map(|thinned| skeleton(&thinned, &own, self.foreground(chunk), source));
            match found.transpose() {
                Ok(found) => {
                    self.note(chunk, found.flatten());
                }
                Err(error) => {
                    self.unsampled.insert(chunk, mask);
                    fail(chunk, error);
                }
            }
        }
        for chunk in std::mem::take(&mut self.revalued) {
            let latest = self.news.get(&chunk).cloned().unwrap_or_else(|| self.skeletons.get(&chunk).cloned());
            let Some(known) = latest else { continue };
            match values_at(&known.voxels.to_vec(), &bounds.region(chunk), self.foreground(chunk), source) {
                Ok(values) => {
                    let voxels = known.voxels.clone();
                    self.note(chunk, Some(Skeleton { voxels, values: Arc::new(values) }));
                }
                Err(error) => {
                    self.revalued.insert(chunk);
                    fail(chunk, error);
                }
            }
        }
        if source.is_some() {
            // Values that were held for this can be read again.
            for chunk in std::mem::take(&mut self.holding) {
                self.foregrounds.entry(chunk).and_modify(|foreground| {
                    if matches!(foreground, Foreground::Kept(_)) {
                        *foreground = Foreground::Varying;
                    }
                });
            }
        }
        first
    }

    /// Keeps a mask for objects, and for radii if they are measured.
    fn remember(&mut self, chunk: ChunkId, mask: Option<&Arc<Mask>>, findings: Findings) {
        self.objects.take(chunk, mask, findings.counted);
        if self.original_feeds.is_some() {
            let apart = |mask: &Arc<Mask>| findings.held.unwrap_or_else(|| HeldMask::apart(Arc::clone(mask), None));
            self.originals.insert(chunk, mask.map_or_else(|| HeldMask::new(None, None), apart));
        }
    }

    /// Brings new skeletons, and the bounds of the image, to the graph. Returns what has changed there.
    fn update_graph(&mut self, bounds: Region) -> Vec<Difference> {
        let time = *self.skeleton_feed.time();
        self.objects.send(time);
        if let Some(feeds) = &mut self.original_feeds {
            // A mask comes with the skeleton that it was thinned to: where values could not be looked up, the one of before
            // stays, of which voxels may be background by now.
            let unsampled = &self.unsampled;
            let all = std::mem::take(&mut self.originals).into_iter();
            let (later, ready): (BTreeMap<_, _>, BTreeMap<_, _>) = all.partition(|(id, _)| unsampled.contains_key(id));
            self.originals = later;
            ready.into_iter().for_each(|original| feeds.masks.send(original));
            if self.bounds.replace(bounds) != Some(bounds) {
                feeds.bounds.send(bounds);
            }
            feeds.advance_to(time + 1);
        }
        // The image has become smaller since the state was written: the chunks that it cuts are read next.
        let lies_inside = |skeleton: &Skeleton| skeleton.voxels.iter().all(|voxel| bounds.contains(voxel.position()));
        let is_ready = |new: &Option<Arc<Skeleton>>| new.as_ref().is_none_or(|skeleton| lies_inside(skeleton));
        let (ready, later) = std::mem::take(&mut self.news).into_iter().partition(|(_, new)| is_ready(new));
        self.news = later;
        let ready: BTreeMap<ChunkId, Option<Arc<Skeleton>>> = ready;
        for (chunk, new) in ready {
            let old = match &new {
                Some(new) => self.skeletons.insert(chunk, Arc::clone(new)),
                None => self.skeletons.remove(&chunk),
            };
            if old != new {
                for (skeleton, diff) in [(old, -1), (new, 1)] {
                    if let Some(skeleton) = skeleton {
                        self.skeleton_feed.send(((chunk, skeleton), time, diff));
                    }
                }
            }
        }
        self.skeleton_feed.advance_to(time + 1);
        let done = &self.skeletons_done;
        self.worker.step_or_park_while(None, || done.less_than(&(time + 1)));
        self.differences.take()
    }
}
