//! A running analysis inside a program: chunks come, change and go in epochs, and rows follow.
//!
//! A [`Session`] has worker threads of its own and is fed from any thread. Between two calls of [`Session::advance`]
//! chunks are inserted, replaced and retracted; each closed epoch returns the rows that changed, with +1 or -1, and
//! leaves the session with the results of a run from scratch on the current content, row for row and to the last bit.
//! An epoch costs in proportion to what changed: a chunk is thinned again only where its inputs changed (see
//! [`crate::kernel::thin::partition`]), and the graph is maintained by differential dataflow.
//!
//! There are two kinds of sessions. A `Session` is fed with chunks ([`Session::insert`] and so on). A
//! [`FollowingSession`] ([`SessionBuilder::of_source`]) reads a [`Source`](crate::store::Source) by itself;
//! [`FollowingSession::look`] and [`FollowingSession::refresh`] find and name the chunks to read. Smoothing and
//! thresholds that are found need the values of chunks again when their neighbours change: they take a source, or
//! values that are held in memory ([`SessionBuilder::hold_values`]). A session with a source can keep a state on disk,
//! and a later one goes on from there ([`SessionBuilder::state`]). What has not arrived inside the bounds is zero, or
//! the source's fill value; outside is background.
//!
//! # While an epoch runs
//! [`Session::advance`] returns when the epoch has ended. [`Session::begin`] returns at once, with an [`EpochHandle`]:
//! threads wait for it, and async code awaits it, whatever its runtime. Meanwhile [`Session::results`] returns the results
//! of the last epoch that has ended well, which stay as they are for as long as they are held, and edits belong to the next
//! epoch: they wait for memory ([`SessionBuilder::memory`]), but never for the running epoch. Epochs run one after the
//! other, in the order in which they began.
//!
//! A session may have workers in several processes ([`SessionBuilder::among`]): then each process reads its own chunks
//! of the image, all share the folder of the state, and the first process conducts and gathers the results.
//!
//! All workers go through the steps of an epoch together: masks of what is new, thinning, values at the skeleton,
//! records, and last the graph. If a step fails, the results stay those of the epoch before, and the next call goes on
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
//! let lengths: Vec<_> = epoch.changes.iter().map(|(row, diff)| (row.branch_distance, diff)).collect();
//! assert_eq!(lengths, [(15.0, 1), (31.0, -1)]);
//! session.close()?;
//! # Ok::<(), anabranch::error::Error>(())
//! ```

mod arrays;
mod budget;
mod builder;
mod changed_rows;
mod chunk_digest;
mod commands;
mod conductor;
mod counting;
mod crew;
mod digest;
mod epoch;
mod fed;
mod filtering;
mod followed;
mod following;
mod handle;
mod hosted;
mod inner;
mod keeping;
mod kept;
mod links;
mod new_mask;
mod objects;
mod orders;
mod pipelines;
mod plan;
mod queue;
mod reading;
mod records;
mod results;
mod shared_map;
mod worker;
mod workforce;
#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod failing_tests;
#[cfg(test)]
mod running_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod state_tests;

pub use self::arrays::EpochArrays;
pub use self::builder::{SessionBuilder, SharedBuilder};
pub use self::changed_rows::ChangedRows;
pub use self::epoch::Epoch;
pub use self::handle::EpochHandle;
pub use self::hosted::{HostedBuilder, HostedSession};
pub use self::results::EpochResults;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::budget::Budget;
use self::changed_rows::ChangedLists;
use self::commands::Command;
use self::conductor::{Broken, Conductor};
use self::crew::Crew;
use self::following::Following;
use self::inner::Inner;
use self::kept::KeptState;
use self::links::{Links, Said};
use self::plan::SessionPlan;
use self::queue::Queue;
use self::results::Published;
use self::worker::work;
use self::workforce::{Context, Workforce};
use crate::chunk::Dtype;
use crate::cluster::Cluster;
use crate::error::Result;
use crate::grid::Grid;
use crate::kernel::mask::threshold::Threshold;
use crate::store::held::HeldChunks;
use crate::table::node_columns::NodeRow;
use crate::table::row::{Frame, Row};
use crate::table::skeleton_columns::SkeletonRow;
use crate::table::summary::Summary;

/// The kind of session that is fed with chunks.
#[derive(Clone, Copy, Debug)]
pub enum Fed {}

/// The kind of session that follows a source.
#[derive(Clone, Copy, Debug)]
pub enum Follows {}

/// A session that follows a source.
///
/// It cannot be fed:
/// ```compile_fail,E0599
/// # use anabranch::{chunk::Voxels, error::Result, grid::ChunkId, session::FollowingSession};
/// fn feed(session: &FollowingSession, chunk: ChunkId, voxels: Voxels) -> Result<()> {
///     session.insert(chunk, voxels)
/// }
/// ```
/// But it can be told which chunks to read again, as no other session can:
/// ```
/// # use anabranch::{error::Result, grid::ChunkId, session::FollowingSession};
/// fn follow(session: &FollowingSession, chunk: ChunkId) -> Result<()> {
///     session.refresh(chunk)
/// }
/// ```
pub type FollowingSession = Session<Follows>;

/// A running analysis, of one of two kinds: [`Fed`] with chunks, the default, or one that [`Follows`] a source. All
/// methods may be called from any thread.
pub struct Session<Kind = Fed> {
    frame: Frame,
    dtype: Dtype,
    budget: Budget,
    /// Whether values are held in memory.
    holds: bool,
    published: Published,
    broken: Broken,
    // Dropped before the conductor: it waits for the workers, which end when no mailbox can send them commands.
    queue: Mutex<Queue<Command>>,
    conductor: Conductor<Inner>,
    kind: PhantomData<Kind>,
}

