//! Any dataflow over chunks inside a program: chunks come, change and go in epochs, and its records follow.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use differential_dataflow::VecCollection;
use differential_dataflow::consolidation::consolidate;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::dataflow::{InputHandle, StreamVec};
use timely::worker::Worker;

use super::budget::{Budget, MemoryPermit};
use super::conductor::{Broken, Conductor};
use super::crew::{Crew, Post};
use super::handle::EpochHandle;
use super::queue::{Queue, check_finite, check_fit, expect, expect_for_retraction};
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::operators::failure::Failure;
use crate::operators::live_overlap::OverlapLiveChunks;
use crate::operators::overlap::Padded;
use crate::operators::read::Piece;
use crate::operators::window::MEMORY;
use crate::with_voxels;

/// The options of a [`HostedSession`].
#[derive(Clone, Debug)]
pub struct HostedBuilder {
    grid: Grid,
    dtype: Dtype,
    depth: [usize; 3],
    fill: f64,
    memory: usize,
    workers: usize,
}

impl HostedBuilder {
    /// A session over the chunks of a grid, for an image of a type. By default chunks come without overlap, missing
    /// chunks hold zero, and one worker thread is started.
    pub fn new(grid: Grid, dtype: Dtype) -> Self {
        HostedBuilder { grid, dtype, depth: [0; 3], fill: 0.0, memory: MEMORY, workers: 1 }
    }

    /// The number of voxels around a chunk that the dataflow sees, along (z, y, x).
    #[must_use]
    pub fn depth(mut self, depth: [usize; 3]) -> Self {
        self.depth = depth;
        self
    }

    /// The value of voxels that have not arrived.
    #[must_use]
    pub fn fill(mut self, fill: f64) -> Self {
        self.fill = fill;
        self
    }

    /// Bytes of values that may be in flight: [`HostedSession::insert`] waits while there are more.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Number of worker threads.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Starts the session. Every worker calls `build` for its part of the dataflow, with the chunks that
    /// [`OverlapLiveChunks::overlap_live`] emits and a place to report errors.
    ///
    /// # Errors
    /// `Usage` if the grid or the fill value does not fit; `Internal` if threads cannot be started.
    pub fn start<D, F>(self, build: F) -> Result<HostedSession<D>>
    where
        D: Clone + Ord + Send + 'static,
        F: for<'scope> Fn(StreamVec<'scope, u64, Padded>, Failure) -> VecCollection<'scope, u64, D>
            + Send
            + Sync
            + 'static,
    {
        if self.workers == 0 || self.grid.bounds().is_empty() {
            return Err(Error::usage("a session needs a worker, and a volume with at least one voxel"));
        }
        let filled = Voxels::filled(self.dtype, [1; 3], self.fill);
        let exact = with_voxels!(&filled, array => array.iter().all(|value| value.to_f64() == self.fill));
        if !filled.is_finite() || self.dtype.is_integer() && !exact {
            return Err(Error::usage(format!("{} is no value of the type {}", self.fill, self.dtype.name())));
        }
        let (failure, budget) = (Failure::default(), Budget::new(self.memory));
        let (grid, dtype, workers, reported) = (self.grid, self.dtype, self.workers, failure.clone());
        let crew = Crew::start(workers, None, move |worker, post| work(worker, &self, &build, &reported, post))?;
        let (broken, queue) = (Broken::default(), Mutex::new(Queue::new(grid, crew.mailboxes().clone())));
        let (differences, failed) = (Vec::new(), BTreeMap::new());
        let inner = Inner { crew, failure, differences, failed, broken: broken.clone() };
        let conductor = Conductor::start(inner, &broken)?;
        Ok(HostedSession { grid, dtype, budget, broken, queue, conductor })
    }
}

