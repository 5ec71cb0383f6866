//! What a session knows about an image that it reads by itself, chunk by chunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::commands::{Answer, failed, unexpected};
use super::counting::{CountedPart, Counting};
use super::kept::KeptState;
use super::orders::{Order, Wanted};
use super::reading::ChunksRead;
use super::records::FoundMask;
use super::workforce::Workforce;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::count::Count;
use crate::kernel::mask::threshold::Threshold;
use crate::operators::volume::confined_volume;
use crate::parameters::ThresholdRule;
use crate::space::Region;
use crate::store::{Mark, Marked, Source};

/// An image that a session reads by itself.
pub(super) struct Following {
    pub(super) source: Arc<dyn Source>,
    /// The chunks inside the bounds.
    pub(super) grid: Grid,
    kernel: Binarise,
    counting: Option<Counting>,
    rule: ThresholdRule,
    /// How often it was read.
    readings: u64,
    known: BTreeMap<ChunkId, Known>,
    /// Chunks whose padded boxes must be looked at in the next epoch.
    dirty: BTreeSet<ChunkId>,
    /// Chunks that the next epoch leaves as they are.
    left: BTreeSet<ChunkId>,
    /// Marks of dirty chunks, taken before they are read.
    marks: BTreeMap<ChunkId, Option<Mark>>,
    /// The number of voxels inside the mask of the image, and the mark that the mask had then.
    confined: Option<(Mark, u64)>,
}

/// What the mask of a chunk was made from.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) own: Region,
    /// The box that the mask depends on.
    pub(super) padded: Region,
    pub(super) mark: Option<Mark>,
    pub(super) fingerprint: u64,
    pub(super) threshold: Threshold,
}

/// What an epoch has read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Chunks that were looked at.
    pub(super) chunks: usize,
    /// Whether the threshold has moved.
    pub(super) remade: bool,
}

impl Following {
    pub(super) fn new(source: Arc<dyn Source>, grid: Grid, kernel: Binarise, rule: ThresholdRule) -> Self {
        let counting = rule.method().map(Counting::new);
        // Places without chunks count as well.
        let dirty = if counting.is_some() { grid.chunks().collect() } else { BTreeSet::new() };
        Following {
            source,
            grid,
            kernel,
            counting,
            rule,
            readings: 0,
            known: BTreeMap::new(),
            dirty,
            left: BTreeSet::new(),
            marks: BTreeMap::new(),
            confined: None,
        }
    }

    /// The number of voxels to which the analysis of the image is confined, if it has a mask. The mask is read again only if
    /// its mark has changed, or it has none.
    pub(super) fn confined_volume(&mut self, threads: usize) -> Result<Option<u64>> {
        let Some(mask) = self.source.confinement() else { return Ok(None) };
        let bounds = self.grid.bounds();
        let mark = mask.marks(&[bounds])?.pop().flatten().filter(Marked::is_old).map(|marked| marked.mark);
        if let (Some((known, volume)), Some(mark)) = (self.confined, mark)
            && known == mark
        {
            return Ok(Some(volume));
        }
        let volume = confined_volume(&*self.source, &self.grid, threads)?;
        self.confined = mark.map(|mark| (mark, volume));
        Ok(Some(volume))
    }

    /// The threshold that the masks were made with.
    pub(super) fn threshold(&self) -> Threshold {
        self.kernel.threshold
    }

    fn padded(&self, chunk: ChunkId) -> Region {
        self.grid.region(chunk).dilated(self.kernel.depth()).intersection(&self.grid.bounds())
    }

    /// Notes that a chunk's values may have changed: all masks that depend on them are looked at.
    pub(super) fn refresh(&mut self, chunk: ChunkId) {
        self.dirty.insert(chunk);
        self.dirty.extend(self.grid.within(chunk, self.kernel.depth()));
    }

    /// Finds the chunks that have changed since they were read: by the source's marks, or all with `verify` or if the
    /// source has none. Returns how many chunks will be looked at.
    pub(super) fn look(&mut self, verify: bool) -> Result<usize> {
        let chunks: Vec<ChunkId> = self.grid.chunks().collect();
        for (chunk, mark) in chunks.iter().copied().zip(self.marks_of(&chunks)?) {
            let (own, padded) = (self.grid.region(chunk), self.padded(chunk));
            let same = |known: &Known| (known.own, known.padded, known.mark) == (own, padded, mark);
            if verify || mark.is_none() || !self.known.get(&chunk).is_some_and(same) {
                self.dirty.insert(chunk);
                self.marks.insert(chunk, mark);
            }
        }
        let grid = self.grid;
        self.dirty.extend(self.known.keys().copied().filter(|&chunk| grid.region(chunk).is_empty()));
        Ok(self.dirty.len())
    }

