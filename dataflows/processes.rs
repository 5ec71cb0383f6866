//! Several processes: which one this is, how they start, and how all of them end together.

mod children;
mod hosts;
mod secret;

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anabranch::analysis::{self, Analysis};
use anabranch::cluster::{BROKEN, Membership, Monitor, Secret, call_off};
use anabranch::error::{Error, Kind, Result};
use anabranch::follow::Stop;
use anabranch::wire::DAMAGED;

pub(crate) use self::children::end_of_command;
use self::children::{Children, introduce, start};
use crate::arguments::RunOptions;
use crate::status;
use crate::terminal::print_error;

/// Any free port of the loopback interface.
const LOOPBACK: &str = "127.0.0.1:0";
/// How long a process has to end by itself, when all is over.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a process that cannot begin tries to tell the others.
const REFUSAL: Duration = Duration::from_secs(5);

/// Which of the processes of a run this is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seat {
    /// The only one.
    Alone,
    /// The first of this many on this machine. It starts the others.
    Parent(usize),
    /// A process that the first has started.
    Child { process: usize, processes: usize },
    /// A process of a list of hosts.
    Host { process: usize, addresses: Vec<String>, secret: Secret },
}

impl Seat {
    /// The seat that the options name.
    pub(crate) fn of(options: &RunOptions) -> Result<Seat> {
        if let Some(file) = &options.hosts {
            let addresses = hosts::read(file)?;
            let process = options.process.unwrap_or(0);
            if process >= addresses.len() {
                let message = format!("has {} lines, and none for --process {process}", addresses.len());
                return Err(Error::usage(format!("{message}; processes count from 0")).at(file));
            }
            if addresses.len() == 1 {
                return Ok(Seat::Alone);
            }
            let secret = secret::given(options.secret.as_deref(), &addresses)?;
            return Ok(Seat::Host { process, addresses, secret });
        }
        match (options.processes, options.member) {
            (Some(0), _) => Err(Error::usage("--processes is 0, but at least one is needed")),
            (Some(processes), _) if processes > MOST_PROCESSES => {
                let message =
                    format!("--processes is {processes}, but at most {MOST_PROCESSES} are started on a machine");
                Err(Error::usage(message))
            }
            (None | Some(1), _) => Ok(Seat::Alone),
            (Some(processes), None) => Ok(Seat::Parent(processes)),
            (Some(processes), Some(process)) => {
                IS_CHILD.store(true, Ordering::Release);
                Ok(Seat::Child { process, processes })
            }
        }
    }

    /// How many processes there are.
    pub(crate) fn processes(&self) -> usize {
        match self {
            Seat::Alone => 1,
            Seat::Parent(processes) | Seat::Child { processes, .. } => *processes,
            Seat::Host { addresses, .. } => addresses.len(),
        }
    }

    /// How many processes share this machine, as far as this one knows.
    pub(crate) fn on_this_machine(&self) -> usize {
        if let Seat::Host { .. } = self { 1 } else { self.processes() }
    }

    /// Prints an error that this process of several hosts has met before it was connected, and tells the others that
    /// can be reached within a short time, so that they end with it rather than wait. Returns the error.
    pub(crate) fn call_off(&self, options: &RunOptions, error: Error) -> Error {
        if let Seat::Host { process, addresses, secret } = self {
            speak(&error);
            let timeout = timeout(options).unwrap_or(REFUSAL).min(REFUSAL);
            let (process, addresses, secret) = (*process, addresses.clone(), secret.clone());
            // Others may call this process as well, unless its address is what is wrong.
            let listener = TcpListener::bind(&addresses[process]).ok();
            let membership = Membership { process, addresses, parameters: Vec::new(), secret, timeout };
            call_off(listener, &membership, &error, timeout);
        }
        error
    }

    /// Whether this is the first process, or the only one.
    pub(crate) fn is_first(&self) -> bool {
        self.process() == 0
    }

    fn process(&self) -> usize {
        match self {
            Seat::Alone | Seat::Parent(_) => 0,
            Seat::Child { process, .. } | Seat::Host { process, .. } => *process,
        }
    }
}

/// A process that is connected to the others of its run, and those that it has started.
#[derive(Debug)]
pub(crate) struct ProcessTeam {
    pub(crate) members: analysis::Team,
    children: Children,
}

/// Maximum number of processes on one machine: each is connected to every other one.
const MOST_PROCESSES: usize = 64;

/// The connection to the other processes, for the panic hook.
static WATCHED: OnceLock<Monitor> = OnceLock::new();
/// Whether another process of the run has started this one.
static IS_CHILD: AtomicBool = AtomicBool::new(false);
/// Whether the process that has started this one prints its errors.
pub(crate) fn is_heard() -> bool {
    IS_CHILD.load(Ordering::Acquire) && WATCHED.get().is_some()
}

/// Whether the error is printed already, or the first process prints it for this one.
static SPOKEN_FOR: AtomicBool = AtomicBool::new(false);

