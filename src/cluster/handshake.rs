//! The handshake of a connection: which process is at the other end, and whether it runs the same.
//!
//! Both ends send a greeting: [`MAGIC`] and a challenge. Then the end that has called sends its statement, and once
//! that is proved the end that listens sends its own. A statement is a [`Hello`] in bytes, and the proof that it comes
//! from a process that knows the secret, for these two challenges, this end and these bytes. No part of a statement is
//! read before it is proved, and the end that listens sends a caller that has proved nothing only its challenge.
//!
//! Greetings and the frame of statements never change; the content of a statement begins with the version of everything
//! else, so that two versions can name each other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::control::Ending;
use super::secret::{CHALLENGE, Challenge, Challenges, PROOF, Secret, Side};
use crate::error::{Error, Kind};

pub(super) const MAGIC: [u8; 8] = *b"anabrmsh";
/// Must grow when the meaning of what is sent changes.
pub(super) const PROTOCOL: u32 = 4;
/// Maximum size of a statement, in bytes.
const LONGEST: usize = 1 << 16;
/// Bytes of a greeting.
pub(super) const GREETING: usize = MAGIC.len() + CHALLENGE;
/// Bytes before the content of a statement: its length.
pub(super) const LENGTH: usize = 4;

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
    /// The error that the process ends with instead of running.
    pub(super) ending: Option<Ending>,
}

/// The statement of a process that knows the secret.
#[derive(Debug)]
pub(super) enum Heard {
    Hello(Hello),
    /// It speaks another version of the protocol.
    Other(u32),
}

/// The first bytes of a connection, at either end.
pub(super) fn greeting(challenge: &Challenge) -> [u8; GREETING] {
    let mut bytes = [0; GREETING];
    bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    bytes[MAGIC.len()..].copy_from_slice(challenge);
    bytes
}

/// The challenge of a greeting; `None` if it is no greeting.
pub(super) fn challenge_of(greeting: &[u8]) -> Option<Challenge> {
    greeting.strip_prefix(&MAGIC)?.try_into().ok()
}

/// Bytes of a statement after its length, which is given; `None` if no statement is that long.
pub(super) fn rest_of(length: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    (length <= LONGEST).then_some(length + PROOF)
}

/// The content of a statement without its length; `None` if the proof does not hold, or the content has no meaning.
pub(super) fn proved(statement: &[u8], end: Side, challenges: &Challenges, secret: &Secret) -> Option<Heard> {
    let (said, proof) = statement.split_at_checked(statement.len().checked_sub(PROOF)?)?;
    if !secret.is_proved(proof, end, challenges, said) {
        return None;
    }
    let (protocol, said) = said.split_first_chunk()?;
    match u32::from_le_bytes(*protocol) {
        PROTOCOL => postcard::from_bytes(said).ok().map(Heard::Hello),
        other => Some(Heard::Other(other)),
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(super) enum Answer {
    Heard(Heard),
    /// A process that does not prove that it knows the secret.
    Unproved,
}

impl Hello {
    /// Sends it, with the proof of this end.
    pub(super) fn send(
        &self,
        stream: &mut TcpStream,
        end: Side,
        challenges: &Challenges,
        secret: &Secret,
    ) -> io::Result<()> {
        let text = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let said = [&PROTOCOL.to_le_bytes()[..], &text].concat();
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(&statement(&said, end, challenges, secret)?)
    }

    /// Calls the other end of a connection: sends this statement, and waits for the answer until a deadline.
    pub(super) fn call(&self, stream: &mut TcpStream, secret: &Secret, deadline: Instant) -> io::Result<Answer> {
        let calling = super::secret::challenge()?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(&greeting(&calling))?;
        let mut theirs = [0; GREETING];
        read_until(stream, &mut theirs[..MAGIC.len()], deadline)?;
        if theirs[..MAGIC.len()] != MAGIC {
            return Err(ErrorKind::InvalidData.into());
        }
        read_until(stream, &mut theirs[MAGIC.len()..], deadline)?;
        let listening = challenge_of(&theirs).ok_or(ErrorKind::InvalidData)?;
        let challenges = Challenges { calling, listening };
        self.send(stream, Side::Calling, &challenges, secret)?;
        let mut length = [0; LENGTH];
        if let Err(error) = read_until(stream, &mut length, deadline) {
            let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind());
            return if closed { Ok(Answer::Unproved) } else { Err(error) };
        }
        let mut statement = vec![0; rest_of(&length).ok_or(ErrorKind::InvalidData)?];
        read_until(stream, &mut statement, deadline)?;
        Ok(proved(&statement, Side::Listening, &challenges, secret).map_or(Answer::Unproved, Answer::Heard))
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

/// A statement: the length of what is said, what is said, and its proof.
pub(super) fn statement(said: &[u8], end: Side, challenges: &Challenges, secret: &Secret) -> io::Result<Vec<u8>> {
    if said.len() > LONGEST {
        return Err(io::Error::other("parameters take too many bytes"));
    }
    let length = u32::try_from(said.len()).map_err(io::Error::other)?;
    Ok([&length.to_le_bytes()[..], said, &secret.proof(end, challenges, said)].concat())
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