    /// The source's marks of chunks, as far as they can be trusted: a file that was changed a moment ago may change again
    /// without another mark.
    fn marks_of(&self, chunks: &[ChunkId]) -> Result<Vec<Option<Mark>>> {
        let regions: Vec<Region> = chunks.iter().map(|&chunk| self.padded(chunk)).collect();
        let trusted = |marked: Marked| marked.is_old().then_some(marked.mark);
        Ok(self.source.marks(&regions)?.into_iter().map(|marked| marked.and_then(trusted)).collect())
    }

    /// The marks that chunks had when they were read.
    pub(super) fn known_marks(&self) -> impl Iterator<Item = (ChunkId, Mark)> {
        self.known.iter().filter_map(|(&chunk, known)| Some((chunk, known.mark?)))
    }

    /// Leaves a chunk, and all whose masks depend on it, as they are in the next epoch; they are looked at in the one after.
    pub(super) fn leave(&mut self, chunk: ChunkId) {
        let near = self.grid.within(chunk, self.kernel.depth()).chain([chunk]);
        self.left.extend(near);
        self.dirty.retain(|chunk| !self.left.contains(chunk));
    }

    /// What the records of all chunks say that have been read, except for their foreground.
    pub(super) fn found(&self) -> impl Iterator<Item = (ChunkId, FoundMask)> {
        self.known.iter().map(|(&chunk, known)| {
            let Known { own, padded, mark, fingerprint, threshold } = *known;
            let counted = self.counting.as_ref().and_then(|counting| counting.of(chunk));
            (chunk, FoundMask { own, padded, mark, fingerprint, threshold, foreground: 0, counted })
        })
    }

    /// Chunks that must still be looked at.
    pub(super) fn behind(&self) -> BTreeSet<ChunkId> {
        self.dirty.union(&self.left).copied().collect()
    }

    /// Looks at chunks in the next epoch.
    pub(super) fn look_at(&mut self, chunks: BTreeSet<ChunkId>) {
        self.dirty.extend(chunks);
    }

    /// Takes in what a record says about a chunk.
    pub(super) fn remember(&mut self, chunk: ChunkId, found: FoundMask) {
        let FoundMask { own, padded, mark, fingerprint, threshold, counted, .. } = found;
        self.known.insert(chunk, Known { own, padded, mark, fingerprint, threshold });
        if let (Some(counting), Some(counted)) = (&mut self.counting, counted) {
            counting.remember(chunk, counted);
        } else if self.counting.is_some() {
            self.known.remove(&chunk);
        }
        if self.known.contains_key(&chunk) {
            self.dirty.remove(&chunk);
        }
    }

    /// Forgets what is known about a chunk: it is looked at, or dropped if it lies outside.
    pub(super) fn forget(&mut self, chunk: ChunkId) {
        self.known.remove(&chunk);
        self.dirty.insert(chunk);
    }

    /// Forgets what is known about the image: all of it is read again.
    pub(super) fn forget_all(&mut self) {
        self.dirty.extend(std::mem::take(&mut self.known).into_keys());
        self.dirty.extend(self.grid.chunks());
    }

    /// Follows another source from now on: the same image, perhaps within other bounds.
    pub(super) fn follow(&mut self, source: Arc<dyn Source>) -> Result<()> {
        let (old, new) = (self.source.description(), source.description());
        if (old.dtype, old.dimensions, old.fill.to_bits()) != (new.dtype, new.dimensions, new.fill.to_bits())
            || (old.shape[0] == 1) != (new.shape[0] == 1)
        {
            let message = "has another type, fill value or number of axes than before; start another session";
            return Err(Error::usage(message).at(&new.name));
        }
        self.resize(Region::of_shape(new.shape));
        self.source = source;
        Ok(())
    }

    /// Changes the bounds: chunks whose boxes, or whose values' boxes, change by that are looked at.
    pub(super) fn resize(&mut self, bounds: Region) {
        self.grid = self.grid.with_bounds(bounds);
        self.kernel.bounds = bounds;
        let boxes = |chunk| (self.grid.region(chunk), self.padded(chunk));
        let moved = self.known.iter().filter(|(chunk, known)| (known.own, known.padded) != boxes(**chunk));
        let moved: Vec<ChunkId> = moved.map(|(&chunk, _)| chunk).collect();
        self.dirty.extend(moved);
        if self.counting.is_some() {
            self.dirty.extend(self.grid.chunks().filter(|chunk| !self.known.contains_key(chunk)));
        }
    }

