//! A running analysis inside a program: chunks come, change and go in epochs, and rows follow.
//!
//! A [`Session`] has worker threads of its own and is fed from any thread. Between two calls of [`Session::advance`]
//! chunks are inserted, replaced and retracted; each closed epoch gives the rows that changed, with +1 or -1, and leaves
//! the session where one run from scratch on what is now there would end, row for row and to the last bit. An epoch
//! costs in proportion to what changed: a chunk is thinned again only where its inputs changed (see
//! [`crate::kernel::partition`]), and the graph is maintained by differential dataflow.
//!
//! Chunks that have not arrived are background. Images are not smoothed here, since a replaced chunk would change the
//! smoothed values of its neighbours, for which their raw values would have to be held.
//!
//! ```
//! use anabranch::chunk::{Dtype, Voxels};
//! use anabranch::grid::ChunkId;
//! use anabranch::session::SessionBuilder;
//!
//! let session = SessionBuilder::new([16, 16, 32], [16, 16, 16], Dtype::U8).workers(2).build()?;
//! let rod = || Voxels::U8(ndarray::Array3::from_shape_fn((16, 16, 16), |(z, y, _)| u8::from(z == 8 && y == 8)));
//! session.insert(ChunkId::new([0, 0, 0]), rod())?;
//! session.insert(ChunkId::new([0, 0, 1]), rod())?;
//! assert_eq!(session.advance()?.changes.len(), 1);
//!
//! // Half of the rod goes: its one branch makes place for a shorter one.
//! session.retract(ChunkId::new([0, 0, 1]))?;
//! let epoch = session.advance()?;
//! let lengths: Vec<_> = epoch.changes.iter().map(|(row, diff)| (row.branch_distance, *diff)).collect();
//! assert_eq!(lengths, [(15.0, 1), (31.0, -1)]);
//! session.close()?;
//! # Ok::<(), anabranch::error::Error>(())
//! ```

mod ledger;
mod worker;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use timely::communication::WorkerGuards;

use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Layout;
use crate::kernel::method::Method;
use crate::kernel::threshold::Threshold;
use crate::space::{Region, Spacing, Voxel};
use crate::table::row::{Frame, Measures, Row};
use crate::table::summary::Summary;
use ledger::Ledger;
use worker::{Change, Command, Report};

/// What a session will be.
#[derive(Clone, Debug)]
pub struct SessionBuilder {
    bounds: Region,
    chunk: [usize; 3],
    dimensions: usize,
    dtype: Dtype,
    spacing: Spacing,
    method: Option<Method>,
    threshold: Threshold,
    workers: usize,
}

impl SessionBuilder {
    /// A session over a volume of a shape (z, y, x), in chunks of a shape, for an image of a type. By default every
    /// nonzero value is foreground, voxels have the size 1, and one worker thread is started.
    pub fn new(shape: [usize; 3], chunk: [usize; 3], dtype: Dtype) -> Self {
        SessionBuilder {
            bounds: Region::of_shape(shape),
            chunk,
            dimensions: 3,
            dtype,
            spacing: Spacing::default(),
            method: None,
            threshold: Threshold::Nonzero,
            workers: 1,
        }
    }

    /// A canvas without ends instead of bounds: chunks may lie at any place, also at negative ones.
    #[must_use]
    pub fn open_ended(mut self) -> Self {
        self.bounds = Region::new(Voxel::MIN, Voxel::END);
        if self.dimensions == 2 {
            (self.bounds.min[0], self.bounds.max[0]) = (0, 1);
        }
        self
    }

    /// A 2-D image: shapes have one plane, rows two coordinates, and thinning is Zhang and Suen's unless said otherwise.
    #[must_use]
    pub fn planar(mut self) -> Self {
        self.dimensions = 2;
        (self.bounds.min[0], self.bounds.max[0]) = (0, 1);
        self.chunk[0] = 1;
        self
    }

    /// Size of a voxel along (z, y, x).
    #[must_use]
    pub fn spacing(mut self, spacing: Spacing) -> Self {
        self.spacing = spacing;
        self
    }

    /// How masks are thinned.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// What makes a voxel foreground.
    #[must_use]
    pub fn threshold(mut self, threshold: Threshold) -> Self {
        self.threshold = threshold;
        self
    }

