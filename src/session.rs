//! A running analysis inside a program: chunks come, change and go in epochs, and rows follow.
//!
//! A [`Session`] has worker threads of its own and is fed from any thread. Between two calls of [`Session::advance`]
//! chunks are inserted, replaced and retracted; each closed epoch gives the rows that changed, with +1 or -1, and leaves
//! the session where one run from scratch on what is now there would end, row for row and to the last bit. An epoch
//! costs in proportion to what changed: a chunk is thinned again only where its inputs changed (see
//! [`crate::kernel::partition`]), and the graph is maintained by differential dataflow.
//!
//! Chunks come from outside ([`Session::insert`] and so on), or the session reads a [`Source`] by itself
//! ([`SessionBuilder::of_source`]) and is told where to look ([`Session::look`], [`Session::refresh`]). Smoothing and
//! Otsu's threshold need the values of chunks again when their neighbours change: they take a source, or values that are
//! held in memory ([`SessionBuilder::hold_values`]). A session with a source can keep what it finds out on disk, and a
//! later one goes on from there ([`SessionBuilder::state`]). What has not arrived inside the bounds is zero, or the
//! source's fill value; outside is background.
//!
//! A session may have workers in several processes ([`SessionBuilder::among`]): then its image is read by all, each its
//! own chunks, a state is kept in a folder that all share, and results are gathered in the first process, which conducts.
//!
//! An epoch is made in steps, each by all workers together: masks of what is new, thinning, values at the skeleton,
//! records, and last the graph. Where a step fails the results stay those of the epoch before, and the next call goes on
//! from there.
//!
//! ```
//! use anabranch::chunk::{Dtype, Voxels};
//! use anabranch::grid::ChunkId;
//! use anabranch::session::SessionBuilder;
//!
//! let session = SessionBuilder::new([16, 16, 32], [16, 16, 16], Dtype::U8).workers(2).build()?;
//! let rod = || Voxels::U8(ndarray::Array3::from_shape_fn((16, 16, 16), |(z, y, _)| u8::from(z == 8 && y == 8)));
//! let [left, right] = [[0, 0, 0], [0, 0, 1]].map(|place| ChunkId::new(place).expect("a place near zero"));
//! session.insert(left, rod())?;
//! session.insert(right, rod())?;
//! assert_eq!(session.advance()?.changes.len(), 1);
//!
//! // Half of the rod goes: its one branch makes place for a shorter one.
//! session.retract(right)?;
//! let epoch = session.advance()?;
//! let lengths: Vec<_> = epoch.changes.iter().map(|(row, diff)| (row.branch_distance, *diff)).collect();
//! assert_eq!(lengths, [(15.0, 1), (31.0, -1)]);
//! session.close()?;
//! # Ok::<(), anabranch::error::Error>(())
//! ```

mod budget;
mod builder;
mod crew;
mod following;
mod hosted;
mod inner;
mod keeping;
mod links;
mod orders;
mod otsu;
mod pipelines;
mod reading;
mod records;
mod results;
mod worker;
mod workforce;
#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod state_tests;

pub use self::builder::{SessionBuilder, SharedBuilder};
pub use self::hosted::{HostedBuilder, HostedSession};
pub use self::results::Results;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::budget::Budget;
use self::crew::Crew;
use self::following::Following;
use self::inner::{Inner, check, expect};
use self::keeping::Kept;
use self::links::{Links, Said};
use self::worker::{Command, Plan, work};
use self::workforce::{Context, Workforce};
use crate::chunk::{Dtype, Voxels};
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::project::Projections;
use crate::kernel::threshold::Threshold;
use crate::operators::thin::ThinningCounts;
use crate::space::{Region, Voxel};
use crate::store::held::HeldChunks;
use crate::store::{Mark, Source};
use crate::table::row::{Frame, Measures, Row};
use crate::table::summary::Summary;

/// What an epoch brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u64,
    /// The rows that changed, without ranks, with +1 or -1: in the order of rows, new before old where they tie.
    pub changes: Vec<(Measures, isize)>,
    /// Chunks that were read, where the session reads by itself.
    pub read: usize,
    /// Chunks that have other values now, or none.
    pub changed: usize,
    /// Whether Otsu's threshold has moved, so that all masks were made again.
    pub remade: bool,
    /// Bytes that the processes of the session have sent each other, where there are several.
    pub bytes_between_processes: u64,
    /// How thinning went: `thinned` are the chunks that took part, changed or not.
    pub thinning: ThinningCounts,
}

/// A running analysis. All methods may be called from any thread.
pub struct Session {
    frame: Frame,
    dtype: Dtype,
    budget: Budget,
    /// Where the values of chunks are held, if they are.
    held: Option<Arc<HeldChunks>>,
    inner: Mutex<Inner>,
}

/// What a session begins with.
struct Beginning {
    plan: Plan,
    /// The chunks inside the bounds.
    grid: Grid,
    dtype: Dtype,
    workers: usize,
    context: Context,
    budget: Budget,
    following: Option<Following>,
    held: Option<Arc<HeldChunks>>,
    tracks_arrival: bool,
}

