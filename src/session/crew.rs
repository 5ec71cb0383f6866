//! The worker threads of a session: they take commands one by one, answer each, and sleep in between.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

use timely::communication::WorkerGuards;
use timely::worker::Worker;

use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// A message of a worker.
enum Heard<C, R> {
    Ready(usize, Sender<C>, Thread),
    Answer(usize, R),
    Stopped,
    /// Another process is lost.
    Lost(Error),
}

/// The events that end the wait for all workers.
enum End {
    /// They have ended, with or without an error.
    Reached(bool),
    /// Another process is lost.
    Lost(Error),
}

/// The post of a worker: its commands come in, and its answers go out.
pub(super) struct Post<C, R> {
    index: usize,
    commands: Receiver<C>,
    heard: Sender<Heard<C, R>>,
}

impl<C, R> Post<C, R> {
    /// The next command, or `None` if there will be none. Meanwhile the worker runs its dataflows.
    pub(super) fn next(&self, worker: &mut Worker) -> Option<C> {
        loop {
            match self.commands.try_recv() {
                Ok(command) => return Some(command),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {
                    worker.step_or_park(None);
                }
            }
        }
    }

    /// Answers a command.
    pub(super) fn answer(&self, answer: R) {
        // If the session is gone, the answer is dropped, and no command follows either.
        let _ = self.heard.send(Heard::Answer(self.index, answer));
    }
}

/// Tells the session when a worker panics; the others would wait for it for ever.
struct Alarm<C, R>(Sender<Heard<C, R>>);

impl<C, R> Drop for Alarm<C, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The session may be gone.
            let _ = self.0.send(Heard::Stopped);
        }
    }
}

/// The mailboxes of this process's workers, to send commands to. A worker ends when all copies of its mailbox have ended.
pub(super) struct Mailboxes<C>(Vec<(Sender<C>, Thread)>);

impl<C> Clone for Mailboxes<C> {
    fn clone(&self) -> Self {
        Mailboxes(self.0.clone())
    }
}

impl<C> Mailboxes<C> {
    /// Number of workers.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sends a command to a worker.
    ///
    /// # Errors
    /// `Internal` if the worker has stopped.
    pub(super) fn tell(&self, index: usize, command: C) -> Result<()> {
        let sent = self.0.get(index).is_some_and(|(sender, thread)| {
            let sent = sender.send(command);
            thread.unpark();
            sent.is_ok()
        });
        if sent { Ok(()) } else { Err(stopped()) }
    }

    /// Sends no more commands.
    pub(super) fn end(&mut self) {
        for (sender, thread) in self.0.drain(..) {
            drop(sender);
            thread.unpark();
        }
    }
}

impl<C> Drop for Mailboxes<C> {
    fn drop(&mut self) {
        self.end();
    }
}

fn stopped() -> Error {
    Error::internal("a worker of the session has stopped: start another session")
}

/// Worker threads that wait for commands.
pub(super) struct Crew<C, R> {
    mailboxes: Mailboxes<C>,
    heard: Receiver<Heard<C, R>>,
    to_session: Sender<Heard<C, R>>,
    ends: (Sender<End>, Receiver<End>),
    guards: Option<WorkerGuards<()>>,
}

impl<C: Send + 'static, R: Send + 'static> Crew<C, R> {
    /// Starts this many workers, each of which runs `work` until there are no more commands; in a cluster, together
    /// with those of the other processes.
    pub(super) fn start(
        workers: usize,
        cluster: Option<Cluster>,
        work: impl Fn(&mut Worker, &Post<C, R>) + Send + Sync + 'static,
    ) -> Result<Self> {
        let (to_session, heard) = channel();
        let for_workers = Mutex::new(to_session.clone());
        let run = move |worker: &mut Worker| {
            let heard = for_workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _alarm = Alarm(heard.clone());
            let (sender, commands) = channel();
            let index = worker.index() % workers;
            if heard.send(Heard::Ready(index, sender, std::thread::current())).is_ok() {
                work(worker, &Post { index, commands, heard });
            }
        };
        let guards = match cluster {
            Some(cluster) => cluster.execute(workers, run)?,
            None => timely::execute(timely::Config::process(workers), run).map_err(crate::memory::no_threads)?,
        };
        let mut ready: Vec<Option<(Sender<C>, Thread)>> = (0..workers).map(|_| None).collect();
        while ready.iter().any(Option::is_none) {
            match heard.recv() {
                Ok(Heard::Ready(index, sender, thread)) => ready[index] = Some((sender, thread)),
                _ => return Err(Error::internal("a worker of the session did not start")),
            }
        }
        Ok(Crew {
            mailboxes: Mailboxes(ready.into_iter().flatten().collect()),
            heard,
            to_session,
            ends: channel(),
            guards: Some(guards),
        })
    }

    /// A function for code that learns that another process is lost: after it is called, nothing waits for an answer
    /// any more.
    pub(super) fn bell(&self) -> impl Fn(Error) + Send + 'static + use<C, R> {
        let (to_session, ends) = (self.to_session.clone(), self.ends.0.clone());
        move |error| {
            // The session may have ended.
            let _ = to_session.send(Heard::Lost(error.clone()));
            let _ = ends.send(End::Lost(error));
        }
    }

    /// Number of workers.
    pub(super) fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// The workers' mailboxes.
    pub(super) fn mailboxes(&self) -> &Mailboxes<C> {
        &self.mailboxes
    }

    /// Sends one worker a command that it does not answer.
    pub(super) fn tell(&mut self, index: usize, command: C) -> Result<()> {
        self.mailboxes.tell(index, command).inspect_err(|_| self.leave())
    }

    /// Sends every worker a command, and gathers their answers in the order of the workers.
    pub(super) fn ask(&mut self, mut command: impl FnMut(usize) -> C) -> Result<Vec<R>> {
        for index in 0..self.len() {
            self.tell(index, command(index))?;
        }
        let mut answers: Vec<Option<R>> = (0..self.len()).map(|_| None).collect();
        while answers.iter().any(Option::is_none) {
            match self.heard.recv() {
                Ok(Heard::Answer(index, answer)) => answers[index] = Some(answer),
                Ok(Heard::Lost(error)) => {
                    self.leave();
                    return Err(error);
                }
                _ => {
                    self.leave();
                    return Err(stopped());
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

impl<C, R> Crew<C, R> {
    /// Abandons the workers: those that wait for one that has stopped would never end.
    pub(super) fn leave(&mut self) {
        std::mem::forget(self.guards.take());
    }

    /// Ends the workers, and waits for them; they wait until all copies of their mailboxes have ended.
    pub(super) fn close(&mut self) -> Result<()> {
        self.mailboxes.end();
        let Some(guards) = self.guards.take() else { return Ok(()) };
        let ends = self.ends.0.clone();
        // In a thread of its own, so that the wait can end if another process is lost.
        std::thread::spawn(move || {
            let well = guards.join().into_iter().all(|end| end.is_ok());
            let _ = ends.send(End::Reached(well));
        });
        match self.ends.1.recv() {
            Ok(End::Reached(true)) => Ok(()),
            Ok(End::Lost(error)) => Err(error),
            Ok(End::Reached(false)) | Err(_) => Err(Error::internal("a worker of the session had stopped")),
        }
    }
}

impl<C, R> Drop for Crew<C, R> {
    fn drop(&mut self) {
        // Callers that want to know the outcome have closed it.
        let _ = self.close();
    }
}
