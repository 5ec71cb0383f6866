//! Watching the other processes, and telling them how this one ends.

use std::fmt;
use std::io::ErrorKind;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::control::ControlMessage;
use super::{BROKEN, name};
use crate::error::{Error, Kind, Result};
use crate::memory::peak_memory;
use crate::wire::DAMAGED;

/// How long a process may be silent before it counts as gone.
pub const SILENCE: Duration = Duration::from_secs(5);
/// Time between two signs of life.
const BEAT: Duration = Duration::from_millis(500);
/// How long to wait for others to close their connections, at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Watches the other processes of a cluster. Clones are the same.
#[derive(Clone)]
pub struct Monitor(Arc<Watched>);

struct Watched {
    /// Connections to the others, by process.
    streams: Vec<Option<Mutex<TcpStream>>>,
    names: Vec<String>,
    /// Which of them this one is.
    process: usize,
    state: Mutex<State>,
    changed: Condvar,
    lost: Box<dyn Fn(Error) + Send + Sync>,
}

#[derive(Default)]
struct State {
    peers: Vec<Peer>,
    /// Why the run cannot go on.
    cause: Option<Error>,
    /// Whether this process has closed its ends of the connections.
    closed: bool,
    /// Whether another process was asked to end.
    interrupted: bool,
    /// The function to call then.
    when_interrupted: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// What is known about another process.
#[derive(Clone, Default)]
struct Peer {
    /// The name of the run whose folder it has made for all.
    ready: Option<String>,
    goodbye: Option<u64>,
    closed: bool,
    /// The most memory that it has held, as far as it has reported it.
    memory: u64,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("processes", &self.0.names).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Watches from now on.
    pub(super) fn start(
        process: usize,
        addresses: &[String],
        control: Vec<Option<TcpStream>>,
        lost: impl Fn(Error) + Send + Sync + 'static,
    ) -> Result<Monitor> {
        let broken = |error| Error::new(Kind::Peer, "the connection with another process is broken").because(error);
        let (mut streams, mut readers) = (Vec::new(), Vec::new());
        for (peer, stream) in control.into_iter().enumerate() {
            if let Some(stream) = &stream {
                stream.set_read_timeout(Some(SILENCE)).map_err(broken)?;
                stream.set_write_timeout(Some(BEAT)).map_err(broken)?;
                readers.push((peer, stream.try_clone().map_err(broken)?));
            }
            streams.push(stream.map(Mutex::new));
        }
        let mut peers = vec![Peer::default(); streams.len()];
        if let Some(own) = peers.get_mut(process) {
            *own = Peer { ready: None, goodbye: Some(0), closed: true, memory: 0 };
        }
        let shared = Watched {
            streams,
            names: (0..peers.len()).map(|peer| name(peer, addresses)).collect(),
            process,
            state: Mutex::new(State { peers, ..State::default() }),
            changed: Condvar::new(),
            lost: Box::new(lost),
        };
        let monitor = Monitor(Arc::new(shared));
        for (peer, stream) in readers {
            let monitor = monitor.clone();
            std::thread::spawn(move || monitor.listen(peer, stream));
        }
        let beating = monitor.clone();
        std::thread::spawn(move || {
            while !beating.state().closed {
                beating.tell(&ControlMessage::Alive(peak_memory().unwrap_or(0)));
                std::thread::sleep(BEAT);
            }
        });
        Ok(monitor)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all others. A failed write is ignored: the thread that listens to that process notices that the connection
    /// is gone.
    fn tell(&self, message: &ControlMessage) {
        for stream in self.0.streams.iter().flatten() {
            let _ = message.write(&mut *stream.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Listens to another process until its connection is closed.
    fn listen(&self, peer: usize, mut stream: TcpStream) {
        loop {
            match ControlMessage::read(&mut stream) {
                Ok(ControlMessage::Alive(memory)) => self.change(|state| state.peers[peer].memory = memory),
                Ok(ControlMessage::Interrupted) => self.interrupted(),
                Ok(ControlMessage::Ready(run)) => self.change(|state| state.peers[peer].ready = Some(run)),
                Ok(ControlMessage::Goodbye(bytes, memory)) => self.change(|state| {
                    (state.peers[peer].goodbye, state.peers[peer].memory) = (Some(bytes), memory);
                }),
                Ok(ControlMessage::Failed(ending)) => self.lose(ending.error()),
                Err(error) => {
                    let silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    let over = {
                        let state = self.state();
                        state.peers[peer].goodbye.is_some() || state.closed
                    };
                    if !over {
                        self.lose(self.gone(peer, silent));
                    }
                    if !silent || over {
                        self.change(|state| state.peers[peer].closed = true);
                        return;
                    }
                }
            }
        }
    }

    fn gone(&self, peer: usize, silent: bool) -> Error {
        let other = &self.0.names[peer];
        let what = if silent {
            format!("was not heard of for {} seconds: it is stopped, or its network is cut off", SILENCE.as_secs())
        } else {
            "has ended, or has lost its network".to_owned()
        };
        Error::new(Kind::Peer, format!("{other} {what}; start all processes again"))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.notify_all();
    }

    /// Notes why the run cannot go on. Returns whether it is the first cause.
    fn note(&self, error: &Error) -> bool {
        let mut first = false;
        self.change(|state| {
            first = state.cause.is_none();
            state.cause.get_or_insert_with(|| error.clone());
        });
        first
    }

    /// Ends because of another process.
    fn lose(&self, error: Error) {
        if self.note(&error) {
            // So that all end with the same sentence, whichever process they notice first.
            self.tell(&ControlMessage::failed(&error));
            (self.0.lost)(error);
        }
    }

    /// Why the run cannot go on, once it cannot.
    pub fn cause(&self) -> Option<Error> {
        self.state().cause.clone()
    }

    /// Ends this process's part with an error, waits a moment until the others have it, and they end with it as well.
    pub fn fail(&self, error: &Error) {
        if self.note(error) {
            self.tell(&ControlMessage::failed(error));
        }
        self.close();
    }

    /// Handles a panic in this process: all processes end, with an error of kind `Internal`. To be called from the
    /// panic hook, which should not let the thread unwind: timely would drop what other workers wait for. Returns the
    /// cause that the run ends with, which `lost` is called with as well.
    ///
    /// A panic with a message that begins with [`BROKEN`] is the consequence of the end of another process, and no
    /// defect to report: this call then waits for the cause, which is known soon after [`SILENCE`] at the latest. A
    /// panic that begins with [`DAMAGED`] is about bytes that another process has sent, and makes an error of kind
    /// `Peer`.
    pub fn panicked(&self, message: &str) -> Error {
        let error = if message.starts_with(BROKEN) {
            // The thread that listens to the other process knows the cause.
            self.wait_at_most(SILENCE + 2 * BEAT, |state| state.cause.is_some());
            Error::new(Kind::Peer, "a connection with another process is broken; start all processes again")
        } else if message.starts_with(DAMAGED) {
            // The message says everything.
            Error::new(Kind::Peer, message)
        } else {
            let own = &self.0.names[self.0.process];
            Error::internal(format!("{own} has stopped at an internal error, which is in its own output; report it"))
        };
        self.lose(error.clone());
        self.cause().unwrap_or(error)
    }

    /// Tells the others that the folder that they wait for exists, and the name of the run.
    pub fn say_ready(&self, run: &str) {
        self.tell(&ControlMessage::Ready(run.to_owned()));
    }

    /// Waits until a process reports that the folder that others wait for exists. Returns the name of its run.
    ///
    /// # Errors
    /// The cause, if the run cannot go on.
    pub fn wait_until_ready(&self, process: usize) -> Result<String> {
        self.wait(|state| state.peers.get(process).is_none_or(|peer| peer.ready.is_some()))?;
        Ok(self.state().peers.get(process).and_then(|peer| peer.ready.clone()).unwrap_or_default())
    }

    /// Waits until all other processes have said goodbye. Returns the bytes of records that they have sent.
    ///
    /// # Errors
    /// The cause, if the run cannot go on.
    pub fn wait_for_peers(&self) -> Result<u64> {
        self.wait(|state| state.peers.iter().all(|peer| peer.goodbye.is_some()))?;
        Ok(self.state().peers.iter().filter_map(|peer| peer.goodbye).sum())
    }

    /// The sum of the peak memory of the other processes, in bytes, as far as they have reported it.
    pub fn memory_of_others(&self) -> u64 {
        self.state().peers.iter().map(|peer| peer.memory).sum()
    }

    /// Calls this once another process reports that it was asked to end, or at once if one has.
    pub fn when_interrupted(&self, call: impl Fn() + Send + Sync + 'static) {
        let mut already = false;
        let call: Arc<dyn Fn() + Send + Sync> = Arc::new(call);
        self.change(|state| {
            already = state.interrupted;
            state.when_interrupted = Some(Arc::clone(&call));
        });
        if already {
            call();
        }
    }

    /// Tells the others that this process was asked to end.
    pub fn say_interrupted(&self) {
        self.tell(&ControlMessage::Interrupted);
    }

    fn interrupted(&self) {
        let mut call = None;
        self.change(|state| {
            state.interrupted = true;
            call = state.when_interrupted.clone();
        });
        if let Some(call) = call {
            call();
        }
    }

    fn wait(&self, reached: impl Fn(&State) -> bool) -> Result<()> {
        let mut state = self.state();
        loop {
            if let Some(cause) = &state.cause {
                return Err(cause.clone());
            }
            if reached(&state) {
                return Ok(());
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reports that this process's part has ended without an error, with the number of bytes of records that it has
    /// sent. Other processes stop watching it.
    pub fn say_goodbye(&self, sent: u64) {
        self.tell(&ControlMessage::Goodbye(sent, peak_memory().unwrap_or(0)));
    }

    /// Closes this process's ends of the connections, and waits until the others have closed theirs: dropping a
    /// connection with unread bytes also discards what the other end has not read yet. Waits for two seconds at most,
    /// and only once.
    pub fn close(&self) {
        let mut again = false;
        self.change(|state| again = std::mem::replace(&mut state.closed, true));
        if again {
            return;
        }
        for stream in self.0.streams.iter().flatten() {
            let _ = stream.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Write);
        }
        self.wait_at_most(FAREWELL, |state| state.peers.iter().all(|peer| peer.closed));
    }

    fn wait_at_most(&self, patience: Duration, reached: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + patience;
        let mut state = self.state();
        while !reached(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