    /// Number of worker threads.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Starts the session.
    ///
    /// # Errors
    /// `Usage` where the options cannot work together; `Internal` where threads cannot be started.
    pub fn build(self) -> Result<Session> {
        if self.workers == 0 || self.chunk.contains(&0) || self.bounds.is_empty() {
            return Err(Error::usage("a session needs a worker, and a volume and chunks with at least one voxel"));
        }
        if !Layout::fits(self.chunk) {
            return Err(Error::usage(format!(
                "a chunk of {:?} voxels is too large: choose one below 2^31",
                self.chunk
            )));
        }
        if !self.spacing.0.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(Error::usage("the spacing of a session needs three positive numbers"));
        }
        if self.threshold.is_foreground(0.0f64) {
            return Err(Error::usage("the threshold makes zero foreground, and with it all that has not arrived"));
        }
        let planes = self.bounds.max[0] - self.bounds.min[0];
        let method = self.method.unwrap_or(match (self.dimensions, planes) {
            (2, _) => Method::Zhang,
            (_, 1) => Method::LeePlanar,
            _ => Method::Lee,
        });
        if (method == Method::Lee) == (planes == 1) {
            return Err(Error::usage(
                "Lee's method in six directions is for volumes of several planes, others for one",
            ));
        }
        Session::start(self, method)
    }
}

/// What an epoch brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u64,
    /// The rows that changed, without ranks, with +1 or -1: in the order of rows, new before old where they tie.
    pub changes: Vec<(Measures, isize)>,
    /// Chunks that were thinned, or thinned again.
    pub thinned: usize,
    /// Rounds in which workers exchanged decisions.
    pub rounds: u64,
}

/// A running analysis. All methods may be called from any thread.
pub struct Session {
    grid: Grid,
    frame: Frame,
    dtype: Dtype,
    shared: Mutex<Shared>,
}

struct Shared {
    workers: Vec<(Sender<Command>, Thread)>,
    reports: Receiver<Report>,
    changes: Arc<Mutex<Vec<Change>>>,
    guards: Option<WorkerGuards<()>>,
    present: BTreeSet<ChunkId>,
    ledger: Ledger,
    epoch: u64,
    /// Why the session cannot go on.
    broken: Option<Error>,
}

impl Session {
    fn start(builder: SessionBuilder, method: Method) -> Result<Session> {
        let grid = Grid::new(builder.bounds, builder.chunk);
        let frame = Frame { dimensions: builder.dimensions, spacing: builder.spacing, origin: [0; 3] };
        let (to_session, reports) = channel();
        let changes = Arc::new(Mutex::new(Vec::new()));
        let plan = worker::Plan {
            grid,
            method,
            dtype: builder.dtype,
            threshold: builder.threshold,
            spacing: builder.spacing,
            frame,
            changes: Arc::clone(&changes),
        };
        let guards = worker::start(builder.workers, plan, to_session)?;
        let mut workers: Vec<Option<(Sender<Command>, Thread)>> = (0..builder.workers).map(|_| None).collect();
        while workers.iter().any(Option::is_none) {
            match reports.recv() {
                Ok(Report::Ready(index, sender, thread)) => workers[index] = Some((sender, thread)),
                _ => return Err(Error::internal("a worker of the session did not start")),
            }
        }
        let shared = Shared {
            workers: workers.into_iter().flatten().collect(),
            reports,
            changes,
            guards: Some(guards),
            present: BTreeSet::new(),
            ledger: Ledger::new(grid, frame),
            epoch: 0,
            broken: None,
        };
        Ok(Session { grid, frame, dtype: builder.dtype, shared: Mutex::new(shared) })
    }

    /// The chunks of the volume.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// A chunk arrives.
    ///
    /// # Errors
    /// `Usage` where it is there already or lies outside; `Data` where its values do not fit or are not numbers. The
    /// session stays as it was. Any call gives `Internal` once a session cannot go on.
    pub fn insert(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        let mut shared = self.usable()?;
        if shared.present.contains(&chunk) {
            return Err(Error::usage("is there already: replace it").in_chunk(chunk));
        }
        self.check(chunk, &voxels)?;
        shared.present.insert(chunk);
        self.send(&mut shared, chunk, Some(voxels))
    }

    /// A chunk that is there gets new values.
    ///
    /// # Errors
    /// As [`Session::insert`], but `Usage` where the chunk is not there.
    pub fn replace(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        let mut shared = self.usable()?;
        if !shared.present.contains(&chunk) {
            return Err(Error::usage("is not there: insert it").in_chunk(chunk));
        }
        self.check(chunk, &voxels)?;
        self.send(&mut shared, chunk, Some(voxels))
    }

    /// A chunk that is there goes.
    ///
    /// # Errors
    /// `Usage` where it is not there.
    pub fn retract(&self, chunk: ChunkId) -> Result<()> {
        let mut shared = self.usable()?;
        if !shared.present.remove(&chunk) {
            return Err(Error::usage("is not there, and cannot be retracted").in_chunk(chunk));
        }
        self.send(&mut shared, chunk, None)
    }

