//! What an analysis has done so far, on disk: whose it is, and the chunks that were read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::rc::Rc;

use twox_hash::XxHash3_64;

use super::Analysis;
use crate::checkpoint::{Checkpoint, Journal, ReadChunk, ReadChunks, TeamSize};
use crate::error::{Error, Result};
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::binarise::{Binary, Foreground};
use crate::kernel::objects::local::Local;
use crate::operators::failure::Failure;
use crate::operators::objects::find::ObjectPlan;

impl Analysis {
    /// Opens the checkpoint of this analysis in a folder, for [`Running::checkpoint`](super::Running::checkpoint): what an
    /// earlier run that was killed has kept there is not done again. Of several processes the first one opens it, and the
    /// others join it in [`Analysis::follow_into`]. Takes some microseconds for each stored chunk.
    ///
    /// Of a volume that is thinned by planes, the sweep is kept, and what was read; of others what was read.
    ///
    /// # Errors
    /// `Usage` for an analysis that cannot be kept: of labels, or with a state; otherwise those of [`Checkpoint::open`], and of
    /// the image if its storage cannot be looked at.
    pub fn checkpoint(&self, path: &Path) -> Result<Checkpoint> {
        let cannot = |what: &str| Error::usage(format!("--checkpoint cannot be used {what}; leave it out"));
        if self.labels.is_some() {
            return Err(cannot("with --labels"));
        }
        if self.allotted.keeps_state {
            return Err(cannot("with a state, which keeps what was read"));
        }
        Checkpoint::open(path, self.identity()?, self.team_size())
    }

    /// The processes and workers that a checkpoint belongs to.
    pub(super) fn team_size(&self) -> TeamSize {
        TeamSize { processes: self.grid.processes(), workers: self.allotted.workers }
    }

    /// A hash of what the masks of chunks, their thinning and the picture follow from: the parameters, the image, and the
    /// program.
    fn identity(&self) -> Result<u64> {
        let description = self.source.description();
        let parameters = serde_json::to_string(&self.settled.asked)
            .map_err(|error| Error::internal("the parameters cannot be written").because(error))?;
        let agreed = self.settled.agreed(description.spacing, description.unit.as_deref());
        let image = (description, self.image_name(), self.source.origin());
        let text = format!("{parameters} {agreed:?} {image:?} {:?}", self.grid.chunk_shape());
        let mut hash = XxHash3_64::new();
        (env!("CARGO_PKG_VERSION"), text, self.beside_now(self.arrival()?.as_ref())?, self.hash_of_image()?)
            .hash(&mut hash);
        Ok(hash.finish())
    }
}

/// Objects of chunks of one worker that are known before the dataflow looks for them. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownObjects(Rc<RefCell<BTreeMap<ChunkId, Local<u64>>>>);

impl KnownObjects {
    /// Adds those that a chunk has, if they are known.
    pub(super) fn add(&self, chunk: ChunkId, objects: Option<Local<u64>>) {
        self.0.borrow_mut().extend(objects.map(|objects| (chunk, objects)));
    }

    /// Takes those of a chunk.
    pub(super) fn take(&self, chunk: ChunkId) -> Option<Local<u64>> {
        self.0.borrow_mut().remove(&chunk)
    }
}

/// One worker's chunks in a checkpoint.
pub(super) struct KeptChunks {
    read: Option<ReadChunks>,
    journal: Journal,
    /// How objects are found, where that needs nothing but the mask that was read.
    plan: Option<ObjectPlan>,
    known: KnownObjects,
    failure: Failure,
}

impl KeptChunks {
    /// Of the chunks that are added, `known` has the objects too, unless masks are filtered or objects measured.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        analysis: &Analysis,
        worker: usize,
        known: &KnownObjects,
        failure: &Failure,
    ) -> Result<KeptChunks> {
        let read = Some(checkpoint.read_chunks(worker)?);
        let journal = checkpoint.journal(worker)?;
        let plan = Some(analysis.object_plan()).filter(|plan| !plan.table && analysis.settled.filters.is_empty());
        Ok(KeptChunks { read, journal, plan, known: known.clone(), failure: failure.clone() })
    }

    /// What an earlier run has read of this worker's chunks; once.
    pub(super) fn take_read(&mut self) -> Option<ReadChunks> {
        self.read.take()
    }

    /// Adds a chunk that was read with all of its surroundings; nothing, once anything has failed: the mask may not be what the image
    /// says.
    pub(super) fn add(&mut self, chunk: ChunkId, binary: Option<&Binary>, projections: Projections) {
        if self.failure.happened() {
            return;
        }
        let constant = binary.and_then(|binary| match binary.foreground {
            Foreground::Constant(value) => Some(value),
            Foreground::Varying | Foreground::Kept(_) => None,
        });
        let objects = self.plan.zip(binary).map(|(plan, binary)| plan.counted(chunk, &binary.mask));
        let mut read = ReadChunk {
            strong: binary.and_then(|binary| binary.strong.clone()),
            count: binary.map_or(0, |binary| binary.count as u64),
            constant,
            objects,
            projections,
        };
        if let Err(error) = self.journal.add(chunk, binary.map(|binary| &binary.mask), &read) {
            self.failure.report(error);
        }
        self.known.add(chunk, read.objects.take());
    }
}
