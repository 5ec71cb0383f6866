//! The protocol between the processes of a session: the first gives orders, the others answer, and an error while all
//! read stops the reading everywhere.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::commands::Answer;
use super::orders::Order;
use crate::cluster::{Cluster, LinkReceiver, LinkSender, Traffic};
use crate::error::{Error, Kind, Result};
use crate::operators::failure::Failure;

/// How long to wait for the reason why another process has gone.
const MOMENT: Duration = Duration::from_secs(1);

/// A message of the first process to another one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// What the first process shares with the others exists; the name of its run, if there is a state.
    Begin(Option<String>),
    Order(Box<Order>),
    /// A reading has failed.
    Abandon(u64, Error),
    /// The session has ended.
    Close,
    /// The session is given up.
    GivenUp,
}

/// A message of another process to the first.
#[derive(Serialize, Deserialize)]
pub(super) enum Said {
    /// The answers of its workers to an order, and the bytes that it has sent to other processes by now.
    Answers(Vec<Answer>, u64),
    /// A reading has failed.
    Failed(u64, Error),
}

/// A message, as the listening thread takes it in.
enum Incoming<M> {
    Message(M),
    /// A reading has failed.
    Failed(u64, Error),
    /// The other process has given the session up.
    GivenUp,
}

/// An event from other processes.
enum Event<M> {
    Message(M),
    /// The session cannot go on.
    Lost(Error),
}

/// State shared by the listening threads and the working one.
#[derive(Clone, Default)]
struct Answering(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Why the session cannot go on.
    lost: Option<Error>,
    /// Called with that reason.
    bell: Option<Box<dyn Fn(Error) + Send>>,
    /// The current or last reading, and where its errors are reported.
    reading: (u64, Failure),
    /// The last reading in which another process has reported an error.
    failed: Option<(u64, Error)>,
}

impl Answering {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, error: &Error) {
        let mut state = self.state();
        state.lost.get_or_insert_with(|| error.clone());
        if let Some(bell) = &state.bell {
            bell(error.clone());
        }
    }

    /// Takes in an error of another process while all read, or are about to.
    fn fail(&self, number: u64, error: Error) {
        let failure = {
            let mut state = self.state();
            state.failed = Some((number, error.clone()));
            (state.reading.0 == number).then(|| state.reading.1.clone())
        };
        if let Some(failure) = failure {
            failure.report(error);
        }
    }
}

/// The links of a process with the others: of the first with all of them, of any other with the first. `M` is the type
/// of incoming messages.
pub(super) struct Links<M> {
    senders: Vec<LinkSender>,
    events: Receiver<Event<M>>,
    shared: Answering,
    traffic: Traffic,
}

