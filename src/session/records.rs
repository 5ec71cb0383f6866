//! A worker's part of the state on disk: the records of its chunks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::new_mask::{Findings, NewMask};
use super::reading::{ChunksRead, Reading};
use crate::checkpoint::KeptSweep;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::mask::recalled::RecallMasks;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::change::Change;
use crate::kernel::thin::recall::{Recall, Restored};
use crate::kernel::thin::seam::Seams;
use crate::kernel::thin::seam_log::SeamLog;
use crate::operators::failure::Failure;
use crate::operators::overlap::Padded;
use crate::space::Region;
use crate::state::{Counted, Loaded, MaskRecord, Reason, Record, Seen, StateFolder, ThinningRecord, hash_of_mask};
use crate::store::Mark;

/// The state of a session, and what its records hold besides masks.
#[derive(Clone)]
pub(super) struct Keeping {
    pub(super) folder: StateFolder,
    /// 2 or 3: how many axes the overview has.
    pub(super) dimensions: usize,
    /// Whether masks are filtered before they are thinned.
    pub(super) filters_masks: bool,
    /// Where the first sweep is kept until the records are in place; not in several processes.
    pub(super) sweep: Option<KeptSweep>,
    /// The records that the digest names and that could not be used.
    pub(super) recalls: Failure,
    /// Those of them that thinning needed, which all workers then end.
    pub(super) recalls_of_thinning: Failure,
}

impl Keeping {
    /// The thinning record of a chunk that the digest names.
    fn recall(&self, chunk: ChunkId, recalls: &Failure) -> Option<ThinningRecord> {
        let why = match self.folder.load(chunk) {
            Ok(Loaded::Valid(record)) => return Some(record),
            Ok(Loaded::Absent) => Error::data("its record is missing"),
            Ok(Loaded::Unusable(reason)) => Error::data(format!("its record {reason}")),
            Err(error) => error,
        };
        recalls.report(why.in_chunk(chunk));
        None
    }

    /// Reports that there is no record of kind `R` of a chunk that can be used, if the digest names one. Returns whether it
    /// does.
    pub(super) fn misses<R: Record>(&self, chunk: ChunkId) -> bool {
        let is_named = self.folder.relies_on::<R>(chunk);
        if is_named {
            self.recalls.report(Error::data("its record cannot be used").in_chunk(chunk));
        }
        is_named
    }
}

/// What the records of a chunk say.
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) chunk: ChunkId,
    pub(super) mask: Option<FoundMask>,
    /// What crossed its seams, if it has a record of its thinning.
    pub(super) seen: Option<Seen>,
    /// Whether the mask is the one that was thinned, or goes through filters first.
    pub(super) stands: bool,
    /// Records that are of no use.
    pub(super) unusable: Vec<Reason>,
}

/// What a mask record says, except for the mask.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FoundMask {
    pub(super) own: Region,
    pub(super) padded: Region,
    pub(super) mark: Option<Mark>,
    pub(super) fingerprint: u64,
    pub(super) threshold: Threshold,
    pub(super) foreground: u64,
    pub(super) counted: Option<Counted>,
}

impl FoundMask {
    /// Whether its boxes are those of a chunk.
    pub(super) fn fits(&self, region: &Region) -> bool {
        !self.own.is_empty() && region.encloses(&self.own) && self.padded.encloses(&self.own)
    }
}

/// The records of a worker's chunks.
pub(super) struct Records {
    keeping: Keeping,
    canvas: Grid,
    /// Found, and not yet restored.
    found: BTreeMap<ChunkId, Pair>,
    /// Fingerprints of the values that masks were made from.
    fingerprints: BTreeMap<ChunkId, u64>,
    /// Chunks whose thinning record must be written again, with mask and log where they were thinned.
    stale: BTreeMap<ChunkId, Option<MaskAndLog>>,
}

/// What a chunk was thinned from, and what crossed its seams: shared with the partition.
type MaskAndLog = (Arc<Mask>, Arc<SeamLog>);

/// The records of a chunk.
struct Pair {
    mask: Option<MaskRecord>,
    thinning: Option<ThinningRecord>,
    /// Whether the mask is the one that was thinned, which is not known before filters.
    stands: bool,
}

/// A restored chunk.
pub(super) struct Brought {
    pub(super) chunk: ChunkId,
    pub(super) change: Option<Change>,
    pub(super) skeleton: Option<Arc<Skeleton>>,
    pub(super) foreground: Foreground,
    /// Its present mask before filters, unless it is the one that was thinned.
    pub(super) made: Option<Option<NewMask>>,
    /// Whether the skeleton's values are older than the mask.
    pub(super) revalued: bool,
}

