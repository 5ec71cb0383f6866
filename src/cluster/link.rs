//! Messages of any length between the first process and another one.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::traffic::{Traffic, broken};
use crate::error::{Error, Result};

/// The sending end of a link. Clones are the same end; messages of several threads are sent one after the other.
#[derive(Clone, Debug)]
pub struct LinkSender {
    stream: Arc<Mutex<TcpStream>>,
    traffic: Traffic,
}

/// The receiving end of a link.
#[derive(Debug)]
pub struct LinkReceiver(BufReader<TcpStream>);

/// Both ends of a connection.
pub(super) fn link(stream: TcpStream, traffic: &Traffic) -> Result<(LinkSender, LinkReceiver)> {
    // The handshake had deadlines.
    stream.set_read_timeout(None).and_then(|()| stream.set_write_timeout(None)).map_err(broken)?;
    stream.set_nonblocking(false).map_err(broken)?;
    let receiver = LinkReceiver(BufReader::new(stream.try_clone().map_err(broken)?));
    Ok((LinkSender { stream: Arc::new(Mutex::new(stream)), traffic: traffic.clone() }, receiver))
}

impl LinkSender {
    /// Sends a message.
    ///
    /// # Errors
    /// `Peer` if the connection is broken; `Internal` if the message cannot be encoded.
    pub fn send(&self, message: &impl Serialize) -> Result<()> {
        let unsent = |error| Error::internal("a message to another process cannot be encoded").because(error);
        let body = postcard::to_stdvec(message).map_err(unsent)?;
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let length = (body.len() as u64).to_le_bytes();
        stream.write_all(&length).and_then(|()| stream.write_all(&body)).map_err(broken)?;
        self.traffic.add(length.len() + body.len());
        Ok(())
    }
}

impl LinkReceiver {
    /// Waits for a message. Takes no more memory than what has come in.
    ///
    /// # Errors
    /// `Peer` if the connection is closed or broken, or the bytes are no such message.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Result<M> {
        let mut length = [0; 8];
        self.0.read_exact(&mut length).map_err(broken)?;
        let length = u64::from_le_bytes(length);
        let mut body = Vec::new();
        (&mut self.0).take(length).read_to_end(&mut body).map_err(broken)?;
        if body.len() as u64 != length {
            return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
        }
        postcard::from_bytes(&body).map_err(|error| broken(std::io::Error::other(error)))
    }
}
