//! Connects to every other process before a deadline, or tells all of them the reason why not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::calls::{Calls, Contact, Outcome};
use super::control::ControlMessage;
use super::handshake::{Hello, Line};
use super::link::{LinkReceiver, LinkSender, link};
use super::monitor::Monitor;
use super::name;
use super::secret::Secret;
use super::traffic::{self, Traffic};
use crate::error::{Error, Kind, Result};

/// How long to try to reach processes that may not know yet that processes differ.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which of the processes of a run this is.
#[derive(Clone, Debug)]
pub struct Membership {
    /// This process, from 0.
    pub process: usize,
    /// The address at which each process listens, as host:port.
    pub addresses: Vec<String>,
    /// Names and values that must not differ between processes: at most 64 KiB in all.
    pub parameters: Vec<(String, String)>,
    /// The secret that all processes share.
    pub secret: Secret,
    /// How long to wait for the others.
    pub timeout: Duration,
}

/// A process that is connected to all the others.
#[derive(Debug)]
pub struct Cluster {
    process: usize,
    addresses: Vec<String>,
    data: Vec<Option<TcpStream>>,
    control: Vec<Option<TcpStream>>,
    orders: Vec<Option<TcpStream>>,
    traffic: Traffic,
}

/// Connections with other processes.
type Lines = BTreeMap<(usize, Line), TcpStream>;

/// Connects a process, which listens already, to all others.
///
/// A program that connects and does not prove that it knows the secret is dropped, and changes nothing.
///
/// # Errors
/// `Usage` if there is no secret and an address is not one of the loopback interface. `Peer` if a process has not come
/// in time, or runs another version or with other parameters; it tells the other processes about such a difference,
/// which takes two seconds at most. The error of a process that has called the run off.
pub fn connect(listener: TcpListener, membership: &Membership) -> Result<Cluster> {
    connect_as(hello(membership), listener, membership)
}

/// The same, with the statement of the process.
pub(super) fn connect_as(hello: Hello, listener: TcpListener, membership: &Membership) -> Result<Cluster> {
    let deadline = Instant::now() + membership.timeout;
    membership.secret.require_for(&membership.addresses)?;
    if let Ok(address) = listener.local_addr() {
        membership.secret.require_at(address.ip())?;
    }
    let calls = Calls::begin(Some(listener), hello, membership.addresses.clone(), membership.secret.clone())?;
    let lines_with = |other: usize| Line::between(membership.process, other).iter().map(move |&line| (other, line));
    for (to, line) in (0..membership.process).flat_map(lines_with) {
        calls.call(to, line, deadline);
    }
    let processes = membership.addresses.len();
    let others = (0..processes).filter(|&process| process != membership.process);
    let wanted = others.flat_map(lines_with).count();
    let mut lines = Lines::new();
    while lines.len() < wanted {
        let Some(contact) = calls.next(deadline) else {
            return Err(missing(membership, &lines, calls.has_met_others()));
        };
        match contact {
            Contact { with: Some(from), outcome: Outcome::Joined(line, stream), .. } => {
                lines.insert((from, line), stream);
            }
            // A process that ends tells all others.
            Contact { outcome: Outcome::Ended(error), .. } => return Err(error),
            Contact { with, outcome: Outcome::Differs(error), .. } => {
                // If there are two processes, the other one knows, whatever has called.
                let with = with.or((processes == 2).then_some(1 - membership.process.min(1)));
                spread(&calls, membership, &error, lines, with.into_iter().collect(), PATIENCE);
                return Err(error);
            }
            Contact { with: None, outcome: Outcome::Joined(..), .. } => {}
        }
    }
    let mut of = |line| (0..processes).map(|process| lines.remove(&(process, line))).collect::<Vec<_>>();
    let (data, control, orders) = (of(Line::Data), of(Line::Control), of(Line::Orders));
    let traffic = Traffic::default();
    Ok(Cluster { process: membership.process, addresses: membership.addresses.clone(), data, control, orders, traffic })
}

/// Tells the other processes, instead of connecting to them, that this one has met an error, so that they end with it
/// rather than wait in vain. Returns once all know, or after `patience`.
///
/// `listener` answers those that call; without one this process only calls. The parameters of the membership do not
/// matter.
pub fn call_off(listener: Option<TcpListener>, membership: &Membership, error: &Error, patience: Duration) {
    // A caller that cannot be heard cannot be told either.
    let (addresses, secret) = (membership.addresses.clone(), membership.secret.clone());
    let Ok(calls) = Calls::begin(listener, hello(membership), addresses, secret) else { return };
    spread(&calls, membership, error, Lines::new(), BTreeSet::new(), patience);
}

