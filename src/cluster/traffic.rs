//! Timely's connections, whose bytes are counted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timely::WorkerConfig;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Hooks, WorkerGuards};
use timely::worker::Worker;

use crate::error::{Error, Kind, Result};

/// Bytes that this process has sent to the others, without signs of life. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<AtomicU64>);

impl Traffic {
    /// The number so far.
    pub fn sent(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A connection that counts what is sent.
struct Counted {
    stream: TcpStream,
    traffic: Traffic,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.traffic.add(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Counted {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Counted { stream: self.stream.try_clone()?, traffic: self.traffic.clone() })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}

/// Starts the workers of a process that is connected to the others.
pub(super) fn execute<T, F>(
    process: usize,
    sockets: Vec<Option<TcpStream>>,
    workers: usize,
    traffic: &Traffic,
    logic: F,
) -> Result<WorkerGuards<T>>
where
    T: Send + 'static,
    F: Fn(&mut Worker) -> T + Send + Sync + 'static,
{
    let mut streams = Vec::with_capacity(sockets.len());
    for socket in sockets {
        if let Some(socket) = &socket {
            // The handshake had deadlines.
            let limits = socket.set_read_timeout(None).and_then(|()| socket.set_write_timeout(None));
            limits.and_then(|()| socket.set_nonblocking(false)).map_err(broken)?;
        }
        streams.push(socket.map(|stream| Counted { stream, traffic: traffic.clone() }));
    }
    let hooks = Hooks::default();
    let local = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
    let (builders, threads) =
        initialize_networking_from_sockets(local, streams, process, workers, hooks).map_err(broken)?;
    let builders = builders.into_iter().map(AllocatorBuilder::Tcp).collect();
    timely::execute::execute_from(builders, Box::new(threads), WorkerConfig::default(), logic)
        .map_err(crate::memory::no_threads)
}

pub(super) fn broken(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return crate::memory::no_threads(error);
    }
    Error::new(Kind::Peer, "the connection with another process is broken; start all processes again").because(error)
}