impl Records {
    pub(super) fn new(keeping: Keeping, canvas: Grid) -> Self {
        let (found, fingerprints, stale) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Records { keeping, canvas, found, fingerprints, stale }
    }

    /// How records are read where chunks are first needed: for thinning, and for radii.
    pub(super) fn recall(&self) -> (Recall, RecallMasks) {
        let keeping = self.keeping.clone();
        let thinning = Recall::new(move |chunk| {
            let ThinningRecord { initial, log, .. } = keeping.recall(chunk, &keeping.recalls_of_thinning)?;
            Some(Restored { initial, log: Arc::unwrap_or_clone(log), doubtful: false })
        });
        let keeping = self.keeping.clone();
        // Not from the mask record, which is replaced before the epoch ends.
        (thinning, RecallMasks::new(move |chunk| Some(keeping.recall(chunk, &keeping.recalls)?.initial)))
    }

    /// Notes the fingerprint of a chunk whose records are not read.
    pub(super) fn know(&mut self, chunk: ChunkId, fingerprint: u64) {
        self.fingerprints.insert(chunk, fingerprint);
    }

    /// Reads the records of chunks. Adds their parts of the overview to `overview`, as far as they fit.
    pub(super) fn load(&mut self, chunks: &[ChunkId], overview: &mut Projections) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        for &chunk in chunks {
            let mut unusable = Vec::new();
            let mask = usable(self.keeping.folder.load::<MaskRecord>(chunk)?, &mut unusable);
            let thinning = self.keeping.folder.load::<ThinningRecord>(chunk)?;
            if matches!(thinning, Loaded::Unusable(_)) {
                // Written again or removed, so that it is not found a second time.
                self.stale.insert(chunk, None);
            }
            let thinning = usable(thinning, &mut unusable);
            let mask = mask.filter(|record| {
                record.projections.as_ref().is_some_and(|part| part.fits(&overview.bounds()))
                    && overview.bounds().intersection(&record.own) == record.own
            });
            if let Some(part) = mask.as_ref().and_then(|record| record.projections.as_ref()) {
                overview.merge(part);
            }
            let seen = thinning.as_ref().map(|record| *record.seen());
            let thinned = thinning.as_ref().map_or(0, ThinningRecord::mask);
            let filters = self.keeping.filters_masks;
            let stands = mask.as_ref().is_some_and(|record| hash_of_mask(record.mask.as_deref()) == thinned);
            let found = mask.as_ref().map(|record| FoundMask {
                own: record.own,
                padded: record.padded,
                mark: record.mark,
                fingerprint: record.fingerprint,
                threshold: record.threshold,
                foreground: record.foreground,
                counted: record.count.clone(),
            });
            if let Some(found) = &found {
                self.fingerprints.insert(chunk, found.fingerprint);
            }
            all.push(Found { chunk, mask: found, seen, stands: stands || filters, unusable });
            self.found.insert(chunk, Pair { mask, thinning, stands: stands && !filters });
        }
        Ok(all)
    }

    /// Restores everything that was found. The records of doubtful chunks contradict those of their neighbours.
    pub(super) fn restore(&mut self, doubtful: &BTreeSet<ChunkId>) -> Vec<Brought> {
        let bring = |(chunk, Pair { mask, thinning, stands }): (ChunkId, Pair)| {
            let foreground = match mask.as_ref().and_then(|record| record.constant) {
                Some(value) => Foreground::Constant(value),
                None => Foreground::Varying,
            };
            let fingerprint = mask.as_ref().map(|record| record.fingerprint);
            let revalued = fingerprint.is_some() && fingerprint != thinning.as_ref().map(|record| record.fingerprint);
            let made = mask.filter(|_| !stands).map(|record| {
                let (count, foreground) = (record.foreground as usize, foreground.clone());
                let strong = record.strong;
                record.mask.map(|mask| NewMask { mask, strong, count, foreground, findings: Findings::default() })
            });
            let (change, skeleton) = match thinning {
                None => (None, None),
                Some(ThinningRecord { initial, log, skeleton, .. }) => {
                    let (log, doubtful) = (Arc::unwrap_or_clone(log), doubtful.contains(&chunk));
                    let restored = Restored { initial, log, doubtful };
                    (Some(Change::Restored(Box::new(restored))), skeleton)
                }
            };
            Brought { chunk, change, skeleton, foreground, made, revalued }
        };
        std::mem::take(&mut self.found).into_iter().map(bring).collect()
    }

    /// Writes the mask of a chunk and the fingerprint of its values, and adds its projections to what was read. Of known
    /// values only the mark is new.
    pub(super) fn write_mask(
        &mut self,
        reading: &Reading,
        padded: &Padded,
        (fingerprint, new): (u64, Option<Option<&NewMask>>),
        epoch: u64,
        read: &mut ChunksRead,
    ) -> Result<()> {
        let (folder, chunk) = (self.keeping.folder.clone(), padded.chunk);
        let mark = reading.marks.get(&chunk).copied().flatten();
        let Some(new) = new else {
            // Only the mark is new.
            return match folder.load::<MaskRecord>(chunk)? {
                Loaded::Valid(record) if record.mark != mark => {
                    folder.write(chunk, &MaskRecord { mark, ..record }, epoch)
                }
                Loaded::Valid(_) => Ok(()),
                Loaded::Absent | Loaded::Unusable(_) => {
                    self.keeping.misses::<MaskRecord>(chunk);
                    Ok(())
                }
            };
        };
        let (own, bounds) = (padded.own, reading.grid.bounds());
        let mut part = Projections::of_part(bounds, self.keeping.dimensions, &own);
        let fill = reading.source.description().fill;
        part.add_own(&own, &padded.region, padded.voxels.as_ref(), fill);
        read.overview.get_or_insert_with(|| Projections::new(bounds, self.keeping.dimensions)).merge(&part);
        let before = self.fingerprints.insert(chunk, fingerprint);
        if before.is_some_and(|before| before != fingerprint) {
            read.replaced.push(chunk);
        }
        let constant = new.and_then(|new| match new.foreground {
            Foreground::Constant(value) => Some(value),
            _ => None,
        });
        let record = MaskRecord {
            own,
            padded: padded.region,
            mark,
            fingerprint,
            threshold: reading.kernel.threshold,
            foreground: new.map_or(0, |new| new.count as u64),
            constant,
            mask: new.map(|new| Arc::clone(&new.mask)),
            strong: new.and_then(|new| new.strong.clone()),
            count: reading.counted.get(&chunk).cloned(),
            projections: Some(part),
        };
        folder.write(chunk, &record, epoch)
    }

    /// Notes that a chunk was thinned: its mask before, with its halo, and its seam log.
    pub(super) fn thinned(&mut self, chunk: ChunkId, initial: Arc<Mask>, log: Arc<SeamLog>) {
        self.stale.insert(chunk, Some((initial, log)));
    }

    /// Notes that a chunk's skeleton is new, or gone.
    pub(super) fn changed(&mut self, chunk: ChunkId) {
        self.stale.entry(chunk).or_default();
    }

    /// Stages the records of all chunks that have changed since the last time, and those that have `gone` from the volume.
    pub(super) fn stage(
        &mut self,
        skeletons: impl Fn(ChunkId) -> Option<Arc<Skeleton>>,
        masked: impl Fn(ChunkId) -> bool,
        gone: &[ChunkId],
        epoch: u64,
    ) -> Result<()> {
        let folder = &self.keeping.folder;
        for &chunk in gone {
            self.fingerprints.remove(&chunk);
            folder.stage::<MaskRecord>(chunk, None, epoch)?;
            folder.stage::<ThinningRecord>(chunk, None, epoch)?;
        }
        for (&chunk, kept) in &mut self.stale {
            if !masked(chunk) {
                folder.stage::<ThinningRecord>(chunk, None, epoch)?;
                continue;
            }
            let is_new = kept.is_some();
            let found = match kept.take() {
                Some(kept) => Some(kept),
                None => {
                    let latest = folder.load_latest::<ThinningRecord>(chunk)?.valid();
                    latest.map(|record| (record.initial, record.log))
                }
            };
            if found.is_none() && self.keeping.misses::<ThinningRecord>(chunk) {
                continue;
            }
            let (skeleton, fingerprint) = (skeletons(chunk), self.fingerprints.get(&chunk).copied().unwrap_or(0));
            let record = found.as_ref().map(|(initial, log)| {
                let (initial, log) = (Arc::clone(initial), Arc::clone(log));
                ThinningRecord::new(&Seams::new(&self.canvas, chunk), initial, log, skeleton, fingerprint)
            });
            let staged = folder.stage(chunk, record.as_ref(), epoch);
            if is_new {
                // If the epoch fails, they are staged again.
                *kept = found;
            }
            staged?;
        }
        self.stale.clear();
        Ok(())
    }
}

fn usable<R>(loaded: Loaded<R>, unusable: &mut Vec<Reason>) -> Option<R> {
    if let Loaded::Unusable(reason) = loaded {
        unusable.push(reason);
        return None;
    }
    loaded.valid()
}