impl Session {
    /// Starts it; in a cluster, in the first process of it.
    fn start(beginning: Beginning, cluster: Option<(Cluster, Links<Said>)>) -> Result<Session> {
        let Beginning { plan, grid, dtype, workers, context, budget, following, held, tracks_arrival } = beginning;
        let (frame, canvas, results) = (plan.frame, plan.canvas, Results::new(plan.canvas, plan.frame));
        let keeping = plan.keeping.clone();
        let kept = keeping.map(|keeping| Kept::new(keeping.folder, grid.bounds(), keeping.dimensions));
        let (cluster, links) = cluster.unzip();
        let crew = Crew::start(workers, cluster, move |worker, post| work(worker, &plan, post))?;
        let mut inner = Inner {
            workforce: Workforce::new(crew, context, links),
            grid,
            following,
            present: BTreeSet::new(),
            tracks_arrival,
            foregrounds: BTreeMap::new(),
            foreground: 0,
            results,
            kept,
            coming: Epoch::default(),
        };
        inner.restore(&canvas)?;
        Ok(Session { frame, dtype, budget, held, inner: Mutex::new(inner) })
    }

    /// The chunks of the volume.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn grid(&self) -> Result<Grid> {
        Ok(self.usable()?.grid)
    }

    /// In what coordinates are told.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// A chunk arrives. Waits while there are more values in flight than the session's memory allows.
    ///
    /// # Errors
    /// `Usage` where it is there already or lies outside, or the session reads by itself; `Data` where its values do not
    /// fit or are not numbers. The session stays as it was. Any call gives `Internal` once a session cannot go on.
    pub fn insert(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        self.set(chunk, voxels, false)
    }

    /// A chunk that is there gets new values.
    ///
    /// # Errors
    /// As [`Session::insert`], but `Usage` where the chunk is not there.
    pub fn replace(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        self.set(chunk, voxels, true)
    }

    fn set(&self, chunk: ChunkId, voxels: Voxels, present: bool) -> Result<()> {
        let permit = self.budget.take(voxels.bytes());
        let inner = &mut *self.usable()?;
        inner.is_fed(self.held.is_some())?;
        expect(&inner.present, chunk, present)?;
        let region = inner.grid.region(chunk);
        check(chunk, region, &voxels, self.dtype)?;
        match (&self.held, &mut inner.following) {
            (Some(held), Some(following)) => {
                held.set(chunk, region, &voxels)?;
                following.refresh(chunk);
            }
            _ => inner.workforce.tell(chunk, Command::Set(chunk, region, voxels, permit))?,
        }
        inner.present.insert(chunk);
        Ok(())
    }

    /// A chunk that is there goes.
    ///
    /// # Errors
    /// `Usage` where it is not there, or the session reads by itself.
    pub fn retract(&self, chunk: ChunkId) -> Result<()> {
        let inner = &mut *self.usable()?;
        inner.is_fed(self.held.is_some())?;
        if !inner.present.contains(&chunk) {
            return Err(Error::usage("is not there, and cannot be retracted").in_chunk(chunk));
        }
        match (&self.held, &mut inner.following) {
            (Some(held), Some(following)) => {
                held.remove(chunk);
                following.refresh(chunk);
            }
            _ => inner.workforce.tell(chunk, Command::Forget(chunk))?,
        }
        inner.present.remove(&chunk);
        Ok(())
    }

    /// A chunk of the source has come, changed or gone: the next epoch reads it again, with all that depends on it.
    ///
    /// # Errors
    /// `Usage` where the session has no source, or the chunk lies outside.
    pub fn refresh(&self, chunk: ChunkId) -> Result<()> {
        let inner = &mut *self.usable()?;
        if inner.grid.region(chunk).is_empty() {
            return Err(Error::usage("lies outside of the session's bounds").in_chunk(chunk));
        }
        inner.follows(self.held.is_some())?.refresh(chunk);
        Ok(())
    }

    /// Looks for chunks of the source that have changed since they were read, or never were: the next epoch reads them.
    /// Goes by the sizes and times of stored files; with `verify`, and where a source has none, by all values. Gives
    /// the number of chunks that will be read for their own sake.
    ///
    /// # Errors
    /// `Usage` where the session has no source; `Io` where the operating system does not tell.
    pub fn look(&self, verify: bool) -> Result<usize> {
        self.usable()?.follows(self.held.is_some())?.look(verify)
    }

    /// The next epoch leaves a chunk of the source, which cannot be read just now, and all that depend on it as they are;
    /// the one after reads them again.
    ///
    /// # Errors
    /// `Usage` where the session has no source.
    pub fn leave(&self, chunk: ChunkId) -> Result<()> {
        self.usable()?.follows(self.held.is_some())?.leave(chunk);
        Ok(())
    }

    /// The marks that chunks of the source had when they were read, as far as they had any.
    ///
    /// # Errors
    /// `Usage` where the session has no source.
    pub fn marks(&self) -> Result<Vec<(ChunkId, Mark)>> {
        Ok(self.usable()?.follows(self.held.is_some())?.known_marks().collect())
    }

    /// From now on the image is read from another source: the same image opened again, perhaps with other bounds.
    ///
    /// # Errors
    /// `Usage` where the session has no source, or the new one's type, fill value or axes are others.
    pub fn follow(&self, source: Arc<dyn Source>) -> Result<()> {
        let inner = &mut *self.usable()?;
        inner.follows(self.held.is_some())?.follow(Arc::clone(&source))?;
        inner.workforce.follow(&source)?;
        if let Some(following) = &mut inner.following {
            if following.grid != inner.grid {
                following.resize_with(inner.kept.as_mut());
            }
            inner.grid = following.grid;
        }
        Ok(())
    }

    /// Other bounds, from the next epoch on. Chunks at the old ones, whose boxes or surroundings change by that, are looked
    /// at again where the session holds values; otherwise they have to be replaced, with values for all of their box.
    ///
    /// # Errors
    /// `Usage` where chunks that are there would lie outside, or a session of one plane would get several.
    pub fn resize(&self, shape: [usize; 3]) -> Result<()> {
        let inner = &mut *self.usable()?;
        let bounds = Region::of_shape(shape);
        let grid = inner.grid.with_bounds(bounds);
        if let Some(&outside) = inner.present.iter().find(|&&chunk| grid.region(chunk).is_empty()) {
            return Err(Error::usage("would lie outside: retract it first").in_chunk(outside));
        }
        let flat = |region: Region| region.max[0] - region.min[0] == 1;
        if bounds.is_empty() || flat(bounds) != flat(inner.grid.bounds()) {
            return Err(Error::usage("a session of one plane stays one, and one of several stays one of several"));
        }
        inner.is_fed(self.held.is_some())?;
        if let Some(following) = &mut inner.following {
            following.resize(bounds);
        }
        inner.grid = grid;
        Ok(())
    }

    /// Closes the epoch, waits until its results are known, and gives what changed.
    ///
    /// # Errors
    /// Where a source cannot be read: then the session's results stay those of the last epoch, and the next call tries
    /// again. `Internal` where the session cannot go on.
    pub fn advance(&self) -> Result<Epoch> {
        self.usable()?.advance()
    }

    /// The statistics of all rows after the last closed epoch, under parameters that the caller knows. All of it is
    /// maintained by the dataflow, so asking costs nothing; but provisional branches, where these are told, are counted.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn summary<P: serde::Serialize>(&self, parameters: P) -> Result<Summary<P>> {
        let inner = self.usable()?;
        let voxels = if inner.grid.bounds().max[2] == Voxel::END[2] {
            inner.present.iter().map(|&id| inner.grid.region(id).volume() as u64).sum()
        } else {
            inner.grid.bounds().volume() as u64
        };
        let arrival = inner.arrival();
        Ok(inner.results.summary(parameters, voxels, arrival.as_ref()))
    }

    /// The number of the epoch that comes next: how many have been closed, counting those of earlier sessions on the same
    /// state.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn epoch(&self) -> Result<u64> {
        Ok(self.usable()?.coming.number)
    }

    /// Calls `see` with the results of the last closed epoch. Other calls wait meanwhile.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn results<R>(&self, see: impl FnOnce(&Results) -> R) -> Result<R> {
        Ok(see(&self.usable()?.results))
    }

    /// The whole table after the last closed epoch, in order and with ranks, for which it takes time in proportion to the
    /// skeleton.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn rows(&self) -> Result<Vec<Row>> {
        let inner = self.usable()?;
        let arrival = inner.arrival();
        inner.results.rows(arrival.as_ref())
    }

    /// What the image of a session with a state looks like, seen along each axis; `None` without a state.
    ///
    /// # Errors
    /// `Io` where records cannot be read; `Internal` where the session cannot go on.
    pub fn overview(&self) -> Result<Option<Projections>> {
        let inner = &mut *self.usable()?;
        let grid = inner.grid;
        inner.kept.as_mut().map(|kept| kept.overview(&grid).cloned()).transpose()
    }

    /// Takes what there is to say about the state that the session found: records that were of no use, a sentence each.
    ///
    /// # Errors
    /// `Internal` where the session cannot go on.
    pub fn warnings(&self) -> Result<Vec<String>> {
        Ok(self.usable()?.kept.as_mut().map(|kept| std::mem::take(&mut kept.warnings)).unwrap_or_default())
    }

    /// The threshold that the last epoch's masks were made with.
    ///
    /// # Errors
    /// `Usage` where the session has neither source nor held values; `Internal` where it cannot go on.
    pub fn threshold(&self) -> Result<Threshold> {
        Ok(self.usable()?.follows(false)?.threshold())
    }

    /// Ends the session and its threads.
    ///
    /// # Errors
    /// `Internal` where a worker had stopped.
    pub fn close(self) -> Result<()> {
        self.usable()?.workforce.close()
    }

    fn usable(&self) -> Result<MutexGuard<'_, Inner>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.workforce.usable()?;
        Ok(inner)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("frame", &self.frame).field("dtype", &self.dtype).finish_non_exhaustive()
    }
}