/// A dataflow of your own over chunks that come, change and go, with worker threads that sleep between epochs. All
/// methods may be called from any thread. Edits while an epoch runs belong to the next one, and wait for memory only.
///
/// With a depth, the session holds the values of all chunks once, so that it knows the surroundings of a chunk when a
/// neighbour changes; a chunk enters the dataflow when a value within the depth of it has changed, or when it is
/// inserted. Without a depth nothing is held, and a chunk enters whenever it is inserted or replaced. Retracted chunks
/// enter without values, like chunks that have never arrived.
///
/// # Errors that the dataflow reports
/// An operator that cannot process a chunk reports an error to the [`Failure`], at the chunk ([`Error::in_chunk`]) and
/// before it releases the chunk's time. [`HostedSession::advance`] then returns the error instead of differences, until
/// the chunk has entered the dataflow again without an error: when it is replaced by other values, or retracted in one
/// epoch and inserted in a later one. Edits of epochs with errors stay. Their differences come out together with those
/// of the first epoch that ends without an error, so what was returned before stands until then. After an error at no
/// chunk the session cannot go on.
///
/// ```
/// use anabranch::chunk::{Dtype, Voxels};
/// use anabranch::grid::{ChunkId, Grid};
/// use anabranch::operators::extract::ExtractRecords;
/// use anabranch::session::HostedBuilder;
/// use anabranch::space::Region;
///
/// // The largest value of each chunk.
/// let grid = Grid::new(Region::of_shape([4, 4, 8]), [4, 4, 4]);
/// let session = HostedBuilder::new(grid, Dtype::U8).workers(2).start(|chunks, _| {
///     chunks.extract(|padded| match &padded.voxels {
///         Some(Voxels::U8(values)) => values.iter().max().map(|&largest| (padded.chunk, largest)),
///         _ => None,
///     })
/// })?;
/// let chunk = ChunkId::new([0, 0, 1]).expect("a place near zero");
/// session.insert(chunk, Voxels::filled(Dtype::U8, [4, 4, 4], 3.0))?;
/// assert_eq!(session.advance()?, [((chunk, 3), 1)]);
/// session.replace(chunk, Voxels::filled(Dtype::U8, [4, 4, 4], 7.0))?;
/// assert_eq!(session.advance()?, [((chunk, 3), -1), ((chunk, 7), 1)]);
/// session.close()?;
/// # Ok::<(), anabranch::error::Error>(())
/// ```
pub struct HostedSession<D> {
    grid: Grid,
    dtype: Dtype,
    budget: Budget,
    broken: Broken,
    // Dropped before the conductor: it waits for the workers, which end when no mailbox can send them commands.
    queue: Mutex<Queue<Command>>,
    conductor: Conductor<Inner<D>>,
}

struct Inner<D> {
    crew: Crew<Command, Brought<D>>,
    failure: Failure,
    /// The differences of epochs with errors, which have not been returned.
    differences: Vec<(D, isize)>,
    /// Chunks that the dataflow could not process.
    failed: BTreeMap<ChunkId, Error>,
    broken: Broken,
}

/// A command to a worker.
enum Command {
    /// A chunk has values, or no longer any, in a batch of edits.
    Give(u64, Piece, Option<MemoryPermit>),
    /// Close the epoch of the open batch. The only command that is answered.
    Advance,
    /// All workers have closed the epochs before a batch, which is open now.
    Open(u64),
}

/// The outcome of a worker's part of an epoch.
struct Brought<D> {
    differences: Vec<(D, isize)>,
    /// Chunks that came to the dataflow.
    chunks: BTreeSet<ChunkId>,
}

impl<D: Clone + Ord + Send + 'static> HostedSession<D> {
    /// The chunks of the volume.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// A chunk arrives. Waits while more values are in flight than the session's memory allows.
    ///
    /// # Errors
    /// `Usage` if it exists already or lies outside; `Data` if its values do not fit or are not numbers. The session
    /// stays as it was. Every call returns `Internal` once a worker has stopped, and the error itself after one at no
    /// chunk.
    pub fn insert(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        self.set(chunk, voxels, false)
    }

    /// Replaces the values of a chunk.
    ///
    /// # Errors
    /// As [`HostedSession::insert`], but `Usage` if the chunk does not exist.
    pub fn replace(&self, chunk: ChunkId, voxels: Voxels) -> Result<()> {
        self.set(chunk, voxels, true)
    }

    fn set(&self, chunk: ChunkId, voxels: Voxels, present: bool) -> Result<()> {
        let permit = self.budget.take(voxels.bytes());
        let finite = check_finite(chunk, &voxels);
        let queue = &mut *self.queue()?;
        expect(&queue.present, chunk, present)?;
        let region = self.grid.region(chunk);
        check_fit(chunk, region, &voxels, self.dtype).and(finite)?;
        self.give(queue, Piece { chunk, region, voxels: Some(voxels) }, Some(permit))?;
        queue.present.insert(chunk, ());
        Ok(())
    }

    /// Retracts a chunk.
    ///
    /// # Errors
    /// `Usage` if it does not exist.
    pub fn retract(&self, chunk: ChunkId) -> Result<()> {
        let queue = &mut *self.queue()?;
        expect_for_retraction(&queue.present, chunk)?;
        self.give(queue, Piece { chunk, region: self.grid.region(chunk), voxels: None }, None)?;
        queue.present.remove(chunk);
        Ok(())
    }

    fn give(&self, queue: &Queue<Command>, piece: Piece, permit: Option<MemoryPermit>) -> Result<()> {
        let told = queue.tell(piece.chunk, Command::Give(queue.batch, piece, permit));
        told.inspect_err(|error| self.broken.set(error))
    }

    /// Closes the epoch, waits until its records are known, and returns those that changed, each once and in order,
    /// with the change of their multiplicity.
    ///
    /// # Errors
    /// An error that the dataflow reported (see [`HostedSession`]); `Internal` if the session cannot go on.
    pub fn advance(&self) -> Result<Vec<(D, isize)>> {
        self.begin().wait()
    }

    /// Closes the epoch, and returns a handle to wait for its end or to await it. Edits from now on belong to the next
    /// epoch. Epochs run one after the other.
    pub fn begin(&self) -> EpochHandle<Vec<(D, isize)>> {
        // Held until the conductor has the epoch: another one that begins meanwhile comes after it.
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = queue.close().number;
        self.conductor.ask(move |inner| inner.advance(batch))
    }

    /// Ends the session and its threads, after the epochs that have begun.
    ///
    /// # Errors
    /// `Internal` if a worker had stopped.
    pub fn close(self) -> Result<()> {
        self.queue()?.mailboxes.end();
        self.conductor
            .ask(|inner| {
                inner.broken.check()?;
                inner.crew.close()
            })
            .wait()
    }

    fn queue(&self) -> Result<MutexGuard<'_, Queue<Command>>> {
        self.broken.check()?;
        Ok(self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<D: Clone + Ord + Send + 'static> Inner<D> {
    fn advance(&mut self, batch: u64) -> Result<Vec<(D, isize)>> {
        self.broken.check()?;
        let brought = self.close_epoch(batch).inspect_err(|error| self.broken.set(error))?;
        for Brought { differences, chunks } in brought {
            self.differences.extend(differences);
            self.failed.retain(|chunk, _| !chunks.contains(chunk));
        }
        for error in self.failure.take_all() {
            match error.chunk() {
                Some(chunk) => drop(self.failed.insert(chunk, error)),
                None => {
                    self.broken.set(&error);
                    return Err(error);
                }
            }
        }
        consolidate(&mut self.differences);
        match self.failed.first_key_value() {
            Some((_, error)) => Err(error.clone()),
            None => Ok(std::mem::take(&mut self.differences)),
        }
    }

    fn close_epoch(&mut self, batch: u64) -> Result<Vec<Brought<D>>> {
        let brought = self.crew.ask(|_| Command::Advance)?;
        for index in 0..self.crew.len() {
            self.crew.tell(index, Command::Open(batch + 1))?;
        }
        Ok(brought)
    }
}