impl ProcessTeam {
    /// Connects this process to the others, and starts them if that is its part. `None` if it is alone.
    pub(crate) fn gather(seat: &Seat, analysis: &Analysis, options: &RunOptions) -> Result<Option<ProcessTeam>> {
        let timeout = timeout(options)?;
        let children = Children::default();
        let (listener, addresses, secret) = match seat {
            Seat::Alone => return Ok(None),
            Seat::Host { process, addresses, secret } => {
                let listener = listen(&addresses[*process]).map_err(|error| seat.call_off(options, error))?;
                (listener, addresses.clone(), secret.clone())
            }
            Seat::Parent(processes) => {
                let listener = listen(LOOPBACK)?;
                let (own, secret) = (address(&listener)?, Secret::random()?);
                let addresses = start(*processes, own, &secret, timeout, &children)?;
                (listener, addresses, secret)
            }
            Seat::Child { processes, .. } => {
                let listener = listen(LOOPBACK)?;
                let introduced = introduce(&address(&listener)?, *processes);
                // Without the first one there is no run, and the first one has said why.
                SPOKEN_FOR.store(introduced.is_err(), Ordering::Release);
                let (addresses, secret) = introduced?;
                (listener, addresses, secret)
            }
        };
        let process = seat.process();
        let mut parameters = analysis.agreed();
        let keeps = if options.checkpoint.is_some() { "given" } else { "not given" };
        parameters.push(("--checkpoint".to_owned(), keeps.to_owned()));
        let membership = Membership { process, addresses, parameters, secret, timeout };
        let members = children.while_connecting(&membership, || analysis::Team::connect(listener, &membership))?;
        // Set once: a program runs once.
        let _ = WATCHED.set(members.monitor().clone());
        SPOKEN_FOR.store(matches!(seat, Seat::Child { .. }), Ordering::Release);
        Ok(Some(ProcessTeam { members, children }))
    }

    /// Whether this is the process that writes the outputs.
    pub(crate) fn is_first(&self) -> bool {
        self.members.is_first()
    }

    /// Passes a request to end that reaches any process on to the first one, which ends the others.
    pub(crate) fn pass_on(&self, stop: &Stop) {
        if self.is_first() {
            let stop = stop.clone();
            return self.members.monitor().when_interrupted(move || stop.raise());
        }
        let (sender, asked) = sync_channel(1);
        stop.wake(sender);
        let monitor = self.members.monitor().clone();
        // Ends with the process.
        std::thread::spawn(move || {
            if asked.recv().is_ok() {
                monitor.say_interrupted();
            }
        });
    }

    /// Ends together with the others: without an error, or with that of this process or another one.
    pub(crate) fn end(self, result: &Result<()>) {
        match result {
            Ok(()) => self.members.monitor().close(),
            Err(error) => self.members.monitor().fail(error),
        }
        // All processes have been told, and those that listen are about to end.
        self.children.wait(if result.is_ok() { PATIENCE } else { PATIENCE / 10 });
    }
}

/// The sum of the peak memory of the other processes, in bytes, as far as they have reported it.
pub(crate) fn memory_of_others() -> u64 {
    WATCHED.get().map_or(0, Monitor::memory_of_others)
}

/// Prints an error that ends this process, unless that has been done, or another process does it.
pub(crate) fn speak(error: &Error) {
    if !SPOKEN_FOR.swap(true, Ordering::AcqRel) {
        print_error(error);
    }
}

/// Handles a panic in a process of several. A panic about a connection that broke because of another process is not
/// reported; `report` reports any other. Returns only if this process is alone.
pub(crate) fn panicked(message: &str, report: impl FnOnce()) {
    let Some(monitor) = WATCHED.get() else { return };
    if ![BROKEN, DAMAGED].iter().any(|start| message.starts_with(start)) {
        report();
        SPOKEN_FOR.store(true, Ordering::Release);
    }
    let error = monitor.panicked(message);
    status::end_at_once(&error.to_string(), error.kind().exit_code());
    if std::thread::current().name() == Some("main") {
        monitor.close();
    } else {
        // The main thread ends the program, once it has cleared away what it has begun to write.
        std::thread::sleep(PATIENCE);
    }
    speak(&error);
    std::process::exit(i32::from(error.kind().exit_code()));
}

/// Tells the other processes that this one has been interrupted, which ends all of them, and ends those that it has
/// started. If all are interrupted at once, the first one prints it.
pub(crate) fn interrupted(error: &Error) {
    if let Some(monitor) = WATCHED.get() {
        monitor.fail(error);
    }
    children::end_all();
    if IS_CHILD.load(Ordering::Acquire) {
        SPOKEN_FOR.store(true, Ordering::Release);
    }
}

/// How long to wait for the others.
fn timeout(options: &RunOptions) -> Result<Duration> {
    Duration::try_from_secs_f64(options.connect_timeout)
        .map_err(|_| Error::usage("--connect-timeout is a number of seconds"))
}

/// Listens at an address.
fn listen(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        let message = format!("this process cannot listen at {address}; give it a free port of this machine");
        Error::new(Kind::Peer, message).because(error)
    })
}

fn address(listener: &TcpListener) -> Result<String> {
    let address = listener.local_addr().map_err(|error| Error::internal("a port has no number").because(error))?;
    Ok(address.to_string())
}

#[cfg(test)]
mod tests;