/// The parts that a session starts with.
struct Beginning {
    plan: SessionPlan,
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

impl<Kind> Session<Kind> {
    /// Starts a session; in a cluster, in its first process.
    fn start(beginning: Beginning, cluster: Option<(Cluster, Links<Said>)>) -> Result<Self> {
        let Beginning { plan, grid, dtype, workers, context, budget, following, held, tracks_arrival } = beginning;
        let (frame, canvas) = (plan.network.frame, plan.canvas);
        let results = EpochResults::new(&plan, grid, plan.kernel.threshold, tracks_arrival);
        let kept = plan.keeping.clone().map(|keeping| KeptState::new(keeping, grid.bounds()));
        let digested = digest::parameters(&plan);
        let (cluster, links) = cluster.unzip();
        let crew = Crew::start(workers, cluster, move |worker, post| work(worker, &plan, post))?;
        let (holds, published) = (held.is_some(), Published::new(&results));
        let mut inner = Inner {
            workforce: Workforce::new(crew, context, links),
            grid,
            following,
            held,
            foregrounds: BTreeMap::new(),
            blank: results.clone(),
            results,
            published: published.clone(),
            changed: ChangedLists::default(),
            kept,
            digested,
            is_settled: false,
            coming: Epoch::default(),
        };
        inner.restore(&canvas)?;
        let (broken, queue) = (inner.workforce.broken().clone(), Queue::new(grid, inner.workforce.mailboxes()));
        let conductor = Conductor::start(inner, &broken)?;
        let (queue, kind) = (Mutex::new(queue), PhantomData);
        Ok(Session { frame, dtype, budget, holds, published, broken, queue, conductor, kind })
    }

    /// The chunks of the volume.
    ///
    /// # Errors
    /// `Internal` if the session cannot go on.
    pub fn grid(&self) -> Result<Grid> {
        Ok(self.queue()?.grid)
    }

    /// The coordinates of rows.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// Closes the epoch, waits until its results are known, and returns what changed.
    ///
    /// # Errors
    /// If a source cannot be read: the session's results stay those of the last epoch, and the next call tries again.
    /// `Internal` if the session cannot go on.
    pub fn advance(&self) -> Result<Epoch> {
        self.begin().wait()
    }

    /// Closes the epoch, and returns a handle to wait for its end or to await it. Edits from now on belong to the next
    /// epoch. Epochs run one after the other: one that begins while another runs waits for its end.
    ///
    /// ```
    /// # use anabranch::{chunk::{Dtype, Voxels}, grid::ChunkId, session::SessionBuilder};
    /// let session = SessionBuilder::new([16, 16, 32], [16, 16, 16], Dtype::U8).build()?;
    /// let [left, right] = [0, 1].map(|x| ChunkId::new([0, 0, x]).expect("a place near zero"));
    /// session.insert(left, Voxels::filled(Dtype::U8, [16; 3], 1.0))?;
    /// let epoch = session.begin();
    /// // However long the epoch takes: this belongs to the next one.
    /// session.insert(right, Voxels::filled(Dtype::U8, [16; 3], 1.0))?;
    /// assert_eq!(epoch.wait()?.changed, 1);
    /// assert_eq!(session.results().foreground(), 16 * 16 * 16);
    /// # Ok::<(), anabranch::error::Error>(())
    /// ```
    pub fn begin(&self) -> EpochHandle<Epoch> {
        // Held until the conductor has the epoch, so that another one that begins meanwhile comes after it.
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = queue.close();
        self.conductor.ask(move |inner| inner.advance(batch))
    }

    /// The results of the last epoch that has ended well. They stay as they are while further epochs run, and share with
    /// their results what has not changed. Returns at once, also while an epoch runs.
    pub fn results(&self) -> Arc<EpochResults> {
        self.published.get()
    }

    /// [`EpochResults::summary`] of the last epoch that has ended well.
    pub fn summary<P: serde::Serialize>(&self, parameters: P) -> Summary<P> {
        self.results().summary(parameters)
    }

    /// [`EpochResults::rows`] of the last epoch that has ended well.
    ///
    /// # Errors
    /// As [`EpochResults::rows`].
    pub fn rows(&self) -> Result<Vec<Row>> {
        self.results().rows()
    }

    /// [`EpochResults::node_rows`] of the last epoch that has ended well.
    ///
    /// # Errors
    /// As [`EpochResults::node_rows`].
    pub fn node_rows(&self) -> Result<Vec<NodeRow>> {
        self.results().node_rows()
    }

    /// [`EpochResults::skeleton_rows`] of the last epoch that has ended well.
    ///
    /// # Errors
    /// As [`EpochResults::skeleton_rows`].
    pub fn skeleton_rows(&self) -> Result<Vec<SkeletonRow>> {
        self.results().skeleton_rows()
    }

    /// [`EpochResults::threshold`] of the last epoch that has ended well.
    pub fn threshold(&self) -> Threshold {
        self.results().threshold()
    }

    /// Ends the session and its threads, after the epochs that have begun.
    ///
    /// # Errors
    /// `Internal` if a worker had stopped.
    pub fn close(self) -> Result<()> {
        self.queue()?.mailboxes.end();
        self.conductor.ask(|inner| inner.workforce.close()).wait()
    }

    /// The edits for the next epoch, if the session can go on.
    fn queue(&self) -> Result<MutexGuard<'_, Queue<Command>>> {
        self.broken.check()?;
        Ok(self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<Kind> std::fmt::Debug for Session<Kind> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("frame", &self.frame).field("dtype", &self.dtype).finish_non_exhaustive()
    }
}
