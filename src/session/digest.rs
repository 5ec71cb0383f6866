//! How a session begins with the digest of its state, and writes one: records of chunks that no change reaches are not
//! read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chunk_digest::{ChunkDigest, ThinnedDigest};
use super::commands::{Answer, unexpected};
use super::epoch::Epoch;
use super::following::Following;
use super::inner::Inner;
use super::orders::Order;
use super::plan::SessionPlan;
use super::records::FoundMask;
use crate::checkpoint::KeptSweep;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::space::Region;
use crate::state::{Loaded, PackedDigest, Reason};

/// Number of chunks in a part of a digest.
const CHUNKS: usize = 256;

/// A part of a digest.
#[derive(Debug, Serialize, Deserialize)]
enum Part<'a> {
    /// The overview of the image, whose bounds it knows.
    Overview(Cow<'a, Projections>),
    Chunks(Vec<(FoundMask, ChunkDigest)>),
}

impl Part<'_> {
    /// Whether it is of an image within these bounds, in chunks of this grid.
    fn fits(&self, bounds: Region, canvas: &Grid) -> bool {
        let is_sound = |(mask, of_chunk): &(FoundMask, ChunkDigest)| {
            let region = canvas.region(of_chunk.chunk);
            let thinned = of_chunk.thinned.as_ref();
            let skeleton = thinned.and_then(|thinned| thinned.skeleton.as_ref());
            mask.fits(&region)
                && (mask.foreground > 0) == thinned.is_some()
                && thinned.is_none_or(|thinned| thinned.objects.own == region)
                && skeleton.is_none_or(|skeleton| skeleton.is_sound(&region))
        };
        match self {
            Part::Overview(overview) => overview.bounds() == bounds,
            Part::Chunks(chunks) => chunks.iter().all(is_sound),
        }
    }
}

/// The parameters that a digest depends on, besides those of records; `None` if sessions of a plan have none: where masks
/// are filtered, side branches pruned or objects measured, everything is restored, and in several processes too.
pub(super) fn parameters(plan: &SessionPlan) -> Option<String> {
    let (network, objects) = (&plan.network, &plan.objects);
    let is_plain = plan.filters.is_empty() && !network.pruning.is_any() && !objects.table && !objects.labels;
    let alone = plan.keeping.is_some() && plan.canvas.processes() == 1;
    (is_plain && alone).then(|| format!("{:?} {} {:?}", network.frame, network.radii, objects.connectivity))
}

impl Inner {
    /// Begins with the digest of the state, if there is one that can be used. Returns whether it did.
    pub(super) fn begin_with_digest(&mut self, canvas: &Grid) -> Result<bool> {
        let (Some(parameters), Some(kept)) = (&self.digested, &mut self.kept) else { return Ok(false) };
        let (bounds, threads) = (self.grid.bounds(), self.workforce.workers());
        let fits = |part: &Part<'_>| part.fits(bounds, canvas);
        let is_whole = |parts: &[Part<'_>]| matches!(parts.first(), Some(Part::Overview(_)));
        let found = match kept.keeping.folder.load_digest::<Part<'_>>(parameters, threads)? {
            Loaded::Valid(found) if is_whole(&found.parts) && found.parts.iter().all(fits) => found,
            Loaded::Absent => return Ok(false),
            Loaded::Unusable(reason @ (Reason::Truncated | Reason::Damaged)) => {
                let path = kept.keeping.folder.path().display();
                kept.warnings.push(format!("{path}: the digest {reason}: all records are read instead"));
                return Ok(false);
            }
            unfit => {
                let reason = if let Loaded::Unusable(reason) = unfit { reason } else { Reason::Unfit };
                tracing::info!("the digest of the state {reason}: all records are read instead");
                return Ok(false);
            }
        };
        let (mut chunks, mut of_workers) = (Vec::new(), Vec::new());
        for part in kept.keeping.folder.rely_on(found) {
            match part {
                Part::Overview(overview) => kept.set_overview(overview.into_owned()),
                Part::Chunks(more) => chunks.extend(more),
            }
        }
        for (mask, of_chunk) in chunks {
            if mask.foreground > 0 {
                self.foregrounds.insert(of_chunk.chunk, mask.foreground);
                self.results.foreground += mask.foreground;
            }
            if let Some(following) = &mut self.following {
                following.remember(of_chunk.chunk, mask);
            }
            of_workers.push(of_chunk);
        }
        for answer in self.workforce.ask(Order::Recall(of_workers, bounds))? {
            let Answer::Restored(differences) = answer else { return Err(unexpected()) };
            self.results.apply(differences, None);
        }
        Ok(true)
    }

