//! The workers of a session, in all its processes: an order goes to all of them, and their answers come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commands::{Answer, Command, ToCompute, failed};
use super::conductor::Broken;
use super::crew::{Crew, Mailboxes};
use super::links::{Links, Said, Told};
use super::orders::{Order, Wanted};
use super::reading::Reading;
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::binarise::Binarise;
use crate::operators::failure::Failure;
use crate::operators::sample::KEPT_VALUES;
use crate::operators::window::Window;
use crate::progress::ProgressState;
use crate::space::Region;
use crate::state::StateFolder;
use crate::store::Source;

/// How long a process waits for an image to be as large as another process has seen it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens a session's source again.
pub(super) type Reopen = Arc<dyn Fn() -> Result<Arc<dyn Source>> + Send + Sync>;

/// What each process of a session has of its own.
pub(super) struct Context {
    pub(super) process: usize,
    pub(super) source: Option<Arc<dyn Source>>,
    pub(super) reopen: Option<Reopen>,
    /// The chunks, dealt to processes.
    pub(super) grid: Grid,
    pub(super) kernel: Binarise,
    /// Bytes of values in flight.
    pub(super) memory: usize,
    pub(super) folder: Option<StateFolder>,
    pub(super) progress: Arc<ProgressState>,
}

impl Context {
    /// Carries out an order with the workers of this process. `begin` returns the place for the errors of a reading.
    fn carry_out(
        &mut self,
        crew: &mut Crew<Command, Answer>,
        order: Order,
        begin: impl FnOnce(u64) -> Failure,
    ) -> Result<Vec<Answer>> {
        match order {
            Order::Count(wanted, empty) => {
                let reading = self.reading(wanted, crew.len(), begin)?;
                let answers = crew.ask(|_| Command::Count(Arc::clone(&reading), empty.clone()))?;
                Ok(with_failure(answers, &reading.failure))
            }
            Order::Read(wanted, epoch) => {
                let reading = self.reading(wanted, crew.len(), begin)?;
                let answers = crew.ask(|_| Command::Read(Arc::clone(&reading), epoch))?;
                Ok(with_failure(answers, &reading.failure))
            }
            Order::Discard => crew.ask(|_| Command::Discard),
            Order::Forget(chunks) => {
                for chunk in chunks.into_iter().filter(|&chunk| self.grid.process(chunk) == self.process) {
                    crew.tell(self.worker(chunk, crew.len()), Command::Forget(0, chunk))?;
                }
                Ok(Vec::new())
            }
            Order::Load(chunks, bounds) => {
                let chunks = Arc::new(chunks);
                crew.ask(|_| Command::Load(Arc::clone(&chunks), bounds))
            }
            Order::Restore(doubtful, bounds) => {
                let doubtful = Arc::new(doubtful);
                crew.ask(|_| Command::Restore(Arc::clone(&doubtful), bounds))
            }
            Order::Recall(chunks, bounds) => {
                let mut parts: Vec<Vec<_>> = (0..crew.len()).map(|_| Vec::new()).collect();
                for chunk in chunks {
                    parts[self.worker(chunk.chunk, crew.len())].push(chunk);
                }
                crew.ask(|index| Command::Recall(std::mem::take(&mut parts[index]), bounds))
            }
            Order::Digest => crew.ask(|_| Command::Digest),
            Order::StartOver => crew.ask(|_| Command::StartOver),
            Order::Compute { batch, bounds, epoch } => {
                let (source, grid) = (self.source.clone(), self.grid.with_bounds(bounds));
                let to_compute = ToCompute { epoch, batch, source, grid };
                crew.ask(|_| Command::Compute(to_compute.clone()))
            }
            Order::Place => {
                let placed = self.folder.as_ref().map_or(Ok(()), StateFolder::place_staged);
                Ok(placed.err().map(Answer::Failed).into_iter().collect())
            }
            // The first process has it open.
            Order::Reopen(_) if self.process == 0 => Ok(Vec::new()),
            Order::Reopen(bounds) => Ok(self.reopen(bounds).err().map(Answer::Failed).into_iter().collect()),
        }
    }

    /// The worker of this process that owns one of its chunks.
    fn worker(&self, chunk: ChunkId, workers: usize) -> usize {
        self.grid.owner(chunk, workers * self.grid.processes()) % workers
    }

    fn reading(&self, wanted: Wanted, workers: usize, begin: impl FnOnce(u64) -> Failure) -> Result<Arc<Reading>> {
        let Some(source) = &self.source else { return Err(Error::internal("there is no source to read")) };
        let grid = self.grid.with_bounds(wanted.bounds);
        let mut kernel = self.kernel.clone();
        (kernel.bounds, kernel.threshold, kernel.keep) = (wanted.bounds, wanted.threshold, KEPT_VALUES / workers);
        let window = Window::within(&grid, kernel.depth(), kernel.dtype, workers, self.memory);
        Ok(Arc::new(Reading {
            source: Arc::clone(source),
            grid,
            chunks: Arc::new(wanted.chunks),
            kernel,
            window: Window::new(window),
            failure: begin(wanted.number),
            known: wanted.known,
            marks: wanted.marks,
            counted: wanted.counted,
            progress: Arc::clone(&self.progress),
        }))
    }

