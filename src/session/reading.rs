//! The reading of an epoch: the chunks whose padded boxes may have changed, each once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timely::dataflow::operators::{Inspect, Probe};
use timely::worker::Worker;

use super::counting::CountedPart;
use crate::chunk::Voxels;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::binarise::{Binarise, Binary};
use crate::kernel::mask::count::Count;
use crate::operators::failure::Failure;
use crate::operators::overlap::{OverlapChunks, Padded};
use crate::operators::read::{ReadChunks, Selection};
use crate::operators::window::Window;
use crate::progress::{ProgressState, Stage};
use crate::state::{Counted, PackedCount, fingerprint, hash_of_mask};
use crate::store::{Inside, Mark, Source, inside};

/// The chunks to read, and for what.
pub(super) struct Reading {
    pub(super) source: Arc<dyn Source>,
    /// The chunks inside the bounds.
    pub(super) grid: Grid,
    pub(super) chunks: Arc<BTreeSet<ChunkId>>,
    pub(super) kernel: Binarise,
    pub(super) window: Window,
    pub(super) failure: Failure,
    /// Fingerprints of chunks whose masks stay valid if their values are the same.
    pub(super) known: BTreeMap<ChunkId, u64>,
    /// For the records: the marks of chunks, and their counts.
    pub(super) marks: BTreeMap<ChunkId, Option<Mark>>,
    pub(super) counted: BTreeMap<ChunkId, Counted>,
    pub(super) progress: Arc<ProgressState>,
}

/// The mask of a chunk that was read.
pub(super) struct Made {
    pub(super) fingerprint: u64,
    /// Its mask and foreground, unless its values are the known ones.
    pub(super) mask: Option<Option<Binary>>,
}

/// The chunks that a worker has read.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct ChunksRead {
    /// Chunks with their fingerprint, and whether their masks were made again.
    pub(super) chunks: Vec<(ChunkId, u64, bool)>,
    /// The overview of those whose masks were made again.
    pub(super) overview: Option<Projections>,
    /// Those of them that have changed.
    pub(super) replaced: Vec<ChunkId>,
}

/// What a part of a box adds to the fingerprint of its values: nothing for all of it.
fn fingerprint_of_part(inside: &Inside) -> u64 {
    match inside {
        Inside::Everything => 0,
        Inside::Mask(mask) => hash_of_mask(Some(mask)),
        _ => !0,
    }
}

impl Reading {
    /// Calls `each` for every chunk that this worker owns, with its padded box. All workers must call this together.
    pub(super) fn read(&self, worker: &mut Worker, stage: Stage, mut each: impl FnMut(&Padded) + 'static) {
        let description = self.source.description();
        let (grid, depth) = (self.grid, self.kernel.depth());
        let selection = Selection::Some(Arc::clone(&self.chunks));
        let process = grid.process_of(worker.index(), worker.peers());
        let (window, progress) = (self.window.clone(), Arc::clone(&self.progress));
        progress.begin(stage, self.chunks.iter().filter(|&&chunk| grid.process(chunk) == process).count() as u64);
        let probe = worker.dataflow::<u64, _, _>(|scope| {
            scope
                .read_chunks(
                    Arc::clone(&self.source),
                    grid,
                    depth,
                    selection.clone(),
                    window.clone(),
                    self.failure.clone(),
                )
                .overlap(grid, depth, selection, description.dtype, description.fill, &window)
                .inspect(move |padded| {
                    // If a chunk could not be read, those around it are incomplete.
                    if padded.missing == 0 {
                        each(padded);
                    }
                    progress.chunk_done(stage);
                })
                .probe()
                .0
        });
        worker.step_or_park_while(None, || !probe.done());
    }

    /// Calls `each` with the masks of the chunks that this worker owns, unless their values are the known ones. All workers
    /// must call this together.
    pub(super) fn masks(&self, worker: &mut Worker, mut each: impl FnMut(&Padded, Made) + 'static) {
        let (mut kernel, known) = (self.kernel.clone(), self.known.clone());
        let (source, failure) = (Arc::clone(&self.source), self.failure.clone());
        self.read(worker, Stage::Reading, move |padded| {
            let inside = match inside(&*source, &padded.own) {
                Ok(inside) => inside,
                Err(error) => return failure.report(error.in_chunk(padded.chunk)),
            };
            let fingerprint = fingerprint(padded.voxels.as_ref()) ^ fingerprint_of_part(&inside);
            let same = known.get(&padded.chunk) == Some(&fingerprint);
            let mut make = || kernel.mask(padded.voxels.as_ref(), &padded.region, &padded.own);
            let mask = (!same).then(|| make().and_then(|binary| inside.confine(binary)));
            each(padded, Made { fingerprint, mask });
        });
    }

    /// Counts the values of the chunks that this worker owns, each starting from `empty`, or all together where such counts
    /// are not kept by chunk.
    pub(super) fn counts(&self, worker: &mut Worker, empty: Count) -> Vec<CountedPart> {
        let counted = Rc::new(RefCell::new(Vec::new()));
        let together = Rc::new(RefCell::new((!empty.is_kept()).then(|| empty.clone())));
        let (counts, sum) = (Rc::clone(&counted), Rc::clone(&together));
        let (mut kernel, failure) = (self.kernel.clone(), self.failure.clone());
        self.read(worker, Stage::Measuring, move |padded| {
            let count = |values: &Voxels| {
                if let Some(sum) = &mut *sum.borrow_mut() {
                    return sum.add(values);
                }
                let mut count = empty.clone();
                count.add(values)?;
                counts.borrow_mut().push((Some(padded.chunk), PackedCount::new(&count)?));
                Ok(())
            };
            if let Err(error) = kernel.with_compared(padded.voxels.as_ref(), &padded.region, &padded.own, count) {
                failure.report(error.in_chunk(padded.chunk));
            }
        });
        if let Some(sum) = together.take() {
            match PackedCount::new(&sum) {
                Ok(sum) => counted.borrow_mut().push((None, sum)),
                Err(error) => self.failure.report(error),
            }
        }
        counted.take()
    }
}