    /// Writes the digest of the state, if its session can have one, and the last epoch has ended well and left no chunk as
    /// it was.
    pub(super) fn write_digest(&mut self) -> Result<()> {
        if self.kept.as_ref().is_some_and(|kept| kept.digest.is_none()) {
            self.prepare_digest()?;
        }
        let (Some(parameters), Some(kept)) = (&self.digested, &mut self.kept) else { return Ok(()) };
        match kept.digest.take() {
            Some(digest) => kept.keeping.folder.write_digest(parameters, digest),
            None => Ok(()),
        }
    }

    /// Encodes the digest, if it can be written.
    pub(super) fn prepare_digest(&mut self) -> Result<()> {
        let (Some(_), Some(following), true) = (&self.digested, &self.following, self.is_settled) else {
            return Ok(());
        };
        if !following.behind().is_empty() {
            return Ok(());
        }
        let mut thinned: BTreeMap<ChunkId, ThinnedDigest> = BTreeMap::new();
        for answer in self.workforce.ask(Order::Digest)? {
            let Answer::Digested(of_chunks) = answer else { return Err(unexpected()) };
            thinned.extend(of_chunks);
        }
        let skeletons: BTreeMap<_, _> = self.results.skeletons().collect();
        let mut chunks = Vec::new();
        for (chunk, mut mask) in following.found() {
            mask.foreground = self.foregrounds.get(&chunk).copied().unwrap_or(0);
            let thinned = thinned.remove(&chunk);
            let skeleton = skeletons.get(&chunk).map(|skeleton| Arc::clone(skeleton));
            let thinned = thinned.map(|thinned| ThinnedDigest { skeleton, ..thinned });
            let fingerprint = mask.fingerprint;
            chunks.push((mask, ChunkDigest { chunk, fingerprint, thinned }));
        }
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let mut parts = vec![Part::Overview(Cow::Borrowed(kept.overview(&self.grid)?))];
        while !chunks.is_empty() {
            let more = chunks.split_off(chunks.len().saturating_sub(CHUNKS));
            parts.push(Part::Chunks(more));
        }
        let digest = PackedDigest::new(&parts, self.workforce.workers())?;
        kept.digest = Some(digest);
        Ok(())
    }

    /// Begins again with all records, after one of those that the digest names could not be used.
    pub(super) fn start_over(&mut self) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let (errors, path) = (kept.take_recalls(), kept.keeping.folder.path().display());
        if kept.keeping.folder.relies_on_digest() {
            errors.iter().for_each(|error| tracing::info!("the digest of the state is of no use: {error}"));
            kept.warnings.push(format!("{path}: the digest {}: all records are read instead", Reason::OtherRecords));
        } else {
            let thinned_again = |error| format!("{path}: the thinning was not kept, and begins again: {error}");
            kept.warnings.extend(errors.first().map(thinned_again));
        }
        kept.keeping.sweep.iter().for_each(KeptSweep::remove);
        kept.keeping.folder.discard();
        kept.keeping.folder.rely_on_records();
        kept.start_over(self.grid.bounds());
        self.workforce.ask(Order::StartOver)?;
        self.foregrounds.clear();
        self.results = self.blank.clone();
        self.coming = Epoch { number: self.coming.number, read: self.coming.read, ..Epoch::default() };
        let behind = self.following.as_ref().map(Following::behind).unwrap_or_default();
        let canvas = self.results.canvas();
        self.restore_all(&canvas)?;
        if let Some(following) = &mut self.following {
            following.look_at(behind);
        }
        Ok(())
    }
}
