//! How the processes of a session talk: the first gives orders, the others answer, and an error while all read stops
//! the reading everywhere.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::commands::Answer;
use super::orders::Order;
use crate::cluster::{Cluster, LinkReceiver, LinkSender, Traffic};
use crate::error::{Error, Kind, Result};
use crate::operators::failure::Failure;

/// How long to wait for the reason of what another process does.
const MOMENT: Duration = Duration::from_secs(1);

/// What the first process says to another one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// What the first process shares with the others is there: the state, where there is one, is that of this run.
    Begin(Option<String>),
    Order(Box<Order>),
    /// A reading has failed.
    Abandon(u64, Error),
    /// The session has ended.
    Close,
    /// The session is given up.
    GivenUp,
}

/// What another process says to the first.
#[derive(Serialize, Deserialize)]
pub(super) enum Said {
    /// How its workers answer an order, and the bytes that it has sent to other processes by now.
    Answers(Vec<Answer>, u64),
    /// A reading has failed.
    Failed(u64, Error),
}

/// A message, as whoever listens takes it.
enum Incoming<M> {
    Message(M),
    /// A reading has failed.
    Failed(u64, Error),
    /// The other process has given the session up.
    GivenUp,
}

/// What comes in from other processes.
enum Event<M> {
    Message(M),
    /// The session cannot go on.
    Lost(Error),
}

/// What the threads that listen share with the one that works.
#[derive(Clone, Default)]
struct Answering(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Why the session cannot go on.
    lost: Option<Error>,
    /// Is told of that.
    bell: Option<Box<dyn Fn(Error) + Send>>,
    /// The reading that goes on or was the last, and where its errors are reported.
    reading: (u64, Failure),
    /// The last reading that another process has told an error of.
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

    /// Another process tells of an error while all read, or are about to.
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

/// A process's links with the others: of the first with all of them, of any other with the first. `M` is what comes in.
pub(super) struct Links<M> {
    senders: Vec<LinkSender>,
    events: Receiver<Event<M>>,
    shared: Answering,
    traffic: Traffic,
}

impl<M: Send + 'static> Links<M> {
    /// Listens to the other processes of a cluster, and for an error that tells that one of them is lost.
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

    /// Waits for the next message, by whichever link.
    fn next(&self) -> Result<M> {
        match self.events.recv() {
            Ok(Event::Message(message)) => Ok(message),
            Ok(Event::Lost(error)) => Err(error),
            Err(_) => Err(Error::internal("nobody watches the other processes any more")),
        }
    }

    /// Why the session cannot go on, where that is known within a moment of an error that may be its consequence; else the
    /// error itself.
    pub(super) fn cause_of(&self, error: Error) -> Error {
        let deadline = Instant::now() + MOMENT;
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Event::Lost(cause) = event {
                return cause;
            }
        }
        error
    }

    /// Has somebody told when a process is lost, now or later.
    pub(super) fn ring(&self, bell: impl Fn(Error) + Send + 'static) {
        let mut state = self.shared.state();
        if let Some(error) = &state.lost {
            bell(error.clone());
        }
        state.bell = Some(Box::new(bell));
    }

    /// Where the errors of a reading are reported that is about to begin. Other processes are told of the first.
    pub(super) fn begin_reading<S: Serialize + 'static>(&self, number: u64, message: fn(u64, Error) -> S) -> Failure {
        let senders = self.senders.clone();
        let failure = Failure::watched(move |error| {
            for sender in &senders {
                // A process that cannot be told is lost, which others notice.
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
    // A connection that ends is noticed by whoever watches the other process.
    while let Ok(message) = receiver.receive() {
        match open(message) {
            Incoming::Message(message) => {
                if happened.send(Event::Message(message)).is_err() {
                    return;
                }
            }
            Incoming::Failed(number, error) => shared.fail(number, error),
            Incoming::GivenUp => {
                // Why, whoever watches that process is told at about the same time.
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
    /// Those of the first process.
    pub(super) fn of_first(cluster: &mut Cluster, lost: Receiver<Error>) -> Result<Self> {
        Self::new(cluster, lost, |said| match said {
            Said::Failed(number, error) => Incoming::Failed(number, error),
            answers => Incoming::Message(answers),
        })
    }

    /// Tells all others what each is told, by its number.
    pub(super) fn tell(&self, told: impl Fn(usize) -> Told) -> Result<()> {
        for (at, sender) in self.senders.iter().enumerate() {
            sender.send(&told(at + 1))?;
        }
        Ok(())
    }

    /// The answers of all others to an order, and the bytes that they have sent by now, all together.
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
    /// That of another process.
    pub(super) fn of_member(cluster: &mut Cluster, lost: Receiver<Error>) -> Result<Self> {
        Self::new(cluster, lost, |told| match told {
            Told::Abandon(number, error) => Incoming::Failed(number, error),
            Told::GivenUp => Incoming::GivenUp,
            other => Incoming::Message(other),
        })
    }

    /// What the first process says next.
    pub(super) fn told(&self) -> Result<Told> {
        self.next()
    }

    /// Answers an order.
    pub(super) fn answer(&self, answers: Vec<Answer>) -> Result<()> {
        let said = Said::Answers(answers, self.sent());
        self.senders.iter().try_for_each(|sender| sender.send(&said))
    }
}