    /// Closes the epoch, waits until its results are known, and gives what changed.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn advance(&self) -> Result<Epoch> {
        let mut shared = self.usable()?;
        let number = shared.epoch;
        shared.epoch += 1;
        let workers = shared.workers.len();
        for index in 0..workers {
            self.command(&mut shared, index, Command::Advance(number + 1))?;
        }
        let mut epoch = Epoch { number, ..Epoch::default() };
        for _ in 0..workers {
            match shared.reports.recv() {
                Ok(Report::Done(counts, foreground)) => {
                    epoch.thinned += counts.thinned;
                    epoch.rounds = epoch.rounds.max(counts.rounds);
                    shared.ledger.foreground += foreground;
                }
                _ => return Err(self.break_off(&mut shared, "a worker of the session has stopped")),
            }
        }
        let changes = std::mem::take(&mut *shared.changes.lock().unwrap_or_else(PoisonError::into_inner));
        epoch.changes = shared.ledger.apply(changes);
        Ok(epoch)
    }

    /// The statistics of all rows after the last closed epoch, under parameters that the caller knows. All of it is
    /// maintained by the dataflow, so asking costs nothing.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn summary<P: serde::Serialize>(&self, parameters: P) -> Result<Summary<P>> {
        let shared = self.usable()?;
        let voxels = if self.grid.bounds() == Region::new(Voxel::MIN, Voxel::END) {
            shared.present.iter().map(|&id| self.grid.region(id).volume() as u64).sum()
        } else {
            self.grid.bounds().volume() as u64
        };
        Ok(shared.ledger.summary(parameters, voxels))
    }

    /// The whole table after the last closed epoch, in order and with ranks, for which it takes time in proportion to the
    /// skeleton.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn rows(&self) -> Result<Vec<Row>> {
        Ok(self.usable()?.ledger.rows())
    }

    /// The skeleton's voxels after the last closed epoch, in no particular order.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn skeleton(&self) -> Result<Vec<Voxel>> {
        Ok(self.usable()?.ledger.voxels())
    }

    /// In what coordinates are told.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// Ends the session and its threads.
    ///
    /// # Errors
    /// `Internal` where a worker had stopped.
    pub fn close(self) -> Result<()> {
        let mut shared = self.usable()?;
        for index in 0..shared.workers.len() {
            self.command(&mut shared, index, Command::Close)?;
        }
        let stopped = shared.guards.take().map(WorkerGuards::join).into_iter().flatten().any(|end| end.is_err());
        shared.broken = Some(Error::internal("the session is closed"));
        if stopped { Err(Error::internal("a worker of the session had stopped")) } else { Ok(()) }
    }

    fn usable(&self) -> Result<MutexGuard<'_, Shared>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match &shared.broken {
            Some(error) => Err(error.clone()),
            None => Ok(shared),
        }
    }

    fn check(&self, chunk: ChunkId, voxels: &Voxels) -> Result<()> {
        let region = self.grid.region(chunk);
        if region.is_empty() {
            return Err(Error::usage("lies outside of the session's bounds").in_chunk(chunk));
        }
        if voxels.shape() != region.shape() || voxels.dtype() != self.dtype {
            return Err(Error::data(format!(
                "has {:?} voxels of type {}, but the session expects {:?} of type {} there",
                voxels.shape(),
                voxels.dtype().name(),
                region.shape(),
                self.dtype.name()
            ))
            .in_chunk(chunk));
        }
        if !voxels.is_finite() {
            return Err(Error::data("holds NaN or infinity: give finite numbers only").in_chunk(chunk));
        }
        Ok(())
    }

    fn send(&self, shared: &mut Shared, chunk: ChunkId, voxels: Option<Voxels>) -> Result<()> {
        let index = self.grid.owner(chunk, shared.workers.len());
        self.command(shared, index, Command::Set(chunk, voxels))
    }

    fn command(&self, shared: &mut Shared, index: usize, command: Command) -> Result<()> {
        let sent = shared.workers.get(index).map(|(sender, thread)| {
            let sent = sender.send(command);
            thread.unpark();
            sent
        });
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.break_off(shared, "a worker of the session has stopped")),
        }
    }

    fn break_off(&self, shared: &mut Shared, why: &str) -> Error {
        let error = Error::new(Kind::Internal, format!("{why}: start another session"));
        shared.broken = Some(error.clone());
        // Workers that wait for the one that stopped would never end.
        std::mem::forget(shared.guards.take());
        error
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("grid", &self.grid).field("dtype", &self.dtype).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let shared = self.shared.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (sender, thread) in &shared.workers {
            // A worker that is gone needs no telling.
            let _ = sender.send(Command::Close);
            thread.unpark();
        }
        drop(shared.guards.take());
    }
}
