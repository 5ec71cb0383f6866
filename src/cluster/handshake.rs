//! Who is at the other end of a connection, and whether it runs the same.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::control::Ending;
use crate::error::{Error, Kind};

pub(super) const MAGIC: [u8; 8] = *b"anabranc";
/// Grows when what is sent on connections changes its meaning.
pub(super) const PROTOCOL: u32 = 2;
/// No greeting takes more bytes.
const LONGEST: usize = 1 << 16;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Line {
    Data,
    Control,
    /// Between the first process and another one only.
    Orders,
}

impl Line {
    /// The connections of two processes.
    pub(super) fn between(one: usize, other: usize) -> &'static [Line] {
        let all = &[Line::Data, Line::Control, Line::Orders];
        if one.min(other) == 0 { all } else { &all[..2] }
    }
}

/// What both ends of a connection say first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) version: String,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) processes: usize,
    pub(super) line: Line,
    pub(super) parameters: Vec<(String, String)>,
    /// With what the process ends in place of running.
    pub(super) ending: Option<Ending>,
}

/// What came from the other end.
#[derive(Debug)]
pub(super) enum Heard {
    Hello(Hello),
    /// A program of this name that speaks another version of the protocol.
    Other(u32),
    /// Something else, or nothing in time.
    Stranger,
}

impl Hello {
    /// Says it.
    pub(super) fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let text = postcard::to_stdvec(self).map_err(io::Error::other)?;
        if text.len() > LONGEST {
            return Err(io::Error::other("parameters take too many bytes"));
        }
        let mut bytes = Vec::with_capacity(16 + text.len());
        bytes.extend(MAGIC);
        bytes.extend(PROTOCOL.to_le_bytes());
        bytes.extend(u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes());
        bytes.extend(text);
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(&bytes)
    }

    /// Waits for it until a deadline.
    pub(super) fn hear(stream: &mut TcpStream, deadline: Instant) -> Heard {
        Self::try_hear(stream, deadline).unwrap_or(Heard::Stranger)
    }

    fn try_hear(stream: &mut TcpStream, deadline: Instant) -> io::Result<Heard> {
        let mut header = [0; 16];
        read_until(stream, &mut header[..8], deadline)?;
        if header[..8] != MAGIC {
            return Ok(Heard::Stranger);
        }
        read_until(stream, &mut header[8..], deadline)?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if number(8) != PROTOCOL {
            return Ok(Heard::Other(number(8)));
        }
        let length = number(12) as usize;
        if length > LONGEST {
            return Ok(Heard::Stranger);
        }
        let mut text = vec![0; length];
        read_until(stream, &mut text, deadline)?;
        Ok(postcard::from_bytes(&text).map_or(Heard::Stranger, Heard::Hello))
    }

    /// The first difference that keeps two processes from running together; `other` is the name of the other one.
    pub(super) fn difference(&self, heard: &Hello, other: &str) -> Option<Error> {
        let differ = |what: &str, here: &str, there: &str, remedy: &str| {
            let message = format!(
                "processes of one run must not differ in {what}: it is {here} here, and {there} for {other}; {remedy}"
            );
            Some(Error::new(Kind::Peer, message))
        };
        if self.version != heard.version {
            return differ("their version", &self.version, &heard.version, "start the same program everywhere");
        }
        let remedy = "start all with the same options";
        if self.processes != heard.processes {
            let counts = [self.processes, heard.processes].map(|n| n.to_string());
            return differ("the number of processes", &counts[0], &counts[1], "give all the same list of hosts");
        }
        for (mine, theirs) in self.parameters.iter().zip(&heard.parameters) {
            if mine != theirs {
                let what = if mine.0 == theirs.0 { &mine.0[..] } else { "the names of their parameters" };
                return differ(what, &mine.1, &theirs.1, remedy);
            }
        }
        let counts = [self.parameters.len(), heard.parameters.len()];
        (counts[0] != counts[1])
            .then(|| counts.map(|n| n.to_string()))
            .and_then(|counts| differ("the number of their parameters", &counts[0], &counts[1], remedy))
    }
}

/// The error of a program that speaks another version of the protocol.
pub(super) fn other_protocol(number: u32, other: &str) -> Error {
    let message = format!(
        "{other} speaks version {number} of the protocol between processes, and this program version {PROTOCOL}; start the \
         same program everywhere"
    );
    Error::new(Kind::Peer, message)
}

/// Fills a buffer, or fails at a deadline, however slowly bytes come.
fn read_until(stream: &mut TcpStream, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = &mut buffer[read..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
