//! Programs that connect to a process. One thread listens to all of them until they have proved that they belong to the
//! run.
//!
//! Connections that say nothing, or a byte now and then, cost a socket until their time is over, and make no other
//! caller wait.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::handshake::{GREETING, Heard, LENGTH, MAGIC, challenge_of, greeting, proved, rest_of};
use super::secret::{Challenges, Secret, Side, challenge};

/// How long a caller may take to prove that it knows the secret.
const PATIENCE: Duration = Duration::from_secs(2);
/// Maximum number of callers that have proved nothing yet: when more come, the oldest is dropped.
const MOST: usize = 256;

/// Callers that have proved nothing yet.
#[derive(Debug, Default)]
pub(super) struct Callers(Vec<Caller>);

/// A caller that has proved that it knows the secret, with its statement.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) stream: TcpStream,
    pub(super) heard: Heard,
    pub(super) challenges: Challenges,
}

/// The result of one look at all callers.
#[derive(Debug, Default)]
pub(super) struct CallerNews {
    pub(super) proved: Vec<Proved>,
    /// Whether any bytes or connections have come.
    pub(super) has_moved: bool,
    /// Whether a caller of this program has failed to prove that it knows the secret.
    pub(super) has_failed: bool,
}

#[derive(Debug)]
struct Caller {
    stream: TcpStream,
    until: Instant,
    /// What it has said so far: a greeting, and a statement.
    said: Vec<u8>,
    /// How many bytes are wanted so far, to the end of the part that the caller is sending.
    wanted: usize,
    challenges: Option<Challenges>,
}

/// The state of a caller.
enum State {
    Speaking,
    Proved(Heard, Challenges),
    Failed,
    Stranger,
}

impl Callers {
    /// Accepts waiting connections, and reads what all callers have sent since the last look.
    pub(super) fn look(&mut self, listener: &TcpListener, secret: &Secret) -> CallerNews {
        let mut look = CallerNews::default();
        // At most as many as are held.
        for _ in 0..MOST {
            match listener.accept() {
                Ok((stream, _)) => {
                    look.has_moved = true;
                    self.take(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // There may be no socket left for the next connection.
                Err(_) => {
                    self.drop_oldest();
                    break;
                }
            }
        }
        let now = Instant::now();
        for mut caller in std::mem::take(&mut self.0) {
            let before = caller.said.len();
            match caller.hear(secret) {
                State::Speaking if now < caller.until => {
                    look.has_moved |= caller.said.len() > before;
                    self.0.push(caller);
                }
                State::Speaking | State::Stranger => {}
                State::Failed => look.has_failed = true,
                State::Proved(heard, challenges) => {
                    look.proved.push(Proved { stream: caller.stream, heard, challenges });
                }
            }
        }
        look
    }

    fn take(&mut self, stream: TcpStream) {
        if self.0.len() >= MOST {
            self.drop_oldest();
        }
        // A connection that is broken already is a stranger's.
        if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_ok() {
            let until = Instant::now() + PATIENCE;
            self.0.push(Caller { stream, until, said: Vec::new(), wanted: GREETING, challenges: None });
        }
    }

    fn drop_oldest(&mut self) {
        if !self.0.is_empty() {
            self.0.remove(0);
        }
    }
}

impl Caller {
    /// Reads what has come.
    fn hear(&mut self, secret: &Secret) -> State {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) if self.said.iter().zip(MAGIC).all(|(said, magic)| *said == magic) => return State::Speaking,
                Ok(false) | Err(_) => return State::Stranger,
            }
            let Some(challenges) = self.challenges else {
                match self.greet() {
                    Ok(challenges) => self.challenges = Some(challenges),
                    Err(_) => return State::Stranger,
                }
                self.wanted = GREETING + LENGTH;
                continue;
            };
            let statement = &self.said[GREETING..];
            if statement.len() == LENGTH {
                let Some(rest) = rest_of(statement) else { return State::Stranger };
                self.wanted += rest;
                continue;
            }
            return match proved(&statement[LENGTH..], Side::Calling, &challenges, secret) {
                Some(heard) => State::Proved(heard, challenges),
                None => State::Failed,
            };
        }
    }

    /// Whether everything wanted has come. Never reads more, since what follows may be for other code.
    fn fill(&mut self) -> io::Result<bool> {
        let mut part = [0; 4096];
        while self.said.len() < self.wanted {
            let most = part.len().min(self.wanted - self.said.len());
            match self.stream.read(&mut part[..most]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.said.extend(&part[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Answers a greeting.
    fn greet(&mut self) -> io::Result<Challenges> {
        let calling = challenge_of(&self.said).ok_or(ErrorKind::InvalidData)?;
        let listening = challenge()?;
        // A socket takes so few bytes at once, or it is not worth waiting for.
        self.stream.write_all(&greeting(&listening))?;
        Ok(Challenges { calling, listening })
    }
}
