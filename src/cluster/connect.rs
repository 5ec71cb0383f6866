//! Two connections with every other process, all there before a deadline.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::handshake::{Heard, Hello, Line, other_protocol};
use super::monitor::Monitor;
use super::name;
use super::traffic::{self, Traffic};
use crate::error::{Error, Kind, Result};

/// How long whoever connects may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one attempt to connect, and the answer to it, may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// Between two looks for connections.
const PAUSE: Duration = Duration::from_millis(10);
/// Connections that have not said yet who they are; more are dropped.
const MOST_STRANGERS: usize = 64;

/// Which process this is, of which.
#[derive(Clone, Debug)]
pub struct Membership {
    /// This process, from 0.
    pub process: usize,
    /// Where each process listens, as host:port.
    pub addresses: Vec<String>,
    /// What must not differ between processes, by name: at most 64 KiB in all.
    pub parameters: Vec<(String, String)>,
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
}

/// A connection, or why there can be none.
type Found = Result<(usize, Line, TcpStream)>;

/// Connects a process, which listens already, to all others.
///
/// Whoever connects and is none of them is dropped, without harm to the others' connections; the time that it takes to
/// tell is short.
///
/// # Errors
/// `Peer` where a process has not come in time, or runs another version or with other parameters.
pub fn connect(listener: TcpListener, membership: &Membership) -> Result<Cluster> {
    let broken = |error: io::Error| Error::new(Kind::Peer, "cannot listen for the other processes").because(error);
    listener.set_nonblocking(true).map_err(broken)?;
    let deadline = Instant::now() + membership.timeout;
    let (found, connections) = channel();
    let membership = Arc::new(membership.clone());
    let over = Arc::new(AtomicBool::new(false));
    // Whatever comes of it, the threads end soon.
    let _end = End(Arc::clone(&over));
    {
        let (membership, found, over) = (Arc::clone(&membership), found.clone(), Arc::clone(&over));
        std::thread::spawn(move || accept(&listener, &membership, &found, &over));
    }
    for (to, line) in (0..membership.process).flat_map(|to| [(to, Line::Data), (to, Line::Control)]) {
        let (membership, found, over) = (Arc::clone(&membership), found.clone(), Arc::clone(&over));
        std::thread::spawn(move || reach(&membership, to, line, &found, &over, deadline));
    }
    let processes = membership.addresses.len();
    let mut lines: BTreeMap<(usize, Line), TcpStream> = BTreeMap::new();
    while lines.len() < 2 * (processes - 1) {
        match connections.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(connection) => {
                let (from, line, stream) = connection?;
                lines.insert((from, line), stream);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(missing(&membership, &lines));
            }
        }
    }
    let (mut data, mut control) = (Vec::new(), Vec::new());
    for process in 0..processes {
        data.push(lines.remove(&(process, Line::Data)));
        control.push(lines.remove(&(process, Line::Control)));
    }
    Ok(Cluster { process: membership.process, addresses: membership.addresses.clone(), data, control })
}

/// Tells threads to end when it is dropped.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The error that names who has not come.
fn missing(membership: &Membership, lines: &BTreeMap<(usize, Line), TcpStream>) -> Error {
    let here = |process: usize| [Line::Data, Line::Control].iter().all(|&line| lines.contains_key(&(process, line)));
    let others = (0..membership.addresses.len()).filter(|&process| process != membership.process && !here(process));
    let names: Vec<String> = others.map(|process| name(process, &membership.addresses)).collect();
    let seconds = membership.timeout.as_secs_f64();
    let message = format!(
        "after {seconds} seconds there is no connection with {}; start all processes at about the same time, or give \
         more time with --connect-timeout",
        names.join(", ")
    );
    Error::new(Kind::Peer, message)
}

