//! How processes find each other: each listens, and calls the others.

use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::callers::{Callers, Proved};
use super::control::Ending;
use super::handshake::{Answer, Heard, Hello, Line, other_protocol};
use super::name;
use super::secret::{Secret, Side};
use crate::error::{Error, Kind, Result};

/// How long one attempt to connect may take, at first and at most: systems try again after a second if a crowd of
/// strangers waits at a port.
const ATTEMPTS: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(3)];
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);
/// Time between two looks at callers: the shortest, while they speak, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];
/// Time between two attempts.
const BREAK: Duration = Duration::from_millis(50);

/// The result of a call, made or taken.
#[derive(Debug)]
pub(super) struct Contact {
    /// The process at the other end, if it is known.
    pub(super) with: Option<usize>,
    pub(super) outcome: Outcome,
    /// Whether it knows the error that this process ends with.
    pub(super) told: bool,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// A connection that both keep.
    Joined(Line, TcpStream),
    /// The two cannot run together.
    Differs(Error),
    /// The other one ends with an error.
    Ended(Error),
}

/// A process that takes calls and makes calls, in threads that end soon after this is dropped.
#[derive(Debug)]
pub(super) struct Calls {
    own: Arc<Own>,
    made: Sender<Contact>,
    contacts: Receiver<Contact>,
}

/// The statement of this process, and the addresses of the others.
#[derive(Debug)]
struct Own {
    /// Its statement; the receiver and the purpose are filled in.
    hello: Hello,
    addresses: Vec<String>,
    secret: Secret,
    /// Whether a program of this name was at the other end of a connection, and has not proved that it knows the secret.
    has_met_others: AtomicBool,
    /// The error that it ends with, once it does.
    ending: OnceLock<Ending>,
    over: AtomicBool,
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.own.over.store(true, Ordering::Release);
    }
}