impl<D> Drop for Inner<D> {
    fn drop(&mut self) {
        if self.broken.check().is_err() {
            // Workers that wait for one that has stopped never end.
            self.crew.leave();
        }
    }
}

impl<D> std::fmt::Debug for HostedSession<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostedSession").field("grid", &self.grid).field("dtype", &self.dtype).finish_non_exhaustive()
    }
}

/// The work of one worker: it feeds the dataflow, and gathers what comes out.
fn work<D, F>(worker: &mut Worker, plan: &HostedBuilder, build: &F, failure: &Failure, post: &Post<Command, Brought<D>>)
where
    D: Clone + Ord + Send + 'static,
    F: for<'scope> Fn(StreamVec<'scope, u64, Padded>, Failure) -> VecCollection<'scope, u64, D>,
{
    let HostedBuilder { grid, dtype, depth, fill, .. } = *plan;
    let came: Rc<RefCell<BTreeSet<ChunkId>>> = Rc::default();
    let permits: Rc<RefCell<BTreeMap<ChunkId, Vec<MemoryPermit>>>> = Rc::default();
    let differences: Rc<RefCell<Vec<(D, isize)>>> = Rc::default();
    let probe = Handle::new();
    let mut input = worker.dataflow::<u64, _, _>(|scope| {
        let (input, pieces) = scope.new_input::<Vec<Piece>>();
        let (noted, taken, found) = (Rc::clone(&came), Rc::clone(&permits), Rc::clone(&differences));
        let chunks = pieces.overlap_live(grid, depth, dtype, fill).inspect(move |padded| {
            noted.borrow_mut().insert(padded.chunk);
            taken.borrow_mut().remove(&padded.chunk);
        });
        build(chunks, failure.clone())
            .inner
            .inspect(move |(record, _, diff)| found.borrow_mut().push((record.clone(), *diff)))
            .probe_with(&probe);
        input
    });
    let give = |input: &mut InputHandle<_, _>, piece: Piece, permit: Option<MemoryPermit>| {
        // Without overlap, values are released once the dataflow has seen them; otherwise they stay.
        if depth == [0; 3] {
            permits.borrow_mut().entry(piece.chunk).or_default().extend(permit);
        }
        input.send(piece);
        input.flush();
    };
    // The dataflow holds edits of the open batch only: those of later batches wait until all workers have closed it.
    let (mut open, mut later) = (0, VecDeque::new());
    while let Some(command) = post.next(worker) {
        match command {
            Command::Give(batch, piece, permit) if batch <= open => give(&mut input, piece, permit),
            Command::Give(batch, piece, permit) => later.push_back((batch, piece, permit)),
            Command::Open(batch) => {
                open = batch;
                while later.front().is_some_and(|(of, ..)| *of <= batch)
                    && let Some((_, piece, permit)) = later.pop_front()
                {
                    give(&mut input, piece, permit);
                }
            }
            Command::Advance => {
                let next = input.time() + 1;
                input.advance_to(next);
                worker.step_or_park_while(None, || probe.less_than(&next));
                let mut differences = differences.take();
                consolidate(&mut differences);
                post.answer(Brought { differences, chunks: came.take() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