/// Takes connections until it is over, and finds out about each in a thread of its own.
fn accept(listener: &TcpListener, membership: &Arc<Membership>, found: &Sender<Found>, over: &AtomicBool) {
    let strangers = Arc::new(());
    while !over.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) if Arc::strong_count(&strangers) <= MOST_STRANGERS => {
                let (membership, found, stranger) = (Arc::clone(membership), found.clone(), Arc::clone(&strangers));
                std::thread::spawn(move || {
                    if let Some(connection) = greet(stream, &membership) {
                        // Nobody listens when it is over.
                        let _ = found.send(connection);
                    }
                    drop(stranger);
                });
            }
            Ok(_) => {}
            // What went wrong for one connection does not concern the next.
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn hello(membership: &Membership, to: usize, line: Line) -> Hello {
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        from: membership.process,
        to,
        processes: membership.addresses.len(),
        line,
        parameters: membership.parameters.clone(),
    }
}

/// Finds out who has connected; nothing where it is a stranger.
fn greet(mut stream: TcpStream, membership: &Membership) -> Option<Found> {
    stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true)).ok()?;
    let heard = match Hello::hear(&mut stream, Instant::now() + PATIENCE) {
        Heard::Hello(hello) => hello,
        Heard::Other(protocol) => {
            let _ = hello(membership, 0, Line::Control).send(&mut stream);
            return Some(Err(other_protocol(protocol, "a process that has connected")));
        }
        Heard::Stranger => return None,
    };
    let own = hello(membership, heard.from, heard.line);
    own.send(&mut stream).ok()?;
    if let Some(error) = own.difference(&heard, &name(heard.from, &membership.addresses)) {
        return Some(Err(error));
    }
    // One that has taken this process for another one, or itself for one that does not exist or does not call.
    let known = heard.to == membership.process && (membership.process + 1..own.processes).contains(&heard.from);
    known.then_some(Ok((heard.from, heard.line, stream)))
}

/// Tries to reach a process until it answers.
fn reach(membership: &Membership, to: usize, line: Line, found: &Sender<Found>, over: &AtomicBool, deadline: Instant) {
    while !over.load(Ordering::Acquire) && Instant::now() < deadline {
        match attempt(membership, to, line) {
            Ok(connection) => {
                let _ = found.send(connection);
                return;
            }
            Err(_) => std::thread::sleep(5 * PAUSE),
        }
    }
}

/// Connects once. An error is worth another attempt, where whoever answered has said nothing that rules it out.
fn attempt(membership: &Membership, to: usize, line: Line) -> io::Result<Found> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in membership.addresses[to].to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, ATTEMPT) {
            Ok(mut stream) => {
                stream.set_nodelay(true)?;
                let own = hello(membership, to, line);
                own.send(&mut stream)?;
                let other = name(to, &membership.addresses);
                let heard = match Hello::hear(&mut stream, Instant::now() + ATTEMPT) {
                    Heard::Hello(heard) => heard,
                    Heard::Other(protocol) => return Ok(Err(other_protocol(protocol, &other))),
                    Heard::Stranger => return Err(ErrorKind::InvalidData.into()),
                };
                if let Some(error) = own.difference(&heard, &other) {
                    return Ok(Err(error));
                }
                if heard.from != to || heard.to != own.from {
                    let message = format!(
                        "at {} there is process {}, and not process {to}; give all processes the same list of hosts",
                        membership.addresses[to], heard.from
                    );
                    return Ok(Err(Error::new(Kind::Peer, message)));
                }
                return Ok(Ok((to, line, stream)));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Cluster {
    /// Watches the other processes from now on, in threads of its own. `lost` is called once, when the run cannot go on
    /// because of another process; the process should end then.
    ///
    /// # Errors
    /// `Peer` where a connection is broken already.
    pub fn watch(&mut self, lost: impl Fn(Error) + Send + Sync + 'static) -> Result<Monitor> {
        Monitor::start(self.process, &self.addresses, std::mem::take(&mut self.control), lost)
    }

    /// Runs the same closure on the workers of all processes, as many in each: see [`timely::execute()`]. Also gives what
    /// counts the bytes that this process sends.
    ///
    /// # Errors
    /// `Peer` where a connection is broken already.
    pub fn execute<T, F>(self, workers: usize, logic: F) -> Result<(timely::communication::WorkerGuards<T>, Traffic)>
    where
        T: Send + 'static,
        F: Fn(&mut timely::worker::Worker) -> T + Send + Sync + 'static,
    {
        traffic::execute(self.process, self.data, workers, logic)
    }
}