impl Calls {
    /// Takes calls from now on, if there is a listener. A caller that does not prove that it knows the secret is
    /// dropped, without harm to others.
    ///
    /// # Errors
    /// `Peer` if this process cannot listen.
    pub(super) fn begin(
        listener: Option<TcpListener>,
        hello: Hello,
        addresses: Vec<String>,
        secret: Secret,
    ) -> Result<Calls> {
        let broken = |error: io::Error| Error::new(Kind::Peer, "cannot listen for the other processes").because(error);
        let (made, contacts) = channel();
        let (has_met_others, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let own = Own { hello, addresses, secret, has_met_others, ending: OnceLock::new(), over };
        let calls = Calls { own: Arc::new(own), made, contacts };
        if let Some(listener) = listener {
            listener.set_nonblocking(true).map_err(broken)?;
            let (own, made) = (Arc::clone(&calls.own), calls.made.clone());
            std::thread::spawn(move || accept(&listener, &own, &made));
        }
        Ok(calls)
    }

    /// Calls a process until it answers or a deadline has passed.
    pub(super) fn call(&self, to: usize, line: Line, deadline: Instant) {
        let (own, made) = (Arc::clone(&self.own), self.made.clone());
        std::thread::spawn(move || reach(&own, to, line, &made, deadline));
    }

    /// Says from now on that this process ends with an error.
    pub(super) fn end_with(&self, error: &Error) {
        // The first error is the cause of any other.
        let _ = self.own.ending.set(Ending::of(error));
    }

    /// Whether programs of this name were met that have not proved that they know the secret.
    pub(super) fn has_met_others(&self) -> bool {
        self.own.has_met_others.load(Ordering::Acquire)
    }

    /// The next contact; `None` if there is none before the deadline.
    pub(super) fn next(&self, deadline: Instant) -> Option<Contact> {
        self.contacts.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}

impl Own {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn name(&self, process: usize) -> String {
        name(process, &self.addresses)
    }

    fn hello(&self, to: usize, line: Line) -> Hello {
        match self.ending.get() {
            // The reason for its end matters more than what it would have done, which it may not know.
            Some(ending) => {
                let (parameters, ending) = (Vec::new(), Some(ending.clone()));
                Hello { to, line, parameters, ending, ..self.hello.clone() }
            }
            None => Hello { to, line, ..self.hello.clone() },
        }
    }
}

/// Takes connections until the end, and answers those that prove that they know the secret.
fn accept(listener: &TcpListener, own: &Own, made: &Sender<Contact>) {
    let [shortest, longest] = PAUSES;
    let (mut callers, mut pause) = (Callers::default(), longest);
    while !own.is_over() {
        let look = callers.look(listener, &own.secret);
        if look.has_failed {
            own.has_met_others.store(true, Ordering::Release);
        }
        for caller in look.proved {
            if let Some(contact) = answer(caller, own) {
                // The receiver may be gone at the end.
                let _ = made.send(contact);
            }
        }
        pause = if look.has_moved { shortest } else { (2 * pause).min(longest) };
        std::thread::sleep(pause);
    }
}

/// Answers a caller that has proved that it knows the secret.
fn answer(Proved { mut stream, heard, challenges }: Proved, own: &Own) -> Option<Contact> {
    stream.set_nonblocking(false).ok()?;
    let heard = match heard {
        Heard::Hello(hello) => hello,
        Heard::Other(protocol) => {
            let _ = own.hello(0, Line::Control).send(&mut stream, Side::Listening, &challenges, &own.secret);
            let error = other_protocol(protocol, "a process that has connected");
            return Some(Contact { with: None, outcome: Outcome::Differs(error), told: false });
        }
    };
    let mine = own.hello(heard.from, heard.line);
    mine.send(&mut stream, Side::Listening, &challenges, &own.secret).ok()?;
    let (with, told) = (Some(heard.from), mine.ending.is_some());
    if let Some(outcome) = obstacle(&mine, &heard, own) {
        return Some(Contact { with, outcome, told });
    }
    // A process that takes this one for another, or itself for one that does not exist or does not call.
    let known = heard.to == mine.from && (mine.from + 1..mine.processes).contains(&heard.from);
    let known = known && Line::between(mine.from, heard.from).contains(&heard.line);
    known.then_some(Contact { with, outcome: Outcome::Joined(heard.line, stream), told })
}

/// The reason why two processes cannot run together, from their statements.
fn obstacle(mine: &Hello, heard: &Hello, own: &Own) -> Option<Outcome> {
    let other = own.name(heard.from);
    match &heard.ending {
        Some(ending) => Some(Outcome::Ended(ending.error_of(&other))),
        None => mine.difference(heard, &other).map(Outcome::Differs),
    }
}

/// Tries to reach a process until it answers.
fn reach(own: &Own, to: usize, line: Line, made: &Sender<Contact>, deadline: Instant) {
    let [mut patience, longest] = ATTEMPTS;
    while !own.is_over() && Instant::now() < deadline {
        match attempt(own, to, line, patience) {
            Ok((outcome, told)) => {
                // The receiver may be gone at the end.
                let _ = made.send(Contact { with: Some(to), outcome, told });
                return;
            }
            Err(error) => {
                if error.kind() == ErrorKind::TimedOut {
                    patience = (2 * patience).min(longest);
                }
                std::thread::sleep(BREAK);
            }
        }
    }
}

/// Connects once. Also returns whether the other process knows the error that this one ends with. After an error
/// another attempt is worthwhile, unless the answer rules it out.
fn attempt(own: &Own, to: usize, line: Line, patience: Duration) -> io::Result<(Outcome, bool)> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in own.addresses[to].to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(mut stream) => {
                stream.set_nodelay(true)?;
                let mine = own.hello(to, line);
                let answer = mine.call(&mut stream, &own.secret, Instant::now() + ANSWER)?;
                let told = mine.ending.is_some();
                let heard = match answer {
                    Answer::Heard(Heard::Hello(heard)) => heard,
                    Answer::Heard(Heard::Other(protocol)) => {
                        return Ok((Outcome::Differs(other_protocol(protocol, &own.name(to))), told));
                    }
                    Answer::Unproved => {
                        own.has_met_others.store(true, Ordering::Release);
                        return Err(ErrorKind::PermissionDenied.into());
                    }
                };
                if let Some(outcome) = obstacle(&mine, &heard, own) {
                    return Ok((outcome, told));
                }
                if heard.from != to || heard.to != mine.from {
                    let message = format!(
                        "at {} there is process {}, and not process {to}; give all processes the same list of hosts",
                        own.addresses[to], heard.from
                    );
                    return Ok((Outcome::Differs(Error::new(Kind::Peer, message)), told));
                }
                // It has answered another call, or takes itself for another process.
                if heard.line != line {
                    return Err(ErrorKind::InvalidData.into());
                }
                return Ok((Outcome::Joined(line, stream), told));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
