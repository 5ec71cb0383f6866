//! What processes tell each other beside the records.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};

/// No message takes more bytes.
const LONGEST: u32 = 1 << 16;

/// A message between processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Message {
    /// Still there.
    Alive,
    /// What others wait for is there.
    Ready,
    /// Ends well, after so many bytes of records sent.
    Goodbye(u64),
    /// Ends with an error: the exit code of its kind, and its sentence.
    Failed(u8, String),
}

impl Message {
    pub(super) fn failed(error: &Error) -> Self {
        // Sentences are short; one that is not is cut.
        Message::Failed(error.kind().exit_code(), error.to_string().chars().take(4096).collect())
    }

    /// The error that another process has ended with.
    pub(super) fn error(code: u8, sentence: String) -> Error {
        Error::new(Kind::of_exit_code(code).unwrap_or(Kind::Internal), sentence)
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
