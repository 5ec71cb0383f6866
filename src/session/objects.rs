//! The objects of a worker's chunks, on their way to the graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pipelines::{LocalFeed, ObjectFeed};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::measures::ObjectSums;
use crate::operators::objects::find::ObjectPlan;
use crate::operators::objects::measure::measured;
use crate::operators::shared::Shared;
use crate::store::Source;

/// The objects of a worker's chunks.
pub(super) struct ChunkObjects {
    plan: ObjectPlan,
    /// Masks whose objects are measured later; `None` if a chunk no longer has foreground.
    masks: BTreeMap<ChunkId, Option<Arc<Mask>>>,
    found: Found,
}

/// Objects as the plan wants them.
enum Found {
    Counted(Sent<u64>),
    Measured(Sent<ObjectSums>),
}

/// Objects that the graph knows, and others that it does not.
struct Sent<S: 'static> {
    feed: LocalFeed<S>,
    known: BTreeMap<ChunkId, Shared<Local<S>>>,
    news: BTreeMap<ChunkId, Option<Shared<Local<S>>>>,
}

impl ChunkObjects {
    pub(super) fn new(plan: ObjectPlan, feed: ObjectFeed) -> Self {
        let found = match feed {
            ObjectFeed::Counted(feed) => Found::Counted(Sent::new(feed)),
            ObjectFeed::Measured(feed) => Found::Measured(Sent::new(feed)),
        };
        ChunkObjects { plan, masks: BTreeMap::new(), found }
    }

    /// Takes the mask that a chunk has now, or `None` if it no longer has foreground. Where its objects are only counted,
    /// nothing else must be known, and they are, unless they are among what was `counted` before.
    pub(super) fn take(&mut self, chunk: ChunkId, mask: Option<&Arc<Mask>>, counted: Option<Arc<Local<u64>>>) {
        match &mut self.found {
            Found::Measured(_) => _ = self.masks.insert(chunk, mask.cloned()),
            Found::Counted(sent) => {
                let count = |mask: &Arc<Mask>| counted.unwrap_or_else(|| Arc::new(self.plan.counted(chunk, mask)));
                sent.news.insert(chunk, mask.map(count).map(Shared::from));
            }
        }
    }

    /// Takes the objects that a chunk has, if they are only counted.
    pub(super) fn restore(&mut self, chunk: ChunkId, objects: Arc<Local<u64>>) {
        if let Found::Counted(sent) = &mut self.found {
            sent.news.insert(chunk, Some(Shared::from(objects)));
        }
    }

    /// The objects of chunks that the graph knows, if they are only counted.
    pub(super) fn counted(&self) -> impl Iterator<Item = (ChunkId, Arc<Local<u64>>)> {
        let known = if let Found::Counted(sent) = &self.found { Some(&sent.known) } else { None };
        known.into_iter().flatten().map(|(&chunk, objects)| (chunk, objects.clone().into_inner()))
    }

    /// Measures the objects of new masks, unless they are only counted. Chunks that fail are tried again the next time.
    ///
    /// # Errors
    /// As [`measured`].
    pub(super) fn measure<'a>(
        &mut self,
        foreground: impl Fn(ChunkId) -> Option<&'a Foreground>,
        source: Option<&Arc<dyn Source>>,
        bounds: &Grid,
    ) -> Result<()> {
        let Found::Measured(sent) = &mut self.found else { return Ok(()) };
        let mut first: Result<()> = Ok(());
        for (chunk, mask) in std::mem::take(&mut self.masks) {
            let find = |mask: &Arc<Mask>| {
                let unknown = || Error::internal("a chunk was thinned that never had foreground");
                let foreground = foreground(chunk).ok_or_else(unknown)?;
                measured(&self.plan, chunk, mask, &bounds.region(chunk), foreground, source)
            };
            match mask.as_ref().map(find).transpose() {
                Ok(found) => {
                    sent.news.insert(chunk, found.map(Shared::new));
                }
                Err(error) => {
                    self.masks.insert(chunk, mask);
                    first = first.and(Err(error.in_chunk(chunk)));
                }
            }
        }
        first
    }

    /// Brings what is new to the graph at a time, and closes the time.
    pub(super) fn send(&mut self, time: u64) {
        match &mut self.found {
            Found::Counted(sent) => sent.send(time),
            Found::Measured(sent) => sent.send(time),
        }
    }
}

impl<S: Ord + Clone> Sent<S> {
    fn new(feed: LocalFeed<S>) -> Self {
        Sent { feed, known: BTreeMap::new(), news: BTreeMap::new() }
    }

    fn send(&mut self, time: u64) {
        for (chunk, new) in std::mem::take(&mut self.news) {
            let old = match &new {
                Some(new) => self.known.insert(chunk, new.clone()),
                None => self.known.remove(&chunk),
            };
            if old != new {
                for (objects, diff) in [(old, -1), (new, 1)] {
                    objects.into_iter().for_each(|objects| self.feed.send(((chunk, objects), time, diff)));
                }
            }
        }
        self.feed.advance_to(time + 1);
    }
}