impl<M: Send + 'static> Links<M> {
    /// Listens to the other processes of a cluster, and for the error that one of them is lost.
    fn new(cluster: &mut Cluster, lost: Receiver<Error>, open: fn(M) -> Incoming<M>) -> Result<Self>
    where
        M: serde::de::DeserializeOwned,
    {
        let (happened, events) = channel();
        let shared = Answering::default();
        let mut senders = Vec::new();
        for (sender, receiver) in cluster.links()? {
            senders.push(sender);
            let (happened, shared) = (happened.clone(), shared.clone());
            std::thread::spawn(move || listen(receiver, &happened, &shared, open));
        }
        let watched = shared.clone();
        std::thread::spawn(move || {
            for error in lost {
                watched.lose(&error);
                if happened.send(Event::Lost(error)).is_err() {
                    return;
                }
            }
        });
        Ok(Links { senders, events, shared, traffic: cluster.traffic() })
    }

    /// Waits for the next message, of any link.
    fn next(&self) -> Result<M> {
        match self.events.recv() {
            Ok(Event::Message(message)) => Ok(message),
            Ok(Event::Lost(error)) => Err(error),
            Err(_) => Err(Error::internal("nobody watches the other processes any more")),
        }
    }

    /// The reason why the session cannot go on, if it becomes known within a moment of an error that may be its
    /// consequence; else the error itself.
    pub(super) fn cause_of(&self, error: Error) -> Error {
        let deadline = Instant::now() + MOMENT;
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Event::Lost(cause) = event {
                return cause;
            }
        }
        error
    }

    /// Calls a function when a process is lost, now or later.
    pub(super) fn ring(&self, bell: impl Fn(Error) + Send + 'static) {
        let mut state = self.shared.state();
        if let Some(error) = &state.lost {
            bell(error.clone());
        }
        state.bell = Some(Box::new(bell));
    }

    /// The place for the errors of a reading that is about to begin. The first one is sent to the other processes.
    pub(super) fn begin_reading<S: Serialize + 'static>(&self, number: u64, message: fn(u64, Error) -> S) -> Failure {
        let senders = self.senders.clone();
        let failure = Failure::watched(move |error| {
            for sender in &senders {
                // A failed send is ignored: the process is lost, which others notice.
                let _ = sender.send(&message(number, error.clone()));
            }
        });
        let early = {
            let mut state = self.shared.state();
            state.reading = (number, failure.clone());
            state.failed.take().filter(|(failed, _)| *failed == number)
        };
        if let Some((_, error)) = early {
            failure.report(error);
        }
        failure
    }

    /// Bytes that this process has sent to others.
    pub(super) fn sent(&self) -> u64 {
        self.traffic.sent()
    }
}

fn listen<M: serde::de::DeserializeOwned>(
    mut receiver: LinkReceiver,
    happened: &Sender<Event<M>>,
    shared: &Answering,
    open: fn(M) -> Incoming<M>,
) {
    // The thread that watches the other process notices that a connection ends.
    while let Ok(message) = receiver.receive() {
        match open(message) {
            Incoming::Message(message) => {
                if happened.send(Event::Message(message)).is_err() {
                    return;
                }
            }
            Incoming::Failed(number, error) => shared.fail(number, error),
            Incoming::GivenUp => {
                // The thread that watches that process learns the reason at about the same time.
                std::thread::sleep(MOMENT);
                let error = Error::new(Kind::Peer, "process 0 has given up the session; start all processes again");
                shared.lose(&error);
                let _ = happened.send(Event::Lost(error));
                return;
            }
        }
    }
}

impl Links<Said> {
    /// The links of the first process.
    pub(super) fn of_first(cluster: &mut Cluster, lost: Receiver<Error>) -> Result<Self> {
        Self::new(cluster, lost, |said| match said {
            Said::Failed(number, error) => Incoming::Failed(number, error),
            answers => Incoming::Message(answers),
        })
    }

    /// Sends each other process its message, by its number.
    pub(super) fn tell(&self, told: impl Fn(usize) -> Told) -> Result<()> {
        for (at, sender) in self.senders.iter().enumerate() {
            sender.send(&told(at + 1))?;
        }
        Ok(())
    }

    /// Waits for the answers of all others to an order. Returns them with the sum of the bytes that the others have
    /// sent by now.
    pub(super) fn answers(&self) -> Result<(Vec<Answer>, u64)> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        for _ in &self.senders {
            if let Said::Answers(answers, sent) = self.next()? {
                all.extend(answers);
                bytes += sent;
            }
        }
        Ok((all, bytes))
    }
}

impl Links<Told> {
    /// The link of another process.
    pub(super) fn of_member(cluster: &mut Cluster, lost: Receiver<Error>) -> Result<Self> {
        Self::new(cluster, lost, |told| match told {
            Told::Abandon(number, error) => Incoming::Failed(number, error),
            Told::GivenUp => Incoming::GivenUp,
            other => Incoming::Message(other),
        })
    }

    /// Waits for the next message of the first process.
    pub(super) fn told(&self) -> Result<Told> {
        self.next()
    }

    /// Answers an order.
    pub(super) fn answer(&self, answers: Vec<Answer>) -> Result<()> {
        let said = Said::Answers(answers, self.sent());
        self.senders.iter().try_for_each(|sender| sender.send(&said))
    }
}