    /// Opens the image again, until it is as large as another process has seen it.
    fn reopen(&mut self, bounds: Region) -> Result<()> {
        let (Some(reopen), Some(before)) = (&self.reopen, &self.source) else {
            return Err(Error::usage("the other processes of this session cannot open its image again"));
        };
        let started = Instant::now();
        loop {
            let source = reopen()?;
            let (old, new) = (before.description(), source.description());
            let seen = Region::of_shape(new.shape);
            if (old.dtype, old.dimensions, old.fill.to_bits()) == (new.dtype, new.dimensions, new.fill.to_bits())
                && seen.intersection(&bounds) == bounds
            {
                self.source = Some(source);
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                let message = format!("process {} sees another image there than process 0", self.process);
                return Err(Error::new(Kind::Io, message).at(&new.name));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// The answers of this process's workers, with the error that ended their reading.
fn with_failure(mut answers: Vec<Answer>, failure: &Failure) -> Vec<Answer> {
    answers.extend(failure.take().map(Answer::Failed));
    answers
}

/// The workers of all processes, from the view of the first one.
pub(super) struct Workforce {
    crew: Crew<Command, Answer>,
    context: Context,
    /// `None` if there are no other processes.
    links: Option<Links<Said>>,
    /// Bytes that the other processes had sent when they last answered.
    sent_elsewhere: u64,
    /// The reason why the workers are of no use any more.
    broken: Broken,
}

impl Workforce {
    pub(super) fn new(crew: Crew<Command, Answer>, context: Context, links: Option<Links<Said>>) -> Self {
        if let Some(links) = &links {
            links.ring(crew.bell());
        }
        Workforce { crew, context, links, sent_elsewhere: 0, broken: Broken::default() }
    }

    /// The reason why the workers are of no use any more, once there is one.
    pub(super) fn broken(&self) -> &Broken {
        &self.broken
    }

    /// The mailboxes for values from outside, to the workers of this process.
    pub(super) fn mailboxes(&self) -> Mailboxes<Command> {
        self.crew.mailboxes().clone()
    }

    /// Notes that the workers are of no use any more, if a result is an error.
    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| self.give_up(error))
    }

    /// Notes that the workers are of no use any more.
    pub(super) fn give_up(&mut self, why: &Error) {
        self.broken.set(why);
    }

    /// Sends an order to the workers of all processes, and gathers their answers.
    ///
    /// # Errors
    /// If the workers are of no use any more, now and from then on. Errors of the image or the state are among the
    /// answers.
    pub(super) fn ask(&mut self, order: Order) -> Result<Vec<Answer>> {
        self.broken.check()?;
        let answers = self.gather(order);
        self.note(answers)
    }

    fn gather(&mut self, order: Order) -> Result<Vec<Answer>> {
        let Some(links) = &self.links else {
            return self.context.carry_out(&mut self.crew, order, |_| Failure::default());
        };
        links.tell(|process| Told::Order(Box::new(order.of_process(&self.context.grid, process))))?;
        let begin = |number| links.begin_reading(number, Told::Abandon);
        let mut answers = self.context.carry_out(&mut self.crew, order, begin)?;
        let (others, sent) = links.answers()?;
        self.sent_elsewhere = sent;
        answers.extend(others);
        Ok(answers)
    }

    /// Reads the image from another source from now on; other processes open it themselves.
    pub(super) fn follow(&mut self, source: &Arc<dyn Source>) -> Result<()> {
        self.context.source = Some(Arc::clone(source));
        if self.links.is_none() {
            return Ok(());
        }
        let reopened = self.ask(Order::Reopen(Region::of_shape(source.description().shape)))?;
        let reopened = failed(&reopened).map_or(Ok(()), Err);
        self.note(reopened)
    }

    /// The number of workers of this process.
    pub(super) fn workers(&self) -> usize {
        self.crew.len()
    }

    /// Bytes that the processes have sent each other by now.
    pub(super) fn sent(&self) -> u64 {
        self.links.as_ref().map_or(0, Links::sent) + self.sent_elsewhere
    }

    /// Ends the workers of all processes, and waits for those of this one.
    pub(super) fn close(&mut self) -> Result<()> {
        self.broken.check()?;
        if let Some(links) = self.links.take() {
            links.tell(|_| Told::Close)?;
        }
        self.crew.close()
    }
}

impl Drop for Workforce {
    fn drop(&mut self) {
        if let Some(links) = &self.links {
            // A failed send is ignored: that process is lost, and learns it by itself.
            let _ = links.tell(|_| Told::GivenUp);
        }
        if self.links.is_some() || self.broken.check().is_err() {
            // Workers that wait for others never end.
            self.crew.leave();
        }
    }
}

/// Carries out the orders of the first process until it closes the session.
pub(super) fn serve(mut crew: Crew<Command, Answer>, mut context: Context, links: &Links<Told>) -> Result<()> {
    links.ring(crew.bell());
    let result = obey(&mut crew, &mut context, links);
    if result.is_err() {
        // Workers that wait for those of others never end.
        crew.leave();
    }
    result
}

fn obey(crew: &mut Crew<Command, Answer>, context: &mut Context, links: &Links<Told>) -> Result<()> {
    loop {
        match links.told()? {
            Told::Begin(_) | Told::Abandon(..) | Told::GivenUp => {}
            Told::Order(order) => {
                let answers = context.carry_out(crew, *order, |number| links.begin_reading(number, Said::Failed))?;
                links.answer(answers)?;
            }
            Told::Close => return crew.close(),
        }
    }
}
