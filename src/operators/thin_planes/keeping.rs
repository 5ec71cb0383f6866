//! A worker's part in the snapshots of a sweep.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, SnapshotWriter};
use crate::error::Result;
use crate::kernel::thin::planes::{LoadParts, Passage, SaveParts, Sweep};
use crate::operators::failure::Failure;

/// What is kept of a worker's part in a sweep besides the planes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// The number of the plane that enters next, as the first worker knows it.
    pub(super) next: usize,
    /// Planes that were sent to other workers.
    pub(super) messages: u64,
}

/// What a worker of an earlier run held.
#[derive(Default)]
pub(super) struct Resumed {
    pub(super) standing: Standing,
    /// At the first worker: the planes that were on their way to it.
    pub(super) coming: Vec<Passage>,
}

/// A worker's part in the snapshots of a sweep.
#[derive(Debug)]
pub(super) struct SweepKeeping {
    checkpoint: Checkpoint,
    failure: Failure,
    index: usize,
    /// At the first worker: its file of a snapshot, until the mark has come back.
    open: Option<SnapshotWriter>,
    /// At the first worker: who waits for a snapshot of the thinned planes, and whether that is the one that is being taken,
    /// after which there is no other.
    wanted_by: Option<usize>,
    is_last: bool,
    /// Whether this worker has asked for that snapshot, and whether it is complete.
    has_asked: bool,
    has_last: bool,
}

impl SweepKeeping {
    pub(super) fn new(checkpoint: Checkpoint, failure: Failure, index: usize) -> SweepKeeping {
        let (is_last, has_asked, has_last) = (false, false, false);
        SweepKeeping { checkpoint, failure, index, open: None, wanted_by: None, is_last, has_asked, has_last }
    }

    /// Lets a sweep go on with what this worker held in an earlier run, if that was kept.
    pub(super) fn resume(&self, sweep: &mut Sweep) -> Option<Resumed> {
        self.reported(self.read(sweep)).flatten()
    }

    fn read(&self, sweep: &mut Sweep) -> Result<Option<Resumed>> {
        let Some(mut parts) = self.checkpoint.snapshot(self.index)? else { return Ok(None) };
        let mut standing: Standing = parts.load()?;
        if self.index > 0
            && let Some(mut of_first) = self.checkpoint.snapshot(0)?
        {
            standing.next = of_first.load::<Standing>()?.next;
        }
        sweep.resume(&mut parts)?;
        let mut coming = Vec::new();
        while let Some(passage) = parts.load()? {
            coming.push(passage);
        }
        Ok(Some(Resumed { standing, coming }))
    }

    /// At the first worker: notes that a worker has the thinned planes, and waits for a snapshot of them. Returns the worker if
    /// there will be none, since the sweep was too short to be kept.
    pub(super) fn want(&mut self, worker: usize) -> Option<usize> {
        self.is_last = self.open.is_none() && !self.checkpoint.keeps_end();
        self.wanted_by = Some(worker).filter(|_| !self.is_last);
        Some(worker).filter(|_| self.is_last)
    }

    /// At the first worker: begins a snapshot, if it is time for one. Returns its number, with which a mark is to go around.
    pub(super) fn begin(&mut self, standing: Standing, sweep: &Sweep) -> Option<u64> {
        let is_due = self.wanted_by.is_some() || (standing.next > 0 && self.checkpoint.is_due());
        if self.open.is_some() || self.is_last || !is_due {
            return None;
        }
        self.is_last = self.wanted_by.is_some();
        let number = self.checkpoint.next_snapshot();
        self.open = self.reported(self.write(number, standing, sweep));
        self.open.as_ref().map(|_| number)
    }

    /// At another worker: writes its part of a snapshot, whose mark has come.
    pub(super) fn join(&self, number: u64, standing: Standing, sweep: &Sweep) {
        self.reported(self.write(number, standing, sweep).and_then(|writer| self.finish(writer)));
    }

    /// At the first worker: adds a plane that was on its way to it, if a snapshot is being taken.
    pub(super) fn note(&mut self, passage: &Passage) {
        if let Some(writer) = &mut self.open {
            let saved = writer.save(&Some(passage));
            self.reported(saved);
        }
    }

    /// At the first worker: ends a snapshot, whose mark has come back. Returns who has waited for it.
    pub(super) fn end(&mut self) -> Option<usize> {
        let writer = self.open.take()?;
        self.reported(self.finish(writer))?;
        self.wanted_by.filter(|_| self.is_last)
    }

    /// Whether to ask for a snapshot of the thinned planes; true once.
    pub(super) fn asks(&mut self) -> bool {
        !std::mem::replace(&mut self.has_asked, true)
    }

    /// Notes that this snapshot is complete.
    pub(super) fn note_last(&mut self) {
        self.has_last = true;
    }

    /// Whether it is.
    pub(super) fn has_last(&self) -> bool {
        self.has_last
    }

    fn write(&self, number: u64, standing: Standing, sweep: &Sweep) -> Result<SnapshotWriter> {
        let mut writer = self.checkpoint.begin_snapshot(number, self.index)?;
        writer.save(&standing)?;
        sweep.save(&mut writer)?;
        Ok(writer)
    }

    fn finish(&self, mut writer: SnapshotWriter) -> Result<()> {
        writer.save(&None::<Passage>)?;
        self.checkpoint.end_snapshot(writer)
    }

    fn reported<D>(&self, result: Result<D>) -> Option<D> {
        result.map_err(|error| self.failure.report(error)).ok()
    }
}
