//! One error type: what kind, where, and what to do about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grid::ChunkId;

/// What went wrong, in terms of who can mend it. Each kind has the exit code that the program ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The options contradict each other or cannot apply to this input (exit code 2).
    Usage,
    /// The input is damaged, of an unsupported form, or holds values that have no meaning here (65).
    Data,
    /// The input is not there (66).
    Missing,
    /// Another process of the same run has not come, does not run the same, or is not there any more (69).
    Peer,
    /// A defect of this program (70).
    Internal,
    /// The output cannot be created (73).
    Output,
    /// A read or a write failed (74).
    Io,
}

impl Kind {
    /// The exit code that the program ends with, as in `sysexits.h`.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::Data => 65,
            Kind::Missing => 66,
            Kind::Peer => 69,
            Kind::Internal => 70,
            Kind::Output => 73,
            Kind::Io => 74,
        }
    }

    /// The kind that a program ends with this exit code for.
    pub fn of_exit_code(code: u8) -> Option<Kind> {
        use Kind::{Data, Internal, Io, Missing, Output, Peer, Usage};
        [Usage, Data, Missing, Peer, Internal, Output, Io].into_iter().find(|kind| kind.exit_code() == code)
    }
}

/// An error: a kind, a sentence that says what to do, the place (path, chunk) and the cause.
///
/// Displayed as one line, `place: sentence: cause`. Cheap to clone, so that it can travel as a record.
#[derive(Clone, Serialize, Deserialize)]
pub struct Error(Arc<Inner>);

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    kind: Kind,
    message: String,
    path: Option<String>,
    chunk: Option<ChunkId>,
    cause: Option<String>,
}

/// The result of a fallible operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind, with a sentence that says what is wrong and what to do.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Arc::new(Inner { kind, message: message.into(), path: None, chunk: None, cause: None }))
    }

    /// An error of kind [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An error of kind [`Kind::Data`].
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    /// An error of kind [`Kind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The same error at a file or folder.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        Arc::make_mut(&mut self.0).path = Some(path.as_ref().display().to_string());
        self
    }

    /// The same error at a chunk.
    #[must_use]
    pub fn in_chunk(mut self, chunk: ChunkId) -> Self {
        Arc::make_mut(&mut self.0).chunk = Some(chunk);
        self
    }

    /// The same error with its cause, whose text ends the sentence.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        let text = cause.to_string();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Arc::make_mut(&mut self.0).cause = Some(line);
        self
    }

    /// Whether it is at a file or folder already.
    pub fn is_placed(&self) -> bool {
        self.0.path.is_some()
    }

    /// What kind of error this is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The chunk at which it happened, if it happened at one.
    pub fn chunk(&self) -> Option<ChunkId> {
        self.0.chunk
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{path}: ")?;
        }
        if let Some(chunk) = self.0.chunk {
            write!(f, "chunk {chunk}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(cause) = &self.0.cause {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} error: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}