/// The statement of a process.
pub(super) fn hello(membership: &Membership) -> Hello {
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        from: membership.process,
        to: 0,
        processes: membership.addresses.len(),
        line: Line::Control,
        parameters: membership.parameters.clone(),
        ending: None,
    }
}

/// Tells all others about an error, except those that know. `lines` are the connections so far: a process that is
/// connected with all others listens there, and takes no calls.
fn spread(
    calls: &Calls,
    membership: &Membership,
    error: &Error,
    mut lines: Lines,
    mut knowing: BTreeSet<usize>,
    patience: Duration,
) {
    let deadline = Instant::now() + patience;
    let processes = membership.addresses.len();
    let own = name(membership.process, &membership.addresses);
    let message = ControlMessage::failed(&Error::new(error.kind(), format!("{own}: {error}")));
    calls.end_with(error);
    for (_, stream) in lines.iter_mut().filter(|((_, line), _)| *line == Line::Control) {
        let _ = message.write(stream);
    }
    knowing.insert(membership.process);
    for to in (0..processes).filter(|to| !knowing.contains(to)) {
        calls.call(to, Line::Control, deadline);
    }
    while knowing.len() < processes {
        let Some(Contact { with, outcome, told }) = calls.next(deadline) else { return };
        let Some(with) = with.filter(|&with| with < processes) else { continue };
        match outcome {
            // From before the error.
            Outcome::Joined(line, mut stream) if !told => {
                if line == Line::Control {
                    let _ = message.write(&mut stream);
                }
                lines.insert((with, line), stream);
            }
            _ => {
                knowing.insert(with);
            }
        }
    }
}

/// The error that names the processes that have not come.
fn missing(membership: &Membership, lines: &Lines, others: bool) -> Error {
    let here = |process: usize| {
        Line::between(membership.process, process).iter().all(|&line| lines.contains_key(&(process, line)))
    };
    let late = (0..membership.addresses.len()).filter(|&process| process != membership.process && !here(process));
    let names: Vec<String> = late.map(|process| name(process, &membership.addresses)).collect();
    let seconds = membership.timeout.as_secs_f64();
    let mut message = format!(
        "after {seconds} seconds there is no connection with {}; start all processes at about the same time, or give \
         more time with --connect-timeout",
        names.join(", ")
    );
    if others {
        message += "; a program that did not know the secret of this run was refused: give all processes the same one";
    }
    Error::new(Kind::Peer, message)
}

impl Cluster {
    /// Watches the other processes from now on, in threads of its own. `lost` is called once, when the run cannot go on
    /// because of another process; the process should end then.
    ///
    /// # Errors
    /// `Peer` if a connection is broken already.
    pub fn watch(&mut self, lost: impl Fn(Error) + Send + Sync + 'static) -> Result<Monitor> {
        Monitor::start(self.process, &self.addresses, std::mem::take(&mut self.control), lost)
    }

    /// Leaves the connections open until the process ends, so that the others learn from [`Monitor::fail`] what went
    /// wrong, and not from a connection that breaks.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
    }

    /// Which process this is, from 0.
    pub fn process(&self) -> usize {
        self.process
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.addresses.len()
    }

    /// Counts the bytes that this process sends, over timely's connections and links.
    pub fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    /// The ends of links, in the order of the processes: to every other process in the first one, to the first one in
    /// any other. Empty if they were taken before.
    ///
    /// # Errors
    /// `Peer` if a connection is broken already.
    pub fn links(&mut self) -> Result<Vec<(LinkSender, LinkReceiver)>> {
        std::mem::take(&mut self.orders).into_iter().flatten().map(|stream| link(stream, &self.traffic)).collect()
    }

    /// Runs the same closure on the workers of all processes, the same number in each: see [`timely::execute()`].
    ///
    /// # Errors
    /// `Peer` if a connection is broken already.
    pub fn execute<T, F>(self, workers: usize, logic: F) -> Result<timely::communication::WorkerGuards<T>>
    where
        T: Send + 'static,
        F: Fn(&mut timely::worker::Worker) -> T + Send + Sync + 'static,
    {
        traffic::execute(self.process, self.data, workers, &self.traffic, logic)
    }
}