    /// Reads the chunks that must be looked at, and makes their masks. If that fails, they stay to be looked at.
    pub(super) fn read(&mut self, workforce: &mut Workforce, kept: &mut Option<KeptState>, epoch: u64) -> Result<Read> {
        let mut read = Read::default();
        let (inside, outside): (BTreeSet<_>, BTreeSet<_>) =
            self.dirty.iter().partition(|&&chunk| !self.grid.region(chunk).is_empty());
        let unmarked: Vec<ChunkId> = inside.iter().copied().filter(|chunk| !self.marks.contains_key(chunk)).collect();
        self.marks.extend(unmarked.iter().copied().zip(self.marks_of(&unmarked)?));
        let mut wanted = inside.clone();
        if let Some(mut counting) = self.counting.take() {
            let dtype = self.kernel.compared_dtype();
            let mut count = |chunks: &BTreeSet<ChunkId>, empty| self.count(workforce, chunks, empty);
            let found = counting.threshold(&outside, &inside, dtype, &mut count);
            self.counting = Some(counting);
            self.kernel.threshold = self.rule.found(found?);
            let others = self.known.iter().filter(|(_, known)| known.threshold != self.kernel.threshold);
            let others: Vec<ChunkId> = others
                .map(|(&chunk, _)| chunk)
                .filter(|chunk| !outside.contains(chunk) && !self.left.contains(chunk))
                .collect();
            read.remade = !others.is_empty();
            wanted.extend(others);
        }
        if !outside.is_empty() {
            workforce.ask(Order::Forget(outside.clone()))?;
        }
        if !wanted.is_empty() {
            let wanted = self.wanted(wanted);
            let made = self.ask(workforce, Order::Read(wanted, epoch));
            if let (Err(_), Some(kept)) = (&made, &mut *kept) {
                kept.lose();
            }
            for answer in made? {
                let Answer::Read(ChunksRead { chunks, overview, replaced }) = answer else { return Err(unexpected()) };
                if let Some(kept) = &mut *kept {
                    kept.add(overview, replaced);
                }
                for (chunk, fingerprint, _) in chunks {
                    read.chunks += 1;
                    let known = self.known.get(&chunk);
                    let mark = self.marks.remove(&chunk).unwrap_or_else(|| known.and_then(|known| known.mark));
                    let (own, padded) = (self.grid.region(chunk), self.padded(chunk));
                    let threshold = self.kernel.threshold;
                    self.known.insert(chunk, Known { own, padded, mark, fingerprint, threshold });
                }
            }
        }
        for chunk in &outside {
            self.known.remove(chunk);
            if let Some(kept) = &mut *kept {
                kept.lose();
            }
        }
        self.dirty = std::mem::take(&mut self.left);
        self.marks.clear();
        Ok(read)
    }

    /// Lets the workers count the values of each chunk, starting from `empty`.
    fn count(
        &mut self,
        workforce: &mut Workforce,
        chunks: &BTreeSet<ChunkId>,
        empty: Count,
    ) -> Result<Vec<CountedPart>> {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = self.wanted(chunks.clone());
        let mut all = Vec::new();
        for answer in self.ask(workforce, Order::Count(wanted, empty))? {
            match answer {
                Answer::Counted(counted) => all.extend(counted),
                _ => return Err(unexpected()),
            }
        }
        Ok(all)
    }

    /// What to read, for some chunks inside the bounds.
    fn wanted(&mut self, chunks: BTreeSet<ChunkId>) -> Wanted {
        let known = chunks.iter().filter_map(|chunk| {
            let now = (self.grid.region(*chunk), self.padded(*chunk), self.kernel.threshold);
            let known = self.known.get(chunk).filter(|known| (known.own, known.padded, known.threshold) == now)?;
            Some((*chunk, known.fingerprint))
        });
        let known = known.collect();
        let marks = chunks.iter().filter_map(|chunk| {
            let known = || self.known.get(chunk).map(|known| known.mark);
            Some((*chunk, self.marks.get(chunk).copied().or_else(known)?))
        });
        let marks = marks.collect();
        let counted = self.counting.as_ref().map_or_else(BTreeMap::new, |counting| counting.counted(&chunks));
        let (bounds, threshold) = (self.grid.bounds(), self.kernel.threshold);
        self.readings += 1;
        Wanted { number: self.readings, bounds, chunks, threshold, known, marks, counted }
    }

    /// Lets all workers read, and discards what they made if one of them failed.
    fn ask(&self, workforce: &mut Workforce, order: Order) -> Result<Vec<Answer>> {
        let answers = workforce.ask(order)?;
        match failed(&answers) {
            None => Ok(answers),
            Some(error) => {
                workforce.ask(Order::Discard)?;
                Err(error)
            }
        }
    }
}
