//! Several processes that run one dataflow together.
//!
//! Two connections join each pair of processes. Timely's own carries records. The other one is for control: processes
//! tell each other every half a second that they are alive, and how they end. A third connection joins the first
//! process to every other one, for code that conducts the others from there ([`Cluster::links`]). So a process that
//! dies, is stopped, or loses its network is noticed within [`SILENCE`], where timely alone would wait without end; and
//! an error in one process ends the others with that error, rather than with the message that a peer is gone.
//!
//! In order: [`connect()`] until a deadline; [`Cluster::watch`]; [`Cluster::execute`]; [`Monitor::wait_for_peers`] and
//! [`Monitor::say_goodbye`], or [`Monitor::fail`]. A process that meets an error before it is connected has [`call_off()`].
//!
//! Nothing here ends the process, and timely's threads cannot be stopped: code that learns that a peer is gone should
//! let the process end. A thread of timely's panics then, with a message that begins with [`BROKEN`]; so does a worker
//! that receives bytes which are no message, with one that begins with [`DAMAGED`](crate::wire::DAMAGED): timely knows
//! no errors there. A worker that panics leaves all others waiting, so a process should have a hook that sees panics,
//! which calls [`Monitor::panicked`].
//!
//! Both ends of every connection prove that they know the [`Secret`] of the run before anything that they say counts.
//! Any other program that connects is dropped and changes nothing. What is sent afterwards is neither encrypted nor
//! protected against change: a program that can read or alter the traffic between the machines, or runs as the same
//! user on one of them, can read and alter the run. Bind connections to loopback or to a private network.

mod callers;
mod calls;
mod connect;
mod control;
mod handshake;
mod link;
mod monitor;
mod secret;
mod traffic;

pub use self::connect::{Cluster, Membership, call_off, connect};
pub use self::link::{LinkReceiver, LinkSender};
pub use self::monitor::{Monitor, SILENCE};
pub use self::secret::Secret;
pub use self::traffic::Traffic;

/// The beginning of the message with which timely's threads panic when a connection breaks.
pub const BROKEN: &str = "timely communication error";

/// The name of a process in a sentence.
fn name(process: usize, addresses: &[String]) -> String {
    match addresses.get(process) {
        Some(address) => format!("process {process} ({address})"),
        None => format!("process {process}"),
    }
}

#[cfg(test)]
mod stranger_tests;
#[cfg(test)]
mod tests;
