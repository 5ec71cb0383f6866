//! What processes tell each other besides records.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};

/// Maximum size of a message, in bytes.
const LONGEST: u32 = 1 << 16;

/// A message between processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ControlMessage {
    /// Still alive; the most memory that it has held, in bytes.
    Alive(u64),
    /// Was asked to end; all processes then do.
    Interrupted,
    /// The folder that others wait for exists; the name of the run.
    Ready(String),
    /// Ends without an error; the bytes of records that it has sent, and the most memory that it has held.
    Goodbye(u64, u64),
    /// Ends with an error.
    Failed(Ending),
}

/// The error that a process ends with: the exit code of its kind, and its sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ending(u8, String);

impl Ending {
    pub(super) fn of(error: &Error) -> Self {
        // Sentences are short; longer ones are cut.
        Ending(error.kind().exit_code(), error.to_string().chars().take(4096).collect())
    }

    /// The error, as all processes report it.
    pub(super) fn error(self) -> Error {
        Error::new(self.kind(), self.1)
    }

    /// The error, with the name of the process that has met it.
    pub(super) fn error_of(&self, process: &str) -> Error {
        Error::new(self.kind(), format!("{process}: {}", self.1))
    }

    fn kind(&self) -> Kind {
        Kind::of_exit_code(self.0).unwrap_or(Kind::Internal)
    }
}

impl ControlMessage {
    pub(super) fn failed(error: &Error) -> Self {
        ControlMessage::Failed(Ending::of(error))
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let text = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let mut bytes = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
        bytes.extend(text);
        to.write_all(&bytes)
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length as usize];
        from.read_exact(&mut text)?;
        postcard::from_bytes(&text).map_err(io::Error::other)
    }
}
